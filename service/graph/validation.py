"""SHACL validation of a merged graph by pySHACL, with results of our own.

The graph is validated as one graph without names: in a dataset each fault would be reported once for every graph.
Nothing is inferred; the class hierarchy is part of the data. Only a Violation stops a load or a write.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, Self

import pyoxigraph as ox
import pyshacl
import pyshacl.shape
import rdflib
from pyparsing import ParseException
from pyshacl.constraints import ALL_CONSTRAINT_PARAMETERS, CONSTRAINT_PARAMETERS_MAP
from pyshacl.errors import ReportableRuntimeError, ValidationFailure
from pyshacl.graph_abstraction import DataGraph
from pyshacl.monkey import apply_patches
from rdflib.namespace import RDF as RDF_NS
from rdflib.namespace import SH as SH_NS
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.sparql import Query
from rdflib.query import Result as QueryResult

from service.errors import OntologyError
from service.rdf import namespaces as ns
from service.rdf.formats import TURTLE, RdfFormat
from service.rdf.terms import boolean, sort_key, string, text
from service.rdf.turtle import write_turtle

Severity = Literal["Violation", "Warning", "Info"]
Term = ox.NamedNode | ox.BlankNode | ox.Literal

# A message without a language tag is one that pySHACL made up, in English.
DEFAULT_LANGUAGE = "en"

# Nodes that a shape is held against at a time: some 20 ms.
_FOCI_AT_ONCE = 50
# 256 query texts: more than the shapes have by far.
_PREPARED_QUERIES = 256


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """One thing that a shape finds wrong.

    `shape` is the IRI of the shape that failed (of the property shape, where it is one), `path` the property looked at
    as a SPARQL path with IRIs ("" where it is the node itself), `value` the offending value if there is one.
    """

    shape: str
    focus: Term
    path: str
    value: Term | None
    severity: Severity
    messages: Mapping[str, str]
    component: str

    def message(self, language: str = DEFAULT_LANGUAGE) -> str:
        """The message in a language, else in English, else in any."""
        found = self.messages.get(language) or self.messages.get(DEFAULT_LANGUAGE)
        return found or next(iter(self.messages.values()), "")


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The results in a fixed order: by severity, shape, focus, path and value."""

    results: tuple[ValidationResult, ...]

    @property
    def conforms(self) -> bool:
        """Whether there is no Violation; warnings and infos go to the review list."""
        return not self.of("Violation")

    def of(self, severity: Severity) -> tuple[ValidationResult, ...]:
        """The results of one severity."""
        return tuple(result for result in self.results if result.severity == severity)

    def turtle(self, prefixes: Mapping[str, str] = ns.PREFIXES) -> str:
        """The standard validation report; `sh:conforms` is as SHACL has it: false where there is any result."""
        triples = _report_triples(self)
        return b"".join(write_turtle(triples, prefixes, allow_blank_nodes=True)).decode()

    def serialised(self, row: RdfFormat) -> bytes:
        """The standard validation report in a format."""
        if row is TURTLE:
            return self.turtle().encode()
        return ox.serialize(_report_triples(self), format=row.ox_format) or b""


class PreparingGraph(rdflib.Graph):
    """A graph that parses each query text once; pySHACL hands over the text of a `sh:sparql` for every focus node."""

    def query(self, query_object: str | Query, *args: Any, **keywords: Any) -> QueryResult:
        if isinstance(query_object, str):
            query_object = _prepared(query_object)
        return super().query(query_object, *args, **keywords)


class ShapesGraph(rdflib.Graph):
    """A graph that remembers what it answered; pySHACL asks a shape for its parameters anew for every focus node.

    Measured with 32,600 triples: 11.5 s of CPU without, 9.4 s with it. Adding a triple forgets all answers.
    """

    def __init__(self) -> None:
        self._answers: dict[object, list[Any]] = {}
        super().__init__()

    def add(self, triple: Any) -> Self:
        self._answers.clear()
        return super().add(triple)

    def objects(self, subject: Any = None, predicate: Any = None, unique: bool = False) -> Generator[Any, None, None]:
        return self._remembered((subject, predicate, unique), super().objects(subject, predicate, unique))

    def predicate_objects(self, subject: Any = None, unique: bool = False) -> Generator[Any, None, None]:
        return self._remembered((subject, unique), super().predicate_objects(subject, unique))

    def items(self, list: Any) -> Generator[Any, None, None]:
        return self._remembered(list, super().items(list))

    def _remembered(self, question: object, answer: Iterable[Any]) -> Generator[Any, None, None]:
        found = self._answers.get(question)
        if found is None:
            found = self._answers[question] = [*answer]
        yield from found


class _Parameters(list[Any]):
    """The parameters that pySHACL knows, found by hash and not by comparing with each of 40.

    pySHACL keeps them in a variable of its own that it fills when it is empty; where a later release has none, nothing
    changes but the time: 9.4 s of CPU without, 7.2 s with it.
    """

    def __contains__(self, parameter: object) -> bool:
        return parameter in CONSTRAINT_PARAMETERS_MAP


