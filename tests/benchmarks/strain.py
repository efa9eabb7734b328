"""What the service does under strain: runaway queries, commits that have to be seen, many small changes."""

import asyncio
import gc
import os
import selectors
import statistics
import time
from contextlib import suppress
from pathlib import Path

import pyoxigraph as ox

from service.settings import Settings
from service.store.base import Delta
from service.store.embedded import open_store
from tests.benchmarks.client import Connection, get, post
from tests.benchmarks.questions import RUNAWAY
from tests.benchmarks.rounds import percentile
from tests.benchmarks.servers import Server, memory_mb

_HEALTH_REQUESTS = 200
_BETWEEN_S = 0.02
_JSON = "application/sparql-results+json"


def health_under_runaways(server: Server, path: str) -> str:
    """How long `path` takes to answer while every worker, and a queue behind them, runs away."""
    runaways = [Connection(server.url) for _ in range(2 * len(os.sched_getaffinity(0)) + 4)]
    for connection in runaways:
        connection.send("runaway", get(server.url, RUNAWAY, _JSON))
    time.sleep(1.0)  # until all of them run
    times, probe = [], Connection(server.home + path)
    for _ in range(_HEALTH_REQUESTS):
        times.append(probe.ask("health", get(server.home + path, "", "*/*")).seconds)
        time.sleep(_BETWEEN_S)
    probe.close()
    still = _unanswered(runaways)
    for connection in runaways:
        connection.close()
    parts = [percentile(times, part) * 1e3 for part in (0.5, 0.95, 0.99)]
    return (
        f"{server.name}: {path} under {still} runaway queries: "
        f"p50 {parts[0]:.1f} ms, p95 {parts[1]:.1f} ms, p99 {parts[2]:.1f} ms, worst {max(times) * 1e3:.1f} ms"
    )


def _unanswered(connections: list[Connection]) -> int:
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ)
        return len(connections) - len(selector.select(0))


def commit_seen(server: Server, *, times: int = 50) -> str:
    """How long a small change takes: until it is confirmed, and until a query that starts then has answered with it."""
    confirmed, seen = [], []
    connection = Connection(server.url, keep_bodies=True)
    for number in range(times):
        triple = f"<urn:bench:s> <urn:bench:p> {number}"
        update = post(server.update_url, f"INSERT DATA {{ {triple} }}", "application/sparql-update")
        started = time.perf_counter()
        done = connection.ask("update", update)
        assert done.status < 300, f"{server.name} answered {done.status} to an update: {done.body[:200]!r}"
        middle = time.perf_counter()
        answer = connection.ask("ask", get(server.url, f"ASK {{ {triple} }}", _JSON))
        assert b"true" in answer.body, f"{server.name} does not see what it has confirmed"
        confirmed.append(middle - started)
        seen.append(time.perf_counter() - started)
        time.sleep(_BETWEEN_S)
    connection.close()
    return (
        f"{server.name}: a change is confirmed after {statistics.median(confirmed) * 1e3:.1f} ms "
        f"(p95 {percentile(confirmed, 0.95) * 1e3:.1f}) and seen after {statistics.median(seen) * 1e3:.1f} ms "
        f"(p95 {percentile(seen, 0.95) * 1e3:.1f})"
    )


def memory_over_changes(graph: Path, folder: Path, count: int) -> str:
    """The memory of the store and its processes over many small changes: each replaces one value by another."""
    return asyncio.run(_memory_over_changes(graph, folder, count))


async def _memory_over_changes(graph: Path, folder: Path, count: int) -> str:
    settings = Settings(home=folder / "home", log_level="warning")
    subjects = [ox.NamedNode(f"urn:bench:s{number}") for number in range(1000)]
    predicate, name = ox.NamedNode("urn:bench:p"), ox.NamedNode("urn:bench:g")
    quads = [ox.Quad(subject, predicate, ox.Literal(-1), name) for subject in subjects]
    store = open_store(
        settings,
        content=lambda: [*ox.parse(path=graph, format=ox.RdfFormat.N_QUADS, lenient=True), *quads],
        directory=folder / "store",
        progress=lambda *_: None,
    )
    samples, started = [], time.perf_counter()
    async with store:
        step = max(1, count // 10)
        for number in range(count + 1):
            if number % step == 0:
                gc.collect()
                samples.append((number, memory_mb(os.getpid())[1]))
            place = number % len(subjects)
            fresh = ox.Quad(subjects[place], predicate, ox.Literal(number), name)
            await store.apply(Delta(removed=[quads[place]], added=[fresh]))
            quads[place] = fresh
            if number % 100 == 0:
                await asyncio.sleep(0)
    elapsed = time.perf_counter() - started
    with suppress(OSError):
        size = sum(file.stat().st_size for file in (folder / "store").rglob("*") if file.is_file())
    shown = ", ".join(f"{megabytes:.0f}" for _, megabytes in samples)
    return (
        f"{count:,} small changes in {elapsed:.0f} s ({count / elapsed:.0f} a second): "
        f"PSS in MB after each tenth {shown}; {size / 1e6:.0f} MB on disk"
    )
