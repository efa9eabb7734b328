"""`marsad serve --dataset`: any RDF behind the same endpoint, without the project's prefixes and without its graph."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.graph_store import create_graph_store_app
from service.api.health import create_health_app
from service.api.http import OPEN, local_path, respond, respond_problem
from service.api.problems import problem_of
from service.api.server import listening_socket, serve
from service.api.sparql import create_sparql_app
from service.errors import ConfigurationError, NotFound
from service.settings import Settings
from service.store.base import Store
from service.store.embedded import open_store, rdf_files

Progress = Callable[[str, str, float], None]

_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>SPARQL endpoint</title>
<h1>SPARQL endpoint</h1>
<form action="sparql"><p><textarea name="query" rows="12" cols="90">SELECT * WHERE { ?s ?p ?o } LIMIT 20</textarea></p>
<p><select name="format"><option>csv<option>json<option>xml<option>tsv<option>ttl</select> <button>Run</button></p></form>
"""
_PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"vary", b"Accept"),
    (b"cache-control", b"no-cache"),
    *OPEN,
]


def create_dataset_app(
    store: Store, settings: Settings, *, writable: bool = False, prefixes: Mapping[str, str] | None = None
) -> ASGIApp:
    """`/sparql`, `/graphs`, `/queries/…` and the health answers over an open store.

    `prefixes`, if any, are those that the store was opened with.
    """
    sparql = create_sparql_app(store, settings, prefixes, writable=writable, editor=_show_page)
    graphs = create_graph_store_app(store, settings, writable=writable)
    health = create_health_app(store)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        path = local_path(scope)
        if path in ("/sparql", "/sparql/") or path.startswith("/queries/"):
            await sparql(scope, receive, send)
        elif path == "/graphs" or path.startswith("/graphs/"):
            await graphs(scope, receive, send)
        elif path in ("/healthz", "/readyz", "/metrics"):
            await health(scope, receive, send)
        elif path == "/":
            await _show_page(scope, receive, send)
        else:
            await respond_problem(send, problem_of(NotFound(f"there is nothing at {path}; the endpoint is /sparql")))

    return dispatch


async def _show_page(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, _PAGE_HEADERS, _PAGE, with_body=scope["method"] != "HEAD")


async def serve_dataset(settings: Settings, paths: Sequence[Path], *, writable: bool, progress: Progress) -> int:
    """Serve RDF files (or folders of them) until a signal ends it; the exit code is 0.

    The default graph is the unnamed one unless MARSAD_DEFAULT_GRAPH says otherwise in the environment. Changes of a
    `writable` dataset live as long as the process.

    Raises ConfigurationError: a file is missing or not RDF by its suffix; `writable` on an address that others reach.
    Raises MalformedRdf: a file cannot be parsed.
    """
    if writable and not _is_loopback(settings.host):
        raise ConfigurationError(
            f"--writable takes changes from anybody who reaches it, so only on loopback; not on {settings.host}"
        )
    files = rdf_files(paths)
    with listening_socket(settings) as listener:
        store = open_store(settings, files=files, writable=writable, progress=progress)
        async with store:
            await serve(create_dataset_app(store, settings, writable=writable), listener, settings)
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
