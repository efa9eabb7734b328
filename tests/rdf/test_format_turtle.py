"""Turtle files in the project's form: nothing lost, nothing left to taste."""

from pathlib import Path

import pytest
import rdflib
import rdflib.compare
from hypothesis import given
from hypothesis import strategies as st

from service.errors import MalformedRdf, UnwritableRdf
from service.rdf.turtle import format_turtle, main

SHAPES = r'''@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix m: <https://marsad.example/ns#> .
@prefix shape: <https://marsad.example/shape#> .
@prefix unused: <http://example.org/> .
shape:Statement sh:sparql [ sh:select """SELECT DISTINCT $this # not a comment
WHERE { $this m:value "\"" }
""" ] ; a sh:NodeShape ; sh:targetClass m:Statement, m:Claim ;
  sh:or ( [ sh:class m:Actor ] [ sh:path ( m:a [ sh:inversePath m:b ] ) ; sh:minCount 1 ] ) ;
  sh:in () ; sh:property [ sh:path m:time ; sh:maxCount 1 ; sh:message "one time"@en ] , [ ] .
[] a <http://www.w3.org/2002/07/owl#AllDisjointClasses> ;
  <http://www.w3.org/2002/07/owl#members> ( m:Actor m:Place m:Post m:Agreement m:LegalText m:Measure m:Event m:Work ) .
m:Actor <http://www.w3.org/2004/02/skos/core#prefLabel> "Acteur"@fr, 'Actor'@en .
'''

FORMATTED = r'''@prefix m: <https://marsad.example/ns#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix shape: <https://marsad.example/shape#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .

m:Actor
    skos:prefLabel "Acteur"@fr ;
    skos:prefLabel "Actor"@en ;
    .

shape:Statement
    a sh:NodeShape ;
    sh:in () ;
    sh:or (
        [ sh:class m:Actor ]
        [
            sh:minCount 1 ;
            sh:path ( m:a [ sh:inversePath m:b ] ) ;
        ]
    ) ;
    sh:property [
        sh:maxCount 1 ;
        sh:message "one time"@en ;
        sh:path m:time ;
    ] ;
    sh:property [] ;
    sh:sparql [
        sh:select """SELECT DISTINCT $this # not a comment
WHERE { $this m:value \"\"\" }
""" ;
    ] ;
    sh:targetClass m:Claim ;
    sh:targetClass m:Statement ;
    .

[]
    a owl:AllDisjointClasses ;
    owl:members ( m:Actor m:Place m:Post m:Agreement m:LegalText m:Measure m:Event m:Work ) ;
    .
'''


def isomorphic(one: str, other: str) -> bool:
    graphs = [rdflib.Graph().parse(data=text, format="turtle") for text in (one, other)]
    return rdflib.compare.isomorphic(*graphs)


def test_lists_and_blank_nodes_stand_where_they_are_used() -> None:
    assert format_turtle(SHAPES) == FORMATTED
    assert isomorphic(FORMATTED, SHAPES)


def test_a_formatted_file_stays_as_it_is() -> None:
    assert format_turtle(FORMATTED) == FORMATTED


def test_a_registered_prefix_is_added_where_the_file_has_none() -> None:
    text = "<https://marsad.example/ns#a> <http://www.w3.org/2002/07/owl#deprecated> true ."
    assert format_turtle(text).startswith("@prefix marsad: <https://marsad.example/ns#> .\n@prefix owl: ")


def test_relative_iris_are_resolved() -> None:
    assert "<https://example.org/a>" in format_turtle("@base <https://example.org/> . <a> <b> <c> .")
    with pytest.raises(MalformedRdf, match="line 2"):
        format_turtle("\n<a> <b> <c> .")


@pytest.mark.parametrize(
    "text",
    [
        "# note\n<urn:a> <urn:b> <urn:c> .",
        "<urn:a> <urn:b> 'it', 's' . # note",
        '<urn:a#b> <urn:b> "\\"#" . # note',
        '<urn:a> <urn:b> """a "b" #""" . # note',
    ],
)
def test_a_comment_is_not_lost_in_silence(text: str) -> None:
    with pytest.raises(MalformedRdf, match="comment would be lost"):
        format_turtle(text)


@pytest.mark.parametrize(
    "text", ["<urn:a#b> <urn:b> '#', '''#''', \"#\" .", '<urn:a> <urn:b> """ " # "" # """, "\\"#", \'\\\'#\' .']
)
def test_a_hash_in_a_string_or_an_iri_is_no_comment(text: str) -> None:
    assert isomorphic(format_turtle(text), text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<urn:a> <urn:b> _:x . <urn:c> <urn:b> _:x .", "used 2 times"),
        ("_:x <urn:b> _:y . _:y <urn:b> _:x .", "circle"),
        ("_:x <urn:b> _:x .", "circle"),
    ],
)
def test_a_blank_node_without_a_place_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnwritableRdf, match=reason):
        format_turtle(text)


RDF = "PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> "


@pytest.mark.parametrize(
    "text",
    [
        RDF + "<urn:a> <urn:b> [ rdf:first 1 ; rdf:rest () ; <urn:c> 2 ] .",
        RDF + "<urn:a> <urn:b> [ rdf:first 1 ; rdf:rest <urn:c> ] .",
        RDF + "[] rdf:first 1 ; rdf:rest ( 2 ) .",
        "<urn:a> a [ <urn:b> ( ( 1 2 ) ( ) [ a <urn:c> ] ) ] .",
        "[ <urn:a> <urn:b> ] <urn:c> [ <urn:d> [ <urn:e> [] ] ] .",
        "",
    ],
)
def test_odd_graphs_survive(text: str) -> None:
    formatted = format_turtle(text)
    assert isomorphic(formatted, text)
    assert format_turtle(formatted) == formatted


@st.composite
def trees(draw: st.DrawFn) -> str:
    def value(depth: int) -> str:
        kind = draw(st.sampled_from(["iri", "literal", *(["list", "node"] if depth else [])]))
        if kind == "iri":
            return f"<urn:{draw(st.sampled_from('xyz'))}>"
        if kind == "literal":
            return str(draw(st.integers(0, 9)))
        items = [value(depth - 1) for _ in range(draw(st.integers(0, 3)))]
        if kind == "list":
            return f"( {' '.join(items)} )"
        return "[ " + " ; ".join(f"<urn:{draw(st.sampled_from('pq'))}> {item}" for item in items) + " ]"

    return "\n".join(f"<urn:{subject}> <urn:p> {value(3)} ." for subject in draw(st.lists(st.sampled_from("ab"))))


@given(trees())
def test_any_tree_survives_and_is_formatted_once(text: str) -> None:
    formatted = format_turtle(text)
    assert isomorphic(formatted, text)
    assert format_turtle(formatted) == formatted


def test_the_command_formats_files_and_checks_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.ttl", tmp_path / "bad.ttl"
    good.write_text(SHAPES, encoding="utf-8")
    bad.write_text("<urn:a> <urn:b>", encoding="utf-8")
    assert main(["--check", str(good)]) == 1
    assert good.read_text(encoding="utf-8") == SHAPES
    assert main([str(good), str(bad)]) == 1
    assert "bad.ttl: not Turtle: line 1" in capsys.readouterr().err
    assert good.read_text(encoding="utf-8") == FORMATTED
    assert main(["--check", str(good)]) == 0
