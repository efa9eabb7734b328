"""A connection whose requests come again is answered by a worker itself, and nobody can tell by the answers."""

import asyncio
import gzip
import os
import random
import re
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import pytest_asyncio

from service.api.connection import Connection
from service.store import lending
from service.store.base import Answer, Borrower, Delta
from tests.api.endpoint import EX, endpoint
from tests.api.test_connection import get
from tests.api.test_cut_answers import QUADS, SELECT
from tests.api.test_shortcut import RUNAWAY, Client, connected, lines

pytestmark = pytest.mark.asyncio(loop_scope="module")

KNOWN, OTHER = get("SELECT (1 AS ?known) {}"), get("SELECT (2 AS ?other) {}")
# A request that no worker answers by itself.
FOR_THE_SERVICE = get("BASE <urn:a> SELECT (3 AS ?third) {}")
COUNT = get("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
# 15 KB, not so long that it comes in parts.
PAIRS = "SELECT ?c ?f { ?a ?b ?c . ?d ?e ?f } LIMIT 700"
# What a connection is asked before it is lent: the request is read, and then comes again.
BEFORE = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain():
    async with endpoint(cache_bytes=0) as opened:
        yield opened


def lenders(opened) -> list:
    return [worker for worker in opened.store._pool._all.values() if worker.lending.clients]


def lent_connection(opened, client: Client) -> Borrower | None:
    """The service's end of a client's connection, if that is lent."""
    own = client.writer.get_extra_info("sockname")
    lent = [lent.client for worker in lenders(opened) for lent in worker.lending.clients.values()]
    return next((one for one in lent if _peer(one) == own), None)


def endpoint_of(lent: Borrower) -> socket.socket:
    """The service's end, once more."""
    return socket.socket(fileno=os.dup(lent.fileno()))


def _peer(lent: Borrower) -> object:
    with endpoint_of(lent) as endpoint:
        return endpoint.getpeername()


def is_lent(opened, client: Client) -> bool:
    return lent_connection(opened, client) is not None


async def lend(opened, client: Client, request: bytes = KNOWN) -> bytes:
    """Ask until the connection is lent; the answer. On a busy machine it may come back before one has looked."""
    for _ in range(50):
        _, body = await client.ask(request)
        if is_lent(opened, client):
            return body
    raise AssertionError("the connection was never lent")


async def ask_often(client: Client, request: bytes) -> None:
    for _ in range(BEFORE):
        await client.ask(request)


async def change(opened, text: str) -> None:
    assert (await opened.client.post("/sparql", data={"update": text})).status_code == 204


async def lend_to_one_worker(opened, *clients: Client) -> None:
    for _ in range(20):
        for client in clients:
            await lend(opened, client)
        if len(lenders(opened)) == 1 and all(is_lent(opened, client) for client in clients):
            return
    raise AssertionError("the connections were never lent to one worker")


async def test_the_answers_of_the_worker_are_those_of_the_service(plain):
    async with connected(plain) as client:
        for request in (
            get("SELECT ?o { ?s ?p ?o } ORDER BY ?o"),
            get("SELECT * { ?s ?p 99 }", "Accept-Encoding: gzip"),
            get("SELECT (1 AS ?x) { VALUES ?y {" + "1 " * 600 + "} }", "Accept-Encoding: gzip"),
            get(f"DESCRIBE <{EX}unnamed>").replace(b"csv", b"turtle"),
            b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\n"
            b"Content-Length: 6\r\n\r\nASK {}",
        ):
            before = [await client.ask(request) for _ in range(BEFORE)]
            await lend(plain, client, request)
            after = [await client.ask(request) for _ in range(3)]
            assert len({body for _, body in before + after}) == 1
            assert len({tuple(lines(head)) for head, _ in before + after}) == 1
            assert (
                len({re.search(rb"marsad-query-id: (.*)\r", head).group(1) for head, _ in before + after}) == BEFORE + 3
            )


async def test_how_many_answers_workers_gave_is_counted():
    async with endpoint(cache_bytes=0) as opened, connected(opened) as client:
        asked = 0
        while not is_lent(opened, client):
            await client.ask(KNOWN)
            asked += 1
        for _ in range(5):
            await client.ask(KNOWN)
        await client.ask(FOR_THE_SERVICE)
        assert 1 <= opened.store.status().counts["lent"] <= 5 + asked
        assert opened.store.status().counts["started"] == asked + 5 + 1


async def test_with_the_cache_only_a_connection_on_which_nothing_comes_twice_is_lent():
    async with endpoint(cache_bytes=2**20) as opened, connected(opened) as client, connected(opened) as other:
        for number in range(20):
            await client.ask(get(f"SELECT ({number // 3} AS ?x) {{}}"))
            assert lenders(opened) == []
        for number in range(20, 40):
            await client.ask(get(f"SELECT ({number} AS ?x) {{}}"))
        await lend(opened, client, get("SELECT (40 AS ?x) {}"))
        # The worker does not answer it again; the service does, and keeps the answer, which then has no number.
        again = [await one.ask(get("SELECT (39 AS ?x) {}")) for one in (client, client, other)]
        assert {body for _, body in again} == {b"x\r\n39\r\n"}
        assert [b"marsad-query-id" in head for head, _ in again] == [True, False, False]
        assert not is_lent(opened, client)


async def test_a_question_with_a_time_of_its_own_is_not_lent(plain):
    async with connected(plain) as client:
        await ask_often(client, KNOWN.replace(b"/sparql?", b"/sparql?timeout=5&"))
        assert not is_lent(plain, client)


async def test_known_new_split_and_glued_requests_are_answered_in_the_order_they_came(plain):
    async with connected(plain) as client:
        await lend(plain, client)
        for _ in range(3):
            client.writer.write(KNOWN)
            client.writer.write(OTHER + KNOWN)
            client.writer.write(KNOWN[:30])
            await asyncio.sleep(0)
            client.writer.write(KNOWN[30:] + OTHER[:1])
            client.writer.write(OTHER[1:])
            bodies = [(await client.answer())[1] for _ in range(5)]
            assert [body.split()[0] for body in bodies] == [b"known", b"other", b"known", b"known", b"other"]
            await lend(plain, client)


async def test_every_answer_after_a_change_is_of_the_changed_graph():
    async with endpoint([], writable=True, cache_bytes=0) as opened, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(opened)) for _ in range(3)]
        lent = 0
        for number in range(1, 60):
            await change(opened, f"INSERT DATA {{ <{EX}s> <{EX}p> {number} }}")
            for client in clients:
                for _ in range(BEFORE + 1):
                    assert (await client.ask(COUNT))[1] == b"n\r\n%d\r\n" % number
            lent += lenders(opened) != []
        assert lent > 30


