"""What the request handlers share: made once in `app.py`, never changed but by a commit."""

import sqlite3
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyoxigraph as ox
from fastapi import Request

from service.api.interface_text import say
from service.api.parameters import read_selection
from service.errors import NotFound, TextsMissing
from service.graph.changes import Changes
from service.graph.describe import Describer, Passage
from service.graph.evidence import Texts
from service.graph.export import Export
from service.graph.forms import Forms
from service.graph.index import Index, Match
from service.graph.keys import Keys
from service.graph.review import ReviewQuery, ReviewRow, ReviewSection, differing, review, review_queries
from service.paths import ontology_dir
from service.rdf.iris import graph_iri
from service.rdf.namespaces import SKOS_PREF_LABEL, marsad
from service.settings import Settings
from service.store.base import Store

# Code points of text shown before and after a passage.
_CONTEXT = 80


@dataclass
class Context:
    """The settings, the store, its index and the texts, where they are at hand."""

    settings: Settings
    store: Store
    index: Index
    texts: Texts | None
    languages: dict[str, str]
    authors: dict[str, str]
    # None where the graph is not changed: an earlier version of it, or a command that only asks.
    changes: Changes | None = None
    keys: Keys | None = None
    forms: Forms | None = None
    # Called in order when the service ends.
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    _local: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reviewed: dict[str, tuple[str, list[ReviewSection]]] = field(default_factory=dict)
    _export_lock: threading.Lock = field(default_factory=threading.Lock)
    _export: tuple[str, Export] | None = None
    _kept: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The base of the IRIs of the data."""
        return self.settings.base

    @property
    def version(self) -> str:
        """What a validator is made from: this copy of the data and the number of its last change."""
        return f"{self.store.id}-{self.store.version}"

    @property
    def indexed(self) -> str:
        """The version that the index is at: a moment after a change it is the one before."""
        row = self.reader.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        return str(row[0]) if row else ""

    @property
    def match(self) -> Match:
        """Trusted lookups in the graph, all named graphs together."""
        return self.store.match

    def graph(self, name: str) -> Iterator[ox.Quad]:
        """The quads of one named graph."""
        return self.store.match(None, None, None, graph_iri(self.base, name))

    def reviewed(self) -> list[ReviewSection]:
        """What the review queries find in the graph as it is; computed once for each version."""
        return self._sections("all", lambda query: True)

    def differing(self, claims: Collection[str]) -> list[tuple[ReviewQuery, ReviewRow]]:
        """What the claims with these IRIs should be held against, as the review queries find it."""
        # A few of the queries, a tenth of the work: pages of things must not wait for all of them after a change.
        return differing(self._sections("differing", lambda query: query.differs), claims)

    def _sections(self, name: str, wanted: Callable[[ReviewQuery], bool]) -> list[ReviewSection]:
        with self._lock:
            stamp, sections = self._reviewed.get(name, ("", []))
            if stamp != self.version:
                queries = filter(wanted, review_queries(ontology_dir(self.settings), base=self.base))
                sections = review(self.store.match(), queries, base=self.base)
                self._reviewed[name] = (self.version, sections)
            return sections

    def kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` returns, made once for each version of the graph; there are only a few such names."""
        stamp, value = self._kept.get(name, ("", {}))
        if stamp != self.version:
            stamp, value = self.version, make()
            self._kept[name] = (stamp, value)
        return value

    def export(self) -> Export:
        """The files of the graph as it is; sorted once for each version."""
        with self._export_lock:
            if self._export is None or self._export[0] != self.version:
                made = Export(self.store.match(), base=self.base, read_selection=read_selection)
                self._export = (self.version, made)
            return self._export[1]

    def term_label(self, name: str | None, language: str) -> str:
        """The label of a class of the ontology, or the interface's word for it; its name where there is neither."""
        labels = self.store.match(marsad(name), SKOS_PREF_LABEL, None) if name else ()
        texts = {quad.object.language: quad.object.value for quad in labels if isinstance(quad.object, ox.Literal)}
        return texts.get(language) or say(texts.get("en") or name or "", language)

    def document_language(self, document: str) -> str:
        """The language tag of a document's text; empty if nobody said it."""
        return self.languages.get(document, "")

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's connection to the index."""
        if not hasattr(self._local, "connection"):
            self._local.connection = self.index.reader()
        connection: sqlite3.Connection = self._local.connection
        return connection

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, held at one version of the index for the time of the block."""
        connection = self.reader
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def describer(self, language: str, connection: sqlite3.Connection | None = None) -> Describer:
        """A describer for one request."""
        return Describer(connection or self.reader, self.base, language, self.passage)

    def passage(self, document: str, start: int, end: int) -> Passage | None:
        """The passage with a little of the text around it; None where the texts are not at hand."""
        if self.texts is None:
            return None
        try:
            text = self.texts.text(document)
        except (TextsMissing, NotFound):
            return None
        return Passage(text[start:end], text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT])


def context_of(request: Request) -> Context:
    """The context of the application that answers `request`."""
    context: Context = request.app.state.context
    return context
