"""A client that costs little: kept connections, requests made beforehand, answers read but not understood."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_READ_BYTES = 256 * 2**10


def get(url: str, query: str, accept: str) -> bytes:
    """A GET request with a query, as bytes."""
    parts = urlsplit(url)
    target = f"{parts.path}?query={quote(query, safe='')}" if query else parts.path
    return f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: {accept}\r\n\r\n".encode()


def post(url: str, body: str, content_type: str) -> bytes:
    """A POST request, as bytes."""
    parts, data = urlsplit(url), body.encode()
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    head = f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


@dataclass(slots=True)
class Exchange:
    """What became of one request; `name` is the caller's."""

    name: str
    status: int
    seconds: float
    first_byte_s: float
    body: bytes


class Connection:
    """A connection on which one request is under way at a time."""

    def __init__(self, url: str, *, keep_bodies: bool = False) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._address = (parts.hostname, parts.port or 80)
        self._keep = keep_bodies
        self.socket = self._open()

    def _open(self) -> socket.socket:
        opened = socket.create_connection(self._address)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def send(self, name: str, request: bytes) -> None:
        """Begin a request."""
        self.name, self._head, self._body, self._rest = name, b"", [], -1
        self._chunked, self._tail, self._status, self._closes = False, b"", 0, False
        self.started = time.perf_counter()
        self._first = 0.0
        self.socket.sendall(request)

    def receive(self) -> Exchange | None:
        """Read what has come; the exchange once it is complete. Raises ConnectionError: the answer was cut."""
        data = self.socket.recv(_READ_BYTES)
        if not self._first:
            self._first = time.perf_counter()
        if not data:
            if self._rest == -2:
                return self._end()
            raise ConnectionError(f"the answer to {self.name!r} was cut")
        if self._status == 0:
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return None
            self._read_head(head)
        return self._read_body(data)

    def _read_head(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        self._status = int(lines[0].split()[1])
        headers = {
            name.strip().lower(): value.strip().lower() for name, _, value in (x.partition(b":") for x in lines[1:])
        }
        self._chunked = headers.get(b"transfer-encoding") == b"chunked"
        self._closes = headers.get(b"connection") == b"close"
        if self._status in (204, 304):
            self._rest = 0
        elif b"content-length" in headers:
            self._rest = int(headers[b"content-length"])
        elif not self._chunked:
            self._rest = -2  # until the end of the connection

    def _read_body(self, data: bytes) -> Exchange | None:
        if self._keep:
            self._body.append(data)
        if self._chunked:
            self._tail = (self._tail + data)[-7:]
            # Seven bytes: the end of the last chunk and the chunk of no length; no answer here has trailers.
            return self._end() if self._tail.endswith(b"\r\n0\r\n\r\n") or self._tail == b"0\r\n\r\n" else None
        if self._rest >= 0:
            self._rest -= len(data)
        return self._end() if self._rest == 0 else None

    def _end(self) -> Exchange:
        now = time.perf_counter()
        body = b"".join(self._body)
        if self._keep and self._chunked:
            body = b"".join(_chunks(body))
        if self._closes or self._rest == -2:
            self.socket.close()
            self.socket = self._open()
        return Exchange(self.name, self._status, now - self.started, self._first - self.started, body)

    def ask(self, name: str, request: bytes) -> Exchange:
        """A request and its whole answer."""
        self.send(name, request)
        while True:
            done = self.receive()
            if done is not None:
                return done

    def close(self) -> None:
        """End the connection."""
        self.socket.close()


def _chunks(data: bytes) -> Iterator[bytes]:
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        yield data[:length]
        data = data[length + 2 :]


def run(
    url: str, requests: Sequence[tuple[str, bytes]], *, connections: int, seconds: float
) -> tuple[list[Exchange], float]:
    """Send the requests in order over some connections at once, from the start again if need be, for a time.

    Returns what became of each and how long it took, the last answers included.
    """
    done: list[Exchange] = []
    waiting = deque(requests)
    selector = selectors.DefaultSelector()
    opened = [Connection(url) for _ in range(connections)]
    started = time.perf_counter()

    def begin(connection: Connection) -> None:
        name, request = waiting[0]
        waiting.rotate(-1)
        connection.send(name, request)
        selector.register(connection.socket, selectors.EVENT_READ, connection)

    for connection in opened:
        begin(connection)
    while selector.get_map():
        for key, _ in selector.select():
            connection = key.data
            before = connection.socket
            exchange = connection.receive()
            if exchange is None:
                continue
            done.append(exchange)
            selector.unregister(before)
            if time.perf_counter() - started < seconds:
                begin(connection)
    elapsed = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return done, elapsed
