"""The service's side of the replica and its workers: a pool of processes that may be stopped at any time.

Everything here runs on the event loop and never waits for a process but by a descriptor that becomes readable.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from service.errors import (
    AnswerCut,
    ChangeConflict,
    DeadlineExceeded,
    EngineFailure,
    MalformedRdf,
    MarsadError,
    MemoryExceeded,
    QueryCancelled,
    QueryError,
    QuerySyntaxError,
    QueueFull,
    StoreUnavailable,
    UnknownFunction,
    UnknownGraph,
)
from service.store import confine, wire
from service.store.base import Borrower, Loan, Repeated
from service.store.lending import Lending, Lent, Lessons, Token
from service.store.plain import Kind
from service.store.query_ids import new_query_id

_log = logging.getLogger(__name__)

# One look at all deadlines; a query may outlive its deadline by this much.
_TICK_S = 0.05
# 256 KiB: the most of an answer that waits in the service for a slow client; then the worker has to wait.
_MOST_WAITING_BYTES = 256 * 2**10
_READ_BYTES = 256 * 2**10
# Connections that one worker answers; more would wait for each other.
_MOST_LENT = 16
# A worker holds the token for some 20 µs. One that has not put it back after 100 ms is stopped, or gone.
_TOKEN_S = 0.1
# A second without a request: then a worker need not have its connections.
_QUIET_TICKS = 20
# A worker that works longer than this gives way to the service, which must answer for its health while all workers are
# busy, and to the workers with small questions. There is no way back: it goes after its request, and a fresh fork comes,
# which copies each page that it needs: of a million quads, 36,000 in its first second of small questions.
_LONG_WORK_S = 3.0
_LONG_WORK_NICE = 5
# After so much work the service looks how much larger a worker has become: blocks that are free between others count
# against what the next question may have. With an eighth of that gone, the worker goes too.
_LOOK_S, _MOST_GROWTH = 0.1, 1 / 8
# When after a change a fork is made ahead of the first query that needs it: late where nobody asked since the change
# before. For a million quads it takes 10 ms of processor time, and the next change makes it useless.
_FORK_AHEAD_S, _FORK_LATE_S = 0.005, 0.25
# The replica says what ended a worker within this time, or it is unknown.
_OBITUARY_S = 1.0
# A replica that was told to stop ends within this time, or is killed.
_FAREWELL_S = 2.0
_PACKET_BYTES = 64 * 2**10
# How many freed blocks of each size glibc keeps at hand (its own default: 7). The engine makes and frees hundreds of
# small ones for a query: of a million quads, selective questions took 360 µs on average with 7, 340 with 50, 325 with
# 200, 338 with 2000, which come to lie further apart (three runs of each, which differ by a fifth).
_ALLOCATOR = "glibc.malloc.tcache_count=200"
_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one query may use, and all of them together."""

    deadline_s: float
    worker_bytes: int
    workers: int
    queue: int


