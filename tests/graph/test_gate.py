"""What the gate says of a change: what it refuses, what it reports, what it does to the direct triples."""

import pyoxigraph as ox
import pytest

from service.graph.gate import Gate, Verdict
from service.rdf.iris import DEFAULT_BASE, graph_iri
from service.rdf.namespaces import PREFIXES
from service.store.base import Delta
from tests.graph.transactions import DIRECT_GRAPH, RULE, closure_of, make_gate, real_quads

_PROLOGUE = "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items())


def quads(trig: str) -> list[ox.Quad]:
    return list(ox.parse(_PROLOGUE + trig, format=ox.RdfFormat.TRIG))


@pytest.fixture(scope="module")
def gate() -> Gate:
    return make_gate()


@pytest.fixture(scope="module")
def start() -> list[ox.Quad]:
    return closure_of(real_quads(), claims=10)


@pytest.fixture
def store(start: list[ox.Quad]) -> ox.Store:
    made = ox.Store()
    made.bulk_extend(start)
    made.bulk_extend(quads(_CLAIMS))
    return made


_CLAIMS = """
GRAPH g:entities {
  id:ann a marsad:Entity, marsad:Actor, marsad:Person ; skos:prefLabel "Ann"@en .
  id:bob a marsad:Entity, marsad:Actor, marsad:Person ; skos:prefLabel "Bob"@en .
}
GRAPH g:sources {
  doc:d900 a marsad:Entity, marsad:Work, marsad:Document ; skos:prefLabel "Document 900"@en ; dcterms:language "en" ;
    marsad:textLength 500 ; marsad:textHash "sha-256:0000000000000000000000000000000000000000000000000000000000000000" .
}
GRAPH g:d900 {
  ev:d900.10-40 a marsad:Evidence ; marsad:document doc:d900 ; marsad:start 10 ; marsad:end 40 ;
    marsad:passageHash "sha-256-128:00000000000000000000000000000000" .
}
"""


def statement(name: str, subject: str, predicate: str, value: str, modality: str = "asserted") -> list[ox.Quad]:
    return quads(
        f"GRAPH g:d900 {{ claim:d900.{name} a marsad:Claim, marsad:Statement ; rdf:subject {subject} ; "
        f"rdf:predicate {predicate} ; rdf:object {value} ; marsad:modality topic:{modality} ; "
        "marsad:assertedBy id:ann ; marsad:evidence ev:d900.10-40 . }"
    )


def apply(store: ox.Store, verdict: Verdict) -> None:
    assert verdict.accepted, (verdict.faults, verdict.report.results)
    for quad in verdict.delta.removed:
        store.remove(quad)
    store.extend(verdict.delta.added)


def direct(store: ox.Store, predicate: str) -> set[str]:
    found = store.quads_for_pattern(None, ox.NamedNode(PREFIXES["marsad"] + predicate), None, DIRECT_GRAPH)
    return {f"{quad.subject.value.rpartition('/')[2]} {quad.object.value.rpartition('/')[2]}" for quad in found}


JOINED = statement("joined", "id:ann", "marsad:associatedWith", "id:bob")
JOINED_TOO = statement("joined2", "id:bob", "marsad:associatedWith", "id:ann")


def test_a_claim_of_a_symmetric_property_comes_with_both_direct_triples(gate: Gate, store: ox.Store) -> None:
    apply(store, gate.examine(store.quads_for_pattern, Delta(added=JOINED)))
    assert direct(store, "associatedWith") >= {"ann bob", "bob ann"}


def test_a_direct_triple_stays_while_another_claim_carries_it_from_the_other_end(gate: Gate, store: ox.Store) -> None:
    match = store.quads_for_pattern
    apply(store, gate.examine(match, Delta(added=[*JOINED, *JOINED_TOO])))
    apply(store, gate.examine(match, Delta(removed=JOINED)))
    assert direct(store, "associatedWith") >= {"ann bob", "bob ann"}
    apply(store, gate.examine(match, Delta(removed=JOINED_TOO)))
    assert not direct(store, "associatedWith") & {"ann bob", "bob ann"}


def test_a_contested_mark_takes_the_direct_triples_away_and_a_preferred_rank_brings_them_back(
    gate: Gate, store: ox.Store
) -> None:
    match = store.quads_for_pattern
    apply(store, gate.examine(match, Delta(added=JOINED)))
    apply(store, gate.examine(match, Delta(added=quads("GRAPH g:entities { id:bob marsad:contested true }"))))
    assert "ann bob" not in direct(store, "associatedWith")
    rank = quads("GRAPH g:editorial { claim:d900.joined marsad:rank topic:preferred }")
    apply(store, gate.examine(match, Delta(added=rank)))
    assert "ann bob" in direct(store, "associatedWith")


def test_a_claim_that_breaks_a_shape_is_reported_with_shape_focus_path_and_messages(
    gate: Gate, store: ox.Store
) -> None:
    added = [quad for quad in JOINED if quad.predicate.value != PREFIXES["marsad"] + "evidence"]
    verdict = gate.examine(store.quads_for_pattern, Delta(added=added))
    assert not verdict.accepted
    (result,) = [result for result in verdict.report.results if result.path.endswith("ns#evidence")]
    assert result.shape == "https://marsad.example/shape#Claim-evidence"
    assert result.focus == added[0].subject
    assert set(result.messages) == {"en", "fr"}