pyshacl.shape.CONSTRAINT_PARAMS = (_Parameters(ALL_CONSTRAINT_PARAMETERS), CONSTRAINT_PARAMETERS_MAP)


@lru_cache(maxsize=_PREPARED_QUERIES)
def _prepared(query: str) -> Query:
    try:
        return prepareQuery(query)
    except ParseException as error:
        raise ReportableRuntimeError(f"a query is not SPARQL: {error}") from error


def validate(triples: Iterable[ox.Quad | ox.Triple], shapes: Iterable[ox.Triple]) -> ValidationReport:
    """What the shapes find in the merged triples; graph names are passed over, and nothing is changed.

    The shapes are turned into a graph of this call alone: pySHACL's is not to be shared between threads.
    Raises OntologyError: a shape is not valid, or its query cannot be run.
    """
    data = _graph(PreparingGraph(), triples)
    try:
        # `inplace`: the graph was made for this call, so pySHACL need not copy it.
        _, report, message = pyshacl.validate(
            data, shacl_graph=_graph(ShapesGraph(), shapes), inference="none", inplace=True, advanced=False
        )
    except ReportableRuntimeError as error:
        raise OntologyError(f"the shapes cannot be used: {error}") from error
    if not isinstance(report, rdflib.Graph):
        raise OntologyError(f"the shapes cannot be used: {message}")
    return merged([ValidationReport(tuple(_results(report)))])


class Validator:
    """Shapes compiled once, to be held against chosen nodes of many small graphs.

    Not to be used by two threads at a time: what pySHACL keeps of the shapes is changed while it works.
    """

    def __init__(self, shapes: Iterable[ox.Triple]) -> None:
        # As `pyshacl.validate` does before it makes its validator: rdflib's literals as SHACL wants them.
        apply_patches()
        self.shapes = _graph(ShapesGraph(), shapes)
        options = {"inference": "none", "inplace": True, "advanced": False, "logger": _silent}
        self._validator = pyshacl.Validator(
            DataGraph.from_rdflib(rdflib.Graph()), shacl_graph=self.shapes, options=options
        )
        self._compiled = {str(shape.node): shape for shape in self._validator.shacl_graph.shapes}
        self._executor = self._validator.make_executor()

    def validate(
        self,
        triples: Iterable[ox.Quad | ox.Triple],
        foci: Mapping[str, Iterable[Term]],
        *,
        go_on: Callable[[], None] = lambda: None,
    ) -> "ValidationReport":
        """What the shapes find at the nodes given for each of them (by IRI); targets are passed over.

        The triples need to be no more than what these shapes read from these nodes. `go_on` is called now and then
        and may raise.
        Raises OntologyError: a query of a shape cannot be run.
        """
        data = _data(triples)

        def work() -> Iterator[tuple[Any, list[rdflib.term.Node], DataGraph]]:
            for shape, nodes in foci.items():
                each = iter(nodes)
                while some := [_to_rdflib(node) for node in islice(each, _FOCI_AT_ONCE)]:
                    go_on()
                    yield self._compiled[shape], some, data

        return self._held(work())

    def validate_part(self, triples: Iterable[ox.Quad | ox.Triple], part: int, parts: int) -> "ValidationReport":
        """What the shapes find at every so many of their own targets: the reports of all `parts` are the whole one.

        `part` counts from 0. Raises OntologyError: a query of a shape cannot be run.
        """
        data = _data(triples)
        return self._held(
            (shape, sorted(shape.focus_nodes(data), key=str)[part::parts], data) for shape in self._compiled.values()
        )

    def _held(self, work: Iterable[tuple[Any, list[rdflib.term.Node], DataGraph]]) -> "ValidationReport":
        found: list[Any] = []
        try:
            for shape, focus, data in work:
                if focus:  # pySHACL takes an empty list for everything
                    found += shape.validate(self._executor, data, focus=focus)[1]
        except (ReportableRuntimeError, ValidationFailure) as error:
            raise OntologyError(f"the shapes cannot be used: {error}") from error
        if not found:
            return ValidationReport(())
        report, _ = self._validator.create_validation_report(self._validator.shacl_graph, False, found)
        return merged([ValidationReport(tuple(_results(report)))])


def merged(reports: Iterable[ValidationReport]) -> ValidationReport:
    """One report with the results of all, in the order of a report."""
    return ValidationReport(tuple(sorted((result for report in reports for result in report.results), key=_order)))


def _data(triples: Iterable[ox.Quad | ox.Triple]) -> DataGraph:
    return DataGraph.from_rdflib(_graph(PreparingGraph(), triples))


_silent = logging.getLogger("pyshacl")
_SEVERITIES: dict[Any, Severity] = {SH_NS.Violation: "Violation", SH_NS.Warning: "Warning", SH_NS.Info: "Info"}
_SEVERITY_ORDER: dict[Severity, int] = {"Violation": 0, "Warning": 1, "Info": 2}


def _graph(graph: rdflib.Graph, triples: Iterable[ox.Quad | ox.Triple]) -> rdflib.Graph:
    terms: dict[object, rdflib.term.Node] = {}

    def node(term: Any) -> rdflib.term.Node:
        found = terms.get(term)
        if found is None:
            found = terms[term] = _to_rdflib(term)
        return found

    # The store's method saves what Graph.add does for each triple besides; measured: half the time of filling a graph.
    add = graph.store.add
    for triple in triples:
        add((node(triple.subject), node(triple.predicate), node(triple.object)), graph, quoted=False)
    return graph


