"""The competency questions: stored SPARQL queries, each with the question that it answers in words."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Question:
    """A stored query: its name (the file's), the question in words and the SPARQL text without its heading."""

    name: str
    title: str
    text: str


def questions(ontology: Path) -> list[Question]:
    """The questions of `ontology/questions/`, by name. The first comment line of a file is the question in words."""
    return [_read(path) for path in sorted((ontology / "questions").glob("*.rq"))]


def _read(path: Path) -> Question:
    heading, _, text = path.read_text(encoding="utf-8").partition("\n")
    return Question(path.stem, heading.lstrip("# ").strip(), text)
