"""Sorting with bounded memory gives what sorting in memory gives, however small the memory."""

import gc
import tempfile
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.errors import UnwritableRdf
from service.rdf.sorting import sorted_quads, sorted_triples
from service.rdf.writing import ordered_quads, ordered_triples


def node(name: str) -> ox.NamedNode:
    return ox.NamedNode(f"http://example.com/{name}")


def quads(count: int) -> list[ox.Quad]:
    """Not sorted, with repetitions, in two graphs, with every kind of literal."""
    values = [
        ox.Literal('line\nand "quote" \\ الأمن'),
        ox.Literal("été", language="fr"),
        ox.Literal("007", datatype=node("number")),
        node("z"),
        ox.BlankNode("b"),
    ]
    return [
        ox.Quad(node(str(n * 7919 % 101)), node(f"p{n % 3}"), values[n % 5], node(f"g{n % 2}")) for n in range(count)
    ]


@pytest.mark.parametrize("in_memory", [1, 2, 7, 100, 10_000])
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_the_order_is_that_of_memory(count: int, in_memory: int) -> None:
    given = quads(count)
    by_graph, merged = sorted_quads(given, in_memory=in_memory), sorted_triples(given, in_memory=in_memory)
    assert list(by_graph) == list(by_graph) == ordered_quads(given)
    assert list(merged) == ordered_triples(given)
    assert (len(by_graph), len(merged)) == (len(ordered_quads(given)), len(ordered_triples(given)))


def test_what_lay_on_disk_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = sorted_quads(quads(500), in_memory=10)
    assert len(list(tmp_path.rglob("*.nq"))) == 1
    reader = iter(rows)
    next(reader)
    del rows, reader
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_only_so_many_statements_are_held() -> None:
    given = quads(100)
    taken = 0

    def counted():
        nonlocal taken
        for quad in given:
            taken += 1
            yield quad

    held = sorted_quads(counted(), in_memory=10)
    assert taken == 100
    assert held._rows == []


def test_what_is_not_rdf_1_1_is_refused_when_it_is_sorted() -> None:
    odd = ox.Quad(node("s"), node("p"), ox.Triple(node("a"), node("b"), node("c")))
    with pytest.raises(UnwritableRdf):
        sorted_quads([odd, *quads(3)])
