"""A selection of the graph: the one request object behind a list, a page, a facet, a timeline and an export.

Filters that speak of a claim (document, asserter, modality, related entity, topic, place, time) must hold for one and the
same claim; an entity is selected when one of the claims about it meets them all.
"""

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Literal

from service.errors import BadRequest, InvalidEdtf
from service.graph.bitmaps import few_bits, row_ids
from service.graph.columns import (
    ABOUT_ROLES,
    SUBJECT_ROLES,
    Column,
    Columns,
    Condition,
    Part,
    Period,
    columns_of,
    plain_rows,
)
from service.graph.edtf import bounds
from service.graph.fold import stems, words_query
from service.graph.index import LANGUAGES, RESOURCE_OF_NAME
from service.rdf.iris import local_name

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
_ALT_LABEL = "http://www.w3.org/2004/02/skos/core#altLabel"
# Values of a facet, the most frequent; a menu of more helps nobody, and a filter takes the others all the same.
_MOST_VALUES = 100


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
    subjects: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
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
    def all_of_it(self) -> "Selection":
        """What is selected, whatever the order, the language and the paging."""
        return replace(self, cursor=None, limit=0, sort="", language="en")

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
    columns = columns_of(connection)
    chosen = _chosen(connection, columns, selection, base)
    total = chosen.bit_count()
    table = "claim" if selection.of_claims else "resource"
    key, tie, direction = _order(selection)
    by = f"ORDER BY {key} {direction}, {tie} {direction}"

    def ordered() -> Iterator[int]:
        return (row[0] for row in connection.execute(f"SELECT id FROM {table} {by}"))

    order = columns.order(f"{table} {by}", ordered)
    start = 0
    if selection.cursor is not None:
        comparison = ">" if direction == "ASC" else "<"
        sql = f"SELECT id FROM {table} WHERE ({key}, {tie}) {comparison} (?, ?) {by} LIMIT 1"
        following = connection.execute(sql, _read_cursor(selection.cursor, selection)).fetchone()
        if following is None:
            return Page([], None, total)
        start = order.place(following[0])
    ids = order.first(chosen, selection.limit + 1 if selection.limit else total, start=start)
    if not selection.limit or len(ids) <= selection.limit:
        return Page(ids, None, total)
    ids = ids[: selection.limit]
    last = connection.execute(f"SELECT {key}, {tie} FROM {table} WHERE id = ?", (ids[-1],)).fetchone()
    return Page(ids, _write_cursor(last[0], last[1], selection), total)


def is_member(connection: sqlite3.Connection, selection: Selection, base: str, row_id: int) -> bool:
    """Whether the resource or claim with that row id is one of the selection."""
    return bool(_chosen(connection, columns_of(connection), selection, base) >> row_id & 1)


def facets(
    connection: sqlite3.Connection, selection: Selection, base: str, names: Iterable[str]
) -> dict[str, list[tuple[str, int]]]:
    """How many items there are for each value of these facets: the total of the same selection with that value as its filter.

    The facet's own filter is left out; at most the hundred most frequent values, most first.
    """
    columns = columns_of(connection)
    return {
        name: _facet(connection, columns, replace(selection.all_of_it, **{_FACETS[name]: ()}), name, base)  # type: ignore[arg-type]
        for name in names
    }


# Facet, which is the name of its filter → the attribute of a selection that it stands for.
_FACETS = {
    "type": "types",
    "kind": "kinds",
    "document": "documents",
    "modality": "modalities",
    "relation": "predicates",
    "asserter": "asserters",
    "topic": "topics",
    "place": "places",
}


def facet_names(collection: str, wanted: str) -> tuple[str, ...]:
    """The facets that are asked for: "true" for the usual ones, "all", "false", or names with commas between.

    Raises BadRequest: there is no such facet.
    """
    of_claims = collection in CLAIM_COLLECTIONS
    every = tuple(name for name in _FACETS if not (of_claims and name == "kind"))
    usual = ("type", "document", "modality", "relation", "asserter") if of_claims else ("type", "kind", "document")
    fixed = {"": (), "false": (), "true": usual, "all": every}
    if wanted in fixed:
        return fixed[wanted]
    names = tuple(dict.fromkeys(name.strip() for name in wanted.split(",")))
    unknown = [name for name in names if name not in every]
    if unknown:
        raise BadRequest(f"facets: there is no {', '.join(unknown)}; there are true, all, {', '.join(every)}")
    return names


