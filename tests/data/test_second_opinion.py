"""Another SHACL engine finds the same faults in the project's graph as ours."""

import random
from collections import defaultdict

import pyoxigraph as ox
import pytest
import rdflib
from rdflib.namespace import SH

from service.graph.compile import CompiledGraph
from service.graph.ontology import read_shapes
from service.graph.validation import validate
from service.rdf.iris import DEFAULT_BASE
from tests.data.conftest import ONTOLOGY

shifty = pytest.importorskip("shifty", reason="pyshifty, the second SHACL engine, is not installed")

KEPT = ("ontology", "vocabulary")


def _with_faults(graph: CompiledGraph, seed: int) -> list[ox.Quad]:
    """The quads without 3 % of the data's, and 1 % of them with the object of another quad of their predicate."""
    chance = random.Random(seed)
    objects = defaultdict(list)
    for quad in graph.quads:
        objects[quad.predicate].append(quad.object)
    faulty = []
    for quad in graph.quads:
        is_data = not str(quad.graph_name).removesuffix(">").endswith(KEPT)
        draw = chance.random() if is_data else 1.0
        if draw < 0.03:
            continue
        value = chance.choice(objects[quad.predicate]) if draw < 0.04 else quad.object
        faulty.append(ox.Quad(quad.subject, quad.predicate, value, quad.graph_name))
    return faulty


def _ntriples(triples: set[ox.Triple]) -> str:
    return ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES).decode()


@pytest.mark.slow
def test_two_engines_find_the_same_faults(graph: CompiledGraph) -> None:
    shapes = read_shapes(ONTOLOGY, base=DEFAULT_BASE)
    quads = _with_faults(graph, seed=7)
    ours = {(result.focus.value, result.shape) for result in validate(quads, shapes).results}
    _, report, _ = shifty.validate(_ntriples({quad.triple for quad in quads}), _ntriples(set(shapes)), infer=False)
    theirs = {
        (str(report.value(result, SH.focusNode)), str(report.value(result, SH.sourceShape)))
        for result in report.subjects(rdflib.RDF.type, SH.ValidationResult)
    }
    assert len(ours) > 500
    assert ours == theirs
