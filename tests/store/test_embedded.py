"""The embedded store: answers, changes, restarts."""

import asyncio
import gc
import gzip
import os
import signal
import tracemalloc
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.errors import ConfigurationError, MalformedRdf, QueryError, StoreUnavailable, UnknownFunction, UnknownGraph
from service.settings import Settings
from service.store.base import Delta, Export, Query, Update, Upload, read, solutions
from service.store.embedded import EmbeddedStore, open_store, rdf_files, read_state
from service.store.log import ChangeLog
from tests.store.conftest import descriptors, iri, numbers, processes, rows, store_of


async def test_a_query_sees_the_union_of_the_graphs_only_when_asked_to(store):
    text = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    assert (await read(await store.query(Query(text, results="csv", union=True)))) == b"n\r\n100\r\n"
    assert (await read(await store.query(Query(text, results="csv")))) == b"n\r\n0\r\n"


async def test_the_prefixes_of_the_store_need_no_declaration_unless_switched_off(store):
    assert len(await solutions(store, "SELECT ?o { ex:s ex:p ?o }")) == 100
    with pytest.raises(QueryError, match="error at 1:"):
        await store.query(Query("SELECT * { ex:s ?p ?o }", known_prefixes=False))


async def test_the_dataset_of_the_protocol_replaces_the_one_of_the_text(store):
    await store.apply(Delta(added=[ox.Quad(iri("a"), iri("b"), iri("c"), iri("h"))]))
    text = f"SELECT * FROM <{iri('g').value}> {{ ?s ?p ?o }}"
    assert (await read(await store.query(Query(text, results="csv", default_graphs=(iri("h").value,))))).count(
        b"\n"
    ) == 2
    assert (await read(await store.query(Query(text, results="csv")))).count(b"\n") == 101


async def test_a_graph_that_is_not_in_the_store_is_named(store):
    with pytest.raises(UnknownGraph, match="missing"):
        await store.query(Query("SELECT * { ?s ?p ?o }", default_graphs=(iri("missing").value,)))


async def test_an_unknown_function_is_named(store):
    with pytest.raises(UnknownFunction, match="/f>"):
        await store.query(Query("SELECT (ex:f(1) AS ?x) {}"))


async def test_progress_says_each_step_with_its_count_and_its_seconds(tmp_path: Path):
    for expected in (["stored", "loaded"], ["loaded"]):
        steps: list[tuple[str, str, float]] = []
        async with open_store(
            Settings(workers=1),
            content=lambda: numbers(1234),
            directory=tmp_path / "store",
            digest="one",
            progress=lambda *step: steps.append(step),  # noqa: B023
        ):
            pass
        assert [what for what, _, _ in steps] == expected
        assert all(how_many.startswith("1,234 quads ") and seconds >= 0 for _, how_many, seconds in steps)


async def test_a_change_is_seen_by_the_next_query_and_by_match(store):
    quad = ox.Quad(iri("new"), iri("p"), ox.Literal("x", language="en"), iri("g"))
    assert await store.apply(Delta(added=[quad])) == 1
    assert await rows(store, "SELECT ?o { ex:new ?p ?o }") == [['"x"@en']]
    assert list(store.match(iri("new"))) == [quad]
    assert await store.apply(Delta(removed=[quad])) == 2
    assert await rows(store, "SELECT ?o { ex:new ?p ?o }") == []


async def test_an_empty_change_makes_no_version(store):
    assert await store.apply(Delta()) == 0


async def test_listeners_hear_of_each_change(store):
    heard = []
    store.listeners.append(lambda delta, version: heard.append((len(delta.added), version)))
    await store.apply(Delta(added=numbers(101)[100:]))
    assert heard == [(1, 1)]


async def test_a_proposal_changes_nothing(store):
    delta = await store.propose(Update("DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }"))
    assert len(delta.removed) == 100
    assert store.version == 0
    assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 100