def _facet(
    connection: sqlite3.Connection, columns: Columns, selection: Selection, name: str, base: str
) -> list[tuple[str, int]]:
    def make() -> list[tuple[str, int]]:
        counted = _facet_counts(connection, columns, selection, name, base)
        most = sorted((-count, value) for value, count in counted.items() if value)[:_MOST_VALUES]
        return sorted(((_facet_name(value), -count) for count, value in most), key=lambda entry: (-entry[1], entry[0]))

    return columns.kept(("facet", name, selection), make)


def _facet_counts(
    connection: sqlite3.Connection, columns: Columns, selection: Selection, name: str, base: str
) -> dict[str, int]:
    column = _facet_column(connection, columns, name)
    if selection.of_claims:
        return {
            value: count
            for value, count in column.counts(_chosen(connection, columns, selection, base)).items()
            if count
        }
    if name not in ("type", "kind", "document"):
        claims, _ = _meeting(connection, columns, selection, base)
        return columns.spoken_counts(column, claims, _chosen(connection, columns, selection, base))
    if name == "document":
        claims, conditions = _meeting(connection, columns, selection, base)
        return columns.document_counts(claims, conditions, _period(selection), _parts(connection, columns, selection))
    chosen = _chosen(connection, columns, selection, base)
    return columns.resource_counts(columns.filed_types if name == "type" else columns.filed_kinds, chosen)


def _facet_column(connection: sqlite3.Connection, columns: Columns, name: str) -> Column:
    if name in ("topic", "place"):
        pairs = _topic_pairs if name == "topic" else _place_pairs
        return columns.column(name, lambda: pairs(connection))
    return columns.columns["predicate" if name == "relation" else "type" if name == "kind" else name]


def _topic_pairs(connection: sqlite3.Connection) -> Iterable[tuple[str, int]]:
    """Each topic, and each wider one, with each claim that speaks of it."""
    marks = ", ".join("?" * len(ABOUT_ROLES))
    topics = "SELECT DISTINCT resource.slug FROM resource JOIN class_of ON class_of.resource = resource.id WHERE class = 'Topic'"
    return connection.execute(
        f"WITH topic(slug) AS ({topics}),"
        " wider(slug, value) AS (SELECT slug, slug FROM topic UNION SELECT narrower, broader FROM broader JOIN topic ON topic.slug = broader)"
        " SELECT DISTINCT wider.value, role.claim FROM wider JOIN resource ON resource.slug = wider.slug"
        f" JOIN role ON role.resource = resource.iri WHERE role.role IN ({marks})",
        ABOUT_ROLES,
    )


def _place_pairs(connection: sqlite3.Connection) -> Iterable[tuple[str, int]]:
    """Each place with each claim that says that something is there."""
    marks = ", ".join("?" * len(_PLACE_PREDICATES))
    return connection.execute(
        "SELECT DISTINCT resource.slug, claim.id FROM claim JOIN role ON role.claim = claim.id"
        " JOIN resource ON resource.iri = role.resource JOIN class_of ON class_of.resource = resource.id"
        f" WHERE claim.predicate IN ({marks}) AND role.role = 'object' AND class_of.class = 'Place'",
        [_NS + name for name in _PLACE_PREDICATES],
    )


def _facet_name(value: str) -> str:
    return "name" if value == _ALT_LABEL else local_name(value)


def _chosen(connection: sqlite3.Connection, columns: Columns, selection: Selection, base: str) -> int:
    """The selection as a bitmap of row ids."""
    make = _chosen_claims if selection.of_claims else _chosen_resources
    return columns.kept(selection.all_of_it, lambda: make(connection, columns, selection, base))


