"""The worker's side of connections that are lent: what it does with the token, and what it sends to whom."""

import os
import re
import signal
import socket
from contextlib import ExitStack

import pytest

from service.store import borrowed, confine, wire
from service.store.borrowed import Borrowed, Reply
from service.store.lending import Token, _Desk
from service.store.plain import recognise

ASK, TWICE = (
    b"GET /sparql?query=%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % text for text in (b"ASK+{}", b"ASK+{}+%23twice")
)
HEAD, ETAG = b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\n", b'W/"store-7-'
ID = re.compile(rb"marsad-query-id: ([^\r]+)\r\n")


class Service:
    """The service's ends: what the worker says, and the desk with the token. The worker's answers are kept in `asked`."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        self.desk = _Desk()
        stack.callback(self.desk.close)
        self.asked: list[tuple[dict, bytes, Reply]] = []
        self.borrowed = Borrowed(
            theirs, lambda head, body: lambda reply: self.asked.append((head, body, reply)) or True
        )
        stack.callback(self.borrowed.close)
        self.borrowed.open_desk([os.dup(descriptor) for descriptor in self.desk.descriptors])

    def teach(self) -> None:
        parts = [*recognise(ASK).kind.parts, HEAD, ETAG]
        sizes = [len(part) for part in parts]
        head = {"number": 1, "graph": False, "sizes": sizes, "query": {"op": "query"}, "room": [100, 5, 50]}
        self.borrowed.learn(head, b"".join(parts))

    def lend(self, term: int, number: int, asked: bytes = b"unknown", *, repeats: bool = True) -> socket.socket:
        """Lend a connection; the client's end of it."""
        client, lent = socket.socketpair()
        self.stack.enter_context(client)
        lent.setblocking(False)
        client.setblocking(False)
        head, body = wire.unpack(wire.pack_loan(term, number, repeats=repeats, asked=asked))
        self.borrowed.take(head, body, [lent.detach()])
        return client

    def lend_and_ask(self) -> tuple[socket.socket, Reply]:
        """Lend a connection with a question; the client's end of it, and how the question is answered."""
        self.teach()
        self.desk.put(Token(1))
        client = self.lend(1, 1, ASK)
        self.borrowed._exchange(*self.borrowed._asked.popleft())
        return client, self.asked.pop()[2]

    def call(self) -> None:
        """Have something to say to the worker, which then reads no further request."""
        self.ours.send(b"\0")
        assert self.borrowed.serve() is True

    def heard(self) -> list[tuple[bytes, bytes]]:
        """The frames that the worker has sent."""
        frames: list[tuple[bytes, bytes]] = []
        self.ours.setblocking(False)
        try:
            wire.Frames(lambda letter, data: frames.append((letter, data))).feed(self.ours.recv(2**20))
        except BlockingIOError:
            return []
        return frames

    def given_back(self) -> list[tuple[int, bytes]]:
        """The numbers of the connections that came back, and what was read on them or not sent."""
        frames = self.heard()
        assert {letter for letter, _ in frames} <= {wire.GIVEN_BACK}
        return [(wire.RETURN.unpack_from(data)[1], data[wire.RETURN.size :]) for _, data in frames]


@pytest.fixture
def service():
    with ExitStack() as stack:
        yield Service(stack)


def test_with_the_last_connection_the_token_stays_with_the_worker(service):
    service.desk.put(Token(1))
    service.lend(1, 1)
    assert service.borrowed.serve() is True
    assert service.given_back() == [(1, b"unknown")]
    assert not service.desk.take()


def test_the_token_is_there_again_for_a_connection_that_was_lent_meanwhile(service):
    service.desk.put(Token(1))
    service.lend(1, 1)
    service.borrowed.serve()
    service.lend(1, 2, b"unknown too")
    service.borrowed.serve()
    assert service.given_back() == [(1, b"unknown"), (2, b"unknown too")]


def test_while_it_has_another_connection_it_puts_the_token_back_where_there_is_nothing_to_read(service):
    service.desk.put(Token(1))
    service.lend(1, 1)
    service.lend(1, 2)
    assert service.borrowed._exchange(*service.borrowed._asked.popleft()) is True
    assert service.given_back() == [(1, b"unknown")]
    service.borrowed._asked.clear()
    service.call()
    assert service.desk.take()
    assert service.desk.read() == Token(1, taken=1)


