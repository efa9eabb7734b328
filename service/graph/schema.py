"""A JSON Schema of the data files, generated from the ontology: editors complete keys and words with it.

It says less than the compiler, which also knows the names, the dates and the texts. Every scalar may be a text, a
number or a boolean, since editors read YAML with its types and the compiler reads text.
"""

from typing import Any

from service.graph.claims import (
    ASSESSMENT_KEYS,
    GLOSS_LANGUAGES,
    MAX_AS_WRITTEN,
    OBSERVATION_KEYS,
    SCHEMES,
    SHARED_KEYS,
    STATEMENT_KEYS,
)
from service.graph.compilation import LANGUAGE, MAX_TEXT
from service.graph.coverage import REASONS
from service.graph.editorial import RANK_KEYS
from service.graph.entities import DOCUMENT_KEYS, ENTITY_KEYS, WORK_KEYS
from service.graph.names import DOCUMENT_NAME, SLUG
from service.graph.ontology import Ontology, Property

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_LOCATOR = "^[0-9]+-[0-9]+ [0-9a-f]{32}$"
_SLUG = f"^{SLUG.pattern}$"
_DOCUMENT = f"^{DOCUMENT_NAME.pattern}$"
_LANGUAGE = f"^{LANGUAGE.pattern}$"

# What each key of a record means.
DESCRIPTIONS = {
    "at": "Where the words stand that carry the fact: locators as `marsad locate` prints them.",
    "by": "Who asserts it; the author of the document where it is left out.",
    "cites": "The work that the document cites for it.",
    "modality": "How firmly it is asserted; `asserted` where it is left out.",
    "time": "When it holds, in EDTF.",
    "onBehalfOf": "For whom the one who asserts it speaks.",
    "occasion": "The event at which it was said or done.",
    "asWritten": "The short expression of a vague value, as printed.",
    "gloss": "What the claim says, in the editors' own words.",
    "note": "Why an identity or a date is inferred; an editorial note.",
    "subject": "What the fact is about.",
    "indicator": "What is counted or measured.",
    "for": "For which entity the number holds.",
    "value": "The number: digits, a point before decimals.",
    "valueIs": "How exact the number is; `exact` where it is left out.",
    "breakdown": "The part to which the number is restricted.",
    "assessmentOf": "What is judged: a name, or a statement of this document as fact.property.object.",
    "aspect": "In which respect it is judged: a topic.",
    "polarity": "Whether the judgement is favourable.",
    "type": "Class of the ontology.",
    "kind": "What kind of its class it is: topics.",
    "label": "Its name in each language.",
    "alt": "Other names that no document gives: text@language.",
    "sameAs": "The same thing elsewhere: wd:Q262, or an IRI.",
    "contested": "true where only what the editors prefer is direct.",
    "mergedInto": "The name of what it is the same as.",
    "creator": "Who made it.",
    "publisher": "Who published it.",
    "issued": "When it was published, in EDTF.",
    "title": "Its title as printed: text@language.",
    "author": "Who asserts what it says unless a fact says otherwise.",
    "language": "The languages of its text.",
    "textHash": "sha-256: and the 64 hex digits of its text.",
    "textLength": "Code points of its text.",
}


def data_schema(ontology: Ontology) -> Schema:
    """The schema of every file in `data/`: facts, coverage, entities, sources, editorial."""
    files = {
        "facts": _facts(ontology),
        "coverage": _coverage(),
        "entities": _object({"entities": _map(_SLUG, _entity(ontology))}),
        "sources": _object({"documents": _map(_DOCUMENT, _document()), "works": _map(_SLUG, _work())}, required=()),
        "editorial": _object({"ranks": _map("^", _rank(ontology)), "notes": _map("^", _many(_text()))}, required=()),
    }
    return {
        "$schema": DIALECT,
        "title": "Data files of Marsad",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in files],
        "$defs": {**files, **_shared_definitions(ontology)},
    }


def _shared_definitions(ontology: Ontology) -> Schema:
    return {
        "statement": _statement(ontology),
        "observation": _fact(ontology, OBSERVATION_KEYS, required=("at", "indicator", "for", "value")),
        "assessment": _fact(ontology, ASSESSMENT_KEYS, required=("at", *ASSESSMENT_KEYS, "gloss")),
        "text": {"type": ["string", "number", "boolean"]},
        "name": {"type": "string", "pattern": f"^(?:{SLUG.pattern}|{DOCUMENT_NAME.pattern})$"},
        "locator": {"type": "string", "pattern": _LOCATOR},
        "topic": {"enum": sorted(concept.slug for concept in ontology.concepts.values() if concept.type)},
        "tagged": {"type": "string", "pattern": f"@{LANGUAGE.pattern}$", "description": "text@language"},
        "texts": _map(_LANGUAGE, _text()),
        "gloss": _map(_LANGUAGE, {"type": "string", "maxLength": MAX_TEXT}) | {"required": list(GLOSS_LANGUAGES)},
    }


