"""Connections of clients that a worker reads and answers itself: the worker's side of `service.store.lending`.

A worker touches a connection only while it holds the token: a byte that is in a pipe or in the hands of service or
worker. A worker that finds it gone has lost the right to all its connections.
"""

import mmap
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from service.store import wire
from service.store.plain import Kind, Room, recognise
from service.store.query_ids import new_query_id

# The most of a request that there is room for beside the note.
_MOST_BYTES = wire.DESK_BYTES - wire.DESK_REQUEST
# Requests that are known as a whole: 1024 of 8 KiB are 8 MiB.
_MOST_KNOWN = 1024
# An answer of more bytes is for the service to go on with: the worker gives up all connections for it. The engine makes
# 1 MiB in some 10 ms, for which others wait; giving up and lending anew takes as long, and the service all that time.
_MOST_SENT_BYTES = 2**20
_TERM = struct.Struct("=I")
_GZIP = b"content-encoding: gzip\r\n"
_WHOLE = {wire.WHOLE: b"", wire.WHOLE_GZIP: _GZIP}
_FIRST = {wire.FIRST: b"", wire.FIRST_GZIP: _GZIP}


@dataclass(frozen=True, slots=True)
class _Manner:
    """How requests of a kind are asked and answered: the message to a worker without a text, the beginnings of answers."""

    message: bytes
    answer_head: bytes
    etag_start: bytes
    room: Room


@dataclass(frozen=True, slots=True)
class _Known:
    """A request and what is needed to answer it: how the question is answered, and the head of the answer."""

    answer: Callable[["Reply"], bool]
    answer_head: bytes


@dataclass(frozen=True, slots=True)
class _Client:
    number: int
    socket: socket.socket
    repeats: bool


class Reply:
    """How one request is answered: directly while the token is there, else by frames to the service."""

    __slots__ = (
        "_begun", "_borrowed", "_client", "_known", "_over", "_query_id", "_request_bytes", "_sent_bytes", "_since"
    )  # fmt: skip

    def __init__(self, borrowed: "Borrowed", client: _Client, known: _Known, request_bytes: int) -> None:
        self._borrowed, self._client, self._known = borrowed, client, known
        self._request_bytes, self._query_id = request_bytes, new_query_id().encode()
        self._sent_bytes, self._since = 0, time.monotonic()
        # The client has the head; all goes to the service now.
        self._begun = self._over = False

    def note(self) -> tuple[int, int, float, bytes, bool]:
        """What the service is to know: see `Borrowed._write_note`."""
        return self._client.number, self._request_bytes, self._since, self._query_id, self._begun

    def send(self, letter: bytes, data: bytes) -> bool:
        """Send what a frame with this letter would tell the service; False if that is for the service to hear itself."""
        if self._over:
            return False
        if letter == wire.ERROR:
            self._over = True
            self._borrowed.hand_over(self._client)
            return False
        if not self._borrowed.may_send():
            self._over = True
            return False
        if letter in _WHOLE:
            self._borrowed.send_last(
                self._client, self._head(_WHOLE[letter], b"content-length: %d\r\n\r\n%b" % (len(data), data))
            )
            return True
        packet = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        if letter == wire.END:
            self._borrowed.send_last(self._client, packet + b"0\r\n\r\n")
            return True
        if not self._begun:
            self._begun = True
            packet = self._head(_FIRST[letter], b"transfer-encoding: chunked\r\n\r\n%b" % packet)
        self._sent_bytes += len(packet)
        self._over = not self._borrowed.send_part(self, self._client, packet, last=self._sent_bytes > _MOST_SENT_BYTES)
        return True

    def _head(self, coding: bytes, rest: bytes) -> bytes:
        return b"%b%bmarsad-query-id: %b\r\n%b%b" % (
            self._known.answer_head,
            coding,
            self._query_id,
            self._borrowed.date_line(),
            rest,
        )


