"""Pages hold what the API holds, need no script, load nothing from elsewhere, and come in three languages."""

import html
import re
from html.parser import HTMLParser

import pytest

from service.api.interface_text import say
from tests.conftest import ROOT

PAGES = (
    "", "/entities", "/threats", "/documents", "/entities?q=daech", "/id/nasser-bourita", "/id/daesh", "/topic/terrorism",
    "/doc/d001", "/claims?document=d002", "/claims?asserter=yassine-mansouri", "/claim/d002.coalition-founded.founded.e2014",
    "/claims?modality=alleged&from=2014", "/observations", "/timeline?topic=terrorism&mode=certainly&from=2010",
    "/actors?document=d001&type=Person&place=rabat", "/review", "/query", "/questions", "/questions/names-of-daesh", "/questions/what-abdelhak-khiame-says",
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


def words(answer) -> str:
    """The text of a page, without its elements."""
    return re.sub(r"[ \n]+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


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


@pytest.mark.parametrize(
    "page",
    ["", "/id/daesh", "/doc/d001", "/claims?document=d002", "/documents", "/questions", "/questions/denied-statements"],
)
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
    text = words(service.get("/en/review"))
    assert (
        "Morocco: cooperates with Algeria (denied), according to Moroccan officials in document 001 d001 36357–36525"
        in text
    )
    assert "in document 003 d003 2536–2600" in text
    assert "Editors’ note: Document 003 has Morocco working with its neighbours on border control" in text
    assert "Ce qu’une affirmation dément et qu’une autre énonce (2)" in words(service.get("/fr/review"))


def test_what_differs_comes_first_on_the_page_of_the_thing(service):
    page = words(service.get("/fr/id/moroccan-autonomy-plan"))
    assert page.index("À confronter") < page.index("Jugements d’une même chose") < page.index("Fait partie de")
    assert "À confronter" not in words(service.get("/fr/id/nasser-bourita"))


@pytest.mark.parametrize(
    ("language", "title", "said"),
    [
        ("en", "On what day did Morocco join", "The documents do not say. Document 001 prints day and month"),
        ("fr", "Quel jour le Maroc a-t-il rejoint", "Les documents ne le disent pas."),
        ("ar", "في أي يوم انضم المغرب", "الوثائق لا تقول ذلك."),
    ],
)
def test_a_question_is_asked_and_answered_in_the_language_of_the_reader(service, language, title, said):
    page = words(service.get(f"/{language}/questions/day-of-joining-the-african-union"))
    assert title in page
    assert said in page
    day = {"en": "31 January 2017 (year inferred)", "fr": "31 janvier 2017 (année déduite)"}
    assert day.get(language, "31 يناير 2017 (السنة مستنتجة)") in page


def test_answers_have_labels_claims_in_words_and_numbers_in_groups(service):
    assert "Armed group" not in words(service.get("/en/questions/names-of-daesh"))
    page = service.get("/fr/questions/organisers-of-the-rome-meeting").text
    assert '<a href="/fr/id/antony-blinken" title="antony-blinken"><bdi>Antony Blinken</bdi></a>' in page
    assert "10\u202f000\u202f000" in words(
        service.get("/fr/questions/beneficiaries-of-the-human-development-initiative")
    )
    assert "Tindouf camps" in words(service.get("/en/questions/what-abdelhak-khiame-says"))
    assert "denied" in words(service.get("/en/questions/cooperation-with-the-neighbours"))
    assert "démenti" in words(service.get("/fr/questions/cooperation-with-the-neighbours"))
    assert "The graph has no row for it." in words(service.get("/en/questions/boko-haram"))
    assert service.get("/en/questions/nothing").status_code == 404


def test_every_column_of_a_stored_answer_has_a_heading_in_each_language():
    files = sorted((ROOT / "tests" / "ontology" / "expected").glob("*.csv"))
    columns = {name for file in files for name in file.read_text(encoding="utf-8").partition("\n")[0].split(",")}
    assert len(columns) > 60
    # In French some words are the same.
    assert [name for name in sorted(columns) if say(name, "ar") == name] == []


def test_the_start_page_counts_claims_by_document_kind_and_firmness(service):
    page = words(service.get("/en"))
    total = service.json("/api/v1/claims?limit=1")["total"]
    numbers = service.json("/api/v1/claims?limit=1&modality=alleged")["total"]
    counted = {
        name: int(number) for name, number in re.findall(r"(in all|[A-Za-z]+)(?: \d+)+ (\d+)(?= [A-Za-z])", page)
    }
    assert counted["in all"] == total
    assert counted["alleged"] == numbers
    assert sum(counted[name] for name in ("Statement", "Observation", "Assessment")) == total


def test_the_page_of_an_actor_leads_to_what_it_says(service):
    assert "What it says according to the documents" in service.get("/en/id/yassine-mansouri").text
    assert "What it says" not in service.get("/en/id/rabat").text
    total = service.json("/api/v1/claims?asserter=yassine-mansouri&limit=1")["total"]
    assert f"{total} in all" in words(service.get("/en/claims?asserter=yassine-mansouri"))
    every = service.json("/api/v1/claims?limit=1")["total"]
    assert f"{every} in all" in words(service.get("/en/claims"))


def test_a_list_shows_its_filters_and_what_each_facet_would_give(service):
    query = "document=d001&modality=alleged"
    page = service.get(f"/fr/actors?{query}&utm_source=x").text
    facets = service.json(f"/api/v1/actors?{query}&facets=all&limit=1")["facets"]
    side = page.split("<aside", 1)[1]
    for name in ("modality", "asserter", "relation", "topic", "place", "type", "kind", "document"):
        for entry in facets[name][:3]:
            others = (
                "" if name == "document" else "document=d001&amp;",
                "" if name == "modality" else "modality=alleged&amp;",
            )
            address = f'href="?{"".join(others)}{name}={entry["value"]}"'
            assert re.search(
                re.escape(address) + rf'[^>]*><bdi>[^<]+</bdi></a> <span class="soft">{entry["count"]}<', side
            )
    assert all(word in words(service.get(f"/fr/actors?{query}")) for word in ("Fermeté : allégué", "Affiner", "Lieu"))
    assert "تضييق النتائج" in words(service.get(f"/ar/actors?{query}"))
    assert 'aria-current="true"><bdi>allégué</bdi>' in side
    assert f'href="/api/v1/actors.csv?{query.replace("&", "&amp;")}"' in page


def test_a_name_with_a_slip_leads_to_what_was_meant(service):
    page = words(service.get("/en/entities?q=intrepol"))
    assert "Closest names" in page
    assert "Interpol" in page
    assert "Nothing was found." in page
    assert "Closest names" not in words(service.get("/en/entities?q=interpol&type=Organization"))


def test_a_page_has_the_validator_of_its_language_and_a_typed_query_has_none(service):
    tags = {service.get(f"/{language}/id/daesh").headers["etag"] for language in ("en", "fr", "ar")}
    assert len(tags) == 3
    assert "etag" not in service.get("/en/query?query=SELECT%20(NOW()%20AS%20?now)%20%7B%7D").headers
    assert "etag" not in service.get("/en/id/nobody").headers


def test_the_query_page_answers_a_form_and_says_what_is_wrong(service):
    answer = service.get("/en/query?query=SELECT%20?p%20%7B%20id:daesh%20marsad:threatens%20?p%20%7D")
    assert '<a href="/en/id/morocco" title="morocco"><bdi>Morocco</bdi></a>' in answer.text
    made_up = "SELECT%20(%22x%22%5E%5E%3Chttp://id.loc.gov/datatypes/edtf/EDTF%3E%20AS%20?a)%20(YEAR(NOW())%20AS%20?b)%20%7B%7D"
    assert '<bdi title="x">x</bdi>' in service.get(f"/en/query?query={made_up}").text
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


def test_a_page_without_a_language_says_how_pages_begin(service):
    said = service.get("/threats", "application/json").json()["detail"]
    assert said == "there is nothing at /threats; pages begin with /en, /fr or /ar"


def test_the_page_of_a_claim_shows_its_evidence_and_its_headings_begin_with_a_capital(service):
    page = service.get("/en/claim/d002.coalition-founded.founded.e2014").text
    assert "<details open>" in page
    assert "<th>Subject</th>" in page
    assert "<h1><bdi>Entities</bdi></h1>" in service.get("/en/entities").text
    assert "<details open>" not in service.get("/en/id/daesh").text
