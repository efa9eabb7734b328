"""Lists, items, files of a selection, and what is answered to a request that cannot be met."""

import csv
import html
import io
import json
import re

import pytest

from service.api import representation
from service.api.rest import RESOURCES
from tests.api.service import Service, triples

LISTS = (*RESOURCES, "claims", "observations", "timeline")


@pytest.mark.parametrize("name", LISTS)
def test_each_list_says_how_many_there_are_and_leads_to_all_of_them(service: Service, name: str) -> None:
    page = service.json(f"/api/v1/{name}?limit=200")
    assert page["truncated"] is (page["next"] is not None)
    ids = service.ids(f"/api/v1/{name}?limit=200")
    assert len(ids) == len(set(ids)) == page["total"] > 0


@pytest.mark.parametrize("name", ["actors", "claims"])
def test_the_order_does_not_depend_on_the_size_of_the_page(service: Service, name: str) -> None:
    query = "document=d002&sort=-" + ("label" if name == "actors" else "time")
    small, large = (service.ids(f"/api/v1/{name}?{query}&limit={limit}") for limit in (7, 200))
    assert small == large


def test_an_entity_comes_with_its_claims_by_relation(service: Service) -> None:
    item = service.json("/api/v1/entities/nasser-bourita")
    posts = next(group for group in item["relations"] if group["relation"] == "heldPost" and not group["inverse"])
    claim = posts["claims"][0]
    assert claim["subject"]["id"] == "nasser-bourita"
    assert claim["modality"] == "asserted"
    assert claim["assertedBy"][0]["label"]
    assert claim["object"]["type"] == "Post"


@pytest.mark.parametrize("slug", ["morocco", "bcij", "daesh", "terrorism", "security", "ires"])
def test_an_entity_that_is_cut_says_what_was_left_out_and_where_it_is(service: Service, slug: str) -> None:
    collection = "topics" if slug in ("terrorism", "security") else "entities"
    item = service.json(f"/api/v1/{collection}/{slug}?limit=200")
    assert item["truncated"] is False
    whole = item["relations"]
    item = service.json(f"/api/v1/{collection}/{slug}?limit=2&lang=fr")
    assert item["truncated"] is True
    cut = item["relations"]
    assert [(group["relation"], group["inverse"]) for group in cut] == [
        (one["relation"], one["inverse"]) for one in whole
    ]
    for group, every in zip(cut, whole, strict=True):
        ids = [claim["id"] for claim in every["claims"]]
        assert group["total"] == every["total"] == len(ids)
        assert every["next"] is None
        assert [claim["id"] for claim in group["claims"]] == ids[:2]
        assert (group["next"] is None) is (len(ids) <= 2)
        if group["next"]:
            assert "lang=fr" in group["next"]
            assert sorted(service.ids(group["next"])) == sorted(ids), group["next"]
    assert max(len(group["claims"]) for group in whole) > 2


def test_an_entity_has_no_more_than_fifty_claims_of_a_relation_unless_asked_for_more(service: Service) -> None:
    item = service.json("/api/v1/entities/morocco")
    long = [group for group in item["relations"] if group["total"] > 50]
    assert item["truncated"] is bool(long) is True
    page = service.get("/en/id/morocco").text
    for group in item["relations"]:
        assert len(group["claims"]) == min(50, group["total"])
    for group in long:
        address = html.escape(group["next"].removeprefix("/api/v1/").removesuffix("&lang=en"))
        assert re.search(re.escape(f'href="/en/{address}"') + rf"[^(]*\(50 / {group['total']} claims\)", page)
        assert f"{group['total']} in all" in service.get(f"/en/{html.unescape(address)}").text
    shown = set(re.findall(r'href="/en/claim/([^"]+)"', page))
    assert {claim["id"] for group in item["relations"] for claim in group["claims"]} <= shown
    rows = list(csv.DictReader(io.StringIO(service.get("/api/v1/entities/morocco.csv").text)))
    assert len(rows) >= max(group["total"] for group in long)


def test_a_passage_comes_with_its_text_and_a_little_before_and_after(service: Service, made_up_texts) -> None:
    claim = service.json("/api/v1/claims?document=d002&limit=1&sort=-position")["items"][0]
    passage = claim["evidence"][0]
    text = (made_up_texts / "002_made-up.txt").read_text()
    assert passage["text"] == text[passage["start"] : passage["end"]]
    whole = passage["before"] + passage["text"] + passage["after"]
    assert whole in text
    assert len(whole) <= passage["end"] - passage["start"] + 160