class Running:
    """One request in a worker: the answer as it comes. Implements `service.store.base.Answer`."""

    def __init__(
        self, pool: "Pool", query_id: str, deadline_s: float, then: Callable[[], None], *, scratch: bool
    ) -> None:
        self.query_id = query_id
        # The worker's copy of the graph is spoilt afterwards.
        self.scratch = scratch
        self.version = 0
        self.gzipped = False
        self.whole: bytes | None = None
        self.head_sent, self.unsent = False, b""
        self.remaining: int | None = None
        self.on_cut: Callable[[], None] | None = None
        self.started = time.monotonic()
        self.deadline_s = deadline_s
        self.deadline = self.started + deadline_s
        self.worker: Worker | None = None
        self._pool = pool
        self._then: Callable[[], None] | None = then
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._more: asyncio.Future[None] | None = None
        self._complete = False
        self._error: MarsadError | None = None

    def take(self, letter: bytes, data: bytes) -> None:
        """A frame from the worker."""
        if letter in (wire.WHOLE, wire.WHOLE_GZIP):
            self.whole, self.gzipped = data, letter == wire.WHOLE_GZIP
            self._finish()
        elif letter == wire.END:
            self._keep(data)
            self._finish()
        elif letter == wire.UNSENT:
            self.unsent = data
            self._wake()
        elif letter == wire.ERROR:
            problem = json.loads(data)
            if problem["last"] and self.worker is not None:
                self.worker.leaving = True
            self.fail(self._pool.error_of(problem["kind"], problem["message"]))
            self._pool.give_back(self)
        else:
            if letter == wire.FIRST_GZIP:
                self.gzipped = True
            self._keep(data)
            if self._waiting_bytes > _MOST_WAITING_BYTES and self.worker is not None:
                self.worker.pause()
            self._wake()

    def _keep(self, data: bytes) -> None:
        if data:
            self._waiting.append(data)
            self._waiting_bytes += len(data)

    def _finish(self) -> None:
        self._complete = True
        self._pool.give_back(self)
        self._wake()

    def fail(self, error: MarsadError) -> None:
        """The answer ends here, for this reason; the first reason stands."""
        if self._error is None and not self._complete:
            self._error = error
            if self._then is not None:
                self._pool.counts[type(error).__name__] += 1
            self._wake()
            if self.on_cut is not None:
                self.on_cut()

    def _wake(self) -> None:
        if self._then is not None:
            then, self._then = self._then, None
            then()
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def begun(self) -> "Running":
        """The answer, once there is something of it. Raises what ended it before."""
        if self._error is not None and not self._waiting and not self.head_sent:
            raise self._error
        return self

    def abandon(self) -> None:
        """Nobody waits for it any more: stop the work if it is not done, and say nothing."""
        self._then = None
        if not self.over:
            self._pool.stop(self, QueryCancelled("the client went away"))

    @property
    def over(self) -> bool:
        """Whether no further byte will come from the worker."""
        return self._complete or self._error is not None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the answer as they come."""
        if self.whole is not None:
            yield self.whole
            return
        while True:
            while self._waiting:
                data = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                if self.worker is not None and self._waiting_bytes <= _MOST_WAITING_BYTES // 2:
                    self.worker.resume()
                yield data
            if self._error is not None:
                raise AnswerCut("the answer ended early") from self._error
            if self._complete:
                return
            self._more = self._pool.loop.create_future()
            await self._more

    async def close(self) -> None:
        """Stop the work if it is not done."""
        self.abandon()


class Worker:
    """One forked process and its socket."""

    def __init__(
        self, pool: "Pool", replica: "ReplicaProcess", process: int, handle: int, descriptor: int, version: int
    ) -> None:
        self.process, self.replica, self.version = process, replica, version
        self.running: Running | None = None
        self.leaving = False
        self.ended_by: int | None = None
        self._handle = handle
        self._pool = pool
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._frames = wire.Frames(self._take)
        self._unsent = memoryview(b"")
        self._reading = True
        self.lending = Lending()
        pool.loop.add_reader(descriptor, self._read)

    def send(self, message: bytes) -> None:
        """Hand a request to the process."""
        try:
            sent = self._socket.send(message)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it has died; reading will say so
        if sent < len(message):
            self._unsent = memoryview(message)[sent:]
            self._pool.loop.add_writer(self._socket.fileno(), self._send_rest)

    def send_descriptors(self, message: bytes, descriptors: list[int]) -> bool:
        """Hand over a small message with descriptors; False if there is no room for it now."""
        if self._unsent:
            return False
        try:
            sent = socket.send_fds(self._socket, [message], descriptors)
        except OSError:
            return False
        if sent < len(message):
            self._unsent = memoryview(message)[sent:]
            self._pool.loop.add_writer(self._socket.fileno(), self._send_rest)
        return True

    def _send_rest(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._pool.loop.remove_writer(self._socket.fileno())

    def pause(self) -> None:
        """Read no further: the process has to wait when the socket is full."""
        if self._reading:
            self._reading = False
            self._pool.loop.remove_reader(self._socket.fileno())

    def resume(self) -> None:
        """Read again."""
        if not self._reading and self._socket.fileno() >= 0:
            self._reading = True
            self._pool.loop.add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._frames.feed(data)
        else:
            self._pool.lose(self)

    def wait(self, patience_ms: int) -> bool:
        """Return when the token is there, or the worker has said something, which is read; False: it is gone."""
        self.lending.wait(self._socket.fileno(), patience_ms)
        return self.drain()

    def drain(self) -> bool:
        """Read what has come already; False if the worker is gone."""
        while self._reading:
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self._frames.feed(data)
        return True

    def _take(self, letter: bytes, data: bytes) -> None:
        if letter == wire.GIVEN_BACK:
            self._pool.take_back(self, data)
        elif letter == wire.TAKEN_OVER:
            if wire.CLIENT.unpack(data)[0] == self.lending.term and self.lending.clients:
                self._pool.recall(self)
        elif self.running is not None:
            self.running.take(letter, data)

    def give_way(self) -> None:
        """Let all other processes go first; there is no way back, so the worker leaves after its request."""
        if not self.leaving:
            self.leaving = True
            with contextlib.suppress(OSError):
                own = os.getpriority(os.PRIO_PROCESS, 0)
                os.setpriority(os.PRIO_PROCESS, self.process, own + _LONG_WORK_NICE)

    def has_grown(self) -> bool:
        """Whether much of the memory that a question may have is taken before it begins."""
        try:
            left = confine.memory_left(self.process)
        except OSError:  # it is gone
            return False
        return left < self._pool.worker_bytes * (1 - _MOST_GROWTH)

    def kill(self) -> None:
        """End the process now; its socket then says that it is gone."""
        self.leaving = True
        self._unsent = memoryview(b"")
        with contextlib.suppress(ProcessLookupError):
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            else:
                os.kill(self.process, signal.SIGKILL)
        self.resume()

    def close(self) -> None:
        """Let go of the descriptors."""
        descriptor = self._socket.fileno()
        if descriptor >= 0:
            self._pool.loop.remove_reader(descriptor)
            self._pool.loop.remove_writer(descriptor)
            self._socket.close()
        self.lending.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class ReplicaProcess:
    """The service's end of one replica: starts it, sends commands, receives events."""

    def __init__(self, on_event: Callable[["ReplicaProcess", dict[str, Any], list[int]], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.bytes = 0
        self._on_event = on_event
        self._sending = asyncio.Lock()
        self._down, down = socket.socketpair()
        self._up, up = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._down.setblocking(False)
        self._up.setblocking(False)
        with down, up:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.store.replica", str(down.fileno()), str(up.fileno())],
                pass_fds=(down.fileno(), up.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Nothing of the service's environment: no keys, no addresses of proxies.
                env={
                    "PYTHONPATH": _PACKAGE_PARENT,
                    "PATH": os.defpath,
                    "LC_ALL": "C.UTF-8",
                    "GLIBC_TUNABLES": _ALLOCATOR,
                },
            )
        self.loop.add_reader(self._up.fileno(), self._read)

    async def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send a command; returns when the kernel has all of it. Raises StoreUnavailable: the replica is gone."""
        try:
            async with self._sending:
                await self.loop.sock_sendall(self._down, wire.pack(head, body))
        except OSError as error:
            raise StoreUnavailable("the process that holds the graph is gone; a new one is being started") from error

    def _read(self) -> None:
        while True:
            try:
                packet, descriptors, _, _ = socket.recv_fds(self._up, _PACKET_BYTES, 2)
            except BlockingIOError:
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet:
                self.loop.remove_reader(self._up.fileno())
                self._on_event(self, {"event": "gone"}, [])
                return
            self._on_event(self, json.loads(packet), descriptors)

    async def stop(self) -> None:
        """Close both sockets and wait for the process to end; its workers end with it."""
        if self._up.fileno() >= 0:
            self.loop.remove_reader(self._up.fileno())
        self._down.close()
        self._up.close()
        await self.loop.run_in_executor(None, self._wait)

    def _wait(self) -> None:
        try:
            self._process.wait(_FAREWELL_S)
        except subprocess.TimeoutExpired:  # it is loading and does not look at its sockets
            self._process.kill()
            self._process.wait()


class Pool:
    """Workers of the current snapshot, the queue before them, and those of older snapshots until they finish."""

    def __init__(self, limits: Limits) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.capacity = limits.workers
        # More workers that answer clients themselves would only wait for each other, each with its own copy of pages.
        self._cores = len(os.sched_getaffinity(0))
        self.worker_bytes = limits.worker_bytes
        self.version = 0
        self.counts: Counter[str] = Counter()
        self._replica: ReplicaProcess | None = None
        self._idle: list[Worker] = []
        self._all: dict[int, Worker] = {}
        self._waiting: deque[tuple[Running, bytes]] = deque()
        self._running: dict[str, Running] = {}
        self._forking = 0
        self._tick: asyncio.TimerHandle | None = None
        self._ahead: asyncio.TimerHandle | None = None
        # Whether there has been a query since the last change.
        self._asked = True
        self._dead: dict[int, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._lessons = Lessons()
        self._emptied: list[tuple[ReplicaProcess, asyncio.Future[None]]] = []

    # --- for the store ---

    async def query(
        self,
        message: bytes,
        *,
        deadline_s: float | None = None,
        query_id: str | None = None,
        scratch: bool = False,
        patient: bool = False,
    ) -> Running:
        """Run a request in the next free worker; returns with the first bytes of its answer. The rest as in `start`."""
        first: asyncio.Future[None] = self.loop.create_future()
        running = self.start(
            message,
            then=lambda: None if first.done() else first.set_result(None),
            deadline_s=deadline_s,
            query_id=query_id,
            scratch=scratch,
            patient=patient,
        )
        try:
            await first
        except asyncio.CancelledError:
            running.abandon()
            raise
        return running.begun()

    def start(
        self,
        message: bytes,
        *,
        then: Callable[[], None],
        deadline_s: float | None = None,
        query_id: str | None = None,
        scratch: bool = False,
        patient: bool = False,
    ) -> Running:
        """Run a request in the next free worker; `then` is called with the first bytes of its answer, or its failure.

        `scratch`: the request changes the worker's copy of the graph, so the worker is of no use afterwards.
        `patient`: one of our own, which has no deadline.
        """
        limit = float("inf") if patient else self.limits.deadline_s
        running = Running(self, query_id or new_query_id(), min(deadline_s or limit, limit), then, scratch=scratch)
        if running.query_id in self._running:
            raise QueryCancelled("a query of this id is running already; ids are for one query")
        if self._closed:
            raise StoreUnavailable("the store is stopping")
        self._running[running.query_id] = running
        self._asked = True
        if not self._idle:
            self._recall_one()
        if self._idle:
            worker = self._eldest()
            self._idle.remove(worker)
            self._start(worker, running, message)
        else:
            self._enqueue(running, message)
            # Later: who starts a query must not be told of its answer meanwhile.
            self.loop.call_soon(self._recall_for_waiting)
        self._tick_on()
        return running

    def _eldest(self) -> "Worker":
        """The idle worker that is likely to have copied most of the pages that a query reads."""
        return next(worker for worker in self._all.values() if worker in self._idle)  # in the order of their births

    def _tick_on(self) -> None:
        if self._tick is None:
            self._tick = self.loop.call_later(_TICK_S, self._look_at_deadlines)

    def lend(self, client: Borrower, asked: bytes, kind: Kind, example: Repeated, *, repeats: bool) -> Loan | None:
        """See `Store.lend`: the workers at rest in the order of how few connections they have."""
        worker = self._lender()
        if worker is None:
            return None
        if kind not in self._lessons:
            if self._lessons.full:
                self._forget()
                return None
            self._lessons.add(kind, example)
        self._asked = True
        lent = Lent(client, asked)
        if not worker.lending.lend(lent, self._lessons, self.version, worker.send_descriptors, repeats=repeats):
            return None
        if worker in self._idle:
            self._idle.remove(worker)
            self._fork_as_needed()
        self._tick_on()
        return _Loan(self, worker)

    def _forget(self) -> None:
        """Begin anew with what the workers are taught, when that is much and may be old."""
        self._recall_all()
        for worker in self._all.values():
            worker.lending.learnt = 0
        self._lessons.clear()

    def _lender(self) -> "Worker | None":
        """The worker to lend to; one is left for other questions, if there can be two."""
        if self._waiting or self._closed:
            return None
        lenders = [worker for worker in self._lenders() if worker.version == self.version]
        spare = len(self._idle) > 1 or len(self._all) + self._forking < self.capacity
        if self._idle and (not lenders or (spare and len(lenders) < self._cores)):
            return self._eldest()
        free = [w for w in lenders if len(w.lending.clients) < _MOST_LENT and not w.lending.at_work]
        return min(free, key=lambda worker: len(worker.lending.clients), default=None)

    def _lenders(self) -> "list[Worker]":
        return [worker for worker in self._all.values() if worker.lending.clients]

    def _recall_one(self) -> None:
        """Make a worker free that is at rest and has connections only, if there is one."""
        for worker in self._lenders():
            if worker.lending.clients and not worker.lending.at_work:
                self.recall(worker)
                if self._idle:
                    return

    def _recall_all(self) -> None:
        while lenders := self._lenders():
            self.recall(lenders[0])

    def _recall_for_waiting(self) -> None:
        """Have one worker look after its own connections no more after the question that it is working on."""
        lenders = self._lenders() if self._waiting else []
        if lenders and len(self._all) + self._forking >= self.capacity:
            self.recall(min(lenders, key=lambda worker: len(worker.lending.clients)))

    def recall(self, worker: "Worker") -> None:
        """Have back all connections of a worker; the question that it is working on becomes one like any other."""
        lending = worker.lending
        token = self._token_of(worker)
        if not lending.clients:  # the worker has given them back by itself
            return
        if token is None:  # it is stopped, or gone
            worker.kill()
            for tell in self._lose_lent(worker):
                tell()
            return
        clients = lending.end_term()
        running = self._take_over(worker, token, clients)
        if clients:
            worker.send(wire.pack({"op": "recall"}, wire.RECALL.pack(lending.term)))
        worker.drain()
        if running is None:
            self._make_free(worker)
        for client, asked in clients.values():
            if asked:  # later: it is asked again at once
                self.loop.call_soon(client.given_back, b"", asked)
            else:
                client.given_back(b"", b"")

    def _token_of(self, worker: "Worker") -> Token | None:
        """The token of a worker, which may be giving back its last connection instead."""
        give_up = time.monotonic() + _TOKEN_S
        while worker.lending.clients and time.monotonic() < give_up:
            token = worker.lending.take_token()
            if token is not None:
                return token
            if not worker.wait(round(_TOKEN_S * 1000)):
                break
        return None

    def _take_over(self, worker: "Worker", token: Token, clients: dict[int, Lent]) -> Running | None:
        """The request that the worker is working on, as one of those that the pool looks after."""
        self._count_lent(token.answered)
        if not token.client:
            return None
        client, _ = clients.pop(token.client)
        query_id = token.query_id.decode()
        running = Running(self, query_id, self.limits.deadline_s, client.go_on, scratch=False)
        running.worker, running.version, worker.running = worker, worker.version, running
        running.head_sent, running.started = token.begun, token.since
        running.deadline = token.since + running.deadline_s
        self.counts["started"] += 1
        self._running[running.query_id] = running
        self._tick_on()
        client.taken_over(worker.lending.request(token), running)
        return running

    def take_back(self, worker: "Worker", data: bytes) -> None:
        """The worker has given a connection back."""
        lending = worker.lending
        before = bool(lending.clients)
        returned = lending.returned(data)
        if returned is None:
            return
        client, unsent, unread = returned
        # Later: the client may ask at once, and what the worker says next has not been looked at.
        self.loop.call_soon(client.given_back, unsent, unread)
        if before and not lending.clients:
            self._count_lent(lending.answered)
            self._make_free(worker)

    def _count_lent(self, answers: int) -> None:
        self.counts["started"] += answers
        self.counts["lent"] += answers

    def cancel(self, query_id: str) -> bool:
        """Stop a query that runs or waits; False if there is none of that id."""
        for worker in self._lenders():
            note = worker.lending.look()
            if note is not None and note.query_id.decode() == query_id:
                self.recall(worker)
        running = self._running.get(query_id)
        if running is not None:
            self.stop(running, QueryCancelled("the query was cancelled"))
        return running is not None

    def publish(self, version: int) -> None:
        """From now on, only workers of this version answer; older ones go when they have finished."""
        self.version = version
        asked = self._asked or bool(self._lenders())
        self._asked = False
        if self._ahead is not None:
            self._ahead.cancel()
        if not self._closed:
            self._ahead = self.loop.call_later(_FORK_AHEAD_S if asked else _FORK_LATE_S, self._fork_ahead)
        self._dismiss_idle()  # first: who has a connection back may ask, and be lent to, at once
        self._recall_all()
        if self._waiting:
            self._fork_as_needed()

    def use(self, replica: ReplicaProcess, version: int) -> None:
        """Fork from this replica from now on."""
        self._replica = replica
        self._forking = 0
        self.publish(version)

    def size_for(self, snapshot_bytes: int, machine_bytes: int) -> None:
        """Share out half of the machine's memory: fewer or smaller workers where they would not all fit.

        A worker that has read everything holds the whole snapshot: reading counts references, which copies pages.
        """
        half, least = machine_bytes // 2, 256 * 2**20
        self.worker_bytes = self.limits.worker_bytes
        fit = half // (snapshot_bytes + self.worker_bytes)
        self.capacity = max(1, min(self.limits.workers, fit))
        if self.capacity < min(2, self.limits.workers):
            self.capacity = min(2, self.limits.workers)
            self.worker_bytes = max(least, half // self.capacity - snapshot_bytes)

    async def forget(self, replica: ReplicaProcess) -> None:
        """Return when no worker of this replica is left."""
        if any(worker.replica is replica for worker in self._all.values()):
            gone: asyncio.Future[None] = self.loop.create_future()
            self._emptied.append((replica, gone))
            await gone

    async def close(self) -> None:
        """Stop every query and every worker; returns when all of them are gone."""
        self._closed = True
        for running in list(self._running.values()):
            self.stop(running, StoreUnavailable("the store is stopping"))
        for timer in (self._tick, self._ahead):
            if timer is not None:
                timer.cancel()
        replicas = {worker.replica for worker in self._all.values()}
        for worker in list(self._all.values()):
            worker.kill()
        for replica in replicas:
            await self.forget(replica)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def size(self) -> tuple[int, int, int]:
        """Workers, busy ones, and queries that wait."""
        busy = sum(1 for worker in self._all.values() if worker.running is not None)
        return len(self._all), busy, len(self._waiting)

    # --- life of a query ---

    def _enqueue(self, running: Running, message: bytes) -> None:
        # A worker that may still be forked takes one more: with no queue at all, the first query must not be refused.
        free = max(0, self.capacity - sum(worker.running is not None for worker in self._all.values()))
        if len(self._waiting) >= self.limits.queue + free:
            del self._running[running.query_id]
            self.counts["QueueFull"] += 1
            raise QueueFull(
                f"all {self.capacity} workers are busy and {self.limits.queue} queries wait already",
                limit="queries that wait",
                value=self.limits.queue,
                setting="MARSAD_QUEUE",
                retry_after_s=1 + int(self.limits.deadline_s // 4),
            )
        self._waiting.append((running, message))
        self._fork_as_needed()

    def _start(self, worker: Worker, running: Running, message: bytes) -> None:
        worker.running = running
        running.worker = worker
        running.version = worker.version
        self.counts["started"] += 1
        worker.send(message)

    def give_back(self, running: Running) -> None:
        """The worker has said its last word on this request."""
        worker = running.worker
        running.worker = None
        self._running.pop(running.query_id, None)
        if worker is None:
            return
        worker.running = None
        worked_s = time.monotonic() - running.started
        if running.scratch or worked_s > _LONG_WORK_S or (worked_s > _LOOK_S and worker.has_grown()):
            worker.leaving = True
        worker.resume()
        self._make_free(worker)

    def _make_free(self, worker: Worker) -> None:
        if worker.leaving or worker.version != self.version or worker.replica is not self._replica:
            worker.kill()
            self._fork_as_needed()
        elif self._waiting:
            waiting, message = self._waiting.popleft()
            self._start(worker, waiting, message)
        else:
            self._idle.append(worker)

    def stop(self, running: Running, error: MarsadError) -> None:
        """End a request for this reason, by ending its worker."""
        self._running.pop(running.query_id, None)
        running.fail(error)
        worker = running.worker
        if worker is not None:
            running.worker = None
            worker.running = None
            worker.kill()
            self.counts["killed"] += 1
        else:
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not running)

    def _look_at_deadlines(self) -> None:
        self._tick = None
        now = time.monotonic()
        for running in list(self._running.values()):
            if running.deadline <= now:
                self.stop(running, self._deadline_error(running))
            elif running.worker is not None and now - running.started > _LONG_WORK_S:
                running.worker.give_way()
        lenders = self._lenders()
        for worker in lenders:
            note = worker.lending.tick()
            limit = 0 if note is not None and note.client else _QUIET_TICKS
            if worker.lending.clients and worker.lending.unchanged > limit:
                self.recall(worker)
        if (self._running or lenders) and not self._closed:
            self._tick_on()

    def _deadline_error(self, running: Running) -> MarsadError:
        if running.worker is None:
            return QueueFull(
                f"no worker was free within {running.deadline_s:g} s; the query was never started",
                limit="seconds for one query, waiting included",
                value=running.deadline_s,
                setting="MARSAD_DEADLINE",
                retry_after_s=1 + int(self.limits.deadline_s // 4),
            )
        return DeadlineExceeded(
            f"the query was stopped after {running.deadline_s:g} s",
            limit="seconds for one query",
            value=running.deadline_s,
            setting="MARSAD_DEADLINE",
        )

    def error_of(self, kind: str, message: str) -> MarsadError:
        """The error that a worker's message means."""
        if kind == "syntax":
            return QuerySyntaxError(message)
        if kind == "function":
            return UnknownFunction(message)
        if kind == "graph":
            return UnknownGraph(f"there is no graph <{message}> in this store, and nothing is fetched from elsewhere")
        if kind == "rdf":
            return MalformedRdf(message)
        if kind == "conflict":
            return ChangeConflict(message)
        if kind == "bad":
            return QueryError(message)
        if kind == "memory":
            return self._memory_error()
        _log.error("the engine failed: %s", message)
        return EngineFailure("the engine failed on this query")

    def _memory_error(self) -> MemoryExceeded:
        return MemoryExceeded(
            f"the query was stopped when it needed more than {self.worker_bytes // 2**20} MiB of memory",
            limit="bytes of memory for one query",
            value=self.worker_bytes,
            setting="MARSAD_WORKER_MEMORY",
        )

    # --- life of a worker ---

    def _fork_as_needed(self) -> None:
        """A worker for each query that waits, or one in advance if it is time for that, as far as the capacity goes."""
        in_advance = self._asked or self._ahead is None
        wanted = max(int(in_advance), len(self._waiting)) - len(self._idle) - self._forking
        room = self.capacity - len(self._all) - self._forking
        for _ in range(min(wanted, room)):
            if self._replica is None or self._closed:
                return
            self._forking += 1
            self._spawn(self._fork(self._replica, ahead=self._forking > len(self._waiting)))

    def _spawn(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fork(self, replica: ReplicaProcess, *, ahead: bool) -> None:
        with contextlib.suppress(StoreUnavailable):  # the store hears of it by itself and starts a new replica
            await replica.send({"op": "fork", "bytes": self.worker_bytes, "ahead": ahead})

    def _fork_ahead(self) -> None:
        self._ahead = None
        self._fork_as_needed()

    def _dismiss_idle(self) -> None:
        for worker in self._idle:
            worker.kill()
        self._idle.clear()

    def born(self, replica: ReplicaProcess, event: dict[str, Any], descriptors: list[int]) -> None:
        """The replica has forked a worker."""
        handle = descriptors[1] if len(descriptors) > 1 else -1
        worker = Worker(self, replica, event["pid"], handle, descriptors[0], event["version"])
        self._all[worker.process] = worker
        if replica is self._replica:
            self._forking = max(0, self._forking - 1)
        if self._closed or worker.version != self.version or replica is not self._replica:
            worker.kill()
            self._fork_as_needed()
        elif self._waiting:
            running, message = self._waiting.popleft()
            self._start(worker, running, message)
            self._fork_as_needed()
        else:
            self._idle.append(worker)
            if len(self._lessons):  # it will be lent connections
                worker.lending.prepare(self._lessons, self.version, worker.send_descriptors)

    def lose(self, worker: Worker) -> None:
        """The worker's socket has closed: it is gone."""
        self._all.pop(worker.process, None)
        with contextlib.suppress(ValueError):
            self._idle.remove(worker)
        lost = self._lose_lent(worker)
        worker.close()
        running = worker.running
        if running is not None:  # nobody here wanted that: the replica knows, or will know, what ended it
            worker.running = running.worker = None
            if worker.ended_by is not None:
                self._mourn(running, worker.ended_by)
            else:
                self._dead[worker.process] = running
                running.deadline = float("inf")  # it has ended; only the reason is not known yet
                self.loop.call_later(_OBITUARY_S, self.died, worker.process, signal.SIGKILL)
        for entry in [entry for entry in self._emptied if entry[0] is worker.replica]:
            if not any(other.replica is worker.replica for other in self._all.values()):
                self._emptied.remove(entry)
                if not entry[1].done():
                    entry[1].set_result(None)
        if not self._closed:
            self._fork_as_needed()
        for tell in lost:
            tell()

    def _lose_lent(self, worker: Worker) -> list[Callable[[], None]]:
        """How to tell those whose connections a worker had that is gone.

        If it had the token, nobody knows what it has read or sent on the one that its note names.
        """
        lending, note = worker.lending, worker.lending.look()
        if not lending.clients or note is None:
            return []
        token, clients = lending.take_token(), lending.end_term()
        if token is not None:
            self._take_over(worker, token, clients)
        return [
            lent.client.cut
            if token is None and number == note.client
            else partial(lent.client.given_back, b"", lent.asked)
            for number, lent in clients.items()
        ]

    def died(self, process: int, signal_number: int) -> None:
        """The replica says what ended a worker (0: it ended by itself)."""
        if process in self._all:  # its last words may still be in the socket: wait for its end
            self._all[process].ended_by = signal_number
        elif process in self._dead:
            self._mourn(self._dead.pop(process), signal_number)

    def _mourn(self, running: Running, signal_number: int) -> None:
        """SIGABRT, and SIGKILL that nobody here sent, mean memory; all else is a fault of the engine."""
        self._running.pop(running.query_id, None)
        self.counts["crashed"] += 1
        if signal_number in (signal.SIGABRT, signal.SIGKILL):
            running.fail(self._memory_error())
        else:
            _log.error("a worker ended with signal %d", signal_number)
            running.fail(EngineFailure("the engine failed on this query"))


class _Loan:
    """See `service.store.base.Loan`."""

    def __init__(self, pool: Pool, worker: Worker) -> None:
        self._pool, self._worker = pool, worker

    def end(self) -> None:
        if self._worker.lending.clients:
            self._pool.recall(self._worker)
