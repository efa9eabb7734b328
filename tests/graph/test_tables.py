"""Tables and networks: labels beside identifiers, nothing that runs, nothing lost."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.graph.tables import (
    CLAIMS,
    DOCUMENTS,
    EVIDENCE,
    FACTS,
    OBSERVATIONS,
    TABLES,
    Column,
    GraphItems,
    Table,
    TableFile,
    csv_lines,
    datapackage,
    write_graphml,
)
from tests.graph.small_graph import small_graph, term

BASE = "https://marsad.example/"
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


@pytest.fixture(scope="module")
def items() -> GraphItems:
    return GraphItems(small_graph(), base=BASE)


def rows(items: GraphItems, table: Table) -> list[dict[str, str]]:
    text = "".join(csv_lines(table, items.of(table)))
    return [{key: value for key, value in row.items() if value} for row in csv.DictReader(io.StringIO(text))]


def test_a_claim_is_a_row_whatever_its_kind(items: GraphItems) -> None:
    cells, judged, post = rows(items, CLAIMS)
    assert (post["subject_id"], post["subject"], post["relation_id"], post["relation"]) == (
        "ann",
        "Ann <Salé>",
        "heldPost",
        "held post",
    )
    assert (post["value_id"], post["value"], post["time"], post["time_in_words"]) == ("chief", "Chief", "2014", "2014")
    assert (post["earliest"], post["latest"], post["direct"]) == ("2014-01-01", "2014-12-31", "true")
    assert (post["asserted_by_id"], post["document"], post["evidence"]) == ("ann", "d001", "d001.10-40")
    assert (cells["subject_id"], cells["relation_id"], cells["relation"]) == ("morocco", "cells", "Cells dismantled")
    assert (cells["value"], cells["note"], cells["direct"]) == ("168", "Counted twice.", "false")
    assert (judged["subject_id"], judged["relation_id"], judged["value"]) == ("morocco", "cells", "positive")


def test_a_cell_that_would_run_as_a_formula_is_text(items: GraphItems) -> None:
    assert rows(items, CLAIMS)[1]["gloss_en"] == '\'-1 is how many, "so" it says'
    [ann] = [row for row in rows(items, TABLES[0]) if row["id"] == "ann"]
    assert ann["label_fr"] == "'=Ann"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+33 1", "'+33 1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("＝1", "'＝1"),
        ("-5", "-5"),
        ("-5.25", "-5.25"),
        ("-5-3", "'-5-3"),
        ("a=b", "a=b"),
        ("../2017", "../2017"),
        (["=a", "b"], "'=a | b"),
        (True, "true"),
        (None, ""),
        (0, "0"),
    ],
)
def test_what_starts_a_formula(value: object, cell: str) -> None:
    table = Table(
        "t", "", (Column("c", "string", "", lambda item: item["c"]), Column("d", "string", "", lambda _: "")), ()
    )
    [_, row] = csv.reader(io.StringIO("".join(csv_lines(table, [{"c": value}])), newline=""))
    assert row[0] == cell


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=2, max_size=4))
def test_any_text_comes_back_from_a_cell(values: list[str]) -> None:
    columns = tuple(
        Column(f"c{number}", "string", "", lambda item, number=number: item[number])  # type: ignore[misc]
        for number in range(len(values))
    )
    lines = "".join(csv_lines(Table("t", "", columns, ()), [dict(enumerate(values))]))  # type: ignore[list-item]
    [_, row] = csv.reader(io.StringIO(lines, newline=""))
    assert [cell.removeprefix("'") for cell in row] == [value.removeprefix("'") for value in values]
    assert not any(re.match(r"[=@\t\r]|[+-](?![0-9.]+\Z)", cell) for cell in row)


def test_an_observation_has_its_unit(items: GraphItems) -> None:
    [cells] = rows(items, OBSERVATIONS)
    assert (cells["indicator_id"], cells["value"], cells["value_is"], cells["unit"]) == ("cells", "168", "exact", "1")


def test_evidence_is_a_locator_and_never_a_text(items: GraphItems) -> None:
    found = rows(items, EVIDENCE)
    assert [(row["claim"], row["start"], row["end"]) for row in found] == [
        ("d001.cells", "50", "90"),
        ("d001.judged", "50", "90"),
        ("d001.post.heldPost.chief", "10", "40"),
    ]
    assert found[0].keys() == {"claim", "document", "start", "end", "passage_hash", "iri"}


def test_a_document_has_its_author_hash_and_number_of_claims(items: GraphItems) -> None:
    [document] = rows(items, DOCUMENTS)
    assert (document["id"], document["author_id"], document["author"]) == ("d001", "ann", "Ann <Salé>")
    assert (document["text_hash"], document["text_length"], document["claims"]) == ("sha-256:00", "900", "3")


def test_a_fact_names_the_claims_that_it_follows_from(items: GraphItems) -> None:
    name, post = rows(items, FACTS)
    assert (post["subject_id"], post["relation_id"], post["value_id"]) == ("ann", "heldPost", "chief")
    assert post["claims"] == "d001.post.heldPost.chief"
    assert (name["relation_id"], name["value"], name["value_language"]) == ("name", "A.", "en")


def test_the_package_describes_every_column(items: GraphItems) -> None:
    package = datapackage([TableFile(table, 10, "ab" * 32) for table in TABLES], version="cd")
    assert json.loads(json.dumps(package)) == package
    assert package["licenses"][0]["name"] == "CC-BY-4.0"
    by_name = {resource["name"]: resource for resource in package["resources"]}
    for table in TABLES:
        resource = by_name[table.name]
        header = next(iter(csv_lines(table, []))).rstrip("\r\n").split(",")
        assert [field["name"] for field in resource["schema"]["fields"]] == header
        assert resource["path"] == f"{table.name}.csv"
        assert resource["hash"] == "sha256:" + "ab" * 32
        assert tuple(resource["schema"].get("primaryKey", ())) == table.key
        assert set(table.key) <= set(header)
        for key in resource["schema"].get("foreignKeys", []):
            target = by_name[key["reference"]["resource"]]["schema"]["fields"]
            assert key["fields"] in header
            assert key["reference"]["fields"] in {field["name"] for field in target}


def test_every_cell_is_of_the_type_that_the_package_says(items: GraphItems) -> None:
    forms = {"integer": str.isdecimal, "boolean": ("true", "false").__contains__, "number": float, "date": len}
    for table in TABLES:
        kinds = {column.name: column.kind for column in table.columns}
        for row in rows(items, table):
            assert all(forms[kinds[name]](cell) for name, cell in row.items() if kinds[name] in forms)


def test_keys_are_unique_and_foreign_keys_lead_somewhere(items: GraphItems) -> None:
    found = {table.name: rows(items, table) for table in TABLES}
    for table in TABLES:
        keys = [tuple(row.get(name) for name in table.key) for row in found[table.name]]
        assert not table.key or len(set(keys)) == len(keys)
        assert all(all(key) for key in keys)
    claims = {row["id"] for row in found["claims"]}
    assert {row["claim"] for row in found["evidence"]} <= claims


def test_the_network_holds_the_links_between_entities(items: GraphItems) -> None:
    facts = [quad for quad in small_graph() if quad.graph_name == term("g:direct")]
    root = ElementTree.fromstring("".join(write_graphml(facts, items.describe)))
    nodes, edges = root.findall(f".//{GRAPHML}node"), root.findall(f".//{GRAPHML}edge")
    assert [node.get("id") for node in nodes] == ["ann", "chief"]
    assert [(edge.get("source"), edge.get("target")) for edge in edges] == [("ann", "chief")]
    keys = {key.get("id") for key in root.findall(f"{GRAPHML}key")}
    data = {entry.get("key"): entry.text for entry in nodes[0]}
    assert data["n_label"] == "Ann <Salé>"
    assert data["n_iri"] == BASE + "id/ann"
    assert {entry.get("key") for entry in root.iter(f"{GRAPHML}data")} <= keys
    assert {entry.get("key"): entry.text for entry in edges[0]}["e_relation"] == "heldPost"
