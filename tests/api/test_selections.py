"""One request object: the list, the table, the Turtle, the JSON-LD and the facets of any filters hold the same items."""

import csv
import io
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.graph.selection import CLAIM_COLLECTIONS, COLLECTIONS, PAGE
from tests.api.service import Service, triples

_VALUES: dict[str, list[str]] = {
    "q": ["ma", "secur", "الأمن", "terror", "mohammed", "2014", "zzz"],
    "type": ["Person", "Organization", "Actor", "Event", "Statement", "Observation"],
    "kind": ["ministry", "armed-group", "organisation", "security-service", "city"],
    "topic": ["terrorism", "crime", "migration", "security", "nothing-at-all"],
    "place": ["morocco", "rabat", "sahel", "europe"],
    "document": ["d000", "d001", "d002", "d003", "d004", "d009"],
    "asserter": ["ires", "le-matin", "un-security-council"],
    "modality": ["asserted", "alleged", "planned", "denied"],
    "relation": ["heldPost", "memberOf", "participant", "name", "place"],
    "related": ["morocco", "daesh", "interpol", "nobody"],
    "subject": ["morocco", "security", "bcij"],
    "object": ["morocco", "terrorism", "rabat"],
    "from": ["1999", "2014-06", "2016-11-10"],
    "to": ["2005", "2014", "2025"],
    "mode": ["possibly", "certainly"],
    "lang": ["en", "fr", "ar"],
}
_SINGLE = ("q", "from", "to", "mode", "lang")


@st.composite
def requests(draw: Any) -> tuple[str, list[tuple[str, str]]]:
    collection = draw(st.sampled_from(sorted(COLLECTIONS)))
    names = draw(st.lists(st.sampled_from(sorted(_VALUES)), max_size=4, unique=True))
    if "from" in names and "to" in names:
        names.remove("to")
    chosen = []
    for name in names:
        values = draw(
            st.lists(st.sampled_from(_VALUES[name]), min_size=1, max_size=1 if name in _SINGLE else 2, unique=True)
        )
        chosen += [(name, value) for value in values]
    return collection, chosen


def listed_on_page(service: Service, collection: str, query: str) -> list[str]:
    """The ids that the page of a list shows, in their order."""
    page = service.get(f"/{dict(parse_qsl(query)).get('lang', 'en')}/{collection}?{query}").text
    listed = page.split('<div class="split">', 1)[1].split("<aside", 1)[0]
    of_claims = collection in CLAIM_COLLECTIONS
    return re.findall(r'href="/../claim/([^"]+)"' if of_claims else r'<li><a href="/../[a-z]+/([^"]+)">', listed)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=requests())
def test_page_list_table_turtle_and_json_ld_hold_the_same_items(service: Service, asked) -> None:
    collection, filters = asked
    query = urlencode(filters)
    first = service.json(f"/api/v1/{collection}?{query}&limit=40&fields=iri&facets=all")
    ids, iris, page = [], [], first
    while True:
        ids += [item["id"] for item in page["items"]]
        iris += [item["iri"] for item in page["items"]]
        assert page["total"] == first["total"]
        if page["next"] is None:
            break
        page = service.json(page["next"])
    assert len(ids) == len(set(iris)) == first["total"]
    rows = csv.DictReader(io.StringIO(service.get(f"/api/v1/{collection}.csv?{query}").text))
    assert [row["id"] for row in rows] == ids
    if len(ids) <= PAGE:
        assert listed_on_page(service, collection, query) == ids
    for name, values in first["facets"].items():
        if values:
            # The count is what the filter gives; the least and the most frequent value of each facet are tried.
            others = [(key, value) for key, value in filters if key != name]
            for entry in (values[0], values[-1]):
                asked = urlencode([*others, (name, entry["value"]), ("limit", "1"), ("fields", "id")])
                assert service.json(f"/api/v1/{collection}?{asked}")["total"] == entry["count"], (name, entry)
    if len(ids) <= 60:
        # The same triples in both, and every item is a subject in them.
        turtle = triples(service.get(f"/api/v1/{collection}.ttl?{query}").text, "turtle")
        linked = triples(service.get(f"/api/v1/{collection}.jsonld?{query}").text, "json-ld")
        assert set(turtle) == set(linked)
        subjects = {str(subject) for subject in turtle.subjects()}
        assert set(iris) <= subjects
        kind = {"claims", "observations", "timeline"}
        own = {iri for iri in subjects if ("/claim/" in iri) == (collection in kind) and "/evidence/" not in iri}
        assert {iri for iri in own if "/time/" not in iri} == set(iris)
