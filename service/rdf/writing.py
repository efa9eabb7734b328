"""What every writer shares: order, escapes, prefixed names, chunks."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import pyoxigraph as ox

from service.errors import UnwritableRdf
from service.rdf.namespaces import XSD_BOOLEAN, XSD_DECIMAL, XSD_INTEGER, XSD_STRING
from service.rdf.terms import quad_key, triple_key

Statement: TypeAlias = ox.Triple | ox.Quad

# Bytes of text gathered before they are handed on: large enough that the hand-over costs nothing beside the writing.
CHUNK = 64 * 2**10

# Local names that need no escape in Turtle, TriG and SPARQL and that every parser in use reads alike: ASCII only.
LOCAL_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?\Z")
PREFIX = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?\Z")

_ESCAPES = {chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F)} | {
    "\t": "\\t",
    "\b": "\\b",
    "\n": "\\n",
    "\r": "\\r",
    "\f": "\\f",
    '"': '\\"',
    "\\": "\\\\",
}
_SPECIAL = re.compile(r'[\x00-\x1f\x7f"\\]')
_SPECIAL_BUT_QUOTES = re.compile(r"[\x00-\x1f\x7f\\]")
# Only the canonical forms: what a parser makes of them is the same literal, character for character.
CANONICAL_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]*)\Z")
_CANONICAL_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+\Z")


def escaped(text: str, *, quotes: bool = True) -> str:
    """The text as it stands between quotation marks in N-Triples and Turtle."""
    special = _SPECIAL if quotes else _SPECIAL_BUT_QUOTES
    return special.sub(lambda found: _ESCAPES[found[0]], text)


def quoted(text: str) -> str:
    """The text as one quoted string on one line."""
    return f'"{escaped(text)}"'


def shorthand(literal: ox.Literal) -> str | None:
    """The bare form that Turtle has for this literal (`168`, `2.50`, `true`); None where it would not be lossless."""
    datatype, value = literal.datatype, literal.value
    if datatype == XSD_INTEGER and CANONICAL_INTEGER.match(value):
        return value
    if datatype == XSD_DECIMAL and _CANONICAL_DECIMAL.match(value):
        return value
    if datatype == XSD_BOOLEAN and value in ("true", "false"):
        return value
    return None


def literal_suffix(literal: ox.Literal, iri_text: Callable[[ox.NamedNode], str]) -> str:
    """What follows the quoted text of a literal: its language, its datatype, or nothing for a plain string."""
    if literal.language is not None:
        return f"@{literal.language}"
    return "" if literal.datatype == XSD_STRING else f"^^{iri_text(literal.datatype)}"


class Names:
    """Writes IRIs as prefixed names where that is legal without escapes, and remembers which prefixes it used.

    A namespace that ends in neither `/` nor `#` is found too, only slower; the longest that fits wins.
    """

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self.used: dict[str, str] = {}
        self._by_namespace = {namespace: prefix for prefix, namespace in sorted(prefixes.items(), reverse=True)}
        odd = (namespace for namespace in self._by_namespace if not namespace.endswith(("/", "#")))
        self._odd = sorted(odd, key=len, reverse=True)
        self._known: dict[str, str | None] = {}

    def short(self, iri: str) -> str | None:
        """The prefixed name of an IRI; None if it has none."""
        try:
            return self._known[iri]
        except KeyError:
            name = self._known[iri] = self._find(iri)
            return name

    def text(self, iri: ox.NamedNode) -> str:
        """The IRI as Turtle writes it: a prefixed name or in angle brackets."""
        value = iri.value
        return self.short(value) or f"<{value}>"

    def _find(self, iri: str) -> str | None:
        cut = max(iri.rfind("/"), iri.rfind("#")) + 1
        namespaces = [iri[:cut], *(odd for odd in self._odd if iri.startswith(odd))]
        for namespace in namespaces:
            prefix, local = self._by_namespace.get(namespace), iri[len(namespace) :]
            if prefix is not None and LOCAL_NAME.match(local):
                self.used[prefix] = namespace
                return f"{prefix}:{local}"
        return None


def ordered_triples(triples: Iterable[Statement]) -> list[ox.Triple]:
    """The triples, each once, in the one order of triples; graph names are dropped."""
    unique = {triple.triple if isinstance(triple, ox.Quad) else triple for triple in triples}
    return sorted(unique, key=triple_key)


def ordered_quads(quads: Iterable[ox.Quad]) -> list[ox.Quad]:
    """The quads, each once, in the one order of quads."""
    return sorted(set(quads), key=quad_key)


def refuse_blank_node(term: object) -> None:
    """Raise UnwritableRdf if `term` is a blank node."""
    if isinstance(term, ox.BlankNode):
        raise UnwritableRdf(
            f"{term} is a blank node: its label is not the same in two runs, so its file would not be; give it an IRI"
        )


def chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    """The pieces in UTF-8, gathered to chunks of about CHUNK bytes."""
    gathered: list[str] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield "".join(gathered).encode()
            gathered, size = [], 0
    if gathered:
        yield "".join(gathered).encode()
