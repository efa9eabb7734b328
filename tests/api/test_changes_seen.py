"""What a commit changes is seen by the next request, merged slugs lead on, validators move with the graph."""

import pyoxigraph as ox
import pytest

from service.rdf import namespaces as ns
from service.store.base import Delta
from tests.api.service import Service, running

BASE = "https://marsad.example/"


@pytest.fixture(scope="module")
def changing():
    with running() as opened:
        yield opened


def apply(service: Service, *, removed: list[ox.Quad] = (), added: list[ox.Quad] = ()) -> None:  # type: ignore[assignment]
    service.loop.run(service.context.store.apply(Delta(removed=list(removed), added=list(added))))


def person(slug: str, label: str) -> list[ox.Quad]:
    node, graph = ox.NamedNode(f"{BASE}id/{slug}"), ox.NamedNode(f"{BASE}graph/entities")
    types = [ox.Quad(node, ns.RDF_TYPE, ns.marsad(name), graph) for name in ("Person", "Actor", "Entity")]
    return [*types, ox.Quad(node, ox.NamedNode(ns.SKOS + "prefLabel"), ox.Literal(label, language="en"), graph)]


def test_a_new_entity_is_listed_found_and_counted_at_once(changing: Service) -> None:
    before = changing.json("/api/v1/actors?limit=1&facets=true")
    etag = changing.get("/api/v1/actors?limit=1&facets=true").headers["etag"]
    apply(changing, added=person("ada-newcomer", "Ada Newcomer"))
    after = changing.get("/api/v1/actors?limit=1&facets=true", if_none_match=etag)
    assert after.status_code == 200
    assert after.json()["total"] == before["total"] + 1
    count = {entry["value"]: entry["count"] for entry in after.json()["facets"]["type"]}
    assert count["Person"] == {entry["value"]: entry["count"] for entry in before["facets"]["type"]}["Person"] + 1
    assert changing.json("/api/v1/search?q=ada newcomer")["items"][0]["id"] == "ada-newcomer"
    apply(changing, removed=person("ada-newcomer", "Ada Newcomer"))
    assert changing.json("/api/v1/actors?limit=1")["total"] == before["total"]
    assert changing.get("/api/v1/actors/ada-newcomer").status_code == 404


@pytest.mark.parametrize("suffix", ["", ".ttl", ".csv"])
def test_a_merged_slug_leads_to_the_one_it_was_merged_into(changing: Service, suffix: str) -> None:
    merged = ox.Quad(
        ox.NamedNode(f"{BASE}id/old-name{len(suffix)}"),
        ns.DCTERMS_IS_REPLACED_BY,
        ox.NamedNode(f"{BASE}id/interpol"),
        ox.NamedNode(f"{BASE}graph/entities"),
    )
    slug = f"old-name{len(suffix)}"
    apply(changing, added=[*person(slug, "Old name"), merged])
    answer = changing.get(f"/api/v1/actors/{slug}{suffix}?lang=fr")
    assert (answer.status_code, answer.headers["location"]) == (301, f"/api/v1/actors/interpol{suffix}?lang=fr")
    linked = changing.get(f"/id/{slug}", "text/turtle")
    assert (linked.status_code, linked.headers["location"]) == (301, "/id/interpol")
    assert slug not in changing.ids("/api/v1/actors?limit=200")
