"""A change is made whole, with its record, or not at all."""

import asyncio
import errno
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.app import open_index
from service.errors import BadRequest, ChangeConflict, ChangeRefused, DeadlineExceeded, NotFound, PreconditionFailed
from service.graph.changes import Author, Changes, Passage
from service.graph.direct import direct_quads
from service.graph.gate import Gate, Match, Verdict
from service.graph.history import difference, quads_at
from service.graph.index import Index
from service.graph.questions import Question
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import PREFIXES
from service.settings import Settings
from service.store import embedded
from service.store.base import Delta, Query, Update, Upload, read
from service.store.embedded import EmbeddedStore, open_store
from tests.graph.test_gate import _CLAIMS, quads, statement
from tests.graph.test_index import contents
from tests.graph.transactions import DIRECT_GRAPH, RULE, closure_of, make_gate, real_quads

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANN = Author("ann")
NAMES = Question(
    name="names",
    titles={"en": "What are people called?"},
    kind="list",
    negative=None,
    notes=(),
    text="SELECT ?o { ?s <http://www.w3.org/2004/02/skos/core#altLabel> ?o }",
)
NAMED = statement("name", "id:ann", "skos:altLabel", '"Annie"@en')


@pytest.fixture(scope="module")
def start() -> list[ox.Quad]:
    return [*closure_of(real_quads(), claims=5), *quads(_CLAIMS)]


def open_changes(start: Iterable[ox.Quad], directory: Path | None = None) -> tuple[EmbeddedStore, Changes]:
    store = open_store(Settings(workers=1), content=lambda: start, prefixes=PREFIXES, directory=directory, digest="1")
    return store, Changes(store, make_gate, base=DEFAULT_BASE, questions=[NAMES], now=lambda: NOW)


@pytest.fixture
async def changes(start: list[ox.Quad]) -> AsyncIterator[Changes]:
    store, made = open_changes(start)
    async with store:
        yield made
    made.close()


def everything(changes: Changes) -> set[ox.Quad]:
    return set(changes.store.match())


async def ask(changes: Changes, text: str) -> bool:
    answer = await read(await changes.store.query(Query(f"ASK {{ {text} }}", union=True)))
    return b"true" in answer


async def test_a_change_is_made_with_its_direct_triples_and_a_record_of_who_when_and_why(changes: Changes) -> None:
    outcome = await changes.submit(Delta(added=NAMED), by=ANN, message="A second name")
    assert outcome.version == changes.store.version == 1
    assert await ask(changes, 'id:ann skos:altLabel "Annie"@en')
    assert [quad.object for quad in outcome.direct(DEFAULT_BASE).added] == [ox.Literal("Annie", language="en")]
    assert await ask(
        changes,
        f"GRAPH g:catalogue {{ <{DEFAULT_BASE}change/1> a prov:Activity ; prov:wasAssociatedWith ?who ; "
        'prov:endedAtTime "2026-01-02T03:04:05Z"^^xsd:dateTime ; dcterms:description "A second name" ; '
        'prov:influenced g:d900, g:direct . ?who rdfs:label "ann" }',
    )
    (entry,) = changes.store.log.latest()
    assert entry.about == {"agent": "ann", "time": "2026-01-02T03:04:05Z", "message": "A second name"}


async def test_a_refused_change_leaves_no_trace_and_says_what_where_and_in_which_passage(changes: Changes) -> None:
    before = everything(changes)
    broken = [quad for quad in NAMED if not quad.predicate.value.endswith("assertedBy")]
    with pytest.raises(ChangeRefused, match="Claim-assertedBy") as caught:
        await changes.submit(Delta(added=broken), by=ANN)
    (violation,) = caught.value.violations
    assert violation.shape == "https://marsad.example/shape#Claim-assertedBy"
    assert violation.focus == NAMED[0].subject
    assert violation.passages == (Passage("d900", 10, 40),)
    assert set(violation.messages) == {"en", "fr"}
    assert everything(changes) == before
    assert changes.store.version == 0
    assert changes.store.log.latest() == []


async def test_a_rule_that_is_no_shape_is_refused_in_the_same_form(changes: Changes) -> None:
    with pytest.raises(ChangeRefused) as caught:
        await changes.submit(Update("INSERT DATA { GRAPH g:d900 { id:ann marsad:memberOf [] } }"), by=ANN)
    assert [violation.shape for violation in caught.value.violations] == [
        "https://marsad.example/shape#Change-blank-node"
    ]


