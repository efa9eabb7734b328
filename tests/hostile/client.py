"""A client of HTTP/1.1 over a socket: sends any bytes, reads while it sends, and says how the answer ended."""

import json
import re
import select
import socket
import time

from tests.hostile.case import Outcome, Target

_READ_BYTES = 256 * 2**10
# Of a body, what is kept to look at.
_KEPT_BYTES = 64 * 2**10


def connect(target: Target, *, limit_s: float = 10, receive_buffer: int = 0) -> socket.socket:
    """A connection; a `receive_buffer` of some kilobytes makes a client that holds the server back."""
    connection = socket.socket(socket.AF_INET6 if ":" in target.host else socket.AF_INET)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(limit_s)
    try:
        connection.connect((target.host, target.port))
    except OSError:
        connection.close()
        raise
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(target: Target, payload: bytes, limit_s: float) -> Outcome:
    """Send the bytes on a new connection and read one answer, for `limit_s` seconds at most."""
    started = time.monotonic()
    with connect(target, limit_s=limit_s) as connection:
        return talk(connection, payload, limit_s - (time.monotonic() - started))


def talk(connection: socket.socket, payload: bytes, limit_s: float) -> Outcome:
    """Send the bytes on a connection and read one answer, for `limit_s` seconds at most."""
    started = time.monotonic()
    reader, rest = AnswerReader(), memoryview(payload)
    connection.setblocking(False)
    ended = False
    while not reader.complete and not ended:
        left = limit_s - (time.monotonic() - started)
        ready, writable, _ = select.select([connection], [connection] if rest else [], [], max(0.0, left))
        if not ready and not writable:
            return reader.outcome("silent", time.monotonic() - started)
        try:
            if writable:
                rest = rest[connection.send(rest[: 2**20]) :]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # it takes no more; its answer may still be there
            rest = memoryview(b"")
        try:
            if ready:
                data = connection.recv(_READ_BYTES)
                ended = not data
                reader.feed(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            ended, reader.broken = True, True
    return reader.outcome("", time.monotonic() - started)


class AnswerReader:
    """Takes the bytes of an answer as they come; `complete` when it is all there."""

    def __init__(self) -> None:
        self.complete = False
        self.broken = False
        self._head = b""
        self._body = bytearray()
        self._size = 0
        self._status = 0
        self._length: int | None = None
        self._chunked = False
        self._buffer = b""
        self._chunk_left = 0
        self._until_close = False

    def feed(self, data: bytes) -> None:
        """The next bytes; none when the other side has closed."""
        if not data:
            self.complete = self.complete or self._until_close
            return
        if not self._status:
            self._buffer += data
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            self._buffer = b""
            self._read_head(head)
            if self._status == 100:
                self._status = 0
                self.feed(rest) if rest else None
                return
            data = rest
        if self._chunked:
            self._take_chunks(data)
        else:
            self._take(data)
            if self._length is not None and self._size >= self._length:
                self.complete = True

    def _read_head(self, head: bytes) -> None:
        self._head = head
        found = re.match(rb"HTTP/1\.[01] (\d{3})", head)
        self._status = int(found.group(1)) if found else -1
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        self._chunked = re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE) is not None
        self._length = int(length.group(1)) if length else None
        if self._status in (204, 304):
            self._length = 0
        self._until_close = not self._chunked and self._length is None
        self.complete = self._length == 0

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if len(self._body) < _KEPT_BYTES:
            self._body += data[: _KEPT_BYTES - len(self._body)]

    def _take_chunks(self, data: bytes) -> None:
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        position = 0
        while position < len(data):
            if self._chunk_left:
                part = data[position : position + self._chunk_left]
                self._take(part[: max(0, self._chunk_left - 2)])  # the last two bytes of a chunk are CR and LF
                position += len(part)
                self._chunk_left -= len(part)
                continue
            end = data.find(b"\r\n", position)
            if end < 0:
                self._buffer = data[position:]
                return
            size = int(data[position:end].partition(b";")[0] or b"0", 16)
            position = end + 2
            if size == 0:
                self.complete = True
                return
            self._chunk_left = size + 2

    def outcome(self, ending: str, seconds: float) -> Outcome:
        """What was seen so far; `ending` as of `Outcome`, or empty where the bytes say it."""
        if not ending:
            ending = "whole" if self.complete else "cut" if self._status else "closed"
        return Outcome(
            ending,
            seconds,
            status=self._status,
            problem=_problem(self._head, bytes(self._body)),
            head=self._head,
            body=bytes(self._body),
            size=self._size,
        )


def _problem(head: bytes, body: bytes) -> str:
    if b"application/problem+json" not in head.lower():
        return ""
    try:
        return str(json.loads(body)["type"]).rpartition("/")[2]
    except (ValueError, KeyError):
        return "not-a-problem"
