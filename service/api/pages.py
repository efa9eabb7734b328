"""HTML pages, rendered on the server from the index: start, lists, entities, documents, claims, review."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import jinja2
import pyoxigraph as ox
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context, context_of
from service.api.interface_text import LANGUAGES, say
from service.errors import BadRequest, MarsadError, NotFound
from service.graph.ask import ask
from service.graph.describe import Describer, Item, find_claim, find_resource
from service.graph.disagreement import disagree
from service.graph.questions import questions
from service.graph.review import ReviewRow
from service.graph.search import search
from service.graph.selection import COLLECTIONS, Selection, select
from service.graph.words import Authors, heading, sentence, value_in_words
from service.paths import ontology_dir
from service.rdf.iris import local_name
from service.rdf.namespaces import SKOS_DEFINITION, prefixes
from service.store.base import Answer

Language = Literal["en", "fr", "ar"]
router = APIRouter(include_in_schema=False)
_Context = Annotated[Context, Depends(context_of)]
_TILES = ("entities", "actors", "institutions", "threats", "agreements", "events", "measures", "documents", "topics")
_FOLDERS = ("id", "topic", "doc")
EXPLORER = Path(__file__).resolve().parents[1] / "explorer"
# Bytes of an answer that the query page shows: about two thousand rows; more is for programs.
_MOST_SHOWN = 500_000
_FIRST_QUERY = "SELECT ?post WHERE { id:nasser-bourita marsad:heldPost ?post }"
# No inline script or style, nothing from another host: the pages hold other people's words.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(EXPLORER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@router.get("/")
def home(request: Request) -> RedirectResponse:
    accepted = request.headers.get("accept-language", "").lower()
    language = next((part[:2] for part in accepted.replace(" ", "").split(",") if part[:2] in ("en", "fr", "ar")), "en")
    return RedirectResponse(
        f"{request.scope.get('root_path', '')}/{language}", status_code=302, headers={"Vary": "Accept-Language"}
    )


@router.get("/{lang}")
def start(request: Request, context: _Context, lang: Language) -> HTMLResponse:
    counts = [
        (name, say(name, lang), select(context.reader, Selection(collection=name, limit=1), context.base).total)
        for name in _TILES
    ]
    documents = select(context.reader, Selection(collection="documents", sort="slug"), context.base).ids
    describer = context.describer(lang)
    return render(
        request,
        context,
        lang,
        "start.html",
        title=say("A knowledge graph in which every fact has a source", lang),
        tiles=counts,
        documents=[_with_carried(context, describer.resource(row_id)) for row_id in documents],
        questions=questions(ontology_dir(context.settings)),
        reviews=context.reviewed(),
    )


def _with_carried(context: Context, document: Item) -> Item:
    return {**document, "carried": _carried(context, document["id"])}


def _carried(context: Context, document: str) -> int:
    return select(context.reader, Selection(collection="claims", documents=(document,), limit=1), context.base).total


def editor(app: ASGIApp) -> ASGIApp:
    """The query page as an application that answers wherever it is called."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "path": f"{scope.get('root_path', '')}/en/query", "method": "GET"}, receive, send)

    return answer


@router.get("/{lang}/query")
async def query_page(
    request: Request, context: _Context, lang: Language, query: Annotated[str, Query(max_length=65536)] = ""
) -> HTMLResponse:
    shown: dict[str, Any] = {"columns": [], "rows": [], "problem": "", "truncated": False, "asked": bool(query)}
    if query:
        try:
            shown |= await _rows(context, query)
        except MarsadError as error:
            shown["problem"] = str(error)
    return render(request, context, lang, "query.html", title="SPARQL", query=query or _FIRST_QUERY, **shown)


