"""The graph as tables: CSV with a Frictionless `datapackage.json`, and GraphML of the direct triples.

Rows are flattened from the same descriptions that the API answers with, so that a file, a page and an answer agree.
Identifiers stand beside labels. Several values in one cell are separated by `SEPARATOR`.
A cell that a spreadsheet would run as a formula begins with an apostrophe.
Source: RFC 4180; Data Package (Frictionless, v1); GraphML 1.0.
"""

import csv
import io
import re
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph as ox

from service.graph.describe import Describer, Item, predicate_name
from service.graph.index import Index
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri, local_name
from service.rdf.sorting import IN_MEMORY, Rows, sorted_triples
from service.rdf.terms import sort_key

SEPARATOR = " | "

# What spreadsheets take for the start of a formula, and the full-width forms that some of them fold to it.
_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?\Z")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Cell = Callable[[Item], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its Frictionless type, what it means, and how its cell is read from an item."""

    name: str
    kind: str
    about: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its name, what a row is, its columns, and the columns that together tell one row from the others."""

    name: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


def csv_lines(table: Table, items: Iterable[Item]) -> Iterator[str]:
    """The table as CSV, one line at a time, header first; CRLF ends a line, UTF-8 is expected."""
    yield _line([column.name for column in table.columns])
    for item in items:
        yield _line([_cell(column.cell(item)) for column in table.columns])


def claim_table(claims: Iterable[Item]) -> Iterator[str]:
    """Claims, as `Describer.claim` gives them, as CSV lines."""
    return csv_lines(CLAIMS, claims)


def resource_table(resources: Iterable[Item]) -> Iterator[str]:
    """Entities, documents or topics, as `Describer.resource` gives them, as CSV lines."""
    return csv_lines(ENTITIES, resources)


def evidence_items(claims: Iterable[Item]) -> Iterator[Item]:
    """One item per claim and passage, for the table EVIDENCE."""
    for claim in claims:
        for passage in claim["evidence"]:
            yield {"claim": claim["id"], **passage}


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = SEPARATOR.join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text


# --- columns


def _path(*keys: str) -> Cell:
    def cell(item: Item) -> Any:
        value: Any = item
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return cell


def _each(key: str, field: str) -> Cell:
    return lambda item: [entry[field] for entry in item.get(key, ())]


def _text(name: str, about: str, *path: str) -> Column:
    return Column(name, "string", about, _path(*(path or (name,))))


def _named(name: str, about: str, *keys: str) -> tuple[Column, Column]:
    """An identifier and its label, of the first key that the item has."""

    def part(field: str) -> Cell:
        return lambda item: next((item[key].get(field) for key in keys if isinstance(item.get(key), dict)), None)

    return (
        Column(f"{name}_id", "string", f"{about} (identifier)", part("id")),
        Column(name, "string", about, part("label")),
    )


def _all_named(name: str, about: str, key: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_id", "string", f"{about} (identifiers)", _each(key, "id")),
        Column(name, "string", about, _each(key, "label")),
    )


def _relation(item: Item) -> Any:
    if item["type"] == "Statement":
        return item["predicate"]
    return _path("indicator" if item["type"] == "Observation" else "aspect", "id")(item)


def _relation_label(item: Item) -> Any:
    if item["type"] == "Statement":
        return item.get("predicateLabel") or item["predicate"]
    return _path("indicator" if item["type"] == "Observation" else "aspect", "label")(item)


def _value_id(item: Item) -> Any:
    return _path("object", "id")(item)


def _value(item: Item) -> Any:
    if item["type"] == "Observation":
        return item["value"]
    if item["type"] == "Assessment":
        return item["polarity"]
    return _stated(item)


def _stated(item: Item) -> Any:
    value = item["object"]
    return next((value[key] for key in ("label", "edtf", "value") if value.get(key) is not None), None)


def _locators(item: Item) -> list[str]:
    return [f"{passage['document']}.{passage['start']}-{passage['end']}" for passage in item["evidence"]]


_TIME = (
    _text("time", "when it holds: EDTF", "time", "edtf"),
    _text("time_in_words", "when it holds, in words", "time", "words"),
    Column("earliest", "date", "first day on which it may have begun; empty if unbounded", _path("time", "earliest")),
    Column("begins_by", "date", "day by which it had begun; empty if unbounded", _path("time", "beginsBy")),
    Column("ends_after", "date", "day until which it lasted at least; empty if unbounded", _path("time", "endsAfter")),
    Column("latest", "date", "last day on which it may have ended; empty if unbounded", _path("time", "latest")),
)
_SOURCE = (
    _text("modality", "how firmly: asserted, probable, possible, alleged, planned, recommended, denied"),
    *_all_named("asserted_by", "who asserts it", "assertedBy"),
    *_all_named("cited_work", "work that the document cites for it", "citedWork"),
    _text("document", "document in which it was read"),
    Column("evidence", "string", "passages: document, start and end in code points", _locators),
)
_LABELS = tuple(
    _text(f"label_{language}", f"label in {name}", "labels", language)
    for language, name in (("en", "English"), ("fr", "French"), ("ar", "Arabic"))
)
_IRI = _text("iri", "IRI")

ENTITIES = Table(
    "entities",
    "People, organisations, places, agreements, events, measures, works, documents and concepts",
    (
        _text("id", "identifier: the last part of the IRI"),
        _IRI,
        _text("type", "most specific class"),
        *_LABELS,
        *_all_named("kind", "kinds", "kinds"),
        Column("names", "string", "names that documents use", _each("names", "text")),
        Column(
            "contested", "boolean", "what is said of it is direct only where an editor prefers it", _path("contested")
        ),
        Column("claims", "integer", "number of claims about it", _path("claimCount")),
    ),
    ("iri",),
)
CLAIMS = Table(
    "claims",
    "Statements (subject, property, value), observations (for whom, indicator, number), assessments (of what, aspect, polarity)",
    (
        _text("id", "identifier: the last part of the IRI"),
        _IRI,
        _text("type", "Statement, Observation or Assessment"),
        *_named("subject", "what the claim is about", "subject", "observedFor", "assessmentOf"),
        Column("relation_id", "string", "property, indicator or aspect (identifier)", _relation),
        Column("relation", "string", "property, indicator or aspect", _relation_label),
        Column("value_id", "string", "value (identifier, where it is an entity or a concept)", _value_id),
        Column("value", "string", "value: label, text, EDTF date, number or polarity", _value),
        _text("value_language", "language of a text", "object", "language"),
        *_TIME,
        *_SOURCE,
        _text("rank", "preferred, normal or deprecated, by the editors"),
        Column("direct", "boolean", "whether a direct triple follows from it", _path("direct")),
        *_all_named("on_behalf_of", "for whom the asserter speaks", "onBehalfOf"),
        *_all_named("occasion", "event at which it was said or done", "occasion"),
        _text("as_written", "expression of a vague value in the document", "asWritten"),
        _text("gloss_en", "what the claim says, in the editors' words, in English", "gloss", "en"),
        _text("gloss_fr", "what the claim says, in the editors' words, in French", "gloss", "fr"),
        _text("note", "note of the editors"),
    ),
    ("id",),
)
OBSERVATIONS = Table(
    "observations",
    "Numbers that documents give",
    (
        _text("id", "identifier of the claim"),
        *_named("indicator", "what is counted or measured", "indicator"),
        *_named("observed_for", "for whom or what", "observedFor"),
        Column("value", "number", "the number", _path("value")),
        _text("value_is", "exact, about, at-least or at-most", "valueIs"),
        _text("unit", "unit of the indicator, UCUM"),
        *_all_named("breakdown", "part of the whole that is counted", "breakdown"),
        *_TIME,
        *_SOURCE,
    ),
    ("id",),
)
EVIDENCE = Table(
    "evidence",
    "Passages that carry claims: where they are and their hash, never their text",
    (
        _text("claim", "identifier of the claim"),
        _text("document", "document"),
        Column("start", "integer", "first code point", _path("start")),
        Column("end", "integer", "code point after the last", _path("end")),
        _text("passage_hash", "start of the SHA-256 of the passage", "passageHash"),
        _IRI,
    ),
    ("claim", "iri"),
)
DOCUMENTS = Table(
    "documents",
    "Documents that the claims were read from",
    (
        _text("id", "identifier"),
        _IRI,
        *_LABELS,
        _text("title", "title as printed"),
        *_all_named("author", "author: the asserter where no other is named", "author"),
        *_all_named("publisher", "publisher", "publisher"),
        _text("language", "language"),
        _text("issued", "date of issue, EDTF"),
        _text("text_hash", "SHA-256 of the text as received", "textHash"),
        Column("text_length", "integer", "length of the text in code points", _path("textLength")),
        Column("claims", "integer", "number of claims read from it", _path("claimsRead")),
    ),
    ("id",),
)
FACTS = Table(
    "facts",
    "Direct triples: what at least one source asserts without hedging",
    (
        *_named("subject", "subject", "subject"),
        Column("relation_id", "string", "property (identifier)", _path("predicate")),
        Column("relation", "string", "property", _path("predicateLabel")),
        Column("value_id", "string", "value (identifier, where it is an entity or a concept)", _value_id),
        Column("value", "string", "value: label, text or EDTF date", _stated),
        _text("value_language", "language of a text", "object", "language"),
        Column("claims", "string", "claims that it follows from (identifiers)", _path("claims")),
    ),
    # None: a part of a Frictionless key may not be empty, and a fact has either an identifier or a text as its value.
    (),
)
TABLES = (ENTITIES, CLAIMS, OBSERVATIONS, EVIDENCE, DOCUMENTS, FACTS)

# column → (table, column) that it points at, for the tables of the package.
_FOREIGN_KEYS: dict[str, dict[str, tuple[str, str]]] = {
    "claims": {"document": ("documents", "id")},
    "observations": {"id": ("claims", "id"), "document": ("documents", "id")},
    "evidence": {"claim": ("claims", "id"), "document": ("documents", "id")},
}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A written table: size and SHA-256 (hex) of its uncompressed bytes."""

    table: Table
    size: int
    sha256: str


