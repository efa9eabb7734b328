"""Changing the graph: the one way in, whatever the protocol.

propose → exact change → direct triples → shapes and rules (`gate`) → log → disk → replica and index → new workers

    outcome = await changes.submit(Update(text), by=Author("ann"), message="Correct a date")

A change that breaks a shape or a rule raises ChangeRefused and leaves no trace.
"""

import asyncio
import contextlib
import os
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TypeAlias, TypeVar

import pyoxigraph as ox

from service.errors import BadRequest, ChangeConflict, ChangeRefused, DeadlineExceeded, NotFound
from service.graph.gate import Fault, Gate, Match, Verdict, exact
from service.graph.history import only_claims, quads_at, reversed_change
from service.graph.provenance import activity
from service.graph.questions import Question
from service.graph.validation import Term, ValidationResult
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri, split_iri
from service.rdf.namespaces import prefixes
from service.store.base import Delta, Update, Upload
from service.store.embedded import EmbeddedStore

# A change as a protocol has it: something to be tried, the quads themselves, or what makes them from the present graph.
Proposal: TypeAlias = Update | Upload | Delta | Callable[[Match], Delta]

# Of the thread that examines what is not to be stored.
_NICE = 10
# 500,000 quads: up to there a copy of the graph for the questions takes about a second.
_MOST_QUADS_FOR_QUESTIONS = 500_000
# Letters that need no escapes in a log or an IRI.
AUTHOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# What XML cannot carry, however it is written: the message stands in a feed.
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Author:
    """Whoever makes a change: a name of letters, digits, `.`, `_` and `-`. Raises BadRequest: it has others."""

    name: str

    def __post_init__(self) -> None:
        if not AUTHOR_NAME.fullmatch(self.name):
            raise BadRequest(f"{self.name!r}: a name has letters, digits, `.`, `_` and `-`, 64 at most")


@dataclass(frozen=True, slots=True)
class Passage:
    """Where in a document: code points [start, end)."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Violation(ValidationResult):
    """What a change breaks, and the passages of the claim or passage that it would break."""

    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionChange:
    """A stored question whose answer a change alters: how many rows go and how many come."""

    name: str
    title: str
    gone: int
    new: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did, or would do.

    `version` is the one that it made, or the present one where nothing changes or `dry_run` was asked for. `delta` is
    exact and has the direct triples in it; `notes` are warnings of the shapes. `questions` is filled by a dry run:
    None where the graph is too large to answer all of them twice.
    """

    version: int
    delta: Delta
    notes: tuple[ValidationResult, ...] = ()
    dry_run: bool = False
    whole: bool = False
    questions: tuple[QuestionChange, ...] | None = ()

    def direct(self, base: str) -> Delta:
        """The part of the change that is in the direct graph."""
        graph = graph_iri(base, "direct")
        return Delta(
            removed=[quad for quad in self.delta.removed if quad.graph_name == graph],
            added=[quad for quad in self.delta.added if quad.graph_name == graph],
        )


