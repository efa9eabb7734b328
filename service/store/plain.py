"""Requests that ask a query, as bytes: the text, and all that is the same for every text.

Programs send the same request again and again with another text. What was made of one such request holds for the next,
as long as its text is plain: nothing in it is for the service to look at before the engine does.
"""

import re
from binascii import a2b_qp
from typing import NamedTuple
from urllib.parse import unquote_plus

# No `#`, which begins what is no part of the query, and nothing that a URL cannot have.
_GET = re.compile(
    rb"(GET [!-\"$->@-~]*\?(?:[^ &#\r\n]*&)*?query=)([!-\"$%'-~]*)((?:&[!-\"$-~]*)? HTTP/1\.1\r\n.*\r\n\r\n)", re.DOTALL
)
_POST = re.compile(rb"POST [!-~]+ HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_TYPE = re.compile(
    rb"\r\ncontent-type:[ \t]*application/(sparql-query|x-www-form-urlencoded)[ \t]*[;\r]", re.IGNORECASE
)
_FIELD = re.compile(rb"((?:[^&]*&)*?query=)([^&]*)(.*)", re.DOTALL)
_END = b"\r\n\r\n"

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*:"
_BEGINNING = re.compile(
    rf"""(?:[ \t\r\n]*+PREFIX[ \t\r\n]++(?:[A-Za-z][A-Za-z0-9_-]*+)?:[ \t\r\n]*+<{_SCHEME}[^\x00-\x20<>"{{}}|^`\\]*+>)*+
        [ \t\r\n]*+(?:(SELECT|ASK)|CONSTRUCT|DESCRIBE)(?=[ \t\r\n*{{(?$<])""",
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
# Words at which a text is not plain, wherever they stand, also in a string: a dataset or a base; what differs each time.
_WORDS = ("from", "base", "now", "rand", "uuid", "bnode")
_NOT_PLAIN = re.compile(
    r"(?<![a-z_?$:])(?:from|base|now|rand|uuid|struuid|bnode)|(?:now|rand|uuid|bnode)[ \t\r\n]*[(#]"
)
# What may be an IRI that needs a base.
_RELATIVE = re.compile(rf"<(?!{_SCHEME}|=?[ \t\r\n])", re.ASCII)
_OPENING = ("{", "(", "[")
_CHAINED = (*"=<>+-*/|^!&", "union", "optional", "minus", "graph", "filter", "in", "as")
# A text of so many characters or fewer has no chain longer than itself that anybody bounds.
_SHORT = 1000


class Parts(NamedTuple):
    """A request that asks a query: what requests with other texts share, and the text."""

    others: tuple[bytes, ...]
    text: str


class Kind(NamedTuple):
    """What requests have in common of which answers differ only as their texts do: all but the text, and its form."""

    gives_graph: bool
    parts: tuple[bytes, ...]


class Plain(NamedTuple):
    """A text that needs no look before the engine's.

    It gives a graph (CONSTRUCT, DESCRIBE) or else solutions; `nesting` and `chain` are at least as large as what
    `service.graph.query` finds in it.
    """

    gives_graph: bool
    nesting: int
    chain: int


class Room(NamedTuple):
    """How large a text may be, brackets be nested, and a chain of operators be."""

    bytes: int
    nesting: int
    chain: int

    def holds(self, text: str, read: Plain) -> bool:
        """Whether a text is within the bounds for sure; a character has four bytes at most."""
        return read.nesting <= self.nesting and read.chain <= self.chain and len(text) * 4 <= self.bytes


class Asked(NamedTuple):
    """A request with a plain text."""

    kind: Kind
    text: str
    read: Plain


def recognise(data: bytes) -> Asked | None:
    """What a whole request asks, if its text is plain."""
    parts = taken_apart(data)
    read = plain(parts.text) if parts is not None else None
    return (
        Asked(Kind(read.gives_graph, parts.others), parts.text, read)
        if parts is not None and read is not None
        else None
    )


def taken_apart(data: bytes) -> Parts | None:
    """The parts of a whole request; None if it is anything but one GET or POST with a query of the SPARQL Protocol.

    Of a length that a POST says of its body, the kind knows only that it is right.
    """
    if data.startswith(b"GET "):
        found = _GET.fullmatch(data)
        if found is None or data.find(_END) != len(data) - len(_END):
            return None
        before, text, after = found.groups()
        return _parts((before, after), text)
    return _of_post(data)


def _of_post(data: bytes) -> Parts | None:
    end = data.find(_END) + len(_END)
    head, body = data[:end], data[end:]
    lengths, kind = _LENGTH.findall(head), _TYPE.findall(head)
    if len(lengths) != 1 or int(lengths[0]) != len(body) or len(kind) != 1:
        return None
    if b"transfer-encoding" in head.lower() or not _POST.match(head):
        return None
    head = _LENGTH.sub(b"\r\ncontent-length:", head)
    if kind[0].lower() == b"sparql-query":
        try:
            return Parts((head,), body.decode())
        except UnicodeDecodeError:
            return None
    found = _FIELD.fullmatch(body)
    if found is None:
        return None
    before, text, after = found.groups()
    return _parts((head, before, after), text)


def _parts(kind: tuple[bytes, ...], text: bytes) -> Parts | None:
    try:
        return Parts(kind, _unquoted(text))
    except UnicodeDecodeError:
        return None


def _unquoted(text: bytes) -> str:
    """What `unquote_plus` gives, which takes 40 µs for a query with 200 escapes. Raises UnicodeDecodeError."""
    if b"=" not in text:  # then escapes can be written as those of quoted-printable, for which there is C
        read = a2b_qp(text.replace(b"+", b" ").replace(b"%", b"="))
        if len(read) == len(text) - 2 * text.count(b"%"):  # else some % is none of an escape
            return read.decode()
    return unquote_plus(text.decode(), errors="strict")


def plain(text: str) -> Plain | None:
    """What can be said of a plain text; None if it is not plain, or may not be."""
    beginning, small = _BEGINNING.match(text), text.lower()
    if (
        beginning is None
        or "\\" in text
        or "service" in small  # a request to elsewhere
        or small.count("true") != text.count("true")  # the engine knows booleans in small letters only
        or small.count("false") != text.count("false")
        or (any(word in small for word in _WORDS) and _NOT_PLAIN.search(small))
        or _RELATIVE.search(text)
    ):
        return None
    chain = len(text)
    if chain > _SHORT:
        chain = sum(map(small.count, _CHAINED))
    return Plain(beginning.lastindex is None, sum(map(text.count, _OPENING)), chain)
