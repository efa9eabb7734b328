"""What the REST API answers, for its description: names, types and meanings of every field.

Answers are written from plain values; the tests hold them to these models.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
Modality = Literal["asserted", "probable", "possible", "alleged", "planned", "recommended", "denied"]


class Model(BaseModel):
    """A closed object: what is not named here is not answered."""

    model_config = ConfigDict(extra="forbid")


class Reference(Model):
    """A resource, as far as a link needs it."""

    id: str = Field(description="Last part of the IRI.", examples=["interpol"])
    iri: str
    type: str | None = Field(description="Most specific class; null if the graph does not describe it.")
    label: str = Field(description="In the language asked for, else in English, French or Arabic.")


class Time(Model):
    """A time as the document gives it (EDTF), in words, and its bounds; a bound that is open is left out."""

    edtf: str = Field(examples=["2014-09/2015"])
    words: str
    earliest: str | None = Field(None, description="First day on which it may have begun.")
    beginsBy: str | None = Field(None, description="Day by which it had begun.")
    endsAfter: str | None = Field(None, description="Day until which it lasted at least.")
    latest: str | None = Field(None, description="Last day on which it may have ended.")


class Text(Model):
    """A text with its language."""

    value: str
    language: str | None


class Passage(Model):
    """Where a claim is written; with its words where the service holds the texts."""

    iri: str
    document: str
    start: int = Field(description="First code point.")
    end: int = Field(description="Code point after the last.")
    passageHash: str
    text: str | None = None
    before: str | None = None
    after: str | None = None


class Claim(Model):
    """A statement (subject, predicate, object), an observation (a number) or an assessment (a judgement)."""

    id: str = Field(examples=["d002.coalition-founded.founded.e2014"])
    iri: str
    type: Literal["Statement", "Observation", "Assessment"]
    document: str
    subject: Reference | None = None
    predicate: str | None = None
    object: Reference | Time | Text | None = None
    indicator: Reference | None = None
    observedFor: Reference | None = None
    value: str | None = Field(None, description="A decimal number as text: no digit is lost.")
    unit: str | None = Field(None, description="UCUM; 1 is a plain count")
    valueIs: str | None = Field(None, description="exact, about, at-least or at-most")
    assessmentOf: Reference | None = None
    aspect: Reference | None = None
    polarity: str | None = Field(None, description="positive, negative, mixed or neutral")
    modality: Modality
    rank: Literal["preferred", "normal", "deprecated"]
    direct: bool = Field(description="Whether a direct triple follows from it.")
    assertedBy: list[Reference] = []
    citedWork: list[Reference] = []
    onBehalfOf: list[Reference] = []
    occasion: list[Reference] = []
    breakdown: list[Reference] = []
    time: Time | None = Field(description="When it holds; null if the document does not say.")
    gloss: dict[str, str] | None = Field(None, description="What it says, in the editors' words, by language.")
    asWritten: str | None = Field(None, description="The expression of a vague value in the document.")
    note: str | None = Field(None, description="A note of the editors.")
    evidence: list[Passage]


class Name(Model):
    """A name that a document uses."""

    text: str
    language: str


class Resource(Reference):
    """An entity, document or concept as lists show it."""

    labels: dict[str, str]
    types: list[str]
    kinds: list[Reference]
    names: list[Name]
    contested: bool = Field(description="Whether what is said of it is direct only where an editor prefers it.")
    claimCount: int = Field(description="Number of claims about it.")


class Relation(Model):
    """The claims about a resource in one relation; `inverse`: the resource is not the subject but the value."""

    relation: str
    inverse: bool
    total: int = Field(description="Claims in this relation.")
    claims: list[Claim]
    next: str | None = Field(
        description="Where all claims in this relation are, page by page; null where none was left out."
    )


class Entity(Resource):
    """A resource with the claims about it: of each relation as many as were asked for."""

    truncated: bool = Field(description="Whether a relation has more claims than these; its `next` leads to all.")
    relations: list[Relation]


class Sparse(BaseModel):
    """An item of which only some fields were asked for."""

    model_config = ConfigDict(extra="allow")

    id: str


class FacetValue(Model):
    """A value of a facet and how many items of the selection have it."""

    value: str
    count: int


class PageOf(Model, Generic[T]):
    """One page of a list. The end is where `next` is null, not where a count says so."""

    items: list[T]
    total: int = Field(description="Items of the whole selection.")
    truncated: bool = Field(description="Whether there are more than these items.")
    next: str | None = Field(description="Where the next page is, relative to this one; null on the last.")


class ListOf(PageOf[T | Sparse], Generic[T]):
    """One page of a collection, with the counts of its facets if they were asked for."""

    facets: dict[str, list[FacetValue]] | None = None


class Match(Model):
    """Why a resource was found."""

    name: str = Field(description="The name, or the identifier or IRI that was typed.")
    language: str = Field(description="Of the name; empty for an identifier.")
    role: Literal["label", "name", "identifier"]
    how: Literal["identifier", "exact", "words", "part", "similar"]
    explanation: str = Field(description="The same in a sentence, in the language asked for.")


class Hit(Reference):
    """A resource that was found by name."""

    score: float = Field(description="From 0 to 1; 1 is the whole name.")
    matched: Match


class Hits(Model):
    """What was found, best first; `truncated` says that there may be more."""

    items: list[Hit]
    total: int
    truncated: bool


class PathStep(Model):
    """A step of a chain: the claims that carry it all say the same."""

    start: Reference
    predicate: str
    inverse: bool = Field(description="Whether the step goes from the object of the claims to their subject.")
    end: Reference
    claims: list[Claim]


class Path(Model):
    """A chain of claims from one resource to another."""

    length: int
    steps: list[PathStep]


class PathAnswer(Model):
    """The chains, shortest first."""

    start: Reference
    end: Reference
    items: list[Path]
    total: int
    truncated: bool = Field(description="Whether there may be more chains than these.")
    limit: str | None = Field(description="The limit at which the search stopped, in words.")


class Term(Model):
    """A class or property of the ontology."""

    id: str
    iri: str
    kind: Literal["class", "property"]
    label: str
    labels: dict[str, str]
    definition: str
    examples: list[str]
    notes: list[str]
    above: list[str] = Field(description="Superclasses or superproperties.")
    domain: list[str]
    range: list[str]
    claimable: bool = Field(description="Whether statements may use the property.")
    shapes: list[str] = Field(description="What the shapes demand, in words.")
    uses: int = Field(description="Resources and claims of the class, or claims and triples of the property.")


class Concept(Reference):
    """A concept of the vocabulary."""

    labels: dict[str, str]
    definition: str
    broader: list[str]
    uses: int = Field(description="Claims that speak of it.")


class Scheme(Model):
    """A list of concepts."""

    id: str
    iri: str
    label: str
    concepts: list[Concept]


class Vocabulary(Model):
    """What may be said: classes, properties, and the concepts by scheme."""

    terms: list[Term]
    schemes: list[Scheme]


class Negative(Model):
    """Why an answer, or a part of it, is negative."""

    reason: Literal["the documents deny it", "the documents do not say", "skipped as boilerplate"]
    detail: str = Field(description="What the documents have instead.")


class AboutQuestion(Model):
    """What a stored question is."""

    id: str
    title: str
    kind: str = Field(description="lookup, list, count, date, multi-hop, provenance, conflict or cross-document")
    negative: Negative | None
    notes: list[str] = Field(description="How the query reads the question.")


class QuestionSummary(AboutQuestion):
    """A stored query and the question that it answers."""

    query: str = Field(description="SPARQL 1.1; the prefixes of the project are known.")
    url: str


class Questions(Model):
    """The stored queries."""

    items: list[QuestionSummary]
    total: int


Cell = Annotated[Reference | Text | None, Field(description="A resource, a text, or null where nothing is bound.")]


class QuestionAnswer(PageOf[dict[str, Cell]], AboutQuestion):
    """The answer to a stored query, a page of it."""

    columns: list[str]


class ReviewPassage(Model):
    """Where a claim is written."""

    document: str
    start: int
    end: int


class ReviewItem(Model):
    """Something that an editor should look at."""

    query: str
    title: str
    severity: Literal["Warning", "Info"]
    values: dict[str, Any]
    claims: list[str]
    passages: list[ReviewPassage]
    notes: list[str] = Field(description="What the editors noted on the claims.")


class Problem(BaseModel):
    """What went wrong. RFC 9457; `type` is stable."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