class Changes:
    """The way into one store. Changes are made one at a time, in the order in which they are submitted."""

    def __init__(
        self,
        store: EmbeddedStore,
        make_gate: Callable[[], Gate],
        *,
        base: str,
        questions: Sequence[Question] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.base = store, base
        self._make_gate, self._questions, self._now = make_gate, questions, now
        self._gate: Gate | None = None
        self._one = asyncio.Lock()
        # The shapes that pySHACL has compiled are for one thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gate")
        # What is only looked at has a gate of its own: it must not keep changes waiting.
        self._second: Gate | None = None
        self._other = asyncio.Lock()
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="examine", initializer=_give_way)

    def close(self) -> None:
        """End the threads of the gates."""
        for thread in (self._thread, self._aside):
            thread.shutdown(wait=True, cancel_futures=True)

    async def submit(
        self,
        proposal: Proposal,
        *,
        by: Author,
        message: str = "",
        dry_run: bool = False,
        expect: Callable[[], None] | None = None,
        deadline_s: float | None = None,
        about: dict[str, str] | None = None,
    ) -> Outcome:
        """Make a change, or with `dry_run` say what it would do.

        `expect` is called when nothing else can change the graph any more, and may raise. `about` is kept in the log
        besides agent, time and message (which is kept on one line). A cancelled caller does not stop a change that has begun to be written.

        Raises ChangeRefused: it breaks a shape or a rule; `violations` hold everything. Nothing was changed.
        Raises QueueFull: other changes took until the deadline, and this one was never begun.
        Raises StorageFailed: the disk did not take it. Raises what `Store.propose` raises.
        """
        async with self.store.turn(self._one, deadline_s):
            if expect is not None:
                expect()
            verdict = await self._examine(proposal, deadline_s)
            self._raise_if_refused(verdict)
            outcome = Outcome(
                self.store.version,
                verdict.delta,
                notes=(*verdict.report.of("Warning"), *verdict.report.of("Info")),
                dry_run=dry_run,
                whole=verdict.whole,
            )
            if dry_run:
                return replace(outcome, questions=await self._in_thread(self._changed_questions, verdict.delta))
            if not verdict.delta:
                return outcome
            said = {"agent": by.name, "time": self._time(), "message": one_line(message), **(about or {})}
            version = await _to_the_end(self._write(verdict.delta, {name: text for name, text in said.items() if text}))
            return replace(outcome, version=version)

    async def examine(self, upload: Upload, *, limit_s: float) -> tuple[Verdict, list[Violation]]:
        """What the gate says of an upload that is not to be stored, in `limit_s` seconds; no change waits for it.

        It is held against the graph as it is meanwhile: a change that is made at the same time may be seen or not.
        Raises QueueFull: others were examined until then. Raises DeadlineExceeded. Raises BadRequest: it is one for the
        whole graph.
        """
        ends = time.monotonic() + limit_s

        def go_on() -> None:
            if time.monotonic() > ends:
                raise DeadlineExceeded(
                    f"the data could not be validated within {limit_s:g} s; send less at a time",
                    limit="seconds for a validation", value=limit_s, setting="MARSAD_VALIDATE_SECONDS",
                )  # fmt: skip

        async with self.store.turn(self._other, limit_s):
            change = await self.store.propose(upload, deadline_s=limit_s)
            work = asyncio.get_running_loop().run_in_executor(self._aside, self._look, change, go_on)
            return await _to_the_end(work)

    def _look(self, change: Delta, go_on: Callable[[], None]) -> tuple[Verdict, list[Violation]]:
        if self._second is None:
            self._second = self._make_gate()
        verdict = self._second.examine(self.store.match, change, go_on=go_on)
        return verdict, self.violations(verdict)

    async def state_at(self, version: int) -> set[ox.Quad]:
        """The whole graph as it was at a version. Raises NotFound: the log does not reach back to it."""
        async with self.store.turn(self._one):  # nothing changes while the present graph is read
            return await self._in_thread(quads_at, self.store, version)

    async def undo(self, version: int, *, by: Author, message: str = "", dry_run: bool = False) -> Outcome:
        """Make a new change that reverses what a version did.

        Raises NotFound: there is no such change. Raises ChangeConflict: what it did is not there any more.
        Raises what `submit` raises.
        """
        log = self.store.log
        delta = log.delta(version) if log is not None else None
        if delta is None:
            raise NotFound(f"there is no change {version}; the last one is {self.store.version}")
        back = reversed_change(only_claims(delta, self.base))

        def propose(match: Match) -> Delta:
            now = exact(match, back)
            if (len(now.removed), len(now.added)) != (len(back.removed), len(back.added)):
                raise ChangeConflict(
                    f"change {version} cannot be undone as a whole: later changes have altered what it did; "
                    f"undo those first, or change what is there now"
                )
            return now

        return await self.submit(
            propose, by=by, message=message or f"Undo {version}", dry_run=dry_run, about={"undoes": str(version)}
        )

    def violations(self, verdict: Verdict) -> list[Violation]:
        """What stands against a change, with passages."""
        found = [*map(_of_fault, verdict.faults), *verdict.report.of("Violation")]
        after = _after(self.store.match, verdict.delta)
        return [_with_passages(after, result, self.base) for result in found]

    def _raise_if_refused(self, verdict: Verdict) -> None:
        if not verdict.accepted:
            raise ChangeRefused(self.violations(verdict))

    async def _examine(self, proposal: Proposal, deadline_s: float | None) -> Verdict:
        change: Delta | Callable[[Match], Delta]
        if isinstance(proposal, Update | Upload):
            change = await self.store.propose(proposal, deadline_s=deadline_s)
        else:
            change = proposal
        return await self._in_thread(self._judge, change)

    def _judge(self, change: Delta | Callable[[Match], Delta]) -> Verdict:
        if self._gate is None:
            self._gate = self._make_gate()
        match = self.store.match
        return self._gate.examine(match, change if isinstance(change, Delta) else change(match))

    async def _write(self, delta: Delta, about: dict[str, str]) -> int:
        trace = activity(self.store.version + 1, about, [*delta.removed, *delta.added], base=self.base)
        new = exact(self.store.match, Delta(added=trace))
        whole = Delta(
            removed=delta.removed, added=[*delta.added, *new.added], created=delta.created, dropped=delta.dropped
        )
        return await self.store.apply(whole, about=about)

    def _time(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _in_thread(self, function: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _changed_questions(self, delta: Delta) -> tuple[QuestionChange, ...] | None:
        if self.store.status().quads > _MOST_QUADS_FOR_QUESTIONS:
            return None
        if not delta:
            return ()
        graph = ox.Store()
        graph.bulk_extend(self.store.match())
        known = prefixes(self.base)
        before = [_rows(graph, question, known) for question in self._questions]
        for quad in delta.removed:
            graph.remove(quad)
        graph.extend(delta.added)
        found = []
        for question, old in zip(self._questions, before, strict=True):
            new = _rows(graph, question, known)
            if old != new:
                found.append(QuestionChange(question.name, question.title, len(old - new), len(new - old)))
        return tuple(found)


def one_line(text: str) -> str:
    """A text on one line, without control characters."""
    return " ".join(_NOT_IN_XML.sub("", text).split())


def _give_way() -> None:
    """Let everything else in this process, and the workers, go before this thread."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


async def _to_the_end(work: Awaitable[_T]) -> _T:
    """Wait for something that goes on to its end even when this task is cancelled; the lock is held until then."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _rows(graph: ox.Store, question: Question, known: dict[str, str]) -> frozenset[object]:
    answer = graph.query(question.text, use_default_graph_as_union=True, prefixes=known)
    if isinstance(answer, ox.QuerySolutions):
        names = [variable.value for variable in answer.variables]
        return frozenset(tuple(str(row[name]) for name in names) for row in answer)
    if isinstance(answer, ox.QueryTriples):
        return frozenset(answer)
    return frozenset([bool(answer)])


def _of_fault(fault: Fault) -> ValidationResult:
    return ValidationResult(
        shape=f"{ns.SHAPE}Change-{fault.rule}",
        focus=_term(fault.focus),
        path=fault.path,
        value=None if fault.value is None else _term(fault.value),
        severity="Violation",
        messages=fault.messages,
        component=f"{ns.SHAPE}Change",
    )


def _term(term: object) -> Term:
    return term if isinstance(term, ox.NamedNode | ox.BlankNode | ox.Literal) else ox.Literal(str(term))


_Objects: TypeAlias = Callable[[object, ox.NamedNode], list[object]]


def _with_passages(after: _Objects, result: ValidationResult, base: str) -> Violation:
    nodes = [result.focus, *after(result.focus, ns.EVIDENCE)]
    found = {passage for node in nodes for passage in _passage(after, node, base)}
    return Violation(
        shape=result.shape,
        focus=result.focus,
        path=result.path,
        value=result.value,
        severity=result.severity,
        messages=result.messages,
        component=result.component,
        passages=tuple(sorted(found, key=lambda passage: (passage.document, passage.start, passage.end))),
    )


def _after(match: Match, delta: Delta) -> _Objects:
    leaving = set(delta.removed)
    added: dict[object, list[ox.Quad]] = {}
    for quad in delta.added:
        added.setdefault(quad.subject, []).append(quad)

    def objects(subject: object, predicate: ox.NamedNode) -> list[object]:
        if not isinstance(subject, ox.NamedNode):
            return []
        coming = (quad for quad in added.get(subject, ()) if quad.predicate == predicate)
        staying = (quad for quad in match(subject, predicate, None, None) if quad not in leaving)
        return [quad.object for quad in chain(coming, staying)]

    return objects


def _passage(objects: _Objects, node: object, base: str) -> Iterator[Passage]:
    """The passage that a node is, by what its document and offsets are."""
    for document in objects(node, ns.DOCUMENT):
        parts = split_iri(base, document) if isinstance(document, ox.NamedNode) else None
        for start in objects(node, ns.START):
            for end in objects(node, ns.END):
                if parts is None or not isinstance(start, ox.Literal) or not isinstance(end, ox.Literal):
                    continue
                if start.value.isdecimal() and end.value.isdecimal():
                    yield Passage(parts[1], int(start.value), int(end.value))
