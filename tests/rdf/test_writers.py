"""Every format carries the same triples, in the same bytes, to every reader."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pyoxigraph as ox
import pytest
import rdflib
import rdflib.term
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import MalformedRdf, UnwritableRdf
from service.rdf.formats import JSONLD, NQUADS, NTRIPLES, RDF_FORMATS, RDFXML, TRIG, TURTLE, RdfFormat
from service.rdf.namespaces import NS, PREFIXES, RDF, RDF_TYPE, XSD
from service.rdf.serialize import parse, write
from service.rdf.terms import integer, text

# rdflib's parsers use what rdflib itself calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:.* is deprecated:DeprecationWarning:rdflib"),
    # rdflib looks at the value of a literal and warns where it is none of its datatype; the text is what counts here.
    pytest.mark.filterwarnings(r"ignore:Parsing weird boolean:UserWarning:rdflib"),
]

RDFLIB_NAMES = {
    "turtle": "turtle",
    "trig": "trig",
    "ntriples": "nt",
    "nquads": "nquads",
    "jsonld": "json-ld",
    "rdfxml": "xml",
}


def node(iri: str) -> ox.NamedNode:
    return ox.NamedNode(iri)


def written(quads: list[ox.Quad], rdf_format: RdfFormat, **options: bool) -> bytes:
    return b"".join(write(quads, rdf_format, PREFIXES, **options))


def read_by_engine(data: bytes, rdf_format: RdfFormat) -> set[ox.Quad]:
    return set(parse(data, rdf_format))


def without_graph(quads: set[ox.Quad]) -> set[ox.Triple]:
    return {quad.triple for quad in quads}


@pytest.fixture(autouse=True)
def _literals_as_written() -> Iterator[None]:
    # rdflib would turn "007" into "7" on reading; here it is to say what the file says.
    before, rdflib.NORMALIZE_LITERALS = rdflib.NORMALIZE_LITERALS, False
    yield
    rdflib.NORMALIZE_LITERALS = before


def from_rdflib(term: rdflib.term.Node) -> ox.NamedNode | ox.Literal | ox.BlankNode:
    if isinstance(term, rdflib.URIRef):
        return ox.NamedNode(str(term))
    if isinstance(term, rdflib.BNode):
        return ox.BlankNode(str(term))
    assert isinstance(term, rdflib.Literal)
    if term.language:
        return ox.Literal(str(term), language=term.language)
    return ox.Literal(str(term), datatype=ox.NamedNode(str(term.datatype)) if term.datatype else None)


def read_by_rdflib(data: bytes, rdf_format: RdfFormat) -> set[ox.Quad]:
    dataset = rdflib.Dataset()
    default = dataset.default_graph.identifier
    target = dataset if rdf_format.carries_graphs else dataset.default_graph
    target.parse(data=data, format=RDFLIB_NAMES[rdf_format.name])
    return {
        ox.Quad(
            *(from_rdflib(term) for term in (s, p, o)),
            None if graph in (None, default) else from_rdflib(graph),
        )
        for s, p, o, graph in dataset.quads()
    }


# --- fixed text

CELLS = [
    ox.Quad(node(s), node(p), o, node(PREFIXES["g"] + "d001"))
    for s, p, o in [
        (PREFIXES["claim"] + "d001.cells", NS + "value", integer(168)),
        (PREFIXES["claim"] + "d001.cells", NS + "evidence", node(PREFIXES["ev"] + "d001.6340-6482")),
        (PREFIXES["claim"] + "d001.cells", RDF + "type", node(NS + "Observation")),
        (PREFIXES["claim"] + "d001.cells", RDF + "type", node(NS + "Claim")),
        (PREFIXES["claim"] + "d001.cells", NS + "gloss", text('Cells that were "dismantled"\\', "en")),
        (PREFIXES["ev"] + "d001.6340-6482", NS + "start", integer(6340)),
    ]
] + [ox.Quad(node(PREFIXES["id"] + "sale"), node(PREFIXES["schema"] + "sameAs"), node(PREFIXES["wd"] + "Q1."))]

TURTLE_TEXT = r"""@prefix claim: <https://marsad.example/claim/> .
@prefix ev: <https://marsad.example/evidence/> .
@prefix id: <https://marsad.example/id/> .
@prefix marsad: <https://marsad.example/ns#> .
@prefix schema: <https://schema.org/> .

