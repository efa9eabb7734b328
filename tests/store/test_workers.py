"""Queries that run away, in the pool of workers: each is stopped, and nobody else notices."""

import asyncio
import os
import resource
import signal
from pathlib import Path

import pytest

from service.errors import (
    AnswerCut,
    DeadlineExceeded,
    EngineFailure,
    MemoryExceeded,
    QueryCancelled,
    QueueFull,
    RemoteAccess,
    StoreUnavailable,
)
from service.store import confine, wire, workers
from service.store.base import Delta, Export, Query, read
from tests.store.conftest import iri, numbers, processes, rows, store_of

# 100 quads to the power of five.
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"
LONG = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


def endless(**options: object) -> Query:
    return Query(ENDLESS.replace("?n)", "?count)"), union=True, **options)


async def test_a_query_is_stopped_at_its_deadline_and_says_which_setting_that_was(store):
    with pytest.raises(DeadlineExceeded) as caught:
        await store.query(endless(), deadline_s=0.1)
    assert (caught.value.value, caught.value.setting) == (0.1, "MARSAD_DEADLINE")
    assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 100


async def test_a_deadline_can_be_lowered_but_not_raised():
    async with store_of(numbers(100), workers=1, deadline_s=0.2) as store:
        with pytest.raises(DeadlineExceeded, match=r"0\.2 s"):
            await store.query(endless(), deadline_s=1000)


async def test_a_query_is_stopped_at_its_memory_limit():
    async with store_of(numbers(100), workers=1, worker_memory=300 * 2**20) as store:
        with pytest.raises(MemoryExceeded, match="300 MiB"):
            await store.query(Query(LONG + " ORDER BY ?c", union=True))
        assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 100


async def test_a_worker_that_ends_just_before_the_deadline_is_not_called_one_that_never_began(monkeypatch):
    monkeypatch.setattr(workers, "_OBITUARY_S", 0.4)
    async with store_of(numbers(100), workers=1) as store:
        task = asyncio.ensure_future(store.query(endless(), deadline_s=0.2))
        while not store.status().busy:
            await asyncio.sleep(0)
        [worker] = store._pool._all.values()
        replica = store._pool._replica._process.pid
        os.kill(replica, signal.SIGSTOP)  # it does not say what ended the worker, and the deadline passes
        try:
            os.kill(worker.process, signal.SIGKILL)
            with pytest.raises(MemoryExceeded):
                await task
        finally:
            os.kill(replica, signal.SIGCONT)
        assert store._pool.counts["QueueFull"] == 0


async def test_a_worker_that_ends_with_an_error_is_given_no_other_query():
    async with store_of(numbers(100), workers=1) as store:
        first = asyncio.ensure_future(store.query(endless(), query_id="first"))
        while not store.status().busy:
            await asyncio.sleep(0)
        second = asyncio.ensure_future(rows(store, "SELECT * { ?s ?p ?o }"))
        while not store.status().waiting:
            await asyncio.sleep(0)
        [worker] = store._pool._all.values()
        worker.running.take(wire.ERROR, b'{"kind": "memory", "message": "", "last": true}')
        with pytest.raises(MemoryExceeded):
            await first
        assert len(await second) == 100
        assert worker not in store._pool._all.values()


async def test_a_cancelled_query_ends_at_once_and_its_id_is_free_again(store):
    task = asyncio.ensure_future(store.query(endless(), query_id="mine"))
    while not store.status().busy:
        await asyncio.sleep(0)
    assert store.cancel("mine")
    with pytest.raises(QueryCancelled):
        await task
    assert not store.cancel("mine")


async def test_two_queries_cannot_have_one_id(store):
    task = asyncio.ensure_future(store.query(endless(), query_id="mine"))
    await asyncio.sleep(0)
    with pytest.raises(QueryCancelled, match="running already"):
        await store.query(Query("ASK {}"), query_id="mine")
    store.cancel("mine")
    with pytest.raises(QueryCancelled):
        await task


