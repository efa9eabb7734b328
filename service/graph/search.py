"""Search over the names of entities, concepts and documents: exact names, words, parts of words, slips.

Each hit says which name matched, in which language and how. Without a language every language counts.
An identifier (`interpol`) or an IRI finds what it names.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain, islice
from operator import itemgetter
from typing import NamedTuple

from service.graph.columns import plain_rows
from service.graph.fold import (
    distance,
    fold,
    folded_stems,
    parts,
    stem_trigrams,
    trigrams,
    without_particle,
    words_query,
)

# How a name matches, best first, with the score that a whole match of this kind gets (0 to 1).
IDENTIFIER, EXACT, WORDS, PART, SIMILAR = "identifier", "exact", "words", "part", "similar"
_CEILING = {IDENTIFIER: 1.0, EXACT: 1.0, WORDS: 0.9, PART: 0.7, SIMILAR: 0.6}
# Names that one kind of match may bring up, those of fewest words and letters; more are noise.
_CANDIDATES = 200
# Names that have one of the parts of three letters by which a slip is looked up: the rarest parts that have no more
# between them, since they decide and cost least. At 100,000 entities they are four, and read in 1 ms.
_MOST_WITH_PARTS = 4000
# Names that are compared with what is typed, those that have most of these parts; each takes 50 µs.
_COMPARED = 60
# Share of common trigrams (Dice) from which two words count as one with a slip: "bourrita" and "bourita" have 0.88.
_SIMILARITY = 0.5
# Words that have fewer trigrams in common count as just similar if so few letters differ, by the letters of the shorter:
# "boritta" and "bourita" share 0.43 of theirs.
_SLIPS = {5: 1, 7: 2}
_LEAST_SHARED = 0.25


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


class _Name(NamedTuple):
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
    identified = ((IDENTIFIER, name, 1.0) for name in _identified(connection, text.strip()))
    for how, name, share in chain(_matches(connection, folded, slips), identified):
        score = round(_CEILING[how] * share, 4)
        if (language is None or name.language == language or how == IDENTIFIER) and score > best.get(
            name.resource, (0.0,)
        )[0]:
            best[name.resource] = (score, how, name)
    return _hits(connection, best, limit, resource_type)


def _identified(connection: sqlite3.Connection, text: str) -> list[_Name]:
    """What the text names as an identifier or an IRI."""
    rows = connection.execute("SELECT id FROM resource WHERE iri = ? OR slug = ?", (text, text)).fetchall()
    return [_Name(0, row[0], "", text, IDENTIFIER, text) for row in rows]


def _matches(connection: sqlite3.Connection, folded: str, slips: bool) -> Iterator[tuple[str, _Name, float]]:
    found = False
    for name in _names(connection, f"SELECT {_COLUMNS} FROM name WHERE folded = ? LIMIT ?", folded, _CANDIDATES):
        found = True
        yield EXACT, name, 1.0
    wanted = folded_stems(folded)
    if wanted:
        query = words_query(wanted)
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
    for name in _with_most_parts(connection, folded):
        share = _likeness(folded, own, name.folded)
        if share >= _SIMILARITY:
            yield SIMILAR, name, share


def _with_most_parts(connection: sqlite3.Connection, folded: str) -> list[_Name]:
    """The names that have most of the rarest parts of what is typed; of equals those of fewest words and letters."""
    typed = sorted(parts(folded))
    marks = ", ".join("?" * len(typed))
    rarest = connection.execute(f"SELECT part, names FROM part WHERE part IN ({marks}) ORDER BY names, part", typed)
    met: Counter[int] = Counter()
    read = 0
    for part, names in rarest.fetchall():
        read += names
        if met and read > _MOST_WITH_PARTS:
            break
        sql = "SELECT rowid FROM name_parts WHERE name_parts MATCH ? LIMIT ?"
        met.update(map(itemgetter(0), plain_rows(connection, sql, (_quoted(part), _MOST_WITH_PARTS))))
    # By parts, then by id, as one number, which compares in a fraction of the time of a pair.
    closest = nsmallest(_COMPARED, [(len(typed) - count) << 60 | row_id for row_id, count in met.items()])
    ids = json.dumps([number & (1 << 60) - 1 for number in closest])
    sql = f"SELECT {_COLUMNS} FROM name WHERE id IN (SELECT value FROM json_each(?))"
    return [_Name(*row) for row in connection.execute(sql, (ids,))]


def _likeness(folded: str, own: set[str], name: str) -> float:
    found = folded_stems(name)
    share = _with_slips(_dice(own, stem_trigrams(found)), folded, " ".join(found))
    if " " in folded or len(found) < 2:
        return share
    # A slip in one word of a long name: compare with that word alone, a little below a match of the whole.
    words = (word for word in found if abs(len(word) - len(folded)) <= 2)
    return max((0.9 * _with_slips(_dice(own, stem_trigrams([word])), folded, word) for word in words), default=share)


def _with_slips(share: float, one: str, other: str) -> float:
    if share >= _SIMILARITY or share < _LEAST_SHARED:
        return share
    shorter = min(len(one), len(other))
    allowed = max((slips for letters, slips in _SLIPS.items() if shorter >= letters), default=0)
    # A little above, so that one word of a longer name still counts.
    return _SIMILARITY / 0.9 if distance(one, other, most=allowed) <= allowed else share


def _dice(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _shared(wanted: list[str], present: list[str]) -> float:
    # A word that only begins one of the name's counts half; one without its particle a little less than one as typed.
    said = (1.0 if word in present else 0.95 if without_particle(word) in present else 0.5 for word in wanted)
    return sum(said) / max(len(present), len(wanted))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _names(connection: sqlite3.Connection, sql: str, text: str, limit: int) -> Iterator[_Name]:
    return map(_Name._make, plain_rows(connection, sql, (text, limit)))


def _hits(
    connection: sqlite3.Connection, best: dict[int, tuple[float, str, _Name]], limit: int, resource_type: str | None
) -> list[Hit]:
    sql = "SELECT * FROM resource WHERE id IN (SELECT value FROM json_each(?)) AND replaced_by IS NULL"
    rows = connection.execute(sql, (json.dumps(list(best)),)).fetchall()
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
