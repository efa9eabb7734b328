"""The REST API, `/api/v1`: collections of resources and claims, search, facets.

Every list is made from one `Selection`; the same object makes its CSV, JSON-LD and Turtle.
"""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.context import Context, context_of
from service.api.parameters import LanguageParameters, LanguageQuery, SelectionQuery
from service.api.representation import as_json, represent_claims, represent_resources
from service.errors import BadRequest, NotFound
from service.graph.describe import Item, find_claim
from service.graph.search import search
from service.graph.selection import COLLECTIONS, Page, Selection, facets, is_member, select

router = APIRouter(prefix="/api/v1")
_Context = Annotated[Context, Depends(context_of)]

_RESOURCES = (
    "entities",
    "actors",
    "institutions",
    "threats",
    "agreements",
    "events",
    "measures",
    "documents",
    "topics",
)
_ABOUT = {
    "entities": "Everything that is not a concept: actors, places, posts, agreements, events, measures, works.",
    "actors": "Persons, organisations, countries and unnamed groups.",
    "institutions": "Organisations.",
    "threats": "Concepts of the threat scheme and whatever a claim says to threaten something.",
    "agreements": "Agreements and legal texts.",
    "events": "Events, incidents and meetings.",
    "measures": "Policies, strategies, reforms, programmes and operations.",
    "documents": "The documents that the claims were read from.",
    "topics": "Concepts of the vocabulary, indicators included.",
    "claims": "Statements, observations and assessments, each with its evidence.",
    "observations": "Numbers: indicator, value, exactness, period, breakdown.",
    "timeline": "Claims with a time, in the order in which they may have begun.",
}


def _list_handler(collection: str) -> Callable[..., Response]:
    def handler(request: Request, context: _Context, parameters: SelectionQuery) -> Response:
        selection = parameters.selection(collection)
        represent = represent_claims if selection.of_claims else represent_resources
        other = represent(request, context, selection, parameters.format)
        if other is not None:
            return other
        page = select(context.reader, selection, context.base)
        body = _list_body(request, context, selection, page, parameters.fields)
        if parameters.facets:
            counts = facets(context.reader, selection, context.base)
            body["facets"] = {
                name: [{"value": value, "count": count} for value, count in values] for name, values in counts.items()
            }
        return as_json(request, context, body)

    handler.__name__ = f"list_{collection}"
    return handler


def _list_body(request: Request, context: Context, selection: Selection, page: Page, wanted: str | None) -> Item:
    describer = context.describer(selection.language)
    describe = describer.claim if selection.of_claims else describer.resource
    items = [describe(row_id) for row_id in page.ids]
    body: Item = {"items": _sparse(items, wanted), "total": page.total, "truncated": page.next_cursor is not None}
    body["next"] = _next_link(request, page.next_cursor)
    return body


def _next_link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    return f"{request.scope.get('root_path', '')}{request.url.path}?{urlencode([*query, ('cursor', cursor)])}"


def _sparse(items: list[Item], wanted: str | None) -> list[Item]:
    if not wanted:
        return items
    names = {"id", *wanted.split(",")}
    known = {key for item in items for key in item}
    if items and not names <= known:
        raise BadRequest(f"fields: no {', '.join(sorted(names - known))}; there are {', '.join(sorted(known))}")
    return [{key: value for key, value in item.items() if key in names} for item in items]


def _item_handler(collection: str) -> Callable[..., Response]:
    def handler(request: Request, context: _Context, slug: str, parameters: LanguageQuery) -> Response:
        row_id = _find_in(context, collection, slug)
        return as_json(request, context, context.describer(parameters.lang).entity(row_id))

    handler.__name__ = f"get_{collection}"
    return handler


def _find_in(context: Context, collection: str, slug: str) -> int:
    rows = context.reader.execute("SELECT id, replaced_by FROM resource WHERE slug = ?", (slug,)).fetchall()
    for row in rows:
        if is_member(context.reader, Selection(collection=collection), context.base, row["id"]):
            return int(row["id"])
    raise NotFound(f"there is no {slug} among the {collection}")


for _name in _RESOURCES:
    router.add_api_route(
        f"/{_name}", _list_handler(_name), methods=["GET", "HEAD"], summary=_ABOUT[_name], tags=["lists"]
    )
    router.add_api_route(
        f"/{_name}/{{slug}}",
        _item_handler(_name),
        methods=["GET", "HEAD"],
        tags=["items"],
        summary="One of them with its claims, grouped by relation.",
    )
for _name in ("claims", "observations", "timeline"):
    router.add_api_route(
        f"/{_name}", _list_handler(_name), methods=["GET", "HEAD"], summary=_ABOUT[_name], tags=["lists"]
    )


@router.api_route("/claims/{key}", methods=["GET", "HEAD"], tags=["items"], summary="One claim with its evidence.")
def get_claim(request: Request, context: _Context, key: str, parameters: LanguageQuery) -> Response:
    row_id = find_claim(context.reader, key)
    return as_json(request, context, context.describer(parameters.lang).claim(row_id))


class SearchParameters(LanguageParameters):
    """What to look for."""

    q: str = Query(min_length=1, max_length=200, description="A name, a part of one, or one with a slip.")
    type: str | None = Query(None, pattern=r"^[A-Z][A-Za-z]*$", description="Class of the ontology.")
    limit: int = Query(20, ge=1, le=100)


@router.api_route(
    "/search", methods=["GET", "HEAD"], tags=["search"], summary="Find resources by name, in any language."
)
def get_search(request: Request, context: _Context, parameters: Annotated[SearchParameters, Query()]) -> Response:
    hits = search(context.reader, parameters.q, limit=parameters.limit, resource_type=parameters.type)
    describer = context.describer(parameters.lang)
    items: list[dict[str, Any]] = [
        {
            **describer.reference(hit.iri),
            "score": hit.score,
            "matched": {"name": hit.name, "language": hit.language, "role": hit.role, "how": hit.match},
        }
        for hit in hits
    ]
    return as_json(request, context, {"items": items, "total": len(items)})


assert set(_ABOUT) == set(COLLECTIONS), "every collection has its summary"
