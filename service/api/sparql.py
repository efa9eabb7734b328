"""`/sparql` and `/queries/{id}`: the SPARQL 1.1 Protocol, as plain ASGI.

A request is read once (`_prepare`): text, dataset, format. What was made of the last requests is kept, and so are the
last answers; neither saves a client from a change of the graph.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.cache import BEGINNING_BYTES, PART_BYTES, AnswerCache, Collector, Kept, Rest
from service.api.connection import Asker, Connection, Exchange
from service.api.description import describe_service
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
from service.api.negotiation import NotAcceptable, accepts_gzip, choose
from service.api.problems import CrossSite, MethodNotAllowed, UnsupportedMediaType, problem_of
from service.api.recent import Recent
from service.errors import AnswerCut, BadRequest, MarsadError, NotFound, QuerySyntaxError, ReadOnly
from service.graph.query import Bounds, located, plan_update, read_query, require_query
from service.rdf.formats import RDF_FORMATS, RESULTS_FORMATS, RdfFormat, ResultsFormat, by_name
from service.settings import Settings
from service.store.base import Answer, Query, Store
from service.store.plain import Asked, Kind, Room
from service.store.query_ids import new_query_id

METHODS = ("GET", "HEAD", "POST", "QUERY", "OPTIONS")
_REQUEST_HEADERS = "Accept, Authorization, Content-Type, If-Match, If-None-Match, Marsad-Message, Marsad-Query-Id"
_KNOWN_PARAMETERS = {
    "query",
    "update",
    "default-graph-uri",
    "named-graph-uri",
    "using-graph-uri",
    "using-named-graph-uri",
    "timeout",
    "format",
    "output",
}
_FORM, _QUERY_TYPE, _UPDATE_TYPE = (
    "application/x-www-form-urlencoded",
    "application/sparql-query",
    "application/sparql-update",
)
# Requests whose reading is kept, and the size up to which one is worth it: 1024 of 8 KiB are 8 MiB.
_RECENT_REQUESTS, _RECENT_BYTES = 1024, 8 * 2**10
# 4 MiB: reading takes 100 bytes of memory for each byte. What is larger goes through the Graph Store Protocol.
_MAX_UPDATE_BYTES = 4 * 2**20
# With so many answers in a row that the cache had not, a connection is one on which nothing comes twice.
_BEFORE_LOAN = 3
# Seconds without a byte taken by the client after which it is given up.
_SEND_PAUSE_S = 30.0
# A fast query is over before anybody needs to watch for its client's going away.
_WATCH_AFTER_S = 0.02
_LOOPBACK_HOST = re.compile(r"((localhost|127\.0\.0\.1|\[::1\])(:\d+)?)?", re.IGNORECASE)
_QUERY_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MAX_IGNORED_SHOWN, _MAX_IGNORED_CHARACTERS = 20, 100
_HTML = "text/html"


@dataclass(slots=True)
class _Prepared:
    """A request that has been read: the query, how to answer, and what to look it up by."""

    query: Query
    # The answer may differ each time.
    volatile: bool
    content_type: bytes
    deadline_s: float | None
    ignored: tuple[str, ...]
    endpoint: "SparqlEndpoint"
    key: bytes = field(init=False)
    headers: Headers = field(init=False)
    answer_head: bytes = field(init=False)
    # The status line and all headers that are the same for every answer of one version, and that version.
    tagged: tuple[int, bytes] = field(default=(-1, b""), init=False)
    # See `connection.KnownRequest`.
    kind: Kind | None = field(default=None, init=False)
    # The answer is too long for memory: if it is asked for again, it is kept in a file.
    long: bool = field(default=False, init=False)
    # The answer is too long for the cache.
    too_long: bool = field(default=False, init=False)

    def tagged_head(self, version: int) -> bytes:
        """The status line and the headers of an answer of this version, but those that differ from answer to answer."""
        if self.tagged[0] != version:
            etag = self.endpoint.etag(self, version).encode()
            self.tagged = (version, b"%setag: %s\r\n" % (self.answer_head, etag))
        return self.tagged[1]

    def shortcut(self) -> "_Shortcut":
        """See `connection.KnownRequest`."""
        return _Shortcut(self.endpoint, self)

    def like(self, asked: Asked) -> "_Prepared | None":
        """See `connection.KnownRequest`."""
        if not self.room.holds(asked.text, asked.read):
            return None
        twin = copy(self)
        twin.query = self.query.with_text(asked.text)
        twin.key, twin.kind, twin.tagged = twin.query.digest, asked.kind, (-1, b"")
        twin.long = twin.too_long = False
        return twin

    @property
    def room(self) -> Room:
        """See `store.base.Repeated`."""
        return self.endpoint.room

    def etag_start(self, version: int) -> bytes:
        """See `store.base.Repeated`."""
        return self.endpoint.etag_start(version).encode()

    def __post_init__(self) -> None:
        self.key = self.query.digest
        self.headers = [
            (b"content-type", self.content_type),
            (b"vary", b"Accept, Accept-Encoding"),
            *OPEN,
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store" if self.volatile else b"no-cache"),
        ]
        if self.ignored:
            self.headers.append((b"marsad-ignored-parameters", ", ".join(self.ignored).encode()))
        self.answer_head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%s: %s\r\n" % pair for pair in self.headers)


def create_sparql_app(
    store: Store,
    settings: Settings,
    prefixes: Mapping[str, str] | None = None,
    *,
    cache: AnswerCache,
    writable: bool = False,
    strict: bool | None = None,
    editor: ASGIApp | None = None,
) -> ASGIApp:
    """The application for `/sparql` and `/queries/…`.

    `prefixes` need no declaration in a query (give the same to the store). `cache` is for its answers alone.
    `writable` takes updates and applies them straight to the store. `strict` (default: where nothing is written)
    refuses a FROM whose graph is not there. `editor` answers a GET without a query by a client that wants HTML.
    """
    strict = not writable if strict is None else strict
    known = prefixes or {}
    return SparqlEndpoint(store, settings, known, cache=cache, writable=writable, strict=strict, editor=editor)


class SparqlEndpoint:
    """See `create_sparql_app`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        prefixes: Mapping[str, str],
        *,
        cache: AnswerCache,
        writable: bool,
        strict: bool,
        editor: ASGIApp | None,
    ) -> None:
        self.store, self._settings = store, settings
        self._known = dict(prefixes)
        self._writable, self._strict, self._editor = writable, strict, editor
        self._bounds = Bounds(settings.max_query_bytes, settings.max_nesting, settings.max_chain)
        self._update_bounds = Bounds(
            min(settings.max_body_bytes, _MAX_UPDATE_BYTES),
            settings.max_nesting,
            settings.max_chain,
            settings.max_tokens,
            "MARSAD_MAX_BODY_BYTES",
        )
        # A query in a form may have three bytes for each of its own, and a dataset beside it.
        self._max_body_bytes, self._body_setting = 4 * settings.max_query_bytes, "MARSAD_MAX_QUERY_BYTES"
        if writable or settings.max_body_bytes < self._max_body_bytes:
            self._max_body_bytes, self._body_setting = settings.max_body_bytes, "MARSAD_MAX_BODY_BYTES"
        self.room = Room(settings.max_query_bytes, settings.max_nesting, settings.max_chain)
        self.cache = cache
        self._recent: Recent[_Prepared] = Recent(_RECENT_REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        body = Body(scope, receive) if method not in ("GET", "HEAD", "OPTIONS") else None
        try:
            path = local_path(scope)
            if path.startswith("/queries/"):
                await self._cancel(scope, path.removeprefix("/queries/"), send)
            elif method in ("GET", "HEAD"):
                await self._get(scope, receive, send)
            elif body is not None and method in ("POST", "QUERY"):
                await self._post(scope, receive, send, body)
            elif method == "OPTIONS":
                await respond(send, 204, preflight(METHODS, _REQUEST_HEADERS))
            else:
                raise MethodNotAllowed(METHODS)
        except Exception as error:  # noqa: BLE001 - the last one who can answer; anything unforeseen is a 500 in the log
            problem = problem_of(error)
            close = body is not None and not await body.discard()
            accept = header(scope, b"accept")
            await respond_problem(send, problem, accept=accept, with_body=method != "HEAD", close=close)

    # --- reading a request ---

    async def _get(self, scope: Scope, receive: Receive, send: Send) -> None:
        query_string: bytes = scope["query_string"]
        if not query_string:
            await self._describe(scope, receive, send)
            return
        accept, encoding, others = _negotiated_headers(scope)
        key = (query_string, accept, encoding, others.get(b"host"))
        prepared = self._recent.get(key)
        if prepared is None:
            pairs = parameters(query_string.decode("latin-1"))
            names = {name for name, _ in pairs}
            if "query" not in names and "update" not in names:
                await self._describe(scope, receive, send)
                return
            if "update" in names:
                raise BadRequest("an update is sent by POST, not by GET")
            prepared = await self._read(key, scope, pairs, accept, encoding)
        await self._answer(scope, receive, send, prepared, others)
        if scope["method"] == "GET":
            self._remember(scope, prepared)

    async def _post(self, scope: Scope, receive: Receive, send: Send, incoming: Body) -> None:
        accept, encoding, others = _negotiated_headers(scope)
        content_type = others.get(b"content-type", "")
        body = await incoming.read(self._max_body_bytes, setting=self._body_setting)
        query_string: bytes = scope["query_string"]
        key = (query_string, accept, encoding, others.get(b"host"), content_type, body)
        prepared = self._recent.get(key) if len(body) < _RECENT_BYTES else None
        if prepared is None:
            if len(body) < _RECENT_BYTES:
                pairs = _pairs_of(scope["method"], content_type, query_string, body)
            else:  # 64 MiB take seconds
                pairs = await asyncio.to_thread(_pairs_of, scope["method"], content_type, query_string, body)
            if any(name == "update" for name, _ in pairs):
                await self._update(scope, send, pairs)
                return
            prepared = await self._read(key, scope, pairs, accept, encoding)
        await self._answer(scope, receive, send, prepared, others)
        self._remember(scope, prepared)

    def _remember(self, scope: Scope, prepared: _Prepared) -> None:
        exchange = Exchange.of(scope)
        if exchange is not None and not prepared.volatile:
            exchange.remember(scope, prepared)

    async def _read(
        self,
        key: tuple[str | bytes | None, ...],
        scope: Scope,
        pairs: Sequence[tuple[str, str]],
        accept: str | None,
        encoding: str | None,
    ) -> _Prepared:
        if (
            sum(len(part) for part in key if part) >= _RECENT_BYTES
        ):  # 64 KiB take up to half a second, and others are waiting
            return await asyncio.to_thread(self._prepare, scope, pairs, accept, encoding)
        prepared = self._prepare(scope, pairs, accept, encoding)
        self._recent.put(key, prepared)
        return prepared

    def _prepare(
        self, scope: Scope, pairs: Sequence[tuple[str, str]], accept: str | None, encoding: str | None
    ) -> _Prepared:
        text = _only(pairs, "query")
        if text is None:
            raise BadRequest("there is no parameter `query`")
        base = own_url(scope)
        reading = read_query(text, self._bounds, known=self._known, base=base)
        if reading.form == "UPDATE":
            raise BadRequest("this is an update: send it by POST as `update` or as application/sparql-update")
        require_query(reading)
        chosen, content_type = _format_for(reading.form, accept, _only(pairs, "format") or _only(pairs, "output"))
        defaults, named = _iris(pairs, "default-graph-uri"), _iris(pairs, "named-graph-uri")
        by_protocol = bool(defaults or named)
        union = self._settings.default_graph == "union" and not by_protocol and not reading.names_dataset
        query = Query(
            reading.text,
            results=chosen.name if isinstance(chosen, ResultsFormat) else "json",
            graph=chosen.name if isinstance(chosen, RdfFormat) else "turtle",
            union=union,
            default_graphs=defaults if by_protocol else None,
            named_graphs=named if by_protocol else None,
            # Where graphs come and go by updates, one that is not there is an empty one.
            from_graphs=() if by_protocol or not self._strict else reading.dataset,
            strict=self._strict,
            base_iri=base if reading.relative else None,
            known_prefixes=bool(self._known),
            gzip=accepts_gzip(encoding),
        )
        unknown = dict.fromkeys(
            quote(name, safe="")[:_MAX_IGNORED_CHARACTERS] for name, _ in pairs if name not in _KNOWN_PARAMETERS
        )
        return _Prepared(
            query=query,
            volatile=reading.volatile,
            content_type=content_type.encode(),
            deadline_s=_timeout(_only(pairs, "timeout")),
            endpoint=self,
            ignored=tuple(unknown)[:_MAX_IGNORED_SHOWN],
        )

    # --- answering ---

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, prepared: _Prepared, others: dict[bytes, str]
    ) -> None:
        exchange = Exchange.of(scope)
        begun = exchange.take_begun() if exchange is not None else None
        store, version = self.store, self.store.version
        volatile, with_body = prepared.volatile, scope["method"] != "HEAD"
        if not volatile and begun is None:
            known = others.get(b"if-none-match")
            if known is not None and matches_etag(known, etag := self.etag(prepared, version)):
                await respond(send, 304, [*prepared.headers, (b"etag", etag.encode())])
                return
            cached = self.cache.get(prepared.key, version)
            if cached is not None:
                headers = self._headers(prepared, version, gzipped=cached.gzipped)
                await self._send_whole(scope, send, prepared, headers, cached)
                return
        query_id = begun.query_id if begun is not None else others.get(b"marsad-query-id") or new_query_id()
        if not _QUERY_ID.fullmatch(query_id):
            raise BadRequest("Marsad-Query-Id is 8 to 64 letters, digits, - and _")
        watch = _Watch(receive, store, query_id)
        try:
            if begun is not None:
                answer = begun.begun()
            else:
                answer = await store.query(prepared.query, deadline_s=prepared.deadline_s, query_id=query_id)
            headers = self._headers(prepared, answer.version, gzipped=answer.gzipped)
            headers.append((b"marsad-query-id", query_id.encode()))
            if answer.whole is not None:
                whole = Kept(answer.whole, answer.gzipped)
                if not volatile:
                    self.cache.put(prepared.key, answer.version, whole)
                await self._send_whole(scope, send, prepared, headers, whole)
            elif with_body:
                await self._stream(scope, send, prepared, answer, prepared.headers + headers)
            else:
                await answer.close()
                await send({"type": "http.response.start", "status": 200, "headers": prepared.headers + headers})
                await send({"type": "http.response.body", "body": b""})
        except QuerySyntaxError as error:
            raise await asyncio.to_thread(self._located, error, prepared) from error
        finally:
            watch.end()

    def _located(self, error: QuerySyntaxError, prepared: _Prepared) -> QuerySyntaxError:
        text, base = prepared.query.text, prepared.query.base_iri
        return located(error, read_query(text, self._bounds, known=self._known, base=base))

    async def _stream(self, scope: Scope, send: Send, prepared: _Prepared, answer: Answer, headers: Headers) -> None:
        exchange = Exchange.of(scope)
        until_close = exchange is not None and scope["http_version"] == "1.0"
        if exchange is not None and until_close:
            exchange.answer_until_close()
        collector = None if prepared.volatile or answer.head_sent else Collector(self.cache, in_file=prepared.long)
        parts = answer.chunks() if collector is None else collector.through(answer.chunks())
        answer.on_cut = exchange.cut if exchange is not None else None
        try:
            if not answer.head_sent:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
            if not await _send_parts(exchange, send, parts):
                return
            if collector is not None:  # before the client has the end, and may ask again
                await collector.keep(prepared.key, answer.version, gzipped=answer.gzipped)
        finally:
            await answer.close()
            if collector is not None:
                prepared.long = prepared.long or collector.is_long
                prepared.too_long = collector.is_too_long
        if exchange is not None and until_close:
            exchange.end_answer()
        await send({"type": "http.response.body", "body": b""})

    async def _send_whole(self, scope: Scope, send: Send, prepared: _Prepared, headers: Headers, answer: Kept) -> None:
        exchange, body = Exchange.of(scope), answer.short
        if scope["method"] == "HEAD":
            await _send_head(send, prepared.headers + headers, len(answer))
            await send({"type": "http.response.body", "body": b""})
        elif body is None:
            await _send_head(send, prepared.headers + headers, len(answer))
            if await _send_parts(exchange, send, answer.parts()):
                await send({"type": "http.response.body", "body": b""})
        elif exchange is not None and exchange.takes(send):
            exchange.answer(prepared.answer_head + b"".join([b"%s: %s\r\n" % pair for pair in headers]), body)
        else:
            await respond(send, 200, prepared.headers + headers, body)

    def etag(self, prepared: _Prepared, version: int) -> str:
        """The validator of an answer to this request from a version of the graph."""
        return f'{self.etag_start(version)}{prepared.key.hex()}"'

    def etag_start(self, version: int) -> str:
        """The validators of answers from this version up to the digest of the question."""
        return f'W/"{self.store.id}-{version}-'

    def _headers(self, prepared: _Prepared, version: int, *, gzipped: bool) -> Headers:
        """The headers that differ from answer to answer."""
        headers: Headers = []
        if not prepared.volatile:
            headers.append((b"etag", self.etag(prepared, version).encode()))
        if gzipped:
            headers.append((b"content-encoding", b"gzip"))
        return headers

    # --- the other things one can ask for ---

    async def _describe(self, scope: Scope, receive: Receive, send: Send) -> None:
        offers = [row.media_type for row in RDF_FORMATS]
        chosen = choose(header(scope, b"accept"), [*offers, _HTML])
        if chosen == _HTML and self._editor is not None:
            await self._editor(scope, receive, send)
            return
        row = by_name(RDF_FORMATS, chosen) or RDF_FORMATS[0]
        union = self._settings.default_graph == "union"
        body = describe_service(self.store, own_url(scope), row, union=union, writable=self._writable)
        etag = f'W/"{self.store.id}-{self.store.version}-{row.suffix}"'
        headers = [
            (b"content-type", row.content_type.encode()),
            (b"vary", b"Accept"),
            *OPEN,
            (b"cache-control", b"no-cache"),
            (b"etag", etag.encode()),
        ]
        known = header(scope, b"if-none-match")
        if known is not None and matches_etag(known, etag):
            await respond(send, 304, headers)
        else:
            await respond(send, 200, headers, body, with_body=scope["method"] != "HEAD")

    async def _cancel(self, scope: Scope, query_id: str, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await respond(send, 204, preflight(("DELETE", "OPTIONS"), _REQUEST_HEADERS))
        elif scope["method"] != "DELETE":
            raise MethodNotAllowed(("DELETE", "OPTIONS"))
        elif not self.store.cancel(query_id):
            raise NotFound("no query of this id runs or waits")
        else:
            await respond(send, 204, OPEN)

    async def _update(self, scope: Scope, send: Send, pairs: Sequence[tuple[str, str]]) -> None:
        if not self._writable:
            raise ReadOnly("this endpoint takes no updates")
        refuse_cross_site(scope)
        if any(name == "query" for name, _ in pairs):
            raise BadRequest("a request holds a query or an update, not both")
        text = _only(pairs, "update")
        assert text is not None, "the caller has seen it"
        tell_parameters(scope, pairs)
        using, using_named = _iris(pairs, "using-graph-uri"), _iris(pairs, "using-named-graph-uri")
        update = await asyncio.to_thread(
            plan_update,
            text,
            self._update_bounds,
            known=self._known,
            base=own_url(scope),
            using=using,
            using_named=using_named,
        )
        try:
            await self.store.change(update, deadline_s=_timeout(_only(pairs, "timeout")))
        except QuerySyntaxError as error:
            reading = await asyncio.to_thread(read_query, text, self._update_bounds, known=self._known)
            raise located(error, reading) from error
        await respond(send, 204, OPEN)


class _Shortcut:
    """Answers a request that was read before: from the cache, or as soon as a worker has the whole answer."""

    def __init__(self, endpoint: "SparqlEndpoint", prepared: _Prepared) -> None:
        self._endpoint, self._prepared = endpoint, prepared
        self._answer: Answer | None = None

    def begin_at_once(self, asker: Asker) -> bool:
        """See `connection.Shortcut`."""
        prepared, store = self._prepared, self._endpoint.store
        cached = self._endpoint.cache.get(prepared.key, store.version)
        if cached is None:
            return self._lend(asker)
        asker.not_kept = 0
        head = prepared.tagged_head(store.version) + _GZIPPED * cached.gzipped
        if cached.short is not None:
            asker.reply(prepared, head, cached.short)
        else:
            beginning = cached.beginning[:BEGINNING_BYTES]
            asker.begin_reply(prepared, head, beginning, Rest(cached, len(beginning), store.version))
        return True

    def begin(self, connection: Connection) -> bool:
        """See `connection.Shortcut`."""
        if self.begin_at_once(connection):
            return True
        self._connection, prepared = connection, self._prepared
        with suppress(MarsadError):  # the usual way says what is wrong
            self._answer = self._endpoint.store.start(
                prepared.query, then=self._go_on, deadline_s=prepared.deadline_s, query_id=new_query_id()
            )
        return self._answer is not None

    def _lend(self, asker: Asker) -> bool:
        prepared, keeps = self._prepared, self._endpoint.cache.max_bytes > 0
        asker.not_kept += 1
        lends = prepared.deadline_s is None and (not keeps or prepared.too_long or asker.not_kept > _BEFORE_LOAN)
        return lends and asker.lend(self._endpoint.store, prepared, repeats=not keeps)

    def stop(self) -> None:
        """See `connection.Shortcut`."""
        if self._answer is not None:
            self._answer.abandon()

    def _go_on(self) -> None:
        """The answer has begun, or failed."""
        answer, prepared = self._answer, self._prepared
        assert answer is not None, "it calls when it has begun"
        body = answer.whole
        if body is None or len(body) > PART_BYTES:
            self._connection.hand_over(answer)
            return
        self._endpoint.cache.put(prepared.key, answer.version, Kept(body, answer.gzipped))
        number = b"marsad-query-id: %s\r\n" % answer.query_id.encode()
        head = prepared.tagged_head(answer.version) + _GZIPPED * answer.gzipped + number
        self._connection.reply(prepared, head, body)


_GZIPPED = b"content-encoding: gzip\r\n"


class _Watch:
    """Cancels a query whose client goes away. It begins to look a moment after the query, for most end before."""

    def __init__(self, receive: Receive, store: Store, query_id: str) -> None:
        self._receive, self._store, self._query_id = receive, store, query_id
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._store.cancel(self._query_id)

    def end(self) -> None:
        """The query is over."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


# In the scope of a request whose changes need a key: what is to be told the parameters of a change.
KEYED = "marsad.keyed"


def tell_parameters(scope: Scope, pairs: Sequence[tuple[str, str]]) -> None:
    """Hand the parameters of a change on to who knows of messages and dry runs. Raises BadRequest."""
    if KEYED in scope:
        scope[KEYED](pairs)


async def _send_part(send: Send, part: bytes) -> None:
    """A part of a longer answer. Raises AnswerCut: the client has taken nothing for 30 s."""
    try:
        async with asyncio.timeout(_SEND_PAUSE_S):
            await send({"type": "http.response.body", "body": part, "more_body": True})
    except TimeoutError:
        raise AnswerCut(f"the client took nothing for {_SEND_PAUSE_S:g} s") from None


async def _send_head(send: Send, headers: Headers, size: int) -> None:
    """The beginning of an answer of known length."""
    length = (b"content-length", str(size).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})


async def _send_parts(exchange: Exchange | None, send: Send, parts: AsyncIterator[bytes]) -> bool:
    """Send the parts of a longer answer, of which only one waits for the client; False: it was cut, and ends here."""
    try:
        async for part in parts:
            await _send_part(send, part)
    except AnswerCut:
        # The client has had some of it, so no status can say it any more: the connection breaks off.
        if exchange is None:
            raise
        exchange.cut()
        await asyncio.sleep(0)  # let the server see that the exchange is gone
        return False
    return True


def refuse_cross_site(scope: Scope) -> None:
    """Refuse a change that a page of another site, or a name that was bent to loopback, has the browser send.

    Raises CrossSite.
    """
    if KEYED in scope:  # no page of another site has the key, and a browser adds none by itself
        return
    host = header(scope, b"host") or ""
    origin = header(scope, b"origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise CrossSite("changes are taken from this service's own pages and from programs, not from other sites")
    if not _LOOPBACK_HOST.fullmatch(host):
        raise CrossSite("changes are taken only under the names localhost, 127.0.0.1 and [::1]")


def _negotiated_headers(scope: Scope) -> tuple[str | None, str | None, dict[bytes, str]]:
    """Accept, Accept-Encoding, and the last value of every other header that matters here."""
    accept: str | None = None
    encoding: str | None = None
    others: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = value.decode("latin-1") if accept is None else f"{accept}, {value.decode('latin-1')}"
        elif name == b"accept-encoding":
            encoding = value.decode("latin-1")
        elif name in (b"if-none-match", b"marsad-query-id", b"content-type", b"host"):
            others[name] = value.decode("latin-1")
    return accept, encoding, others


def _pairs_of(method: str, content_type: str, query_string: bytes, body: bytes) -> list[tuple[str, str]]:
    """The parameters of a request with a body, those of the URL first."""
    media_type, _, rest = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type not in (_FORM, _QUERY_TYPE, _UPDATE_TYPE):
        raise UnsupportedMediaType(f"the body should be {_QUERY_TYPE}, {_UPDATE_TYPE} or {_FORM}")
    charset = re.search(r"charset=\"?([^\s;\"]+)", rest, re.IGNORECASE)
    if charset is not None and charset.group(1).lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"the body should be UTF-8, not {charset.group(1)}")
    pairs = parameters(query_string.decode("latin-1"))
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8 (byte {error.start})") from None
    if media_type == _FORM:
        pairs += parameters(text)
    else:
        if any(name in ("query", "update") for name, _ in pairs):
            raise BadRequest("the text is in the body and in the URL; it belongs in one of them")
        pairs.append(("query" if media_type == _QUERY_TYPE else "update", text))
    if method == "QUERY" and any(name == "update" for name, _ in pairs):
        raise BadRequest("an update is sent by POST, not by QUERY")
    return pairs


def _only(pairs: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in pairs if key == name]
    if len(values) > 1:
        raise BadRequest(f"the parameter `{name}` comes more than once")
    return values[0] if values else None


def _iris(pairs: Sequence[tuple[str, str]], name: str) -> tuple[str, ...]:
    values = tuple(value for key, value in pairs if key == name)
    for value in values:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]*", value):
            raise BadRequest(f"the parameter `{name}` takes an absolute IRI, not {value!r}")
    return values


def _timeout(text: str | None) -> float | None:
    if text is None:
        return None
    with suppress(ValueError):
        seconds = float(text)
        if 0 < seconds < float("inf"):
            return seconds
    raise BadRequest(f"the parameter `timeout` takes a positive number of seconds, not {text!r}")


def _format_for(form: str, accept: str | None, named: str | None) -> tuple[RdfFormat | ResultsFormat, str]:
    """The format of the answer and its Content-Type: as named by a parameter, or else as Accept wants it."""
    rows: tuple[RdfFormat, ...] | tuple[ResultsFormat, ...] = RESULTS_FORMATS
    if form in ("CONSTRUCT", "DESCRIBE"):
        rows = RDF_FORMATS
    if named is not None:
        row: Any = by_name(rows, named)
        if row is None:
            raise NotAcceptable([entry.media_type for entry in rows])
        return row, row.content_type
    offers = {entry.media_type: entry for entry in rows}
    for entry in rows:
        for alternative in entry.alternatives:
            offers.setdefault(alternative, entry)
    try:
        media_type = choose(accept, list(offers))
    except NotAcceptable:
        raise NotAcceptable([entry.media_type for entry in rows]) from None
    row = offers[media_type]
    if media_type == row.media_type:
        return row, row.content_type
    return row, f"{media_type}; charset={row.charset}" if row.charset else media_type


def matches_etag(if_none_match: str, etag: str) -> bool:
    """Weak comparison. RFC 9110, section 13.1.2."""
    opaque = etag.removeprefix("W/")
    return any(tag.strip().removeprefix("W/") in (opaque, "*") for tag in if_none_match.split(","))
