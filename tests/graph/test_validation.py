import pyoxigraph as ox
import pytest
import rdflib

from service.errors import OntologyError
from service.graph.ontology import read_shapes
from service.graph.validation import PreparingGraph, ShapesGraph, ValidationReport, validate
from service.graph.validation_parts import validate_by_processes
from service.rdf.iris import DEFAULT_BASE
from service.rdf.namespaces import PREFIXES
from tests.graph.sample_data import ONTOLOGY

_PROLOGUE = (
    "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items()) + "PREFIX ex: <http://ex.test/>\n"
)

SHAPES = """
ex:Person a sh:NodeShape ; sh:targetClass ex:Person ; sh:property ex:Person-name, ex:Person-friend, ex:Person-age ;
  sh:sparql ex:Person-self .
ex:Person-name a sh:PropertyShape ; sh:path ex:name ; sh:minCount 1 ;
  sh:message "A person has a name."@en, "Une personne a un nom."@fr .
ex:Person-friend a sh:PropertyShape ; sh:path [ sh:inversePath ex:friend ] ; sh:class ex:Person ; sh:severity sh:Warning .
ex:Person-age a sh:PropertyShape ; sh:path ( ex:body ex:age ) ; sh:datatype xsd:integer ; sh:severity sh:Info .
ex:Person-self a sh:SPARQLConstraint ; sh:message "Nobody is a friend of themselves."@en ;
  sh:select "SELECT DISTINCT $this ?value WHERE { $this <http://ex.test/friend> ?value . FILTER(?value = $this) }" .
"""


def triples(turtle: str) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse((_PROLOGUE + turtle).encode(), format=ox.RdfFormat.TURTLE)]


def report_on(turtle: str) -> ValidationReport:
    return validate(triples(turtle), triples(SHAPES))


def test_a_graph_without_faults_conforms() -> None:
    report = report_on('ex:ann a ex:Person ; ex:name "Ann" ; ex:friend ex:bob . ex:bob a ex:Person ; ex:name "Bob" .')
    assert report.results == ()
    assert report.conforms


def test_a_result_names_shape_focus_path_value_and_message_in_each_language() -> None:
    (result,) = report_on("ex:ann a ex:Person .").results
    assert result.shape == "http://ex.test/Person-name"
    assert result.focus == ox.NamedNode("http://ex.test/ann")
    assert result.path == "http://ex.test/name"
    assert result.value is None
    assert result.severity == "Violation"
    assert result.messages == {"en": "A person has a name.", "fr": "Une personne a un nom."}
    assert result.message("fr") == "Une personne a un nom."
    assert result.message("ar") == "A person has a name."


def test_only_a_violation_stops_a_load() -> None:
    report = report_on(
        'ex:ann a ex:Person ; ex:name "Ann" ; ex:body ex:b . ex:b ex:age "old" . ex:rock ex:friend ex:ann .'
    )
    assert [(result.severity, result.path, str(result.value)) for result in report.results] == [
        ("Warning", "^<http://ex.test/friend>", "<http://ex.test/rock>"),
        ("Info", "<http://ex.test/body>/<http://ex.test/age>", '"old"'),
    ]
    assert report.conforms


def test_a_sparql_constraint_reports_its_value() -> None:
    (result,) = report_on('ex:ann a ex:Person ; ex:name "Ann" ; ex:friend ex:ann .').results
    assert (result.shape, str(result.value)) == ("http://ex.test/Person", "<http://ex.test/ann>")
    assert result.message() == "Nobody is a friend of themselves."


def test_the_order_of_the_results_does_not_depend_on_that_of_the_triples() -> None:
    data = triples("ex:b a ex:Person . ex:a a ex:Person . ex:c a ex:Person ; ex:friend ex:c .")
    shapes = triples(SHAPES)
    one, two = validate(data, shapes), validate(reversed(data), list(reversed(shapes)))
    assert one == two
    assert [result.focus.value[-1] for result in one.results] == ["c", "a", "b", "c"]
    assert one.turtle() == two.turtle()


