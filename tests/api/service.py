"""A service over a graph, asked through ASGI from ordinary tests: the event loop runs in a thread of its own."""

import asyncio
import threading
import warnings
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import rdflib

from service.api.context import Context
from service.app import create_app, open_project
from service.settings import Settings

T = TypeVar("T")


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        result: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return result.result(timeout=120)

    def close(self) -> None:
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()


class Service:
    """A running service; `get` asks it and follows no redirect."""

    def __init__(self, loop: Loop, context: Context) -> None:
        self.loop, self.context = loop, context
        self.app = create_app(context)
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://service.test")

    def close(self) -> None:
        self.loop.run(self._client.aclose())

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self.loop.run(self._client.request(method, url, **options))

    def get(self, url: str, accept: str | None = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("GET", url, headers=sent | ({"Accept": accept} if accept else {}))

    def through(self, app: Any, url: str, accept: str | None = None) -> httpx.Response:
        """The answer of another application around this one."""
        headers = {"Accept": accept} if accept else {}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
                return await client.get(url, headers=headers)

        return self.loop.run(ask())

    def json(self, url: str) -> Any:
        answer = self.get(url)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, url: str) -> list[str]:
        """The ids of every item of a list, page after page."""
        found: list[str] = []
        following: str | None = url
        while following:
            page = self.json(following)
            found += [item["id"] for item in page["items"]]
            following = page["next"]
        return found


@contextmanager
def running(documents: Path | None = None, home: Path | None = None) -> Iterator[Service]:
    """The service over the project's own graph, which is not kept on disk; `home` is where its keys are."""
    loop = Loop()
    settings = Settings(documents=documents, workers=1, **({"home": home} if home else {}))
    project = open_project(settings, lambda *_: None, in_memory=True)
    try:
        context = loop.run(project.__aenter__())
        try:
            service = Service(loop, context)
            yield service
            service.close()
        finally:
            loop.run(project.__aexit__(None, None, None))
    finally:
        loop.close()


def triples(text: str, form: str) -> rdflib.Graph:
    """What rdflib reads from a document; its JSON-LD parser warns about a class that it uses itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ConjunctiveGraph is deprecated", DeprecationWarning)
        return rdflib.Graph().parse(data=text, format=form)