async def test_a_blank_node_has_one_label_in_replica_and_database(store):
    await store.change(Upload("", "add", (("turtle", b"<http://example.com/x> <http://example.com/y> [] ."),)))
    [[label]] = await rows(store, "SELECT ?o { ex:x ?p ?o }")
    [quad] = store.match(iri("x"))
    assert str(quad.object) == label
    delta = await store.change(Update("DELETE WHERE { ?s <http://example.com/y> ?o }"))
    assert delta.removed == [quad]


async def test_steps_and_comparison_say_the_same(store):
    text = (
        "INSERT DATA { GRAPH <http://example.com/g> { <http://example.com/s> <http://example.com/p> 1, 500 } } ;"
        "DELETE DATA { GRAPH <http://example.com/g> { <http://example.com/s> <http://example.com/p> 2, 600 } }"
    )
    first, second = text.split(" ;")
    stepped = await store.propose(Update(text, steps=(("+", first), ("-", second.replace("DELETE", "INSERT")))))
    compared = await store.propose(Update(text))
    assert stepped.added == compared.added
    assert stepped.removed == compared.removed
    assert len(stepped.added) == len(stepped.removed) == 1


async def test_replacing_a_graph_tells_what_goes_and_what_comes(store):
    turtle = b"@prefix ex: <http://example.com/> . ex:s ex:p 1, 1000 ."
    delta = await store.change(Upload(iri("g").value, "replace", (("turtle", turtle),)))
    assert (len(delta.removed), len(delta.added)) == (99, 1)
    assert await rows(store, "SELECT ?o { GRAPH ex:g { ?s ?p ?o } }") == [["1"], ["1000"]]


async def test_an_empty_graph_exists_until_it_is_removed(store):
    await store.change(Upload(iri("empty").value, "replace"))
    assert iri("empty").value in store.graph_names()
    assert await read(await store.query(Export(iri("empty").value, "turtle"))) == b""
    await store.change(Upload(iri("empty").value, "remove"))
    with pytest.raises(UnknownGraph):
        await store.query(Export(iri("empty").value))


async def test_a_document_that_is_no_rdf_changes_nothing(store):
    with pytest.raises(MalformedRdf, match="line 1"):
        await store.change(Upload("", "add", (("turtle", b"<http://example.com/x> oops"),)))
    assert store.version == 0


async def test_a_store_in_a_directory_is_the_same_after_a_restart(tmp_path):
    def opened(digest: str = "1") -> EmbeddedStore:
        return open_store(
            Settings(workers=1), content=lambda: numbers(3), prefixes={}, directory=tmp_path / "store", digest=digest
        )

    async with opened() as store:
        first = store.id
        await store.apply(Delta(removed=numbers(1), added=[ox.Quad(iri("a"), iri("b"), ox.Literal("é\n"))]))
    async with opened() as store:
        assert (store.id, store.version) == (first, 1)
        assert {quad.object.value for quad in store.match()} == {"1", "2", "é\n"}
        assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 3
    async with opened("2") as store:
        assert (store.id, store.version, store.outdated, store.loaded) == (first, 1, True, 0)
        await store.adopt()
    async with opened("2") as store:
        assert (store.version, store.outdated, store.loaded) == (1, False, 1)


async def test_changes_are_not_thrown_away_with_a_damaged_state(tmp_path):
    def opened() -> EmbeddedStore:
        return open_store(Settings(workers=1), content=lambda: numbers(3), directory=tmp_path / "store", digest="1")

    async with opened() as store:
        await store.apply(Delta(removed=numbers(1)))
    (tmp_path / "store" / "state.json").write_text("{")
    with pytest.raises(ConfigurationError, match="marsad restore"):
        async with opened():
            pass
    assert (tmp_path / "store" / "changes.log").stat().st_size > 0


async def test_a_store_that_nobody_changed_is_made_anew_from_other_sources(tmp_path):
    def opened(digest: str) -> EmbeddedStore:
        return open_store(Settings(workers=1), content=lambda: numbers(3), directory=tmp_path / "store", digest=digest)

    async with opened("1") as store:
        first = store.id
    async with opened("2") as store:
        assert (store.id != first, store.version, store.outdated) == (True, 0, False)


