"""A process that changes a store as fast as it can, to be killed at any moment, and one that looks at what is left."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from service.app import open_index
from service.graph.index import Index
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE, entity_iri, graph_iri
from service.settings import Settings
from service.store import embedded
from service.store.base import Delta, n_quads
from service.store.embedded import EmbeddedStore, File
from tests.graph.test_index import contents

# Quads that one change adds at most, and changes between two checkpoints and two bases: small, so that each is often
# interrupted.
_MOST_ADDED = 40
_CHECKPOINT_EVERY = 7
_BASE_EVERY = 11
_SETTINGS = Settings(workers=1)


class Writer(EmbeddedStore):
    """The durable part of a store: log, database and base, without the processes that answer."""

    async def _load_replica(self) -> None:
        """Nobody asks."""

    async def renew(self) -> None:
        """What a store does when its replica has become too large."""
        await self._renew()

    async def _new_base(self, directory: Path) -> tuple[File, int]:
        """As a store makes it, from the database instead of a worker."""
        return self._write_base(directory, self.version, self.match()), self.version

    def what_a_replica_loads(self) -> set[ox.Quad]:
        """The base with the changes since, as a replica would have them."""
        replica = ox.Store()
        for file in self._base:
            replica.bulk_load(path=file.path, format=ox.RdfFormat.N_QUADS, lenient=True)
        assert self.log is not None
        for _, delta in self.log.read(after=self._state.base):
            embedded.apply_delta(replica, delta)
        return set(replica)


@dataclass(frozen=True)
class Found:
    """What a start finds: the version of the store, the last change in its log, the quads of the database and those
    that a replica would get, and the version of the index before it was brought to the present."""

    version: int
    logged: int
    quads: bytes
    replica: bytes
    index_version: str
    index_is_right: bool


def store_in(home: Path) -> Writer:
    embedded._CHECKPOINT_EVERY = _CHECKPOINT_EVERY
    return Writer(
        _SETTINGS, content=lambda: start(), files=(), prefixes={}, directory=home / "store", digest="1",
        writable=True, progress=lambda *_: None,
    )  # fmt: skip


def start() -> Iterable[ox.Quad]:
    return [quad for number in range(20) for quad in _person(f"start{number}", f"Start {number}")]


def quads_of(version: int) -> list[ox.Quad]:
    """What a change adds: the more the longer its log entry, so that kills fall into it."""
    count = 1 + (version * 7919) % (_MOST_ADDED // 2)
    return [
        quad for number in range(count) for quad in _person(f"p{version}-{number}", f"Person {version} é\n{number}")
    ]


def _person(name: str, label: str) -> list[ox.Quad]:
    node, graph = entity_iri(DEFAULT_BASE, name), graph_iri(DEFAULT_BASE, "entities")
    return [
        ox.Quad(node, ns.RDF_TYPE, ns.marsad("Entity"), graph),
        ox.Quad(node, ns.SKOS_PREF_LABEL, ox.Literal(label, language="en"), graph),
    ]


def change(version: int) -> Delta:
    """The change that makes a version: it adds its quads and takes away those of the fifth version before it."""
    return Delta(added=quads_of(version), removed=quads_of(version - 5) if version > 5 else [])


def state(version: int) -> set[ox.Quad]:
    """All quads at a version."""
    return {*start(), *(quad for number in range(max(1, version - 4), version + 1) for quad in quads_of(number))}


def sorted_quads(quads: Iterable[ox.Quad]) -> bytes:
    return n_quads(sorted(quads, key=str))


def write(home: str, acknowledged: int) -> None:
    """Make changes for ever; say the number of each on a descriptor when it is acknowledged."""

    async def run() -> None:
        async with store_in(Path(home)) as store:
            open_index(store, Path(home) / "index.sqlite", _SETTINGS)
            os.write(acknowledged, b"ready\n")
            while True:
                version = await store.apply(change(store.version + 1), about={"agent": "test"})
                os.write(acknowledged, f"{version}\n".encode())
                if version % _BASE_EVERY == 0:
                    await store.renew()

    asyncio.run(run())


def look(home: str, answer: Any) -> None:
    """Tell what a start finds."""

    async def run() -> None:
        path = Path(home) / "index.sqlite"
        async with store_in(Path(home)) as store:
            assert store.log is not None
            before = Index(path, DEFAULT_BASE)
            index_version = (before.stored_version() or "").rpartition("-")[2]
            before.close()
            index, anew = open_index(store, path, _SETTINGS), Index(None, DEFAULT_BASE)
            anew.build(store.match, "anew")
            found = Found(
                store.version,
                store.log.last,
                sorted_quads(store.match()),
                sorted_quads(store.what_a_replica_loads()),
                index_version,
                contents(index) == contents(anew),
            )
            index.close()
            anew.close()
        answer.send(found)

    asyncio.run(run())
