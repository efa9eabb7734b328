"""Answers kept for the next client that asks the same, bounded in bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Self

from service.store.query_ids import new_query_id

# What an entry costs beside its bytes.
_OVERHEAD_BYTES = 200
# Of a long answer, what is handed to the connection at once.
PART_BYTES = 256 * 2**10


class AnswerCache:
    """The answers used last, of one version of the graph: with the first answer of another, all others go."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        # One answer may take an eighth, so that a few large ones do not drive out all others.
        self.max_answer_bytes = max_bytes // 8
        self.bytes = 0
        self.hits = 0
        self._version = -1
        self._answers: OrderedDict[bytes, tuple[bytes, bool]] = OrderedDict()

    def get(self, key: bytes, version: int) -> tuple[bytes, bool] | None:
        """The answer and whether it is gzip; None if it is not here for this version."""
        if version != self._version:
            return None
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
            self.hits += 1
        return found

    def put(self, key: bytes, version: int, body: bytes, gzipped: bool) -> None:
        """Keep an answer, if it is not too large and of no version older than what is here."""
        if len(body) > self.max_answer_bytes or version < self._version:
            return
        if version > self._version:
            self._answers.clear()
            self.bytes, self._version = 0, version
        if key in self._answers:
            return
        self._answers[key] = (body, gzipped)
        self.bytes += len(body) + _OVERHEAD_BYTES
        while self.bytes > self.max_bytes:
            _, (oldest, _) = self._answers.popitem(last=False)
            self.bytes -= len(oldest) + _OVERHEAD_BYTES


class Rest:
    """What is left of a kept answer of which the client has had the beginning. See `service.store.base.Answer`."""

    def __init__(self, body: bytes, start: int, version: int, *, gzipped: bool) -> None:
        self.query_id, self.version, self.gzipped = new_query_id(), version, gzipped
        self.whole: bytes | None = None
        self.head_sent, self.unsent = True, b""
        self.remaining: int | None = len(body) - start
        self.on_cut: Callable[[], None] | None = None
        self._body, self._start = body, start

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes up to the end, 256 KiB at a time."""
        return parts(self._body, self._start)

    async def close(self) -> None:
        """There is no work to stop."""

    def begun(self) -> Self:
        """Itself."""
        return self

    def abandon(self) -> None:
        """There is no work to stop."""


async def parts(body: bytes, start: int = 0) -> AsyncIterator[bytes]:
    """The bytes of a body from `start` on, 256 KiB at a time; a hundred of them at once hold up nothing small."""
    for place in range(start, len(body), PART_BYTES):
        yield body[place : place + PART_BYTES]
        await asyncio.sleep(0)
