"""How fast REST answers at 100,000 entities: `python -m tests.benchmarks.rest`.

The graph is made up from a seed and never stored: the index asks for the quads of a node and gets them from its number.
The service runs in a process of its own; one client asks over loopback, each address once in a random order, so that
nothing is answered from a cache but what every client shares. Prints the 50th, 95th and 99th percentile of each kind.
"""

import argparse
import asyncio
import multiprocessing
import random
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox

from service.graph.index import Index
from service.rdf.namespaces import NS, RDF, RDF_TYPE, SKOS
from service.settings import Settings
from tests.benchmarks.graph import names

BASE = "https://marsad.example/"
_EDTF = ox.NamedNode("http://id.loc.gov/datatypes/edtf/EDTF")
_DATE = ox.NamedNode("http://www.w3.org/2001/XMLSchema#date")
_CLASSES = ("Person", "Organization", "Event", "Agreement", "Measure", "Place", "Post", "Work")
_ABOVE = {"Person": ("Actor",), "Organization": ("Actor",)}
_PREDICATES = (
    "memberOf",
    "partOf",
    "participant",
    "target",
    "place",
    "cooperatesWith",
    "about",
    "heldPost",
    "supports",
)
_MODALITIES = ("asserted", "probable", "possible", "alleged", "planned", "recommended", "denied")
_KINDS = tuple(f"kind-{number}" for number in range(40))
_CLAIMS_PER_ENTITY = 3
_CLAIMS_PER_DOCUMENT = 400
# Percentiles in milliseconds that the service is held to, by kind of request.
TARGETS = {"entity": 5.0, "list with facets": 15.0, "search": 10.0}


def _term(name: str) -> ox.NamedNode:
    return ox.NamedNode(NS + name)


def _node(folder: str, name: str) -> ox.NamedNode:
    return ox.NamedNode(f"{BASE}{folder}/{name}")


