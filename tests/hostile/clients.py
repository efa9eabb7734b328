"""Clients that do more than ask: slow ones, those that go away, and those that come all at once."""

import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from tests.hostile.case import DEADLINE_S, QUEUE, STOPPED_S, WORKERS, Case, Outcome, Request, Target, query
from tests.hostile.client import AnswerReader, connect, exchange, talk

_ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
_LONG = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
# Marsad gives a client this long for its headers, and as long without a byte of its body.
_HEAD_S, _BODY_S = 20.0, 30.0


def _asked(text: str, target: Target) -> bytes:
    case = query("", text)
    assert isinstance(case.request, Request)
    return case.request.payload(target)


def _busy(target: Target) -> int:
    """How many workers have a query; -1 where the endpoint does not say."""
    payload = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for line in exchange(target, payload, 5).body.decode("latin-1").splitlines():
        if line.startswith("marsad_workers_busy "):
            return int(line.split()[1])
    return -1


def _until_free(target: Target, since: float, limit_s: float) -> Outcome:
    """`whole` with the status 200 as soon as no worker has a query; `silent` when that takes too long."""
    while time.monotonic() - since < limit_s:
        if _busy(target) <= 0:
            return Outcome("whole", time.monotonic() - since, 200)
    return Outcome("silent", time.monotonic() - since)


def _left(connection: socket.socket, data: bytes, *, abruptly: bool) -> None:
    connection.sendall(data)
    if abruptly:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _goes_away(text: str, *, abruptly: bool, after_bytes: int = 0) -> Callable[[Target, float], Outcome]:
    """Twice as many clients as workers ask and go away; all workers are free long before the deadline."""

    def run(target: Target, limit_s: float) -> Outcome:
        for _ in range(2 * WORKERS):
            with connect(target) as connection:
                _left(connection, _asked(text, target), abruptly=abruptly)
                if after_bytes:
                    connection.recv(after_bytes, socket.MSG_WAITALL)
        return _until_free(target, time.monotonic(), limit_s)

    return run


def _stops_in(payload: Callable[[Target], bytes], limit_s: float) -> Callable[[Target, float], Outcome]:
    """A client that sends the beginning of a request and then waits for what comes."""

    def run(target: Target, _: float) -> Outcome:
        return exchange(target, payload(target), limit_s)

    return run


def _drips(head: bytes, byte: bytes, limit_s: float) -> Callable[[Target, float], Outcome]:
    """A client that sends a byte every half second and never comes to an end."""

    def run(target: Target, _: float) -> Outcome:
        started = time.monotonic()
        with connect(target) as connection:
            connection.sendall(head.replace(b"{path}", target.path.encode()))
            connection.settimeout(0.5)
            reader = AnswerReader()
            while time.monotonic() - started < limit_s:
                try:
                    data = connection.recv(4096)
                    reader.feed(data)
                    if not data or reader.complete:
                        return reader.outcome("", time.monotonic() - started)
                except TimeoutError:
                    with suppress(OSError):
                        connection.sendall(byte)
                except OSError:
                    return reader.outcome("", time.monotonic() - started)
            return reader.outcome("silent", time.monotonic() - started)

    return run


def _reads_slowly(target: Target, limit_s: float) -> Outcome:
    """Asks for an endless answer and takes 1 kB of it every tenth of a second: it is cut at the deadline."""
    started = time.monotonic()
    with connect(target, limit_s=limit_s, receive_buffer=4096) as connection:
        connection.sendall(_asked(_LONG, target))
        reader = AnswerReader()
        poll = select.poll()
        poll.register(connection, select.POLLRDHUP)  # nothing but the end of the connection
        while time.monotonic() - started < limit_s:
            poll.poll(100)
            try:
                data = connection.recv(1024)
            except OSError:
                break
            reader.feed(data)
            if not data:
                break
        else:
            return reader.outcome("silent", time.monotonic() - started)
        return reader.outcome("", time.monotonic() - started)


