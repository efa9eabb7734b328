"""Files of the graph: `/export/dataset.ttl`, `/export/graph/d001.ttl`, tables, network, manifest; the catalogue.

The bytes are those of `marsad export`, and the checksums of the manifest are theirs.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from service.api.context import Context, context_of
from service.api.representation import (
    COLLECTION_FORMS,
    as_json,
    check_not_modified,
    chosen_rdf_format,
    content_of,
    problem_response,
    read_headers,
)
from service.graph.catalogue import CATALOGUE
from service.graph.export import MANIFEST, ExportFile, ExportRequest
from service.rdf.formats import RDF_FORMATS

router = APIRouter(tags=["files"])
_Context = Annotated[Context, Depends(context_of)]


@router.get(
    "/export/{path:path}",
    summary="One file of the graph, or manifest.json.",
    operation_id="export_file",
    response_class=Response,
    responses={
        200: {"description": "The file; `manifest.json` lists them.", "content": content_of(COLLECTION_FORMS)},
        304: {"description": "The client has this version already."},
        404: problem_response("There is no such file."),
    },
)
def get_file(request: Request, context: _Context, path: str) -> Response:
    check_not_modified(request, context)
    if path == MANIFEST:
        return as_json(request, context, context.export().manifest(ExportRequest()))
    return _answer(request, context, context.export().file(path), attached=True)


@router.get(
    "/catalogue",
    summary="VoID and DCAT descriptions of the dataset.",
    operation_id="catalogue",
    response_class=Response,
    responses={
        200: {"description": "The catalogue.", "content": content_of(row.media_type for row in RDF_FORMATS)},
        304: {"description": "The client has this version already."},
        406: problem_response("None of the forms is acceptable; the problem lists them."),
    },
)
@router.get("/.well-known/void", include_in_schema=False)
def get_catalogue(request: Request, context: _Context) -> Response:
    check_not_modified(request, context)
    row = chosen_rdf_format(request)
    return _answer(request, context, context.export().file(f"{CATALOGUE}.{row.suffix}"), attached=False)


@router.get("/export", include_in_schema=False)
def get_index(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/export/{MANIFEST}", status_code=302)


def _answer(request: Request, context: Context, file: ExportFile, *, attached: bool) -> Response:
    headers = read_headers(request, context)
    if attached:
        headers["Content-Disposition"] = f'attachment; filename="{file.path.replace("/", "-")}"'
    return StreamingResponse(file.read(), media_type=file.media_type, headers=headers)
