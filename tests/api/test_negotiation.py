"""Accept is read as RFC 9110 says: quality first, the closest range decides, the first offer among equals."""

import pytest

from service.api.negotiation import choose
from service.errors import NotAcceptable

OFFERS = ["application/json", "text/turtle", "application/ld+json", "text/html"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/turtle", "text/turtle"),
        ("TEXT/Turtle", "text/turtle"),
        ("text/*", "text/turtle"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/turtle;q=0.5, application/ld+json;q=0.9", "application/ld+json"),
        ("*/*;q=0.1, text/turtle;q=0.2", "text/turtle"),
        ("application/json;q=0, */*", "text/turtle"),
        ("text/*;q=0.9, text/turtle;q=0.1", "text/html"),
        ("application/rdf+xml, text/turtle;q=0.4", "text/turtle"),
        ("text/turtle; charset=utf-8", "text/turtle"),
        ("garbage, text/turtle", "text/turtle"),
        ("*; q=.2", "application/json"),
        ("application/ld+json;q=1.0,application/n-triples;q=1.0,text/turtle;q=0.9", "application/ld+json"),
    ],
)
def test_the_offer_chosen(accept, expected):
    assert choose(accept, OFFERS) == expected


@pytest.mark.parametrize("accept", ["image/png", "text/turtle;q=0", "*/*;q=0"])
def test_nothing_acceptable_is_an_error_with_the_offers(accept):
    with pytest.raises(NotAcceptable) as caught:
        choose(accept, OFFERS)
    assert caught.value.offers == tuple(OFFERS)


def test_parameters_of_a_range_are_no_reason_to_refuse():
    assert choose('application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"', OFFERS) == OFFERS[2]


def test_a_thousand_ranges_are_not_read_to_the_end():
    assert choose(",".join(["text/html;q=0.1"] * 1000), OFFERS) == "text/html"
