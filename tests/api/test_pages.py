"""Pages hold what the API holds, need no script, load nothing from elsewhere, and come in three languages."""

import re
from html.parser import HTMLParser

import pytest

PAGES = (
    "", "/entities", "/threats", "/documents", "/entities?q=daech", "/id/nasser-bourita", "/id/daesh", "/topic/terrorism",
    "/doc/d001", "/claims?document=d002", "/claim/d002.coalition-founded.founded.e2014", "/review", "/query",
)  # fmt: skip


class Links(HTMLParser):
    """Every address that a page names, and the elements that it uses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.elements: set[str] = set()
        self.styled = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.styled |= any(name == "style" or name.startswith("on") for name, _ in attrs)
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action") and value]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_a_page_is_whole_without_scripts_and_asks_no_other_host(service, language, page):
    answer = service.get(f"/{language}{page}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in answer.text
    links = Links(answer.text)
    assert not links.elements & {"script", "style", "iframe", "img"}
    assert not links.styled
    assert not [address for address in links.addresses if address.startswith(("http:", "https:", "//"))]


@pytest.mark.parametrize("page", ["", "/id/daesh", "/doc/d001", "/claims?document=d002", "/documents"])
def test_no_link_of_a_page_is_broken(service, page):
    links = Links(service.get(f"/en{page}").text)
    paths = sorted({address.split("#")[0] for address in links.addresses if address.startswith("/")})
    assert len(paths) > 5
    broken = [path for path in paths[:: max(1, len(paths) // 30)] if service.ask("HEAD", path).status_code >= 400]
    assert broken == []


def test_the_page_of_a_person_says_post_date_and_source_in_words(service):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", service.get("/en/id/nasser-bourita").text))
    assert "Held the post of" in text
    assert "28 June 2021 · says document 002" in text.replace("  ", " ")
    assert "30 September 2014 (year inferred)" in text


def test_an_entity_page_shows_every_claim_about_it_once_under_its_relation(service):
    shown = re.findall(r'href="/en/claim/([^"]+)"', service.get("/en/id/daesh").text)
    item = service.json("/api/v1/entities/daesh")
    expected = [claim["id"] for group in item["relations"] for claim in group["claims"]]
    assert sorted(set(shown)) == sorted(set(expected))


def test_a_document_page_leads_to_all_that_the_document_says(service):
    total = service.json("/api/v1/claims?document=d002&limit=1")["total"]
    assert f"({total} claims)" in service.get("/en/doc/d002").text
    found, page = [], "/en/claims?document=d002"
    while page:
        text = service.get(page).text
        found += re.findall(r'href="/en/claim/([^"]+)"', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        page = f"/en/claims{following[1].replace('&amp;', '&')}" if following else None
    assert len(set(found)) == total


def test_a_row_of_the_review_names_its_claims_and_their_passages(service):
    text = service.get("/en/review").text
    assert 'href="/en/claim/d001.algeria-security-cooperation-lacking.cooperatesWith.algeria"' in text
    assert "d001 36357–36525" in text


def test_the_query_page_answers_a_form_and_says_what_is_wrong(service):
    answer = service.get("/en/query?query=SELECT%20?p%20%7B%20id:daesh%20marsad:threatens%20?p%20%7D")
    assert '<a href="/id/morocco">morocco</a>' in answer.text
    assert "this { is not closed" in service.get("/en/query?query=SELECT%20*%20%7B").text
    refused = service.get("/en/query?query=ASK%20%7B%20SERVICE%20%3Chttp://127.0.0.1:9/%3E%20%7B%7D%20%7D").text
    assert "SERVICE would make a request" in refused


def test_what_people_type_is_shown_as_text(service):
    page = service.get('/en/entities?q="><script>alert(1)</script>').text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_browser_is_led_to_its_language(service):
    assert service.get("/", accept_language="fr-MA,fr;q=0.9").headers["location"] == "/fr"
    assert service.get("/").headers["location"] == "/en"
    assert service.get("/id/daesh", "text/html", accept_language="ar").headers["location"] == "/ar/id/daesh"


@pytest.mark.parametrize("path", ["/en/id/nobody", "/en/claim/d001.nothing", "/en/nothing", "/xx", "/xx/id/daesh"])
def test_what_is_not_there_is_404(service, path):
    assert service.get(path).status_code == 404
