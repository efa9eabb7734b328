"""From `ontology/` and `data/` to the graph: all quads of all named graphs, or everything that is wrong.

names → entities, works, documents → claims of each document → editorial → direct → one order
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from service.errors import OntologyError, SourceError, SourceErrors
from service.graph.claims import Claim, compile_facts
from service.graph.compilation import Compilation
from service.graph.direct import DIRECT, direct_quads
from service.graph.editorial import compile_note, compile_rank
from service.graph.entities import compile_document, compile_entity, compile_work
from service.graph.names import names_of
from service.graph.ontology import ontology_files, read_ontology
from service.graph.sources import FactFile, Sources, files_digest, read_sources, source_files
from service.graph.yaml_text import Faults
from service.rdf.iris import local_name
from service.rdf.terms import quad_key


@dataclass(frozen=True)
class CompiledGraph:
    """The graph: every quad once, in the one order of quads, in named graphs only.

    `claims` are by id (the local name of their IRI), with where each is written; `warnings` are what an editor should
    look at and may leave; `counts` are what there is of each kind, for people.
    """

    base: str
    quads: tuple[ox.Quad, ...]
    claims: dict[str, Claim]
    warnings: tuple[SourceError, ...]
    counts: dict[str, int]


def compile_sources(ontology_dir: Path, data_dir: Path, *, base: str) -> CompiledGraph:
    """The graph of the sources, the same whatever the order of files on disk or the seed of the process.

    Raises SourceErrors: everything that is wrong in the data, at once.
    Raises OntologyError: the ontology cannot be used, or a triple stands in two graphs.
    """
    ontology = read_ontology(ontology_dir, base=base)
    faults = Faults()
    sources = read_sources(data_dir, faults)
    if not any(data_dir.glob("entities*.yaml")):
        faults.at("entities.yaml").error(1, "there is no such file: who and what the facts are about stands in it")
        raise SourceErrors(faults.errors)
    if not sources.complete:
        # A file that cannot be read takes its names with it; what others say of them would look wrong.
        raise SourceErrors(faults.errors)
    compilation = Compilation(ontology, names_of(sources, ontology, faults), faults)
    claims = _compile(compilation, sources)
    quads = {*ontology.quads, *compilation.quads}
    if not faults.errors:
        direct = direct_quads(quads, ontology.direct_rule, base=base)
        _check_said_twice(compilation, claims.values(), direct)
        quads |= direct
    if faults.errors:
        raise SourceErrors(faults.errors)
    ordered = sorted(quads, key=quad_key)
    _check_one_graph_each(ordered)
    return CompiledGraph(
        base, tuple(ordered), claims, tuple(sorted(faults.warnings)), _counts(sources, claims, ordered)
    )


def source_digest(ontology_dir: Path, data_dir: Path, base: str) -> str:
    """SHA-256 (hex) of everything that the graph is made from: another digest, another graph."""
    files = [(f"ontology/{path.name}", path) for path in ontology_files(ontology_dir)]
    files += [(f"data/{path.relative_to(data_dir).as_posix()}", path) for path in source_files(data_dir)]
    return files_digest([*files], salt=base)


def _compile(compilation: Compilation, sources: Sources) -> dict[str, Claim]:
    for entity in sources.entities:
        compile_entity(compilation, entity)
    for work in sources.works:
        compile_work(compilation, work)
    for document in sources.documents:
        compile_document(compilation, document)
    records = {document.name: document for document in sources.documents}
    files: dict[str, list[FactFile]] = {}
    for file in sources.facts:
        files.setdefault(file.document.text, []).append(file)
    claims: dict[str, Claim] = {}
    for name, of_document in sorted(files.items()):
        claims.update((claim.id, claim) for claim in compile_facts(compilation, of_document, records.get(name)))
    for rank in sources.ranks:
        compile_rank(compilation, rank, claims)
    for note in sources.notes:
        compile_note(compilation, note, claims)
    return claims


def _check_said_twice(compilation: Compilation, claims: Iterable[Claim], direct: set[ox.Quad]) -> None:
    """Report what an editors' file says although a document says it: the triple would stand in two graphs."""
    said_directly = {quad.triple for quad in direct}
    by_triple: dict[ox.Triple, list[str]] = {}
    for claim in claims:
        if claim.states is not None:
            by_triple.setdefault(claim.states, []).append(claim.id)
    for triple, (place, line, key) in compilation.said.items():
        if triple in said_directly:
            identifiers = ", ".join(by_triple.get(triple, ["a claim"]))
            message = f"{identifiers} says it with evidence: remove it here, or the triple stands in two graphs"
            place.error(line, message, key=key)


def _check_one_graph_each(quads: Iterable[ox.Quad]) -> None:
    """Raise OntologyError where a triple stands in two graphs: a union of graphs would count it twice."""
    graphs: dict[ox.Triple, str] = {}
    faults = []
    for quad in quads:
        graph = _graph_name(quad)
        first = graphs.setdefault(quad.triple, graph)
        if first != graph:
            faults.append(f"{quad.triple} stands in g:{first} and in g:{graph}")
    if faults:
        raise OntologyError("no triple may stand in two graphs:\n" + "\n".join(faults))


def _graph_name(quad: ox.Quad) -> str:
    assert isinstance(quad.graph_name, ox.NamedNode)
    return local_name(quad.graph_name)


def _counts(sources: Sources, claims: dict[str, Claim], quads: list[ox.Quad]) -> dict[str, int]:
    kinds = Counter(claim.kind for claim in claims.values())
    return {
        "documents": len(sources.documents),
        "entities": len(sources.entities),
        "works": len(sources.works),
        "facts": sum(len(file.facts) for file in sources.facts),
        "claims": len(claims),
        "statements": kinds["Statement"],
        "observations": kinds["Observation"],
        "assessments": kinds["Assessment"],
        "direct": sum(_graph_name(quad) == DIRECT for quad in quads),
        "quads": len(quads),
    }
