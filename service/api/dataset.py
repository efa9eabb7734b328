"""The application over any RDF: `/sparql`, `/graphs`, `/queries/…`, the health answers and a page to ask from."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.cache import AnswerCache
from service.api.graph_store import create_graph_store_app
from service.api.health import create_health_app
from service.api.http import OPEN, local_path, respond, respond_problem
from service.api.problems import problem_of
from service.api.sparql import create_sparql_app
from service.errors import NotFound
from service.settings import Settings
from service.store.base import Store

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
    cache = AnswerCache.of(settings)
    sparql = create_sparql_app(store, settings, prefixes, cache=cache, writable=writable, editor=_show_page)
    graphs = create_graph_store_app(store, settings, writable=writable)
    health = create_health_app(store, cache)

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
