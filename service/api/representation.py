"""One selection as JSON, CSV, JSON-LD, Turtle, a network, with the headers that every read has."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyoxigraph as ox
from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from service.api.context import Context
from service.api.models import Problem
from service.api.negotiation import choose
from service.errors import BadRequest
from service.graph.describe import Item
from service.graph.selection import Selection, select
from service.graph.subgraph import claim_quads, direct_quads_among, resource_quads
from service.graph.tables import CLAIMS, ENTITIES, Table, csv_lines, write_graphml
from service.paths import EXPLORER, ontology_dir
from service.rdf.formats import RDF_FORMATS, RdfFormat
from service.rdf.namespaces import prefixes
from service.rdf.serialize import write
from service.rdf.sorting import Rows, sorted_quads, sorted_triples

JSON = "application/json"
CSV = "text/csv"
HTML = "text/html"
GRAPHML = "application/graphml+xml"
PROBLEM = "application/problem+json"
_MAKING = (".py", ".html", ".yaml", ".rq", ".ttl")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# Names that `?format=` and suffixes take, with their media types.
FORMAT_NAMES = {"json": JSON, "csv": CSV, **{row.suffix: row.media_type for row in RDF_FORMATS}, "graphml": GRAPHML}
_RDF = tuple(row.media_type for row in RDF_FORMATS)
ITEM_FORMS = (JSON, CSV, *_RDF)
COLLECTION_FORMS = (JSON, CSV, *_RDF, GRAPHML)


class NotModified(HTTPException):
    """The client has this version already: 304, which is no fault and has no body."""

    def __init__(self, etag: str) -> None:
        super().__init__(304, headers={"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"})


def etag_of(request: Request, context: Context) -> str:
    """The validator of an answer: the version of the graph, the request and the form asked for.

    It is made once for a request, before anything is read: what changes meanwhile has another validator, not this one.
    """
    found = getattr(request.state, "etag", None)
    if found is None:
        asked = f"{request.url.path}?{request.url.query}|{request.headers.get('accept', '')}|{request.base_url}"
        # A moment after a change the index is that of the version before.
        key = f"{made_by(ontology_dir(context.settings))}|{context.indexed}|{asked}"
        found = f'W/"{context.version}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"'
        request.state.etag = found
    return str(found)


@lru_cache(maxsize=4)
def made_by(ontology: Path) -> str:
    """A digest of the programs, templates and stored queries that make answers: a newer release answers otherwise."""
    files = [file for folder in (EXPLORER.parent, ontology) for file in sorted(folder.rglob("*")) if file.is_file()]
    digest = hashlib.sha256()
    for file in files:
        if file.suffix in _MAKING:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def check_not_modified(request: Request, context: Context) -> None:
    """Raise NotModified when `If-None-Match` names the version that would be answered; first of all in every read."""
    etag = etag_of(request, context)
    offered = request.headers.get("if-none-match")
    if offered is None:
        return
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
    # Read here and now: an iterator of the store stays in its thread, and an answer is sent from several.
    rows: Rows[Any] = sorted_triples(quads) if merge or not row.carries_graphs else sorted_quads(quads)
    merged = read_headers(request, context) | dict(headers)
    chunks = write(rows, row, prefixes(context.base), merge=merge, presorted=True)
    return StreamingResponse(chunks, media_type=row.content_type, headers=merged)


def as_table(request: Request, context: Context, table: Table, selection: Selection) -> Response:
    """The whole selection as CSV; all of it is of one version of the graph, whatever changes meanwhile."""
    headers, media_type = read_headers(request, context), "text/csv; charset=utf-8; header=present"
    connection = context.index.reader()
    connection.execute("BEGIN")
    try:
        ids = select(connection, selection.whole, context.base).ids
    except BaseException:
        connection.close()
        raise
    return StreamingResponse(_lines(context, connection, table, selection, ids), media_type=media_type, headers=headers)


def _lines(
    context: Context, connection: sqlite3.Connection, table: Table, selection: Selection, ids: list[int]
) -> Iterator[bytes]:
    try:
        describer = context.describer(selection.language, connection)
        describe = describer.claim if selection.of_claims else describer.resource
        batch: list[str] = []
        for line in csv_lines(table, (describe(row_id) for row_id in ids)):
            batch.append(line)
            # Each part is handed from thread to thread: a hundred lines at a time cost as much as one.
            if len(batch) >= 100:
                yield "".join(batch).encode()
                batch = []
        yield "".join(batch).encode()
    finally:
        connection.close()


def row_of(media_type: str) -> RdfFormat:
    """The RDF form of a media type that is one."""
    return next(row for row in RDF_FORMATS if row.media_type == media_type)


def chosen_format(request: Request, named: str | None, offers: Iterable[str]) -> str:
    """The media type to answer with: `?format=` or a suffix first, then `Accept`.

    Raises BadRequest: no such format. Raises NotAcceptable: `Accept` allows none of the offers.
    """
    offers = list(offers)
    if named is not None:
        media_type = FORMAT_NAMES.get(named)
        if media_type not in offers:
            known = ", ".join(sorted(name for name, offer in FORMAT_NAMES.items() if offer in offers))
            raise BadRequest(f"format takes one of {known}; not {named!r}")
        return media_type
    return choose(request.headers.get("accept"), offers)


def chosen_rdf_format(request: Request) -> RdfFormat:
    """The RDF form that `Accept` asks for; Turtle where anything goes. Raises NotAcceptable."""
    return row_of(choose(request.headers.get("accept"), list(_RDF)))


def represent(request: Request, context: Context, selection: Selection, media_type: str) -> Response:
    """The whole selection, however the request pages it, as CSV, RDF or a network."""
    if media_type == CSV:
        return as_table(request, context, CLAIMS if selection.of_claims else ENTITIES, selection)
    iris = _iris(context, selection)
    if media_type == GRAPHML:
        return _as_network(request, context, selection, iris)
    quads_of = claim_quads if selection.of_claims else resource_quads
    quads = (quad for iri in iris for quad in quads_of(context.match, ox.NamedNode(iri)))
    return as_rdf(request, context, quads, row_of(media_type))


def _iris(context: Context, selection: Selection) -> list[str]:
    table = "claim" if selection.of_claims else "resource"
    with context.snapshot() as connection:
        ids = select(connection, selection.whole, context.base).ids
        sql = f"SELECT iri FROM {table} WHERE id = ?"
        return [connection.execute(sql, (row_id,)).fetchone()[0] for row_id in ids]


def _as_network(request: Request, context: Context, selection: Selection, iris: list[str]) -> Response:
    """The direct triples that the selected claims say, or that the selected resources have."""
    triples = direct_quads_among(context.match, iris, base=context.base, claims=selection.of_claims)
    describer = context.describer(selection.language)
    text = "".join(write_graphml(triples, describer.labelled))
    return Response(text, media_type=GRAPHML, headers=read_headers(request, context))


def documented(
    model: type[BaseModel],
    forms: Iterable[str] = (JSON,),
    *,
    example: str,
    found: bool = False,
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a read for its description: every status it has, with its forms.

    `example` is the address of a request that the tests make; `found` says that there may be no such thing (404).
    """
    forms = tuple(forms)
    other = content_of(form for form in forms if form != JSON)
    answers: dict[int | str, dict[str, Any]] = {
        200: {
            "model": model,
            "description": f"For instance of `{example}`.",
            "content": {JSON: live_example(example), **other},
        },
        304: {"description": "The client has this version already."},
        400: problem_response("A parameter is not understood; the problem says which there are."),
        406: problem_response("None of the forms is acceptable; the problem lists them."),
    }
    if found:
        answers[301] = {"description": "It was merged into another, which `Location` names."}
        answers[404] = problem_response("There is no such thing.")
    return answers


def live_example(address: str) -> dict[str, Any]:
    """The example of an answer: what is answered at that address now, so that it is never out of date."""
    return {"examples": {"live": {"summary": f"What {address} answers.", "externalValue": address}}}


def content_of(media_types: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Media types as the description lists them: texts, but for those that are JSON themselves."""
    return {form: {"schema": {} if form.endswith("json") else {"type": "string"}} for form in media_types}


def problem_response(description: str) -> dict[str, Any]:
    """A response with a problem, for the description."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}