async def test_what_the_log_has_and_the_database_lacks_is_applied_at_the_start(tmp_path):
    def opened() -> EmbeddedStore:
        return open_store(Settings(workers=1), content=lambda: numbers(3), directory=tmp_path / "store")

    async with opened():
        pass
    log = ChangeLog(tmp_path / "store" / "changes.log")
    log.append(1, Delta(removed=numbers(1), created=[iri("empty")]))
    log.close()
    with (tmp_path / "store" / "changes.log").open("ab") as file:
        file.write(b"H version 2 .\nTX .\nD <http://example.com/s> <http")  # the power went here
    async with opened() as store:
        assert store.version == 1
        assert len(list(store.match())) == 2
        assert iri("empty").value in store.graph_names()
        await store.apply(Delta(removed=numbers(2)[1:]))
    async with opened() as store:
        assert (store.version, len(await rows(store, "SELECT * { ?s ?p ?o }"))) == (2, 1)


async def test_two_stores_cannot_share_a_directory(tmp_path):
    def opened() -> EmbeddedStore:
        return open_store(Settings(workers=1), content=lambda: numbers(1), directory=tmp_path / "store")

    async with opened():
        with pytest.raises(ConfigurationError, match="MARSAD_HOME"):
            async with opened():
                pass


async def test_files_are_served_with_and_without_a_copy_in_the_service(tmp_path):
    (tmp_path / "one.ttl").write_text("<http://example.com/a> <http://example.com/b> [] .")
    with gzip.open(tmp_path / "two.nq.gz", "wt") as file:
        file.write("<http://example.com/a> <http://example.com/b> _:x <http://example.com/g> .\n")
    for writable in (False, True):
        async with open_store(Settings(workers=1), files=rdf_files([tmp_path]), writable=writable) as store:
            found = await rows(store, "SELECT ?o { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }")
            assert len(found) >= 2
            assert store.graph_names() == ["http://example.com/g"]
            if writable:
                await store.apply(Delta())  # changes wait until the service has its copy
                assert len(list(store.match())) == 2
                assert {str(quad.object) for quad in store.match()} <= {row[0] for row in found}
            else:
                with pytest.raises(StoreUnavailable):
                    store.match()


async def test_a_file_that_is_no_rdf_is_named_with_the_place(tmp_path):
    (tmp_path / "bad.ttl").write_text("<http://example.com/a> oops .")
    with pytest.raises(MalformedRdf, match=r"bad\.ttl: .*line 1"):
        async with open_store(Settings(workers=1), files=rdf_files([tmp_path / "bad.ttl"])):
            pass


@pytest.mark.parametrize("name", ["missing.ttl", "unclear.txt"])
def test_files_that_cannot_be_loaded_are_named(tmp_path, name):
    (tmp_path / "unclear.txt").write_text("")
    with pytest.raises(ConfigurationError, match=name.split(".")[0]):
        rdf_files([tmp_path / name])


async def test_a_store_leaves_no_process_and_no_descriptor():
    before = (processes(), descriptors())
    async with store_of(numbers(10)) as store:
        await rows(store, "SELECT * { ?s ?p ?o }")
        assert processes() > before[0]
    assert (processes(), descriptors()) == before


async def test_a_store_whose_start_fails_leaves_nothing(tmp_path):
    before = (processes(), descriptors())
    (tmp_path / "bad.ttl").write_text("oops")
    with pytest.raises(MalformedRdf):
        async with open_store(Settings(), files=rdf_files([tmp_path / "bad.ttl"])):
            pass
    assert (processes(), descriptors()) == before


async def test_a_lost_replica_is_replaced_with_all_changes(store):
    await store.apply(Delta(added=numbers(101)[100:]))
    (replica,) = processes()
    os.kill(int(replica), signal.SIGKILL)
    # The query waits in the queue while the new replica starts; one that had begun may fail.
    for _ in range(50):
        try:
            found = await rows(store, "SELECT * { ?s ?p ?o }")
            break
        except Exception:  # noqa: BLE001 - whichever way it failed, the next one must succeed
            continue
    assert len(found) == 101
    assert processes() != {replica}


