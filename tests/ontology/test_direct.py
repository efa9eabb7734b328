"""The rule of the direct graph on the smallest graphs that show it."""

import pyoxigraph as ox
import pytest

from service.graph.direct import direct_quads
from service.rdf.iris import DEFAULT_BASE, rebase
from service.rdf.namespaces import PREFIXES
from tests.ontology.files import ONTOLOGY

RULE = (ONTOLOGY / "direct.rq").read_text(encoding="utf-8")
TERMS = """
marsad:operatesIn marsad:claimable true ; marsad:directPolicy "any" .
marsad:cooperatesWith marsad:claimable true ; marsad:directPolicy "symmetric" .
marsad:attributedTo marsad:claimable true ; marsad:directPolicy "preferredOnly" .
skos:altLabel marsad:claimable true .
"""


def claim(name: str, triple: str, *, modality: str = "asserted", rank: str = "") -> str:
    subject, predicate, value = triple.split(" ", 2)
    ranked = f"claim:{name} marsad:rank topic:{rank} ." if rank else ""
    return f"""claim:{name} a marsad:Statement ; rdf:subject {subject} ; rdf:predicate {predicate} ; rdf:object {value} ;
        marsad:modality topic:{modality} . {ranked}"""


def parse(turtle: str, *, base: str = DEFAULT_BASE) -> list[ox.Quad]:
    header = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    graph = ox.NamedNode(f"{base}graph/d900")
    return [
        ox.Quad(quad.subject, quad.predicate, quad.object, graph)
        for quad in ox.parse(rebase(header + turtle, base), format=ox.RdfFormat.TURTLE)
    ]


def direct(*parts: str, base: str = DEFAULT_BASE) -> set[ox.Triple]:
    rule = rebase(RULE, base)
    return {quad.triple for quad in direct_quads(parse(TERMS + "\n".join(parts), base=base), rule, base=base)}


def triples(*lines: str, base: str = DEFAULT_BASE) -> set[ox.Triple]:
    return {quad.triple for quad in parse("".join(f"{line} .\n" for line in lines), base=base)}


def test_an_asserted_statement_is_direct() -> None:
    assert direct(claim("a", "id:guard marsad:operatesIn id:zenda")) == triples("id:guard marsad:operatesIn id:zenda")


@pytest.mark.parametrize("modality", ["probable", "possible", "alleged", "planned", "recommended", "denied"])
def test_a_hedged_statement_is_not_direct(modality: str) -> None:
    assert direct(claim("a", "id:guard marsad:operatesIn id:zenda", modality=modality)) == set()


def test_a_hedged_statement_takes_nothing_from_an_asserted_one() -> None:
    assert direct(
        claim("a", "id:guard marsad:operatesIn id:zenda", modality="denied"),
        claim("b", "id:guard marsad:operatesIn id:zenda"),
    ) == triples("id:guard marsad:operatesIn id:zenda")


def test_two_statements_of_the_same_give_one_triple() -> None:
    assert direct(
        claim("a", "id:guard marsad:operatesIn id:zenda"), claim("b", "id:guard marsad:operatesIn id:zenda")
    ) == triples("id:guard marsad:operatesIn id:zenda")


def test_a_property_that_is_not_claimable_is_not_direct() -> None:
    assert direct(claim("a", "id:guard marsad:observedFor id:zenda")) == set()


def test_statements_that_disagree_are_all_direct_while_none_is_preferred() -> None:
    assert direct(
        claim("a", "id:guard marsad:operatesIn id:zenda"), claim("b", "id:guard marsad:operatesIn id:strelsau")
    ) == triples("id:guard marsad:operatesIn id:zenda", "id:guard marsad:operatesIn id:strelsau")


def test_a_preferred_statement_stands_alone_for_its_subject_and_property() -> None:
    assert direct(
        claim("a", "id:guard marsad:operatesIn id:zenda"),
        claim("b", "id:guard marsad:operatesIn id:strelsau", rank="preferred"),
        claim("c", "id:league marsad:operatesIn id:zenda"),
        claim("d", "id:guard marsad:cooperatesWith id:guard2", rank="normal"),
    ) == triples(
        "id:guard marsad:operatesIn id:strelsau",
        "id:league marsad:operatesIn id:zenda",
        "id:guard marsad:cooperatesWith id:guard2",
        "id:guard2 marsad:cooperatesWith id:guard",
    )


def test_two_preferred_statements_are_both_direct() -> None:
    assert direct(
        claim("a", "id:guard marsad:operatesIn id:zenda", rank="preferred"),
        claim("b", "id:guard marsad:operatesIn id:strelsau", rank="preferred"),
    ) == triples("id:guard marsad:operatesIn id:zenda", "id:guard marsad:operatesIn id:strelsau")


def test_a_preferred_statement_that_is_hedged_counts_for_nothing() -> None:
    assert direct(
        claim("a", "id:guard marsad:operatesIn id:zenda"),
        claim("b", "id:guard marsad:operatesIn id:strelsau", rank="preferred", modality="alleged"),
    ) == triples("id:guard marsad:operatesIn id:zenda")


def test_a_deprecated_statement_is_not_direct() -> None:
    assert direct(claim("a", "id:guard marsad:operatesIn id:zenda", rank="deprecated")) == set()


def test_a_symmetric_property_gives_the_reverse_too() -> None:
    assert direct(claim("a", "id:guard marsad:cooperatesWith id:league")) == triples(
        "id:guard marsad:cooperatesWith id:league", "id:league marsad:cooperatesWith id:guard"
    )


def test_who_did_it_is_direct_only_where_an_editor_prefers_it() -> None:
    assert direct(
        claim("a", "id:raid marsad:attributedTo id:league"),
        claim("b", "id:theft marsad:attributedTo id:league", rank="normal"),
        claim("c", "id:fire marsad:attributedTo id:league", rank="preferred"),
    ) == triples("id:fire marsad:attributedTo id:league")


@pytest.mark.parametrize("end", ["id:guard", "id:zenda"])
def test_what_concerns_a_contested_entity_is_direct_only_where_an_editor_prefers_it(end: str) -> None:
    contested = f"{end} marsad:contested true ."
    unranked = claim("a", "id:guard marsad:operatesIn id:zenda")
    preferred = claim("a", "id:guard marsad:operatesIn id:zenda", rank="preferred")
    assert direct(contested, unranked) == set()
    assert direct(contested, preferred) == triples("id:guard marsad:operatesIn id:zenda")


def test_a_contested_entity_holds_back_a_symmetric_statement_both_ways() -> None:
    assert direct("id:league marsad:contested true .", claim("a", "id:guard marsad:cooperatesWith id:league")) == set()


def test_a_name_is_direct() -> None:
    assert direct(claim("a", 'id:guard skos:altLabel "Guard"@en')) == triples('id:guard skos:altLabel "Guard"@en')


def test_the_rule_holds_under_another_base() -> None:
    base = "https://data.example.org/kb/"
    assert direct(claim("a", "id:guard marsad:operatesIn id:zenda"), base=base) == triples(
        "id:guard marsad:operatesIn id:zenda", base=base
    )