def test_what_has_come_meanwhile_is_read_before_the_token_is_put_back(service):
    service.teach()
    service.desk.put(Token(1))
    first, second = service.lend(1, 1, ASK), service.lend(1, 2, ASK)
    for _ in range(2):
        service.borrowed._exchange(*service.borrowed._asked.popleft())
        service.asked.pop()[2].send(wire.WHOLE, b"true")
    assert not service.desk.take()
    first.send(TWICE)
    second.send(b"for the service")
    service.call()
    assert [body for _, body, _ in service.asked] == [b"ASK {} #twice"]
    assert service.given_back() == [(2, b"for the service")]


@pytest.mark.parametrize("asks", [True, False])
def test_when_the_service_says_something_it_finds_the_token(service, asks):
    client, reply = service.lend_and_ask()
    reply.send(wire.WHOLE, b"true")
    if asks:
        client.send(TWICE)
    service.call()
    assert len(service.asked) == asks
    assert service.desk.take()
    assert service.desk.read().client == asks


def test_a_worker_that_finds_the_token_gone_touches_no_connection(service):
    service.lend(1, 1, b"for the service")
    service.borrowed.serve()
    assert not service.borrowed
    assert service.heard() == []
    assert service.desk.read().taken == 0


def test_the_token_of_a_later_term_is_put_back(service):
    service.lend(1, 1, b"for the service")
    service.desk.put(Token(2))
    service.borrowed.serve()
    assert not service.borrowed
    assert service.desk.take()


def test_the_desk_says_what_the_worker_is_working_on(service):
    client, reply = service.lend_and_ask()
    note = service.desk.read()
    assert note._replace(query_id=b"", since=0.0) == Token(1, client=1, size=len(ASK), taken=1)
    assert service.desk.request(note) == ASK
    reply.send(wire.WHOLE, b"true")
    assert ID.search(client.recv(1000)).group(1) == note.query_id
    service.call()
    assert service.desk.read() == Token(1, answered=1, taken=1)


def test_a_request_of_a_kind_that_it_knows_is_answered_whatever_its_text(service):
    service.teach()
    service.desk.put(Token(1))
    client = service.lend(1, 1, ASK)
    service.borrowed._exchange(*service.borrowed._asked.popleft())
    service.asked[0][2].send(wire.WHOLE, b"true")
    client.send(TWICE)
    service.borrowed._exchange(next(iter(service.borrowed._clients.values())))
    service.asked[1][2].send(wire.WHOLE, b"true")
    assert [body for _, body, _ in service.asked] == [b"ASK {}", b"ASK {} #twice"]
    answers = client.recv(10_000).split(b"true")
    assert len({re.search(rb'etag: W/"store-7-([0-9a-f]{24})"\r\n', answer).group(1) for answer in answers[:2]}) == 2
    assert all(answer.startswith(HEAD) for answer in answers[:2])


@pytest.mark.parametrize(
    "other",
    [
        ASK.replace(b"localhost", b"elsewhere"),
        ASK.replace(b"ASK+{}", b"DESCRIBE+?x+{}"),
        ASK.replace(b"ASK", b"ASK+FROM+<urn:a>"),
        ASK.replace(b"{}", b"{}" + b"+" * 30),
        ASK.replace(b"{}", b"{" * 6 + b"}" * 6),
        ASK * 2,
        ASK[:-1],
        b"",
    ],
)
def test_every_other_request_comes_back(service, other):
    client, reply = service.lend_and_ask()
    reply.send(wire.WHOLE, b"true")
    client.send(other) if other else client.shutdown(socket.SHUT_WR)
    service.borrowed.serve()
    assert service.asked == []
    assert service.given_back() == [(1, other)]


@pytest.mark.parametrize("repeats", [True, False])
def test_what_it_has_answered_before_comes_back_if_it_is_not_to_repeat_itself(service, repeats):
    service.teach()
    service.desk.put(Token(1))
    for number in (1, 2):  # what comes with a connection is always answered
        client = service.lend(1, number, ASK, repeats=repeats)
        service.borrowed._exchange(*service.borrowed._asked.popleft())
        service.asked.pop()[2].send(wire.WHOLE, b"true")
    client.send(ASK)
    service.borrowed._exchange(next(c for c in service.borrowed._clients.values() if c.number == 2))
    assert len(service.asked) == repeats
    assert service.given_back() == ([] if repeats else [(2, ASK)])


def test_an_answer_in_parts_goes_to_the_client_part_by_part(service):
    client, reply = service.lend_and_ask()
    assert reply.send(wire.FIRST, b"abc")
    first = client.recv(1000)
    assert first.startswith(HEAD)
    assert first.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    note = service.desk.read()
    assert (note.client, note.begun, note.answered) == (1, True, 0)
    assert service.desk.take()
    service.desk.put(note)
    assert reply.send(wire.MORE, b"0123456789abcdef")
    assert reply.send(wire.END, b"x")
    assert client.recv(1000) == b"10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n"
    service.call()
    assert service.desk.read() == Token(1, answered=1, taken=1)
    assert service.heard() == []