async def test_an_update_and_an_upload_pass_the_same_gate(changes: Changes) -> None:
    update = Update('INSERT DATA { GRAPH g:entities { id:ann skos:prefLabel "Anne"@fr } }')
    await changes.submit(update, by=ANN)
    where = Update("DELETE { GRAPH ?g { ?s skos:prefLabel ?l } } WHERE { GRAPH ?g { ?s skos:prefLabel ?l } }")
    with pytest.raises(ChangeRefused, match=r"prefLabel|label"):
        await changes.submit(where, by=ANN)
    with pytest.raises(ChangeRefused):
        await changes.submit(Upload(f"{DEFAULT_BASE}graph/entities", "replace", (("turtle", b""),)), by=ANN)
    assert changes.store.version == 1


async def test_a_dry_run_says_what_would_change_and_changes_nothing(changes: Changes) -> None:
    before = everything(changes)
    outcome = await changes.submit(Delta(added=NAMED), by=ANN, dry_run=True)
    assert everything(changes) == before
    assert (outcome.version, outcome.dry_run) == (0, True)
    assert set(NAMED) < set(outcome.delta.added)
    assert [quad.graph_name for quad in outcome.direct(DEFAULT_BASE).added] == [DIRECT_GRAPH]
    (question,) = outcome.questions or ()
    assert (question.name, question.gone, question.new) == ("names", 0, 1)


async def test_a_change_that_changes_nothing_makes_no_version(changes: Changes) -> None:
    assert (await changes.submit(Delta(added=quads(_CLAIMS)), by=ANN)).version == 0


async def test_undoing_brings_back_what_was_and_is_a_change_of_its_own(changes: Changes) -> None:
    before = everything(changes)
    await changes.submit(Delta(added=NAMED), by=ANN)
    outcome = await changes.undo(1, by=Author("bob"))
    assert outcome.version == 2
    assert {quad for quad in everything(changes) if not quad.graph_name.value.endswith("catalogue")} == before
    assert changes.store.log.entry(2).about["undoes"] == "1"
    with pytest.raises(ChangeConflict, match="change 1 cannot be undone"):
        await changes.undo(1, by=ANN)
    with pytest.raises(NotFound):
        await changes.undo(9, by=ANN)


async def test_the_graph_at_any_version_and_the_difference_of_two_come_from_the_log(changes: Changes) -> None:
    states = [everything(changes)]
    label = quads('GRAPH g:entities { id:ann skos:prefLabel "Anne"@fr }')
    for change in (Delta(added=NAMED), Delta(added=label), Delta(removed=label), Delta(removed=NAMED)):
        await changes.submit(change, by=ANN)
        states.append(everything(changes))
    for version, state in enumerate(states):
        assert quads_at(changes.store, version) == state
    for before, after in ((0, 4), (1, 3), (3, 1), (2, 2)):
        delta = difference(changes.store, before, after)
        assert (states[before] - set(delta.removed)) | set(delta.added) == states[after]
        assert not set(delta.added) & states[before]
    with pytest.raises(NotFound):
        quads_at(changes.store, 5)


