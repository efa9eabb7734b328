"""The project's own facts compile, conform and are the same bytes every time."""

import os
import subprocess
import sys
import time
from collections import Counter

import pyoxigraph as ox
import pytest

from service.graph.compile import CompiledGraph, compile_sources
from service.graph.ontology import read_shapes
from service.graph.review import review, review_queries
from service.graph.validation import ValidationReport, validate
from service.rdf.iris import DEFAULT_BASE, rebase
from service.rdf.namespaces import EVIDENCE
from tests.conftest import ROOT
from tests.data.conftest import DATA, ONTOLOGY

# 20 s of CPU for compilation and validation together: what a start may take where nothing is stored yet.
MAX_CPU_S = 20


@pytest.fixture(scope="module")
def validated() -> tuple[ValidationReport, float]:
    """The report on a graph compiled for it, and the seconds of CPU that compilation and validation took."""
    start = time.process_time()
    graph = compile_sources(ONTOLOGY, DATA, base=DEFAULT_BASE)
    report = validate(graph.quads, read_shapes(ONTOLOGY, base=DEFAULT_BASE))
    return report, time.process_time() - start


def test_every_document_has_its_claims_in_its_own_graph(graph: CompiledGraph) -> None:
    of_documents = Counter(claim.document for claim in graph.claims.values())
    assert set(of_documents) == {"d000", "d001", "d002", "d003", "d004"}
    evidence = Counter(quad.graph_name for quad in graph.quads if quad.predicate == EVIDENCE)
    assert set(evidence) == {ox.NamedNode(f"{DEFAULT_BASE}graph/{name}") for name in of_documents}


def test_every_claim_has_evidence(graph: CompiledGraph) -> None:
    assert [claim.id for claim in graph.claims.values() if not claim.locators] == []


def test_no_passage_is_long(graph: CompiledGraph) -> None:
    assert [str(warning) for warning in graph.warnings] == []


def test_no_triple_stands_in_two_graphs_and_none_in_none(graph: CompiledGraph) -> None:
    triples = Counter(quad.triple for quad in graph.quads)
    assert [str(triple) for triple, count in triples.items() if count > 1] == []
    assert not any(isinstance(quad.graph_name, ox.DefaultGraph) for quad in graph.quads)


def test_there_are_no_blank_nodes_and_no_terms_of_rdf_1_2(graph: CompiledGraph) -> None:
    for quad in graph.quads:
        assert isinstance(quad.subject, ox.NamedNode)
        assert isinstance(quad.object, ox.NamedNode | ox.Literal)
        assert not (isinstance(quad.object, ox.Literal) and quad.object.direction)


def test_the_graph_conforms_to_its_shapes(validated: tuple[ValidationReport, float]) -> None:
    report, _ = validated
    assert [f"{result.focus} {result.path}: {result.message()}" for result in report.of("Violation")] == []


def test_compilation_and_validation_take_less_than_twenty_seconds_of_cpu(
    validated: tuple[ValidationReport, float],
) -> None:
    _, cpu_s = validated
    assert cpu_s < MAX_CPU_S


_DUMP = """
import sys
from pathlib import Path
from service.graph.compile import compile_sources
graph = compile_sources(Path(sys.argv[1]), Path(sys.argv[2]), base="https://marsad.example/")
sys.stdout.write("\\n".join(map(str, graph.quads)))
"""


def _dump(seed: str) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _DUMP, str(ONTOLOGY), str(DATA)]
    return subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120).stdout


def test_two_processes_with_different_hash_seeds_compile_the_same_bytes() -> None:
    assert _dump("1") == _dump("999")


def test_another_base_gives_the_same_graph_under_that_base(graph: CompiledGraph) -> None:
    base = "https://data.freedonia.test/kg/"
    other = compile_sources(ONTOLOGY, DATA, base=base)
    assert {rebase(str(quad), base) for quad in graph.quads} == {str(quad) for quad in other.quads}
    assert list(graph.claims) == list(other.claims)


def test_each_row_of_the_review_that_needs_a_reading_has_a_note_of_the_editors(graph: CompiledGraph) -> None:
    sections = review(graph.quads, review_queries(ONTOLOGY, base=DEFAULT_BASE), base=DEFAULT_BASE)
    to_read = [section for section in sections if section.query.differs or section.query.severity == "Warning"]
    assert sum(len(section.rows) for section in to_read) > 10
    unread = [(section.query.name, *row.claims) for section in to_read for row in section.rows if not row.notes]
    assert unread == []
