"""Requests that no honest client sends: headers, bodies, encodings and whole messages that are wrong or too much."""

import random
import zlib
from collections.abc import Sequence

from tests.hostile.case import DEADLINE_S, FORM_TYPE, QUERY_TYPE, STOPPED_S, UPDATE_TYPE, Case, Request, raw, update
from tests.hostile.graph import E

_BAD, _TYPE = "400 bad-request", "415 media-type"
# A server that cannot read a message may say so or close.
_NO_HTTP = ("400", "400 bad-request", "closed")
_HOST = b"Host: localhost\r\n"
_MEBIBYTE = 2**20


def _posted(name: str, body: bytes, media_type: str, *expected: str, headers: Sequence[tuple[str, str]] = ()) -> Case:
    return Case(name, Request(headers=[("Content-Type", media_type), *headers], body=body), frozenset(expected))


def _headed(name: str, headers: Sequence[tuple[str, str]], *expected: str) -> Case:
    return Case(name, Request("GET", [("query", "ASK {}")], headers), frozenset(expected))


def _gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(_MEBIBYTE)) for _ in range(64)) + packer.flush()


def _chunks(size: int, count: int) -> bytes:
    return (b"%x\r\n" % size + b"a" * size + b"\r\n") * count + b"0\r\n\r\n"


ENCODINGS = [
    _posted("encoding: bytes that are not UTF-8", b'ASK { ?s ?p "\xff\xfe\xc3" }', QUERY_TYPE, _BAD),
    _posted("encoding: overlong slash", b'ASK { ?s ?p "\xc0\xaf" }', QUERY_TYPE, _BAD),
    _posted("encoding: half of a pair", b'ASK { ?s ?p "\xed\xa0\x80" }', QUERY_TYPE, _BAD),
    _posted("encoding: beyond the last code point", b'ASK { ?s ?p "\xf7\xbf\xbf\xbf" }', QUERY_TYPE, _BAD),
    _posted("encoding: half of a pair in an escape", b'ASK { ?s ?p "\\uD800" }', QUERY_TYPE, "400 syntax", "200"),
    _posted("encoding: escape beyond the last code point", b'ASK { ?s ?p "\\UFFFFFFFF" }', QUERY_TYPE, "400 syntax"),
    _posted("encoding: zero bytes", b"ASK { \0 }", QUERY_TYPE, "400 syntax"),
    _posted("encoding: zero bytes in a string", b'ASK { ?s ?p "\0" }', QUERY_TYPE, "200", "400 syntax"),
    _posted("encoding: UTF-16", "ASK {}".encode("utf-16"), QUERY_TYPE, _BAD),
    _posted("encoding: mark of byte order", b"\xef\xbb\xbfASK {}", QUERY_TYPE, "200", "400 syntax"),
    _posted("encoding: letters that turn the direction", 'ASK { ?s ?p "\u202e\u2066}" }'.encode(), QUERY_TYPE, "200"),
    _posted("encoding: form that is not UTF-8", b"query=ASK%7B%FF%7D", FORM_TYPE, _BAD),
    _posted("encoding: form of raw bytes", b"query=ASK\xff", FORM_TYPE, _BAD),
    _posted("encoding: percent signs alone", b"query=ASK%7B%7D" + b"%" * 60_000, FORM_TYPE, "400 syntax"),
    raw("encoding: URL that is not UTF-8", b"GET {path}?query=ASK%7B%FF%7D HTTP/1.1\r\n" + _HOST + b"\r\n", _BAD),
    raw("encoding: raw bytes in the URL", b"GET {path}?query=\xff\xfe HTTP/1.1\r\n" + _HOST + b"\r\n", *_NO_HTTP),
    raw(
        "encoding: path that is not UTF-8",
        b"GET /%ff%fe HTTP/1.1\r\n" + _HOST + b"\r\n",
        "404 not-found",
        "404",
        *_NO_HTTP,
    ),
    raw(
        "encoding: path with zero bytes and steps up",
        b"GET /%00/..%2f..%2f../etc/passwd HTTP/1.1\r\n" + _HOST + b"\r\n",
        "404 not-found",
        "404",
        *_NO_HTTP,
    ),
]

