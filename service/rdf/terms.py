"""Making and ordering RDF terms (pyoxigraph's)."""

import re
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import pyoxigraph as ox

from service.errors import UnwritableRdf
from service.rdf.namespaces import EDTF, XSD_BOOLEAN, XSD_DATE, XSD_DECIMAL, XSD_INTEGER, XSD_STRING

Subject: TypeAlias = ox.NamedNode | ox.BlankNode
Object: TypeAlias = ox.NamedNode | ox.BlankNode | ox.Literal
SortKey: TypeAlias = tuple[int, str, str, str]

_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?\Z", re.ASCII)
_DEFAULT_GRAPH_KEY: SortKey = (0, "", "", "")


def text(value: str, language: str) -> ox.Literal:
    """Text in a language; the tag in lower case."""
    return ox.Literal(value, language=language)


def string(value: str) -> ox.Literal:
    """A plain string: a code, never a text."""
    return ox.Literal(value)


def integer(value: int) -> ox.Literal:
    """An xsd:integer in canonical form."""
    return ox.Literal(str(value), datatype=XSD_INTEGER)


def decimal(value: Decimal | str) -> ox.Literal:
    """An xsd:decimal that keeps the digits as given (`2.50` stays `2.50`); never in exponent form.

    Raises ValueError: `value` is no decimal number.
    """
    lexical = f"{value:f}" if isinstance(value, Decimal) else value
    if not _DECIMAL.match(lexical):
        raise ValueError(f"{value!r} is not a decimal number")
    return ox.Literal(lexical, datatype=XSD_DECIMAL)


def boolean(value: bool) -> ox.Literal:
    """An xsd:boolean."""
    return ox.Literal("true" if value else "false", datatype=XSD_BOOLEAN)


def day(value: date) -> ox.Literal:
    """An xsd:date without a time zone."""
    return ox.Literal(value.isoformat(), datatype=XSD_DATE)


def edtf_literal(value: str) -> ox.Literal:
    """An EDTF string with its datatype."""
    return ox.Literal(value, datatype=EDTF)


def sort_key(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.DefaultGraph | ox.Triple) -> SortKey:
    """The key of the one order of terms: IRIs, then blank nodes, then literals, each by code points.

    Literals compare by value, language, datatype. Raises UnwritableRdf: a term of RDF 1.2.
    """
    if isinstance(term, ox.NamedNode):
        return (0, term.value, "", "")
    if isinstance(term, ox.Literal):
        if term.direction is not None:
            raise UnwritableRdf(f"{term} has a base direction, which is RDF 1.2; Marsad writes RDF 1.1")
        return (2, term.value, term.language or "", term.datatype.value)
    if isinstance(term, ox.BlankNode):
        return (1, term.value, "", "")
    if isinstance(term, ox.DefaultGraph):
        return _DEFAULT_GRAPH_KEY
    raise UnwritableRdf(f"{term} is a triple term, which is RDF 1.2; Marsad writes RDF 1.1")


def triple_key(triple: ox.Triple | ox.Quad) -> tuple[SortKey, SortKey, SortKey]:
    """The key of the one order of triples: by subject, predicate, object; `rdf:type` has no special place here."""
    return (sort_key(triple.subject), sort_key(triple.predicate), sort_key(triple.object))


def quad_key(quad: ox.Quad) -> tuple[SortKey, SortKey, SortKey, SortKey]:
    """The key of the one order of quads: by graph (the default graph first), then as `triple_key`."""
    return (sort_key(quad.graph_name), *triple_key(quad))


def is_plain_string(literal: ox.Literal) -> bool:
    """Whether the literal is an xsd:string."""
    return literal.language is None and literal.datatype == XSD_STRING
