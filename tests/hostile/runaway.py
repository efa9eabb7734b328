"""Queries that would work for hours or fill the memory: products, paths, patterns of texts, sorts, groups, growth."""

from tests.hostile.case import Case, query
from tests.hostile.graph import PREFIX

_STOPPED = "504 deadline"
_FULL = "507 memory"
# Which of the two comes first depends on the machine.
_EITHER = (_STOPPED, _FULL)


def _product(size: int, names: str = "abcdefgh") -> str:
    return " . ".join(f"?{name}s ?{name}p ?{name}o" for name in names[:size])


def _doubled(times: int, step: str) -> str:
    """BINDs each of which makes a text longer: `step` with {0} as the last text."""
    return " ".join(f"BIND({step.format(f'?t{number}')} AS ?t{number + 1})" for number in range(times))


PRODUCTS = [
    query("product: counted", f"SELECT (COUNT(*) AS ?n) {{ {_product(5)} }}", _STOPPED),
    query("product: streamed", f"SELECT * {{ {_product(3)} }}", "cut"),
    query("product: constructed", f"CONSTRUCT {{ ?as ?bp ?co }} {{ {_product(3)} }}", "cut"),
    query("product: asked for what is not there", f"ASK {{ {_product(4)} FILTER(?as = ?bs && ?as != ?bs) }}", _STOPPED),
    query("product: far offset", f"SELECT * {{ {_product(4)} }} OFFSET 999999999999 LIMIT 1", _STOPPED),
    query("product: distinct rows", f"SELECT DISTINCT * {{ {_product(3)} }}", *_EITHER, "cut"),
    query("product: reduced rows", f"SELECT REDUCED ?ap {{ {_product(4)} }}", *_EITHER, "cut"),
    query(
        "product: of optionals",
        f"SELECT (COUNT(*) AS ?n) {{ {_product(1)} OPTIONAL {{ ?bs ?bp ?bo }} OPTIONAL {{ ?cs ?cp ?co }} OPTIONAL {{ ?ds ?dp ?do }} }}",
        *_EITHER,
    ),
    query(
        "product: of unions",
        "SELECT (COUNT(*) AS ?n) { "
        + " ".join(f"{{ ?a{i} ?b{i} ?c{i} }} UNION {{ ?d{i} ?e{i} ?f{i} }}" for i in range(5))
        + " }",
        *_EITHER,
    ),
    query(
        "product: of sub-selects",
        "SELECT (COUNT(*) AS ?n) { "
        + " ".join(f"{{ SELECT ?a{i} {{ ?a{i} ?p{i} ?o{i} }} ORDER BY ?o{i} }}" for i in range(4))
        + " }",
        *_EITHER,
    ),
    query(
        "product: of inline data",
        "SELECT (COUNT(*) AS ?n) { " + " ".join(f"VALUES ?v{i} {{ {'1 ' * 300} }}" for i in range(6)) + " }",
        *_EITHER,
    ),
    query(
        "product: of all graphs",
        "SELECT (COUNT(*) AS ?n) { " + " ".join(f"GRAPH ?g{i} {{ ?a{i} ?b{i} ?c{i} }}" for i in range(5)) + " }",
        *_EITHER,
    ),
    query(
        "product: in FILTER NOT EXISTS",
        f"SELECT * {{ ?s ?p ?o FILTER NOT EXISTS {{ {_product(4)} FILTER(?as = ?bo && ?cs = ?do && ?as = 1) }} }}",
        *_EITHER,
    ),
    query("product: in MINUS", f"SELECT * {{ ?s ?p ?o MINUS {{ {_product(4)} }} }}", *_EITHER),
    query(
        "product: described", f"DESCRIBE ?as {{ {_product(3)} FILTER(?ap != ?bp && ?ao = ?cs && ?ao = 1) }}", *_EITHER
    ),
]

