"""What one worker does: a fork of the replica that answers one query at a time, or tries one change.

It may be killed at any moment, so it changes nothing but its own memory. It runs with the limits that
`service.store.confine` sets and talks over one socket (`service.store.wire`).
"""

import json
import os
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import IO, Any, cast

import pyoxigraph as ox

from service.store import wire
from service.store.base import Delta, graph_name, uploaded
from service.store.borrowed import Borrowed, Reply

# An answer below this travels as one message, as does a part of a longer one.
_PART_BYTES = 64 * 2**10
# 16 KiB before the first byte goes out, unless the whole answer comes within the next moment.
_FIRST_BYTES, _FIRST_S = 16 * 2**10, 0.0005
# What the engine gives first, without patience, if the client gets it from here: a process less is woken for it, and none
# for the rest.
_FIRST_DIRECT_BYTES, _FIRST_DIRECT_S = 8 * 2**10, 0.0
# Below this, gzip saves nothing that a network packet would notice.
_LEAST_GZIP_BYTES = 1024
# Level 1 makes 120 MB/s of JSON results a ninth of their size; level 6 makes 45 MB/s a twelfth.
_GZIP_LEVEL = 1

RESULTS_FORMATS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}
RDF_FORMATS = {
    "turtle": ox.RdfFormat.TURTLE,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "nquads": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdfxml": ox.RdfFormat.RDF_XML,
}
_WITH_PREFIXES = {"turtle", "trig", "rdfxml"}


