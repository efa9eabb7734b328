"""Pages of the lists: the selection that the API and the files have too, with facets to narrow it."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import ConfigDict

from service.api.context import Context, context_of
from service.api.interface_text import say
from service.api.pages import in_words, not_modified, render
from service.api.parameters import FilterParameters, SelectionParameters
from service.errors import NotFound
from service.graph.describe import Describer, Item
from service.graph.search import search
from service.graph.selection import COLLECTIONS, Selection, facet_names, facets, select
from service.graph.words import heading

router = APIRouter(include_in_schema=False, dependencies=[Depends(not_modified)])
_Context = Annotated[Context, Depends(context_of)]
# Values of a facet on a page; the API has the others.
_MOST_SHOWN = 12
# Names that are like what was typed, where it is more than part of one.
_CLOSEST = 8
_FORMS = (("csv", "CSV"), ("jsonld", "JSON-LD"), ("ttl", "Turtle"), ("graphml", "GraphML"))
_FOLDERS = {"kind": "topic", "topic": "topic", "document": "doc", "asserter": "id", "place": "id"}
_ANYTHING = ("related", "subject", "object")
_HEADINGS = {
    "q": "Name",
    "type": "Type",
    "kind": "Kind",
    "document": "Document",
    "modality": "Firmness",
    "relation": "Relation",
    "asserter": "Asserted by",
    "topic": "Topic",
    "place": "Place",
    "related": "Speaks of",
    "subject": "Subject",
    "object": "Object",
    "from": "From",
    "to": "To",
    "mode": "In the period",
}


class PageParameters(FilterParameters):
    """The filters of a list and its place; what else a visitor's address has is passed over."""

    model_config = ConfigDict(extra="ignore")

    sort: str = ""
    cursor: str | None = None


@router.get("/{lang}/{collection}")
def list_page(
    request: Request,
    context: _Context,
    lang: Literal["en", "fr", "ar"],
    collection: str,
    parameters: Annotated[PageParameters, Query()],
) -> HTMLResponse:
    """One page of a selection, the counts of its facets, and where it is as a file."""
    if collection not in COLLECTIONS:
        raise NotFound(f"there is no page {collection}; there are {', '.join(COLLECTIONS)}")
    selection = SelectionParameters(**parameters.model_dump(by_alias=True), lang=lang).selection(collection)
    chosen = _filters(parameters)
    with context.snapshot() as connection:
        page = select(connection, selection, context.base)
        counted = facets(connection, selection, context.base, facet_names(collection, "all"))
        describer = context.describer(lang)
        shown: dict[str, Any] = {"claims": [], "items": [], "closest": _closest(context, chosen, describer)}
        if selection.of_claims:
            shown["claims"] = [
                {**in_words(one, lang, context.authors), "alone": True} for one in describer.claims(page.ids)
            ]
        else:
            shown["items"] = [_with_type(context, describer.resource(row_id), lang) for row_id in page.ids]
        sections = [
            _section(name, values, chosen, _Labels(context, describer, selection)) for name, values in counted.items()
        ]
        labels = _Labels(context, describer, selection)
        title = _title(chosen, labels)
        chips = [
            {"name": say(_HEADINGS[name], lang), "value": labels.of(name, value), "without": _url(chosen, name, value)}
            for name, value in chosen
        ]
    following = (
        f"?{urlencode([*chosen, *_order(selection), ('cursor', page.next_cursor)])}" if page.next_cursor else None
    )
    query = f"?{urlencode(chosen)}" if chosen else ""
    return render(
        request,
        context,
        lang,
        "list.html",
        title=title,
        total=page.total,
        next=following,
        query=parameters.q or "",
        begin=parameters.begin or "",
        end=parameters.end or "",
        mode=parameters.mode,
        kept=[(name, value) for name, value in chosen if name not in ("q", "from", "to", "mode")],
        chips=chips,
        facets=[section for section in sections if section["values"]],
        files=[(label, f"/api/v1/{collection}.{suffix}{query}") for suffix, label in _FORMS],
        **shown,
    )


def _filters(parameters: PageParameters) -> list[tuple[str, str]]:
    """The filters that are set, as pairs of a query string."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.model_dump(by_alias=True, exclude={"sort", "cursor"}, exclude_defaults=True).items():
        pairs += [(name, str(one)) for one in (value if isinstance(value, list) else [value]) if one]
    return pairs


def _order(selection: Selection) -> list[tuple[str, str]]:
    return [("sort", selection.sort)] if selection.sort else []


def _url(chosen: list[tuple[str, str]], name: str, value: str) -> str:
    """The same selection without one value of a filter."""
    return f"?{urlencode([pair for pair in chosen if pair != (name, value)])}"


def _closest(context: Context, chosen: list[tuple[str, str]], describer: Describer) -> list[Item]:
    """Names that are like what was typed, slips included, where nothing else was asked for."""
    if [name for name, _ in chosen] != ["q"]:
        return []
    hits = search(describer.connection, chosen[0][1], limit=_CLOSEST, language=describer.language)
    found = [{**describer.reference(hit.iri), "matched": hit.name} for hit in hits]
    return [_with_type(context, item, describer.language) for item in found]


def _with_type(context: Context, item: Item, lang: str) -> Item:
    return {**item, "type_label": context.term_label(item["type"], lang)}


class _Labels:
    """The words for the values of filters."""

    def __init__(self, context: Context, describer: Describer, selection: Selection) -> None:
        self._context, self._describer, self.selection = context, describer, selection
        self.language = describer.language

    def of(self, name: str, value: str) -> str:
        """What a reader reads for a value; the value itself where it stands for itself."""
        if name == "type":
            return self._context.term_label(value, self.language)
        if name == "relation":
            return heading(value, inverse=False, language=self.language)
        if name == "modality":
            return say(value, self.language)
        if name == "mode":
            return say("certainly", self.language)
        if name in _FOLDERS:
            return str(self._describer.reference(f"{self._context.base}{_FOLDERS[name]}/{value}")["label"])
        if name in _ANYTHING:
            found = [
                self._describer.reference(f"{self._context.base}{folder}/{value}") for folder in ("id", "topic", "doc")
            ]
            return str(next((one["label"] for one in found if one["type"]), value))
        return value


def _section(name: str, values: list[tuple[str, int]], chosen: list[tuple[str, str]], labels: _Labels) -> Item:
    """A facet: its most frequent values with their counts, each leading to the selection with it as this filter."""
    others = [pair for pair in chosen if pair[0] != name]
    return {
        "heading": say(_HEADINGS[name], labels.language),
        "more": max(0, len(values) - _MOST_SHOWN),
        "opened": any(pair[0] == name for pair in chosen),
        "values": [
            {
                "label": labels.of(name, value),
                "count": count,
                "chosen": (name, value) in chosen,
                "url": f"?{urlencode([*others, (name, value)])}",
            }
            for value, count in values[:_MOST_SHOWN]
        ],
    }


def _title(chosen: list[tuple[str, str]], labels: _Labels) -> str:
    """The name of what the claims are of, where one document or asserter was asked for; else that of the list."""
    if labels.selection.of_claims and len(chosen) == 1 and chosen[0][0] in ("document", "asserter"):
        return labels.of(*chosen[0])
    return say(labels.selection.collection, labels.language)
