"""EDTF dates in words, in English, French and Arabic."""

from collections.abc import Callable
from dataclasses import dataclass

from service.errors import NotFound
from service.graph.edtf import UNKNOWN, Date, Interval, OneOf, Range, parse

LANGUAGES = ("en", "fr", "ar")

_SEASON_BEFORE_SPRING = 20
_WINTER = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    months: tuple[str, ...]
    seasons: tuple[str, ...]
    day: str
    decade: str
    century: str
    unknown_month: str
    unknown_day: str
    about: str
    # By the parts that are qualified: ("year",), ("month",), ("year", "month"), or ("date",) for all of it.
    inferred: dict[tuple[str, ...], str]
    approximate: dict[tuple[str, ...], str]
    comma: str
    interval: str
    since: str
    until: str
    start_unknown: str
    end_unknown: str
    between: str
    or_earlier: str
    or_later: str
    alternative: str
    # A date with the preposition or article that its role asks for: from, to, since, until, between, about.
    join: Callable[[str, Date, str], str]


def in_words(edtf: str, language: str) -> str:
    """The date as a reader of `language` ("en", "fr" or "ar") would say it; every EDTF form that is read has words.

    An open end is "since", an unknown one is said to be unknown; `~` is "about", `?` "inferred".
    Raises InvalidEdtf as `edtf.parse` does, and NotFound for another language.
    """
    if language not in LANGUAGES:
        raise NotFound(f"dates have no words in {language!r}; there are {', '.join(LANGUAGES)}")
    words = _WORDS[language]
    time = parse(edtf)
    if isinstance(time, Date):
        return _date(time, words)
    if isinstance(time, OneOf):
        return _one_of(time, words)
    return _interval(time, words)


def _date(date: Date, words: _Language) -> str:
    text = _plain(date, words)
    whole, parts = _marks(date)
    if whole in ("~", "%"):
        text = words.about.format(words.join("about", date, text))
    remarks = []
    if whole in ("?", "%"):
        remarks.append(words.inferred[("date",) if parts else ("year",)])
    for signs, phrases in (("?%", words.inferred), ("~%", words.approximate)):
        qualified = tuple(part for part, mark in parts if mark and mark in signs)
        if qualified:
            remarks.append(phrases[qualified])
    return f"{text} ({words.comma.join(remarks)})" if remarks else text


def _marks(date: Date) -> tuple[str, list[tuple[str, str]]]:
    """The mark at the end, which is of the whole date, and those of the parts before it."""
    marks = [("year", date.year_mark)]
    if date.month is not None or date.season:
        marks.append(("month", date.month_mark))
    if date.day is not None:
        marks.append(("day", date.day_mark))
    return marks[-1][1], marks[:-1]


def _plain(date: Date, words: _Language) -> str:
    if date.unknown_digits == 2:
        return words.century.format(date.year, date.year + 99)
    if date.unknown_digits == 1:
        return words.decade.format(date.year)
    if date.season:
        season = words.seasons[date.season - _SEASON_BEFORE_SPRING - 1]
        # A winter belongs to two years.
        return f"{season} {date.year}–{date.year + 1}" if date.season == _WINTER else f"{season} {date.year}"
    if date.month is None:
        return str(date.year)
    if date.month == UNKNOWN:
        template = words.unknown_month if date.day is None else words.unknown_day
        return template.format(date.year)
    month = f"{words.months[date.month - 1]} {date.year}"
    if date.day is None:
        return month
    if date.day == UNKNOWN:
        return words.unknown_day.format(month)
    return words.day.format("1er" if date.day == 1 and words is _FRENCH else date.day, month)


def _interval(time: Interval, words: _Language) -> str:
    start, end = time.start, time.end
    if isinstance(start, Date) and isinstance(end, Date):
        return words.interval.format(_joined("from", start, words), _joined("to", end, words))
    if isinstance(start, Date):
        since = words.since.format(_joined("since", start, words))
        return since if end == "open" else words.end_unknown.format(_joined("from", start, words))
    assert isinstance(end, Date)
    until = words.until.format(_joined("until", end, words))
    return until if start == "open" else words.start_unknown.format(until)


def _one_of(time: OneOf, words: _Language) -> str:
    return words.alternative.join(_member(member, words) for member in time.members)


def _member(member: Date | Range, words: _Language) -> str:
    if isinstance(member, Date):
        return _date(member, words)
    if member.start is None:
        assert member.end is not None
        return words.or_earlier.format(_date(member.end, words))
    if member.end is None:
        return words.or_later.format(_date(member.start, words))
    return words.between.format(_joined("between", member.start, words), _joined("between", member.end, words))


