"""A shape's footprint names every triple that decides about a node, and says where it cannot."""

import pyoxigraph as ox
import pytest
import rdflib

from service.errors import OntologyError
from service.graph.footprint import Footprint, Read, Repeated, Step, Steps, footprints, inverted, predicates_of

EX = "http://example.com/"
_PROLOGUE = f"""@prefix ex: <{EX}> . @prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:prefixes sh:declare [ sh:prefix "ex" ; sh:namespace "{EX}" ] .
"""


def iri(name: str) -> ox.NamedNode:
    return ox.NamedNode(EX + name)


def step(name: str, *, inverse: bool = False) -> Step:
    return Step(iri(name), inverse)


def footprint(text: str) -> Footprint:
    graph = rdflib.Graph().parse(data=_PROLOGUE + text, format="turtle")
    (found,) = footprints(graph)
    return found


def reads_of_query(where: str) -> Footprint:
    query = f'sh:sparql [ sh:prefixes ex:prefixes ; sh:select """SELECT $this WHERE {{ {where} }}""" ]'
    return footprint(f"ex:S a sh:NodeShape ; sh:targetClass ex:C ; {query} .")


def test_a_property_shape_reads_its_path_and_the_type_of_its_values() -> None:
    found = footprint("ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:property [ sh:path ex:p ; sh:class ex:D ] .")
    rdf_type = ox.NamedNode(str(rdflib.RDF.type))
    assert found.reads == (Read((), "out", iri("p")), Read((step("p"),), "out", rdf_type))
    assert found.targets.classes == {iri("C")}
    assert found.unbounded == ""


def test_a_sequence_with_an_inverse_is_read_one_step_after_the_other() -> None:
    found = footprint(
        "ex:S a sh:NodeShape ; sh:targetSubjectsOf ex:q ; sh:property [ sh:path ( ex:p [ sh:inversePath ex:q ] ) ; sh:maxCount 1 ] ."
    )
    assert found.reads == (Read((), "out", iri("p")), Read((step("p"),), "in", iri("q")))


def test_a_closed_shape_reads_all_triples_of_the_node_and_a_comparison_its_other_property() -> None:
    found = footprint(
        "ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:closed true ; sh:property [ sh:path ex:a ; sh:lessThan ex:b ] ."
    )
    assert set(found.reads) == {Read((), "all", None), Read((), "out", iri("a")), Read((), "out", iri("b"))}


def test_a_repeated_path_is_read_from_everything_it_reaches() -> None:
    found = footprint(
        "ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:property [ sh:path [ sh:zeroOrMorePath ex:p ] ; sh:nodeKind sh:IRI ] ."
    )
    assert found.reads == (Read((Repeated(step("p"), True),), "out", iri("p")),)


def test_a_query_reads_its_patterns_in_filters_and_options_too() -> None:
    found = reads_of_query("$this ex:a ?x . OPTIONAL { ?x ex:b ?y } FILTER(?x = 1 || NOT EXISTS { ?x ex:c ?z })")
    assert set(found.reads) == {
        Read((), "out", iri("a")), Read((step("a"),), "out", iri("b")), Read((step("a"),), "out", iri("c")),
    }  # fmt: skip


def test_a_path_between_two_known_nodes_is_never_walked_against_its_last_predicate() -> None:
    found = reads_of_query("$this ex:a ?x ; ex:b ?y . FILTER NOT EXISTS { ?x ex:domain/^ex:type ?y }")
    assert Read((step("a"),), "out", iri("domain")) in found.reads
    assert Read((step("b"),), "out", iri("type")) in found.reads
    assert not any(read.direction == "in" for read in found.reads)


@pytest.mark.parametrize(
    "where",
    [
        "$this ex:a ?x . ?other ex:b ?z",
        "{ $this ex:a ?x } UNION { $this ex:b ?x }",
        "$this ex:a ?x MINUS { $this ex:b ?x }",
        "$this ?p ?x",
        "$this ex:a ?x . OPTIONAL { $this ex:b ?y } ?y ex:c ?z",
        "$this ex:a ?x . FILTER EXISTS { ?y ex:b ?z }",
    ],
)
def test_a_query_that_may_read_anything_is_said_to(where: str) -> None:
    assert reads_of_query(where).unbounded


def test_a_parameter_that_is_not_understood_makes_the_shape_unbounded() -> None:
    assert footprint("ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:rule ex:r .").unbounded


def test_a_deactivated_shape_reads_nothing() -> None:
    graph = rdflib.Graph().parse(
        data=_PROLOGUE + "ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:deactivated true .", format="turtle"
    )
    assert footprints(graph) == ()


def test_a_query_that_is_no_sparql_is_an_error_of_the_ontology() -> None:
    with pytest.raises(OntologyError, match="cannot be read"):
        reads_of_query("$this ex:a")


def test_a_path_is_inverted_step_by_step() -> None:
    assert inverted(Steps((step("a"), step("b", inverse=True)))) == Steps((step("b"), step("a", inverse=True)))


def test_the_predicates_of_a_query_are_found_in_all_its_parts() -> None:
    query = "PREFIX ex: <http://example.com/> CONSTRUCT { ?s ex:x ?o } WHERE { ?s ex:a ?o FILTER(1 = 1 && NOT EXISTS { ?o ex:b 1 }) }"
    assert predicates_of(query) == {iri("a"), iri("b")}
    assert predicates_of("SELECT * { ?s ?p ?o }") is None
