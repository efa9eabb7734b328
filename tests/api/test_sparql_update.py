"""SPARQL Update and the Graph Store Protocol on a writable dataset: straight to the store, all or nothing."""

from collections.abc import AsyncIterator

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.graph.query import Bounds, plan_update
from service.store.base import Query, Update, read
from tests.api.endpoint import EX, Endpoint, endpoint
from tests.store.conftest import store_of

UPDATE = {"Content-Type": "application/sparql-update"}
TURTLE = {"Content-Type": "text/turtle"}
G1 = f"/graphs?graph={EX}g1"


@pytest.fixture
async def writable() -> AsyncIterator[Endpoint]:
    async with endpoint(writable=True) as opened:
        yield opened


async def everything(opened: Endpoint) -> set[str]:
    """All quads: in the workers and in the database of the service, which must agree."""
    text = "SELECT ?g ?s ?p ?o { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
    data = await read(await opened.store.query(Query(text, results="tsv")))
    asked = {tuple(line.split("\t")) for line in data.decode().splitlines()[1:]}
    held = {
        (
            "" if isinstance(quad.graph_name, ox.DefaultGraph) else str(quad.graph_name),
            *(_short(term) for term in (quad.subject, quad.predicate, quad.object)),
        )
        for quad in opened.store.match()
    }
    assert asked == held
    return {" ".join(row) for row in asked}


def _short(term: object) -> str:
    """A term as TSV has it: integers bare."""
    integer = "^^<http://www.w3.org/2001/XMLSchema#integer>"
    return str(term).removesuffix(integer).strip('"') if str(term).endswith(integer) else str(term)


async def test_an_update_is_sent_as_a_form_or_as_it_is(writable):
    before = await everything(writable)
    first = await writable.client.post("/sparql", content="INSERT DATA { <a:a> <a:b> 1 }", headers=UPDATE)
    second = await writable.client.post("/sparql", data={"update": "INSERT DATA { <a:a> <a:b> 2 }"})
    assert (first.status_code, second.status_code) == (204, 204)
    assert await everything(writable) - before == {" <a:a> <a:b> 1", " <a:a> <a:b> 2"}


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("INSERT DATA { <a:a> <a:b> ", 400, "syntax"),
        ("INSERT DATA { <a:a> <a:b> ?x }", 400, "syntax"),
        ("INSERT DATA { <a:a> <a:b> 1 } ; DELETE DATA { _:x <a:b> 1 }", 400, "syntax"),
        ("LOAD <http://127.0.0.1:1/data.ttl>", 403, "remote-access"),
        ("INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", 403, "remote-access"),
        ("SELECT * { ?s ?p ?o }", 400, "syntax"),
    ],
)
async def test_an_update_that_is_refused_leaves_no_trace(writable, text, status, kind):
    before = await everything(writable)
    answer = await writable.client.post("/sparql", content=text, headers=UPDATE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, kind)
    assert (await everything(writable), writable.store.version) == (before, 0)


async def test_an_update_that_takes_too_long_or_too_much_leaves_no_trace():
    async with endpoint(writable=True, worker_memory=300 * 2**20) as opened:
        values = " ".join(map(str, range(300)))
        text = f"INSERT {{ ?a <a:b> ?b }} WHERE {{ VALUES ?a {{ {values} }} VALUES ?b {{ {values} }} VALUES ?c {{ {values} }} }}"
        text = (
            text.replace("?a <a:b>", "<a:a> <a:b>")
            .replace("{ <a:a>", "{ ?a <a:p> ?c . <a:a>")
            .replace("?a <a:p>", "<a:x> <a:p>")
        )
        answer = await opened.client.post("/sparql?timeout=0.3", content=text, headers=UPDATE)
        assert answer.status_code == 504
        assert opened.store.version == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Host": "rebound.example:8000"},
    ],
)
async def test_a_page_of_another_site_changes_nothing(writable, headers):
    for answer in (
        await writable.client.post("/sparql", data={"update": "DROP ALL"}, headers=headers),
        await writable.client.delete(G1, headers=headers),
        await writable.client.put(G1, content="", headers=TURTLE | headers),
    ):
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "cross-site")
    assert writable.store.version == 0


