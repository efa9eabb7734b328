"""The graph written back as the YAML of `data/`, in one canonical form, so that a change becomes a diff to be read.

The files of `data/` are in this form: what is loaded and dumped again is the same to the byte. The form follows from the
graph alone. A fact is the claims that share its name in their IRIs; where what stands beside them differs (passages, who
asserts, how firmly, …), the fact is a list of parts. Facts stand in the order of their first passages. Notes that all
claims of a fact have are its `note:`, the others stand in `editorial.yaml`.
"""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyoxigraph as ox

from service.graph.claims import DEFAULTS, NOTE_LANGUAGE
from service.graph.compile import compile_sources
from service.graph.direct import DIRECT
from service.graph.editorial import EDITORIAL
from service.graph.forms import BESIDE_KEYS, FIRST_KEYS, Form, Forms, first_passage, order_of_parts
from service.graph.gate import CATALOGUE, Match
from service.graph.names import DOCUMENT_NAME
from service.graph.ontology import Ontology
from service.rdf import namespaces as ns
from service.rdf.iris import graph_iri, local_name, split_iri

ENTITIES, SOURCES, EDITORIAL_FILE = "entities.yaml", "sources.yaml", "editorial.yaml"
_EDITORIAL_HEAD = (
    "# Ranks with reasons, and notes of the editors on single claims of a fact; "
    "what is said of all its claims stands in the fact.\n"
)

