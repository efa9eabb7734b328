"""The concept schemes: labels, definitions, one place for each concept, closed lists as the shapes have them."""

from collections import Counter

import rdflib
from rdflib.collection import Collection
from rdflib.namespace import RDF, SH, SKOS

from tests.ontology.files import MARSAD, SHAPE, TOPIC, graph

VOCABULARY = graph("vocabulary.ttl")
SCHEMES = set(VOCABULARY.subjects(RDF.type, SKOS.ConceptScheme))
CONCEPTS = set(VOCABULARY.subjects(RDF.type, SKOS.Concept))
CLOSED = {
    TOPIC.modality: (SHAPE["Claim-modality"], "asserted probable possible alleged planned recommended denied"),
    TOPIC.rank: (SHAPE["Claim-rank"], "preferred normal deprecated"),
    TOPIC.exactness: (SHAPE["Observation-valueIs"], "exact about at-least at-most"),
    TOPIC.polarity: (SHAPE["Assessment-polarity"], "positive negative mixed neutral"),
}
OPEN = {
    TOPIC[slug]
    for slug in [
        "threats",
        "organization-kinds",
        "actor-kinds",
        "event-kinds",
        "measure-kinds",
        "text-kinds",
        "place-kinds",
        "work-kinds",
        "indicators",
        "themes",
    ]
}


def languages(node: rdflib.term.Node, predicate: rdflib.URIRef) -> Counter[str]:
    values = VOCABULARY.objects(node, predicate)
    return Counter(value.language or "" for value in values if isinstance(value, rdflib.Literal))


def test_the_schemes_are_the_expected_ones() -> None:
    assert {*CLOSED, *OPEN} == SCHEMES


def test_a_scheme_has_a_label_in_three_languages_and_a_definition_in_two() -> None:
    for scheme in SCHEMES:
        assert languages(scheme, SKOS.prefLabel) == {"en": 1, "fr": 1, "ar": 1}, scheme
        assert languages(scheme, SKOS.definition) == {"en": 1, "fr": 1}, scheme


def test_a_concept_has_one_label_for_each_language_and_a_definition_in_two() -> None:
    for concept in CONCEPTS:
        labels = languages(concept, SKOS.prefLabel)
        assert {"en", "fr"} <= set(labels), concept
        assert set(labels.values()) == {1}, concept
        assert languages(concept, SKOS.definition) == {"en": 1, "fr": 1}, concept


def test_a_definition_is_one_short_sentence() -> None:
    for definition in VOCABULARY.objects(None, SKOS.definition):
        assert str(definition).endswith("."), definition
        assert len(definition) <= 160, definition


def test_a_concept_is_in_one_scheme_and_at_its_top_or_below_another_concept() -> None:
    for concept in CONCEPTS:
        (scheme,) = VOCABULARY.objects(concept, SKOS.inScheme)
        assert scheme in SCHEMES, concept
        tops = set(VOCABULARY.objects(concept, SKOS.topConceptOf))
        above = set(VOCABULARY.objects(concept, SKOS.broader))
        assert tops == (set() if above else {scheme}), concept
        assert {VOCABULARY.value(other, SKOS.inScheme) for other in above} <= {scheme}, concept


def test_no_concept_is_above_itself() -> None:
    for concept in CONCEPTS:
        for above in VOCABULARY.objects(concept, SKOS.broader):
            assert concept not in set(VOCABULARY.transitive_objects(above, SKOS.broader)), concept


def test_two_concepts_of_a_scheme_have_different_labels() -> None:
    found = Counter(
        (VOCABULARY.value(concept, SKOS.inScheme), str(label).casefold(), label.language)
        for concept in CONCEPTS
        for label in VOCABULARY.objects(concept, SKOS.prefLabel)
        if isinstance(label, rdflib.Literal) and label.language == "en"
    )
    assert [key for key, count in found.items() if count > 1] == []


def test_concepts_of_the_open_schemes_are_topics_and_those_of_the_closed_ones_are_not() -> None:
    for concept in CONCEPTS:
        is_topic = (concept, RDF.type, MARSAD.Topic) in VOCABULARY
        assert is_topic == (VOCABULARY.value(concept, SKOS.inScheme) in OPEN), concept


def test_the_closed_schemes_and_their_shapes_list_the_same_concepts() -> None:
    for scheme, (shape, words) in CLOSED.items():
        concepts = set(VOCABULARY.subjects(SKOS.inScheme, scheme))
        assert concepts == {TOPIC[word] for word in words.split()}
        listed = graph("shapes.ttl").value(shape, SH["in"])
        assert listed is not None
        assert set(Collection(graph("shapes.ttl"), listed)) == concepts


def test_an_indicator_is_a_topic_with_a_unit_in_the_scheme_of_indicators() -> None:
    indicators = set(VOCABULARY.subjects(RDF.type, MARSAD.Indicator))
    assert indicators == set(VOCABULARY.subjects(SKOS.inScheme, TOPIC.indicators))
    for indicator in indicators:
        assert (indicator, RDF.type, MARSAD.Topic) in VOCABULARY
        assert len(list(VOCABULARY.objects(indicator, MARSAD.unit))) == 1, indicator


def test_the_kind_of_a_group_is_neutral() -> None:
    kinds = VOCABULARY.subjects(SKOS.inScheme, TOPIC["organization-kinds"])
    labels = [str(label).lower() for kind in kinds for label in VOCABULARY.objects(kind, SKOS.prefLabel)]
    assert "armed group" in labels
    assert not [label for label in labels if "terror" in label]
