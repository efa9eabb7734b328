"""JSON Schemas of the bodies that the writing routes take, for the description: records as in `data/`.

Bodies are read by the compiler, which also knows the names, dates and texts; the keys are its own.
"""

from typing import Any

from service.graph.claims import ASSESSMENT_KEYS, OBSERVATION_KEYS, SHARED_KEYS, STATEMENT_KEYS
from service.graph.entities import DOCUMENT_KEYS, ENTITY_KEYS, WORK_KEYS
from service.graph.schema import DESCRIPTIONS

Schema = dict[str, Any]

# The compiler reads texts; a number or a truth value of JSON is the text that it is written as.
_ONE: Schema = {"type": ["string", "number", "boolean"]}
_MANY: Schema = {
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "array", "items": _ONE}]
}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_BY_LANGUAGE = ("label", "gloss")
_SEVERAL = (
    *("kind", "alt", "sameAs", "creator", "publisher", "author", "language"),
    *("at", "by", "cites", "onBehalfOf", "occasion", "breakdown"),
)
FACT_KEYS = (*STATEMENT_KEYS, *OBSERVATION_KEYS, *ASSESSMENT_KEYS, *SHARED_KEYS)
_CLAIMED = (
    "A statement has besides the keys of the properties that may be claimed (`claimable` in /api/v1/vocabulary): slugs,"
    " text@language or EDTF; each value is a claim of its own."
)


def body_schemas() -> dict[str, Schema]:
    """Schema by name of each body; those of a PATCH require nothing and take null for what is taken away."""
    fact = _record("A fact as in data/facts/: a statement, a number or a judgement. " + _CLAIMED, FACT_KEYS, "at")
    named = {
        "document": {"type": "string", "description": "Name of the document, as d001."},
        "fact": {"type": "string", "description": "Name of the fact; the IRIs of its claims begin with it."},
    }
    records = {
        "EntityRecord": _record("An entity as in data/entities.yaml.", ENTITY_KEYS),
        "WorkRecord": _record("A work that documents cite, as in data/sources.yaml.", WORK_KEYS),
        "DocumentRecord": _record(
            "A document as in data/sources.yaml.", DOCUMENT_KEYS, "label", "language", "textHash", "textLength"
        ),
        "FactRecord": fact | {"additionalProperties": _MANY},
    }
    return {
        **records,
        "Fact": {"anyOf": [reference("FactRecord"), {"type": "array", "items": reference("FactRecord")}]},
        **{name.replace("Record", "Patch"): _patch(schema) for name, schema in records.items()},
        "NewFact": fact
        | {"title": "NewFact", "properties": named | fact["properties"], "required": ["document", "fact", "at"]}
        | {"additionalProperties": _MANY},
        "Facts": _object(
            "All facts of a document by name; a list where what stands beside the claims of one differs.",
            {"document": named["document"], "facts": {"type": "object", "additionalProperties": reference("Fact")}},
            "facts",
        ),
        "Operations": _object(
            "Several writes that are one change, in their order.",
            {"operations": {"type": "array", "items": {"anyOf": [reference("Put"), reference("Delete")]}}},
            "operations",
        ),
        "Put": _object("Make something what its record says.", {"put": _PATH, "record": _ANY_RECORD}, "put", "record"),
        "Delete": _object("Take something away.", {"delete": _PATH}, "delete"),
    }


def reference(name: str) -> Schema:
    """A reference to a schema of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


_ANY_RECORD = {"anyOf": [reference(f"{name}Record") for name in ("Entity", "Work", "Document", "Fact")]}
_PATH = {
    "type": "string",
    "pattern": r"^(entities|works|documents|claims)/[A-Za-z0-9_.-]{1,300}$",
    "description": "Where: entities/…, works/…, documents/…, or claims/d001.fact.",
}


def _record(about: str, keys: tuple[str, ...], *required: str) -> Schema:
    return _object(about, {key: _value(key) | {"description": DESCRIPTIONS[key]} for key in keys}, *required)


def _value(key: str) -> Schema:
    if key == "note":
        return {"anyOf": [{"type": "string"}, _TEXTS]}
    return _TEXTS if key in _BY_LANGUAGE else _MANY if key in _SEVERAL else _ONE


def _patch(schema: Schema) -> Schema:
    changed: Schema = {
        key: {"anyOf": [{k: v for k, v in value.items() if k != "description"}, {"type": "null"}]}
        | {"description": value["description"]}
        for key, value in schema["properties"].items()
    }
    about = "Keys that change; null takes one away (RFC 7396). " + str(schema["description"])
    more = schema["additionalProperties"]
    return {
        "type": "object",
        "description": about,
        "properties": changed,
        "additionalProperties": more and {"anyOf": [more, {"type": "null"}]},
    }


def _object(about: str, properties: Schema, *required: str) -> Schema:
    closed: Schema = {"type": "object", "description": about, "properties": properties, "additionalProperties": False}
    return closed | ({"required": list(required)} if required else {})
