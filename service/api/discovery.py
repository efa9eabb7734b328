"""What helps to find one's way: search, suggestions, connections, vocabulary, stored questions, the review list."""

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import pyoxigraph as ox
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from service.api import models
from service.api.context import Context, context_of
from service.api.parameters import SLUG, LanguageParameters, LanguageQuery, Slug
from service.api.representation import (
    CSV,
    JSON,
    as_json,
    as_rdf,
    check_not_modified,
    chosen_format,
    documented,
    read_headers,
    row_of,
)
from service.api.rest import next_link
from service.errors import BadRequest, NotFound
from service.graph.describe import Describer, Item, predicate_name
from service.graph.ontology import read_shapes
from service.graph.paths import MAX_STEPS, Paths, find_paths
from service.graph.questions import Question, find_question, questions
from service.graph.search import Hit, search
from service.graph.terms import schemes, terms
from service.paths import ontology_dir
from service.rdf.formats import RDF_FORMATS
from service.rdf.jsonld import context as json_ld_context
from service.rdf.namespaces import prefixes
from service.store.base import Query as SparqlQuery
from service.store.base import read

router = APIRouter(prefix="/api/v1")
_Context = Annotated[Context, Depends(context_of)]
_RDF_FORMS = (JSON, *(row.media_type for row in RDF_FORMATS))
# Why a resource was found, in each language: the kind of name, the language of the name, how it matched.
_ROLES = {
    "label": {"en": "label", "fr": "libellé", "ar": "تسمية"},
    "name": {"en": "name", "fr": "nom", "ar": "اسم"},
    "identifier": {"en": "identifier", "fr": "identifiant", "ar": "معرّف"},
}
_LANGUAGE_NAMES = {
    "en": {"en": "in English", "fr": "en anglais", "ar": "بالإنجليزية"},
    "fr": {"en": "in French", "fr": "en français", "ar": "بالفرنسية"},
    "ar": {"en": "in Arabic", "fr": "en arabe", "ar": "بالعربية"},
}
_OTHER_LANGUAGE = {"en": "in another language", "fr": "dans une autre langue", "ar": "بلغة أخرى"}
_HOW = {
    "identifier": {"en": "it is this identifier", "fr": "c’est cet identifiant", "ar": "هو هذا المعرّف"},
    "exact": {"en": "it is this name", "fr": "c’est ce nom", "ar": "هو هذا الاسم"},
    "words": {
        "en": "its words are, or begin, words of this name",
        "fr": "ses mots sont des mots de ce nom, ou leur début",
        "ar": "كلماته من كلمات هذا الاسم أو من أوائلها",
    },
    "part": {"en": "it is a part of this name", "fr": "c’est une partie de ce nom", "ar": "هو جزء من هذا الاسم"},
    "similar": {
        "en": "it is like this name, with a slip",
        "fr": "il ressemble à ce nom, à une faute près",
        "ar": "يشبه هذا الاسم مع خطأ في الكتابة",
    },
}


class SearchParameters(LanguageParameters):
    """What to look for."""

    q: str = Query(
        min_length=1,
        max_length=200,
        description="A name, a part of one, one with a slip, or an identifier.",
        examples=["daech"],
    )
    type: str | None = Query(
        None, pattern=r"^[A-Z][A-Za-z]*$", description="Class of the ontology.", examples=["Organization"]
    )
    in_language: str | None = Query(
        None, alias="in", pattern=r"^(en|fr|ar)$", description="Only names of a language.", examples=["fr"]
    )
    limit: int = Query(20, ge=1, le=100, description="Hits, at most.", examples=[5])


@router.get(
    "/search",
    tags=["search"],
    summary="Find resources by name, in any language.",
    operation_id="search",
    responses=documented(models.Hits, example="/api/v1/search?q=daech"),
)
def get_search(request: Request, context: _Context, parameters: Annotated[SearchParameters, Query()]) -> Response:
    return _search(request, context, parameters)


@router.get(
    "/suggest",
    tags=["search"],
    summary="Resources whose names begin like what is being typed, for a search box.",
    operation_id="suggest",
    responses=documented(models.Hits, example="/api/v1/suggest?q=inter&limit=5"),
)
def get_suggest(request: Request, context: _Context, parameters: Annotated[SearchParameters, Query()]) -> Response:
    return _search(request, context, parameters, slips=False)


