"""Queries that are too deep, too long or too many of something; and honest ones that only look so."""

from tests.hostile.case import FORM_TYPE, Case, Request, query
from tests.hostile.graph import PREFIX, E

_TOO_LARGE = "413 query-too-large"
_SYNTAX = "400 syntax"
_STOPPED = "504 deadline"
_FULL = "507 memory"


def _ask(expression: str) -> str:
    return f"ASK {{ FILTER({expression}) }}"


def _nested(opening: str, closing: str, depth: int, middle: str = "") -> str:
    return opening * depth + middle + closing * depth


DEPTH = [
    query("depth: braces", "ASK " + _nested("{", "}", 6000), _TOO_LARGE),
    query("depth: braces that are never closed", "ASK " + "{" * 60_000, _TOO_LARGE),
    query("depth: braces that were never opened", "ASK { }" + "}" * 60_000, _SYNTAX),
    query("depth: round brackets", _ask(_nested("(", ")", 8000, "1")), _TOO_LARGE),
    query("depth: round brackets of a path", f"ASK {{ ?s {_nested('(', ')', 8000, '<a:a>')} ?o }}", _TOO_LARGE),
    query("depth: square brackets", "ASK { " + _nested("[ <a:a> ", "]", 5000, "1") + " <a:a> 1 }", _TOO_LARGE),
    query("depth: lists", "ASK { " + _nested("(", ")", 8000, "1") + " <a:a> 1 }", _TOO_LARGE),
    query("depth: quoted triples", "ASK { " + _nested("<< ", " <a:a> 1 >>", 4000, "<a:a>") + " <a:a> 1 }", _TOO_LARGE),
    query("depth: triple terms", "ASK { ?s ?p " + _nested("<<( <a:a> <a:a> ", " )>>", 3000, "1") + " }", _TOO_LARGE),
    query("depth: annotations", "ASK { <a:a> <a:a> 1 " + _nested("{| <a:a> 1 ", "|}", 4000) + " }", _TOO_LARGE),
    query("depth: OPTIONAL", "ASK { " + _nested("OPTIONAL { ?s ?p ?o ", "}", 3000) + " }", _TOO_LARGE),
    query(
        "depth: NOT EXISTS",
        "ASK { " + _nested("?s ?p ?o FILTER NOT EXISTS { ", "}", 2000, "?s ?p ?o") + " }",
        _TOO_LARGE,
    ),
    query("depth: sub-selects", "SELECT * { " + _nested("{ SELECT * { ", "} }", 3000, "?s ?p ?o") + " }", _TOO_LARGE),
    query("depth: GRAPH", "ASK { " + _nested("GRAPH ?g { ", "}", 4000, "?s ?p ?o") + " }", _TOO_LARGE),
    query("depth: MINUS", "ASK { " + _nested("?s ?p ?o MINUS { ", "}", 3000) + " }", _TOO_LARGE),
    query("depth: IF in IF", _ask(_nested("IF(true, ", ", 1)", 4000, "1")), _TOO_LARGE),
    query("depth: COALESCE in COALESCE", _ask(_nested("COALESCE(", ")", 5000, "1")), _TOO_LARGE),
    query("depth: IN in IN", _ask(_nested("1 IN (", ")", 8000, "1")), _TOO_LARGE),
    query(
        "depth: brackets of every kind by turns",
        "ASK { " + _nested("{ [] <a:a> ( [ <a:a> ", " ] ) }", 2000, "1") + " }",
        _TOO_LARGE,
    ),
    query("depth: brackets crossed", "ASK { FILTER((1) } )", _SYNTAX),
    query("depth: signs of negation", _ask("!" * 50_000 + "true"), _TOO_LARGE),
    query("depth: minus signs", _ask("- " * 30_000 + "1"), _TOO_LARGE),
    query("depth: inverse of inverse", f"ASK {{ ?s {'^' * 50_000}<a:a> ?o }}", _TOO_LARGE),
    query("depth: path modifiers", f"ASK {{ ?s <a:a>{'*' * 50_000} ?o }}", _TOO_LARGE, _SYNTAX),
    query("depth: as deep as is allowed", f"ASK {{ FILTER{_nested('(', ')', 60, '1')} }}", "200"),
    query("depth: brackets in a string", f'ASK {{ FILTER("{"{(" * 10_000}" != "") }}', "200"),
    query("depth: brackets in a comment", f"ASK {{ }} # {'{([' * 15_000}", "200"),
    query("depth: brackets in an IRI", f"ASK {{ <http://a.example/{'()' * 10_000}> ?p ?o }}", "200"),
]