def datapackage(files: Iterable[TableFile], *, version: str) -> dict[str, Any]:
    """The descriptor of the tables, as the content of `datapackage.json`; `version` is the digest of the snapshot."""
    files = list(files)
    present = {file.table.name for file in files}
    return {
        "profile": "tabular-data-package",
        "name": "marsad",
        "title": "Marsad: facts about security and diplomacy, each with its source",
        "version": version,
        "licenses": [
            {
                "name": "CC-BY-4.0",
                "path": "https://creativecommons.org/licenses/by/4.0/",
                "title": "Creative Commons Attribution 4.0 International",
            }
        ],
        "resources": [_resource(file, present) for file in files],
    }


def _resource(file: TableFile, present: set[str]) -> dict[str, Any]:
    table = file.table
    fields = [{"name": column.name, "type": column.kind, "description": column.about} for column in table.columns]
    keys = [
        {"fields": column, "reference": {"resource": resource, "fields": target}}
        for column, (resource, target) in _FOREIGN_KEYS.get(table.name, {}).items()
        if resource in present
    ]
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": f"{table.name}.csv",
        "description": f"{table.about}.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"lineTerminator": "\r\n", "header": True},
        "bytes": file.size,
        "hash": f"sha256:{file.sha256}",
        "schema": {
            "fields": fields,
            "missingValues": [""],
            **({"primaryKey": list(table.key)} if table.key else {}),
            **({"foreignKeys": keys} if keys else {}),
        },
    }


