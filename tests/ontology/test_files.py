"""Every Turtle and query file of `ontology/`: true prefixes, known terms, canonical form."""

import re
from pathlib import Path

import pytest
import rdflib
from rdflib.namespace import (
    DCTERMS,
    FOAF,
    ORG,
    OWL,
    PROV,
    QB,
    RDF,
    RDFS,
    SDO,
    SH,
    SKOS,
    SOSA,
    TIME,
    XSD,
    DefinedNamespace,
)

from service.rdf.namespaces import PREFIXES
from service.rdf.turtle import format_turtle
from tests.ontology.files import MARSAD, QUERIES, TURTLE, graph, local, name, terms

# Prefixes that only `alignments.ttl` needs: as their vocabularies register them.
FOREIGN = {
    "eli": "http://data.europa.eu/eli/ontology#",
    "oa": "http://www.w3.org/ns/oa#",
    "org": "http://www.w3.org/ns/org#",
    "qb": "http://purl.org/linked-data/cube#",
    "sem": "http://semanticweb.cs.vu.nl/2009/11/sem/",
    "sosa": "http://www.w3.org/ns/sosa/",
    "time": "http://www.w3.org/2006/time#",
}
CLOSED: tuple[type[DefinedNamespace], ...] = (
    DCTERMS, FOAF, ORG, OWL, PROV, QB, RDF, RDFS, SDO, SH, SKOS, SOSA, TIME, XSD,
)  # fmt: skip
# Vocabularies that rdflib does not list: the terms of theirs that are used, checked by hand against their documents.
BY_HAND = {
    FOREIGN["eli"]: {"LegalResource", "based_on"},
    FOREIGN["oa"]: {"SpecificResource", "TextPositionSelector", "end", "hasSource", "start"},
    FOREIGN["sem"]: {"Actor", "Event", "Place", "Time", "hasActor", "hasTime"},
    "http://purl.org/vocab/vann/": {"preferredNamespacePrefix", "preferredNamespaceUri"},
    "http://id.loc.gov/datatypes/edtf/": {"EDTF"},
}
# Where an IRI is a thing and not a term: data under the base, examples, the licence, other data sets.
THINGS = (
    "https://marsad.example/",
    "https://example.org/",
    "https://creativecommons.org/",
    "http://www.wikidata.org/entity/",
)
EVERY_TURTLE = pytest.mark.parametrize("path", TURTLE, ids=name)
EVERY_FILE = pytest.mark.parametrize("path", [*TURTLE, *QUERIES], ids=name)
_PREFIX = re.compile(r"^\s*(?:@prefix|PREFIX)\s+([a-z]*):\s*<([^>]*)>", re.MULTILINE | re.IGNORECASE)
# In the text of a query: a term of ours by its prefixed name or its full IRI.
_OURS = re.compile(r"(?:\bmarsad:|<https://marsad\.example/ns#)([A-Za-z]\w*)")
_STRINGS_AND_COMMENTS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|(?:^|\s)#[^\n]*", re.MULTILINE)

DECLARED = {local(term) for term in terms()}


def iris(path: Path) -> set[str]:
    triples = rdflib.Graph().parse(path, format="turtle")
    found = {str(node) for triple in triples for node in triple if isinstance(node, rdflib.URIRef)}
    return found | {
        str(node.datatype)
        for triple in triples
        for node in triple
        if isinstance(node, rdflib.Literal) and node.datatype
    }


@EVERY_FILE
def test_prefixes_are_the_registered_ones(path: Path) -> None:
    known = PREFIXES | FOREIGN
    for prefix, iri in _PREFIX.findall(path.read_text(encoding="utf-8")):
        assert known.get(prefix) == iri, prefix


@EVERY_TURTLE
def test_every_term_of_ours_is_declared(path: Path) -> None:
    used = {iri.removeprefix(str(MARSAD)) for iri in iris(path) if iri.startswith(str(MARSAD))}
    # The shapes name the namespace itself, for their prefix.
    assert used - {""} <= DECLARED


@pytest.mark.parametrize("path", QUERIES, ids=name)
def test_every_term_of_ours_in_a_query_is_declared(path: Path) -> None:
    text = _STRINGS_AND_COMMENTS.sub(" ", path.read_text(encoding="utf-8"))
    assert set(_OURS.findall(text)) <= DECLARED


def test_every_term_of_ours_in_a_constraint_is_declared() -> None:
    for select in graph("shapes.ttl").objects(None, SH.select):
        assert set(_OURS.findall(str(select))) <= DECLARED


@EVERY_TURTLE
def test_no_term_of_another_vocabulary_is_made_up(path: Path) -> None:
    unknown = set()
    for iri in iris(path):
        closed = next((space for space in CLOSED if iri.startswith(str(space))), None)
        listed = next((space for space in BY_HAND if iri.startswith(space)), None)
        if closed is not None:
            known = rdflib.URIRef(iri) in closed or iri == str(closed)
        elif listed is not None:
            known = iri.removeprefix(listed) in BY_HAND[listed]
        else:
            known = iri.startswith(THINGS)
        if not known:
            unknown.add(iri)
    assert not unknown


@EVERY_TURTLE
def test_a_file_is_in_canonical_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_turtle(text) == text


@pytest.mark.parametrize("path", [path for path in TURTLE if path.name != "shapes.ttl"], ids=name)
def test_there_is_no_blank_node(path: Path) -> None:
    triples = rdflib.Graph().parse(path, format="turtle")
    assert not [node for triple in triples for node in triple if isinstance(node, rdflib.BNode)]
