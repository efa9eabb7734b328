"""The first request of a connection is answered before a connection is made of it, and nobody can tell."""

import asyncio
import errno
import os
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from uvicorn.server import ServerState

from service.api import door, sparql
from service.api.cache import PART_BYTES
from service.api.connection import Connection, KnownRequests
from tests.api.endpoint import EX, endpoint
from tests.api.test_connection import get
from tests.api.test_cut_answers import QUADS, SELECT
from tests.api.test_lending import FOR_THE_SERVICE, KNOWN, OTHER, change, endpoint_of, lenders, lent_connection
from tests.api.test_shortcut import RUNAWAY, Client, connected, lines

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEPT = 2**20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain():
    async with endpoint(cache_bytes=0) as opened:
        await make_known(opened)
        yield opened


async def make_known(opened, request: bytes = KNOWN) -> tuple[bytes, bytes]:
    """Ask what is then known; the answer, read in the usual way."""
    async with connected(opened) as client:
        return await client.ask(request)


async def send_at_once(opened, data: bytes) -> Client:
    """A client whose bytes are there before the service can look at the connection."""
    own = socket.socket()
    own.connect((opened.host, opened.port))  # the kernel accepts; the loop of the service stands still here
    own.sendall(data)
    return Client(*await asyncio.open_connection(sock=own, limit=2**24))


async def first_answer(opened, request: bytes, *others: bytes) -> list[tuple[bytes, bytes]]:
    """The answers on a new connection."""
    client = await send_at_once(opened, request)
    try:
        return [await client.answer(), *[await client.ask(other) for other in others]]
    finally:
        client.writer.close()


def _lines(head: bytes) -> list[bytes]:
    """The lines of a head but the id of a query, which answers from the cache lack."""
    return [line for line in lines(head) if line != b"marsad-query-id"]


POST = b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\nContent-Length: 6\r\n\r\nASK {}"


@pytest.mark.parametrize("cache_bytes", [0, KEPT])
@pytest.mark.parametrize("request_", [KNOWN, POST, get("SELECT (1 AS ?x) {}", "Accept-Encoding: gzip")])
async def test_the_first_answer_on_a_connection_is_like_those_that_were_read_in_the_usual_way(cache_bytes, request_):
    async with endpoint(cache_bytes=cache_bytes) as opened:
        head, body = await make_known(opened, request_)
        for _ in range(3):
            [(again_head, again_body)] = await first_answer(opened, request_)
            assert (_lines(again_head), again_body) == (_lines(head), body)


@pytest.mark.parametrize("cache_bytes", [0, KEPT])
async def test_what_comes_after_the_first_request_is_answered_in_its_order(cache_bytes):
    later = [OTHER, FOR_THE_SERVICE, get("SELECT"), KNOWN]
    async with endpoint(cache_bytes=cache_bytes) as opened:
        await make_known(opened)
        answers = await first_answer(opened, KNOWN, *later)
        assert [head[9:12] for head, _ in answers] == [b"200", b"200", b"200", b"400", b"200"]
        assert [answers[place][1] for place in (0, 1, 2, 4)] == [
            b"known\r\n1\r\n",
            b"other\r\n2\r\n",
            b"third\r\n3\r\n",
            b"known\r\n1\r\n",
        ]


async def test_a_known_request_is_lent_to_a_worker_before_a_connection_is_made(plain, monkeypatch):
    made = []
    connection_made = Connection.connection_made
    monkeypatch.setattr(Connection, "connection_made", lambda *given: (made.append(given), connection_made(*given))[1])
    client = await send_at_once(plain, KNOWN)
    assert (await client.answer())[1] == b"known\r\n1\r\n"
    lent = lent_connection(plain, client)
    assert lent is not None
    with endpoint_of(lent) as service_end:
        assert service_end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert made == []
    assert (await client.ask(FOR_THE_SERVICE))[1] == b"third\r\n3\r\n"
    assert len(made) == 1
    client.writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"", KNOWN],
        [KNOWN[:20], KNOWN[20:]],
        [KNOWN + OTHER[:20], OTHER[20:]],
        [get("SELECT (1 AS ?known) {}", "X-Long: " + "x" * 20_000)],
        [FOR_THE_SERVICE],
    ],
)
async def test_what_is_not_known_or_not_whole_is_read_in_the_usual_way(plain, pieces):
    client = await send_at_once(plain, pieces[0])
    for piece in pieces[1:]:
        await asyncio.sleep(0)
        client.writer.write(piece)
    assert (await client.answer())[0].startswith(b"HTTP/1.1 200 OK\r\n")
    client.writer.close()


@pytest.mark.parametrize("cache_bytes", [0, KEPT])
async def test_a_client_that_says_no_more_has_its_answer_and_then_the_end(cache_bytes):
    async with endpoint(cache_bytes=cache_bytes) as opened:
        await make_known(opened)
        client = await send_at_once(opened, KNOWN)
        client.writer.write_eof()
        assert (await client.answer())[1] == b"known\r\n1\r\n"
        assert await client.reader.read() == b""
        client.writer.close()


def connections_of(opened) -> int:
    """The ends of connections that the service has."""
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        if path.is_symlink() and path.readlink().name.startswith("socket:"):
            with socket.socket(fileno=os.dup(int(path.name))) as end:
                found += end.family == socket.AF_INET and end.getsockname()[1] == opened.port
    return found - 1  # the socket that listens


