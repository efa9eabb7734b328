"""Wiring: settings, store, index and routes become one application and one server. No logic of its own."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pyoxigraph as ox
from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from service import __version__
from service.api import changes as changes_api
from service.api import discovery, docs, exports, linked_data, list_pages, pages, reconcile, rest
from service.api.auth import with_read_keys
from service.api.cache import AnswerCache
from service.api.context import Context
from service.api.gated_store import gated, with_keys
from service.api.graph_store import create_graph_store_app
from service.api.health import create_health_app
from service.api.http import local_path
from service.api.listening import listening_socket
from service.api.middleware import with_middleware
from service.api.parameters import refuse_unknown
from service.api.problems import install_handlers
from service.api.reads import Reads
from service.api.server import serve
from service.api.sparql import create_sparql_app
from service.api.versions import Versions
from service.errors import ChangeConflict
from service.graph.build import Progress, compile_and_validate, document_property
from service.graph.changes import Changes
from service.graph.compile import compile_sources, source_digest
from service.graph.evidence import Texts
from service.graph.forms import Forms
from service.graph.gate import Gate, Match
from service.graph.history import difference
from service.graph.index import Index
from service.graph.keys import Keys
from service.graph.loading import follow_sources
from service.graph.ontology import read_ontology, read_shapes
from service.graph.questions import questions
from service.paths import EXPLORER, data_dir, ontology_dir
from service.rdf.iris import graph_iri
from service.rdf.namespaces import DCTERMS_CREATOR, DCTERMS_LANGUAGE, prefixes
from service.settings import Settings
from service.store.base import Delta
from service.store.embedded import EmbeddedStore, open_store

_log = logging.getLogger(__name__)

Changed = Literal["keep", "refuse", "discard"]

# Beyond so many an index is made anew: the whole costs less than its parts.
_MOST_CHANGES_TO_FOLLOW = 1000
# An index is made from a copy in memory up to so many: with the database on disk, its many small look-ups take twice as
# long (34,000 quads: 3.6 s of processor time instead of 1.7). Beyond, the copy would take more than is worth it.
_MOST_QUADS_TO_COPY = 500_000

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
        openapi_url=None,
        root_path=context.settings.root_path,
    )
    api.state.context = context
    install_handlers(api, pages.problem_page)
    api.mount("/static", StaticFiles(directory=EXPLORER / "static"), name="static")
    docs.install_openapi(api, context)
    # Spreadsheets' tools and browsers add parameters of their own; the API says what it does not know.
    strict = (changes_api, rest, discovery)
    for module in (changes_api, rest, discovery, reconcile, exports, linked_data, docs, pages, list_pages):
        api.include_router(module.router, dependencies=[Depends(refuse_unknown)] if module in strict else [])
    cache = AnswerCache.of(context.settings)
    sparql, graphs = _sparql_apps(context, cache, pages.editor(api))
    health = create_health_app(context.store, cache)
    reads = Reads(module.router for module in strict).before(api, context)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        # The endpoint and the health answers stand beside the framework: no thread hop, no model, no router.
        path = local_path(scope)
        if path == "/sparql" or path.startswith("/queries/"):
            await sparql(scope, receive, send)
        elif path == "/graphs" or path.startswith("/graphs/"):
            await graphs(scope, receive, send)
        elif path in ("/healthz", "/readyz", "/metrics"):
            await health(scope, receive, send)
        elif path.startswith("/api/v1/"):
            await reads(scope, receive, send)
        else:
            await api(scope, receive, send)

    app = with_middleware(dispatch, context.settings)
    if context.changes is None:
        return app
    versions = Versions(context, create_app)
    context.closing.append(versions.close)
    app = versions.around(app)
    if context.settings.read_keys and context.keys is not None:
        app = with_read_keys(app, context.keys)  # around all versions: an earlier one is no less to be kept
    return app


def _sparql_apps(context: Context, cache: AnswerCache, editor: ASGIApp) -> tuple[ASGIApp, ASGIApp]:
    """`/sparql` and `/graphs`: over the store as it is, or over the one whose changes pass the gate."""
    known = prefixes(context.base)
    if context.changes is None or context.keys is None:
        sparql = create_sparql_app(context.store, context.settings, known, cache=cache, editor=editor)
        return sparql, create_graph_store_app(context.store, context.settings, writable=False)
    store = gated(context.changes, context.keys)
    sparql = create_sparql_app(store, context.settings, known, cache=cache, writable=True, strict=True, editor=editor)
    graphs = create_graph_store_app(store, context.settings, writable=True)
    return with_keys(sparql, context.base), with_keys(graphs, context.base)


@asynccontextmanager
async def open_project(
    settings: Settings, progress: Progress, *, in_memory: bool = False, changed: Changed = "keep"
) -> AsyncIterator[Context]:
    """The project's graph, loaded and indexed; kept under `settings.home` unless `in_memory`.

    `changed` says what is done where the sources changed and the graph too, through the service: it is kept as it is
    and the difference printed, or its changes are discarded, or nothing is opened.

    Raises ChangeConflict: `changed` is "refuse" and both changed; the message shows the difference.
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
        progress=progress,
    )
    async with store:
        if store.outdated or changed == "discard":
            await _bring_in_sources(store, content, settings.base, changed)
        started = time.monotonic()
        index = await asyncio.to_thread(
            open_index, store, None if in_memory else settings.home / "index.sqlite", settings
        )
        progress("indexed", f"version {store.version}", time.monotonic() - started)
        texts = Texts(settings.documents) if settings.documents else None
        sources = list(store.match(None, None, None, graph_iri(settings.base, "sources")))
        languages = document_property(sources, DCTERMS_LANGUAGE, settings.base)
        authors = document_property(sources, DCTERMS_CREATOR, settings.base)
        base = settings.base
        changes = Changes(store, gate_maker(ontology, base), base=base, questions=questions(ontology))
        forms = Forms(read_ontology(ontology, base=base))
        keys = Keys(settings.home)
        context = Context(settings, store, index, texts, languages, authors, changes, keys, forms)
        try:
            yield context
        finally:
            for close in context.closing:
                await close()
            changes.close()
            index.close()


