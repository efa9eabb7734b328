"""Messages between the service, the replica and its workers, over Unix sockets.

To a replica or a worker: lengths of head and body (`!II`), the head in JSON (of a loan: LEND), the body; descriptors
beside it where the operation says so. From a worker: one letter and a length (`!cI`), then that many bytes; the letters are below.
From the replica: one JSON object per packet, with descriptors beside it where the event says so.
"""

import array
import json
import select
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

REQUEST = struct.Struct("!II")
FRAME = struct.Struct("!cI")

WHOLE, WHOLE_GZIP = b"C", b"Z"  # the complete answer in one frame
FIRST, FIRST_GZIP = b"P", b"Y"  # the first part of a longer answer
MORE, END = b"D", b"E"  # a further part; the last one, which may be empty
ERROR = b"X"  # {"kind": …, "message": …, "last": …}: the answer ends here; `last`: so does the worker
# Of a connection that the worker reads itself (`service.store.lending`):
TAKEN_OVER = b"T"  # CLIENT: the answer to its request, or the rest of it, comes in the frames that follow
UNSENT = b"U"  # the end of a part that was sent to the client: it is to have it as it is, before any other frame
GIVEN_BACK = b"B"  # the worker reads it no more: RETURN, the end of an answer not sent yet, bytes read but not answered
# The term, the connection's number, how many requests were answered in this term, the length of what is not sent yet.
# With the last connection the term ends, and so does the token.
RETURN = struct.Struct("!IIII")
CLIENT = struct.Struct("!II")  # the term, the connection's number
RECALL = struct.Struct("!I")  # the term that has ended
# The head of a loan: a letter that no JSON object begins with, the term, the connection's number, whether the worker is
# also to answer what it has answered before. It stands between a request and the first byte of its answer.
LEND, LOAN = struct.Struct("!cII?"), b"L"
TOKEN = b"t"
# Beside the token, in memory that both share: the term, the connection whose request is being worked on (0: none), the
# size of that request, how many requests the worker has answered by itself in this term, whether the client has had the
# head of the answer, the last connection that the worker has looked at the request of that it came with, when work
# on the request began (seconds of the monotonic clock, which all processes share), the id of the query. The request itself follows.
NOTE = struct.Struct("=IIII?Id48s")
# Where the request begins, and bytes in all: one that is known has 8 KiB at most, and memory is shared by pages of 4.
DESK_REQUEST, DESK_BYTES = 128, 12 * 2**10

# `json.dumps` makes an encoder for each message where separators are given.
_encode = json.JSONEncoder(separators=(",", ":")).encode
# Real requests fit: a query text has at most 64 KiB.
_READ_BYTES = 128 * 2**10
_INT_BYTES = array.array("i").itemsize
# Room for the descriptors of several messages: one lends three at most.
_ANCILLARY_BYTES = socket.CMSG_SPACE(32 * _INT_BYTES)


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message to a replica or a worker."""
    text = _encode(head).encode()
    return REQUEST.pack(len(text), len(body)) + text + body


def pack_loan(term: int, number: int, *, repeats: bool, asked: bytes) -> bytes:
    """The message with a connection; `asked` is what was read on it."""
    return b"".join((REQUEST.pack(LEND.size, len(asked)), LEND.pack(LOAN, term, number, repeats), asked))


def digest_of(message: bytes) -> bytes:
    """What tells a question from others, and in answers of one version one answer from others."""
    return blake2b(message, digest_size=12).digest()


def with_body(message: bytes, body: bytes) -> bytes:
    """The message with another body."""
    size, _ = REQUEST.unpack_from(message)
    return b"".join((REQUEST.pack(size, len(body)), message[REQUEST.size : REQUEST.size + size], body))


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Head and body of a whole message."""
    end = REQUEST.size + REQUEST.unpack_from(message)[0]
    if message.startswith(LOAN, REQUEST.size):
        _, term, number, repeats = LEND.unpack_from(message, REQUEST.size)
        return {"op": "lend", "term": term, "number": number, "repeats": repeats}, message[end:]
    return _head(message[REQUEST.size : end]), message[end:]


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


class Inbox:
    """The messages to a worker: most come in one piece, some with descriptors, and several may wait at once."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""
        # Those that have come, in order; who is told to expect some takes them out.
        self.descriptors: list[int] = []

    @property
    def holds_some(self) -> bool:
        """Whether bytes have been received that no message has been made of."""
        return bool(self._rest)

    @property
    def is_there(self) -> bool:
        """Whether `read` has something to read."""
        return self.holds_some or bool(select.select([self._connection], [], [], 0)[0])

    def read(self) -> tuple[dict[str, Any], bytes] | None:
        """The next message; None when the other side has closed. Blocks."""
        data = self._rest or self._receive()
        while 0 < len(data) < REQUEST.size:
            more = self._receive()
            data = data + more if more else b""
        if not data:
            return None
        size = REQUEST.size + sum(REQUEST.unpack_from(data))
        if len(data) < size:
            rest = read_exactly(self._connection, size - len(data))
            if rest is None:
                return None
            data += rest
        message, self._rest = data[:size], data[size:]
        return unpack(message)

    def _receive(self) -> bytes:
        data, ancillary, _, _ = self._connection.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
        for _, _, packed in ancillary:
            self.descriptors.extend(array.array("i", packed[: len(packed) - len(packed) % _INT_BYTES]))
        return data


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
        """Take the next bytes, however they are cut. May be called by `take` itself: the frames keep their order."""
        self._rest = self._rest + data if self._rest else data
        while len(self._rest) >= FRAME.size:
            letter, length = FRAME.unpack_from(self._rest)
            end = FRAME.size + length
            if end > len(self._rest):
                break
            frame, self._rest = self._rest[FRAME.size : end], self._rest[end:]
            self._take(letter, frame)
