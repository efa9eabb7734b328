"""Writing over HTTP: every protocol needs a key and passes the gate; history, dry runs and earlier versions."""

import asyncio
import json
import random
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pyoxigraph as ox
import pytest

from service.api.context import Context
from service.api.versions import Versions
from service.app import create_app, open_index
from service.errors import QueueFull
from service.graph.changes import Changes
from service.graph.forms import Forms
from service.graph.gate import exact
from service.graph.keys import Keys
from service.graph.ontology import read_ontology
from service.graph.questions import questions
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import prefixes
from service.settings import Settings
from service.store.embedded import open_store
from tests.graph.transactions import DIRECT_GRAPH, ONTOLOGY, Maker, closure_of, make_gate, real_quads

ANN = {"type": "Person", "label": {"en": "Ann Test", "fr": "Anne Test"}}


@dataclass
class Client:
    """A client with a key of the scope write."""

    http: httpx.AsyncClient
    context: Context
    token: str
    reader: str

    async def send(self, method: str, url: str, value: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        content = None if value is None else value if isinstance(value, str | bytes) else json.dumps(value)
        if content is not None and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        return await self.http.request(method, url, content=content, headers=sent)

    async def ask(self, text: str, **parameters: str) -> bool:
        answer = await self.http.get("/sparql", params={"query": f"ASK {{ {text} }}", **parameters})
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["boolean"])

    async def rows(self, text: str, **parameters: str) -> tuple[list[tuple[str, ...]], bytes]:
        """The rows of a query in their order, and the bytes of the answer."""
        answer = await self.http.get("/sparql", params={"query": text, **parameters})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        if "boolean" in found:
            return [(str(found["boolean"]),)], answer.content
        names = found["head"]["vars"]
        rows = [tuple(json.dumps(row.get(name)) for name in names) for row in found["results"]["bindings"]]
        return rows, answer.content

    @property
    def version(self) -> int:
        return self.context.store.version


@pytest.fixture(scope="module")
def start() -> list[ox.Quad]:
    return closure_of(real_quads(), claims=60)


