"""Wiring: settings, store, index and routes become one application and one server. No logic of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pyoxigraph as ox
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from service import __version__
from service.api import discovery, docs, exports, linked_data, pages, reconcile, rest
from service.api.context import Context
from service.api.health import create_health_app
from service.api.http import local_path
from service.api.middleware import with_middleware
from service.api.problems import install_handlers
from service.api.server import listening_socket, serve
from service.api.sparql import create_sparql_app
from service.graph.build import Progress, compile_and_validate, document_property
from service.graph.compile import compile_sources, source_digest
from service.graph.evidence import Texts
from service.graph.index import Index
from service.paths import data_dir, ontology_dir
from service.rdf.iris import graph_iri
from service.rdf.namespaces import DCTERMS_CREATOR, DCTERMS_LANGUAGE, prefixes
from service.settings import Settings
from service.store.base import Delta, Store
from service.store.embedded import open_store

_DESCRIPTION = """A knowledge graph in which every fact has a source.

Every item comes with its claims, every claim with who asserts it, how firmly, when, and the passages that carry it.
"Direct" means: at least one source asserts it without hedging. It does not mean that it is so.
"""


def create_app(context: Context) -> ASGIApp:
    """The whole service over an open store."""
    api = FastAPI(
        title="Marsad",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        root_path=context.settings.root_path,
    )
    api.state.context = context
    install_handlers(api)
    api.mount("/static", StaticFiles(directory=pages.EXPLORER / "static"), name="static")
    docs.install_openapi(api)
    for module in (rest, discovery, reconcile, exports, linked_data, docs, pages):
        api.include_router(module.router)
    sparql = create_sparql_app(context.store, context.settings, prefixes(context.base), editor=pages.editor(api))
    health = create_health_app(context.store)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        # The endpoint and the health answers stand beside the framework: no thread hop, no model, no router.
        path = local_path(scope)
        if path == "/sparql" or path.startswith("/queries/"):
            await sparql(scope, receive, send)
        elif path in ("/healthz", "/readyz", "/metrics"):
            await health(scope, receive, send)
        else:
            await api(scope, receive, send)

    return with_middleware(dispatch, context.settings)


@asynccontextmanager
async def open_project(settings: Settings, progress: Progress, *, in_memory: bool = False) -> AsyncIterator[Context]:
    """The project's graph, loaded and indexed; kept under `settings.home` unless `in_memory`.

    Raises ConfigurationError: the ontology or the data cannot be found, or another process uses the home.
    Raises SourceErrors, OntologyError, InvalidGraph: the sources are not fit to be served; what was served before stays.
    """
    ontology, data = ontology_dir(settings), data_dir(settings)

    def content() -> Iterable[ox.Quad]:
        if in_memory:  # asked once and gone; what is kept and served is validated
            return compile_sources(ontology, data, base=settings.base).quads
        return compile_and_validate(ontology, data, base=settings.base, progress=progress)

    store = open_store(
        settings,
        content=content,
        prefixes=prefixes(settings.base),
        directory=None if in_memory else settings.home / "store",
        digest=source_digest(ontology, data, settings.base),
        progress=lambda line: progress("store", line, 0.0),
    )
    started = time.monotonic()
    async with store:
        progress("loaded", f"{store.status().quads:,} quads", time.monotonic() - started)
        index = await asyncio.to_thread(
            _open_index, store, None if in_memory else settings.home / "index.sqlite", settings
        )
        texts = Texts(settings.documents) if settings.documents else None
        sources = list(store.match(None, None, None, graph_iri(settings.base, "sources")))
        languages = document_property(sources, DCTERMS_LANGUAGE, settings.base)
        authors = document_property(sources, DCTERMS_CREATOR, settings.base)
        try:
            yield Context(settings, store, index, texts, languages, authors)
        finally:
            index.close()


def _open_index(store: Store, path: Path | None, settings: Settings) -> Index:
    index = Index(path, settings.base)
    stamp = f"{store.id}-{store.version}"
    if index.stored_version() != stamp:
        index.build(store.match, stamp)

    def follow(delta: Delta, version: int) -> None:
        index.move(store.match, delta, f"{store.id}-{version}")

    store.listeners.append(follow)
    return index


async def serve_project(settings: Settings, *, progress: Progress) -> int:
    """Serve the project's graph until a signal ends it; the exit code is 0."""
    with listening_socket(settings) as listener:
        async with open_project(settings, progress) as context:
            await serve(create_app(context), listener, settings)
    return 0
