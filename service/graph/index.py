"""The index: SQLite tables computed from the graph, for lists, facets, search and descriptions.

It holds nothing that the graph does not say and is the same for every store. `build` makes it from nothing;
`move` brings it from one version of the graph to the next by the rows that a change touches.
"""

import gc
import shutil
import sqlite3
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from service.graph.columns import ABOUT_ROLES as ABOUT_ROLES
from service.graph.columns import ColumnsCache, Reader, columns_of
from service.graph.fold import fold, folded_stems, parts
from service.rdf import namespaces as ns
from service.rdf.namespaces import NS, RDF, SKOS, marsad
from service.store.base import Delta

_Above = dict[ox.NamedNode, set[ox.NamedNode]]
Match = Callable[[ox.NamedNode | None, ox.NamedNode | None, ox.NamedNode | ox.Literal | None], Iterator[ox.Quad]]

LANGUAGES = ("en", "fr", "ar")
# Raised whenever the tables or what stands in them change, so that an index of an older kind is made anew.
SCHEMA_VERSION = 6
# Memory for the pages of an index that is being made: with 256 MiB those of 100,000 entities fit.
_BUILD_CACHE_KIB = 256 * 1024
# Rows that are handed to SQLite at a time.
_BATCH = 2000
# Times that are remembered while rows are made: many claims share one.
_MOST_TIMES = 10_000


_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE resource (
    id INTEGER PRIMARY KEY, iri TEXT UNIQUE NOT NULL, slug TEXT NOT NULL, family TEXT NOT NULL, type TEXT,
    label_en TEXT, label_fr TEXT, label_ar TEXT, sort_en TEXT, sort_fr TEXT, sort_ar TEXT,
    contested INTEGER NOT NULL DEFAULT 0, claims INTEGER NOT NULL DEFAULT 0, replaced_by TEXT, unit TEXT);
CREATE TABLE class_of (class TEXT NOT NULL, resource INTEGER NOT NULL, PRIMARY KEY (class, resource)) WITHOUT ROWID;
CREATE TABLE kind_of (kind TEXT NOT NULL, resource INTEGER NOT NULL, PRIMARY KEY (kind, resource)) WITHOUT ROWID;
CREATE TABLE broader (narrower TEXT NOT NULL, broader TEXT NOT NULL, PRIMARY KEY (broader, narrower)) WITHOUT ROWID;
CREATE TABLE scheme_of (scheme TEXT NOT NULL, resource INTEGER NOT NULL, PRIMARY KEY (scheme, resource)) WITHOUT ROWID;
CREATE TABLE name (
    id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, language TEXT NOT NULL, text TEXT NOT NULL,
    role TEXT NOT NULL, folded TEXT NOT NULL);