CHAINS = [
    query("chain: plus", _ask("+".join(["1"] * 30_000)), _TOO_LARGE),
    query("chain: minus without spaces", _ask("-".join(["1"] * 30_000)), _TOO_LARGE),
    query("chain: times and divided", _ask("*1/".join(["1"] * 15_000)), _TOO_LARGE),
    query("chain: or", _ask("||".join(["1"] * 16_000)), _TOO_LARGE),
    query("chain: and", _ask("&&".join(["1"] * 16_000)), _TOO_LARGE),
    query("chain: equals", _ask("=".join(["1"] * 30_000)), _TOO_LARGE),
    query("chain: path sequence", f"ASK {{ ?s {'/'.join(['<a:a>'] * 9000)} ?o }}", _TOO_LARGE),
    query("chain: path alternative", f"ASK {{ ?s {'|'.join(['<a:a>'] * 9000)} ?o }}", _TOO_LARGE),
    query("chain: UNION", "ASK { " + " UNION ".join(["{}"] * 6000) + " }", _TOO_LARGE),
    query("chain: OPTIONAL", "ASK { " + "OPTIONAL{}" * 6000 + " }", _TOO_LARGE),
    query("chain: MINUS", "ASK { " + "MINUS{}" * 8000 + " }", _TOO_LARGE),
    query("chain: FILTER", "ASK { " + "FILTER(1)" * 7000 + " }", _TOO_LARGE),
    query("chain: groups side by side", "ASK { " + "{}" * 30_000 + " }", "200", _TOO_LARGE),
    query("chain: VALUES side by side", "ASK { " + "VALUES ?x{1}" * 5000 + " }", "200", _TOO_LARGE, _STOPPED),
    query("chain: BIND", "SELECT * { " + " ".join(f"BIND(1 AS ?v{i})" for i in range(3500)) + " }", _TOO_LARGE),
    query(
        "chain: expressions of a SELECT",
        "SELECT " + " ".join(f"(1 AS ?v{i})" for i in range(4500)) + " {}",
        "200",
        _TOO_LARGE,
    ),
    query(
        "chain: GROUP BY",
        "SELECT (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY " + " ".join(f"(?s AS ?v{i})" for i in range(4000)),
        _TOO_LARGE,
        _STOPPED,
        _FULL,
    ),
    query("chain: ORDER BY", "SELECT * { ?s ?p ?o } ORDER BY " + "?s " * 20_000, _TOO_LARGE, _STOPPED, _FULL),
    query("chain: HAVING", "SELECT ?s { ?s ?p ?o } GROUP BY ?s HAVING " + "(1)" * 20_000, _TOO_LARGE, "200", _STOPPED),
    query("chain: patterns of triples", "ASK { " + "?s ?p ?o . " * 5900 + " }", "200", _STOPPED, _FULL),
    query(
        "chain: patterns that share nothing",
        "ASK { " + " . ".join(f"?a{i} ?b{i} ?c{i}" for i in range(2000)) + " }",
        "200",
        _STOPPED,
        _FULL,
    ),
    query(
        "chain: patterns that share all",
        f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ "
        + " . ".join(f"?x{i} e:knows ?x{(i * 7 + 1) % 40}" for i in range(1500))
        + " }",
        "200",
        _STOPPED,
        _FULL,
    ),
    query("chain: objects", "ASK { ?s ?p " + ",".join(["1"] * 30_000) + " }", "200", _STOPPED, _FULL),
    query("chain: templates", "CONSTRUCT { " + "?s ?p ?o . " * 5500 + "} { ?s ?p ?o }", "200", "cut", _STOPPED),
    query("chain: prefixes", "".join(f"PREFIX a{i}:<a:>" for i in range(3500)) + "ASK {}", "200"),
    query(
        "chain: bases, each below the last",
        "BASE <http://a.example/a/>" + "BASE<a/>" * 7500 + "ASK {}",
        "200",
        _TOO_LARGE,
        "400 query",
    ),
    query(
        "chain: prefixes below a long base",
        f"BASE <http://a.example/{'a/' * 14_000}>" + "".join(f"PREFIX a{i}:<b>" for i in range(2200)) + "ASK {}",
        "200",
        _TOO_LARGE,
        "400 query",
    ),
    query("chain: dots between letters", "ASK { " + "a." * 32_000 + " }", _SYNTAX),
    query("chain: dots after a name", f"{PREFIX}ASK {{ e:a{'.' * 60_000} }}", _SYNTAX),
    query("chain: dashes between letters", "ASK { " + "a-." * 21_000 + " }", _SYNTAX),
    query("chain: less-than signs", "ASK { " + "<a" * 30_000 + " }", _SYNTAX, _TOO_LARGE),
    query("chain: quotes", "ASK { " + "'" * 60_000 + " }", _SYNTAX),
    query("chain: blank node with a tail of dots", "ASK { " + "_:a" + "." * 60_000 + " }", _SYNTAX),
]

