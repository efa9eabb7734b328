"""The catalogue says what a count of the triples says."""

import pyoxigraph as ox
from hypothesis import given
from hypothesis import strategies as st

from service.graph.catalogue import Distribution, catalogue_quads, statistics
from service.rdf.namespaces import DCAT, DCTERMS, RDF_TYPE, SPDX, VOID, XSD_INTEGER
from service.rdf.terms import integer, quad_key
from tests.graph.small_graph import small_graph, term

BASE = "https://marsad.example/"
DATASET = ox.NamedNode(BASE + "catalogue#dataset")


def described(quads: list[ox.Quad], **options: object) -> ox.Store:
    store = ox.Store()
    store.extend(catalogue_quads(quads, base=BASE, **options))  # type: ignore[arg-type]
    return store


def numbers(store: ox.Store, node: ox.NamedNode) -> dict[str, int]:
    """The VoID numbers of a node."""
    return {
        quad.predicate.value.removeprefix(VOID): int(quad.object.value)
        for quad in store.quads_for_pattern(node, None, None)
        if isinstance(quad.object, ox.Literal) and quad.object.datatype == XSD_INTEGER
    }


def counted(store: ox.Store, select: str, pattern: str) -> int:
    """One COUNT over the union of the named graphs but the catalogue."""
    query = f"SELECT (COUNT({select}) AS ?n) {{ GRAPH ?g {{ {pattern} }} FILTER(?g != <{BASE}graph/catalogue>) }}"
    solutions = store.query(query)
    assert isinstance(solutions, ox.QuerySolutions)
    return int(next(solutions)["n"].value)  # type: ignore[union-attr]


def test_the_numbers_are_those_that_a_query_counts() -> None:
    quads = small_graph()
    data, catalogue = ox.Store(), described(quads)
    data.extend(quads)
    assert numbers(catalogue, DATASET) == {
        "triples": counted(data, "*", "?s ?p ?o"),
        "distinctSubjects": counted(data, "DISTINCT ?s", "?s ?p ?o"),
        "distinctObjects": counted(data, "DISTINCT ?o", "?s ?p ?o"),
        "properties": counted(data, "DISTINCT ?p", "?s ?p ?o"),
        "classes": counted(data, "DISTINCT ?c", "?s a ?c"),
        "entities": counted(data, "DISTINCT ?s", f"?s ?p ?o FILTER(STRSTARTS(STR(?s), '{BASE}'))"),
    }


def test_each_graph_class_and_property_has_its_partition() -> None:
    quads = small_graph()
    data, catalogue = ox.Store(), described(quads)
    data.extend(quads)
    graphs = {quad.graph_name for quad in quads} - {term("g:catalogue")}
    for graph in graphs:
        part = ox.NamedNode(f"{BASE}catalogue#graph.{graph.value.removeprefix(BASE + 'graph/')}")
        assert numbers(catalogue, part)["triples"] == sum(quad.graph_name == graph for quad in quads)
        assert ox.Quad(DATASET, ox.NamedNode(VOID + "subset"), part, term("g:catalogue")) in catalogue
    assert len(list(catalogue.quads_for_pattern(DATASET, ox.NamedNode(VOID + "subset"), None))) == len(graphs)

    classes = {quad.object for quad in quads if quad.predicate == RDF_TYPE} - {term("dcat:Catalog")}
    partitions = list(catalogue.quads_for_pattern(None, ox.NamedNode(VOID + "class"), None))
    assert {quad.object for quad in partitions} == classes
    for quad in partitions:
        assert numbers(catalogue, quad.subject) == {"entities": counted(data, "DISTINCT ?s", f"?s a {quad.object}")}

    properties = {quad.predicate for quad in quads}
    partitions = list(catalogue.quads_for_pattern(None, ox.NamedNode(VOID + "property"), None))
    assert {quad.object for quad in partitions} == properties
    for quad in partitions:
        assert numbers(catalogue, quad.subject) == {
            "triples": counted(data, "*", f"?s {quad.object} ?o"),
            "distinctSubjects": counted(data, "DISTINCT ?s", f"?s {quad.object} ?o"),
            "distinctObjects": counted(data, "DISTINCT ?o", f"?s {quad.object} ?o"),
        }


def test_a_distribution_has_its_type_size_and_checksum() -> None:
    file = Distribution("dataset.ttl", "text/turtle", "Turtle", 12, "ab" * 32)
    catalogue = described(small_graph(), distributions=[file], version="cd" * 32)
    node = ox.NamedNode(BASE + "catalogue#file.dataset.ttl")
    [checksum] = catalogue.quads_for_pattern(node, ox.NamedNode(SPDX + "checksum"), None)
    said = {quad.predicate.value: quad.object for quad in catalogue.quads_for_pattern(node, None, None)}
    assert said[DCAT + "downloadURL"].value == BASE + "export/dataset.ttl"
    assert said[DCAT + "mediaType"].value == "https://www.iana.org/assignments/media-types/text/turtle"
    assert said[DCAT + "byteSize"] == integer(12)
    assert said[DCTERMS + "license"].value == "https://creativecommons.org/licenses/by/4.0/"
    [value] = catalogue.quads_for_pattern(checksum.object, ox.NamedNode(SPDX + "checksumValue"), None)
    assert value.object.value == "ab" * 32
    [version] = catalogue.quads_for_pattern(DATASET, ox.NamedNode(DCAT + "version"), None)
    assert version.object.value == "cd" * 32


def test_the_catalogue_stands_in_its_own_graph_without_blank_nodes_and_does_not_count_itself() -> None:
    quads = small_graph()
    catalogue = catalogue_quads(quads, base=BASE)
    assert {quad.graph_name for quad in catalogue} == {term("g:catalogue")}
    assert not any(isinstance(node, ox.BlankNode) for quad in catalogue for node in (quad.subject, quad.object))
    assert catalogue_quads(quads + catalogue, base=BASE) == catalogue
    assert catalogue == sorted(catalogue, key=quad_key)
    assert max(len(quad.object.value) for quad in catalogue if isinstance(quad.object, ox.Literal)) <= 160


def test_the_example_is_named_only_where_it_exists() -> None:
    example = ox.NamedNode(VOID + "exampleResource")
    assert list(described(small_graph()).quads_for_pattern(DATASET, example, term("id:morocco")))
    assert not list(described([]).quads_for_pattern(DATASET, example, None))


nodes = st.sampled_from([term(name) for name in ("id:a", "id:b", "marsad:C", "marsad:D", "rdf:type")])
graphs = st.sampled_from([term("g:d001"), term("g:d002"), term("g:catalogue")])


@given(st.sets(st.builds(ox.Quad, nodes, nodes, nodes, graphs)))
def test_any_graph_is_counted_right(quads: set[ox.Quad]) -> None:
    found = statistics(quads, base=BASE)
    kept = [quad for quad in quads if quad.graph_name != term("g:catalogue")]
    assert found.whole.triples == len(kept) == sum(counts.triples for counts in found.graphs.values())
    assert found.whole.triples == sum(counts.triples for counts in found.properties.values())
    assert found.whole.subjects == {quad.subject for quad in kept}
    for class_iri, instances in found.instances.items():
        assert len(instances) == len({q.subject for q in kept if q.predicate == RDF_TYPE and q.object == class_iri})
