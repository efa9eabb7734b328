"""The index: SQLite tables computed from the graph, for lists, facets, search and descriptions.

It holds nothing that the graph does not say and is the same for every store. `build` makes it from nothing;
`move` brings it from one version of the graph to the next by the rows that a change touches.
"""

import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from service.graph.columns import ABOUT_ROLES as ABOUT_ROLES
from service.graph.columns import ColumnsCache, Reader
from service.graph.fold import fold, folded_stems
from service.rdf import namespaces as ns
from service.rdf.namespaces import NS, RDF, SKOS, marsad
from service.store.base import Delta

Match = Callable[[ox.NamedNode | None, ox.NamedNode | None, ox.NamedNode | ox.Literal | None], Iterator[ox.Quad]]
Node = ox.NamedNode | ox.Literal
_Above = dict[ox.NamedNode, set[ox.NamedNode]]

LANGUAGES = ("en", "fr", "ar")
# Quads of a node that are read together; one with more has hundreds of direct triples, of which its row shows nothing.
_MOST_AT_ONCE = 200
# Resources whose rows are written by one statement for each table.
_BATCH = 500
# Raised whenever the tables or what stands in them change, so that an index of an older kind is made anew.
SCHEMA_VERSION = 4


_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE resource (
    id INTEGER PRIMARY KEY, iri TEXT UNIQUE NOT NULL, slug TEXT NOT NULL, family TEXT NOT NULL, type TEXT,
    label_en TEXT, label_fr TEXT, label_ar TEXT, sort_en TEXT, sort_fr TEXT, sort_ar TEXT,
    contested INTEGER NOT NULL DEFAULT 0, claims INTEGER NOT NULL DEFAULT 0, replaced_by TEXT, unit TEXT);
CREATE INDEX resource_slug ON resource (slug);
CREATE INDEX resource_en ON resource (sort_en, slug);
CREATE INDEX resource_fr ON resource (sort_fr, slug);
CREATE INDEX resource_ar ON resource (sort_ar, slug);
CREATE INDEX resource_claims ON resource (claims, slug);
CREATE TABLE class_of (class TEXT NOT NULL, resource INTEGER NOT NULL, PRIMARY KEY (class, resource)) WITHOUT ROWID;
CREATE INDEX class_of_resource ON class_of (resource, class);
CREATE TABLE kind_of (kind TEXT NOT NULL, resource INTEGER NOT NULL, PRIMARY KEY (kind, resource)) WITHOUT ROWID;
CREATE INDEX kind_of_resource ON kind_of (resource, kind);
CREATE TABLE broader (narrower TEXT NOT NULL, broader TEXT NOT NULL, PRIMARY KEY (broader, narrower)) WITHOUT ROWID;
CREATE TABLE scheme_of (scheme TEXT NOT NULL, resource INTEGER NOT NULL, PRIMARY KEY (scheme, resource)) WITHOUT ROWID;
CREATE TABLE name (
    id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, language TEXT NOT NULL, text TEXT NOT NULL,
    role TEXT NOT NULL, folded TEXT NOT NULL);
