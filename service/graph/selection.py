"""A selection of the graph: the one request object behind a list, a page, a facet, a timeline and an export.

Filters that speak of a claim (document, asserter, modality, related entity, topic, place, time) must hold for one and the
same claim; an entity is selected when one of the claims about it meets them all.
"""

import base64
import json
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from service.errors import BadRequest, InvalidEdtf
from service.graph.edtf import bounds
from service.graph.fold import stems
from service.graph.index import ABOUT_ROLES, LANGUAGES

Mode = Literal["possibly", "certainly"]
# Items of one page unless asked otherwise, and at most: a page of 200 claims with evidence is about 200 kB of JSON.
PAGE, MAX_PAGE = 50, 200

# Collection → the classes of the ontology whose members it lists; empty for claims.
COLLECTIONS: dict[str, tuple[str, ...]] = {
    "entities": ("Entity",),
    "actors": ("Actor",),
    "institutions": ("Organization",),
    "threats": (),
    "agreements": ("Agreement", "LegalText"),
    "events": ("Event",),
    "measures": ("Measure",),
    "documents": ("Document",),
    "topics": ("Topic",),
    "claims": (),
    "observations": (),
    "timeline": (),
}
CLAIM_COLLECTIONS = ("claims", "observations", "timeline")
# Claims that say where something is.
_PLACE_PREDICATES = ("place", "operatesIn", "partOf", "postIn", "target")
_NS = "https://marsad.example/ns#"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a request asks for. Lists of words mean "one of these"; different filters must all hold."""

    collection: str
    text: str | None = None
    types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    asserters: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    predicates: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    # IRIs of resources that the claim is about, and keys of claims: for files of one item.
    about: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    begin: date | None = None
    end: date | None = None
    mode: Mode = "possibly"
    language: str = "en"
    sort: str = ""
    limit: int = PAGE
    cursor: str | None = None

    @property
    def of_claims(self) -> bool:
        """Whether the items are claims; else they are resources."""
        return self.collection in CLAIM_COLLECTIONS

    @property
    def whole(self) -> "Selection":
        """The same selection without paging."""
        return replace(self, cursor=None, limit=0)


@dataclass(frozen=True)
class Page:
    """Row ids of one page in order, the cursor of the next (None on the last page) and the total."""

    ids: list[int]
    next_cursor: str | None
    total: int


@dataclass
class _Where:
    conditions: list[str] = field(default_factory=list)
    values: list[str | int] = field(default_factory=list)

    def add(self, condition: str, *values: str | int) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def sql(self) -> str:
        return " AND ".join(self.conditions) or "1"


def period_of(begin: str | None, end: str | None) -> tuple[date | None, date | None]:
    """The days that `from` and `to` name: the first day of one EDTF date, the last day of the other.

    Raises BadRequest: a value is no EDTF date, or the period ends before it begins.
    """
    try:
        first = bounds(begin).earliest if begin else None
        last = bounds(end).latest if end else None
    except InvalidEdtf as error:
        raise BadRequest(f"from and to take EDTF dates such as 2014 or 2014-09-30: {error}") from error
    if first and last and first > last:
        raise BadRequest(f"the period ends ({end}) before it begins ({begin})")
    return first, last


def select(connection: sqlite3.Connection, selection: Selection, base: str) -> Page:
    """One page of the selection. The order is total: ties are broken by slug or claim key."""
    table = "claim" if selection.of_claims else "resource"
    where = _conditions(connection, selection, base)
    total = connection.execute(f"SELECT COUNT(*) FROM {table} WHERE {where.sql()}", where.values).fetchone()[0]
    key, tie, direction = _order(selection)
    order = f"{key} {direction}, {tie} {direction}"
    if selection.cursor is not None:
        comparison = ">" if direction == "ASC" else "<"
        where.add(f"({key}, {tie}) {comparison} (?, ?)", *_read_cursor(selection.cursor, selection))
    sql = f"SELECT id, {key} AS k, {tie} AS t FROM {table} WHERE {where.sql()} ORDER BY {order}"
    if selection.limit:
        sql += f" LIMIT {selection.limit + 1}"
    rows = connection.execute(sql, where.values).fetchall()
    more = bool(selection.limit) and len(rows) > selection.limit
    rows = rows[: selection.limit] if more else rows
    cursor = _write_cursor(rows[-1]["k"], rows[-1]["t"], selection) if more else None
    return Page([row["id"] for row in rows], cursor, total)


def is_member(connection: sqlite3.Connection, selection: Selection, base: str, row_id: int) -> bool:
    """Whether the resource or claim with that row id is one of the selection."""
    table = "claim" if selection.of_claims else "resource"
    where = _conditions(connection, selection, base)
    where.add(f"{table}.id = ?", row_id)
    return connection.execute(f"SELECT 1 FROM {table} WHERE {where.sql()}", where.values).fetchone() is not None


def facets(connection: sqlite3.Connection, selection: Selection, base: str) -> dict[str, list[tuple[str, int]]]:
    """How many items of the selection each value of a facet has, most first; the facet's own filter is left out."""
    whole = selection.whole

    # `replace` is typed by the field; the names in the table are fields that hold tuples of words.
    def without(attribute: str) -> Selection:
        return replace(whole, **{attribute: ()})  # type: ignore[arg-type]

    return {
        name: _facet(connection, without(attribute), base, sql)
        for name, (attribute, resource_sql, claim_sql) in _FACETS.items()
        if (sql := claim_sql if selection.of_claims else resource_sql)
    }


