"""Bitmaps of the index say what its rows say."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.graph.columns import Columns, _Bounds, bitmap, columns_of, few_row_ids, flags_of, row_ids
from service.store.base import Delta
from tests.graph.sample import BASE, matching, sample_index, sample_store

IDS = st.sets(st.integers(0, 300), max_size=80)


@given(IDS)
def test_a_bitmap_gives_back_its_row_ids(ids: set[int]) -> None:
    bits = bitmap(ids, 301)
    assert list(row_ids(bits)) == list(few_row_ids(bits)) == sorted(ids)
    assert bits.bit_count() == len(ids)
    assert sum(flags_of(bits)) == len(ids)


@given(IDS, IDS)
def test_sets_are_combined_as_bits(one: set[int], other: set[int]) -> None:
    assert set(row_ids(bitmap(one, 301) & bitmap(other, 301))) == one & other
    assert set(row_ids(bitmap(one, 301) | bitmap(other, 301))) == one | other


DAYS = st.dates().map(lambda day: day.isoformat())


@given(st.lists(DAYS, max_size=200), DAYS)
def test_bounds_compare_as_dates_do(days: list[str], day: str) -> None:
    rows = [(value, number) for number, value in enumerate(days)]
    bounds = _Bounds(list(rows), len(rows) + 1)
    assert set(row_ids(bounds.at_most(day))) == {number for value, number in rows if value <= day}


@pytest.fixture(scope="module")
def columns() -> Columns:
    return columns_of(sample_index().connection)


@pytest.mark.parametrize("column", ["type", "document", "modality", "predicate"])
def test_counts_are_those_of_the_rows(columns: Columns, column: str) -> None:
    rows = sample_index().connection.execute(f"SELECT {column} FROM claim WHERE {column} IS NOT NULL").fetchall()
    assert columns.counts(column, columns.all_claims) == Counter(row[0] for row in rows)


def test_at_least_leaves_undated_claims_out(columns: Columns) -> None:
    assert columns.at_least("latest", "2014-12-31").bit_count() == 1
    assert columns.at_least("latest", "2015-01-01") == 0
    assert columns.at_most("earliest", "2014-01-01").bit_count() == 1
    assert columns.at_most("earliest", "2013-12-31") == 0


def test_readers_of_a_new_version_get_new_columns_and_others_keep_theirs() -> None:
    store = sample_store()
    index = sample_index(store)
    reader = index.reader()
    first = columns_of(reader)
    assert columns_of(index.connection) is first
    gone = [quad for quad in store if str(quad.subject) == f"<{BASE}claim/d002.post.heldPost.chief>"]
    for quad in gone:
        store.remove(quad)
    reader.execute("BEGIN")
    assert reader.execute("SELECT COUNT(*) FROM claim").fetchone()[0] == 3
    index.move(matching(store), Delta(removed=gone), "2")
    assert columns_of(index.connection).all_claims.bit_count() == 2
    assert columns_of(reader).all_claims.bit_count() == 3
    reader.execute("COMMIT")
    assert columns_of(reader).all_claims.bit_count() == 2
