"""What people write and what the graph says are the same: every record of the real graph comes back as it was."""

from collections.abc import Iterator

import pyoxigraph as ox
import pytest

from service.errors import BadRequest, NotFound, SourceErrors
from service.graph.forms import COLLECTIONS, Forms, read_form, table_of
from service.graph.gate import Match, exact
from service.graph.ontology import read_ontology
from service.rdf.iris import DEFAULT_BASE, graph_iri, split_iri
from tests.graph.transactions import ONTOLOGY, real_quads


@pytest.fixture(scope="module")
def match() -> Match:
    store = ox.Store()
    store.bulk_extend(real_quads())
    return store.quads_for_pattern


@pytest.fixture(scope="module")
def forms() -> Forms:
    return Forms(read_ontology(ONTOLOGY, base=DEFAULT_BASE))


def names(match: Match, collection: str) -> Iterator[str]:
    graph = "entities" if collection == "entities" else "sources"
    folder = "doc" if collection == "documents" else "id"
    subjects = {quad.subject for quad in match(None, None, None, graph_iri(DEFAULT_BASE, graph))}
    for part in (split_iri(DEFAULT_BASE, subject) for subject in subjects):
        if part and part[0] == folder:
            yield part[1]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_record_of_the_graph_changes_nothing_when_it_is_put_back(
    forms: Forms, match: Match, collection: str
) -> None:
    found = sorted(names(match, collection))
    assert found
    for name in found[:: max(1, len(found) // 60)]:
        assert not exact(match, forms.put(match, collection, name, table_of(forms.get(match, collection, name))))


@pytest.mark.parametrize("document", ["d000", "d002", "d003", "d004"])
def test_the_facts_of_a_document_change_nothing_when_they_are_put_back(
    forms: Forms, match: Match, document: str
) -> None:
    facts = forms.facts(match, document)
    assert facts
    assert not exact(match, forms.put_facts(match, document, table_of(facts)))


def test_a_fact_whose_passages_differ_is_a_list_of_records(forms: Forms, match: Match) -> None:
    parts = forms.facts(match, "d000")["colloquium"]
    assert isinstance(parts, list)
    assert [sorted({"kind", "organizer"} & set(part)) for part in parts] == [["organizer"], ["kind"]]
    with pytest.raises(BadRequest, match="an object, or a list of objects"):
        forms.put_facts(match, "d000", table_of({"colloquium": "ires"}))


def test_one_fact_is_replaced_without_the_others(forms: Forms, match: Match) -> None:
    facts = forms.facts(match, "d000")
    name, form = next((name, form) for name, form in facts.items() if "subject" in form)
    delta = exact(match, forms.put_facts(match, "d000", table_of({name: form | {"modality": "alleged"}}), only=name))
    assert {quad.subject.value.split(".")[-3] for quad in delta.added} == {name}
    assert {quad.object.value.rpartition("/")[2] for quad in delta.added} == {"alleged"}
    assert {quad.object.value.rpartition("/")[2] for quad in delta.removed} == {"asserted"}


def test_a_claim_goes_with_its_passage_when_no_other_claim_has_it(forms: Forms, match: Match) -> None:
    delta = forms.delete_claims(match, "d000." + next(iter(forms.facts(match, "d000"))))
    assert any("/claim/" in quad.subject.value for quad in delta.removed)
    with pytest.raises(NotFound):
        forms.delete_claims(match, "d000.nothing")


def test_a_record_that_cannot_be_compiled_says_what_is_wrong(forms: Forms, match: Match) -> None:
    with pytest.raises(SourceErrors, match="unknown key 'colour'") as caught:
        forms.put(match, "entities", "a-new-one", table_of({"type": "Planet", "colour": "red"}))
    messages = " ".join(error.message for error in caught.value.errors)
    assert "unknown type 'Planet'" in messages
    assert "says no `label:`" in messages


def test_a_body_is_read_from_yaml_and_json_with_every_value_as_it_was_written() -> None:
    table = read_form(b'{"value": 1.50, "at": ["a", "b"], "contested": true}', yaml=False)
    assert table.entries["value"].value.text == "1.50"
    assert table.entries["contested"].value.text == "true"
    assert read_form(b"value: 1.50\n", yaml=True).entries["value"].value.text == "1.50"
    for body in (b"[1]", b"{"):
        with pytest.raises(BadRequest):
            read_form(body, yaml=False)
    with pytest.raises(SourceErrors):
        read_form(b"a: [", yaml=True)
