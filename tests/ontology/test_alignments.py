"""The alignments: real terms of ours, classes with classes and properties with properties.

That the other terms are real is tested in `test_files`, as for every file.
"""

import pytest
import rdflib
from rdflib.namespace import OWL, PROV, RDF, RDFS

from tests.ontology.files import MARSAD, graph, local, terms

ALIGNMENTS = graph("alignments.ttl")


@pytest.mark.parametrize("subject", sorted(set(ALIGNMENTS.subjects())), ids=local)
def test_what_is_aligned_is_a_term_of_ours(subject: rdflib.URIRef) -> None:
    assert subject in terms()


def test_classes_are_aligned_as_classes_and_properties_as_properties() -> None:
    kinds = graph("marsad.ttl")
    for subject in ALIGNMENTS.subjects(RDFS.subClassOf):
        assert (subject, RDF.type, OWL.Class) in kinds
    for subject in ALIGNMENTS.subjects(RDFS.subPropertyOf):
        assert (subject, RDF.type, OWL.Class) not in kinds


def test_an_alignment_is_no_identity() -> None:
    assert set(ALIGNMENTS.predicates()) == {RDFS.subClassOf, RDFS.subPropertyOf, RDFS.seeAlso}


def test_the_alignments_lead_out_of_our_terms() -> None:
    assert not [value for value in ALIGNMENTS.objects() if str(value).startswith(str(MARSAD))]


def test_claims_are_aligned_with_provenance() -> None:
    expected = {
        MARSAD.evidence: PROV.wasQuotedFrom,
        MARSAD.assertedBy: PROV.wasAttributedTo,
        MARSAD.citedWork: PROV.hadPrimarySource,
    }
    for ours, theirs in expected.items():
        assert (ours, RDFS.subPropertyOf, theirs) in ALIGNMENTS
