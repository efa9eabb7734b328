"""What writing costs: the processor time of a change of ten entities, and writers and readers at the same time.

A writer changes the names of ten entities of its own in one change, again and again, over all protocols. A reader that
ever sees two names of one writer's entities has seen half a change: that ends the run with an AssertionError, and so
does an answer of a version before one that was acknowledged when the reader asked.
"""

import asyncio
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pyoxigraph as ox

from service.api.context import Context
from service.app import create_app, gate_maker, open_index
from service.graph.changes import Changes
from service.graph.compile import compile_sources
from service.graph.forms import Forms
from service.graph.keys import Keys
from service.graph.ontology import read_ontology
from service.paths import data_dir, ontology_dir
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import prefixes
from service.settings import Settings
from service.store.embedded import open_store
from tests.benchmarks.rounds import percentile
from tests.benchmarks.servers import family

# Entities that a change touches, as part 5 of the project has it.
GROUP = 10
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_ENTITIES = f"{DEFAULT_BASE}graph/entities"
_LABEL = "http://www.w3.org/2004/02/skos/core#prefLabel"
_NAME = re.compile(r"bench-(\d+)-\d+>?\W.*?Benchmark \d+ at (\d+)")


@dataclass(frozen=True, slots=True)
class Request:
    """A write as HTTP has it."""

    method: str
    path: str
    body: str
    content_type: str

    def headers(self, token: str) -> dict[str, str]:
        """Its headers with a key; what REST replaces is whatever is there."""
        found = {"Authorization": f"Bearer {token}", "Content-Type": self.content_type}
        return found | {"If-Match": "*"} if self.path.startswith("/api/") else found


def _slugs(writer: int) -> list[str]:
    return [f"bench-{writer}-{number}" for number in range(GROUP)]


def _record(writer: int, value: int) -> dict[str, object]:
    return {"type": "Person", "label": {"en": f"Benchmark {writer} at {value}"}}


def by_rest(writer: int, value: int) -> Request:
    """Ten records in JSON as one change."""
    operations = [{"put": f"entities/{slug}", "record": _record(writer, value)} for slug in _slugs(writer)]
    return Request("POST", "/api/v1/changes", json.dumps({"operations": operations}), "application/json")


def by_yaml(writer: int, value: int) -> Request:
    """The same in YAML."""
    lines = ["operations:"]
    for slug in _slugs(writer):
        lines += [f"  - put: entities/{slug}", "    record:", "      type: Person", "      label:"]
        lines.append(f"        en: Benchmark {writer} at {value}")
    return Request("POST", "/api/v1/changes", "\n".join(lines) + "\n", "application/yaml")


def by_update(writer: int, value: int) -> Request:
    """The same with DELETE DATA and INSERT DATA; the first value is 0, which nothing precedes."""

    def data(number: int) -> str:
        text = f'skos:prefLabel "Benchmark {writer} at {number}"@en'
        return "\n".join(f"id:{slug} {text} ." for slug in _slugs(writer))

    types = "\n".join(f"id:{slug} a marsad:Entity, marsad:Actor, marsad:Person ." for slug in _slugs(writer))
    gone = f"DELETE DATA {{ GRAPH g:entities {{ {data(value - 1)} }} }} ;\n" if value else ""
    text = f"{gone}INSERT DATA {{ GRAPH g:entities {{ {types} {data(value)} }} }}"
    return Request("POST", "/sparql", text, "application/sparql-update")


def by_graph_store(writer: int, value: int) -> Request:
    """The same as a graph of the writer's own that is replaced."""
    ns = f"{DEFAULT_BASE}ns#"
    lines = []
    for slug in _slugs(writer):
        iri = f"<{DEFAULT_BASE}id/{slug}>"
        lines += [f"{iri} a <{ns}{name}> ." for name in ("Entity", "Actor", "Person")]
        lines.append(f'{iri} <{_LABEL}> "Benchmark {writer} at {value}"@en .')
    return Request("PUT", f"/graphs?graph={DEFAULT_BASE}graph/bench-{writer}", "\n".join(lines), "text/turtle")


