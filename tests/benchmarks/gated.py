"""The service over the project's graph and another file of quads, in a process of its own: what `--cost` measures.

  python -m tests.benchmarks.gated GRAPH FOLDER

It is the whole service with gate, log, database, index, replica and workers, and one path more: `/bench/gate`, the
processor time that the gate has taken so far, in seconds.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context
from service.api.http import respond
from service.api.listening import listening_socket
from service.api.server import serve
from service.app import create_app, gate_maker, open_index
from service.graph.changes import Changes
from service.graph.compile import compile_sources
from service.graph.forms import Forms
from service.graph.keys import Keys
from service.graph.ontology import read_ontology
from service.paths import data_dir, ontology_dir
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import prefixes
from service.settings import Settings
from service.store.embedded import open_store


async def _run(graph: Path, folder: Path) -> None:
    ontology, settings = ontology_dir(Settings()), Settings(home=folder, port=0, workers=2, log_level="warning")

    def content() -> Iterator[ox.Quad]:
        yield from compile_sources(ontology, data_dir(Settings()), base=DEFAULT_BASE).quads
        yield from ox.parse(path=graph, format=ox.RdfFormat.N_QUADS, lenient=True)

    store = open_store(
        settings, content=content, prefixes=prefixes(DEFAULT_BASE), directory=folder / "store", progress=lambda *_: None
    )
    async with store:
        index = open_index(store, folder / "index.sqlite", settings)
        changes = Changes(store, gate_maker(ontology, DEFAULT_BASE), base=DEFAULT_BASE)
        keys, forms = Keys(folder), Forms(read_ontology(ontology, base=DEFAULT_BASE))
        context = Context(settings, store, index, None, {}, {}, changes, keys, forms)
        with listening_socket(settings) as listener:
            await serve(_with_clock(create_app(context), changes), listener, settings)
        for close in context.closing:
            await close()
        changes.close()
        index.close()


def _with_clock(app: ASGIApp, changes: Changes) -> ASGIApp:
    judge, spent = changes._judge, [0.0]

    def watched(change: object) -> object:
        started = time.thread_time()
        try:
            return judge(change)  # type: ignore[arg-type]
        finally:
            spent[0] += time.thread_time() - started

    changes._judge = watched  # type: ignore[assignment, method-assign]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/bench/gate":
            await respond(send, 200, [(b"content-type", b"text/plain")], f"{spent[0]:.6f}".encode())
        else:
            await app(scope, receive, send)

    return answer


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), Path(sys.argv[2])))
