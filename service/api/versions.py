"""`?version=N`: any answer from the graph as it was at an earlier version.

An earlier version is a service of its own, over a copy in memory that is made when it is first asked for and kept for
as long as few others are asked for.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from urllib.parse import urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context
from service.api.http import parameters, respond_problem
from service.api.problems import problem_of
from service.errors import BadRequest, MarsadError
from service.graph.index import Index
from service.rdf.namespaces import prefixes
from service.store.embedded import open_store

# Each holds the graph, a replica and a worker or two.
_MOST_KEPT = 2
_WORKERS = 2
PARAMETER = "version"


class Versions:
    """The earlier versions of one graph that are being asked for."""

    def __init__(self, context: Context, make_app: Callable[[Context], ASGIApp]) -> None:
        self._context, self._make_app = context, make_app
        self._open: OrderedDict[int, tuple[ASGIApp, AsyncExitStack]] = OrderedDict()
        self._one = asyncio.Lock()

    async def close(self) -> None:
        """Let go of all of them."""
        while self._open:
            _, (_, stack) = self._open.popitem()
            await stack.aclose()

    async def app(self, version: int) -> ASGIApp:
        """The service of a version. Raises NotFound: there is no such version."""
        async with self._one:
            if version not in self._open:
                while len(self._open) >= _MOST_KEPT:
                    _, (_, oldest) = self._open.popitem(last=False)
                    await oldest.aclose()
                stack = AsyncExitStack()
                context = await stack.enter_async_context(open_version(self._context, version))
                self._open[version] = (self._make_app(context), stack)
            self._open.move_to_end(version)
            return self._open[version][0]

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app`, but for requests that ask for an earlier version."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or b"version=" not in scope.get("query_string", b""):
                await app(scope, receive, send)
                return
            try:
                version, scope = _without_version(scope)
                earlier = app if version in (None, self._context.store.version) else await self.app(version or 0)
            except MarsadError as error:
                await respond_problem(send, problem_of(error), with_body=scope["method"] != "HEAD")
                return
            await earlier(scope, receive, send)

        return answer


@asynccontextmanager
async def open_version(context: Context, version: int) -> AsyncIterator[Context]:
    """A context over the graph as it was at a version; it takes no changes. Raises NotFound: there is no such version."""
    changes = context.changes
    assert changes is not None, "a graph with versions is changed by somebody"
    quads = await changes.state_at(version)
    settings = replace(context.settings, workers=_WORKERS)
    store = open_store(settings, content=lambda: quads, prefixes=prefixes(context.base))
    # The validators of its answers differ from those of any other version.
    store.id = f"{context.store.id}v{version}"
    async with store:
        index = await asyncio.to_thread(_index, context, store.match)
        try:
            yield Context(settings, store, index, context.texts, context.languages, context.authors)
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
    if len(stated) > 1 or not stated[0].isdecimal():
        raise BadRequest(f"`version` takes one number, as in version=3; not {', '.join(stated)}")
    rest = urlencode([pair for pair in pairs if pair[0] != PARAMETER])
    return int(stated[0]), {**scope, "query_string": rest.encode()}