class MadeUpGraph:
    """The quads of a graph of `entities` entities, found by their subject."""

    def __init__(self, entities: int, seed: int) -> None:
        self.entities, self.claims, self.seed = entities, entities * _CLAIMS_PER_ENTITY, seed
        self.documents = max(5, self.claims // _CLAIMS_PER_DOCUMENT)

    def match(
        self, subject: Any = None, predicate: Any = None, value: Any = None, graph: Any = None
    ) -> Iterator[ox.Quad]:
        """The quads that fit, of one subject or of one class."""
        if subject is None:
            yield from self._of_class(predicate, value)
            return
        for quad in self._described(subject.value):
            if predicate in (None, quad.predicate) and value in (None, quad.object):
                yield quad

    def _of_class(self, predicate: Any, value: Any) -> Iterator[ox.Quad]:
        if predicate == RDF_TYPE and value == _term("Entity"):
            yield from (ox.Quad(self.entity(number), RDF_TYPE, value) for number in range(self.entities))
            yield from (ox.Quad(_node("doc", f"d{n:03}"), RDF_TYPE, value) for n in range(self.documents))
        elif predicate == RDF_TYPE and value == _term("Topic"):
            yield from (ox.Quad(_node("topic", name), RDF_TYPE, value) for name in _KINDS)
        elif predicate == RDF_TYPE and value == _term("Claim"):
            yield from (ox.Quad(self.claim(number), RDF_TYPE, value) for number in range(self.claims))
        elif predicate is not None and predicate.value.endswith("subClassOf"):
            for name in _CLASSES:
                for upper in (*_ABOVE.get(name, ()), "Entity"):
                    yield ox.Quad(_term(name), predicate, _term(upper))
            yield ox.Quad(_term("Statement"), predicate, _term("Claim"))
            yield ox.Quad(_term("Document"), predicate, _term("Entity"))

    def entity(self, number: int) -> ox.NamedNode:
        """The IRI of an entity."""
        return _node("id", f"e{number}")

    def claim(self, number: int) -> ox.NamedNode:
        """The IRI of a claim."""
        return _node("claim", f"d{number % self.documents:03}.c{number}")

    @lru_cache(maxsize=64)  # noqa: B019  (one graph for the life of the process)
    def _described(self, iri: str) -> list[ox.Quad]:
        folder, _, name = iri.removeprefix(BASE).partition("/")
        make: Callable[[str], list[tuple[str, Any]]] | None = {
            "id": self._entity, "doc": self._document, "topic": self._topic, "claim": self._claim,
            "evidence": self._evidence, "time": self._time,
        }.get(folder)  # fmt: skip
        node = ox.NamedNode(iri)
        return [ox.Quad(node, ox.NamedNode(key), value) for key, value in (make(name) if make else ())]

    def _entity(self, name: str) -> list[tuple[str, Any]]:
        number = int(name[1:])
        own = _CLASSES[number % len(_CLASSES)]
        said: list[tuple[str, Any]] = [(RDF + "type", _term(kind)) for kind in (own, *_ABOVE.get(own, ()), "Entity")]
        for language, text in zip(("en", "fr", "ar"), names(number), strict=True):
            said.append((SKOS + "prefLabel", ox.Literal(text, language=language)))
        return [*said, (NS + "kind", _node("topic", _KINDS[number // 7 % len(_KINDS)]))]

    def _document(self, name: str) -> list[tuple[str, Any]]:
        label = ox.Literal(f"Document {name}", language="en")
        return [(RDF + "type", _term("Document")), (RDF + "type", _term("Entity")), (SKOS + "prefLabel", label)]

    def _topic(self, name: str) -> list[tuple[str, Any]]:
        return [(RDF + "type", _term("Topic")), (SKOS + "prefLabel", ox.Literal(name.title(), language="en"))]

    def _claim(self, name: str) -> list[tuple[str, Any]]:
        number = int(name.rpartition("c")[2])
        chance = random.Random(self.seed * 1_000_003 + number)
        document = number % self.documents
        # Squared: few entities have many claims, most have few.
        subject, target = (int(chance.random() ** 2 * self.entities) for _ in range(2))
        start = (number // self.documents) * 150
        said: list[tuple[str, Any]] = [
            (RDF + "type", _term("Claim")),
            (RDF + "type", _term("Statement")),
            (RDF + "subject", self.entity(subject)),
            (RDF + "predicate", _term(_PREDICATES[int(chance.random() ** 2 * len(_PREDICATES))])),
            (RDF + "object", self.entity(target)),
            (NS + "assertedBy", self.entity(document % 200)),
            (NS + "modality", _node("topic", _MODALITIES[int(chance.random() ** 3 * len(_MODALITIES))])),
            (NS + "evidence", _node("evidence", f"d{document:03}.{start}-{start + 140}")),
        ]
        return [*said, (NS + "time", _node("time", f"e{1956 + number % 65}"))] if number % 3 else said

    def _evidence(self, name: str) -> list[tuple[str, Any]]:
        document, _, place = name.partition(".")
        start, _, end = place.partition("-")
        return [
            (NS + "document", _node("doc", document)),
            (NS + "start", ox.Literal(int(start))),
            (NS + "end", ox.Literal(int(end))),
            (NS + "passageHash", ox.Literal("sha-256-128:" + "0" * 32)),
        ]

    def _time(self, name: str) -> list[tuple[str, Any]]:
        year = name[1:]
        first, last = f"{year}-01-01", f"{year}-12-31"
        bounds = {"earliest": first, "beginsBy": last, "endsAfter": first, "latest": last}
        dates = [(NS + key, ox.Literal(day, datatype=_DATE)) for key, day in bounds.items()]
        return [(NS + "edtf", ox.Literal(year, datatype=_EDTF)), *dates]


def index_of(graph: MadeUpGraph, path: Path) -> Index:
    """The index of a made-up graph; one that is there already is taken as it is."""
    index = Index(path, BASE)
    stamp = f"made-up {graph.entities} {graph.seed}"
    if index.stored_version() != stamp:
        started = time.monotonic()
        index.build(graph.match, stamp)
        _say(f"index of {graph.entities:,} entities and {graph.claims:,} claims: {time.monotonic() - started:.0f} s")
    return index


def requests_of(graph: MadeUpGraph, chance: random.Random, count: int) -> dict[str, list[str]]:
    """Addresses by kind, no two alike in a kind where there are that many."""

    def entity() -> int:
        return chance.randrange(graph.entities)

    def filters() -> str:
        chosen = [
            f"type={chance.choice(_CLASSES)}",
            f"kind={chance.choice(_KINDS)}",
            f"document=d{chance.randrange(graph.documents):03}",
            f"modality={chance.choice(_MODALITIES)}",
            f"from={chance.randrange(1960, 2010)}",
            f"relation={chance.choice(_PREDICATES)}",
            f"related=e{entity()}",
            f"q={quote(names(entity())[chance.randrange(3)].split()[0][:5])}",
        ]
        return "&".join(chance.sample(chosen, chance.choice((0, 1, 1, 2, 2, 3))))

    def claim_filters() -> str:
        return "&".join(part for part in filters().split("&") if not part.startswith(("type", "kind")))

    kinds: dict[str, Callable[[], str]] = {
        "entity": lambda: f"/api/v1/entities/e{entity()}",
        "list": lambda: f"/api/v1/entities?{filters()}&limit=20",
        "list with facets": lambda: f"/api/v1/entities?{filters()}&limit=20&facets=true",
        "claims with facets": lambda: f"/api/v1/claims?{claim_filters()}&limit=20&facets=true",
        "search": lambda: f"/api/v1/search?q={quote(_asked(names(entity())[chance.randrange(3)], chance))}",
        "suggest": lambda: f"/api/v1/suggest?q={quote(names(entity())[0][: chance.randrange(2, 7)])}",
        "paths": lambda: f"/api/v1/paths?from=e{entity()}&to=e{entity()}&max_steps=3",
    }
    return {kind: [make() for _ in range(count)] for kind, make in kinds.items()}


def _asked(name: str, chance: random.Random) -> str:
    """A name as people type it: whole, a word, a beginning, or with a letter lost."""
    how = chance.randrange(4)
    if how == 1:
        return name.split()[-1]
    if how == 2:
        return name[: max(3, len(name) // 2)]
    if how == 3:
        place = chance.randrange(len(name))
        return name[:place] + name[place + 1 :]
    return name


def _serve(graph: MadeUpGraph, path: Path, ready: Any) -> None:
    # Only the process that serves needs the application.
    from service.api import server
    from service.api.context import Context
    from service.api.listening import listening_socket
    from service.app import create_app

    settings = Settings(port=0)
    index = Index(path, BASE)
    store: Any = SimpleNamespace(id="made-up", version=1, match=graph.match, listeners=[], status=lambda: None)
    context = Context(settings, store, index, None, {}, {})
    started = time.monotonic()
    index.warm()
    _say(f"what lists and facets are answered from, made at the start: {time.monotonic() - started:.1f} s")
    with listening_socket(settings) as listener:
        listener.listen()
        ready.send(listener.getsockname()[1])
        asyncio.run(server.server_for(create_app(context), settings).serve(sockets=[listener]))


def measure(port: int, urls: list[str]) -> list[float]:
    """Milliseconds of each request, over one connection.

    A bare socket, since client and service share the cores: http.client takes 0.2 ms for an answer of its own.
    """
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for url in urls:
            request = f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
            started = time.perf_counter()
            connection.sendall(request)
            head, body = _answer(connection)
            taken.append((time.perf_counter() - started) * 1000)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"{head.splitlines()[0].decode()} {url} {body[:300].decode()}")
    return sorted(taken)


def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of an answer that says its length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _received(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)\ncontent-length: (\d+)", head)[1])  # type: ignore[index]
    parts, missing = [body], length - len(body)
    while missing > 0:
        parts.append(_received(connection))
        missing -= len(parts[-1])
    return head, b"".join(parts)


def _received(connection: socket.socket) -> bytes:
    part = connection.recv(1 << 20)
    if not part:
        raise SystemExit("the service closed the connection")
    return part


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Measure and print; 1 if a target is missed."""
    parser = argparse.ArgumentParser("tests.benchmarks.rest", description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the index is kept; default: a temporary folder")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="marsad-bench-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        graph = MadeUpGraph(arguments.entities, arguments.seed)
        path = folder / f"rest-{arguments.entities}.sqlite"
        index_of(graph, path).close()
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(graph, path, theirs), daemon=True)
        process.start()
        try:
            return _report(mine.recv(), requests_of(graph, random.Random(arguments.seed), arguments.requests))
        finally:
            process.terminate()
            process.join()


def _report(port: int, requests: dict[str, list[str]]) -> int:
    missed = 0
    _say(f"{'':20}{'p50':>9}{'p95':>9}{'p99':>9}   ms")
    for kind, urls in requests.items():
        measure(port, urls[:3])
        taken = measure(port, urls)
        shown = [taken[min(len(taken) - 1, int(len(taken) * share))] for share in (0.5, 0.95, 0.99)]
        target = TARGETS.get(kind)
        late = target is not None and shown[1] > target
        missed += late
        note = f"   target {target:g}{' MISSED' if late else ''}" if target else ""
        _say(f"{kind:20}" + "".join(f"{value:9.1f}" for value in shown) + note)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