def _never_reads(target: Target, limit_s: float) -> Outcome:
    """As many clients as workers ask for endless answers and read nothing: the workers are free at the deadline."""
    started = time.monotonic()
    with ExitStack() as stack:
        for _ in range(WORKERS):
            connection = stack.enter_context(connect(target, receive_buffer=4096))
            connection.sendall(_asked(_LONG, target))
        return _until_free(target, started, limit_s)


def _asks_in_a_row(text: str, count: int) -> Callable[[Target, float], Outcome]:
    """Many requests on one connection before the first answer, and then away."""

    def run(target: Target, limit_s: float) -> Outcome:
        started = time.monotonic()
        with connect(target) as connection, suppress(OSError):
            connection.settimeout(1.0)
            connection.sendall(_asked(text, target) * count)
            connection.recv(1)
        return _until_free(target, started, limit_s)

    return run


def _answers_in_a_row(target: Target, limit_s: float) -> Outcome:
    """Five hundred small requests on one connection before the first answer is read: all are answered."""
    started = time.monotonic()
    count, found = 500, 0
    with connect(target, limit_s=limit_s) as connection:
        connection.sendall(_asked("ASK {}", target) * count)
        tail = b""
        while found < count:
            data = connection.recv(65536)
            if not data:
                return Outcome("cut", time.monotonic() - started, size=found)
            found += (tail + data).count(b"HTTP/1.1 200")
            tail = data[-11:]
    return Outcome("whole", time.monotonic() - started, 200, size=found)


def _all_at_once(text: str, count: int) -> Callable[[Target, float], Outcome]:
    """Many clients ask at the same moment; each gets an answer, those that cannot wait at once."""

    def run(target: Target, limit_s: float) -> Outcome:
        started = time.monotonic()
        with ThreadPoolExecutor(count) as pool:
            outcomes = list(
                pool.map(lambda n: exchange(target, _asked(f"{text} # {n}", target), limit_s), range(count))
            )
        return _worst(outcomes, time.monotonic() - started)

    return run


def _worst(outcomes: Iterable[Outcome], seconds: float) -> Outcome:
    """An outcome for many: that of the one that says least; refusals that name a time to come back are the rule."""
    rows = list(outcomes)
    refused = [row for row in rows if row.word == "503 busy"]
    if any(b"retry-after" not in row.head.lower() for row in refused):
        return Outcome("whole", seconds, 503, "busy-without-time")
    others = [row for row in rows if row.word not in ("503 busy", "504 deadline", "200")]
    chosen = others[0] if others else refused[0] if refused else rows[0]
    return Outcome(chosen.ending, seconds, chosen.status, chosen.problem, chosen.head, chosen.body, chosen.size)


def _opens_many(count: int) -> Callable[[Target, float], Outcome]:
    """Many connections that say nothing; the next client is answered all the same."""

    def run(target: Target, limit_s: float) -> Outcome:
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(connect(target))
            return exchange(target, _asked("ASK {}", target), limit_s)

    return run


def _sends_different_headers(target: Target, limit_s: float) -> Outcome:
    """A thousand requests, each with another header of 100 kB: what is remembered of a request must be bounded."""
    started = time.monotonic()
    with connect(target, limit_s=limit_s) as connection:
        for number in range(1000):
            accept = f"application/json, a/{number:06d}{'x' * 100_000}"
            head = f"GET {target.path}?query=ASK%7B%7D HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
            outcome = talk(connection, head.encode(), limit_s)
            if outcome.status != 200:
                return outcome
    return Outcome("whole", time.monotonic() - started, 200)


def _sends_different_texts(target: Target, limit_s: float) -> Outcome:
    """Two hundred and fifty texts of 8 kB that are nothing but signs: what is remembered of a text must be bounded."""
    started = time.monotonic()
    with connect(target, limit_s=limit_s) as connection:
        for number in range(250):
            text = "ASK { FILTER(1 IN (" + ",".join(["1"] * 3950) + f")) }} # {number}"
            outcome = talk(connection, _asked(text, target), limit_s)
            if outcome.status != 200:
                return outcome
    return Outcome("whole", time.monotonic() - started, 200)


