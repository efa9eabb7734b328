"""One selection as JSON, CSV, JSON-LD, Turtle and the other RDF forms, with the headers that every read has."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pyoxigraph as ox
from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from service.api.context import Context
from service.api.negotiation import choose
from service.errors import BadRequest
from service.graph.describe import Item
from service.graph.selection import Selection, select
from service.graph.subgraph import claim_quads, resource_quads
from service.graph.tables import claim_table, resource_table
from service.rdf.formats import RDF_FORMATS, RdfFormat
from service.rdf.namespaces import prefixes
from service.rdf.serialize import write

JSON = "application/json"
CSV = "text/csv"
HTML = "text/html"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# Names that `?format=` and suffixes take, with their media types.
FORMAT_NAMES = {"json": JSON, "csv": CSV, **{row.suffix: row.media_type for row in RDF_FORMATS}}


class NotModified(HTTPException):
    """The client has this version already: 304, which is no fault and has no body."""

    def __init__(self, etag: str) -> None:
        super().__init__(304, headers={"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"})


def etag_of(request: Request, context: Context) -> str:
    """The validator of an answer: the version of the graph, the request and the form asked for."""
    key = f"{request.url.path}?{request.url.query}|{request.headers.get('accept', '')}"
    return f'W/"{context.version}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"'


def check_not_modified(request: Request, context: Context) -> None:
    """Raise NotModified when `If-None-Match` names the version that would be answered."""
    offered = request.headers.get("if-none-match")
    if offered is None:
        return
    etag = etag_of(request, context)
    tags = {tag.strip().removeprefix("W/") for tag in offered.split(",")}
    if "*" in tags or etag.removeprefix("W/") in tags:
        raise NotModified(etag)


def read_headers(request: Request, context: Context) -> dict[str, str]:
    """Headers of every read: validator, caching, what the answer varies with."""
    return {"ETag": etag_of(request, context), "Cache-Control": "no-cache", "Vary": "Accept"}


def as_json(request: Request, context: Context, body: Item, media_type: str = JSON) -> Response:
    """`body` as JSON, keys in the order given, UTF-8."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, media_type=media_type, headers=read_headers(request, context))


def as_rdf(
    request: Request,
    context: Context,
    quads: Iterable[ox.Quad],
    row: RdfFormat,
    *,
    merge: bool = True,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Response:
    """The quads in canonical order; `merge` drops the names of their graphs."""
    chunks = write(quads, row, prefixes(context.base), merge=merge)
    media_type = f"{row.media_type}; charset={row.charset}" if row.charset else row.media_type
    merged = read_headers(request, context) | dict(headers)
    return StreamingResponse(chunks, media_type=media_type, headers=merged)


def chosen_format(request: Request, named: str | None, offers: Iterable[str]) -> str:
    """The media type to answer with: `?format=` or a suffix first, then `Accept`.

    Raises BadRequest: no such format. Raises NotAcceptable: `Accept` allows none of the offers.
    """
    if named is not None:
        media_type = FORMAT_NAMES.get(named)
        if media_type is None:
            raise BadRequest(f"format takes one of {', '.join(sorted(FORMAT_NAMES))}; not {named!r}")
        return media_type
    return choose(request.headers.get("accept"), list(offers))


def chosen_rdf_format(request: Request) -> RdfFormat:
    """The RDF form that `Accept` asks for; Turtle where anything goes. Raises NotAcceptable."""
    chosen = choose(request.headers.get("accept"), [row.media_type for row in RDF_FORMATS])
    return next(row for row in RDF_FORMATS if row.media_type == chosen)


_OFFERS = [JSON, CSV, *(row.media_type for row in RDF_FORMATS)]


def represent_resources(request: Request, context: Context, selection: Selection, named: str | None) -> Response | None:
    """The whole selection as CSV or RDF; None when JSON is asked for."""
    return _represent(request, context, selection, named, resource_table, resource_quads)


def represent_claims(request: Request, context: Context, selection: Selection, named: str | None) -> Response | None:
    """The whole selection as CSV or RDF; None when JSON is asked for."""
    return _represent(request, context, selection, named, claim_table, claim_quads)


def _represent(
    request: Request,
    context: Context,
    selection: Selection,
    named: str | None,
    table: Callable[..., Iterator[str]],
    quads_of: Callable[..., Iterator[ox.Quad]],
) -> Response | None:
    media_type = chosen_format(request, named, _OFFERS)
    if media_type == JSON:
        return None
    ids = select(context.reader, selection.whole, context.base).ids
    describer = context.describer(selection.language)
    if media_type == CSV:
        describe: Callable[[int], dict[str, Any]] = describer.claim if selection.of_claims else describer.resource
        rows = (describe(row_id) for row_id in ids)
        return StreamingResponse(
            (line.encode() for line in table(rows)),
            media_type="text/csv; charset=utf-8; header=present",
            headers=read_headers(request, context),
        )
    row = next(entry for entry in RDF_FORMATS if entry.media_type == media_type)
    table_name = "claim" if selection.of_claims else "resource"
    iris = [
        context.reader.execute(f"SELECT iri FROM {table_name} WHERE id = ?", (row_id,)).fetchone()[0] for row_id in ids
    ]
    quads = (quad for iri in iris for quad in quads_of(context.match, ox.NamedNode(iri)))
    return as_rdf(request, context, quads, row)
