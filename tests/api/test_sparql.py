"""`/sparql`: the SPARQL 1.1 Protocol for queries, the formats of answers, and what is refused."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest
import pytest_asyncio

from tests.api.endpoint import EX, Endpoint, endpoint, quads_of

ALL = "SELECT ?o { ?s ?p ?o }"
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n1 ?o . ?q ?r ?t }"
MANY = quads_of("@prefix : <http://example.com/> . " + " ".join(f":s :p {number} ." for number in range(60)))


# One endpoint for all tests that change nothing: a process starts for each, and takes a third of a second.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[Endpoint]:
    async with endpoint() as opened:
        yield opened


async def test_the_three_ways_to_send_a_query_and_the_new_method_answer_alike(plain):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    direct = {"Content-Type": "application/sparql-query"}
    answers = [
        await plain.ask(ALL),
        await plain.client.post("/sparql", content=urlencode({"query": ALL}), headers=form),
        await plain.client.post("/sparql", content=ALL, headers=direct),
        await plain.client.request("QUERY", "/sparql", content=ALL, headers=direct),
        await plain.client.request("QUERY", "/sparql", content=urlencode({"query": ALL}), headers=form),
        await plain.client.get("/sparql/", params={"query": ALL}),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["results"]["bindings"] == [{"o": {"type": "literal", "value": "d"}}]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/sparql-results+json"),
        ("*/*", "application/sparql-results+json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/xml;q=0.5, text/csv;q=0.4", "application/xml"),
        ("text/*", "text/csv; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"),
    ],
)
async def test_select_answers_in_the_format_wanted_most(plain, accept, content_type):
    answer = await plain.client.get("/sparql", params={"query": ALL}, headers={"Accept": accept} if accept else {})
    assert answer.headers["content-type"] == content_type
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/turtle", ox.RdfFormat.TURTLE),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/n-quads", ox.RdfFormat.N_QUADS),
        ("application/trig", ox.RdfFormat.TRIG),
        ("application/ld+json", ox.RdfFormat.JSON_LD),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
    ],
)
async def test_construct_answers_in_every_syntax(plain, accept, form):
    answer = await plain.client.get(
        "/sparql",
        params={"query": f"CONSTRUCT {{ ?s ?p ?o }} {{ GRAPH <{EX}g1> {{ ?s ?p ?o }} }}"},
        headers={"Accept": accept},
    )
    assert answer.headers["content-type"].split(";")[0] == accept
    assert {str(quad.object) for quad in ox.parse(answer.content, form)} == {
        '"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
        '"2"^^<http://www.w3.org/2001/XMLSchema#integer>',
        '"un"@fr',
    }


async def test_a_format_that_there_is_not_is_406_and_lists_those_there_are(plain):
    for accept, text in (
        ("image/png", ALL),
        ("text/turtle", ALL),
        ("text/turtle", "ASK {}"),
        ("text/csv", "DESCRIBE <a:b>"),
    ):
        answer = await plain.client.get("/sparql", params={"query": text}, headers={"Accept": accept})
        assert answer.status_code == 406, (accept, text)
        assert answer.json()["available"]


@pytest.mark.parametrize(
    ("name", "content_type"), [("csv", "text/csv"), ("text/csv", "text/csv"), ("xml", "application/sparql-results+xml")]
)
async def test_the_format_can_be_a_parameter_and_then_counts_more_than_accept(plain, name, content_type):
    for parameter in ("format", "output"):
        answer = await plain.client.get(
            "/sparql", params={"query": ALL, parameter: name}, headers={"Accept": "application/json"}
        )
        assert answer.headers["content-type"].split(";")[0] == content_type


@pytest.mark.parametrize("media_type", ["text/csv", "text/tab-separated-values"])
async def test_ask_is_one_word_in_the_formats_that_are_tables(plain, media_type):
    yes = await plain.post("ASK { ?s ?p 'd' }", Accept=media_type)
    assert (yes.headers["content-type"], yes.content) == (f"{media_type}; charset=utf-8", b"true")
    no = await plain.post("ASK { ?s ?p 'not here' }", Accept=media_type)
    assert no.content == b"false"


async def test_ask_and_describe(plain):
    assert (await plain.ask("ASK { ?s ?p 'd' }")).json()["boolean"] is True
    answer = await plain.ask(f"DESCRIBE <{EX}unnamed>")
    assert answer.headers["content-type"] == "text/turtle; charset=utf-8"
    assert len(list(ox.parse(answer.content, ox.RdfFormat.TURTLE))) == 1


# --- the dataset ---


async def values(opened: Endpoint, text: str = ALL, **options: object) -> set[str]:
    answer = await opened.client.get("/sparql", params={"query": text, "format": "csv", **options})
    assert answer.status_code == 200, answer.text
    return set(answer.text.split()[1:])


async def test_the_default_graph_is_the_unnamed_one_or_the_union_as_the_setting_says():
    async with endpoint() as opened:
        assert await values(opened) == {"d"}
    async with endpoint(default_graph="union") as opened:
        assert await values(opened) == {"d", "1", "2", "un", "3"}


@pytest.mark.parametrize("default_graph", ["default", "union"])
async def test_from_and_the_parameters_of_the_protocol_choose_the_dataset(default_graph):
    async with endpoint(default_graph=default_graph) as opened:
        g1, g2 = EX + "g1", EX + "g2"
        assert await values(opened, f"SELECT ?o FROM <{g2}> {{ ?s ?p ?o }}") == {"3"}
        assert await values(opened, f"SELECT ?o FROM <{g1}> FROM <{g2}> {{ ?s ?p ?o }}") == {"1", "2", "un", "3"}
        assert await values(opened, f"SELECT ?o FROM NAMED <{g2}> {{ ?s ?p ?o }}") == set()
        assert await values(opened, f"SELECT ?o FROM NAMED <{g2}> {{ GRAPH ?g {{ ?s ?p ?o }} }}") == {"3"}
        assert await values(opened, **{"default-graph-uri": g2}) == {"3"}
        assert await values(opened, **{"default-graph-uri": [g1, g2]}) == {"1", "2", "un", "3"}
        inside = "SELECT ?o { GRAPH ?g { ?s ?p ?o } }"
        assert await values(opened, inside, **{"named-graph-uri": g2}) == {"3"}
        assert await values(opened, inside, **{"default-graph-uri": g2}) == set()
        # The dataset of the protocol replaces the one of the text. SPARQL 1.1 Protocol, section 2.1.4.
        assert await values(opened, f"SELECT ?o FROM <{g1}> {{ ?s ?p ?o }}", **{"default-graph-uri": g2}) == {"3"}


@pytest.mark.parametrize("graph", [EX + "missing", "http://127.0.0.1:1/data.ttl", "file:///etc/hostname"])
async def test_a_graph_that_is_not_here_is_refused_by_name_and_never_fetched(plain, graph):
    for answer in (
        await plain.ask(f"SELECT * FROM <{graph}> {{ ?s ?p ?o }}"),
        await plain.ask(f"SELECT * FROM NAMED <{graph}> {{ ?s ?p ?o }}"),
        await plain.ask(ALL, **{"default-graph-uri": graph}),
        await plain.ask(ALL, **{"named-graph-uri": graph}),
    ):
        assert answer.status_code == 400
        assert answer.json()["type"].endswith("/unknown-graph")
        assert graph in answer.json()["detail"]


async def test_the_prefixes_of_the_project_need_no_declaration_and_do_not_move_the_place_of_an_error():
    async with endpoint(prefixes={"ex": EX}) as opened:
        assert await values(opened, "SELECT ?o { ex:unnamed ?p ?o }") == {"d"}
        problem = (await opened.ask("SELECT ?o {\n ex:unnamed ? }")).json()
        assert problem["line"] == 2
        turtle = await opened.ask("CONSTRUCT WHERE { ?s ?p ?o }")
        assert "ex:unnamed ex:p" in turtle.text


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "line", "column", "token"),
    [
        ("SELECT * WHERE {\n  ?s foaf:name ?o }", 2, 6, "foaf:name"),
        ("SELECT * WHERE { ?s ?p 'open }", 1, 24, "'"),
        ("SELECT * WHERE {\n { ?s ?p ?o }", 1, 16, "{"),
        ("SELECT * WHERE { ?s ?p ?o )", 1, 27, ")"),
        ("SELECT ?x WHERE ?s", 1, 17, "?s"),
        ("SELEC * { ?s ?p ?o }", 1, 1, "SELEC"),
        ("SELECT * { ?s ?p ?o } LIMIT ten", 1, 29, "ten"),
        ("SELECT * { 'é' ?p \x00 }", 1, 19, "\x00"),
    ],
)
async def test_a_syntax_error_says_line_column_and_token(plain, text, line, column, token):
    answer = await plain.ask(text)
    problem = answer.json()
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"].endswith("/syntax")
    assert (problem["line"], problem["column"], problem["token"]) == (line, column, token)


async def test_an_unknown_function_is_400_and_named(plain):
    answer = await plain.ask(f"SELECT (<{EX}f>(1) AS ?x) {{}}")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "unknown-function")
    assert f"{EX}f" in answer.json()["detail"]


@pytest.mark.parametrize(
    "text", ["SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "ASK{service silent ?x{}}"]
)
async def test_service_is_403_and_says_where_it_stands(plain, text):
    answer = await plain.ask(text)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "remote-access")
    assert answer.json()["token"].upper() == "SERVICE"


async def test_words_in_strings_iris_comments_and_names_are_not_keywords(plain):
    for text in (
        "ASK { ?s ?p 'SERVICE <http://127.0.0.1/> {}' }",
        "ASK { ?s <http://example.com/SERVICE> ?o } # SERVICE <http://127.0.0.1/> {}",
        'ASK { ?SERVICE ?p """ SERVICE "quoted" """ }',
        "PREFIX service: <http://example.com/> ASK { service:LOAD ?p ?o }",
    ):
        assert (await plain.ask(text)).status_code == 200, text


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("SELECT * " + "{" * 65 + "}" * 65, "MARSAD_MAX_NESTING"),
        ("ASK { FILTER(" + "(" * 64 + "1" + ")" * 64 + ") }", "MARSAD_MAX_NESTING"),
        ("ASK { FILTER(" + "+".join("1" * 1003) + ") }", "MARSAD_MAX_CHAIN"),
        ("ASK { FILTER(" + "!" * 1002 + "1) }", "MARSAD_MAX_CHAIN"),
        ("ASK { " + "UNION".join(["{}"] * 1003) + " }", "MARSAD_MAX_CHAIN"),
        ("ASK { ?s ?p '" + "x" * 70_000 + "' }", "MARSAD_MAX_QUERY_BYTES"),
    ],
)
async def test_what_is_too_large_says_which_limit_and_which_setting(plain, text, setting):
    answer = await plain.post(text)
    assert answer.status_code == 413
    assert answer.json()["setting"] == setting
    assert answer.json()["value"] > 0


async def test_lists_of_values_are_no_chains(plain):
    numbers = " ".join(str(-number) for number in range(5000))
    assert (await plain.post(f"SELECT * {{ VALUES ?x {{ {numbers} }} }}")).status_code in (200, 413)
    assert (await plain.post("ASK { FILTER(1 IN (" + ",".join(["2"] * 5000) + ")) }")).status_code == 200


@pytest.mark.parametrize(
    ("method", "options", "status"),
    [
        ("POST", {"content": "query=ASK{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", {"content": "ASK{}"}, 415),
        ("POST", {"content": b"ASK{\xff}", "headers": {"Content-Type": "application/sparql-query"}}, 400),
        ("POST", {"content": "a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        (
            "POST",
            {"content": "x", "headers": {"Content-Type": "application/sparql-query", "Content-Encoding": "gzip"}},
            415,
        ),
        ("POST", {"content": "ASK {}", "headers": {"Content-Type": "application/sparql-update"}}, 403),
        ("GET", {"params": {"update": "DROP ALL"}}, 400),
        ("GET", {"params": [("query", "ASK{}"), ("query", "ASK{}")]}, 400),
        ("GET", {"params": {"query": "DROP ALL"}}, 400),
        ("GET", {"params": {"query": "ASK{}", "timeout": "soon"}}, 400),
        ("GET", {"params": {"query": "ASK{}", "timeout": "-1"}}, 400),
        ("GET", {"params": {"query": "ASK{}", "default-graph-uri": "relative"}}, 400),
        ("GET", {"params": {"query": "ASK{}", "format": "nonsense"}}, 406),
        ("PUT", {}, 405),
        ("PATCH", {}, 405),
        ("GET", {"params": {"query": "ASK{}"}, "headers": {"Marsad-Query-Id": "x"}}, 400),
    ],
)
async def test_wrong_requests_get_the_right_status_and_a_problem(plain, method, options, status):
    answer = await plain.client.request(method, "/sparql", **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["status"] == status


async def test_unknown_parameters_are_ignored_and_named(plain):
    answer = await plain.ask("ASK {}", debug="1", **{"söme\n": "2"})
    assert answer.status_code == 200
    assert answer.headers["marsad-ignored-parameters"] == "debug, s%C3%B6me%0A"


# --- HEAD, OPTIONS, CORS, caching ---


async def test_head_has_the_headers_of_get_and_no_body(plain):
    head, get = await plain.client.head("/sparql", params={"query": ALL}), await plain.ask(ALL)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "vary"):
        assert head.headers[name] == get.headers[name]


async def test_options_and_answers_are_open_to_pages_of_other_sites(plain):
    answer = await plain.client.options("/sparql", headers={"Origin": "https://page.example"})
    assert answer.status_code == 204
    assert "QUERY" in answer.headers["allow"]
    assert "Marsad-Query-Id" in answer.headers["access-control-allow-headers"]
    for other in (answer, await plain.ask(ALL), await plain.ask("SELECT")):
        assert other.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in other.headers
    assert "Marsad-Query-Id" in (await plain.ask(ALL)).headers["access-control-expose-headers"]


async def test_an_answer_has_a_weak_etag_that_a_change_of_the_graph_ends():
    async with endpoint(writable=True) as opened:
        first = await opened.ask(ALL)
        etag = first.headers["etag"]
        assert etag.startswith('W/"')
        for known in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
            again = await opened.client.get("/sparql", params={"query": ALL}, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
        assert (await opened.ask(ALL, format="csv")).headers["etag"] != etag
        await opened.client.post(
            "/sparql", content="INSERT DATA { <a:b> <a:c> 9 }", headers={"Content-Type": "application/sparql-update"}
        )
        after = await opened.client.get("/sparql", params={"query": ALL}, headers={"If-None-Match": etag})
        assert after.status_code == 200
        assert {row["o"]["value"] for row in after.json()["results"]["bindings"]} == {"d", "9"}


async def test_the_same_question_is_answered_from_the_cache_until_the_graph_changes(plain):
    await plain.ask("ASK {}")
    before = plain.store.status().counts["started"]
    first, second = await plain.ask(ALL + " # once"), await plain.post(ALL + " # once")
    assert first.content == second.content
    assert plain.store.status().counts["started"] == before + 1
    # One that differs each time is neither cached nor validated.
    for _ in range(2):
        answer = await plain.ask("SELECT (RAND() AS ?r) {}")
        assert "etag" not in answer.headers
    assert plain.store.status().counts["started"] == before + 3


async def test_gzip_is_sent_to_those_who_take_it_when_it_is_worth_it():
    async with endpoint(MANY) as opened:
        small = await opened.client.get("/sparql", params={"query": "ASK {}"}, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in small.headers
        for text in ("SELECT ?o ?s { ?s ?p ?o }", "SELECT * { ?s ?p ?o . ?a ?b ?c }"):
            plain_answer = await opened.ask(text)
            for _ in range(2):
                raw = await opened.raw(
                    f"GET /sparql?{urlencode({'query': text})} HTTP/1.1\r\nHost: localhost\r\n"
                    "Accept-Encoding: br, gzip;q=0.8\r\nConnection: close\r\n\r\n".encode()
                )
                head, _, body = raw.partition(b"\r\n\r\n")
                assert b"content-encoding: gzip" in head
                body = _unchunked(body) if b"chunked" in head else body
                assert sorted(gzip.decompress(body)) == sorted(plain_answer.content)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            return whole
        whole, body = whole + body[:count], body[count + 2 :]


# --- deadlines, cancelling, clients that go ---


async def test_a_query_past_its_deadline_is_504_with_the_limit(plain):
    async with endpoint(MANY) as opened:
        answer = await opened.ask(ENDLESS, timeout="0.2")
        assert answer.status_code == 504
        problem = answer.json()
        assert (problem["value"], problem["setting"]) == (0.2, "MARSAD_DEADLINE")
        assert (await opened.ask("ASK {}")).status_code == 200


async def test_the_memory_limit_is_507_with_the_limit():
    async with endpoint(MANY, worker_memory=300 * 2**20) as opened:
        answer = await opened.ask("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l } ORDER BY ?c ?f")
        assert (answer.status_code, answer.json()["setting"]) == (507, "MARSAD_WORKER_MEMORY")


async def at_work(opened):
    """Return when a worker has a query; fail rather than wait for ever."""
    async with asyncio.timeout(30):
        while not opened.store.status().busy:
            await asyncio.sleep(0.01)


async def test_a_full_queue_is_503_with_a_time_to_come_back():
    async with endpoint(MANY, workers=1, queue=0) as opened:
        task = asyncio.create_task(opened.ask(ENDLESS, timeout="5"))
        await at_work(opened)
        answer = await opened.ask("ASK {}", nothing="x")
        assert (answer.status_code, answer.json()["setting"]) == (503, "MARSAD_QUEUE")
        assert int(answer.headers["retry-after"]) > 0
        task.cancel()


async def test_a_query_can_be_cancelled_by_the_id_its_client_gave_it():
    async with endpoint(MANY) as opened:
        sent = {"Marsad-Query-Id": "my-own-query-0001"}
        task = asyncio.create_task(opened.client.get("/sparql", params={"query": ENDLESS}, headers=sent))
        await at_work(opened)
        assert (await opened.client.delete("/queries/my-own-query-0001")).status_code == 204
        assert (await task).status_code == 409
        assert (await opened.client.delete("/queries/my-own-query-0001")).status_code == 404


async def test_the_id_comes_before_the_body_and_cancels_a_long_answer():
    async with endpoint(MANY) as opened:
        reader, writer = await asyncio.open_connection(opened.host, opened.port)
        query = urlencode({"query": "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }", "format": "csv"})
        writer.write(f"GET /sparql?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        query_id = next(line for line in head.splitlines() if line.startswith("marsad-query-id: ")).split(": ")[1]
        assert (await opened.client.delete(f"/queries/{query_id}")).status_code == 204
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_a_client_that_goes_away_stops_its_query():
    async with endpoint(MANY, workers=1) as opened:
        for text in (ENDLESS, "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"):
            _, writer = await asyncio.open_connection(opened.host, opened.port)
            writer.write(f"GET /sparql?{urlencode({'query': text})} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await at_work(opened)
            writer.transport.abort()
            # The only worker is free again long before the deadline of 30 s.
            async with asyncio.timeout(5):
                assert (await opened.ask("ASK { ?x ?y ?z }")).status_code == 200


# --- the endpoint says what it is ---


async def test_the_service_description_is_at_the_endpoints_own_url(plain):
    answer = await plain.client.get("/sparql", headers={"Accept": "application/n-triples"})
    triples = {quad.triple for quad in ox.parse(answer.content, ox.RdfFormat.N_TRIPLES)}
    sd = "http://www.w3.org/ns/sparql-service-description#"
    service = ox.NamedNode(f"http://{plain.host}:{plain.port}/sparql")
    assert ox.Triple(service, ox.NamedNode(sd + "endpoint"), service) in triples
    names = {triple.object for triple in triples if triple.predicate.value == sd + "name"}
    assert names == {ox.NamedNode(EX + "g1"), ox.NamedNode(EX + "g2")}
    assert (await plain.client.get("/sparql")).headers["content-type"] == "text/turtle; charset=utf-8"
    again = await plain.client.get(
        "/sparql", headers={"If-None-Match": (await plain.client.get("/sparql")).headers["etag"]}
    )
    assert again.status_code == 304


async def test_a_browser_gets_a_page(plain):
    answer = await plain.client.get("/sparql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_host_header_that_is_no_name_does_no_harm(plain):
    answer = await plain.raw(b"GET /sparql HTTP/1.1\r\nHost: a b<>\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    answer = await plain.raw(
        b"GET /sparql?query=ASK%7B%3Ca%3E%20?p%20?o%7D HTTP/1.1\r\nHost: a b<>\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400")


async def test_health_and_metrics(plain):
    assert (await plain.client.get("/healthz")).json() == {"status": "alive"}
    assert (await plain.client.get("/readyz")).json()["status"] == "ready"
    await plain.ask(ALL)
    metrics = (await plain.client.get("/metrics")).text
    assert 'marsad_queries_total{outcome="started"} ' in metrics
    assert "marsad_ready 1\n" in metrics
    assert (await plain.client.head("/healthz")).status_code == 200
    assert (await plain.client.post("/healthz")).status_code == 405
    assert (await plain.client.get("/nothing")).json()["status"] == 404


async def test_what_nobody_foresaw_is_500_with_a_number_and_without_its_text(plain, monkeypatch, caplog):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret inner state")

    monkeypatch.setattr(plain.store, "query", fail)
    answer = await plain.ask("BASE <urn:a> ASK { ?is ?read ?each_time }")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["request"] in caplog.text
    assert json.loads(answer.text)["type"].endswith("/unforeseen")