TYPES = [
    _posted("type: text", b"ASK {}", "text/plain", _TYPE),
    _posted("type: JSON", b'{"query": "ASK {}"}', "application/json", _TYPE),
    _posted("type: several parts", b"--a\r\n\r\n--a--", "multipart/form-data; boundary=a", _TYPE),
    _posted("type: none", b"ASK {}", "", _TYPE),
    _posted(
        "type: XML with entities",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "application/xml",
        _TYPE,
    ),
    _posted("type: UTF-16 as said", "ASK {}".encode("utf-16"), f"{QUERY_TYPE}; charset=utf-16", _TYPE),
    _posted("type: unknown charset", b"ASK {}", f"{QUERY_TYPE}; charset=rot13", _TYPE),
    _posted("type: of 100,000 characters", b"ASK {}", QUERY_TYPE + "; a=" + "b" * 100_000, "200", _TYPE),
    _posted("type: an update where none is taken", b"INSERT DATA {}", UPDATE_TYPE, "403 read-only", _BAD, "404", "405"),
    Case(
        "type: GET with a body",
        Request("GET", [("query", "ASK {}")], [("Content-Length", "5")], b"ASK{}"),
        frozenset({"200"}),
    ),
    Case("type: TRACE", Request("TRACE"), frozenset({"405 method"})),
    Case("type: DELETE", Request("DELETE"), frozenset({"405 method"})),
    Case("type: method of 60,000 letters", Request("A" * 60_000), frozenset({"405 method", *_NO_HTTP})),
    _headed(
        "type: timeout of a thousand digits", [("Accept", "*/*"), ("Accept-Encoding", "gzip;q=" + "9" * 1000)], "200"
    ),
    Case(
        "type: timeout that is no number", Request("GET", [("query", "ASK {}"), ("timeout", "NaN")]), frozenset({_BAD})
    ),
    Case("type: timeout below zero", Request("GET", [("query", "ASK {}"), ("timeout", "-1")]), frozenset({_BAD})),
    Case(
        "type: timeout beyond the limit does not raise it",
        Request("GET", [("query", "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"), ("timeout", "99999")]),
        frozenset({"504 deadline"}),
        limit_s=DEADLINE_S + 2,
    ),
]

BOMBS = [
    Case(
        "bomb: gzip",
        Request(headers=[("Content-Type", QUERY_TYPE), ("Content-Encoding", "gzip")], body=_gzip_bomb),
        frozenset({_TYPE}),
    ),
    Case(
        "bomb: gzip of a form",
        Request(headers=[("Content-Type", FORM_TYPE), ("Content-Encoding", "x-gzip")], body=_gzip_bomb),
        frozenset({_TYPE}),
    ),
    Case(
        "bomb: several codings",
        Request(
            headers=[("Content-Type", QUERY_TYPE), ("Content-Encoding", "gzip, deflate, br, zstd")], body=_gzip_bomb
        ),
        frozenset({_TYPE}),
    ),
    raw(
        "bomb: gzip as a transfer coding",
        lambda: (
            b"POST {path} HTTP/1.1\r\n"
            + _HOST
            + b"Content-Type: application/sparql-query\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
            + _chunks(1000, 10)
        ),
        _TYPE,
        "501",
        "400 syntax",
        *_NO_HTTP,
    ),
    Case(
        "bomb: body of 65 MiB",
        Request(headers=[("Content-Type", QUERY_TYPE)], body=lambda: b" " * 65 * _MEBIBYTE),
        frozenset({"413 body-too-large", "413 query-too-large"}),
    ),
    Case(
        "bomb: body of 63 MiB",
        Request(headers=[("Content-Type", QUERY_TYPE)], body=lambda: b" " * 63 * _MEBIBYTE),
        frozenset({"413 query-too-large", "413 body-too-large"}),
    ),
    Case(
        "bomb: form of 60 MiB in percent signs",
        Request(headers=[("Content-Type", FORM_TYPE)], body=lambda: b"query=" + b"%20" * 20 * _MEBIBYTE),
        frozenset({"413 query-too-large", "413 body-too-large"}),
    ),
    Case(
        "bomb: form of 60 MiB of pairs",
        Request(headers=[("Content-Type", FORM_TYPE)], body=lambda: b"query=ASK%7B%7D" + b"&" * 60 * _MEBIBYTE),
        frozenset({"413 body-too-large", _BAD}),
    ),
    raw(
        "bomb: body of 65 MiB in chunks",
        lambda: (
            b"POST {path} HTTP/1.1\r\n"
            + _HOST
            + b"Content-Type: application/sparql-query\r\nTransfer-Encoding: chunked\r\n\r\n"
            + _chunks(_MEBIBYTE, 65)
        ),
        "413 body-too-large",
        "413 query-too-large",
    ),
    raw(
        "bomb: 100,000 chunks of a byte",
        lambda: (
            b"POST {path} HTTP/1.1\r\n"
            + _HOST
            + b"Content-Type: application/sparql-query\r\nTransfer-Encoding: chunked\r\n\r\n"
            + _chunks(1, 100_000)
        ),
        "413 query-too-large",
        "413 body-too-large",
        "400 syntax",
    ),
    raw(
        "bomb: announced body of an exabyte",
        b"POST {path} HTTP/1.1\r\n"
        + _HOST
        + b"Content-Type: application/sparql-query\r\nContent-Length: 1000000000000000000\r\n\r\nASK {}",
        "413 body-too-large",
        *_NO_HTTP,
    ),
    raw(
        "bomb: 100-continue of a gigabyte",
        b"POST {path} HTTP/1.1\r\n"
        + _HOST
        + b"Content-Type: application/sparql-query\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n",
        "413 body-too-large",
        "417",
    ),
]


