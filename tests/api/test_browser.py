"""Pages in a real browser: no error on the console, nothing from elsewhere, no sideways scroll on a small screen."""

from collections.abc import Iterator

import pytest

from tests.api.browser import Browser, browser
from tests.api.test_pages import PAGES

# CSS pixels: the narrowest screen that WCAG 2.2 asks for (reflow, criterion 1.4.10).
NARROWEST = 320


@pytest.fixture(scope="module")
def tab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(chromium, tmp_path_factory.mktemp("chromium")) as opened:
        opened.resize(NARROWEST, 800)
        yield opened


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
@pytest.mark.parametrize("page", [*PAGES, "/ns"])
def test_a_page_opens_without_errors_within_a_narrow_screen(
    tab: Browser, address: str, page: str, language: str
) -> None:
    visit = tab.open(f"{address}/{language}{page}")
    assert visit.errors == []
    assert [request for request in visit.requests if not request.startswith((f"{address}/", "data:"))] == []
    tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    widest = tab.evaluate(
        "[document.documentElement.scrollWidth, [...document.querySelectorAll('body *')].filter(part => {"
        "  const box = part.getBoundingClientRect();"
        f" return (box.right > {NARROWEST} || box.left < 0) && !part.closest('pre, .wide');"
        "}).slice(0, 5).map(part => part.outerHTML.slice(0, 120))]"
    )
    assert widest == [NARROWEST, []]


def test_what_the_policy_forbids_is_noticed(tab: Browser, address: str) -> None:
    visit = tab.open(f"{address}/en")
    tab.evaluate("document.body.appendChild(document.createElement('script')).textContent = 'window.ran = 1'")
    assert tab.evaluate("window.ran") is None
    assert any("Content Security Policy" in error for error in visit.errors)