async def test_every_answer_names_the_version_that_it_is_of_while_the_graph_changes():
    async with endpoint([], writable=True, cache_bytes=0, workers=4) as opened, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(opened)) for _ in range(6)]
        over, wrong = False, []

        async def watch(client: Client) -> None:
            last = 0
            while not over:
                head, body = await client.ask(COUNT)
                version, count = int(re.search(rb'etag: W/"[^"-]*-(\d+)', head).group(1)), int(body.split()[1])
                if not last <= version == count:
                    wrong.append((last, version, count))
                last = version

        watching = [asyncio.create_task(watch(client)) for client in clients]
        for number in range(1, 301):
            await change(opened, f"INSERT DATA {{ <{EX}s> <{EX}p> {number} }}")
        over = True
        await asyncio.gather(*watching)
        assert wrong == []
        assert opened.store.status().counts["lent"] > 0


@pytest.mark.parametrize("others", [0, 2])
async def test_while_a_change_is_published_nothing_is_lent_to_a_worker_of_the_version_before(monkeypatch, others):
    given_back, lent = Connection.given_back, []

    def ask_at_once(connection: Connection, rest: bytes, data: bytes) -> None:
        given_back(connection, rest, data)
        if not lent:
            kind, example = opened.store._pool._lessons._examples[0]
            loan = opened.store.lend(connection, KNOWN, kind, example, repeats=True)
            lent.append(loan and loan._worker.version)

    async with (
        endpoint([], writable=True, cache_bytes=0, workers=4) as opened,
        connected(opened) as client,
        AsyncExitStack() as stack,
    ):
        await lend(opened, client)
        for _ in range(others):
            await lend(opened, await stack.enter_async_context(connected(opened)))
        while not opened.store._pool._idle:
            await asyncio.sleep(0.001)
        with monkeypatch.context() as patched:
            patched.setattr(Connection, "given_back", ask_at_once)
            await opened.store.apply(Delta(added=QUADS[:1]))
    assert lent in ([None], [1])


