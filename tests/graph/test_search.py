"""Search finds what people type: case, accents, Arabic articles, parts of words, slips; and says how it found it."""

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.graph.fold import distance, fold, stem, stems, without_particle
from service.graph.index import Index
from service.graph.search import search
from service.rdf.namespaces import RDF_TYPE, SKOS_PREF_LABEL, marsad
from service.store.base import Delta
from tests.benchmarks.graph import names
from tests.benchmarks.rest import MadeUpGraph
from tests.graph.sample import BASE, matching, sample_index, sample_store

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
        ("smoggleng", "smuggling", "similar", "Smuggling"),
        ("ومديرية", "security", "words", "مديرية للأمن"),
        ("chief", "chief", "identifier", "chief"),
        ("https://marsad.example/id/ann", "ann", "identifier", "https://marsad.example/id/ann"),
    ],
)
def test_the_best_hit_and_how_it_matched(typed, slug, how, name):
    hit = search(READ, typed)[0]
    assert (hit.slug, hit.match) == (slug, how)
    assert name in {found.name for found in search(READ, typed)} or how == "identifier"


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


def test_a_letter_that_may_be_a_particle():
    assert (without_particle("وداعش"), without_particle("لداعش"), without_particle("داعش")) == ("داعش", "داعش", "")
    assert (without_particle("بحر"), without_particle("was"), without_particle("")) == ("", "", "")


@pytest.mark.parametrize(
    ("one", "other", "letters"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("boritta", "bourita", 2), ("ca", "abc", 3), ("abcd", "", 3)],
)
def test_the_distance_of_two_words_up_to_a_bound(one, other, letters):
    assert distance(one, other, most=2) == distance(other, one, most=2) == letters


def _whole_distance(one: str, other: str) -> int:
    """The optimal string alignment distance by its definition: every cell of the matrix."""
    cells = [[max(i, j) for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, letter in enumerate(one, 1):
        for j, wanted in enumerate(other, 1):
            cells[i][j] = min(cells[i - 1][j] + 1, cells[i][j - 1] + 1, cells[i - 1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                cells[i][j] = min(cells[i][j], cells[i - 2][j - 2] + 1)
    return cells[-1][-1]


@given(st.text("abc", max_size=9), st.text("abc", max_size=9), st.integers(0, 3))
def test_the_bound_changes_no_distance_below_it(one, other, most):
    assert distance(one, other, most=most) == min(_whole_distance(one, other), most + 1)


def test_the_closest_name_is_found_however_many_others_match():
    store = sample_store()
    for number, name in enumerate([*(f"Moroccan thing {number}" for number in range(400)), "Morocco"]):
        entity = ox.NamedNode(f"{BASE}id/e{number}")
        store.add(ox.Quad(entity, RDF_TYPE, marsad("Entity")))
        store.add(ox.Quad(entity, SKOS_PREF_LABEL, ox.Literal(name, language="en")))
    connection = sample_index(store).connection
    for typed in ("moroc", "morroco"):
        assert search(connection, typed, limit=1)[0].name == "Morocco"


def test_the_name_that_has_most_in_common_with_a_slip_is_found_among_thousands_like_it():
    graph = MadeUpGraph(entities=1500, seed=1)
    index = Index(None, BASE)
    index.build(graph.match, "1")
    for number in range(1000, 1500, 50):
        for name in names(number)[:2]:
            typed = f"{name[:2]}x{name[3:]}"
            assert search(index.connection, typed, limit=1)[0].slug == f"e{number}", typed


def test_parts_of_names_are_counted_whatever_comes_and_goes():
    store = sample_store()
    index = sample_index(store)
    gone = [
        quad for quad in store if str(quad.subject) == f"<{BASE}id/security>" and "prefLabel" in str(quad.predicate)
    ]
    assert len(gone) == 2
    come = [ox.Quad(quad.subject, quad.predicate, ox.Literal("Office of cells", language="en")) for quad in gone[:1]]
    for number, (removed, added) in enumerate([(gone, come), (come, gone), (gone, [])], 2):
        for quad in removed:
            store.remove(quad)
        store.extend(added)
        index.move(matching(store), Delta(removed=removed, added=added), str(number))
        made_anew = sample_index(store).connection
        assert read_parts(index.connection) == read_parts(made_anew)


def read_parts(connection):
    return [tuple(row) for row in connection.execute("SELECT part, names FROM part ORDER BY part")]