@pytest.fixture
async def client(start: list[ox.Quad], tmp_path: Path) -> AsyncIterator[Client]:
    """A service over a part of the real graph: the whole takes seconds to open."""
    async with serving(start, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def serving(start: list[ox.Quad], tmp_path: Path) -> AsyncIterator[Client]:
    keys = Keys(tmp_path)
    token, reader = keys.new("ann", "write"), keys.new("bob", "read")
    settings, known = Settings(home=tmp_path, workers=2), prefixes(DEFAULT_BASE)
    store = open_store(settings, content=lambda: start, prefixes=known)
    async with store:
        changes = Changes(store, make_gate, base=DEFAULT_BASE, questions=questions(ONTOLOGY))
        forms = Forms(read_ontology(ONTOLOGY, base=DEFAULT_BASE))
        context = Context(settings, store, open_index(store, None, settings), None, {}, {}, changes, keys, forms)
        transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as http:
            yield Client(http, context, token, reader)
        for close in context.closing:
            await close()
        changes.close()
        context.index.close()


async def test_a_record_is_put_read_patched_and_deleted(client: Client) -> None:
    made = await client.send("PUT", "/api/v1/entities/ann-test?message=A+person", ANN)
    assert made.status_code == 201, made.text
    assert made.headers["marsad-version"] == "1"
    assert await client.ask('id:ann-test a marsad:Person ; skos:prefLabel "Anne Test"@fr')
    read = await client.http.get("/api/v1/records/entities/ann-test")
    assert read.json() == ANN
    refused = await client.send("PUT", "/api/v1/entities/ann-test", ANN)
    assert refused.status_code == 428
    changed = ANN | {"label": {"en": "Ann"}}
    again = await client.send("PUT", "/api/v1/entities/ann-test", changed, If_Match=read.headers["etag"])
    assert again.status_code == 200, again.text
    late = await client.send("PUT", "/api/v1/entities/ann-test", ANN, If_Match=read.headers["etag"])
    assert late.status_code == 412
    assert "change 2" in late.json()["detail"]
    patched = await client.send("PATCH", "/api/v1/entities/ann-test", {"contested": "true"})
    assert patched.status_code == 200
    assert await client.ask("id:ann-test marsad:contested true")
    gone = await client.send("DELETE", "/api/v1/entities/ann-test")
    assert gone.status_code == 200
    assert not await client.ask("id:ann-test ?p ?o")
    feed = (await client.http.get("/api/v1/changes")).json()
    assert [item["version"] for item in feed["items"]] == [4, 3, 2, 1]
    assert (feed["items"][-1]["agent"], feed["items"][-1]["message"]) == ("ann", "A person")


async def test_an_etag_of_another_resource_changed_since_still_fits(client: Client) -> None:
    await client.send("PUT", "/api/v1/entities/ann-test", ANN)
    etag = (await client.http.get("/api/v1/entities/ann-test")).headers["etag"]
    await client.send("PUT", "/api/v1/entities/bob-test", ANN)
    answer = await client.send("PUT", "/api/v1/entities/ann-test", ANN | {"label": {"en": "Ann"}}, If_Match=etag)
    assert answer.status_code == 200, answer.text


async def test_of_two_who_make_the_same_thing_at_once_the_second_is_told(client: Client) -> None:
    other = ANN | {"label": {"en": "Another Ann"}}
    answers = await asyncio.gather(
        *(client.send("PUT", "/api/v1/entities/ann-test", record) for record in (ANN, other)),
        client.send("PUT", "/api/v1/entities/ann-test", ANN, If_None_Match="*"),
    )
    statuses = [answer.status_code for answer in answers]
    first = statuses.index(201)
    assert statuses == [201 if place == first else late for place, late in enumerate((428, 428, 412))]
    assert client.version == 1


async def test_whatever_may_alter_a_thing_heeds_if_match(client: Client) -> None:
    await client.send("PUT", "/api/v1/entities/ann-test", ANN)
    old = (await client.http.get("/api/v1/records/entities/ann-test")).headers["etag"]
    await client.send("PATCH", "/api/v1/entities/ann-test", {"contested": "true"})
    put = {"operations": [{"put": "entities/ann-test", "record": ANN}]}
    kind = "application/sparql-update"
    update = "INSERT DATA { GRAPH g:entities { id:ann-test skos:altLabel 'Annie'@en } }"
    late = [
        await client.send("PATCH", "/api/v1/entities/ann-test", {"contested": None}, If_Match=old),
        await client.send("DELETE", "/api/v1/entities/ann-test", If_Match=old),
        await client.send("POST", "/api/v1/changes", put, If_Match=old),
        await client.send("POST", "/sparql", update, Content_Type=kind, If_Match=old),
        await client.send("PUT", "/api/v1/entities/bob-test", ANN, If_Match="*"),
    ]
    assert [answer.status_code for answer in late] == [412] * 5
    assert (await client.send("POST", "/api/v1/changes", put)).status_code == 428
    assert client.version == 2
    new = (await client.http.get("/api/v1/records/entities/ann-test")).headers["etag"]
    assert (await client.send("POST", "/api/v1/changes", put, If_Match=f'"other-1", {new}')).status_code == 200
    assert client.version == 3


async def test_a_graph_is_replaced_if_it_is_what_was_seen(client: Client) -> None:
    url = f"/graphs?graph={client.context.base}graph/entities"
    seen = await client.http.get(url, headers={"Accept": "text/turtle"})
    etag = {"If-None-Match": seen.headers["etag"]}
    assert (await client.http.get(url, headers={"Accept": "text/turtle"} | etag)).status_code == 304
    assert (await client.http.get(url, headers={"Accept": "application/n-triples"} | etag)).status_code == 200
    await client.send("PUT", "/api/v1/entities/ann-test", ANN)
    kind = {"Content_Type": "text/turtle"}
    late = await client.send("PUT", url, seen.content, If_Match=seen.headers["etag"], **kind)
    assert late.status_code == 412
    now = await client.http.get(url, headers={"Accept": "text/turtle"})
    same = await client.send("PUT", url, now.content, If_Match=now.headers["etag"], **kind)
    assert same.status_code == 204, same.text
    assert same.headers["marsad-version"] == "1"


async def test_a_refused_change_is_a_shacl_report_to_who_accepts_rdf(client: Client) -> None:
    kind = "application/sparql-update"
    update = "DELETE WHERE { GRAPH g:entities { id:morocco skos:prefLabel ?label } }"
    requests: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", "/sparql", update, {"Content_Type": kind}),
        ("DELETE", "/api/v1/entities/morocco", None, {}),
        ("DELETE", f"/graphs?graph={client.context.base}graph/entities", None, {}),
    ]
    sh = "http://www.w3.org/ns/shacl#"
    for method, url, body, headers in requests:
        for media_type, form in (("text/turtle", ox.RdfFormat.TURTLE), ("application/ld+json", ox.RdfFormat.JSON_LD)):
            refused = await client.send(method, url, body, Accept=media_type, **headers)
            assert refused.status_code == 422
            assert refused.headers["content-type"].startswith(media_type)
            report = ox.Store()
            report.load(refused.content, form)
            (root,) = report.quads_for_pattern(None, ox.NamedNode(f"{sh}conforms"), ox.Literal(False))
            results = [
                quad.object for quad in report.quads_for_pattern(root.subject, ox.NamedNode(f"{sh}result"), None)
            ]
            assert results
            for name in ("focusNode", "resultSeverity", "sourceConstraintComponent", "sourceShape", "resultMessage"):
                assert all(any(report.quads_for_pattern(node, ox.NamedNode(sh + name), None)) for node in results)
        problem = await client.send(method, url, body, Accept="text/html", **headers)
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["violations"]
    assert client.version == 0


