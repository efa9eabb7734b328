"""One door to all writers and the engine's parsers: RDF in any of the formats of the table."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import pyoxigraph as ox

from service.errors import MalformedRdf
from service.rdf.formats import JSONLD, NQUADS, NTRIPLES, RDFXML, TRIG, TURTLE, RdfFormat
from service.rdf.jsonld import write_jsonld
from service.rdf.ntriples import write_nquads, write_ntriples
from service.rdf.rdfxml import write_rdfxml
from service.rdf.turtle import write_trig, write_turtle
from service.rdf.writing import Statement, ordered_triples

_WRITERS: dict[RdfFormat, Callable[..., Iterator[bytes]]] = {
    TURTLE: write_turtle,
    TRIG: write_trig,
    NTRIPLES: lambda rows, _prefixes, **options: write_ntriples(rows, **options),
    NQUADS: lambda rows, _prefixes, **options: write_nquads(rows, **options),
    JSONLD: write_jsonld,
    RDFXML: write_rdfxml,
}


def write(
    rows: Iterable[Statement],
    rdf_format: RdfFormat,
    prefixes: Mapping[str, str],
    *,
    merge: bool = False,
    presorted: bool = False,
    allow_blank_nodes: bool = False,
) -> Iterator[bytes]:
    """The quads (or triples, for the default graph) in a format, as chunks of bytes: sorted, each statement once, the same bytes for the same quads.

    A format without graphs gets the triples of all graphs; `merge` does the same in the others (default graph only).
    With `presorted` the rows come in the order that is needed and are read twice: a collection of quads in the
    order of `ordered_quads` for a format with graphs (without `merge`), of triples in that of `ordered_triples` for the rest.

    Raises UnwritableRdf: something that the format cannot carry; see each writer.
    """
    if merge and rdf_format.carries_graphs:
        rows, presorted = rows if presorted else ordered_triples(rows), True
        rdf_format = {TRIG: TURTLE, NQUADS: NTRIPLES}.get(rdf_format, rdf_format)
    writer = _WRITERS[rdf_format]
    return writer(rows, prefixes, presorted=presorted, allow_blank_nodes=allow_blank_nodes)


def parse(text: bytes, rdf_format: RdfFormat, *, base: str | None = None) -> list[ox.Quad]:
    """The quads of a text, in its order. Nothing is fetched: a remote JSON-LD context is an error.

    Raises MalformedRdf: the text is not of that format; the message has the line where the parser knows it.
    """
    try:
        return list(ox.parse(text, format=rdf_format.ox_format, base_iri=base))
    except (SyntaxError, ValueError) as error:
        place = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise MalformedRdf(f"not {rdf_format.label}: {place}{message}") from error
