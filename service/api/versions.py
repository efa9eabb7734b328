"""`?version=N`: any answer from the graph as it was at an earlier version.

An earlier version is a service of its own, over a copy in memory that is made when it is first asked for and kept for
as long as few others are asked for.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context
from service.api.http import parameters, respond_problem
from service.api.problems import problem_of
from service.errors import BadRequest, MarsadError, QueueFull
from service.graph.index import Index
from service.rdf.namespaces import prefixes
from service.store.embedded import open_store

# Each holds the graph, a replica and a worker or two.
MOST_KEPT = 2
# Seconds after which to ask again where all of them are in use.
_RETRY_S = 5
_WORKERS = 2
PARAMETER = "version"
# As the description of the API has it.
VERSION: dict[str, object] = {
    "name": PARAMETER,
    "in": "query",
    "required": False,
    "description": "The graph as it was at this version of its history; the present one where it is left out.",
    "schema": {"type": "integer", "minimum": 0, "examples": [0]},
}
# 18 digits: of more, Python makes no number at some point.
_MOST_DIGITS = 18
# Where the scope of a request says which version it asks for, so that links lead on in it.
ASKED = "marsad.version"


@dataclass
class _Opened:
    """A version that is held, and how many requests are being answered from it."""

    app: ASGIApp
    stack: AsyncExitStack
    users: int = 0


class Versions:
    """The earlier versions of one graph that are being asked for."""

    def __init__(self, context: Context, make_app: Callable[[Context], ASGIApp]) -> None:
        self._context, self._make_app = context, make_app
        self._open: OrderedDict[int, _Opened] = OrderedDict()
        self._one = asyncio.Lock()

    async def close(self) -> None:
        """Let go of all of them."""
        while self._open:
            _, opened = self._open.popitem()
            await opened.stack.aclose()

    @asynccontextmanager
    async def using(self, version: int) -> AsyncIterator[ASGIApp]:
        """The service of a version, which stays open for the time of the block.

        Raises NotFound: there is no such version. Raises QueueFull: as many others as are kept are in use.
        """
        async with self._one:
            if version not in self._open:
                await self._make_room()
                stack = AsyncExitStack()
                context = await stack.enter_async_context(open_version(self._context, version))
                self._open[version] = _Opened(self._make_app(context), stack)
            self._open.move_to_end(version)
            opened = self._open[version]
            opened.users += 1
        try:
            yield opened.app
        finally:
            opened.users -= 1

    async def _make_room(self) -> None:
        while len(self._open) >= MOST_KEPT:
            unused = next((version for version, opened in self._open.items() if opened.users == 0), None)
            if unused is None:
                raise QueueFull(
                    f"{MOST_KEPT} other earlier versions are being answered from; ask again when they are",
                    limit="earlier versions that are held at a time",
                    value=MOST_KEPT,
                    setting="none",
                    retry_after_s=_RETRY_S,
                )
            await self._open.pop(unused).stack.aclose()

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app`, but for requests that ask for an earlier version."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or b"version=" not in scope.get("query_string", b""):
                await app(scope, receive, send)
                return
            try:
                version, scope = _without_version(scope)
                if version in (None, self._context.store.version):
                    await app(scope, receive, send)
                    return
                async with self.using(version or 0) as earlier:
                    await earlier({**scope, ASKED: version}, receive, send)
            except MarsadError as error:
                await respond_problem(send, problem_of(error), with_body=scope["method"] != "HEAD")

        return answer


@asynccontextmanager
async def open_version(context: Context, version: int) -> AsyncIterator[Context]:
    """A context over the graph as it was at a version; it takes no changes. Raises NotFound: there is no such version."""
    changes = context.changes
    assert changes is not None, "a graph with versions is changed by somebody"
    quads = await changes.state_at(version)
    settings = replace(context.settings, workers=_WORKERS, cache_file_bytes=0)
    store = open_store(settings, content=lambda: quads, prefixes=prefixes(context.base))
    # The validators of its answers differ from those of any other version.
    store.id = f"{context.store.id}v{version}"
    async with store:
        index = await asyncio.to_thread(_index, context, store.match)
        try:
            yield Context(
                settings, store, index, context.texts, context.languages, context.authors, forms=context.forms
            )
        finally:
            index.close()


def _index(context: Context, match: Callable[..., object]) -> Index:
    index = Index(None, context.base)
    index.build(match, "0")  # type: ignore[arg-type]
    return index


def _without_version(scope: Scope) -> tuple[int | None, Scope]:
    pairs = parameters(scope["query_string"].decode("latin-1"))
    stated = [value for name, value in pairs if name == PARAMETER]
    if not stated:
        return None, scope
    if len(stated) > 1 or not stated[0].isdecimal() or len(stated[0]) > _MOST_DIGITS:
        raise BadRequest(f"`version` takes one number, as in version=3; not {', '.join(stated)}")
    rest = urlencode([pair for pair in pairs if pair[0] != PARAMETER])
    return int(stated[0]), {**scope, "query_string": rest.encode()}
