"""The files of `ontology/` as the tests read them."""

from functools import cache
from pathlib import Path

import rdflib
from rdflib.namespace import OWL, RDF

ONTOLOGY = Path(__file__).resolve().parents[2] / "ontology"
TURTLE = sorted(ONTOLOGY.rglob("*.ttl"))
QUERIES = sorted(ONTOLOGY.rglob("*.rq"))
VALID = sorted((ONTOLOGY / "examples" / "valid").glob("*.ttl"))
INVALID = sorted((ONTOLOGY / "examples" / "invalid").glob("*.ttl"))

MARSAD = rdflib.Namespace("https://marsad.example/ns#")
SHAPE = rdflib.Namespace("https://marsad.example/shape#")
TOPIC = rdflib.Namespace("https://marsad.example/topic/")
SCHEMA = rdflib.Namespace("https://schema.org/")
THE_ONTOLOGY = rdflib.URIRef("https://marsad.example/ns")

KINDS_OF_TERM = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)


def name(path: Path) -> str:
    """The path below `ontology/`, for test ids."""
    return path.relative_to(ONTOLOGY).as_posix()


@cache
def graph(file: str) -> rdflib.Graph:
    """A Turtle file of `ontology/`; not to be changed, since tests share it."""
    return rdflib.Graph().parse(ONTOLOGY / file, format="turtle")


def terms(*kinds: rdflib.URIRef) -> list[rdflib.URIRef]:
    """The terms of ours of the given kinds of term (of any kind), sorted."""
    found = {term for kind in kinds or KINDS_OF_TERM for term in graph("marsad.ttl").subjects(RDF.type, kind)}
    return sorted(term for term in found if isinstance(term, rdflib.URIRef) and term.startswith(MARSAD))


def local(term: rdflib.term.Node) -> str:
    """The name of a term or a shape without its namespace."""
    return str(term).rpartition("#")[2]


def claimable() -> list[rdflib.term.Node]:
    """The claimable properties, the reused one included."""
    return sorted(graph("marsad.ttl").subjects(MARSAD.claimable, rdflib.Literal(True)))
