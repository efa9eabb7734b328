"""`/graphs`: the SPARQL 1.1 Graph Store HTTP Protocol, changes applied straight to the store.

`?default` and `?graph=IRI` name a graph indirectly; a path below `/graphs/` names the graph of that URL.
"""

import email.parser
import email.policy
import re
import secrets
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.connection import Exchange
from service.api.http import (
    OPEN,
    Body,
    Headers,
    header,
    local_path,
    own_url,
    parameters,
    preflight,
    respond,
    respond_problem,
)
from service.api.negotiation import accepts_gzip, choose
from service.api.problems import MethodNotAllowed, UnsupportedMediaType, problem_of
from service.api.sparql import matches_etag, refuse_cross_site, tell_parameters
from service.errors import AnswerCut, BadRequest, NotFound, ReadOnly, UnknownGraph
from service.rdf.formats import RDF_FORMATS, RdfFormat, by_name
from service.settings import Settings
from service.store.base import Export, Store, Upload

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]*")
# What names one graph's triples and nothing else, the preferred first.
_OFFERS = [row.media_type for row in RDF_FORMATS]
_READABLE = {media_type: row.name for row in RDF_FORMATS for media_type in (row.media_type, *row.alternatives)}


def create_graph_store_app(store: Store, settings: Settings, *, writable: bool) -> ASGIApp:
    """The application for `/graphs` and below."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        body = Body(scope, receive) if method not in ("GET", "HEAD", "OPTIONS") else None
        try:
            if method == "OPTIONS":
                await respond(
                    send,
                    204,
                    preflight(METHODS, "Accept, Authorization, Content-Type, If-Match, If-None-Match, Marsad-Message"),
                )
            elif method in ("GET", "HEAD"):
                await _read(store, scope, send)
            elif body is not None and method in METHODS:
                if not writable:
                    raise ReadOnly("the graphs of this service are not changed here")
                refuse_cross_site(scope)
                tell_parameters(scope, parameters(scope["query_string"].decode("latin-1")))
                await _write(store, settings, scope, body, send)
            else:
                raise MethodNotAllowed(METHODS)
        except Exception as error:  # noqa: BLE001 - the last one who can answer; anything unforeseen is a 500 in the log
            problem = problem_of(NotFound(str(error)) if isinstance(error, UnknownGraph) else error)
            close = body is not None and not await body.discard()
            accept = header(scope, b"accept")
            await respond_problem(send, problem, accept=accept, with_body=method != "HEAD", close=close)

    return answer


def _graph_of(scope: Scope) -> str | None:
    """The graph that the request names ("" is the unnamed one); None if it names none."""
    pairs = parameters(scope["query_string"].decode("latin-1"))
    names = [(name, value) for name, value in pairs if name in ("default", "graph")]
    if len(names) > 1:
        raise BadRequest("a request names one graph: either `default` or one `graph`")
    if not names:
        below = local_path(scope).removeprefix("/graphs").strip("/")
        return own_url(scope) if below else None
    name, value = names[0]
    if name == "default":
        return ""
    if not _ABSOLUTE.fullmatch(value):
        raise BadRequest(f"`graph` takes an absolute IRI, not {value!r}")
    return value


async def _read(store: Store, scope: Scope, send: Send) -> None:
    graph = _graph_of(scope)
    if graph is None:
        raise BadRequest("name a graph: /graphs?default or /graphs?graph=IRI")
    row = by_name(RDF_FORMATS, choose(header(scope, b"accept"), _OFFERS)) or RDF_FORMATS[0]
    gzip = accepts_gzip(header(scope, b"accept-encoding"))
    headers: Headers = [
        (b"content-type", row.content_type.encode()),
        (b"vary", b"Accept, Accept-Encoding"),
        (b"cache-control", b"no-cache"),
        *OPEN,
    ]
    known, present = header(scope, b"if-none-match"), _etag(store, store.version, row)
    if known is not None and (graph == "" or graph in store.graph_names()) and matches_etag(known, present):
        await respond(send, 304, [*headers, (b"etag", present.encode())])
        return
    answer = await store.query(Export(graph, row.name, gzip))
    headers.append((b"etag", _etag(store, answer.version, row).encode()))
    if answer.gzipped:
        headers.append((b"content-encoding", b"gzip"))
    if answer.whole is not None:
        await respond(send, 200, headers, answer.whole, with_body=scope["method"] != "HEAD")
        return
    exchange = Exchange.of(scope)
    until_close = exchange is not None and scope["http_version"] == "1.0"
    if exchange is not None and until_close:
        exchange.answer_until_close()
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        if scope["method"] != "HEAD":
            async for chunk in answer.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except AnswerCut:
        if exchange is None:
            raise
        exchange.cut()
        return
    finally:
        await answer.close()
    if exchange is not None and until_close:
        exchange.end_answer()
    await send({"type": "http.response.body", "body": b""})


def _etag(store: Store, version: int, row: RdfFormat) -> str:
    """Weak: the order of the triples is not promised across restarts."""
    return f'W/"{store.id}-{version}-{row.suffix}"'


async def _write(store: Store, settings: Settings, scope: Scope, incoming: Body, send: Send) -> None:
    method, graph = scope["method"], _graph_of(scope)
    headers: Headers = list(OPEN)
    if graph is None:
        if method != "POST":
            raise BadRequest("name a graph: /graphs?default or /graphs?graph=IRI")
        graph = f"{own_url(scope).rstrip('/')}/{secrets.token_hex(8)}"
        headers.append((b"location", graph.encode()))
    exists = graph == "" or graph in store.graph_names()
    if method == "DELETE":
        if not exists:
            raise NotFound(f"there is no graph <{graph}>")
        await store.change(Upload(graph, "remove"))
        await respond(send, 204, headers)
        return
    body = await incoming.read(settings.max_body_bytes)
    parts = tuple(_parts(header(scope, b"content-type") or "", body))
    how: Literal["replace", "add"] = "replace" if method == "PUT" else "add"
    await store.change(Upload(graph, how, parts, base_iri=graph or own_url(scope)))
    await respond(send, 204 if exists else 201, headers)


def _parts(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """(name of the format, document) of a body: one, or those of a form with files."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        return [(_format_of(media_type), body)] if body.strip() or media_type else []
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise BadRequest("the body is not the multipart/form-data it is said to be")
    found = []
    for part in message.iter_parts():
        data = part.get_payload(decode=True)
        name = by_name(RDF_FORMATS, (part.get_filename() or "").rpartition(".")[2])
        declared = part.get_content_type()
        format_name = _READABLE.get(declared) or (name.name if name else None) or _format_of(declared)
        found.append((format_name, data if isinstance(data, bytes) else b""))
    return found


def _format_of(media_type: str) -> str:
    if media_type not in _READABLE:
        raise UnsupportedMediaType(f"the body should be one of {', '.join(_OFFERS)}; not {media_type or 'of no type'}")
    return _READABLE[media_type]