async def test_a_question_that_runs_away_holds_up_nobody_and_is_stopped_at_its_deadline():
    async with (
        endpoint(QUADS, deadline_s=0.5, writable=True, cache_bytes=0) as opened,
        connected(opened) as client,
        connected(opened) as other,
    ):
        await lend_to_one_worker(opened, client, other)
        client.writer.write(get(RUNAWAY))
        while opened.store.status().busy == 0:
            await asyncio.sleep(0.001)
        assert lenders(opened) == []
        assert (await other.ask(COUNT))[1] == b"n\r\n40\r\n"
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 504")
        assert b"MARSAD_DEADLINE" in body
        assert (await client.ask(COUNT))[1] == b"n\r\n40\r\n"


async def test_the_worker_is_killed_when_the_client_of_a_long_question_goes_away():
    async with endpoint(QUADS, writable=True, cache_bytes=0) as opened, connected(opened) as client:
        await lend_to_one_worker(opened, client)
        killed = opened.store.status().counts.get("killed", 0)
        client.writer.write(get(RUNAWAY))
        client.writer.close()
        while opened.store.status().counts.get("killed", 0) == killed:
            await asyncio.sleep(0.001)
        assert opened.store.status().busy == 0


async def test_a_connection_that_a_busy_worker_had_can_still_be_cut_and_closed():
    async with (
        endpoint(QUADS, writable=True, default_graph="union", cache_bytes=0) as opened,
        connected(opened) as client,
        connected(opened) as cut,
        connected(opened) as closed,
    ):
        await lend_to_one_worker(opened, client, cut, closed)
        [busy] = lenders(opened)
        client.writer.write(get(RUNAWAY))
        while opened.store.status().busy == 0:
            await asyncio.sleep(0.001)
        cut.writer.write(get(SELECT.replace("?g ?h ?i", "?g ?h ?i . ?j ?k ?l")))
        await cut.reader.readexactly(2_000_000)  # more than a worker sends by itself
        for worker in opened.store._pool._all.values():
            if worker is not busy and worker.running is not None:
                os.kill(worker.process, signal.SIGKILL)
        with pytest.raises(ConnectionResetError):
            await cut.reader.read()
        closed.writer.write(get("SELECT (0 AS ?last) {}", "Connection: close"))
        assert (await closed.reader.read()).endswith(b"last\r\n0\r\n")
        assert busy.running is not None


async def test_long_answers_come_whole_and_tell_their_number_first():
    text = SELECT + " LIMIT 20000"
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened, connected(opened) as client:
        expected = (await opened.ask(text, format="csv")).content
        for zipped in (b"", b"Accept-Encoding: gzip\r\n"):
            request = get(text).replace(b"Host: localhost\r\n", b"Host: localhost\r\n" + zipped)
            for _ in range(3):
                head, body = await client.ask(request)
                assert head.startswith(b"HTTP/1.1 200")
                assert b"marsad-query-id: q" in head
                assert (gzip.decompress(body) if zipped else body) == expected


async def test_a_worker_begins_an_answer_with_what_the_engine_gives_first_and_says_the_length_of_a_shorter_one():
    values = "SELECT (1 AS ?x) {{ VALUES ?y {{ {0} }} }}"
    shorter, longer = get(values.format("1 " * 2000)), get(values.format("1 " * 4000))
    async with endpoint(cache_bytes=0) as opened, connected(opened) as client:
        heads = []
        for request in (shorter, longer):
            await client.ask(request)
            await lend(opened, client)
            heads.append((await client.ask(request))[0])
        assert [b"transfer-encoding: chunked\r\n" in head for head in heads] == [False, True]
        assert b"content-length: 6003\r\n" in heads[0]


async def test_a_long_answer_that_a_worker_has_begun_can_be_stopped_by_its_number():
    text = SELECT.replace("?g ?h ?i", "?g ?h ?i . ?j ?k ?l")
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened, connected(opened) as client:
        await lend(opened, client)
        client.writer.write(get(text))
        head = await client.reader.readuntil(b"\r\n\r\n")
        number = re.search(rb"marsad-query-id: (\S+)", head).group(1).decode()
        assert (await opened.client.delete(f"/queries/{number}")).status_code == 204
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        assert (await opened.client.delete(f"/queries/{number}")).status_code == 404


async def test_a_question_that_the_service_has_not_seen_can_be_stopped_by_its_number():
    async with endpoint(QUADS, cache_bytes=0) as opened, connected(opened) as client:
        await lend(opened, client)
        [worker] = lenders(opened)
        asked_at = time.monotonic()
        client.writer.write(get(RUNAWAY))
        while (note := worker.lending.look()).size != len(get(RUNAWAY)):
            await asyncio.sleep(0)
        assert asked_at < note.since < time.monotonic()
        assert opened.store.cancel(note.query_id.decode())
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 409")
        assert not opened.store.cancel(note.query_id.decode())