def _search(request: Request, context: Context, parameters: SearchParameters, *, slips: bool = True) -> Response:
    chosen_format(request, parameters.format, (JSON,))
    check_not_modified(request, context)
    with context.snapshot() as connection:
        # One more than asked for: it tells whether there are more.
        hits = search(
            connection,
            parameters.q,
            limit=parameters.limit + 1,
            language=parameters.in_language,
            resource_type=parameters.type,
            slips=slips,
        )
        describer = context.describer(parameters.lang)
        items = [_hit(describer, hit) for hit in hits[: parameters.limit]]
    return as_json(request, context, {"items": items, "total": len(items), "truncated": len(hits) > parameters.limit})


def _hit(describer: Describer, hit: Hit) -> Item:
    wanted = describer.language
    kind = _ROLES[hit.role][wanted]
    if hit.role != "identifier":
        kind += f" {_LANGUAGE_NAMES.get(hit.language, _OTHER_LANGUAGE)[wanted]}"
    colon = " : " if wanted == "fr" else ": "
    said = f"{kind}{colon}{_HOW[hit.match][wanted]}"
    matched = {"name": hit.name, "language": hit.language, "role": hit.role, "how": hit.match, "explanation": said}
    return {**describer.reference(hit.iri), "score": hit.score, "matched": matched}


class PathParameters(LanguageParameters):
    """Between what, how long, how many."""

    start: Slug = Query(alias="from", description="Slug of a resource.", examples=["nasser-bourita"])
    end: Slug = Query(alias="to", description="Slug of another.", examples=["interpol"])
    max_steps: int = Query(4, ge=1, le=MAX_STEPS, description="Statements of a chain, at most.", examples=[3])
    limit: int = Query(10, ge=1, le=50, description="Chains, at most.", examples=[5])


@router.get(
    "/paths",
    tags=["search"],
    summary="How two resources are connected: chains of claims, shortest first.",
    operation_id="paths",
    responses=documented(models.PathAnswer, example="/api/v1/paths?from=nasser-bourita&to=interpol", found=True),
)
def get_paths(request: Request, context: _Context, parameters: Annotated[PathParameters, Query()]) -> Response:
    chosen_format(request, parameters.format, (JSON,))
    check_not_modified(request, context)
    with context.snapshot() as connection:
        start, end = (_resource_iri(context, slug) for slug in (parameters.start, parameters.end))
        found = find_paths(connection, start, end, max_steps=parameters.max_steps, limit=parameters.limit + 1)
        body = _paths(context.describer(parameters.lang), start, end, found, parameters.limit)
    return as_json(request, context, body)


def _paths(describer: Describer, start: str, end: str, found: Paths, limit: int) -> Item:
    items = [
        {
            "length": len(chain),
            "steps": [
                {
                    "start": describer.reference(step.start),
                    "predicate": predicate_name(step.predicate),
                    "inverse": step.backwards,
                    "end": describer.reference(step.end),
                    "claims": describer.claims(step.claims),
                }
                for step in chain
            ],
        }
        for chain in found.chains[:limit]
    ]
    return {
        "start": describer.reference(start),
        "end": describer.reference(end),
        "items": items,
        "total": len(items),
        "truncated": not found.complete or len(found.chains) > limit,
        "limit": found.limit,
    }


def _resource_iri(context: Context, slug: str) -> str:
    sql = "SELECT COALESCE(replaced_by, iri) FROM resource WHERE slug = ? ORDER BY family = 'id' DESC"
    row = context.reader.execute(sql, (slug,)).fetchone()
    if row is None:
        raise NotFound(f"there is no {slug}; /api/v1/search?q= finds names")
    return str(row[0])


@router.get(
    "/vocabulary",
    tags=["vocabulary"],
    summary="Classes, properties and concepts, with definitions and how often each is used.",
    operation_id="vocabulary",
    responses=documented(models.Vocabulary, _RDF_FORMS, example="/api/v1/vocabulary"),
)
def get_vocabulary(request: Request, context: _Context, parameters: LanguageQuery) -> Response:
    media_type = chosen_format(request, parameters.format, _RDF_FORMS)
    check_not_modified(request, context)
    if media_type != JSON:
        quads = (quad for name in ("ontology", "vocabulary") for quad in context.graph(name))
        return as_rdf(request, context, quads, row_of(media_type))
    return as_json(
        request, context, context.kept(f"vocabulary {parameters.lang}", lambda: vocabulary(context, parameters.lang))
    )