claim:d001.cells
    a marsad:Claim ;
    a marsad:Observation ;
    marsad:evidence ev:d001.6340-6482 ;
    marsad:gloss "Cells that were \"dismantled\"\\"@en ;
    marsad:value 168 ;
    .

ev:d001.6340-6482
    marsad:start 6340 ;
    .

id:sale
    schema:sameAs <http://www.wikidata.org/entity/Q1.> ;
    .
"""

TRIG_TEXT = r"""@prefix claim: <https://marsad.example/claim/> .
@prefix ev: <https://marsad.example/evidence/> .
@prefix g: <https://marsad.example/graph/> .
@prefix id: <https://marsad.example/id/> .
@prefix marsad: <https://marsad.example/ns#> .
@prefix schema: <https://schema.org/> .

id:sale
    schema:sameAs <http://www.wikidata.org/entity/Q1.> ;
    .

g:d001 {
    claim:d001.cells
        a marsad:Claim ;
        a marsad:Observation ;
        marsad:evidence ev:d001.6340-6482 ;
        marsad:gloss "Cells that were \"dismantled\"\\"@en ;
        marsad:value 168 ;
        .

    ev:d001.6340-6482
        marsad:start 6340 ;
        .
}
"""

RDFXML_TEXT = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF
    xmlns:marsad="https://marsad.example/ns#"
    xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    xmlns:schema="https://schema.org/">
  <rdf:Description rdf:about="https://marsad.example/claim/d001.cells">
    <rdf:type rdf:resource="https://marsad.example/ns#Claim"/>
    <rdf:type rdf:resource="https://marsad.example/ns#Observation"/>
    <marsad:evidence rdf:resource="https://marsad.example/evidence/d001.6340-6482"/>
    <marsad:gloss xml:lang="en">Cells that were "dismantled"\\</marsad:gloss>
    <marsad:value rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">168</marsad:value>
  </rdf:Description>
  <rdf:Description rdf:about="https://marsad.example/evidence/d001.6340-6482">
    <marsad:start rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">6340</marsad:start>
  </rdf:Description>
  <rdf:Description rdf:about="https://marsad.example/id/sale">
    <schema:sameAs rdf:resource="http://www.wikidata.org/entity/Q1."/>
  </rdf:Description>
</rdf:RDF>
"""


@pytest.mark.parametrize(("rdf_format", "expected"), [(TURTLE, TURTLE_TEXT), (TRIG, TRIG_TEXT), (RDFXML, RDFXML_TEXT)])
def test_the_text_is_fixed(rdf_format: RdfFormat, expected: str) -> None:
    assert written(CELLS, rdf_format).decode() == expected
    assert written(CELLS[::-1] + CELLS, rdf_format).decode() == expected


def test_n_quads_are_sorted_lines() -> None:
    lines = written(CELLS, NQUADS).decode().splitlines()
    assert lines[0] == (
        "<https://marsad.example/id/sale> <https://schema.org/sameAs> <http://www.wikidata.org/entity/Q1.> ."
    )
    assert lines[1].startswith(
        "<https://marsad.example/claim/d001.cells> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
    )
    assert lines[1].endswith(" <https://marsad.example/graph/d001> .")
    assert len(lines) == 7


def test_json_ld_is_compact_with_the_same_context_every_time() -> None:
    document = json.loads(written(CELLS, JSONLD))
    assert document["@context"] == PREFIXES == json.loads(written([], JSONLD))["@context"]
    assert document["@graph"] == [
        {"@id": "id:sale", "schema:sameAs": {"@id": "http://www.wikidata.org/entity/Q1."}},
        {
            "@id": "g:d001",
            "@graph": [
                {
                    "@id": "claim:d001.cells",
                    "@type": ["marsad:Claim", "marsad:Observation"],
                    "marsad:evidence": {"@id": "ev:d001.6340-6482"},
                    "marsad:gloss": {"@language": "en", "@value": 'Cells that were "dismantled"\\'},
                    "marsad:value": 168,
                },
                {"@id": "ev:d001.6340-6482", "marsad:start": 6340},
            ],
        },
    ]


