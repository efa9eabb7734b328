"""Every example does what its place says: the valid ones conform, each invalid one breaks its shape and only it."""

from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
from rdflib.namespace import OWL, RDF, RDFS, SH

from service.graph.ontology import read_shapes
from service.graph.validation import validate
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import NS, SCHEMA, SHAPE
from tests.ontology.files import INVALID, ONTOLOGY, VALID, claimable, graph, local, name, terms

# The properties of `marsad.ttl` that shapes read; the rest of it would only be carried along.
READ = {NS + "claimable", SCHEMA + "domainIncludes", SCHEMA + "rangeIncludes", str(RDFS.subClassOf)}


def triples(path: Path) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse(path=str(path), format=ox.RdfFormat.TURTLE)]


@cache
def shapes() -> list[ox.Triple]:
    return read_shapes(ONTOLOGY, base=DEFAULT_BASE)


@cache
def surroundings() -> list[ox.Triple]:
    """The terms and the valid examples but their claims: an invalid example is added to them.

    No invalid example says anything of a claim in a valid one, and claims take most of the time to validate.
    """
    return [triple for triple in everything_valid() if not str(triple.subject).startswith(f"<{DEFAULT_BASE}claim/")]


@cache
def everything_valid() -> list[ox.Triple]:
    """The terms and all valid examples."""
    ontology = [triple for triple in triples(ONTOLOGY / "marsad.ttl") if triple.predicate.value in READ]
    return [*ontology, *(triple for path in VALID for triple in triples(path))]


def test_the_valid_examples_conform() -> None:
    assert validate(everything_valid(), shapes()).results == ()


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_an_invalid_example_breaks_the_shape_it_is_named_for_and_no_other(path: Path) -> None:
    results = validate([*surroundings(), *triples(path)], shapes()).results
    assert [result.shape for result in results] == [SHAPE + path.name.partition(".")[0]]


def test_every_shape_that_checks_something_has_an_invalid_example() -> None:
    checking = {local(shape) for shape in graph("shapes.ttl").subjects(SH.message)}
    assert {path.name.partition(".")[0] for path in INVALID} == checking


def test_every_class_and_property_is_in_a_valid_example() -> None:
    examples = rdflib.Graph()
    for path in VALID:
        examples.parse(path, format="turtle")
    used = {*examples.predicates(), *examples.objects(None, RDF.type), *examples.objects(None, RDF.predicate)}
    assert set(terms(OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty)) <= used
    assert set(claimable()) <= set(examples.objects(None, RDF.predicate))
