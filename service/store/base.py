"""What a store promises, whichever engine is behind it.

How to use one:

    async with open_store(settings, content=lambda: compiled.quads, prefixes=PREFIXES) as store:
        answer = await store.query(Query("SELECT * { ?s ?p ?o }"))      # untrusted text: runs in a worker
        for quad in store.match(subject, None, None): ...               # trusted lookup, in this process
        version = await store.apply(Delta(removed=..., added=...))      # a change, visible to the next query

`open_store` is in `service.store.embedded`.
"""

import json
import struct
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self

import pyoxigraph as ox

from service.store import wire
from service.store.plain import Kind, Room

GraphName = ox.NamedNode | ox.BlankNode | ox.DefaultGraph
Subject = ox.NamedNode | ox.BlankNode | ox.Triple
Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
# Called with the change and the version it made, after the change is durable and visible to new queries.
Listener = Callable[["Delta", int], None]

_SIZES = struct.Struct("!III")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A change: the quads that go, the quads that come, graphs that come into being or cease to exist as such.

    Blank nodes are named by their labels: the label in the store, not a label in some document.
    A quad both removed and added is in the store afterwards.
    """

    removed: Sequence[ox.Quad] = ()
    added: Sequence[ox.Quad] = ()
    created: Sequence[ox.NamedNode] = ()
    dropped: Sequence[ox.NamedNode] = ()

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.created or self.dropped)

    def pack(self) -> bytes:
        """The delta as bytes, blank node labels kept."""
        names = json.dumps([[name.value for name in self.created], [name.value for name in self.dropped]]).encode()
        removed, added = n_quads(self.removed), n_quads(self.added)
        return _SIZES.pack(len(names), len(removed), len(added)) + names + removed + added

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """The delta that `pack` wrote."""
        names, removed, added = _SIZES.unpack_from(data)
        start = _SIZES.size
        created, dropped = json.loads(data[start : start + names])
        start += names
        return cls(
            removed=read_n_quads(data[start : start + removed]),
            added=read_n_quads(data[start + removed : start + removed + added]),
            created=[ox.NamedNode(name) for name in created],
            dropped=[ox.NamedNode(name) for name in dropped],
        )


def n_quads(quads: Iterable[ox.Quad]) -> bytes:
    """The quads as N-Quads, blank nodes with their labels, in the given order."""
    return ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b""


def read_n_quads(data: bytes) -> list[ox.Quad]:
    """The quads of an N-Quads text that `n_quads` wrote: labels are kept and nothing is checked."""
    return list(ox.parse(data, ox.RdfFormat.N_QUADS, lenient=True)) if data else []


def graph_name(iri: str) -> ox.NamedNode | ox.DefaultGraph:
    """The name of a graph; "" is the unnamed one."""
    return ox.NamedNode(iri) if iri else ox.DefaultGraph()


def uploaded(quads: ox.Store, name: ox.NamedNode | ox.DefaultGraph, how: str, arrived: Collection[ox.Quad]) -> Delta:
    """What an upload (`Upload.how`) of these quads, all of one graph, does to a store: only what is not so already."""
    leaving: list[ox.Quad] = []
    if how != "add":  # what is added needs no look at the rest of its graph, which may be large
        staying = set(arrived)
        leaving = [quad for quad in quads.quads_for_pattern(None, None, None, name) if quad not in staying]
    named = [name] if isinstance(name, ox.NamedNode) else []
    exists = not named or quads.contains_named_graph(name)
    return Delta(
        removed=leaving,
        added=[quad for quad in arrived if quad not in quads],
        created=named if how != "remove" and not exists else [],
        dropped=named if how == "remove" and exists else [],
    )


@dataclass(frozen=True, slots=True)
class Query:
    """A read-only SPARQL query and the form its answer should have.

    `results` names the format of SELECT and ASK answers (json xml csv tsv), `graph` that of CONSTRUCT and DESCRIBE
    answers (turtle ntriples nquads trig jsonld rdfxml): the names of `service.rdf.formats`.
    `default_graphs` and `named_graphs` are the dataset of the protocol and replace the one in the text; both None
    leaves the text's own. `union` makes the default graph the union of all named graphs and the unnamed one; it is
    for a query that names no dataset at all. `known_prefixes` lets the text use the store's prefixes undeclared.
    `from_graphs` are the graphs of FROM and FROM NAMED, which must be in the store; with `strict` so must those of
    the protocol.
    """

    text: str
    results: str = "json"
    graph: str = "turtle"
    union: bool = False
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None
    from_graphs: tuple[str, ...] = ()
    strict: bool = True
    base_iri: str | None = None
    known_prefixes: bool = True
    gzip: bool = False
    _packed: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)

    def message(self) -> bytes:
        """The message to a worker; made once, for a query may be asked many times."""
        if not self._packed:
            self._packed.append(wire.pack(*self.pack()))
        return self._packed[0]

    @property
    def digest(self) -> bytes:
        """What tells it from other questions."""
        return wire.digest_of(self.message())

    def with_text(self, text: str) -> "Query":
        """The same question with another text; quicker than making it anew, for a program asks many such."""
        twin = replace(self, text=text)
        twin._packed.append(wire.with_body(self.message(), text.encode()))
        return twin

    def pack(self) -> tuple[dict[str, Any], bytes]:
        """Head and body of the message to a worker."""
        head: dict[str, Any] = {"op": "query", "results": self.results, "graph": self.graph}
        if self.default_graphs is not None or self.named_graphs is not None:
            head["default"] = self.default_graphs or ()
            head["named"] = self.named_graphs or ()
            head["strict"] = self.strict
        elif self.union:
            head["union"] = True
        if self.from_graphs:
            head["from"] = self.from_graphs
        if self.base_iri:
            head["base"] = self.base_iri
        if self.known_prefixes:
            head["prefixes"] = True
        if self.gzip:
            head["gzip"] = True
        return head, self.text.encode()


@dataclass(frozen=True, slots=True)
class Export:
    """One graph of the store, or all of it (`graph` is None), in an RDF format.

    `graph` "" is the unnamed graph. Raises UnknownGraph when read, if there is no such graph.
    """

    graph: str | None = None
    format: str = "nquads"
    gzip: bool = False

    def message(self) -> bytes:
        """The message to a worker."""
        return wire.pack(*self.pack())

    def pack(self) -> tuple[dict[str, Any], bytes]:
        """Head and body of the message to a worker."""
        return {"op": "export", "name": self.graph, "graph": self.format, "gzip": self.gzip}, b""


@dataclass(frozen=True, slots=True)
class Update:
    """A SPARQL Update and what it may touch.

    `steps` are the operations that only say which quads come and go: ("+" or "-", text of an INSERT DATA that holds
    them); empty if the update has any other operation. `touched` are the graphs the update can change ("" is the
    unnamed graph); None means any.
    """

    text: str
    steps: tuple[tuple[str, str], ...] = ()
    touched: tuple[str, ...] | None = None
    base_iri: str | None = None
    known_prefixes: bool = True

    def pack(self) -> tuple[dict[str, Any], bytes]:
        """Head and body of the message to a worker."""
        head = {
            "op": "update",
            "steps": [kind for kind, _ in self.steps],
            "sizes": [len(text.encode()) for _, text in self.steps],
            "touched": self.touched,
            "base": self.base_iri,
            "prefixes": self.known_prefixes,
        }
        return head, "".join(text for _, text in self.steps).encode() + self.text.encode()


@dataclass(frozen=True, slots=True)
class Upload:
    """RDF documents that replace or extend one graph ("" is the unnamed graph), or its removal.

    `parts` are (name of the format, bytes); their blank nodes are the store's own afterwards.
    """

    graph: str
    how: Literal["replace", "add", "remove"]
    parts: tuple[tuple[str, bytes], ...] = ()
    base_iri: str | None = None

    def pack(self) -> tuple[dict[str, Any], bytes]:
        """Head and body of the message to a worker."""
        head = {
            "op": "upload",
            "name": self.graph,
            "how": self.how,
            "formats": [name for name, _ in self.parts],
            "sizes": [len(data) for _, data in self.parts],
            "base": self.base_iri,
        }
        return head, b"".join(data for _, data in self.parts)


class Answer(Protocol):
    """The answer to a query, in the format asked for.

    `whole` is everything if the answer is small, else None: then read `chunks` to the end, or `close`.
    """

    query_id: str
    version: int
    gzipped: bool
    whole: bytes | None
    # The client has had the head and some of the body from the worker; of that, `unsent` is to be sent before the chunks.
    head_sent: bool
    unsent: bytes
    # Bytes of the chunks, where the head that was sent said the length of the body; else the body is chunked.
    remaining: int | None
    # Called when the answer ends early, at once: whoever writes it may be waiting for a slow client.
    on_cut: Callable[[], None] | None

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the answer as they come, at most about 64 KiB at a time and never more than a few ahead.

        Raises AnswerCut: the answer ended early (`__cause__` says why); what came is not all of it.
        """
        ...

    async def close(self) -> None:
        """Stop the work if it is not done."""
        ...

    def begun(self) -> Self:
        """The answer, once `then` of `Store.start` was called. Raises what `Store.query` raises."""
        ...

    def abandon(self) -> None:
        """Stop the work if it is not done; nobody is told."""
        ...


