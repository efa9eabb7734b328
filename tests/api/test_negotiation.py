"""Content negotiation, with the headers that real clients send."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.negotiation import NotAcceptable, accepts_gzip, choose, media_ranges

RDF = ["text/turtle", "application/ld+json", "application/n-triples", "application/rdf+xml"]
RESULTS = ["application/sparql-results+json", "application/sparql-results+xml", "text/csv", "application/xml"]


@pytest.mark.parametrize(
    ("accept", "offers", "chosen"),
    [
        (None, RDF, "text/turtle"),
        ("", RDF, "text/turtle"),
        ("*/*", RDF, "text/turtle"),
        ("*", RDF, "text/turtle"),
        ("text/*;q=0.3, application/*;q=0.9", RDF, "application/ld+json"),
        ("text/turtle;q=0, */*", RDF, "application/ld+json"),
        ("TEXT/TURTLE", RDF, "text/turtle"),
        ("text/turtle;charset=utf-8;q=0.1, application/rdf+xml", RDF, "application/rdf+xml"),
        ('text/html;level="a,b;q=1", application/rdf+xml;q=0.5', RDF, "application/rdf+xml"),
        ("application/rdf+xml;q=0.5,application/rdf+xml;q=0.9,text/turtle;q=0.7", RDF, "application/rdf+xml"),
        ("nonsense, , ;;;, text/turtle;q=x", RDF, "text/turtle"),
        ("nonsense", RDF, "text/turtle"),
        # rdflib 7
        (
            "application/rdf+xml,text/rdf+n3;q=0.9,application/xhtml+xml;q=0.5, */*;q=0.1",
            RDF,
            "application/rdf+xml",
        ),
        # Apache Jena
        (
            "text/turtle,application/n-triples;q=0.9,application/ld+json;q=0.8,application/rdf+xml;q=0.7,*/*;q=0.3",
            RDF,
            "text/turtle",
        ),
        # Protégé (the OWL API)
        (
            "application/rdf+xml, application/xml; q=0.7, text/xml; q=0.6, text/plain; q=0.1, */*; q=0.09",
            RDF,
            "application/rdf+xml",
        ),
        # SPARQLWrapper
        (
            "application/sparql-results+json,application/json,text/javascript,application/javascript",
            RESULTS,
            RESULTS[0],
        ),
        # a browser
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", RESULTS, "application/xml"),
    ],
)
def test_the_offer_wanted_most_is_chosen(accept, offers, chosen):
    assert choose(accept, offers) == chosen


@pytest.mark.parametrize("accept", ["image/png", "text/turtle;q=0", "*/*;q=0", "text/turtle;q=0.000"])
def test_what_cannot_be_had_is_refused_with_what_can(accept):
    with pytest.raises(NotAcceptable) as caught:
        choose(accept, ["text/turtle"])
    assert caught.value.offers == ("text/turtle",)


@given(st.text(max_size=80))
def test_any_header_either_chooses_an_offer_or_is_refused(accept):
    with suppress(NotAcceptable):
        assert choose(accept, RDF) in RDF


@pytest.mark.parametrize(
    ("header", "gzip"),
    [
        (None, False),
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br", False),
        ("*", True),
        ("gzip;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("x-gzip", True),
    ],
)
def test_gzip_goes_to_those_who_take_it(header, gzip):
    assert accepts_gzip(header) is gzip


@pytest.mark.parametrize("part", ['"\\', '"', ";", ' ;q="\\"', ",", "a/b,", 'a/b;x="'])
def test_a_header_of_a_hundred_thousand_characters_is_read_in_no_time(part: str) -> None:
    started = time.process_time()
    media_ranges((part * 100_000)[:100_000])
    assert time.process_time() - started < 2


def test_a_string_that_is_not_closed_hides_what_comes_after_it() -> None:
    assert media_ranges('text/html, text/turtle;x="a, text/csv') == {"text/html": 1.0, "text/turtle": 1.0}
