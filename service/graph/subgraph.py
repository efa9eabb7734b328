"""The quads that describe one node of the graph, for linked data and files of a selection."""

from collections.abc import Iterator

import pyoxigraph as ox

from service.graph.index import Match
from service.rdf import namespaces as ns


def resource_quads(match: Match, node: ox.NamedNode) -> Iterator[ox.Quad]:
    """What is said of a resource itself: identity, labels, kinds, direct triples."""
    yield from match(node, None, None)


def claim_quads(match: Match, node: ox.NamedNode) -> Iterator[ox.Quad]:
    """A claim with its passages and times."""
    seen = {node}
    for quad in match(node, None, None):
        yield quad
        value = quad.object
        if isinstance(value, ox.NamedNode) and value not in seen and _belongs_to_claim(quad.predicate, value):
            seen.add(value)
            yield from match(value, None, None)


def description_quads(match: Match, node: ox.NamedNode) -> Iterator[ox.Quad]:
    """A resource as linked data: itself, what points at it directly, and the claims about it with their evidence."""
    seen: set[ox.Quad] = set()
    for quad in _description(match, node):
        if quad not in seen:
            seen.add(quad)
            yield quad


def _description(match: Match, node: ox.NamedNode) -> Iterator[ox.Quad]:
    yield from claim_quads(match, node)
    for quad in match(None, None, node):
        yield quad
        if quad.predicate in _ABOUT and isinstance(quad.subject, ox.NamedNode):
            yield from claim_quads(match, quad.subject)


_ABOUT = frozenset(
    {
        ns.RDF_SUBJECT,
        ns.RDF_OBJECT,
        *(ox.NamedNode(ns.NS + name) for name in ("observedFor", "assessmentOf", "breakdown")),
    }
)


def _belongs_to_claim(predicate: ox.NamedNode, value: ox.NamedNode) -> bool:
    return predicate.value in (ns.NS + "evidence", ns.NS + "time") or "/time/" in value.value
