"""Requests taken apart, and texts that need no look before the engine's: what is called plain is so to the lexer too."""

from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QuerySyntaxError, QueryTooLarge
from service.graph.query import Bounds, read_query
from service.store.plain import Plain, Room, _unquoted, plain, recognise, taken_apart

TEXT = "SELECT ?é { ?s ?p 'a+b & c' }"
HEAD = b" HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv\r\n\r\n"
FORM, DIRECT = b"application/x-www-form-urlencoded", b"application/sparql-query"


def get(query_string: str, head: bytes = HEAD) -> bytes:
    return b"GET /sparql?" + query_string.encode() + head


def post(body: bytes, content_type: bytes = DIRECT, *, length: int | None = None, more: bytes = b"") -> bytes:
    size = len(body) if length is None else length
    return b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s" % (
        content_type,
        size,
        more,
        body,
    )


@pytest.mark.parametrize(
    "request_of",
    [
        lambda text: get(f"query={quote(text, safe='')}"),
        lambda text: get(f"format=csv&query={quote_plus(text)}&timeout=5"),
        lambda text: post(text.encode()),
        lambda text: post(text.encode(), DIRECT + b"; charset=utf-8"),
        lambda text: post(b"a=b&query=" + quote(text, safe="").encode() + b"&c=d", FORM),
    ],
)
def test_requests_with_different_texts_are_of_one_kind(request_of):
    first, second = taken_apart(request_of(TEXT)), taken_apart(request_of("ASK {}"))
    assert (first.text, second.text) == (TEXT, "ASK {}")
    assert first.others == second.others


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (get("query=ASK"), get("query=ASK&format=csv")),
        (get("query=ASK"), get("query=ASK", HEAD.replace(b"csv", b"tab-separated-values"))),
        (get("query=ASK"), get("query=ASK").replace(b"/sparql", b"/other")),
        (post(b"ASK"), post(b"ASK", DIRECT + b"; charset=utf-8")),
        (post(b"query=ASK", FORM), post(b"query=ASK&timeout=1", FORM)),
        (post(b"query=ASK", FORM), post(b"ASK")),
    ],
)
def test_what_else_differs_is_of_another_kind(one, other):
    assert taken_apart(one).text == taken_apart(other).text == "ASK"
    assert taken_apart(one).others != taken_apart(other).others


@pytest.mark.parametrize(
    "data",
    [
        b"",
        get("update=ASK"),
        get("xquery=ASK"),
        get("query=ASK#part"),
        get("query=ASK")[:-2],
        get("query=ASK") * 2,
        get("query=ASK", b" HTTP/1.0\r\n\r\n"),
        get("query=%E9"),
        get("query=ASK").replace(b"GET", b"HEAD"),
        post(b"ASK", length=4),
        post(b"ASK", length=2),
        post(b"ASK", b"text/plain"),
        post(b"\xe9"),
        post(b"query=%E9", FORM),
        post(b"update=ASK", FORM),
        post(b"ASK", more=b"Content-Length: 3\r\n"),
        post(b"ASK", more=b"Transfer-Encoding: chunked\r\n"),
        post(b"ASK").replace(b"POST", b"QUERY"),
    ],
)
def test_all_other_requests_are_not_taken_apart(data):
    assert taken_apart(data) is None


