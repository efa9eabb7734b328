"""The change log: every change in the order it was made, each on disk before it is applied anywhere.

An RDF Patch per change: `H` lines (version, what is said about it, counts), `TX .`, `D` and `A` lines, `TC .`. A change
that has no `TC .` was never made. Graphs that come or go as such are `GA` and `GD` lines, an addition of ours.
"""

import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyoxigraph as ox

from service.errors import StorageFailed
from service.store.base import Delta, n_quads, read_n_quads

# The last line of every change, the one between what is said of it and its quads, and how the first begins.
END_OF_CHANGE, _BODY, _VERSION = b"TC .\n", b"TX .\n", b"H version "
# Where a change begins is remembered of one in so many, or after so many bytes; the others are found from there, by
# reading at most that much: less than a millisecond.
_MARK_EVERY_CHANGES, _MARK_EVERY_BYTES = 64, 64 * 2**10

WHAT_TO_DO = "Free space on the disk of MARSAD_HOME, or move it to a larger one, and send the change again"


def sync_folder(folder: Path) -> None:
    """Have the disk keep which files a folder has: a file that is synced may still be lost with its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    """An append-only file of changes with consecutive numbers. One process writes to it; reading is for any thread.

    In memory it keeps a quarter of a byte for each change. What was said of it is read again.
    """

    def __init__(self, path: Path, *, writable: bool = True, durable: bool = True) -> None:
        """`writable=False` only reads, as is safe while another process writes; what is being written is left out.

        `durable=False` does not wait for the disk: for a log that goes with its process.
        Raises StorageFailed: the file cannot be written, or read, or a change is missing in it.
        """
        self._path, self._durable = path, durable
        # The first change after each mark, and where it begins.
        self._marks, self._starts = array("Q"), array("Q")
        self._first = self._last = 0
        self._failed = False
        self._before = 0
        verb = "written" if writable else "read"
        try:
            is_new = not path.exists()
            self._file = path.open("ab" if writable else "rb", buffering=0)
            if is_new and durable:
                sync_folder(path.parent)
        except OSError as error:
            raise StorageFailed(f"the change log {path} cannot be {verb}: {error.strerror}") from error
        try:
            self._end = self._find_changes()
            if writable:  # what follows is a change whose writing was interrupted
                self._file.truncate(self._end)
        except BaseException as error:
            self._file.close()
            if isinstance(error, OSError):
                raise StorageFailed(f"the change log {path} cannot be {verb}: {error.strerror}") from error
            raise

    @property
    def last(self) -> int:
        """The version that the last change made; 0 if there is none."""
        return self._last

    def count(self, *, after: int = 0, before: int | None = None) -> int:
        """How many changes have a version above `after` and below `before`."""
        return len(self._versions(after, before))

    def latest(self, *, after: int = 0, before: int | None = None, most: int | None = None) -> list[LogEntry]:
        """What is said of the changes with a version above `after` and below `before`, the latest first.

        At most `most` of them.
        """
        versions = self._versions(after, before)
        if most is not None:
            versions = versions[max(0, len(versions) - most) :]
        return [_entry(patch) for patch in self._patches(versions)][::-1]

    def append(self, version: int, delta: Delta, about: Mapping[str, str] | None = None) -> None:
        """Write a change; returns when the disk has it.

        Raises StorageFailed: the disk did not take it, and nothing is left of it; or it did not an earlier time and
        nothing is certain any more until a restart.
        """
        assert self._last in (0, version - 1), "changes are numbered one after the other"
        entry = LogEntry(version, len(delta.removed), len(delta.added), dict(about or {}))
        data = _head(entry) + _body(delta)
        if self._failed:
            raise StorageFailed("the change log could not be written before; restart the service to write again")
        try:
            self._write(data)
        except OSError as error:
            self._cut(self._end)
            raise StorageFailed(
                f"the change log cannot be written ({error.strerror}); nothing was changed. {WHAT_TO_DO}"
            ) from error
        self._remember(version, self._end)
        self._before, self._end = self._end, self._end + len(data)

    def take_back(self) -> bool:
        """Remove the change that was appended last; False where the disk does not let it.

        For a change that was made nowhere else; once for each `append`.
        """
        if not self._cut(self._before):
            return False
        if self._marks[-1] == self._last:
            self._marks.pop()
            self._starts.pop()
        self._last -= 1
        self._first, self._end = self._first if self._last >= self._first else 0, self._before
        self._last = self._last if self._first else 0
        return True

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
        return next(self._patches(self._versions(version - 1, version + 1)), None)

    def read(self, *, after: int, before: int | None = None) -> Iterator[tuple[int, Delta]]:
        """The changes with a version above `after` and below `before`, in order."""
        versions = self._versions(after, before)
        for version, patch in zip(versions, self._patches(versions), strict=True):
            yield version, _delta(patch)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        if self._durable:
            os.fsync(self._file.fileno())

    def _cut(self, end: int) -> bool:
        """Remove what follows. What the disk holds afterwards must be certain."""
        try:
            self._file.truncate(end)
            os.fsync(self._file.fileno())
        except OSError:
            self._failed = True
        return not self._failed

    def _versions(self, after: int, before: int | None) -> range:
        """The versions of the changes above `after` and below `before` that the log has."""
        last = self._last if before is None else min(self._last, before - 1)
        return range(max(self._first, after + 1), last + 1) if self._first else range(0)

    def _patches(self, versions: range) -> Iterator[bytes]:
        """The changes with these versions, which the log has, as they stand in it."""
        if not versions:
            return
        mark = bisect_right(self._marks, versions[0]) - 1
        version = self._marks[mark]
        lines: list[bytes] = []
        with self._path.open("rb") as file:
            file.seek(self._starts[mark])
            for line in file:
                if version >= versions[0]:
                    lines.append(line)
                if line == END_OF_CHANGE:
                    if lines:
                        yield b"".join(lines)
                        lines = []
                    if version == versions[-1]:
                        return
                    version += 1

    def _remember(self, version: int, start: int) -> None:
        mark = len(self._marks) - 1
        if (
            mark < 0
            or version - self._marks[mark] >= _MARK_EVERY_CHANGES
            or start - self._starts[mark] >= _MARK_EVERY_BYTES
        ):
            self._starts.append(start)
            self._marks.append(version)  # after the other: readers in other threads look for it
        self._first = self._first or version
        self._last = version

    def _find_changes(self) -> int:
        """Note every complete change; where the last one ends."""
        end = position = version = 0
        with self._path.open("rb") as file:
            for line in file:
                position += len(line)
                if line.startswith(_VERSION):
                    version = int(line[len(_VERSION) :].split(b" ", 1)[0])
                elif line == END_OF_CHANGE:
                    if self._last and version != self._last + 1:
                        raise StorageFailed(
                            f"the change log {self._path} is damaged: change {self._last + 1} is missing"
                        )
                    self._remember(version, end)
                    end = position
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