def _get(headers: bytes) -> bytes:
    return b"GET {path}?query=ASK%7B%7D HTTP/1.1\r\n" + _HOST + headers + b"\r\n"


def _post(headers: bytes, body: bytes = b"") -> bytes:
    return (
        b"POST {path} HTTP/1.1\r\n" + _HOST + b"Content-Type: application/sparql-query\r\n" + headers + b"\r\n" + body
    )


HEADERS = [
    raw("header: one of 300,000 bytes", _get(b"X-A: " + b"a" * 300_000 + b"\r\n"), "431", "400", "closed"),
    raw("header: 20,000 of them", _get(b"X-A: a\r\n" * 20_000), "431", "400", "closed"),
    raw("header: one that never ends", lambda: _get(b"X-A: " + b"a" * 8 * _MEBIBYTE), "431", "400", "closed"),
    raw("header: name that never ends", lambda: _get(b"a" * 8 * _MEBIBYTE), "431", "400", "closed"),
    raw("header: cookie of 100,000 bytes", _get(b"Cookie: a=" + b"a" * 100_000 + b"\r\n"), "200", "431"),
    raw("header: lines that go on", _get(b"X-A: a\r\n b\r\n c\r\n"), "200", *_NO_HTTP),
    raw("header: no colon", _get(b"X-A\r\n"), *_NO_HTTP),
    raw("header: space before the colon", _get(b"X-A : a\r\n"), "200", *_NO_HTTP),
    raw("header: zero byte", _get(b"X-A: a\0b\r\n"), *_NO_HTTP),
    raw("header: no host", b"GET {path}?query=ASK%7B%7D HTTP/1.1\r\n\r\n", "200", *_NO_HTTP),
    raw(
        "header: host of another site",
        b'GET {path} HTTP/1.1\r\nHost: evil.example"><script>\r\nAccept: text/turtle\r\n\r\n',
        "200",
        *_NO_HTTP,
    ),
    _headed(
        "header: Accept of 20,000 ranges",
        [("Accept", ",".join(f"a/b{i};q=0.{i % 10}" for i in range(12_000)))],
        "406 not-acceptable",
        "431",
    ),
    _headed("header: Accept of quotes", [("Accept", '"' * 99_999)], "200", "406 not-acceptable", "431"),
    _headed("header: Accept of escaped quotes", [("Accept", '"' + '\\"' * 99_999)], "200", "406 not-acceptable", "431"),
    _headed(
        "header: Accept of semicolons and spaces",
        [("Accept", "*/*" + "; " * 99_999)],
        "200",
        "406 not-acceptable",
        "431",
    ),
    _headed(
        "header: Accept of one long parameter", [("Accept", "*/*;" + "a" * 199_999)], "200", "406 not-acceptable", "431"
    ),
    _headed(
        "header: Accept of open parameters", [("Accept", "*/*" + ';a="' * 50_000)], "200", "406 not-acceptable", "431"
    ),
    _headed(
        "header: Accept of parameters with escapes",
        [("Accept", '*/*;a="' + '\\";a="' * 28_000)],
        "200",
        "406 not-acceptable",
        "431",
    ),
    _headed("header: Accept of tabs", [("Accept", "a/b" + "\t" * 199_000 + "x")], "200", "406 not-acceptable", "431"),
    _headed(
        "header: Accept-Encoding of 40,000 codings",
        [("Accept-Encoding", ",".join(["gzip;q=0.5"] * 20_000))],
        "200",
        "431",
    ),
    _headed("header: If-None-Match of 50,000 tags", [("If-None-Match", ",".join(['W/"a"'] * 33_000))], "200", "431"),
    _headed(
        "header: id of a query with a line break", [("Marsad-Query-Id", "aaaaaaaa\u0085Set-Cookie:a=b")], _BAD, "200"
    ),
    _headed("header: id of a query of 60,000 characters", [("Marsad-Query-Id", "a" * 60_000)], _BAD, "200"),
]

