"""What holds however long the service runs and whatever is asked of it."""

import asyncio
import os
import time
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from service.store.base import Delta
from tests.api.endpoint import endpoint, quads_of
from tests.store.conftest import descriptors, iri, numbers, processes

MANY = quads_of("@prefix : <http://example.com/> . " + " ".join(f":s :p {number} ." for number in range(200)))
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n1 ?o }"


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def zombies() -> list[str]:
    """Descendants of this process that ended and that nobody has asked about."""
    found, waiting = [], list(processes())
    while waiting:
        process = waiting.pop()
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[0]
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [process] if state == "Z" else []
        waiting += children
    return found


async def test_health_answers_while_every_worker_runs_away():
    """The bound of the design is 200 ms for 99 of 100; here 1 s for all, for the machine may be busy with other tests."""
    async with endpoint(MANY, workers=4, queue=100) as opened:
        running = [asyncio.create_task(opened.ask(ENDLESS, timeout="20", n=str(number))) for number in range(8)]
        async with asyncio.timeout(30):
            while opened.store.status().busy < 4:
                await asyncio.sleep(0.01)
        slowest = 0.0
        for _ in range(40):
            started = time.perf_counter()
            assert (await opened.client.get("/healthz")).status_code == 200
            assert (await opened.client.get("/readyz")).status_code == 200
            slowest = max(slowest, (time.perf_counter() - started) / 2)
        assert slowest < 1.0
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_the_loop_is_free_while_a_long_answer_goes_to_a_client_that_does_not_read():
    async with endpoint(MANY, workers=2) as opened:
        reader, writer = await asyncio.open_connection(opened.host, opened.port, limit=2**12)
        query = urlencode({"query": "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", "format": "json"})
        before = resident_bytes()
        writer.write(f"GET /sparql?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readline()
        for number in range(50):
            assert (await opened.ask(f"ASK {{ ?s ?p {number} }}")).status_code == 200
        # The answer has 1.6 GB; what waits for the client is bounded.
        assert resident_bytes() - before < 50 * 2**20
        writer.transport.abort()


async def _churn(queries: int, kills: int) -> None:
    before = (processes(), descriptors())
    shared_before = set(Path("/dev/shm").iterdir())
    async with endpoint(MANY, workers=2, queue=100) as opened:
        await opened.ask("ASK {}")
        open_before = descriptors()
        for number in range(queries):
            assert (await opened.ask("ASK { ?s ?p ?o }", n=str(number % 500))).status_code == 200
        for number in range(kills):
            sent = {"Marsad-Query-Id": f"to-be-killed-{number}"}
            task = asyncio.create_task(opened.client.get("/sparql", params={"query": ENDLESS}, headers=sent))
            while not opened.store.cancel(sent["Marsad-Query-Id"]):
                await asyncio.sleep(0.001)
            assert (await task).status_code == 409
        assert (await opened.ask("ASK { ?x ?y ?z }")).json()["boolean"] is True
        # Connections that the client keeps, and one worker more or less.
        assert descriptors() <= open_before + 12
        async with asyncio.timeout(10):
            while zombies():  # the replica asks about the last one in a moment
                await asyncio.sleep(0.001)
    async with asyncio.timeout(10):
        while (processes(), descriptors()) != before:
            await asyncio.sleep(0.01)
    assert set(Path("/dev/shm").iterdir()) <= shared_before


async def test_queries_and_kills_leave_nothing_behind():
    await _churn(500, 20)


@pytest.mark.slow
async def test_ten_thousand_queries_and_two_hundred_kills_leave_nothing_behind():
    await _churn(10_000, 200)


@pytest.mark.slow
async def test_five_million_rows_pass_through_without_staying():
    async with endpoint(MANY[:171], workers=1, deadline_s=300) as opened:
        before, most, rows = resident_bytes(), 0, 0
        request = {"query": "SELECT ?c ?f ?i { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", "format": "csv"}
        async with opened.client.stream("GET", "/sparql", params=request, timeout=httpx.Timeout(300)) as answer:
            async for chunk in answer.aiter_raw():
                rows += chunk.count(b"\n")
                most = max(most, resident_bytes())
        assert rows == 1 + 171**3
        assert most - before < 100 * 2**20


async def _commits(count: int) -> None:
    async with endpoint(numbers(1000), workers=1) as opened:
        added = numbers(1001)[1000:]
        after_first = 0
        for number in range(count):
            await opened.store.apply(Delta(added=added))
            await opened.store.apply(Delta(removed=added))
            if number == count // 4:
                after_first = resident_bytes()
        assert resident_bytes() - after_first < 30 * 2**20
        assert (
            await opened.ask("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }", format="csv")
        ).text == "n\r\n1000\r\n"
        assert list(opened.store.match(iri("s"), None, added[0].object)) == []


async def test_small_changes_leave_the_memory_flat():
    await _commits(500)


@pytest.mark.slow
async def test_many_small_changes_leave_the_memory_flat():
    await _commits(20_000)
