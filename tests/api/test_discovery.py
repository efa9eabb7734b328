"""Search, suggestions, connections, vocabulary, stored questions, review."""

import csv
import io

import pytest

from service.graph.questions import questions
from tests.api.service import Service
from tests.conftest import ROOT

QUESTIONS = questions(ROOT / "ontology")


@pytest.mark.parametrize("text", ["daech", "Daesh", "داعش", "islamic state", "daeesh"])
def test_one_actor_is_found_by_each_of_its_names(service: Service, text: str) -> None:
    found = service.json(f"/api/v1/search?q={text}&limit=5")
    assert "daesh" in [item["id"] for item in found["items"]]


def test_a_hit_says_which_name_matched_in_which_language_and_how(service: Service) -> None:
    hit = service.json("/api/v1/search?q=المغرب")["items"][0]
    assert hit["id"] == "morocco"
    assert hit["label"] == "Morocco"
    matched = hit["matched"]
    assert (matched["name"], matched["language"], matched["role"], matched["how"]) == ("المغرب", "ar", "label", "exact")
    assert "Arabic" in matched["explanation"]


def test_search_keeps_to_a_class_and_to_a_language(service: Service) -> None:
    people = service.json("/api/v1/search?q=ma&type=Person&limit=50")["items"]
    assert people
    assert {item["type"] for item in people} == {"Person"}
    arabic = service.json("/api/v1/search?q=%D8%A7%D9%84&in=ar")["items"]
    assert {item["matched"]["language"] for item in arabic} <= {"ar"}


def test_a_cut_list_of_hits_says_so(service: Service) -> None:
    assert service.json("/api/v1/search?q=security&limit=1")["truncated"] is True
    assert service.json("/api/v1/search?q=nasser bourita&limit=100")["truncated"] is False


def test_suggestions_take_no_slips(service: Service) -> None:
    assert "interpol" in [item["id"] for item in service.json("/api/v1/suggest?q=interp")["items"]]
    assert service.json("/api/v1/suggest?q=interlop")["items"] == []


def test_a_path_leads_from_one_to_the_other_over_claims(service: Service) -> None:
    answer = service.json("/api/v1/paths?from=nasser-bourita&to=interpol&max_steps=5&limit=10")
    assert answer["items"]
    lengths = [path["length"] for path in answer["items"]]
    assert lengths == sorted(lengths)
    for path in answer["items"]:
        ends = ["nasser-bourita", *(step["end"]["id"] for step in path["steps"])]
        starts = [*(step["start"]["id"] for step in path["steps"]), "interpol"]
        assert ends == starts
        assert len(set(ends)) == len(ends)
        for step in path["steps"]:
            for claim in step["claims"]:
                subject, object_ = claim["subject"]["id"], claim["object"]["id"]
                assert (subject, object_) == tuple(
                    (step["end"]["id"], step["start"]["id"])
                    if step["inverse"]
                    else (step["start"]["id"], step["end"]["id"])
                )
                assert claim["evidence"]


def test_a_path_back_is_as_long(service: Service) -> None:
    there = service.json("/api/v1/paths?from=nasser-bourita&to=interpol&limit=50")
    back = service.json("/api/v1/paths?from=interpol&to=nasser-bourita&limit=50")
    assert [path["length"] for path in there["items"]] == [path["length"] for path in back["items"]]


def test_nobody_is_connected_with_what_is_not_there(service: Service) -> None:
    assert service.get("/api/v1/paths?from=nobody&to=interpol").status_code == 404
    assert service.json("/api/v1/paths?from=interpol&to=interpol")["items"] == []


def test_each_term_has_definition_example_and_uses(service: Service) -> None:
    found = service.json("/api/v1/vocabulary?lang=fr")
    terms = {term["id"]: term for term in found["terms"]}
    assert all(term["definition"] and term["label"] for term in terms.values())
    assert terms["heldPost"]["domain"] == ["Person"]
    assert terms["heldPost"]["range"] == ["Post"]
    assert terms["heldPost"]["claimable"] is True
    assert terms["heldPost"]["uses"] == service.json("/api/v1/claims?relation=heldPost&limit=1")["total"]
    assert terms["Person"]["uses"] == service.json("/api/v1/entities?type=Person&limit=1")["total"]
    assert any(term["shapes"] for term in terms.values())


def test_the_vocabulary_lists_every_concept(service: Service) -> None:
    found = service.json("/api/v1/vocabulary")
    listed = {concept["id"] for scheme in found["schemes"] for concept in scheme["concepts"]}
    assert set(service.ids("/api/v1/topics?limit=200")) <= listed


def test_the_stored_questions_are_those_of_the_ontology(service: Service) -> None:
    listed = service.json("/api/v1/questions")
    assert [item["id"] for item in listed["items"]] == [question.name for question in QUESTIONS]


@pytest.mark.parametrize("name", [question.name for question in QUESTIONS])
def test_each_stored_question_is_answered(service: Service, name: str) -> None:
    answer = service.json(f"/api/v1/questions/{name}?limit=3")
    assert len(answer["items"]) == min(3, answer["total"])
    assert all(list(row) == answer["columns"] for row in answer["items"])
    table = list(csv.reader(io.StringIO(service.get(f"/api/v1/questions/{name}", "text/csv").text)))
    assert len(table) - 1 == answer["total"]


def test_pages_of_a_question_fit_together(service: Service) -> None:
    whole = service.json("/api/v1/questions/names-of-daesh?limit=200")["items"]
    rows, following = [], "/api/v1/questions/names-of-daesh?limit=2"
    while following:
        page = service.json(following)
        rows += page["items"]
        following = page["next"]
    assert rows == whole
    assert len(whole) > 2


def test_where_keeps_rows_with_a_value(service: Service) -> None:
    whole = service.json("/api/v1/questions/names-of-daesh?limit=200")
    column = whole["columns"][0]
    value = whole["items"][0][column]
    wanted = value.get("id") or value.get("value")
    found = service.json(f"/api/v1/questions/names-of-daesh?limit=200&where={column}={wanted}")
    assert found["items"] == [row for row in whole["items"] if row[column] == value]
    table = service.get(f"/api/v1/questions/names-of-daesh?where={column}={wanted}", "text/csv").text
    assert len(list(csv.DictReader(io.StringIO(table)))) == found["total"]
    assert service.get("/api/v1/questions/names-of-daesh?where=colour=red").status_code == 400


def test_a_question_is_to_be_had_as_sparql(service: Service) -> None:
    answer = service.get("/api/v1/questions/names-of-daesh.rq")
    assert answer.headers["content-type"].startswith("application/sparql-query")
    assert "SELECT" in answer.text


def test_the_review_list_is_paged_and_names_claims(service: Service) -> None:
    first = service.json("/api/v1/review?limit=5")
    assert first["total"] > 5
    assert first["next"]
    second = service.json(first["next"])
    assert second["items"] != first["items"]
    for item in first["items"]:
        for key in item["claims"]:
            assert service.get(f"/api/v1/claims/{key}").status_code == 200
    chosen = service.json(f"/api/v1/review?query={first['items'][0]['query']}&limit=200")
    assert {item["query"] for item in chosen["items"]} == {first["items"][0]["query"]}
