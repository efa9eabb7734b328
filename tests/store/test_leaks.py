"""What the pool of workers leaves behind after thousands of queries and hundreds of kills: nothing."""

import asyncio
import os
from pathlib import Path

import pytest

from service.errors import DeadlineExceeded, MarsadError, QueueFull
from service.store.base import Query, Update, read
from tests.store.conftest import descriptors, numbers, processes, store_of

_QUERIES, _KILLS, _AT_ONCE = 10_000, 200, 16
_LEAK_BYTES = 32 * 2**20
ENDLESS = "SELECT (COUNT(*) AS ?count) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"


def _shared_memory() -> set[str]:
    return {entry.name for entry in Path("/dev/shm").iterdir()} if Path("/dev/shm").is_dir() else set()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _zombies() -> list[str]:
    """The children of this process, and theirs, that have ended and were not buried."""
    found = []
    waiting = list(processes())
    while waiting:
        process = waiting.pop()
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                found.append(process)
            for task in Path(f"/proc/{process}/task").iterdir():
                waiting += (task / "children").read_text().split()
        except OSError:
            continue
    return found


@pytest.mark.slow
async def test_ten_thousand_queries_and_two_hundred_kills_leave_nothing_behind():
    before = (processes(), descriptors(), _shared_memory())
    async with store_of(numbers(100), workers=4, queue=100) as store:

        async def ask(first: int) -> None:
            for number in range(first, _QUERIES, _AT_ONCE):
                answer = await store.query(Query(f"SELECT * {{ ?s ?p {number % 100} }}", union=True))
                assert answer.whole
                await read(answer)

        async def kill(first: int) -> None:
            for number in range(first, _KILLS, _AT_ONCE):
                task = asyncio.ensure_future(store.query(Query(ENDLESS, union=True), query_id=f"endless-{number}"))
                await asyncio.sleep(0)
                if number % 2:
                    task.cancel()
                else:
                    assert store.cancel(f"endless-{number}")
                with pytest.raises((MarsadError, asyncio.CancelledError)):
                    await task

        await asyncio.gather(*map(ask, range(_AT_ONCE)))
        await asyncio.gather(*map(kill, range(_AT_ONCE)))
        warm_descriptors, warm_bytes = descriptors(), _resident_bytes()
        await asyncio.gather(*map(ask, range(_AT_ONCE)), *map(kill, range(_AT_ONCE)))
        assert (await store.query(Query("ASK {}"))).whole  # the last of the killed are gone when a fresh one answers
        assert descriptors() <= warm_descriptors + 4 * 2  # a socket and a handle for each worker
        assert _resident_bytes() < warm_bytes + _LEAK_BYTES
        assert len(store._pool._all) <= 4 + 1
        assert not store._pool._running
        assert not store._pool._dead
        async with asyncio.timeout(10):
            while _zombies():  # the replica buries them as it hears of them
                await store.query(Query("ASK {}"))
    assert (processes(), descriptors(), _shared_memory()) == before


async def test_a_change_waits_for_another_no_longer_than_a_query_for_a_worker():
    async with store_of(numbers(100), workers=4, deadline_s=0.5) as store:
        endless = Update(
            "INSERT { ?a ?e ?i } WHERE { GRAPH ?x { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o } }"
        )
        found = await asyncio.gather(*(store.change(endless) for _ in range(6)), return_exceptions=True)
        assert isinstance(found[0], DeadlineExceeded)
        assert any(isinstance(error, QueueFull) and "never started" in str(error) for error in found)
        assert (await store.change(Update("INSERT DATA { <a:a> <a:a> 1 }"))).added
