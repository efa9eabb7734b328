"""Entities, cited works and documents: from their records to `g:entities` and `g:sources`.

An entity is thin: class, kind, labels, verified matches. Everything else about it is a claim.
"""

import re
from collections.abc import Callable

import pyoxigraph as ox

from service.graph.compilation import LANGUAGE, Compilation
from service.graph.names import Name
from service.graph.sources import Record, near, one_text, texts
from service.graph.yaml_text import Entry, Place
from service.rdf import namespaces as ns
from service.rdf.terms import boolean, integer, string

_HASH = re.compile(r"sha-256:[0-9a-f]{64}")
_LENGTH = re.compile(r"[1-9][0-9]{0,8}")
_IRI = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
# Items of Wikidata; its properties and lexemes are no entities.
_WIKIDATA_ITEM = re.compile(r"wd:(Q[1-9][0-9]{0,9})")

Field = Callable[[Compilation, str, Name, Entry, Place], None]


def compile_entity(compilation: Compilation, record: Record) -> None:
    """The quads of an entry of `entities:`; what is wrong with it is reported."""
    _compile(compilation, "entities", record, _ENTITY_FIELDS)


def compile_work(compilation: Compilation, record: Record) -> None:
    """The quads of an entry of `works:`; what is wrong with it is reported."""
    _compile(compilation, "sources", record, _WORK_FIELDS)


def compile_document(compilation: Compilation, record: Record) -> None:
    """The quads of an entry of `documents:`; what is wrong with it is reported."""
    _compile(compilation, "sources", record, _DOCUMENT_FIELDS)
    place = compilation.faults.at(record.file, record.name)
    for key in ("textHash", "textLength", "language"):
        if key not in record.fields:
            place.error(record.line, f"a document says `{key}:`", key=key)


def _compile(compilation: Compilation, graph: str, record: Record, fields: dict[str, Field]) -> None:
    place = compilation.faults.at(record.file, record.name)
    if record.name not in compilation.names:
        return
    name = compilation.names[record.name]
    if name.declared != f"{record.file}:{record.line}":
        return  # A second entry of a name; reported where the names were gathered.
    if name.merged_into:
        _compile_merged(compilation, graph, name, record, place)
        return
    compilation.add_types(graph, name.iri, sorted(name.types))
    for entry in record.fields.values():
        if entry.key in fields:
            fields[entry.key](compilation, graph, name, entry, place)
        else:
            place.error(entry.line, f"unknown key {entry.key!r}{near(entry.key, fields)}")
    if "label" not in record.fields:
        place.error(record.line, "says no `label:`")


def _compile_merged(compilation: Compilation, graph: str, name: Name, record: Record, place: Place) -> None:
    for entry in record.fields.values():
        if entry.key != "mergedInto":
            place.error(entry.line, "a merged name says `mergedInto:` and nothing else", key=entry.key)
    if name.merged_into in compilation.names:
        target = compilation.names[name.merged_into]
        if name.slug in (target.slug, target.merged_into):
            place.error(record.line, f"{name.slug!r} is merged into itself", key="mergedInto")
        elif target.merged_into:
            message = f"{target.slug!r} was merged itself: write {target.merged_into!r}"
            place.error(record.line, message, key="mergedInto")
        compilation.add(graph, name.iri, ns.DCTERMS_IS_REPLACED_BY, target.iri)