async def test_a_deadline_in_an_answer_that_a_worker_has_begun_breaks_it_off():
    text = SELECT.replace("?g ?h ?i", "?g ?h ?i . ?j ?k ?l . ?m ?n ?o")
    async with (
        endpoint(QUADS, default_graph="union", cache_bytes=0, deadline_s=0.5) as opened,
        connected(opened) as client,
    ):
        await lend(opened, client)
        client.writer.write(get(text))
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        assert opened.store.status().counts["killed"] == 1


async def test_a_question_that_a_worker_dies_with_before_it_looks_at_it_is_answered_by_another():
    async with endpoint(cache_bytes=0, workers=1) as opened, connected(opened) as client:
        await client.ask(KNOWN)
        [worker] = opened.store._pool._idle
        os.kill(worker.process, signal.SIGSTOP)
        client.writer.write(OTHER)
        while not is_lent(opened, client):
            await asyncio.sleep(0)
        os.kill(worker.process, signal.SIGKILL)
        assert (await client.answer())[1] == b"other\r\n2\r\n"


async def test_a_question_gets_a_worker_although_all_have_connections():
    async with endpoint(workers=1, cache_bytes=0) as opened, connected(opened) as client:
        await lend(opened, client)
        assert opened.store.status().workers == 1
        assert (await opened.ask("ASK {}")).status_code == 200
        assert (await client.ask(KNOWN))[1] == b"known\r\n1\r\n"


async def test_connections_come_back_from_a_worker_that_is_killed(plain):
    async with connected(plain) as client:
        for _ in range(5):
            await lend(plain, client)
            [worker] = lenders(plain)
            while worker.lending.look().client:  # it has sent the answer and does not know it yet
                await asyncio.sleep(0)
            os.kill(worker.process, signal.SIGKILL)
            while lenders(plain):
                await asyncio.sleep(0.001)
            assert (await client.ask(KNOWN))[1] == b"known\r\n1\r\n"


async def ask_until(opened, expected: dict[bytes, bytes], outcomes: list[bytes], most: int, seed: int) -> None:
    """Ask one of these at a time; each answer that ends is whole, or says that it is none."""
    chance = random.Random(seed)
    while len(outcomes) < most:
        async with connected(opened) as client:
            try:
                while len(outcomes) < most:
                    request = chance.choice(list(expected))
                    head, body = await client.ask(request)
                    outcomes.append(head[9:12])
                    assert body == expected[request] or head[9:10] == b"5"
            except (ConnectionResetError, asyncio.IncompleteReadError):
                outcomes.append(b"cut")


async def expected_of(opened, *texts: str) -> dict[bytes, bytes]:
    return {get(text): (await opened.ask(text, format="csv")).content for text in texts}


async def test_every_answer_is_whole_or_the_connection_breaks_when_workers_are_killed():
    chance, outcomes = random.Random(7), []
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened:
        expected = await expected_of(opened, PAIRS, SELECT + " LIMIT 900")
        asking = [asyncio.create_task(ask_until(opened, expected, outcomes, 800, seed)) for seed in range(3)]
        kills = 0
        while not all(task.done() for task in asking):
            await asyncio.sleep(chance.uniform(0.001, 0.01))
            for worker in lenders(opened)[:1]:
                with suppress(ProcessLookupError):
                    os.kill(worker.process, signal.SIGKILL)
                    kills += 1
        await asyncio.gather(*asking)
    assert kills > 5
    assert outcomes.count(b"200") > 400


async def test_every_answer_is_whole_whatever_takes_the_connections_away():
    """Long and short answers on many connections, while the graph changes and other questions need the workers."""
    outcomes: list[bytes] = []
    async with endpoint(QUADS, writable=True, cache_bytes=0, workers=4) as opened:
        expected = await expected_of(opened, *(f"{SELECT} LIMIT {limit}" for limit in (1, 60, 400, 900, 5000, 20_000)))
        asking = [asyncio.create_task(ask_until(opened, expected, outcomes, 400, seed)) for seed in range(6)]
        number = 0
        while not all(task.done() for task in asking):
            number += 1
            await change(opened, f"INSERT DATA {{ GRAPH <{EX}other> {{ <{EX}s> <{EX}p> {number} }} }}")
            assert (await opened.ask(f"BASE <{EX}> SELECT * {{ <s> ?p ?o }}", format="csv")).status_code == 200
        await asyncio.gather(*asking)
        assert opened.store.status().counts["lent"] > 10
    assert number > 5
    assert outcomes.count(b"200") == len(outcomes)


