"""Reading SPARQL texts: what the lexer sees, what it refuses, and what an update touches."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import BadRequest, MarsadError, QueryError, QuerySyntaxError, QueryTooLarge, RemoteAccess
from service.graph.query import Bounds, plan_update, read_query

BOUNDS = Bounds(max_bytes=65536, max_nesting=64, max_chain=1000)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("SELECT * {}", "SELECT"),
        ("select distinct ?x {}", "SELECT"),
        ("# DROP ALL\nPREFIX ask: <http://e/> BASE <http://e/> ASK {}", "ASK"),
        ("PREFIX : <#> CONSTRUCT WHERE {}", "CONSTRUCT"),
        ("DESCRIBE <http://e/SELECT>", "DESCRIBE"),
        ("PREFIX select: <http://e/> INSERT DATA { select:x select:y 'SELECT' }", "UPDATE"),
        ("with <http://e/g> delete where {}", "UPDATE"),
        ("", ""),
        ("nothing SELECT", ""),
    ],
)
def test_the_form_is_what_stands_after_the_prologue(text, form):
    assert read_query(text, BOUNDS).form == form


@pytest.mark.parametrize(
    ("text", "dataset"),
    [
        ("SELECT * FROM <http://e/a> FROM NAMED <http://e/b> {}", ("http://e/a", "http://e/b")),
        ("PREFIX e: <http://e/> SELECT * FROM e:a {}", ("http://e/a",)),
        ("BASE <http://e/x/> SELECT * FROM <../a> {}", ("http://e/a",)),
        ("SELECT * { ?s <http://e/FROM> 'FROM <x>' } # FROM <http://e/a>", ()),
    ],
)
def test_the_dataset_is_made_of_absolute_iris(text, dataset):
    assert read_query(text, BOUNDS).dataset == dataset


@pytest.mark.parametrize(
    "text", ["SELECT (NOW() AS ?x) {}", "select (rand() as ?x) {}", "SELECT * { BIND(uuid() AS ?x) }"]
)
def test_an_answer_that_differs_each_time_is_known(text):
    assert read_query(text, BOUNDS).volatile
    assert not read_query("SELECT * { ?now ?rand 'UUID()' }", BOUNDS).volatile


def test_booleans_are_made_small_without_moving_anything():
    reading = read_query("ASK { ?s ?p TRUE , False, 'TRUE', <http://e/TRUE> }", BOUNDS)
    assert reading.text == "ASK { ?s ?p true , false, 'TRUE', <http://e/TRUE> }"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://e/> {} }",
        "ASK{sErViCe?x{}}",
        "ASK { { { SERVICE SILENT <http://e/> {} } } }",
        "ASK { ?s ?p '''a''' SERVICE <http://e/> {} }",
        "ASK { ?s ?p 'a\\'' . SERVICE <http://e/> {} #'\n}",
        "ASK { #comment\rSERVICE <http://e/> {} }",
        "INSERT { ?s ?p ?o } WHERE { SERVICE <http://e/> { ?s ?p ?o } }",
    ],
)
def test_service_is_found_wherever_it_hides(text):
    with pytest.raises(RemoteAccess):
        read_query(text, BOUNDS)


@pytest.mark.parametrize(
    "text",
    [
        "ASK { ?SERVICE ?p 'SERVICE' }",
        'ASK { ?s ?p \'\'\'it\'s SERVICE\'\'\', """SERVICE "" x""" }',
        "ASK { <http://e/#SERVICE> ?p <http://e/SERVICE> } # SERVICE",
        "PREFIX e: <http://e/> ASK { e:SERVICE e:a-SERVICE _:SERVICE }",
        "ASK { ?s ?p 'x'@SERVICE }",
    ],
)
def test_what_only_looks_like_service_is_let_through(text):
    read_query(text, BOUNDS)


@pytest.mark.parametrize("bracket", ["{}", "()", "[]"])
def test_nesting_is_counted_for_every_bracket_and_not_inside_strings(bracket):
    opened, closed = bracket
    read_query("ASK " + opened * 64 + closed * 64, BOUNDS)
    read_query("ASK { ?s ?p '" + opened * 500 + "' }", BOUNDS)
    with pytest.raises(QueryTooLarge, match="line 1, column 69"):
        read_query("ASK " + opened * 65 + closed * 65, BOUNDS)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "||", "&&", "|", "=", "<", ">="])
def test_flat_chains_are_bounded(operator):
    spaced = f" {operator} "
    read_query("ASK { FILTER(" + spaced.join(["?x"] * 1001) + ") }", BOUNDS)
    with pytest.raises(QueryTooLarge, match="one chain"):
        read_query("ASK { FILTER(" + spaced.join(["?x"] * 1002) + ") }", BOUNDS)


@pytest.mark.parametrize(
    "text",
    [
        "ASK {" + "?s ?p -1 ; ?q +2 . " * 3000 + "}",
        "ASK { FILTER(f(" + ",".join(["1+1"] * 3000) + ")) }",
        "SELECT * { VALUES ?x { " + "<http://e/a> " * 3000 + "} }",
    ],
)
def test_what_stands_side_by_side_is_no_chain(text):
    read_query(text.replace("f(", "COALESCE("), BOUNDS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ASK { 'a", "not closed"),
        ("ASK { ?s e:p ?o }", "e: is not declared"),
        ("ASK { ( }", "is still open"),
        ("ASK }", "closes nothing"),
        ("ASK {", "is not closed"),
        ("ASK { \\ }", "has no meaning"),
        ("ASK { § }", "has no meaning"),
    ],
)
def test_what_no_engine_need_see_is_refused_with_its_place(text, message):
    with pytest.raises(QuerySyntaxError, match=message) as caught:
        read_query(text, BOUNDS)
    assert caught.value.line == 1
    assert caught.value.column


@settings(max_examples=300, deadline=1000)
@given(st.text(alphabet="{}()[]<>'\"\\#?:@|&!=+-*/ \n\ta1_é.;,^SERVICE", max_size=200))
def test_any_text_is_read_or_refused_and_never_fails_otherwise(text):
    with suppress(MarsadError):
        read_query(text, BOUNDS)


def test_reading_is_linear_in_the_length_of_the_text():
    for text in (
        "'" * 60_000,
        "<" * 60_000,
        '"""' + '"' * 60_000,
        "a" * 60_000 + ":" + "." * 100,
        "\\" * 60_000,
        "a." * 30_000,
    ):
        with suppress(MarsadError):
            read_query(text, BOUNDS)


