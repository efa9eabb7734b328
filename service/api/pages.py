"""HTML pages, rendered on the server from the index: start, lists, entities, documents, claims, questions, review."""

import re
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Annotated, Any, Literal

import jinja2
import pyoxigraph as ox
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context, context_of
from service.api.interface_text import LANGUAGES, say
from service.api.linked_data import wanted_language
from service.api.problems import Problem
from service.api.representation import check_not_modified, read_headers
from service.errors import BadRequest, InvalidEdtf, MarsadError, NotFound
from service.graph.ask import ask
from service.graph.counts import KINDS, MODALITIES, count_claims
from service.graph.describe import Describer, Item, find_claim, find_resource
from service.graph.edtf_words import in_words as date_in_words
from service.graph.questions import Question, find_question, questions
from service.graph.review import ReviewRow
from service.graph.selection import PAGE, Selection, select
from service.graph.words import Authors, heading, number_in_words, place_on_page, sentence, value_in_words
from service.paths import EXPLORER, ontology_dir
from service.rdf.iris import local_name
from service.rdf.namespaces import EDTF, NS, SKOS_DEFINITION, XSD_DECIMAL, XSD_INTEGER, prefixes
from service.store.base import Answer

Language = Literal["en", "fr", "ar"]
_Context = Annotated[Context, Depends(context_of)]


def not_modified(request: Request, context: _Context) -> None:
    """Answers 304 to who has the page already; what a visitor types as a query is asked anew each time."""
    if "query" not in request.query_params:
        check_not_modified(request, context)


router = APIRouter(include_in_schema=False, dependencies=[Depends(not_modified)])
_TILES = ("entities", "actors", "institutions", "threats", "agreements", "events", "measures", "documents", "topics")
_FOLDERS = ("id", "topic", "doc")
# Bytes of an answer that the query page shows: about two thousand rows; more is for programs.
_MOST_SHOWN = 500_000
# A number of four digits may be a year, which nobody writes in groups.
_LONG_NUMBER = re.compile(r"-?(\d{5,}|\d+\.\d+)")
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
    root, language = request.scope.get("root_path", ""), wanted_language(request)
    return RedirectResponse(f"{root}/{language}", status_code=302, headers={"Vary": "Accept-Language"})


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
        counts=count_claims(context.reader),
        counted=(*KINDS, *MODALITIES),
        questions=_one_of_each_kind(questions(ontology_dir(context.settings))),
        reviews=context.reviewed(),
    )


def _one_of_each_kind(listed: list[Question]) -> list[Question]:
    """The first question of each kind: what a visitor may start from."""
    firsts = {question.kind: question for question in reversed(listed)}
    return sorted(firsts.values(), key=lambda question: question.name)


def _with_carried(context: Context, document: Item) -> Item:
    return {**document, "carried": _carried(context, document["id"])}


def _carried(context: Context, document: str) -> int:
    return select(context.reader, Selection(collection="claims", documents=(document,), limit=1), context.base).total


def _asserted(context: Context, actor: str) -> int:
    return select(context.reader, Selection(collection="claims", asserters=(actor,), limit=1), context.base).total


