"""Reads that are answered beside the framework have the answer that it would give."""

from collections.abc import Callable

import httpx
import pytest

from service.api.reads import Reads
from service.app import create_app
from tests.api.service import Service

# Answered by the look-up itself, and what it leaves to the framework because something is not plain about it.
DIRECT = [
    "/api/v1/entities?q=ma&lang=fr&limit=3",
    "/api/v1/entities?document=d001&document=d002&facets=true&limit=2",
    "/api/v1/entities?q=&limit=1",
    "/api/v1/claims.csv?document=d001",
    "/api/v1/timeline.json?from=2014&to=2015&mode=certainly",
    "/api/v1/actors/interpol",
    "/api/v1/claims/d002.coalition-founded.founded.e2014?lang=ar",
    "/api/v1/search?q=daech&in=fr",
    "/api/v1/paths?from=nasser-bourita&to=interpol&max_steps=2",
    "/api/v1/vocabulary?lang=fr",
    "/api/v1/context.jsonld",
]
LEFT = [
    "/api/v1/entities?no-such=1",
    "/api/v1/entities?limit=1&limit=2",
    "/api/v1/entities?limit=many",
    "/api/v1/entities?from=2015&to=2014",
    "/api/v1/entities?type=%ff",
    "/api/v1/search",
    "/api/v1/search?q=a&type=person",
    "/api/v1/context.jsonld?x=1",
    "/api/v1/actors/No-Slug",
    "/api/v1/actors/nobody",
    "/api/v1/actors/interpol/claims",
    "/api/v1/actors/",
    "/api/v1/actors/interpol.ttl",
    "/api/v1/claims/d002.coalition-founded.founded.e2014.csv",
    "/api/v1/questions/names-of-daesh?limit=2",
]


@pytest.fixture(scope="module")
def by_framework(service: Service) -> Callable[..., httpx.Response]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reads, "before", lambda self, app, context: app)
        app = create_app(service.context)
    return lambda url, accept=None: service.through(app, url, accept)


@pytest.mark.parametrize("accept", [None, "text/csv", "text/turtle, application/json;q=0.1", "image/png"])
@pytest.mark.parametrize("url", [*DIRECT, *LEFT])
def test_the_answer_is_that_of_the_framework(
    service: Service, by_framework: Callable[..., httpx.Response], url: str, accept: str | None
) -> None:
    one, other = service.get(url, accept), by_framework(url, accept)
    assert (one.status_code, one.content) == (other.status_code, other.content)
    assert sorted(one.headers.items()) == sorted(other.headers.items())


def test_a_version_that_the_client_has_is_not_sent_again(service: Service) -> None:
    first = service.get("/api/v1/actors/interpol")
    again = service.get("/api/v1/actors/interpol", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


@pytest.mark.parametrize("url", DIRECT)
def test_no_pattern_is_tried_for_what_is_plain(service: Service, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("asked the framework")

    monkeypatch.setattr("fastapi.routing._IncludedRouter._match", refuse)
    assert service.get(url).status_code == 200
