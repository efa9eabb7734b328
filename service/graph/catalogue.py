"""What is in the graph, counted: VoID for machines that query it, DCAT for portals that list it.

The dataset is everything but `g:catalogue`, which holds these descriptions. No node is blank and no clock is read:
the same graph has the same catalogue. Source: VoID (W3C Note, 2011); DCAT 3 (W3C, 2024); SPDX checksums.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyoxigraph as ox

from service.rdf.iris import graph_iri, local_name
from service.rdf.namespaces import DCAT, DCTERMS, FOAF, RDF_TYPE, SPDX, VOID, XSD, prefixes
from service.rdf.terms import integer, text
from service.rdf.writing import Names, ordered_quads

CATALOGUE = "catalogue"
LICENCE = ox.NamedNode("https://creativecommons.org/licenses/by/4.0/")
# Registered media types have an IRI at IANA; DCAT asks for it.
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_SHA256 = ox.NamedNode(SPDX + "checksumAlgorithm_sha256")
_HEX_BINARY = ox.NamedNode(XSD + "hexBinary")
_EXAMPLE = "morocco"

_TITLES = {
    "en": "Marsad: facts about security and diplomacy, each with its source",
    "fr": "Marsad : des faits de sécurité et de diplomatie, chacun avec sa source",
    "ar": "مرصد: وقائع في الأمن والدبلوماسية، لكل منها مصدرها",
}
_DESCRIPTIONS = {
    "en": "Claims read from documents, with passage, asserter, modality and time, and the direct triples that follow from them.",
    "fr": "Affirmations relevées dans des documents, avec passage, auteur, modalité et temps, et les triplets directs qui en découlent.",
}
_CATALOGUE_TITLES = {"en": "Catalogue of Marsad", "fr": "Catalogue de Marsad", "ar": "فهرس مرصد"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A file of the dataset: where it is, what it is, and the SHA-256 (hex) of its uncompressed bytes."""

    path: str
    media_type: str
    label: str
    size: int
    sha256: str


@dataclass(slots=True)
class Counts:
    """Counted triples of a set: how many, of how many distinct subjects, predicates and objects."""

    triples: int = 0
    subjects: set[object] = field(default_factory=set)
    predicates: set[object] = field(default_factory=set)
    objects: set[object] = field(default_factory=set)
    classes: set[object] = field(default_factory=set)

    def add(self, quad: ox.Quad) -> None:
        """Count one triple."""
        self.triples += 1
        self.subjects.add(quad.subject)
        self.predicates.add(quad.predicate)
        self.objects.add(quad.object)
        if quad.predicate == RDF_TYPE:
            self.classes.add(quad.object)


@dataclass(slots=True)
class Statistics:
    """The counts of a dataset: in all, by named graph, by class (instances) and by property."""

    whole: Counts = field(default_factory=Counts)
    graphs: dict[str, Counts] = field(default_factory=dict)
    instances: dict[ox.NamedNode, set[object]] = field(default_factory=dict)
    properties: dict[ox.NamedNode, Counts] = field(default_factory=dict)


def statistics(quads: Iterable[ox.Quad], *, base: str) -> Statistics:
    """Count quads, each given once; those of `g:catalogue` are passed over."""
    found = Statistics()
    catalogue = graph_iri(base, CATALOGUE)
    for quad in quads:
        if quad.graph_name == catalogue:
            continue
        found.whole.add(quad)
        if isinstance(quad.graph_name, ox.NamedNode):
            found.graphs.setdefault(local_name(quad.graph_name), Counts()).add(quad)
        found.properties.setdefault(quad.predicate, Counts()).add(quad)
        if quad.predicate == RDF_TYPE and isinstance(quad.object, ox.NamedNode):
            found.instances.setdefault(quad.object, set()).add(quad.subject)
    return found


def catalogue_quads(
    quads: Iterable[ox.Quad], *, base: str, distributions: Iterable[Distribution] = (), version: str | None = None
) -> list[ox.Quad]:
    """The quads of `g:catalogue` that describe a dataset, sorted.

    `distributions` are its files, by their path under `{base}export/`; `version` is the digest of the snapshot.
    """
    writer = _Describer(base)
    writer.catalogue()
    writer.dataset(statistics(quads, base=base), version)
    for distribution in distributions:
        writer.distribution(distribution)
    return ordered_quads(writer.quads)


