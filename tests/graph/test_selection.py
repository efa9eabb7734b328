"""A selection is one request: filters hold together, pages follow each other, facets count what is listed."""

import random
import sqlite3
from dataclasses import replace
from datetime import date

import pytest

from service.errors import BadRequest
from service.graph import columns
from service.graph.index import Index
from service.graph.selection import COLLECTIONS, Selection, facet_names, facets, is_member, period_of, select
from tests.benchmarks.graph import names
from tests.benchmarks.rest import MadeUpGraph
from tests.graph.sample import BASE, sample_index

READ = sample_index().connection


def slugs(**filters) -> list[str]:
    filters.setdefault("collection", "entities")
    selection = Selection(**filters)
    table, column = ("claim", "key") if selection.of_claims else ("resource", "slug")
    ids = select(READ, selection, BASE).ids
    return [READ.execute(f"SELECT {column} FROM {table} WHERE id = ?", (row,)).fetchone()[0] for row in ids]


def test_entities_come_by_label_and_merged_ones_stay_out():
    assert slugs() == ["ann", "chief", "d001", "d002", "security"]
    assert slugs(sort="-slug") == ["security", "d002", "d001", "chief", "ann"]


@pytest.mark.parametrize(
    ("collection", "expected"),
    [
        ("actors", ["ann", "security"]),
        ("institutions", ["security"]),
        ("threats", ["crime", "smuggling"]),
        ("documents", ["d001", "d002"]),
        ("events", []),
        ("topics", ["cells", "crime", "ministry", "smuggling"]),
    ],
)
def test_each_noun_lists_its_classes(collection, expected):
    assert slugs(collection=collection) == expected


def test_a_subclass_and_a_narrower_topic_count():
    assert slugs(types=("Actor",)) == ["ann", "security"]
    assert slugs(collection="claims", topics=("crime",)) == ["d001.cells"]
    assert slugs(kinds=("ministry",)) == ["security"]


def test_claim_filters_must_hold_for_one_and_the_same_claim():
    assert slugs(documents=("d002",), modalities=("alleged",)) == ["ann", "chief"]
    assert slugs(documents=("d001",), modalities=("alleged",)) == []


def test_text_asks_for_every_word_and_takes_the_start_of_one():
    assert slugs(text="secur") == ["chief", "security"]
    assert slugs(text="الأمن") == ["security"]
    assert slugs(text="security sal") == []


def test_related_asserter_relation_and_place():
    assert slugs(collection="claims", related=("chief",)) == ["d001.post.heldPost.chief", "d002.post.heldPost.chief"]
    assert slugs(collection="claims", asserters=("security",)) == ["d001.post.heldPost.chief"]
    assert slugs(collection="claims", predicates=("heldPost",), documents=("d002",)) == ["d002.post.heldPost.chief"]
    assert slugs(collection="claims", related=("nobody",)) == []
    assert slugs(collection="claims", places=("chief",)) == []


@pytest.mark.parametrize(
    ("begin", "end", "mode", "expected"),
    [
        ("2014-06", None, "possibly", 1),
        ("2014-06", None, "certainly", 0),
        (None, "2014", "certainly", 1),
        ("2015", None, "possibly", 0),
    ],
)
def test_possibly_and_certainly_differ(begin, end, mode, expected):
    first, last = period_of(begin, end)
    assert len(slugs(collection="timeline", begin=first, end=last, mode=mode)) == expected


def test_a_period_that_ends_before_it_begins_is_refused():
    assert period_of("2014", "2014") == (date(2014, 1, 1), date(2014, 12, 31))
    with pytest.raises(BadRequest, match="before it begins"):
        period_of("2015", "2014")
    with pytest.raises(BadRequest, match="EDTF"):
        period_of("last year", None)


@pytest.mark.parametrize("collection", sorted(COLLECTIONS))
def test_pages_put_together_are_the_whole_list(collection):
    whole = select(READ, Selection(collection=collection, limit=0), BASE)
    cursor, pages = None, []
    for _ in range(len(whole.ids) + 1):
        page = select(READ, Selection(collection=collection, limit=1, cursor=cursor), BASE)
        pages += page.ids
        assert page.total == whole.total == len(whole.ids)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert pages == whole.ids


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WzEsMiwzXQ", "ééé"])
def test_a_cursor_that_was_not_given_out_is_refused(cursor):
    with pytest.raises(BadRequest, match="next"):
        select(READ, Selection(collection="entities", cursor=cursor), BASE)


def test_an_unknown_order_is_refused_with_the_known_ones():
    with pytest.raises(BadRequest, match="claims, label, slug"):
        select(READ, Selection(collection="entities", sort="size"), BASE)


def test_facets_count_what_a_click_would_list():
    counted = facets(READ, Selection(collection="claims"), BASE, facet_names("claims", "all"))
    assert counted["topic"] == [("cells", 1), ("crime", 1), ("smuggling", 1)]
    assert counted["modality"] == [("asserted", 2), ("alleged", 1)]
    assert counted["document"] == [("d001", 2), ("d002", 1)]
    for name, attribute in (
        ("modality", "modalities"),
        ("document", "documents"),
        ("asserter", "asserters"),
        ("type", "types"),
        ("topic", "topics"),
    ):
        for value, count in counted[name]:
            assert len(slugs(collection="claims", **{attribute: (value,)})) == count