PATHS = [
    query(
        "path: star of a star of a star",
        f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a ((e:knows*)*)* ?b . ?c ((e:next*)*)* ?d }}",
        *_EITHER,
    ),
    query(
        "path: closure of everything, counted",
        "SELECT (COUNT(*) AS ?n) { ?a (!<http://none.example/>)* ?b . ?c (!<http://none.example/>)* ?d }",
        *_EITHER,
    ),
    query("path: both ways", f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a (e:next|^e:next)+ ?b }}", *_EITHER),
    query(
        "path: ways through a clique",
        f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a e:knows/e:knows/e:knows/e:knows/e:knows ?b }}",
        _STOPPED,
    ),
    query("path: chain after chain", f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a e:next+/e:next+/e:next+ ?b }}", *_EITHER),
    query(
        "path: optional steps", f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a {'/'.join(['e:knows?'] * 40)} ?b }}", *_EITHER
    ),
    query(
        "path: no step at all, squared",
        f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a e:none* ?b . ?c e:none* ?d . ?e e:none* ?f }}",
        *_EITHER,
    ),
    query(
        "path: long sequence", f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a {'/'.join(['e:knows'] * 900)} ?b }}", *_EITHER
    ),
    query(
        "path: long alternative under a star",
        f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a ({'|'.join(['e:knows'] * 900)})* ?b }}",
        *_EITHER,
    ),
    query(
        "path: in NOT EXISTS for every pair",
        f"{PREFIX}SELECT * {{ ?a e:value ?x . ?b e:value ?y FILTER NOT EXISTS {{ ?a e:next* ?b }} FILTER(?x > 2990) }}",
        *_EITHER,
        "cut",
        "200",
    ),
    query(
        "path: negated set both ways",
        f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a (!(e:label|^e:text))+ ?b . ?b (!(e:text|^e:label))+ ?c }}",
        *_EITHER,
    ),
]


def _pairs(condition: str) -> str:
    """A condition on the labels of every pair of nodes."""
    return f"{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a e:label ?l . ?b e:label ?m FILTER({condition}) }}"


PATTERNS = [
    query("regex: nested plus", _pairs('!REGEX(?l, "(a+)+$") || !REGEX(?m, "((a+)+)+b")'), _STOPPED),
    query("regex: alternatives that overlap", _pairs('REGEX(CONCAT(STR(?l), STR(?m)), "(a|aa|aaa)+z")'), _STOPPED),
    query(
        "regex: counted repetition of repetitions",
        'SELECT (REGEX("aaaa", "((((a{1,100}){1,100}){1,100}){1,100}){1,100}") AS ?r) {}',
        "200",
    ),
    query("regex: classes of all letters, repeated", 'SELECT (REGEX("aaaa", "(\\\\p{L}{100}){1000}") AS ?r) {}', "200"),
    query("regex: one made for each pair", _pairs('REGEX(?l, CONCAT("(a|b|c)*[a-f]{10}", STR(?b)))'), _STOPPED),
    query(
        "regex: pattern of 50,000 characters",
        f'SELECT (REGEX("aaaa", "{"(a|b)?" * 8000}") AS ?r) {{}}',
        "200",
        _STOPPED,
    ),
    query(
        "regex: thousand wildcards over long texts",
        f'{PREFIX}SELECT (COUNT(*) AS ?n) {{ ?a e:text ?t . ?b e:text ?u FILTER REGEX(CONCAT(?t, ?u), "{".*x?" * 300}y") }}',
        *_EITHER,
        "200",
    ),
    query("regex: not a pattern at all", 'SELECT (REGEX("a", "((((*") AS ?r) {}', "200"),
    query("regex: CONTAINS in every pair", _pairs('CONTAINS(CONCAT(?l, ?m), "zzz")'), _STOPPED),
    query("regex: hashes of every pair", _pairs('STRSTARTS(SHA512(CONCAT(?l, ?m)), "000000000000")'), _STOPPED),
]

SORTS = [
    query("sort: product", f"SELECT * {{ {_product(3)} }} ORDER BY ?ao ?bo ?co", *_EITHER),
    query("sort: at random", f"SELECT * {{ {_product(2)} }} ORDER BY RAND()", *_EITHER),
    query("sort: only the first is wanted", f"SELECT ?ao {{ {_product(3)} }} ORDER BY DESC(?ao) LIMIT 1", *_EITHER),
    query(
        "sort: by five hundred keys", f"SELECT * {{ {_product(2)} }} ORDER BY {'DESC(STR(?ao)) ?bo ' * 250}", *_EITHER
    ),
    query(
        "sort: by long texts",
        f"{PREFIX}SELECT ?k {{ ?a e:text ?t . ?b e:text ?u . ?c e:text ?v BIND(CONCAT(?t, ?u, ?v) AS ?k) }} ORDER BY ?k",
        *_EITHER,
    ),
    query(
        "sort: in sorts",
        f"SELECT * {{ {{ SELECT * {{ {{ SELECT * {{ {_product(2)} }} ORDER BY ?ao }} }} ORDER BY ?bo }} ?x ?y ?z }} ORDER BY ?z",
        *_EITHER,
    ),
]

