"""Reconciliation as OpenRefine does it: manifest, batches, suggestions, preview, data extension."""

import json
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from tests.api.reconciliation_schemas import EXTENSION, MANIFEST, PROPOSAL, RESULTS, SUGGESTIONS
from tests.api.service import Service


def matched(service: Service, **queries: Any) -> dict[str, Any]:
    answer = service.ask("POST", "/reconcile", data={"queries": json.dumps(queries)})
    assert answer.status_code == 200, answer.text
    jsonschema.validate(answer.json(), RESULTS)
    return answer.json()


def extended(service: Service, ids: list[str], *properties: dict[str, Any]) -> dict[str, Any]:
    query = urlencode({"extend": json.dumps({"ids": ids, "properties": properties})})
    answer = service.get(f"/reconcile?{query}")
    assert answer.status_code == 200, answer.text
    jsonschema.validate(answer.json(), EXTENSION)
    return answer.json()


def test_the_manifest_is_as_the_specification_has_it(service: Service) -> None:
    manifest = service.json("/reconcile")
    jsonschema.validate(manifest, MANIFEST)
    assert manifest["view"]["url"] == "http://service.test/id/{{id}}"
    for place in (*manifest["suggest"].values(), manifest["extend"]["propose_properties"]):
        assert service.get(place["service_url"] + place["service_path"]).status_code == 200
    for kind, variable in (("preview", "interpol"), ("view", "interpol"), ("feature_view", "name")):
        url = manifest[kind]["url"].replace("{{id}}", variable)
        assert service.ask("GET", url, follow_redirects=True).status_code == 200


def test_a_batch_by_get_and_by_post_has_the_same_answer(service: Service) -> None:
    queries = {"q0": {"query": "Interpol"}, "q1": {"query": "Maroc", "limit": 1}}
    by_post = matched(service, **queries)
    by_get = service.json(f"/reconcile?{urlencode({'queries': json.dumps(queries)})}")
    assert by_get == by_post
    assert [by_post[key]["result"][0]["id"] for key in queries] == ["interpol", "morocco"]
    assert len(by_post["q1"]["result"]) == 1


@pytest.mark.parametrize(
    ("name", "expected"), [("INTERPOL", "interpol"), ("المغرب", "morocco"), ("Daech", "daesh"), ("maroc", "morocco")]
)
def test_a_whole_name_in_any_language_is_a_certain_match(service: Service, name: str, expected: str) -> None:
    best = matched(service, q={"query": name})["q"]["result"][0]
    assert (best["id"], best["match"], best["score"]) == (expected, True, 100.0)


@pytest.mark.parametrize("query", ["post-king-morocco", "https://marsad.example/id/post-king-morocco"])
def test_an_identifier_is_a_certain_match(service: Service, query: str) -> None:
    best = matched(service, q={"query": query})["q"]["result"][0]
    assert (best["id"], best["match"], best["score"]) == ("post-king-morocco", True, 100.0)
    assert best["description"] == f"Its identifier “{query}” is the query."
    suggested = service.json(f"/reconcile/suggest/entity?prefix={query}")["result"][0]
    assert suggested["id"] == "post-king-morocco"


def test_types_come_with_those_above_them_and_values_with_their_type(service: Service) -> None:
    manifest = service.json("/reconcile")
    organisation = next(entry for entry in manifest["defaultTypes"] if entry["id"] == "Organization")
    assert {"id": "Actor", "name": "Actor"} in organisation["broader"]
    suggested = service.json("/reconcile/suggest/type?prefix=person")["result"][0]
    assert suggested["broader"] == [{"id": "Actor", "name": "Actor"}]
    meta = extended(service, ["nasser-bourita"], {"id": "heldPost"}, {"id": "label_ar"})["meta"]
    assert meta[0]["type"] == {"id": "Post", "name": "Post"}
    assert "type" not in meta[1]


def test_a_batch_is_as_large_as_the_manifest_says(service: Service) -> None:
    size = service.json("/reconcile")["batchSize"]
    assert len(matched(service, **{str(number): {"query": "Interpol", "limit": 1} for number in range(size)})) == size


def test_a_slip_is_a_candidate_and_no_certain_match(service: Service) -> None:
    best = matched(service, q={"query": "Nasser Bourrita"})["q"]["result"][0]
    assert best["id"] == "nasser-bourita"
    assert best["match"] is False
    assert 0 < best["score"] < 100
    assert "is like the query" in best["description"]


def test_features_say_in_words_what_matched(service: Service) -> None:
    best = matched(service, q={"query": "Maroc", "type": "Country"})["q"]["result"][0]
    features = {feature["id"]: feature["value"] for feature in best["features"]}
    assert features == {"name": 100.0, "whole_name": True, "type": True}
    assert best["description"].startswith("Its French")
    for name in features:
        assert service.json(f"/reconcile/features/{name}")["description"]


