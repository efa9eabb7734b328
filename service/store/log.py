"""The change log: every change in the order it was made, each on disk before it is applied anywhere.

An RDF Patch per change: `H` lines (version, counts), `TX .`, `D` and `A` lines, `TC .`. A change that has no `TC .`
was never made. Graphs that come or go as such are `GA` and `GD` lines, an addition of ours.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox

from service.store.base import Delta, n_quads, read_n_quads


class ChangeLog:
    """An append-only file of numbered changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()
        self._cut_unfinished()
        self._file = path.open("ab")

    def append(self, version: int, delta: Delta) -> None:
        """Write a change; returns when the disk has it."""
        lines = [f"H version {version} .\nTX .\n".encode()]
        lines += [f"GA <{name.value}> .\n".encode() for name in delta.created]
        lines += [b"D " + line for line in n_quads(delta.removed).splitlines(keepends=True)]
        lines += [b"A " + line for line in n_quads(delta.added).splitlines(keepends=True)]
        lines += [f"GD <{name.value}> .\n".encode() for name in delta.dropped]
        lines.append(b"TC .\n")
        self._file.write(b"".join(lines))
        self._file.flush()
        os.fsync(self._file.fileno())

    def read(self, *, after: int) -> Iterator[tuple[int, Delta]]:
        """The changes with a version above `after`, in order."""
        version = 0
        parts: dict[bytes, list[bytes]] = {}
        with self._path.open("rb") as file:
            for line in file:
                mark, _, rest = line.partition(b" ")
                if mark == b"H":
                    version = int(rest.split()[1])
                elif mark == b"TX":
                    parts = {b"D": [], b"A": [], b"GA": [], b"GD": []}
                elif mark == b"TC":
                    if version > after:
                        yield version, _delta(parts)
                elif mark in parts:
                    parts[mark].append(rest)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _cut_unfinished(self) -> None:
        """Remove a change at the end whose writing was interrupted."""
        end = _end_of_last(self._path)
        if end < self._path.stat().st_size:
            with self._path.open("r+b") as file:
                file.truncate(end)


def _end_of_last(path: Path) -> int:
    end = position = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            if line == b"TC .\n":
                end = position
    return end


def _delta(parts: dict[bytes, list[bytes]]) -> Delta:
    return Delta(
        removed=read_n_quads(b"".join(parts[b"D"])),
        added=read_n_quads(b"".join(parts[b"A"])),
        created=[_name(line) for line in parts[b"GA"]],
        dropped=[_name(line) for line in parts[b"GD"]],
    )


def _name(line: bytes) -> ox.NamedNode:
    return ox.NamedNode(line.decode().strip().removesuffix(" .")[1:-1])