GROUPS = [
    query("group: GROUP_CONCAT of a product", f"SELECT (GROUP_CONCAT(STR(?ao)) AS ?g) {{ {_product(2)} }}", *_EITHER),
    query(
        "group: GROUP_CONCAT of long texts",
        f"{PREFIX}SELECT (GROUP_CONCAT(?t) AS ?g) {{ ?a e:text ?t . ?b e:value ?v }}",
        *_EITHER,
    ),
    query(
        "group: separator of 50,000 characters",
        f'{PREFIX}SELECT (GROUP_CONCAT(STR(?v) ; SEPARATOR="{"-" * 50_000}") AS ?g) {{ ?b e:value ?v . ?c e:value ?w }}',
        *_EITHER,
    ),
    query(
        "group: GROUP_CONCAT of GROUP_CONCATs",
        f"{PREFIX}SELECT (GROUP_CONCAT(?g) AS ?h) {{ ?x e:value ?y {{ SELECT (GROUP_CONCAT(?l) AS ?g) {{ ?a e:label ?l }} }} }}",
        *_EITHER,
    ),
    query(
        "group: distinct strings of a product",
        f"SELECT (GROUP_CONCAT(DISTINCT CONCAT(STR(?ao), STR(?bo))) AS ?g) {{ {_product(2)} }}",
        *_EITHER,
    ),
    query(
        "group: as many groups as rows",
        f"SELECT ?as ?bs ?ao ?bo (COUNT(*) AS ?n) {{ {_product(2)} }} GROUP BY ?as ?bs ?ao ?bo",
        *_EITHER,
    ),
    query("group: COUNT DISTINCT of a product", f"SELECT (COUNT(DISTINCT *) AS ?n) {{ {_product(2)} }}", *_EITHER),
    query(
        "group: five hundred sums",
        f"{PREFIX}SELECT {' '.join(f'(SUM(?v * {i}) AS ?s{i})' for i in range(500))} {{ ?a e:value ?v . ?b e:value ?w }}",
        *_EITHER,
    ),
    query(
        "group: HAVING over a product",
        f"SELECT ?ao {{ {_product(3)} }} GROUP BY ?ao HAVING(COUNT(DISTINCT ?bo) > 999999999)",
        *_EITHER,
    ),
]

GROWTH = [
    query(
        "growth: a text doubled sixty times",
        'SELECT (STRLEN(?t60) AS ?n) { BIND("0123456789" AS ?t0) ' + _doubled(60, "CONCAT({0}, {0})") + " }",
        *_EITHER,
    ),
    query(
        "growth: REPLACE of each letter by ten",
        'SELECT (STRLEN(?t30) AS ?n) { BIND("aaaaaaaaaa" AS ?t0) '
        + _doubled(30, 'REPLACE({0}, "a", "aaaaaaaaaa")')
        + " }",
        *_EITHER,
    ),
    query(
        "growth: percent of percent, nine hundred times",
        'SELECT (STRLEN(?t40) AS ?n) { BIND("%%%%%%%%%%" AS ?t0) ' + _doubled(900, "ENCODE_FOR_URI({0})") + " }",
        *_EITHER,
        "200",
    ),
    query(
        "growth: doubled in a row of every node",
        f"{PREFIX}SELECT * {{ ?a e:label ?t0 " + _doubled(20, "CONCAT({0}, {0})") + " }",
        *_EITHER,
        "cut",
    ),
    query(
        "growth: quoted triple in quoted triple",
        "SELECT ?t40 { BIND(<http://a.example/> AS ?t0) "
        + _doubled(40, "TRIPLE(<http://a.example/>, <http://a.example/>, {0})")
        + " }",
        "200",
    ),
    query(
        "growth: number to the power of two, sixty times",
        "SELECT ?t60 { BIND(99999999999 AS ?t0) " + _doubled(60, "({0} * {0})") + " }",
        "200",
    ),
    query("growth: decimal of 60,000 digits", f"SELECT (({'9' * 60_000}.0 + 1.0) AS ?n) {{}}", "200", "400 syntax"),
    query(
        "growth: year, exponent and duration beyond all bounds",
        'SELECT * { BIND(YEAR("99999999999999999999-01-01T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>) AS ?y) BIND(1e999999999 * 1e999999999 AS ?e) BIND("P99999999999999999999Y"^^<http://www.w3.org/2001/XMLSchema#duration> + "P1Y"^^<http://www.w3.org/2001/XMLSchema#duration> AS ?d) BIND(1 / 0 AS ?z) BIND(-9223372036854775808 / -1 AS ?i) BIND(SUBSTR("a", -9e99, 9e99) AS ?s) }',
        "200",
    ),
    query(
        "growth: new names for ever",
        f"SELECT (COUNT(DISTINCT ?u) AS ?n) {{ {_product(2)} BIND(STRUUID() AS ?u) }}",
        *_EITHER,
    ),
    query(
        "growth: new blank nodes for ever", f"CONSTRUCT {{ [] ?ap [] , [] , [] }} {{ {_product(3)} }}", *_EITHER, "cut"
    ),
]

CASES: list[Case] = [*PRODUCTS, *PATHS, *PATTERNS, *SORTS, *GROUPS, *GROWTH]
