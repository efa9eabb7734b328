"""SPARQL Update and the Graph Store Protocol on the project's graph: the endpoints know nothing of keys and shapes.

They change what they take for a store; that asks for the key of the request and passes the gate.
"""

import json
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.auth import authorise
from service.api.http import OPEN, header, respond
from service.api.preconditions import Guard, touches_graph
from service.api.sparql import KEYED
from service.errors import BadRequest
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
    message: str = ""
    dry_run: bool = False
    outcome: Outcome | None = None

    def read(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take what the parameters say, those of the URL and of a form. Raises BadRequest."""
        said: dict[str, list[str]] = {"message": [], "dry-run": []}
        for name, value in pairs:
            if name in said:
                said[name].append(value)
        for name, values in said.items():
            if len(values) > 1:
                raise BadRequest(f"the parameter `{name}` comes more than once")
        # Anything else that is meant for yes must not be taken for no.
        if any(value not in ("true", "false") for value in said["dry-run"]):
            raise BadRequest("the parameter `dry-run` is true or false")
        self.dry_run = said["dry-run"] == ["true"]
        self.message = message_of(next(iter(said["message"]), None), header(self.scope, b"marsad-message"))


_request: ContextVar[WriteRequest | None] = ContextVar("marsad_write_request", default=None)


class GatedStore:
    """A store whose changes need a key and pass the gate; everything else is the store's own."""

    def __init__(self, changes: Changes, keys: Keys) -> None:
        self._changes, self._keys = changes, keys

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changes.store, name)

    async def change(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """See `Store.change`. Raises Forbidden, ChangeRefused, PreconditionFailed besides."""
        request = _request.get()
        assert request is not None, "with_keys stands around every endpoint that writes"
        by = authorise(request.scope, self._keys, "write")
        request.outcome = await self._changes.submit(
            change,
            by=by,
            message=request.message,
            dry_run=request.dry_run,
            deadline_s=deadline_s,
            expect=self._expectation(request.scope, change),
        )
        return request.outcome.delta

    def _expectation(self, scope: Scope, change: Update | Upload) -> Callable[[], None]:
        """What `If-Match` and `If-None-Match` say of the graph that is sent, or of all graphs for an update."""
        store = self._changes.store
        if isinstance(change, Update):
            guard = Guard(lambda _: True, lambda: True)
        else:
            graph = change.graph
            guard = Guard(
                lambda delta: touches_graph(delta, graph), lambda: graph == "" or graph in store.graph_names()
            )
        return guard.expectation(store, header(scope, b"if-match"), header(scope, b"if-none-match"))

    async def apply(self, delta: Delta, **_: object) -> int:
        """Nothing gets past the gate."""
        raise NotImplementedError("changes go through service.graph.changes")


def gated(changes: Changes, keys: Keys) -> Store:
    """The store for the endpoints of SPARQL Update and the Graph Store Protocol; they run inside `with_keys`."""
    return cast(Store, GatedStore(changes, keys))


def with_keys(app: ASGIApp, base: str) -> ASGIApp:
    """`app` over a gated store: keys and messages are taken from the request, a dry run answers with what would be."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = WriteRequest(scope)
        scope = {**scope, KEYED: request.read}
        if scope["method"] in _READS:  # nothing is changed by them, and most requests are such
            await app(scope, receive, send)
            return
        token = _request.set(request)
        try:
            await app(scope, receive, _with_outcome(request, base, send))
        finally:
            _request.reset(token)

    return answer


def message_of(parameter: str | None, sent: str | None) -> str:
    """The message of a change: the parameter, or the header `Marsad-Message` (percent-encoded beyond ASCII)."""
    text = parameter if parameter is not None else unquote(sent or "")
    return " ".join(text.split())[:_MAX_MESSAGE_CHARACTERS]


def _with_outcome(request: WriteRequest, base: str, send: Send) -> Send:
    """The answer with the version that was made; that of a dry run is what it would do."""

    async def forward(message: Message) -> None:
        outcome = request.outcome
        if outcome is None:
            await send(message)
        elif outcome.dry_run:
            if message["type"] == "http.response.start":
                body = json.dumps(outcome_json(outcome, base), ensure_ascii=False).encode()
                await respond(
                    send, 200, [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *OPEN], body
                )
        elif message["type"] == "http.response.start":
            version = (b"marsad-version", str(outcome.version).encode())
            await send({**message, "headers": [*message["headers"], version]})
        else:
            await send(message)

    return forward
