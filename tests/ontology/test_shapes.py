"""The shapes themselves: names, messages, and queries that the write gate can take apart."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import rdflib
from rdflib.collection import Collection
from rdflib.namespace import OWL, RDF, RDFS, SH, SKOS
from rdflib.paths import InvPath, Path, SequencePath
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue

from tests.ontology.files import MARSAD, SCHEMA, SHAPE, claimable, graph, local, terms

SHAPES = graph("shapes.ttl")
NODE_SHAPES = sorted(SHAPES.subjects(SH.targetClass))
PROPERTY_SHAPES = sorted(set(SHAPES.objects(None, SH.property)))
QUERIES = sorted(SHAPES.subjects(RDF.type, SH.SPARQLConstraint))
# What a node shape may have without checking anything of its own.
FRAME = {RDF.type, SH.targetClass, SH.property}


def test_each_class_has_one_shape_with_its_name() -> None:
    targets = {shape: list(SHAPES.objects(shape, SH.targetClass)) for shape in NODE_SHAPES}
    assert targets == {SHAPE[local(term)]: [term] for term in terms(OWL.Class)}


@pytest.mark.parametrize("shape", PROPERTY_SHAPES, ids=local)
def test_a_property_shape_is_named_for_its_one_class_and_has_one_path(shape: rdflib.URIRef) -> None:
    (owner,) = SHAPES.subjects(SH.property, shape)
    assert re.fullmatch(rf"{local(owner)}-[A-Za-z]+", local(shape))
    assert len(list(SHAPES.objects(shape, SH.path))) == 1
    assert (shape, RDF.type, SH.PropertyShape) in SHAPES


@pytest.mark.parametrize(
    "shape",
    [*PROPERTY_SHAPES, *(shape for shape in NODE_SHAPES if set(SHAPES.predicates(shape)) - FRAME)],
    ids=local,
)
def test_a_shape_that_checks_something_says_what_in_two_languages_and_how_grave_it_is(shape: rdflib.URIRef) -> None:
    messages = sorted(value.language or "" for value in SHAPES.objects(shape, SH.message))
    assert messages == ["en", "fr"]
    assert list(SHAPES.objects(shape, SH.severity)) == [SH.Violation]


def test_there_is_no_shape_that_nothing_uses() -> None:
    used = {*NODE_SHAPES, *PROPERTY_SHAPES, *SHAPES.objects(None, SH.qualifiedValueShape)}
    for alternatives in SHAPES.objects(None, SH["or"]):
        used |= set(Collection(SHAPES, alternatives))
    declared = {*SHAPES.subjects(RDF.type, SH.NodeShape), *SHAPES.subjects(RDF.type, SH.PropertyShape)}
    assert declared == used


@pytest.mark.parametrize("name", ["Entity", "Topic"])
def test_a_closed_shape_lets_every_claimable_property_pass(name: str) -> None:
    """Direct triples stand on the nodes themselves, so a new claimable property is to be listed there."""
    ontology = graph("marsad.ttl")
    ignored = SHAPES.value(SHAPE[name], SH.ignoredProperties)
    assert ignored is not None
    passed = set(Collection(SHAPES, ignored))
    passed |= {SHAPES.value(shape, SH.path) for shape in SHAPES.objects(SHAPE[name], SH.property)}
    for predicate in claimable():
        said_of = {
            above
            for domain in ontology.objects(predicate, SCHEMA.domainIncludes)
            for above in ontology.transitive_objects(domain, RDFS.subClassOf)
        }
        assert (predicate in passed) == (MARSAD[name] in said_of), predicate


@pytest.mark.parametrize("query", QUERIES, ids=local)
def test_a_query_asks_for_distinct_values_of_this_and_has_no_severity_of_its_own(query: rdflib.URIRef) -> None:
    assert str(SHAPES.value(query, SH.select)).startswith("SELECT DISTINCT $this ?value\n")
    assert set(SHAPES.predicates(query)) == {RDF.type, SH.prefixes, SH.select}


@pytest.mark.parametrize("query", QUERIES, ids=local)
def test_every_pattern_of_a_query_is_connected_to_this_by_known_properties(query: rdflib.URIRef) -> None:
    patterns = list(_patterns(_algebra(query)))
    reached = {rdflib.Variable("this")}
    while waiting := [pattern for pattern in patterns if not ({pattern[0], pattern[2]} & reached)]:
        before = len(reached)
        reached |= {node for pattern in patterns if pattern not in waiting for node in _variables(pattern)}
        assert len(reached) > before, waiting
    for _, predicate, _ in patterns:
        assert _is_fixed(predicate), predicate


@pytest.mark.parametrize("query", QUERIES, ids=local)
def test_a_query_uses_nothing_that_hides_what_it_reads(query: rdflib.URIRef) -> None:
    names = {node.name for node in _nodes(_algebra(query))}
    assert not names & {"Union", "Minus", "Graph", "ServiceGraphPattern", "ToMultiSet", "values", "InlineData"}
    assert str(SHAPES.value(query, SH.select)).upper().count("SELECT") == 1


def test_no_literal_of_the_data_may_be_long() -> None:
    """Whatever holds a text in a language is limited: otherwise a document's own words could be attached."""
    for shape in SHAPES.subjects(SH.datatype, RDF.langString):
        limit = SHAPES.value(shape, SH.maxLength)
        assert isinstance(limit, rdflib.Literal)
        assert int(limit) <= 160, shape


def test_names_are_limited_by_the_range_of_statements() -> None:
    assert SKOS.altLabel in claimable()
    assert "STRLEN(?value) > 160" in str(SHAPES.value(SHAPE["Statement-range-query"], SH.select))


def _algebra(query: rdflib.URIRef) -> CompValue:
    names = {}
    for holder in SHAPES.objects(query, SH.prefixes):
        for declaration in SHAPES.objects(holder, SH.declare):
            names[str(SHAPES.value(declaration, SH.prefix))] = str(SHAPES.value(declaration, SH.namespace))
    text = str(SHAPES.value(query, SH.select)).replace("$this", "?this")
    algebra: CompValue = prepareQuery(text, initNs=names).algebra
    return algebra


def _nodes(value: Any) -> Iterator[CompValue]:
    if isinstance(value, CompValue):
        yield value
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _nodes(item)


def _patterns(algebra: CompValue) -> Iterator[tuple[Any, Any, Any]]:
    for node in _nodes(algebra):
        if node.name == "BGP":
            yield from node["triples"]


def _variables(pattern: tuple[Any, Any, Any]) -> set[rdflib.Variable]:
    return {node for node in (pattern[0], pattern[2]) if isinstance(node, rdflib.Variable)}


def _is_fixed(predicate: Any) -> bool:
    if isinstance(predicate, SequencePath):
        return all(_is_fixed(step) for step in predicate.args)
    if isinstance(predicate, InvPath):
        return _is_fixed(predicate.arg)
    return isinstance(predicate, rdflib.URIRef) and not isinstance(predicate, Path)
