"""Descriptions say who asserts a claim, how firmly, when, and where it is written; words say the same."""

from service.graph.describe import Describer, Passage, find_claim, find_resource
from service.graph.words import heading, sentence
from tests.graph.sample import BASE, sample_index

READ = sample_index().connection


def describer(language: str = "en", texts: bool = False) -> Describer:
    def passage(document: str, start: int, end: int) -> Passage | None:
        return Passage("the passage", "before ", " after") if texts else None

    return Describer(READ, BASE, language, passage)


def claim(key: str, language: str = "en") -> dict:
    return describer(language).claim(find_claim(READ, key))


def test_a_statement_whole():
    assert claim("d001.post.heldPost.chief") == {
        "id": "d001.post.heldPost.chief",
        "iri": BASE + "claim/d001.post.heldPost.chief",
        "type": "Statement",
        "document": "d001",
        "subject": {"id": "ann", "iri": BASE + "id/ann", "type": "Person", "label": "Ann Salé"},
        "predicate": "heldPost",
        "object": {"id": "chief", "iri": BASE + "id/chief", "type": "Post", "label": "Chief of security"},
        "modality": "asserted",
        "rank": "normal",
        "direct": True,
        "assertedBy": [
            {"id": "security", "iri": BASE + "id/security", "type": "Organization", "label": "Security Directorate"}
        ],
        "time": {
            "edtf": "2014",
            "words": "2014",
            "earliest": "2014-01-01",
            "beginsBy": "2014-12-31",
            "endsAfter": "2014-01-01",
            "latest": "2014-12-31",
        },
        "evidence": [
            {"iri": BASE + "evidence/d001.10-40", "document": "d001", "start": 10, "end": 40, "passageHash": "h"}
        ],
    }


def test_the_passage_comes_along_where_the_texts_are_at_hand():
    evidence = describer(texts=True).claim(find_claim(READ, "d001.cells"))["evidence"][0]
    assert (evidence["before"], evidence["text"], evidence["after"]) == ("before ", "the passage", " after")


def test_an_entity_has_its_claims_by_relation_in_both_directions():
    item = describer("fr").entity(find_resource(READ, BASE + "id/chief"))
    assert item["label"] == "Chief of security"
    [group] = item["relations"]
    assert (group["relation"], group["inverse"], len(group["claims"])) == ("heldPost", True, 2)
    assert [entry["modality"] for entry in group["claims"]] == ["asserted", "alleged"]


def test_sentences_in_three_languages():
    assert str(sentence(claim("d001.post.heldPost.chief"), "en")) == (
        "Ann Salé: held the post of Chief of security (2014), according to Security Directorate in document 001"
    )
    assert str(sentence(claim("d002.post.heldPost.chief", "fr"), "fr")) == (
        "Anne Salé\u00a0: a occupé le poste de Chief of security (selon des allégations),"
        " source\u00a0: Anne Salé, dans le document 002"
    )
    assert str(sentence(claim("d001.cells"), "en")) == (
        "Cells dismantled for Security Directorate: about 40 (Smuggling), according to Ann Salé in document 001"
    )


def test_what_the_author_of_a_document_asserts_is_what_the_document_says():
    assert sentence(claim("d001.cells"), "en", {"d001": "ann"}).source == "says document 001"
    assert sentence(claim("d001.cells"), "fr", {"d001": "ann"}).source == "selon le document 001"
    cited = claim("d001.cells") | {"citedWork": [{"id": "paper-2017", "label": "Paper 2017"}]}
    assert sentence(cited, "en", {"d001": "ann"}).source == "says document 001, citing Paper 2017"


def test_a_relation_has_a_heading_for_each_direction():
    assert heading("heldPost", inverse=False, language="en") == "Held the post of"
    assert heading("heldPost", inverse=True, language="fr") == "Titulaires"
    assert heading("heldPost", inverse=False, language="ar") == "شغل منصب"
    assert heading("unknownRelation", inverse=False, language="ar") == "unknownRelation"


def test_all_claims_about_a_resource_are_known_by_their_iris():
    item = describer("en").entity(find_resource(READ, BASE + "id/chief"))
    expected = {claim["iri"] for group in item["relations"] for claim in group["claims"]}
    assert describer("en").claims_about(BASE + "id/chief") == expected
    assert len(expected) > 0
