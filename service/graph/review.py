"""The review list: what an editor should look at, found by the queries in `ontology/review/*.rq`.

Each is one set-based SELECT over the whole graph. The first comment line of a file is its title, `# fr:`
and `# ar:` the same in French and Arabic; `# severity: Warning` says how grave its rows are (Info where it is left out), `# differs: yes` that a row is of claims which
readers should hold against each other. A row names claims: every value that is a
claim, or a text that lists claims separated by spaces (`GROUP_CONCAT`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyoxigraph as ox

from service.errors import OntologyError
from service.graph.questions import read_heading
from service.rdf import namespaces as ns
from service.rdf.iris import local_name, rebase, split_iri

REVIEW = "review"

Severity = Literal["Warning", "Info"]
Value = ox.NamedNode | ox.Literal


@dataclass(frozen=True, slots=True, order=True)
class Passage:
    """Where a claim is written: document, and code points [start, end) of its text."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """A query of the review list: its name (the file's), title in each language, severity and SPARQL text.

    `differs`: the claims of a row differ, or may.
    """

    name: str
    titles: Mapping[str, str]
    severity: Severity
    differs: bool
    text: str

    @property
    def title(self) -> str:
        return self.titles["en"]


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A row: its values by variable, the claims that they name, the passages of those claims, and the editors' notes on them."""

    values: dict[str, Value | None]
    claims: tuple[ox.NamedNode, ...]
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewSection:
    """The rows of one query, sorted by their values."""

    query: ReviewQuery
    columns: tuple[str, ...]
    rows: tuple[ReviewRow, ...]


def review_queries(ontology_dir: Path, *, base: str) -> list[ReviewQuery]:
    """The queries of the review list, by name, with the data's IRIs under `base`."""
    return [_read(path, base) for path in sorted((ontology_dir / REVIEW).glob("*.rq"))]


def review(quads: Iterable[ox.Quad], queries: Iterable[ReviewQuery], *, base: str) -> list[ReviewSection]:
    """What each query finds in the union of the graphs.

    Raises OntologyError: a query is no SELECT or cannot be read.
    """
    store = ox.Store()
    store.bulk_extend(quads)
    return [_section(store, query, base) for query in queries]


def differing(sections: Iterable[ReviewSection], claims: Collection[str]) -> list[tuple[ReviewQuery, ReviewRow]]:
    """The rows of claims that differ, or may, and of which at least one is among `claims` (IRIs)."""
    return [
        (section.query, row)
        for section in sections
        if section.query.differs
        for row in section.rows
        if any(claim.value in claims for claim in row.claims)
    ]


def _read(path: Path, base: str) -> ReviewQuery:
    content = rebase(path.read_text(encoding="utf-8"), base)
    titles, keyed, _, _ = read_heading(content)
    stated = keyed.get("severity", "Info")
    if stated not in ("Warning", "Info"):
        raise OntologyError(f"{path}: the severity is Warning or Info, not {stated}")
    severity: Severity = "Warning" if stated == "Warning" else "Info"
    return ReviewQuery(path.stem, titles, severity, keyed.get("differs") == "yes", content)


def _section(store: ox.Store, query: ReviewQuery, base: str) -> ReviewSection:
    try:
        solutions = store.query(query.text, use_default_graph_as_union=True)
    except SyntaxError as error:
        raise OntologyError(f"{REVIEW}/{query.name}.rq: {error}") from error
    if not isinstance(solutions, ox.QuerySolutions):
        raise OntologyError(f"{REVIEW}/{query.name}.rq must be a SELECT")
    columns = tuple(variable.value for variable in solutions.variables)
    rows = [_row(store, {name: solution[name] for name in columns}, base) for solution in solutions]
    rows.sort(key=lambda row: [str(value) for value in row.values.values()])
    return ReviewSection(query, columns, tuple(rows))


def _row(store: ox.Store, values: dict[str, Value | None], base: str) -> ReviewRow:
    claims = tuple(dict.fromkeys(claim for value in values.values() for claim in _claims(value, base)))
    passages = {passage for claim in claims for passage in passages_of(store, claim)}
    notes = dict.fromkeys(
        quad.object.value
        for claim in claims
        for quad in store.quads_for_pattern(claim, ns.SKOS_EDITORIAL_NOTE, None)
        if isinstance(quad.object, ox.Literal)
    )
    return ReviewRow(values, claims, tuple(sorted(passages)), tuple(notes))


def _claims(value: Value | None, base: str) -> Iterator[ox.NamedNode]:
    listed = value.value.split() if isinstance(value, ox.Literal) else [value.value] if value else []
    parts = [split_iri(base, item) for item in listed]
    if all(part and part[0] == "claim" for part in parts):
        yield from map(ox.NamedNode, listed)


def passages_of(store: ox.Store, claim: ox.NamedNode) -> list[Passage]:
    """The passages of a claim in a store, in the order of their texts."""
    found = []
    for quad in store.quads_for_pattern(claim, ns.EVIDENCE, None):
        assert isinstance(quad.object, ox.NamedNode)
        document, start, end = (
            next(store.quads_for_pattern(quad.object, predicate, None)).object
            for predicate in (ns.DOCUMENT, ns.START, ns.END)
        )
        assert isinstance(document, ox.NamedNode)
        assert isinstance(start, ox.Literal)
        assert isinstance(end, ox.Literal)
        found.append(Passage(local_name(document), int(start.value), int(end.value)))
    return sorted(found)