class Borrowed:
    """The connections that this worker may read, and the requests that it knows again.

    `control` is the socket to the service; `prepare(head, body)` gives how a request is answered: what it gives is
    called with a reply each time that the request comes, and says whether the process may go on.
    """

    def __init__(
        self, control: socket.socket, prepare: Callable[[dict[str, Any], bytes], Callable[[Reply], bool]]
    ) -> None:
        self._control, self._prepare = control, prepare
        self._manners: dict[Kind, _Manner] = {}
        self._known: dict[bytes, _Known] = {}
        self._clients: dict[int, _Client] = {}
        # Requests that came with a connection and have not been looked at.
        self._asked: deque[tuple[_Client, bytes]] = deque()
        self._term = self._taken = 0
        # Between two requests, while there may be a next one at once. Without connections the term is over, unless one is on its way.
        self._has_token = False
        # The term that is over because the service has to go on with an answer; it takes back what is on its way.
        self._ended = 0
        self._answered = 0
        self._token_in = self._token_out = -1
        self._note: mmap.mmap
        self._poll: select.epoll | None = None
        self._date = (0, b"")

    def __bool__(self) -> bool:
        return bool(self._clients)

    # --- what the service says ---

    def learn(self, head: dict[str, Any], body: bytes) -> None:
        """A kind of request that may come: its parts, the query without its text, and how answers begin."""
        parts, position = [], 0
        for size in head["sizes"]:
            parts.append(body[position : position + size])
            position += size
        *others, answer_head, etag_start = parts
        if head["number"] == 1:  # the service has begun anew
            self._manners.clear()
            self._known.clear()
        kind = Kind(head["graph"], tuple(others))
        self._manners[kind] = _Manner(wire.pack(head["query"]), answer_head, etag_start, Room(*head["room"]))

    def open_desk(self, descriptors: list[int]) -> None:
        """The two ends of the pipe with the token, and the memory beside it."""
        self._poll = select.epoll()
        self._poll.register(self._control, select.EPOLLIN)
        self._token_in, self._token_out, memory = (descriptors.pop(0) for _ in range(3))
        self._note = mmap.mmap(memory, wire.DESK_BYTES)
        os.close(memory)

    def take(self, head: dict[str, Any], asked: bytes, descriptors: list[int]) -> None:
        """A connection and the request that was read on it."""
        assert self._poll is not None, "there is a desk"
        # Of no family: to find it out takes three calls of the kernel, and nothing here needs it.
        endpoint = socket.socket(socket.AF_UNSPEC, socket.SOCK_STREAM, 0, descriptors.pop(0))
        client = _Client(head["number"], endpoint, head["repeats"])
        if head["term"] == self._ended:
            client.socket.close()
            return
        if head["term"] != self._term:
            self.drop()
            self._term, self._answered, self._has_token = head["term"], 0, False
        self._clients[client.socket.fileno()] = client
        self._poll.register(client.socket, select.EPOLLIN)
        self._asked.append((client, asked))

    def recall(self, body: bytes) -> None:
        """The service has taken the token: that term has ended."""
        if wire.RECALL.unpack(body)[0] == self._term:
            self.drop()

    def drop(self) -> None:
        """Let go of all connections."""
        self._asked.clear()
        while self._clients:
            self._let_go(self._clients.popitem()[1])

    def close(self) -> None:
        """Let go of all connections and of the desk."""
        self.drop()
        if self._poll is not None:
            self._poll.close()
            self._note.close()
            os.close(self._token_in)
            os.close(self._token_out)
            self._poll = None

    def _let_go(self, client: _Client) -> None:
        assert self._poll is not None, "there is a desk"
        self._poll.unregister(client.socket)  # closing does not, for the service has the connection too
        client.socket.close()

    # --- what clients say ---

    def serve(self) -> bool:
        """Answer requests until the service has something to say or the token is gone; False: the process must end."""
        called = False
        while self._clients and not called:
            while self._asked:
                if not self._exchange(*self._asked.popleft()):
                    return False
            for descriptor, _ in self._ready():
                client = self._clients.get(descriptor)
                if client is None:
                    called = True
                elif not self._exchange(client):
                    return False
        if self._has_token and self._clients:
            self._rest()
        return True

    def _ready(self) -> list[tuple[int, int]]:
        """What there is to read: at once with the token, or after a rest without it."""
        if not self._clients:
            return []
        assert self._poll is not None, "there is a desk"
        if self._has_token:
            ready = self._poll.poll(0)
            if ready:
                return ready
            self._rest()
        return self._poll.poll()

    def _exchange(self, client: _Client, asked: bytes = b"") -> bool:
        if not self._take_token():
            self.drop()
            return True
        if asked:
            self._taken = client.number
        self._write_note(client.number)  # so that nobody else is harmed if this is the end
        try:
            data = asked or client.socket.recv(_MOST_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        known = self._known.get(data)
        if known is None:
            known = self._recognise(data)
        elif not (asked or client.repeats):
            known = None
        if known is None:
            self._give_back(client, b"", data)
            return True
        reply = Reply(self, client, known, len(data))
        self._note[wire.DESK_REQUEST : wire.DESK_REQUEST + len(data)] = data
        self._write_note(*reply.note())
        self._put_token()
        return known.answer(reply)

    def _recognise(self, data: bytes) -> _Known | None:
        request = recognise(data)
        manner = self._manners.get(request.kind) if request is not None else None
        if request is None or manner is None or not manner.room.holds(request.text, request.read):
            return None
        message = wire.with_body(manner.message, request.text.encode())
        etag = b'etag: %b%b"\r\n' % (manner.etag_start, wire.digest_of(message).hex().encode())
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        known = self._known[data] = _Known(self._prepare(*wire.unpack(message)), manner.answer_head + etag)
        return known

    # --- for a reply ---

    def may_send(self) -> bool:
        """Take the token, which `send_last` or `send_part` puts back; False if it is gone, and all connections are."""
        if self._take_token():
            return True
        self.drop()
        return False

    def send_last(self, client: _Client, packet: bytes) -> None:
        """The end of an answer; what the client does not take now is for the service to send."""
        self._answered += 1
        unsent = self._sent(client, packet)
        if unsent:
            self._give_back(client, unsent, b"")

    def send_part(self, reply: Reply, client: _Client, packet: bytes, *, last: bool) -> bool:
        """A part of an answer; False: from now on, or because it is the `last` one, all goes to the service."""
        self._write_note(*reply.note())
        unsent = self._sent(client, packet)
        # First: the service, told that it is to go on, takes the token before it looks at anything else that is said.
        self._put_token()
        if not last and not unsent:
            return True
        self.hand_over(client)
        if unsent:
            self._frame(wire.UNSENT, unsent)
        return False

    def hand_over(self, client: _Client) -> None:
        """Tell the service that the answer comes in frames. The token is where the service takes it."""
        self._frame(wire.TAKEN_OVER, wire.CLIENT.pack(self._term, client.number))
        self._ended = self._term
        self.drop()

    @staticmethod
    def _sent(client: _Client, packet: bytes) -> bytes:
        """What the client's socket does not take of a packet now; nothing if the client is gone: the service sees that."""
        try:
            return packet[client.socket.send(packet) :]
        except BlockingIOError:
            return packet
        except OSError:
            return b""

    def _give_back(self, client: _Client, unsent: bytes, data: bytes) -> None:
        del self._clients[client.socket.fileno()]
        self._let_go(client)
        said = wire.RETURN.pack(self._term, client.number, self._answered, len(unsent))
        self._frame(wire.GIVEN_BACK, said + unsent + data)

    def _frame(self, letter: bytes, data: bytes) -> None:
        self._control.sendall(wire.FRAME.pack(letter, len(data)) + data)

    def _take_token(self) -> bool:
        if self._has_token:
            return True
        try:
            os.read(self._token_in, 1)
        except BlockingIOError:
            return False
        if _TERM.unpack_from(self._note)[0] == self._term:
            self._has_token = True
            return True
        os.write(self._token_out, wire.TOKEN)  # of the next term, of which the control socket tells
        return False

    def _rest(self) -> None:
        self._write_note()
        self._put_token()

    def _put_token(self) -> None:
        self._has_token = False
        os.write(self._token_out, wire.TOKEN)

    def _write_note(
        self, client: int = 0, size: int = 0, since: float = 0.0, query_id: bytes = b"", begun: bool = False
    ) -> None:
        """What this worker is doing: the connection, bytes of its request, since when, its query's id, whether it has the head."""
        answered, taken = self._answered, self._taken
        note = wire.NOTE.pack(self._term, client, size, answered, begun, taken, since, query_id)
        self._note[: wire.NOTE.size] = note  # as one: `pack_into` begins with zeros, and the service reads at any time

    def date_line(self) -> bytes:
        """The header with the time, in seconds."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, b"date: %s\r\n" % formatdate(now, usegmt=True).encode())
        return self._date[1]
