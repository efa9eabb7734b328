from pathlib import Path

import pytest

from service.errors import OntologyError
from service.graph.compile import CompiledGraph
from service.graph.review import ReviewSection, review, review_queries
from service.rdf.iris import DEFAULT_BASE
from tests.graph.sample_data import compiled, write_data

PLACES = """\
# Where organisations are
# severity: Warning
PREFIX marsad: <https://marsad.example/ns#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
SELECT ?where ?claim WHERE { ?claim rdf:predicate marsad:place ; rdf:object ?where }
"""
NAMES = """\
# Names of one thing
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX id: <https://marsad.example/id/>
SELECT ?thing (GROUP_CONCAT(STR(?claim); separator=" ") AS ?claims) (COUNT(*) AS ?count)
WHERE { ?claim rdf:subject ?thing ; rdf:predicate skos:altLabel . FILTER(?thing = id:bureau) } GROUP BY ?thing
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> CompiledGraph:
    return compiled(write_data(tmp_path_factory.mktemp("data")))


def sections(graph: CompiledGraph, folder: Path, base: str = DEFAULT_BASE, **queries: str) -> list[ReviewSection]:
    (folder / "review").mkdir()
    for name, text in queries.items():
        (folder / "review" / f"{name}.rq").write_text(text)
    return review(graph.quads, review_queries(folder, base=base), base=base)


def test_a_row_names_its_claims_and_their_passages(graph: CompiledGraph, tmp_path: Path) -> None:
    (section,) = sections(graph, tmp_path, places=PLACES)
    assert (section.query.name, section.query.title, section.query.severity) == (
        "places",
        "Where organisations are",
        "Warning",
    )
    assert section.columns == ("where", "claim")
    (row,) = section.rows
    assert [claim.value for claim in row.claims] == [f"{DEFAULT_BASE}claim/d900.bureau.place.hilltown"]
    assert [(passage.document, passage.start, passage.end) for passage in row.passages] == [("d900", 100, 130)]


def test_a_list_of_claims_names_each_of_them(graph: CompiledGraph, tmp_path: Path) -> None:
    (section,) = sections(graph, tmp_path, names=NAMES)
    assert section.query.severity == "Info"
    (row,) = section.rows
    assert len(row.claims) == 2
    assert str(row.values["count"]).startswith('"2"')


def test_the_queries_follow_the_base(tmp_path: Path) -> None:
    base = "https://data.freedonia.test/"
    graph = compiled(write_data(tmp_path / "data"), base=base)
    (section,) = sections(graph, tmp_path, base=base, names=NAMES)
    assert len(section.rows[0].claims) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# x\nASK { ?s ?p ?o }", "must be a SELECT"),
        ("# x\nSELECT * WHERE {", r"review/bad\.rq: error at"),
        ("# x\n# severity: Violation\nSELECT * { ?s ?p ?o }", "Warning or Info, not Violation"),
    ],
)
def test_a_query_that_is_no_review_query_is_refused(
    graph: CompiledGraph, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(OntologyError, match=message):
        sections(graph, tmp_path, bad=text)


def test_without_queries_there_is_nothing_to_review(graph: CompiledGraph, tmp_path: Path) -> None:
    assert review(graph.quads, review_queries(tmp_path, base=DEFAULT_BASE), base=DEFAULT_BASE) == []