# --- GraphML

_NODE_KEYS = {
    "label": "label",
    "iri": "iri",
    "type": "type",
    "label_en": "label_en",
    "label_fr": "label_fr",
    "label_ar": "label_ar",
}
_EDGE_KEYS = {"relation": "label", "iri": "iri"}


def write_graphml(
    triples: Iterable[ox.Quad | ox.Triple], describe: Callable[[str], Mapping[str, Any]]
) -> Iterator[str]:
    """Direct triples between entities as a directed graph, sorted; triples whose value is a text or a time are left out.

    `describe` gives an entity's `id`, `type`, `label` and `labels` from its IRI. An edge's weight is left to the reader:
    each triple is one edge, and two relations between the same entities are two edges.
    """
    rows = sorted_triples(triple for triple in triples if _is_link(triple))
    nodes = sorted({term.value for row in rows for term in (row.subject, row.object) if isinstance(term, ox.NamedNode)})
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        + "".join(_key("node", f"n_{key}", name) for key, name in _NODE_KEYS.items())
        + "".join(_key("edge", f"e_{key}", name) for key, name in _EDGE_KEYS.items())
        + '  <graph id="marsad" edgedefault="directed">\n'
    )
    names = _unique_names(nodes)
    for iri in nodes:
        item = describe(iri)
        labels = {f"label_{language}": value for language, value in item.get("labels", {}).items()}
        values = {"label": item["label"], "iri": iri, "type": item["type"], **labels}
        yield f"    <node id={quoteattr(names[iri])}>{_data('n', _NODE_KEYS, values)}</node>\n"
    for number, row in enumerate(rows):
        assert isinstance(row.subject, ox.NamedNode), "a link"
        assert isinstance(row.object, ox.NamedNode), "a link"
        values = {"relation": local_name(row.predicate), "iri": row.predicate.value}
        ends = f"source={quoteattr(names[row.subject.value])} target={quoteattr(names[row.object.value])}"
        yield f'    <edge id="e{number}" {ends}>{_data("e", _EDGE_KEYS, values)}</edge>\n'
    yield "  </graph>\n</graphml>\n"