def _to_rdflib(term: Term) -> rdflib.term.Node:
    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return rdflib.BNode(term.value)
    if term.language is not None:
        return rdflib.Literal(term.value, lang=term.language)
    if term.datatype == ns.XSD_STRING:
        return rdflib.Literal(term.value)
    # normalize=False: the lexical form is the data's, not rdflib's.
    return rdflib.Literal(term.value, datatype=rdflib.URIRef(term.datatype.value), normalize=False)


def _to_ox(node: object) -> Term:
    if isinstance(node, rdflib.URIRef):
        return ox.NamedNode(str(node))
    if isinstance(node, rdflib.BNode):
        return ox.BlankNode(str(node))
    assert isinstance(node, rdflib.Literal)
    if node.language:
        return ox.Literal(str(node), language=node.language)
    datatype = ox.NamedNode(str(node.datatype)) if node.datatype else None
    return ox.Literal(str(node), datatype=datatype)


def _results(report: rdflib.Graph) -> Iterator[ValidationResult]:
    for result in report.subjects(RDF_NS.type, SH_NS.ValidationResult):
        value, path = report.value(result, SH_NS.value), report.value(result, SH_NS.resultPath)
        messages = {
            (message.language or DEFAULT_LANGUAGE): str(message)
            for message in report.objects(result, SH_NS.resultMessage)
            if isinstance(message, rdflib.Literal)
        }
        yield ValidationResult(
            shape=str(report.value(result, SH_NS.sourceShape)),
            focus=_to_ox(report.value(result, SH_NS.focusNode)),
            path="" if path is None else _path(report, path),
            value=None if value is None else _to_ox(value),
            severity=_SEVERITIES.get(report.value(result, SH_NS.resultSeverity), "Violation"),
            messages=dict(sorted(messages.items())),
            component=str(report.value(result, SH_NS.sourceConstraintComponent)),
        )


def _path(report: rdflib.Graph, node: rdflib.term.Node) -> str:
    """The path as SPARQL writes it, with full IRIs; a single predicate without brackets."""
    if isinstance(node, rdflib.URIRef):
        return str(node)
    if (node, RDF_NS.first, None) in report:
        return "/".join(_path_step(report, item) for item in report.items(node))
    for predicate, form in (
        (SH_NS.inversePath, "^{}"),
        (SH_NS.zeroOrMorePath, "{}*"),
        (SH_NS.oneOrMorePath, "{}+"),
        (SH_NS.zeroOrOnePath, "{}?"),
    ):
        inner = report.value(node, predicate)
        if inner is not None:
            return form.format(_path_step(report, inner))
    alternatives = report.value(node, SH_NS.alternativePath)
    items = report.items(alternatives) if alternatives is not None else ()
    return "|".join(_path_step(report, item) for item in items)


def _path_step(report: rdflib.Graph, node: rdflib.term.Node) -> str:
    path = _path(report, node)
    return f"<{path}>" if isinstance(node, rdflib.URIRef) else f"({path})"


def _order(result: ValidationResult) -> tuple[Any, ...]:
    value = sort_key(result.value) if result.value is not None else ()
    return (
        _SEVERITY_ORDER[result.severity],
        result.shape,
        sort_key(result.focus),
        result.path,
        value,
        sorted(result.messages.items()),
    )


def _report_triples(report: ValidationReport) -> Iterator[ox.Triple]:
    root = ox.BlankNode("report")
    yield ox.Triple(root, ns.RDF_TYPE, _sh("ValidationReport"))
    yield ox.Triple(root, _sh("conforms"), boolean(not report.results))
    for number, result in enumerate(report.results, start=1):
        node = ox.BlankNode(f"result{number:05}")
        yield ox.Triple(root, _sh("result"), node)
        yield from (ox.Triple(node, predicate, value) for predicate, value in _result_pairs(result))


def _result_pairs(result: ValidationResult) -> Iterator[tuple[ox.NamedNode, Term]]:
    yield ns.RDF_TYPE, _sh("ValidationResult")
    yield _sh("focusNode"), result.focus
    yield _sh("resultSeverity"), _sh(result.severity)
    yield _sh("sourceConstraintComponent"), ox.NamedNode(result.component)
    if result.shape.startswith(("http:", "https:", "urn:")):
        yield _sh("sourceShape"), ox.NamedNode(result.shape)
    if result.path.startswith(("http:", "https:", "urn:")):
        yield _sh("resultPath"), ox.NamedNode(result.path)
    elif result.path:
        # A path of several steps is shown in words: the report stays free of nested blank nodes.
        yield ns.RDFS_LABEL, string(result.path)
    if result.value is not None:
        yield _sh("value"), result.value
    for language, message in result.messages.items():
        yield _sh("resultMessage"), text(message, language)


def _sh(name: str) -> ox.NamedNode:
    return ox.NamedNode(ns.SH + name)