PROTOCOLS: dict[str, Callable[[int, int], Request]] = {
    "REST": by_rest,
    "YAML": by_yaml,
    "INSERT/DELETE DATA": by_update,
    "GSP": by_graph_store,
}


def cpu_s(process: int) -> float:
    """Processor seconds of a process, all that descend from it and those of them that have ended, so far."""
    total = 0
    for member in family(process):
        with suppress(OSError):
            # utime, stime and those of ended children: fields 14 to 17, after the name, which may hold anything.
            total += sum(map(int, Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return total * _TICK_S


# --- what a change costs ---


def cost_of_changes(graph: Path, folder: Path, count: int) -> str:
    """The processor time of a change of ten entities by each protocol, in the gate alone and in all processes."""
    return asyncio.run(_cost_of_changes(graph, folder, count))


async def _cost_of_changes(graph: Path, folder: Path, count: int) -> str:
    ontology, settings = ontology_dir(Settings()), Settings(home=folder, workers=2, log_level="warning")

    def content() -> Iterator[ox.Quad]:
        yield from compile_sources(ontology, data_dir(Settings()), base=DEFAULT_BASE).quads
        yield from ox.parse(path=graph, format=ox.RdfFormat.N_QUADS, lenient=True)

    store = open_store(
        settings, content=content, prefixes=prefixes(DEFAULT_BASE), directory=folder / "store", progress=lambda *_: None
    )
    async with store:
        index = open_index(store, folder / "index.sqlite", settings)
        changes = Changes(store, gate_maker(ontology, DEFAULT_BASE), base=DEFAULT_BASE)
        keys, forms = Keys(folder), Forms(read_ontology(ontology, base=DEFAULT_BASE))
        token = keys.new("bench", "write")
        context = Context(settings, store, index, None, {}, {}, changes, keys, forms)
        transport = httpx.ASGITransport(create_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=600) as http:

            async def send(request: Request) -> None:
                headers = request.headers(token)
                answer = await http.request(request.method, request.path, content=request.body, headers=headers)
                assert answer.status_code < 300, answer.text

            rows = [
                await _cost_of_protocol(changes, name, writer, make, send, count)
                for writer, (name, make) in enumerate(PROTOCOLS.items())
            ]
        for close in context.closing:
            await close()
        changes.close()
        index.close()
        return f"a change of {GROUP} entities at {store.status().quads:,} quads, ms of processor time:\n" + "\n".join(
            rows
        )


async def _cost_of_protocol(
    changes: Changes,
    name: str,
    writer: int,
    make: Callable[[int, int], Request],
    send: Callable[[Request], Awaitable[None]],
    count: int,
) -> str:
    for value in range(3):  # what is compiled and cached once is no part of a change
        await send(make(writer, value))
    judged: list[float] = []
    judge = changes._judge

    def watched(change: object) -> object:
        started = time.thread_time()
        try:
            return judge(change)  # type: ignore[arg-type]
        finally:
            judged.append(time.thread_time() - started)

    changes._judge = watched  # type: ignore[assignment, method-assign]
    own, started, clock = time.process_time(), cpu_s(os.getpid()), time.perf_counter()
    for value in range(3, 3 + count):
        await send(make(writer, value))
    elapsed, whole, service = time.perf_counter() - clock, cpu_s(os.getpid()) - started, time.process_time() - own
    del changes._judge
    gate = sum(judged) / count
    return (
        f"  {name:20} gate {gate * 1e3:6.1f}   service {service / count * 1e3:6.1f}   "
        f"all processes {whole / count * 1e3:6.1f}   (elapsed {elapsed / count * 1e3:.1f})"
    )


# --- writers and readers at the same time ---


@dataclass
class _Run:
    """What the threads of one run share."""

    url: str
    token: str
    ends: float
    acknowledged: int = 0
    written: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    groups: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self) -> bool:
        return time.monotonic() >= self.ends


def writers_and_readers(url: str, token: str, *, writers: int, readers: int, seconds: float) -> str:
    """Let writers and readers at a service (its root) for a time; raises AssertionError at half a change."""
    run = _Run(url, token, time.monotonic() + seconds)
    started = time.monotonic()
    with ThreadPoolExecutor(writers + readers) as threads:
        work = [threads.submit(_write, run, number) for number in range(writers)]
        work += [threads.submit(_read, run, number) for number in range(readers)]
        for future in work:
            future.result()
    elapsed = time.monotonic() - started
    assert run.acknowledged >= len(run.written)
    checked = ", ".join(f"{count} by {path}" for path, count in sorted(run.groups.items()))
    return (
        f"{writers} writers and {readers} readers for {elapsed:.0f} s: "
        f"{len(run.written)} changes of {GROUP} entities ({len(run.written) / elapsed:.1f} a second; {_times(run.written)}), "
        f"{len(run.read)} reads of {len(run.seen)} versions ({len(run.read) / elapsed:.1f} a second; {_times(run.read)}); "
        f"every one was of a whole version (writers' entities looked at: {checked}), "
        "none older than what was acknowledged before it was asked for"
    )


def _times(values: list[float]) -> str:
    return ", ".join(f"p{part * 100:.0f} {percentile(values, part) * 1e3:.0f} ms" for part in (0.5, 0.95, 0.99))


def _write(run: _Run, writer: int) -> None:
    make = list(PROTOCOLS.values())[writer % len(PROTOCOLS)]
    connection = _connect(run.url)
    for value in range(10**9):
        if run.over():
            break
        request, started = make(writer, value), time.perf_counter()
        answer, body = _ask(connection, request.method, request.path, request.body, request.headers(run.token))
        assert answer.status < 300, body
        version = int(answer.getheader("marsad-version") or 0)
        with run.lock:
            run.written.append(time.perf_counter() - started)
            run.acknowledged = max(run.acknowledged, version)
    connection.close()


_SEEN = f"""SELECT ?entity ?name {{
  ?entity a <{DEFAULT_BASE}ns#Person> ; <{_LABEL}> ?name FILTER(STRSTARTS(STR(?entity), "{DEFAULT_BASE}id/bench-")) }}"""
# Over a worker, over a worker as a dump, and over the index; each answer is of one version.
_READS = (
    (f"/sparql?query={quote(_SEEN)}", "text/tab-separated-values"),
    (f"/graphs?graph={_ENTITIES}", "application/n-triples"),
    ("/api/v1/actors?q=benchmark&limit=200", "application/json"),
)


def _read(run: _Run, reader: int) -> None:
    path, accept = _READS[reader % len(_READS)]
    connection, last = _connect(run.url), 0
    while not run.over():
        acknowledged, started = run.acknowledged, time.perf_counter()
        answer, body = _ask(connection, "GET", path, None, {"Accept": accept})
        took = time.perf_counter() - started
        assert answer.status == 200, body
        groups = _check_whole(body)
        version = _version(answer)
        assert version >= max(acknowledged, last), f"{path}: {version} after {acknowledged} and {last}"
        last = version
        with run.lock:
            run.read.append(took)
            run.seen.add(version)
            run.groups[path.partition("?")[0]] += groups
    connection.close()


def _check_whole(body: str) -> int:
    """How many writers' entities an answer has; each writer's must be there all, with one name."""
    groups: dict[str, list[str]] = {}
    for writer, value in _NAME.findall(body):
        groups.setdefault(writer, []).append(value)
    for writer, values in groups.items():
        assert len(values) == GROUP, f"{len(values)} entities of writer {writer}"
        assert len(set(values)) == 1, f"writer {writer} at {sorted(set(values))}"
    return len(groups)


def _version(answer: HTTPResponse) -> int:
    found = re.match(r'(?:W/)?"[^"-]*-(\d+)', answer.getheader("etag") or "")
    assert found is not None, answer.getheader("etag")
    return int(found[1])


def _connect(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return HTTPConnection(parts.hostname, parts.port, timeout=120)


def _ask(
    connection: HTTPConnection, method: str, path: str, body: str | None, headers: dict[str, str]
) -> tuple[HTTPResponse, str]:
    connection.request(method, path, None if body is None else body.encode(), headers)
    answer = connection.getresponse()
    return answer, answer.read().decode()
