"""The graph goes back to YAML: what is loaded and dumped is the same, whatever was changed in between."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.graph.compile import CompiledGraph
from service.graph.dump import dump, left_out, scalar, write_files
from service.graph.ontology import Ontology, read_ontology
from service.graph.yaml_text import CONTROL, Faults, Items, Table, Text, read_yaml
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE, claim_iri, entity_iri, graph_iri, topic_iri
from service.rdf.terms import text
from tests.graph.sample_data import HASH, ONTOLOGY, compiled, errors_of, write_data

OTHER = "f" * 32


@pytest.fixture(scope="module")
def ontology() -> Ontology:
    return read_ontology(ONTOLOGY, base=DEFAULT_BASE)


def dumped(graph: CompiledGraph, ontology: Ontology, folder: Path) -> CompiledGraph:
    folder.mkdir(exist_ok=True)
    write_files(dump(graph.quads, ontology), folder)
    return compiled(folder, base=graph.base)


def claim(*parts: str) -> ox.NamedNode:
    return claim_iri(DEFAULT_BASE, "d900", *parts)


def changed(graph: CompiledGraph, *, gone: list[ox.Quad], new: list[ox.Quad]) -> set[ox.Quad]:
    quads = set(graph.quads)
    assert quads.issuperset(gone)
    return (quads - set(gone)) | set(new)


def quad(subject: ox.NamedNode, predicate: ox.NamedNode, value: ox.NamedNode | ox.Literal, graph: str) -> ox.Quad:
    return ox.Quad(subject, predicate, value, graph_iri(DEFAULT_BASE, graph))


def test_what_is_dumped_compiles_to_the_same_graph_and_is_dumped_the_same(tmp_path, ontology):
    graph = compiled(write_data(tmp_path / "data"))
    again = dumped(graph, ontology, tmp_path / "again")
    assert again.quads == graph.quads
    assert dump(again.quads, ontology) == dump(graph.quads, ontology)
    assert left_out(graph.quads, dump(graph.quads, ontology), ONTOLOGY, base=DEFAULT_BASE) == []


def test_another_base_gives_the_same_files(tmp_path, ontology):
    data, base = write_data(tmp_path), "http://graph.test/x/"
    other = read_ontology(ONTOLOGY, base=base)
    assert dump(compiled(data, base=base).quads, other) == dump(compiled(data).quads, ontology)


def test_the_form_of_a_fact(tmp_path, ontology):
    graph = compiled(write_data(tmp_path))
    lines = dump(graph.quads, ontology)["facts/d900.yaml"].splitlines()
    assert lines[:9] == [
        "document: d900",
        "facts:",
        "  bureau:",
        f"    at: 100-130 {HASH}",
        "    subject: bureau",
        "    founded: 2013-03-23",
        "    name: [BH@en, Bureau of Hilltown@en]",
        "    place: hilltown",
        "    cites: gazette-2015",
    ]
    assert "    time: 2015-05~/.." in lines
    assert not any("exact" in line or "asserted" in line for line in lines)


def test_a_claim_that_differs_from_the_others_of_its_fact_makes_parts_of_it(tmp_path, ontology):
    graph = compiled(write_data(tmp_path / "data"))
    place = claim("bureau", "place", "hilltown")
    asserted, alleged = (topic_iri(DEFAULT_BASE, word) for word in ("asserted", "alleged"))
    quads = changed(
        graph,
        gone=[quad(place, ns.MODALITY, asserted, "d900")],
        new=[quad(place, ns.MODALITY, alleged, "d900")],
    )
    files = dump(quads, ontology)
    fact = files["facts/d900.yaml"].partition("  cells:")[0].partition("  praise:")[0].splitlines()
    assert fact[2:] == [
        "  bureau:",
        f"    - at: 100-130 {HASH}",
        "      subject: bureau",
        "      founded: 2013-03-23",
        "      name: [BH@en, Bureau of Hilltown@en]",
        "      cites: gazette-2015",
        f"    - at: 100-130 {HASH}",
        "      subject: bureau",
        "      place: hilltown",
        "      modality: alleged",
        "      cites: gazette-2015",
    ]
    assert left_out(quads, files, ONTOLOGY, base=DEFAULT_BASE) == []


def test_notes_of_one_claim_and_of_a_whole_fact_and_a_reason_are_told_apart(tmp_path, ontology):
    data = write_data(tmp_path, d900=("cites: gazette-2015\n  head", "cites: gazette-2015\n    note: Of all.\n  head"))
    graph = compiled(data)
    name = next(name for name in graph.claims if name.startswith("d900.bureau.name."))
    one, two = (
        quad(ox.NamedNode(f"{DEFAULT_BASE}claim/{name}"), ns.SKOS_EDITORIAL_NOTE, text(words, "en"), "editorial")
        for words in ("Of one.", "Of one, too: really.")
    )
    quads = changed(graph, gone=[], new=[one, two])
    files = dump(quads, ontology)
    assert "    note: Of all.\n" in files["facts/d900.yaml"]
    assert files["editorial.yaml"].splitlines()[1:] == [
        "ranks:",
        "  d900.bureau.founded.e2013-03-23: {rank: preferred, reason: The gazette says so too.}",
        "notes:",
        f'  {name}: ["Of one, too: really.", Of one.]',
    ]
    assert left_out(quads, files, ONTOLOGY, base=DEFAULT_BASE) == []


def test_the_only_note_of_the_only_claim_is_the_reason_of_its_rank(tmp_path, ontology):
    graph = compiled(write_data(tmp_path))
    quads = changed(
        graph,
        gone=[],
        new=[quad(claim("cells"), ns.RANK, topic_iri(DEFAULT_BASE, "deprecated"), "editorial")],
    )
    files = dump(quads, ontology)
    assert "  d900.cells: {rank: deprecated, reason: Counted twice.}\n" in files["editorial.yaml"]
    assert "Counted twice" not in files["facts/d900.yaml"]


def test_what_yaml_cannot_say_is_named(tmp_path, ontology):
    graph = compiled(write_data(tmp_path))
    stray = ox.NamedNode(f"{DEFAULT_BASE}other/thing")
    second = quad(entity_iri(DEFAULT_BASE, "ada"), ns.SKOS_PREF_LABEL, text("Ada L.", "en"), "entities")
    quads = changed(graph, gone=[], new=[second, quad(stray, ns.RDF_TYPE, ns.marsad("Entity"), "d900")])
    lines = left_out(quads, dump(quads, ontology), ONTOLOGY, base=DEFAULT_BASE)
    assert lines == [
        f"<{stray.value}> in <{DEFAULT_BASE}graph/d900>: 1 triples",
        f"<{DEFAULT_BASE}id/ada> in <{DEFAULT_BASE}graph/entities>: 1 triples",
    ]


def test_a_withdrawn_document_leaves_no_file(tmp_path, ontology):
    graph = compiled(write_data(tmp_path))
    folder = {graph_iri(DEFAULT_BASE, "d900"), graph_iri(DEFAULT_BASE, "editorial")}
    files = dump([item for item in graph.quads if item.graph_name not in folder], ontology)
    assert write_files(files, tmp_path) == [
        "wrote entities.yaml",
        "wrote editorial.yaml",
        "removed facts/d900.yaml",
    ]
    assert write_files(files, tmp_path) == []


# Letters of all kinds but those that no file may hold: what XML cannot carry is refused (test_compile_errors.py).
WORDS = st.text(
    st.characters(exclude_categories=["Cs"]).filter(lambda letter: not CONTROL.match(letter)), min_size=1, max_size=40
)
TRICKY = st.sampled_from(["- x", "-5", "a: b", "a #b", "x:", "[a", "{", "it's", '"q"', "?", "null", "~", "\x85", "é\u2028", "a,b", "@x", "\ufeff", "\U0001f600"])  # fmt: skip


@given(st.lists(WORDS | TRICKY, min_size=1, max_size=4))
def test_every_text_reads_back_in_every_place(words):
    lines = [f"k{number}: {scalar(word)}" for number, word in enumerate(words)]
    lines += ["flow: [" + ", ".join(scalar(word, flow=True) for word in words) + "]"]
    lines += ["map: {" + ", ".join(f"k{n}: {scalar(word, flow=True)}" for n, word in enumerate(words)) + "}"]
    lines += ["list:", *(f"  - {scalar(word)}" for word in words)]
    faults = Faults()
    table = read_yaml("\n".join(lines).encode(), faults.at("x"))
    assert faults.errors == []
    assert isinstance(table, Table)
    *plain, flow, mapping, block = (entry.value for entry in table.entries.values())
    assert [value.text for value in plain if isinstance(value, Text)] == words
    assert isinstance(mapping, Table)
    assert [entry.value.text for entry in mapping.entries.values() if isinstance(entry.value, Text)] == words
    for items in (flow, block):
        assert isinstance(items, Items)
        assert [item.text for item in items.items if isinstance(item, Text)] == words


LABEL = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
)
TIMES = st.sampled_from(["2013", "1985~", "[2016-10-25..2016-10-31]", "/2017", "2014-01/..", "2017?-01-31", "199X"])


# 15 examples: each compiles the ontology twice, about a second.
@settings(max_examples=15)
@given(
    label=LABEL,
    note=LABEL,
    founded=st.lists(TIMES, min_size=1, max_size=4, unique=True),
    by=st.lists(st.sampled_from(["ada", "gazette", "freedonia"]), unique=True, max_size=3),
    modality=st.sampled_from(["asserted", "probable", "denied"]),
    at=st.lists(st.sampled_from([f"100-130 {HASH}", f"90-140 {OTHER}", f"1-30 {OTHER}"]), unique=True, min_size=1),
)
def test_many_facts_go_there_and_back(tmp_path_factory, ontology, label, note, founded, by, modality, at):
    folder = tmp_path_factory.getbasetemp() / "facts"
    listed = ", ".join(scalar(value, flow=True) for value in founded)
    fact = [
        "  more:",
        f"    at: [{', '.join(at)}]",
        "    subject: bureau",
        f"    founded: [{listed}]",
        f"    name: {scalar(label + '@en')}",
        f"    modality: {modality}",
        f"    note: {scalar(note)}",
        *([f"    by: [{', '.join(by)}]"] if by else []),
    ]
    data = write_data(folder, d900=("facts:\n", "\n".join(["facts:", *fact, ""])))
    graph = compiled(data)
    assert dumped(graph, ontology, tmp_path_factory.getbasetemp() / "again").quads == graph.quads


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ("[{at: %s, subject: ada, memberOf: bureau}, {at: %s, subject: ada, memberOf: bureau}]", "a second time"),
        ("[{at: %s, subject: ada, memberOf: bureau}, words]", "a mapping (`key: value`) is expected below"),
        ("[]", "a mapping (`key: value`) is expected below"),
    ],
)
def test_parts_that_do_not_fit_are_faults(tmp_path, parts, error):
    line = f"  split: {parts.replace('%s', f'200-230 {HASH}')}"
    (fault,) = errors_of(write_data(tmp_path, d900=("facts:\n", f"facts:\n{line}\n")))
    assert fault.startswith("facts/d900.yaml:3: split: ")
    assert error in fault
