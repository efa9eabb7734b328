"""Every competency question is run on the real data and compared with its expected rows, read against the documents.

An expected file holds the rows as SPARQL CSV with prefixed names (`id:morocco`); in the order of the query where it has
one, as a multiset otherwise.
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.graph.compile import compile_sources
from service.rdf.iris import DEFAULT_BASE, split_iri
from service.rdf.namespaces import NS, prefixes
from tests.conftest import ROOT

QUESTIONS = sorted((ROOT / "ontology" / "questions").glob("*.rq"))
EXPECTED = Path(__file__).parent / "expected"
KINDS = {"lookup", "list", "count", "date", "multi-hop", "provenance", "conflict", "cross-document"}
# Why a question has a negative answer.
NEGATIVES = ("the documents deny it", "the documents do not say", "skipped as boilerplate")
# The sample that the graph was designed to answer: Q002, Q005 … Q119.
SAMPLE = {f"Q{number:03}" for number in range(2, 120, 3)}
ORDERED = re.compile(r"^ORDER BY ", re.MULTILINE)

Rows = list[tuple[str, ...]]


def real_data(base: str) -> ox.Store:
    store = ox.Store()
    store.bulk_extend(compile_sources(ROOT / "ontology", ROOT / "data", base=base).quads)
    return store


@pytest.fixture(scope="session")
def graph() -> ox.Store:
    return real_data(DEFAULT_BASE)


def heading(question: Path, key: str) -> list[str]:
    """What the comment lines of a question say under a key, as `# kind: lookup`."""
    return re.findall(rf"^# {key}: (.+)$", question.read_text(encoding="utf-8"), re.MULTILINE)


def short(term: ox.NamedNode | ox.Literal | ox.BlankNode | ox.Triple | None, base: str) -> str:
    if isinstance(term, ox.NamedNode):
        parts = split_iri(base, term)
        prefix = {"evidence": "ev", "time": "span", "graph": "g"}.get(parts[0], parts[0]) if parts else ""
        return f"{prefix}:{parts[1]}" if parts else term.value.replace(NS, "marsad:")
    assert term is None or isinstance(term, ox.Literal)
    return term.value if term else ""


def answer(store: ox.Store, question: Path, base: str = DEFAULT_BASE) -> tuple[list[str], Rows]:
    found = store.query(question.read_text(encoding="utf-8"), use_default_graph_as_union=True, prefixes=prefixes(base))
    assert isinstance(found, ox.QuerySolutions)
    columns = [variable.value for variable in found.variables]
    return columns, [tuple(short(solution[column], base) for column in columns) for solution in found]


def expected(question: Path) -> tuple[list[str], Rows]:
    header, *rows = csv.reader(io.StringIO((EXPECTED / f"{question.stem}.csv").read_text(encoding="utf-8")))
    return header, [tuple(row) for row in rows]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.stem)
def test_the_answer_has_the_expected_rows(graph: ox.Store, question: Path) -> None:
    columns, rows = answer(graph, question)
    expected_columns, expected_rows = expected(question)
    assert columns == expected_columns
    if ORDERED.search(question.read_text(encoding="utf-8")):
        assert rows == expected_rows
    else:
        assert Counter(rows) == Counter(expected_rows)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.stem)
def test_the_heading_says_the_question_in_words_and_its_kind(question: Path) -> None:
    first, second, *_ = question.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# [A-Z].*\?", first)
    assert second == f"# kind: {second.removeprefix('# kind: ')}"
    assert heading(question, "kind")[0] in KINDS
    assert "PREFIX" not in question.read_text(encoding="utf-8")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.stem)
def test_a_negative_answer_says_of_which_kind_it_is(question: Path) -> None:
    said = heading(question, "negative")
    assert all(reason.startswith(NEGATIVES) for reason in said)
    if not expected(question)[1]:
        assert len(said) == 1


def test_every_question_has_its_expected_rows_and_no_file_is_left_over() -> None:
    assert [path.stem for path in sorted(EXPECTED.glob("*.csv"))] == [question.stem for question in QUESTIONS]


def test_there_are_sixty_questions_of_every_kind() -> None:
    kinds = Counter(kind for question in QUESTIONS for kind in heading(question, "kind"))
    assert kinds.total() >= 60
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 5


def test_no_two_questions_ask_the_same() -> None:
    firsts = [question.read_text(encoding="utf-8").partition("\n")[0] for question in QUESTIONS]
    assert len(set(firsts)) == len(firsts)


def test_the_sample_questions_are_answered() -> None:
    assert {number for question in QUESTIONS for number in heading(question, "answers")} == SAMPLE


def test_the_answers_are_the_same_under_another_base() -> None:
    base = "https://data.freedonia.test/"
    store = real_data(base)
    for question in QUESTIONS:
        assert Counter(answer(store, question, base)[1]) == Counter(expected(question)[1]), question.stem
