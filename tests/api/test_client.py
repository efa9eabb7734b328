"""A typed Python client, generated from the description, speaks with the live service."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from service.api.write_description import MERGE_PATCH, YAML
from service.rdf.formats import RDF_FORMATS
from tests.api.conftest import Writable
from tests.api.service import Service

_ARGUMENTS = [
    "generate",
    "--path",
    "openapi.json",
    "--config",
    "config.yaml",
    "--meta",
    "none",
    "--output-path",
    "marsad_client",
    "--fail-on-warning",
]


@pytest.fixture(scope="session")
def package(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(service.json("/api/v1/openapi.json")), encoding="utf-8")
    # Of the forms that a body may have, the client writes JSON; texts are texts, whatever they are written in.
    overrides = {YAML[0]: "application/json", MERGE_PATCH: "application/json"}
    overrides |= {row.media_type: "application/octet-stream" for row in RDF_FORMATS}
    config = {"post_hooks": [], "content_type_overrides": overrides}
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *_ARGUMENTS],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("marsad_client")
    finally:
        sys.path.remove(str(folder))


def operation(package: ModuleType, tag: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package.__name__}.api.{tag}.{name}")


@pytest.fixture(scope="session")
def client(package: ModuleType, address: str) -> Iterator[Any]:
    with package.Client(base_url=address) as opened:
        yield opened


def test_a_list_an_item_a_search_and_a_path_come_as_typed_objects(package: ModuleType, client: Any) -> None:
    page = operation(package, "lists", "list_actors").sync(client=client, limit=3)
    assert page.total > 3
    assert len(page.items) == 3
    item = operation(package, "items", "get_actors").sync("nasser-bourita", client=client)
    assert item.label == "Nasser Bourita"
    claim = item.relations[0].claims[0]
    assert claim.evidence[0].start < claim.evidence[0].end
    assert claim.modality == "asserted"
    hits = operation(package, "search", "search").sync(client=client, q="daech")
    assert hits.items[0].matched.name
    paths = operation(package, "search", "paths").sync(client=client, from_="nasser-bourita", to="interpol")
    assert paths.items[0].steps[0].claims


def test_a_record_is_written_dry_and_for_good(package: ModuleType, writable: Writable) -> None:
    put, patch = operation(package, "changes", "put_entities"), operation(package, "changes", "patch_entities")
    models = importlib.import_module(f"{package.__name__}.models")
    label = models.EntityRecordLabel.from_dict({"en": "Client Council", "fr": "Conseil du client"})
    record = models.EntityRecord(type_="Organization", label=label)
    dry_run = models.PutEntitiesDryRun.TRUE
    with package.AuthenticatedClient(base_url=writable.address, token=writable.token) as keyed:
        dry = put.sync("client-council", client=keyed, body=record, dry_run=dry_run)
        assert (dry.dry_run, dry.delta.removed) == (True, 0)
        assert writable.service.get("/api/v1/entities/client-council").status_code == 404
        made = put.sync_detailed("client-council", client=keyed, body=record, message="By a program")
        assert made.status_code == 201
        assert made.parsed.version == writable.service.context.store.version
        assert made.parsed.delta.added_quads == dry.delta.added_quads
        again = put.sync_detailed("client-council", client=keyed, body=record)
        assert (again.status_code, again.parsed.status) == (428, 428)
        change = models.EntityPatch(label=models.EntityPatchLabelType0.from_dict({"en": "Council of the client"}))
        assert patch.sync("client-council", client=keyed, body=change).version == made.parsed.version + 1
    read = operation(package, "items", "get_entities")
    with package.Client(base_url=writable.address) as anybody:
        assert read.sync("client-council", client=anybody).label == "Council of the client"
        assert put.sync_detailed("another", client=anybody, body=record).status_code == 401


def test_a_problem_comes_as_a_typed_object(package: ModuleType, client: Any) -> None:
    answer = operation(package, "items", "get_actors").sync_detailed("nobody", client=client)
    assert answer.status_code == 404
    assert answer.parsed.detail


def test_the_generated_code_is_typed_throughout(package: ModuleType) -> None:
    root = Path(str(package.__file__)).parent
    assert (root / "models" / "claim.py").exists()
    assert "Any" not in (root / "models" / "claim.py").read_text().split("class Claim", 1)[1].split("def to_dict", 1)[0]
