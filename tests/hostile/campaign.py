"""Runs cases against an endpoint and says of each whether it held."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from tests.hostile.canary import WORD
from tests.hostile.case import QUERY_TYPE, WORKER_BYTES, Case, Outcome, Raw, Request, Target
from tests.hostile.client import connect, exchange
from tests.hostile.graph import PROBED, probe
from tests.hostile.watch import Watch, listening_process

# What the service itself may grow by at most, whatever it is asked: two bodies of the largest size.
SERVICE_GROWTH_BYTES = 160 * 2**20
# Above its limit, a worker has the pages of the snapshot that it shares with the others.
WORKER_SLACK_BYTES = 64 * 2**20
# A health answer beside busy workers on two cores, and the client's own work beside it.
HEALTH_S = 1.0
# The probe right after a case, while other cases run.
PROBE_S = 1.0
# A client waits this much longer than the case allows before it gives up.
_PATIENCE_S = 3.0
_PROBES = 15


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case. `faults` says what did not hold; empty is good."""

    case: Case
    outcome: Outcome
    faults: tuple[str, ...]
    probe_s: float
    health_s: float
    service_bytes: int
    worker_bytes: int


class Campaign:
    """Cases against one target. `touched` lists what the canaries have seen.

    `statuses_only`: the target need not say its problems in Marsad's types.
    """

    def __init__(
        self,
        target: Target,
        *,
        touched: Callable[[], list[str]],
        health_path: str,
        process: int | None,
        statuses_only: bool = False,
    ) -> None:
        self.target, self._touched, self._statuses_only = target, touched, statuses_only
        self._numbers = itertools.count(1)
        self._health = f"GET {health_path} HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n".encode()
        self.watch = Watch(process, self._alive)
        self._start_service = self._start_child = 0
        self.before_s: float | None = None
        self.after_s: float | None = None
        self.dead = False

    @contextmanager
    def running(self) -> Iterator["Campaign"]:
        """Watch the endpoint; measure how fast it is before and after."""
        self.before_s = self._speed()
        with self.watch:
            self._pause(0.3)
            start = self.watch.memory()
            if start is not None:
                self._start_service, self._start_child = start.service, start.child
            yield self
        self.after_s = self._speed()

    def run(
        self, cases: Iterable[Case], *, parallel: int, tell: Callable[[Result], None] = lambda _: None
    ) -> list[Result]:
        """All cases: those that may run beside others first, the long waits among them beside everything."""
        rows = list(cases)
        waits = [case for case in rows if case.slow and not case.alone]
        together = [case for case in rows if not case.alone and not case.slow]
        results = []
        with ThreadPoolExecutor(len(waits) + parallel) as pool:
            pending: set[Future[Result]] = {pool.submit(self.run_one, case) for case in waits}
            todo, running = iter(together), 0
            while True:
                while running < parallel and not self.dead and (case := next(todo, None)) is not None:
                    pending.add(pool.submit(self.run_one, case))
                    running += 1
                if not pending:
                    break
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    running -= not result.case.slow
                    results.append(result)
                    tell(result)
        for case in rows:
            if case.alone and not self.dead:
                results.append(self.run_one(case))
                tell(results[-1])
        return results

    def run_one(self, case: Case) -> Result:
        """One case, and the probe after it."""
        started = time.monotonic()
        try:
            outcome = self._ask(case)
        except OSError as error:
            outcome = Outcome("closed", time.monotonic() - started, body=str(error).encode())
        ended = time.monotonic()
        self.dead = self.dead or not self._takes_connections()
        probe_s = self.probe()
        answers = self.watch.health(started, time.monotonic())
        memory = self.watch.memory(started, ended + 0.1)
        service = memory.service - self._start_service if memory else 0
        worker = memory.child - self._start_child if memory else 0
        result = Result(case, outcome, (), probe_s, max(answers, default=0.0), service, worker)
        return Result(case, outcome, tuple(self._faults(result)), probe_s, result.health_s, service, worker)

    def probe(self) -> float:
        """Seconds of a small query that no cache knows; infinite if its answer is not the right one."""
        text = probe(next(self._numbers))
        headers = [("Content-Type", QUERY_TYPE), ("Accept", "text/csv"), ("Connection", "close")]
        try:
            outcome = exchange(self.target, Request(headers=headers, body=text).payload(self.target), 10)
        except OSError:
            return float("inf")
        right = outcome.word == "200" and outcome.body.split() == [b"count", str(PROBED).encode()]
        return outcome.seconds if right else float("inf")

    def _ask(self, case: Case) -> Outcome:
        limit_s = case.limit_s + _PATIENCE_S
        if isinstance(case.request, Request | Raw):
            return exchange(self.target, case.request.payload(self.target), limit_s)
        return case.request(self.target, limit_s)

    def _faults(self, result: Result) -> Iterator[str]:
        case, outcome = result.case, result.outcome
        words = {word.split()[0] for word in case.expected} if self._statuses_only else case.expected
        if (outcome.word.split()[0] if self._statuses_only else outcome.word) not in words:
            yield f"answered {outcome.word}, not {' or '.join(sorted(case.expected))}"
        if case.holds not in outcome.body:
            yield f"the answer lacks {case.holds!r}"
        if WORD.encode() in outcome.body:
            yield "the answer holds what only a canary knows"
        if outcome.seconds > case.limit_s:
            yield f"took {outcome.seconds:.1f} s of {case.limit_s:g} s"
        if len(outcome.head) > 16 * 2**10:
            yield f"the headers of the answer have {len(outcome.head)} bytes"
        if result.probe_s > PROBE_S:
            yield f"a small query took {result.probe_s:.2f} s afterwards"
        if result.health_s > HEALTH_S:
            yield f"a health answer took {result.health_s:.2f} s meanwhile"
        if result.service_bytes > SERVICE_GROWTH_BYTES:
            yield f"the service grew by {result.service_bytes >> 20} MiB"
        if result.worker_bytes > WORKER_BYTES + WORKER_SLACK_BYTES:
            yield f"a worker grew by {result.worker_bytes >> 20} MiB"
        if touched := self._touched():
            yield f"a canary was touched: {', '.join(touched[:3])}"

    def _alive(self) -> bool:
        try:
            return exchange(self.target, self._health, 10).status == 200
        except OSError:
            return False

    def _takes_connections(self) -> bool:
        try:
            connect(self.target).close()
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        return True

    def _speed(self) -> float:
        """The median of some probes, one after the other."""
        self.probe()
        return statistics.median(self.probe() for _ in range(_PROBES))

    def _pause(self, seconds: float) -> None:
        """Let the watch take its first looks."""
        threading.Event().wait(seconds)


def process_of(target: Target) -> int | None:
    """The process behind a target, if it can be told."""
    return listening_process(target.port)
