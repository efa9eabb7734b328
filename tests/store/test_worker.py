"""What a worker does when there is something to do, and when there is not."""

import json
import socket
from contextlib import ExitStack, closing

import pyoxigraph as ox
import pytest

from service.store import wire
from service.store.base import Query, Update
from service.store.lending import Lending, Lessons
from service.store.plain import Room, recognise
from service.store.worker import work

ASK = Query("ASK {}", results="csv").message()
TRUE = wire.FRAME.pack(wire.WHOLE, 4) + b"true"


class Example:
    query = Query("ASK {}")
    answer_head = b"HTTP/1.1 200 OK\r\n"
    room = Room(1000, 10, 100)

    @staticmethod
    def etag_start(version: int) -> bytes:
        return b'W/"%d-' % version


def ask(ours: socket.socket) -> None:
    ours.sendall(ASK)


def prepare(ours: socket.socket) -> None:
    """What a worker that is forked ahead is given before anybody asks."""
    lessons = Lessons()
    lessons.add(recognise(b"GET /?query=ASK+{} HTTP/1.1\r\nHost: localhost\r\n\r\n").kind, Example())
    with closing(Lending()) as lending:
        assert lending.prepare(lessons, 1, lambda data, fds: socket.send_fds(ours, [data], fds) == len(data))


@pytest.mark.parametrize(("begin", "heard"), [(ask, TRUE), (prepare, b""), (lambda _: None, b"")])
def test_it_comes_to_rest_once_when_it_has_done_what_there_is(begin, heard):
    rests = []
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        ours.setblocking(False)
        begin(ours)

        def at_rest() -> None:
            try:
                rests.append(ours.recv(1000))
            except BlockingIOError:
                rests.append(b"")
            ask(ours)
            ours.shutdown(socket.SHUT_WR)

        work(ox.Store(), theirs, {}, at_rest=at_rest)
        assert rests == [heard]
        assert ours.recv(1000) == TRUE


def said(store: object, messages: bytes) -> list[tuple[bytes, bytes]]:
    """The frames that come back for messages after which the service closes."""
    heard = []
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        ours.sendall(messages)
        ours.shutdown(socket.SHUT_WR)
        work(store, theirs, {})
        theirs.close()
        frames = wire.Frames(lambda *frame: heard.append(frame))
        while data := ours.recv(1000):
            frames.feed(data)
    return heard


@pytest.mark.parametrize(
    ("text", "letter", "goes_on"), [("INSERT DATA", wire.ERROR, True), ("CLEAR ALL", wire.WHOLE, False)]
)
def test_it_goes_on_after_an_update_that_was_refused_and_not_after_one_that_was_tried(text, letter, goes_on):
    heard = said(ox.Store(), wire.pack(*Update(text).pack()) + ASK)
    assert [found for found, _ in heard] == [letter] + [wire.WHOLE] * goes_on


class Failing:
    """A store whose engine fails as it should not."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    def query(self, text: str, **options: object) -> None:
        raise self.failure


class Panic(BaseException):
    """What the engine's panics are."""


@pytest.mark.parametrize(
    ("failure", "kind", "ends"),
    [(RuntimeError("no"), "engine", False), (MemoryError(), "memory", True), (Panic("lost"), "engine", True)],
)
def test_it_says_with_an_error_whether_it_ends(failure, kind, ends):
    errors = [(letter, json.loads(data)) for letter, data in said(Failing(failure), ASK * 2)]
    assert [(letter, error["kind"], error["last"]) for letter, error in errors] == [(wire.ERROR, kind, ends)] * (
        1 if ends else 2
    )