async def _rows(context: Context, text: str) -> Item:
    answer = await ask(context.store, text, context.settings, prefixes(context.base))
    whole = b""
    async for chunk in _chunks(answer):
        whole += chunk
        if len(whole) > _MOST_SHOWN:
            await answer.close()
            raise BadRequest("the answer is too long for a page; add a LIMIT, or ask /sparql, which streams it")
    if whole[:1] != b"{":
        return {"columns": ["RDF"], "rows": [[{"text": whole.decode(), "link": None}]]}
    parsed = ox.parse_query_results(whole, ox.QueryResultsFormat.JSON)
    if isinstance(parsed, ox.QueryBoolean):
        return {"columns": ["ASK"], "rows": [[{"text": "true" if parsed else "false", "link": None}]]}
    assert isinstance(parsed, ox.QuerySolutions)
    names = [variable.value for variable in parsed.variables]
    return {"columns": names, "rows": [[_cell(context, solution[name]) for name in names] for solution in parsed]}


async def _chunks(answer: Answer) -> AsyncIterator[bytes]:
    if answer.whole is not None:
        yield answer.whole
        return
    async for chunk in answer.chunks():
        yield chunk


def _cell(context: Context, term: object) -> Item:
    if isinstance(term, ox.NamedNode):
        local = term.value.removeprefix(context.base)
        ours = local != term.value and local.split("/")[0] in (*_FOLDERS, "claim")
        return {"text": local.partition("/")[2] if ours else term.value, "link": f"/{local}" if ours else None}
    return {"text": term.value if isinstance(term, ox.Literal | ox.BlankNode) else "", "link": None}