CREATE VIRTUAL TABLE name_words USING fts5 (stems, tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2 3');
CREATE VIRTUAL TABLE name_parts USING fts5 (folded, tokenize = 'trigram');
CREATE TABLE part (part TEXT PRIMARY KEY, names INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE claim (
    id INTEGER PRIMARY KEY, iri TEXT UNIQUE NOT NULL, key TEXT UNIQUE NOT NULL, type TEXT NOT NULL,
    document TEXT NOT NULL, subject TEXT, predicate TEXT, object TEXT, literal TEXT, language TEXT, datatype TEXT,
    modality TEXT NOT NULL, rank TEXT NOT NULL, direct INTEGER NOT NULL,
    edtf TEXT, earliest TEXT, begins_by TEXT, ends_after TEXT, latest TEXT, time_of TEXT,
    value_is TEXT, aspect TEXT, polarity TEXT, as_written TEXT, gloss_en TEXT, gloss_fr TEXT, note TEXT,
    position INTEGER NOT NULL);
CREATE TABLE role (
    resource TEXT NOT NULL, role TEXT NOT NULL, claim INTEGER NOT NULL,
    PRIMARY KEY (resource, role, claim)) WITHOUT ROWID;
CREATE TABLE evidence (
    claim INTEGER NOT NULL, iri TEXT NOT NULL, document TEXT NOT NULL,
    start INTEGER NOT NULL, end INTEGER NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (claim, iri)) WITHOUT ROWID;
"""

# Made after the rows where all are made: sorted once, which costs a fraction of keeping them sorted.
_INDEXES = """
CREATE INDEX resource_slug ON resource (slug);
CREATE INDEX resource_en ON resource (sort_en, slug);
CREATE INDEX resource_fr ON resource (sort_fr, slug);
CREATE INDEX resource_ar ON resource (sort_ar, slug);
CREATE INDEX resource_claims ON resource (claims, slug);
CREATE INDEX class_of_resource ON class_of (resource, class);
CREATE INDEX kind_of_resource ON kind_of (resource, kind);
CREATE INDEX name_resource ON name (resource);
CREATE INDEX name_folded ON name (folded);
CREATE INDEX claim_document ON claim (document, position, key);
CREATE INDEX claim_position ON claim (document || printf('%09d', position), key);
CREATE INDEX claim_time ON claim (COALESCE(earliest, '9999-99'), key);
CREATE INDEX role_claim ON role (claim, role, resource);
"""

# How a claim speaks of a resource: the property of the claim, by the name that the index keeps.
_ROLES = {
    "subject": ox.NamedNode(RDF + "subject"),
    "object": ox.NamedNode(RDF + "object"),
    "observedFor": marsad("observedFor"),
    "indicator": marsad("indicator"),
    "breakdown": marsad("breakdown"),
    "assessmentOf": marsad("assessmentOf"),
    "aspect": marsad("aspect"),
    "assertedBy": marsad("assertedBy"),
    "onBehalfOf": marsad("onBehalfOf"),
    "citedWork": marsad("citedWork"),
    "occasion": marsad("occasion"),
}
_PREDICATE = RDF + "predicate"
# Column → the property of a time that it holds.
_BOUNDS = (("earliest", "earliest"), ("begins_by", "beginsBy"), ("ends_after", "endsAfter"), ("latest", "latest"))
# Columns of the tables, as rows are written.
_TIME = ("edtf", *(column for column, _ in _BOUNDS), "time_of")
_CLASS_OF, _KIND_OF, _SCHEME_OF = (("class", "resource"), ("kind", "resource"), ("scheme", "resource"))
_NAME = ("id", "resource", "language", "text", "role", "folded")
_ROLE = ("resource", "role", "claim")
_EVIDENCE = ("claim", "iri", "document", "start", "end", "hash")
_NAME_WORDS = "INSERT INTO name_words (rowid, stems) SELECT id, stems_of(folded) FROM name"
_NAME_PARTS = "INSERT INTO name_parts (rowid, folded) SELECT id, folded FROM name"


class Index:
    """Read and write access to the index of one state directory; without `path`, to one in a folder that goes with it.

    `connection` writes and belongs to one thread at a time; `reader` opens further connections on the same file. A
    reader sees whole versions only and never waits for the writer (write-ahead log).
    """

    def __init__(self, path: Path | None, base: str) -> None:
        self.base = base
        if path is None:
            folder = tempfile.mkdtemp(prefix="marsad-index-")
            self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            path = Path(folder) / "index.sqlite"
        self.path = path
        self._columns = ColumnsCache()
        # Every class with those above it: of the graph that the index was last brought to, once it was needed.
        self._superclasses: _Above | None = None
        self.connection = _open(path)
        self.connection.columns_cache = self._columns

    def reader(self) -> sqlite3.Connection:
        """A new connection for reading, to be used by one thread at a time."""
        connection = _connect(self.path)
        connection.execute("PRAGMA query_only = ON")
        connection.columns_cache = self._columns
        return connection

    def warm(self) -> None:
        """Make what lists and facets are answered from; else the first who asks for them waits."""
        reader = self.reader()
        try:
            columns_of(reader).warm()
        finally:
            reader.close()
        # It stays for long, and the collector would go over all of it again and again while requests wait.
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Release the file."""
        self.connection.close()
        if hasattr(self, "_remove"):
            self._remove()

    def stored_version(self) -> str | None:
        """The version of the graph that the index was brought to; None for an index that is absent or of another kind."""
        try:
            rows = dict(self.connection.execute("SELECT key, value FROM meta").fetchall())
        except sqlite3.DatabaseError:
            return None
        return rows.get("version") if rows.get("schema") == str(SCHEMA_VERSION) else None

    def build(self, match: Match, version: str) -> None:
        """Make the index anew from the graph behind `match`, in one transaction: readers see the old one or the new one."""
        # SQLite's own 2 MiB would have it read and write pages all the time.
        self.connection.execute(f"PRAGMA cache_size = -{_BUILD_CACHE_KIB}")
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            _drop_everything(self.connection)
            _run(self.connection, _TABLES)
            writer = self._writer(match, anew=True)
            writer.write_topics()
            writer.write_resources(writer.all_resources())
            writer.write_claims(writer.all_claims())
            _run(self.connection, _INDEXES)
            writer.write_all_names()
            writer.count_claims()
            self._stamp(version)
        self.connection.execute("ANALYZE")
        self.connection.execute("PRAGMA cache_size = -2000")

    def move(self, match: Match, delta: Delta, version: str) -> None:
        """Bring the index to `version`; `match` answers from the graph after the change.

        The rows of every node whose description the change touches are made anew; the rest stays. A change of the class
        hierarchy touches every instance: then all is made anew.
        """
        if any(quad.predicate == ns.RDFS_SUBCLASS_OF for quad in (*delta.removed, *delta.added)):
            self.build(match, version)
            return
        with self.connection:
            writer = self._writer(match)
            touched = writer.touched_by(delta)
            if any(quad.predicate == ns.SKOS_BROADER for quad in (*delta.removed, *delta.added)):
                writer.write_topics()
            spoken_of = writer.spoken_of(touched.claims)
            writer.forget_resources(touched.resources)
            writer.write_names(writer.write_resources(touched.resources))
            writer.forget_claims(touched.claims)
            writer.write_claims(touched.claims)
            spoken_of |= writer.spoken_of(touched.claims) | {node.value for node in touched.resources}
            writer.count_claims(sorted(spoken_of))
            self._stamp(version)

    def _writer(self, match: Match, *, anew: bool = False) -> "_Writer":
        if self._superclasses is None or anew:
            self._superclasses = _closure(match(None, ns.RDFS_SUBCLASS_OF, None))
        return _Writer(self.connection, match, self.base, self._superclasses)

    def _stamp(self, version: str) -> None:
        rows = [("version", version), ("schema", str(SCHEMA_VERSION))]
        self.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


@dataclass(frozen=True)
class _Touched:
    resources: list[ox.NamedNode]
    claims: list[ox.NamedNode]


class _Writer:
    """Writes rows for nodes of the graph behind `match`."""

    def __init__(self, connection: sqlite3.Connection, match: Match, base: str, superclasses: _Above) -> None:
        self.connection = connection
        self.match = match
        self.base = base
        self.superclasses = superclasses
        self._lowest: dict[frozenset[str], str] = {}
        self._times: dict[ox.NamedNode, dict[str, str | None]] = {}

    def all_resources(self) -> list[ox.NamedNode]:
        """Every entity and topic, by IRI."""
        found = {
            quad.subject
            for name in ("Entity", "Topic")
            for quad in self.match(None, ns.RDF_TYPE, marsad(name))
            if isinstance(quad.subject, ox.NamedNode)
        }
        return sorted(found, key=_iri_of)

    def all_claims(self) -> list[ox.NamedNode]:
        """Every claim, by IRI: the claims of a document follow each other, which makes them quick to count."""
        quads = self.match(None, ns.RDF_TYPE, marsad("Claim"))
        return sorted({quad.subject for quad in quads if isinstance(quad.subject, ox.NamedNode)}, key=_iri_of)

    def touched_by(self, delta: Delta) -> _Touched:
        resources: dict[ox.NamedNode, None] = {}
        claims: dict[ox.NamedNode, None] = {}
        claim_base, evidence_base, time_base = (self.base + part for part in ("claim/", "evidence/", "time/"))
        for quad in sorted({*delta.removed, *delta.added}, key=str):
            node = quad.subject
            if not isinstance(node, ox.NamedNode):
                continue
            if node.value.startswith(claim_base):
                claims[node] = None
            elif node.value.startswith((evidence_base, time_base)):
                claims.update(dict.fromkeys(self._claims_with(node)))
            else:
                resources[node] = None
                # A direct triple appears or goes with its claims; a claim's row says whether it is direct.
                claims.update(dict.fromkeys(self._claims_of(node, quad.predicate)))
        return _Touched(list(resources), list(claims))

    def _claims_with(self, node: ox.NamedNode) -> Iterator[ox.NamedNode]:
        for predicate in (marsad("evidence"), marsad("time"), _ROLES["object"]):
            for quad in self.match(None, predicate, node):
                if isinstance(quad.subject, ox.NamedNode):
                    yield quad.subject

    def _claims_of(self, node: ox.NamedNode, predicate: ox.NamedNode) -> Iterator[ox.NamedNode]:
        for quad in self.match(None, _ROLES["subject"], node):
            if isinstance(quad.subject, ox.NamedNode) and self._said(quad.subject).iri(_PREDICATE) == predicate.value:
                yield quad.subject

    def write_topics(self) -> None:
        closure = _closure(self.match(None, ns.SKOS_BROADER, None))
        self.connection.execute("DELETE FROM broader")
        rows = [(_local(narrower), _local(broader)) for narrower, uppers in closure.items() for broader in uppers]
        self.connection.executemany("INSERT OR IGNORE INTO broader VALUES (?, ?)", rows)

    def write_resources(self, nodes: Iterable[ox.NamedNode]) -> list[int]:
        """Write the rows of those that are an entity or a topic; the row ids of their names."""
        rows = _Rows(self.connection)
        key = self._next_id("resource")
        names: list[int] = []
        for node in nodes:
            said = self._said(node)
            if said.types & {"Entity", "Topic"}:
                names += self._write_resource(rows, key, node, said)
                key += 1
        rows.flush()
        return names

    def write_claims(self, nodes: Iterable[ox.NamedNode]) -> None:
        """Write the rows of those that are a claim."""
        rows, key = _Rows(self.connection), self._next_id("claim")
        for node in nodes:
            said = self._said(node)
            if "Claim" in said.types:
                self._write_claim(rows, key, node, said)
                key += 1
        rows.flush()

    def write_names(self, row_ids: list[int]) -> None:
        """Make these names found by their words and letters."""
        ids = [(row_id,) for row_id in sorted(row_ids)]
        self.connection.executemany(f"{_NAME_WORDS} WHERE id = ?", ids)
        self.connection.executemany(f"{_NAME_PARTS} WHERE id = ?", ids)
        self._count_parts(self._folded(ids), 1)

    def write_all_names(self) -> None:
        """As `write_names` for all, in the order of their ids: full-text search writes a file of its own for each step back."""
        for table, sql in (("name_words", _NAME_WORDS), ("name_parts", _NAME_PARTS)):
            self.connection.execute(f"{sql} ORDER BY id")
            self.connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
        self._count_parts(self.connection.execute("SELECT folded FROM name"), 1)

    def _folded(self, ids: Iterable[Sequence[int]]) -> Iterator[tuple[str]]:
        for one in ids:
            yield self.connection.execute("SELECT folded FROM name WHERE id = ?", one).fetchone()

    def _count_parts(self, names: Iterable[tuple[str]], step: int) -> None:
        """Count the names that have each run of three letters: `step` is 1 for names that come, -1 for names that go."""
        counted: Counter[str] = Counter()
        for (folded,) in names:
            counted.update(parts(folded))
        sql = "INSERT INTO part VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET names = names + excluded.names"
        self.connection.executemany(sql, [(part, step * names) for part, names in sorted(counted.items())])
        gone = counted if step < 0 else ()
        self.connection.executemany("DELETE FROM part WHERE part = ? AND names = 0", [(part,) for part in gone])

    def _next_id(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM {table}").fetchone()[0])

    def _said(self, node: ox.NamedNode) -> "_Said":
        return _Said(self.match(node, None, None))

    def spoken_of(self, claims: Iterable[ox.NamedNode]) -> set[str]:
        """The IRIs that the rows of these claims name in any role."""
        sql = "SELECT role.resource FROM claim JOIN role ON role.claim = claim.id WHERE claim.iri = ?"
        return {row[0] for node in claims for row in self.connection.execute(sql, (node.value,))}

    def count_claims(self, iris: Iterable[str] | None = None) -> None:
        """Count the claims about these resources anew; about all of them where none are named."""
        roles = ", ".join(f"'{role}'" for role in ABOUT_ROLES)
        sql = (
            "UPDATE resource SET claims = (SELECT COUNT(DISTINCT claim) FROM role"
            f" WHERE role.resource = resource.iri AND role.role IN ({roles}))"
        )
        if iris is None:
            self.connection.execute(sql)
        else:
            self.connection.executemany(f"{sql} WHERE iri = ?", [(iri,) for iri in iris])

    def forget_resources(self, nodes: Iterable[ox.NamedNode]) -> None:
        """Remove the rows of these resources."""
        for node in nodes:
            row = self.connection.execute("SELECT id FROM resource WHERE iri = ?", (node.value,)).fetchone()
            if row is None:
                continue
            names = self.connection.execute("SELECT id FROM name WHERE resource = ?", row).fetchall()
            self._count_parts(self._folded(names), -1)
            self.connection.executemany("DELETE FROM name_words WHERE rowid = ?", names)
            self.connection.executemany("DELETE FROM name_parts WHERE rowid = ?", names)
            for table, column in (
                ("name", "resource"),
                ("class_of", "resource"),
                ("kind_of", "resource"),
                ("scheme_of", "resource"),
                ("resource", "id"),
            ):
                self.connection.execute(f"DELETE FROM {table} WHERE {column} = ?", row)

    def forget_claims(self, nodes: Iterable[ox.NamedNode]) -> None:
        """Remove the rows of these claims."""
        for node in nodes:
            row = self.connection.execute("SELECT id FROM claim WHERE iri = ?", (node.value,)).fetchone()
            if row is None:
                continue
            for table, column in (("role", "claim"), ("evidence", "claim"), ("claim", "id")):
                self.connection.execute(f"DELETE FROM {table} WHERE {column} = ?", row)

    def _write_resource(self, rows: "_Rows", key: int, node: ox.NamedNode, said: "_Said") -> Iterator[int]:
        labels = said.texts(SKOS + "prefLabel")
        shown = [labels.get(language) for language in LANGUAGES]
        sorted_by = [fold(label or labels.get("en") or _local(node)) for label in shown]
        row = {
            "id": key,
            "iri": node.value,
            "slug": _local(node),
            "family": self._family(node),
            "type": self._most_specific(said.types),
            **dict(zip((f"label_{language}" for language in LANGUAGES), shown, strict=True)),
            **dict(zip((f"sort_{language}" for language in LANGUAGES), sorted_by, strict=True)),
            "contested": int(said.literal(NS + "contested") == "true"),
            "replaced_by": said.iri(ns.DCTERMS_IS_REPLACED_BY.value),
            "unit": said.literal(NS + "unit"),
        }
        rows.add("resource", tuple(row), tuple(row.values()))
        for name in sorted(said.types):
            rows.add("class_of", _CLASS_OF, (name, key))
        for kind in said.nodes(NS + "kind"):
            rows.add("kind_of", _KIND_OF, (_local(kind), key))
        for scheme in said.nodes(SKOS + "inScheme"):
            rows.add("scheme_of", _SCHEME_OF, (_local(scheme), key))
        names = {
            (text, language, role)
            for predicate, role in ((SKOS + "prefLabel", "label"), (SKOS + "altLabel", "name"))
            for text, language in said.tagged(predicate)
        }
        for number, (text, language, role) in enumerate(sorted(names)):
            folded = fold(text)
            row_id = _name_id(key, number, words=len(folded_stems(folded)), letters=len(folded))
            rows.add("name", _NAME, (row_id, key, language, text, role, folded))
            yield row_id

    def _write_claim(self, rows: "_Rows", key: int, node: ox.NamedNode, said: "_Said") -> None:
        evidence = sorted(self._evidence(said))
        time = self._time(said)
        object_ = said.any(RDF + "object")
        value = object_ if isinstance(object_, ox.Literal) else said.any_literal(NS + "value")
        subject, predicate = said.iri(RDF + "subject"), said.iri(_PREDICATE)
        glosses = said.texts(NS + "gloss")
        row = {
            "id": key,
            "iri": node.value,
            "key": node.value.removeprefix(self.base + "claim/"),
            "type": self._most_specific(said.types),
            "document": evidence[0][1] if evidence else "",
            "subject": subject,
            "predicate": predicate,
            "object": object_.value if isinstance(object_, ox.NamedNode) else None,
            "literal": value.value if value else None,
            "language": value.language if value else None,
            "datatype": value.datatype.value if value else None,
            "modality": _tail(said.iri(NS + "modality")) or "",
            "rank": _tail(said.iri(NS + "rank")) or "normal",
            "direct": int(self._is_direct(subject, predicate, object_)),
            **{name: time.get(name) for name in _TIME},
            "value_is": _tail(said.iri(NS + "valueIs")),
            "aspect": said.iri(NS + "aspect"),
            "polarity": _tail(said.iri(NS + "polarity")),
            "as_written": said.literal(NS + "asWritten"),
            "gloss_en": glosses.get("en"),
            "gloss_fr": glosses.get("fr"),
            "note": said.literal(SKOS + "editorialNote"),
            "position": evidence[0][2] if evidence else 0,
        }
        rows.add("claim", tuple(row), tuple(row.values()))
        for passage in evidence:
            rows.add("evidence", _EVIDENCE, (key, *passage))
        for role, predicate_ in _ROLES.items():
            for target in said.nodes(predicate_.value):
                rows.add("role", _ROLE, (target.value, role, key))

    def _evidence(self, claim: "_Said") -> Iterator[tuple[str, str, int, int, str]]:
        for node in claim.nodes(NS + "evidence"):
            passage = self._said(node)
            document = _tail(passage.iri(NS + "document"))
            start, end = passage.literal(NS + "start"), passage.literal(NS + "end")
            if document and start and end:
                yield (node.value, document, int(start), int(end), passage.literal(NS + "passageHash") or "")

    def _time(self, claim: "_Said") -> dict[str, str | None]:
        """The claim's own time, or else the date that it states (`when`, `founded`)."""
        for predicate, of in ((NS + "time", "claim"), (RDF + "object", "object")):
            for node in claim.nodes(predicate):
                time = self._bounds(node) if node.value.startswith(self.base + "time/") else None
                if time:
                    return {**time, "time_of": of}
        return {}

    def _bounds(self, node: ox.NamedNode) -> dict[str, str | None]:
        """A time as the document gives it and its bounds; empty if the graph does not describe it."""
        if node not in self._times:
            if len(self._times) >= _MOST_TIMES:
                self._times.clear()
            span = self._said(node)
            edtf = span.literal(NS + "edtf")
            self._times[node] = {"edtf": edtf, **{c: span.literal(NS + n) for c, n in _BOUNDS}} if edtf else {}
        return self._times[node]

    def _is_direct(self, subject: str | None, predicate: str | None, object_: ox.NamedNode | ox.Literal | None) -> bool:
        if subject is None or predicate is None or object_ is None:
            return False
        direct = self.base + "graph/direct"
        return any(
            isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value == direct
            for quad in self.match(ox.NamedNode(subject), ox.NamedNode(predicate), object_)
        )

    def _family(self, node: ox.NamedNode) -> str:
        return node.value.removeprefix(self.base).split("/", 1)[0]

    def _most_specific(self, types: frozenset[str]) -> str:
        if types not in self._lowest:
            uppers = {node.value.removeprefix(NS) for name in types for node in self.superclasses.get(marsad(name), ())}
            self._lowest[types] = min(types - uppers or types)
        return self._lowest[types]


class _Said:
    """What the graph says of one node, read at once."""

    def __init__(self, quads: Iterable[ox.Quad]) -> None:
        self._values: dict[str, list[ox.NamedNode | ox.Literal]] = {}
        for quad in quads:
            if isinstance(quad.object, ox.NamedNode | ox.Literal):
                self._values.setdefault(quad.predicate.value, []).append(quad.object)

    @property
    def types(self) -> frozenset[str]:
        """Its classes of our own namespace, without it."""
        classes = (node.value for node in self.nodes(ns.RDF_TYPE.value))
        return frozenset(name.removeprefix(NS) for name in classes if name.startswith(NS))

    def any(self, predicate: str) -> ox.NamedNode | ox.Literal | None:
        """The first of the values."""
        return min(self._values.get(predicate, ()), key=str, default=None)

    def nodes(self, predicate: str) -> list[ox.NamedNode]:
        """The values that are IRIs."""
        return [value for value in self._values.get(predicate, ()) if isinstance(value, ox.NamedNode)]

    def iri(self, predicate: str) -> str | None:
        """The first of the IRIs."""
        return min((node.value for node in self.nodes(predicate)), default=None)

    def any_literal(self, predicate: str) -> ox.Literal | None:
        """The first of the literals."""
        literals = (value for value in self._values.get(predicate, ()) if isinstance(value, ox.Literal))
        return min(literals, key=str, default=None)

    def literal(self, predicate: str) -> str | None:
        """The text of the first of the literals."""
        literal = self.any_literal(predicate)
        return None if literal is None else literal.value

    def tagged(self, predicate: str) -> list[tuple[str, str]]:
        """The literals with their languages."""
        values = self._values.get(predicate, ())
        return [(value.value, value.language or "") for value in values if isinstance(value, ox.Literal)]

    def texts(self, predicate: str) -> dict[str, str]:
        """The first of the literals in each language."""
        return {language: text for text, language in sorted(self.tagged(predicate), reverse=True)}


class _Rows:
    """Rows on their way into the tables, handed over many at a time; what is there already stays as it is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}

    def add(self, table: str, columns: tuple[str, ...], row: tuple[Any, ...]) -> None:
        waiting = self._waiting.setdefault((table, columns), [])
        waiting.append(row)
        if len(waiting) >= _BATCH:
            self._write(table, columns, waiting)

    def flush(self) -> None:
        for (table, columns), waiting in self._waiting.items():
            self._write(table, columns, waiting)

    def _write(self, table: str, columns: tuple[str, ...], waiting: list[tuple[Any, ...]]) -> None:
        # Two graphs may say the same of a node. Of resources and claims each comes once.
        kind = "INSERT" if "id" in columns else "INSERT OR IGNORE"
        sql = f"{kind} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        self._connection.executemany(sql, waiting)
        waiting.clear()


def _name_id(resource: int, number: int, *, words: int, letters: int) -> int:
    """The row id of the name with that number of a resource: names of few words come first, then short ones.

    Full-text search finds rows in the order of their ids, so that a search that stops early has met the closest names.
    """
    return ((min(words, 15) << 8 | min(letters, 255)) << 29 | resource) << 12 | number


# In SQL, the row id of the resource that has a name: full-text search gives it without another look.
RESOURCE_OF_NAME = "rowid >> 12 & 536870911"


def _open(path: Path) -> Reader:
    try:
        return _connect(path)
    except sqlite3.DatabaseError:
        # A damaged file: what it held is in the graph, so begin with an empty one.
        if not path.exists():
            raise
        path.unlink()
        return _connect(path)


def _connect(path: Path) -> Reader:
    connection = sqlite3.connect(path, check_same_thread=False, factory=Reader)
    connection.execute("PRAGMA journal_mode = WAL")
    # The index can always be made anew from the graph: losing its last transaction costs seconds, not data.
    connection.execute("PRAGMA synchronous = OFF")
    # Readers share the pages of the operating system instead of keeping a copy each: 256 MiB is an index of about
    # 200,000 entities.
    connection.execute(f"PRAGMA mmap_size = {256 * 2**20}")
    connection.row_factory = sqlite3.Row
    connection.create_function("stems_of", 1, lambda folded: " ".join(folded_stems(folded)), deterministic=True)
    return connection


def _run(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        connection.execute(statement)


def _drop_everything(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = [name for name, sql in tables if sql.startswith("CREATE VIRTUAL")]
    plain = [name for name, _ in tables if name not in virtual and not name.startswith("sqlite_")]
    for name in virtual:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for name in plain:
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _closure(quads: Iterable[ox.Quad]) -> dict[ox.NamedNode, set[ox.NamedNode]]:
    """Every node with all nodes above it, over any number of steps; cycles end."""
    up: dict[ox.NamedNode, set[ox.NamedNode]] = {}
    for quad in quads:
        if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.NamedNode):
            up.setdefault(quad.subject, set()).add(quad.object)
    closed = {}
    for node in up:
        seen: set[ox.NamedNode] = set()
        front = set(up[node])
        while front:
            seen |= front
            front = {upper for lower in front for upper in up.get(lower, ())} - seen
        closed[node] = seen
    return closed


def _iri_of(node: ox.NamedNode) -> str:
    return node.value


def _local(node: ox.NamedNode) -> str:
    return _tail(node.value) or ""


def _tail(iri: str | None) -> str | None:
    return None if iri is None else iri.rsplit("/", 1)[-1].rsplit("#", 1)[-1]
