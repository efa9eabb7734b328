"""How the writing routes are described: bodies, headers, statuses, and examples that the tests send in this order.

The examples build on each other: an entity, a work and a document are made, changed and taken away again.
"""

from typing import Any

from pydantic import BaseModel

from service.api.change_models import Outcome
from service.api.record_schemas import Schema, reference
from service.api.representation import content_of, live_example, problem_response
from service.rdf.formats import RDF_FORMATS

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
YAML = ("application/yaml", "text/yaml", "application/x-yaml")
_RDF = tuple(row.media_type for row in RDF_FORMATS)

# The scheme of the header `Authorization: Bearer id.secret`; `marsad key new NAME --scope write` makes a key.
KEY_SCHEME = "key"
SECURITY_SCHEMES: Schema = {
    KEY_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, as `marsad key new NAME --scope write` prints it: id.secret.",
    }
}
_HASH = "sha-256:" + "0" * 64
_AT = "0-25 " + "0" * 32
_LABELS = {"en": "Example Council", "fr": "Conseil exemplaire"}
EXAMPLES: dict[str, Any] = {
    "put_entities": {"type": "Organization", "label": _LABELS},
    "patch_entities": {"kind": "ministry", "label": {**_LABELS, "ar": "مجلس المثال"}},
    "put_works": {"label": {"en": "Example 2026", "fr": "Exemple 2026"}, "creator": "ires"},
    "patch_works": {"issued": "2026", "creator": None},
    "put_documents": {
        "label": {"en": "Document 009: an example", "fr": "Document 009 : un exemple"},
        "author": "ires",
        "language": "en",
        "textHash": _HASH,
        "textLength": "2000",
    },
    "patch_documents": {"issued": "2026-11"},
    "put_facts": {"document": "d009", "facts": {"example-place": {"at": _AT, "subject": "interpol", "place": "rabat"}}},
    "put_claims": {"at": _AT, "subject": "interpol", "place": ["rabat", "sale"], "time": "2026"},
    "patch_claims": {"modality": "alleged", "time": None},
    "post_claims": {
        "document": "d009",
        "fact": "example-name",
        "at": _AT,
        "subject": "interpol",
        "name": "Example name@en",
    },
    "post_changes": {
        "operations": [
            {"put": "entities/example-office", "record": {"type": "Organization", "label": _LABELS}},
            {"delete": "claims/d009.example-name"},
        ]
    },
}
# Names in the addresses of the examples.
NAMES = {
    "entities": "example-council",
    "works": "example-2026",
    "documents": "d009",
    "claims": "d009.example-place",
}

_IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "ETag of the GET that you saw, or * for whatever is there; 412 where it has changed since.",
}
_IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "* where it must not be there yet.",
}
NO_KEY = {
    "type": "https://marsad.example/problems/key",
    "title": "A key is needed",
    "status": 401,
    "detail": "this needs a key with the scope write, in the header `Authorization: Bearer id.secret`",
    "needs": "write",
}


