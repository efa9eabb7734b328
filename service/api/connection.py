"""The HTTP/1 connection: what uvicorn's lacks for answers that may be cut and for clients that mean harm.

`Exchange.of` finds what an application needs of it.
"""

import asyncio
import ctypes
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.api.recent import Recent
from service.store.base import Answer, Loan, Repeated, Store
from service.store.plain import Asked, Kind, recognise

NAME = "marsad.connection"
# Close at once and send RST: without it, closing looks like the end of the answer to a client of HTTP/1.0.
_NO_LINGER = struct.pack("ii", 1, 0)
# Disconnect, which sends RST although another process has the connection too. The address is a family and padding.
_NO_ADDRESS = struct.pack("=H14x", socket.AF_UNSPEC)
_libc = ctypes.CDLL(None, use_errno=True)
# 256 KiB: a query text of 64 KiB, each byte as three in the URL, and the headers of a generous client.
_MAX_HEAD_BYTES = 256 * 2**10
# What the parser of URLs can count.
_MAX_URL_BYTES = 65_000
# Seconds from the connection, or from the first byte of a further request, to the end of its headers.
_HEAD_TIMEOUT_S = 20.0
_UNBOUNDED = 1 << 62
# Bytes that complete nothing: no header, no part of a body. The parser keeps them until the header ends.
_MAX_QUIET_BYTES = 2 * _MAX_HEAD_BYTES
# Requests that are known again as a whole, and the size up to which one is: 1024 of 8 KiB are 8 MiB.
_KNOWN_REQUESTS, MAX_KNOWN_BYTES = 1024, 8 * 2**10
# Kinds of request of which texts differ: one for each program, format and address by which the service is called.
_KNOWN_KINDS = 128
# Headers by which the same bytes may mean something else the next time.
_NEVER_KNOWN = (b"authorization", b"expect", b"if-none-match", b"marsad-query-id", b"upgrade")


class Asker(Protocol):
    """Who has sent a request that is known: a connection, or what is about to become one."""

    # Requests in a row of which the cache had no answer.
    not_kept: int

    def reply(self, request: "KnownRequest", head: bytes, body: bytes) -> None:
        """See `Connection.reply`."""
        ...

    def begin_reply(self, request: "KnownRequest", head: bytes, body: bytes, rest: Answer) -> None:
        """See `Connection.begin_reply`."""
        ...

    def lend(self, store: Store, request: "KnownRequest", *, repeats: bool) -> bool:
        """See `Connection.lend`."""
        ...


class Shortcut(Protocol):
    """How to answer a request that has come before, byte for byte, without reading it again."""

    def begin_at_once(self, asker: Asker) -> bool:
        """Answer from what is kept, or have a worker answer; False if neither can be."""
        ...

    def begin(self, connection: "Connection") -> bool:
        """Answer by `Connection.reply` now or later; False to have the request read in the usual way."""
        ...

    def stop(self) -> None:
        """The client is gone."""
        ...


class KnownRequest(Repeated, Protocol):
    """What makes a shortcut for one exchange."""

    def shortcut(self) -> Shortcut:
        """A shortcut of its own for each time the request comes."""
        ...

    # What other requests it is an example of; None until that is known.
    kind: Kind | None
    # Differs where the answers of one version may.
    key: bytes

    def like(self, asked: Asked) -> "KnownRequest | None":
        """What a request of the same kind is with another text; None if that is too much for it."""
        ...


class KnownRequests:
    """Requests that a server knows, and what the connections of the server share: those seen last, bounded in number.

    A request is known that has come before, and one that differs from such a request only in its text, if that is plain.
    """

    def __init__(self) -> None:
        self._whole: Recent[KnownRequest] = Recent(_KNOWN_REQUESTS)
        self._kinds: Recent[KnownRequest] = Recent(_KNOWN_KINDS)

    def __iter__(self) -> Iterator[object]:
        return iter(self._whole)

    def find(self, data: bytes) -> KnownRequest | None:
        """The request that these bytes are, if it is known."""
        known = self._whole.get(data)
        return self._like_another(data) if known is None and len(data) <= MAX_KNOWN_BYTES else known

    def _like_another(self, data: bytes) -> KnownRequest | None:
        asked = recognise(data)
        example = self._kinds.get(asked.kind) if asked is not None else None
        return example.like(asked) if asked is not None and example is not None else None

    def put(self, data: bytes, request: KnownRequest) -> None:
        """Know these bytes again, which could be answered."""
        self._whole.put(data, request)

    def learn(self, data: bytes, request: KnownRequest) -> None:
        """Know these bytes again, and those that differ in the text only."""
        self.put(data, request)
        asked = recognise(data)
        twin = request.like(asked) if asked is not None else None
        # What comes of its own text must be the request: then nothing else of it depends on the text.
        if asked is not None and twin is not None and twin.key == request.key:
            request.kind = asked.kind
            self._kinds.put(asked.kind, request)