class _Refused(Exception):
    """The request cannot be carried out; `kind` says why to the service."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class _Output:
    """Where the engine writes an answer: collects it, compresses it, sends it in parts.

    `reply` is there for a request of a client whose connection this process reads: it takes what it can.
    """

    __slots__ = (
        "_begun_at", "_connection", "_gzip", "_limit", "_packer", "_parts", "_patience_s", "_reply", "_size", "_started"
    )  # fmt: skip

    def __init__(self, connection: socket.socket, reply: Reply | None, *, gzip: bool) -> None:
        self._connection, self._reply, self._gzip = connection, reply, gzip
        self._parts: list[bytes] = []
        self._size = 0
        self._limit, self._patience_s = (
            (_FIRST_BYTES, _FIRST_S) if reply is None else (_FIRST_DIRECT_BYTES, _FIRST_DIRECT_S)
        )
        self._begun_at = time.monotonic()
        self._packer: Any = None
        self._started = False

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= self._limit and (
            self._size >= _PART_BYTES or time.monotonic() - self._begun_at >= self._patience_s
        ):
            self._send_part()
        return len(data)

    def flush(self) -> None:
        """The engine flushes when it has written all; `finish` does what is to be done then."""

    def _take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return data

    def _send_part(self) -> None:
        data, first = self._take(), not self._started
        if first:
            self._started, self._limit = True, _PART_BYTES
            if self._gzip:
                self._packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
        if self._packer is not None:
            data = self._packer.compress(data)
            if first:  # the client sees the beginning at once, not when the compressor's window is full
                data += self._packer.flush(zlib.Z_SYNC_FLUSH)
        if data or first:
            letter = wire.MORE if not first else wire.FIRST_GZIP if self._packer is not None else wire.FIRST
            self._send(letter, data)
            if first:  # who was at rest may have been woken on this processor: let it go first
                os.sched_yield()

    def finish(self) -> None:
        """Send what is left and the end."""
        data = self._take()
        if self._started:
            if self._packer is not None:
                data = self._packer.compress(data) + self._packer.flush()
            self._send(wire.END, data)
        elif self._gzip and len(data) >= _LEAST_GZIP_BYTES:
            self._send(wire.WHOLE_GZIP, zlib.compress(data, _GZIP_LEVEL, 31))
        else:
            self._send(wire.WHOLE, data)

    def fail(self, kind: str, message: str, *, last: bool = False) -> None:
        """End the answer with an error; `last`: the process ends after it."""
        self._send(wire.ERROR, json.dumps({"kind": kind, "message": message, "last": last}).encode())

    def _send(self, letter: bytes, data: bytes) -> None:
        if self._reply is None or not self._reply.send(letter, data):
            self._connection.sendall(wire.FRAME.pack(letter, len(data)) + data)


def work(
    store: ox.Store, connection: socket.socket, prefixes: dict[str, str], *, at_rest: Callable[[], None] | None = None
) -> None:
    """Answer requests until the service closes the connection or the process should not go on.

    `at_rest` is called once, the first time that there is nothing to do.
    """

    def prepare(head: dict[str, Any], body: bytes) -> Callable[[Reply | None], bool]:
        """How to answer a request, as often as it comes; the answer says whether the process may go on."""
        operation = _operation(store, head, body, prefixes)
        gzip = bool(head.get("gzip"))
        spoiling = head["op"] in _SPOILING and not head.get("apart")
        return lambda reply: _answer(operation, _Output(connection, reply, gzip=gzip), spoiling=spoiling)

    inbox = wire.Inbox(connection)
    with closing(Borrowed(connection, prepare)) as borrowed:
        _obey(inbox, borrowed, prepare, at_rest)


def _obey(
    inbox: wire.Inbox,
    borrowed: Borrowed,
    prepare: Callable[[dict[str, Any], bytes], Callable[[None], bool]],
    at_rest: Callable[[], None] | None,
) -> None:
    while True:
        if borrowed and not inbox.holds_some and not borrowed.serve():
            return
        if at_rest is not None and not borrowed and not inbox.is_there:
            at_rest()
            at_rest = None
        message = inbox.read()
        if message is None:
            return
        head, body = message
        operation = head["op"]
        if operation == "teach":
            borrowed.learn(head, body)
        elif operation == "desk":
            borrowed.open_desk(inbox.descriptors)
        elif operation == "lend":
            borrowed.take(head, body, inbox.descriptors)
        elif operation == "recall":
            borrowed.recall(body)
        elif not prepare(head, body)(None):
            return


def _answer(operation: Callable[[_Output], None], output: _Output, *, spoiling: bool) -> bool:
    """Answer one request; False if the process should not go on."""
    try:
        operation(output)
        output.finish()
        return not spoiling
    except BrokenPipeError:
        return False
    except MemoryError:
        output.fail("memory", "", last=True)
        return False
    except _Refused as error:
        output.fail(error.kind, str(error))
    except SyntaxError as error:
        output.fail("syntax", str(error))
    except RuntimeError as error:
        output.fail(_kind_of(str(error)), str(error))
    except ValueError as error:  # an IRI of the dataset, or the base, is none
        output.fail("bad", str(error))
    except OSError as error:
        output.fail("engine", str(error))
    except BaseException as error:  # noqa: BLE001 - the engine's panics are no Exceptions; the process ends here
        output.fail("engine", f"{type(error).__name__}: {error}", last=True)
        return False
    return True


def _kind_of(message: str) -> str:
    """What a failure of the engine is, by its message: a function or a graph that the text should not have named."""
    if message.startswith("The custom function "):
        return "function"
    of_a_graph = message.startswith("The graph ") and message.endswith((" already exists", " does not exist"))
    return "conflict" if of_a_graph else "engine"


def _named(_: ox.Store, iris: Iterable[str]) -> list[ox.NamedNode]:
    return [ox.NamedNode(iri) for iri in iris]


def _known(store: ox.Store, iris: Iterable[str]) -> list[ox.NamedNode]:
    names = _named(store, iris)
    for name in names:
        if not store.contains_named_graph(name):
            raise _Refused("graph", name.value)
    return names


def _operation(
    store: ox.Store, head: dict[str, Any], body: bytes, prefixes: dict[str, str]
) -> Callable[[_Output], None]:
    """What a request asks for; what does not depend on the store is read once."""
    if head["op"] == "query":
        return _query(store, head, body.decode(), prefixes)
    return partial(_OPERATIONS[head["op"]], store, head, body, prefixes)


def _query(store: ox.Store, head: dict[str, Any], text: str, prefixes: dict[str, str]) -> Callable[[Any], None]:
    options: dict[str, Any] = {}
    if "union" in head and "default" not in head:
        options["use_default_graph_as_union"] = True
    if "base" in head:
        options["base_iri"] = head["base"]
    own = prefixes if "prefixes" in head and prefixes else None
    if own:
        options["prefixes"] = own
    results, graph = RESULTS_FORMATS[head["results"]], RDF_FORMATS[head["graph"]]
    names_graphs = "default" in head or "from" in head
    with_prefixes = own is not None and head["graph"] in _WITH_PREFIXES

    def answer(output: IO[bytes]) -> None:
        dataset = _dataset(store, head) if names_graphs else {}
        result = store.query(text, **options, **dataset)
        if not isinstance(result, ox.QueryTriples):
            result.serialize(output, results)
        elif with_prefixes:
            ox.serialize(result, output, graph, prefixes=own)
        else:
            result.serialize(output, graph)

    return answer


def _dataset(store: ox.Store, head: dict[str, Any]) -> dict[str, Any]:
    """The graphs that a query is about, where it or its request names them."""
    dataset = {}
    if "default" in head:
        names = _known if head["strict"] else _named
        dataset = {"default_graph": names(store, head["default"]), "named_graphs": names(store, head["named"])}
    if "from" in head:
        _known(store, head["from"])
    return dataset


def _export(store: ox.Store, head: dict[str, Any], body: bytes, prefixes: dict[str, str], output: _Output) -> None:
    name = None if head["name"] is None else graph_name(head["name"])
    if isinstance(name, ox.NamedNode):
        _known(store, [name.value])
    shown = prefixes if prefixes and head["graph"] in _WITH_PREFIXES else None
    store.dump(cast("IO[bytes]", output), RDF_FORMATS[head["graph"]], from_graph=name, prefixes=shown)


def _update(store: ox.Store, head: dict[str, Any], body: bytes, prefixes: dict[str, str], output: _Output) -> None:
    options = {"base_iri": head["base"], "prefixes": prefixes if head["prefixes"] and prefixes else None}
    texts, position = [], 0
    for size in head["sizes"]:
        texts.append(body[position : position + size].decode())
        position += size
    whole = body[position:].decode()
    if head["steps"]:
        output.write(_from_steps(whole, list(zip(head["steps"], texts, strict=True)), options).pack())
        return
    touched = None if head["touched"] is None else [graph_name(iri) for iri in head["touched"]]
    output.write(_compared(store, touched, lambda: store.update(whole, **options)).pack())


def _from_steps(whole: str, steps: Sequence[tuple[str, str]], options: dict[str, Any]) -> Delta:
    """What operations that name their quads say, whatever is in the store: each is read in an empty one of its own."""
    if len(steps) > 1 or steps[0][0] == "-":
        ox.Store().update(whole, **options)  # the text as a whole must be right, not only its parts
    final: dict[ox.Quad, bool] = {}
    for kind, text in steps:
        scratch = ox.Store()
        scratch.update(text, **options)
        for quad in scratch:
            final[quad] = kind == "+"
    return Delta(
        added=[quad for quad, stays in final.items() if stays],
        removed=[quad for quad, stays in final.items() if not stays],
    )


def _compared(
    store: ox.Store, touched: Sequence[ox.NamedNode | ox.DefaultGraph] | None, change: Callable[[], None]
) -> Delta:
    """The delta of any change: the touched graphs before and after it."""
    names_before = set(store.named_graphs())
    before = set(_quads(store, touched))
    change()
    names_after = set(store.named_graphs())
    added = []
    for quad in _quads(store, touched):
        if quad in before:
            before.remove(quad)
        else:
            added.append(quad)
    return Delta(
        removed=list(before),
        added=added,
        created=[name for name in names_after - names_before if isinstance(name, ox.NamedNode)],
        dropped=[name for name in names_before - names_after if isinstance(name, ox.NamedNode)],
    )


def _quads(store: ox.Store, touched: Sequence[ox.NamedNode | ox.DefaultGraph] | None) -> Iterator[ox.Quad]:
    if touched is None:
        yield from store
        return
    for name in touched:
        yield from store.quads_for_pattern(None, None, None, name)


def _upload(store: ox.Store, head: dict[str, Any], body: bytes, prefixes: dict[str, str], output: _Output) -> None:
    name, how = graph_name(head["name"]), head["how"]
    arrived, position = set(), 0
    for format_name, size in zip(head["formats"], head["sizes"], strict=True):
        data = body[position : position + size]
        position += size
        arrived |= set(_parsed(data, RDF_FORMATS[format_name], name, head["base"]))
    output.write(uploaded(store, name, how, arrived).pack())


def _parsed(data: bytes, form: ox.RdfFormat, name: ox.NamedNode | ox.DefaultGraph, base: str | None) -> list[ox.Quad]:
    try:
        found = list(ox.parse(data, form, base_iri=base, rename_blank_nodes=True))
    except (SyntaxError, ValueError) as error:
        raise _Refused("rdf", str(error)) from error
    if any(not isinstance(quad.graph_name, ox.DefaultGraph) for quad in found):
        raise _Refused("rdf", "the document names a graph of its own; here only the triples of one graph can be taken")
    return [ox.Quad(quad.subject, quad.predicate, quad.object, name) for quad in found]


# After these the graph here is not the graph of the store, but where the text was read apart from it (`store.parser`).
_SPOILING = {"update", "upload"}
_OPERATIONS: dict[str, Callable[[ox.Store, dict[str, Any], bytes, dict[str, str], _Output], None]] = {
    "export": _export,
    "update": _update,
    "upload": _upload,
}