def write_options(
    name: str,
    body: str = "",
    *,
    created: bool = False,
    found: bool = False,
    guarded: bool = False,
    replacing: bool = False,
    exists: bool = False,
    conflict: bool = False,
    forms: tuple[str, ...] = (JSON, YAML[0]),
) -> dict[str, Any]:
    """Options of the route of a write: its name, what it takes and every status that it answers with.

    `created`: it may make something (201). `found`: it needs something that is there (404). `guarded`: it heeds
    `If-Match`; `replacing`: it may need it (428); `exists`: what it makes may be there (412). `conflict`: it may not fit
    what is there (409). `forms`: the media types of its body, whose schema is named `body`.
    """
    answers: dict[int | str, dict[str, Any]] = {
        200: {"model": Outcome, "description": "What the change did; with `dry-run=true` what it would do."},
        400: problem_response("The parameters or the body are not understood."),
        401: _with_example(problem_response("A key is needed."), NO_KEY),
        403: problem_response("The key is for less than writing, or this version takes no changes."),
        422: _refused("The record cannot be compiled, or the change breaks shapes or rules; nothing was changed."),
        503: problem_response("Other changes took until the deadline, or the graph is not available at the moment."),
        507: problem_response("The disk did not take the change."),
    }
    if created:
        answers[201] = {"model": Outcome, "description": "The same, of something that was not there before."}
    if found:
        answers[404] = problem_response("There is no such thing.")
    if guarded:
        answers[412] = problem_response("It is not what was seen, or, with `If-None-Match`, it is there already.")
    if exists:
        answers[412] = problem_response("It is there already.")
    if conflict:
        answers[409] = problem_response("What it did is not there any more.")
    if replacing:
        answers[428] = problem_response("Replacing needs `If-Match`.")
    if body:
        answers[413] = problem_response("The body is too large.")
        answers[415] = problem_response("The body is of a type that is not read.")
    extra: Schema = {"security": [{KEY_SCHEME: []}]}
    if guarded:
        extra["parameters"] = [_IF_MATCH, _IF_NONE_MATCH]
    if body:
        extra["requestBody"] = _body(reference(body), forms, EXAMPLES[name])
    return {"operation_id": name, "responses": answers, "openapi_extra": extra}


def read_options(
    name: str, model: type[BaseModel] | Schema, *forms: str, example: str = "", found: bool = True
) -> dict[str, Any]:
    """Options of the route of a read beside the writes.

    `model` is of its JSON, `forms` are the others it has, `example` is the address of a request that the tests make.
    """
    about = f"For instance of `{example}`." if example else "As it is now."
    in_json: Schema = live_example(example) if example else {}
    described: Schema = {"content": {JSON: in_json, **content_of(forms)}, "description": about}
    if isinstance(model, dict):
        in_json["schema"] = model
    else:
        described["model"] = model
    answers: dict[int | str, dict[str, Any]] = {
        200: described,
        304: {"description": "The client has this version already."},
        400: problem_response("A parameter is not understood; the problem says which there are."),
        403: problem_response("An earlier version of the graph has no history and no records."),
    }
    if forms:
        answers[406] = problem_response("None of the forms is acceptable; the problem lists them.")
    if found:
        answers[404] = problem_response("There is no such thing.")
    return {"operation_id": name, "responses": answers}


def validate_options(model: type[BaseModel]) -> dict[str, Any]:
    """Options of the route that holds data against the shapes."""
    example = "<https://marsad.example/id/x> a <https://marsad.example/ns#Person> .\n"
    content: Schema = {form: {"schema": {"type": "string", "format": "binary"}} for form in _RDF}
    content[_RDF[0]]["examples"] = {"turtle": {"value": example}}
    return {
        "operation_id": "validate",
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "responses": {
            200: {
                "model": model,
                "description": "What the shapes find; a SHACL report in Turtle by `Accept`.",
                "content": content_of(_RDF[:1]),
            },
            400: problem_response("The body is not the RDF that it is said to be, or `graph` is no IRI."),
            403: problem_response("An earlier version of the graph is not changed."),
            406: problem_response("None of the forms is acceptable; the problem lists them."),
            413: problem_response("The body is too large."),
            415: problem_response("The body is of a type that is not read."),
            503: problem_response("The graph is not available at the moment."),
            504: problem_response("It took too long."),
            507: problem_response("It needed too much memory."),
        },
    }


def _body(schema: Schema, forms: tuple[str, ...], example: Any) -> Schema:
    content: Schema = {form: {"schema": schema} for form in forms}
    content[forms[0]]["examples"] = {"example": {"value": example}}
    return {"required": True, "content": content}


def _refused(description: str) -> Schema:
    found = problem_response(description + " Shapes' findings come as a SHACL report to who accepts RDF rather.")
    return found | {"content": found["content"] | content_of(_RDF)}


def _with_example(response: Schema, example: Schema) -> Schema:
    ((form, content),) = response["content"].items()
    return response | {"content": {form: content | {"examples": {"example": {"value": example}}}}}