async def test_an_endpoint_that_is_not_writable_takes_no_change():
    async with endpoint() as opened:
        for answer in (
            await opened.client.post("/sparql", content="DROP ALL", headers=UPDATE),
            await opened.client.put(G1, content="", headers=TURTLE),
            await opened.client.post(G1, content="", headers=TURTLE),
            await opened.client.delete(G1),
        ):
            assert answer.status_code == 403
        assert (await opened.client.get(G1)).status_code == 200


async def test_the_dataset_of_an_update_can_be_a_parameter(writable):
    text = "INSERT { <a:found> <a:in> ?o } WHERE { ?s ?p ?o }"
    answer = await writable.client.post(f"/sparql?using-graph-uri={EX}g2", content=text, headers=UPDATE)
    assert answer.status_code == 204
    assert " <a:found> <a:in> 3" in await everything(writable)
    conflict = f"INSERT {{ <a:b> <a:c> 1 }} USING <{EX}g1> WHERE {{ ?s ?p ?o }}"
    answer = await writable.client.post(f"/sparql?using-graph-uri={EX}g2", content=conflict, headers=UPDATE)
    assert answer.status_code == 400


# --- the Graph Store Protocol ---


async def test_a_graph_is_put_read_extended_and_deleted(writable):
    url = f"/graphs?graph={EX}new"
    assert (await writable.client.get(url)).status_code == 404
    assert (await writable.client.put(url, content="<a:a> <a:b> 1 .", headers=TURTLE)).status_code == 201
    assert (await writable.client.put(url, content="<a:a> <a:b> 2 .", headers=TURTLE)).status_code == 204
    assert (await writable.client.post(url, content="<a:a> <a:b> 3 .", headers=TURTLE)).status_code == 204
    answer = await writable.client.get(url, headers={"Accept": "application/n-triples"})
    assert {quad.object.value for quad in ox.parse(answer.content, ox.RdfFormat.N_TRIPLES)} == {"2", "3"}
    head = await writable.client.head(url, headers={"Accept": "application/n-triples"})
    assert (head.headers["content-type"], head.content) == ("application/n-triples", b"")
    assert (await writable.client.delete(url)).status_code == 204
    assert (await writable.client.delete(url)).status_code == 404
    assert (await writable.client.head(url)).status_code == 404


async def test_the_unnamed_graph_is_always_there(writable):
    assert (await writable.client.put("/graphs?default", content="", headers=TURTLE)).status_code == 204
    assert (await writable.client.get("/graphs?default")).status_code == 200
    assert not any(row.startswith(" ") for row in await everything(writable))


async def test_a_graph_can_be_named_by_its_url(writable):
    assert (await writable.client.put("/graphs/person/1", content="<> <a:b> <x> .", headers=TURTLE)).status_code == 201
    base = f"http://{writable.host}:{writable.port}/graphs/person/"
    assert f"<{base}1> <{base}1> <a:b> <{base}x>" in await everything(writable)


async def test_posting_to_the_store_makes_a_graph_and_says_where(writable):
    answer = await writable.client.post("/graphs", content="<a:a> <a:b> 1 .", headers=TURTLE)
    assert answer.status_code == 201
    assert (await writable.client.get(answer.headers["location"])).status_code == 200


async def test_a_form_with_files_extends_a_graph(writable):
    files = [
        ("file", ("one.ttl", b"<a:a> <a:b> 1 .", "text/turtle")),
        ("file", ("two.nt", b"<a:a> <a:b> <a:\xc3\xa9> .", "application/octet-stream")),
    ]
    assert (await writable.client.post(f"/graphs?graph={EX}new", files=files)).status_code == 201
    assert {f"<{EX}new> <a:a> <a:b> 1", f"<{EX}new> <a:a> <a:b> <a:é>"} <= await everything(writable)