async def test_clients_that_are_gone_before_they_are_looked_at_leave_nothing_behind(plain):
    for data in (b"", KNOWN, KNOWN[:20]) * 10:
        own = socket.socket()
        own.connect((plain.host, plain.port))
        own.sendall(data)
        own.close()
    await first_answer(plain, KNOWN, FOR_THE_SERVICE)
    while connections_of(plain):
        await asyncio.sleep(0.01)
    assert lenders(plain) == []


async def test_a_change_is_seen_on_a_connection_that_is_lent_from_the_door():
    ask = get("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    async with endpoint(writable=True, cache_bytes=0) as opened:
        await make_known(opened)
        client = await send_at_once(opened, ask)
        for count in (1, 2, 3):
            _, body = await client.answer()
            assert body == b"n\r\n%d\r\n" % count
            await change(opened, f"INSERT DATA {{ <{EX}s> <{EX}p> {count} }}")
            client.writer.write(ask)
        client.writer.close()


async def test_a_long_answer_from_the_door_is_whole_though_the_service_ends():
    text = SELECT + " LIMIT 20000"
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened:
        _, expected = await make_known(opened, get(text))
        client = await send_at_once(opened, get(text))
        head = await client.reader.readexactly(20)
    assert head.startswith(b"HTTP/1.1 200 OK")
    await client.reader.readuntil(b"\r\n\r\n")
    rest = await client.reader.read()
    assert rest.endswith(b"\r\n0\r\n\r\n")
    assert sum(len(line) for line in rest.split(b"\r\n")) > len(expected.replace(b"\r\n", b""))
    client.writer.close()


LONG = get(SELECT + " LIMIT 20000")


@asynccontextmanager
async def with_a_long_answer():
    """An endpoint that keeps an answer of more than one part, and that answer, read in the usual way."""
    async with endpoint(QUADS, default_graph="union", cache_bytes=64 * KEPT) as opened:
        await make_known(opened, LONG)
        async with connected(opened) as client:
            usual = await client.ask(LONG.replace(b"Host:", b"If-None-Match: x\r\nHost:"))
        assert len(usual[1]) > PART_BYTES
        yield opened, usual


async def test_a_long_answer_that_is_kept_is_whole_on_new_connections_and_on_others_and_what_follows_it_too():
    async with with_a_long_answer() as (opened, (head, body)):
        answers = await first_answer(opened, LONG, OTHER, LONG, LONG, KNOWN)
        assert [lines(answers[place][0]) for place in (0, 2, 3)] == [lines(head)] * 3
        assert [answers[place][1] for place in (0, 2, 3)] == [body] * 3
        assert [answers[place][1] for place in (1, 4)] == [b"other\r\n2\r\n", b"known\r\n1\r\n"]


async def test_what_comes_while_a_long_kept_answer_is_sent_is_answered_after_it():
    async with with_a_long_answer() as (opened, (_, body)):
        client = await send_at_once(opened, LONG)
        client.writer.write(OTHER + LONG)
        assert [(await client.answer())[1] for _ in range(3)] == [body, b"other\r\n2\r\n", body]
        client.writer.close()


async def test_a_long_kept_answer_from_the_door_is_whole_though_the_service_ends():
    async with with_a_long_answer() as (opened, (_, body)):
        client = await send_at_once(opened, LONG)
        head = await client.reader.readuntil(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    assert await client.reader.read() == body
    client.writer.close()


def _read_to_the_end(own: socket.socket) -> None:
    while own.recv(2**20):
        pass


async def test_a_client_that_takes_nothing_of_a_long_kept_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(sparql, "_SEND_PAUSE_S", 0.05)
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with with_a_long_answer() as (opened, _):
            larger = get(SELECT + " LIMIT 60000")  # more than all buffers of the kernel take
            await make_known(opened, larger)
            own.connect((opened.host, opened.port))
            own.sendall(larger)
            await first_answer(opened, KNOWN)
            while connections_of(opened):
                await asyncio.sleep(0.01)
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(_read_to_the_end, own)


async def test_the_worker_of_a_question_from_the_door_is_killed_when_its_client_goes_away():
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened:
        await make_known(opened)
        client = await send_at_once(opened, get(RUNAWAY))
        while opened.store._pool.size[1] == 0:  # until the service takes over what takes long
            await asyncio.sleep(0.01)
        client.writer.transport.abort()
        while opened.store._pool.size[1]:
            await asyncio.sleep(0.01)
        assert opened.store._pool.counts["killed"] == 1
        assert [body for _, body in await first_answer(opened, KNOWN)] == [b"known\r\n1\r\n"]


class _Full:
    """A listening socket that has no descriptors left the first time."""

    def __init__(self, own: socket.socket) -> None:
        self._own, self.refused = own, 0

    def accept(self) -> tuple[socket.socket, object]:
        if not self.refused:
            self.refused += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._own.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self._own, name)


async def test_when_there_are_too_many_files_connections_wait_until_there_are_not(monkeypatch):
    monkeypatch.setattr(door, "_PAUSE_S", 0.001)
    taken = asyncio.get_running_loop().create_future()

    class Taken(asyncio.Protocol):
        arrival = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()
            taken.set_result(None)

    with socket.create_server(("127.0.0.1", 0)) as own:
        full = _Full(own)
        opened = door.Door(full, KnownRequests(), ServerState(), Taken)
        opened.open()
        _, writer = await asyncio.open_connection(*own.getsockname())
        await taken
        assert full.refused == 1
        writer.close()
        await opened.close(1)
