"""The quads that describe one node of the graph, for linked data and files of a selection."""

from collections.abc import Iterator

import pyoxigraph as ox

from service.graph.index import Match
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri


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


def direct_quads_among(match: Match, iris: list[str], *, base: str, claims: bool) -> Iterator[ox.Quad]:
    """The direct triples that the named claims say, or whose subject is one of the named resources."""
    direct = graph_iri(base, "direct")
    for iri in iris:
        node = ox.NamedNode(iri)
        if not claims:
            yield from (quad for quad in match(node, None, None) if quad.graph_name == direct)
            continue
        parts = {quad.predicate: quad.object for quad in match(node, None, None)}
        subject, predicate = parts.get(ns.RDF_SUBJECT), parts.get(ns.RDF_PREDICATE)
        value = parts.get(ns.RDF_OBJECT)
        if (
            isinstance(subject, ox.NamedNode)
            and isinstance(predicate, ox.NamedNode)
            and isinstance(value, ox.NamedNode | ox.Literal)
        ):
            yield from (quad for quad in match(subject, predicate, value) if quad.graph_name == direct)


def neighbourhood_quads(
    match: Match, node: ox.NamedNode, neighbours: frozenset[str], *, base: str
) -> Iterator[ox.Quad]:
    """A resource as `description_quads` has it, its neighbours with their names, and the direct triples among them all."""
    yield from description_quads(match, node)
    direct = graph_iri(base, "direct")
    for iri in sorted(neighbours - {node.value}):
        yield from (quad for quad in match(ox.NamedNode(iri), None, None) if quad.graph_name != direct)
    yield from direct_quads_within(match, neighbours, base=base)


def direct_quads_within(match: Match, iris: frozenset[str], *, base: str) -> Iterator[ox.Quad]:
    """The direct triples whose subject and object are both among the named resources."""
    direct = graph_iri(base, "direct")
    for iri in sorted(iris):
        for quad in match(ox.NamedNode(iri), None, None):
            if quad.graph_name == direct and isinstance(quad.object, ox.NamedNode) and quad.object.value in iris:
                yield quad
