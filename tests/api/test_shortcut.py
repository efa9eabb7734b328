"""A request that comes again byte for byte is answered without being read again, and nobody can tell by the answer."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
import pytest_asyncio

from service.api import sparql
from service.graph.query import read_query
from tests.api.endpoint import EX, endpoint
from tests.api.test_connection import get
from tests.api.test_cut_answers import QUADS, SELECT

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n2 ?o . ?p ?q ?r }"
LAST = get("SELECT (0 AS ?last) {}", "Connection: close")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain():
    async with endpoint(cache_bytes=0) as opened:
        yield opened


class Client:
    """One kept connection that reads answers of known length, or in chunks."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> tuple[bytes, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length is not None:
            return head, await self.reader.readexactly(int(length.group(1)))
        assert b"transfer-encoding: chunked" in head
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readexactly(2)
        return head, b"".join(parts)


@asynccontextmanager
async def connected(opened) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(opened.host, opened.port, limit=2**24)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def lines(head: bytes) -> list[bytes]:
    """The lines of a head, in order, without what differs from answer to answer."""
    return sorted(re.sub(rb"(date|marsad-query-id): [^\r]*", rb"\1", head).split(b"\r\n"))


def lines_of(response) -> list[tuple[str, str]]:
    return [pair for pair in response.headers.items() if pair[0] not in ("date", "marsad-query-id")]


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
async def test_the_second_answer_is_like_the_first(cache_bytes):
    async with endpoint(cache_bytes=cache_bytes) as opened, connected(opened) as client:
        for request in (
            get("SELECT ?o { ?s ?p ?o } ORDER BY ?o"),
            get("SELECT * { ?s ?p 99 }", "Accept-Encoding: gzip"),
            b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\n"
            b"Content-Length: 6\r\n\r\nASK {}",
        ):
            first, second, third = [await client.ask(request) for _ in range(3)]
            assert first[1] == second[1] == third[1] != b""
            assert lines(second[0]) == lines(third[0])
            if cache_bytes:  # what came from a worker has an id that the cached answer has not
                assert set(lines(second[0])) < set(lines(first[0]))
            else:
                assert lines(first[0]) == lines(second[0])


OTHER_TEXTS = [
    "SELECT * { ?s ?p 'é+&%' }",
    "PREFIX ex: <http://example.org/> SELECT ?o { ?s ex:p ?o } ORDER BY ?o",
    "ASK { ?s ?p 99 }",
    "DESCRIBE <http://example.org/unnamed>",  # by GET in a format that a graph has not
    "SELECT * { ?s ?p TRUE }",
    "SELECT * FROM <http://example.org/none> {}",
    "SELECT (COUNT(*) AS ?n) { ?s ?p <relative> }",
    "SELECT * { SERVICE <http://localhost/> {} }",
    "SELECT * { ?s nowhere:p ?o }",
    "SELECT * {\n  ?s ?p }",
    "SELECT * { ?s ?p ?o",
    "SELECT " + "(" * 70 + "1" + ")" * 70,
    "INSERT DATA {}",
]


@pytest.mark.parametrize("how", ["GET", "form", "direct"])
@pytest.mark.parametrize("cache_bytes", [0, 2**20])
async def test_a_request_that_differs_in_its_text_only_is_answered_as_if_it_were_read(how, cache_bytes, monkeypatch):
    texts_read = []

    def read(text, *arguments, **named):
        texts_read.append(text)
        return read_query(text, *arguments, **named)

    monkeypatch.setattr(sparql, "read_query", read)
    form, direct = "application/x-www-form-urlencoded", "application/sparql-query"
    ways = {
        "GET": get,
        "form": lambda text: post("query=" + quote(text, safe=""), form),
        "direct": lambda text: post(text, direct),
    }
    request_of = ways[how]
    # With this header a request is read each time.
    never_known = b'Host: localhost\r\nIf-None-Match: "x"\r\n'
    async with endpoint(cache_bytes=cache_bytes) as opened, connected(opened) as client:
        expected = [
            await client.ask(request_of(text).replace(b"Host: localhost\r\n", never_known)) for text in OTHER_TEXTS
        ]
    async with endpoint(cache_bytes=cache_bytes) as opened, connected(opened) as client:
        for text in ("SELECT * {}", "CONSTRUCT {} {}"):
            await client.ask(request_of(text))
        texts_read.clear()
        answers = [await client.ask(request_of(text)) for text in OTHER_TEXTS]
    assert [answer[1] for answer in answers] == [answer[1] for answer in expected]
    assert [without_store(head) for head, _ in answers] == [without_store(head) for head, _ in expected]
    assert [text for text in OTHER_TEXTS if text not in texts_read] == OTHER_TEXTS[: 3 if how == "GET" else 4]