async def _bring_in_sources(
    store: EmbeddedStore, content: Callable[[], Iterable[ox.Quad]], base: str, changed: Changed
) -> None:
    quads = await asyncio.to_thread(content)
    try:
        await follow_sources(store, quads, base=base, discard=changed == "discard")
    except ChangeConflict as error:
        if changed == "refuse":
            raise
        _log.warning("%s\nThe graph is served as it is.", error)


def gate_maker(ontology: Path, base: str) -> Callable[[], Gate]:
    """Makes the gate of an ontology folder, when it is first needed: compiling the shapes takes a fifth of a second."""
    return lambda: Gate(read_shapes(ontology, base=base), read_ontology(ontology, base=base).direct_rule, base=base)


def open_index(store: EmbeddedStore, path: Path | None, settings: Settings) -> Index:
    """The index of a store, brought to its version, and moved with every change."""
    index = Index(path, settings.base)
    bring_to_present(index, store)

    def follow(delta: Delta, version: int) -> None:
        if index.stored_version() == f"{store.id}-{version - 1}":
            index.move(store.match, delta, f"{store.id}-{version}")
        else:  # an earlier change could not be followed, as when the disk was full
            bring_to_present(index, store)

    store.listeners.append(follow)
    return index


def bring_to_present(index: Index, store: EmbeddedStore) -> None:
    """Move an index of an earlier version of this store by the changes since; make any other anew."""
    stamp = f"{store.id}-{store.version}"
    stored = index.stored_version() or ""
    if stored == stamp:
        return
    name, _, number = stored.rpartition("-")
    if name == store.id and number.isdecimal() and 0 <= store.version - int(number) <= _MOST_CHANGES_TO_FOLLOW:
        index.move(store.match, difference(store, int(number), store.version), stamp)
    else:
        index.build(_in_memory(store) if store.status().quads <= _MOST_QUADS_TO_COPY else store.match, stamp)


def _in_memory(store: EmbeddedStore) -> Match:
    copy = ox.Store()
    copy.bulk_extend(store.match())
    return copy.quads_for_pattern


async def serve_project(settings: Settings, *, progress: Progress) -> int:
    """Serve the project's graph until a signal ends it; the exit code is 0."""
    with listening_socket(settings) as listener:
        async with open_project(settings, progress) as context:
            warming = asyncio.create_task(asyncio.to_thread(context.index.warm))
            await serve(create_app(context), listener, settings)
            await warming
    return 0
