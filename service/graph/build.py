"""The graph of the sources, compiled and validated, with progress."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyoxigraph as ox

from service.errors import InvalidGraph
from service.graph.compile import compile_sources
from service.graph.ontology import read_shapes
from service.graph.validation_parts import validate_by_processes
from service.rdf.iris import graph_iri, local_name

# Called with what is done, how many of it and how long it took.
Progress = Callable[[str, str, float], None]


def compile_and_validate(ontology_dir: Path, data_dir: Path, *, base: str, progress: Progress) -> tuple[ox.Quad, ...]:
    """The quads of the sources, in the one order of quads.

    Raises SourceErrors, OntologyError: the sources cannot be compiled.
    Raises InvalidGraph: the graph breaks a shape.
    """
    started = time.monotonic()
    compiled = compile_sources(ontology_dir, data_dir, base=base)
    counted = f"{compiled.counts['facts']:,} facts, {compiled.counts['claims']:,} claims, {len(compiled.quads):,} quads"
    progress("compiled", counted, time.monotonic() - started)
    started = time.monotonic()
    report = validate_by_processes(compiled.quads, read_shapes(ontology_dir, base=base))
    found = f"{len(report.of('Violation'))} violations, {len(report.of('Warning'))} warnings"
    progress("validated", found, time.monotonic() - started)
    if not report.conforms:
        raise InvalidGraph(report.of("Violation"))
    return compiled.quads


def document_property(quads: Iterable[ox.Quad], predicate: ox.NamedNode, base: str) -> dict[str, str]:
    """What `g:sources` says of each document with one property, by the document's name (`d001`); an IRI by its local name."""
    folder, sources = f"{base}doc/", graph_iri(base, "sources")
    return {
        quad.subject.value.removeprefix(folder): quad.object.value
        if isinstance(quad.object, ox.Literal)
        else local_name(quad.object)
        for quad in quads
        if quad.predicate == predicate
        and quad.graph_name == sources
        and isinstance(quad.subject, ox.NamedNode)
        and isinstance(quad.object, ox.Literal | ox.NamedNode)
        and quad.subject.value.startswith(folder)
    }