async def test_what_was_removed_does_not_stay_in_memory_for_ever(monkeypatch, tmp_path):
    monkeypatch.setattr("service.store.embedded._LEAST_REMOVED", 10)
    for directory in (None, tmp_path / "store"):
        async with open_store(Settings(workers=1), content=lambda: numbers(3), directory=directory) as store:
            first = processes()
            for number in range(60):
                quad = ox.Quad(iri("s"), iri("p"), ox.Literal(f"n{number}"), iri("g"))
                await store.apply(Delta(added=[quad]))
                await store.apply(Delta(removed=[quad]))
                assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 3
            assert processes() != first
        if directory is not None:
            async with open_store(Settings(workers=1), content=list, directory=directory) as store:
                assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 3
                assert len(list(Path(directory).glob("base-*.nq"))) <= 2  # of sixty


async def test_the_names_of_the_files_are_on_disk_before_anything_counts_on_them(tmp_path, monkeypatch):
    """Who loses power after a start, a change or a new base finds each file that the state names."""
    folder, synced, real = tmp_path / "home" / "store", list[tuple[str, frozenset[str]]](), os.fsync

    def sync(descriptor: int) -> None:
        real(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            names = frozenset(entry.name for entry in path.iterdir() if entry.suffix != ".sst")
            synced.append((path.name, names))

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr("service.store.embedded._LEAST_REMOVED", 1)
    async with open_store(Settings(workers=1), content=lambda: numbers(1), directory=folder) as store:
        made = {"quads", "base-0.nq", "state.json"}
        assert synced == [("store.new", made), ("home", {"store"}), ("store", made | {"changes.log"})]
        synced.clear()
        first = processes()
        for _ in range(3):
            await store.apply(Delta(removed=numbers(1)))
            await store.apply(Delta(added=numbers(1)))
        while processes() == first or store._rebuilding:
            await asyncio.sleep(0)
    bases = [name for _, names in synced for name in sorted(names) if name.startswith("base-") and name != "base-0.nq"]
    assert bases
    before_the_state, with_the_state = synced[0], synced[1]
    assert before_the_state[0] == with_the_state[0] == "store"
    assert bases[0] in before_the_state[1]
    assert read_state(folder).base == int(bases[-1].removeprefix("base-").removesuffix(".nq"))


async def test_a_change_leaves_nothing_in_the_memory_of_the_service(tmp_path):
    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    quads = [ox.Quad(iri("s"), iri("p"), ox.Literal(f"n{number}"), iri("g")) for number in range(2)]
    async with open_store(Settings(workers=1), content=lambda: numbers(3), directory=tmp_path / "store") as store:

        async def change(times: int) -> None:
            for number in range(times):
                await store.apply(Delta(removed=[quads[number % 2]], added=[quads[1 - number % 2]]), about={"m": "x"})

        tracemalloc.start()
        try:
            await change(200)  # what is made once
            before = held()
            await change(1000)
            assert held() - before < 1000 * 16  # no object has so few bytes
        finally:
            tracemalloc.stop()


async def test_the_quads_are_counted_as_they_come_and_go(store):
    there, fresh = numbers(1)[0], ox.Quad(iri("a"), iri("b"), iri("c"), iri("h"))
    changes = [
        (Delta(added=[there, fresh, fresh]), 101),
        (Delta(removed=[fresh, fresh, ox.Quad(iri("no"), iri("no"), iri("no"))]), 100),
        (Delta(removed=[there], added=[there]), 100),
        (Delta(removed=numbers(100), dropped=[iri("g")]), 0),
    ]
    for delta, count in changes:
        await store.apply(delta)
        assert await rows(store, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }") == [[str(count)]]
        assert store.status().quads == count