def test_a_type_leaves_others_out_or_only_lowers_them(service: Service) -> None:
    strict = matched(service, q={"query": "Morocco", "type": "Person", "type_strict": "any"})["q"]["result"]
    assert "morocco" not in [item["id"] for item in strict]
    lenient = matched(service, q={"query": "Morocco", "type": "Person", "type_strict": "should"})["q"]["result"]
    morocco = next(item for item in lenient if item["id"] == "morocco")
    assert morocco["match"] is False
    assert "not of type Person" in morocco["description"]


def test_a_property_value_raises_who_has_it(service: Service) -> None:
    post = service.json("/api/v1/claims?relation=heldPost&related=nasser-bourita&limit=1")["items"][0]["object"]
    wanted = [{"pid": "heldPost", "v": {"id": post["id"]}}]
    best = matched(service, q={"query": "bourita", "properties": wanted})["q"]["result"][0]
    assert best["id"] == "nasser-bourita"
    assert {"id": "properties", "value": 100.0} in best["features"]
    by_value = matched(service, q={"properties": [{"pid": "heldPost", "v": post["label"]}]})["q"]["result"]
    assert "nasser-bourita" in [item["id"] for item in by_value]


def test_values_can_be_fetched_for_a_column(service: Service) -> None:
    answer = extended(service, ["nasser-bourita", "nobody"], {"id": "heldPost"}, {"id": "label_ar"}, {"id": "type"})
    assert [entry["id"] for entry in answer["meta"]] == ["heldPost", "label_ar", "type"]
    row = answer["rows"]["nasser-bourita"]
    assert row["heldPost"][0]["id"].startswith("post-")
    assert row["type"] == [{"id": "Person", "name": "Person"}]
    assert answer["rows"]["nobody"] == {"heldPost": [], "label_ar": [], "type": []}


def test_all_claims_are_fetched_on_request_only(service: Service) -> None:
    alleged = service.json("/api/v1/claims?modality=alleged&relation=attributedTo&limit=50")["items"]
    claim = next(item for item in alleged if not item["direct"])
    slug, value = claim["subject"]["id"], claim["object"]["id"]
    few = extended(service, [slug], {"id": "attributedTo"})["rows"][slug]["attributedTo"]
    more = extended(service, [slug], {"id": "attributedTo", "settings": {"all_claims": True}})
    assert value not in [entry["id"] for entry in few]
    assert value in [entry["id"] for entry in more["rows"][slug]["attributedTo"]]


def test_properties_are_proposed_for_a_type(service: Service) -> None:
    answer = service.json("/reconcile/extend/propose?type=Person&limit=3")
    jsonschema.validate(answer, PROPOSAL)
    assert len(answer["properties"]) == 3
    assert "heldPost" in [entry["id"] for entry in service.json("/reconcile/extend/propose?type=Person")["properties"]]


@pytest.mark.parametrize(
    ("kind", "prefix", "expected"),
    [("entity", "interp", "interpol"), ("property", "held", "heldPost"), ("type", "per", "Person")],
)
def test_suggestions_complete_what_is_typed(service: Service, kind: str, prefix: str, expected: str) -> None:
    answer = service.json(f"/reconcile/suggest/{kind}?prefix={prefix}")
    jsonschema.validate(answer, SUGGESTIONS)
    assert expected in [entry["id"] for entry in answer["result"]]


def test_a_preview_may_be_framed_and_has_no_script(service: Service) -> None:
    answer = service.get("/reconcile/preview?id=interpol")
    assert "Interpol" in answer.text
    assert "frame-ancestors" not in answer.headers["content-security-policy"]
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "sent",
    [
        {"queries": "no json"},
        {"queries": "[]"},
        {"queries": '{"q": {}}'},
        {"queries": '{"q": {"query": 3}}'},
        {"queries": '{"q": {"query": "x", "limit": "many"}}'},
        {"queries": '{"q": {"query": "x", "properties": [3]}}'},
        {"queries": json.dumps({str(number): {"query": "x"} for number in range(101)})},
        {"extend": "{}"},
        {"extend": '{"ids": ["interpol"], "properties": [{"id": "colour"}]}'},
    ],
)
def test_what_is_no_batch_is_a_400_problem(service: Service, sent: dict[str, str]) -> None:
    for answer in (service.ask("POST", "/reconcile", data=sent), service.get(f"/reconcile?{urlencode(sent)}")):
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["", "/suggest/entity?prefix=a", "/extend/propose", "/preview?id=interpol", "/features/name", "/preview?id=nobody"],
)
def test_every_address_is_open_to_pages_of_other_sites(service: Service, path: str) -> None:
    answer = service.get("/reconcile" + path, origin="https://refine.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = {"Origin": "https://refine.example", "Access-Control-Request-Method": "GET"}
    assert service.ask("OPTIONS", "/reconcile" + path, headers=asked).headers["access-control-allow-origin"] == "*"


def test_a_page_of_another_site_may_ask(service: Service) -> None:
    answer = service.ask(
        "POST",
        "/reconcile",
        data={"queries": '{"q": {"query": "Interpol"}}'},
        headers={"Origin": "https://refine.example"},
    )
    assert answer.headers["access-control-allow-origin"] == "*"
