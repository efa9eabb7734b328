"""The service description of a SPARQL endpoint. SPARQL 1.1 Service Description, and VoID for the counts."""

from collections.abc import Iterator

import pyoxigraph as ox

from service.errors import BadRequest
from service.rdf.formats import RdfFormat
from service.store.base import Store

_SD = "http://www.w3.org/ns/sparql-service-description#"
_FORMATS = "http://www.w3.org/ns/formats/"
_VOID = "http://rdfs.org/ns/void#"
_TYPE = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_RESULT_FORMATS = (
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "N-Quads",
    "TriG",
    "JSON-LD",
    "RDF_XML",
)
_INPUT_FORMATS = ("Turtle", "N-Triples", "RDF_XML", "JSON-LD")


def describe_service(store: Store, url: str, form: RdfFormat, *, union: bool, writable: bool) -> bytes:
    """What the endpoint at `url` offers, in an RDF format. Raises BadRequest: the Host header makes no IRI."""
    try:
        triples = list(_triples(store, url, union=union, writable=writable))
    except ValueError:
        raise BadRequest("the Host header is not the name of a host") from None
    return ox.serialize(triples, format=form.ox_format, prefixes={"sd": _SD, "void": _VOID, "format": _FORMATS}) or b""


def _triples(store: Store, url: str, *, union: bool, writable: bool) -> Iterator[ox.Triple]:
    def sd(name: str) -> ox.NamedNode:
        return ox.NamedNode(_SD + name)

    service, dataset, default = (ox.NamedNode(url + part) for part in ("", "#dataset", "#default-graph"))
    yield ox.Triple(service, _TYPE, sd("Service"))
    yield ox.Triple(service, sd("endpoint"), service)
    yield ox.Triple(service, sd("supportedLanguage"), sd("SPARQL10Query"))
    yield ox.Triple(service, sd("supportedLanguage"), sd("SPARQL11Query"))
    if writable:
        yield ox.Triple(service, sd("supportedLanguage"), sd("SPARQL11Update"))
        for name in _INPUT_FORMATS:
            yield ox.Triple(service, sd("inputFormat"), ox.NamedNode(_FORMATS + name))
    for name in _RESULT_FORMATS:
        yield ox.Triple(service, sd("resultFormat"), ox.NamedNode(_FORMATS + name))
    if union:
        yield ox.Triple(service, sd("feature"), sd("UnionDefaultGraph"))
    yield ox.Triple(service, sd("defaultDataset"), dataset)
    yield ox.Triple(dataset, _TYPE, sd("Dataset"))
    yield ox.Triple(dataset, sd("defaultGraph"), default)
    yield ox.Triple(default, _TYPE, sd("Graph"))
    if union:
        count = ox.Literal(store.status().quads)
        yield ox.Triple(default, ox.NamedNode(_VOID + "triples"), count)
    for number, name in enumerate(store.graph_names(), 1):
        graph = ox.NamedNode(f"{url}#graph-{number}")
        yield ox.Triple(dataset, sd("namedGraph"), graph)
        yield ox.Triple(graph, _TYPE, sd("NamedGraph"))
        yield ox.Triple(graph, sd("name"), ox.NamedNode(name))
