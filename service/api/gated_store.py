"""SPARQL Update and the Graph Store Protocol on the project's graph: the endpoints know nothing of keys and shapes.

They change what they take for a store; that asks for the key of the request and passes the gate.
"""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.auth import authorise
from service.api.http import OPEN, header, parameters, respond, respond_problem
from service.api.problems import problem_of
from service.api.sparql import KEYED
from service.errors import MarsadError
from service.graph.changes import Changes, Outcome
from service.graph.keys import Keys
from service.graph.outcome import outcome_json
from service.store.base import Delta, Store, Update, Upload

_MAX_MESSAGE_CHARACTERS = 500
_READS = ("GET", "HEAD", "QUERY", "OPTIONS")


@dataclass
class WriteRequest:
    """What a request says of the change that it may ask for, and what became of it."""

    scope: Scope
    message: str
    dry_run: bool
    outcome: Outcome | None = None


_request: ContextVar[WriteRequest | None] = ContextVar("marsad_write_request", default=None)


class GatedStore:
    """A store whose changes need a key and pass the gate; everything else is the store's own."""

    def __init__(self, changes: Changes, keys: Keys) -> None:
        self._changes, self._keys = changes, keys

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changes.store, name)

    async def change(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """See `Store.change`. Raises Forbidden, ChangeRefused besides."""
        request = _request.get()
        assert request is not None, "with_keys stands around every endpoint that writes"
        by = authorise(request.scope, self._keys, "write")
        request.outcome = await self._changes.submit(
            change, by=by, message=request.message, dry_run=request.dry_run, deadline_s=deadline_s
        )
        return request.outcome.delta

    async def apply(self, delta: Delta, **_: object) -> int:
        """Nothing gets past the gate."""
        raise NotImplementedError("changes go through service.graph.changes")


def gated(changes: Changes, keys: Keys) -> Store:
    """The store for the endpoints of SPARQL Update and the Graph Store Protocol; they run inside `with_keys`."""
    return cast(Store, GatedStore(changes, keys))


def with_keys(app: ASGIApp, base: str) -> ASGIApp:
    """`app` over a gated store: keys and messages are taken from the request, a dry run answers with what would be."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, KEYED: True}
        if scope["method"] in _READS:  # nothing is changed by them, and most requests are such
            await app(scope, receive, send)
            return
        try:
            request = _write_request(scope)
        except MarsadError as error:
            await respond_problem(send, problem_of(error))
            return
        token = _request.set(request)
        try:
            wrap = _with_report(request, base, send) if request.dry_run else _with_version(request, send)
            await app(scope, receive, wrap)
        finally:
            _request.reset(token)

    return answer


def _write_request(scope: Scope) -> WriteRequest:
    pairs = dict(parameters(scope["query_string"].decode("latin-1")))
    message = message_of(pairs.get("message"), header(scope, b"marsad-message"))
    return WriteRequest(scope, message, pairs.get("dry-run") == "true")


def message_of(parameter: str | None, sent: str | None) -> str:
    """The message of a change: the parameter, or the header `Marsad-Message` (percent-encoded beyond ASCII)."""
    text = parameter if parameter is not None else unquote(sent or "")
    return " ".join(text.split())[:_MAX_MESSAGE_CHARACTERS]


def _with_version(request: WriteRequest, send: Send) -> Send:
    async def forward(message: Message) -> None:
        if message["type"] == "http.response.start" and request.outcome is not None:
            version = (b"marsad-version", str(request.outcome.version).encode())
            message = {**message, "headers": [*message["headers"], version]}
        await send(message)

    return forward


def _with_report(request: WriteRequest, base: str, send: Send) -> Callable[[Message], Awaitable[None]]:
    async def forward(message: Message) -> None:
        if request.outcome is None:
            await send(message)
        elif message["type"] == "http.response.start":
            body = json.dumps(outcome_json(request.outcome, base), ensure_ascii=False).encode()
            await respond(
                send, 200, [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *OPEN], body
            )

    return forward
