"""Answers kept for the next client that asks the same, bounded in bytes: short ones in memory, long ones in files."""

import asyncio
import logging
import os
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from weakref import WeakSet

from service.errors import AnswerCut
from service.settings import Settings
from service.store.query_ids import new_query_id

_log = logging.getLogger(__name__)

# What an entry costs beside its bytes.
_OVERHEAD_BYTES = 200
# Of a long answer, what is handed to the connection at once.
PART_BYTES = 256 * 2**10
# 64 KiB of a kept answer that is longer than a part: the client reads them while the rest is got ready.
BEGINNING_BYTES = 64 * 2**10
# 1 MiB: what is written to a file at once, by a thread, which takes a tenth of a millisecond to be told.
_PIECE_BYTES = 2**20
# 16 MiB and a second: what may wait for the disk during and after an answer. Nobody waits for one that is slower.
_MOST_UNWRITTEN_BYTES, _PATIENCE_S = 16 * 2**20, 1.0
# Threads of their own: a slow disk must not take those that others need for their answers.
_writer, _reader = ThreadPoolExecutor(1, "marsad-cache-writer"), ThreadPoolExecutor(2, "marsad-cache-reader")


class _File:
    """A file without a name, which goes with the last who has it, whatever ends the process.

    Threads write and read it by its methods, so that it is not closed before they are done.
    """

    def __init__(self, directory: Path) -> None:
        self.size = 0
        with tempfile.TemporaryFile(dir=directory, buffering=0) as opened:
            self._descriptor = os.dup(opened.fileno())

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def append(self, data: bytes) -> asyncio.Future[None]:
        """Write at the end; the future ends with an OSError where that fails."""
        start, self.size = self.size, self.size + len(data)
        return asyncio.get_running_loop().run_in_executor(_writer, self._write, data, start)

    def _write(self, data: bytes, start: int) -> None:
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, start)
            left, start = left[written:], start + written

    def _read(self, size: int, start: int) -> bytes:
        return os.pread(self._descriptor, size, start)

    async def part(self, start: int) -> bytes:
        """256 KiB from `start` on, or what there is. Raises AnswerCut: they cannot be read."""
        size = min(PART_BYTES, self.size - start)
        try:
            data = await asyncio.get_running_loop().run_in_executor(_reader, self._read, size, start)
        except OSError as error:
            raise AnswerCut(f"a kept answer cannot be read: {error}") from error
        if len(data) < size:
            raise AnswerCut("a kept answer is shorter than it was")
        return data


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer: all its bytes, or the first of them and a file with all."""

    beginning: bytes
    gzipped: bool
    file: _File | None = None

    def __len__(self) -> int:
        return len(self.beginning) if self.file is None else self.file.size

    @property
    def short(self) -> bytes | None:
        """All bytes, if they may be handed to the connection at once."""
        return self.beginning if self.file is None and len(self.beginning) <= PART_BYTES else None

    async def parts(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `start` on, 256 KiB at a time; a hundred of these at once hold up nothing small.

        Raises AnswerCut: the file cannot be read.
        """
        for place in range(start, len(self), PART_BYTES):
            if self.file is not None:
                yield await self.file.part(place)
            else:
                yield self.beginning[place : place + PART_BYTES]
                await asyncio.sleep(0)


