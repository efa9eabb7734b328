"""Bitmaps of the index say what its rows say."""

from array import array
from collections import Counter
from datetime import date, timedelta
from itertools import accumulate

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.graph.bitmaps import (
    Ranges,
    Ranks,
    Runs,
    bitmap,
    bytes_of,
    few_bits,
    flags_of,
    row_ids,
    rows_of_byte,
    spread,
)
from service.graph.columns import Columns, Order, Period, columns_of
from service.rdf.namespaces import marsad
from service.store.base import Delta
from tests.graph.sample import BASE, matching, sample_index, sample_store

IDS = st.sets(st.integers(0, 300), max_size=80)


@given(IDS | st.sets(st.integers(0, 300), max_size=2))
def test_a_bitmap_gives_back_its_row_ids(ids: set[int]) -> None:
    bits = bitmap(ids, 301)
    assert list(row_ids(bits)) == sorted(ids)
    assert few_bits(list(ids), 301) == bits
    assert bits.bit_count() == len(ids)
    assert sum(flags_of(bits)) == len(ids)


@given(IDS, IDS)
def test_sets_are_combined_as_bits(one: set[int], other: set[int]) -> None:
    assert set(row_ids(bitmap(one, 301) & bitmap(other, 301))) == one & other
    assert set(row_ids(bitmap(one, 301) | bitmap(other, 301))) == one | other


# More than a byte counts.
EVERY_DAY = [(date(2014, 1, 1) + timedelta(days=7 * number % 600)).isoformat() for number in range(600)]
DAYS = st.dates().map(lambda day: day.isoformat())


@given(st.lists(DAYS | st.none(), max_size=200) | st.just(EVERY_DAY), DAYS)
def test_bounds_compare_as_dates_do(days: list[str | None], day: str) -> None:
    known = sorted({value for value in days if value})
    numbers = array("I", [known.index(value) + 1 if value else 0 for value in days])
    ranks = Ranks(bytes_of(numbers, len(known)), known)
    rows = [(number, value) for number, value in enumerate(days) if value]
    for asked in (day, *known):
        assert list(row_ids(ranks.at_most(asked))) == [number for number, value in rows if value <= asked]
        assert list(row_ids(ranks.at_least(asked))) == [number for number, value in rows if value >= asked]


@given(st.lists(st.integers(1, 9), max_size=60), IDS)
def test_a_run_is_met_where_one_of_its_rows_is(lengths: list[int], ids: set[int]) -> None:
    ends = list(accumulate(lengths))
    rows = {row for row in ids if ends and row < ends[-1]}
    met = [number for number, end in enumerate(ends) if rows & set(range(end - lengths[number], end))]
    runs = Runs([end - 1 for end in ends])
    assert list(row_ids(runs.numbers(bitmap(rows, 301)))) == met
    assert list(row_ids(runs.any(bitmap(rows, 301)))) == [ends[number] - 1 for number in met]


@given(IDS, st.lists(st.tuples(st.integers(0, 310), st.integers(0, 40)), max_size=20))
def test_bits_are_counted_in_any_range(ids: set[int], ranges: list[tuple[int, int]]) -> None:
    asked = [(start, start + length) for start, length in ranges]
    assert Ranges(asked).counts(bitmap(ids, 301)) == [len(ids & set(range(*one))) for one in asked]


@given(IDS, st.lists(st.integers(0, 300), max_size=90))
def test_rows_are_put_into_another_order(ids: set[int], order: list[int]) -> None:
    spread_out = spread(order, bitmap(ids, 301), 301)
    assert list(row_ids(spread_out)) == [place for place, row in enumerate(order) if row in ids]


@given(st.binary(max_size=50), st.integers(0, 255))
def test_rows_are_found_by_their_byte(data: bytes, value: int) -> None:
    assert list(row_ids(rows_of_byte(data, value))) == [place for place, byte in enumerate(data) if byte == value]


@given(st.permutations(range(40)), st.sets(st.integers(0, 39)), st.integers(0, 50), st.integers(0, 45), st.booleans())
def test_the_first_rows_in_an_order(ids: list[int], rows: set[int], wanted: int, start: int, few: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.graph.columns._FEW_TO_SORT", 300 if few else 0)
        found = Order(ids, 40).first(bitmap(rows, 40), wanted, start=start)
    assert found == [row for row in ids[start:] if row in rows][:wanted]


@pytest.fixture(scope="module")
def columns() -> Columns:
    return columns_of(sample_index().connection)


@pytest.mark.parametrize("column", ["type", "document", "modality", "predicate"])
def test_counts_are_those_of_the_rows(columns: Columns, column: str) -> None:
    rows = sample_index().connection.execute(f"SELECT {column} FROM claim WHERE {column} IS NOT NULL").fetchall()
    assert columns.counts(column, columns.all_claims) == Counter(row[0] for row in rows)


@pytest.mark.parametrize("most", [0, 255])
def test_a_claim_counts_for_each_of_its_asserters_however_often_one_asks(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.graph.columns._MOST_BITMAPS", most)
    store = sample_store()
    claim = ox.NamedNode(f"{BASE}claim/d001.cells")
    store.add(
        ox.Quad(claim, marsad("assertedBy"), ox.NamedNode(f"{BASE}id/security"), ox.NamedNode(f"{BASE}graph/d001"))
    )
    columns = columns_of(sample_index(store).connection)
    for _ in range(2):
        assert columns.counts("asserter", columns.all_claims) == {f"{BASE}id/ann": 2, f"{BASE}id/security": 2}
        assert columns.having("asserter", [f"{BASE}id/security"]).bit_count() == 2
        assert columns.having("asserter", [f"{BASE}id/ann"]).bit_count() == 2
        assert columns.having("asserter", [f"{BASE}id/nobody"]) == 0


def test_a_period_leaves_undated_claims_out(columns: Columns) -> None:
    def found(**period: tuple[str, str]) -> int:
        return columns.within(Period(**period), columns.all_claims).bit_count()

    assert found() == 3
    assert found(since=("latest", "2014-12-31")) == 1
    assert found(since=("latest", "2015-01-01")) == 0
    assert found(until=("earliest", "2014-01-01")) == 1
    assert found(until=("earliest", "2013-12-31")) == 0


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