def _facts(ontology: Ontology) -> Schema:
    fact = {
        "if": {"required": ["indicator"]},
        "then": _ref("observation"),
        "else": {
            "if": {"required": ["assessmentOf"]},
            "then": _ref("assessment"),
            "else": _ref("statement"),
        },
    }
    parts = {"anyOf": [fact, {"type": "array", "items": fact, "minItems": 1}]}
    return _object({"document": {"type": "string", "pattern": _DOCUMENT}, "facts": _map(_SLUG, parts)})


def _statement(ontology: Ontology) -> Schema:
    schema = _fact(ontology, STATEMENT_KEYS, required=("at", "subject"))
    for key, said in sorted(ontology.claimable.items()):
        schema["properties"][key] = _claimable(said)
    schema["anyOf"] = [{"required": [key]} for key in sorted(ontology.claimable)]
    return schema


def _claimable(said: Property) -> Schema:
    if said.takes_text:
        value = _many(_ref("tagged"))
    elif said.takes_time:
        value = _many(_text())
    elif said.range <= {"Topic", "Indicator"}:
        value = _many(_ref("topic"))
    else:
        value = _many(_ref("name"))
    takes = "EDTF" if said.takes_time else "text@language" if said.takes_text else ", ".join(sorted(said.range))
    rule = f"{', '.join(sorted(said.domain))} → {takes}"
    return value | {"description": f"{said.definition} {rule}".strip()}


def _fact(ontology: Ontology, own: tuple[str, ...], *, required: tuple[str, ...]) -> Schema:
    values = {
        "at": _many(_ref("locator")),
        "by": _many(_ref("name")),
        "cites": _many(_ref("name")),
        "onBehalfOf": _many(_ref("name")),
        "occasion": _many(_ref("name")),
        "breakdown": _many(_ref("name")),
        "subject": _ref("name"),
        "indicator": {"enum": sorted(c.slug for c in ontology.concepts.values() if c.type == "Indicator")},
        "for": _ref("name"),
        "aspect": _ref("topic"),
        "asWritten": {"type": ["string", "number"], "maxLength": MAX_AS_WRITTEN},
        "gloss": _ref("gloss"),
        "note": {"anyOf": [_text(), _ref("texts")]},
        **{key: {"enum": sorted(ontology.scheme(scheme))} for key, scheme in SCHEMES.items()},
    }
    keys = (*SHARED_KEYS, *own)
    properties = {key: _described(key, values.get(key, _text())) for key in keys}
    return _object(properties, required=required)


def _described(key: str, value: Schema) -> Schema:
    return value | {"description": DESCRIPTIONS[key]}


def _entity(ontology: Ontology) -> Schema:
    types = {name for name, above in ontology.classes.items() if "Entity" in above} - {"Entity", "Document"}
    own: Schema = {
        "type": {"enum": sorted(types)},
        "kind": _many(_ref("topic")),
        "label": _ref("texts"),
        "alt": _many(_ref("tagged")),
        "sameAs": _many(_text()),
        "contested": {"enum": ["true", True]},
        "mergedInto": _ref("name"),
    }
    return _object({key: _described(key, own[key]) for key in ENTITY_KEYS}, required=())


def _work() -> Schema:
    own = {"label": _ref("texts"), "kind": _many(_ref("topic")), "issued": _text()}
    properties = {key: _described(key, own.get(key, _many(_ref("name")))) for key in WORK_KEYS}
    return _object(properties, required=())


def _document() -> Schema:
    own = {
        "label": _ref("texts"),
        "title": _ref("tagged"),
        "issued": _text(),
        "language": _many(_text()),
        "textHash": {"type": "string", "pattern": "^sha-256:[0-9a-f]{64}$"},
        "textLength": _text(),
    }
    properties = {key: _described(key, own.get(key, _many(_ref("name")))) for key in DOCUMENT_KEYS}
    return _object(properties, required=("label", "language", "textHash", "textLength"))


def _rank(ontology: Ontology) -> Schema:
    own = {"rank": {"enum": sorted(ontology.scheme(SCHEMES["rank"]))}, "reason": _text()}
    return _object({key: own[key] for key in RANK_KEYS})


def _coverage() -> Schema:
    skip = _object({"at": _ref("locator"), "reason": {"enum": list(REASONS)}, "of": _text()}, required=("at", "reason"))
    skips = {"type": "array", "items": skip}
    return _object({"document": {"type": "string", "pattern": _DOCUMENT}, "skips": skips})


def _object(properties: Schema, *, required: tuple[str, ...] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def _map(pattern: str, value: Schema) -> Schema:
    return {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False}


def _many(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}]}


def _text() -> Schema:
    return _ref("text")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
