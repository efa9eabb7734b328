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
    (folder / "config.yaml").write_text("post_hooks: []\n", encoding="utf-8")
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


def test_a_problem_comes_as_a_typed_object(package: ModuleType, client: Any) -> None:
    answer = operation(package, "items", "get_actors").sync_detailed("nobody", client=client)
    assert answer.status_code == 404
    assert answer.parsed.detail


def test_the_generated_code_is_typed_throughout(package: ModuleType) -> None:
    root = Path(str(package.__file__)).parent
    assert (root / "models" / "claim.py").exists()
    assert "Any" not in (root / "models" / "claim.py").read_text().split("class Claim", 1)[1].split("def to_dict", 1)[0]
