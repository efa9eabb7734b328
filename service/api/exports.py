"""Files of the graph: `/export/dataset.ttl`, `/export/graph/d001.ttl`, tables, network, manifest; the catalogue.

One entity with its neighbourhood is `/export/entity/interpol.ttl`, what a list holds `/export/selection/claims.ttl` with
the filters of the list; each has its `/manifest.json`. With `.gz` behind it a file comes compressed.
The bytes are those of `marsad export`, and the checksums of the manifest are theirs.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from service.api.context import Context, context_of
from service.api.parameters import FilterQuery, refuse_unknown
from service.api.representation import (
    COLLECTION_FORMS,
    as_json,
    check_not_modified,
    chosen_rdf_format,
    content_of,
    problem_response,
    read_headers,
)
from service.errors import BadRequest
from service.graph.catalogue import CATALOGUE
from service.graph.export import EXCERPT_FORMATS, MANIFEST, ExportFile, ExportRequest, gzipped
from service.rdf.formats import RDF_FORMATS

router = APIRouter(tags=["files"])
_Context = Annotated[Context, Depends(context_of)]
_FilePath = Annotated[str, Path(max_length=400, description="A path of the manifest.", examples=["facts.ttl"])]
_ListPath = Annotated[str, Path(max_length=400, description="List and form.", examples=["claims.ttl"])]
_GZIP = ".gz"


_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; `manifest.json` lists them.",
        "content": content_of((*COLLECTION_FORMS, "application/gzip")),
    },
    304: {"description": "The client has this version already."},
    400: problem_response("A parameter is not understood; the problem says which there are."),
    404: problem_response("There is no such file."),
}


@router.get(
    "/export/selection/{path:path}",
    summary="What a list holds as a file: claims.ttl?document=d001, claims/tables/datapackage.json, claims/manifest.json.",
    operation_id="export_selection",
    response_class=Response,
    responses=_FILES,
)
def get_selection_file(request: Request, context: _Context, path: _ListPath, filters: FilterQuery) -> Response:
    return _file(request, context, f"selection/{path}", request.url.query)


@router.get(
    "/export/{path:path}",
    summary="One file of the graph, of a part of it (facts.nt), of one entity (entity/interpol.ttl), or manifest.json.",
    operation_id="export_file",
    response_class=Response,
    responses=_FILES,
)
def get_file(request: Request, context: _Context, path: _FilePath) -> Response:
    return _file(request, context, path, request.url.query)


def _file(request: Request, context: Context, path: str, query: str) -> Response:
    check_not_modified(request, context)
    name, slash, last = path.rpartition("/")
    if last == MANIFEST:
        asked = ExportRequest()
        if slash:
            asked = ExportRequest(names=(f"{name}?{query}" if query else name,), formats=EXCERPT_FORMATS)
        elif query:
            raise BadRequest(f"{MANIFEST} takes no parameters; selection/claims/{MANIFEST}?document=d001 does")
        return as_json(request, context, context.export().manifest(asked))
    return _answer(request, context, context.export().file(path.removesuffix(_GZIP), query), path.endswith(_GZIP))


@router.get(
    "/catalogue",
    summary="VoID and DCAT descriptions of the dataset.",
    operation_id="catalogue",
    response_class=Response,
    dependencies=[Depends(refuse_unknown)],
    responses={
        200: {"description": "The catalogue.", "content": content_of(row.media_type for row in RDF_FORMATS)},
        304: {"description": "The client has this version already."},
        400: problem_response("There is no such parameter."),
        406: problem_response("None of the forms is acceptable; the problem lists them."),
    },
)
@router.get("/.well-known/void", include_in_schema=False, dependencies=[Depends(refuse_unknown)])
def get_catalogue(request: Request, context: _Context) -> Response:
    check_not_modified(request, context)
    row = chosen_rdf_format(request)
    file = context.export().file(f"{CATALOGUE}.{row.suffix}")
    return StreamingResponse(file.read(), media_type=file.media_type, headers=read_headers(request, context))


@router.get("/export", include_in_schema=False)
def get_index(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/export/{MANIFEST}", status_code=302)


def _answer(request: Request, context: Context, file: ExportFile, compressed: bool) -> Response:
    headers = read_headers(request, context)
    name = file.path.replace("/", "-") + (_GZIP if compressed else "")
    headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if compressed:
        return StreamingResponse(gzipped(file.read()), media_type="application/gzip", headers=headers)
    return StreamingResponse(file.read(), media_type=file.media_type, headers=headers)