_NUMBERS = " ".join(str(number) for number in range(10_000))
LISTS = [
    query("list: VALUES of 10,000", f"SELECT * {{ VALUES ?x {{ {_NUMBERS} }} }}", "200"),
    query(
        "list: VALUES of 100,000", f"SELECT * {{ VALUES ?x {{ {_NUMBERS * 10} }} }}", _TOO_LARGE, "413 body-too-large"
    ),
    query(
        "list: VALUES of 500 variables",
        "SELECT * { VALUES (" + " ".join(f"?v{i}" for i in range(500)) + ") { " + f"( {'UNDEF ' * 500}) " * 18 + "} }",
        "200",
    ),
    query(
        "list: VALUES of UNDEF, joined with itself",
        "SELECT (COUNT(*) AS ?n) { "
        + " ".join(f"VALUES (?a ?b) {{ {'(UNDEF UNDEF)' * 800} }}" for _ in range(5))
        + " }",
        _STOPPED,
        _FULL,
    ),
    query(
        "list: IN of 10,000 for every row",
        f"SELECT (COUNT(*) AS ?n) {{ ?s ?p ?o . ?a ?b ?c FILTER(?o IN ({_NUMBERS.replace(' ', ',')})) }}",
        _STOPPED,
        _FULL,
    ),
    query(
        "list: IN of 100,000",
        f"ASK {{ FILTER(1 IN ({_NUMBERS.replace(' ', ',') * 10})) }}",
        _TOO_LARGE,
        "413 body-too-large",
    ),
    query(
        "list: arguments of CONCAT",
        f"SELECT (STRLEN(CONCAT({','.join(['STR(?x)'] * 6000)})) AS ?n) {{ BIND(1 AS ?x) }}",
        "200",
    ),
    query("list: elements of a collection", f"ASK {{ ({_NUMBERS}) <a:a> 1 }}", "200", _STOPPED),
    query(
        "list: FROM that are not here",
        "SELECT * " + "".join(f"FROM <http://a.example/{i}>" for i in range(1800)) + "{ ?s ?p ?o }",
        "400 unknown-graph",
    ),
    query(
        "list: FROM below a long base",
        f"BASE <http://a.example/{'a/' * 14_000}> ASK " + "FROM <b>" * 3500 + "{}",
        "400 unknown-graph",
        _TOO_LARGE,
        "400 query",
    ),
    Case(
        "list: parameters of a URL",
        Request("GET", [("query", "ASK {}"), *((f"p{i}", "") for i in range(5000))]),
        frozenset({"200", "400 bad-request"}),
    ),
    Case(
        "list: parameters of a form",
        Request(headers=[("Content-Type", FORM_TYPE)], body=lambda: b"query=ASK%7B%7D" + b"&a" * 2_000_000),
        frozenset({"413 body-too-large", "400 bad-request"}),
    ),
    Case(
        "list: default-graph-uri",
        Request("GET", [("query", "ASK {}"), *(("default-graph-uri", f"{E}{i}") for i in range(1000))]),
        frozenset({"400 unknown-graph"}),
    ),
    Case(
        "list: the same parameter twice",
        Request("GET", [("query", "ASK {}"), ("query", "ASK {}")]),
        frozenset({"400 bad-request"}),
    ),
]