def editor(app: ASGIApp) -> ASGIApp:
    """The query page as an application that answers wherever it is called."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "path": f"{scope.get('root_path', '')}/en/query", "method": "GET"}, receive, send)

    return answer


@router.get("/{lang}/query")
async def query_page(
    request: Request, context: _Context, lang: Language, query: Annotated[str, Query(max_length=65536)] = ""
) -> HTMLResponse:
    answer = await _answer(context, query, lang)
    shown = {"title": "SPARQL", "query": query or _FIRST_QUERY, **answer}
    return render(request, context, lang, "query.html", lasting=not query, **shown)


@router.get("/{lang}/questions")
def questions_page(request: Request, context: _Context, lang: Language) -> HTMLResponse:
    kinds: dict[str, list[Question]] = {}
    for question in questions(ontology_dir(context.settings)):
        kinds.setdefault(question.kind, []).append(question)
    return render(request, context, lang, "questions.html", title=say("Questions", lang), kinds=sorted(kinds.items()))


@router.get("/{lang}/questions/{name}")
async def question_page(request: Request, context: _Context, lang: Language, name: str) -> HTMLResponse:
    question = find_question(ontology_dir(context.settings), name)
    answer = await _answer(context, question.text, lang)
    title = question.titles.get(lang, question.title)
    return render(
        request,
        context,
        lang,
        "question.html",
        lasting=not answer["problem"],
        title=title,
        question=question,
        query=question.text,
        **answer,
    )


async def _answer(context: Context, query: str, lang: str) -> Item:
    """What a query found, or why it was refused, as the tables of the pages show it."""
    shown: Item = {"columns": [], "rows": [], "problem": "", "asked": bool(query)}
    if query:
        try:
            shown |= await _rows(context, query, lang)
        except MarsadError as error:
            shown["problem"] = str(error)
    return shown


async def _rows(context: Context, text: str, lang: str) -> Item:
    answer = await ask(context.store, text, context.settings, prefixes(context.base))
    whole = b""
    async for chunk in _chunks(answer):
        whole += chunk
        if len(whole) > _MOST_SHOWN:
            await answer.close()
            raise BadRequest("the answer is too long for a page; add a LIMIT, or ask /sparql, which streams it")
    if whole[:1] != b"{":
        return {"columns": ["RDF"], "rows": [[_plain(whole.decode())]]}
    parsed = ox.parse_query_results(whole, ox.QueryResultsFormat.JSON)
    if isinstance(parsed, ox.QueryBoolean):
        return {"columns": ["ASK"], "rows": [[_plain("true" if parsed else "false")]]}
    assert isinstance(parsed, ox.QuerySolutions)
    names = [variable.value for variable in parsed.variables]
    describer = context.describer(lang)
    rows = [[_cell(context, describer, solution[name]) for name in names] for solution in parsed]
    return {"columns": names, "rows": rows}


async def _chunks(answer: Answer) -> AsyncIterator[bytes]:
    if answer.whole is not None:
        yield answer.whole
        return
    async for chunk in answer.chunks():
        yield chunk


def _plain(text: str, *, link: str | None = None, language: str | None = None, code: str | None = None) -> Item:
    """A cell of a table: its text, where it leads, the language of the text, and what stands in the graph for it."""
    return {"text": text, "link": link, "language": language, "code": code}


def _cell(context: Context, describer: Describer, term: object) -> Item:
    """A term as readers read it: labels for resources, words for dates, claims in words."""
    if isinstance(term, ox.NamedNode):
        return _resource_cell(context, describer, term)
    if not isinstance(term, ox.Literal):
        return _plain("" if term is None else str(term))
    if term.datatype == EDTF:
        return _plain(_date_or_text(term.value, describer.language), code=term.value)
    if term.datatype in (XSD_INTEGER, XSD_DECIMAL) and _LONG_NUMBER.fullmatch(term.value):
        return _plain(number_in_words(term.value, None, describer.language))
    return _plain(term.value, language=term.language)


def _date_or_text(edtf: str, language: str) -> str:
    """The date in words; the text itself where a query made up something that is no date."""
    try:
        return date_in_words(edtf, language)
    except InvalidEdtf:
        return edtf


def _resource_cell(context: Context, describer: Describer, node: ox.NamedNode) -> Item:
    folder, _, name = node.value.removeprefix(context.base).partition("/")
    if node.value.startswith(NS):
        return _plain(context.term_label(local_name(node), describer.language), link="/ns", code=local_name(node))
    if not node.value.startswith(context.base) or folder not in (*_FOLDERS, "claim"):
        return _plain(node.value)
    link = f"/{describer.language}/{folder}/{name}"
    try:
        if folder == "claim":
            claim = describer.claim(find_claim(context.reader, name))
            return _plain(sentence(claim, describer.language, context.authors).what, link=link, code=name)
    except NotFound:
        return _plain(name)
    found = describer.reference(node.value)
    if found["type"] is not None:
        return _plain(str(found["label"]), link=link, code=name)
    # Words of the model, as "asserted", have no page.
    return _plain(say(name, describer.language))


@router.get("/{lang}/review")
def review_page(request: Request, context: _Context, lang: Language) -> HTMLResponse:
    describer = context.describer(lang)
    sections = [
        {
            "name": section.query.name,
            "title": section.query.titles.get(lang, section.query.title),
            "rows": [_review_row(context, row, describer) for row in section.rows],
        }
        for section in context.reviewed()
    ]
    return render(request, context, lang, "review.html", title=say("Review", lang), reviews=sections)


def _review_row(context: Context, row: ReviewRow, describer: Describer) -> Item:
    """The claims of a row in words; what else it says, and all that a row without claims says, as text."""
    claims = _claims_in_words(context, row.claims, describer.language)
    shown = []
    for name, value in row.values.items():
        if isinstance(value, ox.Literal) and (not claims or name == "sources"):
            shown.append(_plain(value.value, language=value.language) | {"name": name})
        elif isinstance(value, ox.NamedNode) and not claims:
            shown.append(_resource_cell(context, describer, value) | {"name": name})
    return {"values": shown, "claims": claims, "notes": row.notes}


@router.get("/{lang}/claim/{key}")
def claim_page(request: Request, context: _Context, lang: Language, key: str) -> HTMLResponse:
    claim = in_words(context.describer(lang).claim(find_claim(context.reader, key)), lang, context.authors)
    return render(request, context, lang, "claim.html", title=str(claim["words"]), claim=claim, path=f"/claim/{key}")


@router.get("/{lang}/{folder}/{slug}")
def resource_page(
    request: Request, context: _Context, lang: Language, folder: Literal["id", "topic", "doc"], slug: str
) -> HTMLResponse:
    row_id = find_resource(context.reader, f"{context.base}{folder}/{slug}")
    item = context.describer(lang).entity(row_id, limit=PAGE)
    relations = sorted(item["relations"], key=lambda one: place_on_page(one["relation"], inverse=one["inverse"]))
    groups = [_group(group, lang, context.authors) for group in relations]
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
        differences=_differences(context, item["iri"], lang),
        carried=_carried(context, slug) if folder == "doc" else 0,
        asserted=_asserted(context, slug) if folder == "id" else 0,
    )


def _differences(context: Context, iri: str, lang: str) -> list[Item]:
    """What differs comes first on a page, of all that is said of a thing: nobody should read one value and leave."""
    mine = context.describer(lang).claims_about(iri)
    differences: dict[str, Item] = {}
    for query, row in context.differing(mine):
        found = differences.setdefault(query.name, {"heading": query.titles.get(lang, query.title), "rows": []})
        found["rows"].append([shown | {"alone": True} for shown in _claims_in_words(context, row.claims, lang)])
    return list(differences.values())


def _claims_in_words(context: Context, claims: Iterable[ox.NamedNode], lang: str) -> list[Item]:
    describer = context.describer(lang)
    rows = [find_claim(context.reader, local_name(claim)) for claim in claims]
    return [in_words(claim, lang, context.authors) for claim in describer.claims(rows)]


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
    return {"heading": title, "claims": claims, "total": group["total"], "filters": group["filters"]}


def _definition(context: Context, iri: str, language: str) -> str | None:
    texts = {
        quad.object.language: quad.object.value
        for quad in context.match(ox.NamedNode(iri), SKOS_DEFINITION, None)
        if isinstance(quad.object, ox.Literal)
    }
    return texts.get(language) or texts.get("en")


def render(
    request: Request, context: Context, lang: str, template: str, *, lasting: bool = True, **values: Any
) -> HTMLResponse:
    """A page with its validator. Not `lasting`: one that may be another the next time, with the same graph."""
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
    headers = read_headers(request, context) if lasting else {"Cache-Control": "no-store", "Vary": "Accept"}
    return HTMLResponse(html, headers=headers | {"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def problem_page(request: Request, problem: Problem) -> Response:
    """What is wrong, as a page in the reader's language, with a way on."""
    root = str(request.scope.get("root_path", ""))
    path = request.url.path.removeprefix(root)
    first, _, rest = path.removeprefix("/").partition("/")
    spoken = first in dict(LANGUAGES)
    lang = first if spoken else wanted_language(request)
    html = TEMPLATES.get_template("problem.html").render(
        lang=lang,
        root=root,
        rest=f"/{rest}" if spoken and rest else "" if spoken else path,
        languages=LANGUAGES,
        say=partial(say, language=lang),
        title=say(str(problem.members["title"]), lang),
        problem=problem.members,
    )
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Language", **problem.headers}
    return HTMLResponse(html, problem.status, headers | {"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def _link(item: Item, *, root: str, lang: str, base: str) -> str:
    """The page of a resource or claim of this graph; the IRI itself for anything else."""
    local = str(item["iri"]).removeprefix(base)
    return f"{root}/{lang}/{local}" if local.split("/")[0] in (*_FOLDERS, "claim") else str(item["iri"])
