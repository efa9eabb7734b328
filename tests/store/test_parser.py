"""Updates of quads and uploads are read by one process that stays from change to change and may be killed."""

import asyncio
import os
import signal

import pyoxigraph as ox
import pytest

from service.errors import MalformedRdf, MarsadError, QuerySyntaxError
from service.store.base import Update, Upload
from tests.store.conftest import descriptors, iri, numbers, processes, store_of

G = ox.NamedNode("http://example.com/g")


def insert(number: int) -> Update:
    text = f"INSERT DATA {{ GRAPH <{G.value}> {{ ex:s ex:p {number} }} }}"
    return Update(text, steps=(("+", text),))


def delete_and_insert() -> Update:
    gone, come = (f"GRAPH <{G.value}> {{ ex:s ex:p {values} }}" for values in ("1, 1000", "0, 2000"))
    steps = (("-", f"INSERT DATA {{ {gone} }}"), ("+", f"INSERT DATA {{ {come} }}"))
    return Update(f"DELETE DATA {{ {gone} }} ; INSERT DATA {{ {come} }}", steps=steps)


def upload(how: str, *values: int, graph: str = G.value) -> Upload:
    text = "".join(f"<{iri('s').value}> <{iri('p').value}> {value} .\n" for value in values)
    return Upload(graph, how, (("turtle", text.encode()),))  # type: ignore[arg-type]


def quad(number: int) -> ox.Quad:
    return ox.Quad(iri("s"), iri("p"), ox.Literal(number), G)


async def test_what_is_so_already_is_no_part_of_a_change(store):
    delta = await store.propose(delete_and_insert())
    assert (delta.removed, delta.added) == ([quad(1)], [quad(2000)])
    added = await store.propose(upload("add", 5, 500))
    assert (added.removed, added.added, added.created) == ([], [quad(500)], [])
    replaced = await store.propose(upload("replace", 5, 500))
    assert set(replaced.removed) == {quad(number) for number in range(100) if number != 5}
    assert (replaced.added, replaced.created) == ([quad(500)], [])
    removed = await store.propose(Upload(G.value, "remove"))
    assert (len(removed.removed), removed.added, removed.dropped) == (100, [], [G])


async def test_a_graph_that_an_upload_makes_comes_into_being(store):
    for how in ("add", "replace"):
        delta = await store.propose(upload(how, graph="http://example.com/new"))
        assert (delta.added, delta.created) == ([], [ox.NamedNode("http://example.com/new")])
    delta = await store.propose(Upload("http://example.com/new", "remove"))
    assert (delta.removed, delta.dropped) == ([], [])


async def test_a_large_graph_is_replaced_with_the_same_result(monkeypatch, store):
    expected = await store.propose(upload("replace", 5, 500))
    monkeypatch.setattr("service.store.embedded._MANY", 10)
    found = await store.propose(upload("replace", 5, 500))
    assert (set(found.removed), found.added) == (set(expected.removed), expected.added)


async def test_the_process_stays_from_change_to_change(store):
    only_the_graph = processes()
    await store.change(insert(101))
    with_the_parser = processes()
    assert len(with_the_parser - only_the_graph) == 1
    for number in range(102, 110):
        await store.change(insert(number))
        with pytest.raises(QuerySyntaxError):
            await store.change(Update("INSERT DATA {", steps=(("+", "INSERT DATA {"),)))
        with pytest.raises(MalformedRdf):
            await store.change(Upload(G.value, "add", (("turtle", b"<a> <b> ."),)))
    assert processes() == with_the_parser
    assert store.status().counts["QuerySyntaxError"] == 8


async def test_a_text_that_ends_the_process_ends_no_other(store):
    deep = f"INSERT DATA {{ GRAPH <{G.value}> {{ ex:s ex:p {'(' * 200_000}{')' * 200_000} }} }}"
    with pytest.raises(MarsadError):
        await store.change(Update(deep, steps=(("+", deep),)))
    assert (await store.change(insert(200))).added == [quad(200)]


async def test_the_process_is_started_again_when_it_is_lost():
    before = descriptors()
    async with store_of(numbers(3), workers=1) as store:
        only_the_graph = processes()
        await store.change(insert(10))
        (parser,) = processes() - only_the_graph
        os.kill(int(parser), signal.SIGKILL)
        while parser in processes():
            await asyncio.sleep(0)
        assert (await store.change(insert(11))).added == [quad(11)]
        assert parser not in processes()
    assert processes() == set()
    assert descriptors() <= before