@pytest.mark.parametrize(
    ("url", "content", "headers", "status"),
    [
        (G1, "<a:a> <a:b>", TURTLE, 400),
        (G1, "<a:a> <a:b> 1 .", {"Content-Type": "text/plain"}, 415),
        (G1, "<a:a> <a:b> 1 .", {}, 415),
        ("/graphs", "<a:a> <a:b> 1 .", TURTLE, 400),
        ("/graphs?default&graph=a:b", "", TURTLE, 400),
        ("/graphs?graph=relative", "", TURTLE, 400),
        (G1, "<a:g> { <a:a> <a:b> 1 }", {"Content-Type": "application/trig"}, 400),
        (
            G1,
            '{"@context": "http://127.0.0.1:1/c.jsonld", "@id": "a:b", "x": 1}',
            {"Content-Type": "application/ld+json"},
            400,
        ),
        (
            G1,
            '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r>&x;</r>',
            {"Content-Type": "application/rdf+xml"},
            400,
        ),
    ],
)
async def test_what_cannot_be_stored_is_refused_and_leaves_no_trace(writable, url, content, headers, status):
    answer = await writable.client.put(url, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert writable.store.version == 0


async def test_a_body_that_is_too_large_says_so():
    async with endpoint(writable=True, max_body_bytes=1000) as opened:
        answer = await opened.client.put(G1, content=b"#" * 1001, headers=TURTLE)
        assert (answer.status_code, answer.json()["setting"]) == (413, "MARSAD_MAX_BODY_BYTES")

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"#" * 100

        answer = await opened.client.put(G1, content=parts(), headers=TURTLE)
        assert answer.status_code == 413


async def test_other_methods_are_405_and_say_which_there_are(writable):
    answer = await writable.client.request("PATCH", G1)
    assert answer.status_code == 405
    assert "PUT" in answer.headers["allow"]


# --- the delta: each way of finding it equals the comparison of the whole store ---

_TERMS = ["<http://e/a>", "<http://e/b>", "1", '"x"@en']
_graph = st.sampled_from(["", "<http://e/g1>", "<http://e/g2>"])
_triple = st.tuples(st.sampled_from(_TERMS[:2]), st.just("<http://e/p>"), st.sampled_from(_TERMS)).map(" ".join)


def _in_graph(name: str, triple: str) -> str:
    return f"GRAPH {name} {{ {triple} }}" if name else triple


_data = st.lists(st.tuples(_graph, _triple), max_size=3).map(
    lambda rows: " ".join(_in_graph(*row) + (" . " if not row[0] else " ") for row in rows)
)
_operation = st.one_of(
    _data.map(lambda data: f"INSERT DATA {{ {data} }}"),
    _data.map(lambda data: f"DELETE DATA {{ {data} }}"),
    st.tuples(_graph, _triple).map(lambda row: f"DELETE WHERE {{ {_in_graph(row[0], '?s ?p ?o')} }}"),
    st.tuples(_graph, _graph).map(
        lambda row: (
            f"INSERT {{ {_in_graph(row[0], '?o0 ?p ?s')} }} WHERE {{ {_in_graph(row[1], '?s ?p ?o0')} FILTER(ISIRI(?o0)) }}"
        )
    ),
    st.sampled_from(["<http://e/g1>", "<http://e/g2>"]).map(
        lambda name: f"WITH {name} DELETE {{ ?s ?p 1 }} INSERT {{ ?s ?p 2 }} WHERE {{ ?s ?p 1 }}"
    ),
    st.sampled_from(["CLEAR DEFAULT", "DROP SILENT GRAPH <http://e/g1>", "CLEAR ALL", "DROP NAMED"]),
    st.sampled_from(
        [
            "COPY DEFAULT TO <http://e/g1>",
            "MOVE SILENT <http://e/g1> TO DEFAULT",
            "ADD SILENT <http://e/g2> TO <http://e/g1>",
        ]
    ),
    st.just("CREATE SILENT GRAPH <http://e/g2>"),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_operation, min_size=1, max_size=3).map(" ;\n".join), min_size=1, max_size=6))
def test_planned_updates_change_what_the_whole_comparison_says(texts):
    import asyncio

    bounds = Bounds(max_bytes=65536, max_nesting=64, max_chain=1000)

    async def run() -> None:
        model = ox.Store()
        async with store_of([], workers=1) as store:
            for text in texts:
                planned = await store.propose(plan_update(text, bounds))
                compared = await store.propose(Update(text))
                assert set(planned.added) == set(compared.added), text
                assert set(planned.removed) == set(compared.removed), text
                await store.apply(planned)
                model.update(text)
                assert set(store.match()) == set(model), text

    asyncio.run(run())