class _TakenOver:
    """What stands for the shortcut of a request that a worker has read, and works on."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def stop(self) -> None:
        """See `Shortcut`."""
        self.answer.abandon()


def common_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The headers that all answers have, as bytes."""
    return b"".join([b"%s: %s\r\n" % pair for pair in headers])


def packet(head: bytes, common: bytes, body: bytes, more_bytes: int = 0) -> bytes:
    """An answer: status line and headers but the common ones, those, and the body or its beginning."""
    return b"".join((head, common, b"content-length: %d\r\n\r\n" % (len(body) + more_bytes), body))


def reset(endpoint: Any, *, shared: bool) -> None:
    """Have a socket send RST when it is closed, or now, if another process has it too."""
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    if shared:
        _libc.connect(endpoint.fileno(), _NO_ADDRESS, len(_NO_ADDRESS))


class Connection(HttpToolsProtocol):
    """A connection that can be cut so that everybody sees it, and that bounds what comes before the body.

    A request that an application has asked to know again (`Exchange.remember`) is answered without a parser, a task
    and an ASGI message, which together take three times as long as finding the answer in the cache.
    """

    def __init__(self, known: KnownRequests, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.known = known
        self.not_kept = 0
        # Called when the connection is made, before anything is read.
        self.arrival: Callable[[Connection], None] | None = None
        # The bytes that came last, if they are one request and nothing else.
        self.whole_request: bytes | None = None
        self._shortcut: Shortcut | _TakenOver | None = None
        self._loan: Loan | None = None
        self._was_lent = False
        self._under_way = b""
        self._held: list[bytes] = []
        self._begun: tuple[Answer, RequestResponseCycle] | None = None
        self._inside = False
        self._messages = 0
        self._answered_at = 0.0
        self._common: tuple[object, bytes] = (None, b"")

    _head_bytes = 0
    _quiet_bytes = 0
    _head_pending = True
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False
    _closing_down = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()
        if self.arrival is not None:  # later: the transport begins to read in the same turn of the loop
            self.loop.call_soon(self.arrival, self)
            self.arrival = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        if self._shortcut is not None:
            self._shortcut.stop()
            self._shortcut = None
        if self._begun is not None:
            self._begun[0].abandon()
            self._begun = None
        if self._loan is not None:
            self._loan.end()
        if self._was_lent:  # a worker may have it still, and the client is waiting for its end
            with suppress(OSError):
                self.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._shortcut is not None:  # the client sends on before it has its answer
            self.transport.pause_reading()
            self._held.append(data)
            return
        known = None
        if not self._inside and (self.cycle is None or self.cycle.response_complete):
            known = self.known.find(data)
        self.arrived(data, known)

    def arrived(self, data: bytes, known: KnownRequest | None) -> None:
        """Some bytes have come, which are a known request or anything else."""
        if known is not None and not self.flow.write_paused and not self.transport.is_closing():
            self._head_is_there()
            self._under_way, self._shortcut = data, (shortcut := known.shortcut())
            if shortcut.begin(self):
                return
            self._shortcut = None
        self._read(data)

    def has_come_back(self, *, was_lent: bool) -> None:
        """Its first request has been read, and answered or lent to a worker, before the connection was made."""
        self._head_is_there()
        self._was_lent = was_lent

    def _read(self, data: bytes) -> None:
        self._quiet_bytes += len(data)
        if self._quiet_bytes > _MAX_QUIET_BYTES:
            self._refuse(b"431 Request Header Fields Too Large", b"The headers are too large.\n")
        if self._refused:
            return
        self._messages, fresh = 0, not self._inside
        self.whole_request = None
        super().data_received(data)
        if fresh and self._messages == 1 and not self._inside and len(data) <= MAX_KNOWN_BYTES:
            self.whole_request = data  # the task that answers it runs later
        if self._head_pending and self._head_timer is None and not self.transport.is_closing():
            self._await_head()  # most heads come in one piece and need no timer

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._inside = True
        self._messages += 1
        self._head_bytes, self._head_pending = 0, True

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        if self._head_bytes <= _MAX_URL_BYTES:
            super().on_url(url)
        else:
            self._refuse(b"414 URI Too Long", b"The URL is too long; send the query in the body of a POST request.\n")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._quiet_bytes = 0
        # 32: what a header costs in memory beside its bytes, roughly.
        self._head_bytes += len(name) + len(value) + 32
        if self._head_bytes <= _MAX_HEAD_BYTES:
            super().on_header(name, value)
        else:
            self._refuse(b"431 Request Header Fields Too Large", b"The headers are too large.\n")

    def on_headers_complete(self) -> None:
        self._quiet_bytes = 0
        self._head_is_there()
        if not self._refused:
            exchange = self.scope["extensions"] = {}
            super().on_headers_complete()  # makes the cycle, and a task that runs later
            exchange[NAME] = {"exchange": Exchange(self, self.cycle)}

    def on_body(self, body: bytes) -> None:
        self._quiet_bytes = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._quiet_bytes = 0
        self._inside = False
        if not self._refused:
            super().on_message_complete()

    def _refuse(self, status: bytes, text: bytes) -> None:
        if self._refused:
            return
        self._refused = True
        head = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n" % (status, len(text))
        self.transport.write(head + b"access-control-allow-origin: *\r\nconnection: close\r\n\r\n" + text)
        self.transport.close()

    # --- shortcuts ---

    def reply(self, request: KnownRequest, head: bytes, body: bytes) -> None:
        """The whole answer of a shortcut in one packet: status line and headers but the common ones, and the body."""
        self.known.put(self._under_way, request)
        self.transport.write(packet(head, self._common_headers(), body))
        self._shortcut = None
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self._closing_down:
            self.transport.close()
        elif self._held:
            self._go_on()
        else:
            self._await_next()

    def begin_reply(self, request: KnownRequest, head: bytes, body: bytes, rest: Answer) -> None:
        """The beginning of the answer of a shortcut that is long; `rest` is sent as fast as the client reads."""
        self.known.put(self._under_way, request)
        self.transport.write(packet(head, self._common_headers(), body, rest.remaining or 0))
        self.hand_over(rest)

    def _await_next(self) -> None:
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def hand_over(self, begun: Answer) -> None:
        """Have the request of a shortcut read in the usual way: its answer has begun, and is long, or an error."""
        self._shortcut = None
        self._read(self._under_way)
        self._begun = (begun, self.cycle)
        if begun.head_sent:  # so that nobody sends another
            self.cycle.response_started = True
            self.cycle.chunked_encoding = begun.remaining is None
            self.cycle.expected_content_length = begun.remaining or 0
            self.transport.write(begun.unsent)
        if self._held:
            self._go_on()
        if self._closing_down:
            self.shutdown()

    def _go_on(self) -> None:
        held, self._held = b"".join(self._held), []
        self.transport.resume_reading()
        self.data_received(held)

    # --- loans ---

    def lend(self, store: Store, request: KnownRequest, *, repeats: bool) -> bool:
        """Have a worker answer the request of the shortcut that is about to begin, and read what comes after it.

        `repeats`: also what it has answered before. False: the shortcut has to answer.
        """
        transport = self.transport
        if request.kind is None or self._closing_down or transport.get_write_buffer_size():
            return False
        transport.pause_reading()
        self._loan = store.lend(self, self._under_way, request.kind, request, repeats=repeats)
        if self._loan is None:
            transport.resume_reading()
            return False
        self._shortcut, self._was_lent = None, True
        return True

    def fileno(self) -> int:
        """See `store.base.Borrower`."""
        descriptor: int = self.transport.get_extra_info("socket").fileno()
        return descriptor

    def given_back(self, unsent: bytes, data: bytes) -> None:
        """See `store.base.Borrower`."""
        self._loan = None
        if self.transport.is_closing():
            return
        self._answered_at = self.loop.time()
        if unsent:
            self.transport.write(unsent)
        self.transport.resume_reading()
        if data:
            self.not_kept = 0  # what the worker will not answer twice is to be kept
            self.data_received(data)
        elif self._closing_down:
            self.transport.close()
        else:
            self._await_next()

    def taken_over(self, data: bytes, answer: Answer) -> None:
        """See `store.base.Borrower`."""
        self._loan = None
        if self.transport.is_closing():
            answer.abandon()
            return
        self._under_way, self._shortcut = data, _TakenOver(answer)
        self.transport.resume_reading()

    def go_on(self) -> None:
        """See `store.base.Borrower`."""
        if isinstance(self._shortcut, _TakenOver):
            self.hand_over(self._shortcut.answer)

    def cut(self) -> None:
        """End the connection so that no client takes what it has for the whole answer."""
        self._loan = None
        endpoint = self.transport.get_extra_info("socket")
        if endpoint is not None and not self.transport.is_closing():
            reset(endpoint, shared=self._was_lent)
            self.transport.abort()

    def take_begun(self, cycle: RequestResponseCycle) -> Answer | None:
        """The answer that was handed over with the request of this cycle, once."""
        if self._begun is None or self._begun[1] is not cycle:
            return None
        begun, self._begun = self._begun[0], None
        return begun

    def _common_headers(self) -> bytes:
        headers = self.server_state.default_headers  # a new list each second, for the date
        if self._common[0] is not headers:
            self._common = (headers, common_headers(headers))
        return self._common[1]

    def timeout_keep_alive_handler(self) -> None:
        """A connection that shortcuts answer keeps one timer, which looks how long it has been idle."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if self._shortcut is not None or self._loan is not None or left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(max(left, 1.0), self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The server ends: let a running answer be the last."""
        if self._loan is not None:
            self._closing_down = True
            self._loan.end()
        elif self._shortcut is not None:
            self._closing_down = True
        else:
            super().shutdown()

    # --- bounds ---

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(_HEAD_TIMEOUT_S, self._head_is_late)

    def _head_is_there(self) -> None:
        self._head_pending = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.abort()


class Exchange:
    """One request and its answer on a connection; `Exchange.of` finds it from within an application."""

    __slots__ = ("_connection", "_cycle")

    def __init__(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        self._connection, self._cycle = connection, cycle

    @staticmethod
    def of(scope: Mapping[str, Any]) -> "Exchange | None":
        """The exchange of a request; None under a server that does not use `Connection`."""
        extensions = scope.get("extensions")
        found: Exchange | None = extensions[NAME]["exchange"] if extensions and NAME in extensions else None
        return found

    def takes(self, send: Send) -> bool:
        """Whether `answer` may be used: `send` is the server's own, and the client keeps up with what it gets."""
        cycle = self._cycle
        own = getattr(send, "__self__", None) is cycle
        return own and not (cycle.disconnected or cycle.response_started or self._connection.flow.write_paused)

    def answer(self, head: bytes, body: bytes) -> None:
        """A whole answer in one packet: the status line and the headers but the last two, and the body.

        What uvicorn does for the same in two messages, two packets and twice the time.
        """
        cycle, connection = self._cycle, self._connection
        cycle.waiting_for_100_continue = False
        cycle.response_started = cycle.response_complete = True
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        common = connection._common_headers()
        length = b"content-length: %d\r\n\r\n" % len(body)
        connection.transport.write(b"".join((head, common, closing, length, body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            connection.transport.close()
        cycle.on_response()

    def remember(self, scope: Scope, request: KnownRequest) -> None:
        """Answer by a shortcut when the same bytes come again, on any connection of the server.

        Not for a request that a middleware has changed, that brings a key, or whose connection ends with it.
        """
        own, connection = self._cycle.scope, self._connection
        if (
            connection.whole_request is not None
            and connection.cycle is self._cycle
            and self._cycle.keep_alive
            and scope["query_string"] is own["query_string"]
            and not any(name in _NEVER_KNOWN for name, _ in own["headers"])
        ):
            connection.known.learn(connection.whole_request, request)

    def take_begun(self) -> Answer | None:
        """The answer that a shortcut has begun; None if there was no shortcut."""
        return self._connection.take_begun(self._cycle)

    def cut(self) -> None:
        """See `Connection.cut`."""
        self._connection.cut()

    def answer_until_close(self) -> None:
        """For HTTP/1.0, which knows no chunks: the answer about to start ends with the connection."""
        self._cycle.chunked_encoding = False
        self._cycle.expected_content_length = _UNBOUNDED
        self._cycle.keep_alive = False

    def end_answer(self) -> None:
        """The answer of `answer_until_close` is complete with the next, empty, part."""
        self._cycle.expected_content_length = 0