def test_without_texts_a_passage_is_a_locator(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.context, "texts", None)
    passage = service.json("/api/v1/claims?document=d002&limit=1")["items"][0]["evidence"][0]
    assert set(passage) == {"iri", "document", "start", "end", "passageHash"}


def test_the_language_chooses_the_label_and_the_others_stay(service: Service) -> None:
    english, french, arabic = (service.json(f"/api/v1/actors/morocco?lang={lang}") for lang in ("en", "fr", "ar"))
    assert (english["label"], french["label"], arabic["label"]) == ("Morocco", "Maroc", "المغرب")
    assert english["labels"] == french["labels"] == {"en": "Morocco", "fr": "Maroc", "ar": "المغرب"}


def test_fields_keeps_what_is_asked_for_and_the_id(service: Service) -> None:
    page = service.json("/api/v1/actors?fields=label,claimCount&limit=3")
    assert all(set(item) == {"id", "label", "claimCount"} for item in page["items"])
    answer = service.get("/api/v1/actors?fields=lable")
    assert answer.status_code == 400
    assert "label" in answer.json()["detail"]


def test_facets_count_what_the_filter_would_list(service: Service) -> None:
    facets = service.json("/api/v1/claims?document=d002&facets=true&limit=1")["facets"]
    for entry in facets["modality"]:
        page = service.json(f"/api/v1/claims?document=d002&modality={entry['value']}&limit=1")
        assert page["total"] == entry["count"]
    assert {entry["value"] for entry in facets["document"]} == {"d000", "d001", "d002", "d003", "d004"}


@pytest.mark.parametrize("name", ["actors", "claims"])
def test_csv_turtle_and_json_ld_hold_the_whole_selection(service: Service, name: str) -> None:
    query = "?document=d002&lang=fr"
    ids = service.ids(f"/api/v1/{name}{query}")
    rows = list(csv.DictReader(io.StringIO(service.get(f"/api/v1/{name}{query}", "text/csv").text)))
    assert [row["id"] for row in rows] == ids
    turtle = triples(service.get(f"/api/v1/{name}.ttl{query}").text, "turtle")
    ld = service.get(f"/api/v1/{name}.jsonld{query}")
    assert turtle.isomorphic(triples(ld.text, "json-ld"))
    subjects = {str(subject).rsplit("/", 1)[-1] for subject in turtle.subjects()}
    assert set(ids) <= subjects


def test_the_context_of_json_ld_is_the_one_that_is_served(service: Service) -> None:
    served = service.get("/api/v1/context.jsonld")
    assert served.headers["content-type"].startswith("application/ld+json")
    document = service.get("/api/v1/actors.jsonld?q=interpol").json()
    assert document["@context"] == served.json()["@context"]
    expected = triples(service.get("/api/v1/actors.ttl?q=interpol").text, "turtle")
    nodes = json.dumps({"@context": served.json()["@context"], "@graph": document["@graph"]})
    assert triples(nodes, "json-ld").isomorphic(expected)


def test_an_item_is_also_rdf_and_a_table_of_its_claims(service: Service) -> None:
    turtle = service.get("/api/v1/actors/interpol.ttl")
    assert turtle.text == service.get("/id/interpol.ttl").text
    item = service.json("/api/v1/actors/interpol")
    claims = {claim["id"] for group in item["relations"] for claim in group["claims"]}
    table = service.get("/api/v1/actors/interpol", "text/csv")
    assert {row["id"] for row in csv.DictReader(io.StringIO(table.text))} == claims


