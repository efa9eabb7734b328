"""Reconciliation: spreadsheets' names matched to entities. W3C Reconciliation Service API 0.2.

Identifiers are slugs, types are classes, properties are claimable properties of the ontology. Each candidate says in
words which of its names matched and how; each feature has its meaning at `/reconcile/features/{id}`.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import parse_qsl

import pyoxigraph as ox
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service import __version__
from service.api import pages
from service.api.context import Context, context_of
from service.api.http import read_body
from service.api.parameters import SLUG
from service.api.representation import as_json, check_not_modified, read_headers
from service.errors import BadRequest, NotFound
from service.graph.describe import Item, find_resource, predicate_name
from service.graph.fold import fold
from service.graph.search import Hit, search
from service.rdf.iris import local_name
from service.rdf.namespaces import NS, RDFS_SUBCLASS_OF, SCHEMA, marsad

router = APIRouter(prefix="/reconcile", include_in_schema=False)
_Context = Annotated[Context, Depends(context_of)]
# Queries or identifiers of one batch; OpenRefine sends ten.
_MAX_BATCH = 100
_MAX_BODY_BYTES = 2**20
_LIMIT, _MAX_LIMIT = 10, 100
_RANGE = ox.NamedNode(SCHEMA + "rangeIncludes")
_PREVIEW = {"width": 430, "height": 300}
_LANGUAGE_NAMES = {"en": "English", "fr": "French", "ar": "Arabic"}
# Feature → what it says, in words.
FEATURES = {
    "name": "How close the best of the candidate's names is to the query, from 0 to 100.",
    "whole_name": "Whether the query is one of the candidate's names, but for case, accents and spelling variants, or its"
    " identifier.",
    "type": "Whether the candidate is of one of the types asked for.",
    "properties": "Share of the property values asked for that a claim about the candidate has, from 0 to 100.",
}
# Features that are no claims but belong to the entity itself.
_OWN = {
    "label_en": "Label in English",
    "label_fr": "Label in French",
    "label_ar": "Label in Arabic",
    "type": "Type",
    "kind": "Kind",
    "name": "Names that documents use",
}


@router.get("")
@router.get("/")
async def get_reconcile(request: Request, context: _Context) -> Response:
    """The manifest, or the answer to `queries` or `extend`."""
    return await _answer(request, context, dict(request.query_params))


@router.post("")
@router.post("/")
async def post_reconcile(request: Request, context: _Context) -> Response:
    """The answer to `queries` or `extend`, sent as a form."""
    body = await read_body(request.scope, request.receive, _MAX_BODY_BYTES)
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise BadRequest("the body is not a form (application/x-www-form-urlencoded)") from error
    return await _answer(request, context, dict(request.query_params) | form)


async def _answer(request: Request, context: Context, sent: dict[str, str]) -> Response:
    if "queries" in sent:
        queries = _batch(sent["queries"], "queries")
        return await run_in_threadpool(_match_all, request, context, queries)
    if "extend" in sent:
        return await run_in_threadpool(_extend, request, context, _parsed(sent["extend"], "extend"))
    check_not_modified(request, context)
    return as_json(request, context, manifest(request, context))


def manifest(request: Request, context: Context) -> Item:
    """What this service offers, with the addresses as the client knows them."""
    own = str(request.base_url).rstrip("/")
    service = f"{own}/reconcile"
    return {
        "versions": ["0.2"],
        "name": "Marsad: actors and institutions of security and diplomacy",
        "identifierSpace": f"{context.base}id/",
        "schemaSpace": "https://marsad.example/ns#",
        "documentation": f"{own}/docs",
        "serviceVersion": __version__,
        "view": {"url": f"{own}/id/{{{{id}}}}"},
        "feature_view": {"url": f"{service}/features/{{{{id}}}}"},
        "batchSize": _MAX_BATCH,
        "defaultTypes": [_type(context, name) for name in ("Actor", "Organization")],
        "suggest": {
            kind: {"service_url": service, "service_path": f"/suggest/{kind}"}
            for kind in ("entity", "property", "type")
        },
        "preview": {"url": f"{service}/preview?id={{{{id}}}}", **_PREVIEW},
        "extend": {
            "propose_properties": {"service_url": service, "service_path": "/extend/propose"},
            "property_settings": [
                {
                    "name": "all_claims",
                    "label": "All claims",
                    "type": "checkbox",
                    "default": False,
                    "help_text": "Also what is only alleged, planned or denied; else what a source asserts.",
                }
            ],
        },
    }


def _type(context: Context, name: str) -> Item:
    """A type with its label and the types directly above it."""
    above = sorted(
        local_name(quad.object)
        for quad in context.match(marsad(name), RDFS_SUBCLASS_OF, None)
        if isinstance(quad.object, ox.NamedNode) and quad.object.value.startswith(NS)
    )
    broader = [{"id": upper, "name": context.term_label(upper, "en")} for upper in above]
    return {"id": name, "name": context.term_label(name, "en")} | ({"broader": broader} if broader else {})


# --- queries


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadRequest(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequest(f"{name} is a JSON object")
    return value


def _batch(text: str, name: str) -> dict[str, dict[str, Any]]:
    value = _parsed(text, name)
    if len(value) > _MAX_BATCH:
        raise BadRequest(f"{name} holds {len(value)} queries; at most {_MAX_BATCH} are taken at once")
    if not all(isinstance(query, dict) for query in value.values()):
        raise BadRequest(f"each of {name} is an object with `query`")
    return value


def _match_all(request: Request, context: Context, queries: dict[str, dict[str, Any]]) -> Response:
    with context.snapshot():
        matcher = _Matcher(context)
        body = {key: {"result": matcher.candidates(query)} for key, query in queries.items()}
    return as_json(request, context, body)


class _Matcher:
    """Candidates for queries, from the index."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.connection = context.reader
        self.describer = context.describer("en")

    def candidates(self, query: dict[str, Any]) -> list[Item]:
        """The candidates, best first. Raises BadRequest: the query is not one of the specification."""
        text, limit = query.get("query", ""), query.get("limit", _LIMIT)
        wanted = query.get("properties", [])
        if not isinstance(text, str) or not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise BadRequest("`query` is a text and `limit` a whole number")
        types = _types(query.get("type"))
        limit = min(limit, _MAX_LIMIT)
        properties = _properties(wanted)
        if not text.strip() and not properties:
            raise BadRequest("a query has `query`, a name, or `properties`")
        hits = self._hits(text, properties)
        found = [self._candidate(hit, types, properties, whole=bool(text.strip())) for hit in hits]
        if query.get("type_strict", "any") in ("any", "all"):
            found = [item for item in found if not types or _feature(item, "type")]
        found.sort(key=lambda item: (-item["score"], item["id"]))
        found = found[:limit]
        _mark_match(found)
        return found

    def _hits(self, text: str, properties: list[tuple[str, list[str]]]) -> list[Hit]:
        if text.strip():
            return [hit for hit in search(self.connection, text[:200], limit=_MAX_LIMIT) if hit.family == "id"]
        found: dict[str, Hit] = {}
        for name, values in properties:
            for subject in self._subjects(name, values):
                row = self.connection.execute("SELECT * FROM resource WHERE iri = ?", (subject,)).fetchone()
                if row is not None and row["family"] == "id" and len(found) < _MAX_LIMIT:
                    label = self.describer.reference(subject)["label"]
                    found[subject] = Hit(subject, row["slug"], "id", row["type"], 0.0, label, "en", "label", "property")
        return list(found.values())

    def _subjects(self, name: str, values: list[str]) -> Iterator[str]:
        for value in values:
            for hit in search(self.connection, value[:200], limit=5, slips=False):
                if hit.slug == value or fold(hit.name) == fold(value):
                    sql = "SELECT DISTINCT subject FROM claim WHERE object = ? AND predicate LIKE ? LIMIT 100"
                    yield from (row[0] for row in self.connection.execute(sql, (hit.iri, f"%#{name}")))

    def _candidate(self, hit: Hit, types: list[str], properties: list[tuple[str, list[str]]], *, whole: bool) -> Item:
        classes = self._classes(hit.iri)
        fits = not types or any(name in classes for name in types)
        met = [self._has(hit.iri, name, values) for name, values in properties]
        share = sum(met) / len(met) if met else 0.0
        name_score = round(100 * hit.score, 1)
        score = (
            (name_score if whole else 0.0)
            if not met
            else 100 * share
            if not whole
            else name_score * (0.6 + 0.4 * share)
        )
        if types and not fits:
            score *= 0.5
        item: Item = {
            "id": hit.slug,
            "name": self.describer.reference(hit.iri)["label"],
            "description": _in_words(hit, whole, met, properties, types, fits),
            "type": [{"id": hit.type, "name": self.context.term_label(hit.type, "en")}],
            "score": round(score, 1),
            "features": [
                {"id": "name", "value": name_score},
                {"id": "whole_name", "value": hit.match in ("exact", "identifier")},
                {"id": "type", "value": fits},
            ],
            "match": False,
        }
        if met:
            item["features"].append({"id": "properties", "value": round(100 * share, 1)})
        return item

    def _classes(self, iri: str) -> set[str]:
        sql = "SELECT class FROM class_of JOIN resource ON resource.id = class_of.resource WHERE iri = ?"
        return {row[0] for row in self.connection.execute(sql, (iri,))}

    def _has(self, iri: str, name: str, values: list[str]) -> bool:
        said = {fold(text) for value in self.values(iri, name, every=True) for text in value.values()}
        return any(fold(value) in said for value in values)

    def values(self, iri: str, name: str, *, every: bool) -> list[dict[str, str]]:
        """The values of a property of an entity, as the data extension protocol writes them, sorted."""
        if name in _OWN:
            return self._own(iri, name)
        rows = self.connection.execute(
            "SELECT object, literal, edtf, time_of, predicate FROM claim WHERE subject = ?"
            " AND predicate LIKE ? AND rank <> 'deprecated' AND (direct OR ?)",
            (iri, f"%#{name}", every),
        ).fetchall()
        found: dict[tuple[str, str], dict[str, str]] = {}
        for row in rows:
            if predicate_name(row["predicate"]) != name:
                continue
            if row["object"] and row["time_of"] != "object":
                reference = self.describer.reference(row["object"])
                found[reference["label"], reference["id"]] = {"id": reference["id"], "name": reference["label"]}
            else:
                text = row["edtf"] if row["time_of"] == "object" else row["literal"]
                found[str(text), ""] = {"str": str(text)}
        return [found[key] for key in sorted(found)]

    def _own(self, iri: str, name: str) -> list[dict[str, str]]:
        try:
            item = self.describer.resource(find_resource(self.connection, iri))
        except NotFound:
            return []
        if name.startswith("label_"):
            text = item["labels"].get(name.removeprefix("label_"))
            return [{"str": text}] if text else []
        if name == "type":
            return [{"id": item["type"], "name": self.context.term_label(item["type"], "en")}]
        if name == "kind":
            return [{"id": kind["id"], "name": kind["label"]} for kind in item["kinds"]]
        return [{"str": text} for text in sorted({entry["text"] for entry in item["names"]})]