async def test_a_client_that_reads_slowly_gets_all_and_holds_up_nobody(monkeypatch):
    given_back, hand_over, unsent = Connection.given_back, Connection.hand_over, [0]

    def watch_end(connection: Connection, rest: bytes, data: bytes) -> None:
        unsent.append(len(rest))
        given_back(connection, rest, data)

    def watch_part(connection: Connection, answer: Answer) -> None:
        unsent.append(len(answer.unsent))
        hand_over(connection, answer)

    monkeypatch.setattr(Connection, "given_back", watch_end)
    monkeypatch.setattr(Connection, "hand_over", watch_part)
    async with endpoint(QUADS, default_graph="union", cache_bytes=0) as opened, connected(opened) as quick:
        _, expected = await quick.ask(get(PAIRS))
        for _ in range(50):  # on a busy machine the connection may come back before it is asked
            async with narrow(opened) as slow:
                await fill(opened, slow, get(PAIRS), expected)
            assert (await quick.ask(KNOWN))[1] == b"known\r\n1\r\n"
            if max(unsent):
                return
    raise AssertionError("no answer was sent in part")


@asynccontextmanager
async def narrow(opened) -> AsyncIterator[Client]:
    """A client whose kernel takes little for it."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, (opened.host, opened.port))
    reader, writer = await asyncio.open_connection(sock=own, limit=4096)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def fill(opened, client: Client, request: bytes, expected: bytes) -> None:
    """Ask without reading as long as the connection is lent; then read, and compare all answers."""
    await lend(opened, client, request)
    connection = lent_connection(opened, client)
    if connection is not None:  # let the kernel keep little for it
        with endpoint_of(connection) as service_end:
            service_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    asked = 0
    while is_lent(opened, client):
        [worker] = [worker for worker in lenders(opened) if worker.lending.clients]
        answered, asked = worker.lending.look().answered, asked + 1
        client.writer.write(request)
        while is_lent(opened, client) and worker.lending.look().answered == answered:
            await asyncio.sleep(0)
    for _ in range(asked):
        assert (await client.answer())[1] == expected


async def test_a_connection_at_rest_comes_back_after_a_second(plain):
    async with connected(plain) as client:
        await lend(plain, client)
        while lenders(plain):
            await asyncio.sleep(0.01)
        assert (await client.ask(OTHER))[1] == b"other\r\n2\r\n"


async def test_the_end_of_the_service_closes_connections_that_are_lent():
    async with endpoint(cache_bytes=0) as opened:
        reader, writer = await asyncio.open_connection(opened.host, opened.port)
        await lend(opened, Client(reader, writer))
    assert await reader.read() == b""
    writer.close()


async def test_workers_are_taught_anew_when_they_know_much(monkeypatch):
    monkeypatch.setattr(lending, "_MOST_LESSONS", 8)
    async with endpoint(cache_bytes=0) as opened, connected(opened) as client:
        for number in range(20):
            assert await lend(opened, client, get(f"SELECT ({number} AS ?x) {{}}")) == b"x\r\n%d\r\n" % number
            for earlier in range(number + 1):
                _, body = await client.ask(get(f"SELECT ({earlier} AS ?x) {{}}"))
                assert body == b"x\r\n%d\r\n" % earlier


async def test_a_worker_that_is_made_ahead_of_questions_has_been_taught_before_it_is_lent_a_connection():
    async with endpoint(writable=True, cache_bytes=0) as opened, connected(opened) as client:
        await lend(opened, client)
        before = set(opened.store._pool._all)
        await change(opened, f"INSERT DATA {{ <{EX}s> <{EX}p> 1 }}")
        while not (fresh := [w for w in opened.store._pool._idle if w.process not in before]):
            await asyncio.sleep(0.001)
        assert [(worker.lending.learnt, worker.lending._desk is not None) for worker in fresh] == [(1, True)]
        assert (await client.ask(KNOWN))[1] == b"known\r\n1\r\n"


async def test_lending_leaves_no_descriptors_behind(plain):
    async with endpoint(writable=True, cache_bytes=0) as opened, connected(opened) as steady:
        for _ in range(30):
            await change(opened, "INSERT DATA {}")
            async with connected(opened) as client:
                await lend(opened, client)
                await lend(opened, steady)
    kept = sum(worker.lending._desk is not None for worker in plain.store._pool._all.values())
    # Two for each: `mmap` keeps one of its own.
    assert sum("marsad-desk" in name for name in descriptors()) == 2 * kept


def descriptors() -> list[str]:
    """What the descriptors of this process are."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return found
