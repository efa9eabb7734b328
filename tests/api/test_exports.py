"""Files of the graph, of one entity and of a selection, over HTTP: the bytes of the manifest, and what other tools read."""

import csv
import gzip
import hashlib
import io
import json
from datetime import date
from decimal import Decimal
from typing import Any

import networkx
import pytest

from service.cli import main
from service.graph.export import EXCERPT_FORMATS
from service.rdf.formats import RDF_FORMATS
from service.rdf.serialize import parse
from tests.api.service import Service, triples

SELECTION = "document=d001&modality=alleged"
EXCERPTS = [
    ("entity/interpol", ""),
    ("selection/claims", SELECTION),
    ("selection/actors", "topic=terrorism"),
    ("selection/documents", ""),
]


def place(path: str, query: str) -> str:
    return f"/export/{path}?{query}" if query else f"/export/{path}"


def data(service: Service, path: str, query: str = "") -> bytes:
    answer = service.get(place(path, query))
    assert answer.status_code == 200, answer.text
    return answer.content


def manifest(service: Service, name: str, query: str) -> dict[str, Any]:
    return json.loads(data(service, f"{name}/manifest.json", query))


@pytest.mark.parametrize(("name", "query"), EXCERPTS)
def test_every_file_of_an_excerpt_is_what_its_manifest_says(service: Service, name: str, query: str) -> None:
    found = manifest(service, name, query)
    assert found["request"]["names"] == [f"{name}?{query}" if query else name]
    assert found["request"]["formats"] == list(EXCERPT_FORMATS)
    assert found["snapshot"].startswith("sha-256:")
    for entry in found["files"]:
        content = service.get("/export/" + entry.get("url", entry["path"])).content
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
        if entry["mediaType"] == "text/csv":
            assert entry["rows"] == sum(1 for _ in csv.DictReader(io.StringIO(content.decode(), newline="")))
    suffixes = {entry["path"].rpartition(".")[2] for entry in found["files"]}
    assert suffixes == {"json", "csv", "graphml", *(row.suffix for row in RDF_FORMATS)}


@pytest.mark.parametrize(("name", "query"), EXCERPTS)
def test_every_format_of_an_excerpt_says_the_same(service: Service, name: str, query: str) -> None:
    read = {row.name: set(parse(data(service, f"{name}.{row.suffix}", query), row)) for row in RDF_FORMATS}
    with_graphs = read["nquads"]
    assert with_graphs
    assert read["trig"] == read["jsonld"] == with_graphs
    assert {str(quad.triple) for quad in with_graphs} == {str(quad.triple) for quad in read["turtle"]}
    assert read["turtle"] == read["ntriples"] == read["rdfxml"]


@pytest.mark.parametrize(("name", "query"), EXCERPTS[1:])
def test_a_selection_holds_what_its_list_holds(service: Service, name: str, query: str) -> None:
    collection = name.removeprefix("selection/")
    ids = service.ids(f"/api/v1/{collection}?{query}&limit=200")
    rows = csv.DictReader(io.StringIO(data(service, f"{name}.csv", query).decode(), newline=""))
    assert sorted(row["id"] for row in rows) == sorted(ids)
    mine = triples(data(service, f"{name}.ttl", query).decode(), "turtle")
    assert set(mine) == set(triples(service.get(f"/api/v1/{collection}.ttl?{query}").text, "turtle"))


def test_an_entity_comes_with_its_neighbours_and_the_links_among_them(service: Service) -> None:
    graph = networkx.parse_graphml(data(service, "entity/nasser-bourita.graphml").decode())
    assert graph.is_directed()
    own = [target for _, target in graph.out_edges("nasser-bourita")]
    assert any(target.startswith("post-") for target in own)
    turtle = data(service, "entity/nasser-bourita.ttl").decode()
    for node, values in graph.nodes(data=True):
        assert values["label"]
        assert f"id:{node}" in turtle or f"topic:{node}" in turtle or f"doc:{node}" in turtle
    claims = data(service, "entity/nasser-bourita.csv").decode()
    item = service.json("/api/v1/entities/nasser-bourita")
    keys = {claim["id"] for group in item["relations"] for claim in group["claims"]}
    assert {row["id"] for row in csv.DictReader(io.StringIO(claims, newline=""))} == keys