@pytest.mark.parametrize("rdf_format", RDF_FORMATS, ids=lambda row: row.name)
def test_nothing_is_written_as_an_empty_document(rdf_format: RdfFormat) -> None:
    assert read_by_engine(written([], rdf_format), rdf_format) == set()
    assert read_by_rdflib(written([], rdf_format), rdf_format) == set()


def test_merged_the_graphs_become_one() -> None:
    twice = [*CELLS, ox.Quad(CELLS[0].subject, CELLS[0].predicate, CELLS[0].object, node(PREFIXES["g"] + "d002"))]
    assert written(twice, TRIG, merge=True) == written(CELLS, TURTLE)
    assert written(twice, NQUADS, merge=True) == written(CELLS, NTRIPLES)
    assert read_by_engine(written(twice, JSONLD, merge=True), JSONLD) == {ox.Quad(*quad.triple) for quad in CELLS}


# --- round trips

LOCALS = [
    "d001.bcij.place.sale",
    "d001.6340-6482",
    "e1985ca",
    "e2001-09-11_to_2017",
    "a.",
    "-a",
    ".a",
    "a-",
    "a:b",
    "é",
    "",
    "a/b",
    "a#b",
    "a%20b",
    "_",
    "9",
    "a..b",
    "a_",
    "true",
]
OTHERS = [
    "urn:x:y",
    "http://example.org/?q=1&r=2",
    "https://ar.example/الأمن",
    "mailto:a@b.example",
    "id:clash",
    "doc:a.b",
    "tag:a,2017:b",
]
IRIS = [
    node(namespace + local)
    for namespace in PREFIXES.values()
    for local in LOCALS
    if not (namespace.endswith("#") and "#" in local)
] + [node(iri) for iri in OTHERS]
iris = st.sampled_from(IRIS)
# Predicates that RDF/XML can write too.
xml_predicates = st.one_of(
    st.sampled_from(
        [
            RDF_TYPE,
            node(RDF + "_1"),
            node("https://other.example/v#p"),
            node("urn:x:y"),
            node("https://other.example/1a"),
            node("id:clash"),
        ]
    ),
    st.sampled_from(["place", "value", "sameAs", "a.b", "a-b", "é"]).map(lambda name: node(NS + name)),
)
characters = st.characters(exclude_categories=["Cs"])
xml_characters = st.characters(
    exclude_categories=["Cs"],
    exclude_characters=[*map(chr, range(9)), "\x0b", "\x0c", *map(chr, range(14, 32)), "\ufffe", "\uffff"],
)
DATATYPES = [XSD + name for name in ("integer", "decimal", "boolean", "double", "date", "string")]
DATATYPES += ["http://id.loc.gov/datatypes/edtf/EDTF", RDF + "JSON"]
LEXICALS = [
    "168",
    "007",
    "+5",
    "-0",
    "-3",
    "2.50",
    "1.",
    ".5",
    "-0.0",
    "1e3",
    "true",
    "TRUE",
    "1",
    "9007199254740993",
    "2014-01-31",
    "1985~",
    "",
]