_ABOUT = ", ".join(f"'{role}'" for role in ABOUT_ROLES)
# Facet → (filter that it stands for, SQL over resources, SQL over claims); {w} is the condition of the selection.
_FACETS: dict[str, tuple[str, str, str]] = {
    "type": (
        "types",
        "SELECT type, COUNT(*) FROM resource WHERE {w} GROUP BY type",
        "SELECT type, COUNT(*) FROM claim WHERE {w} GROUP BY type",
    ),
    "kind": (
        "kinds",
        "SELECT kind, COUNT(*) FROM kind_of JOIN resource ON resource.id = kind_of.resource WHERE {w} GROUP BY kind",
        "",
    ),
    "document": (
        "documents",
        "SELECT document, COUNT(DISTINCT resource.id) FROM resource JOIN role ON role.resource = resource.iri"
        f" AND role.role IN ({_ABOUT}) JOIN claim AS c ON c.id = role.claim WHERE {{w}} GROUP BY document",
        "SELECT document, COUNT(*) FROM claim WHERE {w} GROUP BY document",
    ),
    "modality": ("modalities", "", "SELECT modality, COUNT(*) FROM claim WHERE {w} GROUP BY modality"),
    "predicate": (
        "predicates",
        "",
        "SELECT predicate, COUNT(*) FROM claim WHERE {w} AND predicate IS NOT NULL GROUP BY predicate",
    ),
    "asserter": (
        "asserters",
        "",
        "SELECT role.resource, COUNT(*) FROM claim JOIN role ON role.claim = claim.id AND role.role = 'assertedBy'"
        " WHERE {w} GROUP BY role.resource",
    ),
}


def _facet(connection: sqlite3.Connection, selection: Selection, base: str, sql: str) -> list[tuple[str, int]]:
    where = _conditions(connection, selection, base)
    rows = connection.execute(sql.format(w=where.sql()), where.values).fetchall()
    named = [(str(value).rsplit("/", 1)[-1].rsplit("#", 1)[-1], count) for value, count in rows if value]
    return sorted(named, key=lambda entry: (-entry[1], entry[0]))


def _conditions(connection: sqlite3.Connection, selection: Selection, base: str) -> _Where:
    where = _Where()
    claims = _claim_conditions(connection, selection, base, "claim" if selection.of_claims else "c")
    if selection.of_claims:
        _restrict_claims(where, selection)
        where.conditions += claims.conditions
        where.values += claims.values
        return where
    _restrict_resources(connection, where, selection)
    if claims.conditions:
        where.add(
            f"EXISTS (SELECT 1 FROM role AS r JOIN claim AS c ON c.id = r.claim WHERE r.resource = resource.iri"
            f" AND r.role IN ({_ABOUT}) AND {claims.sql()})",
            *claims.values,
        )
    return where


def _restrict_claims(where: _Where, selection: Selection) -> None:
    if selection.collection == "observations":
        where.add("claim.type = 'Observation'")
    if selection.collection == "timeline":
        where.add("claim.edtf IS NOT NULL")
    _one_of(where, "claim.type", selection.types)
    _one_of(where, "claim.key", selection.keys)
    if selection.text:
        query = " ".join(f'"{word}"*' for word in stems(selection.text)) or '""'
        where.add(
            f"claim.id IN (SELECT role.claim FROM role JOIN resource ON resource.iri = role.resource WHERE role.role"
            f" IN ({_ABOUT}) AND resource.id IN (SELECT name.resource FROM name_words JOIN name ON"
            " name.id = name_words.rowid WHERE name_words MATCH ?))",
            query,
        )


def _restrict_resources(connection: sqlite3.Connection, where: _Where, selection: Selection) -> None:
    where.add("resource.replaced_by IS NULL")
    if selection.collection == "threats":
        where.add(
            "(resource.id IN (SELECT resource FROM scheme_of WHERE scheme = 'threats') OR resource.iri IN"
            " (SELECT subject FROM claim WHERE predicate = ?))",
            _NS + "threatens",
        )
    elif selection.collection != "entities" or not selection.types:
        _in_classes(where, COLLECTIONS[selection.collection])
    if selection.types:
        _in_classes(where, selection.types)
        if selection.collection == "entities":
            _in_classes(where, ("Entity",))
    if selection.kinds:
        marks, values = _with_narrower(connection, selection.kinds)
        where.add(f"resource.id IN (SELECT resource FROM kind_of WHERE kind IN ({marks}))", *values)
    if selection.text:
        query = " ".join(f'"{word}"*' for word in stems(selection.text)) or '""'
        where.add(
            "resource.id IN (SELECT name.resource FROM name_words JOIN name ON name.id = name_words.rowid"
            " WHERE name_words MATCH ?)",
            query,
        )


