"""What the compiler needs to know from `ontology/`: classes, claimable properties, concepts.

A claimable property declared there is a legal key of a fact with no change in code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from service.errors import OntologyError
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri, local_name, rebase, split_iri

GRAPHS = {
    "ontology": ("marsad.ttl", "alignments.ttl"),
    "vocabulary": ("vocabulary.ttl",),
}
DIRECT_RULE = "direct.rq"
SHAPES = "shapes.ttl"

# The key of a claimable property in YAML is its local name, but for a reused one whose name says little there.
_KEYS = {ns.SKOS_ALT_LABEL: "name"}

_POLICIES = ("any", "symmetric", "preferredOnly")


@dataclass(frozen=True, slots=True)
class Property:
    """A property: its key in YAML, the classes it is said of, the classes it leads to (no class where it is a text)."""

    key: str
    iri: ox.NamedNode
    domain: frozenset[str]
    range: frozenset[str]
    definition: str

    @property
    def takes_time(self) -> bool:
        """Whether its object is a time (EDTF in YAML)."""
        return self.range == {"TimeSpan"}

    @property
    def takes_text(self) -> bool:
        """Whether its object is a text with a language."""
        return not self.range


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the vocabulary: its slug, its class (Topic, Indicator or none) and the slugs of its schemes."""

    slug: str
    iri: ox.NamedNode
    type: str
    schemes: frozenset[str]


@dataclass(frozen=True)
class Ontology:
    """The ontology and the vocabulary with the data's IRIs under one base.

    `classes` leads from a class to itself and all its superclasses, by local names; `claimable` and `concepts` are by
    key and slug; `ranges` gives the classes that any property of ours leads to.
    """

    base: str
    classes: dict[str, frozenset[str]]
    claimable: dict[str, Property]
    ranges: dict[str, frozenset[str]]
    concepts: dict[str, Concept]
    direct_rule: str
    quads: tuple[ox.Quad, ...]

    def scheme(self, slug: str) -> frozenset[str]:
        """The slugs of the concepts in a scheme."""
        return frozenset(concept.slug for concept in self.concepts.values() if slug in concept.schemes)


def ontology_files(ontology_dir: Path) -> list[Path]:
    """The files that the graph and its validation are made from, in a fixed order."""
    names = [name for files in GRAPHS.values() for name in files]
    paths = [ontology_dir / name for name in (*names, DIRECT_RULE, SHAPES)]
    return [path for path in paths if path.is_file()]


def read_ontology(ontology_dir: Path, *, base: str) -> Ontology:
    """The ontology below `ontology_dir`.

    Raises OntologyError: a file is absent or no Turtle, holds a blank node, or declares a property without its classes.
    """
    quads: list[ox.Quad] = []
    for graph, files in GRAPHS.items():
        for file in files:
            quads.extend(_read_turtle(ontology_dir / file, base, graph_iri(base, graph)))
    store = _Triples(quads)
    classes = _classes(store)
    return Ontology(
        base=base,
        classes=classes,
        claimable={item.key: item for item in _claimable(store, classes)},
        ranges={
            local_name(iri): _class_names(store.objects(iri, ns.SCHEMA_RANGE_INCLUDES))
            for iri in store.subjects(ns.SCHEMA_RANGE_INCLUDES)
        },
        concepts={concept.slug: concept for concept in _concepts(store, base, classes)},
        direct_rule=rebase(_text(ontology_dir / DIRECT_RULE), base),
        quads=tuple(quads),
    )


def read_shapes(ontology_dir: Path, *, base: str) -> list[ox.Triple]:
    """The shapes with the data's IRIs under `base`. Raises OntologyError: the file is absent or no Turtle."""
    return [quad.triple for quad in _parse(ontology_dir / SHAPES, base)]


class _Triples:
    """The triples by predicate, and by predicate and subject."""

    def __init__(self, quads: Iterable[ox.Quad]) -> None:
        self._objects: dict[ox.NamedNode, dict[ox.NamedNode, list[object]]] = {}
        for quad in quads:
            assert isinstance(quad.subject, ox.NamedNode)
            self._objects.setdefault(quad.predicate, {}).setdefault(quad.subject, []).append(quad.object)

    def objects(self, subject: ox.NamedNode, predicate: ox.NamedNode) -> list[object]:
        return self._objects.get(predicate, {}).get(subject, [])

    def subjects(self, predicate: ox.NamedNode) -> list[ox.NamedNode]:
        return list(self._objects.get(predicate, {}))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OntologyError(f"{path} is absent") from None


