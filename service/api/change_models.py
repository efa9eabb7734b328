"""What the writing routes answer, for the description: outcomes, violations, history. The tests hold answers to these."""

from pydantic import ConfigDict, Field

from service.api.models import Model


class Delta(Model):
    """The quads that go and come, in N-Quads; the lines are null where there are more than 10,000."""

    removed: int
    added: int
    removedQuads: list[str] | None
    addedQuads: list[str] | None
    createdGraphs: list[str] = Field([])
    droppedGraphs: list[str] = Field([])


class Advice(Model):
    """What a shape warns of; the change is made all the same."""

    shape: str
    focus: str
    messages: dict[str, str] = Field(description="In each language of the shape.")


class QuestionChange(Model):
    """A stored question whose answer the change alters."""

    name: str
    title: str
    rowsGone: int
    rowsNew: int


class Outcome(Model):
    """What a change did, or with `dry-run=true` would do."""

    version: int = Field(description="The version that it made; the present one where nothing is changed.")
    dryRun: bool
    delta: Delta
    direct: Delta = Field(description="The part of it that is derived: the direct triples.")
    wholeGraphValidated: bool = Field(description="Whether it had to be held against the shapes with the whole graph.")
    warnings: list[Advice]
    questions: list[QuestionChange] | None = Field(
        None, description="Of a dry run; null where the graph is too large to answer all of them twice."
    )


class Locator(Model):
    """Where in a document: code points from start to before end."""

    document: str
    start: int
    end: int


class Violation(Model):
    """A shape or rule that is broken."""

    shape: str
    focus: str
    path: str | None
    value: str | None
    messages: dict[str, str] = Field(description="In each language of the shape.")
    passages: list[Locator]


class Report(Model):
    """Whether data conform to the shapes, and what storing them would change."""

    conforms: bool
    violations: list[Violation]
    delta: Delta


class Change(Model):
    """A change of the history."""

    # Whoever makes a change may have more said of it, as `undoes`.
    model_config = ConfigDict(extra="allow")

    version: int
    agent: str | None = Field(None, description="The name of the key that it was made with.")
    time: str | None = None
    message: str | None = None
    removed: int
    added: int
    url: str


class ChangeWithQuads(Change):
    """A change with what it did."""

    delta: Delta


class ChangePage(Model):
    """The history, the latest first."""

    version: int = Field(description="The present version.")
    total: int
    items: list[Change]
    next: str | None


class Difference(Model):
    """What leads from one version to another."""

    before: int = Field(alias="from")
    after: int = Field(alias="to")
    delta: Delta