# --- updates ---


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        ("INSERT DATA { <http://e/s> <http://e/p> 1 }", ("",)),
        ("INSERT DATA { GRAPH <http://e/g> { <http://e/s> <http://e/p> 1 } }", ("", "http://e/g")),
        ("PREFIX e: <http://e/> WITH e:g DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", ("http://e/g",)),
        ("DELETE { GRAPH ?g { ?s ?p ?o } } WHERE { GRAPH ?g { ?s ?p ?o } }", None),
        ("CLEAR GRAPH <http://e/g>", ("http://e/g",)),
        ("DROP DEFAULT", ("",)),
        ("DROP SILENT NAMED", None),
        ("CLEAR ALL", None),
        ("MOVE <http://e/a> TO DEFAULT", ("http://e/a", "")),
        ("CREATE GRAPH <http://e/g> ; COPY DEFAULT TO <http://e/h>", ("http://e/g", "", "http://e/h")),
        ("PREFIX e: <http://e/> CLEAR GRAPH e:a ; PREFIX e: <http://f/> CLEAR GRAPH e:b", None),
        ("PREFIX e: <http://e/> CLEAR GRAPH e:a\\,b", None),
    ],
)
def test_the_graphs_that_an_update_can_touch_are_told_from_its_text(text, touched):
    assert plan_update(text, BOUNDS).touched == touched


def test_operations_that_name_their_quads_become_steps_with_their_prologue():
    update = plan_update("PREFIX e: <http://e/> INSERT DATA { e:a e:b 1 } ; DELETE DATA { e:a e:b 2 } ;", BOUNDS)
    assert [kind for kind, _ in update.steps] == ["+", "-"]
    assert all(" ".join(text.split()).startswith("PREFIX e: <http://e/> INSERT DATA { e:a") for _, text in update.steps)
    assert plan_update("INSERT DATA {} ; CLEAR ALL", BOUNDS).steps == ()


def test_load_is_refused_and_load_silent_does_nothing():
    with pytest.raises(RemoteAccess):
        plan_update("LOAD <http://e/data>", BOUNDS)
    with pytest.raises(RemoteAccess):
        plan_update("CLEAR ALL ; LOAD <http://e/data> INTO GRAPH <http://e/g>", BOUNDS)
    update = plan_update("LOAD SILENT <http://e/data> INTO GRAPH <http://e/g>", BOUNDS)
    assert "LOAD" not in update.text
    for wrong in (
        "LOAD ;",
        "LOAD SILENT",
        "LOAD 'x'",
        "CREATE GRAPH <http://e/g> LOAD <http://e/x>",
        "CLEAR ALL ;; CLEAR ALL",
    ):
        with pytest.raises(QuerySyntaxError):
            plan_update(wrong, BOUNDS)


def test_the_dataset_of_the_protocol_becomes_using_clauses():
    text = plan_update(
        "DELETE { ?s ?p 1 } WHERE { ?s ?p 1 } ; DELETE WHERE { ?s ?p 2 }",
        BOUNDS,
        using=["http://e/a"],
        using_named=["http://e/b"],
    ).text
    assert text.count("USING <http://e/a> USING NAMED <http://e/b>") == 2
    assert "DELETE { ?s ?p 2 } USING" in text
    with pytest.raises(BadRequest):
        plan_update("WITH <http://e/g> DELETE { ?s ?p 1 } WHERE { ?s ?p 1 }", BOUNDS, using=["http://e/a"])


