"""`/healthz`, `/readyz`, `/metrics`: answered by the event loop alone, whatever the workers do."""

import json
import resource
import time
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.cache import AnswerCache
from service.api.http import OPEN, Headers, local_path, preflight, respond, respond_problem
from service.api.problems import MethodNotAllowed, problem_of
from service.errors import NotFound
from service.store.base import Status, Store

_METHODS = ("GET", "HEAD", "OPTIONS")


def create_health_app(store: Store, cache: AnswerCache) -> ASGIApp:
    """The application for the three paths; `cache` has the answers to queries of the store."""
    started = time.monotonic()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path, method = local_path(scope), scope["method"]
        if method == "OPTIONS":
            await respond(send, 204, preflight(_METHODS, "Accept"))
            return
        if method not in _METHODS:
            await respond_problem(send, problem_of(MethodNotAllowed(_METHODS)), close=True)
            return
        status, media_type, body = 200, b"application/json", b""
        if path == "/healthz":
            body = b'{"status":"alive"}\n'
        elif path == "/readyz":
            state = store.status()
            status = 200 if state.ready else 503
            body = json.dumps({"status": "ready" if state.ready else "not ready", "version": state.version}).encode()
        elif path == "/metrics":
            media_type = b"text/plain; version=0.0.4; charset=utf-8"
            body = _metrics(store.status(), cache, time.monotonic() - started).encode()
        else:
            await respond_problem(send, problem_of(NotFound(f"there is nothing at {path}")))
            return
        headers: Headers = [(b"content-type", media_type), (b"cache-control", b"no-store"), *OPEN]
        await respond(send, status, headers, body, with_body=method != "HEAD")

    return answer


def _metrics(state: Status, cache: AnswerCache, uptime_s: float) -> str:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    resident = int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
    gauges = [
        ("marsad_ready", "1 when queries are answered", int(state.ready)),
        ("marsad_graph_version", "changes since the store was made", state.version),
        ("marsad_quads", "quads in the graph", state.quads),
        ("marsad_workers", "worker processes", state.workers),
        ("marsad_workers_busy", "worker processes with a query", state.busy),
        ("marsad_queries_waiting", "queries that wait for a worker", state.waiting),
        ("marsad_cache_bytes", "memory of kept answers", cache.bytes),
        ("marsad_cache_file_bytes", "kept answers in files without names, which no listing shows", cache.file_bytes),
        ("marsad_uptime_seconds", "seconds since the start", round(uptime_s, 1)),
        ("process_resident_memory_bytes", "memory of the service without its workers", resident),
    ]
    lines = []
    for name, about, value in gauges:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value}"]
    lines += ["# HELP process_cpu_seconds_total processor time", "# TYPE process_cpu_seconds_total counter"]
    lines.append(f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.2f}")
    lines += ["# HELP marsad_queries_total queries by what became of them", "# TYPE marsad_queries_total counter"]
    lines += [f'marsad_queries_total{{outcome="{name}"}} {count}' for name, count in sorted(state.counts.items())]
    return "\n".join(lines) + "\n"