def _passed_over(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    """Read already, with the names."""


def _labels(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    labels = compilation.texts_by_language(entry, place)
    for label in labels:
        compilation.add(graph, name.iri, ns.SKOS_PREF_LABEL, label)
    if labels and not any(label.language == "en" for label in labels):
        place.error(entry.line, "has no text in en", key=entry.key)


def _alternatives(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    for value in texts(entry, place):
        label = compilation.tagged_text(value, place, key=entry.key)
        if label is not None:
            triple = (name.iri, ns.SKOS_ALT_LABEL, label)
            compilation.say(graph, triple, place, value.line, key=entry.key)


def _kinds(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    for value in texts(entry, place):
        kind = compilation.names.find(value, place, key=entry.key, wanted=frozenset({"Topic"}))
        if kind is not None:
            compilation.say(graph, (name.iri, ns.marsad("kind"), kind.iri), place, value.line, key=entry.key)


def _matches(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    for value in texts(entry, place):
        iri = _match(value.text)
        if iri is not None:
            compilation.add(graph, name.iri, ns.SCHEMA_SAME_AS, iri)
        else:
            place.error(value.line, f"{value.text!r} is no IRI (https://…) and no wd:Q…", key=entry.key)


def _match(stated: str) -> ox.NamedNode | None:
    item = _WIKIDATA_ITEM.fullmatch(stated)
    if item is None and not _IRI.fullmatch(stated):
        return None
    try:
        return ox.NamedNode(ns.WD + item[1] if item else stated)
    except ValueError:  # it has the look of an IRI, but for instance a host that cannot be
        return None


def _contested(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    value = one_text(entry, place)
    if value is None:
        return
    if value.text == "true":
        compilation.add(graph, name.iri, ns.CONTESTED, boolean(True))
    else:
        place.error(value.line, f"takes true, or is left out; not {value.text!r}", key=entry.key)


def _agent(predicate: ox.NamedNode) -> Field:
    def read(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
        for value in texts(entry, place):
            actor = compilation.names.find(value, place, key=entry.key, wanted=frozenset({"Actor"}))
            if actor is not None:
                compilation.add(graph, name.iri, predicate, actor.iri)

    return read


def _issued(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    value = one_text(entry, place)
    span = compilation.time(value, place, key=entry.key) if value else None
    if span is not None:
        compilation.add(graph, name.iri, ns.DCTERMS_ISSUED, span)


def _title(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    value = one_text(entry, place)
    title = compilation.tagged_text(value, place, key=entry.key) if value else None
    if title is not None:
        compilation.add(graph, name.iri, ns.DCTERMS_TITLE, title)


def _language(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    for value in texts(entry, place):
        if LANGUAGE.fullmatch(value.text):
            compilation.add(graph, name.iri, ns.DCTERMS_LANGUAGE, string(value.text))
        else:
            place.error(value.line, f"{value.text!r} is no language tag, as en or zgh-Latn", key=entry.key)


def _text_hash(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    value = one_text(entry, place)
    if value is not None and not _HASH.fullmatch(value.text):
        place.error(value.line, f"{value.text!r} is not sha-256: and 64 hex digits", key=entry.key)
    elif value is not None:
        compilation.add(graph, name.iri, ns.TEXT_HASH, string(value.text))


def _text_length(compilation: Compilation, graph: str, name: Name, entry: Entry, place: Place) -> None:
    value = one_text(entry, place)
    if value is not None and not _LENGTH.fullmatch(value.text):
        place.error(value.line, f"{value.text!r} is no number of code points", key=entry.key)
    elif value is not None:
        compilation.add(graph, name.iri, ns.TEXT_LENGTH, integer(int(value.text)))


_ENTITY_FIELDS: dict[str, Field] = {
    "type": _passed_over,
    "kind": _kinds,
    "label": _labels,
    "alt": _alternatives,
    "sameAs": _matches,
    "contested": _contested,
    "mergedInto": _passed_over,
}
_WORK_FIELDS: dict[str, Field] = {
    "label": _labels,
    "creator": _agent(ns.DCTERMS_CREATOR),
    "publisher": _agent(ns.DCTERMS_PUBLISHER),
    "issued": _issued,
    "kind": _kinds,
    "mergedInto": _passed_over,
}
_DOCUMENT_FIELDS: dict[str, Field] = {
    "title": _title,
    "label": _labels,
    "author": _agent(ns.DCTERMS_CREATOR),
    "publisher": _agent(ns.DCTERMS_PUBLISHER),
    "issued": _issued,
    "language": _language,
    "textHash": _text_hash,
    "textLength": _text_length,
}

ENTITY_KEYS = tuple(_ENTITY_FIELDS)
WORK_KEYS = tuple(_WORK_FIELDS)
DOCUMENT_KEYS = tuple(_DOCUMENT_FIELDS)