async def test_an_abandoned_query_frees_its_worker(store):
    task = asyncio.ensure_future(store.query(endless()))
    while not store.status().busy:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.status().busy == 0


async def test_beyond_the_queue_a_query_is_refused_at_once_with_a_time_to_come_back():
    async with store_of(numbers(100), workers=1, queue=1) as store:
        tasks = [asyncio.ensure_future(store.query(endless(), query_id=f"q{number}")) for number in range(3)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(QueueFull) as caught:
            await done.pop()
        assert caught.value.retry_after_s > 0
        for number in range(3):
            store.cancel(f"q{number}")
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_without_a_queue_a_query_still_gets_a_worker_that_is_not_forked_yet():
    async with store_of(numbers(100), workers=2, queue=0) as store:
        tasks = [asyncio.ensure_future(store.query(endless(), query_id=f"q{number}")) for number in range(3)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        assert done == {tasks[2]}
        with pytest.raises(QueueFull):
            await tasks[2]
        for number in range(2):
            store.cancel(f"q{number}")
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("bytes_more", "stays"), [(2**27, True), (2**27 + 1, False)])
async def test_a_worker_goes_when_an_eighth_of_what_a_query_may_have_is_taken(monkeypatch, bytes_more, stays):
    monkeypatch.setattr(workers, "_LOOK_S", 0.0)
    monkeypatch.setattr(confine, "memory_left", lambda _: 2**30 - bytes_more)
    async with store_of(numbers(100), workers=1, worker_memory=2**30) as store:
        while not store._pool._idle:
            await asyncio.sleep(0.001)
        [before] = store._pool._idle
        await rows(store, "SELECT * { ?s ?p ?o }")
        while not store._pool._idle:
            await asyncio.sleep(0.001)
        assert (store._pool._idle == [before]) is stays


async def test_what_a_process_may_still_have_is_its_limit_less_what_it_has():
    own = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    assert abs(limit - own - confine.memory_left(os.getpid())) < 2**20
    async with store_of(numbers(100), workers=1, worker_memory=2**30) as store:
        await rows(store, "SELECT * { ?s ?p ?o }")
        [worker] = store._pool._all.values()
        assert 2**30 * 15 // 16 < confine.memory_left(worker.process) <= 2**30
    with pytest.raises(ProcessLookupError):
        confine.memory_left(2**22 + 1)  # no process has such a number


async def test_of_workers_at_rest_the_eldest_is_asked_for_it_has_copied_most_pages():
    async with store_of(numbers(100), workers=2) as store:
        idle = store._pool._idle
        while len(idle) < 2:
            await asyncio.gather(*[rows(store, "SELECT * { ?s ?p ?o }") for _ in range(2)])
        eldest, _ = store._pool._all.values()
        for order in (list(idle), list(reversed(idle))):
            idle[:] = order
            store.start(Query("ASK {}"), then=lambda: None)
            assert eldest not in idle
            while len(idle) < 2:
                await asyncio.sleep(0.001)


async def test_a_worker_gives_way_when_its_query_is_long_and_not_before():
    async with store_of(numbers(100), workers=1) as store:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        task = asyncio.ensure_future(store.query(endless(), query_id="long"))
        while not store.status().busy:
            await asyncio.sleep(0)
        (worker,) = [worker for worker in store._pool._all.values() if worker.running is not None]
        assert os.getpriority(os.PRIO_PROCESS, worker.process) == own
        while os.getpriority(os.PRIO_PROCESS, worker.process) == own:
            await asyncio.sleep(0.01)
        assert os.getpriority(os.PRIO_PROCESS, worker.process) == own + 5
        assert worker.leaving
        store.cancel("long")
        with pytest.raises(QueryCancelled):
            await task


async def test_a_query_that_never_started_says_so():
    async with store_of(numbers(100), workers=1) as store:
        first = asyncio.ensure_future(store.query(endless(), query_id="first"))
        while not store.status().busy:
            await asyncio.sleep(0)
        with pytest.raises(QueueFull, match="never started"):
            await store.query(Query("ASK {}"), deadline_s=0.1)
        store.cancel("first")
        with pytest.raises(QueryCancelled):
            await first


async def test_a_long_answer_comes_in_parts_and_a_slow_reader_holds_back_the_worker(store):
    answer = await store.query(Query(LONG, results="csv", union=True))
    assert answer.whole is None
    size = 0
    async for chunk in answer.chunks():
        size += len(chunk)
        assert len(chunk) < 100_000
        assert answer._waiting_bytes < 600_000  # 256 KiB and what was in the socket at that moment
        if size > 3_000_000:
            break
    await answer.close()
    assert store.status().busy == 0


async def test_an_answer_that_is_cut_raises_and_never_just_ends(store):
    answer = await store.query(Query(LONG, results="csv", union=True), query_id="long")
    chunks = answer.chunks()
    assert await anext(chunks)
    store.cancel("long")
    with pytest.raises(AnswerCut) as caught:
        b"".join([chunk async for chunk in chunks])
    assert isinstance(caught.value.__cause__, QueryCancelled)


async def test_an_answer_whose_worker_dies_is_cut(store):
    answer = await store.query(Query(LONG, results="csv", union=True))
    answer.worker._pool.loop.call_soon(lambda: __import__("os").kill(answer.worker.process, 11))
    with pytest.raises(AnswerCut) as caught:
        async for _ in answer.chunks():
            pass
    assert isinstance(caught.value.__cause__, EngineFailure)


async def test_a_query_keeps_its_snapshot_while_the_graph_changes(store):
    answer = await store.query(Query(LONG, results="csv", union=True))
    await store.apply(Delta(removed=numbers(100)))
    assert await rows(store, "SELECT * { ?s ?p ?o }") == []
    assert (await read(answer)).count(b"\n") == 1 + 100**3


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "http://localhost:8080/", "https://example.org/sparql"])
async def test_a_worker_cannot_open_a_connection(store, target):
    """The lexer refuses SERVICE before it comes here; the kernel refuses it here."""
    with pytest.raises((EngineFailure, RemoteAccess)):
        await store.query(Query(f"SELECT * {{ SERVICE <{target}> {{ ?s ?p ?o }} }}"))


