"""What can go wrong, without any HTTP: `api/problems.py` alone turns these into statuses.

MarsadError
├── ConfigurationError      a setting is wrong or missing; the message says which and what to set
├── BadRequest              a request names a parameter or value that is not understood
├── NotFound                a name, IRI, claim or document that does not exist
├── SourceErrors            the YAML of `data/` cannot be compiled; holds every single SourceError
├── OntologyError           `ontology/` is not what the compiler needs, or a shape is not valid SHACL
├── StalePassage            a locator no longer fits the text of its document
├── InvalidEdtf             a date is not EDTF of the kind that Marsad reads
├── UnwritableRdf           a term or graph that a format cannot carry
├── MalformedRdf            a text is not the RDF it is said to be
└── TextsMissing            a passage was asked for and the texts of the documents are not at hand
"""

from dataclasses import dataclass


class MarsadError(Exception):
    """Base of every error that Marsad raises on purpose; its text is meant for the user."""


class ConfigurationError(MarsadError):
    """A setting is wrong or missing; the message says which and what to set."""


class BadRequest(MarsadError):
    """A request names a parameter or a value that is not understood; the message says what is."""


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