def test_removing_what_others_need_is_reported_at_the_others(gate: Gate, store: ox.Store) -> None:
    match = store.quads_for_pattern
    apply(store, gate.examine(match, Delta(added=JOINED)))
    removed = list(match(ox.NamedNode(DEFAULT_BASE + "evidence/d900.10-40"), None, None))
    verdict = gate.examine(match, Delta(removed=removed))
    assert JOINED[0].subject in {result.focus for result in verdict.report.results}


def test_what_is_there_already_and_what_is_not_there_are_no_part_of_the_exact_change(
    gate: Gate, store: ox.Store
) -> None:
    match = store.quads_for_pattern
    present = quads('GRAPH g:entities { id:ann skos:prefLabel "Ann"@en }')
    verdict = gate.examine(match, Delta(added=present, removed=JOINED))
    assert not verdict.delta
    assert verdict.accepted


def test_a_number_is_kept_by_its_value(gate: Gate, store: ox.Store) -> None:
    added = quads('GRAPH g:d900 { claim:d900.n marsad:value "007"^^xsd:integer }')
    verdict = gate.examine(store.quads_for_pattern, Delta(added=added))
    assert verdict.delta.added[0].object.value == "7"


@pytest.mark.parametrize(
    ("rule", "trig"),
    [
        ("blank-node", "GRAPH g:d900 { id:ann marsad:memberOf [] }"),
        ("graph", "id:ann marsad:memberOf id:bob ."),
        ("graph", "GRAPH <http://example.com/g> { id:ann marsad:memberOf id:bob }"),
        ("derived", "GRAPH g:direct { id:ann marsad:memberOf id:bob }"),
        ("derived", "GRAPH g:catalogue { id:ann marsad:memberOf id:bob }"),
        ("one-graph", 'GRAPH g:d900 { id:ann skos:prefLabel "Ann"@en }'),
        ("one-graph", "GRAPH g:d900 { id:ann schema:sameAs wd:Q1 } GRAPH g:entities { id:ann schema:sameAs wd:Q1 }"),
        ("direction", 'GRAPH g:entities { id:ann skos:altLabel "آن"@ar--rtl }'),
        ("triple-term", "GRAPH g:d900 { id:ann marsad:about <<( id:ann marsad:memberOf id:bob )>> }"),
    ],
)
def test_what_the_model_forbids_is_refused_whatever_the_shapes_say(
    gate: Gate, store: ox.Store, rule: str, trig: str
) -> None:
    verdict = gate.examine(store.quads_for_pattern, Delta(added=quads(trig)))
    assert not verdict.accepted
    assert {fault.rule for fault in verdict.faults} == {rule}
    assert all(set(fault.messages) == {"en", "fr"} for fault in verdict.faults)


def test_nobody_removes_a_direct_triple(gate: Gate, store: ox.Store) -> None:
    (some, *_) = store.quads_for_pattern(None, None, None, DIRECT_GRAPH)
    assert {fault.rule for fault in gate.examine(store.quads_for_pattern, Delta(removed=[some])).faults} == {"derived"}


def test_a_name_claimed_by_a_document_may_not_be_said_by_the_editors_too(gate: Gate, store: ox.Store) -> None:
    match = store.quads_for_pattern
    apply(store, gate.examine(match, Delta(added=statement("name", "id:ann", "skos:altLabel", '"Annie"@en'))))
    said = quads('GRAPH g:entities { id:ann skos:altLabel "Annie"@en }')
    assert {fault.rule for fault in gate.examine(match, Delta(added=said)).faults} == {"one-graph"}


def test_a_triple_may_move_to_another_graph(gate: Gate, store: ox.Store) -> None:
    before = quads('GRAPH g:entities { id:ann skos:prefLabel "Ann"@en }')
    after = quads('GRAPH g:people { id:ann skos:prefLabel "Ann"@en }')
    verdict = gate.examine(store.quads_for_pattern, Delta(removed=before, added=after))
    assert verdict.accepted
    assert verdict.pairs == 0


def test_a_change_of_the_class_hierarchy_is_held_against_the_whole_graph(gate: Gate, store: ox.Store) -> None:
    below = quads("GRAPH g:ontology { marsad:Person rdfs:subClassOf marsad:Place }")
    verdict = gate.examine(store.quads_for_pattern, Delta(added=below))
    assert verdict.whole


def test_a_rule_that_reads_more_is_applied_to_all_claims(store: ox.Store) -> None:
    from service.graph.ontology import read_shapes
    from tests.graph.transactions import ONTOLOGY

    wider = RULE.replace("?claim a marsad:Statement ;", "?claim a marsad:Statement ; marsad:assertedBy ?who ;")
    gate = Gate(read_shapes(ONTOLOGY, base=DEFAULT_BASE), wider, base=DEFAULT_BASE)
    verdict = gate.examine(store.quads_for_pattern, Delta(added=JOINED))
    assert {quad.graph_name for quad in verdict.delta.added} == {graph_iri(DEFAULT_BASE, "d900"), DIRECT_GRAPH}