async def test_all_bytes_of_a_compressed_answer_are_there(store):
    import gzip

    answer = await store.query(
        Query(LONG.replace("*", "?a ?c ?f ?i") + " LIMIT 50000", results="csv", union=True, gzip=True)
    )
    assert answer.gzipped
    assert gzip.decompress(await read(answer)).count(b"\n") == 50_001


async def test_a_whole_store_can_be_exported(store):
    assert (await read(await store.query(Export()))).count(b"\n") == 100
    assert (await read(await store.query(Export(iri("g").value, "turtle")))).startswith(b"@prefix ex:")


async def test_a_stopping_store_refuses_and_ends_what_runs():
    async with store_of(numbers(100), workers=2) as store:
        task = asyncio.ensure_future(store.query(endless()))
        while not store.status().busy:
            await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await task
    with pytest.raises(StoreUnavailable):
        await store.query(Query("ASK {}"))
    assert not processes()


async def test_a_fork_is_made_ahead_after_a_change_where_there_are_questions_and_not_while_nobody_asks(monkeypatch):
    monkeypatch.setattr(workers, "_FORK_LATE_S", 3600.0)
    async with store_of(numbers(2), workers=2) as store:
        pool = store._pool
        assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 2
        await store.apply(Delta(added=[numbers(3)[-1]]))
        while not [worker for worker in pool._idle if worker.version == store.version]:
            await asyncio.sleep(0)
        await store.apply(Delta(added=[numbers(4)[-1]]))
        while pool._all:
            await asyncio.sleep(0)
        assert pool._forking == 0
        assert pool._ahead.when() - pool.loop.time() > 3000
        assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == 4