def vocabulary(context: Context, language: str) -> Item:
    """The terms and the concept schemes with labels in a language."""
    shapes = read_shapes(ontology_dir(context.settings), base=context.base)
    with context.snapshot() as connection:
        return {
            "terms": terms(context.graph("ontology"), shapes, connection, language=language, base=context.base),
            "schemes": schemes(context.graph("vocabulary"), connection, language=language),
        }


@router.get(
    "/context.jsonld",
    tags=["vocabulary"],
    summary="The @context of every JSON-LD document of this service.",
    operation_id="json_ld_context",
    responses={
        200: {"description": "The context.", "content": {"application/ld+json": {"schema": {"type": "object"}}}}
    },
)
def get_context(request: Request, context: _Context) -> Response:
    check_not_modified(request, context)
    body = {"@context": json_ld_context(prefixes(context.base))}
    return as_json(request, context, body, "application/ld+json")


class PageParameters(LanguageParameters):
    """Language and paging."""

    limit: int = Query(50, ge=1, le=200, description="Rows of a page.", examples=[20])
    cursor: str | None = Query(None, max_length=200, description="From a `next` link; never made by hand.")


def _slice(rows: Sequence[Any], parameters: PageParameters, version: str) -> tuple[Sequence[Any], str | None]:
    """The rows of the page and the cursor of the next. Rows have no key of their own: a cursor is of one version."""
    start = 0
    if parameters.cursor is not None:
        try:
            written, start = json.loads(
                base64.urlsafe_b64decode(parameters.cursor + "=" * (-len(parameters.cursor) % 4))
            )
        except (ValueError, TypeError) as error:
            raise BadRequest("the cursor is not one that this service gave out; follow the `next` links") from error
        if written != version or not isinstance(start, int) or not 0 <= start <= len(rows):
            raise BadRequest("the graph has changed since the cursor was given out; begin with the first page")
    end = start + parameters.limit
    if end >= len(rows):
        return rows[start:], None
    text = json.dumps([version, end], separators=(",", ":"))
    return rows[start:end], base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class ReviewParameters(PageParameters):
    """Which findings."""

    query: str | None = Query(
        None, pattern=SLUG, max_length=100, description="Name of one review query.", examples=["single-source"]
    )
    severity: str | None = Query(None, pattern="^(Warning|Info)$", description="How grave.", examples=["Warning"])


@router.get(
    "/review",
    tags=["review"],
    summary="What an editor should look at: disagreements, gaps, warnings of the shapes.",
    operation_id="review",
    responses=documented(models.PageOf[models.ReviewItem], example="/api/v1/review?limit=5"),
)
def get_review(request: Request, context: _Context, parameters: Annotated[ReviewParameters, Query()]) -> Response:
    chosen_format(request, parameters.format, (JSON,))
    check_not_modified(request, context)
    describer = context.describer(parameters.lang)
    sections = [
        section
        for section in context.reviewed()
        if parameters.query in (None, section.query.name) and parameters.severity in (None, section.query.severity)
    ]
    rows = [(section.query, row) for section in sections for row in section.rows]
    shown, cursor = _slice(rows, parameters, context.version)
    items = [
        {
            "query": query.name,
            "title": query.titles.get(parameters.lang) or query.title,
            "severity": query.severity,
            "values": {name: _cell(value, describer, context.base) for name, value in row.values.items()},
            "claims": [claim.value.removeprefix(f"{context.base}claim/") for claim in row.claims],
            "passages": [asdict(passage) for passage in row.passages],
            "notes": list(row.notes),
        }
        for query, row in shown
    ]
    body = {"items": items, "total": len(rows), "truncated": cursor is not None, "next": next_link(request, cursor)}
    return as_json(request, context, body)


def _cell(value: Any, describer: Describer, base: str) -> Item | None:
    """A resource with its label, a text with its language, or None."""
    if value is None:
        return None
    if isinstance(value, ox.Literal):
        return {"value": value.value, "language": value.language}
    if not isinstance(value, ox.NamedNode):
        return {"value": str(value), "language": None}
    if value.value.startswith(f"{base}claim/"):
        key = value.value.removeprefix(f"{base}claim/")
        return {"id": key, "iri": value.value, "type": "Claim", "label": key}
    return describer.reference(value.value)


