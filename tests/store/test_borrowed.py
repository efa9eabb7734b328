"""The worker's side of connections that are lent: what it does with the token."""

import os
import socket
from contextlib import ExitStack

import pytest

from service.store import wire
from service.store.borrowed import Borrowed
from service.store.lending import Token, _Desk


class Service:
    """The service's ends: what the worker says, and the desk with the token."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        self.desk = _Desk()
        stack.callback(self.desk.close)
        self.borrowed = Borrowed(theirs, lambda head, body, reply: True)
        stack.callback(self.borrowed.drop)
        self._told = False

    def lend(self, term: int, number: int) -> socket.socket:
        """Lend a connection; the client's end of it."""
        client, lent = socket.socketpair()
        self.stack.enter_context(client)
        lent.setblocking(False)
        beside = [] if self._told else [os.dup(descriptor) for descriptor in self.desk.descriptors]
        self._told = True
        self.borrowed.take(wire.LEND.pack(term, number), [lent.detach(), *beside])
        return client

    def given_back(self) -> tuple[int, bytes]:
        """The number of the connection that came back, and what was read on it."""
        letter, length = wire.FRAME.unpack(self.ours.recv(wire.FRAME.size))
        data = self.ours.recv(length)
        assert letter == wire.GIVEN_BACK
        return wire.RETURN.unpack_from(data)[1], data[wire.RETURN.size :]


@pytest.fixture
def service():
    with ExitStack() as stack:
        yield Service(stack)


def test_with_the_last_connection_the_token_stays_with_the_worker(service):
    service.desk.put(Token(1, 0, 0, 0))
    client = service.lend(1, 1)
    client.send(b"unknown")
    assert service.borrowed.serve() is True
    assert service.given_back() == (1, b"unknown")
    assert not service.desk.take()


def test_the_token_is_there_again_for_a_connection_that_was_lent_meanwhile(service):
    service.desk.put(Token(1, 0, 0, 0))
    service.lend(1, 1).send(b"unknown")
    service.borrowed.serve()
    second = service.lend(1, 2)
    second.send(b"unknown too")
    service.borrowed.serve()
    assert [service.given_back() for _ in range(2)] == [(1, b"unknown"), (2, b"unknown too")]


def test_while_it_has_another_connection_it_puts_the_token_back(service):
    service.desk.put(Token(1, 0, 0, 0))
    first, _ = service.lend(1, 1), service.lend(1, 2)
    first.send(b"unknown")
    service.ours.setblocking(False)
    client = next(client for client in service.borrowed._clients.values() if client.number == 1)
    assert service.borrowed._exchange(client) is True
    assert service.given_back() == (1, b"unknown")
    assert service.desk.take()
    assert service.desk.read() == Token(1, 0, 0, 0)


def test_a_worker_that_finds_the_token_gone_touches_no_connection(service):
    client = service.lend(1, 1)
    client.send(b"for the service")
    service.borrowed.serve()
    assert not service.borrowed
    service.ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        service.ours.recv(1)


def test_the_token_of_a_later_term_is_put_back(service):
    service.lend(1, 1).send(b"for the service")
    service.desk.put(Token(2, 0, 0, 0))
    service.borrowed.serve()
    assert not service.borrowed
    assert service.desk.take()