def _joined(role: str, date: Date, words: _Language) -> str:
    return words.join(role, date, _date(date, words))


def _unchanged(_role: str, _date: Date, text: str) -> str:
    return text


# French joins a preposition with an article, and the article depends on the form of the date.
_FRENCH_ARTICLES = {
    "le ": {"from": "du ", "to": "au ", "until": "au "},
    "l’": {"from": "de l’", "to": "à l’", "until": "à l’"},
    "les ": {"from": "des ", "to": "aux ", "until": "aux "},
}


def _with_french_preposition(role: str, date: Date, text: str) -> str:
    if role != "about" and text.startswith("vers "):
        # "de 1995 environ", not "de vers 1995".
        said, bracket, remark = text.removeprefix("vers ").partition(" (")
        bare = said.removeprefix(_french_article(date, said))
        return f"{_with_french_preposition(role, date, bare)} environ{bracket}{remark}"
    article = _french_article(date, text)
    if article:
        return _FRENCH_ARTICLES[article].get(role, article) + text.removeprefix("les ")
    if role == "from":
        return ("d’" if text[0] in "aeiouéêôAEIOUÉ" else "de ") + text
    # "jusqu’en 2017", but "jusqu’à avril 2017".
    return {"to": "à ", "until": "en " if date.month is None and text[0].isdigit() else "à "}.get(role, "") + text


def _french_article(date: Date, text: str) -> str:
    if date.unknown_digits:
        return "les "
    if date.season:
        return "le " if text.startswith("printemps") else "l’"
    return "le " if date.is_day else ""


_ENGLISH = _Language(
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    seasons=("spring", "summer", "autumn", "winter"),
    day="{} {}",
    decade="the {}s",
    century="the years {}–{}",
    unknown_month="{} (month unknown)",
    unknown_day="{} (day unknown)",
    about="about {}",
    inferred={
        ("year",): "year inferred",
        ("month",): "month inferred",
        ("year", "month"): "year and month inferred",
        ("date",): "date inferred",
    },
    approximate={
        ("year",): "year approximate",
        ("month",): "month approximate",
        ("year", "month"): "year and month approximate",
    },
    comma=", ",
    interval="from {} to {}",
    since="since {}",
    until="until {}",
    start_unknown="{}, start unknown",
    end_unknown="from {}, end unknown",
    between="between {} and {}",
    or_earlier="{} or earlier",
    or_later="{} or later",
    alternative=" or ",
    join=_unchanged,
)
_FRENCH = _Language(
    months=(
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    seasons=("printemps", "été", "automne", "hiver"),
    day="{} {}",
    decade="les années {}",
    century="les années {}–{}",
    unknown_month="{} (mois inconnu)",
    unknown_day="{} (jour inconnu)",
    about="vers {}",
    inferred={
        ("year",): "année déduite",
        ("month",): "mois déduit",
        ("year", "month"): "année et mois déduits",
        ("date",): "date déduite",
    },
    approximate={
        ("year",): "année approximative",
        ("month",): "mois approximatif",
        ("year", "month"): "année et mois approximatifs",
    },
    comma=", ",
    interval="{} {}",
    since="depuis {}",
    until="jusqu’{}",
    start_unknown="{}, début inconnu",
    end_unknown="à partir {}, fin inconnue",
    between="entre {} et {}",
    or_earlier="{} ou avant",
    or_later="{} ou après",
    alternative=" ou ",
    join=_with_french_preposition,
)
_ARABIC = _Language(
    months=(
        *("يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو"),
        *("يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"),
    ),
    seasons=("ربيع", "صيف", "خريف", "شتاء"),
    day="{} {}",
    decade="عقد {}",
    century="السنوات {}–{}",
    unknown_month="{} (الشهر غير معروف)",
    unknown_day="{} (اليوم غير معروف)",
    about="نحو {}",
    inferred={
        ("year",): "السنة مستنتجة",
        ("month",): "الشهر مستنتج",
        ("year", "month"): "السنة والشهر مستنتجان",
        ("date",): "التاريخ مستنتج",
    },
    approximate={
        ("year",): "السنة تقريبية",
        ("month",): "الشهر تقريبي",
        ("year", "month"): "السنة والشهر تقريبيان",
    },
    comma="، ",
    interval="من {} إلى {}",
    since="منذ {}",
    until="حتى {}",
    start_unknown="{}، والبداية غير معروفة",
    end_unknown="من {}، والنهاية غير معروفة",
    between="بين {} و{}",
    or_earlier="{} أو قبل ذلك",
    or_later="{} أو بعد ذلك",
    alternative=" أو ",
    join=_unchanged,
)
_WORDS = {"en": _ENGLISH, "fr": _FRENCH, "ar": _ARABIC}
