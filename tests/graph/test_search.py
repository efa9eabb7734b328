"""Search finds what people type: case, accents, Arabic articles, parts of words, slips; and says how it found it."""

import pytest

from service.graph.fold import fold, stem, stems
from service.graph.search import search
from tests.graph.sample import sample_index

READ = sample_index().connection


@pytest.mark.parametrize(
    ("typed", "slug", "how", "name"),
    [
        ("ann sale", "ann", "exact", "Ann Salé"),
        ("ANNE SALÉ", "ann", "exact", "Anne Salé"),
        ("sal", "ann", "words", "Ann Salé"),
        ("الأمن", "security", "words", "مديرية للأمن"),
        ("irectorat", "security", "part", "Security Directorate"),
        ("smugling", "smuggling", "similar", "Smuggling"),
    ],
)
def test_the_best_hit_and_how_it_matched(typed, slug, how, name):
    hit = search(READ, typed)[0]
    assert (hit.slug, hit.match) == (slug, how)
    assert name in {found.name for found in search(READ, typed)}


def test_a_language_or_a_class_narrows_the_hits():
    assert [hit.slug for hit in search(READ, "security")] == ["security", "chief"]
    assert [hit.slug for hit in search(READ, "security", resource_type="Organization")] == ["security"]
    assert [hit.language for hit in search(READ, "anne sale", language="fr")] == ["fr"]


def test_a_merged_resource_is_not_found():
    assert all(hit.slug != "old" for hit in search(READ, "Ann S."))


@pytest.mark.parametrize("typed", ["", "   ", '"', "* OR", "NEAR(", "a" * 200, "\0", "-", "'; DROP TABLE name"])
def test_whatever_is_typed_is_only_text(typed):
    assert search(READ, typed, limit=3) is not None


def test_folding():
    assert fold("  ÉTAT  Islamique ") == "etat islamique"
    assert fold("أحمدُ التوفيقـ") == fold("احمد التوفيق")
    assert (stem("للامن"), stem("الامن"), stem("والامن")) == ("امن", "امن", "امن")
    assert stems("L’Opinion") == ["l", "opinion"]
    assert stem("الله") == "الله"
