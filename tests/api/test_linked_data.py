"""The IRIs of the graph answer on whatever host the service runs, for programs and for browsers."""

import html

import pytest

from service.rdf.formats import RDF_FORMATS
from service.rdf.iris import split_iri
from tests.api.service import Service, triples

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("row", RDF_FORMATS, ids=lambda row: row.name)
def test_a_thing_redirects_to_a_document_about_it(service: Service, row) -> None:
    answer = service.get("/id/interpol", row.media_type)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/id/interpol.{row.suffix}")
    assert answer.headers["link"] == f'</id/interpol.{row.suffix}>; rel="describedby"'
    assert "Accept" in answer.headers["vary"]
    document = service.get(answer.headers["location"])
    assert document.headers["content-type"] == row.content_type


@pytest.mark.parametrize("path", ["/topic/terrorism", "/doc/d001", "/claim/d002.coalition-founded.founded.e2014"])
def test_a_document_answers_itself_and_says_where_it_is(service: Service, path: str) -> None:
    answer = service.get(path, "text/turtle")
    assert (answer.status_code, answer.headers["content-location"]) == (200, f"{path}.ttl")
    assert 'rel="describedby"' in answer.headers["link"]


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/id/interpol", "/fr/id/interpol"),
        ("/topic/terrorism", "/fr/topic/terrorism"),
        ("/doc/d001", "/fr/doc/d001"),
        ("/ns", "/fr/ns"),
    ],
)
def test_a_browser_is_led_to_a_page_in_its_language(service: Service, path: str, page: str) -> None:
    answer = service.get(path, BROWSER, accept_language="fr-FR,fr;q=0.9,en;q=0.8")
    assert answer.status_code in (302, 303)
    assert answer.headers["location"] == page
    assert service.get(page).headers["content-type"].startswith("text/html")


def test_every_kind_of_iri_of_the_graph_is_answered(service: Service) -> None:
    seen: dict[str, str] = {}
    for quad in service.context.match(None, None, None):
        for term in (quad.subject, quad.object, quad.graph_name):
            parts = split_iri(service.context.base, term.value) if hasattr(term, "value") else None
            if parts and str(term).startswith("<"):
                seen.setdefault(*parts)
    assert set(seen) == {"id", "topic", "doc", "claim", "evidence", "time", "graph"}
    for folder, name in seen.items():
        answer = service.ask("GET", f"/{folder}/{name}", headers={"Accept": "text/turtle"}, follow_redirects=True)
        assert answer.status_code == 200, (folder, name)
        assert len(triples(answer.text, "turtle")) > 0


def test_a_description_has_what_points_at_the_thing(service: Service) -> None:
    turtle = service.get("/id/interpol.ttl").text
    graph = triples(turtle, "turtle")
    interpol = "https://marsad.example/id/interpol"
    assert any(str(subject) == interpol for subject in graph.subjects())
    assert any(str(value) == interpol for value in graph.objects())


def test_the_terms_are_described_at_their_namespace(service: Service) -> None:
    graph = triples(service.get("/ns", "text/turtle").text, "turtle")
    assert any(str(subject) == "https://marsad.example/ns#heldPost" for subject in graph.subjects())


@pytest.mark.parametrize("path", ["/id/nobody", "/id/nobody.ttl", "/claim/d001.nothing", "/ns.pdf", "/graph/nothing"])
def test_what_the_graph_says_nothing_of_is_a_404(service: Service, path: str) -> None:
    answer = service.get(path, "text/turtle")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/id/daesh", "/topic/terrorism", "/doc/d001", "/claim/d002.coalition-founded.founded.e2014"]
)
def test_a_thing_is_also_the_table_of_its_claims(service: Service, path: str) -> None:
    collection = {"id": "entities", "topic": "topics", "doc": "documents", "claim": "claims"}[path.split("/")[1]]
    table = service.get(f"{path}.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text == service.get(f"/api/v1/{collection}/{path.split('/')[2]}.csv").text
    asked = service.ask("GET", path, headers={"Accept": "text/csv"}, follow_redirects=True)
    assert (asked.status_code, asked.text) == (200, table.text)
    assert service.get("/id/nobody.csv").status_code == 404


@pytest.mark.parametrize(
    ("path", "language", "said"),
    [
        ("/id/nobody", "fr", "Cela n’existe pas ici"),
        ("/ar/id/nobody", "ar", "لا وجود لذلك هنا"),
        ("/fr/nowhere", "fr", "Cela n’existe pas ici"),
        ("/no/such/page", "en", "There is no such thing here"),
        ("/en/entities?from=soon", "en", "The request is not understood"),
        ("/en/entities?cursor=x", "en", "The request is not understood"),
    ],
)
def test_a_browser_gets_a_problem_as_a_page_with_a_way_on(
    service: Service, path: str, language: str, said: str
) -> None:
    problem = service.get(path, accept_language=language)
    assert problem.headers["content-type"] == "application/problem+json"
    page = service.get(path, BROWSER, accept_language=language)
    assert page.status_code == problem.status_code
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert f'<html lang="{language}"' in page.text
    assert f"<h1>{said}</h1>" in page.text
    assert f'action="/{language}/entities"' in page.text
    assert html.escape(problem.json()["detail"]).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page.text
    assert "etag" not in page.headers


def test_what_is_for_programs_answers_a_browser_as_it_answers_them(service: Service) -> None:
    for path in ("/api/v1/actors/nobody", "/export/nothing", "/api/v1/nouns", "/static/nothing.css"):
        assert service.get(path, BROWSER).headers["content-type"] == "application/problem+json"


def test_no_acceptable_form_is_a_406_with_those_there_are(service: Service) -> None:
    answer = service.get("/id/interpol", "image/png")
    assert answer.status_code == 406
    assert "text/turtle" in answer.json()["available"]


def test_under_a_prefix_every_link_carries_it(service: Service) -> None:
    root = {"root_path": "/graphs/marsad"}
    transport_app = service.app

    async def prefixed(scope, receive, send) -> None:
        await transport_app({**scope, **root, "path": root["root_path"] + scope["path"]}, receive, send)

    answer = service.through(prefixed, "/id/interpol", "text/turtle")
    assert answer.headers["location"] == "/graphs/marsad/id/interpol.ttl"
    page = service.through(prefixed, "/api/v1/actors?limit=1").json()
    assert page["next"].startswith("/graphs/marsad/api/v1/actors?")