@router.get("/{lang}/claims")
def claims_page(
    request: Request,
    context: _Context,
    lang: Language,
    document: Annotated[str, Query(pattern=r"^d[0-9]{3,6}$")],
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> HTMLResponse:
    selection = Selection(collection="claims", documents=(document,), cursor=cursor, language=lang)
    page = select(context.reader, selection, context.base)
    describer = context.describer(lang)
    claims = [{**in_words(describer.claim(row_id), lang, context.authors), "alone": True} for row_id in page.ids]
    title = describer.reference(f"{context.base}doc/{document}")["label"]
    following = f"?document={document}&cursor={page.next_cursor}" if page.next_cursor else None
    return render(
        request, context, lang, "claims_list.html", title=title, claims=claims, total=page.total, next=following
    )


@router.get("/{lang}/review")
def review_page(request: Request, context: _Context, lang: Language) -> HTMLResponse:
    describer = context.describer(lang)
    sections = [
        {
            "name": section.query.name,
            "title": section.query.title,
            "severity": section.query.severity,
            "rows": [_review_row(row, describer) for row in section.rows],
        }
        for section in context.reviewed()
    ]
    return render(request, context, lang, "review.html", title=say("Review", lang), reviews=sections)


def _review_row(row: ReviewRow, describer: Describer) -> Item:
    claims = [local_name(claim) for claim in row.claims]
    shown = []
    for value in row.values.values():
        if isinstance(value, ox.NamedNode) and local_name(value) not in claims:
            shown.append(str(describer.reference(value.value)["label"]))
        elif isinstance(value, ox.Literal) and not any(claim in value.value for claim in claims):
            shown.append(value.value)
    passages = [f"{passage.document} {passage.start}–{passage.end}" for passage in row.passages]
    return {"text": " · ".join(shown), "claims": claims, "passages": passages}


@router.get("/{lang}/claim/{key}")
def claim_page(request: Request, context: _Context, lang: Language, key: str) -> HTMLResponse:
    claim = in_words(context.describer(lang).claim(find_claim(context.reader, key)), lang, context.authors)
    return render(request, context, lang, "claim.html", title=str(claim["words"]), claim=claim, path=f"/claim/{key}")


@router.get("/{lang}/{folder}/{slug}")
def resource_page(
    request: Request, context: _Context, lang: Language, folder: Literal["id", "topic", "doc"], slug: str
) -> HTMLResponse:
    row_id = find_resource(context.reader, f"{context.base}{folder}/{slug}")
    item = context.describer(lang).entity(row_id)
    groups = [_group(group, lang, context.authors) for group in item["relations"]]
    item |= {
        "type_label": context.term_label(item["type"], lang),
        "definition": _definition(context, item["iri"], lang),
    }
    return render(
        request,
        context,
        lang,
        "entity.html",
        title=item["label"],
        item=item,
        path=f"/{folder}/{slug}",
        groups=groups,
        disagreements=[group for group in groups if disagree(group)],
        carried=_carried(context, slug) if folder == "doc" else 0,
    )


@router.get("/{lang}/{collection}")
def list_page(
    request: Request,
    context: _Context,
    lang: Language,
    collection: str,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> HTMLResponse:
    if collection not in _TILES or collection not in COLLECTIONS:
        raise NotFound(f"there is no page {collection}; there are {', '.join(_TILES)}")
    describer = context.describer(lang)
    shown: dict[str, Any] = {"title": say(collection, lang), "query": q, "next": None}
    if q:
        hits = search(context.reader, q, limit=100)
        items = [{**describer.reference(hit.iri), "matched": hit.name} for hit in hits]
        shown |= {"items": items, "total": len(items)}
    else:
        page = select(context.reader, Selection(collection=collection, language=lang, cursor=cursor), context.base)
        shown |= {"items": [describer.resource(row_id) for row_id in page.ids], "total": page.total}
        if page.next_cursor:
            shown["next"] = f"?cursor={page.next_cursor}"
    for item in shown["items"]:
        item.setdefault("matched", None)
        item["type_label"] = context.term_label(item["type"], lang)
    return render(request, context, lang, "list.html", **shown)


def in_words(claim: Item, language: str, authors: Authors) -> Item:
    """The claim with `words` (a Sentence), `value_words` and `inverse_of` (None) for a page."""
    return {
        **claim,
        "words": sentence(claim, language, authors),
        "value_words": value_in_words(claim, language),
        "inverse_of": None,
        "alone": False,
        "object": claim.get("object"),
        "note": claim.get("note"),
    }


def _group(group: Item, language: str, authors: Authors) -> Item:
    claims = []
    for claim in group["claims"]:
        shown = in_words(claim, language, authors)
        if group["inverse"]:
            # A number or a judgement says nothing without its whole sentence.
            shown["inverse_of"] = claim.get("subject")
            shown["alone"] = not shown["inverse_of"]
        claims.append(shown)
    indicator = group["claims"][0].get("indicator")
    named = indicator["label"] if indicator and indicator["id"] == group["relation"] else None
    title = named or heading(group["relation"], inverse=group["inverse"], language=language)
    return {"heading": title, "relation": group["relation"], "inverse": group["inverse"], "claims": claims}


def _definition(context: Context, iri: str, language: str) -> str | None:
    texts = {
        quad.object.language: quad.object.value
        for quad in context.match(ox.NamedNode(iri), SKOS_DEFINITION, None)
        if isinstance(quad.object, ox.Literal)
    }
    return texts.get(language) or texts.get("en")


def render(
    request: Request, context: Context, lang: str, template: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    root = str(request.scope.get("root_path", ""))
    path = request.url.path.removeprefix(root)
    html = TEMPLATES.get_template(template).render(
        lang=lang,
        root=root,
        rest=path[3:] + (f"?{request.url.query}" if request.url.query else ""),
        languages=LANGUAGES,
        say=partial(say, language=lang),
        link=partial(_link, root=root, lang=lang, base=context.base),
        document_language=context.document_language,
        **values,
    )
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Vary": "Accept"}
    return HTMLResponse(html, status_code=status, headers=headers)


def _link(item: Item, *, root: str, lang: str, base: str) -> str:
    """The page of a resource or claim of this graph; the IRI itself for anything else."""
    local = str(item["iri"]).removeprefix(base)
    return f"{root}/{lang}/{local}" if local.split("/")[0] in (*_FOLDERS, "claim") else str(item["iri"])
