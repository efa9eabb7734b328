"""Stores with a few quads, and counts of what the operating system keeps for this process."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.settings import Settings
from service.store.base import Query, read
from service.store.embedded import EmbeddedStore, open_store

EX = "http://example.com/"


def iri(name: str) -> ox.NamedNode:
    return ox.NamedNode(EX + name)


def numbers(count: int) -> list[ox.Quad]:
    """`count` quads in a named graph: ex:s ex:p 0, 1, …"""
    return [ox.Quad(iri("s"), iri("p"), ox.Literal(number), iri("g")) for number in range(count)]


def store_of(quads: Iterable[ox.Quad], **settings: object) -> EmbeddedStore:
    return open_store(Settings(**settings), content=lambda: quads, prefixes={"ex": EX})


@pytest.fixture
async def store() -> AsyncIterator[EmbeddedStore]:
    async with store_of(numbers(100), workers=2) as opened:
        yield opened


async def rows(store: EmbeddedStore, text: str) -> list[list[str]]:
    """The rows of a SELECT as texts, sorted."""
    data = await read(await store.query(Query(text, results="tsv", union=True)))
    return sorted(line.split("\t") for line in data.decode().splitlines()[1:])


# Children of this process when the test began: a service that the whole session shares is no leak of a test.
_OLDER: set[str] = set()


@pytest.fixture(autouse=True)
def _note_older_processes() -> None:
    _OLDER.clear()
    _OLDER.update(_children())


def processes() -> set[str]:
    """The children of this process that are not older than the test, zombies among them."""
    return _children() - _OLDER


def _children() -> set[str]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that ended meanwhile
            found |= set((task / "children").read_text().split())
    return found


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
