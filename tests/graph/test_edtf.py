"""What an EDTF string means: its bounds, its name, and what is refused."""

import re
from datetime import date

import edtf as library
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.errors import InvalidEdtf
from service.graph.edtf import FIRST_DAY, LAST_DAY, Bounds, bounds, local_name, parse

FIRST, LAST = "0001-01-01", "9999-12-31"

# The table of the model, and its neighbours. A point: some day from the first to the second.
POINTS = [
    ("2013-03-23", "2013-03-23", "2013-03-23"),
    ("2013-03", "2013-03-01", "2013-03-31"),
    ("2013-02", "2013-02-01", "2013-02-28"),
    ("2016-02", "2016-02-01", "2016-02-29"),
    ("2016-02-29", "2016-02-29", "2016-02-29"),
    ("1900-02", "1900-02-01", "1900-02-28"),
    ("2013", "2013-01-01", "2013-12-31"),
    ("0001", "0001-01-01", "0001-12-31"),
    ("9999", "9999-01-01", "9999-12-31"),
    ("199X", "1990-01-01", "1999-12-31"),
    ("19XX", "1900-01-01", "1999-12-31"),
    ("000X", "0001-01-01", "0009-12-31"),
    ("00XX", "0001-01-01", "0099-12-31"),
    ("2017-XX", "2017-01-01", "2017-12-31"),
    ("2017-XX-XX", "2017-01-01", "2017-12-31"),
    ("2017-02-XX", "2017-02-01", "2017-02-28"),
    ("2014-21", "2014-03-01", "2014-05-31"),
    ("2014-22", "2014-06-01", "2014-08-31"),
    ("2014-23", "2014-09-01", "2014-11-30"),
    ("2014-24", "2014-12-01", "2015-02-28"),
    ("2015-24", "2015-12-01", "2016-02-29"),
    ("9999-24", "9999-12-01", "9999-12-31"),
    ("1985~", "1984-01-01", "1986-12-31"),
    ("1985%", "1984-01-01", "1986-12-31"),
    ("1985?", "1985-01-01", "1985-12-31"),
    ("2014-09~", "2014-08-01", "2014-10-31"),
    ("2014-01~", "2013-12-01", "2014-02-28"),
    ("2014-12~", "2014-11-01", "2015-01-31"),
    ("2014-09-30~", "2014-09-27", "2014-10-03"),
    ("2014-03-01~", "2014-02-26", "2014-03-04"),
    ("2014-09-30?", "2014-09-30", "2014-09-30"),
    ("2014-09-30%", "2014-09-27", "2014-10-03"),
    ("2014-22~", "2014-05-01", "2014-09-30"),
    ("2014-24~", "2014-11-01", "2015-03-31"),
    ("199X~", "1989-01-01", "2000-12-31"),
    ("2017-XX~", "2016-01-01", "2018-12-31"),
    ("2017-05-XX~", "2017-04-01", "2017-06-30"),
    ("2017?-01-31", "2017-01-31", "2017-01-31"),
    ("2017-01?-31", "2017-01-31", "2017-01-31"),
    ("2017?-01", "2017-01-01", "2017-01-31"),
    ("2017~-01-31", "2016-01-31", "2018-01-31"),
    ("2016~-02-29", "2015-02-28", "2017-02-28"),
    ("2017-01~-31", "2016-12-31", "2017-02-28"),
    ("2017~-01", "2016-01-01", "2018-01-31"),
    ("2017?-01-31~", "2017-01-28", "2017-02-03"),
    ("0001~", "0001-01-01", "0002-12-31"),
    ("9999~", "9998-01-01", "9999-12-31"),
    ("0001-01-02~", "0001-01-01", "0001-01-05"),
    ("9999-12-30~", "9999-12-27", "9999-12-31"),
    ("[2016-10-25..2016-10-31]", "2016-10-25", "2016-10-31"),
    ("[2016,2018]", "2016-01-01", "2018-12-31"),
    ("[2018,2016]", "2016-01-01", "2018-12-31"),
    ("[1667,1668,1670..1672]", "1667-01-01", "1672-12-31"),
    ("[..1984]", FIRST, "1984-12-31"),
    ("[1984..]", "1984-01-01", LAST),
    ("[1984~..1990]", "1983-01-01", "1990-12-31"),
    ("[2016-10]", "2016-10-01", "2016-10-31"),
]