def test_a_network_of_a_selection_opens_as_graphml(service: Service) -> None:
    answer = service.get("/api/v1/actors.graphml?document=d002")
    assert answer.headers["content-type"].startswith("application/graphml+xml")
    assert "<edge " in answer.text


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("/api/v1/entities?tpye=Person", "did you mean type?"),
        ("/api/v1/entities?bogus=1", "there are asserter"),
        ("/api/v1/entities?limit=0", "greater than or equal to 1"),
        ("/api/v1/entities?from=soon", "EDTF"),
        ("/api/v1/entities?cursor=abc", "next"),
        ("/api/v1/entities?sort=size", "claims, label, slug"),
        ("/api/v1/entities?format=pdf", "csv"),
        ("/api/v1/claims?modality=maybe", "asserted"),
        ("/api/v1/actors/interpol?depth=2", "lang"),
        ("/api/v1/actors/interpol?limit=0", "greater than or equal to 1"),
        ("/api/v1/search", "required"),
        ("/api/v1/openapi.json?colour=red", "none is taken here"),
        ("/api/v1/context.jsonld?lang=fr", "none is taken here"),
        ("/api/v1/questions/names-of-daesh.rq?limit=3", "none is taken here"),
        ("/api/v1/changes?limt=3", "did you mean limit"),
        ("/catalogue?format=ttl", "none is taken here"),
    ],
)
def test_a_parameter_that_is_not_understood_is_a_400_that_helps(service: Service, url: str, advice: str) -> None:
    answer = service.get(url)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert advice in problem["detail"]
    assert problem["status"] == 400
    assert problem["type"].startswith("https://")


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("POST", "/api/v1/entities/interpol", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("PATCH", "/api/v1/claims", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/api/v1/actors", "GET, HEAD, OPTIONS"),
        ("PUT", "/en/id/daesh", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_is_not_taken_is_answered_with_all_that_are(service: Service, method, url, allowed) -> None:
    answer = service.ask(method, url)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert allowed in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "actors/nobody",
        "actors/NOT-A-SLUG",
        "actors/terrorism",
        "claims/d009.nothing",
        "claims/x y",
        "nouns",
        "actors.pdf",
        "questions/none",
    ],
)
def test_what_is_not_there_is_a_404_problem(service: Service, path: str) -> None:
    answer = service.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_that_is_not_there_is_a_406_with_those_there_are(service: Service) -> None:
    answer = service.get("/api/v1/actors", "image/png")
    assert answer.status_code == 406
    assert {"application/json", "text/csv", "text/turtle"} <= set(answer.json()["available"])


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/actors",
        "/api/v1/actors/interpol",
        "/api/v1/claims.ttl?document=d002",
        "/api/v1/search?q=interpol",
        "/api/v1/vocabulary",
        "/api/v1/review",
        "/api/v1/questions",
        "/api/v1/openapi.json",
        "/api/v1/context.jsonld",
        "/api/v1/changes",
        "/reconcile",
        "/reconcile/features/name",
        "/id/interpol.ttl",
        "/ns.ttl",
        "/catalogue",
        "/en",
        "/fr/entities?document=d001",
        "/ar/id/daesh",
        "/en/claim/d002.coalition-founded.founded.e2014",
        "/en/review",
        "/en/query",
        "/en/questions/names-of-daesh",
        "/en/docs",
        "/en/ns",
    ],
)
def test_every_read_has_a_validator_and_knows_it_again(service: Service, url: str) -> None:
    first = service.get(url)
    again = service.get(url, if_none_match=first.headers["etag"])
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert service.get(url, if_none_match='W/"another"').status_code == 200
    assert "Accept" in first.headers["vary"]


def test_an_answer_of_an_index_that_is_behind_is_not_taken_for_one_of_the_present(
    service: Service, monkeypatch
) -> None:
    now = service.get("/api/v1/actors").headers["etag"]
    monkeypatch.setattr(type(service.context), "indexed", "the version before")
    assert service.get("/api/v1/actors", if_none_match=now).status_code == 200


def test_an_answer_of_an_older_release_is_not_taken_for_one_of_this(service: Service, monkeypatch) -> None:
    now = service.get("/en/id/daesh").headers["etag"]
    monkeypatch.setattr(representation, "made_by", lambda _: "another release")
    assert service.get("/en/id/daesh", if_none_match=now).status_code == 200


def test_the_validator_depends_on_the_form(service: Service) -> None:
    tags = {service.get("/api/v1/actors", accept).headers["etag"] for accept in ("text/csv", "text/turtle", None)}
    assert len(tags) == 3


@pytest.mark.parametrize(
    "url", ["/api/v1/actors", "/api/v1/claims.csv", "/api/v1/actors/interpol", "/id/interpol.ttl", "/en/id/daesh"]
)
def test_head_has_the_headers_of_get_and_no_body(service: Service, url: str) -> None:
    head, get = service.ask("HEAD", url), service.get(url)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "etag", "vary"):
        assert head.headers[name] == get.headers[name]


def test_the_next_link_keeps_the_request(service: Service) -> None:
    first = service.json("/api/v1/claims?document=d002&modality=asserted&limit=2&lang=fr&fields=type")
    assert "document=d002" in first["next"]
    assert "limit=2" in first["next"]
    assert first["next"].startswith("/api/v1/claims?")