class Repeated(Protocol):
    """A request of which others may come that differ in the text: what to ask the store, and how their answers begin."""

    query: Query
    # The status line and the headers that all answers have.
    answer_head: bytes

    @property
    def room(self) -> Room:
        """The bounds of the texts."""
        ...

    def etag_start(self, version: int) -> bytes:
        """The ETag of an answer of this version up to the digest of its question in hexadecimal digits and a quote."""
        ...


class Borrower(Protocol):
    """One whose connection is lent: what it is told when the connection is its own again."""

    def fileno(self) -> int:
        """The descriptor of the connection."""
        ...

    def given_back(self, unsent: bytes, data: bytes) -> None:
        """The connection is the service's again: what is still to be sent, and what was read but not answered."""
        ...

    def taken_over(self, data: bytes, answer: Answer) -> None:
        """The connection is the service's again, and the answer to a request that was read comes by `answer`."""
        ...

    def go_on(self) -> None:
        """The answer that was taken over has begun, or failed."""
        ...

    def cut(self) -> None:
        """The worker is gone, and nobody knows what it has read or sent: end the connection as a broken one."""
        ...


class Loan(Protocol):
    """A connection that is lent to a worker."""

    def end(self) -> None:
        """Have it back at once: the borrower is told as if the worker had given it back, or is answering."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """What a store is doing: for health answers and metrics."""

    ready: bool
    version: int
    quads: int
    workers: int
    busy: int
    waiting: int
    counts: dict[str, int] = field(default_factory=dict)


class Store(Protocol):
    """A graph store: answers in workers that may be stopped, changes one at a time.

    `id` names this copy of the data and `version` counts its changes: together they identify a snapshot.
    `listeners` are called after each change.
    """

    id: str
    version: int
    writable: bool
    listeners: list[Listener]

    async def __aenter__(self) -> Self:
        """Start: returns when queries are answered."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Stop: no process and no socket is left."""
        ...

    async def query(
        self, query: Query | Export, *, deadline_s: float | None = None, query_id: str | None = None
    ) -> Answer:
        """Answer a read-only query in a worker.

        Rows come in the engine's order. `deadline_s` is wall-clock seconds from the call, queueing included, never
        above the setting. `query_id` is for `cancel`; one is made if none is given.

        Raises QuerySyntaxError, UnknownFunction, UnknownGraph: the text cannot be answered.
        Raises DeadlineExceeded, MemoryExceeded, QueryCancelled: the worker was stopped.
        Raises QueueFull: nothing was started.
        Raises EngineFailure, StoreUnavailable.
        """
        ...

    def start(
        self, query: Query, *, then: Callable[[], None], deadline_s: float | None = None, query_id: str | None = None
    ) -> Answer:
        """What `query` does, for callers that do not await: `then` is called once, and `begun` then is the answer.

        Raises QueueFull, QueryCancelled, StoreUnavailable: nothing was started, and `then` is not called.
        """
        ...

    def lend(self, client: Borrower, asked: bytes, kind: Kind, example: Repeated, *, repeats: bool) -> Loan | None:
        """Let a worker answer a request that was read, `asked`, and read and answer what comes after it.

        It knows requests of this kind and those of other loans. `repeats`: also those that it knows as a whole.
        None: no worker is free for that. Nothing may be read from the connection or written to it until the client is
        told that it is its own again; it is told before the end of every change, and as soon as anything comes that
        no worker can answer by itself.
        """
        ...

    def cancel(self, query_id: str) -> bool:
        """Stop a query that runs or waits; False if there is none of that id."""
        ...

    def match(
        self,
        subject: Subject | None = None,
        predicate: ox.NamedNode | None = None,
        object: Term | None = None,
        graph: GraphName | None = None,
    ) -> Iterator[ox.Quad]:
        """The quads that fit; None fits everything. For trusted callers: it runs in this process and has no limits.

        Raises StoreUnavailable: this store keeps no copy in the process (a dataset served read-only).
        """
        ...

    async def propose(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """What `change` would do, tried on a scratch copy: nothing is changed.

        Raises what `query` raises, and MalformedRdf: an uploaded document is not the RDF it is said to be.
        """
        ...

    async def change(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """`propose` and `apply` with nothing in between; returns what was done."""
        ...

    async def apply(self, delta: Delta, *, about: Mapping[str, str] | None = None) -> int:
        """Make a change durable and visible to every query that starts afterwards; returns the new version.

        An empty delta changes nothing and makes no version. `about` is kept with it in the change log.
        Raises StorageFailed: the disk did not take it.
        """
        ...

    def graph_names(self) -> list[str]:
        """The IRIs of the named graphs, sorted."""
        ...

    def status(self) -> Status:
        """What the store is doing; never waits for a worker."""
        ...


async def read(answer: Answer) -> bytes:
    """All bytes of an answer. Raises AnswerCut: it ended early."""
    if answer.whole is not None:
        return answer.whole
    return b"".join([chunk async for chunk in answer.chunks()])


async def solutions(store: Store, text: str, *, union: bool = True) -> list[ox.QuerySolution]:
    """The rows of a SELECT of our own; raises what `Store.query` raises."""
    answer = await store.query(Query(text, union=union))
    parsed = ox.parse_query_results(await read(answer), ox.QueryResultsFormat.JSON)
    assert isinstance(parsed, ox.QuerySolutions), "the text is a SELECT"
    return list(parsed)
