"""Sorted N-Triples and N-Quads: one statement per line, each once. Source: RDF 1.1 N-Triples; RDF 1.1 N-Quads."""

from collections.abc import Iterable, Iterator

import pyoxigraph as ox

from service.rdf.terms import Object, sort_key
from service.rdf.writing import (
    Statement,
    chunks,
    literal_suffix,
    ordered_quads,
    ordered_triples,
    quoted,
    refuse_blank_node,
)


def write_ntriples(
    triples: Iterable[Statement], *, presorted: bool = False, allow_blank_nodes: bool = False
) -> Iterator[bytes]:
    """N-Triples in chunks of bytes; graph names are dropped.

    With `presorted` the triples are taken as they come, in one pass; they must be in order and without duplicates.
    Raises UnwritableRdf: a blank node that is not allowed, or a term of RDF 1.2.
    """
    rows: Iterable[Statement] = triples if presorted else ordered_triples(triples)
    yield from chunks(f"{_triple(row, allow_blank_nodes)} .\n" for row in rows)


def write_nquads(
    quads: Iterable[ox.Quad], *, presorted: bool = False, allow_blank_nodes: bool = False
) -> Iterator[bytes]:
    """N-Quads in chunks of bytes; parameters and errors as for `write_ntriples`."""
    rows: Iterable[ox.Quad] = quads if presorted else ordered_quads(quads)
    yield from chunks(f"{_triple(row, allow_blank_nodes)}{_graph(row, allow_blank_nodes)} .\n" for row in rows)


def term_text(term: Object | ox.Triple, *, allow_blank_nodes: bool = True) -> str:
    """The term in N-Triples. Raises UnwritableRdf as `write_ntriples` does."""
    if isinstance(term, ox.NamedNode):
        return f"<{term.value}>"
    sort_key(term)  # refuses what RDF 1.1 does not have
    if isinstance(term, ox.Literal):
        return quoted(term.value) + literal_suffix(term, str)
    if not allow_blank_nodes:
        refuse_blank_node(term)
    return str(term)


def _triple(row: Statement, allow_blank_nodes: bool) -> str:
    terms = (row.subject, row.predicate, row.object)
    return " ".join(term_text(term, allow_blank_nodes=allow_blank_nodes) for term in terms)


def _graph(quad: ox.Quad, allow_blank_nodes: bool) -> str:
    graph = quad.graph_name
    return "" if isinstance(graph, ox.DefaultGraph) else f" {term_text(graph, allow_blank_nodes=allow_blank_nodes)}"
