"""The least that a server over the engine's Python module can be: the floor under what ours takes for an answer.

  python -m tests.benchmarks.bare GRAPH.nq PORT

Forks of one process that has the graph take connections and answer `GET …?query=` by themselves. Nothing is limited,
watched, checked or kept; whatever is no such request ends the fork.
"""

import gc
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote_plus

import pyoxigraph as ox

from service.store import confine

# As many as the client has connections for each of two cores: a fork takes no more, so that both have as many.
_MOST_CONNECTIONS = 2
_REQUEST_BYTES = 64 * 2**10
# The first part of an answer is what the engine writes at once.
_FIRST_BYTES, _PART_BYTES = 8 * 2**10, 64 * 2**10


class _Output:
    """Sends what the engine writes in parts, or at once if it is short."""

    def __init__(self, client: socket.socket) -> None:
        self._client, self._limit = client, _FIRST_BYTES
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= self._limit:
            self._client.sendall(self._chunk())
        return len(data)

    def flush(self) -> None:
        """`end` sends what is left."""

    def _chunk(self) -> bytes:
        data, begun = b"".join(self._parts), self._limit == _PART_BYTES
        self._parts.clear()
        self._size, self._limit = 0, _PART_BYTES
        chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return chunk if begun else b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk

    def end(self) -> None:
        if self._limit == _PART_BYTES:
            self._client.sendall(self._chunk() + b"0\r\n\r\n")
        else:
            data = b"".join(self._parts)
            self._client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data))


def _answer(store: ox.Store, text: str, client: socket.socket) -> None:
    output = _Output(client)
    result = store.query(text, use_default_graph_as_union=True)
    if isinstance(result, ox.QueryTriples):
        result.serialize(cast("IO[bytes]", output), ox.RdfFormat.N_TRIPLES)
    else:
        result.serialize(cast("IO[bytes]", output), ox.QueryResultsFormat.JSON)
    output.end()


def _serve(store: ox.Store, listener: socket.socket) -> None:
    ready, clients, texts = select.epoll(), dict[int, socket.socket](), dict[bytes, str]()
    ready.register(listener, select.EPOLLIN)
    while True:
        for descriptor, _ in ready.poll():
            if descriptor == listener.fileno():
                another = _taken(listener)
                if another is not None:
                    clients[another.fileno()] = another
                    ready.register(another, select.EPOLLIN)
                    if len(clients) == _MOST_CONNECTIONS:
                        ready.unregister(listener)
                continue
            client = clients[descriptor]
            request = client.recv(_REQUEST_BYTES)
            if not request:
                if len(clients) == _MOST_CONNECTIONS:
                    ready.register(listener, select.EPOLLIN)
                ready.unregister(client)
                clients.pop(descriptor).close()
                continue
            text = texts.get(request)
            if text is None:
                target = request.split(b" ", 2)[1].decode()
                text = texts[request] = unquote_plus(target.partition("query=")[2])
            _answer(store, text, client)


def _taken(listener: socket.socket) -> socket.socket | None:
    try:
        return listener.accept()[0]
    except BlockingIOError:  # another fork has it
        return None


def main(graph: Path, port: int) -> None:
    """Load the graph and serve it until SIGTERM."""
    store = ox.Store()
    loading = threading.Thread(target=store.bulk_load, kwargs={"path": str(graph), "format": ox.RdfFormat.N_QUADS})
    loading.start()  # in an arena of its own, as the service's
    loading.join()
    gc.collect()
    gc.freeze()
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in os.sched_getaffinity(0):
            if os.fork() == 0:
                confine.die_with_parent(signal.SIGKILL)
                _serve(store, listener)
        signal.pause()  # the signal that ends this process ends the forks too


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
