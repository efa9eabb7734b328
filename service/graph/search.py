"""Search over the names of entities, concepts and documents: exact names, words, parts of words, slips.

Each hit says which name matched, in which language and how. Without a language every language counts.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

from service.graph.fold import fold, folded_stems, stem_trigrams, trigrams

# How a name matches, best first, with the score that a whole match of this kind gets (0 to 1).
EXACT, WORDS, PART, SIMILAR = "exact", "words", "part", "similar"
_CEILING = {EXACT: 1.0, WORDS: 0.9, PART: 0.7, SIMILAR: 0.6}
# Names that one kind of match may bring up; the best hundred are ranked, more are noise.
_CANDIDATES = 200
# Trigrams of the query that a slip is looked up by, the rarest, since they decide and cost least; a name must have two
# of them, or the only one there is.
_RAREST = 6
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
    for name in _names(connection, f"SELECT {_COLUMNS} FROM name WHERE folded = ? LIMIT ?", folded, _CANDIDATES):
        found = True
        yield EXACT, name, 1.0
    wanted = folded_stems(folded)
    if wanted:
        query = " ".join(f'"{word}"*' for word in wanted)
        for name in _names(connection, _THROUGH.format("name_words"), query, _CANDIDATES):
            found = True
            yield WORDS, name, 0.5 + 0.5 * _shared(wanted, folded_stems(name.folded))
    if len(folded) >= 3:
        for name in _names(connection, _THROUGH.format("name_parts"), _quoted(folded), _CANDIDATES):
            found = True
            yield PART, name, 0.5 + 0.5 * len(folded) / max(len(name.folded), 1)
    if slips and not found and len(folded) >= 4:
        yield from _slips(connection, folded)


_COLUMNS = "name.id, name.resource, name.language, name.text, name.role, name.folded"
_THROUGH = f"SELECT {_COLUMNS} FROM {{0}} JOIN name ON name.id = {{0}}.rowid WHERE {{0}} MATCH ? LIMIT ?"


def _slips(connection: sqlite3.Connection, folded: str) -> Iterator[tuple[str, _Name, float]]:
    own = trigrams(folded)
    keys = [folded[i : i + 3] for i in range(len(folded) - 2)]
    marks = ", ".join("?" * len(keys))
    counted = connection.execute(f"SELECT term, doc FROM part_counts WHERE term IN ({marks}) ORDER BY doc, term", keys)
    rarest = [term for term, _ in counted.fetchall()[:_RAREST]]
    if not rarest:
        return
    alone = " " not in folded
    pairs = [f"({_quoted(one)} AND {_quoted(other)})" for one, other in combinations(rarest, 2)]
    query = " OR ".join(pairs) or _quoted(rarest[0])
    for name in _names(connection, _THROUGH.format("name_parts"), query, _CANDIDATES):
        found = folded_stems(name.folded)
        share = _dice(own, stem_trigrams(found))
        if alone and len(found) > 1:
            share = max(share, _best_word(own, found, len(folded)))
        if share >= _SIMILARITY:
            yield SIMILAR, name, share


def _best_word(own: set[str], found: list[str], length: int) -> float:
    # A slip in one word of a long name: compare with that word alone, a little below a match of the whole.
    near = (word for word in found if abs(len(word) - length) <= 2)
    return max((0.9 * _dice(own, stem_trigrams([word])) for word in near), default=0.0)


def _dice(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _shared(wanted: list[str], present: list[str]) -> float:
    # A word that only begins one of the name's counts half.
    return sum(1.0 if word in present else 0.5 for word in wanted) / max(len(present), len(wanted))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _names(connection: sqlite3.Connection, sql: str, text: str, limit: int) -> Iterator[_Name]:
    for row in connection.execute(sql, (text, limit)):
        yield _Name(*row)


def _hits(
    connection: sqlite3.Connection, best: dict[int, tuple[float, str, _Name]], limit: int, resource_type: str | None
) -> list[Hit]:
    marks = ",".join(map(str, best))
    sql = f"SELECT * FROM resource WHERE id IN ({marks}) AND replaced_by IS NULL"
    rows = connection.execute(sql).fetchall()
    rows.sort(key=lambda row: (-best[row["id"]][0], -row["claims"], row["slug"]))
    kept = (row for row in rows if _is_a(connection, row["id"], resource_type))
    return [_hit(row, *best[row["id"]]) for row in islice(kept, limit)]


def _hit(row: sqlite3.Row, score: float, how: str, name: _Name) -> Hit:
    return Hit(row["iri"], row["slug"], row["family"], row["type"], score, name.text, name.language, name.role, how)


def _is_a(connection: sqlite3.Connection, resource: int, resource_type: str | None) -> bool:
    if resource_type is None:
        return True
    sql = "SELECT 1 FROM class_of WHERE class = ? AND resource = ?"
    return connection.execute(sql, (resource_type, resource)).fetchone() is not None
