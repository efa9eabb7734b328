"""The change log: every change in the order it was made, each on disk before it is applied anywhere.

An RDF Patch per change: `H` lines (version, what is said about it, counts), `TX .`, `D` and `A` lines, `TC .`. A change
that has no `TC .` was never made. Graphs that come or go as such are `GA` and `GD` lines, an addition of ours.
"""

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyoxigraph as ox

from service.errors import StorageFailed
from service.store.base import Delta, n_quads, read_n_quads

# The last line of every change, the one between what is said of it and its quads, and how the first begins.
END_OF_CHANGE, _BODY, _VERSION = b"TC .\n", b"TX .\n", b"H version "


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What the log says of one change without its quads: its version, how many quads went and came, and the rest.

    `about` holds what was given to `ChangeLog.append`, as `agent`, `time`, `message`.
    """

    version: int
    removed: int
    added: int
    about: Mapping[str, str] = field(default_factory=dict)


class ChangeLog:
    """An append-only file of numbered changes. One process writes to it; reading is for any thread.

    In memory it keeps 16 bytes for each change: its version and where it ends. What was said of it is read again.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        """`writable=False` only reads, as is safe while another process writes; what is being written is left out.

        Raises StorageFailed: the file cannot be written, or read.
        """
        self._path = path
        self._versions, self._ends = array("Q"), array("Q")
        self._failed = False
        try:
            self._file = path.open("ab" if writable else "rb", buffering=0)
            self._end = self._find_changes()
            if writable:  # what follows is a change whose writing was interrupted
                self._file.truncate(self._end)
        except OSError as error:
            verb = "written" if writable else "read"
            raise StorageFailed(f"the change log {path} cannot be {verb}: {error.strerror}") from error

    @property
    def last(self) -> int:
        """The version that the last change made; 0 if there is none."""
        return self._versions[-1] if self._versions else 0

    def count(self, *, after: int = 0, before: int | None = None) -> int:
        """How many changes have a version above `after` and below `before`."""
        first, end = self._range(after, before)
        return end - first

    def latest(self, *, after: int = 0, before: int | None = None, most: int | None = None) -> list[LogEntry]:
        """What is said of the changes with a version above `after` and below `before`, the latest first.

        At most `most` of them.
        """
        first, end = self._range(after, before)
        if most is not None:
            first = max(first, end - most)
        with self._path.open("rb") as file:
            return [_entry(self._patch(file, number)) for number in reversed(range(first, end))]

    def append(self, version: int, delta: Delta, about: Mapping[str, str] | None = None) -> None:
        """Write a change; returns when the disk has it.

        Raises StorageFailed: the disk did not take it, and nothing is left of it; or it did not an earlier time and
        nothing is certain any more until a restart.
        """
        entry = LogEntry(version, len(delta.removed), len(delta.added), dict(about or {}))
        data = _head(entry) + _body(delta)
        if self._failed:
            raise StorageFailed("the change log could not be written before; restart the service to write again")
        try:
            self._write(data)
        except OSError as error:
            self._take_back()
            raise StorageFailed(f"the change log cannot be written ({error.strerror}); nothing was changed") from error
        self._end += len(data)
        self._remember(version, self._end)

    def entry(self, version: int) -> LogEntry | None:
        """What is said of one change; None if the log does not have it."""
        patch = self.patch(version)
        return None if patch is None else _entry(patch)

    def delta(self, version: int) -> Delta | None:
        """The quads of one change; None if the log does not have it."""
        patch = self.patch(version)
        return None if patch is None else _delta(patch)

    def patch(self, version: int) -> bytes | None:
        """One change as the log has it, an RDF Patch; None if the log does not have it."""
        first, end = self._range(version - 1, version + 1)
        if first == end:
            return None
        with self._path.open("rb") as file:
            return self._patch(file, first)

    def read(self, *, after: int) -> Iterator[tuple[int, Delta]]:
        """The changes with a version above `after`, in order."""
        first, end = self._range(after, None)
        with self._path.open("rb") as file:
            for number in range(first, end):
                yield self._versions[number], _delta(self._patch(file, number))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        os.fsync(self._file.fileno())

    def _take_back(self) -> None:
        """Remove what was written of a change that failed. What the disk holds afterwards must be certain."""
        try:
            self._file.truncate(self._end)
            os.fsync(self._file.fileno())
        except OSError:
            self._failed = True

    def _range(self, after: int, before: int | None) -> tuple[int, int]:
        """The places of the changes with a version above `after` and below `before`."""
        first = bisect_right(self._versions, max(0, after))
        return first, len(self._versions) if before is None else max(first, bisect_left(self._versions, before))

    def _patch(self, file: BinaryIO, number: int) -> bytes:
        start = self._ends[number - 1] if number else 0
        file.seek(start)
        return file.read(self._ends[number] - start)

    def _remember(self, version: int, end: int) -> None:
        self._ends.append(end)
        self._versions.append(version)  # the last: readers in other threads look for it

    def _find_changes(self) -> int:
        """Note every complete change; where the last one ends."""
        end = position = version = 0
        with self._path.open("rb") as file:
            for line in file:
                position += len(line)
                if line.startswith(_VERSION):
                    version = int(line[len(_VERSION) :].split(b" ", 1)[0])
                elif line == END_OF_CHANGE:
                    end = position
                    self._remember(version, end)
        return end


def _head(entry: LogEntry) -> bytes:
    lines = [f"H version {entry.version} .\n", f"H removed {entry.removed} .\n", f"H added {entry.added} .\n"]
    lines += [f"H {name} {ox.Literal(value)} .\n" for name, value in entry.about.items()]
    return "".join(lines).encode()


def _entry(patch: bytes) -> LogEntry:
    head = dict(_read_head(line) for line in patch.partition(_BODY)[0].splitlines())
    version, removed, added = (int(head.pop(name, "0")) for name in ("version", "removed", "added"))
    return LogEntry(version, removed, added, head)


def _read_head(line: bytes) -> tuple[str, str]:
    _, name, value = line.decode().rstrip().removesuffix(" .").split(" ", 2)
    if not value.startswith('"'):
        return name, value
    (triple,) = ox.parse(f"<urn:x> <urn:x> {value} .", format=ox.RdfFormat.N_TRIPLES)
    assert isinstance(triple.object, ox.Literal)
    return name, triple.object.value


def _body(delta: Delta) -> bytes:
    lines = [_BODY]
    lines += [f"GA <{name.value}> .\n".encode() for name in delta.created]
    lines += [b"D " + line for line in n_quads(delta.removed).splitlines(keepends=True)]
    lines += [b"A " + line for line in n_quads(delta.added).splitlines(keepends=True)]
    lines += [f"GD <{name.value}> .\n".encode() for name in delta.dropped]
    lines.append(END_OF_CHANGE)
    return b"".join(lines)


def _delta(patch: bytes) -> Delta:
    parts: dict[bytes, list[bytes]] = {b"D": [], b"A": [], b"GA": [], b"GD": []}
    for line in patch.splitlines(keepends=True):
        mark, _, rest = line.partition(b" ")
        if mark in parts:
            parts[mark].append(rest)
    return Delta(
        removed=read_n_quads(b"".join(parts[b"D"])),
        added=read_n_quads(b"".join(parts[b"A"])),
        created=[_name(line) for line in parts[b"GA"]],
        dropped=[_name(line) for line in parts[b"GD"]],
    )


def _name(line: bytes) -> ox.NamedNode:
    return ox.NamedNode(line.decode().strip().removesuffix(" .")[1:-1])