async def test_what_is_expected_is_looked_at_when_nothing_else_can_change(changes: Changes) -> None:
    def expect() -> None:
        if changes.store.version != 0:
            raise PreconditionFailed("the claim has changed")

    label = quads('GRAPH g:entities { id:ann skos:prefLabel "Anne"@fr }')
    results = await asyncio.gather(
        changes.submit(Delta(added=label), by=ANN, expect=expect),
        changes.submit(Delta(added=NAMED), by=ANN, expect=expect),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == ["Outcome", "PreconditionFailed"]


async def test_a_change_is_made_though_who_follows_it_fails(changes: Changes) -> None:
    followed = []

    def fails(delta: Delta, version: int) -> None:
        raise OSError("the disk is full")

    changes.store.listeners += [fails, lambda delta, version: followed.append(version)]
    assert (await changes.submit(Delta(added=NAMED), by=ANN)).version == 1
    assert followed == [1]


async def test_data_that_take_long_to_validate_are_given_up(changes: Changes, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"<{DEFAULT_BASE}id/p{n}> a <https://marsad.example/ns#Person> .\n" for n in range(60))
    upload = Upload(f"{DEFAULT_BASE}graph/entities", "add", (("turtle", text.encode()),))
    _, violations = await changes.examine(upload, limit_s=30)
    assert len({found.focus for found in violations}) == 60
    look, calls = Gate.examine, list[int]()

    def late(gate: Gate, match: Match, change: Delta, *, go_on: Callable[[], None]) -> Verdict:
        def counted() -> None:
            calls.append(1)
            if len(calls) > 65:  # the changed triples are looked at, and the shapes are being held against them
                monkeypatch.setattr(time, "monotonic", lambda: 1e12)
            go_on()

        return look(gate, match, change, go_on=counted)

    monkeypatch.setattr(Gate, "examine", late)
    with pytest.raises(DeadlineExceeded, match="could not be validated within 30 s"):
        await changes.examine(upload, limit_s=30)
    monkeypatch.undo()
    assert (changes.store.version, len(calls)) == (0, 66)
    assert (await changes.submit(Delta(added=NAMED), by=ANN)).version == 1


def test_an_author_is_a_name_that_an_iri_can_hold() -> None:
    for name in ("a b", "", "a/b", "a>b", "é", "x" * 65):
        with pytest.raises(BadRequest):
            Author(name)


async def test_a_message_is_one_line_that_any_format_can_carry(changes: Changes) -> None:
    await changes.submit(Delta(added=NAMED), by=ANN, message="A\x00 se\x1bcond\n name\u200f \U0001f600\ufffe")
    assert changes.store.log.entry(1).about["message"] == "A second name\u200f \U0001f600"


async def test_a_caller_who_goes_away_does_not_stop_a_change_half_way(changes: Changes) -> None:
    for number in range(8):
        name = statement(f"n{number}", "id:ann", "skos:altLabel", f'"Name {number}"@en')
        task = asyncio.create_task(changes.submit(Delta(added=name), by=ANN))
        for _ in range(number * 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await changes.submit(Delta(added=NAMED), by=ANN)
    assert quads_at(changes.store, changes.store.version) == everything(changes)
    assert set(changes.store.match(None, None, None, DIRECT_GRAPH)) == direct_quads(
        everything(changes), RULE, base=DEFAULT_BASE
    )
    assert [entry.version for entry in changes.store.log.latest()] == list(range(changes.store.version, 0, -1))


async def test_changes_and_their_record_are_there_after_a_restart(start: list[ox.Quad], tmp_path: Path) -> None:
    store, changes = open_changes(start, tmp_path / "store")
    async with store:
        await changes.submit(Delta(added=NAMED), by=ANN, message="A second name")
        before = everything(changes)
    changes.close()
    store, changes = open_changes(start, tmp_path / "store")
    async with store:
        assert everything(changes) == before
        assert changes.store.log.latest()[-1].about["message"] == "A second name"
        await changes.undo(1, by=ANN)
        assert quads_at(store, 1) == before
    changes.close()


async def test_an_index_that_missed_a_change_catches_up_with_the_next_one(
    start: list[ox.Quad], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, changes = open_changes(start, tmp_path / "store")
    async with store:
        index = open_index(store, tmp_path / "index.sqlite", Settings())
        move = Index.move

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(Index, "move", full)
        assert (await changes.submit(Delta(added=NAMED), by=ANN)).version == 1
        assert index.stored_version() == f"{store.id}-0"
        monkeypatch.setattr(Index, "move", move)
        label = quads('GRAPH g:entities { id:ann skos:prefLabel "Anne"@fr }')
        await changes.submit(Delta(added=label), by=ANN)
        assert index.stored_version() == f"{store.id}-2"
        anew = Index(None, DEFAULT_BASE)
        anew.build(store.match, "anew")
        assert contents(index) == contents(anew)
        index.close()
    changes.close()


async def test_a_disk_too_full_for_the_state_loses_no_change(
    start: list[ox.Quad], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, changes = open_changes(start, tmp_path / "store")
    async with store:
        with monkeypatch.context() as patched:
            patched.setattr(embedded, "_CHECKPOINT_EVERY", 1)
            patched.setattr(embedded, "write_state", full)
            assert (await changes.submit(Delta(added=NAMED), by=ANN)).version == 1
            assert (await changes.undo(1, by=ANN)).version == 2
        before = everything(changes)
    changes.close()
    store, changes = open_changes(start, tmp_path / "store")
    async with store:
        assert (store.version, everything(changes)) == (2, before)
    changes.close()