def _chosen_claims(connection: sqlite3.Connection, columns: Columns, selection: Selection, base: str) -> int:
    chosen, _ = _meeting(connection, columns, selection, base)
    if selection.collection == "observations":
        chosen &= columns.having("type", ("Observation",))
    if selection.collection == "timeline":
        chosen &= columns.timed
    if selection.types:
        chosen &= columns.having("type", selection.types)
    if selection.keys:
        marks = ", ".join("?" * len(selection.keys))
        rows = connection.execute(f"SELECT id FROM claim WHERE key IN ({marks})", selection.keys)
        chosen &= few_bits([row[0] for row in rows], columns.claim_size)
    if selection.text:
        chosen &= columns.claims_about(_named(connection, selection.text))
    if selection.kinds:
        of_kind = _any(columns.kinds, _with_narrower(connection, selection.kinds))
        chosen &= columns.claims_about(row_ids(of_kind))
    return chosen


def _chosen_resources(connection: sqlite3.Connection, columns: Columns, selection: Selection, base: str) -> int:
    chosen = columns.live
    for part in _parts(connection, columns, selection):
        chosen &= part.resources
    return _spoken_of(connection, columns, selection, base, chosen) if _speaks_of_claims(selection) else chosen


def _parts(connection: sqlite3.Connection, columns: Columns, selection: Selection) -> list[Part]:
    """What a resource must be, whatever is said of it."""
    if selection.collection == "threats":
        threats = columns.schemes.get("threats", 0) | _threatening(connection, columns)
        parts = [Part(("threats",), threats)]
    else:
        classes = COLLECTIONS[selection.collection]
        parts = [Part(("class", *classes), _any(columns.classes, classes))]
    if selection.types:
        parts.append(Part(("class", *selection.types), _any(columns.classes, selection.types)))
    if selection.kinds:
        kinds = _with_narrower(connection, selection.kinds)
        parts.append(Part(("kind", *kinds), _any(columns.kinds, kinds)))
    if selection.text:
        names = partial(_named, connection, selection.text)
        named = columns.kept(("named", selection.text), lambda: few_bits(list(names()), columns.resource_size))
        parts.append(Part(("text", selection.text), named))
    return parts


def _threatening(connection: sqlite3.Connection, columns: Columns) -> int:
    """Whatever a claim says to threaten something."""

    def make() -> int:
        claims = ",".join(map(str, row_ids(columns.having("predicate", (_NS + "threatens",)))))
        sql = (
            f"SELECT resource.id FROM claim JOIN resource ON resource.iri = claim.subject WHERE claim.id IN ({claims})"
        )
        return few_bits([row[0] for row in connection.execute(sql)], columns.resource_size)

    return columns.kept(("threatening",), make)


def _spoken_of(
    connection: sqlite3.Connection, columns: Columns, selection: Selection, base: str, resources: int
) -> int:
    """Those of these resources that a claim which meets the filters of claims is about."""
    claims, conditions = _meeting(connection, columns, selection, base)
    few = columns.spoken_of(resources, claims)
    if few is not None:
        return few
    key = ("spoken of", _of_claims_alone(selection))
    return resources & columns.kept(key, lambda: columns.resources_of(claims, conditions, _period(selection)))


def _of_claims_alone(selection: Selection) -> Selection:
    """The filters that speak of a claim."""
    return replace(selection.all_of_it, collection="claims", types=(), kinds=(), text=None, keys=())


def _speaks_of_claims(selection: Selection) -> bool:
    filters = (selection.documents, selection.modalities, selection.predicates, selection.asserters)
    others = (selection.related, selection.about, selection.topics, selection.places, selection.begin, selection.end)
    return any((*filters, *others, selection.subjects, selection.objects))


def _claim_parts(selection: Selection, base: str) -> dict[str, tuple[str, ...]]:
    """The filters that name values of a column of the claims."""
    parts = {
        "document": selection.documents,
        "modality": selection.modalities,
        "predicate": tuple(_predicate_iri(name) for name in selection.predicates),
        "asserter": tuple(base + "id/" + slug for slug in selection.asserters),
    }
    return {name: values for name, values in parts.items() if values}