INTERVALS = [
    ("2014-01/2017", "2014-01-01", "2014-01-31", "2017-01-01", "2017-12-31"),
    ("2001-09-11/2017", "2001-09-11", "2001-09-11", "2017-01-01", "2017-12-31"),
    ("2014-01/..", "2014-01-01", "2014-01-31", LAST, LAST),
    ("2014-01/", "2014-01-01", "2014-01-31", "2014-01-01", LAST),
    ("../2017", FIRST, FIRST, "2017-01-01", "2017-12-31"),
    ("/2017", FIRST, "2017-12-31", "2017-01-01", "2017-12-31"),
    ("1985~/1990?", "1984-01-01", "1986-12-31", "1990-01-01", "1990-12-31"),
    ("2017?-01-31/..", "2017-01-31", "2017-01-31", LAST, LAST),
    ("199X/2001", "1990-01-01", "1999-12-31", "2001-01-01", "2001-12-31"),
    ("199X/200X", "1990-01-01", "1999-12-31", "2000-01-01", "2009-12-31"),
    ("2014/2014", "2014-01-01", "2014-12-31", "2014-01-01", "2014-12-31"),
    ("2014-22/2015-24", "2014-06-01", "2014-08-31", "2015-12-01", "2016-02-29"),
    ("2014~/2015", "2013-01-01", "2015-12-31", "2015-01-01", "2015-12-31"),
    ("2014-05-01/2014-05-01", "2014-05-01", "2014-05-01", "2014-05-01", "2014-05-01"),
]

REFUSED = [
    ("", "empty string"),
    ("yesterday", "not a date in EDTF"),
    (" 2014", "white space"),
    ("2014\n", "white space"),
    ("-0044", "before 0001"),
    ("0000", "year 0 is not read"),
    ("0000-01", "year 0 is not read"),
    ("Y170000002", "more than four digits"),
    ("2014-13", "no month 13"),
    ("2014-25", "no month 25"),
    ("2014-00", "00"),
    ("2014-01-00", "00"),
    ("2015-02-29", "no day 29; that month has 28"),
    ("2014-04-31", "no day 31; that month has 30"),
    ("2014-22-05", "day of a season"),
    ("2014-XX-05", "day of an unknown month"),
    ("199X-05", "month of an unknown year"),
    ("1XXX", "more than two digits"),
    ("XXXX", "more than two digits"),
    ("199x", "small x"),
    ("2016-1X", "write a set"),
    ("2016-05-2X", "write a set"),
    ("987", "fewer than four digits"),
    ("20170131", "no hyphens"),
    ("2017-1-5", "one digit"),
    ("2017~?", "two marks"),
    ("?2017", "before the part"),
    ("2017-?01", "before the part"),
    ("2014-01-01T10:00:00Z", "time of day"),
    ("{1960,1961}", "all members"),
    ("199X/1995", "may end before it starts"),
    ("1995/199X", "may end before it starts"),
    ("2014/2014-05", "may end before it starts"),
    ("2014-05/2014", "may end before it starts"),
    ("2017/2014", "ends before it starts"),
    ("2014-02-01/2014-01-31", "ends before it starts"),
    ("[2017..2014]", "ends before it starts"),
    ("../..", "needs a known start or end"),
    ("/", "needs a known start or end"),
    ("/..", "needs a known start or end"),
    ("2014/2015/2016", "more than one '/'"),
    ("[2014", "not closed"),
    ("[..]", "first or a last"),
    ("[]", "not a date"),
    ("[2014/2015]", "not a date"),
    ("٢٠١٤", "not a date"),
]


def days(*texts: str) -> Bounds:
    return Bounds(*map(date.fromisoformat, texts))


@pytest.mark.parametrize(("edtf", "first", "last"), POINTS)
def test_a_date_or_set_is_some_day_between_two(edtf: str, first: str, last: str) -> None:
    assert bounds(edtf) == days(first, last, first, last)


@pytest.mark.parametrize(("edtf", "earliest", "begins_by", "ends_after", "latest"), INTERVALS)
def test_an_interval_has_four_bounds(edtf: str, earliest: str, begins_by: str, ends_after: str, latest: str) -> None:
    assert bounds(edtf) == days(earliest, begins_by, ends_after, latest)


@pytest.mark.parametrize(("edtf", "reason"), REFUSED)
def test_what_is_not_read_is_refused_with_its_reason_and_what_is_allowed(edtf: str, reason: str) -> None:
    with pytest.raises(InvalidEdtf, match=re.escape(reason)) as refusal:
        bounds(edtf)
    assert "Allowed: 2017, 2017-01" in str(refusal.value)


def test_an_unknown_end_is_not_an_open_end() -> None:
    assert bounds("2014-01/").latest == bounds("2014-01/..").latest == LAST_DAY
    assert bounds("2014-01/").ends_after == date(2014, 1, 1)
    assert bounds("2014-01/..").ends_after == LAST_DAY


def test_an_unknown_start_is_not_an_open_start() -> None:
    assert bounds("/2017").earliest == bounds("../2017").earliest == FIRST_DAY
    assert bounds("/2017").begins_by == date(2017, 12, 31)
    assert bounds("../2017").begins_by == FIRST_DAY


@pytest.mark.parametrize(
    ("edtf", "name"),
    [
        ("1985~", "e1985ca"),
        ("2001-09-11/2017", "e2001-09-11_to_2017"),
        ("2013-03-23", "e2013-03-23"),
        ("2014-01/..", "e2014-01_to_open"),
        ("2014-01/", "e2014-01_to_unknown"),
        ("../2017", "eopen_to_2017"),
        ("/2017", "eunknown_to_2017"),
        ("2017?-01-31", "e2017unc-01-31"),
        ("1985%", "e1985caunc"),
        ("[2016-10-25..2016-10-31]", "eoneof_2016-10-25_to_2016-10-31"),
        ("[2016,2018]", "eoneof_2016_or_2018"),
        ("[..1984]", "eoneof__to_1984"),
    ],
)
def test_a_local_name_reads_like_its_date(edtf: str, name: str) -> None:
    assert local_name(edtf) == name