def _claim_conditions(connection: sqlite3.Connection, selection: Selection, base: str, table: str) -> _Where:
    where = _Where()
    _one_of(where, f"{table}.document", selection.documents)
    _one_of(where, f"{table}.modality", selection.modalities)
    _one_of(where, f"{table}.predicate", tuple(_predicate_iri(name) for name in selection.predicates))
    _with_role(where, table, tuple(base + "id/" + slug for slug in selection.asserters), "'assertedBy'")
    related = tuple(iri for slug in selection.related for iri in _iris(connection, slug))
    if selection.related:
        _with_role(where, table, related or ("",), _ABOUT)
    _with_role(where, table, selection.about, _ABOUT)
    if selection.topics:
        marks, values = _with_narrower(connection, selection.topics)
        where.add(
            f"EXISTS (SELECT 1 FROM role AS t JOIN resource AS topic ON topic.iri = t.resource WHERE t.claim = {table}.id"
            f" AND t.role IN ({_ABOUT}) AND topic.slug IN ({marks}))",
            *values,
        )
    if selection.places:
        iris = tuple(iri for slug in selection.places for iri in _iris(connection, slug)) or ("",)
        predicates = ", ".join(f"'{_NS}{name}'" for name in _PLACE_PREDICATES)
        marks = ", ".join("?" * len(iris))
        where.add(f"({table}.predicate IN ({predicates}) AND {table}.object IN ({marks}))", *iris)
    _in_period(where, table, selection)
    return where


def _in_period(where: _Where, table: str, selection: Selection) -> None:
    starts, ends = ("begins_by", "ends_after") if selection.mode == "certainly" else ("earliest", "latest")
    if selection.end is not None:
        where.add(f"{table}.{starts} <= ?", selection.end.isoformat())
    if selection.begin is not None:
        where.add(f"{table}.{ends} >= ?", selection.begin.isoformat())


def _one_of(where: _Where, column: str, values: tuple[str, ...]) -> None:
    if values:
        where.add(f"{column} IN ({', '.join('?' * len(values))})", *values)


def _in_classes(where: _Where, classes: tuple[str, ...]) -> None:
    marks = ", ".join("?" * len(classes))
    where.add(f"resource.id IN (SELECT resource FROM class_of WHERE class IN ({marks}))", *classes)


def _with_role(where: _Where, table: str, iris: tuple[str, ...], roles: str) -> None:
    if iris:
        marks = ", ".join("?" * len(iris))
        where.add(
            f"EXISTS (SELECT 1 FROM role AS x WHERE x.claim = {table}.id AND x.role IN ({roles}) AND x.resource IN ({marks}))",
            *iris,
        )


def _with_narrower(connection: sqlite3.Connection, slugs: tuple[str, ...]) -> tuple[str, list[str]]:
    marks = ", ".join("?" * len(slugs))
    rows = connection.execute(f"SELECT narrower FROM broader WHERE broader IN ({marks})", slugs).fetchall()
    values = sorted({*slugs, *(row[0] for row in rows)})
    return ", ".join("?" * len(values)), values


def _iris(connection: sqlite3.Connection, slug: str) -> list[str]:
    return [row[0] for row in connection.execute("SELECT iri FROM resource WHERE slug = ?", (slug,))]


def _predicate_iri(name: str) -> str:
    return "http://www.w3.org/2004/02/skos/core#altLabel" if name in ("name", "altLabel") else _NS + name


def _order(selection: Selection) -> tuple[str, str, str]:
    name, descending = selection.sort.removeprefix("-"), selection.sort.startswith("-")
    if selection.of_claims:
        keys = {
            "": "document || printf('%09d', position)",
            "position": "document || printf('%09d', position)",
            "time": "COALESCE(earliest, '9999-99')",
            "key": "key",
        }
        name = name or ("time" if selection.collection == "timeline" else "position")
        tie = "key"
    else:
        language = selection.language if selection.language in LANGUAGES else "en"
        keys = {"": f"sort_{language}", "label": f"sort_{language}", "claims": "claims", "slug": "slug"}
        tie = "slug"
    if name not in keys:
        known = ", ".join(sorted(key for key in keys if key))
        raise BadRequest(f"sort takes one of {known}, with a leading - for the reverse; not {selection.sort!r}")
    return keys[name], tie, "DESC" if descending else "ASC"


def _write_cursor(key: str | int, tie: str, selection: Selection) -> str:
    text = json.dumps([selection.sort, selection.language, key, tie], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, selection: Selection) -> tuple[str | int, str]:
    try:
        sort, language, key, tie = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise BadRequest("the cursor is not one that this service gave out; follow the `next` links") from error
    if (sort, language) != (selection.sort, selection.language) or not isinstance(tie, str):
        raise BadRequest("the cursor belongs to another order; follow the `next` links")
    return key, tie