def _asks_for_great_answers(target: Target, limit_s: float) -> Outcome:
    """Forty different answers of some megabytes: what is kept of them is bounded by a setting."""
    started = time.monotonic()
    for number in range(40):
        text = f'SELECT * {{ ?s <http://hostile.example/text> ?t BIND("{number}" AS ?n) VALUES ?x {{ 1 2 3 4 5 6 }} }}'
        outcome = exchange(target, _asked(text, target), limit_s)
        if outcome.status != 200 or outcome.ending != "whole":
            return outcome
    return Outcome("whole", time.monotonic() - started, 200)


def _asks_again_for_long_answers(target: Target, limit_s: float) -> Outcome:
    """Answers of some 10 MB, each again and again, by some who go away: what is kept of them in files is bounded too."""
    started = time.monotonic()
    values = " ".join(map(str, range(20)))
    outcome = Outcome("closed", 0)
    for number in range(5):
        text = f'SELECT * {{ ?s <http://hostile.example/text> ?t BIND("{number}" AS ?n) VALUES ?x {{ {values} }} }}'
        for _ in range(4):
            with connect(target) as connection:
                _left(connection, _asked(text, target), abruptly=True)
                connection.recv(100_000, socket.MSG_WAITALL)
            outcome = exchange(target, _asked(text, target), limit_s)
            if outcome.status != 200 or outcome.ending != "whole" or outcome.size < 9_000_000:
                return Outcome("cut", time.monotonic() - started, outcome.status, outcome.problem, size=outcome.size)
    return Outcome("whole", time.monotonic() - started, 200)


def _asks_for_a_kept_answer_and_reads_none(target: Target, limit_s: float) -> Outcome:
    """A hundred clients ask for the same answer of 3 MB and do not read it: only a part waits for each."""
    started = time.monotonic()
    text = "SELECT * { ?s <http://hostile.example/text> ?t VALUES ?x { 1 2 3 4 5 } }"
    outcome = exchange(target, _asked(text, target), limit_s)
    with ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(connect(target, receive_buffer=4096))
            connection.sendall(_asked(text, target))
        exchange(target, _asked("ASK {}", target), limit_s)
    return Outcome(outcome.ending, time.monotonic() - started, outcome.status, outcome.problem)


def _half_closes(target: Target, limit_s: float) -> Outcome:
    """Sends a request and says that it will send no more; it may be answered, or taken for gone."""
    with connect(target, limit_s=limit_s) as connection:
        connection.sendall(_asked("ASK {}", target))
        connection.shutdown(socket.SHUT_WR)
        return talk(connection, b"", limit_s)


def _cancels_others(target: Target, limit_s: float) -> Outcome:
    """Guesses ids of queries; none is found."""
    outcome = Outcome("closed", 0)
    for name in ("q1", "q1-aaaaaaaaaaaaaaaa", "*", "../q1", "%2e%2e", "q" * 10_000):
        payload = f"DELETE /queries/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        outcome = exchange(target, payload, limit_s)
        if outcome.status != 404:
            return outcome
    return outcome


def _head_of(target: Target, length: int) -> bytes:
    return (
        f"POST {target.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\n"
        f"Content-Length: {length}\r\n\r\nASK"
    ).encode()


def _case(name: str, run: Callable[[Target, float], Outcome], *expected: str, **options: object) -> Case:
    return Case(name, run, frozenset(expected), **options)  # type: ignore[arg-type]


_REQUEST_LINE = b"GET {path}?query=ASK%7B%7D HTTP/1.1\r\nHost: localhost\r\n"