@pytest.fixture
def soon_long(monkeypatch):
    """Answers of more than 65,536 bytes are handed over."""
    monkeypatch.setattr(borrowed, "_MOST_SENT_BYTES", 65_536)


def test_a_long_answer_is_handed_over_after_the_part_that_makes_it_long(service, soon_long):
    client, reply = service.lend_and_ask()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
    assert reply.send(wire.FIRST, b"a" * 10_000)
    assert service.borrowed
    assert reply.send(wire.MORE, b"b" * 60_000)
    assert not service.borrowed
    assert not reply.send(wire.MORE, b"c")
    assert not reply.send(wire.END, b"d")
    assert service.heard() == [(wire.TAKEN_OVER, wire.CLIENT.pack(1, 1))]
    data = b""
    while len(data) < 70_000:
        data += client.recv(2**20)
    assert data.endswith(b"b\r\n")
    assert service.desk.take()
    assert service.desk.read().begun


def test_what_a_slow_client_does_not_take_is_told_the_service(service):
    client, reply = service.lend_and_ask()
    reply._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    assert reply.send(wire.FIRST, b"a" * 50_000)
    (first, _), (second, unsent) = service.heard()
    assert (first, second) == (wire.TAKEN_OVER, wire.UNSENT)
    data = b""
    while not data.endswith(unsent[-2:]) and len(data) + len(unsent) < 50_000:
        data += client.recv(2**20)
    body = (data + unsent).partition(b"\r\n\r\n")[2]
    assert body == b"c350\r\n" + b"a" * 50_000 + b"\r\n"
    assert service.desk.take()


def test_when_the_service_is_told_to_go_on_the_token_is_there(service, soon_long):
    """Else it would wait for it, and what the worker says meanwhile would be about nothing that it knows."""
    _, reply = service.lend_and_ask()
    there = []

    class Control:
        def sendall(self, data: bytes) -> None:
            there.append(service.desk.take())

    service.borrowed._control = Control()
    reply.send(wire.FIRST, b"a" * 70_000)
    assert there[0] is True


@pytest.mark.parametrize(("letter", "data"), [(wire.FIRST, b"a" * 70_000), (wire.ERROR, b"{}")])
def test_what_is_lent_before_the_service_hears_that_it_has_to_go_on_is_not_looked_at(service, soon_long, letter, data):
    """Else the desk would say that the worker works on that."""
    _, reply = service.lend_and_ask()
    reply.send(letter, data)
    service.lend(1, 2, ASK)
    assert not service.borrowed
    assert (service.desk.read().client, service.desk.read().taken) == (1, 1)
    service.desk.take()
    service.desk.put(Token(2, taken=2))
    service.lend(2, 3, ASK)
    assert service.borrowed._exchange(*service.borrowed._asked.popleft()) is True
    assert service.desk.read().client == 3


def test_an_error_is_for_the_service_to_tell(service):
    client, reply = service.lend_and_ask()
    assert not reply.send(wire.ERROR, b"{}")
    assert service.heard() == [(wire.TAKEN_OVER, wire.CLIENT.pack(1, 1))]
    assert client.recv(1) == b""  # nothing, and this service has kept no end of it
    assert not service.desk.read().begun


@pytest.mark.parametrize("letter", [wire.WHOLE, wire.FIRST])
def test_when_the_token_is_gone_the_answer_goes_to_the_service(service, letter):
    client, reply = service.lend_and_ask()
    assert service.desk.take()
    assert not reply.send(letter, b"true")
    assert not reply.send(wire.END, b"")
    assert not service.borrowed
    assert service.heard() == []
    assert client.recv(1) == b""  # nothing, and this service has kept no end of it


def test_what_the_worker_is_doing_can_be_read_while_it_is_being_written(service):
    """Whoever reads it has no token: nothing may be wrong in between."""
    process = os.fork()
    if process == 0:
        confine.die_with_parent(signal.SIGKILL)
        while True:
            service.borrowed._write_note(7, 100, 1.0, b"q7", begun=True)
    try:
        while service.desk.read().client == 0:
            pass
        assert {service.desk.read() for _ in range(20_000)} == {Token(0, 7, 100, 0, True, 0, 1.0, b"q7")}
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
