"""What can go wrong, without any HTTP: `api/problems.py` alone turns these into statuses.

MarsadError
├── ConfigurationError      a setting is wrong or missing; the message says which and what to set
├── BadRequest              a request names a parameter or value that is not understood
├── NotAcceptable           no form of the answer is one that the client accepts; holds the forms there are
├── NotFound                a name, IRI, claim or document that does not exist
├── SourceErrors            the YAML of `data/` cannot be compiled; holds every single SourceError
├── OntologyError           `ontology/` is not what the compiler needs, or a shape is not valid SHACL
├── InvalidGraph            the graph breaks shapes; holds every violation
├── StalePassage            a locator no longer fits the text of its document
├── InvalidEdtf             a date is not EDTF of the kind that Marsad reads
├── UnwritableRdf           a term or graph that a format cannot carry
├── MalformedRdf            a text is not the RDF it is said to be
├── ExportFault             an export cannot be written where it is asked for, or is not what its manifest says
├── TextsMissing            a passage was asked for and the texts of the documents are not at hand
├── QueryError              a SPARQL text that cannot be answered as it stands; knows the place where there is one
│   ├── QuerySyntaxError    it is not SPARQL 1.1
│   ├── UnknownFunction     it calls a function that the engine does not have
│   ├── UnknownGraph        its dataset names a graph that is not in the store
│   └── RemoteAccess        it asks for a request to another host (SERVICE, LOAD)
├── LimitExceeded           a limit was reached; names the limit, its value and the setting that changes it
│   ├── QueryTooLarge       the text, its nesting or a chain of operators is beyond what the engine survives
│   ├── BodyTooLarge        the body of a request is beyond the limit
│   ├── DeadlineExceeded    the query was stopped at its deadline
│   ├── MemoryExceeded      the query was stopped at its memory limit
│   └── QueueFull           no worker is free and the queue is full, or the wait outlasted the deadline
├── QueryCancelled          somebody cancelled the query
├── EngineFailure           the engine failed while it answered; other queries go on
├── AnswerCut               an answer ended early; what came before is not the whole answer
├── StoreUnavailable        the store is starting, stopping, or lost its replica
├── BackupFault             a backup is damaged or none, or the files of a store do not fit together
├── StorageFailed           the disk did not take a change: it is full, read-only or broken
├── ChangeRefused           a change breaks a shape or a rule of the graph; holds everything that is wrong
├── ChangeConflict          a change does not fit what is there by now
│   └── PreconditionFailed  what is to be replaced is not what the client has seen
│       └── PreconditionRequired  the client does not say what it has seen
├── Forbidden               a key is missing, wrong, expired, or not for this
└── ReadOnly                a change was asked for where none are taken
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# Of what is wrong with a change, the lines of the message: more are read in the list, not in a sentence.
_MOST_LINES = 20


class Violation(Protocol):
    """One thing that a shape finds wrong; see `graph.validation.ValidationResult`."""

    @property
    def shape(self) -> str: ...

    @property
    def focus(self) -> object: ...

    def message(self) -> str: ...


class MarsadError(Exception):
    """Base of every error that Marsad raises on purpose; its text is meant for the user."""


class ConfigurationError(MarsadError):
    """A setting is wrong or missing; the message says which and what to set."""


class BadRequest(MarsadError):
    """A request names a parameter or a value that is not understood; the message says what is."""


class NotAcceptable(MarsadError):
    """No form of the answer is one that the client accepts; `offers` are the media types that there are."""

    def __init__(self, offers: Sequence[str]) -> None:
        self.offers = tuple(offers)
        super().__init__(f"none of the formats that there are is acceptable: {', '.join(self.offers)}")


class NotFound(MarsadError):
    """A name, IRI, claim or document that does not exist."""


class TextsMissing(MarsadError):
    """A passage was asked for and the texts of the documents are not at hand."""


@dataclass(frozen=True, slots=True, order=True)
class SourceError:
    """One thing that is wrong in the YAML of `data/`: where it stands and how to mend it.

    `file` is relative to the data folder, `line` is one-based; `fact` and `key` are empty where the fault is in none.
    Sorts by file and line.
    """

    file: str
    line: int
    fact: str
    key: str
    message: str

    def __str__(self) -> str:
        what = ".".join(part for part in (self.fact, self.key) if part)
        return f"{self.file}:{self.line}: {what + ': ' if what else ''}{self.message}"


class SourceErrors(MarsadError):
    """The YAML of `data/` cannot be compiled; `errors` holds everything that is wrong, sorted by file and line."""

    def __init__(self, errors: list[SourceError]) -> None:
        self.errors = sorted(set(errors))
        noun = "error" if len(self.errors) == 1 else "errors"
        super().__init__("\n".join([*map(str, self.errors), f"{len(self.errors)} {noun} in the data"]))


class OntologyError(MarsadError):
    """`ontology/` is not what the compiler needs, or a shape is not valid SHACL."""


class StalePassage(MarsadError):
    """A locator no longer fits the text of its document."""


class InvalidEdtf(MarsadError):
    """A date is not EDTF of the kind that Marsad reads; the message says what is wrong and what is allowed."""


class UnwritableRdf(MarsadError):
    """A term or graph that a format cannot carry; the message names the term and a format that can."""


class MalformedRdf(MarsadError):
    """A text is not the RDF it is said to be; the message says where."""


class ExportFault(MarsadError):
    """An export cannot be written where it is asked for, or is not what its manifest says."""


class QueryError(MarsadError):
    """A SPARQL text that cannot be answered as it stands.

    `line` and `column` are one-based, in code points; None where the fault has no single place. `token` is the text
    at that place.
    """

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, token: str | None = None
    ) -> None:
        self.message, self.line, self.column, self.token = message, line, column, token
        place = "" if line is None else f"line {line}, column {column}: "
        super().__init__(place + message)


class QuerySyntaxError(QueryError):
    """A text that is not SPARQL 1.1."""


class UnknownFunction(QueryError):
    """A call of a function that the engine does not have."""


class UnknownGraph(QueryError):
    """A dataset that names a graph which is not in the store; nothing is ever fetched."""


class RemoteAccess(QueryError):
    """A request to another host (SERVICE, LOAD) that no setting allows."""


class LimitExceeded(MarsadError):
    """A limit was reached. `limit` says which, `value` what it is, `setting` what changes it."""

    def __init__(self, message: str, *, limit: str, value: float, setting: str) -> None:
        self.limit, self.value, self.setting = limit, value, setting
        super().__init__(message)


class QueryTooLarge(LimitExceeded):
    """A query whose text, nesting or chain of operators is beyond what the engine survives."""


class BodyTooLarge(LimitExceeded):
    """A request body beyond the limit."""


class DeadlineExceeded(LimitExceeded):
    """A query stopped at its deadline; nothing was written."""


class MemoryExceeded(LimitExceeded):
    """A query stopped at its memory limit; nothing was written."""


class QueueFull(LimitExceeded):
    """A query that never started: no worker was free in time. `retry_after_s` is a good moment to ask again."""

    def __init__(self, message: str, *, limit: str, value: float, setting: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, limit=limit, value=value, setting=setting)


class QueryCancelled(MarsadError):
    """A query that somebody cancelled."""


class EngineFailure(MarsadError):
    """The engine failed while it answered; other queries go on."""


class AnswerCut(MarsadError):
    """An answer that ended early: what came before is not the whole answer."""


class StoreUnavailable(MarsadError):
    """The store is starting, stopping, or lost its replica."""


class ReadOnly(MarsadError):
    """A change was asked for where none are taken."""


class InvalidGraph(MarsadError):
    """The graph breaks shapes; `violations` holds each with shape, focus, path, value and message."""

    def __init__(self, violations: Sequence["Violation"]) -> None:
        self.violations = tuple(violations)
        lines = [f"  {found.shape} at {found.focus}: {found.message()}" for found in self.violations]
        super().__init__("\n".join([f"{len(lines)} violations of the shapes:", *lines]))


class StorageFailed(MarsadError):
    """The disk did not take a change: it is full, read-only or broken. The message says what is certain."""


class BackupFault(MarsadError):
    """A backup is damaged or not one, or the files of a store do not fit together; the message says what is wrong."""


class ChangeRefused(MarsadError):
    """A change breaks a shape or a rule of the graph, and nothing was changed; `violations` holds everything wrong."""

    def __init__(self, violations: Sequence["Violation"]) -> None:
        self.violations = tuple(violations)
        shown = self.violations[:_MOST_LINES]
        lines = [f"  {found.shape} at {found.focus}: {found.message()}" for found in shown]
        count = len(self.violations)
        if count > len(shown):
            lines.append(f"  and {count - len(shown)} more")
        noun = "thing is" if count == 1 else "things are"
        super().__init__("\n".join([f"the change is refused, {count} {noun} wrong:", *lines]))


class ChangeConflict(MarsadError):
    """A change does not fit what is there by now; the message says what stands against it."""


class PreconditionFailed(ChangeConflict):
    """What is to be replaced is not what the client has seen (`If-Match`), or is there (`If-None-Match`)."""


class PreconditionRequired(PreconditionFailed):
    """Something is to be replaced, and the client does not say what it has seen."""


class Forbidden(MarsadError):
    """A key is missing, wrong, expired, or not for this; `needs` is the scope that is asked for."""

    def __init__(self, message: str, *, needs: str, known: bool = False) -> None:
        self.needs, self.known = needs, known
        super().__init__(message)
