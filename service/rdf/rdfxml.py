"""Sorted RDF/XML: one element per subject, one per value. Source: RDF 1.1 XML Syntax.

What XML cannot say is refused by name: a predicate whose IRI does not end in an XML name, control characters in a text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, groupby
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph as ox

from service.errors import UnwritableRdf
from service.rdf.namespaces import RDF, XSD_STRING
from service.rdf.terms import sort_key
from service.rdf.writing import Statement, chunks, ordered_triples, refuse_blank_node

_NAME_START = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_LOCAL = re.compile(f"[{_NAME_START}][{_NAME_START}0-9.\u00b7\u0300-\u036f\u203f-\u2040-]*\\Z")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Names of the RDF namespace that RDF/XML keeps for its syntax, so that no property can be written with them.
_SYNTAX_NAMES = frozenset(
    {"RDF", "ID", "about", "parseType", "resource", "nodeID", "datatype", "Description", "li"}
    | {"aboutEach", "aboutEachPrefix", "bagID"}
)


def write_rdfxml(
    triples: Iterable[Statement],
    prefixes: Mapping[str, str],
    *,
    presorted: bool = False,
    allow_blank_nodes: bool = False,
) -> Iterator[bytes]:
    """RDF/XML in chunks of bytes; graph names are dropped. Parameters as for `write_turtle`.

    Raises UnwritableRdf: a predicate, text or term that XML cannot carry, or a blank node that is not allowed.
    """
    rows: Iterable[Statement] = triples if presorted else ordered_triples(triples)
    names = _element_names({row.predicate.value for row in rows}, prefixes)
    yield from chunks(_document(rows, names, allow_blank_nodes))


class _ElementNames(dict[str, str]):
    """Predicate IRI -> qualified name; `declared` holds the prefixes of those names."""

    declared: dict[str, str]


def _element_names(predicates: set[str], prefixes: Mapping[str, str]) -> _ElementNames:
    # XML keeps names that begin with "xml" for itself; "rdf" is needed for the syntax.
    usable = {prefix: iri for prefix, iri in prefixes.items() if not prefix.lower().startswith("xml")} | {"rdf": RDF}
    by_namespace = {iri: prefix for prefix, iri in sorted(usable.items(), reverse=True) if prefix}
    fresh = (prefix for prefix in map("ns{}".format, count()) if prefix not in usable)
    names = _ElementNames()
    names.declared = {"rdf": RDF}
    for iri in sorted(predicates):
        namespace, local = _split(iri)
        prefix = by_namespace.get(namespace) or by_namespace.setdefault(namespace, next(fresh))
        names.declared[prefix] = namespace
        names[iri] = f"{prefix}:{local}"
    return names


def _split(iri: str) -> tuple[str, str]:
    # The longest XML name at the end, but never across the last / or #, so that registered namespaces are found.
    start = max(iri.rfind("/"), iri.rfind("#"), iri.rfind(":")) + 1
    while start < len(iri) and not _LOCAL.match(iri, start):
        start += 1
    namespace, local = iri[:start], iri[start:]
    if not local:
        raise UnwritableRdf(
            f"RDF/XML cannot write the predicate <{iri}>: it does not end in an XML name; take Turtle or N-Triples"
        )
    if namespace == RDF and local in _SYNTAX_NAMES:
        raise UnwritableRdf(
            f"RDF/XML cannot write the predicate rdf:{local}: the name belongs to the syntax; take Turtle"
        )
    return namespace, local


def _document(rows: Iterable[Statement], names: _ElementNames, allow_blank_nodes: bool) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF'
    for prefix, namespace in sorted(names.declared.items()):
        yield f"\n    xmlns:{prefix}={quoteattr(namespace)}"
    yield ">\n"
    for subject, about in groupby(rows, key=lambda row: row.subject):
        yield f"  <rdf:Description {_node('about', subject, allow_blank_nodes)}>\n"
        for row in about:
            yield f"    {_property(names[row.predicate.value], row, allow_blank_nodes)}\n"
        yield "  </rdf:Description>\n"
    yield "</rdf:RDF>\n"


def _node(attribute: str, term: object, allow_blank_nodes: bool) -> str:
    if isinstance(term, ox.NamedNode):
        return f"rdf:{attribute}={quoteattr(term.value)}"
    if isinstance(term, ox.BlankNode) and allow_blank_nodes:
        # A label may start with a digit, an XML name may not.
        return f'rdf:nodeID="b{term.value}"'
    refuse_blank_node(term)
    raise UnwritableRdf(f"{term} is a triple term, which is RDF 1.2; Marsad writes RDF 1.1")


def _property(name: str, row: Statement, allow_blank_nodes: bool) -> str:
    term = row.object
    if not isinstance(term, ox.Literal):
        return f"<{name} {_node('resource', term, allow_blank_nodes)}/>"
    sort_key(term)
    if _NOT_XML.search(term.value):
        raise UnwritableRdf(f"RDF/XML cannot write {term}: XML has no such control character; take Turtle or N-Triples")
    attribute = ""
    if term.language is not None:
        attribute = f' xml:lang="{term.language}"'
    elif term.datatype != XSD_STRING:
        attribute = f" rdf:datatype={quoteattr(term.datatype.value)}"
    # A bare carriage return would be read as a line feed.
    return f"<{name}{attribute}>{escape(term.value, {chr(13): '&#13;'})}</{name}>"
