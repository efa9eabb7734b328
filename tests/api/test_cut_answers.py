"""A cut answer never looks complete: in no format, over neither version of HTTP, wherever it is cut, whoever sends it."""

import asyncio
import os
import random
import signal
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio

from tests.api.endpoint import endpoint, quads_of

QUADS = quads_of("@prefix : <http://example.com/> . " + " ".join(f':s{n} :p "value {n}" .' for n in range(40)))
SELECT = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
CONSTRUCT = "CONSTRUCT { ?a ?c2 ?f2 } { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i BIND(IRI(CONCAT('http://example.com/', ENCODE_FOR_URI(CONCAT(?f, ?i)))) AS ?f2) BIND(IRI(CONCAT('http://example.com/', ENCODE_FOR_URI(?c))) AS ?c2) }"
# Over a kept connection a worker itself sends the beginning.
VERSIONS = ["1.1", "1.0", "1.1 kept"]
FORMATS = ["json", "xml", "csv", "tsv", "ttl", "nt", "nq", "trig", "jsonld", "rdf"]
PER_FORMAT = 20
# Far enough for the answer to be under way in parts; it has 3 MB or more.
FURTHEST = 1_500_000

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def long_answers():
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened:
        yield opened


def _request(form: str, version: str) -> bytes:
    text = SELECT if form in ("json", "xml", "csv", "tsv") else CONSTRUCT
    parameters = urlencode({"query": text, "format": form})
    number, _, kept = version.partition(" ")
    close = "" if kept else "Connection: close\r\n"
    return f"GET /sparql?{parameters} HTTP/{number}\r\nHost: localhost\r\n{close}\r\n".encode()


async def _read_and_kill(opened, form: str, version: str, position: int) -> tuple[int, bool]:
    """(bytes received, whether the connection ended cleanly) when the worker is killed after `position` bytes."""
    reader, writer = await asyncio.open_connection(opened.host, opened.port, limit=2**16)
    writer.write(_request(form, version))
    received, killed = 0, False
    try:
        while chunk := await reader.read(2**16):
            received += len(chunk)
            if not killed and received >= position:
                killed = True
                for worker in list(opened.store._pool._all.values()):
                    if worker.running is not None or worker.lending.at_work:
                        os.kill(worker.process, signal.SIGKILL)
            if "kept" in version and chunk.endswith(b"\r\n0\r\n\r\n"):
                return received, True
    except ConnectionResetError:
        return received, False
    finally:
        writer.close()
    return received, True


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", FORMATS)
async def test_no_client_sees_a_clean_end_when_the_worker_dies(long_answers, form, version):
    positions = random.Random(f"{form}{version}")
    for _ in range(PER_FORMAT // 2):
        position = positions.choice([1, positions.randrange(1, 100_000), positions.randrange(1, FURTHEST)])
        received, clean = await _read_and_kill(long_answers, form, version, position)
        assert received >= position
        assert not clean, f"{form} over HTTP/{version}, killed after {position} of {received} bytes"


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", FORMATS)
async def test_no_client_sees_a_clean_end_at_two_hundred_positions(long_answers, form, version):
    positions = random.Random(f"slow {form}{version}")
    for _ in range(100):
        position = positions.choice([positions.randrange(1, 100_000), positions.randrange(1, FURTHEST)])
        received, clean = await _read_and_kill(long_answers, form, version, position)
        assert not clean, f"{form} over HTTP/{version}, killed after {position} of {received} bytes"


@pytest.mark.parametrize("form", ["csv", "nt", "json"])
async def test_httpx_reports_the_cut_as_an_error(long_answers, form):
    text = CONSTRUCT if form == "nt" else SELECT
    async with long_answers.client.stream("GET", "/sparql", params={"query": text, "format": form}) as answer:
        long_answers.store.cancel(answer.headers["marsad-query-id"])
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await answer.aread()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_whole_answer_ends_cleanly(long_answers, version):
    reader, writer = await asyncio.open_connection(long_answers.host, long_answers.port)
    writer.write(_request("csv", version))
    data = await reader.read()
    writer.close()
    head, _, body = data.partition(b"\r\n\r\n")
    if version == "1.1":
        assert b"transfer-encoding: chunked" in head
        assert body.endswith(b"0\r\n\r\n")
    else:  # HTTP/1.0 knows no chunks: the answer ends with the connection
        assert b"chunked" not in head
        assert body.count(b"\r\n") == 1 + 40**3


async def test_a_deadline_in_the_middle_of_an_answer_breaks_it_off(long_answers):
    reader, writer = await asyncio.open_connection(long_answers.host, long_answers.port)
    parameters = urlencode({"query": SELECT.replace("}", ". ?j ?k ?l }"), "format": "csv", "timeout": "0.5"})
    writer.write(f"GET /sparql?{parameters} HTTP/1.0\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