LENGTHS = [
    query(
        "length: literal of 60,000 characters", f'SELECT (STRLEN("{"a" * 60_000}") AS ?n) {{}}', "200", holds=b"60000"
    ),
    query("length: literal of 100,000 characters", f'ASK {{ ?s ?p "{"a" * 100_000}" }}', _TOO_LARGE),
    query(
        "length: literal of 10 million characters",
        f'ASK {{ ?s ?p "{"a" * 10_000_000}" }}',
        _TOO_LARGE,
        "413 body-too-large",
    ),
    query("length: IRI of 60,000 characters", f"ASK {{ <http://a.example/{'a' * 60_000}> ?p ?o }}", "200"),
    query("length: IRI with 20,000 dots to climb", f"ASK {{ <http://a.example/{'../' * 20_000}> ?p ?o }}", "200"),
    query("length: host name of 60,000 characters", f"ASK {{ <http://{'a.' * 30_000}/> ?p ?o }}", "200", _SYNTAX),
    query("length: variable of 60,000 characters", f"SELECT ?{'a' * 60_000} {{ }}", "200"),
    query("length: prefix of 60,000 characters", f"PREFIX {'a' * 60_000}: <a:> ASK {{ }}", "200"),
    query("length: language of 60,000 characters", f'ASK {{ ?s ?p "a"@{"a" * 60_000} }}', "200", _SYNTAX),
    query("length: number of 60,000 digits", f"SELECT (({'9' * 60_000} + 1) AS ?n) {{ }}", "200", _SYNTAX),
    query("length: exponent of 60,000 digits", f"SELECT ((1e{'9' * 60_000} + 1) AS ?n) {{ }}", "200", _SYNTAX),
    query("length: 65,000 spaces", "ASK" + " " * 65_000 + "{}", "200"),
    query("length: 30,000 escapes", 'ASK { ?s ?p "' + "\\u0041" * 10_000 + '" }', "200"),
    query("length: 32,000 strings", "ASK { ?s ?p " + ",".join(['""'] * 16_000) + " }", "200", _STOPPED, _FULL),
    query("length: nothing", "", "400 bad-request", _SYNTAX),
    query("length: nothing but a comment", "# ASK {}", _SYNTAX, "400 bad-request"),
    Case(
        "length: query of 60,000 characters in the URL",
        Request("GET", [("query", "ASK {}" + " " * 50_000)]),
        frozenset({"200"}),
    ),
    Case(
        "length: URL of 200,000 characters", Request("GET", [("query", "ASK {}" + "#" * 200_000)]), frozenset({"414"})
    ),
    Case(
        "length: name of an unknown parameter",
        Request("GET", [("query", "ASK {}"), ("x" * 60_000, "1")]),
        frozenset({"200", "400 bad-request"}),
    ),
]

CASES: list[Case] = [*DEPTH, *CHAINS, *LISTS, *LENGTHS]