# Who and where first, then what: the order in which people look for an entity.
_TYPES = (
    "Country",
    "Place",
    "Organization",
    "Person",
    "Actor",
    "Post",
    "Agreement",
    "LegalText",
    "Measure",
    "Event",
    "Incident",
    "Meeting",
    "Work",
)
# 120 columns: what fits a reviewer's screen; a longer list has a line for each value.
_WIDTH = 120
_NOT_FIRST = frozenset("?:,[]{}#&*!|>'\"%@` -")
_FLOW = frozenset(",[]{}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

Claims = list[ox.NamedNode]


def dump(quads: Iterable[ox.Quad], ontology: Ontology) -> dict[str, str]:
    """The files of `data/`, by their names there, that say what a graph says; the coverage ledgers are not among them.

    What YAML cannot say is left out: see `left_out`. Derived graphs and those of the ontology are not looked at.
    """
    graph = ox.Store()
    graph.bulk_extend(quads)
    writer = _Writer(graph.quads_for_pattern, Forms(ontology))
    facts = {f"facts/{document}.yaml": writer.facts(document) for document in writer.documents()}
    return {
        ENTITIES: writer.entities(),
        SOURCES: writer.sources(),
        EDITORIAL_FILE: writer.editorial(),
        **{name: text for name, text in sorted(facts.items()) if text},
    }


def write_files(files: Mapping[str, str], folder: Path) -> list[str]:
    """Make the source files below `folder` these ones; returns what was written or removed, in words.

    Files that say the same already are not touched. A file of facts or entities that the dump does not have is
    removed: the graph has nothing of it.
    """
    done = []
    (folder / "facts").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        content = text.encode()
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
            done.append(f"wrote {name}")
    for path in [*folder.glob("entities*.yaml"), *(folder / "facts").glob("*.yaml")]:
        name = path.relative_to(folder).as_posix()
        if name not in files:
            path.unlink()
            done.append(f"removed {name}")
    return done


def left_out(quads: Iterable[ox.Quad], files: Mapping[str, str], ontology_dir: Path, *, base: str) -> list[str]:
    """What the graph says and the files do not, a line for each subject; empty if they say the same.

    Time spans that nothing uses do not count. Raises SourceErrors: the files cannot be compiled.
    """
    with tempfile.TemporaryDirectory(prefix="marsad-dump-") as folder:
        write_files(files, Path(folder))
        said = set(compile_sources(ontology_dir, Path(folder), base=base).quads)
    passed_over = {graph_iri(base, DIRECT), graph_iri(base, CATALOGUE)}
    present = {quad for quad in quads if quad.graph_name not in passed_over}
    times = graph_iri(base, "time")
    used = {quad.object for quad in present if quad.graph_name != times}
    missing = {quad for quad in present - said if quad.graph_name != times or quad.subject in used}
    invented = {quad for quad in said - present if quad.graph_name not in passed_over}
    counts = Counter((str(quad.graph_name), str(quad.subject)) for quad in missing | invented)
    return [f"{subject} in {graph}: {count} triples" for (graph, subject), count in sorted(counts.items())]


class _Writer:
    """Writes the files of one graph."""

    def __init__(self, match: Match, forms: Forms) -> None:
        self.match, self.forms, self.base = match, forms, forms.base
        self.notes = self._texts(ns.SKOS_EDITORIAL_NOTE)
        self.ranks = {
            quad.subject: local_name(quad.object)
            for quad in match(None, ns.RANK, None, graph_iri(self.base, EDITORIAL))
            if isinstance(quad.object, ox.NamedNode)
        }

    def _texts(self, predicate: ox.NamedNode) -> dict[object, frozenset[ox.Literal]]:
        found: dict[object, set[ox.Literal]] = {}
        for quad in self.match(None, predicate, None, graph_iri(self.base, EDITORIAL)):
            if isinstance(quad.object, ox.Literal):
                found.setdefault(quad.subject, set()).add(quad.object)
        return {subject: frozenset(texts) for subject, texts in found.items()}

    # --- names ---

    def entities(self) -> str:
        forms = {name: self.forms.get(self.match, "entities", name) for name in self._named("id", "entities")}
        return _file("entities", sorted(forms.items(), key=lambda item: (_rank_of_type(item[1]), item[0])))

    def sources(self) -> str:
        found = [
            _file(collection, [(name, self.forms.get(self.match, collection, name)) for name in names])
            for collection, names in (("documents", self._named("doc", "sources")), ("works", self._named("id", "sources")))
        ]  # fmt: skip
        return "".join(found)

    def _named(self, folder: str, graph: str) -> list[str]:
        found = {quad.subject for quad in self.match(None, None, None, graph_iri(self.base, graph))}
        parts = [split_iri(self.base, subject) for subject in found if isinstance(subject, ox.NamedNode)]
        return sorted(part[1] for part in parts if part is not None and part[0] == folder)

    # --- facts ---

    def documents(self) -> list[str]:
        """The documents that have a graph."""
        names = {quad.object for quad in self.match(None, ns.DOCUMENT, None, None)}
        parts = [split_iri(self.base, name) for name in names if isinstance(name, ox.NamedNode)]
        return sorted(part[1] for part in parts if part and part[0] == "doc" and DOCUMENT_NAME.fullmatch(part[1]))

    def facts(self, document: str) -> str:
        """The facts of a document; "" if it has none."""
        written = [(fact, self.parts(document, claims)) for fact, claims in self._facts(document).items()]
        written.sort(key=lambda item: (first_passage(item[1]), item[0]))
        if not written:
            return ""
        blocks = [line for name, parts in written for line in _fact(name, parts)]
        return "\n".join([f"document: {document}", "facts:", *blocks, ""])

    def _facts(self, document: str) -> dict[str, Claims]:
        """The claims of each fact, in the order of their IRIs."""
        found: dict[str, Claims] = {}
        claims = [quad.subject for quad in self.match(None, ns.MODALITY, None, graph_iri(self.base, document))]
        for claim in sorted((claim for claim in claims if isinstance(claim, ox.NamedNode)), key=str):
            identifier = self.identifier(claim)
            if identifier.startswith(f"{document}."):
                found.setdefault(identifier.split(".")[1], []).append(claim)
        return found

    def identifier(self, claim: ox.NamedNode) -> str:
        parts = split_iri(self.base, claim)
        return parts[1] if parts is not None and parts[0] == "claim" else ""

    def parts(self, document: str, claims: Claims) -> list[Form]:
        """The records of a fact: one, unless what stands beside its claims differs."""
        common = self.common_notes(claims)
        groups = self.forms.parts(self.match, document, claims)
        return sorted((self.record(document, group, common) for group in groups), key=order_of_parts)

    def record(self, document: str, claims: Claims, common: frozenset[ox.Literal]) -> Form:
        form = self.forms.fact(self.match, document, claims)
        for key, default in DEFAULTS.items():
            if form.get(key) == default:
                del form[key]
        if note := _note(common):
            form["note"] = note
        said = sorted(set(form) - {*FIRST_KEYS, *BESIDE_KEYS})
        return {key: form[key] for key in (*FIRST_KEYS, *said, *BESIDE_KEYS) if key in form}

    # --- what the editors add ---

    def common_notes(self, claims: Claims) -> frozenset[ox.Literal]:
        """The notes that stand in a fact: those of all its claims, at most one for each language.

        The reason of a rank is none of them where the fact has one claim only.
        """
        common = frozenset.intersection(*(self.notes.get(claim, frozenset()) for claim in claims))
        if len(claims) == 1 and claims[0] in self.ranks:
            common -= {self.reason(claims)}
        first: dict[str, ox.Literal] = {}
        for note in sorted(common, key=str):
            first.setdefault(note.language or "", note)
        return frozenset(first.values())

    def reason(self, claims: Claims) -> ox.Literal | None:
        """The reason for the rank of the first claim: a note that the others do not have, or else any."""
        own = [note for note in self.notes.get(claims[0], frozenset()) if note.language == NOTE_LANGUAGE]
        shared = [self.notes.get(claim, frozenset()) for claim in claims[1:]]
        special = [note for note in own if shared and not all(note in notes for notes in shared)]
        return min(special or own, key=str, default=None)

    def editorial(self) -> str:
        ranks: list[tuple[str, Form]] = []
        notes: list[tuple[str, Form | str | list[str]]] = []
        for document in self.documents():
            for claims in self._facts(document).values():
                common = self.common_notes(claims)
                for claim in claims:
                    said = set(common)
                    if claim in self.ranks:
                        reason = self.reason([claim, *(other for other in claims if other != claim)])
                        ranks.append((self.identifier(claim), self._rank(claim, reason)))
                        said |= {reason} if reason is not None else set()
                    left = sorted(note.value for note in self.notes.get(claim, frozenset()) - said)
                    if left:
                        notes.append((self.identifier(claim), left[0] if len(left) == 1 else left))
        return "".join([_EDITORIAL_HEAD, _flow_file("ranks", sorted(ranks)), _flow_file("notes", sorted(notes))])

    def _rank(self, claim: ox.NamedNode, reason: ox.Literal | None) -> Form:
        rank = {"rank": self.ranks[claim]}
        return rank | {"reason": reason.value} if reason is not None else rank


def _note(notes: frozenset[ox.Literal]) -> str | dict[str, str]:
    texts = {note.language or "": note.value for note in sorted(notes, key=lambda note: note.language or "")}
    return texts[NOTE_LANGUAGE] if list(texts) == [NOTE_LANGUAGE] else texts


def _rank_of_type(form: Form) -> tuple[int, str]:
    """Where an entity of a type stands; those without one (merged names) come last."""
    name = form.get("type", "")
    if not name:
        return len(_TYPES) + 1, ""
    return (_TYPES.index(name), "") if name in _TYPES else (len(_TYPES), name)


# --- YAML ---


def _file(top: str, records: Iterable[tuple[str, Form]]) -> str:
    """A mapping of records, a key on each line, what is inside on one line."""
    lines = [f"{top}:"]
    for name, form in records:
        lines.append(f"  {name}:")
        lines.extend(f"    {key}: {_inline(value)}" for key, value in form.items())
    return "\n".join(lines) + "\n" if len(lines) > 1 else f"{top}: {{}}\n"


def _flow_file(top: str, records: Iterable[tuple[str, Form | str | list[str]]]) -> str:
    """A mapping of records, each on one line."""
    lines = [f"{top}:", *(f"  {name}: {_inline(value)}" for name, value in records)]
    return "\n".join(lines) + "\n" if len(lines) > 1 else f"{top}: {{}}\n"


def _fact(name: str, parts: list[Form]) -> Iterator[str]:
    yield f"  {name}:"
    if len(parts) == 1:
        yield from _block(parts[0], "    ")
        return
    for part in parts:
        first, *rest = _block(part, "      ")
        yield f"    - {first.lstrip()}"
        yield from rest


def _block(form: Form, indent: str) -> Iterator[str]:
    """The keys of a fact, with lines below for texts by language, several passages and long lists."""
    for key, value in form.items():
        line = f"{indent}{key}: {_inline(value)}"
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from (f"{indent}  {language}: {scalar(text)}" for language, text in value.items())
        elif isinstance(value, list) and (key == "at" or len(line) > _WIDTH):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {scalar(item)}" for item in value)
        else:
            yield line


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {scalar(str(text), flow=True)}" for key, text in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(str(item), flow=True) for item in value) + "]"
    return scalar(str(value))


def scalar(text: str, *, flow: bool = False) -> str:
    """A text as YAML: plain where that reads as the same text, else in double quotes; `flow` is inside [] or {}."""
    plain = (
        text
        and (text[0] not in _NOT_FIRST or (text[0] == "-" and text[1:2].isdigit()))
        and not text.endswith((" ", ":"))
        and ": " not in text
        and " #" not in text
        and not _UNPRINTABLE.search(text)
        and not (flow and not _FLOW.isdisjoint(text))
    )
    if plain:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