CREATE INDEX name_resource ON name (resource);
CREATE INDEX name_folded ON name (folded);
CREATE VIRTUAL TABLE name_words USING fts5 (stems, tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2 3');
CREATE VIRTUAL TABLE name_parts USING fts5 (folded, tokenize = 'trigram');
CREATE VIRTUAL TABLE part_counts USING fts5vocab (name_parts, 'row');
CREATE TABLE claim (
    id INTEGER PRIMARY KEY, iri TEXT UNIQUE NOT NULL, key TEXT UNIQUE NOT NULL, type TEXT NOT NULL,
    document TEXT NOT NULL, subject TEXT, predicate TEXT, object TEXT, literal TEXT, language TEXT, datatype TEXT,
    modality TEXT NOT NULL, rank TEXT NOT NULL, direct INTEGER NOT NULL,
    edtf TEXT, earliest TEXT, begins_by TEXT, ends_after TEXT, latest TEXT, time_of TEXT,
    value_is TEXT, aspect TEXT, polarity TEXT, as_written TEXT, gloss_en TEXT, gloss_fr TEXT, note TEXT,
    position INTEGER NOT NULL);
CREATE INDEX claim_document ON claim (document, position, key);
CREATE INDEX claim_position ON claim (document || printf('%09d', position), key);
CREATE INDEX claim_time ON claim (COALESCE(earliest, '9999-99'), key);
CREATE TABLE role (
    resource TEXT NOT NULL, role TEXT NOT NULL, claim INTEGER NOT NULL,
    PRIMARY KEY (resource, role, claim)) WITHOUT ROWID;
CREATE INDEX role_claim ON role (claim, role, resource);
CREATE TABLE evidence (
    claim INTEGER NOT NULL, iri TEXT NOT NULL, document TEXT NOT NULL,
    start INTEGER NOT NULL, end INTEGER NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (claim, iri)) WITHOUT ROWID;
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
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            _drop_everything(self.connection)
            for statement in _SCHEMA.split(";"):
                self.connection.execute(statement)
            writer = self._writer(match, anew=True)
            writer.write_topics()
            writer.write_resources(writer.all_resources())
            writer.write_claims(writer.all_claims())
            writer.count_claims()
            self._stamp(version)
        self.connection.execute("ANALYZE")

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
            writer.write_resources(touched.resources)
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
        self._node: ox.NamedNode | None = None
        self._said: dict[str, list[Node]] | None = {}

    def all_resources(self) -> Iterator[ox.NamedNode]:
        seen = set()
        for name in ("Entity", "Topic"):
            for quad in self.match(None, ns.RDF_TYPE, marsad(name)):
                if quad.subject not in seen and isinstance(quad.subject, ox.NamedNode):
                    seen.add(quad.subject)
                    yield quad.subject

    def all_claims(self) -> Iterator[ox.NamedNode]:
        for quad in self.match(None, ns.RDF_TYPE, marsad("Claim")):
            if isinstance(quad.subject, ox.NamedNode):
                yield quad.subject

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
            if isinstance(quad.subject, ox.NamedNode) and self._value(quad.subject, RDF + "predicate") == predicate:
                yield quad.subject

    def write_topics(self) -> None:
        closure = _closure(self.match(None, ns.SKOS_BROADER, None))
        self.connection.execute("DELETE FROM broader")
        rows = [(_local(narrower), _local(broader)) for narrower, uppers in closure.items() for broader in uppers]
        self.connection.executemany("INSERT OR IGNORE INTO broader VALUES (?, ?)", rows)

    def write_resources(self, nodes: Iterable[ox.NamedNode]) -> None:
        nodes = iter(nodes)
        while batch := [*islice(nodes, _BATCH)]:
            self._forget_resources(batch)
            self._write_rows([(node, types) for node in batch if (types := self._types(node)) & {"Entity", "Topic"}])

    def write_claims(self, nodes: Iterable[ox.NamedNode]) -> None:
        for node in nodes:
            self._forget_claim(node)
            types = self._types(node)
            if "Claim" in types:
                self._write_claim(node, types)

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

    def _forget_resources(self, nodes: Iterable[ox.NamedNode]) -> None:
        select, many = self.connection.execute, self.connection.executemany
        keys = [row for node in nodes for row in select("SELECT id FROM resource WHERE iri = ?", (node.value,))]
        names = [row for key in keys for row in select("SELECT id FROM name WHERE resource = ?", tuple(key))]
        many("DELETE FROM name_words WHERE rowid = ?", names)
        many("DELETE FROM name_parts WHERE rowid = ?", names)
        many("DELETE FROM name WHERE id = ?", names)
        for table, column in (
            ("class_of", "resource"),
            ("kind_of", "resource"),
            ("scheme_of", "resource"),
            ("resource", "id"),
        ):
            many(f"DELETE FROM {table} WHERE {column} = ?", keys)

    def _forget_claim(self, node: ox.NamedNode) -> None:
        row = self.connection.execute("SELECT id FROM claim WHERE iri = ?", (node.value,)).fetchone()
        if row is None:
            return
        for table, column in (("role", "claim"), ("evidence", "claim"), ("claim", "id")):
            self.connection.execute(f"DELETE FROM {table} WHERE {column} = ?", row)

    def _write_rows(self, nodes: Sequence[tuple[ox.NamedNode, set[str]]]) -> None:
        """The rows of resources that have none; one statement for each table, since each costs as much as a row."""
        (last,) = self.connection.execute("SELECT COALESCE(MAX(id), 0) FROM resource").fetchone()
        resources, classes, kinds, schemes, names = [], [], [], [], list[tuple[Any, ...]]()
        for key, (node, types) in enumerate(nodes, last + 1):
            resources.append((key, *self._resource_row(node, types)))
            classes += [(name, key) for name in sorted(types)]
            kinds += [(_local(kind), key) for kind in self._objects(node, NS + "kind")]
            schemes += [(_local(scheme), key) for scheme in self._objects(node, SKOS + "inScheme")]
            names += self._name_rows(node, key)
        many = self.connection.executemany
        many(
            "INSERT INTO resource (id, iri, slug, family, type, label_en, label_fr, label_ar, sort_en, sort_fr, sort_ar,"
            " contested, replaced_by, unit) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            resources,
        )
        many("INSERT OR IGNORE INTO class_of VALUES (?, ?)", classes)
        many("INSERT OR IGNORE INTO kind_of VALUES (?, ?)", kinds)
        many("INSERT OR IGNORE INTO scheme_of VALUES (?, ?)", schemes)
        many("INSERT INTO name VALUES (?,?,?,?,?,?)", [row for row, _ in names])
        many("INSERT INTO name_words (rowid, stems) VALUES (?, ?)", [(row[0], found) for row, found in names])
        many("INSERT INTO name_parts (rowid, folded) VALUES (?, ?)", [(row[0], row[-1]) for row, _ in names])

    def _resource_row(self, node: ox.NamedNode, types: set[str]) -> tuple[Any, ...]:
        labels = self._texts(node, SKOS + "prefLabel")
        shown = [labels.get(language) for language in LANGUAGES]
        return (
            node.value,
            _local(node),
            self._family(node),
            self._most_specific(types),
            *shown,
            *(fold(label or labels.get("en") or _local(node)) for label in shown),
            int(self._literal(node, NS + "contested") == "true"),
            self._iri(node, ns.DCTERMS_IS_REPLACED_BY.value),
            self._literal(node, NS + "unit"),
        )

    def _name_rows(self, node: ox.NamedNode, key: int) -> Iterator[tuple[tuple[Any, ...], str]]:
        """The rows of the names of a resource, and the stems of each."""
        names = {
            (text, language, role)
            for predicate, role in ((SKOS + "prefLabel", "label"), (SKOS + "altLabel", "name"))
            for text, language in self._tagged(node, predicate)
        }
        for number, (text, language, role) in enumerate(sorted(names)):
            folded = fold(text)
            found = folded_stems(folded)
            rowid = _name_id(key, number, words=len(found), letters=len(folded))
            yield (rowid, key, language, text, role, folded), " ".join(found)

    def _write_claim(self, node: ox.NamedNode, types: set[str]) -> None:
        evidence = sorted(self._evidence(node))
        time = self._time(node)
        object_ = next(iter(self._objects_any(node, RDF + "object")), None)
        value = object_ if isinstance(object_, ox.Literal) else self._any_literal(node, NS + "value")
        subject = self._iri(node, RDF + "subject")
        predicate = self._iri(node, RDF + "predicate")
        glosses = self._texts(node, NS + "gloss")
        row = {
            "iri": node.value,
            "key": node.value.removeprefix(self.base + "claim/"),
            "type": self._most_specific(types),
            "document": evidence[0][1] if evidence else "",
            "subject": subject,
            "predicate": predicate,
            "object": object_.value if isinstance(object_, ox.NamedNode) else None,
            "literal": value.value if value else None,
            "language": value.language if value else None,
            "datatype": value.datatype.value if value else None,
            "modality": _tail(self._iri(node, NS + "modality")) or "",
            "rank": _tail(self._iri(node, NS + "rank")) or "normal",
            "direct": int(self._is_direct(subject, predicate, object_)),
            **time,
            "value_is": _tail(self._iri(node, NS + "valueIs")),
            "aspect": self._iri(node, NS + "aspect"),
            "polarity": _tail(self._iri(node, NS + "polarity")),
            "as_written": self._literal(node, NS + "asWritten"),
            "gloss_en": glosses.get("en"),
            "gloss_fr": glosses.get("fr"),
            "note": self._literal(node, SKOS + "editorialNote"),
            "position": evidence[0][2] if evidence else 0,
        }
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        key = self.connection.execute(f"INSERT INTO claim ({columns}) VALUES ({marks})", tuple(row.values())).lastrowid
        self.connection.executemany(
            "INSERT OR IGNORE INTO evidence VALUES (?,?,?,?,?,?)", [(key, *passage) for passage in evidence]
        )
        roles = [
            (target.value, role, key)
            for role, predicate_ in _ROLES.items()
            for target in self._objects(node, predicate_.value)
        ]
        self.connection.executemany("INSERT OR IGNORE INTO role VALUES (?,?,?)", roles)

    def _evidence(self, node: ox.NamedNode) -> Iterator[tuple[str, str, int, int, str]]:
        for passage in self._objects(node, NS + "evidence"):
            document = _tail(self._iri(passage, NS + "document"))
            start, end = self._literal(passage, NS + "start"), self._literal(passage, NS + "end")
            if document and start and end:
                yield (passage.value, document, int(start), int(end), self._literal(passage, NS + "passageHash") or "")

    def _time(self, node: ox.NamedNode) -> dict[str, str | None]:
        """The claim's own time, or else the date that it states (`when`, `founded`)."""
        for predicate, of in ((NS + "time", "claim"), (RDF + "object", "object")):
            for span in self._objects(node, predicate):
                edtf = self._literal(span, NS + "edtf")
                if edtf is not None:
                    bounds = {
                        column: self._literal(span, NS + name)
                        for column, name in (
                            ("earliest", "earliest"),
                            ("begins_by", "beginsBy"),
                            ("ends_after", "endsAfter"),
                            ("latest", "latest"),
                        )
                    }
                    return {"edtf": edtf, **bounds, "time_of": of}
        return {}

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

    def _types(self, node: ox.NamedNode) -> set[str]:
        return {t.value.removeprefix(NS) for t in self._objects(node, ns.RDF_TYPE.value) if t.value.startswith(NS)}

    def _most_specific(self, types: set[str]) -> str:
        above = {
            upper.removeprefix(NS)
            for name in types
            for upper in (node.value for node in self.superclasses.get(marsad(name), ()))
        } - set()
        lowest = sorted(types - above) or sorted(types)
        return lowest[0]

    def _objects_any(self, node: ox.NamedNode, predicate: str) -> Iterable[Node]:
        if node != self._node:
            self._node, self._said = node, self._all_of(node)
        if self._said is not None:
            return self._said.get(predicate, ())
        quads = self.match(node, ox.NamedNode(predicate), None)
        return (quad.object for quad in quads if isinstance(quad.object, Node))

    def _all_of(self, node: ox.NamedNode) -> dict[str, list[Node]] | None:
        """What the graph says of a node, by predicate: one question instead of a dozen; None where that is too much."""
        found: dict[str, list[Node]] = {}
        for number, quad in enumerate(self.match(node, None, None)):
            if number == _MOST_AT_ONCE:
                return None
            if isinstance(quad.object, Node):
                found.setdefault(quad.predicate.value, []).append(quad.object)
        return found

    def _objects(self, node: ox.NamedNode, predicate: str) -> Iterator[ox.NamedNode]:
        return (value for value in self._objects_any(node, predicate) if isinstance(value, ox.NamedNode))

    def _value(self, node: ox.NamedNode, predicate: str) -> ox.NamedNode | ox.Literal | None:
        return min(self._objects_any(node, predicate), key=str, default=None)

    def _iri(self, node: ox.NamedNode, predicate: str) -> str | None:
        return min((value.value for value in self._objects(node, predicate)), default=None)

    def _any_literal(self, node: ox.NamedNode, predicate: str) -> ox.Literal | None:
        literals = [value for value in self._objects_any(node, predicate) if isinstance(value, ox.Literal)]
        return min(literals, key=str, default=None)

    def _literal(self, node: ox.NamedNode, predicate: str) -> str | None:
        literal = self._any_literal(node, predicate)
        return None if literal is None else literal.value

    def _tagged(self, node: ox.NamedNode, predicate: str) -> Iterator[tuple[str, str]]:
        for value in self._objects_any(node, predicate):
            if isinstance(value, ox.Literal):
                yield value.value, value.language or ""

    def _texts(self, node: ox.NamedNode, predicate: str) -> dict[str, str]:
        return {language: text for text, language in sorted(self._tagged(node, predicate), reverse=True)}


def _name_id(resource: int, number: int, *, words: int, letters: int) -> int:
    """The row id of the name with that number of a resource: names of few words come first, then short ones.

    Full-text search finds rows in the order of their ids, so that a search that stops early has met the closest names.
    """
    return ((min(words, 15) << 8 | min(letters, 255)) << 29 | resource) << 12 | number


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
    return connection


def _drop_everything(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = [name for name, sql in tables if sql.startswith("CREATE VIRTUAL")]
    plain = [name for name, _ in tables if name not in virtual and not name.startswith("sqlite_")]
    for name in sorted(virtual, key=lambda table: table != "part_counts"):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for name in plain:
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _closure(quads: Iterable[ox.Quad]) -> _Above:
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


def _local(node: ox.NamedNode) -> str:
    return _tail(node.value) or ""


def _tail(iri: str | None) -> str | None:
    return None if iri is None else iri.rsplit("/", 1)[-1].rsplit("#", 1)[-1]
