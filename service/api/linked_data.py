"""Linked data: the IRIs of the graph answer on whatever host the service runs, as a page or as RDF.

`/id/{slug}` names a thing and redirects (303) to a document about it; `/topic`, `/doc`, `/claim`, `/evidence`, `/time`,
`/graph` and `/ns` answer themselves (200, `Content-Location`). A suffix (`.ttl`, `.jsonld`, `.nt`, `.rdf`, …) fixes the form; `.csv` is the table of the claims about it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated

import pyoxigraph as ox
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from service.api.context import Context, context_of
from service.api.negotiation import choose
from service.api.representation import CSV, HTML, as_rdf, as_table, check_not_modified
from service.errors import NotFound
from service.graph.selection import Selection
from service.graph.subgraph import claim_quads, description_quads
from service.graph.tables import CLAIMS
from service.rdf.formats import RDF_FORMATS, RdfFormat
from service.rdf.namespaces import DCTERMS_IS_REPLACED_BY, NS

router = APIRouter(include_in_schema=False)
_Context = Annotated[Context, Depends(context_of)]

# Folders whose resources have a page; the others are shown as Turtle to a browser, too.
_WITH_PAGE = ("id", "topic", "doc", "claim")
_FOLDERS = (*_WITH_PAGE, "evidence", "time")
_TURTLE = next(row for row in RDF_FORMATS if row.name == "turtle")
_BY_SUFFIX = {row.suffix: row for row in RDF_FORMATS}
_BY_MEDIA_TYPE = {media_type: row for row in RDF_FORMATS for media_type in (row.media_type, *row.alternatives)}
_CSV = "csv"
_LANGUAGES = ("en", "fr", "ar")


def _handler(folder: str) -> Callable[..., Response]:
    def handler(request: Request, context: _Context, name: str) -> Response:
        return _answer(request, context, folder, name)

    return handler


for _folder in _FOLDERS:
    router.add_api_route(f"/{_folder}/{{name:path}}", _handler(_folder), methods=["GET"])


def _answer(request: Request, context: Context, folder: str, name: str) -> Response:
    check_not_modified(request, context)
    if folder in _WITH_PAGE and name.endswith(f".{_CSV}"):
        return _table(request, context, folder, name.removesuffix(f".{_CSV}"))
    stem, row = _without_suffix(context, folder, name)
    if row is not None:
        return _describe(request, context, folder, stem, row)
    node = ox.NamedNode(f"{context.base}{folder}/{name}")
    _check_known(context, node)
    replacement = next((quad.object for quad in context.match(node, DCTERMS_IS_REPLACED_BY, None)), None)
    root = request.scope.get("root_path", "")
    if isinstance(replacement, ox.NamedNode):
        return RedirectResponse(f"{root}/{replacement.value.removeprefix(context.base)}", status_code=301)
    chosen = _choose(request, with_page=folder in _WITH_PAGE, extra=(CSV,))
    if chosen == HTML:
        target = f"{root}/{wanted_language(request)}/{folder}/{name}"
        status = 303 if folder == "id" else 302
        described = f'<{root}/{folder}/{name}.ttl>; rel="describedby"; type="text/turtle"'
        headers = {"Vary": "Accept, Accept-Language", "Link": described}
        return RedirectResponse(target, status_code=status, headers=headers)
    suffix = _CSV if chosen == CSV else _BY_MEDIA_TYPE[chosen].suffix
    location = f"{root}/{folder}/{name}.{suffix}"
    if folder == "id":
        headers = {"Vary": "Accept", "Link": f'<{location}>; rel="describedby"'}
        return RedirectResponse(location, status_code=303, headers=headers)
    if chosen == CSV:
        return _table(request, context, folder, name, {"Content-Location": location})
    return _describe(request, context, folder, name, _BY_MEDIA_TYPE[chosen], {"Content-Location": location})


def _table(
    request: Request, context: Context, folder: str, name: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The claims about a thing, or a claim itself, as the API has them in its table."""
    node = ox.NamedNode(f"{context.base}{folder}/{name}")
    _check_known(context, node)
    which = Selection(collection="claims", limit=0)
    which = replace(which, keys=(name,)) if folder == "claim" else replace(which, about=(node.value,))
    answer = as_table(request, context, CLAIMS, which)
    answer.headers.update(
        {"Link": f'<{request.scope.get("root_path", "")}/{folder}/{name}>; rel="about"', **(headers or {})}
    )
    return answer