@pytest.mark.parametrize("parameter", ["dry-run=yes", "dry-run=1", "dry-run=True", "dry-run="])
async def test_what_may_be_meant_as_a_dry_run_and_is_none_changes_nothing(client: Client, parameter: str) -> None:
    update = "INSERT DATA { GRAPH g:entities { id:morocco marsad:contested true } }"
    kind = "application/sparql-update"
    label = f'<{client.context.base}id/morocco> <http://www.w3.org/2004/02/skos/core#prefLabel> "Marokko"@de .'
    graph = f"/graphs?graph={client.context.base}graph/entities"
    answers = [
        await client.send("POST", f"/sparql?{parameter}", update, Content_Type=kind),
        await client.send("POST", f"{graph}&{parameter}", label, Content_Type="text/turtle"),
        await client.send("PATCH", f"/api/v1/entities/morocco?{parameter}", {"contested": "true"}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 3
    assert client.version == 0


async def test_dry_run_and_message_may_stand_in_the_form_of_an_update(client: Client) -> None:
    update = "INSERT DATA { GRAPH g:entities { id:morocco marsad:contested true } }"
    key = {"Authorization": f"Bearer {client.token}"}
    dry = await client.http.post("/sparql", data={"update": update, "dry-run": "true"}, headers=key)
    assert dry.json()["dryRun"] is True
    assert client.version == 0
    await client.http.post("/sparql", data={"update": update, "message": "In a form"}, headers=key)
    assert (await client.http.get("/api/v1/changes/1")).json()["message"] == "In a form"


async def test_where_reads_need_a_key_an_earlier_version_needs_it_too(client: Client) -> None:
    await client.send("PUT", "/api/v1/entities/ann-test", ANN)
    closed = replace(client.context, settings=replace(client.context.settings, read_keys=True), closing=[])
    transport = httpx.ASGITransport(create_app(closed), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as http:
        for url in ("/sparql?query=ASK{}", "/api/v1/entities", "/export/dataset.ttl", "/graphs?default"):
            for version in ("", "0", "1"):
                asked = f"{url}{'&' if '?' in url else '?'}version={version}" if version else url
                assert (await http.get(asked)).status_code == 401, asked
        reading = {"Authorization": f"Bearer {client.reader}"}
        described = (await http.get("/api/v1/openapi.json", headers=reading)).json()["paths"]
        operations = [operation for path in described.values() for operation in path.values()]
        assert all(one["security"] == [{"key": []}] and "401" in one["responses"] for one in operations)
        assert (await http.get("/sparql?query=ASK{}&version=0", headers=reading)).status_code == 200
    for close in closed.closing:
        await close()


async def test_without_a_key_that_may_write_nothing_is_changed_by_any_protocol(client: Client) -> None:
    update = "INSERT DATA { GRAPH g:entities { id:morocco skos:altLabel 'x'@en } }"
    requests: list[tuple[str, str, Any, dict[str, str]]] = [
        ("PUT", "/api/v1/entities/ann-test", json.dumps(ANN), {"Content-Type": "application/json"}),
        ("DELETE", "/api/v1/claims/d000.nothing", None, {}),
        ("POST", "/api/v1/changes/1/undo", None, {}),
        ("POST", "/sparql", update, {"Content-Type": "application/sparql-update"}),
        ("DELETE", f"/graphs?graph={client.context.base}graph/d000", None, {}),
    ]
    for method, url, content, headers in requests:
        bare = await client.http.request(method, url, content=content, headers=headers)
        assert bare.status_code == 401, (url, bare.text)
        assert bare.headers["www-authenticate"].startswith("Bearer")
        reading = headers | {"Authorization": f"Bearer {client.reader}"}
        assert (await client.http.request(method, url, content=content, headers=reading)).status_code == 403
    assert client.version == 0


async def test_sparql_update_passes_the_gate(client: Client) -> None:
    kind = "application/sparql-update"
    good = "INSERT DATA { GRAPH g:entities { id:morocco skos:prefLabel 'Marokko'@de } }"
    answer = await client.send("POST", "/sparql?message=German", good, Content_Type=kind)
    assert answer.status_code in (200, 204), answer.text
    assert answer.headers["marsad-version"] == "1"
    bad = "DELETE WHERE { GRAPH g:entities { id:morocco skos:prefLabel ?label } }"
    refused = await client.send("POST", "/sparql", bad, Content_Type=kind)
    assert refused.status_code == 422
    violation = refused.json()["violations"][0]
    assert violation["focus"] == f"{client.context.base}id/morocco"
    assert set(violation["messages"]) == {"en", "fr"}
    form = await client.http.post("/sparql", data={"update": bad}, headers={"Authorization": f"Bearer {client.token}"})
    assert form.status_code == 422
    assert client.version == 1


async def test_the_graph_store_protocol_passes_the_gate(client: Client) -> None:
    url = f"/graphs?graph={client.context.base}graph/"
    label = f'<{client.context.base}id/morocco> <http://www.w3.org/2004/02/skos/core#prefLabel> "Marokko"@de .'
    answer = await client.send("POST", url + "entities", label, Content_Type="text/turtle")
    assert answer.status_code == 204, answer.text
    assert (await client.send("PUT", url + "entities", label, Content_Type="text/turtle")).status_code == 422
    assert (await client.send("PUT", url + "direct", label, Content_Type="text/turtle")).status_code == 422
    assert (await client.send("POST", url + "d009", label, Content_Type="text/turtle")).status_code == 422
    assert client.version == 1


async def test_a_dry_run_of_every_protocol_reports_and_changes_nothing(client: Client, start: list[ox.Quad]) -> None:
    name = await client.http.get("/api/v1/records/entities/morocco")
    direct = {(quad.subject, quad.object) for quad in start if quad.graph_name == DIRECT_GRAPH}
    subject_of = {quad.subject: quad.object for quad in start if quad.predicate == ns.RDF_SUBJECT}
    statements = [
        quad for quad in start if quad.predicate == ns.RDF_OBJECT and (subject_of[quad.subject], quad.object) in direct
    ]
    # Document 000 says everything plainly; a name of Daesh is what a question asks for.
    claim, graph = next(
        (quad.subject.value, quad.graph_name.value) for quad in statements if "/claim/d000." in quad.subject.value
    )
    daesh = ox.NamedNode(f"{DEFAULT_BASE}id/daesh")
    name_of_daesh = next(
        quad.subject.value
        for quad in statements
        if subject_of[quad.subject] == daesh and isinstance(quad.object, ox.Literal)
    )
    update = f"""DELETE {{ GRAPH <{graph}> {{ <{claim}> marsad:modality topic:asserted }} }}
        INSERT {{ GRAPH <{graph}> {{ <{claim}> marsad:modality topic:alleged }} }} WHERE {{}}"""
    answers = [
        await client.send("POST", "/sparql?dry-run=true", update, Content_Type="application/sparql-update"),
        await client.send("DELETE", f"/api/v1/claims/{name_of_daesh.rpartition('/')[2]}?dry-run=true"),
        await client.send("PATCH", "/api/v1/entities/morocco?dry-run=true", {"contested": "true"}),
    ]
    reports = [answer.json() for answer in answers]
    for answer, report in zip(answers, reports, strict=True):
        assert answer.status_code == 200, answer.text
        assert report["dryRun"] is True
        assert report["direct"]["removed"] > 0
    assert [line for line in reports[0]["delta"]["addedQuads"] if "topic/alleged" in line]
    assert any(name_of_daesh in line for line in reports[1]["delta"]["removedQuads"])
    assert any("contested" in line for line in reports[2]["delta"]["addedQuads"])
    changed = [[question["name"] for question in report["questions"]] for report in reports]
    assert "firmness-in-each-document" in changed[0]
    assert "names-of-daesh" in changed[1]
    assert client.version == 0
    assert (await client.http.get("/api/v1/records/entities/morocco")).json() == name.json()


async def test_a_fact_is_added_patched_and_its_claims_deleted(client: Client) -> None:
    facts = (await client.http.get("/api/v1/documents/d000/facts")).json()["facts"]
    at = next(iter(facts.values()))["at"]
    fact = {"document": "d000", "fact": "a-test", "at": at, "subject": "morocco", "name": "Sherifian Realm@en"}
    made = await client.send("POST", "/api/v1/claims", fact)
    assert made.status_code == 201, made.text
    assert made.headers["location"].endswith("/claims/d000.a-test")
    assert await client.ask('id:morocco skos:altLabel "Sherifian Realm"@en')
    assert (await client.send("POST", "/api/v1/claims", fact)).status_code == 412
    hedged = await client.send("PATCH", "/api/v1/claims/d000.a-test", {"modality": "alleged"})
    assert hedged.status_code == 200, hedged.text
    assert not await client.ask('GRAPH g:direct { id:morocco skos:altLabel "Sherifian Realm"@en }')
    assert (await client.send("DELETE", "/api/v1/claims/d000.a-test")).status_code == 200
    assert (await client.http.get("/api/v1/documents/d000/facts")).json()["facts"] == facts


async def test_a_whole_document_is_put_in_yaml_and_faults_are_named(client: Client) -> None:
    read = await client.http.get("/api/v1/documents/d000/facts")
    body = "document: d000\nfacts:\n  odd:\n    at: 1-5\n    subject: nobody-knows\n"
    url = "/api/v1/documents/d000/facts"
    answer = await client.send("PUT", url, body, Content_Type="application/yaml", If_Match=read.headers["etag"])
    assert answer.status_code == 422
    assert "nobody-knows" in answer.json()["detail"]
    same = await client.send("PUT", url, read.json(), If_Match="*")
    assert same.status_code == 200, same.text
    assert client.version == 0


async def test_several_writes_are_one_change_or_none(client: Client) -> None:
    operations = [
        {"put": "entities/ann-test", "record": ANN},
        {"put": "works/test-2020", "record": {"label": {"en": "Test 2020", "fr": "Test 2020"}, "creator": "ann-test"}},
    ]
    answer = await client.send("POST", "/api/v1/changes", {"operations": operations})
    assert answer.status_code == 200, answer.text
    assert client.version == 1
    broken = [{"put": "entities/bob-test", "record": ANN}, {"delete": "entities/ann-test"}]
    assert (await client.send("POST", "/api/v1/changes", {"operations": broken})).status_code == 422
    assert client.version == 1
    assert not await client.ask("id:bob-test ?p ?o")


async def test_data_are_validated_without_being_stored(client: Client) -> None:
    base = client.context.base
    data = f"<{base}id/x-test> a <https://marsad.example/ns#Person> ."
    answer = await client.http.post("/api/v1/validate", content=data, headers={"Content-Type": "text/turtle"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["conforms"] is False
    wanted = {"Content-Type": "text/turtle", "Accept": "text/turtle"}
    report = await client.http.post("/api/v1/validate", content=data, headers=wanted)
    assert "sh:ValidationReport" in report.text
    assert client.version == 0


TURTLE = {"Content-Type": "text/turtle"}


async def test_a_validation_keeps_no_writer_waiting(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on, look = threading.Event(), threading.Event(), Changes._look

    def long(*given: Any) -> Any:
        begun.set()
        assert goes_on.wait(60)
        return look(*given)

    monkeypatch.setattr(Changes, "_look", long)
    data = f"<{client.context.base}id/x-test> a <https://marsad.example/ns#Person> ."
    asked = asyncio.create_task(client.http.post("/api/v1/validate", content=data, headers=TURTLE))
    while not begun.is_set():
        await asyncio.sleep(0)
    assert (await client.send("PUT", "/api/v1/entities/ann-test", ANN)).status_code == 201
    assert not asked.done()
    goes_on.set()
    assert (await asked).json()["conforms"] is False


async def test_a_validation_has_limits(client: Client) -> None:
    client.context.settings = replace(client.context.settings, validate_bytes=400)
    large = await client.http.post("/api/v1/validate", content=b"#" * 401, headers=TURTLE)
    assert (large.status_code, large.json()["setting"]) == (413, "MARSAD_VALIDATE_BYTES")
    for text in ("<urn:x> rdfs:subClassOf marsad:Person", "marsad:heldPost marsad:claimable true"):
        data = "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix marsad: <https://marsad.example/ns#> . "
        whole = await client.http.post("/api/v1/validate", content=f"{data}{text} .", headers=TURTLE)
        assert (whole.status_code, "dry-run=true" in whole.json()["detail"]) == (400, True), whole.text


async def test_an_earlier_version_answers_as_it_did(client: Client) -> None:
    label = '"Ann Test"@en'
    await client.send("PUT", "/api/v1/entities/ann-test", ANN)
    await client.send("DELETE", "/api/v1/entities/ann-test")
    assert not await client.ask(f"id:ann-test skos:prefLabel {label}")
    assert await client.ask(f"id:ann-test skos:prefLabel {label}", version="1")
    assert not await client.ask(f"id:ann-test skos:prefLabel {label}", version="0")
    assert (await client.http.get("/api/v1/entities/ann-test?version=1")).json()["label"] == "Ann Test"
    assert (await client.http.get("/api/v1/entities/ann-test?version=2")).status_code == 404
    assert (await client.http.get("/api/v1/records/entities/ann-test?version=1")).json() == ANN
    listed, url = [], "/api/v1/entities?version=1&limit=50&fields=id"
    while url:
        page = (await client.http.get(url)).json()
        listed += [item["id"] for item in page["items"]]
        url = page["next"]
    assert "ann-test" in listed
    assert len(listed) == len(set(listed)) == page["total"] > 50
    assert (await client.http.get("/sparql?query=ASK{}&version=9")).status_code == 404
    for wrong in ("x", "-1", "1&version=1", "9" * 5000):
        assert (await client.http.get(f"/sparql?query=ASK{{}}&version={wrong}")).status_code == 400


async def test_the_history_says_who_what_and_when_and_is_undone(client: Client) -> None:
    await client.send("PUT", "/api/v1/entities/ann-test?message=A+<person>", ANN)
    one = await client.http.get("/api/v1/changes/1")
    assert one.json()["agent"] == "ann"
    patch = await client.http.get("/api/v1/changes/1", headers={"Accept": "application/rdf-patch"})
    assert patch.text.startswith("H version 1 .\n")
    atom = await client.http.get("/api/v1/changes", headers={"Accept": "application/atom+xml"})
    assert "<title>A &lt;person&gt;</title>" in atom.text
    difference = (await client.http.get("/api/v1/changes/1/diff/0")).json()
    assert difference["delta"]["added"] == 0
    undone = await client.send("POST", "/api/v1/changes/1/undo")
    assert undone.status_code == 200, undone.text
    assert not await client.ask("id:ann-test ?p ?o")
    assert (await client.send("POST", "/api/v1/changes/1/undo")).status_code == 409
    assert (await client.http.get("/api/v1/changes/7")).status_code == 404


async def test_saved_queries_answer_as_before_after_a_thousand_changes(tmp_path: Path) -> None:
    start = list(real_quads())
    async with serving(start, tmp_path) as client:
        await saved_queries_answer_as_before(client, start)


async def saved_queries_answer_as_before(client: Client, start: list[ox.Quad]) -> None:
    saved = questions(ONTOLOGY)
    assert len(saved) >= 40
    before = [await client.rows(question.text) for question in saved]
    urls = [
        "/api/v1/entities?limit=50",
        "/api/v1/claims?limit=50&facets=true",
        "/export/dataset.nq",
        "/export/claims.csv",
    ]
    read = [(await client.http.get(url)).content for url in urls]
    maker, store = Maker([quad for quad in start if quad.graph_name != DIRECT_GRAPH], random.Random(3)), ox.Store()
    store.bulk_extend(start)
    client.context.store.listeners.clear()  # the index of the present is not asked; following takes most of a change
    while client.version < 1000:
        delta = exact(store.quads_for_pattern, maker.change(store))
        for quad in delta.removed:
            store.remove(quad)
        store.extend(delta.added)
        await client.context.store.apply(delta, about={"agent": "test"})
    total = 0
    for question, (rows, body) in zip(saved, before, strict=True):
        again, same = await client.rows(question.text, version="0")
        assert sorted(again) == sorted(rows), question.name
        if order_is_total(question.text, rows):
            assert same == body, question.name
            total += 1
    assert total >= 20
    assert sum(bool(rows) for rows, _ in before) >= 40
    changed = [(await client.rows(question.text))[0] for question in saved]
    assert sum(sorted(now) != sorted(rows) for now, (rows, _) in zip(changed, before, strict=True)) >= 20
    for url, body in zip(urls, read, strict=True):
        earlier = (await client.http.get(f"{url}{'&' if '?' in url else '?'}version=0")).content
        assert earlier.replace(b"&version=0", b"") == body, url  # `next` leads on in the same version


def order_is_total(text: str, rows: list[tuple[str, ...]]) -> bool:
    """Whether ORDER BY alone decides about the order of these rows: no two are equal in what it names."""
    selected = re.sub(r"\(.*? AS (\?\w+)\)", r"\1", re.split(r"\bWHERE\b|\{", text, maxsplit=1)[0])
    names = re.findall(r"\?(\w+)", selected)
    order = re.search(r"\bORDER BY((?:\s+(?:\?\w+|ASC\(\?\w+\)|DESC\(\?\w+\)))+)\s*(?:LIMIT \d+\s*)?$", text)
    if order is None:
        return False
    places = [names.index(name) for name in re.findall(r"\?(\w+)", order[1]) if name in names]
    return len({tuple(row[place] for place in places) for row in rows}) == len(rows)


async def test_a_version_that_is_being_answered_from_is_not_let_go(client: Client) -> None:
    for number in range(4):
        await client.send("PUT", f"/api/v1/entities/ann-{number}", ANN)
    versions = Versions(client.context, create_app)
    async with versions.using(0) as first, versions.using(1):
        with pytest.raises(QueueFull):
            async with versions.using(2):
                pass
        transport = httpx.ASGITransport(first, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as http:
            assert (await http.get("/sparql?query=ASK{id:ann-0 ?p ?o}")).json()["boolean"] is False
    async with versions.using(2), versions.using(3):
        pass
    await versions.close()


async def test_the_feed_is_atom(client: Client) -> None:
    empty = await client.http.get("/api/v1/changes", headers={"Accept": "application/atom+xml"})
    assert check_atom(empty.content) == []
    for number, message in enumerate(['A <b>&amp;"', "", "\x01\x0b", "مرصد"]):
        await client.send("PUT", f"/api/v1/entities/ann-{number}", ANN, Marsad_Message=quote(message))
    feed = await client.http.get("/api/v1/changes?limit=3", headers={"Accept": "application/atom+xml"})
    assert feed.headers["content-type"].startswith("application/atom+xml")
    assert check_atom(feed.content) == ["مرصد", "Change 3", "Change 2"]
    following = ElementTree.fromstring(feed.content).find(f"{ATOM}link[@rel='next']")
    assert following is not None
    rest = await client.http.get(following.get("href", ""), headers={"Accept": "application/atom+xml"})
    assert check_atom(rest.content) == ['A <b>&amp;"']


ATOM = "{http://www.w3.org/2005/Atom}"


def check_atom(document: bytes) -> list[str]:
    """The titles of the entries of a feed, which must be as RFC 4287, sections 4.1.1 and 4.1.2, has it."""
    feed = ElementTree.fromstring(document)
    assert feed.tag == f"{ATOM}feed"
    for node in (feed, *feed.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(node.findall(ATOM + name)) == 1, name
        assert re.match(r"[a-z][a-z0-9+.-]*:", node.findtext(f"{ATOM}id") or "")
        assert datetime.fromisoformat(node.findtext(f"{ATOM}updated") or "").tzinfo is not None
        assert all(re.match(r"https?://", link.get("href", "")) for link in node.findall(f"{ATOM}link"))
    entries = feed.findall(f"{ATOM}entry")
    # An entry without content has a link to what it is about, and each says who made it.
    assert all(entry.find(f"{ATOM}link[@rel='alternate']") is not None for entry in entries)
    assert all(entry.findtext(f"{ATOM}author/{ATOM}name") for entry in entries)
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")].count("self") == 1
    return [entry.findtext(f"{ATOM}title") or "" for entry in entries]


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"label": NaN}', '{"label": {"en": "\\ud800"}}', "[]", "", "{", b"\xff\xfe{}"]
)
async def test_a_body_that_is_no_json_object_is_a_bad_request(client: Client, body: str | bytes) -> None:
    for method, url in (("PUT", "/api/v1/entities/ann-test"), ("POST", "/api/v1/changes")):
        assert (await client.send(method, url, body)).status_code == 400


async def test_a_record_may_be_merged_into_one_of_the_graph(client: Client) -> None:
    answer = await client.send("PUT", "/api/v1/entities/maroc", {"mergedInto": "morocco"})
    assert answer.status_code == 201, answer.text
    assert await client.ask("id:maroc dcterms:isReplacedBy id:morocco")
    unknown = await client.send("PUT", "/api/v1/entities/maroc", {"mergedInto": "nobody-knows"}, If_Match="*")
    assert unknown.status_code == 422


async def test_making_a_graph_that_is_there_and_dropping_one_that_is_not_are_conflicts(client: Client) -> None:
    for update in ("CREATE GRAPH g:entities", "DROP GRAPH g:nowhere"):
        answer = await client.send("POST", "/sparql", update, Content_Type="application/sparql-update")
        assert answer.status_code == 409, answer.text
    made = await client.send(
        "POST", "/sparql?dry-run=true", "CREATE GRAPH g:d900", Content_Type="application/sparql-update"
    )
    assert made.json()["delta"]["createdGraphs"] == [f"{client.context.base}graph/d900"]
    assert client.version == 0


async def test_an_update_that_breaks_everything_is_refused_in_bounded_words(client: Client) -> None:
    answer = await client.send("POST", "/sparql", "DROP ALL", Content_Type="application/sparql-update")
    assert answer.status_code == 422
    assert len(answer.json()["violations"]) > 20
    assert len(answer.json()["detail"].splitlines()) == 22
