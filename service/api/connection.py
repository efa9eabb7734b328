"""The HTTP/1 connection: what uvicorn's lacks for answers that may be cut and for clients that mean harm.

Give the class to `uvicorn.Config(http=…)`. `Exchange.of` finds what an application needs of it.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

NAME = "marsad.connection"
# Close at once and send RST: without it, closing looks like the end of the answer to a client of HTTP/1.0.
_NO_LINGER = struct.pack("ii", 1, 0)
# 256 KiB: a query text of 64 KiB, each byte as three in the URL, and the headers of a generous client.
_MAX_HEAD_BYTES = 256 * 2**10
# What the parser of URLs can count.
_MAX_URL_BYTES = 65_000
# Seconds from the connection, or from the first byte of a further request, to the end of its headers.
_HEAD_TIMEOUT_S = 20.0
_UNBOUNDED = 1 << 62
# Bytes that complete nothing: no header, no part of a body. The parser keeps them until the header ends.
_MAX_QUIET_BYTES = 2 * _MAX_HEAD_BYTES


class Connection(HttpToolsProtocol):
    """A connection that can be cut so that everybody sees it, and that bounds what comes before the body."""

    _head_bytes = 0
    _quiet_bytes = 0
    _head_pending = True
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._quiet_bytes += len(data)
        if self._quiet_bytes > _MAX_QUIET_BYTES:
            self._refuse(b"431 Request Header Fields Too Large", b"The headers are too large.\n")
        if self._refused:
            return
        super().data_received(data)
        if self._head_pending and self._head_timer is None and not self.transport.is_closing():
            self._await_head()  # most heads come in one piece and need no timer

    def on_message_begin(self) -> None:
        super().on_message_begin()
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
        if not self._refused:
            super().on_message_complete()

    def _refuse(self, status: bytes, text: bytes) -> None:
        if self._refused:
            return
        self._refused = True
        head = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n" % (status, len(text))
        self.transport.write(head + b"access-control-allow-origin: *\r\nconnection: close\r\n\r\n" + text)
        self.transport.close()

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
        common = b"".join(b"%s: %s\r\n" % pair for pair in connection.server_state.default_headers)
        length = b"content-length: %d\r\n\r\n" % len(body)
        connection.transport.write(b"".join((head, common, closing, length, body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            connection.transport.close()
        cycle.on_response()

    def cut(self) -> None:
        """End the connection so that no client takes what it has for the whole answer."""
        transport = self._connection.transport
        if transport.is_closing():
            return
        endpoint = transport.get_extra_info("socket")
        if endpoint is not None:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()

    def answer_until_close(self) -> None:
        """For HTTP/1.0, which knows no chunks: the answer about to start ends with the connection."""
        self._cycle.chunked_encoding = False
        self._cycle.expected_content_length = _UNBOUNDED
        self._cycle.keep_alive = False

    def end_answer(self) -> None:
        """The answer of `answer_until_close` is complete with the next, empty, part."""
        self._cycle.expected_content_length = 0
