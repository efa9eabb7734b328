"""IRIs of the data: minted, taken apart, moved to another base."""

import pyoxigraph as ox
import pytest

from service.rdf import iris
from service.rdf.iris import DEFAULT_BASE, rebase, split_iri
from service.rdf.namespaces import PREFIXES, prefixes

OTHER = "https://graph.example.org/m/"


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        (iris.entity_iri(OTHER, "morocco"), "id/morocco"),
        (iris.topic_iri(OTHER, "terrorism"), "topic/terrorism"),
        (iris.document_iri(OTHER, "d001"), "doc/d001"),
        (iris.claim_iri(OTHER, "d001", "bcij", "place", "sale"), "claim/d001.bcij.place.sale"),
        (iris.claim_iri(OTHER, "d001", "cells"), "claim/d001.cells"),
        (iris.evidence_iri(OTHER, "d001", 6340, 6482), "evidence/d001.6340-6482"),
        (iris.time_iri(OTHER, "e1985ca"), "time/e1985ca"),
        (iris.graph_iri(OTHER, "direct"), "graph/direct"),
    ],
)
def test_an_iri_is_base_folder_and_local_name(iri: ox.NamedNode, expected: str) -> None:
    assert iri.value == OTHER + expected
    assert split_iri(OTHER, iri) == tuple(expected.split("/"))
    assert iris.local_name(iri) == expected.split("/")[1]


@pytest.mark.parametrize(
    "iri",
    [
        "https://marsad.example/ns#Actor",
        OTHER + "id/",
        OTHER + "id/a/b",
        OTHER + "other/a",
        OTHER,
        "http://www.wikidata.org/entity/Q1028",
    ],
)
def test_any_other_iri_is_not_of_the_data(iri: str) -> None:
    assert split_iri(OTHER, iri) is None


def test_a_literal_object_is_named_by_a_hash_of_all_of_it() -> None:
    names = {
        iris.object_name(literal)
        for literal in (
            ox.Literal("BCIJ", language="en"),
            ox.Literal("BCIJ", language="fr"),
            ox.Literal("BCIJ"),
            ox.Literal("BCIJ", datatype=ox.NamedNode("http://id.loc.gov/datatypes/edtf/EDTF")),
        )
    }
    assert len(names) == 4
    assert iris.object_name(ox.Literal("BCIJ", language="en")) == "c383c991"


def test_rebasing_moves_the_data_and_leaves_the_terms() -> None:
    text = """
        PREFIX marsad: <https://marsad.example/ns#>
        PREFIX id: <https://marsad.example/id/>
        <https://marsad.example/ns> owl:versionIRI <https://marsad.example/ns/0.1.0> .
        <https://marsad.example/> <https://marsad.example/shape#x> <https://marsad.example/graph/direct> .
        <https://marsad.example/nsfw> <https://marsad.example/shapes> "https://marsad.example/id/" .
    """
    assert rebase(text, DEFAULT_BASE) == text
    assert (
        rebase(text, OTHER)
        == """
        PREFIX marsad: <https://marsad.example/ns#>
        PREFIX id: <https://graph.example.org/m/id/>
        <https://marsad.example/ns> owl:versionIRI <https://marsad.example/ns/0.1.0> .
        <https://graph.example.org/m/> <https://marsad.example/shape#x> <https://graph.example.org/m/graph/direct> .
        <https://graph.example.org/m/nsfw> <https://graph.example.org/m/shapes> "https://graph.example.org/m/id/" .
    """
    )


def test_prefixes_follow_the_base_but_for_the_terms() -> None:
    moved = prefixes(OTHER)
    assert moved.keys() == PREFIXES.keys()
    changed = {prefix for prefix in moved if moved[prefix] != PREFIXES[prefix]}
    assert changed == {"claim", "doc", "ev", "g", "id", "span", "topic"}
    assert all(rebase(PREFIXES[prefix], OTHER) == moved[prefix] for prefix in moved)