def _parse(path: Path, base: str) -> list[ox.Quad]:
    try:
        return list(ox.parse(rebase(_text(path), base), format=ox.RdfFormat.TURTLE))
    except (SyntaxError, ValueError) as error:
        raise OntologyError(f"{path}: {error}") from error


def _read_turtle(path: Path, base: str, graph: ox.NamedNode) -> list[ox.Quad]:
    quads = []
    for quad in _parse(path, base):
        if not isinstance(quad.subject, ox.NamedNode) or isinstance(quad.object, ox.BlankNode | ox.Triple):
            raise OntologyError(f"{path}: {quad.subject} {quad.predicate} {quad.object}: a blank node or a triple term")
        quads.append(ox.Quad(quad.subject, quad.predicate, quad.object, graph))
    return quads


def _is_ours(term: object) -> bool:
    return isinstance(term, ox.NamedNode) and term.value.startswith(ns.NS)


def _class_names(terms: Iterable[object]) -> frozenset[str]:
    return frozenset(local_name(term) for term in terms if isinstance(term, ox.NamedNode) and _is_ours(term))


def _classes(triples: _Triples) -> dict[str, frozenset[str]]:
    """Each class of ours with itself and all its superclasses of ours, by local names."""
    above = {
        local_name(iri): _class_names(triples.objects(iri, ns.RDFS_SUBCLASS_OF))
        for iri in triples.subjects(ns.RDF_TYPE)
        if _is_ours(iri) and ns.OWL_CLASS in triples.objects(iri, ns.RDF_TYPE)
    }

    def closure(name: str) -> frozenset[str]:
        found: set[str] = set()
        todo = [name]
        while todo:
            if (item := todo.pop()) not in found:
                found.add(item)
                todo.extend(above.get(item, ()))
        return frozenset(found)

    return {name: closure(name) for name in above}


def _claimable(triples: _Triples, classes: dict[str, frozenset[str]]) -> Iterable[Property]:
    for iri in triples.subjects(ns.CLAIMABLE):
        domain = _class_names(triples.objects(iri, ns.SCHEMA_DOMAIN_INCLUDES))
        ranges = triples.objects(iri, ns.SCHEMA_RANGE_INCLUDES)
        key = _KEYS.get(iri, local_name(iri))
        if not domain or not ranges:
            raise OntologyError(f"the claimable property {iri.value} has no schema:domainIncludes or rangeIncludes")
        if unknown := (domain | _class_names(ranges)) - classes.keys():
            raise OntologyError(f"{iri.value} names classes that are not declared: {', '.join(sorted(unknown))}")
        for policy in triples.objects(iri, ns.DIRECT_POLICY):
            if not isinstance(policy, ox.Literal) or policy.value not in _POLICIES:
                raise OntologyError(f"{iri.value}: the direct policy is one of {', '.join(_POLICIES)}, not {policy}")
        yield Property(key, iri, domain, _class_names(ranges), _definition(triples, iri))


def _definition(triples: _Triples, iri: ox.NamedNode) -> str:
    """The English definition; "" for a reused property, which is defined elsewhere."""
    texts = triples.objects(iri, ns.SKOS_DEFINITION)
    return next((text.value for text in texts if isinstance(text, ox.Literal) and text.language == "en"), "")


def _concepts(triples: _Triples, base: str, classes: dict[str, frozenset[str]]) -> Iterable[Concept]:
    for iri in triples.subjects(ns.SKOS_IN_SCHEME):
        parts = split_iri(base, iri)
        if parts is None or parts[0] != "topic":
            raise OntologyError(f"the concept {iri.value} is not below {base}topic/")
        types = _class_names(triples.objects(iri, ns.RDF_TYPE)) & classes.keys()
        # The most specific class is the one that none of the others has above it.
        own = [name for name in types if not any(name in classes[other] for other in types - {name})]
        schemes = frozenset(
            local_name(scheme) for scheme in triples.objects(iri, ns.SKOS_IN_SCHEME) if isinstance(scheme, ox.NamedNode)
        )
        yield Concept(parts[1], iri, own[0] if own else "", schemes)
