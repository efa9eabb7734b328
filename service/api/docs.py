"""Documentation: the OpenAPI description, the page `/docs` with snippets, the page of the ontology. No outside host."""

import json
from functools import lru_cache
from typing import Annotated, Any, Literal

import pyoxigraph as ox
import yaml
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import RedirectResponse

from service.api import pages
from service.api.context import Context, context_of
from service.api.discovery import vocabulary
from service.api.interface_text import say
from service.api.linked_data import wanted_language
from service.api.models import Problem
from service.api.parameters import refuse_unknown
from service.api.record_schemas import body_schemas
from service.api.representation import PROBLEM, as_json, check_not_modified, problem_response
from service.api.versions import VERSION
from service.api.write_description import KEY_SCHEME, SECURITY_SCHEMES
from service.paths import EXPLORER
from service.rdf.namespaces import NS, OWL, SKOS

router = APIRouter(include_in_schema=False)
_Context = Annotated[Context, Depends(context_of)]
Language = Literal["en", "fr", "ar"]
SNIPPETS = EXPLORER / "snippets.yaml"
_INTRODUCTION = (
    "Everything can be read without a key. Lists come in pages; follow next. Each selection is also a file."
    " An unknown parameter is refused with what there is. Errors are problems as RFC 9457 has them."
)


def install_openapi(api: FastAPI, context: Context) -> None:
    """Let the application describe itself: problems in every operation, nothing that is never answered.

    Where reads need a key, or the graph has a history, it says so.
    """

    def describe() -> dict[str, Any]:
        if api.openapi_schema is None:
            described = get_openapi(
                title=api.title, version=api.version, description=api.description, routes=api.routes, tags=_TAGS
            )
            _correct(described)
            if context.settings.read_keys:
                _need_read_keys(described)
            if context.changes is not None:
                _take_versions(described)
            api.openapi_schema = described
        return api.openapi_schema

    api.openapi = describe  # type: ignore[method-assign]


@router.get("/api/v1/openapi.json", dependencies=[Depends(refuse_unknown)])
def get_description(request: Request, context: _Context) -> Response:
    """The OpenAPI description, with the prefix under which a proxy serves Marsad."""
    check_not_modified(request, context)
    root = request.scope.get("root_path", "")
    described: dict[str, Any] = request.app.openapi()
    return as_json(request, context, {**described, "servers": [{"url": root}]} if root else described)


def _need_read_keys(described: dict[str, Any]) -> None:
    for path in described["paths"].values():
        for operation in path.values():
            operation.setdefault("security", [{KEY_SCHEME: []}])
            operation["responses"].setdefault("401", problem_response("A key is needed."))


# What answers of the history itself, so of no version.
_HISTORY = "/api/v1/changes"


def _take_versions(described: dict[str, Any]) -> None:
    for path, item in described["paths"].items():
        if "get" in item and not path.startswith(_HISTORY):
            item["get"].setdefault("parameters", []).append(VERSION)
            responses = item["get"]["responses"]
            responses.setdefault("400", problem_response("A parameter is not understood."))
            responses.setdefault("404", problem_response("There is no such version."))
            responses.setdefault("503", problem_response("Too many other earlier versions are asked for; ask again."))


_TAGS = [
    {"name": "lists", "description": "Collections: filters, facets, order, pages; each also as a file."},
    {"name": "items", "description": "One resource or claim."},
    {"name": "search", "description": "Names, suggestions, connections."},
    {"name": "questions", "description": "Stored SPARQL queries."},
    {"name": "vocabulary", "description": "Terms and concepts."},
    {"name": "review", "description": "What an editor should look at."},
    {"name": "files", "description": "The graph and its parts as files."},
    {"name": "changes", "description": "Writing, which needs a key, and what was written."},
]


