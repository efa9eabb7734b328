"""Descriptions of resources and claims as plain values, for the API, the pages and the tables."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from service.errors import NotFound
from service.graph.columns import ABOUT_ROLES, SUBJECT_ROLES
from service.graph.edtf_words import in_words
from service.graph.index import LANGUAGES

Item = dict[str, Any]
# (document, start, end) → the passage with a little context, where the texts are at hand.
Passages = Callable[[str, int, int], "Passage | None"]
_ALT_LABEL = "http://www.w3.org/2004/02/skos/core#altLabel"


# Claims, or names, that are asked for in one statement; SQLite takes some thousands.
_AT_ONCE = 500


@dataclass(frozen=True)
class Passage:
    """A passage of a document, the text just before and just after it."""

    text: str
    before: str
    after: str


class Describer:
    """Describes what the index holds; labels in `language`, the others beside them.

    `passages` is asked for the text of a passage; it answers None where the texts are not at hand.
    """

    def __init__(self, connection: sqlite3.Connection, base: str, language: str, passages: Passages) -> None:
        self.connection = connection
        self.base = base
        self.language = language if language in LANGUAGES else "en"
        self.passages = passages
        self._references: dict[str, Item] = {}

    def reference(self, iri: str) -> Item:
        """`id`, `iri`, `type` and `label` of a resource: what a list or a link needs."""
        if iri not in self._references:
            row = self.connection.execute("SELECT * FROM resource WHERE iri = ?", (iri,)).fetchone()
            self._references[iri] = self._reference(row) if row else _unknown(iri)
        return self._references[iri]

    def labelled(self, iri: str) -> Item:
        """A reference with the labels in every language."""
        row = self.connection.execute("SELECT * FROM resource WHERE iri = ?", (iri,)).fetchone()
        return self._reference(row) | {"labels": _labels(row)} if row else _unknown(iri)

    def _reference(self, row: sqlite3.Row) -> Item:
        return {"id": row["slug"], "iri": row["iri"], "type": row["type"], "label": self._label(row)}

    def _label(self, row: sqlite3.Row) -> str:
        order = (self.language, *LANGUAGES)
        return str(next((row[f"label_{language}"] for language in order if row[f"label_{language}"]), row["slug"]))

    def resource(self, row_id: int) -> Item:
        """A resource as a list shows it: reference, labels, kinds, names and the number of claims about it."""
        row = self.connection.execute("SELECT * FROM resource WHERE id = ?", (row_id,)).fetchone()
        kinds = self.connection.execute(
            "SELECT kind FROM kind_of WHERE resource = ? ORDER BY kind", (row_id,)
        ).fetchall()
        classes = self.connection.execute(
            "SELECT class FROM class_of WHERE resource = ? ORDER BY class", (row_id,)
        ).fetchall()
        names = self.connection.execute(
            "SELECT DISTINCT text, language FROM name WHERE resource = ? AND role = 'name' ORDER BY text, language",
            (row_id,),
        ).fetchall()
        return {
            **self._reference(row),
            "labels": _labels(row),
            "types": [name for (name,) in classes],
            "kinds": [self.reference(f"{self.base}topic/{kind}") for (kind,) in kinds],
            "names": [{"text": text, "language": language} for text, language in names],
            "contested": bool(row["contested"]),
            "claimCount": row["claims"],
        }

    def entity(self, row_id: int, *, limit: int | None = None) -> Item:
        """A resource with its claims grouped by relation; `inverse` groups name the claims in which it is the object.

        `total` counts the claims of a group. With `limit` a group has no more than so many, and `filters` are those of
        the list that has them all; None where none was left out.
        """
        item = self.resource(row_id)
        groups: dict[tuple[str, bool], list[sqlite3.Row]] = {}
        for row in self._claims_about(item["iri"]):
            groups.setdefault((_relation(row), row["role"] not in SUBJECT_ROLES), []).append(row)
        ordered = sorted(groups.items(), key=lambda group: (group[0][1], group[0][0]))
        claims = iter(self.claims([row["claim"] for _, rows in ordered for row in rows[:limit]]))
        item["truncated"] = limit is not None and any(len(rows) > limit for _, rows in ordered)
        item["relations"] = [
            {
                "relation": relation,
                "inverse": inverse,
                "total": len(rows),
                "claims": list(islice(claims, len(rows[:limit]))),
                "filters": _filters(item["id"], rows[0]) if len(rows) > len(rows[:limit]) else None,
            }
            for (relation, inverse), rows in ordered
        ]
        return item

    def claims_about(self, iri: str) -> set[str]:
        """The IRIs of all claims about a resource."""
        marks = ", ".join("?" * len(ABOUT_ROLES))
        sql = f"SELECT iri FROM role JOIN claim ON id = claim WHERE resource = ? AND role IN ({marks})"
        return {row["iri"] for row in self.connection.execute(sql, (iri, *ABOUT_ROLES))}

    def _claims_about(self, iri: str) -> list[sqlite3.Row]:
        marks = ", ".join("?" * len(ABOUT_ROLES))
        return self.connection.execute(
            "SELECT role.claim, role.role, claim.type, claim.predicate, indicator.slug AS indicator"
            " FROM role JOIN claim ON claim.id = role.claim"
            " LEFT JOIN role AS counted ON claim.type = 'Observation' AND counted.claim = claim.id"
            " AND counted.role = 'indicator' LEFT JOIN resource AS indicator ON indicator.iri = counted.resource"
            f" WHERE role.resource = ? AND role.role IN ({marks})"
            " ORDER BY claim.document, claim.position, claim.key, role.role",
            (iri, *ABOUT_ROLES),
        ).fetchall()

    def claim(self, row_id: int) -> Item:
        """A claim whole: what it says, how firmly, who asserts it, when it holds and the passages that carry it."""
        return self.claims([row_id])[0]

    def claims(self, row_ids: Sequence[int]) -> list[Item]:
        """Claims whole, in the order asked for; a row id may come twice, and gives an item of its own each time."""
        items: list[Item] = []
        for start in range(0, len(row_ids), _AT_ONCE):
            asked = row_ids[start : start + _AT_ONCE]
            rows = {row["id"]: row for row in self._rows_of("claim WHERE id", asked, "id")}
            roles = _by_claim(self._rows_of("role WHERE claim", asked, "claim, role, resource"))
            evidence = _by_claim(self._rows_of("evidence WHERE claim", asked, "claim, document, start, end"))
            self._read_references(rows.values(), roles.values())
            items += [self._claim(rows[row_id], roles.get(row_id, []), evidence.get(row_id, [])) for row_id in asked]
        return items

    def _rows_of(self, table_and_column: str, ids: Iterable[int | str], order: str) -> list[sqlite3.Row]:
        # One text for any number of ids: SQLite reads it once, which takes longer than to find the rows of a few.
        sql = f"SELECT * FROM {table_and_column} IN (SELECT value FROM json_each(?)) ORDER BY {order}"
        return self.connection.execute(sql, (json.dumps(list(ids)),)).fetchall()

    def _read_references(self, rows: Iterable[sqlite3.Row], roles: Iterable[list[sqlite3.Row]]) -> None:
        """Make the references that claims hold, all in one look."""
        named = {row[name] for row in rows for name in ("subject", "object") if row[name]}
        named.update(role["resource"] for listed in roles for role in listed)
        asked = sorted(named - self._references.keys())
        for start in range(0, len(asked), _AT_ONCE):
            for row in self._rows_of("resource WHERE iri", asked[start : start + _AT_ONCE], "id"):
                self._references[row["iri"]] = self._reference(row)

    def _claim(self, row: sqlite3.Row, role_rows: list[sqlite3.Row], evidence_rows: list[sqlite3.Row]) -> Item:
        item: Item = {"id": row["key"], "iri": row["iri"], "type": row["type"], "document": row["document"]}
        roles = self._roles(role_rows)
        item.update(self._content(row, roles))
        item.update({"modality": row["modality"], "rank": row["rank"], "direct": bool(row["direct"])})
        for name in ("assertedBy", "citedWork", "onBehalfOf", "occasion", "breakdown"):
            if roles.get(name):
                item[name] = roles[name]
        item["time"] = self._time(row) if row["edtf"] is not None else None
        glosses = {language: row[f"gloss_{language}"] for language in ("en", "fr") if row[f"gloss_{language}"]}
        optional = {"gloss": glosses, "asWritten": row["as_written"], "note": row["note"]}
        item.update({key: value for key, value in optional.items() if value})
        item["evidence"] = self._evidence(evidence_rows)
        return item

    def _content(self, row: sqlite3.Row, roles: dict[str, list[Item]]) -> Item:
        if row["type"] == "Observation":
            indicator = _first(roles, "indicator")
            return {
                "indicator": indicator,
                "unit": self._unit(indicator),
                "observedFor": _first(roles, "observedFor"),
                "value": row["literal"],
                "valueIs": row["value_is"],
            }
        if row["type"] == "Assessment":
            return {
                "assessmentOf": _first(roles, "assessmentOf"),
                "aspect": _first(roles, "aspect"),
                "polarity": row["polarity"],
            }
        return {
            "subject": self.reference(row["subject"]) if row["subject"] else None,
            "predicate": predicate_name(row["predicate"]),
            "object": self._object(row),
        }

    def _unit(self, indicator: Item | None) -> str | None:
        if indicator is None:
            return None
        row = self.connection.execute("SELECT unit FROM resource WHERE iri = ?", (indicator["iri"],)).fetchone()
        return row["unit"] if row else None

    def _object(self, row: sqlite3.Row) -> Item:
        if row["object"] is None:
            return {"value": row["literal"], "language": row["language"]}
        if row["time_of"] == "object":
            return self._time(row)
        return self.reference(row["object"])

    def _time(self, row: sqlite3.Row) -> Item:
        bounds = {
            "earliest": row["earliest"],
            "beginsBy": row["begins_by"],
            "endsAfter": row["ends_after"],
            "latest": row["latest"],
        }
        shown = {key: value for key, value in bounds.items() if value not in ("0001-01-01", "9999-12-31")}
        return {"edtf": row["edtf"], "words": in_words(row["edtf"], self.language), **shown}

    def _roles(self, rows: list[sqlite3.Row]) -> dict[str, list[Item]]:
        roles: dict[str, list[Item]] = {}
        for row in rows:
            roles.setdefault(row["role"], []).append(self._reference_or_claim(row["resource"]))
        return roles

    def _reference_or_claim(self, iri: str) -> Item:
        if iri.startswith(self.base + "claim/"):
            return {
                "id": iri.removeprefix(self.base + "claim/"),
                "iri": iri,
                "type": "Claim",
                "label": iri.rsplit("/", 1)[-1],
            }
        return self.reference(iri)

    def _evidence(self, rows: list[sqlite3.Row]) -> list[Item]:
        items = []
        for row in rows:
            item: Item = {
                "iri": row["iri"],
                "document": row["document"],
                "start": row["start"],
                "end": row["end"],
                "passageHash": row["hash"],
            }
            passage = self.passages(row["document"], row["start"], row["end"])
            if passage is not None:
                item |= {"text": passage.text, "before": passage.before, "after": passage.after}
            items.append(item)
        return items


def find_resource(connection: sqlite3.Connection, iri: str) -> int:
    """The row id of the resource `iri`. Raises NotFound: the graph describes no such resource."""
    row = connection.execute("SELECT id FROM resource WHERE iri = ?", (iri,)).fetchone()
    if row is None:
        raise NotFound(f"there is no {iri} in the graph")
    return int(row["id"])


def find_claim(connection: sqlite3.Connection, key: str) -> int:
    """The row id of the claim with that key (`d001.bcij.place.sale`). Raises NotFound: there is no such claim."""
    row = connection.execute("SELECT id FROM claim WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise NotFound(f"there is no claim {key}")
    return int(row["id"])


def predicate_name(iri: str | None) -> str | None:
    """The name that the API and the YAML use for a property."""
    if iri is None:
        return None
    return "name" if iri == _ALT_LABEL else iri.rsplit("#", 1)[-1]


def _relation(row: sqlite3.Row) -> str:
    """The relation in which a resource stands to a claim about it."""
    if row["type"] == "Statement":
        return str(predicate_name(row["predicate"]))
    if row["type"] == "Observation":
        return str(row["indicator"]) if row["role"] == "observedFor" and row["indicator"] else str(row["role"])
    return "assessment" if row["role"] == "assessmentOf" else str(row["role"])


def _filters(slug: str, row: sqlite3.Row) -> dict[str, str]:
    """The filters of the claims that stand to a resource as this one does."""
    found = {"subject" if row["role"] in SUBJECT_ROLES else "object": slug}
    if row["type"] == "Statement":
        return found | {"relation": str(predicate_name(row["predicate"]))}
    counted = {"object": str(row["indicator"])} if row["role"] == "observedFor" and row["indicator"] else {}
    return found | {"type": str(row["type"])} | counted


def _first(roles: dict[str, list[Item]], role: str) -> Item | None:
    return next(iter(roles.get(role, ())), None)


def _labels(row: sqlite3.Row) -> dict[str, str]:
    return {language: row[f"label_{language}"] for language in LANGUAGES if row[f"label_{language}"]}


def _unknown(iri: str) -> Item:
    local = iri.rsplit("/", 1)[-1].rsplit("#", 1)[-1]
    return {"id": local, "iri": iri, "type": None, "label": local}


def _by_claim(rows: Iterable[sqlite3.Row]) -> dict[int, list[sqlite3.Row]]:
    found: dict[int, list[sqlite3.Row]] = {}
    for row in rows:
        found.setdefault(row["claim"], []).append(row)
    return found
