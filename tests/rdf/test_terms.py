"""Making and ordering terms."""

from datetime import date
from decimal import Decimal

import pyoxigraph as ox
import pytest

from service.errors import UnwritableRdf
from service.rdf import terms


def test_literals_are_made_in_the_form_in_which_they_are_written() -> None:
    assert str(terms.integer(168)) == '"168"^^<http://www.w3.org/2001/XMLSchema#integer>'
    assert str(terms.decimal("2.50")) == '"2.50"^^<http://www.w3.org/2001/XMLSchema#decimal>'
    assert terms.decimal(Decimal("1E+3")).value == "1000"
    assert str(terms.boolean(True)) == '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'
    assert str(terms.day(date(33, 1, 2))) == '"0033-01-02"^^<http://www.w3.org/2001/XMLSchema#date>'
    assert str(terms.edtf_literal("1985~")) == '"1985~"^^<http://id.loc.gov/datatypes/edtf/EDTF>'
    assert str(terms.text("Salé", "fr")) == '"Salé"@fr'
    assert terms.is_plain_string(terms.string("a"))
    assert not terms.is_plain_string(terms.text("a", "en"))


@pytest.mark.parametrize("value", ["", "1e3", "1.", ".5", "NaN", "٣"])
def test_a_decimal_is_digits(value: str) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        terms.decimal(value)


def test_terms_sort_by_kind_and_code_points() -> None:
    in_order = [
        ox.NamedNode("http://example.org/a"),
        ox.NamedNode("http://example.org/a.b"),
        ox.NamedNode("http://example.org/é"),
        ox.BlankNode("b0"),
        ox.Literal("10"),
        ox.Literal("9"),
        ox.Literal("a"),
        ox.Literal("a", language="en"),
        ox.Literal("a", language="fr"),
    ]
    backwards = in_order[::-1]
    assert sorted(backwards, key=terms.sort_key) == in_order


def test_rdf_1_2_is_refused_by_name() -> None:
    triple = ox.Triple(ox.NamedNode("http://example.org/a"), ox.NamedNode("http://example.org/b"), ox.Literal("c"))
    with pytest.raises(UnwritableRdf, match=r"triple term.*RDF 1\.2"):
        terms.sort_key(triple)
    with pytest.raises(UnwritableRdf, match=r"base direction.*RDF 1\.2"):
        terms.sort_key(ox.Literal("a", language="ar", direction=ox.BaseDirection.RTL))
