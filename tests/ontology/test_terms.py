"""What every term must have, so that a reader, the compiler and the shapes can rely on it."""

import re

import pytest
import rdflib
from rdflib.namespace import DCTERMS, OWL, RDF, RDFS, SKOS, XSD

from tests.ontology.files import MARSAD, SCHEMA, THE_ONTOLOGY, TURTLE, claimable, graph, local, terms

MARSAD_TTL = graph("marsad.ttl")
EDTF = rdflib.URIRef("http://id.loc.gov/datatypes/edtf/EDTF")
DATATYPES = {XSD.boolean, XSD.date, XSD.decimal, XSD.integer, XSD.string, RDF.langString, EDTF}
EVERY_TERM = pytest.mark.parametrize("term", terms(), ids=local)


def texts(term: rdflib.URIRef, predicate: rdflib.URIRef) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in MARSAD_TTL.objects(term, predicate):
        assert isinstance(value, rdflib.Literal)
        found.setdefault(value.language or "", []).append(str(value))
    return found


def test_there_is_one_ontology() -> None:
    found = [
        str(subject)
        for path in TURTLE
        for subject in rdflib.Graph().parse(path, format="turtle").subjects(RDF.type, OWL.Ontology)
    ]
    assert found == [str(THE_ONTOLOGY)]


def test_the_ontology_states_its_version_and_licence() -> None:
    version = MARSAD_TTL.value(THE_ONTOLOGY, OWL.versionInfo)
    assert re.fullmatch(r"\d+\.\d+\.\d+", str(version))
    assert MARSAD_TTL.value(THE_ONTOLOGY, OWL.versionIRI) == rdflib.URIRef(f"{THE_ONTOLOGY}/{version}")
    assert MARSAD_TTL.value(THE_ONTOLOGY, DCTERMS.license) == rdflib.URIRef(
        "https://creativecommons.org/licenses/by/4.0/"
    )


def test_the_ontology_stays_small() -> None:
    assert len(terms(OWL.Class)) <= 26
    assert len(terms(OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)) <= 70


@EVERY_TERM
def test_a_term_has_one_label_in_each_language(term: rdflib.URIRef) -> None:
    assert {language: len(values) for language, values in texts(term, SKOS.prefLabel).items()} == {"en": 1, "fr": 1}


@EVERY_TERM
def test_a_term_has_one_definition_in_each_language_which_is_one_sentence(term: rdflib.URIRef) -> None:
    found = texts(term, SKOS.definition)
    assert {language: len(values) for language, values in found.items()} == {"en": 1, "fr": 1}
    for (definition,) in found.values():
        assert re.fullmatch(r"[A-ZÀÉÊŒ][^.]*\.", definition), definition


@EVERY_TERM
def test_a_term_has_an_example_and_says_where_it_is_defined(term: rdflib.URIRef) -> None:
    assert texts(term, SKOS.example)["en"]
    assert list(MARSAD_TTL.objects(term, RDFS.isDefinedBy)) == [THE_ONTOLOGY]


@EVERY_TERM
def test_a_class_is_named_in_upper_and_a_property_in_lower_camel_case(term: rdflib.URIRef) -> None:
    is_class = (term, RDF.type, OWL.Class) in MARSAD_TTL
    assert re.fullmatch(r"([A-Z][a-z]+)+" if is_class else r"[a-z]+([A-Z][a-z]+)*", local(term))


@EVERY_TERM
def test_a_term_is_of_one_kind(term: rdflib.URIRef) -> None:
    assert len(set(MARSAD_TTL.objects(term, RDF.type)) - {OWL.SymmetricProperty}) == 1


@pytest.mark.parametrize("term", terms(OWL.ObjectProperty, OWL.DatatypeProperty), ids=local)
def test_a_property_says_between_which_classes_it_goes(term: rdflib.URIRef) -> None:
    classes = set(terms(OWL.Class))
    domain = set(MARSAD_TTL.objects(term, SCHEMA.domainIncludes))
    reach = set(MARSAD_TTL.objects(term, SCHEMA.rangeIncludes))
    assert domain
    assert domain <= classes
    assert reach
    allowed = DATATYPES if (term, RDF.type, OWL.DatatypeProperty) in MARSAD_TTL else {*classes, SKOS.Concept}
    assert reach <= allowed


def test_nothing_is_inferred_from_a_domain_or_a_range() -> None:
    assert not list(MARSAD_TTL.triples((None, RDFS.domain, None)))
    assert not list(MARSAD_TTL.triples((None, RDFS.range, None)))


@pytest.mark.parametrize("term", claimable(), ids=local)
def test_a_claimable_property_has_one_rule_for_the_direct_graph(term: rdflib.URIRef) -> None:
    (policy,) = MARSAD_TTL.objects(term, MARSAD.directPolicy)
    assert str(policy) in {"any", "symmetric", "preferredOnly"}
    assert (str(policy) == "symmetric") == ((term, RDF.type, OWL.SymmetricProperty) in MARSAD_TTL)


def test_a_name_that_a_document_uses_is_claimable() -> None:
    assert SKOS.altLabel in claimable()
    assert set(MARSAD_TTL.objects(SKOS.altLabel, SCHEMA.domainIncludes)) == {MARSAD.Entity, MARSAD.Topic}


def test_a_symmetric_property_goes_between_things_of_the_same_class() -> None:
    for term in MARSAD_TTL.subjects(RDF.type, OWL.SymmetricProperty):
        domain = set(MARSAD_TTL.objects(term, SCHEMA.domainIncludes))
        assert domain == set(MARSAD_TTL.objects(term, SCHEMA.rangeIncludes))


def test_every_class_leads_up_to_one_of_five() -> None:
    tops = {term for term in terms(OWL.Class) if not list(MARSAD_TTL.objects(term, RDFS.subClassOf))}
    assert {local(term) for term in tops} == {"Entity", "Topic", "Claim", "Evidence", "TimeSpan"}
    for term in terms(OWL.Class):
        assert tops & set(MARSAD_TTL.transitive_objects(term, RDFS.subClassOf))
