"""The IRIs of the data: minted from a base, a folder and a local name; taken apart the same way.

Slugs are minted once and never reused. A local name holds no `/`, so that Turtle prints prefixed names.
"""

import hashlib
import re

import pyoxigraph as ox

DEFAULT_BASE = "https://marsad.example/"

_FOLDERS = frozenset({"id", "topic", "doc", "claim", "evidence", "time", "graph"})
# Every IRI under the default base is the data's, but those of the terms and the shapes: they are the same everywhere.
_DATA_IRI = re.compile(re.escape(DEFAULT_BASE) + r"(?!(?:ns|shape)(?![A-Za-z0-9_-]))")


def entity_iri(base: str, slug: str) -> ox.NamedNode:
    """An entity or a cited work, `{base}id/{slug}`."""
    return ox.NamedNode(f"{base}id/{slug}")


def topic_iri(base: str, slug: str) -> ox.NamedNode:
    """A concept, `{base}topic/{slug}`."""
    return ox.NamedNode(f"{base}topic/{slug}")


def document_iri(base: str, document: str) -> ox.NamedNode:
    """A document, `{base}doc/d001`."""
    return ox.NamedNode(f"{base}doc/{document}")


def claim_iri(base: str, document: str, fact: str, *parts: str) -> ox.NamedNode:
    """A claim, `{base}claim/d001.{fact}`; a statement adds the property's and the object's local names."""
    return ox.NamedNode(f"{base}claim/{'.'.join((document, fact, *parts))}")


def evidence_iri(base: str, document: str, start: int, end: int) -> ox.NamedNode:
    """A passage from code point `start` up to, not including, `end`: `{base}evidence/d001.{start}-{end}`."""
    return ox.NamedNode(f"{base}evidence/{document}.{start}-{end}")


def time_iri(base: str, local_name: str) -> ox.NamedNode:
    """A time span, `{base}time/{local_name}`, where the local name is `edtf.local_name` of its EDTF string."""
    return ox.NamedNode(f"{base}time/{local_name}")


def graph_iri(base: str, name: str) -> ox.NamedNode:
    """A named graph, `{base}graph/{name}`."""
    return ox.NamedNode(f"{base}graph/{name}")


def object_name(term: ox.NamedNode | ox.Literal) -> str:
    """The last part of a statement's IRI: the local name of an IRI, 8 hex digits for a literal.

    The digits are the start of the SHA-256 of the literal's N-Triples form, so language and datatype count.
    """
    if isinstance(term, ox.NamedNode):
        return local_name(term)
    return hashlib.sha256(str(term).encode()).hexdigest()[:8]


def local_name(iri: ox.NamedNode | str) -> str:
    """What follows the last `/` or `#`."""
    text = iri if isinstance(iri, str) else iri.value
    return text[max(text.rfind("/"), text.rfind("#")) + 1 :]


def split_iri(base: str, iri: ox.NamedNode | str) -> tuple[str, str] | None:
    """(folder, local name) of an IRI of the data, as ("id", "morocco"); None for any other IRI."""
    text = iri if isinstance(iri, str) else iri.value
    folder, slash, name = text.removeprefix(base).partition("/")
    if not text.startswith(base) or not slash or folder not in _FOLDERS or not name or "/" in name or "#" in name:
        return None
    return folder, name


def rebase(text: str, base: str) -> str:
    """Turtle or SPARQL text written for the default base, with the data's IRIs under `base`.

    The IRIs of terms (`ns`) and shapes (`shape`) stay as they are.
    """
    return text if base == DEFAULT_BASE else _DATA_IRI.sub(lambda _: base, text)
