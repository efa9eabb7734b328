"""The door: takes connections, and answers at once what is known and has come with its connection.

asyncio makes a transport and a protocol for a connection in four turns of its loop before anything is read: half a
millisecond for the first byte of an answer. A known request needs neither, so it is read first; where a worker or the
cache has the answer, the rest is made after it, for the requests that follow.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from uvicorn.server import ServerState

from service.api.connection import (
    MAX_KNOWN_BYTES,
    Connection,
    KnownRequest,
    KnownRequests,
    common_headers,
    packet,
    reset,
)
from service.store.base import Answer, Loan, Store

# Connections that wait to be taken: what uvicorn has.
_BACKLOG = 2048
# Seconds until new connections are taken again after there were too many open files.
_PAUSE_S = 1.0
_NONE_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_log = logging.getLogger(__name__)


class Door:
    """Takes the connections of a listening socket; `protocol` makes the `Connection` of each."""

    def __init__(
        self, listener: socket.socket, known: KnownRequests, state: ServerState, protocol: Callable[[], Connection]
    ) -> None:
        self.known, self.state = known, state
        self._listener, self._protocol = listener, protocol
        self._loop = asyncio.get_running_loop()
        self._guests: set[_Guest] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to take connections."""
        self._listener.setblocking(False)
        # For what is sent before asyncio has the connection, which sets it itself: each accepted socket has it from here.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.listen(_BACKLOG)
        self._resume()

    async def close(self, timeout_s: float) -> None:
        """Take no more; returns when each that was taken has become a `Connection` or is gone, or after the time."""
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        for guest in list(self._guests):
            guest.end_loan()
        pending: list[asyncio.Future[Any]] = [*(guest.gone for guest in self._guests), *self._tasks]
        if pending:
            await asyncio.wait(pending, timeout=timeout_s)

    def admit(self, endpoint: socket.socket, arrival: Callable[[Connection], None] | None = None) -> None:
        """Make a `Connection` of a socket; `arrival` is called with it before anything is read from the socket."""
        task = self._loop.create_task(self._admit(endpoint, arrival))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit(self, endpoint: socket.socket, arrival: Callable[[Connection], None] | None) -> None:
        def made() -> Connection:
            connection = self._protocol()
            connection.arrival = arrival
            return connection

        try:
            await self._loop.connect_accepted_socket(made, endpoint)
        except OSError:  # the client is gone
            endpoint.close()

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        for _ in range(_BACKLOG):
            try:
                endpoint, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NONE_LEFT:
                    raise
                _log.error("no connection can be taken for a second: %s", error)
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(_PAUSE_S, self._resume)
                return
            self._look_at(endpoint)

    def _look_at(self, endpoint: socket.socket) -> None:
        endpoint.setblocking(False)
        try:
            data = endpoint.recv(MAX_KNOWN_BYTES + 1)
        except BlockingIOError:  # most send at once, but not all
            self.admit(endpoint)
            return
        except OSError:
            data = b""
        if not data:  # the client is gone
            endpoint.close()
            return
        known = self.known.find(data)
        if known is not None:
            guest = _Guest(self, endpoint, data)
            if known.shortcut().begin_at_once(guest):
                self._guests.add(guest)
                return
        self.admit(endpoint, partial(_bring, data, known))

    def leave(self, guest: "_Guest") -> None:
        """A guest has become a `Connection`, or is gone."""
        self._guests.discard(guest)


def _bring(data: bytes, known: KnownRequest | None, connection: Connection) -> None:
    if not connection.transport.is_closing():
        connection.arrived(data, known)


class _Guest:
    """A connection whose first request is answered by a worker or from the cache: it becomes a `Connection` later.

    What happens to it before that is told the `Connection`, in order.
    """

    not_kept = 0

    def __init__(self, door: Door, endpoint: socket.socket, asked: bytes) -> None:
        self._door, self._endpoint, self._asked = door, endpoint, asked
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loan: Loan | None = None
        self._was_lent = False
        self._events: list[Callable[[Connection], None]] = []
        self._connection: Connection | None = None

    # --- what a shortcut may do: see `service.api.connection.Asker` ---

    def reply(self, request: KnownRequest, head: bytes, body: bytes) -> None:
        """The whole answer."""
        self._door.state.total_requests += 1
        self.given_back(self._send(request, head, body), b"")

    def begin_reply(self, request: KnownRequest, head: bytes, body: bytes, rest: Answer) -> None:
        """The beginning of the answer; the connection goes on with the rest."""
        rest.unsent = self._send(request, head, body, rest.remaining or 0)
        self.taken_over(self._asked, rest)
        self.go_on()

    def _send(self, request: KnownRequest, head: bytes, body: bytes, more_bytes: int = 0) -> bytes:
        door = self._door
        door.known.put(self._asked, request)
        data, sent = packet(head, common_headers(door.state.default_headers), body, more_bytes), 0
        with suppress(OSError):  # if the client is gone, the connection sees it when it reads
            sent = self._endpoint.send(data)
        return data[sent:]

    def lend(self, store: Store, request: KnownRequest, *, repeats: bool) -> bool:
        """Have a worker answer."""
        if request.kind is None:
            return False
        self._loan = store.lend(self, self._asked, request.kind, request, repeats=repeats)
        self._was_lent = self._loan is not None
        return self._was_lent

    # --- what becomes of the loan: see `service.store.base.Borrower` ---

    def fileno(self) -> int:
        """The descriptor."""
        return self._endpoint.fileno()

    def given_back(self, unsent: bytes, data: bytes) -> None:
        """The worker reads it no more."""
        self._tell(lambda connection: connection.given_back(unsent, data))

    def taken_over(self, data: bytes, answer: Answer) -> None:
        """The service goes on with the answer."""
        self._tell(lambda connection: connection.taken_over(data, answer))

    def go_on(self) -> None:
        """There is more of the answer."""
        self._tell(lambda connection: connection.go_on())

    def cut(self) -> None:
        """Nobody knows what of the answer the client has."""
        if self._events:
            self._tell(lambda connection: connection.cut())
        else:
            reset(self._endpoint, shared=True)
            self._endpoint.close()
            self._leave()

    # --- becoming a connection ---

    def end_loan(self) -> None:
        """Have it back."""
        if self._loan is not None:
            self._loan.end()

    def _tell(self, event: Callable[[Connection], None]) -> None:
        if self._connection is not None:
            event(self._connection)
            return
        self._loan = None
        if not self._events:
            self._door.admit(self._endpoint, self._arrive)
        self._events.append(event)

    def _arrive(self, connection: Connection) -> None:
        connection.has_come_back(was_lent=self._was_lent)
        self._connection = connection
        for event in self._events:
            event(connection)
        self._leave()

    def _leave(self) -> None:
        self._door.leave(self)
        if not self.gone.done():
            self.gone.set_result(None)
