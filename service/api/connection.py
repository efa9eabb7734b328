"""The HTTP/1 connection: what uvicorn's lacks for answers that may be cut and for clients that mean harm.

Give the class to `uvicorn.Config(http=…)`. `connection_of` finds it from within an application.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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


class Connection(HttpToolsProtocol):
    """A connection that can be cut so that everybody sees it, and that bounds what comes before the body."""

    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._head_timer is None:
            self._await_head()
        self.scope["extensions"] = {NAME: {"connection": self}}

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        if self._head_bytes <= _MAX_URL_BYTES:
            super().on_url(url)
        else:
            self._refuse(b"414 URI Too Long", b"The URL is too long; send the query in the body of a POST request.\n")

    def on_header(self, name: bytes, value: bytes) -> None:
        # 32: what a header costs in memory beside its bytes, roughly.
        self._head_bytes += len(name) + len(value) + 32
        if self._head_bytes <= _MAX_HEAD_BYTES:
            super().on_header(name, value)
        else:
            self._refuse(b"431 Request Header Fields Too Large", b"The headers are too large.\n")

    def on_headers_complete(self) -> None:
        self._head_is_there()
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()

    def cut(self) -> None:
        """End the connection so that no client takes what it has for the whole answer."""
        endpoint = self.transport.get_extra_info("socket")
        if endpoint is not None:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def answer_until_close(self) -> None:
        """For HTTP/1.0, which knows no chunks: the answer about to start ends with the connection."""
        self.cycle.chunked_encoding = False
        self.cycle.expected_content_length = _UNBOUNDED
        self.cycle.keep_alive = False

    def end_answer(self) -> None:
        """The answer of `answer_until_close` is complete with the next, empty, part."""
        self.cycle.expected_content_length = 0

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
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.abort()


def connection_of(scope: Mapping[str, Any]) -> Connection | None:
    """The connection of a request; None under a server that does not use this class."""
    found: Connection | None = scope.get("extensions", {}).get(NAME, {}).get("connection")
    return found
