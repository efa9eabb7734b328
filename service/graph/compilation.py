"""What every part of the compiler shares: the ontology, the names, the faults, the quads so far."""

import re
from collections.abc import Iterable

import pyoxigraph as ox

from service.errors import InvalidEdtf
from service.graph import edtf
from service.graph.names import Names
from service.graph.ontology import Ontology
from service.graph.sources import by_language, near
from service.graph.yaml_text import Entry, Faults, Place, Text
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri, time_iri
from service.rdf.terms import day, edtf_literal, text

Object = ox.NamedNode | ox.Literal

# 160 code points: what fits one line of a list. It keeps the sentences of the documents out; the shapes say so too.
MAX_TEXT = 160

# Language tags as they occur: a language of two or three letters, then a script, region or variant.
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class Compilation:
    """One run of the compiler: collects quads and faults."""

    def __init__(self, ontology: Ontology, names: Names, faults: Faults) -> None:
        self.ontology = ontology
        self.names = names
        self.faults = faults
        self.quads: set[ox.Quad] = set()
        # Facts (d000.fact) with a fault: their claims may be missing, which is no second fault of those who name them.
        self.faulty: set[str] = set()
        # Where an editor says what a document may come to say too; see `say`.
        self.said: dict[ox.Triple, tuple[Place, int, str]] = {}

    @property
    def base(self) -> str:
        return self.ontology.base

    def is_faulty(self, claim: str) -> bool:
        """Whether the fact of a claim (d000.fact…) has a fault of its own."""
        return ".".join(claim.split(".")[:2]) in self.faulty

    def add(self, graph: str, subject: ox.NamedNode, predicate: ox.NamedNode, value: Object) -> None:
        """Put a triple into the graph of that name."""
        self.quads.add(ox.Quad(subject, predicate, value, graph_iri(self.base, graph)))

    def say(
        self,
        graph: str,
        triple: tuple[ox.NamedNode, ox.NamedNode, Object],
        place: Place,
        line: int,
        *,
        key: str,
    ) -> None:
        """Put a triple of a claimable property into an editors' graph, and remember where it stands.

        When a claim says the same, the triple is direct as well, and no triple may stand in two graphs.
        """
        self.add(graph, *triple)
        self.said.setdefault(ox.Triple(*triple), (place, line, key))

    def add_types(self, graph: str, subject: ox.NamedNode, types: Iterable[str]) -> None:
        """Say each class of a subject; superclasses are the caller's to give, since nothing is inferred later."""
        for name in types:
            self.add(graph, subject, ns.RDF_TYPE, ns.marsad(name))

    def time(self, value: Text, place: Place, *, key: str) -> ox.NamedNode | None:
        """The time span of an EDTF string, with its bounds; None, reported, where it is none."""
        try:
            bounds = edtf.bounds(value.text)
            iri = time_iri(self.base, edtf.local_name(value.text))
        except InvalidEdtf as error:
            place.error(value.line, str(error), key=key)
            return None
        self.add_types("time", iri, self.ontology.classes["TimeSpan"])
        self.add("time", iri, ns.EDTF_STRING, edtf_literal(value.text))
        self.add("time", iri, ns.EARLIEST, day(bounds.earliest))
        self.add("time", iri, ns.BEGINS_BY, day(bounds.begins_by))
        self.add("time", iri, ns.ENDS_AFTER, day(bounds.ends_after))
        self.add("time", iri, ns.LATEST, day(bounds.latest))
        return iri

    def word(self, value: Text, place: Place, *, key: str, scheme: str) -> ox.NamedNode | None:
        """The concept of a scheme that a word names; None, reported, where the scheme has no such word."""
        words = self.ontology.scheme(scheme)
        if value.text in words:
            return self.ontology.concepts[value.text].iri
        listed = ", ".join(sorted(words))
        place.error(value.line, f"{value.text!r} is none of {listed}{near(value.text, words)}", key=key)
        return None

    def tagged_text(self, value: Text, place: Place, *, key: str) -> ox.Literal | None:
        """The literal that `text@language` says; None, reported, where the language is missing."""
        content, at, language = value.text.rpartition("@")
        if not at or not content.strip() or not LANGUAGE.fullmatch(language):
            wrong = f"; {language!r} is no language tag" if content.strip() and language else ""
            example = (content if wrong else value.text.rstrip("@")).strip() or "name"
            place.error(value.line, f"{value.text!r} needs a language at its end, as in {example}@en{wrong}", key=key)
            return None
        return self.text(Text(content.strip(), value.line), language, place, key=key)

    def text(self, value: Text, language: str, place: Place, *, key: str) -> ox.Literal:
        """The literal of a text in a language; reported where it is too long."""
        if len(value.text) > MAX_TEXT:
            message = f"{len(value.text)} characters in {language}, at most {MAX_TEXT}"
            place.error(value.line, message, key=key)
        return text(value.text.strip(), language)

    def texts_by_language(self, entry: Entry, place: Place) -> list[ox.Literal]:
        """The literals of a key that holds a text for each language."""
        literals = []
        for language, value in by_language(entry, place).items():
            if LANGUAGE.fullmatch(language):
                literals.append(self.text(value, language, place, key=entry.key))
            else:
                place.error(value.line, f"{language!r} is no language tag, as en or zgh-Latn", key=entry.key)
        return literals