CASES: list[Case] = [
    _case(
        "client: goes away while it waits",
        _goes_away(_ENDLESS, abruptly=False),
        "200",
        limit_s=DEADLINE_S / 2,
        alone=True,
    ),
    _case(
        "client: breaks off while it waits",
        _goes_away(_ENDLESS, abruptly=True),
        "200",
        limit_s=DEADLINE_S / 2,
        alone=True,
    ),
    _case(
        "client: goes away amid the answer",
        _goes_away(_LONG, abruptly=False, after_bytes=100_000),
        "200",
        limit_s=DEADLINE_S / 2,
        alone=True,
    ),
    _case(
        "client: breaks off amid the answer",
        _goes_away(_LONG, abruptly=True, after_bytes=100_000),
        "200",
        limit_s=DEADLINE_S / 2,
        alone=True,
    ),
    _case("client: takes an endless answer in sips", _reads_slowly, "cut", limit_s=STOPPED_S),
    _case("client: asks for endless answers and reads none", _never_reads, "200", limit_s=STOPPED_S, alone=True),
    _case(
        "client: asks three hundred times in a row and leaves",
        _asks_in_a_row(_ENDLESS, 300),
        "200",
        limit_s=STOPPED_S,
        alone=True,
    ),
    _case("client: asks five hundred times before it reads", _answers_in_a_row, "200", limit_s=10),
    _case(
        "client: a hundred at once with endless queries",
        _all_at_once(_ENDLESS, 100),
        "503 busy",
        limit_s=STOPPED_S + 1,
        alone=True,
    ),
    _case("client: as many at once as may wait", _all_at_once("ASK {}", QUEUE), "200", limit_s=STOPPED_S, alone=True),
    _case("client: five hundred silent connections", _opens_many(500), "200", limit_s=10, alone=True),
    _case("client: half a connection", _half_closes, "200", "closed"),
    _case("client: guesses ids of queries", _cancels_others, "404 not-found"),
    _case("client: a thousand different headers of 100 kB", _sends_different_headers, "200", limit_s=60, alone=True),
    _case("client: 250 different texts of 8 kB", _sends_different_texts, "200", limit_s=60, alone=True),
    _case("client: forty different answers of 3 MB", _asks_for_great_answers, "200", limit_s=30),
    _case("client: long answers again and again", _asks_again_for_long_answers, "200", limit_s=30),
    _case(
        "client: a hundred ask for one answer of 3 MB and read none",
        _asks_for_a_kept_answer_and_reads_none,
        "200",
        limit_s=10,
        alone=True,
    ),
    _case(
        "slow: HTTP/0.9",
        _stops_in(lambda target: f"GET {target.path}\r\n".encode(), _HEAD_S + 5),
        "closed",
        "400",
        limit_s=_HEAD_S + 6,
        slow=True,
    ),
    _case("slow: says nothing", _stops_in(lambda _: b"", _HEAD_S + 5), "closed", limit_s=_HEAD_S + 6, slow=True),
    _case(
        "slow: stops amid the headers",
        _stops_in(lambda _: b"GET / HTTP/1.1\r\nHost:", _HEAD_S + 5),
        "closed",
        "408 timeout",
        limit_s=_HEAD_S + 6,
        slow=True,
    ),
    _case(
        "slow: stops amid the body",
        _stops_in(lambda target: _head_of(target, 1000), _BODY_S + 5),
        "408 timeout",
        "closed",
        limit_s=_BODY_S + 6,
        slow=True,
    ),
    _case(
        "slow: headers byte by byte",
        _drips(_REQUEST_LINE + b"X-A: ", b"a", _HEAD_S + 5),
        "closed",
        "408 timeout",
        limit_s=_HEAD_S + 6,
        slow=True,
    ),
    _case(
        "slow: new headers without end",
        _drips(_REQUEST_LINE, b"X-A: a\r\n", _HEAD_S + 5),
        "closed",
        "408 timeout",
        limit_s=_HEAD_S + 6,
        slow=True,
    ),
    _case(
        "slow: body byte by byte",
        _drips(
            b"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\nContent-Length: 60000\r\n\r\n",
            b" ",
            70,
        ),
        "408 timeout",
        "closed",
        limit_s=71,
        slow=True,
    ),
]
