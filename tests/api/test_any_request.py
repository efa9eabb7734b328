"""Requests made up from the description, in and out of its bounds: no 5xx, no undocumented status, no schema breach."""

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
from tests.api.service import Service

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
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


@pytest.fixture(scope="session")
def operations(address: str):
    # The checksums of the whole graph are computed when they are first asked for; schemathesis waits 10 s.
    assert httpx.get(f"{address}/catalogue", timeout=120).status_code == 200
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    return {result.ok().path: result.ok() for result in schema.get_all_operations()}


def test_every_operation_of_the_description_is_tried(service: Service) -> None:
    assert set(service.json("/api/v1/openapi.json")["paths"]) == set(PATHS)


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
