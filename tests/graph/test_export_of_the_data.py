"""The exports of the project's own data, read back by two parsers."""

from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib

from service.graph.compile import compile_sources
from service.graph.export import Export
from service.rdf.formats import RDF_FORMATS, RdfFormat
from service.rdf.iris import DEFAULT_BASE
from service.rdf.serialize import parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def export() -> Export:
    return Export(compile_sources(ROOT / "ontology", ROOT / "data", base=DEFAULT_BASE).quads, base=DEFAULT_BASE)


def test_rdflib_and_the_engine_read_the_same_triples_from_the_turtle(export: Export) -> None:
    file = export.file("dataset.ttl")
    text = b"".join(file.read())
    by_rdflib = rdflib.Graph().parse(data=text, format="turtle")
    by_engine = parse(text, RDF_FORMATS[0])
    assert len(by_rdflib) == len(set(by_engine)) == len(export.quads) == file.triples
    assert {str(quad.subject) for quad in by_engine} == {node.n3() for node in by_rdflib.subjects()}
    assert {quad.predicate.value for quad in by_engine} == set(map(str, by_rdflib.predicates()))


@pytest.mark.parametrize("row", RDF_FORMATS, ids=lambda row: row.name)
def test_every_format_carries_the_whole_dataset(export: Export, row: RdfFormat) -> None:
    read = set(parse(b"".join(export.file(f"dataset.{row.suffix}").read()), row))
    assert read == (set(export.quads) if row.carries_graphs else {ox.Quad(*quad.triple) for quad in export.quads})


def test_the_catalogue_counts_the_dataset(export: Export) -> None:
    triples = ox.NamedNode("http://rdfs.org/ns/void#triples")
    dataset = ox.NamedNode(DEFAULT_BASE + "catalogue#dataset")
    [number] = [quad.object for quad in export.catalogue if (quad.subject, quad.predicate) == (dataset, triples)]
    assert isinstance(number, ox.Literal)
    assert int(number.value) == len(export.quads)
