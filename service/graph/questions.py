"""The competency questions: stored SPARQL queries, each with the question that it answers in words.

A file begins with comment lines: the question in English, `# fr:` and `# ar:` the same in French and Arabic, `# kind:`
its kind, `# answers:` its number in a list of questions, `# negative:` why the answer, or a part of it, is negative; the
others are notes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.errors import NotFound

# Why a question, or a part of it, has a negative answer.
NEGATIVES = ("the documents deny it", "the documents do not say", "skipped as boilerplate")
_KEYED = re.compile(r"^# (fr|ar|kind|answers|negative|severity|differs): (.+)$")


@dataclass(frozen=True)
class Negative:
    """A negative answer: one of `NEGATIVES`, and what the documents have instead."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Question:
    """A stored query: its name (the file's), the question in words, its kind and the SPARQL text without its heading.

    `title` is the English one of `titles`; `negative` is None where every part has a positive answer.
    """

    name: str
    titles: Mapping[str, str]
    kind: str
    negative: Negative | None
    notes: tuple[str, ...]
    text: str

    @property
    def title(self) -> str:
        return self.titles["en"]


def questions(ontology: Path) -> list[Question]:
    """The questions of `ontology/questions/`, by name."""
    return [read_question(path) for path in sorted((ontology / "questions").glob("*.rq"))]


def find_question(ontology: Path, name: str) -> Question:
    """The question of that name. Raises NotFound: there is none."""
    for found in questions(ontology):
        if found.name == name:
            return found
    raise NotFound(f"there is no stored question {name}; /api/v1/questions lists them")


def read_question(path: Path) -> Question:
    """The question of a file."""
    titles, keyed, notes, text = read_heading(path.read_text(encoding="utf-8"))
    reason, _, detail = keyed["negative"].partition(". ") if "negative" in keyed else ("", "", "")
    negative = Negative(reason, detail) if reason else None
    return Question(path.stem, titles, keyed.get("kind", ""), negative, notes, text)


def read_heading(content: str) -> tuple[dict[str, str], dict[str, str], tuple[str, ...], str]:
    """The comment lines that a query begins with: its titles by language, the lines with a key, the others; and the rest."""
    lines = content.splitlines(keepends=True)
    count = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    first, *others = (line.strip() for line in lines[:count])
    keyed = {match[1]: match[2] for match in map(_KEYED.match, others) if match}
    notes = tuple(line.lstrip("# ") for line in others if not _KEYED.match(line))
    titles = {"en": first.lstrip("# ")} | {
        language: keyed.pop(language) for language in ("fr", "ar") if language in keyed
    }
    return titles, keyed, notes, "".join(lines[count:])
