"""What the Reconciliation Service API 0.2 demands of answers, as JSON Schemas (sections 3 to 7 of the specification)."""

from typing import Any

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}


def _object(properties: dict[str, Any], *required: str, closed: bool = False) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "properties": properties, "required": list(required)}
    return shape | ({"additionalProperties": False} if closed else {})


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_NAMED = _object({"id": _TEXT, "name": _TEXT}, "id", "name", closed=True)
# A type in the manifest and in suggestions: with its broader types, if there are any.
_TYPE_WITH_BROADER = _object(
    {"id": _TEXT, "name": _TEXT, "description": _TEXT, "broader": _list(_NAMED)}, "id", "name", closed=True
)
_TYPE = {"oneOf": [_object({"id": _TEXT, "name": _TEXT}, "id"), _TEXT]}
_TEMPLATE = {"type": "string", "pattern": r"\{\{id\}\}"}
_PLACE = _object({"service_url": {"type": "string", "pattern": "^https?://"}, "service_path": _TEXT})
_SETTING = _object(
    {
        "type": {"enum": ["number", "text", "checkbox", "select"]},
        "name": _TEXT,
        "label": _TEXT,
        "help_text": _TEXT,
    },
    "type",
    "name",
    "label",
)

MANIFEST = {
    "$schema": _DRAFT,
    **_object(
        {
            "versions": {"type": "array", "items": _TEXT, "contains": {"const": "0.2"}},
            "name": _TEXT,
            "identifierSpace": {"type": "string", "format": "uri"},
            "schemaSpace": {"type": "string", "format": "uri"},
            "documentation": _TEXT,
            "serviceVersion": _TEXT,
            "logo": _TEXT,
            "view": _object({"url": _TEMPLATE}, "url"),
            "feature_view": _object({"url": _TEMPLATE}, "url"),
            "defaultTypes": {**_list(_TYPE_WITH_BROADER), "uniqueItems": True},
            "batchSize": {"type": "integer", "minimum": 1},
            "suggest": _object(dict.fromkeys(("entity", "property", "type"), _PLACE)),
            "preview": _object(
                {"url": _TEMPLATE, "width": {"type": "integer"}, "height": {"type": "integer"}},
                "url",
                "width",
                "height",
            ),
            "extend": _object({"propose_properties": _PLACE, "property_settings": _list(_SETTING)}),
        },
        "versions",
        "name",
        "identifierSpace",
        "schemaSpace",
    ),
}

_FEATURE = _object({"id": _TEXT, "value": {"type": ["boolean", "number"]}}, "id", "value")
_CANDIDATE = _object(
    {
        "id": _TEXT,
        "name": _TEXT,
        "description": _TEXT,
        "score": {"type": "number"},
        "match": {"type": "boolean"},
        "type": _list(_TYPE),
        "features": _list(_FEATURE),
    },
    "id",
    "name",
    "score",
)
RESULTS = {
    "$schema": _DRAFT,
    "type": "object",
    "additionalProperties": _object({"result": _list(_CANDIDATE)}, "result"),
}

_VALUE = {
    "oneOf": [
        {"type": "object", "maxProperties": 0},
        _object({"id": _TEXT, "name": _TEXT, "description": _TEXT}, "id", "name", closed=True),
        *(
            _object({key: {"type": kind}}, key, closed=True)
            for key, kind in (("str", "string"), ("float", "number"), ("int", "integer"), ("date", "string"))
        ),
    ]
}
EXTENSION = {
    "$schema": _DRAFT,
    **_object(
        {
            "meta": _list(_object({"id": _TEXT, "name": _TEXT, "type": _NAMED}, "id", "name")),
            "rows": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": _list(_VALUE)},
            },
        },
        "meta",
        "rows",
    ),
}
PROPOSAL = {
    "$schema": _DRAFT,
    **_object({"type": _TEXT, "limit": {"type": "integer"}, "properties": _list(_NAMED)}, "properties"),
}
SUGGESTIONS = {
    "$schema": _DRAFT,
    **_object(
        {
            "result": _list(
                _object({"id": _TEXT, "name": _TEXT, "description": _TEXT, "notable": _list(_TYPE)}, "id", "name")
            )
        },
        "result",
    ),
}
