"""Compact JSON-LD with the registered prefixes as context: valid JSON-LD 1.1, equal to the Turtle as RDF.

One node per line, sorted; `@id` and `@type` first. Source: JSON-LD 1.1, sections 4 and 9.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import pyoxigraph as ox

from service.rdf.namespaces import RDF_TYPE, XSD_BOOLEAN, XSD_INTEGER, XSD_STRING
from service.rdf.terms import Object, sort_key
from service.rdf.writing import (
    CANONICAL_INTEGER,
    PREFIX,
    Names,
    Statement,
    chunks,
    ordered_quads,
    ordered_triples,
    refuse_blank_node,
)

# JSON numbers are read as IEEE doubles by most clients; beyond this an integer would lose digits.
_EXACT_INTEGERS = 2**53
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?!//)")
# A prefix of a compact IRI must end in one of these (JSON-LD 1.1, "prefix flag").
_PREFIX_ENDS = tuple(":/?#[]@")


def context(prefixes: Mapping[str, str]) -> dict[str, str]:
    """The `@context` of every document written with these prefixes."""
    return {
        prefix: iri for prefix, iri in sorted(prefixes.items()) if PREFIX.match(prefix) and iri.endswith(_PREFIX_ENDS)
    }


def write_jsonld(
    rows: Iterable[Statement],
    prefixes: Mapping[str, str],
    *,
    presorted: bool = False,
    allow_blank_nodes: bool = False,
    context_iri: str | None = None,
) -> Iterator[bytes]:
    """JSON-LD in chunks of bytes: triples as nodes of the default graph, quads with their graphs.

    With `presorted` the rows are taken as they come (order of `ordered_triples` or `ordered_quads`, no duplicates);
    they are read twice, so they must be a collection. `context_iri` stands in place of the written-out context; what is
    served there must be `context(prefixes)`.

    A prefix that is also the scheme of an IRI of the data is left out: expanding would misread that IRI.
    Raises UnwritableRdf: a blank node that is not allowed, or a term of RDF 1.2.
    """
    ordered = rows if presorted else _ordered(rows)
    schemes = set(_schemes(ordered))
    usable = {prefix: iri for prefix, iri in context(prefixes).items() if prefix not in schemes}
    writer = _Writer(usable, allow_blank_nodes)
    stated: Any = usable if context_iri is None or len(usable) < len(context(prefixes)) else context_iri
    yield from chunks(_document(writer, ordered, stated))


def nodes(
    triples: Iterable[Statement], prefixes: Mapping[str, str], *, allow_blank_nodes: bool = False
) -> Iterator[dict[str, Any]]:
    """The node objects of the triples, sorted, for a document with `context(prefixes)`."""
    writer = _Writer(context(prefixes), allow_blank_nodes)
    for subject, about in groupby(ordered_triples(triples), key=lambda row: row.subject):
        yield writer.node(subject, about)


def _ordered(rows: Iterable[Statement]) -> list[Statement]:
    rows = list(rows)
    quads = [row for row in rows if isinstance(row, ox.Quad)]
    if len(quads) == len(rows):
        return list(ordered_quads(quads))
    return list(ordered_triples(rows))


def _schemes(rows: Iterable[Statement]) -> Iterator[str]:
    for row in rows:
        terms: list[Object | ox.Triple | ox.DefaultGraph] = [row.subject, row.predicate, row.object]
        if isinstance(row, ox.Quad):
            terms.append(row.graph_name)
        for term in terms:
            iri = term.datatype if isinstance(term, ox.Literal) else term
            found = _SCHEME.match(iri.value) if isinstance(iri, ox.NamedNode) else None
            if found:
                yield found[1]


def _document(writer: "_Writer", rows: Iterable[Statement], stated: Any) -> Iterator[str]:
    yield f'{{\n"@context": {_json(stated)},\n"@graph": ['
    separator = "\n"
    for graph, group in groupby(
        rows, key=lambda row: row.graph_name if isinstance(row, ox.Quad) else ox.DefaultGraph()
    ):
        if isinstance(graph, ox.DefaultGraph):
            inner, after = separator, ""
        else:
            yield f'{separator}{{"@id": {_json(writer.iri(graph))}, "@graph": ['
            inner, after = "\n", "\n]}"
        for subject, about in groupby(group, key=lambda row: row.subject):
            yield inner + _json(writer.node(subject, about))
            inner = ",\n"
        yield after
        separator = ",\n"
    yield "\n]\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class _Writer:
    def __init__(self, prefixes: Mapping[str, str], allow_blank_nodes: bool) -> None:
        self._names = Names(prefixes)
        self._allow_blank_nodes = allow_blank_nodes

    def node(self, subject: Object | ox.Triple, about: Iterable[Statement]) -> dict[str, Any]:
        types: list[Any] = []
        values: dict[str, list[Any]] = {}
        for row in about:
            if row.predicate == RDF_TYPE and not isinstance(row.object, ox.Literal):
                types.append(self.iri(row.object))
            else:
                values.setdefault(self.iri(row.predicate), []).append(self._value(row.object))
        node: dict[str, Any] = {"@id": self.iri(subject)}
        if types:
            node["@type"] = _one_or_all(types)
        return node | {predicate: _one_or_all(items) for predicate, items in values.items()}

    def iri(self, term: Object | ox.Triple) -> str:
        """A compact IRI, an IRI, or the label of a blank node."""
        if isinstance(term, ox.NamedNode):
            return self._names.short(term.value) or term.value
        if not self._allow_blank_nodes:
            refuse_blank_node(term)
        sort_key(term)  # refuses what RDF 1.1 does not have
        return str(term)

    def _value(self, term: Object | ox.Triple) -> Any:
        if not isinstance(term, ox.Literal):
            return {"@id": self.iri(term)}
        sort_key(term)
        if term.language is not None:
            return {"@language": term.language, "@value": term.value}
        if term.datatype == XSD_STRING:
            return term.value
        if term.datatype == XSD_BOOLEAN and term.value in ("true", "false"):
            return term.value == "true"
        if (
            term.datatype == XSD_INTEGER
            and CANONICAL_INTEGER.match(term.value)
            and abs(int(term.value)) < _EXACT_INTEGERS
        ):
            return int(term.value)
        return {"@type": self.iri(term.datatype), "@value": term.value}


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
