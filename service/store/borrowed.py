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
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from service.store import wire
from service.store.query_ids import new_query_id

# 16 KiB: a request that is known, and answered by comparing bytes, has at most 8.
_READ_BYTES = 16 * 2**10
_NOBODY = 0
_TERM = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class _Known:
    """A request and what is needed to answer it: its number, the message to a worker, the head of the answer."""

    number: int
    head: dict[str, Any]
    body: bytes
    answer_head: bytes


@dataclass(frozen=True, slots=True)
class _Client:
    number: int
    socket: socket.socket


class Reply:
    """How one request is answered: directly while the token is there, else by frames to the service."""

    def __init__(self, borrowed: "Borrowed", client: _Client, known: _Known) -> None:
        self._borrowed, self._client, self._known = borrowed, client, known

    def send_whole(self, body: bytes, *, gzipped: bool) -> bool:
        """Send a whole answer to the client; False if that is for the service to do."""
        return self._borrowed.reply(self._client, self._known, body, gzipped=gzipped)

    def hand_over(self) -> None:
        """Tell the service that the answer comes in frames."""
        self._borrowed.hand_over(self._client)


class Borrowed:
    """The connections that this worker may read, and the requests that it knows again.

    `control` is the socket to the service; `answer(head, body, reply)` answers one request, and says whether the
    process may go on.
    """

    def __init__(self, control: socket.socket, answer: Callable[[dict[str, Any], bytes, Reply], bool]) -> None:
        self._control, self._answer = control, answer
        self._known: dict[bytes, _Known] = {}
        self._clients: dict[int, _Client] = {}
        self._term = 0
        # The last connection went back with the token, so the term is over unless another is on its way.
        self._token_kept = False
        self._answered = 0
        self._token_in = self._token_out = -1
        self._note: mmap.mmap
        self._poll: select.epoll | None = None
        self._date = (0, b"")

    def __bool__(self) -> bool:
        return bool(self._clients)

    # --- what the service says ---

    def learn(self, body: bytes) -> None:
        """A request that may come: number, its bytes, the head of its answer, the message that asks for it."""
        number, size, head_size = wire.TEACH.unpack_from(body)
        start = wire.TEACH.size
        request, answer_head = body[start : start + size], body[start + size : start + size + head_size]
        head, text = wire.unpack(body[start + size + head_size :])
        if number == 1:  # the service has begun anew
            self._known.clear()
        self._known[request] = _Known(number, head, text, answer_head)

    def take(self, body: bytes, descriptors: list[int]) -> None:
        """A connection, and with the first one the two ends of the pipe with the token and the memory beside it."""
        term, number = wire.LEND.unpack(body)
        client = socket.socket(fileno=descriptors.pop(0))
        if self._poll is None:
            self._poll = select.epoll()
            self._poll.register(self._control, select.EPOLLIN)
            self._token_in, self._token_out, memory = (descriptors.pop(0) for _ in range(3))
            self._note = mmap.mmap(memory, mmap.PAGESIZE)
            os.close(memory)
        if term != self._term:
            self.drop()
            self._term, self._answered, self._token_kept = term, 0, False
        elif self._token_kept:  # it was lent before the service knew that the worker had no other
            self._token_kept = False
            self._put_token()
        self._clients[client.fileno()] = _Client(number, client)
        self._poll.register(client, select.EPOLLIN)

    def recall(self, body: bytes) -> None:
        """The service has taken the token: that term has ended."""
        if wire.RECALL.unpack(body)[0] == self._term:
            self.drop()

    def drop(self) -> None:
        """Let go of all connections."""
        while self._clients:
            self._let_go(self._clients.popitem()[1])

    def _let_go(self, client: _Client) -> None:
        assert self._poll is not None, "made with the first connection"
        self._poll.unregister(client.socket)  # closing does not, for the service has the connection too
        client.socket.close()

    # --- what clients say ---

    def serve(self) -> bool:
        """Answer requests until the service has something to say or the token is gone; False: the process must end."""
        assert self._poll is not None, "made with the first connection"
        called = False
        while self._clients and not called:
            for descriptor, _ in self._poll.poll():
                client = self._clients.get(descriptor)
                if client is None:
                    called = True
                elif not self._exchange(client):
                    return False
        return True

    def _exchange(self, client: _Client) -> bool:
        if not self._take_token():
            self.drop()
            return True
        self._write_note(client.number)  # so that nobody else is harmed if this is the end
        try:
            data = client.socket.recv(_READ_BYTES)
        except BlockingIOError:
            self._put_token()
            return True
        except OSError:
            data = b""
        known = self._known.get(data)
        if known is None:
            self._give_back(client, b"", data)
            return True
        self._put_token(client.number, known.number)
        return self._answer(known.head, known.body, Reply(self, client, known))

    def reply(self, client: _Client, known: _Known, body: bytes, *, gzipped: bool) -> bool:
        """See `Reply.send_whole`."""
        if not self._take_token():
            self.drop()
            return False
        packet = b"".join(
            (
                known.answer_head,
                b"content-encoding: gzip\r\n" if gzipped else b"",
                b"marsad-query-id: %s\r\n" % new_query_id().encode(),
                self._date_line(),
                b"content-length: %d\r\n\r\n" % len(body),
                body,
            )
        )
        try:
            sent = client.socket.send(packet)
        except BlockingIOError:
            sent = 0
        except OSError:  # the client is gone; the service will see it
            sent = len(packet)
        self._answered += 1
        if sent < len(packet):
            self._give_back(client, packet[sent:], b"")
        else:
            self._put_token()
        return True

    def hand_over(self, client: _Client) -> None:
        """See `Reply.hand_over`. The token stays where it is: the service takes it."""
        self._frame(wire.TAKEN_OVER, wire.LEND.pack(self._term, client.number))
        self.drop()

    def _give_back(self, client: _Client, unsent: bytes, data: bytes) -> None:
        del self._clients[client.socket.fileno()]
        self._let_go(client)
        said = wire.RETURN.pack(self._term, client.number, self._answered, len(unsent))
        self._frame(wire.GIVEN_BACK, said + unsent + data)
        if self._clients:
            self._put_token()
        else:
            self._token_kept = True

    def _frame(self, letter: bytes, data: bytes) -> None:
        self._control.sendall(wire.FRAME.pack(letter, len(data)) + data)

    def _take_token(self) -> bool:
        try:
            os.read(self._token_in, 1)
        except BlockingIOError:
            return False
        if _TERM.unpack_from(self._note)[0] == self._term:
            return True
        os.write(self._token_out, wire.TOKEN)  # of the next term, of which the control socket tells
        return False

    def _put_token(self, client: int = _NOBODY, request: int = 0) -> None:
        self._write_note(client, request)
        os.write(self._token_out, wire.TOKEN)

    def _write_note(self, client: int, request: int = 0) -> None:
        wire.NOTE.pack_into(self._note, 0, self._term, client, request, self._answered)

    def _date_line(self) -> bytes:
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, b"date: %s\r\n" % formatdate(now, usegmt=True).encode())
        return self._date[1]
