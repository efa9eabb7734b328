"""A SPARQL endpoint over a few quads, on a real socket of this machine, in the event loop of the test."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pyoxigraph as ox

from service.api.connection import KnownRequests
from service.api.dataset import create_dataset_app
from service.api.listening import listening_socket
from service.api.server import server_for
from service.settings import Settings
from service.store.embedded import EmbeddedStore, open_store

EX = "http://example.com/"
DATA = """
@prefix ex: <http://example.com/> .
ex:unnamed ex:p "d" .
ex:g1 { ex:a ex:p 1, 2 ; ex:label "un"@fr . }
ex:g2 { ex:b ex:p 3 . }
"""


@dataclass
class Endpoint:
    """A running endpoint: `client` speaks to it, `store` is what it serves."""

    client: httpx.AsyncClient
    store: EmbeddedStore
    host: str
    port: int
    known: KnownRequests

    async def ask(self, text: str, **options: str) -> httpx.Response:
        """A query by GET, with further parameters."""
        return await self.client.get("/sparql", params={"query": text, **options})

    async def post(self, text: str, **headers: str) -> httpx.Response:
        """A query by POST, headers with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            "/sparql", content=text.encode(), headers={"Content-Type": "application/sparql-query", **sent}
        )

    async def raw(self, data: bytes) -> bytes:
        """What comes back for these bytes until the connection ends; ConnectionResetError if it breaks off."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()


def quads_of(trig: str) -> list[ox.Quad]:
    return list(ox.parse(trig, ox.RdfFormat.TRIG))


@asynccontextmanager
async def endpoint(
    quads: Iterable[ox.Quad] | None = None,
    *,
    writable: bool = False,
    prefixes: Mapping[str, str] | None = None,
    **settings: object,
) -> AsyncIterator[Endpoint]:
    """An endpoint over `quads` (default: DATA) with these settings (default: two workers, no union)."""
    chosen = Settings(**{"workers": 2, "default_graph": "default", "port": 0, **settings})
    content = list(quads) if quads is not None else quads_of(DATA)
    store = open_store(chosen, content=lambda: content, prefixes=prefixes)
    async with store:
        app = create_dataset_app(store, chosen, writable=writable, prefixes=prefixes)
        with listening_socket(chosen) as listener:
            server = server_for(app, chosen)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            host, port = listener.getsockname()[:2]
            try:
                while not server.started:
                    await asyncio.sleep(0.001)
                async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30, trust_env=False) as client:
                    client.headers.pop("accept-encoding")
                    yield Endpoint(client, store, host, port, server.known)
            finally:
                server.should_exit = True
                await task
