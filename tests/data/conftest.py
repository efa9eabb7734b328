"""The project's own facts, compiled once for all tests of this folder."""

from pathlib import Path

import pytest

from service.graph.compile import CompiledGraph, compile_sources
from service.graph.sources import Ledger, Sources, read_ledgers, read_sources
from service.graph.yaml_text import Faults
from service.rdf.iris import DEFAULT_BASE
from tests.conftest import ROOT

ONTOLOGY = ROOT / "ontology"
DATA = ROOT / "data"


@pytest.fixture(scope="session")
def graph() -> CompiledGraph:
    return compile_sources(ONTOLOGY, DATA, base=DEFAULT_BASE)


@pytest.fixture(scope="session")
def sources() -> Sources:
    return read_sources(DATA, Faults())


@pytest.fixture(scope="session")
def ledgers() -> tuple[Ledger, ...]:
    return read_ledgers(DATA, Faults())


@pytest.fixture
def data_copy(tmp_path: Path) -> Path:
    """A copy of `data/` to plant faults in."""
    for path in DATA.rglob("*.yaml"):
        target = tmp_path / path.relative_to(DATA)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path
