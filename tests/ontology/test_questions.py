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
from service.graph.questions import NEGATIVES, read_question
from service.rdf.iris import DEFAULT_BASE, split_iri
from service.rdf.namespaces import NS, prefixes
from tests.conftest import ROOT

QUESTIONS = sorted((ROOT / "ontology" / "questions").glob("*.rq"))
EXPECTED = Path(__file__).parent / "expected"
KINDS = {"lookup", "list", "count", "date", "multi-hop", "provenance", "conflict", "cross-document"}
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


def answers(question: Path) -> list[str]:
    """The numbers of the sample that a question answers."""
    return re.findall(r"^# answers: (.+)$", question.read_text(encoding="utf-8"), re.MULTILINE)


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
    first, second, third, fourth, *_ = question.read_text(encoding="utf-8").splitlines()
    read = read_question(question)
    assert re.fullmatch(r"# [A-Z].*\?", first)
    assert re.fullmatch(r"# fr: [A-ZÀÉ].*\u00a0\?", second)
    assert re.fullmatch(r"# ar: [\u0600-\u06ff].*؟", third)
    assert fourth == f"# kind: {read.kind}"
    assert read.kind in KINDS
    assert dict(read.titles) == {"en": first[2:], "fr": second[6:], "ar": third[6:]}
    assert read.text.startswith("SELECT ")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.stem)
def test_a_negative_answer_says_of_which_kind_it_is_and_what_there_is_instead(question: Path) -> None:
    negative = read_question(question).negative
    assert negative is None or (negative.reason in NEGATIVES and negative.detail.endswith("."))
    if not expected(question)[1]:
        assert negative is not None


def test_the_sample_has_each_kind_of_negative_answer_where_it_expects_one() -> None:
    said = {number: read_question(path).negative for path in QUESTIONS for number in answers(path)}
    # Not stated: Q023 (is it IRES?), Q038, Q047, Q089 and Q110 (the year), Q101 (one of three); denied: Q092 (not reached).
    assert {number: negative.reason for number, negative in said.items() if negative} == {
        **dict.fromkeys(("Q023", "Q038", "Q047", "Q089", "Q101", "Q110"), "the documents do not say"),
        "Q092": "the documents deny it",
    }


def test_every_question_has_its_expected_rows_and_no_file_is_left_over() -> None:
    assert [path.stem for path in sorted(EXPECTED.glob("*.csv"))] == [question.stem for question in QUESTIONS]


def test_there_are_sixty_questions_of_every_kind() -> None:
    kinds = Counter(kind for kind in (read_question(question).kind for question in QUESTIONS))
    assert kinds.total() >= 60
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 5


def test_no_two_questions_ask_the_same() -> None:
    firsts = [question.read_text(encoding="utf-8").partition("\n")[0] for question in QUESTIONS]
    assert len(set(firsts)) == len(firsts)


def test_the_sample_questions_are_answered() -> None:
    assert {number for question in QUESTIONS for number in answers(question)} == SAMPLE


def test_the_answers_are_the_same_under_another_base() -> None:
    base = "https://data.freedonia.test/"
    store = real_data(base)
    for question in QUESTIONS:
        assert Counter(answer(store, question, base)[1]) == Counter(expected(question)[1]), question.stem