# Shares of claims and resources that are few, resources that are asked one by one, whether what is wanted often is made ahead.
WAYS = {
    "all at once": (0, 0, -1, False),
    "claim by claim": (2, 0, -1, False),
    "resource by resource": (0, 2, -1, False),
    "each thing asked": (0, 0, 1000, False),
    "made ahead": (0, 0, -1, True),
}


@pytest.mark.parametrize("way", WAYS)
def test_facets_count_what_each_filter_finds_in_every_way_of_counting(way, monkeypatch):
    claims, resources, asked, ahead = WAYS[way]
    monkeypatch.setattr(columns, "_FEW_CLAIMS", claims)
    monkeypatch.setattr(columns, "_FEW_RESOURCES", resources)
    monkeypatch.setattr(columns, "_FEW_TO_ASK", asked)
    graph = MadeUpGraph(entities=60, seed=5)
    index = Index(None, BASE)
    index.build(graph.match, "1")
    if ahead:
        index.warm()
    chance = random.Random(claims + 10 * resources)
    for _ in range(40):
        check_facets(index.connection, random_selection(graph, chance))


def random_selection(graph: MadeUpGraph, chance: random.Random) -> Selection:
    filters = {
        "types": (chance.choice(("Person", "Actor", "Event", "Statement")),),
        "kinds": (f"kind-{chance.randrange(8)}",),
        "documents": tuple(f"d{chance.randrange(graph.documents):03}" for _ in range(2)),
        "modalities": tuple({chance.choice(("asserted", "probable", "alleged")) for _ in range(2)}),
        "predicates": (chance.choice(("memberOf", "partOf", "target")),),
        "asserters": (f"e{chance.randrange(5)}",),
        "related": (f"e{chance.randrange(20)}",),
        "subjects": (f"e{chance.randrange(20)}",),
        "objects": (f"e{chance.randrange(20)}",),
        "places": (f"e{chance.randrange(4)}",),
        "text": names(chance.randrange(60))[0].split()[0][:3],
        "begin": date(chance.randrange(1956, 2021), 6, 1),
        "end": date(2030, 1, 1),
        "mode": chance.choice(("possibly", "certainly")),
    }
    chosen = chance.sample(sorted(filters), chance.randrange(5))
    return Selection(
        collection=chance.choice(("entities", "actors", "threats", "claims")),
        **{name: filters[name] for name in chosen},
    )


def check_facets(connection: sqlite3.Connection, selection: Selection) -> None:
    of_filter = {
        "type": "types", "kind": "kinds", "document": "documents", "modality": "modalities", "relation": "predicates",
        "asserter": "asserters", "topic": "topics", "place": "places",
    }  # fmt: skip
    listed = {
        "document": "SELECT DISTINCT document FROM claim",
        "modality": "SELECT DISTINCT modality FROM claim",
        "topic": "SELECT slug FROM resource JOIN class_of ON resource = id WHERE class = 'Topic'",
        "place": "SELECT slug FROM resource JOIN class_of ON resource = id WHERE class = 'Place'",
    }
    names_of_all = facet_names(selection.collection, "all")
    assert len(names_of_all) == (7 if selection.of_claims else 8)
    for name, counted in facets(connection, selection, BASE, names_of_all).items():
        without = replace(selection, **{of_filter[name]: ()})
        for value, count in counted:
            one = replace(without, **{of_filter[name]: (value,)})
            assert select(connection, one, BASE).total == count, (one, name)
        if name in listed:
            filters = ((row[0], {of_filter[name]: (row[0],)}) for row in connection.execute(listed[name]))
            found = {one for one, given in filters if select(connection, replace(without, **given), BASE).total}
            assert {value for value, _ in counted} == found, name


def test_a_kind_finds_the_claims_about_what_is_of_it():
    assert slugs(collection="claims", kinds=("ministry",)) == ["d001.cells"]
    assert slugs(collection="claims", kinds=("nothing",)) == []


def test_a_facet_leaves_its_own_filter_out():
    counted = facets(READ, Selection(collection="claims", modalities=("alleged",)), BASE, ("modality", "document"))
    assert counted["modality"] == [("asserted", 2), ("alleged", 1)]
    assert counted["document"] == [("d002", 1)]


def test_facets_are_asked_for_by_name():
    assert facet_names("claims", "true") == ("type", "document", "modality", "relation", "asserter")
    assert facet_names("actors", "topic, place") == ("topic", "place")
    assert facet_names("actors", "false") == ()
    with pytest.raises(BadRequest, match="there is no kind; there are true, all, type, document"):
        facet_names("claims", "kind")


def test_membership_is_what_the_list_says():
    row_id = READ.execute("SELECT id FROM resource WHERE slug = 'chief'").fetchone()[0]
    assert is_member(READ, Selection(collection="entities"), BASE, row_id)
    assert not is_member(READ, Selection(collection="actors"), BASE, row_id)