class _Describer:
    def __init__(self, base: str) -> None:
        self.quads: list[ox.Quad] = []
        self._base = base
        self._graph = graph_iri(base, CATALOGUE)
        self._names = Names(prefixes(base))
        self._catalogue = ox.NamedNode(f"{base}catalogue")
        self._dataset = self._node("dataset")
        self._service = self._node("sparql")

    def _node(self, name: str) -> ox.NamedNode:
        return ox.NamedNode(f"{self._base}catalogue#{name}")

    def _say(self, subject: ox.NamedNode, predicate: str, *values: ox.NamedNode | ox.Literal) -> None:
        self.quads += [ox.Quad(subject, ox.NamedNode(predicate), value, self._graph) for value in values]

    def _is(self, subject: ox.NamedNode, *classes: str) -> None:
        self.quads += [ox.Quad(subject, RDF_TYPE, ox.NamedNode(name), self._graph) for name in classes]

    def catalogue(self) -> None:
        self._is(self._catalogue, DCAT + "Catalog")
        self._say(self._catalogue, DCTERMS + "title", *_texts(_CATALOGUE_TITLES))
        self._say(self._catalogue, DCTERMS + "license", LICENCE)
        self._say(self._catalogue, DCAT + "dataset", self._dataset)
        self._say(self._catalogue, DCAT + "service", self._service)
        self._say(self._catalogue, FOAF + "primaryTopic", self._dataset)
        self._is(self._service, DCAT + "DataService")
        self._say(self._service, DCTERMS + "title", text("SPARQL 1.1", "en"))
        self._say(self._service, DCAT + "endpointURL", ox.NamedNode(f"{self._base}sparql"))
        self._say(self._service, DCAT + "servesDataset", self._dataset)

    def dataset(self, found: Statistics, version: str | None) -> None:
        dataset = self._dataset
        self._is(dataset, DCAT + "Dataset", VOID + "Dataset")
        self._say(dataset, DCTERMS + "title", *_texts(_TITLES))
        self._say(dataset, DCTERMS + "description", *_texts(_DESCRIPTIONS))
        self._say(dataset, DCTERMS + "license", LICENCE)
        self._say(dataset, DCAT + "landingPage", ox.NamedNode(self._base))
        self._say(dataset, VOID + "sparqlEndpoint", ox.NamedNode(f"{self._base}sparql"))
        self._say(dataset, VOID + "uriSpace", ox.Literal(self._base))
        if version is not None:
            self._say(dataset, DCAT + "version", ox.Literal(version))
        self._counts(dataset, found.whole)
        self._say(dataset, VOID + "entities", integer(sum(map(self._is_ours, found.whole.subjects))))
        example = ox.NamedNode(f"{self._base}id/{_EXAMPLE}")
        if example in found.whole.subjects:
            self._say(dataset, VOID + "exampleResource", example)
        self._partitions(found)

    def _partitions(self, found: Statistics) -> None:
        for name, counts in found.graphs.items():
            part = self._node(f"graph.{name}")
            self._is(part, VOID + "Dataset")
            self._say(self._dataset, VOID + "subset", part)
            self._say(part, FOAF + "topic", graph_iri(self._base, name))
            self._counts(part, counts)
        for class_iri, instances in found.instances.items():
            part = self._node(f"class.{self._name(class_iri)}")
            self._is(part, VOID + "Dataset")
            self._say(self._dataset, VOID + "classPartition", part)
            self._say(part, VOID + "class", class_iri)
            self._say(part, VOID + "entities", integer(len(instances)))
        for property_iri, counts in found.properties.items():
            part = self._node(f"property.{self._name(property_iri)}")
            self._is(part, VOID + "Dataset")
            self._say(self._dataset, VOID + "propertyPartition", part)
            self._say(part, VOID + "property", property_iri)
            self._say(part, VOID + "triples", integer(counts.triples))
            self._say(part, VOID + "distinctSubjects", integer(len(counts.subjects)))
            self._say(part, VOID + "distinctObjects", integer(len(counts.objects)))
        namespaces = {_namespace(iri) for iri in (*found.properties, *found.instances)}
        self._say(self._dataset, VOID + "vocabulary", *(ox.NamedNode(iri) for iri in sorted(namespaces)))

    def _counts(self, node: ox.NamedNode, counts: Counts) -> None:
        numbers = {
            "triples": counts.triples,
            "distinctSubjects": len(counts.subjects),
            "distinctObjects": len(counts.objects),
            "properties": len(counts.predicates),
            "classes": len(counts.classes),
        }
        for name, number in numbers.items():
            self._say(node, VOID + name, integer(number))

    def _is_ours(self, subject: object) -> bool:
        return isinstance(subject, ox.NamedNode) and subject.value.startswith(self._base)

    def _name(self, iri: ox.NamedNode) -> str:
        """A local name for a term: `marsad.heldPost`, or a hash where there is no prefix."""
        short = self._names.short(iri.value)
        return short.replace(":", ".") if short else hashlib.sha256(iri.value.encode()).hexdigest()[:16]

    def distribution(self, file: Distribution) -> None:
        node, checksum = self._node(f"file.{_safe(file.path)}"), self._node(f"checksum.{_safe(file.path)}")
        url = ox.NamedNode(f"{self._base}export/{file.path}")
        self._is(node, DCAT + "Distribution")
        self._say(self._dataset, DCAT + "distribution", node)
        self._say(self._dataset, VOID + "dataDump", url)
        self._say(node, DCTERMS + "title", text(f"{file.path}: {file.label}", "en"))
        self._say(node, DCTERMS + "license", LICENCE)
        self._say(node, DCAT + "accessURL", url)
        self._say(node, DCAT + "downloadURL", url)
        self._say(node, DCAT + "mediaType", ox.NamedNode(_MEDIA_TYPES + file.media_type))
        self._say(node, DCAT + "byteSize", integer(file.size))
        self._say(node, SPDX + "checksum", checksum)
        self._is(checksum, SPDX + "Checksum")
        self._say(checksum, SPDX + "algorithm", _SHA256)
        self._say(checksum, SPDX + "checksumValue", ox.Literal(file.sha256, datatype=_HEX_BINARY))


def _texts(by_language: Mapping[str, str]) -> Iterator[ox.Literal]:
    return (text(value, language) for language, value in sorted(by_language.items()))


def _namespace(iri: ox.NamedNode) -> str:
    return iri.value.removesuffix(local_name(iri))


def _safe(path: str) -> str:
    return path.replace("/", ".")