def _is_link(triple: ox.Quad | ox.Triple) -> bool:
    """Whether the triple is one between entities."""
    target = triple.object
    return (
        isinstance(triple.subject, ox.NamedNode) and isinstance(target, ox.NamedNode) and "/time/" not in target.value
    )


def _unique_names(iris: list[str]) -> dict[str, str]:
    """A short name for each node, its slug; the IRI where two share a slug."""
    uses = Counter(map(local_name, iris))
    return {iri: iri if uses[local_name(iri)] > 1 else local_name(iri) for iri in iris}


def _key(domain: str, key: str, name: str) -> str:
    return f'  <key id="{key}" for="{domain}" attr.name="{name}" attr.type="string"/>\n'


def _data(letter: str, keys: Mapping[str, str], values: Mapping[str, Any]) -> str:
    # XML has no control characters; in a label none of them means anything.
    return "".join(
        f'<data key="{letter}_{key}">{escape(_NOT_XML.sub("", str(values[key])))}</data>'
        for key in keys
        if values.get(key) is not None
    )


# --- everything from quads


@dataclass(frozen=True)
class Scope:
    """The part of a graph that tables are made of: IRIs of resources and of claims, and the direct triples."""

    resources: frozenset[str]
    claims: frozenset[str]
    facts: Callable[[], Iterable[ox.Quad | ox.Triple]]