def _correct(described: dict[str, Any]) -> None:
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    described["components"]["securitySchemes"] = SECURITY_SCHEMES
    schemas[Problem.__name__] = Problem.model_json_schema()
    schemas.update(body_schemas())
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    unforeseen = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    for path in described["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            # Faults of parameters are 400 here; FastAPI would have them as 422.
            if responses.get("422", {}).get("description") == "Validation Error":
                del responses["422"]
            responses["500"] = {
                "description": "Something unforeseen; the problem has the number of the log line.",
                "content": {PROBLEM: {"schema": unforeseen}},
            }


@lru_cache(maxsize=1)
def snippets() -> list[dict[str, str]]:
    """What users do most: title, about, prints, and the code as curl, python, javascript."""
    found: list[dict[str, str]] = yaml.safe_load(SNIPPETS.read_text(encoding="utf-8"))
    return found


@router.get("/docs")
@router.get("/ns.html")
def choose_language(request: Request) -> RedirectResponse:
    """To the page in the language that the browser wants."""
    root = request.scope.get("root_path", "")
    name = "docs" if request.url.path.endswith("/docs") else "ns"
    return RedirectResponse(f"{root}/{wanted_language(request)}/{name}", 302, {"Vary": "Accept-Language"})


@router.get("/{lang}/docs")
def docs_page(request: Request, context: _Context, lang: Language) -> Response:
    """The ten things users do most, and every address with its parameters."""
    check_not_modified(request, context)
    service = str(request.base_url).rstrip("/")
    shown = [
        {
            **snippet,
            "id": f"snippet-{number}",
            "code": [
                (name, snippet[key].replace("{service}", service).rstrip())
                for name, key in (("curl", "curl"), ("Python", "python"), ("JavaScript", "javascript"))
            ],
        }
        for number, snippet in enumerate(snippets(), 1)
    ]
    described = request.app.openapi()
    operations = [
        _operation(method, path, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
    ]
    return pages.render(
        request,
        context,
        lang,
        "docs.html",
        title=say("How to use the API", lang),
        introduction=say(_INTRODUCTION, lang),
        snippets=shown,
        operations=operations,
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "keyed": bool(operation.get("security")),
        "bodies": list(body),
        "example": _example(body),
        "path": path,
        "summary": operation.get("summary", ""),
        "parameters": [
            {
                "name": parameter["name"],
                "required": parameter.get("required", False),
                "type": _type(parameter.get("schema", {})),
                "description": parameter.get("description", parameter.get("schema", {}).get("description", "")),
            }
            for parameter in operation.get("parameters", ())
        ],
        "responses": [(status, answer["description"]) for status, answer in sorted(operation["responses"].items())],
    }


def _example(body: dict[str, Any]) -> str:
    """The example of a body, as a program would send it."""
    for content in body.values():
        for example in content.get("examples", {}).values():
            value = example["value"]
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return ""


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"{_type(schema.get('items', {}))}, repeated"
    return str(schema.get("type", "text"))


@router.get("/{lang}/ns")
def ontology_page(request: Request, context: _Context, lang: Language) -> Response:
    """Every term with its definition, example, shapes and use count; the concepts below."""
    check_not_modified(request, context)
    found = context.kept(f"vocabulary {lang}", lambda: vocabulary(context, lang))
    ontology = ox.NamedNode(NS.rstrip("#"))
    page = pages.render(
        request,
        context,
        lang,
        "ontology.html",
        title=_text(context, ontology, SKOS + "prefLabel", lang),
        definition=_text(context, ontology, SKOS + "definition", lang),
        version=_text(context, ontology, OWL + "versionInfo", lang),
        known={term["id"] for term in found["terms"]},
        groups=[
            (kind, say(heading, lang), [term for term in found["terms"] if term["kind"] == kind])
            for kind, heading in (("class", "Classes"), ("property", "Properties"))
        ],
        schemes=found["schemes"],
    )
    page.headers["Link"] = f'<{NS.rstrip("#")}>; rel="about"'
    return page


def _text(context: Context, node: ox.NamedNode, predicate: str, language: str) -> str:
    texts = {
        quad.object.language: quad.object.value
        for quad in context.match(node, ox.NamedNode(predicate), None)
        if isinstance(quad.object, ox.Literal)
    }
    return texts.get(language) or texts.get("en") or texts.get(None) or ""
