"""The HTTP/1 connection: keeping it, pipelining, and clients that send too much or too little."""

import asyncio
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from service.api import connection
from tests.api.endpoint import endpoint

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain():
    async with endpoint() as opened:
        yield opened


def get(text: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    lines = [
        f"{method} /sparql?{urlencode({'query': text, 'format': 'csv'})} HTTP/{version}",
        "Host: localhost",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_pipelined_requests_are_answered_in_their_order(plain):
    # The first of them takes longest, the second is in the cache.
    slow = "SELECT (COUNT(*) AS ?first) { ?a ?b ?c OPTIONAL { ?d ?e ?f } OPTIONAL { ?g ?h ?i } }"
    await plain.ask("SELECT (2 AS ?second) {}", format="csv")
    texts = [slow, "SELECT (2 AS ?second) {}", "SELECT (3 AS ?third) {}"]
    data = await plain.raw(b"".join(map(get, texts[:2])) + get(texts[2], "Connection: close"))
    assert data.count(b"HTTP/1.1 200 OK") == 3
    assert data.index(b"first\r\n") < data.index(b"second\r\n") < data.index(b"third\r\n")


async def test_a_connection_is_kept_after_answers_errors_and_heads(plain):
    data = await plain.raw(
        get("ASK {")
        + get("ASK {}", method="HEAD")
        + get("SELECT (1 AS ?x) {}")
        + get("SELECT (1 AS ?x) {}", "Connection: close")
    )
    assert data.count(b"HTTP/1.1 ") == 4
    assert data.endswith(b"x\r\n1\r\n")


async def test_http_1_0_gets_a_whole_answer_with_its_length_and_a_closed_connection(plain):
    data = await plain.raw(get("SELECT (1 AS ?x) {}", version="1.0"))
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-length: 6" in head
    assert b"connection: close" in head
    assert body == b"x\r\n1\r\n"


async def test_a_client_may_wait_for_100_continue(plain):
    reader, writer = await asyncio.open_connection(plain.host, plain.port)
    writer.write(
        b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n"
        b"Content-Type: application/sparql-query\r\nContent-Length: 6\r\n\r\n"
    )
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.write(b"ASK {}")
    assert b'"boolean":true' in await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /sparql?query=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
        (b"GET /sparql HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(9000)) + b"\r\n", b"431"),
        (b"GET /sparql HTTP/1.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", b"431"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /sparql HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
    ],
)
async def test_heads_that_are_too_large_or_no_http_are_refused(plain, data, status):
    reader, writer = await asyncio.open_connection(plain.host, plain.port)
    writer.write(data)
    answer = await reader.readline()
    assert answer.split()[1] == status
    writer.close()
    assert (await plain.ask("ASK {}")).status_code == 200


async def test_a_head_that_does_not_come_to_its_end_is_given_up(plain, monkeypatch):
    monkeypatch.setattr(connection, "_HEAD_TIMEOUT_S", 0.1)
    for beginning in (b"", b"GET /sparql HTTP/1.1\r\nX", get("SELECT * {}") + b"GET /spar"):
        reader, writer = await asyncio.open_connection(plain.host, plain.port)
        writer.write(beginning)
        async with asyncio.timeout(5):
            answer = b"".join([line async for line in reader])
        assert answer.count(b"200 OK") == beginning.count(b"SELECT")
        writer.close()
