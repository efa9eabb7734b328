"""Facts: from their YAML to the claims and passages of one document, `g:d000`.

A fact is a subject with properties (one Statement for each value), a number (an Observation) or a judgement (an
Assessment). What stands beside it (who asserts it, how firmly, when, where it is written) holds for all its claims.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyoxigraph as ox

from service.graph.compilation import LANGUAGE, Compilation, Object
from service.graph.evidence import LONG_PASSAGE, MAX_PASSAGE, MIN_PASSAGE, PASSAGE_HASH_PREFIX, Locator, locators
from service.graph.names import DOCUMENT_NAME, SLUG, Name, a, one_of
from service.graph.ontology import Property
from service.graph.sources import FactFile, Record, near, one_text, texts
from service.graph.yaml_text import Entry, Faults, Place, Text
from service.rdf import namespaces as ns
from service.rdf.iris import claim_iri, evidence_iri, object_name
from service.rdf.terms import decimal, integer, text

# 80 code points: the short expression of a vague value, never a sentence of the document.
MAX_AS_WRITTEN = 80
GLOSS_LANGUAGES = ("en", "fr")
# The editors write their notes in English.
NOTE_LANGUAGE = "en"
# 18 digits: the largest whole number and the finest decimal that every engine keeps exactly.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")

# Keys that may stand in every fact, those of one kind of fact, and the defaults of the words.
SHARED_KEYS = ("at", "by", "cites", "modality", "time", "onBehalfOf", "occasion", "asWritten", "gloss", "note")
STATEMENT_KEYS = ("subject",)
OBSERVATION_KEYS = ("indicator", "for", "value", "valueIs", "breakdown")
ASSESSMENT_KEYS = ("assessmentOf", "aspect", "polarity")
# The keys of each kind of fact, by the key that says the kind; a statement is what has neither.
_KINDS = {"indicator": OBSERVATION_KEYS, "assessmentOf": ASSESSMENT_KEYS}
SCHEMES = {"modality": "modality", "valueIs": "exactness", "polarity": "polarity", "rank": "rank"}
DEFAULTS = {"modality": "asserted", "valueIs": "exact"}

Pairs = list[tuple[ox.NamedNode, Object]]


@dataclass(frozen=True, slots=True)
class Claim:
    """A compiled claim: its id (the local name of its IRI), what a statement states, and where it is written."""

    id: str
    iri: ox.NamedNode
    kind: str
    states: ox.Triple | None
    document: str
    fact: str
    file: str
    line: int
    locators: tuple[Locator, ...]


def compile_facts(compilation: Compilation, files: Sequence[FactFile], document: Record | None) -> list[Claim]:
    """The claims of one document, from one or more files, their quads added to its graph; faults are reported.

    `document` is its record in `data/sources.yaml`, None where there is none.
    """
    for file in files:
        stated, place = file.document, compilation.faults.at(file.file)
        if not DOCUMENT_NAME.fullmatch(stated.text):
            place.error(stated.line, f"{stated.text!r} is no document: d and its number, as d000", key="document")
            return []
        if document is None:
            message = f"unknown document {stated.text!r}: it is not in sources.yaml"
            place.error(stated.line, message, key="document")
    return _Document(compilation, files[0].document.text, document).compile(
        [fact for file in files for fact in file.facts]
    )


class _Document:
    """Compiles the facts of one document."""

    def __init__(self, compilation: Compilation, name: str, record: Record | None) -> None:
        self.compilation = compilation
        self.name = name
        self.known = record is not None
        self.authors = [value.text for value in _values(record, "author")]
        self.language = _stated(record, "language")
        length = _stated(record, "textLength")
        self.length = int(length) if length.isascii() and length.isdigit() else None
        self.claims: dict[str, Claim] = {}
        self.hashes: dict[tuple[int, int], tuple[str, str]] = {}

    def compile(self, facts: list[Record]) -> list[Claim]:
        first: dict[str, Record] = {}
        # Assessments come last: they may be about a statement of any other fact.
        for fact in sorted(facts, key=lambda fact: "assessmentOf" in fact.fields):
            place = self.compilation.faults.at(fact.file, fact.name)
            errors = len(self.compilation.faults.errors)
            if not SLUG.fullmatch(fact.name):
                place.error(
                    fact.line, "a fact's id is kebab-case: small ASCII letters, digits, hyphens, a letter first"
                )
            elif (other := first.get(fact.name)) and not (fact.part and other.file == fact.file):
                place.error(fact.line, f"{other.file}:{other.line} has a fact of that name already")
            else:
                first[fact.name] = fact
                self.fact(fact, place)
            if len(self.compilation.faults.errors) > errors:
                self.compilation.faulty.add(f"{self.name}.{fact.name}")
        return list(self.claims.values())

    def fact(self, fact: Record, place: Place) -> None:
        shared = list(self.shared(fact, place))
        passages = self.passages(fact, place)
        shared.extend((ns.EVIDENCE, self.evidence(locator)) for locator in passages)
        if "indicator" in fact.fields:
            kind, claims = "Observation", self.observation(fact, place)
        elif "assessmentOf" in fact.fields:
            kind, claims = "Assessment", self.assessment(fact, place)
        else:
            kind, claims = "Statement", self.statements(fact, place)
        for line, parts, pairs in claims:
            self.claim(fact, kind, line, parts, pairs + shared, passages, place)

    def claim(
        self,
        fact: Record,
        kind: str,
        line: int,
        parts: tuple[str, ...],
        pairs: Pairs,
        passages: tuple[Locator, ...],
        place: Place,
    ) -> None:
        iri = claim_iri(self.compilation.base, self.name, fact.name, *parts)
        identifier = ".".join((self.name, fact.name, *parts))
        if identifier in self.claims:
            place.error(line, f"says {identifier} a second time (first on line {self.claims[identifier].line})")
            return
        self.claims[identifier] = Claim(
            identifier, iri, kind, _stated_triple(pairs), self.name, fact.name, fact.file, line, passages
        )
        self.compilation.add_types(self.name, iri, sorted(self.compilation.ontology.classes[kind]))
        for predicate, value in pairs:
            self.compilation.add(self.name, iri, predicate, value)
        for note in self.notes(fact, place):
            self.compilation.add("editorial", iri, ns.SKOS_EDITORIAL_NOTE, note)

    # The three kinds of fact: each yields (line, last parts of the claim's IRI, pairs of predicate and object).

    def statements(self, fact: Record, place: Place) -> Iterator[tuple[int, tuple[str, ...], Pairs]]:
        claimable = self.compilation.ontology.claimable
        known = self.check_keys(fact, place, (*STATEMENT_KEYS, *claimable))
        subject = self.required_name(fact, "subject", place, frozenset({"Entity", "Topic"}))
        entries = [entry for entry in fact.fields.values() if entry.key in claimable]
        if known and not entries:
            place.error(fact.line, "says nothing: a property (place, …), `indicator:` or `assessmentOf:` is expected")
        for entry in entries:
            said = claimable[entry.key]
            if subject and subject.type and not subject.types & said.domain:
                message = f"is said of {one_of(said.domain)}; {subject.slug!r} is {a(subject.type)}"
                place.error(entry.line, message, key=entry.key)
            for line, value in self.objects(entry, said, place):
                if subject is not None:
                    parts = (entry.key, object_name(value))
                    yield line, parts, self.statement(subject, said, value)

    def statement(self, subject: Name, said: Property, value: Object) -> Pairs:
        return [(ns.RDF_SUBJECT, subject.iri), (ns.RDF_PREDICATE, said.iri), (ns.RDF_OBJECT, value)]

    def objects(self, entry: Entry, said: Property, place: Place) -> Iterator[tuple[int, Object]]:
        for value in texts(entry, place):
            found: Object | None
            if said.takes_time:
                found = self.compilation.time(value, place, key=entry.key)
            elif said.takes_text:
                found = self.compilation.tagged_text(value, place, key=entry.key)
            else:
                name = self.compilation.names.find(value, place, key=entry.key, wanted=said.range)
                found = name.iri if name else None
            if found is not None:
                yield value.line, found

    def observation(self, fact: Record, place: Place) -> Iterator[tuple[int, tuple[str, ...], Pairs]]:
        self.check_keys(fact, place, OBSERVATION_KEYS)
        pairs: Pairs = []
        for key, predicate, wanted in (
            ("indicator", ns.INDICATOR, frozenset({"Indicator"})),
            ("for", ns.OBSERVED_FOR, self.range(ns.OBSERVED_FOR, "Entity", "Topic")),
        ):
            name = self.required_name(fact, key, place, wanted)
            if name is not None:
                pairs.append((predicate, name.iri))
        value = self.required(fact, "value", place)
        number = self.number(value, place) if value else None
        if number is not None:
            pairs.append((ns.VALUE, number))
        pairs.extend(self.word(fact, "valueIs", ns.VALUE_IS, place))
        pairs.extend(self.names(fact, "breakdown", ns.BREAKDOWN, place, "Entity", "Topic"))
        yield fact.line, (), pairs

    def assessment(self, fact: Record, place: Place) -> Iterator[tuple[int, tuple[str, ...], Pairs]]:
        self.check_keys(fact, place, ASSESSMENT_KEYS)
        pairs: Pairs = []
        about = self.required(fact, "assessmentOf", place)
        subject = self.assessed(about, place) if about else None
        if subject is not None:
            pairs.append((ns.ASSESSMENT_OF, subject))
        aspect = self.required_name(fact, "aspect", place, frozenset({"Topic"}))
        if aspect is not None:
            pairs.append((ns.ASPECT, aspect.iri))
        if self.required(fact, "polarity", place) is not None:
            pairs.extend(self.word(fact, "polarity", ns.POLARITY, place))
        if "gloss" not in fact.fields:
            place.error(fact.line, "says no `gloss:` {en: …, fr: …}: what it judges, in the editors' own words")
        yield fact.line, (), pairs

    def assessed(self, about: Text, place: Place) -> ox.NamedNode | None:
        """The entity or topic of that name, or the statement of this document (`fact.property.object`)."""
        if "." not in about.text:
            name = self.compilation.names.find(about, place, key="assessmentOf", wanted=frozenset({"Entity", "Topic"}))
            return name.iri if name else None
        claim = self.claims.get(f"{self.name}.{about.text}")
        if claim is not None and claim.kind == "Statement":
            return claim.iri
        if self.compilation.is_faulty(f"{self.name}.{about.text}"):
            return None
        statements = [
            item.id.removeprefix(f"{self.name}.") for item in self.claims.values() if item.kind == "Statement"
        ]
        message = f"unknown statement {about.text!r} of this document{near(about.text, statements)}"
        place.error(about.line, message, key="assessmentOf")
        return None

    # What stands beside a fact and holds for all its claims.

    def shared(self, fact: Record, place: Place) -> Iterator[tuple[ox.NamedNode, Object]]:
        yield from self.asserters(fact, place)
        yield from self.names(fact, "cites", ns.CITED_WORK, place, "Work")
        yield from self.names(fact, "onBehalfOf", ns.ON_BEHALF_OF, place, "Actor")
        yield from self.names(fact, "occasion", ns.OCCASION, place, "Event")
        yield from self.word(fact, "modality", ns.MODALITY, place)
        if (entry := fact.fields.get("time")) and (value := one_text(entry, place)):
            span = self.compilation.time(value, place, key="time")
            if span is not None:
                yield ns.TIME, span
        yield from self.as_written(fact, place)
        yield from self.gloss(fact, place)

    def asserters(self, fact: Record, place: Place) -> Iterator[tuple[ox.NamedNode, Object]]:
        if "by" in fact.fields:
            yield from self.names(fact, "by", ns.ASSERTED_BY, place, "Actor")
            return
        for author in self.authors:
            if author in self.compilation.names:
                yield ns.ASSERTED_BY, self.compilation.names[author].iri
        if self.known and not self.authors:
            # An unknown document or author is reported once, where it stands.
            place.error(fact.line, "says not who asserts it (`by:`), and sources.yaml names no author of the document")

    def as_written(self, fact: Record, place: Place) -> Iterator[tuple[ox.NamedNode, Object]]:
        entry = fact.fields.get("asWritten")
        value = one_text(entry, place) if entry else None
        if value is None:
            return
        if len(value.text) > MAX_AS_WRITTEN:
            place.error(value.line, f"{len(value.text)} characters, at most {MAX_AS_WRITTEN}", key="asWritten")
        language = self.language if LANGUAGE.fullmatch(self.language) else "und"
        yield ns.AS_WRITTEN, text(value.text, language)

    def gloss(self, fact: Record, place: Place) -> Iterator[tuple[ox.NamedNode, Object]]:
        entry = fact.fields.get("gloss")
        if entry is None:
            return
        found = self.compilation.texts_by_language(entry, place)
        missing = set(GLOSS_LANGUAGES) - {literal.language for literal in found}
        if found and missing:
            place.error(entry.line, f"has no text in {one_of(missing)}", key="gloss")
        yield from ((ns.GLOSS, literal) for literal in found)

    def notes(self, fact: Record, place: Place) -> list[ox.Literal]:
        entry = fact.fields.get("note")
        if entry is None:
            return []
        if isinstance(entry.value, Text):
            value = one_text(entry, place)
            return [self.compilation.text(value, NOTE_LANGUAGE, place, key="note")] if value else []
        return self.compilation.texts_by_language(entry, place)

    def passages(self, fact: Record, place: Place) -> tuple[Locator, ...]:
        found = []
        for locator, line in locators(fact, place):
            self.check_passage(locator, line, fact, place)
            found.append(locator)
        return tuple(found)

    def check_passage(self, locator: Locator, line: int, fact: Record, place: Place) -> None:
        where = f"the passage {locator.start}-{locator.end}"
        if not MIN_PASSAGE <= len(locator) <= MAX_PASSAGE:
            message = f"{where} has {len(locator)} characters, not {MIN_PASSAGE} to {MAX_PASSAGE}"
            place.error(line, message, key="at")
        elif len(locator) > LONG_PASSAGE:
            place.warning(line, f"{where} has {len(locator)} characters, over {LONG_PASSAGE}: name the words", key="at")
        if self.length and locator.end > self.length:
            place.error(line, f"{where} ends behind the text, which has {self.length} characters", key="at")
        other, digits = self.hashes.setdefault((locator.start, locator.end), (fact.name, locator.hash))
        if digits != locator.hash:
            place.error(line, f"{where} has another hash than in the fact {other!r}", key="at")

    def evidence(self, locator: Locator) -> ox.NamedNode:
        iri = evidence_iri(self.compilation.base, self.name, locator.start, locator.end)
        add = self.compilation.add
        self.compilation.add_types(self.name, iri, sorted(self.compilation.ontology.classes["Evidence"]))
        if self.name in self.compilation.names:
            add(self.name, iri, ns.DOCUMENT, self.compilation.names[self.name].iri)
        add(self.name, iri, ns.START, integer(locator.start))
        add(self.name, iri, ns.END, integer(locator.end))
        add(self.name, iri, ns.PASSAGE_HASH, ox.Literal(PASSAGE_HASH_PREFIX + locator.hash))
        return iri

    # Reading single keys.

    def check_keys(self, fact: Record, place: Place, own: tuple[str, ...]) -> bool:
        """Whether the fact has no other keys than those of its kind; the others are reported."""
        allowed = (*SHARED_KEYS, *own)
        unknown = [entry for entry in fact.fields.values() if entry.key not in allowed]
        for entry in unknown:
            place.error(
                entry.line, self.why_not(entry.key, fact) or f"unknown key {entry.key!r}{near(entry.key, allowed)}"
            )
        return not unknown

    def why_not(self, key: str, fact: Record) -> str:
        """What is wrong with a key of another kind of fact; empty where it is a key of none."""
        stated = next((kind for kind in _KINDS if kind in fact.fields), "")
        home = next((kind for kind, keys in _KINDS.items() if key in keys), "")
        if home and home not in fact.fields:
            return f"`{key}:` goes with `{home}:`, which is missing"
        if stated and (home or key in STATEMENT_KEYS or key in self.compilation.ontology.claimable):
            return f"`{key}:` does not go with `{stated}:`: write a fact of its own"
        return ""

    def required(self, fact: Record, key: str, place: Place) -> Text | None:
        entry = fact.fields.get(key)
        if entry is None:
            place.error(fact.line, f"says no `{key}:`")
            return None
        return one_text(entry, place)

    def required_name(self, fact: Record, key: str, place: Place, wanted: frozenset[str]) -> Name | None:
        value = self.required(fact, key, place)
        return self.compilation.names.find(value, place, key=key, wanted=wanted) if value else None

    def names(
        self, fact: Record, key: str, predicate: ox.NamedNode, place: Place, *default: str
    ) -> Iterator[tuple[ox.NamedNode, Object]]:
        entry = fact.fields.get(key)
        wanted = self.range(predicate, *default)
        for value in texts(entry, place) if entry else ():
            name = self.compilation.names.find(value, place, key=key, wanted=wanted)
            if name is not None:
                yield predicate, name.iri

    def range(self, predicate: ox.NamedNode, *default: str) -> frozenset[str]:
        """The classes that a property of claims leads to, as the ontology says."""
        return self.compilation.ontology.ranges.get(predicate.value.removeprefix(ns.NS)) or frozenset(default)

    def word(
        self, fact: Record, key: str, predicate: ox.NamedNode, place: Place
    ) -> Iterator[tuple[ox.NamedNode, Object]]:
        entry = fact.fields.get(key)
        value = one_text(entry, place) if entry else Text(DEFAULTS[key], fact.line)
        concept = self.compilation.word(value, place, key=key, scheme=SCHEMES[key]) if value else None
        if concept is not None:
            yield predicate, concept

    def number(self, value: Text, place: Place) -> ox.Literal | None:
        match = _NUMBER.fullmatch(value.text)
        if match is None:
            message = f"{value.text!r} is no number: digits, no sign but -, no separators, a point before decimals"
            place.error(value.line, message, key="value")
            return None
        if match[1] and value.text.endswith("0"):
            # The engine keeps 2.50 as 2.5: the served graph would not be the compiled one.
            shorter = value.text.rstrip("0").rstrip(".")
            message = f"{value.text!r} ends in zeros, which the graph does not keep: write {shorter}"
            place.error(value.line, message, key="value")
        return decimal(value.text) if match[1] else integer(int(value.text))


def _stated_triple(pairs: Pairs) -> ox.Triple | None:
    parts = dict(pairs)
    if ns.RDF_OBJECT not in parts:
        return None
    subject, predicate = parts[ns.RDF_SUBJECT], parts[ns.RDF_PREDICATE]
    assert isinstance(subject, ox.NamedNode)
    assert isinstance(predicate, ox.NamedNode)
    return ox.Triple(subject, predicate, parts[ns.RDF_OBJECT])


def _stated(record: Record | None, key: str) -> str:
    """The single value of a key; empty where there is none or are several."""
    values = _values(record, key)
    return values[0].text if len(values) == 1 else ""


def _values(record: Record | None, key: str) -> tuple[Text, ...]:
    """The values of a key; what is wrong with them is reported where the record is compiled."""
    entry = record.fields.get(key) if record else None
    return texts(entry, Faults().at("")) if entry else ()
