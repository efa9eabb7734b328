"""EDTF dates: reading them, their four day bounds, their local names.

Read is what the model's conventions give bounds to: levels 0 and 1 for the years 0001 to 9999 without times of day,
sets of which one member is meant (`[a..b]`, `[a,b]`), and the group qualifiers of level 2 (`2017?-01-31`).

Source: Extended Date/Time Format (EDTF) Specification, Library of Congress, 2019; the widths of `~` are the model's.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from service.errors import InvalidEdtf

# What stands for "no bound" on a side; never shown to a reader.
FIRST_DAY = date(1, 1, 1)
LAST_DAY = date(9999, 12, 31)

# A month or day given as XX.
UNKNOWN = 0

ALLOWED = (
    "Allowed: 2017, 2017-01, 2017-01-31; 199X, 19XX, 2017-XX, 2017-01-XX; "
    "seasons 2014-21 (spring) to 2014-24 (winter); "
    "~ about, ? inferred, % both, after the part that they qualify or at the end (2017?-01-31, 1985~); "
    "intervals a/b, with .. for an open end and nothing for an unknown one (2014-01/.., /2017); "
    "one of several: [2016-10-25..2016-10-31], [2016,2018]"
)

_DATE = re.compile(
    r"(?P<year>[0-9]{4}|[0-9]{3}X|[0-9]{2}XX)(?P<year_mark>[~?%]?)"
    r"(?:-(?P<month>[0-9]{2}|XX)(?P<month_mark>[~?%]?)"
    r"(?:-(?P<day>[0-9]{2}|XX)(?P<day_mark>[~?%]?))?)?"
)
# Season -> first month and number of months; winter goes on into the next year.
_SEASON_FIRST_MONTH = {21: 3, 22: 6, 23: 9, 24: 12}
_MONTHS_OF_A_SEASON = 3
_APPROXIMATE = frozenset("~%")
_DAYS_OF_ABOUT = 3

# What stands in an IRI for what may not; see `local_name`.
_SAFE = {"~": "ca", "?": "unc", "%": "caunc", "[": "oneof_", "]": "", ",": "_or_", "..": "_to_", "/": "_to_"}
_UNSAFE = re.compile(r"\.\.|[~?%\[\],/]")


class Bounds(NamedTuple):
    """First and last day on which a time may begin and end: `earliest` ≤ `begins_by`, `ends_after` ≤ `latest`.

    A single date or one of several is some day between `earliest` (also `ends_after`) and `latest` (also `begins_by`).
    """

    earliest: date
    begins_by: date
    ends_after: date
    latest: date


@dataclass(frozen=True, slots=True)
class Date:
    """A year, month, season or day, or an unknown one within a decade, century, year or month.

    `month` and `day` are None where not given, UNKNOWN where given as XX. The marks are "", "~", "?" or "%".
    """

    text: str
    year: int
    unknown_digits: int
    month: int | None
    season: int | None
    day: int | None
    year_mark: str
    month_mark: str
    day_mark: str
    earliest: date
    latest: date

    @property
    def is_day(self) -> bool:
        """Whether the day of the month is known."""
        return bool(self.day)


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` to `end`; a side is a Date, "open" (`..`) or "unknown" (nothing)."""

    text: str
    start: "Date | str"
    end: "Date | str"


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch within a set, `a..b`; a side may be missing."""

    start: Date | None
    end: Date | None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several dates, `[a,b..c]`."""

    text: str
    members: tuple[Date | Range, ...]


Time: TypeAlias = Date | Interval | OneOf


@lru_cache(maxsize=4096)
def parse(edtf: str) -> Time:
    """The date, interval or set that an EDTF string says.

    Raises InvalidEdtf: the string is not EDTF, is of a kind that is not read, or names a day that does not exist.
    """
    if not edtf:
        raise InvalidEdtf(f"an empty string is no date. {ALLOWED}")
    if edtf.startswith("["):
        return _one_of(edtf)
    if "/" in edtf:
        return _interval(edtf)
    return _date(edtf)


def bounds(edtf: str) -> Bounds:
    """The four day bounds of an EDTF string, by the conventions of the model.

    An unbounded side is FIRST_DAY or LAST_DAY. An interval's unknown end lies anywhere after its start;
    its open end goes on for ever. Raises InvalidEdtf as `parse` does.
    """
    time = parse(edtf)
    if isinstance(time, Date):
        return Bounds(time.earliest, time.latest, time.earliest, time.latest)
    if isinstance(time, OneOf):
        stretches = [_stretch(member) for member in time.members]
        first, last = min(start for start, _ in stretches), max(end for _, end in stretches)
        return Bounds(first, last, first, last)
    return _interval_bounds(time)


