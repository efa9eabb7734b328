import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.errors import OntologyError
from service.graph.compile import CompiledGraph, compile_sources, source_digest
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import prefixes
from service.rdf.turtle import write_turtle
from tests.conftest import ROOT
from tests.graph.sample_data import FILES, HASH, ONTOLOGY, compiled, errors_of, write_data

# As N-Triples writes them: language and datatype count in the hash of a literal.
NAMES = ('"Bureau of Hilltown"@en', '"BH"@en')


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> CompiledGraph:
    return compiled(write_data(tmp_path_factory.mktemp("data")))


def turtle_of(graph: CompiledGraph, name: str, subject: str) -> list[str]:
    """The lines that canonical Turtle has below a subject in a named graph."""
    mapping = prefixes(graph.base)
    prefix, _, local = subject.partition(":")
    iri = ox.NamedNode(mapping[prefix] + local)
    own = [q for q in graph.quads if q.subject == iri and q.graph_name == ox.NamedNode(f"{graph.base}graph/{name}")]
    body = b"".join(write_turtle(own, mapping)).decode()
    return [line.strip(" ;") for line in body.splitlines() if line.startswith("    ") and line.strip() != "."]


def test_a_fact_yields_one_statement_for_each_value(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "d900", "claim:d900.bureau.place.hilltown") == [
        "a marsad:Claim",
        "a marsad:Statement",
        "rdf:object id:hilltown",
        "rdf:predicate marsad:place",
        "rdf:subject id:bureau",
        "marsad:assertedBy id:ada",
        "marsad:citedWork id:gazette-2015",
        "marsad:evidence ev:d900.100-130",
        "marsad:modality topic:asserted",
    ]
    assert sorted(claim for claim in graph.claims if claim.startswith("d900.bureau.")) == [
        "d900.bureau.founded.e2013-03-23",
        *sorted(f"d900.bureau.name.{sha256(name.encode()).hexdigest()[:8]}" for name in NAMES),
        "d900.bureau.place.hilltown",
    ]


def test_what_stands_beside_a_fact_holds_for_its_claim(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "d900", "claim:d900.head.heldPost.post-head-of-the-bureau") == [
        "a marsad:Claim",
        "a marsad:Statement",
        "rdf:object id:post-head-of-the-bureau",
        "rdf:predicate marsad:heldPost",
        "rdf:subject id:ada",
        'marsad:asWritten "for some years"@en',
        "marsad:assertedBy id:gazette",
        "marsad:evidence ev:d900.200-230",
        "marsad:evidence ev:d900.300-330",
        'marsad:gloss "Ada heads it."@en',
        'marsad:gloss "Ada le dirige."@fr',
        "marsad:modality topic:alleged",
        "marsad:occasion id:opening-2013",
        "marsad:onBehalfOf id:freedonia",
        "marsad:time span:e2015-05ca_to_open",
    ]


def test_a_number_is_an_observation(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "d900", "claim:d900.cells") == [
        "a marsad:Claim",
        "a marsad:Observation",
        "marsad:assertedBy id:ada",
        "marsad:evidence ev:d900.400-430",
        "marsad:indicator topic:cells-dismantled",
        "marsad:modality topic:asserted",
        "marsad:observedFor id:freedonia",
        "marsad:time span:e2001-09-11_to_2017",
        "marsad:value 168",
        "marsad:valueIs topic:exact",
    ]


def test_a_judgement_may_be_about_a_statement(graph: CompiledGraph) -> None:
    lines = turtle_of(graph, "d900", "claim:d900.praise")
    assert "marsad:assessmentOf claim:d900.bureau.place.hilltown" in lines
    assert {"a marsad:Assessment", "marsad:aspect topic:security", "marsad:polarity topic:positive"} <= set(lines)


def test_a_passage_is_a_locator_and_never_a_text(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "d900", "ev:d900.100-130") == [
        "a marsad:Evidence",
        "marsad:document doc:d900",
        "marsad:end 130",
        f'marsad:passageHash "sha-256-128:{HASH}"',
        "marsad:start 100",
    ]