MESSAGES = [
    raw("message: two lengths", _post(b"Content-Length: 6\r\nContent-Length: 60\r\n", b"ASK {}"), *_NO_HTTP),
    raw(
        "message: length and chunks",
        _post(b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"6\r\nASK {}\r\n0\r\n\r\n"),
        "200",
        *_NO_HTTP,
    ),
    raw("message: length below zero", _post(b"Content-Length: -1\r\n", b"ASK {}"), *_NO_HTTP),
    raw("message: length with a sign", _post(b"Content-Length: +6\r\n", b"ASK {}"), "200", *_NO_HTTP),
    raw(
        "message: length beyond 64 bits",
        _post(b"Content-Length: 99999999999999999999999\r\n", b"ASK {}"),
        "413 body-too-large",
        *_NO_HTTP,
    ),
    raw(
        "message: chunk beyond 64 bits",
        _post(b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\nASK {}\r\n"),
        *_NO_HTTP,
    ),
    raw("message: chunk below zero", _post(b"Transfer-Encoding: chunked\r\n", b"-1\r\nASK {}\r\n0\r\n\r\n"), *_NO_HTTP),
    raw(
        "message: chunk that says too little",
        _post(b"Transfer-Encoding: chunked\r\n", b"2\r\nASK {}\r\n0\r\n\r\n"),
        *_NO_HTTP,
    ),
    raw(
        "message: chunk extension of a megabyte",
        lambda: _post(b"Transfer-Encoding: chunked\r\n", b"6;a=" + b"a" * _MEBIBYTE + b"\r\nASK {}\r\n0\r\n\r\n"),
        "200",
        "413",
        "431",
        *_NO_HTTP,
    ),
    raw(
        "message: trailers without end",
        lambda: _post(b"Transfer-Encoding: chunked\r\n", b"6\r\nASK {}\r\n0\r\n" + b"X-A: a\r\n" * 500_000 + b"\r\n"),
        "200",
        "413",
        "431",
        *_NO_HTTP,
    ),
    raw(
        "message: chunked said twice",
        _post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
        "400 syntax",
        "501",
        *_NO_HTTP,
    ),
    raw(
        "message: more than was announced",
        _post(b"Content-Length: 6\r\n", b"ASK {}GARBAGE / HTTP/1.1\r\n\r\n"),
        "200",
        "400",
    ),
    raw("message: another version", b"GET / HTTP/9.9\r\n\r\n", "200", "404", "404 not-found", "505", *_NO_HTTP),
    raw(
        "message: HTTP/2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        "404",
        "404 not-found",
        "405",
        "405 method",
        *_NO_HTTP,
    ),
    raw("message: TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), *_NO_HTTP),
    raw("message: any bytes", random.Random(7).randbytes(100_000), *_NO_HTTP),
    raw(
        "message: only line breaks",
        b"\r\n" * 100_000 + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "200",
        "404",
        *_NO_HTTP,
    ),
    raw(
        "message: URL of another host",
        b"GET http://evil.example/{path}?query=ASK%7B%7D HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "200",
        "404",
        "404 not-found",
        *_NO_HTTP,
    ),
    raw(
        "message: CONNECT",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        "404",
        "404 not-found",
        "405",
        "405 method",
        *_NO_HTTP,
    ),
    raw(
        "message: upgrade to a web socket",
        _get(
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        ),
        "200",
        "426",
        *_NO_HTTP,
    ),
]

_STEPS = "INSERT DATA{};"


def _long_prologue() -> bytes:
    """Every operation has all prefixes before it: 100 kB and 4000 operations are 400 MB when they are put together."""
    prefixes = "".join(f"PREFIX p{number}: <http://a.example/{'a' * 60}>\n" for number in range(1200))
    return (prefixes + _STEPS * 4000).encode()


WRITES = [
    update(
        "write: product inserted",
        "INSERT { ?a ?e ?i } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
        "504 deadline",
        "507 memory",
        "503 busy",
        limit_s=2 * STOPPED_S,
    ),
    update(
        "write: ever new nodes",
        "INSERT { [] ?b [] } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
        "504 deadline",
        "507 memory",
        "503 busy",
        limit_s=2 * STOPPED_S,
    ),
    update(
        "write: deletion that looks for ever",
        "DELETE { ?a ?b ?c } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?a = ?i && ?a != ?i) }",
        "504 deadline",
        "507 memory",
        "503 busy",
        limit_s=2 * STOPPED_S,
    ),
    update("write: nested braces", "INSERT DATA " + "{" * 60_000, "413 query-too-large"),
    update(
        "write: chain of plus",
        "INSERT { <a:a> <a:a> ?x } WHERE { BIND(" + "+".join(["1"] * 30_000) + " AS ?x) }",
        "413 query-too-large",
    ),
    update("write: 4000 operations after 100 kB of prefixes", _long_prologue, "204", "413 query-too-large", limit_s=15),
    update(
        "write: 20,000 operations",
        lambda: (_STEPS * 20_000).encode(),
        "204",
        "413 query-too-large",
        "504 deadline",
        limit_s=15,
    ),
    update(
        "write: dots between letters, a megabyte of them",
        lambda: b"INSERT DATA { " + b"a." * 500_000 + b" }",
        "413 query-too-large",
        "400 syntax",
        limit_s=15,
    ),
    update(
        "write: bases, each below the last",
        lambda: b"BASE <http://a.example/a/>" + b"BASE<a/>" * 50_000 + b"INSERT DATA {}",
        "204",
        "400 syntax",
        "400 query",
        "413 query-too-large",
        limit_s=15,
    ),
    update("write: body of 65 MiB", lambda: b" " * 65 * _MEBIBYTE, "413 body-too-large"),
    update("write: not an update", "SELECT * { ?s ?p ?o }", "400 syntax", "400 bad-request"),
    Case(
        "write: from a page of another site",
        Request(
            headers=[("Content-Type", UPDATE_TYPE), ("Origin", "http://evil.example")],
            body=f"DROP GRAPH <{E}g1>",
            to_update=True,
        ),
        frozenset({"403 cross-site"}),
        writes=True,
    ),
    Case(
        "write: under another name of this host",
        Request(
            headers=[("Content-Type", UPDATE_TYPE), ("Host", "evil.example")],
            body=f"DROP GRAPH <{E}g1>",
            to_update=True,
        ),
        frozenset({"403 cross-site", "400"}),
        writes=True,
    ),
    Case(
        "write: under two names",
        Request(
            headers=[("Content-Type", UPDATE_TYPE), ("Host", "127.0.0.1"), ("Host", "evil.example")],
            body=f"DROP GRAPH <{E}g1>",
            to_update=True,
        ),
        frozenset({"403 cross-site", "400"}),
        writes=True,
    ),
]

CASES: list[Case] = [*ENCODINGS, *TYPES, *BOMBS, *HEADERS, *MESSAGES, *WRITES]