def local_name(edtf: str) -> str:
    """The local name of the time's IRI: `e` and the string with what an IRI or a prefixed name cannot hold in letters.

    Different strings have different names. Raises InvalidEdtf as `parse` does.
    """
    time = parse(edtf)
    if isinstance(time, Interval):
        return "e" + "_to_".join(side if isinstance(side, str) else _safe(side.text) for side in (time.start, time.end))
    return "e" + _safe(edtf)


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: _SAFE[found[0]], text)


def _date(text: str) -> Date:
    found = _DATE.fullmatch(text)
    if not found:
        raise InvalidEdtf(f"{text!r} {_why_not_a_date(text)}. {ALLOWED}")
    digits = found["year"]
    if found["month"] and "X" in digits:
        raise InvalidEdtf(f"{text!r} gives a month of an unknown year. {ALLOWED}")
    if digits == "0000":
        raise InvalidEdtf(f"{text!r}: the year 0 is not read; the first year is 0001. {ALLOWED}")
    if "00" in (found["month"], found["day"]):
        raise InvalidEdtf(f"{text!r}: there is no month or day 00; leave it out, or write XX. {ALLOWED}")
    number = _number(found["month"])
    season = number if number in _SEASON_FIRST_MONTH else None
    month = None if season else number
    day = _number(found["day"])
    _check_calendar(text, year=digits, month=month, day=day, season=season)
    earliest, latest = _days(digits, month, season, day)
    marks = (found["year_mark"], found["month_mark"] or "", found["day_mark"] or "")
    earliest, latest = _widened(earliest, latest, marks=marks, has_month=bool(number), has_day=bool(day))
    return Date(text, int(digits.replace("X", "0")), digits.count("X"), month, season, day, *marks, earliest, latest)


def _number(digits: str | None) -> int | None:
    if digits is None:
        return None
    return UNKNOWN if digits == "XX" else int(digits)


def _why_not_a_date(text: str) -> str:
    reasons = (
        (r"\s", "contains white space"),
        (r"^[-−]", "is a year before 0001, which is not read"),
        (r"^Y", "is a year of more than four digits, which is not read"),
        (r"T|:", "gives a time of day, which is not read; give the day"),
        (r"^\{", "is a set of which all members are meant; write one claim for each, or an interval"),
        (r"^[~?%]|-[~?%]", "has a mark before the part that it qualifies; put it behind"),
        (r"x", "has a small x; unknown digits are written X"),
        (
            r"^[0-9]{4}-?(?:[0-9]X|X[0-9])|-[0-9]X|-X[0-9]",
            "gives half of a month or day; write a set as [2016-10..2016-12]",
        ),
        (r"^[0-9]{1,3}$", "has a year of fewer than four digits; write 0987"),
        (r"^[0-9]{5,}$", "has no hyphens; write 2017-01-31"),
        (r"^X|^[0-9]XXX", "leaves more than two digits of the year unknown"),
        (r"-[0-9](?:$|[-~?%])", "has a month or day of one digit; write 2017-01-05"),
        (r"[~?%]{2}", "has two marks in a row; % says both ~ and ?"),
    )
    return next((why for pattern, why in reasons if re.search(pattern, text)), "is not a date in EDTF")


def _check_calendar(text: str, *, year: str, month: int | None, day: int | None, season: int | None) -> None:
    if season and day is not None:
        raise InvalidEdtf(f"{text!r} gives a day of a season. {ALLOWED}")
    if month is not None and month > 12:
        raise InvalidEdtf(f"{text!r}: there is no month {month}; months are 01 to 12, seasons 21 to 24. {ALLOWED}")
    if month == UNKNOWN and day:
        raise InvalidEdtf(f"{text!r} gives a day of an unknown month. {ALLOWED}")
    last = calendar.monthrange(int(year), month)[1] if day and month else 0
    if day and day > last:
        raise InvalidEdtf(f"{text!r}: there is no day {day}; that month has {last}. {ALLOWED}")