@given(st.binary(max_size=60) | st.text("%+=&aZ09éF ", max_size=60).map(str.encode))
def test_escapes_are_read_as_the_library_reads_them(data):
    try:
        expected = unquote_plus(data.decode(), errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            _unquoted(data)
    else:
        assert _unquoted(data) == expected


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("SELECT * {}", Plain(gives_graph=False, nesting=1, chain=11)),
        ("ask {}", Plain(gives_graph=False, nesting=1, chain=6)),
        ("prefix a: <urn:a#>\nCONSTRUCT { ?s a:from ?from }", Plain(gives_graph=True, nesting=1, chain=48)),
        ("DESCRIBE <urn:a>", Plain(gives_graph=True, nesting=0, chain=16)),
        ("SELECT * { ?s ?p ?o FILTER(?o < 3 && ?o <= 5) }", Plain(gives_graph=False, nesting=2, chain=47)),
        ("SELECT * { ?known ?randomly true }", Plain(gives_graph=False, nesting=1, chain=34)),
    ],
)
def test_plain_texts(text, read):
    assert plain(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment\nSELECT * {}",
        "BASE <urn:a> SELECT * {}",
        "INSERT DATA {}",
        "SELECTED * {}",
        "SELECT * FROM <urn:g> {}",
        "SELECT * { SERVICE <http://localhost/> {} }",
        "SELECT * { ?s ?p trueservice <http://localhost/> {} }",
        "SELECT (NOW() AS ?x) {}",
        "SELECT (now #\n() AS ?x) {}",
        "SELECT (STRUUID() AS ?x) {}",
        "SELECT * { ?s ?p TRUE }",
        r"SELECT * { \u0053ERVICE <urn:a> {} }",
        "SELECT * { <a> ?p ?o }",
        "SELECT * { <=a> ?p ?o }",
        "PREFIX a: <a#> SELECT * { a:b ?p ?o }",
    ],
)
def test_what_may_need_a_look_is_not_plain(text):
    assert plain(text) is None


def test_the_chain_of_a_long_text_is_counted():
    assert plain("SELECT * {" + " " * 2000 + "FILTER(1+1=2) }").chain == 4  # `*` is one
    assert plain("SELECT (" + "1+" * 1500 + "1 AS ?x) {}").chain > 1500


def test_requests_of_one_kind_have_answers_of_one_kind():
    solutions, other, graph = (recognise(get(f"query={text}")) for text in ("ASK+{}", "SELECT+*+{}", "CONSTRUCT+{}+{}"))
    assert solutions.kind == other.kind != graph.kind
    assert (solutions.kind.gives_graph, graph.kind.gives_graph) == (False, True)
    assert solutions.kind.parts == graph.kind.parts
    assert (other.text, other.read) == ("SELECT * {}", plain("SELECT * {}"))
    assert recognise(get("query=INSERT+DATA+{}")) is None


@pytest.mark.parametrize(
    ("room", "holds"),
    [(Room(44, 1, 11), True), (Room(43, 1, 11), False), (Room(44, 0, 11), False), (Room(44, 1, 10), False)],
)
def test_a_text_is_within_the_bounds_or_may_be_beyond_one(room, holds):
    assert room.holds("SELECT * {}", plain("SELECT * {}")) is holds


_WORDS = """
    SELECT ASK CONSTRUCT DESCRIBE PREFIX BASE FROM NAMED WHERE FILTER UNION OPTIONAL MINUS GRAPH SERVICE BIND AS IN NOT
    EXISTS LIMIT NOW RAND UUID STRUUID BNODE TRUE true False from base now( select a:b : a: <urn:a> <urn:a#> <a> <#b> ?
    ?x $y ?from _:b 1 1.5 'x' "y" '''z''' @en é \\ \\u0041 < <= > >= = != + - * / ^ ^^ | || && ! { } ( ) [ ] << >> . , ; #
"""
_PIECES = st.sampled_from([*_WORDS.split(), "\n", "\t"])
_BEGINNINGS = st.sampled_from(["", "SELECT * {", "PREFIX a: <urn:a#> ASK {", "CONSTRUCT {", "DESCRIBE ?x {"])
_TEXTS = st.builds(
    lambda beginning, pieces, glue: beginning + glue.join(pieces),
    _BEGINNINGS,
    st.lists(_PIECES, max_size=14),
    st.sampled_from(["", " "]),
)


@given(
    _TEXTS | st.builds(lambda text: text.count("{") * "}" + text[::-1], _TEXTS) | _TEXTS.map(lambda text: text + "}")
)
def test_nothing_in_a_plain_text_is_for_the_lexer_to_find(text):
    read = plain(text)
    if read is None:
        return
    try:
        reading = read_query(text, Bounds(10**6, read.nesting, read.chain), base="http://localhost/")
    except QuerySyntaxError:  # the engine says so as well
        return
    except QueryTooLarge:
        pytest.fail("the bounds of a plain text are too small")
    assert reading.text == text
    assert reading.form in (("CONSTRUCT", "DESCRIBE") if read.gives_graph else ("SELECT", "ASK"))
    assert not any([reading.volatile, reading.relative, reading.names_dataset])
