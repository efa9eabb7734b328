"""The names that the data may use: one table over entities, works, documents and concepts."""

import re
from collections import ChainMap
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

import pyoxigraph as ox

from service.graph.ontology import Ontology
from service.graph.sources import Record, Sources, near, one_text
from service.graph.yaml_text import Faults, Place, Text
from service.rdf.iris import document_iri, entity_iri

# Kebab-case with a letter first, so that Turtle prints a prefixed name and a URL needs no escapes.
SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
DOCUMENT_NAME = re.compile(r"d[0-9]{3,6}")


@dataclass(frozen=True, slots=True)
class Name:
    """What a slug stands for: its IRI, its class (empty where unknown) and all superclasses, where it is declared.

    `merged_into` is the slug that took its place, empty as a rule.
    """

    slug: str
    iri: ox.NamedNode
    type: str
    types: frozenset[str]
    declared: str
    merged_into: str = ""


class Names:
    """Finds names; says what is wrong with those that are unknown, merged or of another class than wanted."""

    def __init__(self, names: Mapping[str, Name]) -> None:
        self._names = names

    def __contains__(self, slug: str) -> bool:
        return slug in self._names

    def __getitem__(self, slug: str) -> Name:
        return self._names[slug]

    def find(self, text: Text, place: Place, *, key: str, wanted: frozenset[str]) -> Name | None:
        """The name that `text` says; None, reported to `place`, where it is unknown or of no class in `wanted`."""
        name = self._names.get(text.text)
        if name is None:
            place.error(text.line, f"unknown name {text.text!r}{near(text.text, self._names)}", key=key)
            return None
        if name.merged_into:
            place.error(text.line, f"{text.text!r} was merged: write {name.merged_into!r}", key=key)
            return None
        if name.type and not name.types & wanted:
            message = f"{text.text!r} is {a(name.type)}, must be {one_of(wanted)}"
            place.error(text.line, message, key=key)
            return None
        return name


def concept_names(ontology: Ontology) -> dict[str, Name]:
    """The names of the vocabulary."""
    return {
        concept.slug: Name(
            concept.slug,
            concept.iri,
            concept.type or "concept",
            ontology.classes.get(concept.type, frozenset()),
            "the vocabulary",
        )
        for concept in ontology.concepts.values()
    }


def names_of(
    sources: Sources,
    ontology: Ontology,
    faults: Faults,
    *,
    concepts: Mapping[str, Name] | None = None,
    others: Container[str] = (),
) -> Names:
    """Every name of the sources and the vocabulary; slugs that are ill-formed or taken are reported.

    `concepts` are the vocabulary's, where the caller has them; `others` are names that stand elsewhere, to merge into.
    """
    concepts = concept_names(ontology) if concepts is None else concepts
    found: dict[str, Name] = {}
    names = ChainMap(found, concepts)  # type: ignore[arg-type]  # only the first is written to
    for records, read in ((sources.documents, _document), (sources.entities, _entity), (sources.works, _work)):
        for record in records:
            place = faults.at(record.file, record.name)
            if record.name in names:
                place.error(record.line, f"the name is taken already, by {names[record.name].declared}")
                continue
            found[record.name] = read(record, ontology, place)
    for name in found.values():
        if name.merged_into and name.merged_into not in names and name.merged_into not in others:
            file, _, line = name.declared.rpartition(":")
            message = f"unknown name {name.merged_into!r}{near(name.merged_into, names)}"
            faults.at(file, name.slug).error(int(line), message, key="mergedInto")
    return Names(names)


def a(word: str) -> str:
    """The word with its article."""
    return f"{'an' if word[:1] in 'AEIOaeio' else 'a'} {word}"


def one_of(words: Iterable[str]) -> str:
    """The words in their order, the last after "or"."""
    *first, last = sorted(words)
    return f"{', '.join(first)} or {last}" if first else last


def _entity(record: Record, ontology: Ontology, place: Place) -> Name:
    _check(SLUG, record, place, "kebab-case: small ASCII letters, digits, hyphens, a letter first")
    stated, merged = record.fields.get("type"), "mergedInto" in record.fields
    type_name = ""
    if stated is None and not merged:
        place.error(record.line, "says no `type:`")
    elif stated is not None and not merged and (text := one_text(stated, place)):
        type_name = _entity_type(text, ontology, place)
    return Name(
        record.name,
        entity_iri(ontology.base, record.name),
        type_name,
        ontology.classes.get(type_name, frozenset()),
        f"{record.file}:{record.line}",
        _merged_into(record, place),
    )


def _merged_into(record: Record, place: Place) -> str:
    entry = record.fields.get("mergedInto")
    target = one_text(entry, place) if entry else None
    return target.text if target else ""


def _entity_type(text: Text, ontology: Ontology, place: Place) -> str:
    allowed = {name for name, above in ontology.classes.items() if "Entity" in above} - {"Entity", "Document"}
    if text.text in allowed:
        return text.text
    if text.text in ("Topic", "Indicator"):
        place.error(text.line, "topics and indicators stand in the vocabulary (ontology/vocabulary.ttl)", key="type")
    elif text.text == "Document":
        place.error(text.line, "documents stand in sources.yaml", key="type")
    else:
        hint = near(text.text, allowed) or f": must be {one_of(allowed)}"
        place.error(text.line, f"unknown type {text.text!r}{hint}", key="type")
    return ""


def _work(record: Record, ontology: Ontology, place: Place) -> Name:
    _check(SLUG, record, place, "kebab-case: small ASCII letters, digits, hyphens, a letter first")
    types = ontology.classes.get("Work", frozenset())
    iri, declared = entity_iri(ontology.base, record.name), f"{record.file}:{record.line}"
    return Name(record.name, iri, "Work", types, declared, _merged_into(record, place))


def _document(record: Record, ontology: Ontology, place: Place) -> Name:
    _check(DOCUMENT_NAME, record, place, "d and its number: d000")
    types = ontology.classes.get("Document", frozenset())
    iri = document_iri(ontology.base, record.name)
    return Name(record.name, iri, "Document", types, f"{record.file}:{record.line}")


def _check(pattern: re.Pattern[str], record: Record, place: Place, form: str) -> None:
    if not pattern.fullmatch(record.name):
        place.error(record.line, f"{record.name!r} is no name of the form {form}")
