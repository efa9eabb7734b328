"""Queries and updates that would have the endpoint ask other hosts or read files. The canaries must see nothing."""

from tests.hostile.canary import WORD
from tests.hostile.case import CANARY_FILE, CANARY_URL, Case, Request, query, update

_REFUSED = "403 remote-access"
_SYNTAX = "400 syntax"
_UNKNOWN = "400 unknown-graph"
_URL, _FILE = CANARY_URL, CANARY_FILE
_ALL = "{ ?s ?p ?o }"

SERVICES = [
    query("service: plain", f"SELECT * {{ SERVICE <{_URL}> {_ALL} }}", _REFUSED),
    query("service: silent", f"SELECT * {{ SERVICE SILENT <{_URL}> {_ALL} }}", _REFUSED),
    query("service: small letters", f"SELECT * {{ service silent <{_URL}> {_ALL} }}", _REFUSED),
    query("service: comment in between", f"SELECT * {{ SERVICE# {{\n<{_URL}>{_ALL} }}", _REFUSED),
    query("service: no space", f"SELECT*{{SERVICE<{_URL}>{_ALL}}}", _REFUSED),
    query("service: prefixed name", f"PREFIX c: <{_URL}> SELECT * {{ SERVICE c: {_ALL} }}", _REFUSED),
    query(
        "service: prefix of the name of the keyword",
        f"PREFIX SERVICE: <{_URL}> SELECT * {{ SERVICE SERVICE: {_ALL} }}",
        _REFUSED,
    ),
    query("service: relative to a base", f"BASE <{_URL}> SELECT * {{ SERVICE <> {_ALL} }}", _REFUSED),
    query("service: variable", f"SELECT * {{ VALUES ?u {{ <{_URL}> }} SERVICE ?u {_ALL} }}", _REFUSED),
    query(
        "service: variable made by IRI()",
        f'SELECT * {{ BIND(IRI("{_URL}") AS ?u) SERVICE SILENT ?u {_ALL} }}',
        _REFUSED,
    ),
    query("service: file", f"SELECT * {{ SERVICE <{_FILE}> {_ALL} }}", _REFUSED),
    query("service: in EXISTS", f"ASK {{ FILTER EXISTS {{ SERVICE <{_URL}> {_ALL} }} }}", _REFUSED),
    query(
        "service: in a sub-select",
        f"SELECT * {{ {{ SELECT * {{ OPTIONAL {{ SERVICE SILENT <{_URL}> {_ALL} }} }} }} }}",
        _REFUSED,
    ),
    query(
        "service: after a string that looks unclosed",
        f"SELECT * {{ BIND('\\'\"' AS ?x) SERVICE <{_URL}> {_ALL} }}",
        _REFUSED,
    ),
    query(
        "service: after a long string with quotes",
        f'SELECT * {{ BIND("""a"" \\""" """ AS ?x) SERVICE <{_URL}> {_ALL} }}',
        _REFUSED,
    ),
    query(
        "service: after an IRI with a hash",
        f"SELECT * {{ <http://a.example/#> ?p ?o SERVICE <{_URL}> {_ALL} }}",
        _REFUSED,
    ),
    query(
        "service: after less-than and a hash",
        f"SELECT * {{ ?s ?p ?o FILTER(?o <3 #>\n) SERVICE <{_URL}> {_ALL} }}",
        _REFUSED,
    ),
    query("service: keyword in escapes", f"SELECT * {{ \\u0053ERVICE <{_URL}> {_ALL} }}", _SYNTAX, _REFUSED),
    query("service: letter that becomes S in capitals", f"SELECT * {{ ſERVICE <{_URL}> {_ALL} }}", _SYNTAX, _REFUSED),
    query("service: other spaces", f"SELECT * {{ SERVICE\u00a0<{_URL}> {_ALL} }}", _SYNTAX, _REFUSED),
    query("service: form feed for a space", f"SELECT * {{ SERVICE\f<{_URL}> {_ALL} }}", _SYNTAX, _REFUSED),
    query("service: carriage return ends a comment", f"SELECT * {{ # {{\rSERVICE <{_URL}> {_ALL} }}", _REFUSED),
    query("service: next line does not end a comment", f"SELECT * {{ #\u0085 SERVICE <{_URL}> {_ALL}\n}}", "200"),
    query(
        "service: other ways to write loopback",
        "SELECT * { "
        + " ".join(
            f"SERVICE SILENT <http://{host}/> {_ALL}"
            for host in ("2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "localhost")
        )
        + " }",
        _REFUSED,
    ),
    query("service: only in a string", f'SELECT * {{ BIND("SERVICE <{_URL}> {_ALL}" AS ?x) }}', "200"),
    query("service: only in a comment", f"SELECT * {{ # SERVICE <{_URL}> {_ALL}\n}}", "200"),
    query("service: only in an IRI", f"ASK {{ <{_URL}SERVICE> ?p ?o }}", "200"),
    query(
        "service: only in a name", "PREFIX a: <a:> ASK { a:SERVICE a:LOAD a:service . ?SERVICE ?LOAD ?service }", "200"
    ),
]

DATASETS = [
    query("from: web", f"SELECT * FROM <{_URL}> {_ALL}", _UNKNOWN),
    query("from: file", f"SELECT * FROM <{_FILE}> {_ALL}", _UNKNOWN),
    query("from: the passwords", f"SELECT * FROM <file:///etc/passwd> {_ALL}", _UNKNOWN),
    query("from: named, web", f"SELECT * FROM NAMED <{_URL}> {{ GRAPH ?g {_ALL} }}", _UNKNOWN),
    query("from: named, file", f"SELECT * FROM NAMED <{_FILE}> {{ GRAPH ?g {_ALL} }}", _UNKNOWN),
    query("from: prefixed name", f"PREFIX c: <{_URL}> SELECT * FROM c: {_ALL}", _UNKNOWN),
    query("from: relative to a base", f"BASE <{_URL}> SELECT * FROM <a> {_ALL}", _UNKNOWN),
    query("from: escapes", f"SELECT * FROM <\\u0068{_URL[1:]}> {_ALL}", _UNKNOWN, _SYNTAX, "200"),
    query("from: described", f"DESCRIBE <{_URL}> FROM <{_URL}>", _UNKNOWN),
    query("from: GRAPH", f"SELECT * {{ GRAPH <{_URL}> {_ALL} GRAPH <{_FILE}> {_ALL} }}", "200"),
    Case(
        "from: default-graph-uri, web",
        Request("GET", [("query", f"SELECT * {_ALL}"), ("default-graph-uri", _URL)]),
        frozenset({_UNKNOWN}),
    ),
    Case(
        "from: default-graph-uri, file",
        Request("GET", [("query", f"SELECT * {_ALL}"), ("default-graph-uri", _FILE)]),
        frozenset({_UNKNOWN}),
    ),
    Case(
        "from: named-graph-uri, web",
        Request("GET", [("query", f"SELECT * {_ALL}"), ("named-graph-uri", _URL)]),
        frozenset({_UNKNOWN}),
    ),
    Case(
        "from: query-uri and other such parameters",
        Request(
            "GET",
            [
                ("query", f"SELECT * {_ALL} LIMIT 1"),
                ("xslt-uri", _URL),
                ("stylesheet", _FILE),
                ("callback", _URL),
                ("query-ref", _URL),
            ],
        ),
        frozenset({"200"}),
    ),
    query("from: function of the name of a file", f"SELECT (<{_FILE}>(1) AS ?x) {{}}", "400 unknown-function"),
    query("from: function of the name of a page", f"SELECT (<{_URL}>(1) AS ?x) {{}}", "400 unknown-function"),
]

UPDATES = [
    update("load: web", f"LOAD <{_URL}>", _REFUSED),
    update("load: silent", f"LOAD SILENT <{_URL}>", _REFUSED, "204"),
    update("load: file", f"LOAD <{_FILE}>", _REFUSED),
    update(
        "load: file into a graph", f"LOAD SILENT <{_FILE}> INTO GRAPH <http://hostile.example/loaded>", _REFUSED, "204"
    ),
    update("load: after another operation", f"INSERT DATA {{}} ; load silent <{_URL}>", _REFUSED, "204"),
    update("load: prefixed name", f"PREFIX LOAD: <{_URL}> LOAD LOAD:", _REFUSED),
    update(
        "load: SERVICE in the pattern", f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE SILENT <{_URL}> {_ALL} }}", _REFUSED
    ),
    update("load: USING web", f"INSERT {{ ?s ?p ?o }} USING <{_URL}> WHERE {_ALL}", "204", _UNKNOWN),
    update(
        "load: USING NAMED file",
        f"INSERT {{ ?s ?p ?o }} USING NAMED <{_FILE}> WHERE {{ GRAPH ?g {_ALL} }}",
        "204",
        _UNKNOWN,
    ),
    update(
        "load: COPY from the web",
        f"COPY <{_URL}> TO <http://hostile.example/copied>",
        "204",
        _UNKNOWN,
        "400 query",
        "404 not-found",
    ),
    Case(
        "load: in a GET",
        Request("GET", [("update", f"LOAD <{_URL}>")], to_update=True),
        frozenset({"400 bad-request", "405 method"}),
        writes=True,
    ),
    Case(
        "load: as a query",
        Request(headers=[("Content-Type", "application/sparql-query")], body=f"LOAD <{_URL}>"),
        frozenset({_REFUSED, "400 bad-request", _SYNTAX}),
    ),
]

CASES: list[Case] = [*SERVICES, *DATASETS, *UPDATES]
assert WORD not in " ".join(case.name for case in CASES)
