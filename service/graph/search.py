"""Search over the names of entities, concepts and documents: exact names, words, parts of words, slips.

Each hit says which name matched, in which language and how. Without a language every language counts.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from service.graph.fold import fold, stems, trigrams

# How a name matches, best first, with the score that a whole match of this kind gets (0 to 1).
EXACT, WORDS, PART, SIMILAR = "exact", "words", "part", "similar"
_CEILING = {EXACT: 1.0, WORDS: 0.9, PART: 0.7, SIMILAR: 0.6}
# Names that one kind of match may bring up; the best hundred are ranked, more are noise.
_CANDIDATES = 400
# Trigrams of the query that a slip is looked up by: the rarest, since they decide and cost least.
_RAREST = 4
# Share of common trigrams (Dice) from which two words count as one with a slip: "bourrita" and "bourita" have 0.88.
_SIMILARITY = 0.5


@dataclass(frozen=True)
class Hit:
    """One resource found, with the name that matched best."""

    iri: str
    slug: str
    family: str
    type: str
    score: float
    name: str
    language: str
    role: str
    match: str


@dataclass(frozen=True)
class _Name:
    id: int
    resource: int
    language: str
    text: str
    role: str
    folded: str


def search(
    connection: sqlite3.Connection,
    text: str,
    *,
    limit: int = 20,
    language: str | None = None,
    resource_type: str | None = None,
    slips: bool = True,
) -> list[Hit]:
    """The resources whose names match `text`, best first, at most `limit`; ties by number of claims, then slug.

    `language` keeps names of that language; `resource_type` keeps resources of that class of the ontology.
    Without `slips` only names that have the words or the letters as they are typed.
    """
    folded = fold(text)
    if not folded:
        return []
    best: dict[int, tuple[float, str, _Name]] = {}
    for how, name, share in _matches(connection, folded, slips):
        score = round(_CEILING[how] * share, 4)
        if (language is None or name.language == language) and score > best.get(name.resource, (0.0,))[0]:
            best[name.resource] = (score, how, name)
    return _hits(connection, best, limit, resource_type)


def _matches(connection: sqlite3.Connection, folded: str, slips: bool) -> Iterator[tuple[str, _Name, float]]:
    found = False
    for name in _names(connection, "SELECT * FROM name WHERE folded = ? LIMIT ?", folded, _CANDIDATES):
        found = True
        yield EXACT, name, 1.0
    wanted = stems(folded)
    if wanted:
        query = " ".join(f'"{word}"*' for word in wanted)
        for name in _names(connection, _THROUGH.format("name_words"), query, _CANDIDATES):
            found = True
            yield WORDS, name, 0.5 + 0.5 * _shared(wanted, stems(name.folded))
    if len(folded) >= 3:
        for name in _names(connection, _THROUGH.format("name_parts"), _quoted(folded), _CANDIDATES):
            found = True
            yield PART, name, 0.5 + 0.5 * len(folded) / max(len(name.folded), 1)
    if slips and not found and len(folded) >= 4:
        yield from _slips(connection, folded)


_THROUGH = "SELECT name.* FROM {0} JOIN name ON name.id = {0}.rowid WHERE {0} MATCH ? LIMIT ?"


def _slips(connection: sqlite3.Connection, folded: str) -> Iterator[tuple[str, _Name, float]]:
    own = trigrams(folded)
    keys = [folded[i : i + 3] for i in range(len(folded) - 2)]
    marks = ", ".join("?" * len(keys))
    counted = connection.execute(f"SELECT term, doc FROM part_counts WHERE term IN ({marks}) ORDER BY doc, term", keys)
    rarest = [term for term, _ in counted.fetchall()[:_RAREST]]
    if not rarest:
        return
    query = " OR ".join(_quoted(term) for term in rarest)
    for name in _names(connection, _THROUGH.format("name_parts"), query, _CANDIDATES * 5):
        share = max(_dice(own, trigrams(name.folded)), _best_word(own, name.folded))
        if share >= _SIMILARITY:
            yield SIMILAR, name, share


def _best_word(own: set[str], folded: str) -> float:
    # A slip in one word of a long name: compare with that word alone, a little below a match of the whole.
    return max((0.9 * _dice(own, trigrams(word)) for word in folded.split()), default=0.0)


def _dice(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _shared(wanted: list[str], present: list[str]) -> float:
    # A word that only begins one of the name's counts half.
    return sum(1.0 if word in present else 0.5 for word in wanted) / max(len(present), len(wanted))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _names(connection: sqlite3.Connection, sql: str, text: str, limit: int) -> Iterator[_Name]:
    for row in connection.execute(sql, (text, limit)):
        yield _Name(**{key: row[key] for key in row.keys()})  # noqa: SIM118  (sqlite3.Row iterates over values)


def _hits(
    connection: sqlite3.Connection, best: dict[int, tuple[float, str, _Name]], limit: int, resource_type: str | None
) -> list[Hit]:
    ranked: list[tuple[float, int, str, Hit]] = []
    for resource, (score, how, name) in best.items():
        row = connection.execute("SELECT * FROM resource WHERE id = ?", (resource,)).fetchone()
        if row is None or row["replaced_by"] or not _is_a(connection, resource, resource_type):
            continue
        hit = Hit(row["iri"], row["slug"], row["family"], row["type"], score, name.text, name.language, name.role, how)
        ranked.append((-score, -row["claims"], row["slug"], hit))
    return [entry[3] for entry in sorted(ranked, key=lambda entry: entry[:3])[:limit]]


def _is_a(connection: sqlite3.Connection, resource: int, resource_type: str | None) -> bool:
    if resource_type is None:
        return True
    sql = "SELECT 1 FROM class_of WHERE class = ? AND resource = ?"
    return connection.execute(sql, (resource_type, resource)).fetchone() is not None