def _meeting(
    connection: sqlite3.Connection, columns: Columns, selection: Selection, base: str
) -> tuple[int, list[Condition]]:
    """The claims that meet every filter of claims, and those filters but for the period."""

    def make() -> tuple[int, list[Condition]]:
        conditions = list(_conditions(connection, columns, selection, base))
        claims = columns.all_claims
        for condition in conditions:
            claims &= condition.claims
        return columns.within(_period(selection), claims), conditions

    return columns.kept(("meeting", _of_claims_alone(selection)), make)


def _conditions(
    connection: sqlite3.Connection, columns: Columns, selection: Selection, base: str
) -> Iterator[Condition]:
    for name, values in _claim_parts(selection, base).items():
        yield Condition(name, values, columns.having(name, values))
    if selection.related:
        claims = columns.claims_about(_rows(connection, selection.related))
        yield Condition("related", selection.related, claims)
    if selection.about:
        yield Condition("about", selection.about, columns.claims_about(_rows_of_iris(connection, selection.about)))
    others = tuple(role for role in ABOUT_ROLES if role not in SUBJECT_ROLES)
    for name, slugs, roles in (("subject", selection.subjects, SUBJECT_ROLES), ("object", selection.objects, others)):
        if slugs:
            yield Condition(name, slugs, few_bits(_in_roles(connection, slugs, roles), columns.claim_size))
    if selection.topics:
        topics = _rows(connection, _with_narrower(connection, selection.topics))
        yield Condition("topic", selection.topics, columns.claims_about(topics))
    if selection.places:
        claims = columns.having("predicate", (_NS + name for name in _PLACE_PREDICATES))
        claims &= few_bits(_in_roles(connection, selection.places, ("object",)), columns.claim_size)
        claims &= columns.claims_about(_rows(connection, selection.places))
        yield Condition("place", selection.places, claims)


def _in_roles(connection: sqlite3.Connection, slugs: tuple[str, ...], roles: tuple[str, ...]) -> list[int]:
    """The claims in which a resource with one of the slugs has one of the roles."""
    sql = (
        "SELECT claim FROM resource CROSS JOIN role WHERE role.resource = resource.iri"
        f" AND resource.slug IN ({', '.join('?' * len(slugs))}) AND role.role IN ({', '.join('?' * len(roles))})"
    )
    return [row[0] for row in connection.execute(sql, (*slugs, *roles))]


def _period(selection: Selection) -> Period:
    starts, ends = ("begins_by", "ends_after") if selection.mode == "certainly" else ("earliest", "latest")
    return Period(
        since=(ends, selection.begin.isoformat()) if selection.begin else None,
        until=(starts, selection.end.isoformat()) if selection.end else None,
    )


def _any(values: dict[str, int], wanted: tuple[str, ...]) -> int:
    found = 0
    for value in wanted:
        found |= values.get(value, 0)
    return found


def _named(connection: sqlite3.Connection, text: str) -> set[int]:
    """The resources of whose names the words of the text are words or begin words."""
    query = words_query(stems(text))
    sql = f"SELECT DISTINCT {RESOURCE_OF_NAME} FROM name_words WHERE name_words MATCH ?"
    return {row_id for (row_id,) in plain_rows(connection, sql, (query,))}


def _with_narrower(connection: sqlite3.Connection, slugs: tuple[str, ...]) -> tuple[str, ...]:
    marks = ", ".join("?" * len(slugs))
    rows = connection.execute(f"SELECT narrower FROM broader WHERE broader IN ({marks})", slugs).fetchall()
    return tuple(sorted({*slugs, *(row[0] for row in rows)}))


def _rows(connection: sqlite3.Connection, slugs: tuple[str, ...]) -> list[int]:
    marks = ", ".join("?" * len(slugs))
    return [row[0] for row in connection.execute(f"SELECT id FROM resource WHERE slug IN ({marks})", slugs)]


def _rows_of_iris(connection: sqlite3.Connection, iris: tuple[str, ...]) -> list[int]:
    marks = ", ".join("?" * len(iris))
    return [row[0] for row in connection.execute(f"SELECT id FROM resource WHERE iri IN ({marks})", iris)]


def _predicate_iri(name: str) -> str:
    return _ALT_LABEL if name in ("name", "altLabel") else _NS + name


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
