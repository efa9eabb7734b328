"""Connections of clients that workers read and answer themselves: the service's side.

A question that has come before needs nothing of the service: the worker knows its bytes and the head of its answer.
So the service lends the connection to a worker and is spared twice the way through it. What the worker does not know,
and every answer that is long or an error, comes back; so does everything when the service says so: because the graph
has changed, a question takes long, or somebody else needs the worker.

Who may touch the connections that a worker has is decided by a token: a byte in a pipe whose both ends both processes
have. The worker takes it to read a request, writes the number of the connection into memory that both share, puts the
token back while the engine works, and takes it again to answer. The service takes it for good: then the worker answers
nobody any more by itself, and the memory says whose request it is working on. Each time the service lends anew, a new
term begins.
"""

import mmap
import os
import select
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from service.store import wire
from service.store.base import Borrower, Repeated

# A request of 8 KiB with its answer's head: 1024 are 10 MiB in service and worker.
_MOST_LESSONS = 1024
# What a worker learns with one connection: so many take a tenth of a millisecond.
_LESSONS_AT_ONCE = 32


class _Desk:
    """The pipe with the token, and the memory beside it: what a worker is doing, as of when it put the token back."""

    def __init__(self) -> None:
        self._take, self._put = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._memory = os.memfd_create("marsad-desk")
        os.ftruncate(self._memory, mmap.PAGESIZE)
        self._note = mmap.mmap(self._memory, mmap.PAGESIZE)
        self.descriptors = [self._take, self._put, self._memory]

    def read(self) -> "Token":
        return Token(*wire.NOTE.unpack_from(self._note))

    def put(self, token: "Token") -> None:
        wire.NOTE.pack_into(self._note, 0, *token)
        os.write(self._put, wire.TOKEN)

    def take(self) -> bool:
        try:
            return os.read(self._take, 1) == wire.TOKEN
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._note.close()
        for descriptor in self.descriptors:
            os.close(descriptor)


class Token(NamedTuple):
    """What a worker is doing; see `wire.NOTE`."""

    term: int
    client: int
    request: int
    answered: int


class Lessons:
    """The requests that workers may be taught, by numbers from 1; bounded in number."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._requests: list[tuple[bytes, Repeated]] = []

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def full(self) -> bool:
        """Whether the next request has no place: call `clear` when nothing is lent."""
        return len(self) >= _MOST_LESSONS

    def clear(self) -> None:
        """Begin anew; workers that are taught number 1 forget the others."""
        self._numbers.clear()
        self._requests.clear()

    def add(self, data: bytes, request: Repeated) -> None:
        """Have the workers know these bytes again."""
        if data not in self._numbers:
            self._requests.append((data, request))
            self._numbers[data] = len(self._requests)

    def request(self, number: int) -> tuple[bytes, Repeated]:
        """The request of this number: its bytes, and what was made of them."""
        return self._requests[number - 1]

    def message(self, number: int, version: int) -> bytes:
        """The message that teaches a worker a request."""
        data, request = self.request(number)
        head = request.tagged_head(version)
        sizes = wire.TEACH.pack(number, len(data), len(head))
        return wire.pack({"op": "teach"}, b"".join((sizes, data, head, request.query.message())))


@dataclass
class Lending:
    """What one worker has been lent and taught."""

    term: int = 0
    clients: dict[int, Borrower] = field(default_factory=dict)
    # Ticks in a row at which the worker was seen doing the same.
    unchanged: int = 0
    # How many lessons the worker has had.
    learnt: int = 0
    answered: int = 0
    _seen: Token | None = None
    _desk: _Desk | None = None
    _last: int = 0
    _leaving: dict[int, Borrower] = field(default_factory=dict)

    def lend(self, client: Borrower, lessons: Lessons, version: int, send: Callable[[bytes, list[int]], bool]) -> bool:
        """Lend a connection to the worker and teach it some of what it does not know; False: its socket is full."""
        learnt = min(len(lessons), self.learnt + _LESSONS_AT_ONCE)
        parts = [lessons.message(number, version) for number in range(self.learnt + 1, learnt + 1)]
        descriptors = [client.fileno()]
        term = self.term if self.clients else self.term + 1
        desk = self._desk or _Desk()
        if self._desk is None:
            descriptors += desk.descriptors
            self._desk = desk
        if term != self.term:
            desk.put(Token(term, 0, 0, 0))
        parts.append(wire.pack({"op": "lend"}, wire.LEND.pack(term, self._last + 1)))
        if not send(b"".join(parts), descriptors):
            if term != self.term:
                desk.take()
            if len(descriptors) > 1:
                self.close()
            return False
        if term != self.term:
            self.term, self._seen, self.unchanged = term, None, 0
        self.learnt = learnt
        self._last += 1
        self.clients[self._last] = client
        return True

    def look(self) -> Token | None:
        """What the worker is doing; None if it was never lent anything."""
        return None if self._desk is None else self._desk.read()

    def tick(self) -> Token | None:
        """`look`, and count in `unchanged` how often in a row it was the same."""
        seen = self.look()
        self.unchanged = self.unchanged + 1 if seen == self._seen else 0
        self._seen = seen
        return seen

    def take_token(self) -> Token | None:
        """What the worker is doing, which touches no connection any more; None while it holds the token."""
        desk = self._desk
        return desk.read() if desk is not None and desk.take() else None

    def end_term(self) -> dict[int, Borrower]:
        """The connections of the term that ends with the token: those that the worker has not given back yet."""
        self._leaving, self.clients = self.clients, {}
        return self._leaving

    def wait(self, worker: int, patience_ms: int) -> None:
        """Return when the token is there or the worker has said something, on this descriptor."""
        poll = select.poll()
        for descriptor in (worker, *(self._desk.descriptors[:1] if self._desk else ())):
            poll.register(descriptor, select.POLLIN)
        poll.poll(patience_ms)

    def returned(self, data: bytes) -> tuple[Borrower, bytes, bytes] | None:
        """Whose connection the worker has given back, and with what; None if nobody's.

        Without a connection the term is over, and `answered` is the number of answers in it.
        """
        _, number, self.answered, size = wire.RETURN.unpack_from(data)
        client = self.clients.pop(number, None) or self._leaving.pop(number, None)
        start = wire.RETURN.size
        return None if client is None else (client, data[start : start + size], data[start + size :])

    def close(self) -> None:
        """Let go of the pipe."""
        if self._desk is not None:
            self._desk.close()
            self._desk = None