def test_the_network_of_all_facts_is_read_by_networkx(service: Service) -> None:
    graph = networkx.parse_graphml(data(service, "facts.graphml").decode())
    facts = parse(data(service, "facts.nt"), next(row for row in RDF_FORMATS if row.suffix == "nt"))
    links = [quad for quad in facts if hasattr(quad.object, "value") and str(quad.object).startswith("<")]
    assert graph.number_of_edges() == sum("/time/" not in quad.object.value for quad in links)
    assert networkx.get_node_attributes(graph, "label_ar")["morocco"] == "المغرب"
    assert "heldPost" in set(networkx.get_edge_attributes(graph, "label").values())


_TYPES = {
    "string": str,
    "integer": int,
    "number": Decimal,
    "date": date.fromisoformat,
    "boolean": {"true": True, "false": False}.__getitem__,
}


@pytest.mark.parametrize(("name", "query"), [("", ""), *EXCERPTS])
def test_the_tables_are_a_package_as_frictionless_has_it(service: Service, name: str, query: str) -> None:
    """Data Package and Table Schema, version 1: names, types, keys, hashes."""
    folder = f"{name}/tables" if name else "tables"
    package = json.loads(data(service, f"{folder}/datapackage.json", query))
    assert package["profile"] == "tabular-data-package"
    tables: dict[str, list[dict[str, str]]] = {}
    for resource in package["resources"]:
        content = data(service, f"{folder}/{resource['path']}", query)
        assert (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") == (resource["bytes"], resource["hash"])
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        fields = resource["schema"]["fields"]
        header = next(csv.reader(io.StringIO(content.decode(), newline="")))
        assert header == [field["name"] for field in fields]
        for field in fields:
            for row in rows:
                if row[field["name"]] not in resource["schema"]["missingValues"]:
                    _TYPES[field["type"]](row[field["name"]])
        key = resource["schema"].get("primaryKey", [])
        found = [tuple(row[column] for column in key) for row in rows]
        assert not key or len(set(found)) == len(found)
        assert all(all(values) for values in found)
        tables[resource["name"]] = rows
    for resource in package["resources"]:
        for key in resource["schema"].get("foreignKeys", []):
            there = {row[key["reference"]["fields"]] for row in tables[key["reference"]["resource"]]}
            assert {row[key["fields"]] for row in tables[resource["name"]] if row[key["fields"]]} <= there


def test_a_file_comes_compressed_with_the_same_bytes_each_time(service: Service) -> None:
    first, second = (service.get(place("selection/claims.nq.gz", SELECTION)) for _ in range(2))
    assert first.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in first.headers
    assert first.content == second.content
    assert gzip.decompress(first.content) == data(service, "selection/claims.nq", SELECTION)


def test_the_order_of_filters_does_not_matter(service: Service) -> None:
    one, other = (
        manifest(service, "selection/claims", query) for query in (SELECTION, "modality=alleged&document=d001")
    )
    assert one == other


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("selection/claims.ttl?colour=red", 400, "colour"),
        ("selection/claims.ttl?limit=3", 400, "limit"),
        ("selection/claims.ttl?from=2015&to=2014", 400, "before it begins"),
        ("selection/claims.ttl?q=a&q=b", 400, "q"),
        ("facts.ttl?document=d001", 400, "takes no parameters"),
        ("manifest.json?document=d001", 400, "takes no parameters"),
        ("entity/interpol.ttl?document=d001", 404, "no file"),
        ("entity/nobody.ttl", 404, "nobody"),
        ("entity/interpol.pdf", 404, "no file"),
        ("entity/interpol", 404, "no file"),
        ("entity/interpol/tables/nothing.csv", 404, "no file"),
        ("selection/nothing.ttl", 404, "there are actors"),
        ("selection/manifest.json", 404, "there are"),
    ],
)
def test_what_cannot_be_exported_is_a_problem(service: Service, url: str, status: int, said: str) -> None:
    answer = service.get(f"/export/{url}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", ["", f"/export/selection/claims/manifest.json?{SELECTION}", "/export/entity/interpol/manifest.json"]
)
def test_a_service_keeps_to_its_manifests(address: str, query: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-export", address + query]) == 0
    assert "files as the manifest says" in capsys.readouterr().out