def test_a_time_has_its_edtf_and_four_bounds(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "time", "span:e2015-05ca_to_open") == [
        "a marsad:TimeSpan",
        'marsad:beginsBy "2015-06-30"^^xsd:date',
        'marsad:earliest "2015-04-01"^^xsd:date',
        'marsad:edtf "2015-05~/.."^^<http://id.loc.gov/datatypes/edtf/EDTF>',
        'marsad:endsAfter "9999-12-31"^^xsd:date',
        'marsad:latest "9999-12-31"^^xsd:date',
    ]


def test_an_entity_has_all_its_superclasses_and_is_thin(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "entities", "id:freedonia") == [
        "a marsad:Actor",
        "a marsad:Country",
        "a marsad:Entity",
        "a marsad:Place",
        'skos:prefLabel "Freedonia"@en',
    ]
    assert turtle_of(graph, "entities", "id:hilltown") == [
        "a marsad:Entity",
        "a marsad:Place",
        'skos:prefLabel "Hilltown"@en',
        'skos:prefLabel "Hilltown"@fr',
        'skos:prefLabel "البلدة"@ar',
        "marsad:kind topic:city",
        "schema:sameAs wd:Q1",
    ]


def test_documents_and_cited_works_are_sources(graph: CompiledGraph) -> None:
    assert {"dcterms:creator id:ada", "dcterms:issued span:e2020-05-01", "marsad:textLength 1000"} <= set(
        turtle_of(graph, "sources", "doc:d900")
    )
    assert turtle_of(graph, "sources", "id:gazette-2015") == [
        "a marsad:Entity",
        "a marsad:Work",
        "dcterms:creator id:gazette",
        'skos:prefLabel "Gazette 2015"@en',
    ]


def test_ranks_and_notes_are_the_editors_and_not_the_documents(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "editorial", "claim:d900.bureau.founded.e2013-03-23") == [
        'skos:editorialNote "The gazette says so too."@en',
        "marsad:rank topic:preferred",
    ]
    assert turtle_of(graph, "editorial", "claim:d900.cells") == ['skos:editorialNote "Counted twice."@en']
    assert turtle_of(graph, "editorial", "claim:d900.head.heldPost.post-head-of-the-bureau") == [
        'skos:editorialNote "The paper names no year."@en'
    ]


def test_only_what_is_asserted_without_hedging_is_direct(graph: CompiledGraph) -> None:
    assert turtle_of(graph, "direct", "id:bureau") == [
        'skos:altLabel "BH"@en',
        'skos:altLabel "Bureau of Hilltown"@en',
        "marsad:founded span:e2013-03-23",
        "marsad:place id:hilltown",
    ]
    assert turtle_of(graph, "direct", "id:ada") == []


def test_every_quad_is_in_a_named_graph_and_no_triple_in_two(graph: CompiledGraph) -> None:
    triples = [quad.triple for quad in graph.quads]
    assert len(triples) == len(set(triples))
    names = {str(quad.graph_name).removeprefix(f"<{DEFAULT_BASE}graph/").removesuffix(">") for quad in graph.quads}
    assert names == {"ontology", "vocabulary", "entities", "sources", "d900", "time", "editorial", "direct"}


def test_the_counts_say_what_there_is(graph: CompiledGraph) -> None:
    assert {name: graph.counts[name] for name in ("documents", "facts", "claims", "direct")} == {
        "documents": 1,
        "facts": 4,
        "claims": 7,
        "direct": 4,
    }
    assert (graph.counts["statements"], graph.counts["observations"], graph.counts["assessments"]) == (5, 1, 1)
    assert graph.counts["quads"] == len(graph.quads)
    assert graph.warnings == ()


def test_a_claim_knows_its_file_and_line(graph: CompiledGraph) -> None:
    claim = graph.claims["d900.bureau.place.hilltown"]
    assert (claim.file, claim.line, claim.fact, claim.kind) == ("facts/d900.yaml", 7, "bureau", "Statement")
    assert [(locator.start, locator.end) for locator in claim.locators] == [(100, 130)]


