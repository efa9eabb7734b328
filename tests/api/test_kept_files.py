"""An answer too long for memory that is asked for again is kept in a file, and nobody can tell but by the time it takes."""

import asyncio
import gzip
import os
import socket
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api import cache, sparql
from service.api.cache import BEGINNING_BYTES, PART_BYTES, AnswerCache, Collector
from tests.api.endpoint import endpoint
from tests.api.test_connection import get
from tests.api.test_cut_answers import QUADS, SELECT
from tests.api.test_door import connections_of, first_answer, make_known, send_at_once
from tests.api.test_lending import KNOWN, change
from tests.api.test_shortcut import connected
from tests.store.conftest import descriptors

pytestmark = pytest.mark.asyncio

LONG, OTHER_LONG = get(SELECT + " LIMIT 20000"), get(SELECT + " LIMIT 20001")
AS_USUAL = LONG.replace(b"Host:", b"If-None-Match: x\r\nHost:")
# 128 KiB for one answer in memory, and 8 MiB for one in a file.
MEMORY_BYTES, FILE_BYTES = 2**20, 32 * 2**20


@asynccontextmanager
async def keeping(home: Path, **options: object):
    chosen = {"cache_bytes": MEMORY_BYTES, "cache_file_bytes": FILE_BYTES, "default_graph": "union", **options}
    async with endpoint(QUADS, home=home, **chosen) as opened:
        yield opened


def started(opened) -> int:
    """How many questions workers have had."""
    return opened.store._pool.counts["started"]


async def asked_twice(opened, request: bytes = LONG) -> bytes:
    """The answer to what is then kept."""
    first, second = [(await make_known(opened, request))[1] for _ in range(2)]
    assert first == second
    assert len(first) > PART_BYTES
    return first


def with_lines(head: bytes) -> dict[bytes, bytes]:
    return dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)


async def test_what_is_asked_a_third_time_comes_from_a_file_that_has_no_name(tmp_path):
    home = tmp_path / "home"
    async with keeping(home) as opened:
        await make_known(opened, LONG)
        assert not home.exists()
        body = await asked_twice(opened)
        assert list(home.iterdir()) == []
        metrics = (await opened.client.get("/metrics")).text
        assert f"marsad_cache_file_bytes {len(body)}\n" in metrics
        before = started(opened)
        for answers in (await first_answer(opened, LONG, LONG, AS_USUAL), await first_answer(opened, AS_USUAL, LONG)):
            assert [answer[1] for answer in answers] == [body] * len(answers)
            assert {with_lines(head)[b"content-length"] for head, _ in answers} == {b"%d" % len(body)}
        assert started(opened) == before


async def test_a_kept_answer_has_the_headers_of_the_first_and_can_be_asked_for_in_all_ways(tmp_path):
    async with keeping(tmp_path) as opened:
        async with connected(opened) as client:
            head, body = await client.ask(LONG)
        await make_known(opened, LONG)
        first, before = with_lines(head), started(opened)
        differ = {b"date", b"marsad-query-id", b"transfer-encoding", b"content-length"}
        [(kept, _)] = await first_answer(opened, LONG)
        assert {name: value for name, value in first.items() if name not in differ} == {
            name: value for name, value in with_lines(kept).items() if name not in differ
        }
        answer = await opened.raw(LONG.replace(b"GET", b"HEAD").replace(b"Host:", b"Connection: close\r\nHost:"))
        assert with_lines(answer)[b"content-length"] == b"%d" % len(body)
        assert answer.endswith(b"\r\n\r\n")
        answer = await opened.raw(LONG.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert answer.partition(b"\r\n\r\n")[2] == body
        answer = await opened.raw(LONG.replace(b"Host:", b"Connection: close\r\nIf-None-Match: *\r\nHost:"))
        assert answer.startswith(b"HTTP/1.1 304")
        assert started(opened) == before


async def test_a_compressed_answer_is_kept_as_it_is(tmp_path):
    compressed = LONG.replace(b"Host:", b"Accept-Encoding: gzip\r\nHost:")
    async with keeping(tmp_path, cache_bytes=2**16) as opened:  # 8 KiB for one in memory
        for _ in range(2):
            await make_known(opened, compressed)
        before = started(opened)
        [(head, body)] = await first_answer(opened, compressed)
        assert with_lines(head)[b"content-encoding"] == b"gzip"
        assert started(opened) == before
        assert gzip.decompress(body) == (await make_known(opened, LONG))[1]


async def test_a_change_of_the_graph_is_seen_at_once(tmp_path):
    async with keeping(tmp_path, writable=True) as opened:
        await asked_twice(opened)
        await first_answer(opened, LONG)
        await change(opened, "CLEAR ALL")
        assert [body.splitlines() for _, body in await first_answer(opened, LONG, LONG)] == [[b"a,b,c,d,e,f,g,h,i"]] * 2


async def test_files_are_bounded_and_the_answer_used_longest_ago_goes(tmp_path):
    async with keeping(tmp_path) as opened:
        size = len(await asked_twice(opened))
    async with keeping(tmp_path, cache_file_bytes=4 * (size + 1000), workers=1) as opened:
        texts = [get(f"{SELECT} LIMIT {20000 - number}") for number in range(5)]
        for text in texts:
            await asked_twice(opened, text)
        before = started(opened)
        for text in texts[1:]:
            await first_answer(opened, text)
        assert started(opened) == before
        await first_answer(opened, texts[0])
        assert started(opened) == before + 1


@pytest.mark.parametrize(("bytes_more", "kept"), [(0, True), (-1, False)])
async def test_an_answer_may_take_a_quarter_of_the_files(tmp_path, bytes_more, kept):
    async with keeping(tmp_path) as opened:
        size = len(await asked_twice(opened))
    async with keeping(tmp_path, cache_file_bytes=4 * (size + bytes_more)) as opened:
        body = await asked_twice(opened)
        before = started(opened)
        assert [answer[1] for answer in await first_answer(opened, LONG, LONG)] == [body] * 2
        assert (started(opened) == before) is kept


@pytest.mark.parametrize("options", [{"cache_file_bytes": 0}, {"cache_bytes": 0}])
async def test_without_files_or_without_a_cache_nothing_is_written(tmp_path, options):
    home = tmp_path / "home"
    async with keeping(home, **options) as opened:
        body = await asked_twice(opened)
        assert [answer[1] for answer in await first_answer(opened, LONG, LONG)] == [body] * 2
        assert not home.exists()


class _Full:
    f_bavail, f_frsize = FILE_BYTES // 4096 - 1, 4096


def _fail(*_: object) -> bytes:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("name", "does"), [("statvfs", lambda _: _Full), ("pwrite", _fail), ("statvfs", _fail)])
async def test_where_the_disk_has_no_room_the_answer_is_whole_and_not_kept(tmp_path, monkeypatch, name, does):
    monkeypatch.setattr(os, name, does)
    async with keeping(tmp_path) as opened:
        body = await asked_twice(opened)
        before = started(opened)
        assert [answer[1] for answer in await first_answer(opened, LONG)] == [body]
        assert started(opened) == before + 1


