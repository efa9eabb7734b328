"""Changing the graph over REST, and its history: `/api/v1/changes`, `/api/v1/validate`, writes of records.

A body is a record as people write it in `data/`, in JSON or YAML. Every write takes `dry-run=true` and `message`.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph as ox
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from service.api.auth import authorise
from service.api.change_models import ChangePage, ChangeWithQuads, Difference, Report
from service.api.context import Context, context_of
from service.api.gated_store import message_of
from service.api.negotiation import choose
from service.api.parameters import SLUG
from service.api.preconditions import Guard, touches_graph
from service.api.problems import UnsupportedMediaType
from service.api.record_schemas import reference
from service.api.representation import check_not_modified, read_headers
from service.api.write_description import MERGE_PATCH, NAMES, YAML, read_options, validate_options, write_options
from service.errors import BadRequest, BodyTooLarge, NotFound, PreconditionFailed, ReadOnly
from service.graph.changes import Author, Changes, Violation
from service.graph.forms import Forms, read_fact_form, read_form, table_of
from service.graph.gate import Match, Verdict
from service.graph.history import difference
from service.graph.keys import Keys, Scope
from service.graph.outcome import delta_json, outcome_json
from service.graph.validation import ValidationReport
from service.graph.yaml_text import Entry, Items, Table, Text
from service.rdf.formats import RDF_FORMATS
from service.rdf.iris import document_iri, entity_iri, graph_iri
from service.rdf.namespaces import prefixes
from service.store.base import Delta, Upload
from service.store.log import ChangeLog, LogEntry

router = APIRouter(prefix="/api/v1", tags=["changes"])
_Context = Annotated[Context, Depends(context_of)]

_JSON = "application/json"
_ATOM = "application/atom+xml"
_PATCH = "application/rdf-patch"
_TURTLE = "text/turtle"
_READABLE = {media_type: row.name for row in RDF_FORMATS for media_type in (row.media_type, *row.alternatives)}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,300}")
# Changes on one page of the feed.
_PAGE, _MOST = 50, 500
# SQLite and the log count in 64 bits.
_LAST = 2**63 - 1
_PATCHES = (_JSON, MERGE_PATCH, YAML[0])


class Writing:
    """What a write needs beside its body: who asks, with what message, as a dry run, against what was seen."""

    def __init__(
        self,
        request: Request,
        context: _Context,
        dry_run: Annotated[
            Literal["true", "false"],
            Query(alias="dry-run", description="Whether to say what would be changed, and change nothing."),
        ] = "false",
        message: Annotated[
            str | None, Query(max_length=500, description="Why; it stands in the history.", examples=["Correct a date"])
        ] = None,
        marsad_message: Annotated[
            str | None, Header(description="The same where there is no `message`, percent-encoded beyond ASCII.")
        ] = None,
    ) -> None:
        self.request, self.context = request, context
        self.changes = changes_of(context)
        self.dry_run = dry_run == "true"
        self.message = message_of(message, marsad_message)
        self.deadline_s = context.settings.deadline_s

    def author(self, needed: Scope = "write") -> Author:
        """Whoever asks. Raises Forbidden."""
        return authorise(self.request.scope, self.keys, needed)

    @property
    def keys(self) -> Keys:
        """The keys of this service."""
        keys = self.context.keys
        assert keys is not None, "there are changes, so there are keys"
        return keys

    @property
    def forms(self) -> Forms:
        """What reads and writes records."""
        return _forms_of(self.context)

    def place(self, path: str) -> str:
        """The address of something below /api/v1."""
        return f"{self.request.scope.get('root_path', '')}/api/v1/{path}"

    async def table(self) -> Table:
        """The body as a mapping. Raises BadRequest, SourceErrors, UnsupportedMediaType, BodyTooLarge."""
        kind = (self.request.headers.get("content-type") or _JSON).partition(";")[0].strip().lower()
        in_json = kind == _JSON or (kind == MERGE_PATCH and self.request.method == "PATCH")
        if not in_json and kind not in YAML:
            raise UnsupportedMediaType(f"a record is {_JSON} or {YAML[0]}, not {kind}")
        return read_form(await body_of(self.request, self.context), yaml=not in_json)

    async def fact(self) -> Table | Items:
        """The body as the record of a fact, or the list of its parts. Raises what `table` raises."""
        kind = (self.request.headers.get("content-type") or _JSON).partition(";")[0].strip().lower()
        if kind != _JSON and kind not in YAML:
            raise UnsupportedMediaType(f"a record is {_JSON} or {YAML[0]}, not {kind}")
        return read_fact_form(await body_of(self.request, self.context), yaml=kind != _JSON)

    async def submit(
        self, propose: Callable[[Match], Delta], *, guard: Guard | None = None, created: str = ""
    ) -> Response:
        """Make the change; `guard` is what `If-Match` speaks of, `created` where the thing is if it was not there."""
        by = self.author()
        was_there = False

        def expect() -> None:
            nonlocal was_there
            if guard is not None:
                was_there = guard.exists()
                headers = self.request.headers
                conditions = headers.get("if-match"), headers.get("if-none-match")
                guard.expectation(self.changes.store, *conditions)()

        outcome = await self.changes.submit(
            propose, by=by, message=self.message, dry_run=self.dry_run, expect=expect, deadline_s=self.deadline_s
        )
        headers = {"Marsad-Version": str(outcome.version), "Cache-Control": "no-store"}
        status = 200
        if created and not was_there and not self.dry_run:
            status, headers["Location"] = 201, created
        return JSONResponse(outcome_json(outcome, self.context.base), status, headers)


_Writing = Annotated[Writing, Depends(Writing)]
_FACT, _DOCUMENT = ("Document and name of a fact.", "Name of a document.")
_FactName = Annotated[str, Path(description=_FACT, max_length=300, examples=[NAMES["claims"]])]
_Document = Annotated[str, Path(description=_DOCUMENT, max_length=300, examples=[NAMES["documents"]])]
_Version = Annotated[int, Path(description="Number of a version.", ge=0, le=_LAST, examples=[1])]


def _forms_of(context: Context) -> Forms:
    """What reads and writes records."""
    assert context.forms is not None, "every service of the project has forms"
    return context.forms


def changes_of(context: Context) -> Changes:
    """The way in. Raises ReadOnly: this service takes no changes."""
    if context.changes is None:
        raise ReadOnly("an earlier version of the graph is not changed")
    return context.changes


def log_of(changes: Changes) -> ChangeLog:
    """The log of the store."""
    log = changes.store.log
    assert log is not None, "a store of the project has a log"
    return log


async def body_of(
    request: Request, context: Context, *, most: int | None = None, setting: str = "MARSAD_MAX_BODY_BYTES"
) -> bytes:
    """The whole body. Raises BodyTooLarge: it has more bytes, or says so; `setting` is what changes `most`."""
    most = context.settings.max_body_bytes if most is None else most
    found, stated = bytearray(), request.headers.get("content-length", "")
    too_large = BodyTooLarge(
        f"the request body is larger than {most} bytes", limit="bytes of a request body", value=most, setting=setting
    )
    if stated.isdecimal() and int(stated) > most:
        raise too_large
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise too_large
    return bytes(found)


def _guard_of_record(writing: "Writing", collection: str, name: str, *, required: bool) -> Guard:
    make = document_iri if collection == "documents" else entity_iri
    iri, match = make(writing.context.base, _part(name)), writing.changes.store.match

    def touches(delta: Delta) -> bool:
        return any(quad.subject == iri for quad in (*delta.removed, *delta.added))

    return _guard(touches, lambda: next(match(iri, None, None, None), None) is not None, required)


def _guard_of_claims(writing: "Writing", name: str, *, required: bool) -> Guard:
    iri = f"{writing.context.base}claim/{_part(name)}"

    def touches(delta: Delta) -> bool:
        subjects = (quad.subject for quad in (*delta.removed, *delta.added))
        return any(
            isinstance(node, ox.NamedNode) and (node.value == iri or node.value.startswith(f"{iri}."))
            for node in subjects
        )

    return _guard(touches, lambda: writing.forms.has_claims(writing.changes.store.match, name), required)


def _guard_of_facts(writing: "Writing", document: str) -> Guard:
    graph = graph_iri(writing.context.base, _part(document))
    match = writing.changes.store.match
    return Guard(
        lambda delta: touches_graph(delta, graph.value),
        lambda: _has_document(writing.context, document),
        lambda: next(match(None, None, None, graph), None) is not None,
    )


def _has_document(context: Context, document: str) -> bool:
    return next(iter(context.match(document_iri(context.base, _part(document)), None, None)), None) is not None


def _guard(touches: Callable[[Delta], bool], exists: Callable[[], bool], required: bool) -> Guard:
    return Guard(touches, exists, exists if required else lambda: False)


def _guard_of_all(guards: list[Guard]) -> Guard:
    """What several operations are about; replacing any of them needs `If-Match`. Their list itself is always there."""
    return Guard(
        lambda delta: any(guard.touches(delta) for guard in guards),
        lambda: True,
        lambda: any(guard.replaces() for guard in guards),
    )


# --- records ---


def _answer_form(request: Request, context: Context, form: object) -> Response:
    return JSONResponse(form, headers=read_headers(request, context))


@router.get(
    "/records/claims/{key}",
    summary="The record of a fact (d001.fact), as it is written.",
    **read_options("get_claims_record", reference("Fact"), example="/api/v1/records/claims/d002.coalition-founded"),
)
async def get_fact_record(
    request: Request,
    key: Annotated[str, Path(description=_FACT, max_length=300, examples=["d002.coalition-founded"])],
    context: _Context,
) -> Response:
    check_not_modified(request, context)
    document, fact = _fact(key)
    found = _forms_of(context).facts(context.match, document)
    if fact not in found:
        raise NotFound(f"there is no fact {key}")
    form = found[fact]
    return _answer_form(request, context, form)


@router.get(
    "/documents/{document}/facts",
    summary="The facts of a document, as they are written.",
    **read_options("get_facts", reference("Facts"), example="/api/v1/documents/d002/facts"),
)
async def get_facts(
    request: Request,
    document: Annotated[str, Path(description=_DOCUMENT, max_length=300, examples=["d002"])],
    context: _Context,
) -> Response:
    check_not_modified(request, context)
    if not _has_document(context, document):
        raise NotFound(f"there is no document {document}")
    facts = _forms_of(context).facts(context.match, _part(document))
    return _answer_form(request, context, {"document": document, "facts": facts})


@router.put(
    "/documents/{document}/facts",
    summary="Make the claims of a document what its facts say, all of them.",
    **write_options("put_facts", "Facts", found=True, guarded=True, replacing=True),
)
async def put_facts(document: _Document, writing: _Writing) -> Response:
    writing.author()
    facts = _facts_of(await writing.table(), document)
    return await writing.submit(
        lambda match: writing.forms.put_facts(match, document, facts), guard=_guard_of_facts(writing, document)
    )


@router.put(
    "/claims/{key}",
    summary="Make the claims of a fact (d001.fact) what its record, or each of a list, says.",
    **write_options("put_claims", "Fact", created=True, found=True, guarded=True, replacing=True),
)
async def put_claims(key: _FactName, writing: _Writing) -> Response:
    writing.author()
    document, fact = _fact(key)
    record = await writing.fact()
    return await writing.submit(
        lambda match: writing.forms.put_facts(match, document, _one(fact, record), only=fact),
        guard=_guard_of_claims(writing, key, required=True),
        created=writing.place(f"records/claims/{key}"),
    )


@router.patch(
    "/claims/{key}",
    summary="Change some keys of a fact (d001.fact); null takes a key away.",
    **write_options("patch_claims", "FactPatch", found=True, guarded=True, forms=_PATCHES),
)
async def patch_claims(key: _FactName, writing: _Writing) -> Response:
    writing.author()
    document, fact = _fact(key)
    changed = await writing.table()

    def propose(match: Match) -> Delta:
        forms = writing.forms.facts(match, document)
        if fact not in forms:
            raise NotFound(f"there is no fact {key}")
        form = forms[fact]
        if isinstance(form, list):
            raise BadRequest(f"{key} is a list of {len(form)} records; PUT the facts of {document} as a whole")
        return writing.forms.put_facts(match, document, _one(fact, _merged(form, changed)), only=fact)

    return await writing.submit(propose, guard=_guard_of_claims(writing, key, required=False))


@router.post(
    "/claims",
    summary="Add a fact: its record with `document` and `fact`, its name.",
    **write_options("post_claims", "NewFact", created=True, exists=True),
)
async def post_claims(writing: _Writing) -> Response:
    writing.author()
    table = await writing.table()
    entries = dict(table.entries)
    document, fact = (_taken(entries, key) for key in ("document", "fact"))
    record = Table(entries, table.line)

    def propose(match: Match) -> Delta:
        if writing.forms.has_claims(match, f"{document}.{fact}"):
            raise PreconditionFailed(f"there is a fact {document}.{fact} already; PUT replaces it")
        return writing.forms.put_facts(match, document, _one(fact, record), only=fact)

    return await writing.submit(propose, created=writing.place(f"records/claims/{document}.{fact}"))


@router.delete(
    "/claims/{key}",
    summary="Take a claim, or all claims of a fact (d001.fact), away.",
    **write_options("delete_claims", found=True, guarded=True),
)
async def delete_claims(
    key: Annotated[str, Path(description="Name of a claim or of a fact.", max_length=300, examples=[NAMES["claims"]])],
    writing: _Writing,
) -> Response:
    guard = _guard_of_claims(writing, key, required=False)
    return await writing.submit(lambda match: writing.forms.delete_claims(match, key), guard=guard)


def _add_records(collection: str, one: str, model: str, example: str) -> None:
    """The routes of the records of a collection; `example` is one of them."""
    slug = Annotated[
        str, Path(pattern=SLUG, max_length=200, description="Last part of the IRI.", examples=[NAMES[collection]])
    ]
    # Works are read among the entities.
    home = "entities" if collection == "works" else collection

    async def get(
        request: Request,
        slug: Annotated[
            str, Path(pattern=SLUG, max_length=200, description="Last part of the IRI.", examples=[example])
        ],
        context: _Context,
    ) -> Response:
        check_not_modified(request, context)
        return _answer_form(request, context, _forms_of(context).get(context.match, collection, slug))

    async def put(slug: slug, writing: _Writing) -> Response:
        writing.author()
        table, forms = await writing.table(), writing.forms
        return await writing.submit(
            lambda match: forms.put(match, collection, slug, table),
            guard=_guard_of_record(writing, collection, slug, required=True),
            created=writing.place(f"{home}/{slug}"),
        )

    async def patch(slug: slug, writing: _Writing) -> Response:
        writing.author()
        table, forms = await writing.table(), writing.forms

        def propose(match: Match) -> Delta:
            return forms.put(match, collection, slug, _merged(forms.get(match, collection, slug), table))

        return await writing.submit(propose, guard=_guard_of_record(writing, collection, slug, required=False))

    async def delete(slug: slug, writing: _Writing) -> Response:
        guard = _guard_of_record(writing, collection, slug, required=False)
        return await writing.submit(lambda match: writing.forms.delete(match, collection, slug), guard=guard)

    record, path = reference(f"{model}Record"), f"/{collection}/{{slug}}"
    router.get(
        f"/records/{collection}/{{slug}}",
        summary=f"The record of {one}, as it is written.",
        **read_options(f"get_{collection}_record", record, example=f"/api/v1/records/{collection}/{example}"),
    )(get)
    router.put(
        path,
        summary=f"Make {one} what the record says.",
        **write_options(f"put_{collection}", f"{model}Record", created=True, guarded=True, replacing=True, found=True),
    )(put)
    router.patch(
        path,
        summary=f"Change some keys of the record of {one}; null takes a key away (RFC 7396).",
        **write_options(f"patch_{collection}", f"{model}Patch", found=True, guarded=True, forms=_PATCHES),
    )(patch)
    router.delete(
        path,
        summary=f"Take {one} away; nothing may need it.",
        **write_options(f"delete_{collection}", found=True, guarded=True),
    )(delete)


_add_records("entities", "an entity", "Entity", "interpol")
_add_records("works", "a work", "Work", "h24-le-figaro-2015")
_add_records("documents", "a document", "Document", "d001")


@router.post(
    "/changes",
    summary="Several writes as one change: all of them or none.",
    **write_options("post_changes", "Operations", found=True, guarded=True, replacing=True),
)
async def post_changes(writing: _Writing) -> Response:
    """`{"operations": [{"put": "entities/ann", "record": {…}}, {"delete": "claims/d001.fact"}]}`"""
    writing.author()
    table = await writing.table()
    operations = _operations(table)

    def propose(match: Match) -> Delta:
        scratch = _Scratch(match)
        for how, path, record in operations:
            scratch.apply(_operation(writing.forms, scratch.match, how, path, record))
        return scratch.delta

    guards = [_guard_of_operation(writing, how, path) for how, path, _ in operations]
    return await writing.submit(propose, guard=_guard_of_all(guards))


def _guard_of_operation(writing: Writing, how: str, path: str) -> Guard:
    collection, name = _split_path(path)
    if collection == "claims":
        return _guard_of_claims(writing, name, required=how == "put")
    return _guard_of_record(writing, collection, name, required=how == "put")


def _part(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotFound(f"there is no {name!r}")
    return name


def _fact(name: str) -> tuple[str, str]:
    document, _, fact = _part(name).partition(".")
    if not fact or "." in fact:
        raise BadRequest("a fact is written as a whole: d001.fact; single claims are only deleted")
    return document, fact


def _facts_of(table: Table, document: str) -> Table:
    stated, facts = table.entries.get("document"), table.entries.get("facts")
    if stated is not None and not (isinstance(stated.value, Text) and stated.value.text == document):
        raise BadRequest(f"the body is about another document than {document}")
    if facts is None or not isinstance(facts.value, Table):
        raise BadRequest("the body has no `facts:`, a mapping")
    return facts.value


def _taken(entries: dict[str, Entry], key: str) -> str:
    entry = entries.pop(key, None)
    if entry is None or not isinstance(entry.value, Text):
        raise BadRequest(f"the record has no {key!r}")
    if not _NAME.fullmatch(entry.value.text):
        raise BadRequest(f"{key}: {entry.value.text!r} is no name")
    return entry.value.text


def _one(fact: str, record: Table | Items) -> Table:
    return Table({fact: Entry(fact, record.line, record)}, record.line)


def _merged(form: dict[str, Any], table: Table) -> Table:
    """The record with some keys changed; a key without a value is taken away."""
    entries = dict(table_of(form).entries)
    for key, entry in table.entries.items():
        if isinstance(entry.value, Text) and not entry.value.text:
            entries.pop(key, None)
        else:
            entries[key] = entry
    return Table(entries, table.line)


def _operations(table: Table) -> list[tuple[str, str, Table | Items]]:
    listed = table.entries.get("operations")
    items = getattr(listed.value, "items", None) if listed is not None else None
    if items is None:
        raise BadRequest('a change is {"operations": [{"put": "entities/ann", "record": {…}}, …]}')
    found = []
    for item in items:
        entries = item.entries if isinstance(item, Table) else {}
        how = next((key for key in ("put", "delete") if key in entries), "")
        path = entries[how].value if how else None
        record = entries["record"].value if "record" in entries else Table({}, 1)
        a_fact = isinstance(path, Text) and path.text.startswith("claims/")
        if not isinstance(path, Text) or not isinstance(record, Table | Items if a_fact else Table):
            raise BadRequest(
                "an operation has `put` or `delete` with a path as entities/ann, and `record` where it puts"
            )
        found.append((how, path.text, cast("Table | Items", record)))
    return found


def _operation(forms: Forms, match: Match, how: str, path: str, record: Table | Items) -> Delta:
    collection, name = _split_path(path)
    if collection == "claims":
        if how == "delete":
            return forms.delete_claims(match, name)
        document, fact = _fact(name)
        return forms.put_facts(match, document, _one(fact, record), only=fact)
    if how == "delete":
        return forms.delete(match, collection, name)
    assert isinstance(record, Table), "only a fact has parts"
    return forms.put(match, collection, name, record)


def _split_path(path: str) -> tuple[str, str]:
    collection, _, name = path.partition("/")
    if collection not in ("entities", "works", "documents", "claims"):
        raise BadRequest(f"{path}: a path begins with entities, works, documents or claims")
    return collection, _part(name)


class _Scratch:
    """The graph with the operations so far, so that one may speak of what another brings."""

    def __init__(self, match: Match) -> None:
        self._match = match
        self._added, self._removed = ox.Store(), ox.Store()

    def match(self, subject: Any, predicate: Any, value: Any, graph: Any) -> Any:
        yield from self._added.quads_for_pattern(subject, predicate, value, graph)
        for quad in self._match(subject, predicate, value, graph):
            if quad not in self._removed and quad not in self._added:
                yield quad

    def apply(self, delta: Delta) -> None:
        for quad in delta.removed:
            self._added.remove(quad)
        self._removed.extend(delta.removed)
        for quad in delta.added:
            self._removed.remove(quad)
        self._added.extend(delta.added)

    @property
    def delta(self) -> Delta:
        return Delta(removed=list(self._removed), added=list(self._added))


# --- validation of what is not to be stored ---


@router.post(
    "/validate",
    summary="Hold data against the shapes without storing them.",
    **validate_options(Report),
)
async def validate(
    request: Request,
    context: _Context,
    graph: Annotated[
        str | None, Query(max_length=1000, description="IRI of the graph to which they would be added.")
    ] = None,
) -> Response:
    """RDF is taken as if it were added to `graph`; the answer is a report in JSON, or in Turtle by `Accept`."""
    changes = changes_of(context)
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind not in _READABLE:
        raise UnsupportedMediaType(f"data to validate are one of {', '.join(_READABLE)}")
    name = graph or graph_iri(context.base, "validate").value
    settings = context.settings
    body = await body_of(request, context, most=settings.validate_bytes, setting="MARSAD_VALIDATE_BYTES")
    verdict, violations = await changes.examine(
        Upload(name, "add", ((_READABLE[kind], body),)), limit_s=settings.validate_s
    )
    return _report(request, context, verdict, violations)


def _report(request: Request, context: Context, verdict: Verdict, violations: list[Violation]) -> Response:
    if choose(request.headers.get("accept"), [_JSON, _TURTLE]) == _TURTLE:
        results = (*violations, *verdict.report.of("Warning"), *verdict.report.of("Info"))
        return Response(ValidationReport(results).turtle(prefixes(context.base)), media_type=_TURTLE)
    rows = [violation_json(found) for found in violations]
    return JSONResponse({"conforms": not violations, "violations": rows, "delta": delta_json(verdict.delta)})


def violation_json(found: Violation) -> dict[str, Any]:
    """What is wrong, as in the problem that refuses a change."""
    return {
        "shape": found.shape,
        "focus": _plain(found.focus),
        "path": found.path,
        "value": None if found.value is None else _plain(found.value),
        "messages": dict(found.messages),
        "passages": [{"document": item.document, "start": item.start, "end": item.end} for item in found.passages],
    }


def _plain(term: object) -> str:
    return str(getattr(term, "value", term))


# --- history ---


@router.get(
    "/changes",
    summary="What was changed, the latest first; JSON or Atom.",
    **read_options("get_changes", ChangePage, _ATOM, example="/api/v1/changes?limit=5", found=False),
)
async def get_changes(
    request: Request,
    context: _Context,
    after: Annotated[int, Query(ge=0, le=_LAST, description="Only later versions.", examples=[0])] = 0,
    before: Annotated[int | None, Query(ge=1, le=_LAST, description="Only earlier versions.", examples=[1000])] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Changes of a page.", examples=[5])] = _PAGE,
) -> Response:
    check_not_modified(request, context)
    changes = changes_of(context)
    log = log_of(changes)
    total = log.count(after=after, before=before)
    page = log.latest(after=after, before=before, most=limit)
    headers = read_headers(request, context)
    path = request.scope.get("root_path", "") + "/api/v1/changes"
    more = f"?before={page[-1].version}&limit={limit}" + (f"&after={after}" if after else "") if page else ""
    more = more if total > limit else ""
    if choose(request.headers.get("accept"), [_JSON, _ATOM]) == _ATOM:
        url = str(request.base_url).rstrip("/") + "/api/v1/changes"
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(_atom(page, context, url, query, more), media_type=_ATOM, headers=headers)
    return JSONResponse(
        {
            "version": changes.store.version,
            "total": total,
            "items": [entry_json(entry, path) for entry in page],
            "next": path + more if more else None,
        },
        headers=headers,
    )


def entry_json(entry: LogEntry, path: str) -> dict[str, Any]:
    """A change without its quads."""
    return {
        "version": entry.version,
        **entry.about,
        "removed": entry.removed,
        "added": entry.added,
        "url": f"{path}/{entry.version}",
    }


def _atom(entries: list[LogEntry], context: Context, url: str, query: str, more: str) -> str:
    """A feed of changes; `url` is where they are, `query` asked for this page, and `more` asks for the next, if any."""
    changes = changes_of(context)
    first = (
        entries[0].about.get("time", "") if entries else datetime(1970, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    items = "".join(
        f"<entry><id>{escape(context.base)}change/{entry.version}</id>"
        f"<title>{escape(entry.about.get('message') or f'Change {entry.version}')}</title>"
        f"<updated>{escape(entry.about.get('time', ''))}</updated>"
        f"<author><name>{escape(entry.about.get('agent', ''))}</name></author>"
        f'<link rel="alternate" href={quoteattr(f"{url}/{entry.version}")}/>'
        f"<summary>{entry.removed} quads removed, {entry.added} added</summary></entry>\n"
        for entry in entries
    )
    following = f'<link rel="next" href={quoteattr(url + more)}/>\n' if more else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{escape(context.base)}changes/{changes.store.id}</id><title>Changes of the graph</title>"
        f'<updated>{escape(first)}</updated><link rel="self" href={quoteattr(url + query)}/>\n'
        f"{following}{items}</feed>\n"
    )


@router.get(
    "/changes/{version}",
    summary="One change: who, when, why, and its quads; JSON or an RDF Patch.",
    **read_options("get_change", ChangeWithQuads, _PATCH),
)
async def get_change(request: Request, version: _Version, context: _Context) -> Response:
    check_not_modified(request, context)
    log = log_of(changes_of(context))
    entry, delta, patch = log.entry(version), log.delta(version), log.patch(version)
    if entry is None or delta is None or patch is None:
        raise NotFound(f"there is no change {version}")
    headers = read_headers(request, context)
    if choose(request.headers.get("accept"), [_JSON, _PATCH]) == _PATCH:
        return Response(patch, media_type=_PATCH, headers=headers)
    path = request.scope.get("root_path", "") + "/api/v1/changes"
    return JSONResponse(entry_json(entry, path) | {"delta": delta_json(delta)}, headers=headers)


@router.get(
    "/changes/{before}/diff/{after}",
    summary="What leads from one version to another.",
    **read_options("get_difference", Difference),
)
async def get_difference(request: Request, before: _Version, after: _Version, context: _Context) -> Response:
    check_not_modified(request, context)
    delta = await asyncio.to_thread(difference, changes_of(context).store, before, after)
    body = {"from": before, "to": after, "delta": delta_json(delta)}
    return JSONResponse(body, headers=read_headers(request, context))


@router.post(
    "/changes/{version}/undo",
    summary="Make a new change that reverses this one.",
    **write_options("undo", found=True, conflict=True),
)
async def undo(version: _Version, writing: _Writing) -> Response:
    outcome = await writing.changes.undo(version, by=writing.author(), message=writing.message, dry_run=writing.dry_run)
    headers = {"Marsad-Version": str(outcome.version), "Cache-Control": "no-store"}
    return JSONResponse(outcome_json(outcome, writing.context.base), headers=headers)