def test_the_iris_of_the_data_follow_the_base_and_those_of_terms_do_not(graph: CompiledGraph, tmp_path: Path) -> None:
    base = "https://data.freedonia.test/kg/"
    other = compiled(write_data(tmp_path), base=base)
    assert len(other.quads) == len(graph.quads)
    text = "\n".join(map(str, other.quads))
    assert f"<{base}claim/d900.cells>" in text
    assert f"<{base}topic/asserted>" in text
    assert "<https://marsad.example/ns#Claim>" in text
    assert not [line for line in text.splitlines() if f"<{DEFAULT_BASE}" in line.replace(f"<{DEFAULT_BASE}ns", "")]


def test_a_merged_name_points_to_the_one_that_took_its_place(tmp_path: Path) -> None:
    data = write_data(tmp_path, entities=("entities:\n", "entities:\n  office: {mergedInto: bureau}\n"))
    assert turtle_of(compiled(data), "entities", "id:office") == ["dcterms:isReplacedBy id:bureau"]


def test_the_facts_of_a_document_may_stand_in_two_files(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    more = f"document: d900\nfacts:\n  more:\n    at: 500-530 {HASH}\n    subject: ada\n    memberOf: bureau\n"
    (data / "facts" / "d900-more.yaml").write_text(more)
    assert "d900.more.memberOf.bureau" in compiled(data).claims
    (data / "facts" / "d900-more.yaml").write_text(more.replace("more:", "head:"))
    assert errors_of(data) == ["facts/d900.yaml:10: head: facts/d900-more.yaml:3 has a fact of that name already"]


def test_the_digest_changes_with_the_sources_and_the_base_alone(tmp_path: Path) -> None:
    one, two = write_data(tmp_path / "one"), write_data(tmp_path / "two")
    digest = source_digest(ONTOLOGY, one, DEFAULT_BASE)
    assert digest == source_digest(ONTOLOGY, two, DEFAULT_BASE)
    assert digest != source_digest(ONTOLOGY, one, "https://other.test/")
    (two / "coverage").mkdir()
    (two / "coverage" / "d900.yaml").write_text("document: d900\nskips: []\n")
    assert digest == source_digest(ONTOLOGY, two, DEFAULT_BASE)
    (two / "facts" / "d900.yaml").write_text(FILES["facts/d900.yaml"] + "\n")
    assert digest != source_digest(ONTOLOGY, two, DEFAULT_BASE)


_DUMP = """
import sys
from hashlib import sha256
from pathlib import Path
from service.graph.compile import compile_sources
graph = compile_sources(Path(sys.argv[1]), Path(sys.argv[2]), base="https://marsad.example/")
sys.stdout.write("\\n".join(map(str, graph.quads)) + repr(graph.counts) + repr(list(graph.claims)))
"""


def dump(data: Path, seed: str) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _DUMP, str(ONTOLOGY), str(data)]
    return subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout


def test_two_processes_with_different_hash_seeds_compile_the_same_bytes(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    first = dump(data, "0")
    assert len(first) > 10_000
    assert first == dump(data, "4242")


def test_an_ontology_that_says_what_the_data_say_is_refused(tmp_path: Path) -> None:
    ontology = tmp_path / "ontology"
    ontology.mkdir()
    for path in ONTOLOGY.iterdir():
        if path.is_file():
            (ontology / path.name).write_bytes(path.read_bytes())
    with (ontology / "alignments.ttl").open("a") as file:
        file.write('\n<https://marsad.example/id/ada> skos:prefLabel "Ada"@en .\n')
    with pytest.raises(OntologyError, match="stands in g:entities and in g:ontology"):
        compile_sources(ontology, write_data(tmp_path / "data"), base=DEFAULT_BASE)


def test_without_an_ontology_the_error_says_what_is_absent(tmp_path: Path) -> None:
    with pytest.raises(OntologyError, match=r"marsad\.ttl is absent"):
        compile_sources(tmp_path, write_data(tmp_path / "data"), base=DEFAULT_BASE)