def literals(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[ox.Literal]:
    values = st.one_of(
        st.text(alphabet, max_size=20),
        st.text(st.sampled_from(" \"'\\\n\r\t<>&]é𝔐"), max_size=12),
    )
    return st.one_of(
        values.map(ox.Literal),
        st.builds(
            lambda value, language: ox.Literal(value, language=language), values, st.sampled_from(["en", "ar", "fr-ma"])
        ),
        st.builds(
            lambda value, datatype: ox.Literal(value, datatype=node(datatype)),
            st.sampled_from(LEXICALS),
            st.sampled_from(DATATYPES),
        ),
    )


def quads(
    predicates: st.SearchStrategy[ox.NamedNode], alphabet: st.SearchStrategy[str]
) -> st.SearchStrategy[list[ox.Quad]]:
    graphs = st.one_of(st.just(ox.DefaultGraph()), iris)
    return st.lists(st.builds(ox.Quad, iris, predicates, st.one_of(iris, literals(alphabet)), graphs), max_size=12)


any_quads = quads(iris, characters)


@given(any_quads)
@pytest.mark.parametrize("rdf_format", [TURTLE, TRIG, NTRIPLES, NQUADS, JSONLD], ids=lambda row: row.name)
def test_the_engine_reads_what_was_written(rdf_format: RdfFormat, rows: list[ox.Quad]) -> None:
    back = read_by_engine(written(rows, rdf_format), rdf_format)
    if rdf_format.carries_graphs:
        assert back == set(rows)
    else:
        assert without_graph(back) == without_graph(set(rows))


@given(quads(xml_predicates, xml_characters))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("rdf_format", RDF_FORMATS, ids=lambda row: row.name)
def test_rdflib_reads_what_was_written(rdf_format: RdfFormat, rows: list[ox.Quad]) -> None:
    data = written(rows, rdf_format)
    back = read_by_rdflib(data, rdf_format)
    assert back == read_by_engine(data, rdf_format)
    assert without_graph(back) == without_graph(set(rows))


@given(any_quads, st.randoms())
@pytest.mark.parametrize("rdf_format", [TURTLE, TRIG, NTRIPLES, NQUADS, JSONLD], ids=lambda row: row.name)
def test_the_order_of_the_input_does_not_matter(rdf_format: RdfFormat, rows: list[ox.Quad], random: object) -> None:
    shuffled = rows + rows
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert written(shuffled, rdf_format) == written(rows, rdf_format)


@given(any_quads)
def test_json_ld_equals_the_turtle(rows: list[ox.Quad]) -> None:
    from_turtle = read_by_engine(written(rows, TURTLE), TURTLE)
    assert read_by_engine(written(rows, JSONLD, merge=True), JSONLD) == from_turtle


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import sys, hashlib\n"
        "from tests.rdf.test_writers import CELLS, written\n"
        "from service.rdf.formats import RDF_FORMATS\n"
        "print([hashlib.sha256(written(CELLS, row)).hexdigest() for row in RDF_FORMATS])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


# --- what a format cannot carry

BLANK = ox.Quad(ox.BlankNode("b1"), node(NS + "place"), ox.BlankNode("0b"))


@pytest.mark.parametrize("rdf_format", RDF_FORMATS, ids=lambda row: row.name)
def test_blank_nodes_are_refused_unless_allowed(rdf_format: RdfFormat) -> None:
    with pytest.raises(UnwritableRdf, match="is a blank node"):
        written([BLANK], rdf_format)
    data = written([BLANK], rdf_format, allow_blank_nodes=True)
    assert len(read_by_engine(data, rdf_format)) == len(read_by_rdflib(data, rdf_format)) == 1


@pytest.mark.parametrize("rdf_format", RDF_FORMATS, ids=lambda row: row.name)
def test_rdf_1_2_is_refused(rdf_format: RdfFormat) -> None:
    triple = ox.Triple(node("urn:a"), node("urn:b"), node("urn:c"))
    with pytest.raises(UnwritableRdf, match=r"RDF 1\.2"):
        written([ox.Quad(node("urn:a"), node("urn:b"), triple)], rdf_format)
    directed = ox.Literal("a", language="ar", direction=ox.BaseDirection.RTL)
    with pytest.raises(UnwritableRdf, match=r"RDF 1\.2"):
        written([ox.Quad(node("urn:a"), node("urn:b"), directed)], rdf_format)


@pytest.mark.parametrize("predicate", ["https://example.org/1", "https://example.org/", RDF + "li", RDF + "about"])
def test_rdf_xml_refuses_a_predicate_without_an_xml_name(predicate: str) -> None:
    with pytest.raises(UnwritableRdf, match="RDF/XML cannot write the predicate"):
        written([ox.Quad(node("urn:a"), node(predicate), node("urn:c"))], RDFXML)


def test_rdf_xml_refuses_control_characters() -> None:
    with pytest.raises(UnwritableRdf, match="control character"):
        written([ox.Quad(node("urn:a"), node("urn:b"), ox.Literal("a\x01"))], RDFXML)


@pytest.mark.parametrize("rdf_format", RDF_FORMATS, ids=lambda row: row.name)
def test_a_text_that_is_not_rdf_is_refused_by_name(rdf_format: RdfFormat) -> None:
    with pytest.raises(MalformedRdf, match=f"not {rdf_format.label}"):
        parse(b"<a", rdf_format)


def test_a_remote_context_is_not_fetched() -> None:
    with pytest.raises(MalformedRdf, match="not JSON-LD"):
        parse(b'{"@context": "http://127.0.0.1:9/context.jsonld", "@id": "urn:a", "b": "c"}', JSONLD)
