"""A process that changes a store as fast as it can, to be killed at any moment, and one that looks at what is left."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from service.settings import Settings
from service.store import embedded
from service.store.base import Delta, n_quads
from service.store.embedded import EmbeddedStore
from tests.store.conftest import iri

# Quads that one change adds at most, and changes between two checkpoints: small, so that each is often interrupted.
_MOST_ADDED = 40
_CHECKPOINT_EVERY = 7


class Writer(EmbeddedStore):
    """The durable part of a store: log and database, without the processes that answer."""

    async def _load_replica(self) -> None:
        """Nobody asks."""


def store_in(directory: Path) -> Writer:
    embedded._CHECKPOINT_EVERY = _CHECKPOINT_EVERY
    return Writer(
        Settings(workers=1), content=lambda: start(), files=(), prefixes={}, directory=directory, digest="1",
        writable=True, progress=lambda *_: None,
    )  # fmt: skip


def start() -> Iterable[ox.Quad]:
    return [ox.Quad(iri("start"), iri("p"), ox.Literal(number), iri("g")) for number in range(20)]


def quads_of(version: int) -> list[ox.Quad]:
    """What a change adds: the more the longer its log entry, so that kills fall into it."""
    count = 1 + (version * 7919) % _MOST_ADDED
    return [ox.Quad(iri(f"s{version}"), iri("p"), ox.Literal(f"{number} é\n"), iri("g")) for number in range(count)]


def change(version: int) -> Delta:
    """The change that makes a version: it adds its quads and takes away those of the fifth version before it."""
    return Delta(added=quads_of(version), removed=quads_of(version - 5) if version > 5 else [])


def state(version: int) -> set[ox.Quad]:
    """All quads at a version."""
    return {*start(), *(quad for number in range(max(1, version - 4), version + 1) for quad in quads_of(number))}


def write(directory: str, acknowledged: int) -> None:
    """Make changes for ever; say the number of each on a descriptor when it is acknowledged."""

    async def run() -> None:
        async with store_in(Path(directory)) as store:
            os.write(acknowledged, b"ready\n")
            while True:
                version = await store.apply(change(store.version + 1), about={"agent": "test"})
                os.write(acknowledged, f"{version}\n".encode())

    asyncio.run(run())


def look(directory: str, answer: Any) -> None:
    """Tell the version, the last change in the log, and the quads that a start finds."""

    async def run() -> None:
        async with store_in(Path(directory)) as store:
            assert store.log is not None
            answer.send((store.version, store.log.last, n_quads(sorted(store.match(), key=str))))

    asyncio.run(run())
