"""Requests made up from the description, in and out of its bounds: no 5xx, no undocumented status, no schema breach."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.rest import RESOURCES
from tests.api.conftest import Writable
from tests.api.service import Service


def conditions_come_first(ctx, response, case) -> bool | None:
    """What is out of its bounds is refused; 412 is a refusal too, of a request whose conditions do not hold anyway."""
    return None if response.status_code == 412 else negative_data_rejection(ctx, response, case)


_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    conditions_come_first,
]
_OTHERS = ("claims", "observations", "timeline", "search", "suggest", "paths", "vocabulary", "review", "questions")
# The files of the whole graph have tests of their own; each is megabytes.
PATHS = (
    *(f"/api/v1/{name}" for name in (*RESOURCES, *_OTHERS)),
    *(f"/api/v1/{name}/{{slug}}" for name in RESOURCES),
    "/api/v1/claims/{key}",
    "/api/v1/questions/{name}",
    "/api/v1/context.jsonld",
    "/catalogue",
    "/export/{path}",
    "/export/selection/{path}",
)


# What is written, and the history: with a key, on a graph of their own.
_RECORDS = tuple(
    (method, f"/api/v1/{name}/{{slug}}")
    for name in ("entities", "works", "documents")
    for method in ("PUT", "PATCH", "DELETE")
)
WRITES = (
    *_RECORDS,
    *((method, "/api/v1/claims/{key}") for method in ("PUT", "PATCH", "DELETE")),
    *(("GET", f"/api/v1/records/{name}/{{slug}}") for name in ("entities", "works", "documents")),
    ("GET", "/api/v1/records/claims/{key}"),
    ("GET", "/api/v1/documents/{document}/facts"),
    ("PUT", "/api/v1/documents/{document}/facts"),
    ("POST", "/api/v1/claims"),
    ("POST", "/api/v1/validate"),
    ("GET", "/api/v1/changes"),
    ("POST", "/api/v1/changes"),
    ("GET", "/api/v1/changes/{version}"),
    ("GET", "/api/v1/changes/{before}/diff/{after}"),
    ("POST", "/api/v1/changes/{version}/undo"),
)
# A map of alternatives, which schemathesis cannot negate; `test_writes.py` and `test_odd_writes.py` send wrong bodies.
_NOT_NEGATED = {("PUT", "/api/v1/documents/{document}/facts")}
_MODES = [
    (method, path, mode)
    for method, path in WRITES
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or (method, path) not in _NOT_NEGATED
]


@pytest.fixture(scope="session")
def operations(address: str):
    # The checksums of the whole graph are computed when they are first asked for; schemathesis waits 10 s.
    assert httpx.get(f"{address}/catalogue", timeout=120).status_code == 200
    return {path: operation for (method, path), operation in described_at(address).items() if method == "GET"}


@pytest.fixture(scope="session")
def writes(writable: Writable):
    return described_at(writable.address)


def described_at(address: str) -> dict[tuple[str, str], Any]:
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    return {(operation.method.upper(), operation.path): operation for operation in found}


def test_every_operation_of_the_description_is_tried(service: Service) -> None:
    described = service.json("/api/v1/openapi.json")["paths"]
    operations = {(method.upper(), path) for path, item in described.items() for method in item}
    assert operations == {*(("GET", path) for path in PATHS), *WRITES}


@pytest.mark.parametrize(("method", "path", "mode"), _MODES, ids=lambda part: getattr(part, "value", part))
def test_any_write_is_answered_as_described(
    writes, writable: Writable, method: str, path: str, mode: GenerationMode
) -> None:
    @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=writes[method, path].as_strategy(generation_mode=mode))
    def try_it(case) -> None:
        case.call_and_validate(checks=_CHECKS, headers=writable.key)

    try_it()
    # Whatever was sent, the service goes on and its graph is the one that its history tells of.
    page = writable.service.json("/api/v1/changes?limit=1")
    assert page["version"] == page["total"] == writable.service.context.store.version


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_any_request_is_answered_as_described(operations, path: str, mode: GenerationMode) -> None:
    operation = operations[path]
    # Every text is a path below /export: none is out of its bounds.
    bounded = operation.query or (operation.path_parameters and not path.startswith("/export"))
    if mode is GenerationMode.NEGATIVE and not bounded:
        return

    @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_it(case) -> None:
        case.call_and_validate(checks=_CHECKS)

    try_it()
