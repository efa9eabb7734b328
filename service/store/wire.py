"""Messages between the service, the replica and its workers, over Unix sockets.

To a replica or a worker: lengths of head and body (`!II`), the head in JSON, the body.
From a worker: one letter and a length (`!cI`), then that many bytes; the letters are below.
From the replica: one JSON object per packet, with descriptors beside it where the event says so.
"""

import json
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

REQUEST = struct.Struct("!II")
FRAME = struct.Struct("!cI")

WHOLE, WHOLE_GZIP = b"C", b"Z"  # the complete answer in one frame
FIRST, FIRST_GZIP = b"P", b"Y"  # the first part of a longer answer
MORE, END = b"D", b"E"  # a further part; nothing more comes
ERROR = b"X"  # {"kind": …, "message": …}: the answer ends here

# Real requests fit: a query text has at most 64 KiB.
_READ_BYTES = 128 * 2**10


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message to a replica or a worker."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return REQUEST.pack(len(text), len(body)) + text + body


def read_message(connection: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """The next message to this process; None when the other side has closed. Blocks."""
    sizes = read_exactly(connection, REQUEST.size)
    if sizes is None:
        return None
    head_size, body_size = REQUEST.unpack(sizes)
    data = read_exactly(connection, head_size + body_size)
    if data is None:
        return None
    return _head(data[:head_size]), data[head_size:]


def read_only_message(connection: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """`read_message` where the other side sends the next one only after an answer: most come in one piece."""
    data = connection.recv(_READ_BYTES)
    if len(data) < REQUEST.size:
        rest = read_exactly(connection, REQUEST.size - len(data)) if data else None
        if rest is None:
            return None
        data += rest
    head_size, body_size = REQUEST.unpack_from(data)
    end = REQUEST.size + head_size
    if len(data) < end + body_size:
        rest = read_exactly(connection, end + body_size - len(data))
        if rest is None:
            return None
        data += rest
    return _head(data[REQUEST.size : end]), data[end:]


@lru_cache(maxsize=64)
def _head(text: bytes) -> dict[str, Any]:
    """The head of a message; queries have few different ones. Nobody may write to it."""
    head: dict[str, Any] = json.loads(text)
    return head


def read_exactly(connection: socket.socket, size: int) -> bytes | None:
    """`size` bytes; None when the other side closed before they were complete. Blocks."""
    first = connection.recv(size) if size else b""
    if len(first) == size:
        return first
    if not first:
        return None
    whole = bytearray(size)
    whole[: len(first)] = first
    view, filled = memoryview(whole), len(first)
    while filled < size:
        count = connection.recv_into(view[filled:])
        if not count:
            return None
        filled += count
    return bytes(whole)


class Frames:
    """Cuts a stream of bytes from a worker into frames and hands each to `take(letter, bytes)`."""

    def __init__(self, take: Callable[[bytes, bytes], None]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they are cut."""
        if self._rest:
            data = self._rest + data
        position, size = 0, len(data)
        while size - position >= FRAME.size:
            letter, length = FRAME.unpack_from(data, position)
            end = position + FRAME.size + length
            if end > size:
                break
            self._take(letter, data[position + FRAME.size : end])
            position = end
        self._rest = data[position:]