def post(body: str, content_type: str) -> bytes:
    return (
        f"POST /sparql HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv, text/turtle\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


def without_store(head: bytes) -> list[bytes]:
    """The lines of a head without the name of the store."""
    return [re.sub(rb'etag: W/"[^-]*', b"etag: ", line) for line in lines(head)]


async def test_known_and_new_requests_are_answered_in_the_order_they_came(plain):
    known, other = get("SELECT (1 AS ?known) {}"), get("SELECT (2 AS ?other) {}")
    async with connected(plain) as client:
        await client.ask(known)
        client.writer.write(known)
        await asyncio.sleep(0)
        client.writer.write(other + known)
        client.writer.write(known + LAST)
        data = await client.reader.read()
    assert re.findall(rb"\r\n\r\n(\w+)\r\n", data) == [b"known", b"other", b"known", b"known", b"last"]


async def test_a_known_request_sees_a_change_of_the_graph():
    async with endpoint(writable=True) as opened, connected(opened) as client:
        request = get(f"SELECT ?o {{ <{EX}new> ?p ?o }}")
        bodies = [(await client.ask(request))[1] for _ in range(2)]
        await opened.client.post("/sparql", data={"update": f"INSERT DATA {{ <{EX}new> <{EX}p> 7 }}"})
        bodies += [(await client.ask(request))[1] for _ in range(2)]
        assert bodies == [b"o\r\n", b"o\r\n", b"o\r\n7\r\n", b"o\r\n7\r\n"]


async def test_a_known_request_that_runs_away_is_stopped_at_its_deadline_and_says_so():
    async with (
        endpoint(QUADS, deadline_s=0.3, writable=True, cache_bytes=0) as opened,
        connected(opened) as client,
    ):
        request = get(RUNAWAY)
        await opened.client.post("/sparql", data={"update": "DELETE WHERE { ?s ?p ?o }"})
        assert (await client.ask(request))[0].startswith(b"HTTP/1.1 200")
        values = " ".join(f"<{EX}s> <{EX}p> {number} ." for number in range(40))
        await opened.client.post("/sparql", data={"update": f"INSERT DATA {{ {values} }}"})
        head, body = await client.ask(request)
        assert head.startswith(b"HTTP/1.1 504")
        assert b"MARSAD_DEADLINE" in body
        assert (await client.ask(get("SELECT * {}")))[0].startswith(b"HTTP/1.1 200")


async def test_the_worker_of_a_known_request_is_killed_when_its_client_goes_away():
    async with endpoint(QUADS, writable=True, cache_bytes=0) as opened, connected(opened) as client:
        request = get(RUNAWAY)
        await opened.client.post("/sparql", data={"update": "DELETE WHERE { ?s ?p ?o }"})
        await client.ask(request)
        values = " ".join(f"<{EX}s> <{EX}p> {number} ." for number in range(40))
        await opened.client.post("/sparql", data={"update": f"INSERT DATA {{ {values} }}"})
        killed = opened.store.status().counts.get("killed", 0)
        client.writer.write(request)
        while not opened.store.status().busy:
            await asyncio.sleep(0.001)
        client.writer.close()
        while opened.store.status().busy:
            await asyncio.sleep(0.001)
        assert opened.store.status().counts["killed"] == killed + 1


async def test_a_long_answer_to_a_known_request_is_whole_and_one_that_is_cut_looks_cut():
    async with (
        endpoint(QUADS, default_graph="union", cache_bytes=0) as opened,
        connected(opened) as client,
    ):
        text = SELECT + " LIMIT 20000"
        first, second = await opened.ask(text, format="csv"), await opened.ask(text, format="csv")
        assert known_of(opened) != []
        assert first.content == second.content
        assert first.content.count(b"\r\n") == 20_001
        assert lines_of(first) == lines_of(second)
        await client.ask(get("SELECT * {}"))
        for _ in range(2):
            client.writer.write(get(text))
            await client.reader.readuntil(b"\r\n0\r\n\r\n")
        client.writer.write(get(text))
        await client.reader.readexactly(1_500_000)  # more than a worker sends by itself
        for worker in list(opened.store._pool._all.values()):
            if worker.running is not None:
                worker.kill()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


@pytest.mark.parametrize(
    "request_",
    [
        get("SELECT (NOW() AS ?x) {}"),
        get("SELECT * {}", "Authorization: Bearer a.b"),
        get("SELECT * {}", 'If-None-Match: "x"'),
        get("SELECT * {}", "Marsad-Query-Id: abcdefgh12345678"),
        get("SELECT * {}", method="HEAD"),
        get("SELECT {"),
        get("SELECT * {}", "X: " + "y" * 9000),
    ],
)
async def test_what_may_mean_something_else_the_next_time_is_read_each_time(plain, request_):
    before = set(known_of(plain))
    async with connected(plain) as client:
        client.writer.write(request_ + LAST)
        await client.reader.read()
    async with connected(plain) as client:
        client.writer.write(request_)
        await client.reader.readuntil(b"\r\n\r\n")
    assert set(known_of(plain)) == before


def known_of(opened) -> list[bytes]:
    """The requests that the server of an endpoint would know again."""
    return list(opened.known)