@router.get("/ns")
@router.get("/ns.{suffix}")
def get_ontology(request: Request, context: _Context, suffix: str | None = None) -> Response:
    check_not_modified(request, context)
    if suffix is not None and suffix not in _BY_SUFFIX:
        raise NotFound(f"there is no /ns.{suffix}; there are {', '.join(sorted(_BY_SUFFIX))}")
    root = request.scope.get("root_path", "")
    chosen = "" if suffix else _choose(request, with_page=True)
    if chosen == HTML:
        target = f"{root}/{wanted_language(request)}/ns"
        return RedirectResponse(target, status_code=303, headers={"Vary": "Accept, Accept-Language"})
    row = _BY_SUFFIX[suffix] if suffix else _BY_MEDIA_TYPE[chosen]
    quads = context.graph("ontology")
    return as_rdf(
        request,
        context,
        quads,
        row,
        headers={"Content-Location": f"{root}/ns.{row.suffix}", "Link": f'<{root}/docs>; rel="service-doc"'},
    )


@router.get("/graph/{name}")
def get_graph(request: Request, context: _Context, name: str) -> Response:
    """One named graph, by its IRI; a suffix fixes the form."""
    check_not_modified(request, context)
    stem, dot, suffix = name.rpartition(".")
    row = _BY_SUFFIX.get(suffix) if dot else None
    stem = stem if row else name
    row = row or _BY_MEDIA_TYPE[_choose(request, with_page=False)]
    quads = list(context.graph(stem))
    if not quads:
        raise NotFound(f"there is no graph {stem}")
    root = request.scope.get("root_path", "")
    return as_rdf(request, context, quads, row, headers={"Content-Location": f"{root}/graph/{stem}.{row.suffix}"})


def _without_suffix(context: Context, folder: str, name: str) -> tuple[str, RdfFormat | None]:
    stem, dot, suffix = name.rpartition(".")
    if dot and suffix in _BY_SUFFIX and not _is_known(context, ox.NamedNode(f"{context.base}{folder}/{name}")):
        return stem, _BY_SUFFIX[suffix]
    return name, None


def _is_known(context: Context, node: ox.NamedNode) -> bool:
    return next(iter(context.match(node, None, None)), None) is not None


def _check_known(context: Context, node: ox.NamedNode) -> None:
    if not _is_known(context, node):
        raise NotFound(f"the graph says nothing of <{node.value}>; search with /api/v1/search?q=")


def _describe(
    request: Request, context: Context, folder: str, name: str, row: RdfFormat, headers: Mapping[str, str] | None = None
) -> Response:
    node = ox.NamedNode(f"{context.base}{folder}/{name}")
    _check_known(context, node)
    quads: Iterable[ox.Quad] = (
        claim_quads(context.match, node) if folder == "claim" else description_quads(context.match, node)
    )
    root = request.scope.get("root_path", "")
    about = f'<{root}/{folder}/{name}>; rel="about", <{NS.rstrip("#")}>; rel="describedby"'
    return as_rdf(request, context, quads, row, headers={"Link": about, **(headers or {})})


def _choose(request: Request, *, with_page: bool, extra: tuple[str, ...] = ()) -> str:
    offers = [row.media_type for row in RDF_FORMATS]
    accept = request.headers.get("accept")
    if with_page:
        # A browser says text/html; a client that says nothing or */* gets Turtle.
        return choose(accept, [_TURTLE.media_type, HTML, *offers, *extra])
    if accept and HTML in accept:
        return _TURTLE.media_type
    return choose(accept, offers)


def wanted_language(request: Request) -> str:
    """The language of the pages that a browser wants most."""
    wanted = request.headers.get("accept-language", "").lower().replace(" ", "").split(",")
    return next((part[:2] for part in wanted if part[:2] in _LANGUAGES), "en")