class AnswerCache:
    """The answers used last, of one version of the graph: with the first answer of another, all others go.

    `max_bytes` of memory, and `max_file_bytes` of files in `directory`, which is made when one is needed.
    """

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """An empty one, as large as the settings say."""
        return cls(settings.cache_bytes, settings.cache_file_bytes, settings.home)

    def __init__(self, max_bytes: int, max_file_bytes: int, directory: Path) -> None:
        self.max_bytes, self._max_file_bytes, self._directory = max_bytes, max_file_bytes, directory
        # One answer may take an eighth, or a quarter of the files, so that a few large ones do not drive out all others.
        self.max_answer_bytes = max_bytes // 8
        self.max_answer_file_bytes = max_file_bytes // 4 if max_bytes else 0
        self.bytes = 0
        self._version = -1
        self._answers: OrderedDict[bytes, Kept] = OrderedDict()
        # Those of answers that are being collected, and those that are gone from here and still read, among them.
        self._files: WeakSet[_File] = WeakSet()

    @property
    def file_bytes(self) -> int:
        """Bytes in files."""
        return sum(file.size for file in self._files)

    def get(self, key: bytes, version: int) -> Kept | None:
        """The answer; None if it is not here for this version."""
        if version != self._version:
            return None
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def put(self, key: bytes, version: int, answer: Kept) -> None:
        """Keep an answer, if it is not too large and of no version older than what is here."""
        if len(answer.beginning) > self.max_answer_bytes or version < self._version:
            return
        if version > self._version:
            self._answers.clear()
            self.bytes, self._version = 0, version
        if key in self._answers:
            return
        self._answers[key] = answer
        self.bytes += len(answer.beginning) + _OVERHEAD_BYTES
        while self.bytes > self.max_bytes:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: bytes) -> None:
        self.bytes -= len(self._answers.pop(key).beginning) + _OVERHEAD_BYTES

    def new_file(self) -> _File | None:
        """A file for an answer; None where there is no room on the disk, or no directory. Make room in it before you write."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            found = os.statvfs(self._directory)
            if found.f_bavail * found.f_frsize < self._max_file_bytes:
                return None
            file = _File(self._directory)
        except OSError as error:
            _log.warning("no answer is kept under %s: %s", self._directory, error)
            return None
        self._files.add(file)
        return file

    def make_room(self, size: int) -> bool:
        """Have room for so many bytes more in files, in place of answers used longest ago; False: there is none."""
        while self.file_bytes + size > self._max_file_bytes:
            oldest = next((key for key, answer in self._answers.items() if answer.file is not None), None)
            if oldest is None:
                return False
            self._drop(oldest)
        return True


class Collector:
    """A long answer that is kept as it goes to its first client, in memory or, if that is wanted, in a file."""

    def __init__(self, cache: AnswerCache, *, in_file: bool) -> None:
        # Whether it has turned out to be too long for memory, and for a file too.
        self.is_long = self.is_too_long = False
        self._cache, self._in_file = cache, in_file
        self._parts: list[bytes] = []
        self._size = 0
        self._beginning = b""
        self._file: _File | None = None
        self._writes: dict[asyncio.Future[None], int] = {}
        self._given_up = False

    async def through(self, answer: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The parts of the answer; each is collected after it was given."""
        async for part in answer:
            yield part
            self.add(part)

    def add(self, data: bytes) -> None:
        """The next bytes of the answer."""
        if self._given_up:
            return
        self._parts.append(data)
        self._size += len(data)
        if self._file is None and self._size > self._cache.max_answer_bytes:
            self.is_long, self.is_too_long = True, self._cache.max_answer_file_bytes == 0
            self._file = self._cache.new_file() if self._in_file and not self.is_too_long else None
            self._given_up = self._file is None
        if self._given_up:
            self._parts.clear()
        elif self._file is not None and self._size >= _PIECE_BYTES:
            self._write(self._file)

    def _write(self, file: _File) -> None:
        data, self._size = b"".join(self._parts), 0
        self._parts.clear()
        self._beginning = self._beginning or data[: min(BEGINNING_BYTES, self._cache.max_answer_bytes)]
        self.is_too_long = file.size + len(data) > self._cache.max_answer_file_bytes
        is_slow = sum(self._writes.values()) > _MOST_UNWRITTEN_BYTES
        if self.is_too_long or is_slow or not self._cache.make_room(len(data)):
            self._give_up()
        else:
            write = file.append(data)
            self._writes[write] = len(data)
            write.add_done_callback(self._written)

    def _written(self, write: asyncio.Future[None]) -> None:
        del self._writes[write]
        if not write.cancelled() and (error := write.exception()) is not None:
            _log.warning("an answer is not kept: %s", error)
            self._give_up()

    def _give_up(self) -> None:
        self._given_up, self._file = True, None

    async def keep(self, key: bytes, version: int, *, gzipped: bool) -> None:
        """The answer is complete: others may have it."""
        if self._file is not None:
            self._write(self._file)
        if self._writes and not self._given_up:
            await asyncio.wait(self._writes, timeout=_PATIENCE_S)
        if not self._given_up and not self._writes:
            beginning = b"".join(self._parts) if self._file is None else self._beginning
            self._cache.put(key, version, Kept(beginning, gzipped, self._file))


class Rest:
    """What is left of a kept answer of which the client has had the beginning. See `service.store.base.Answer`."""

    def __init__(self, kept: Kept, start: int, version: int) -> None:
        self.query_id, self.version, self.gzipped = new_query_id(), version, kept.gzipped
        self.whole: bytes | None = None
        self.head_sent, self.unsent = True, b""
        self.remaining: int | None = len(kept) - start
        self.on_cut: Callable[[], None] | None = None
        self._kept, self._start = kept, start

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes up to the end, 256 KiB at a time."""
        return self._kept.parts(self._start)

    async def close(self) -> None:
        """There is no work to stop."""

    def begun(self) -> Self:
        """Itself."""
        return self

    def abandon(self) -> None:
        """There is no work to stop."""