def _feature(item: Item, name: str) -> Any:
    return next(feature["value"] for feature in item["features"] if feature["id"] == name)


def _types(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [str(entry["id"] if isinstance(entry, dict) and "id" in entry else entry) for entry in listed if entry]


def _properties(value: Any) -> list[tuple[str, list[str]]]:
    if not isinstance(value, list) or not all(isinstance(e, dict) and isinstance(e.get("pid"), str) for e in value):
        raise BadRequest("`properties` is a list of objects with `pid` and `v`")
    return [(entry["pid"], list(_texts(entry.get("v")))) for entry in value]


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield str(one.get("id") or one.get("name") or "")
        elif one is not None:
            yield str(one)


_HOW = {
    "identifier": "is the query",
    "exact": "is the query",
    "words": "has the words of the query",
    "part": "contains the query",
    "similar": "is like the query",
}


def _in_words(
    hit: Hit,
    whole: bool,
    met: list[bool],
    properties: list[tuple[str, list[str]]],
    types: list[str],
    fits: bool,
) -> str:
    parts = []
    if whole:
        language = f"{_LANGUAGE_NAMES[hit.language]} " if hit.language in _LANGUAGE_NAMES else ""
        parts.append(f"Its {language}{hit.role} “{hit.name}” {_HOW[hit.match]}")
    for fulfilled, (name, values) in zip(met, properties, strict=True):
        parts.append(f"{name} {'is' if fulfilled else 'is not known to be'} {' or '.join(values)}")
    if types and not fits:
        parts.append(f"it is not of type {' or '.join(types)}")
    return "; ".join(parts) + "."


def _mark_match(found: list[Item]) -> None:
    """The first is a certain match if it alone has the whole name, the type and every property."""
    if not found:
        return
    sure = [item for item in found if all(f["value"] in (True, 100.0) for f in item["features"])]
    if len(sure) == 1 and sure[0] is found[0]:
        found[0]["match"] = True


# --- data extension


def _extend(request: Request, context: Context, sent: dict[str, Any]) -> Response:
    ids, wanted = sent.get("ids"), sent.get("properties")
    if not isinstance(ids, list) or not isinstance(wanted, list) or len(ids) > _MAX_BATCH:
        raise BadRequest(f"extend has `ids`, at most {_MAX_BATCH}, and `properties`")
    if not all(isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in wanted):
        raise BadRequest("each of `properties` is an object with `id`")
    known = _property_names(context)
    unknown = sorted({entry["id"] for entry in wanted} - set(known))
    if unknown:
        raise BadRequest(f"there is no property {', '.join(unknown)}; there are {', '.join(known)}")
    with context.snapshot():
        matcher = _Matcher(context)
        rows = {
            str(slug): {
                entry["id"]: matcher.values(
                    f"{context.base}id/{slug}",
                    entry["id"],
                    every=bool(isinstance(entry.get("settings"), dict) and entry["settings"].get("all_claims")),
                )
                for entry in wanted
            }
            for slug in ids
        }
    meta = [{"id": entry["id"], "name": known[entry["id"]], **_value_type(context, entry["id"])} for entry in wanted]
    return as_json(request, context, {"meta": meta, "rows": rows})


def _value_type(context: Context, name: str) -> Item:
    """The type of the values of a property, so that a fetched column can be reconciled in turn; nothing for texts."""
    if name in _OWN:
        return {}
    ranges = sorted(
        local_name(quad.object)
        for quad in context.match(marsad(name), _RANGE, None)
        if isinstance(quad.object, ox.NamedNode) and quad.object.value.startswith(NS)
    )
    return {"type": {"id": ranges[0], "name": context.term_label(ranges[0], "en")}} if len(ranges) == 1 else {}


def _property_names(context: Context) -> dict[str, str]:
    """Every property that can be fetched, with its label."""

    def make() -> dict[str, Any]:
        rows = context.reader.execute("SELECT DISTINCT predicate FROM claim WHERE predicate IS NOT NULL").fetchall()
        names = sorted(predicate_name(row[0]) or "" for row in rows)
        return {name: context.term_label(name, "en") for name in names if name != "name"} | _OWN

    return context.kept("reconciliation properties", make)


@router.get("/extend/propose")
def propose(
    request: Request,
    context: _Context,
    type_: Annotated[str | None, Query(alias="type", max_length=60)] = None,
    limit: Annotated[int, Query(ge=0, le=200)] = 50,
) -> Response:
    """Properties worth fetching for entities of a type, most used first."""
    check_not_modified(request, context)
    sql = "SELECT predicate, COUNT(*) FROM claim WHERE predicate IS NOT NULL{} GROUP BY predicate ORDER BY 2 DESC, 1"
    of_type = (
        " AND subject IN (SELECT iri FROM resource JOIN class_of ON class_of.resource = resource.id WHERE class = ?)"
    )
    rows = context.reader.execute(sql.format(of_type if type_ else ""), (type_,) if type_ else ()).fetchall()
    known = _property_names(context)
    names = [*(predicate_name(row[0]) or "" for row in rows), *_OWN]
    listed = [{"id": name, "name": known[name]} for name in dict.fromkeys(names)]
    body: Item = {"properties": listed[:limit], "limit": limit} | ({"type": type_} if type_ else {})
    return as_json(request, context, body)


# --- suggest, preview, features

_Prefix = Annotated[str, Query(max_length=200)]
_Start = Annotated[int, Query(ge=0, le=10_000)]


@router.get("/suggest/entity")
def suggest_entity(request: Request, context: _Context, prefix: _Prefix = "", cursor: _Start = 0) -> Response:
    """Entities whose names begin like the prefix."""
    check_not_modified(request, context)
    with context.snapshot() as connection:
        hits = [hit for hit in search(connection, prefix, limit=cursor + 40, slips=False) if hit.family == "id"]
        describer = context.describer("en")
        body = {
            "result": [
                {
                    "id": hit.slug,
                    "name": describer.reference(hit.iri)["label"],
                    "description": f"{context.term_label(hit.type, 'en')}, found by the name “{hit.name}”",
                    "notable": [{"id": hit.type, "name": context.term_label(hit.type, "en")}],
                }
                for hit in hits[cursor : cursor + 20]
            ]
        }
    return as_json(request, context, body)


@router.get("/suggest/property")
def suggest_property(request: Request, context: _Context, prefix: _Prefix = "", cursor: _Start = 0) -> Response:
    """Properties whose names or labels contain the prefix."""
    check_not_modified(request, context)
    return as_json(request, context, _matching(_property_names(context), prefix, cursor))


@router.get("/suggest/type")
def suggest_type(request: Request, context: _Context, prefix: _Prefix = "", cursor: _Start = 0) -> Response:
    """Classes whose names or labels contain the prefix."""
    check_not_modified(request, context)
    sql = (
        "SELECT DISTINCT class FROM class_of JOIN resource ON resource.id = class_of.resource"
        " WHERE family = 'id' ORDER BY class"
    )
    classes = [row[0] for row in context.reader.execute(sql)]
    found = _matching({name: context.term_label(name, "en") for name in classes}, prefix, cursor)
    return as_json(request, context, {"result": [_type(context, item["id"]) for item in found["result"]]})


def _matching(names: dict[str, str], prefix: str, cursor: int) -> Item:
    wanted = fold(prefix)
    found = [{"id": key, "name": name} for key, name in names.items() if wanted in fold(f"{key} {name}")]
    return {"result": found[cursor : cursor + 20]}


@router.get("/preview")
def preview(request: Request, context: _Context, slug: Annotated[str, Query(alias="id", pattern=SLUG)]) -> Response:
    """A small page about an entity, to be shown in a frame."""
    check_not_modified(request, context)
    item = context.describer("en").resource(find_resource(context.reader, f"{context.base}id/{slug}"))
    item["type_label"] = context.term_label(item["type"], "en")
    html = pages.TEMPLATES.get_template("preview.html").render(item=item, root=request.scope.get("root_path", ""))
    # Shown in frames of other sites on purpose; it has no script and no form.
    policy = "default-src 'none'; style-src 'self'"
    return HTMLResponse(html, headers=read_headers(request, context) | {"Content-Security-Policy": policy})


@router.get("/features/{name}")
def feature(request: Request, context: _Context, name: str) -> Response:
    """What a feature says, in words."""
    check_not_modified(request, context)
    if name not in FEATURES:
        raise NotFound(f"there is no feature {name}; there are {', '.join(FEATURES)}")
    return as_json(request, context, {"id": name, "description": FEATURES[name]})