@pytest.mark.parametrize(("most_unwritten", "patience_s"), [(0, 30), (2**24, 0.01)])
async def test_nobody_waits_for_a_slow_disk(tmp_path, monkeypatch, most_unwritten, patience_s):
    go_on, pwrite = threading.Event(), os.pwrite
    monkeypatch.setattr(cache, "_MOST_UNWRITTEN_BYTES", most_unwritten)
    monkeypatch.setattr(cache, "_PATIENCE_S", patience_s)
    monkeypatch.setattr(os, "pwrite", lambda *arguments: go_on.wait(30) and pwrite(*arguments))
    async with keeping(tmp_path) as opened:
        try:
            async with asyncio.timeout(15):
                body = await asked_twice(opened)
                before = started(opened)
                assert [answer[1] for answer in await first_answer(opened, LONG)] == [body]
            assert started(opened) == before + 1
        finally:
            go_on.set()


@pytest.mark.parametrize("reading", [_fail, lambda *_: b"too short"])
@pytest.mark.parametrize("request_", [LONG, AS_USUAL])
async def test_a_kept_answer_that_cannot_be_read_is_cut_and_never_looks_whole(tmp_path, monkeypatch, reading, request_):
    async with keeping(tmp_path) as opened:
        body = await asked_twice(opened)
        monkeypatch.setattr(os, "pread", reading)
        client = await send_at_once(opened, request_)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert with_lines(head)[b"content-length"] == b"%d" % len(body)
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        monkeypatch.undo()
        assert [answer[1] for answer in await first_answer(opened, request_)] == [body]


async def test_of_an_answer_whose_client_goes_away_nothing_is_kept_and_its_file_is_closed(tmp_path):
    async with keeping(tmp_path) as opened:
        await make_known(opened, LONG)
        before = descriptors()
        with socket.socket() as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            own.connect((opened.host, opened.port))
            own.sendall(LONG)
            while not opened.store._pool.size[1]:
                await asyncio.sleep(0.001)
        while connections_of(opened) or opened.store._pool.size[1] or descriptors() > before:
            await asyncio.sleep(0.01)
        asked = started(opened)
        await make_known(opened, LONG)
        assert started(opened) == asked + 1


async def test_a_client_that_takes_nothing_of_it_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(sparql, "_SEND_PAUSE_S", 0.05)
    async with keeping(tmp_path) as opened:
        larger = get(SELECT + " LIMIT 60000")  # more than all buffers of the kernel take
        await asked_twice(opened, larger)
        with socket.socket() as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            own.connect((opened.host, opened.port))
            own.sendall(larger)
            await first_answer(opened, KNOWN)
            while connections_of(opened):
                await asyncio.sleep(0.01)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=8),
    start=st.integers(0, 1_000_000),
    memory=st.integers(10_000, 400_000),
)
async def test_what_is_collected_is_what_is_given(tmp_path_factory, sizes, start, memory):
    answers = AnswerCache(memory, 8 * 2**20, tmp_path_factory.mktemp("home"))
    collector = Collector(answers, in_file=True)
    chunks = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    for chunk in chunks:
        collector.add(chunk)
    await collector.keep(b"key", 1, gzipped=False)
    whole, kept = b"".join(chunks), answers.get(b"key", 1)
    assert kept is not None
    assert (kept.file is None) is (len(whole) <= answers.max_answer_bytes)
    assert len(kept) == len(whole)
    assert whole.startswith(kept.beginning)
    assert kept.short in (None, whole)
    assert b"".join([part async for part in kept.parts(start)]) == whole[start:]
    assert len(kept.beginning) <= max(BEGINNING_BYTES, answers.max_answer_bytes)