def _days(digits: str, month: int | None, season: int | None, day: int | None) -> tuple[date, date]:
    """First and last day of what is given, before marks."""
    first_year, last_year = max(int(digits.replace("X", "0")), 1), int(digits.replace("X", "9"))
    if season:
        first = date(first_year, _SEASON_FIRST_MONTH[season], 1)
        return first, _end_of_month(_months_later(first, _MONTHS_OF_A_SEASON - 1))
    if not month:
        return date(first_year, 1, 1), date(last_year, 12, 31)
    if not day:
        first = date(first_year, month, 1)
        return first, _end_of_month(first)
    return date(first_year, month, day), date(first_year, month, day)


def _widened(
    earliest: date, latest: date, *, marks: tuple[str, str, str], has_month: bool, has_day: bool
) -> tuple[date, date]:
    """The days that "about" adds: of a year 1 year, of a month or season 1 month, of a day 3 days, each way.

    A mark at the end qualifies the whole date, so its finest part; a mark before it, the part that it follows.
    """
    year_mark, month_mark, day_mark = marks
    if year_mark in _APPROXIMATE:
        months = 12
    elif month_mark in _APPROXIMATE:
        months = 1 if has_month else 12
    elif day_mark in _APPROXIMATE:
        if has_day:
            return _days_later(earliest, -_DAYS_OF_ABOUT), _days_later(latest, _DAYS_OF_ABOUT)
        months = 1 if has_month else 12
    else:
        return earliest, latest
    whole_months = not has_day
    last = _months_later(latest, months)
    return _months_later(earliest, -months), _end_of_month(last) if whole_months else last


def _months_later(day: date, months: int) -> date:
    """The same day of a later (or earlier) month, or that month's last; FIRST_DAY or LAST_DAY beyond the calendar."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year < FIRST_DAY.year:
        return FIRST_DAY
    if year > LAST_DAY.year:
        return LAST_DAY
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _days_later(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, FIRST_DAY.toordinal()), LAST_DAY.toordinal()))


def _end_of_month(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _interval(text: str) -> Interval:
    sides = text.split("/")
    if len(sides) != 2:
        raise InvalidEdtf(f"{text!r} has more than one '/'. {ALLOWED}")
    start, end = (_side(side) for side in sides)
    if isinstance(start, Date) and isinstance(end, Date):
        _check_order(text, start, end)
    elif not isinstance(start, Date) and not isinstance(end, Date):
        raise InvalidEdtf(f"{text!r}: an interval needs a known start or end. {ALLOWED}")
    return Interval(text, start, end)


def _side(text: str) -> Date | str:
    if text == "":
        return "unknown"
    return "open" if text == ".." else _date(text)


def _check_order(text: str, start: Date, end: Date) -> None:
    if end.latest < start.earliest:
        raise InvalidEdtf(f"{text!r} ends before it starts. {ALLOWED}")
    if start.earliest > end.earliest or start.latest > end.latest:
        raise InvalidEdtf(
            f"{text!r} may end before it starts: it starts from {start.earliest} to {start.latest} "
            f"and ends from {end.earliest} to {end.latest}; give the vaguer side more exactly. {ALLOWED}"
        )


def _interval_bounds(time: Interval) -> Bounds:
    start, end = time.start, time.end
    if isinstance(start, Date) and isinstance(end, Date):
        return Bounds(start.earliest, start.latest, end.earliest, end.latest)
    if isinstance(start, Date):
        # An unknown end may be as early as the start; an open one never comes.
        return Bounds(start.earliest, start.latest, LAST_DAY if end == "open" else start.earliest, LAST_DAY)
    assert isinstance(end, Date)
    return Bounds(FIRST_DAY, FIRST_DAY if start == "open" else end.latest, end.earliest, end.latest)


def _one_of(text: str) -> OneOf:
    if not text.endswith("]"):
        raise InvalidEdtf(f"{text!r}: the set is not closed with ]. {ALLOWED}")
    return OneOf(text, tuple(_member(text, member) for member in text[1:-1].split(",")))


def _member(text: str, member: str) -> Date | Range:
    if ".." not in member:
        return _date(member)
    first, _, last = member.partition("..")
    if not first and not last:
        raise InvalidEdtf(f"{text!r}: a stretch of a set needs a first or a last date. {ALLOWED}")
    start, end = (_date(side) if side else None for side in (first, last))
    if start and end:
        _check_order(text, start, end)
    return Range(start, end)


def _stretch(member: Date | Range) -> tuple[date, date]:
    if isinstance(member, Date):
        return member.earliest, member.latest
    return (
        member.start.earliest if member.start else FIRST_DAY,
        member.end.latest if member.end else LAST_DAY,
    )
