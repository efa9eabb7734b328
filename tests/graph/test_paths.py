"""Chains of statements: all there are, shortest first, nothing visited twice; and a search that stops says so."""

from collections.abc import Iterator

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.graph import paths
from service.graph.index import Index
from service.graph.paths import find_paths
from service.rdf import namespaces as ns
from tests.graph.sample import BASE, matching

Edge = tuple[int, int]


def iri(number: int) -> str:
    return f"{BASE}id/n{number}"


def index_of(edges: set[Edge], modality: str = "asserted") -> Index:
    store, graph = ox.Store(), ox.NamedNode(BASE + "graph/d001")
    for source, target in edges:
        claim = ox.NamedNode(f"{BASE}claim/d001.n{source}.partOf.n{target}")
        for predicate, value in (
            (ns.RDF_TYPE, ns.marsad("Claim")),
            (ns.RDF_TYPE, ns.marsad("Statement")),
            (ns.RDF_SUBJECT, ox.NamedNode(iri(source))),
            (ns.RDF_PREDICATE, ns.marsad("partOf")),
            (ns.RDF_OBJECT, ox.NamedNode(iri(target))),
            (ns.marsad("modality"), ox.NamedNode(f"{BASE}topic/{modality}")),
        ):
            store.add(ox.Quad(claim, predicate, value, graph))
    store.add(ox.Quad(ns.marsad("Statement"), ns.RDFS_SUBCLASS_OF, ns.marsad("Claim"), graph))
    index = Index(None, BASE)
    index.build(matching(store), "1")
    return index


def all_chains(edges: set[Edge], start: int, end: int, max_steps: int) -> Iterator[tuple[int, ...]]:
    def extend(visited: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if visited[-1] == end:
            yield visited
        elif len(visited) <= max_steps:
            near = {b for a, b in edges if a == visited[-1]} | {a for a, b in edges if b == visited[-1]}
            for node in near - set(visited):
                yield from extend((*visited, node))

    yield from extend((start,))


EDGES = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda edge: edge[0] < edge[1]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(EDGES, st.integers(1, 5))
def test_every_chain_is_found_shortest_first(edges: set[Edge], max_steps: int) -> None:
    found = find_paths(index_of(edges).connection, iri(0), iri(6), max_steps=max_steps, limit=1000)
    visited = [
        tuple(int(node.rsplit("n", 1)[1]) for node in (chain[0].start, *(step.end for step in chain)))
        for chain in found.chains
    ]
    assert found.complete
    assert sorted(visited) == sorted(all_chains(edges, 0, 6, max_steps))
    assert [len(chain) for chain in visited] == sorted(len(chain) for chain in visited)


def test_a_step_says_in_which_direction_the_statement_goes() -> None:
    (chain,) = find_paths(index_of({(0, 1), (2, 1)}).connection, iri(0), iri(2), max_steps=2, limit=5).chains
    assert [step.backwards for step in chain] == [False, True]


def test_what_is_denied_connects_nothing() -> None:
    assert find_paths(index_of({(0, 1)}, "denied").connection, iri(0), iri(1), max_steps=2, limit=5).chains == []


def test_a_search_that_stops_at_a_limit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_READ", 3)
    star = {(0, number) for number in range(1, 9)}
    found = find_paths(index_of(star).connection, iri(1), iri(8), max_steps=3, limit=5)
    assert not found.complete
    assert "statements" in str(found.limit)