def test_a_text_is_read_in_time_that_grows_with_its_length_alone():
    """The square of 64 KiB would be half a minute."""
    for text in ("ASK { " + "a." * 32_000 + " }", "ASK { " + "a-." * 21_000 + " }", "ASK { _:a" + "." * 60_000 + " }"):
        started = time.process_time()
        with suppress(QuerySyntaxError):
            read_query(text, BOUNDS)
        assert time.process_time() - started < 3


def test_a_prefix_of_any_length_is_one_token():
    assert read_query(f"PREFIX {'a.b' * 500}: <http://e/> ASK {{ {'a.b' * 500}:c ?p ?o }}", BOUNDS).form == "ASK"
    reading = read_query("PREFIX : <http://e/> ASK { ?s ?p ?o.:a ?p 1.:b ?p 2 }", BOUNDS)
    assert [token.text for token in reading.tokens if token.kind == "name"] == [":", ":a", ":b"]


@pytest.mark.parametrize(
    "text", ["BASE <http://e/a/> " + "BASE <a/> " * 3000 + "ASK {}", f"BASE <http://e/{'a/' * 600}> ASK {{}}"]
)
def test_a_base_is_bounded(text):
    with pytest.raises(QueryError, match="1000 characters"):
        read_query(text, BOUNDS)
    with pytest.raises(QueryError, match="1000 characters"):
        read_query("ASK {}", BOUNDS, base=f"http://e/{'a' * 1000}")


def test_a_text_of_too_many_words_is_refused_and_says_which_setting_that_is():
    bounds = Bounds(max_bytes=65536, max_nesting=64, max_chain=1000, max_tokens=10)
    assert read_query("ASK { ?s ?p 1, 2, 3 }", bounds).form == "ASK"
    with pytest.raises(QueryTooLarge, match="more than 10") as caught:
        read_query("ASK { ?s ?p 1, 2, 3, 4 }", bounds)
    assert caught.value.setting == "MARSAD_MAX_TOKENS"


def test_prefixes_are_not_said_again_for_each_of_thousands_of_operations():
    prefixes = "".join(f"PREFIX p{number}: <http://e/{'a' * 100}>" for number in range(300))
    assert plan_update(prefixes + "INSERT DATA {};" * 10, BOUNDS).steps
    assert not plan_update(prefixes + "INSERT DATA {};" * 1500, BOUNDS).steps


@pytest.mark.parametrize(
    "text",
    [
        "PREFIX a: <http://example.com/a#>\nprefix : <b#>\n SELECT * { a:x :y ?z }",
        "PREFIX a:<http://example.com/>PREFIX a: <http://example.org/>ASK{a:x a a:y}",
        "PREFIX a: <x> BASE <http://example.net/> PREFIX c: <y> ASK { a:x c:y <z> }",
        "PREFIX a: <x> # more\n PREFIX c: <y> ASK { a:x c:y TRUE }",
        "PREFIX a: <http://example.com/\\u0061> ASK FROM a:x { a:x ?y NOW }",
        "PREFIX a: <x>",
        "PREFIX a: <x> PREFIX",
        "prefix a-b: <x>\r\n\tINSERT DATA { a-b:x a-b:y 1 }",
    ],
)
def test_declarations_that_were_kept_read_like_fresh_ones(text):
    base = "http://example.com/sparql"
    plain = read_query(" #\n" + text, BOUNDS, base=base)  # a comment in front: nothing is kept
    for _ in range(2):
        reading = read_query(text, BOUNDS, base=base)
        assert [token._replace(start=token.start + 3) for token in reading.tokens] == list(plain.tokens)
        for name in ("form", "dataset", "names_dataset", "volatile", "relative", "prefixes", "base"):
            assert getattr(reading, name) == getattr(plain, name)
        assert " #\n" + reading.text == plain.text


@pytest.mark.parametrize(
    ("text", "graph"),
    [
        ("PREFIX e: <http://example.com/ns#> ASK FROM e:x {}", "http://example.com/ns#x"),
        ("PREFIX e: <ns#> ASK FROM e:x {}", "http://host/ns#x"),
        ("ASK FROM <http://example.com/ns#> {}", "http://example.com/ns#"),
        ("ASK FROM <http://example.com/a/../b> {}", "http://example.com/a/../b"),
        ("ASK FROM <../b#> {}", "http://host/b#"),
        ("BASE <http://example.com/x#> ASK FROM <#> {}", "http://example.com/x#"),
    ],
)
def test_a_namespace_keeps_its_number_sign(text, graph):
    assert read_query(text, BOUNDS, base="http://host/sparql").dataset == (graph,)


def test_a_kept_prefix_follows_the_base_it_is_read_with():
    text = "PREFIX a: <x#> ASK { a:y a a:z }"
    bases = ["http://example.com/", "http://example.org/", "http://example.com/"]
    assert [read_query(text, BOUNDS, base=base).prefixes["a"] for base in bases] == [f"{base}x#" for base in bases]
