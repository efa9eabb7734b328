"""Records as people write them (the YAML of `data/`, or the same in JSON) and the quads of a graph that is there.

The compiler reads a record against the names of the graph, whatever its size; what the graph says of an entity, a work,
a document or a fact can be written as a record again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyoxigraph as ox

from service.errors import BadRequest, NotFound, SourceError, SourceErrors
from service.graph.claims import compile_facts
from service.graph.compilation import Compilation
from service.graph.entities import compile_document, compile_entity, compile_work
from service.graph.evidence import PASSAGE_HASH_PREFIX
from service.graph.gate import Match
from service.graph.names import DOCUMENT_NAME, Name, Names, concept_names, names_of
from service.graph.ontology import Ontology
from service.graph.sources import FactFile, Record, Sources
from service.graph.yaml_text import Entry, Faults, Items, Table, Text, Value, read_yaml_value
from service.rdf import namespaces as ns
from service.rdf.iris import document_iri, entity_iri, graph_iri, local_name, split_iri, topic_iri
from service.store.base import Delta

# A record as JSON has it: texts, lists of texts, texts by language.
Form: TypeAlias = dict[str, Any]

# Where a fact stands and what it says; the claimable properties follow these keys, by name.
FIRST_KEYS = (
    "at",
    "subject",
    "indicator",
    "for",
    "value",
    "valueIs",
    "breakdown",
    "assessmentOf",
    "aspect",
    "polarity",
)
# What stands beside a fact, after its properties.
BESIDE_KEYS = ("time", "modality", "by", "onBehalfOf", "occasion", "cites", "asWritten", "gloss", "note")
# The name of a request in the messages of the compiler, where a file's name stands otherwise.
REQUEST = "request"
_COMPILE: dict[str, Callable[[Compilation, Record], None]] = {
    "entities": compile_entity,
    "works": compile_work,
    "documents": compile_document,
}
_GRAPHS = {"entities": "entities", "works": "sources", "documents": "sources"}
COLLECTIONS = tuple(_COMPILE)


def read_form(body: bytes, *, yaml: bool) -> Table:
    """The mapping that a body holds, in YAML or JSON.

    Raises SourceErrors, BadRequest: it holds none.
    """
    value = read_fact_form(body, yaml=yaml)
    if isinstance(value, Table):
        return value
    if yaml:
        raise SourceErrors([SourceError(REQUEST, value.line, "", "", "a mapping (`key: value`) is expected")])
    raise BadRequest("the body must be an object")


def read_fact_form(body: bytes, *, yaml: bool) -> Table | Items:
    """The record of a fact that a body holds, or the list of its parts, in YAML or JSON; as `Forms.facts` gives it.

    Raises SourceErrors, BadRequest: it holds neither.
    """
    if yaml:
        faults = Faults()
        read = read_yaml_value(body, faults.at(REQUEST))
        if read is None or faults.errors:
            raise SourceErrors(faults.errors)
        if isinstance(read, Text):
            raise SourceErrors([SourceError(REQUEST, read.line, "", "", "a mapping (`key: value`) is expected")])
        return read
    try:
        # Every value stays the text that was written, as in YAML.
        value = json.loads(body, parse_int=str, parse_float=str, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    made = _value_of(value)
    if isinstance(made, Text):
        raise BadRequest("the body must be an object")
    return made


def _no_number(text: str) -> str:
    raise ValueError(f"{text} is no number of JSON")


def table_of(value: object) -> Table:
    """A JSON object as the compiler reads mappings. Raises BadRequest: it is none."""
    read = _value_of(value)
    if not isinstance(read, Table):
        raise BadRequest("the body must be an object")
    return read


def _value_of(value: object) -> Value:
    if isinstance(value, dict):
        return Table({str(key): Entry(str(key), 1, _value_of(item)) for key, item in value.items()}, 1)
    if isinstance(value, list):
        return Items(tuple(_value_of(item) for item in value), 1)
    return Text({True: "true", False: "false", None: ""}.get(value, value) if not isinstance(value, str) else value, 1)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Forms:
    """Reads and writes records against one ontology."""

    ontology: Ontology
    _concepts: Mapping[str, Name] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_concepts", concept_names(self.ontology))

    @property
    def base(self) -> str:
        """The base of the IRIs of the data."""
        return self.ontology.base

    # --- from records to changes ---

    def put(self, match: Match, collection: str, name: str, table: Table) -> Delta:
        """The change that makes an entity, a work or a document what the record says.

        Raises SourceErrors: the record cannot be compiled.
        """
        record = Record(name, REQUEST, table.line, table.entries)
        compilation = self._compilation(match, _sources(**{collection: (record,)}))
        _COMPILE[collection](compilation, record)
        return self._replace(match, compilation, self._about(match, collection, name))

    def delete(self, match: Match, collection: str, name: str) -> Delta:
        """The change that takes an entity, a work or a document away. Raises NotFound: it is not there."""
        return Delta(removed=self._existing(match, collection, name))

    def put_facts(self, match: Match, document: str, table: Table, *, only: str = "") -> Delta:
        """The change that makes the claims of a document what its facts say; with `only`, those of one fact.

        Notes of the editors on claims that stay are kept. Raises SourceErrors: a fact cannot be compiled.
        """
        file = FactFile(REQUEST, Text(document, 1), tuple(_records(table)))
        # An assessment may be about a statement of another fact, which stands in the graph.
        others = () if not only else tuple(self._other_facts(match, document, only))
        compilation = self._compilation(match, _sources())
        compile_facts(
            compilation, [FactFile(REQUEST, file.document, (*file.facts, *others))], self._record(match, document)
        )
        claims = f"{self.base}claim/{document}."
        present = [
            quad
            for quad in match(None, None, None, graph_iri(self.base, document))
            if isinstance(quad.subject, ox.NamedNode)
            and quad.subject.value.startswith((claims, f"{self.base}evidence/"))
        ]
        delta = self._replace(match, compilation, present)
        gone = {quad.subject for quad in present} - {quad.subject for quad in compilation.quads}
        return Delta(removed=[*delta.removed, *self._editorial(match, gone)], added=delta.added)

    def delete_claims(self, match: Match, name: str) -> Delta:
        """The change that takes a claim (`d001.fact.property.object`) or all claims of a fact (`d001.fact`) away.

        Passages that no other claim has go too. Raises NotFound: there is no such claim.
        """
        document = name.partition(".")[0]
        claims = set(self._claims_of(match, name))
        if not claims:
            raise NotFound(f"there is no claim {name}")
        graph = graph_iri(self.base, document)
        removed = [quad for claim in claims for quad in match(claim, None, None, graph)]
        for quad in list(removed):
            if quad.predicate == ns.EVIDENCE:
                others = match(None, ns.EVIDENCE, quad.object, None)
                if all(other.subject in claims for other in others):
                    removed += match(quad.object, None, None, graph)
        return Delta(removed=[*dict.fromkeys(removed), *self._editorial(match, claims)])

    def _compilation(self, match: Match, sources: Sources) -> Compilation:
        faults = Faults()
        others = _Lookup({}, match, self.ontology)
        own = names_of(sources, self.ontology, faults, concepts=self._concepts, others=others)
        return Compilation(self.ontology, _GraphNames(own, match, self.ontology), faults)

    @staticmethod
    def _replace(match: Match, compilation: Compilation, present: Iterable[ox.Quad]) -> Delta:
        if compilation.faults.errors:
            raise SourceErrors(compilation.faults.errors)
        wanted = compilation.quads
        return Delta(removed=[quad for quad in present if quad not in wanted], added=sorted(wanted, key=str))

    def _about(self, match: Match, collection: str, name: str) -> list[ox.Quad]:
        iri = document_iri(self.base, name) if collection == "documents" else entity_iri(self.base, name)
        return list(match(iri, None, None, graph_iri(self.base, _GRAPHS[collection])))

    def _existing(self, match: Match, collection: str, name: str) -> list[ox.Quad]:
        found = self._about(match, collection, name)
        if not found:
            raise NotFound(f"there is no {name} in {collection}")
        return found

    def has_claims(self, match: Match, name: str) -> bool:
        """Whether there is a claim of that name, or any of a fact."""
        return next(self._claims_of(match, name), None) is not None

    def _claims_of(self, match: Match, name: str) -> Iterator[ox.NamedNode]:
        document, _, rest = name.partition(".")
        fact = rest.partition(".")[0]
        if rest != fact:
            iri = ox.NamedNode(f"{self.base}claim/{name}")
            if next(match(iri, ns.RDF_TYPE, ns.CLAIM, None), None) is not None:
                yield iri
            return
        for quad in match(None, ns.MODALITY, None, graph_iri(self.base, document)):
            assert isinstance(quad.subject, ox.NamedNode)
            parts = split_iri(self.base, quad.subject)
            if parts is not None and (parts[1] == name or parts[1].startswith(f"{name}.")):
                yield quad.subject

    def _editorial(self, match: Match, claims: Iterable[object]) -> list[ox.Quad]:
        graph = graph_iri(self.base, "editorial")
        return [quad for claim in claims for quad in match(claim, None, None, graph)]

    def _record(self, match: Match, document: str) -> Record | None:
        if not any(True for _ in match(document_iri(self.base, document), None, None, None)):
            return None
        return Record(document, REQUEST, 1, table_of(self.get(match, "documents", document)).entries)

    def _other_facts(self, match: Match, document: str, name: str) -> Iterator[Record]:
        for fact, form in self.facts(match, document).items():
            if fact != name:
                yield from _parts(fact, _value_of(form))

    # --- from the graph to records ---

    def get(self, match: Match, collection: str, name: str) -> Form:
        """The record of an entity, a work or a document. Raises NotFound: there is none."""
        quads = self._existing(match, collection, name)
        form: Form = {}
        values = _by_predicate(quads)
        types = [local_name(value) for value in values.get(ns.RDF_TYPE, ()) if isinstance(value, ox.NamedNode)]
        if collection == "entities" and types:
            form["type"] = self._own_type(types)
        for predicate, key, how in _KEYS[collection]:
            found = values.get(predicate)
            if found:
                form[key] = how(self, match, found)
        return form

    def facts(self, match: Match, document: str) -> dict[str, Form | list[Form]]:
        """The facts of a document by name, in the order of their first passages.

        A fact is a list of records where what stands beside its claims differs: passages, who asserts, how firmly, …
        """
        graph = graph_iri(self.base, document)
        by_fact: dict[str, list[ox.NamedNode]] = {}
        for quad in match(None, ns.MODALITY, None, graph):
            assert isinstance(quad.subject, ox.NamedNode)
            by_fact.setdefault(local_name(quad.subject).split(".")[1], []).append(quad.subject)
        found = {
            name: sorted(
                (self.fact(match, document, part) for part in self.parts(match, document, sorted(claims, key=str))),
                key=order_of_parts,
            )
            for name, claims in by_fact.items()
        }
        ordered = sorted(found.items(), key=lambda item: (first_passage(item[1]), item[0]))
        return {name: parts if len(parts) > 1 else parts[0] for name, parts in ordered}

    def parts(self, match: Match, document: str, claims: Iterable[ox.NamedNode]) -> list[list[ox.NamedNode]]:
        """The claims of a fact, those together that have the same beside what they say."""
        groups: dict[str, list[ox.NamedNode]] = {}
        for claim in claims:
            form = self.fact(match, document, [claim])
            beside = {key: form[key] for key in ("at", "subject", *BESIDE_KEYS) if key in form}
            # A number or a judgement is one claim: no two are parts of one record.
            own = claim.value if "subject" not in form else ""
            groups.setdefault(json.dumps([beside, own], sort_keys=True), []).append(claim)
        return list(groups.values())

    def fact(self, match: Match, document: str, claims: Iterable[ox.NamedNode]) -> Form:
        """The record of a fact from all its claims; what stands beside it is taken from the first."""
        form: Form = {}
        objects: dict[str, list[Any]] = {}
        claimable = {said.iri: key for key, said in self.ontology.claimable.items()}
        for claim in claims:
            values = _by_predicate(match(claim, None, None, graph_iri(self.base, document)))
            if not form:
                form = self._beside(match, document, values)
                for predicate, key, how in _FACT_KEYS:
                    if predicate in values:
                        form[key] = how(self, match, values[predicate])
                if form.get("valueIs") == "exact":
                    del form["valueIs"]
            for predicate in values.get(ns.RDF_PREDICATE, ()):
                assert isinstance(predicate, ox.NamedNode)
                objects.setdefault(claimable[predicate], []).extend(
                    self._plain(match, value) for value in values[ns.RDF_OBJECT]
                )
        said = {key: sorted(found) if len(found) > 1 else found[0] for key, found in sorted(objects.items())}
        first = {key: form[key] for key in FIRST_KEYS if key in form}
        return first | said | {key: value for key, value in form.items() if key not in first}

    def _beside(self, match: Match, document: str, values: "_Values") -> Form:
        form: Form = {"at": _locators(match, values[ns.EVIDENCE])}
        authors = {quad.object for quad in match(document_iri(self.base, document), ns.DCTERMS_CREATOR, None, None)}
        asserters = values.get(ns.ASSERTED_BY, [])
        if set(asserters) != authors:
            form["by"] = _names(self, match, asserters)
        modality = _name(self, match, values[ns.MODALITY])
        if modality != "asserted":
            form["modality"] = modality
        return form

    def _own_type(self, types: list[str]) -> str:
        classes = self.ontology.classes
        own = [name for name in types if not any(name in classes.get(other, ()) for other in types if other != name)]
        return sorted(own)[0]

    def _plain(self, match: Match, value: object) -> str:
        if isinstance(value, ox.Literal):
            return f"{value.value}@{value.language}" if value.language else value.value
        assert isinstance(value, ox.NamedNode)
        parts = split_iri(self.base, value)
        if parts is None:
            return f"wd:{value.value.removeprefix(ns.WD)}" if value.value.startswith(ns.WD) else value.value
        if parts[0] == "time":
            return next((_text(quad.object) for quad in match(value, ns.EDTF_STRING, None, None)), parts[1])
        if parts[0] == "claim":
            return parts[1].partition(".")[2]
        return parts[1]


_Values: TypeAlias = dict[ox.NamedNode, list[Any]]
_How: TypeAlias = Callable[[Forms, Match, list[Any]], Any]


def _by_predicate(quads: Iterable[ox.Quad]) -> _Values:
    found: _Values = {}
    for quad in sorted(quads, key=str):
        found.setdefault(quad.predicate, []).append(quad.object)
    return found


def _text(value: object) -> str:
    return value.value if isinstance(value, ox.NamedNode | ox.Literal) else str(value)


def _name(forms: Forms, match: Match, values: list[Any]) -> str:
    return forms._plain(match, values[0])


def _names(forms: Forms, match: Match, values: list[Any]) -> str | list[str]:
    found = sorted(forms._plain(match, value) for value in values)
    return found[0] if len(found) == 1 else found


# The order in which people write the languages.
_LANGUAGES = ("en", "fr", "ar")


def _by_language(_: Forms, __: Match, values: list[Any]) -> dict[str, str]:
    found = {value.language: value.value for value in values}
    order = [*(language for language in _LANGUAGES if language in found), *sorted(set(found) - set(_LANGUAGES))]
    return {language: found[language] for language in order}


def _bare(_: Forms, __: Match, values: list[Any]) -> str:
    return _text(values[0])


_LABEL = (ns.SKOS_PREF_LABEL, "label", _by_language)
_MERGED = (ns.DCTERMS_IS_REPLACED_BY, "mergedInto", _name)
_KIND = (ns.marsad("kind"), "kind", _names)
_KEYS: dict[str, tuple[tuple[ox.NamedNode, str, _How], ...]] = {
    "entities": (
        _KIND,
        _LABEL,
        (ns.SKOS_ALT_LABEL, "alt", _names),
        (ns.SCHEMA_SAME_AS, "sameAs", _names),
        (ns.CONTESTED, "contested", _bare),
        _MERGED,
    ),
    "works": (
        _LABEL,
        (ns.DCTERMS_CREATOR, "creator", _names),
        (ns.DCTERMS_PUBLISHER, "publisher", _names),
        (ns.DCTERMS_ISSUED, "issued", _name),
        _KIND,
        _MERGED,
    ),
    "documents": (
        (ns.DCTERMS_TITLE, "title", _name),
        _LABEL,
        (ns.DCTERMS_CREATOR, "author", _names),
        (ns.DCTERMS_PUBLISHER, "publisher", _names),
        (ns.DCTERMS_LANGUAGE, "language", _names),
        (ns.DCTERMS_ISSUED, "issued", _name),
        (ns.TEXT_HASH, "textHash", _bare),
        (ns.TEXT_LENGTH, "textLength", _bare),
    ),
}
_FACT_KEYS: tuple[tuple[ox.NamedNode, str, _How], ...] = (
    (ns.RDF_SUBJECT, "subject", _name),
    (ns.INDICATOR, "indicator", _name),
    (ns.OBSERVED_FOR, "for", _name),
    (ns.VALUE, "value", _bare),
    (ns.VALUE_IS, "valueIs", _name),
    (ns.BREAKDOWN, "breakdown", _names),
    (ns.ASSESSMENT_OF, "assessmentOf", _name),
    (ns.ASPECT, "aspect", _name),
    (ns.POLARITY, "polarity", _name),
    (ns.CITED_WORK, "cites", _names),
    (ns.TIME, "time", _name),
    (ns.ON_BEHALF_OF, "onBehalfOf", _names),
    (ns.OCCASION, "occasion", _names),
    (ns.AS_WRITTEN, "asWritten", _bare),
    (ns.GLOSS, "gloss", _by_language),
)


def _locators(match: Match, passages: Iterable[Any]) -> str | list[str]:
    found = []
    for passage in passages:
        values = _by_predicate(match(passage, None, None, None))
        start, end = int(values[ns.START][0].value), int(values[ns.END][0].value)
        digits = values[ns.PASSAGE_HASH][0].value.removeprefix(PASSAGE_HASH_PREFIX)
        found.append((start, end, digits))
    texts = [f"{start}-{end} {digits}" for start, end, digits in sorted(found)]
    return texts[0] if len(texts) == 1 else texts


def _passages(form: Form) -> list[tuple[int, int]]:
    at = form["at"]
    ranges = [item.partition(" ")[0].split("-") for item in ([at] if isinstance(at, str) else at)]
    return [(int(start), int(end)) for start, end in ranges]


def first_passage(parts: Iterable[Form]) -> tuple[int, int]:
    """Where the first passage of a fact begins and ends."""
    return min(passage for form in parts for passage in _passages(form))


def order_of_parts(form: Form) -> str:
    """The parts of a fact stand in the order of this."""
    return json.dumps([_passages(form), form], sort_keys=True)


def _records(table: Table) -> Iterator[Record]:
    for entry in table.entries.values():
        yield from _parts(entry.key, entry.value)


def _parts(fact: str, value: Value) -> Iterator[Record]:
    """The records of a fact: one, or those of a list."""
    listed = isinstance(value, Items)
    if value == Items((), value.line):
        raise BadRequest(f"the fact {fact!r} has no record: leave it out, or DELETE it")
    for number, part in enumerate(value.items if isinstance(value, Items) else (value,), 1):
        if not isinstance(part, Table):
            raise BadRequest(f"the fact {fact!r} must be an object, or a list of objects")
        yield Record(fact, REQUEST, part.line, part.entries, number if listed else 0)


def _sources(**collections: tuple[Record, ...]) -> Sources:
    def of(name: str) -> tuple[Record, ...]:
        return collections.get(name, ())

    return Sources(of("entities"), of("documents"), of("works"), (), (), (), complete=True)


class _GraphNames(Names):
    """The names of a request, then those of the graph, looked up when they are needed."""

    def __init__(self, own: Names, match: Match, ontology: Ontology) -> None:
        self._names = _Lookup(own, match, ontology)  # type: ignore[assignment]


class _Lookup:
    def __init__(self, own: Names | Mapping[str, Name], match: Match, ontology: Ontology) -> None:
        self._own, self._match, self._ontology = own, match, ontology

    def __iter__(self) -> Iterator[str]:
        return iter(self._ontology.concepts)

    def __contains__(self, slug: object) -> bool:
        return isinstance(slug, str) and self.get(slug) is not None

    def __getitem__(self, slug: str) -> Name:
        found = self.get(slug)
        if found is None:
            raise KeyError(slug)
        return found

    def get(self, slug: str) -> Name | None:
        if slug in self._own:
            return self._own[slug]
        base = self._ontology.base
        if DOCUMENT_NAME.fullmatch(slug):
            return self._named(slug, document_iri(base, slug))
        try:
            return self._named(slug, entity_iri(base, slug)) or self._named(slug, topic_iri(base, slug))
        except ValueError:  # a text that is no part of an IRI names nothing
            return None

    def _named(self, slug: str, iri: ox.NamedNode) -> Name | None:
        merged = next((quad.object for quad in self._match(iri, ns.DCTERMS_IS_REPLACED_BY, None, None)), None)
        found = [quad.object for quad in self._match(iri, ns.RDF_TYPE, None, None)]
        types = {local_name(term) for term in found if isinstance(term, ox.NamedNode) and term.value.startswith(ns.NS)}
        if not found and merged is None:
            return None
        classes = self._ontology.classes
        own = sorted(name for name in types if not any(name in classes.get(other, ()) for other in types - {name}))
        declared = "the graph"
        into = local_name(merged) if isinstance(merged, ox.NamedNode) else ""
        return Name(slug, iri, own[0] if own else "concept", frozenset(types), declared, into)
