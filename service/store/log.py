"""The change log: every change in the order it was made, each on disk before it is applied anywhere.

An RDF Patch per change: `H` lines (version, what is said about it, counts), `TX .`, `D` and `A` lines, `TC .`. A change
that has no `TC .` was never made. Graphs that come or go as such are `GA` and `GD` lines, an addition of ours.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyoxigraph as ox

from service.errors import StorageFailed
from service.store.base import Delta, n_quads, read_n_quads

# The last line of every change.
END_OF_CHANGE = b"TC .\n"


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
    """An append-only file of numbered changes. One process writes to it; reading is for any thread."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        """`writable=False` only reads, as is safe while another process writes; what is being written is left out.

        Raises StorageFailed: the file cannot be written, or read.
        """
        self._path = path
        self._entries: list[LogEntry] = []
        self._places: dict[int, tuple[int, int]] = {}
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
        return self._entries[-1].version if self._entries else 0

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
        self._remember(entry, self._end, len(data))
        self._end += len(data)

    def entries(self, *, after: int = 0) -> list[LogEntry]:
        """What is said of the changes with a version above `after`, in order."""
        return [entry for entry in self._entries if entry.version > after]

    def entry(self, version: int) -> LogEntry | None:
        """What is said of one change."""
        return next((entry for entry in reversed(self._entries) if entry.version == version), None)

    def delta(self, version: int) -> Delta | None:
        """The quads of one change; None if the log does not have it."""
        place = self._places.get(version)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            return _delta(file.read(place[1]))

    def patch(self, version: int) -> bytes | None:
        """One change as the log has it, an RDF Patch; None if the log does not have it."""
        place = self._places.get(version)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            return file.read(place[1])

    def read(self, *, after: int) -> Iterator[tuple[int, Delta]]:
        """The changes with a version above `after`, in order."""
        for entry in self.entries(after=after):
            delta = self.delta(entry.version)
            assert delta is not None, "every entry has a place"
            yield entry.version, delta

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

    def _remember(self, entry: LogEntry, start: int, size: int) -> None:
        self._entries.append(entry)
        self._places[entry.version] = (start, size)

    def _find_changes(self) -> int:
        """Note every complete change; where the last one ends."""
        end = position = 0
        head: dict[str, str] = {}
        with self._path.open("rb") as file:
            for line in file:
                position += len(line)
                if line.startswith(b"H "):
                    name, value = _read_head(line)
                    head[name] = value
                elif line == END_OF_CHANGE:
                    version, removed, added = (int(head.pop(name, "0")) for name in ("version", "removed", "added"))
                    self._remember(LogEntry(version, removed, added, head), end, position - end)
                    end, head = position, {}
        return end


def _head(entry: LogEntry) -> bytes:
    lines = [f"H version {entry.version} .\n", f"H removed {entry.removed} .\n", f"H added {entry.added} .\n"]
    lines += [f"H {name} {ox.Literal(value)} .\n" for name, value in entry.about.items()]
    return "".join(lines).encode()


def _read_head(line: bytes) -> tuple[str, str]:
    _, name, value = line.decode().rstrip().removesuffix(" .").split(" ", 2)
    if not value.startswith('"'):
        return name, value
    (triple,) = ox.parse(f"<urn:x> <urn:x> {value} .", format=ox.RdfFormat.N_TRIPLES)
    assert isinstance(triple.object, ox.Literal)
    return name, triple.object.value


def _body(delta: Delta) -> bytes:
    lines = [b"TX .\n"]
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
