"""Every relation, degree and unit of the ontology has words in each language, and numbers read as readers write them."""

import pytest
import rdflib
from rdflib.namespace import SKOS

from service.graph.words import firmness, heading, number_in_words, under_heading
from tests.ontology.files import MARSAD, TOPIC, graph

LANGUAGES = ("en", "fr", "ar")
CLAIMABLE = sorted(
    term.rsplit("#", 1)[-1] for term in graph("marsad.ttl").subjects(MARSAD.claimable, rdflib.Literal(True))
)
UNITS = sorted({str(unit) for unit in graph("vocabulary.ttl").objects(None, MARSAD.unit)})
MODALITIES = sorted(
    term.removeprefix(TOPIC) for term in graph("vocabulary.ttl").subjects(SKOS.inScheme, TOPIC.modality)
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_claimable_property_has_a_heading_in_both_directions(language: str) -> None:
    assert len(CLAIMABLE) > 20
    for name in ("name" if term == "altLabel" else term for term in CLAIMABLE):
        for inverse in (False, True):
            assert heading(name, inverse=inverse, language=language) != name, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_unit_of_the_vocabulary_has_words(language: str) -> None:
    assert len(UNITS) > 5
    for unit in UNITS:
        said = number_in_words("7", unit, language)
        assert said.startswith("7")
        assert unit in ("1", "%", "m", "km") or unit not in said.split(), unit


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_degree_of_firmness_has_words_and_the_asserted_needs_none(language: str) -> None:
    assert MODALITIES == ["alleged", "asserted", "denied", "planned", "possible", "probable", "recommended"]
    said = {name: firmness(name, language) for name in MODALITIES}
    assert said.pop("asserted") == ""
    assert all(said.values())


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("10000000", "1", ("10,000,000", "10\u202f000\u202f000", "10,000,000")),
        ("3.7", "km", ("3.7 km", "3,7 km", "3.7 كم")),
        ("6.5", "%", ("6.5%", "6,5\u00a0%", "6.5%")),
        ("1", "a", ("1 year", "1 an", "سنة واحدة")),
        ("2", "d", ("2 days", "2 jours", "يومان")),
        ("8", "m", ("8 metres", "8 mètres", "8 أمتار")),
        ("14", "[mi_i]", ("14 miles", "14 milles", "14 ميلا")),
        ("100", "/d", ("100 a day", "100 par jour", "100 يوميا")),
        ("1.5", "a", ("1.5 years", "1,5 an", "1.5 سنة")),
        ("5", "kg", ("5 kg", "5 kg", "5 kg")),
        ("168", None, ("168", "168", "168")),
    ],
)
def test_numbers_with_their_units(value: str, unit: str | None, words: tuple[str, str, str]) -> None:
    assert tuple(number_in_words(value, unit, language) for language in LANGUAGES) == words


def test_a_judgement_stands_without_its_full_stop_and_with_what_is_judged_where_it_does_not_name_it() -> None:
    judged = {"type": "Assessment", "gloss": {"en": "Ruritania is calm.", "fr": "La Ruritanie est calme."}}
    named = judged | {"assessmentOf": {"label": "Ruritania"}}
    assert under_heading(named, "en", inverse=False) == "Ruritania is calm"
    assert under_heading(named, "en", inverse=True) == "Ruritania is calm"
    other = judged | {"assessmentOf": {"label": "The realm"}}
    assert under_heading(other, "fr", inverse=True) == "The realm\u00a0: La Ruritanie est calme"
