"""What writing costs: the processor time of a change of ten entities, and writers and readers at the same time.

A writer changes the names of ten entities of its own in one change, again and again, over all protocols. A reader that
ever sees two names of one writer's entities has seen half a change: that ends the run with an AssertionError, and so
does an answer of a version before one that was acknowledged when the reader asked.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from itertools import islice
from pathlib import Path
from urllib.parse import quote, urlsplit

from service.graph.keys import Keys
from service.rdf.iris import DEFAULT_BASE
from tests.benchmarks.rounds import percentile

# Entities that a change touches, as part 5 of the project has it.
GROUP = 10
# Changes before anything is measured: what is compiled and cached once is no part of a change.
_WARM_UP = 3
# Seconds in which a process that works uses more than the hundredth that the kernel counts in.
_REST_S = 0.5
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


def _own_and_ended_s(process: int) -> tuple[float, float]:
    """Processor seconds that a process has used, and those of its children that have ended and were waited for."""
    # utime, stime, cutime and cstime: fields 14 to 17, after the name, which may hold anything.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]
    own, system, ended, ended_system = (int(field) * _TICK_S for field in fields)
    return own + system, ended + ended_system


def _replicas_and_workers_s(service: int) -> tuple[float, float]:
    """Processor seconds of the processes that hold the graph or read texts, and of those that they forked."""
    own = workers = 0.0
    for replica in _children(service):
        spent, ended = _own_and_ended_s(replica)  # what ended below it is what its workers took
        own += spent
        workers += ended + sum(sum(_own_and_ended_s(worker)) for worker in _children(replica))
    return own, workers


def _wait_for_rest(service: int) -> None:
    """Return when the processes below the service do nothing: after the first change they join their pages, once."""
    before = -1.0
    while (now := sum(_replicas_and_workers_s(service))) != before:
        before = now
        time.sleep(_REST_S)


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return found


# --- what a change costs ---


def cost_of_changes(graph: Path, folder: Path, count: int) -> str:
    """The processor time of a change of ten entities by each protocol, of each process of the service."""
    folder.mkdir()
    token = Keys(folder).new("bench", "write")
    command = [sys.executable, "-m", "tests.benchmarks.gated", str(graph), str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        try:
            connection = _connect(_address(service))
            rows = []
            for writer, (name, make) in enumerate(PROTOCOLS.items()):
                requests = (make(writer, value) for value in range(_WARM_UP + count))
                rows.append(f"  {name:20} {_cost_of_protocol(service.pid, connection, requests, token, count)}")
            _, metrics = _ask(connection, "GET", "/metrics", None, {})
            connection.close()
        finally:
            service.terminate()
    quads = int(re.search(r"^marsad_quads (\d+)", metrics, re.M).group(1))  # type: ignore[union-attr]
    return f"a change of {GROUP} entities at {quads:,} quads, ms of processor time:\n" + "\n".join(rows)


def _address(service: subprocess.Popen[str]) -> str:
    assert service.stderr is not None
    said = []
    for line in service.stderr:
        if found := re.search(r"http://\S+", line):
            return found[0]
        said.append(line)
    raise RuntimeError(f"the service ended: {''.join(said)[-500:]}")


def _cost_of_protocol(
    service: int, connection: HTTPConnection, requests: Iterator[Request], token: str, count: int
) -> str:
    def send(request: Request) -> None:
        answer, body = _ask(connection, request.method, request.path, request.body, request.headers(token))
        assert answer.status < 300, body

    def spent() -> tuple[float, ...]:
        _, gate = _ask(connection, "GET", "/bench/gate", None, {})
        own, workers = _replicas_and_workers_s(service)
        return float(gate), _own_and_ended_s(service)[0], own, workers, time.perf_counter()

    for request in islice(requests, _WARM_UP):
        send(request)
    _wait_for_rest(service)
    before = spent()
    for request in requests:
        send(request)
    gate, own, replica, workers, elapsed = ((b - a) / count * 1e3 for a, b in zip(before, spent(), strict=True))
    return (
        f"gate {gate:5.1f}   service {own:5.1f}   replicas {replica:5.1f}   workers {workers:5.1f}   "
        f"all {own + replica + workers:5.1f}   (elapsed {elapsed:.1f})"
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
