"""A graph like the project's own, of any size: entities with names in three languages, claims, evidence, times.

The same size and seed give the same bytes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BASE = "https://marsad.example/"
NS = BASE + "ns#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_XSD = "http://www.w3.org/2001/XMLSchema#"

# Quads for each claim, all kinds together, as counted in graphs of 30,000 and 1,000,000 quads.
_QUADS_PER_CLAIM = 12.1
_CLAIMS_PER_ENTITY = 4
_CLAIMS_PER_DOCUMENT = 300
_CLAIMS_PER_SPAN = 20
_CLASSES = ("Person", "Organisation", "Event", "Agreement", "Threat", "Measure")
PROPERTIES = ("memberOf", "partOf", "participant", "target", "place", "counters", "cooperatesWith", "about")
MODALITIES = ("asserted", "reported", "hedged", "denied")
_LATIN = ("ba", "dar", "fes", "ha", "kam", "lou", "mar", "nou", "rab", "sal", "tan", "zag")
_ARABIC = ("با", "دار", "فاس", "ها", "كم", "لو", "مر", "نو", "رب", "سال", "طن", "زاك")


@dataclass(frozen=True, slots=True)
class Shape:
    """How many things of each kind a graph has."""

    claims: int
    entities: int
    documents: int
    spans: int

    @classmethod
    def of(cls, quads: int) -> "Shape":
        """The shape of a graph of about so many quads."""
        claims = max(100, round(quads / _QUADS_PER_CLAIM))
        return cls(
            claims=claims,
            entities=claims // _CLAIMS_PER_ENTITY,
            documents=max(5, claims // _CLAIMS_PER_DOCUMENT),
            spans=max(10, claims // _CLAIMS_PER_SPAN),
        )


def write_graph(path: Path, quads: int, *, seed: int = 1) -> int:
    """Write a graph of about so many quads as N-Quads; returns how many it has."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for line in _lines(Shape.of(quads), random.Random(seed)):
            file.write(line)
            count += 1
    return count


def entity(number: int) -> str:
    """The IRI of an entity."""
    return f"{BASE}id/e{number}"


def document_graph(number: int) -> str:
    """The IRI of the graph of a document."""
    return f"{BASE}graph/d{number:03}"


def names(number: int) -> tuple[str, str, str]:
    """What an entity is called in English, French and Arabic."""
    digits = [number % 12, number // 12 % 12, number // 144 % 12]
    latin = "".join(_LATIN[digit] for digit in digits).title()
    arabic = "".join(_ARABIC[digit] for digit in digits)
    return f"{latin} {number}", f"{latin} no {number}", f"{arabic} {number}"


def _quad(subject: str, predicate: str, value: str, graph: str) -> str:
    return f"<{subject}> <{predicate}> {value} <{graph}> .\n"


def _lines(shape: Shape, chance: random.Random) -> Iterator[str]:
    yield from _entities(shape)
    yield from _spans(shape)
    seen_evidence: set[tuple[int, int]] = set()
    seen_direct: set[tuple[int, str, int]] = set()
    for number in range(shape.claims):
        yield from _claim(number, shape, chance, seen_evidence, seen_direct)


def _entities(shape: Shape) -> Iterator[str]:
    graph = f"{BASE}graph/entities"
    for number in range(shape.entities):
        iri = entity(number)
        for name in ("Entity", _CLASSES[number % len(_CLASSES)]):
            yield _quad(iri, f"{_RDF}type", f"<{NS}{name}>", graph)
        for language, name in zip(("en", "fr", "ar"), names(number), strict=True):
            yield _quad(iri, f"{_SKOS}prefLabel", f'"{name}"@{language}', graph)


def _spans(shape: Shape) -> Iterator[str]:
    graph = f"{BASE}graph/time"
    for number in range(shape.spans):
        iri, year, month = f"{BASE}time/t{number}", 1956 + number % 65, 1 + number // 65 % 12
        yield _quad(iri, f"{_RDF}type", f"<{NS}TimeSpan>", graph)
        yield _quad(iri, f"{NS}earliest", f'"{year}-{month:02}-01"^^<{_XSD}date>', graph)
        yield _quad(iri, f"{NS}latest", f'"{year}-{month:02}-28"^^<{_XSD}date>', graph)


def _claim(
    number: int,
    shape: Shape,
    chance: random.Random,
    seen_evidence: set[tuple[int, int]],
    seen_direct: set[tuple[int, str, int]],
) -> Iterator[str]:
    document = number % shape.documents
    graph, iri = document_graph(document), f"{BASE}claim/d{document:03}.c{number}"
    # Squared: few entities have many claims, most have few.
    subject = int(chance.random() ** 2 * shape.entities)
    target = int(chance.random() ** 2 * shape.entities)
    name = PROPERTIES[int(chance.random() ** 2 * len(PROPERTIES))]
    modality = MODALITIES[int(chance.random() ** 3 * len(MODALITIES))]
    yield _quad(iri, f"{_RDF}type", f"<{NS}Claim>", graph)
    yield _quad(iri, f"{_RDF}type", f"<{NS}Statement>", graph)
    yield _quad(iri, f"{_RDF}subject", f"<{entity(subject)}>", graph)
    yield _quad(iri, f"{_RDF}predicate", f"<{NS}{name}>", graph)
    yield _quad(iri, f"{_RDF}object", f"<{entity(target)}>", graph)
    yield _quad(iri, f"{NS}assertedBy", f"<{entity(document % shape.entities)}>", graph)
    yield _quad(iri, f"{NS}modality", f"<{BASE}topic/{modality}>", graph)
    if number % 10 == 0:
        yield _quad(iri, f"{NS}time", f"<{BASE}time/t{chance.randrange(shape.spans)}>", graph)
    if number % 3 == 0:
        yield _quad(
            iri, f"{NS}gloss", f'"{names(subject)[0]} {name} {names(target)[0]}, as written in {number}"@en', graph
        )
    start = chance.randrange(120) * 150
    evidence = f"{BASE}evidence/d{document:03}.{start}-{start + 140}"
    yield _quad(iri, f"{NS}evidence", f"<{evidence}>", graph)
    if (document, start) not in seen_evidence:
        seen_evidence.add((document, start))
        yield _quad(evidence, f"{_RDF}type", f"<{NS}Evidence>", graph)
        yield _quad(evidence, f"{NS}document", f"<{BASE}doc/d{document:03}>", graph)
        yield _quad(evidence, f"{NS}start", f'"{start}"^^<{_XSD}integer>', graph)
        yield _quad(evidence, f"{NS}end", f'"{start + 140}"^^<{_XSD}integer>', graph)
        yield _quad(evidence, f"{NS}passageHash", f'"sha-256-128:{hash_of(document, start)}"', graph)
    if modality == "asserted" and (subject, name, target) not in seen_direct:
        seen_direct.add((subject, name, target))
        yield _quad(entity(subject), f"{NS}{name}", f"<{entity(target)}>", f"{BASE}graph/direct")


def hash_of(document: int, start: int) -> str:
    """32 hexadecimal digits that look like those of a passage."""
    return f"{(document * 2654435761 + start * 40503) % 2**128:032x}"
