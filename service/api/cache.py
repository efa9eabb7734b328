"""Answers kept for the next client that asks the same, bounded in bytes."""

from collections import OrderedDict

# What an entry costs beside its bytes.
_OVERHEAD_BYTES = 200


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
