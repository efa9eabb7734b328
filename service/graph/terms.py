"""The terms of the ontology and the concepts of the vocabulary as plain values, with how often each is used."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyoxigraph as ox

from service.graph.index import ABOUT_ROLES, LANGUAGES
from service.rdf.iris import local_name
from service.rdf.namespaces import NS, OWL, RDFS, SCHEMA, SH, SKOS, prefixes

Item = dict[str, Any]
_PROPERTY_TYPES = {OWL + name for name in ("ObjectProperty", "DatatypeProperty", "AnnotationProperty")}
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


class _Said:
    """The objects of triples by subject and predicate."""

    def __init__(self, triples: Iterable[ox.Quad | ox.Triple]) -> None:
        self._objects: dict[tuple[str, str], list[ox.NamedNode | ox.Literal]] = defaultdict(list)
        self.subjects: dict[str, None] = {}
        for triple in triples:
            if isinstance(triple.subject, ox.NamedNode) and isinstance(triple.object, ox.NamedNode | ox.Literal):
                self._objects[triple.subject.value, triple.predicate.value].append(triple.object)
                self.subjects[triple.subject.value] = None

    def values(self, subject: str, predicate: str) -> list[str]:
        return sorted(value.value for value in self._objects.get((subject, predicate), ()))

    def texts(self, subject: str, predicate: str) -> dict[str, str]:
        """One text for each language."""
        found = self._objects.get((subject, predicate), ())
        return {value.language or "": value.value for value in found if isinstance(value, ox.Literal)}

    def text(self, subject: str, predicate: str, language: str) -> str:
        texts = self.texts(subject, predicate)
        return next((texts[code] for code in (language, *LANGUAGES, "") if code in texts), "")

    def all_texts(self, subject: str, predicate: str, language: str) -> list[str]:
        """The texts in the language, or in English where there are none."""
        found = [v for v in self._objects.get((subject, predicate), ()) if isinstance(v, ox.Literal)]
        own = [value.value for value in found if value.language == language]
        return sorted(own or [value.value for value in found if value.language in ("en", None)])


def terms(
    ontology: Iterable[ox.Quad],
    shapes: Iterable[ox.Triple],
    connection: sqlite3.Connection,
    *,
    language: str,
    base: str,
) -> list[Item]:
    """The classes, then the properties, by name: label, definition, examples, domain and range, shapes, uses."""
    said, shape_said = _Said(ontology), _Said(shapes)
    class_uses, property_uses = _class_uses(connection), _property_uses(connection)
    demands = _demands(shape_said, language)
    found = []
    for iri in said.subjects:
        types = set(said.values(iri, _TYPE))
        kind = "class" if OWL + "Class" in types else "property" if types & _PROPERTY_TYPES else None
        if kind is None or not iri.startswith(NS):
            continue
        name = iri.removeprefix(NS)
        above = RDFS + ("subClassOf" if kind == "class" else "subPropertyOf")
        found.append(
            {
                "id": name,
                "iri": iri,
                "kind": kind,
                "label": said.text(iri, SKOS + "prefLabel", language) or name,
                "labels": said.texts(iri, SKOS + "prefLabel"),
                "definition": said.text(iri, SKOS + "definition", language),
                "examples": said.all_texts(iri, SKOS + "example", language),
                "notes": said.all_texts(iri, SKOS + "scopeNote", language),
                "above": _short(said.values(iri, above), base),
                "domain": _short(said.values(iri, SCHEMA + "domainIncludes"), base),
                "range": _short(said.values(iri, SCHEMA + "rangeIncludes"), base),
                "claimable": said.values(iri, NS + "claimable") == ["true"],
                "shapes": demands.get(iri, []),
                "uses": (class_uses if kind == "class" else property_uses).get(iri, 0),
            }
        )
    return sorted(found, key=lambda term: (term["kind"], term["id"].casefold()))


def schemes(vocabulary: Iterable[ox.Quad], connection: sqlite3.Connection, *, language: str) -> list[Item]:
    """The concept schemes by name, each with its concepts by name."""
    said = _Said(vocabulary)
    uses = dict(connection.execute("SELECT iri, claims FROM resource WHERE family = 'topic'").fetchall())
    by_scheme: dict[str, list[str]] = defaultdict(list)
    for iri in said.subjects:
        for scheme in said.values(iri, SKOS + "inScheme"):
            by_scheme[scheme].append(iri)
    return [
        {
            "id": local_name(scheme),
            "iri": scheme,
            "label": said.text(scheme, SKOS + "prefLabel", language) or local_name(scheme),
            "concepts": [_concept(said, iri, uses, language) for iri in sorted(concepts, key=local_name)],
        }
        for scheme, concepts in sorted(by_scheme.items(), key=lambda entry: local_name(entry[0]))
    ]


def _concept(said: _Said, iri: str, uses: dict[str, int], language: str) -> Item:
    types = {local_name(value) for value in said.values(iri, _TYPE)}
    return {
        "id": local_name(iri),
        "iri": iri,
        "type": "Indicator" if "Indicator" in types else "Topic" if "Topic" in types else "Concept",
        "label": said.text(iri, SKOS + "prefLabel", language) or local_name(iri),
        "labels": said.texts(iri, SKOS + "prefLabel"),
        "definition": said.text(iri, SKOS + "definition", language),
        "broader": [local_name(value) for value in said.values(iri, SKOS + "broader")],
        "uses": uses.get(iri, 0),
    }


def _short(iris: list[str], base: str) -> list[str]:
    """Names of our terms bare, others with their prefix, as in `rdf:langString`."""
    known = sorted(prefixes(base).items(), key=lambda entry: -len(entry[1]))
    shown = []
    for iri in iris:
        prefix, namespace = next(((p, n) for p, n in known if iri.startswith(n)), ("", ""))
        local = iri[len(namespace) :]
        shown.append(local if namespace in (NS, "") else f"{prefix}:{local}")
    return shown


def _demands(shapes: _Said, language: str) -> dict[str, list[str]]:
    """What the shapes say of a term: of a property by its path, of a class by its target."""
    found: dict[str, set[str]] = defaultdict(set)
    for shape in shapes.subjects:
        message = shapes.text(shape, SH + "message", language)
        for term in (*shapes.values(shape, SH + "path"), *shapes.values(shape, SH + "targetClass")):
            found[term].update({message} - {""})
        for target in shapes.values(shape, SH + "targetClass"):
            for part in shapes.values(shape, SH + "property"):
                found[target].update({shapes.text(part, SH + "message", language)} - {""})
    return {term: sorted(messages) for term, messages in found.items()}


def _class_uses(connection: sqlite3.Connection) -> dict[str, int]:
    counts = dict(connection.execute("SELECT class, COUNT(*) FROM class_of GROUP BY class").fetchall())
    by_type = dict(connection.execute("SELECT type, COUNT(*) FROM claim GROUP BY type").fetchall())
    counts |= by_type | {"Claim": sum(by_type.values())}
    counts["Evidence"] = connection.execute("SELECT COUNT(DISTINCT iri) FROM evidence").fetchone()[0]
    counts["TimeSpan"] = connection.execute("SELECT COUNT(DISTINCT edtf) FROM claim").fetchone()[0]
    return {NS + name: count for name, count in counts.items()}


def _property_uses(connection: sqlite3.Connection) -> dict[str, int]:
    """Claims in which a property is the predicate, or that have it themselves."""
    counts: dict[str, int] = dict(
        connection.execute(
            "SELECT predicate, COUNT(*) FROM claim WHERE predicate IS NOT NULL GROUP BY predicate"
        ).fetchall()
    )
    own = {role: NS + role for role in (*ABOUT_ROLES, "assertedBy", "onBehalfOf", "citedWork", "occasion")}
    for role, count in connection.execute("SELECT role, COUNT(DISTINCT claim) FROM role GROUP BY role").fetchall():
        if role not in ("subject", "object"):
            counts[own[role]] = counts.get(own[role], 0) + count
    columns = {"value_is": "valueIs", "polarity": "polarity", "as_written": "asWritten", "modality": "modality"}
    for column, name in columns.items():
        sql = f"SELECT COUNT(*) FROM claim WHERE {column} IS NOT NULL AND {column} <> ''"
        counts[NS + name] = connection.execute(sql).fetchone()[0]
    evidence = connection.execute("SELECT COUNT(*) FROM evidence").fetchone()[0]
    counts |= {NS + name: evidence for name in ("evidence", "document", "start", "end", "passageHash")}
    return counts
