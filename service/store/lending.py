"""Connections of clients that workers read and answer themselves: the service's side.

A question like one that has come before needs nothing of the service: the worker knows what is the same in all requests
of its kind, and how their answers begin. So the service lends the connection to a worker and is spared twice the way
through it. What the worker does not know, the rest of every answer that is long, and every error come back; so does
everything when the service says so: because the graph has changed, a question takes long, or somebody else needs the worker.

Who may touch the connections that a worker has is decided by a token: a byte in a pipe whose both ends both processes
have. The worker takes it to read a request, writes the request into memory that both share, puts the token back while
the engine works, and takes it again to answer. The service takes it for good: then the worker answers nobody any more
by itself, and the memory says whose request it is working on. Each time the service lends anew, a new term begins.
"""

import mmap
import os
import select
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from service.store import wire
from service.store.base import Borrower, Repeated
from service.store.plain import Kind

# A kind of request of 8 KiB with its answer's head: 128 are 1 MiB in service and worker.
_MOST_LESSONS = 128
# What a worker learns with one connection: so many take a tenth of a millisecond.
_LESSONS_AT_ONCE = 32


class Token(NamedTuple):
    """What a worker is doing; see `wire.NOTE`."""

    term: int = 0
    client: int = 0
    size: int = 0
    answered: int = 0
    begun: bool = False
    taken: int = 0
    since: float = 0.0
    query_id: bytes = b""


class _Desk:
    """The pipe with the token, and the memory beside it: what a worker is doing, as of when it put the token back."""

    def __init__(self) -> None:
        self._take, self._put = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._memory = os.memfd_create("marsad-desk")
        os.ftruncate(self._memory, wire.DESK_BYTES)
        self._note = mmap.mmap(self._memory, wire.DESK_BYTES)
        self.descriptors = [self._take, self._put, self._memory]

    def read(self) -> Token:
        *note, query_id = wire.NOTE.unpack_from(self._note)
        return Token._make((*note, query_id.rstrip(b"\0")))

    def request(self, token: Token) -> bytes:
        """The request that the worker is working on."""
        return self._note[wire.DESK_REQUEST : wire.DESK_REQUEST + token.size]

    def put(self, token: Token) -> None:
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


class Lessons:
    """The kinds of request that workers may be taught, by numbers from 1; bounded in number."""

    def __init__(self) -> None:
        self._numbers: dict[Kind, int] = {}
        self._examples: list[tuple[Kind, Repeated]] = []

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def full(self) -> bool:
        """Whether the next kind has no place: call `clear` when nothing is lent."""
        return len(self) >= _MOST_LESSONS

    def clear(self) -> None:
        """Begin anew; workers that are taught number 1 forget the others."""
        self._numbers.clear()
        self._examples.clear()

    def __contains__(self, kind: Kind) -> bool:
        return kind in self._numbers

    def add(self, kind: Kind, example: Repeated) -> None:
        """Have the workers know requests of a kind that is not here yet."""
        self._examples.append((kind, example))
        self._numbers[kind] = len(self._examples)

    def message(self, number: int, version: int) -> bytes:
        """The message that teaches a worker a kind."""
        kind, example = self._examples[number - 1]
        parts = [*kind.parts, example.answer_head, example.etag_start(version)]
        head = {
            "op": "teach",
            "number": number,
            "graph": kind.gives_graph,
            "sizes": [len(part) for part in parts],
            "query": example.query.pack()[0],
            "room": example.room,
        }
        return wire.pack(head, b"".join(parts))


class Lent(NamedTuple):
    """A connection that is lent, and the request on it that the worker was handed with it."""

    client: Borrower
    asked: bytes


@dataclass
class Lending:
    """What one worker has been lent and taught."""

    term: int = 0
    clients: dict[int, Lent] = field(default_factory=dict)
    # Ticks in a row at which the worker was seen doing the same.
    unchanged: int = 0
    # How many lessons the worker has had.
    learnt: int = 0
    answered: int = 0
    _seen: Token | None = None
    _desk: _Desk | None = None
    _last: int = 0
    _leaving: dict[int, Lent] = field(default_factory=dict)

    def lend(
        self,
        lent: Lent,
        lessons: Lessons,
        version: int,
        send: Callable[[bytes, list[int]], bool],
        *,
        repeats: bool,
    ) -> bool:
        """Lend a connection to the worker and teach it some of what it does not know; False: its socket is full."""
        desk = self._desk if self._desk is not None or self.prepare(lessons, version, send) else None
        if desk is None:
            return False
        term = self.term if self.clients else self.term + 1
        if term != self.term:
            desk.put(Token(term, taken=self._last))
        messages, learnt = self._lessons(lessons, version)
        loan = wire.pack_loan(term, self._last + 1, repeats=repeats, asked=lent.asked)
        if not send(messages + loan, [lent.client.fileno()]):
            if term != self.term:
                desk.take()
            return False
        if term != self.term:
            self.term, self._seen, self.unchanged = term, None, 0
        self.learnt = learnt
        self._last += 1
        self.clients[self._last] = lent
        return True

    def prepare(self, lessons: Lessons, version: int, send: Callable[[bytes, list[int]], bool]) -> bool:
        """Give the worker its desk and some lessons, before or with the first connection; False: its socket is full."""
        desk = _Desk()
        messages, learnt = self._lessons(lessons, version)
        if not send(wire.pack({"op": "desk"}) + messages, desk.descriptors):
            desk.close()
            return False
        self._desk, self.learnt = desk, learnt
        return True

    def _lessons(self, lessons: Lessons, version: int) -> tuple[bytes, int]:
        """The next lessons, and how many the worker then has had."""
        learnt = min(len(lessons), self.learnt + _LESSONS_AT_ONCE)
        return b"".join(lessons.message(number, version) for number in range(self.learnt + 1, learnt + 1)), learnt

    def look(self) -> Token | None:
        """What the worker is doing; None if it was never lent anything."""
        return None if self._desk is None else self._desk.read()

    @property
    def at_work(self) -> bool:
        """Whether the worker is working on a request of a connection that it has, or has yet to look at one."""
        note = self.look()
        return note is not None and (note.client != 0 or note.taken < self._last)

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

    def request(self, token: Token) -> bytes:
        """The request that the worker is working on, by the token that was taken."""
        assert self._desk is not None, "there is a token"
        return self._desk.request(token)

    def end_term(self) -> dict[int, Lent]:
        """The connections of the term that ends with the token: those that the worker has not given back yet.

        What they were asked with is there if the worker has not looked at it.
        """
        note, ended = self.look(), self.clients
        taken = note.taken if note is not None else 0
        self.clients = {}
        self._leaving = {number: Lent(client, asked * (number > taken)) for number, (client, asked) in ended.items()}
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
        lent = self.clients.pop(number, None) or self._leaving.pop(number, None)
        start = wire.RETURN.size
        return None if lent is None else (lent.client, data[start : start + size], data[start + size :])

    def close(self) -> None:
        """Let go of the pipe."""
        if self._desk is not None:
            self._desk.close()
            self._desk = None
