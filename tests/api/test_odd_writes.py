"""Writes that are rare or go wrong on their way: whole graphs moved, bodies cut off or too large, two at the same time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest

from service.api.listening import listening_socket
from service.api.server import server_for
from service.app import create_app
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE
from service.settings import Settings
from tests.api.endpoint import endpoint, quads_of
from tests.api.test_writes import ANN, Client, serving
from tests.graph.transactions import closure_of, real_quads

UPDATE = {"Content_Type": "application/sparql-update"}


@pytest.fixture(scope="module")
def start() -> list[ox.Quad]:
    return closure_of(real_quads(), claims=5)


@pytest.fixture
async def client(start: list[ox.Quad], tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(start, tmp_path) as opened:
        yield opened


# --- whole graphs ---


@pytest.mark.parametrize(
    ("update", "after"),
    [
        ("MOVE ex:g1 TO ex:g2", 'ex:unnamed ex:p "d" . ex:g2 { ex:a ex:p 1, 2 ; ex:label "un"@fr . }'),
        ("MOVE DEFAULT TO ex:g2", 'ex:g1 { ex:a ex:p 1, 2 ; ex:label "un"@fr . } ex:g2 { ex:unnamed ex:p "d" . }'),
        ("MOVE ex:g2 TO DEFAULT", 'ex:b ex:p 3 . ex:g1 { ex:a ex:p 1, 2 ; ex:label "un"@fr . }'),
        ("MOVE ex:g2 TO ex:g2", None),
        ("COPY ex:g2 TO ex:g1", 'ex:unnamed ex:p "d" . ex:g1 { ex:b ex:p 3 . } ex:g2 { ex:b ex:p 3 . }'),
        (
            "COPY ex:g2 TO DEFAULT",
            'ex:b ex:p 3 . ex:g1 { ex:a ex:p 1, 2 ; ex:label "un"@fr . } ex:g2 { ex:b ex:p 3 . }',
        ),
        (
            "ADD ex:g1 TO ex:g2",
            'ex:unnamed ex:p "d" . ex:g1 { ex:a ex:p 1, 2 ; ex:label "un"@fr . } '
            'ex:g2 { ex:a ex:p 1, 2 ; ex:label "un"@fr . ex:b ex:p 3 . }',
        ),
        ("CLEAR DEFAULT", 'ex:g1 { ex:a ex:p 1, 2 ; ex:label "un"@fr . } ex:g2 { ex:b ex:p 3 . }'),
        ("CLEAR NAMED", 'ex:unnamed ex:p "d" .'),
        ("DROP ALL", ""),
    ],
)
async def test_whole_graphs_are_moved_in_a_plain_dataset(update: str, after: str | None) -> None:
    prefix = "http://example.com/"
    async with endpoint(writable=True) as plain:
        before = set(plain.store.match())
        answer = await plain.post(f"PREFIX ex: <{prefix}> {update}", Content_Type="application/sparql-update")
        assert answer.status_code in (200, 204), answer.text
        expected = before if after is None else set(quads_of(f"@prefix ex: <{prefix}> . {after}"))
        assert set(plain.store.match()) == expected
        dump = await plain.client.get("/sparql", params={"query": "SELECT ?g ?s ?p ?o { GRAPH ?g { ?s ?p ?o } }"})
        named = [quad for quad in expected if isinstance(quad.graph_name, ox.NamedNode)]
        assert len(dump.json()["results"]["bindings"]) == len(named)  # the workers have what the store has


async def test_whole_graphs_are_moved_through_the_gate_where_that_breaks_no_rule(client: Client) -> None:
    async def update(text: str) -> httpx.Response:
        return await client.send("POST", "/sparql", text, **UPDATE)

    ann = 'id:ann-test a marsad:Entity, marsad:Actor, marsad:Person ; skos:prefLabel "Ann Test"@en'
    assert (await update(f"INSERT DATA {{ GRAPH g:one {{ {ann} }} }}")).status_code < 300
    for text, rule in (
        ("COPY g:one TO g:two", "one-graph"),
        ("ADD g:one TO g:two", "one-graph"),
        ("MOVE g:one TO DEFAULT", "graph"),
        ("COPY g:one TO g:direct", "derived"),
        ("CLEAR GRAPH g:catalogue", "derived"),
        ("MOVE g:direct TO g:one", "derived"),
    ):
        refused = await update(text)
        assert refused.status_code == 422, (text, refused.text)
        assert f"Change-{rule}" in {
            v["shape"].rpartition("/")[2].rpartition("#")[2] for v in refused.json()["violations"]
        }
        assert client.version == 1
    assert (await update("MOVE g:one TO g:two")).status_code < 300
    assert await client.ask("GRAPH g:two { id:ann-test a marsad:Person }")
    assert not await client.ask("GRAPH g:one { ?s ?p ?o }")
    for text in ("CLEAR DEFAULT", "DROP SILENT DEFAULT", "COPY DEFAULT TO g:one", "ADD g:one TO g:two"):
        done = await update(text)  # nothing is there
        assert (done.status_code < 300, client.version) == (True, 2), (text, done.text)
    assert (await update("MOVE DEFAULT TO g:two")).status_code < 300  # and so nobody needs what it takes away
    assert not await client.ask("id:ann-test ?p ?o")


async def test_emptying_a_graph_that_others_need_is_refused_as_a_whole(client: Client) -> None:
    before = set(client.context.store.match())
    refused = await client.send("POST", "/sparql", "CLEAR GRAPH g:sources", **UPDATE)
    assert refused.status_code == 422, refused.text
    assert refused.json()["violations"]
    assert set(client.context.store.match()) == before


# --- bodies that do not come, or come too large ---


@asynccontextmanager
async def listening(client: Client) -> AsyncIterator[tuple[str, int]]:
    """The same service on a socket."""
    settings = Settings(port=0)
    with listening_socket(settings) as listener:
        server = server_for(create_app(client.context), settings)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0)
        yield listener.getsockname()[:2]
        server.should_exit = True
        await task


RECORD = json.dumps(ANN).encode()
INSERT = b"INSERT DATA { GRAPH g:entities { id:cut-test a marsad:Entity , marsad:Actor , marsad:Person } }"
TRIPLES = f'<{DEFAULT_BASE}id/cut-test> <{ns.SKOS}prefLabel> "Cut"@en .\n'.encode()
CUT = [
    ("PUT", "/api/v1/entities/cut-test", "application/json", RECORD),
    ("POST", "/api/v1/changes", "application/json", b'{"operations": [{"put": "entities/cut-test", "record": {}}]}'),
    ("POST", "/api/v1/validate", "text/turtle", TRIPLES),
    ("POST", "/sparql", "application/sparql-update", INSERT),
    ("POST", "/sparql", "application/x-www-form-urlencoded", b"update=" + INSERT.replace(b" ", b"+")),
    ("POST", f"/graphs?graph={DEFAULT_BASE}graph/entities", "text/turtle", TRIPLES),
    ("PUT", f"/graphs?graph={DEFAULT_BASE}graph/entities", "application/n-triples", TRIPLES * 2),
]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("method", "path", "kind", "body"), CUT)
async def test_a_body_that_is_cut_off_changes_nothing(
    client: Client, method: str, path: str, kind: str, body: bytes, chunked: bool
) -> None:
    """The part that came would often be a whole: a list of triples is one at every line."""
    before = set(client.context.store.match())
    async with listening(client) as (host, port):
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: Bearer {client.token}\r\n"
        )
        if chunked:
            sent = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n"
        else:
            sent = f"{head}Content-Length: {len(body) + 100}\r\n\r\n".encode() + body
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        await writer.drain()
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5")), answer
    assert (client.version, client.context.store.log.last) == (0, 0)
    assert set(client.context.store.match()) == before


@pytest.mark.parametrize(("method", "path", "kind"), [row[:3] for row in CUT])
async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(
    client: Client, method: str, path: str, kind: str
) -> None:
    """70 MB are announced and 70 kB sent: who waits for the rest never answers."""
    async with listening(client) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: Bearer {client.token}\r\n"
        )
        writer.write(f"{head}Content-Length: 70000000\r\n\r\n".encode() + b"#" * 70_000)
        await writer.drain()
        async with asyncio.timeout(60):
            answer = await reader.readuntil(b"}")
        writer.close()
        status, _, rest = answer.partition(b"\r\n")
        problem = json.loads(rest.partition(b"\r\n\r\n")[2])
        setting = "MARSAD_VALIDATE_BYTES" if path.endswith("validate") else "MARSAD_MAX_BODY_BYTES"
        assert (status.split()[1], problem["status"], problem["setting"]) == (b"413", 413, setting)
        assert str(problem["value"]) in problem["detail"]
    assert client.version == 0


async def test_a_chunked_body_beyond_the_limit_is_refused_before_it_ends(client: Client) -> None:
    async with listening(client) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        head = "POST /api/v1/validate HTTP/1.1\r\nHost: x\r\nContent-Type: text/turtle\r\nTransfer-Encoding: chunked\r\n\r\n"
        size = 2**20 + 1
        writer.write(f"{head}{size:x}\r\n".encode() + b"#" * size + b"\r\n")
        await writer.drain()
        async with asyncio.timeout(60):
            answer = await reader.readuntil(b"}")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 413 ")


# --- two at a time ---


async def test_of_two_bulk_requests_at_once_each_is_made_as_a_whole_or_not_at_all(client: Client) -> None:
    def bulk(who: str) -> dict[str, object]:
        record = ANN | {"label": {"en": f"By {who}"}}
        return {"operations": [{"put": f"entities/shared-{number}", "record": record} for number in range(10)]}

    one, two = await asyncio.gather(
        client.send("POST", "/api/v1/changes", bulk("one")), client.send("POST", "/api/v1/changes", bulk("two"))
    )
    assert sorted(answer.status_code for answer in (one, two)) == [200, 428], (one.text, two.text)
    winner = "one" if one.status_code == 200 else "two"
    rows, _ = await client.rows('SELECT ?l { ?s skos:prefLabel ?l FILTER(STRSTARTS(STR(?l), "By ")) }')
    assert [json.loads(row[0])["value"] for row in rows] == [f"By {winner}"] * 10
    assert client.version == 1
    both = await asyncio.gather(
        *(client.send("POST", "/api/v1/changes", bulk(who), If_Match="*") for who in ("three", "four"))
    )
    assert [answer.status_code for answer in both] == [200, 200]
    rows, _ = await client.rows('SELECT ?l { ?s skos:prefLabel ?l FILTER(STRSTARTS(STR(?l), "By ")) }')
    labels = {json.loads(row[0])["value"] for row in rows}
    assert (len(rows), len(labels), client.version) == (10, 1, 3)


# --- what is told of a change in the graph ---


async def test_every_change_is_an_activity_in_the_catalogue(client: Client) -> None:
    """Whatever the protocol: number, agent, time, message and graphs, the same that the log has; undoing says of what."""
    base = client.context.base
    turtle = f'<{base}id/ann-test> <{ns.SKOS}altLabel> "Annie"@en .'
    sent = [
        await client.send("PUT", "/api/v1/entities/ann-test?message=One", ANN),
        await client.send(
            "POST",
            "/sparql?message=Two",
            'INSERT DATA { GRAPH g:entities { id:ann-test skos:altLabel "A"@en } }',
            **UPDATE,
        ),
        await client.send(
            "POST", f"/graphs?graph={base}graph/entities&message=Three", turtle, Content_Type="text/turtle"
        ),
        await client.send("POST", "/api/v1/changes/3/undo"),
        await client.send("DELETE", "/api/v1/entities/ann-test"),
    ]
    assert [answer.status_code < 300 for answer in sent] == [True] * 5, [answer.text for answer in sent]
    rows, _ = await client.rows(
        "SELECT ?n ?name ?time ?message ?graph ?undone { GRAPH g:catalogue {"
        " ?change a prov:Activity ; dcterms:identifier ?n ; prov:wasAssociatedWith ?who ; prov:endedAtTime ?time ;"
        " prov:influenced ?graph . ?who a prov:Agent ; rdfs:label ?name ."
        " OPTIONAL { ?change dcterms:description ?message } OPTIONAL { ?change prov:wasInformedBy ?undone } } } ORDER BY ?n"
    )
    found = [tuple(None if cell == "null" else json.loads(cell)["value"] for cell in row) for row in rows]
    feed = (await client.http.get("/api/v1/changes")).json()["items"]
    times = {str(item["version"]): item["time"] for item in feed}
    entities = f"{base}graph/entities"
    assert found == [
        ("1", "ann", times["1"], "One", entities, None),
        ("2", "ann", times["2"], "Two", entities, None),
        ("3", "ann", times["3"], "Three", entities, None),
        ("4", "ann", times["4"], "Undo 3", entities, f"{base}change/3"),
        ("5", "ann", times["5"], None, entities, None),
    ]


# --- a fact with parts ---


async def test_a_fact_is_put_in_the_shape_that_reading_gives_also_where_it_has_parts(tmp_path: Path) -> None:
    async with serving(list(real_quads()), tmp_path) as client:
        await _put_back_a_fact_with_parts(client)


async def _put_back_a_fact_with_parts(client: Client) -> None:
    facts = (await client.http.get("/api/v1/documents/d000/facts")).json()["facts"]
    name, parts = next((name, form) for name, form in facts.items() if isinstance(form, list))
    url = f"/api/v1/claims/d000.{name}"
    same = await client.send("PUT", url, parts, If_Match="*")
    assert (same.status_code, client.version) == (200, 0), same.text
    one, *others = parts
    changed = [one | {"modality": "alleged"}, *others]
    body = "\n".join(f"- {json.dumps(part)}" for part in changed)  # YAML holds JSON
    put = await client.send("PUT", url, body, If_Match="*", Content_Type="application/yaml")
    assert (put.status_code, client.version) == (200, 1), put.text
    now = (await client.http.get("/api/v1/documents/d000/facts")).json()["facts"]
    assert sorted(now.pop(name), key=str) == sorted(changed, key=str)
    assert now == {other: form for other, form in facts.items() if other != name}
    operations = {"operations": [{"put": f"claims/d000.{name}", "record": parts}]}
    back = await client.send("POST", "/api/v1/changes", operations, If_Match="*")
    assert (back.status_code, client.version) == (200, 2), back.text
    assert (await client.http.get("/api/v1/documents/d000/facts")).json()["facts"] == facts
    for wrong in ("[]", '["a"]', '"a"', "3"):
        refused = await client.send("PUT", url, wrong, If_Match="*")
        assert refused.status_code == 400, (wrong, refused.text)
    listed = await client.send("PUT", "/api/v1/entities/ann-test", "[]")
    assert listed.status_code == 400, listed.text
    assert client.version == 2
