"""The index says what the graph says, and a move by a change gives what a build anew would give."""

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.graph.index import Index
from service.store.base import Delta
from tests.graph.sample import BASE, matching, sample_index, sample_store

TABLES = {
    "resource": "iri, slug, family, type, label_en, label_fr, label_ar, sort_en, sort_fr, sort_ar, contested, claims, replaced_by",
    "claim": "iri, key, type, document, subject, predicate, object, literal, modality, rank, direct, edtf, earliest, latest, position",
}


def contents(index: Index) -> dict[str, list[tuple]]:
    read = index.connection.execute
    rows = {
        table: sorted(map(tuple, read(f"SELECT {columns} FROM {table}")), key=repr) for table, columns in TABLES.items()
    }
    rows["class_of"] = sorted(map(tuple, read("SELECT class, iri FROM class_of JOIN resource ON id = resource")))
    rows["kind_of"] = sorted(map(tuple, read("SELECT kind, iri FROM kind_of JOIN resource ON id = resource")))
    rows["name"] = sorted(
        map(tuple, read("SELECT language, text, role, iri FROM name JOIN resource ON resource.id = resource"))
    )
    rows["role"] = sorted(map(tuple, read("SELECT resource, role, iri FROM role JOIN claim ON id = claim")))
    rows["evidence"] = sorted(
        map(tuple, read("SELECT evidence.iri, start, end, claim.iri FROM evidence JOIN claim ON id = claim"))
    )
    rows["broader"] = sorted(map(tuple, read("SELECT narrower, broader FROM broader")))
    return rows


def test_a_claim_has_its_parts_its_time_and_its_evidence():
    row = sample_index().connection.execute("SELECT * FROM claim WHERE key = 'd001.post.heldPost.chief'").fetchone()
    assert (row["type"], row["document"], row["subject"], row["object"]) == (
        "Statement",
        "d001",
        BASE + "id/ann",
        BASE + "id/chief",
    )
    assert (row["edtf"], row["earliest"], row["latest"], row["position"], row["direct"]) == (
        "2014",
        "2014-01-01",
        "2014-12-31",
        10,
        1,
    )


def test_a_resource_counts_the_claims_about_it_and_not_those_it_asserts():
    counts = dict(sample_index().connection.execute("SELECT slug, claims FROM resource").fetchall())
    assert (counts["ann"], counts["security"], counts["chief"], counts["old"]) == (2, 1, 2, 0)


def test_a_document_closed_and_opened_again_keeps_its_version(tmp_path):
    index = Index(tmp_path / "index.sqlite", BASE)
    assert index.stored_version() is None
    index.build(matching(sample_store()), "7")
    index.close()
    assert Index(tmp_path / "index.sqlite", BASE).stored_version() == "7"


@pytest.mark.parametrize("garbage", [b"", b"some text that is no database" * 200])
def test_a_file_that_is_no_index_is_begun_anew(tmp_path, garbage):
    (tmp_path / "index.sqlite").write_bytes(garbage)
    index = Index(tmp_path / "index.sqlite", BASE)
    assert index.stored_version() is None
    index.build(matching(sample_store()), "1")
    assert contents(index) == contents(sample_index())


ALL = sorted(sample_store(), key=str)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sets(st.integers(0, len(ALL) - 1), max_size=8), min_size=1, max_size=4))
def test_moving_by_deltas_gives_what_building_anew_gives(changes):
    store = sample_store()
    index = sample_index(store)
    for number, toggled in enumerate(changes, 2):
        quads = [ALL[i] for i in toggled]
        removed = [quad for quad in quads if quad in store]
        added = [quad for quad in quads if quad not in store]
        for quad in removed:
            store.remove(quad)
        store.extend(added)
        index.move(matching(store), Delta(removed=removed, added=added), str(number))
    assert contents(index) == contents(sample_index(store))
    assert index.stored_version() == str(len(changes) + 1)


def test_a_reader_sees_the_index_before_or_after_it_is_made_anew():
    store = sample_store()
    index = sample_index(store)
    reader = index.reader()
    states = []

    def watched(subject, predicate, value):
        states.append(
            reader.execute("SELECT COUNT(*), (SELECT value FROM meta WHERE key = 'version') FROM claim").fetchone()
        )
        return matching(store)(subject, predicate, value)

    before = reader.execute("SELECT COUNT(*) FROM claim").fetchone()[0]
    index.build(watched, "9")
    assert {tuple(state) for state in states} == {(before, "1")}
    assert index.stored_version() == "9"


def test_a_move_forgets_the_names_of_what_went():
    store = sample_store()
    index = sample_index(store)
    gone = ox.Quad(
        ox.NamedNode(BASE + "id/security"),
        ox.NamedNode("http://www.w3.org/2004/02/skos/core#prefLabel"),
        ox.Literal("Security Directorate", language="en"),
        ox.NamedNode(BASE + "graph/entities"),
    )
    store.remove(gone)
    index.move(matching(store), Delta(removed=[gone]), "2")
    found = index.connection.execute("SELECT COUNT(*) FROM name_words WHERE name_words MATCH 'directorate'").fetchone()
    assert found[0] == 0
