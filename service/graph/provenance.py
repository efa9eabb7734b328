"""Who changed what, when and why, as PROV-O in `g:catalogue`: one activity for each change."""

from collections.abc import Iterable, Iterator, Mapping

import pyoxigraph as ox

from service.graph.gate import CATALOGUE
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri
from service.rdf.terms import integer, string

_XSD_DATE_TIME = ox.NamedNode(ns.XSD + "dateTime")
_DESCRIPTION = ox.NamedNode(ns.DCTERMS + "description")


def change_iri(base: str, version: int) -> ox.NamedNode:
    """The activity that made a version, `{base}change/7`."""
    return ox.NamedNode(f"{base}change/{version}")


def agent_iri(base: str, agent: str) -> ox.NamedNode:
    """Whoever made a change, `{base}agent/name`."""
    return ox.NamedNode(f"{base}agent/{agent}")


def activity(version: int, about: Mapping[str, str], quads: Iterable[ox.Quad], *, base: str) -> list[ox.Quad]:
    """The activity of a change: its number, agent, time, message, the graphs that it changed, and what it undoes."""
    node, agent = change_iri(base, version), agent_iri(base, about["agent"])
    graph = graph_iri(base, CATALOGUE)
    return [ox.Quad(*triple, graph) for triple in _triples(node, agent, version, about, quads, base)]


def _triples(
    node: ox.NamedNode,
    agent: ox.NamedNode,
    version: int,
    about: Mapping[str, str],
    quads: Iterable[ox.Quad],
    base: str,
) -> Iterator[tuple[ox.NamedNode, ox.NamedNode, ox.NamedNode | ox.Literal]]:
    yield node, ns.RDF_TYPE, _prov("Activity")
    yield node, ns.DCTERMS_IDENTIFIER, integer(version)
    yield node, _prov("endedAtTime"), ox.Literal(about["time"], datatype=_XSD_DATE_TIME)
    yield node, _prov("wasAssociatedWith"), agent
    if about.get("message"):
        yield node, _DESCRIPTION, string(about["message"])
    if about.get("undoes"):
        yield node, _prov("wasInformedBy"), change_iri(base, int(about["undoes"]))
    yield agent, ns.RDF_TYPE, _prov("Agent")
    yield agent, ns.RDFS_LABEL, string(about["agent"])
    for name in sorted({quad.graph_name.value for quad in quads if isinstance(quad.graph_name, ox.NamedNode)}):
        yield node, _prov("influenced"), ox.NamedNode(name)


def _prov(name: str) -> ox.NamedNode:
    return ox.NamedNode(ns.PROV + name)