def test_the_report_is_the_standard_one_in_turtle() -> None:
    graph = rdflib.Graph().parse(data=report_on("ex:ann a ex:Person .").turtle(), format="turtle")
    sh = rdflib.Namespace("http://www.w3.org/ns/shacl#")
    (report,) = graph.subjects(rdflib.RDF.type, sh.ValidationReport)
    assert graph.value(report, sh.conforms) == rdflib.Literal(False)
    (result,) = graph.objects(report, sh.result)
    assert graph.value(result, sh.focusNode) == rdflib.URIRef("http://ex.test/ann")
    assert graph.value(result, sh.resultPath) == rdflib.URIRef("http://ex.test/name")
    assert graph.value(result, sh.sourceConstraintComponent) == sh.MinCountConstraintComponent
    assert len(list(graph.objects(result, sh.resultMessage))) == 2


def test_a_shape_that_is_no_shacl_is_refused() -> None:
    with pytest.raises(OntologyError, match="the shapes cannot be used"):
        validate([], triples('ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:property [ sh:path "name" ] .'))


def test_a_query_with_values_is_refused_as_shacl_says() -> None:
    shape = 'ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:sparql [ sh:select "SELECT $this { VALUES $this { 1 } }" ] .'
    with pytest.raises(OntologyError, match="VALUES"):
        validate([], triples(shape))


def test_a_prepared_query_answers_as_its_text_does() -> None:
    prepared = PreparingGraph()
    plain = rdflib.Graph()
    query = "SELECT ?s WHERE { ?s <http://ex.test/name> ?name } ORDER BY ?s"
    for graph in (prepared, plain):
        graph.parse(data='<http://ex.test/a> <http://ex.test/name> "A" .', format="turtle")
    assert list(prepared.query(query)) == list(prepared.query(query)) == list(plain.query(query))
    binding = {"s": rdflib.URIRef("http://ex.test/b")}
    assert list(prepared.query(query, initBindings=binding)) == []


def test_a_shapes_graph_that_remembers_answers_as_a_plain_one_does() -> None:
    remembering, plain = ShapesGraph(), rdflib.Graph()
    node, path = rdflib.URIRef("http://ex.test/S"), rdflib.URIRef("http://ex.test/p")
    for graph in (remembering, plain):
        assert list(graph.objects(node, path)) == []
        graph.add((node, path, rdflib.Literal("1")))
        assert list(graph.objects(node, path)) == list(graph.objects(node, path)) == [rdflib.Literal("1")]
        graph.add((node, path, rdflib.Literal("2")))
        assert len(list(graph.objects(node, path))) == 2
        assert len(list(graph.predicate_objects(node))) == 2


def test_the_project_s_shapes_find_nothing_in_an_empty_graph() -> None:
    assert validate([], read_shapes(ONTOLOGY, base=DEFAULT_BASE)).results == ()


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_parts_of_the_graph_held_by_several_processes_give_the_report_of_the_whole(processes: int) -> None:
    people = " ".join(f"ex:p{number} a ex:Person ; ex:friend ex:p{number // 2} ." for number in range(20))
    named = " ".join(f'ex:p{number} ex:name "N" .' for number in range(0, 20, 3))
    quads = [ox.Quad(triple.subject, triple.predicate, triple.object) for triple in triples(people + named)]
    whole = validate(quads, triples(SHAPES))
    assert len(whole.of("Violation")) == 13 + 1  # without a name, and a friend of itself
    assert validate_by_processes(quads, triples(SHAPES), processes=processes) == whole


def test_a_shape_that_cannot_be_used_is_told_whichever_process_meets_it(capfd: pytest.CaptureFixture[str]) -> None:
    broken = triples("""ex:S a sh:NodeShape ; sh:targetClass ex:Person ; sh:sparql ex:C .
        ex:C a sh:SPARQLConstraint ; sh:select "SELECT $this WHERE { $this" .""")
    quads = [ox.Quad(triple.subject, triple.predicate, triple.object) for triple in triples("ex:a a ex:Person .")]
    for processes in (1, 2):
        with pytest.raises(OntologyError):
            validate_by_processes(quads, broken, processes=processes)
