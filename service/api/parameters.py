"""Query parameters of the REST API, read strictly: an unknown name or value is a 400 that says what there is."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import parse_qsl, urlencode

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import BadRequest, MarsadError, NotFound
from service.graph.selection import MAX_PAGE, PAGE, Mode, Selection, period_of

Modality = Literal["asserted", "probable", "possible", "alleged", "planned", "recommended", "denied"]
SLUG = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
Slug = Annotated[str, Field(pattern=SLUG, max_length=200)]
ClassName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]*$", max_length=60)]
DocumentName = Annotated[str, Field(pattern=r"^d[0-9]{3,6}$")]


class LanguageParameters(BaseModel):
    """Parameters of every description."""

    model_config = ConfigDict(extra="forbid")

    lang: Literal["en", "fr", "ar"] = Field(
        "en", description="Language of `label` and of dates in words.", examples=["fr"]
    )
    format: str | None = Field(
        None,
        description="Overrides `Accept`: json, csv, ttl, trig, nt, nq, jsonld, rdf or graphml, where there are such forms.",
        max_length=10,
        examples=["json"],
    )


class EntityParameters(LanguageParameters):
    """Parameters of a resource with its claims."""

    limit: int = Field(
        PAGE,
        ge=1,
        le=MAX_PAGE,
        description="Claims of each relation, at most; its `total` counts them, and its `next` leads to all.",
        examples=[5],
    )


class FilterParameters(BaseModel):
    """Filters of a collection. A repeated filter means "one of these"."""

    model_config = ConfigDict(extra="forbid")

    q: str | None = Field(
        None,
        max_length=200,
        description="Words of a name, in any language; the start of a word is enough.",
        examples=["interpol"],
    )
    type: list[ClassName] = Field(
        [],
        description="Class of the ontology, subclasses included; of claims Statement, Observation or Assessment.",
        examples=[["Person"]],
    )
    kind: list[Slug] = Field(
        [],
        description="Kind of a resource, or of one that the claim is about; narrower ones included.",
        examples=[["armed-group"]],
    )
    topic: list[Slug] = Field(
        [], description="Concept that a claim speaks of, narrower ones included.", examples=[["terrorism"]]
    )
    place: list[Slug] = Field(
        [], description="Place that a claim names as place, area of operation or target.", examples=[["morocco"]]
    )
    document: list[DocumentName] = Field([], description="Document that carries the claim.", examples=[["d001"]])
    asserter: list[Slug] = Field([], description="Who asserts the claim.", examples=[["ires"]])
    modality: list[Modality] = Field([], description="How firmly it is asserted.", examples=[["alleged", "denied"]])
    relation: list[Annotated[str, Field(pattern=r"^[a-z][A-Za-z]*$", max_length=60)]] = Field(
        [], description="Property of a statement.", examples=[["heldPost"]]
    )
    related: list[Slug] = Field([], description="Entity that the claim speaks of.", examples=[["interpol"]])
    subject: list[Slug] = Field(
        [], description="What the claim says something of: subject, observed or judged.", examples=[["bcij"]]
    )
    object: list[Slug] = Field(
        [], description="What is said of it: value, indicator, breakdown or aspect.", examples=[["rabat"]]
    )
    begin: str | None = Field(
        None, alias="from", max_length=40, description="First day of the period, as EDTF.", examples=["2014-09"]
    )
    end: str | None = Field(
        None, alias="to", max_length=40, description="Last day of the period, as EDTF.", examples=["2016"]
    )
    mode: Mode = Field(
        "possibly",
        description="Whether the claim's time possibly or certainly touches the period.",
        examples=["certainly"],
    )


class SelectionParameters(LanguageParameters, FilterParameters):
    """Filters, order and paging of a collection."""

    sort: str = Field(
        "", max_length=20, description="label, claims or slug; for claims position, time or key. `-` reverses."
    )
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE, description="Items of a page.", examples=[20])
    cursor: str | None = Field(None, max_length=400, description="From a `next` link; never made by hand.")
    facets: str = Field(
        "false",
        max_length=100,
        description="Counts for values of filters, the total that each would give: true for the usual ones, all, or names"
        " with commas between, as type,topic.",
        examples=["true", "topic,place"],
    )
    fields: str | None = Field(
        None,
        max_length=400,
        description="Names of the fields wanted, with commas between; `id` is always there.",
        examples=["iri,type"],
    )

    def selection(self, collection: str) -> Selection:
        """The request as the one object that lists, facets, files and pages are made from."""
        begin, end = period_of(self.begin, self.end)
        return Selection(
            collection=collection,
            text=self.q,
            types=tuple(self.type),
            kinds=tuple(self.kind),
            topics=tuple(self.topic),
            places=tuple(self.place),
            documents=tuple(self.document),
            asserters=tuple(self.asserter),
            modalities=tuple(self.modality),
            predicates=tuple(self.relation),
            related=tuple(self.related),
            subjects=tuple(self.subject),
            objects=tuple(self.object),
            begin=begin,
            end=end,
            mode=self.mode,
            language=self.lang,
            sort=self.sort,
            limit=self.limit,
            cursor=self.cursor,
        )


_LISTED = frozenset(
    name for name, field in FilterParameters.model_fields.items() if get_origin(field.annotation) is list
)


def read_selection(collection: str, query: str) -> tuple[Selection, str]:
    """The selection that a query string of filters names, and the same query in its one form: sorted, nothing empty.

    Raises BadRequest: a parameter is none of the filters, or its value is not understood.
    """
    try:
        pairs = sorted({(name, value) for name, value in parse_qsl(query, errors="strict")})
    except UnicodeDecodeError:
        raise BadRequest("the parameters are not UTF-8") from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in _LISTED:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise BadRequest(f"{name}: is given twice")
        else:
            values[name] = value
    try:
        filters = FilterParameters.model_validate(values)
    except ValidationError as error:
        known = sorted(field.alias or name for name, field in FilterParameters.model_fields.items())
        faults = [f"{fault['loc'][0]}: {_advice(fault, known)}" for fault in error.errors()]
        raise BadRequest(f"a selection is all that its filters find: {'; '.join(faults)}") from error
    selection = SelectionParameters(**filters.model_dump(by_alias=True)).selection(collection)
    return selection, urlencode(pairs)


SelectionQuery = Annotated[SelectionParameters, Query()]
FilterQuery = Annotated[FilterParameters, Query()]
EntityQuery = Annotated[EntityParameters, Query()]
LanguageQuery = Annotated[LanguageParameters, Query()]


def explain(request: Request, error: RequestValidationError) -> tuple[MarsadError, list[dict[str, str]]]:
    """What is wrong with the parameters of a request: the error in words, and each fault with its parameter.

    A fault in the path is a NotFound: no such resource can exist. Everything else is a BadRequest.
    """
    known = _known_parameters(request)
    faults = [
        {
            "parameter": str(fault["loc"][1] if len(fault["loc"]) > 1 else fault["loc"][0]),
            "message": _advice(fault, known),
        }
        for fault in error.errors()
    ]
    detail = "; ".join(f"{fault['parameter']}: {fault['message']}" for fault in faults)
    in_path = any(fault["loc"][0] == "path" for fault in error.errors())
    if any(tuple(fault["loc"]) == ("path", "lang") for fault in error.errors()):
        detail = f"there is nothing at {request.url.path}; pages begin with /en, /fr or /ar"
    return (NotFound if in_path else BadRequest)(detail), faults


def refuse_unknown(request: Request) -> None:
    """Raise BadRequest where a query parameter is none of the route's. A dependency of whole routers."""
    unknown = sorted(set(request.query_params) - set(known := _known_parameters(request)))
    if unknown:
        raise BadRequest("; ".join(f"{name}: {_unknown_name(name, known)}" for name in unknown))


def _known_parameters(request: Request) -> list[str]:
    """The names of the query parameters of the route that the request came to."""
    return sorted(set(_names_of(getattr(request.scope.get("route"), "dependant", None))))


def _names_of(dependant: Any) -> list[str]:
    names: list[str] = []
    for parameter in getattr(dependant, "query_params", ()):
        model = parameter.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            names += [field.alias or name for name, field in model.model_fields.items()]
        else:
            names.append(parameter.alias)
    for inner in getattr(dependant, "dependencies", ()):
        names += _names_of(inner)
    return names


def _advice(fault: Any, known: list[str]) -> str:
    return _unknown_name(str(fault["loc"][-1]), known) if fault["type"] == "extra_forbidden" else str(fault["msg"])


def _unknown_name(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"there is no such parameter; did you mean {near[0]}?"
    return f"there is no such parameter; {'there are ' + ', '.join(known) if known else 'none is taken here'}"
