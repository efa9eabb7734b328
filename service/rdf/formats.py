"""The one table of formats: RDF syntaxes and the formats of query results.

N3 is left out on purpose: nothing that Marsad holds needs it, and engines differ in what they take for N3.
"""

from dataclasses import dataclass
from typing import TypeVar

import pyoxigraph as ox

Row = TypeVar("Row", bound="RdfFormat | ResultsFormat")


@dataclass(frozen=True, slots=True, kw_only=True)
class RdfFormat:
    """An RDF syntax: what it is called, asked for, and can carry."""

    name: str
    label: str
    media_type: str
    alternatives: tuple[str, ...] = ()
    suffix: str
    carries_graphs: bool
    ox_format: ox.RdfFormat
    # Sent as a parameter only where the media type defines one; every format here is UTF-8.
    charset: str | None = None

    @property
    def content_type(self) -> str:
        """The value of a Content-Type header."""
        return f"{self.media_type}; charset={self.charset}" if self.charset else self.media_type


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsFormat:
    """A format of SELECT and ASK results. CSV and TSV have no standard form for ASK: it is the word true or false."""

    name: str
    label: str
    media_type: str
    alternatives: tuple[str, ...] = ()
    suffix: str
    ox_format: ox.QueryResultsFormat
    charset: str | None = None

    @property
    def content_type(self) -> str:
        """The value of a Content-Type header."""
        return f"{self.media_type}; charset={self.charset}" if self.charset else self.media_type


TURTLE = RdfFormat(
    name="turtle",
    label="Turtle",
    media_type="text/turtle",
    alternatives=("application/x-turtle",),
    suffix="ttl",
    carries_graphs=False,
    ox_format=ox.RdfFormat.TURTLE,
    charset="utf-8",
)
TRIG = RdfFormat(
    name="trig",
    label="TriG",
    media_type="application/trig",
    alternatives=("application/x-trig",),
    suffix="trig",
    carries_graphs=True,
    ox_format=ox.RdfFormat.TRIG,
    charset="utf-8",
)
NTRIPLES = RdfFormat(
    name="ntriples",
    label="N-Triples",
    media_type="application/n-triples",
    suffix="nt",
    carries_graphs=False,
    ox_format=ox.RdfFormat.N_TRIPLES,
)
NQUADS = RdfFormat(
    name="nquads",
    label="N-Quads",
    media_type="application/n-quads",
    alternatives=("text/x-nquads",),
    suffix="nq",
    carries_graphs=True,
    ox_format=ox.RdfFormat.N_QUADS,
)
JSONLD = RdfFormat(
    name="jsonld",
    label="JSON-LD",
    media_type="application/ld+json",
    alternatives=("application/json",),
    suffix="jsonld",
    carries_graphs=True,
    ox_format=ox.RdfFormat.JSON_LD,
)
RDFXML = RdfFormat(
    name="rdfxml",
    label="RDF/XML",
    media_type="application/rdf+xml",
    alternatives=("application/xml", "text/xml"),
    suffix="rdf",
    carries_graphs=False,
    ox_format=ox.RdfFormat.RDF_XML,
)

RESULTS_JSON = ResultsFormat(
    name="json",
    label="JSON",
    media_type="application/sparql-results+json",
    alternatives=("application/json",),
    suffix="srj",
    ox_format=ox.QueryResultsFormat.JSON,
)
RESULTS_XML = ResultsFormat(
    name="xml",
    label="XML",
    media_type="application/sparql-results+xml",
    alternatives=("application/xml", "text/xml"),
    suffix="srx",
    ox_format=ox.QueryResultsFormat.XML,
)
RESULTS_CSV = ResultsFormat(
    name="csv",
    label="CSV",
    media_type="text/csv",
    suffix="csv",
    ox_format=ox.QueryResultsFormat.CSV,
    charset="utf-8",
)
RESULTS_TSV = ResultsFormat(
    name="tsv",
    label="TSV",
    media_type="text/tab-separated-values",
    suffix="tsv",
    ox_format=ox.QueryResultsFormat.TSV,
    charset="utf-8",
)

# In the order of preference: the first is what a client without a wish gets.
RDF_FORMATS = (TURTLE, JSONLD, NTRIPLES, RDFXML, TRIG, NQUADS)
RESULTS_FORMATS = (RESULTS_JSON, RESULTS_XML, RESULTS_CSV, RESULTS_TSV)


def by_name(formats: tuple[Row, ...], name: str) -> Row | None:
    """The format of that name, suffix (with or without a dot) or media type; None if there is none."""
    wanted = name.lower().removeprefix(".")
    for row in formats:
        if wanted in (row.name, row.suffix, row.media_type, *row.alternatives):
            return row
    return None