def test_a_local_name_needs_a_date() -> None:
    with pytest.raises(InvalidEdtf):
        local_name("2014-13")


# --- properties

marks = st.sampled_from(["", "", "", "~", "?", "%"])


@st.composite
def dates(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["year", "decade", "century", "month", "season", "day", "no-month", "no-day"]))
    day = draw(st.dates())
    year = f"{day.year:04}"
    first, second, third = draw(marks), draw(marks), draw(marks)
    if kind == "decade":
        return f"{year[:3]}X{first}"
    if kind == "century":
        return f"{year[:2]}XX{first}"
    if kind == "year":
        return year + first
    if kind == "season":
        return f"{year}{first}-{draw(st.integers(21, 24))}{second}"
    if kind == "no-month":
        return f"{year}{first}-XX{second}"
    month = f"{year}{first}-{day.month:02}{second}"
    if kind == "month":
        return month
    return f"{month}-{'XX' if kind == 'no-day' else f'{day.day:02}'}{third}"


def is_read(edtf: str) -> bool:
    try:
        parse(edtf)
    except InvalidEdtf:
        return False
    return True


members = st.one_of(
    dates(),
    st.tuples(dates(), dates()).map("..".join),
    dates().map("..{}".format),
    dates().map("{}..".format),
)
times = st.one_of(
    dates(),
    st.tuples(st.one_of(dates(), st.sampled_from(["", ".."])), st.one_of(dates(), st.sampled_from(["", ".."]))).map(
        "/".join
    ),
    st.lists(members, min_size=1, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
).filter(is_read)


@given(times)
def test_bounds_are_in_order(edtf: str) -> None:
    earliest, begins_by, ends_after, latest = bounds(edtf)
    assert earliest <= begins_by <= latest
    assert earliest <= ends_after <= latest


@given(dates(), dates())
def test_an_interval_contains_its_start_and_its_end(start: str, end: str) -> None:
    assume(bounds(start).latest <= bounds(end).earliest)
    whole, first, last = bounds(f"{start}/{end}"), bounds(start), bounds(end)
    assert whole.earliest <= first.earliest
    assert last.latest <= whole.latest
    assert whole.begins_by >= first.latest
    assert whole.ends_after <= last.earliest
    assert whole.begins_by <= whole.ends_after


@given(dates(), dates())
def test_an_interval_is_refused_or_in_order(start: str, end: str) -> None:
    first, last = bounds(start), bounds(end)
    in_order = first.earliest <= last.earliest and first.latest <= last.latest
    assert is_read(f"{start}/{end}") == in_order


@given(dates())
def test_an_inferred_date_has_the_bounds_of_a_known_one(edtf: str) -> None:
    assert bounds(edtf.replace("?", "")) == bounds(edtf)
    assert bounds(edtf.replace("%", "~")) == bounds(edtf)


@given(dates())
def test_about_only_widens(edtf: str) -> None:
    about, exact = bounds(edtf), bounds(re.sub("[~%]", "", edtf))
    assert about.earliest <= exact.earliest
    assert exact.latest <= about.latest


@given(times, times)
def test_different_times_have_different_names(one: str, other: str) -> None:
    assert (local_name(one) == local_name(other)) == (one == other)


_CODES = {"caunc": "%", "ca": "~", "unc": "?", "_or_": ",", "_to_": "/", "open": "..", "unknown": ""}


def read_back(name: str) -> str:
    plain = re.sub("|".join(_CODES), lambda found: _CODES[found[0]], name[1:])
    if plain.startswith("oneof_"):
        return "[" + plain.removeprefix("oneof_").replace("/", "..") + "]"
    return plain


@given(times)
def test_a_local_name_can_be_read_back(edtf: str) -> None:
    assert read_back(local_name(edtf)) == edtf


@given(times)
def test_a_local_name_is_legal_in_a_prefixed_name(edtf: str) -> None:
    assert re.fullmatch(r"e[0-9A-Za-z_-]+", local_name(edtf))


@given(st.text(alphabet="0129X-~?%/.[], Y", max_size=16))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    if is_read(text):
        assert isinstance(bounds(text), Bounds)


# The library reads less beyond single dates: no marks in a set, no unknown digits beside an open end, no set of one.
@given(dates())
def test_what_is_read_here_is_edtf_to_the_library_too(edtf: str) -> None:
    assert library.parse_edtf(re.sub("[~?%]", "", edtf)) is not None


@given(dates().filter(lambda edtf: "X" not in edtf and not re.search("-2[1-4]$", re.sub("[~?%]", "", edtf))))
def test_a_marked_date_is_edtf_to_the_library_too(edtf: str) -> None:
    assume(len(re.findall("[~?%]", edtf)) == 1)
    assert library.parse_edtf(edtf) is not None
