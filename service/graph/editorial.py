"""What the editors add to claims, with a reason: ranks and notes, `g:editorial`.

An editor does not rank to agree with the world: the graph records what each document says.
"""

from collections.abc import Mapping

from service.graph.claims import NOTE_LANGUAGE, SCHEMES, Claim
from service.graph.compilation import Compilation
from service.graph.sources import Note, Record, near, one_text
from service.graph.yaml_text import Place
from service.rdf import namespaces as ns

EDITORIAL = "editorial"
RANK_KEYS = ("rank", "reason")


def compile_rank(compilation: Compilation, record: Record, claims: Mapping[str, Claim]) -> None:
    """The rank of a claim and its reason; what is wrong with them is reported."""
    place = compilation.faults.at(record.file, record.name)
    for entry in record.fields.values():
        if entry.key not in RANK_KEYS:
            place.error(entry.line, f"unknown key {entry.key!r}{near(entry.key, RANK_KEYS)}")
    found = {}
    for key in RANK_KEYS:
        if key in record.fields:
            found[key] = one_text(record.fields[key], place)
        else:
            place.error(record.line, f"says no `{key}:`", key=key)
    claim = _claim(compilation, record.name, record.line, claims, place)
    if (stated := found.get("rank")) is not None:
        rank = compilation.word(stated, place, key="rank", scheme=SCHEMES["rank"])
        if claim is not None and rank is not None:
            compilation.add(EDITORIAL, claim.iri, ns.RANK, rank)
    if (reason := found.get("reason")) is not None and claim is not None:
        literal = compilation.text(reason, NOTE_LANGUAGE, place, key="reason")
        compilation.add(EDITORIAL, claim.iri, ns.SKOS_EDITORIAL_NOTE, literal)


def compile_note(compilation: Compilation, note: Note, claims: Mapping[str, Claim]) -> None:
    """An editorial note on a claim; a claim that does not exist is reported."""
    place = compilation.faults.at(note.file, note.claim)
    claim = _claim(compilation, note.claim, note.line, claims, place)
    if claim is not None:
        literal = compilation.text(note.text, NOTE_LANGUAGE, place, key="")
        compilation.add(EDITORIAL, claim.iri, ns.SKOS_EDITORIAL_NOTE, literal)


def _claim(
    compilation: Compilation, identifier: str, line: int, claims: Mapping[str, Claim], place: Place
) -> Claim | None:
    claim = claims.get(identifier)
    if claim is None and not compilation.is_faulty(identifier):
        place.error(line, f"unknown claim{near(identifier, claims)}")
    return claim