@router.get(
    "/questions",
    tags=["questions"],
    summary="The stored questions.",
    operation_id="questions",
    responses=documented(models.Questions, example="/api/v1/questions"),
)
def get_questions(request: Request, context: _Context, parameters: LanguageQuery) -> Response:
    chosen_format(request, parameters.format, (JSON,))
    check_not_modified(request, context)
    root = request.scope.get("root_path", "")
    items = [
        {
            **_about(one, parameters.lang),
            "query": one.text,
            "url": f"{root}/api/v1/questions/{one.name}",
        }
        for one in questions(ontology_dir(context.settings))
    ]
    return as_json(request, context, {"items": items, "total": len(items)})


class QuestionParameters(PageParameters):
    """Which rows."""

    where: list[Annotated[str, Query(pattern=r"^[A-Za-z_][A-Za-z0-9_]*=.+$", max_length=300)]] = Query(
        [],
        description="column=value: only rows with that value (a slug, an IRI or a text) in that column.",
        examples=[["document=d001"]],
    )


@router.get("/questions/{name}.rq", include_in_schema=False)
def get_question_text(request: Request, context: _Context, name: Annotated[str, Path(pattern=SLUG)]) -> Response:
    check_not_modified(request, context)
    found = find_question(ontology_dir(context.settings), name)
    text = f"# {found.title}\n{found.text}"
    return Response(text, media_type="application/sparql-query", headers=read_headers(request, context))


@router.get(
    "/questions/{name}",
    tags=["questions"],
    summary="The answer to a stored question, as the graph has it now.",
    operation_id="question",
    responses=documented(
        models.QuestionAnswer, (JSON, CSV), example="/api/v1/questions/names-of-daesh?limit=5", found=True
    ),
)
async def get_question(
    request: Request,
    context: _Context,
    name: Annotated[
        str,
        Path(pattern=SLUG, max_length=200, description="Name of a stored question.", examples=["names-of-daesh"]),
    ],
    parameters: Annotated[QuestionParameters, Query()],
) -> Response:
    media_type = chosen_format(request, parameters.format, (JSON, CSV))
    check_not_modified(request, context)
    found = find_question(ontology_dir(context.settings), name)
    columns, rows = await _answer(context, found)
    rows = [row for row in rows if all(_has(row, condition, columns) for condition in parameters.where)]
    if media_type == CSV:
        headers = read_headers(request, context)
        return Response(_as_csv(columns, rows), media_type="text/csv; charset=utf-8; header=present", headers=headers)
    describer = context.describer(parameters.lang)
    shown, cursor = _slice(rows, parameters, context.version)
    body = {
        **_about(found, parameters.lang),
        "columns": columns,
        "items": [{key: _cell(row[key], describer, context.base) for key in columns} for row in shown],
        "total": len(rows),
        "truncated": cursor is not None,
        "next": next_link(request, cursor),
    }
    return as_json(request, context, body)


def _about(question: Question, language: str) -> Item:
    """What a question is, apart from its query: its title in `language`, its kind, why its answer is negative."""
    return {
        "id": question.name,
        "title": question.titles.get(language) or question.title,
        "kind": question.kind,
        "negative": asdict(question.negative) if question.negative else None,
        "notes": list(question.notes),
    }


def _as_csv(columns: list[str], rows: list[dict[str, Any]]) -> str:
    """All rows as SPARQL 1.1 Query Results CSV has them: IRIs and texts bare, nothing where nothing is bound."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows(
        ["" if row[key] is None else getattr(row[key], "value", row[key]) for key in columns] for row in rows
    )
    return buffer.getvalue()


async def _answer(context: Context, question: Question) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows; rows in the order of the query, or sorted where it has none, so that pages fit together."""
    answer = await context.store.query(SparqlQuery(question.text, results="json", union=True))
    parsed = ox.parse_query_results(await read(answer), ox.QueryResultsFormat.JSON)
    if isinstance(parsed, ox.QueryBoolean):
        return ["answer"], [{"answer": ox.Literal(bool(parsed))}]
    assert isinstance(parsed, ox.QuerySolutions), "a stored question is a SELECT or an ASK"
    columns = [variable.value for variable in parsed.variables]
    rows = [{name: solution[name] for name in columns} for solution in parsed]
    if "order by" not in question.text.lower():
        rows.sort(key=lambda row: [str(value) for value in row.values()])
    return columns, rows


def _has(row: dict[str, Any], condition: str, columns: list[str]) -> bool:
    column, _, wanted = condition.partition("=")
    if column not in row:
        raise BadRequest(f"where: there is no column {column}; there are {', '.join(columns)}")
    value = row[column]
    if value is None:
        return False
    return wanted in (value.value, value.value.rsplit("/", 1)[-1].rsplit("#", 1)[-1])