class GraphItems:
    """The items of a whole graph, described in English, for the tables of a package. Texts of passages stay out.

    A graph of more than `in_memory` quads lies on disk.
    """

    def __init__(self, quads: Rows[ox.Quad], *, base: str, in_memory: int = IN_MEMORY) -> None:
        self.base = base
        self._store = self._stored(quads, in_memory)
        self._index = Index(None, base)
        self._index.build(self.match, "")
        self.connection = self._index.connection
        self._describer = Describer(self.connection, base, "en", lambda *_: None)

    def _stored(self, quads: Rows[ox.Quad], in_memory: int) -> ox.Store:
        if len(quads) <= in_memory:
            store = ox.Store()
        else:
            folder = tempfile.mkdtemp(prefix="marsad-tables-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            store = ox.Store(folder)
        store.bulk_extend(quads)
        return store

    def match(
        self, subject: ox.NamedNode | None, predicate: ox.NamedNode | None, value: ox.NamedNode | ox.Literal | None
    ) -> Iterator[ox.Quad]:
        """The quads that fit, in no order."""
        return self._store.quads_for_pattern(subject, predicate, value, None)

    def describe(self, iri: str) -> Item:
        """A resource by its IRI; a claim, a class or a term has no more than its name."""
        row = self.connection.execute("SELECT id FROM resource WHERE iri = ?", (iri,)).fetchone()
        return self._describer.resource(row[0]) if row else self._describer.reference(iri)

    def of(self, table: Table, scope: Scope | None = None) -> Iterator[Item]:
        """The items of one of TABLES, sorted by identifier; with a scope, those in it."""
        readers: dict[str, Callable[[], Iterator[Item]]] = {
            "entities": lambda: self._entities(scope),
            "claims": lambda: self._claims(scope),
            "observations": lambda: self._observations(scope),
            "evidence": lambda: evidence_items(self._claims(scope)),
            "documents": lambda: self._documents(scope),
            "facts": lambda: self._facts(scope),
        }
        return readers[table.name]()

    def _entities(self, scope: Scope | None) -> Iterator[Item]:
        for row in self.connection.execute("SELECT id, iri FROM resource ORDER BY iri").fetchall():
            if scope is None or row["iri"] in scope.resources:
                yield self._describer.resource(row["id"])

    def _claims(self, scope: Scope | None) -> Iterator[Item]:
        for row in self.connection.execute("SELECT id, iri, predicate FROM claim ORDER BY key").fetchall():
            if scope is None or row["iri"] in scope.claims:
                item = self._describer.claim(row["id"])
                item["predicateLabel"] = self._label(row["predicate"]) if row["predicate"] else None
                yield item

    def _observations(self, scope: Scope | None) -> Iterator[Item]:
        for item in self._claims(scope):
            if item["type"] == "Observation":
                indicator = item["indicator"]
                unit = self._values(indicator["iri"], ns.UNIT) if indicator else []
                yield item | {"unit": unit[0].value if unit else None}

    def _documents(self, scope: Scope | None) -> Iterator[Item]:
        claims: Counter[str] = Counter()
        for document, iri in self.connection.execute("SELECT document, iri FROM claim"):
            if scope is None or iri in scope.claims:
                claims[document] += 1
        documents = self.match(None, ns.RDF_TYPE, ns.DOCUMENT_CLASS)
        for iri in sorted({quad.subject.value for quad in documents if isinstance(quad.subject, ox.NamedNode)}):
            item = self.describe(iri)
            if scope is not None and iri not in scope.resources and not claims[item["id"]]:
                continue
            yield item | {
                "title": self._first(iri, ns.DCTERMS_TITLE),
                "language": self._first(iri, ns.DCTERMS_LANGUAGE),
                "issued": self._issued(iri),
                "textHash": self._first(iri, ns.TEXT_HASH),
                "textLength": self._first(iri, ns.TEXT_LENGTH),
                "author": self._references(iri, ns.DCTERMS_CREATOR),
                "publisher": self._references(iri, ns.DCTERMS_PUBLISHER),
                "claimsRead": claims[item["id"]],
            }

    def facts(self) -> Iterator[ox.Quad]:
        """The direct triples, in no order."""
        return self._store.quads_for_pattern(None, None, None, graph_iri(self.base, "direct"))

    def _facts(self, scope: Scope | None) -> Iterator[Item]:
        for triple in sorted_triples(self.facts() if scope is None else scope.facts()):
            if isinstance(triple.subject, ox.NamedNode) and isinstance(triple.object, ox.NamedNode | ox.Literal):
                forward = self._keys(triple.subject, triple.predicate, triple.object)
                back = self._keys(triple.object, triple.predicate, triple.subject)
                yield {
                    "subject": self._describer.reference(triple.subject.value),
                    "predicate": predicate_name(triple.predicate.value),
                    "predicateLabel": self._label(triple.predicate.value),
                    "object": self._value(triple.object),
                    "claims": sorted({*forward, *back}),
                }

    def _keys(
        self, subject: ox.NamedNode | ox.Literal, predicate: ox.NamedNode, value: ox.NamedNode | ox.Literal
    ) -> list[str]:
        """Keys of the claims that say a triple and make it direct."""
        said = "literal = ? AND language IS ?" if isinstance(value, ox.Literal) else "object = ?"
        sql = (
            "SELECT claim.key FROM role JOIN claim ON claim.id = role.claim WHERE role.resource = ?"
            f" AND role.role = 'subject' AND direct AND predicate = ? AND {said}"
        )
        text = [value.value, value.language] if isinstance(value, ox.Literal) else [value.value]
        return [row[0] for row in self.connection.execute(sql, (subject.value, predicate.value, *text))]

    def _value(self, term: ox.NamedNode | ox.Literal) -> Item:
        if isinstance(term, ox.Literal):
            return {"value": term.value, "language": term.language}
        edtf = self._first(term.value, ns.EDTF_STRING)
        return {"edtf": edtf} if edtf is not None else self._describer.reference(term.value)

    def _issued(self, iri: str) -> str | None:
        spans = self._values(iri, ns.DCTERMS_ISSUED)
        return self._first(spans[0].value, ns.EDTF_STRING) if spans else None

    def _references(self, iri: str, predicate: ox.NamedNode) -> list[Item]:
        return [self._describer.reference(value.value) for value in self._values(iri, predicate)]

    def _first(self, iri: str, predicate: ox.NamedNode) -> str | None:
        return next((value.value for value in self._values(iri, predicate)), None)

    def _label(self, iri: str) -> str:
        labels = [value for value in self._values(iri, ns.SKOS_PREF_LABEL) if isinstance(value, ox.Literal)]
        return next((label.value for label in labels if label.language == "en"), str(predicate_name(iri)))

    def _values(self, iri: str, predicate: ox.NamedNode) -> list[ox.NamedNode | ox.Literal]:
        quads = self.match(ox.NamedNode(iri), predicate, None)
        values = [quad.object for quad in quads if isinstance(quad.object, ox.NamedNode | ox.Literal)]
        return sorted(values, key=sort_key)
