"""The REST API, `/api/v1`: collections of resources and claims, and their items.

Every list is made from one `Selection`; the same object makes its CSV, JSON-LD, Turtle and network.
"""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import pyoxigraph as ox
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, create_model

from service.api import models
from service.api.context import Context, context_of
from service.api.parameters import SLUG, EntityQuery, LanguageQuery, SelectionQuery
from service.api.representation import (
    COLLECTION_FORMS,
    CSV,
    ITEM_FORMS,
    JSON,
    as_json,
    as_rdf,
    as_table,
    check_not_modified,
    chosen_format,
    documented,
    represent,
    row_of,
)
from service.api.versions import ASKED
from service.errors import BadRequest, NotFound
from service.graph.describe import Item, find_claim
from service.graph.selection import COLLECTIONS, Page, Selection, facet_names, facets, is_member, select
from service.graph.subgraph import claim_quads, description_quads
from service.graph.tables import CLAIMS
from service.rdf.formats import RDF_FORMATS
from service.rdf.iris import local_name

router = APIRouter(prefix="/api/v1")
_Context = Annotated[Context, Depends(context_of)]
_Key = Annotated[
    str, Path(max_length=400, description="Last part of the IRI.", examples=["d002.coalition-founded.founded.e2014"])
]

RESOURCES = (
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
_CLAIMS = ("claims", "observations", "timeline")
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
# A slug that exists, for the examples of the description.
EXAMPLES = {
    "entities": "nasser-bourita",
    "actors": "interpol",
    "institutions": "interpol",
    "threats": "terrorism",
    "agreements": "morocco-us-agreement-2014-08",
    "events": "accession-of-mohammed-vi",
    "measures": "advanced-regionalisation",
    "documents": "d001",
    "topics": "terrorism",
}


def _list_handler(collection: str, suffix: str | None = None) -> Callable[..., Response]:
    def handler(request: Request, context: _Context, parameters: SelectionQuery) -> Response:
        selection = parameters.selection(collection)
        names = facet_names(collection, parameters.facets)
        media_type = chosen_format(request, suffix or parameters.format, COLLECTION_FORMS)
        check_not_modified(request, context)
        if media_type != JSON:
            return represent(request, context, selection, media_type)
        with context.snapshot() as connection:
            page = select(connection, selection, context.base)
            body = _list_body(request, context, selection, page, parameters.fields)
            if names:
                counts = facets(connection, selection, context.base, names)
                body["facets"] = {
                    name: [{"value": value, "count": count} for value, count in values]
                    for name, values in counts.items()
                }
        return as_json(request, context, body)

    handler.__name__ = f"list_{collection}" + (f"_{suffix}" if suffix else "")
    return handler


def _list_body(request: Request, context: Context, selection: Selection, page: Page, wanted: str | None) -> Item:
    describer = context.describer(selection.language)
    items = describer.claims(page.ids) if selection.of_claims else [describer.resource(row_id) for row_id in page.ids]
    body: Item = {"items": _sparse(items, wanted, _MODELS[selection.of_claims]), "total": page.total}
    body |= {"truncated": page.next_cursor is not None, "next": next_link(request, page.next_cursor)}
    return body


_MODELS: dict[bool, type[BaseModel]] = {True: models.Claim, False: models.Resource}


def next_link(request: Request, cursor: str | None) -> str | None:
    """The address of the next page: the same request with another cursor; None without one."""
    if cursor is None:
        return None
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    return f"{request.url.path}?{urlencode([*query, ('cursor', cursor), *_asked_version(request)])}"


def _asked_version(request: Request) -> list[tuple[str, str]]:
    """The parameter of a request for an earlier version: its links lead on in that one."""
    version = request.scope.get(ASKED)
    return [] if version is None else [("version", str(version))]


def _sparse(items: list[Item], wanted: str | None, model: type[BaseModel]) -> list[Item]:
    if not wanted:
        return items
    names = {"id", *(name.strip() for name in wanted.split(","))}
    unknown = names - set(model.model_fields)
    if unknown:
        known = ", ".join(sorted(model.model_fields))
        raise BadRequest(f"fields: there is no {', '.join(sorted(unknown))}; there are {known}")
    return [{key: value for key, value in item.items() if key in names} for item in items]


def _item_handler(collection: str, suffix: str | None = None) -> Callable[..., Response]:
    example = EXAMPLES[collection]

    def handler(
        request: Request,
        context: _Context,
        slug: Annotated[
            str, Path(pattern=SLUG, max_length=200, description="Last part of the IRI.", examples=[example])
        ],
        parameters: EntityQuery,
    ) -> Response:
        media_type = chosen_format(request, suffix or parameters.format, ITEM_FORMS)
        row_id, iri, merged_into = _find_in(context, collection, slug)
        if merged_into:
            dot = f".{suffix}" if suffix else ""
            query = f"?{request.url.query}" if request.url.query else ""
            root = request.scope.get("root_path", "")
            return RedirectResponse(f"{root}/api/v1/{collection}/{merged_into}{dot}{query}", status_code=301)
        check_not_modified(request, context)
        if media_type == JSON:
            with context.snapshot():
                item = context.describer(parameters.lang).entity(row_id, limit=parameters.limit)
            return as_json(request, context, _with_links(request, item, parameters.lang))
        if media_type == CSV:
            return as_table(
                request,
                context,
                CLAIMS,
                Selection(collection="claims", about=(iri,), limit=0, language=parameters.lang),
            )
        return as_rdf(request, context, description_quads(context.match, ox.NamedNode(iri)), row_of(media_type))

    handler.__name__ = f"get_{collection}" + (f"_{suffix}" if suffix else "")
    return handler


def _with_links(request: Request, item: Item, lang: str) -> Item:
    """The item with, for each relation of which claims were left out, the address of the list that has all of them."""
    path = f"{request.scope.get('root_path', '')}/api/v1/claims"
    for group in item["relations"]:
        filters = group.pop("filters")
        group["next"] = (
            f"{path}?{urlencode([*filters.items(), ('lang', lang), *_asked_version(request)])}" if filters else None
        )
    return item


def _find_in(context: Context, collection: str, slug: str) -> tuple[int, str, str | None]:
    """Row id, IRI and, of a merged one, the slug that it was merged into."""
    rows = context.reader.execute("SELECT id, iri, replaced_by FROM resource WHERE slug = ?", (slug,)).fetchall()
    for row in rows:
        target = _row_of_iri(context, row["replaced_by"]) if row["replaced_by"] else row["id"]
        if target and is_member(context.reader, Selection(collection=collection), context.base, target):
            return row["id"], row["iri"], local_name(row["replaced_by"]) if row["replaced_by"] else None
    raise NotFound(f"there is no {slug} among the {collection}; /api/v1/search?q= finds names")


def _row_of_iri(context: Context, iri: str) -> int | None:
    row = context.reader.execute("SELECT id FROM resource WHERE iri = ?", (iri,)).fetchone()
    return None if row is None else int(row["id"])


def _claim_handler(suffix: str | None = None) -> Callable[..., Response]:
    def handler(request: Request, context: _Context, key: _Key, parameters: LanguageQuery) -> Response:
        media_type = chosen_format(request, suffix or parameters.format, ITEM_FORMS)
        check_not_modified(request, context)
        row_id = find_claim(context.reader, key)
        if media_type == JSON:
            with context.snapshot():
                return as_json(request, context, context.describer(parameters.lang).claim(row_id))
        if media_type == CSV:
            return as_table(
                request, context, CLAIMS, Selection(collection="claims", keys=(key,), limit=0, language=parameters.lang)
            )
        node = ox.NamedNode(f"{context.base}claim/{key}")
        return as_rdf(request, context, claim_quads(context.match, node), row_of(media_type))

    handler.__name__ = "get_claim" + (f"_{suffix}" if suffix else "")
    return handler


def _page_model(collection: str) -> type[BaseModel]:
    item: Any = models.Claim if collection in _CLAIMS else models.Resource
    return create_model(f"{collection.capitalize()}Page", __base__=models.ListOf[item])


def _add(path: str, handler: Callable[..., Response], **options: Any) -> None:
    router.add_api_route(path, handler, methods=["GET"], operation_id=handler.__name__, **options)


def _add_with_suffixes(
    path: str, make: Callable[[str | None], Callable[..., Response]], forms: tuple[str, ...], **options: Any
) -> None:
    """The route itself in the description, its suffixes (the same with the form fixed) beside it."""
    for suffix in SUFFIXES[forms]:
        _add(f"{path}.{suffix}", make(suffix), include_in_schema=False)
    _add(path, make(None), **options)


SUFFIXES = {
    COLLECTION_FORMS: ("json", "csv", *(row.suffix for row in RDF_FORMATS), "graphml"),
    ITEM_FORMS: ("json", "csv", *(row.suffix for row in RDF_FORMATS)),
}

for _name in COLLECTIONS:
    _add_with_suffixes(
        f"/{_name}",
        lambda suffix, name=_name: _list_handler(name, suffix),  # type: ignore[misc]
        COLLECTION_FORMS,
        tags=["lists"],
        summary=_ABOUT[_name],
        responses=documented(_page_model(_name), COLLECTION_FORMS, example=f"/api/v1/{_name}?limit=2&lang=fr"),
    )
for _name in RESOURCES:
    _add_with_suffixes(
        f"/{_name}/{{slug}}",
        lambda suffix, name=_name: _item_handler(name, suffix),  # type: ignore[misc]
        ITEM_FORMS,
        tags=["items"],
        summary=f"One of the {_name} with its claims, grouped by relation.",
        responses=documented(models.Entity, ITEM_FORMS, example=f"/api/v1/{_name}/{EXAMPLES[_name]}", found=True),
    )
_add_with_suffixes(
    "/claims/{key}",
    _claim_handler,
    ITEM_FORMS,
    tags=["items"],
    summary="One claim with its evidence.",
    responses=documented(
        models.Claim, ITEM_FORMS, example="/api/v1/claims/d002.coalition-founded.founded.e2014", found=True
    ),
)

assert set(_ABOUT) == set(COLLECTIONS), "every collection has its summary"
