"""Passages of the documents: found, shown and checked by their locators.

A locator is where a passage stands (start and end in code points of the text exactly as received) and a hash of its
words. The texts are no part of Marsad; they lie in a folder of the user's, as `NNN_*.txt` for document dNNN.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from service.errors import NotFound, SourceError, StalePassage, TextsMissing
from service.graph.sources import Record, Sources, texts
from service.graph.yaml_text import Faults, Place

# 20 to 600 code points: fewer words carry no claim, more are a paragraph and no evidence; over 400 is a warning.
MIN_PASSAGE = 20
LONG_PASSAGE = 400
MAX_PASSAGE = 600

# 32 hex digits (128 bits) of SHA-256: enough that no two passages meet, short enough to be read in a YAML file.
HASH_DIGITS = 32
PASSAGE_HASH_PREFIX = "sha-256-128:"
TEXT_HASH_PREFIX = "sha-256:"

_LOCATOR = re.compile(r"(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8}) ([0-9a-f]{32})")
_DOCUMENT = re.compile(r"d([0-9]{3,6})")
_APOSTROPHES = "'’‘ʼ"
_ANY_APOSTROPHE = f"[{_APOSTROPHES}]"


@dataclass(frozen=True, slots=True, order=True)
class Locator:
    """Where a passage stands in its document: code points [start, end) and the hash of its words."""

    start: int
    end: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The locator that `text` writes, as in `15890-16077 aff26c41f634f6dff0c81798face6b43`.

        Raises ValueError: the text has another form, or its end is not behind its start.
        """
        match = _LOCATOR.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is no locator: start-end and {HASH_DIGITS} hex digits, printed by `marsad locate`"
            )
        start, end = int(match[1]), int(match[2])
        if end <= start:
            raise ValueError(f"a passage ends behind its start, not {start}-{end}")
        return cls(start, end, match[3])

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start}-{self.end} {self.hash}"


def passage_hash(passage: str) -> str:
    """The first 32 hex digits of the SHA-256 of the passage's UTF-8 bytes."""
    return hashlib.sha256(passage.encode()).hexdigest()[:HASH_DIGITS]


def locator_of(text: str, start: int, end: int) -> Locator:
    """The locator of the code points [start, end) of a text."""
    return Locator(start, end, passage_hash(text[start:end]))


def locate(text: str, phrase: str) -> list[Locator]:
    """Every place where `text` has `phrase`, in order; runs of white space and kinds of apostrophe are all one."""
    return [locator_of(text, *match.span()) for match in _tolerant(phrase).finditer(text)]


def _tolerant(phrase: str) -> re.Pattern[str]:
    words = ("".join(_ANY_APOSTROPHE if c in _APOSTROPHES else re.escape(c) for c in word) for word in phrase.split())
    # An empty phrase is nowhere, not everywhere.
    return re.compile(r"\s+".join(words) or r"(?!)")


class Texts:
    """The texts of the documents in one folder, each read once, newlines untouched.

    Raises TextsMissing: there is no folder; the message says what to set.
    """

    def __init__(self, directory: Path | None) -> None:
        if directory is None:
            raise TextsMissing(
                "the texts of the documents are not part of Marsad: set MARSAD_DOCUMENTS, or give --documents DIR, "
                "to a folder that holds them as NNN_*.txt (000_….txt for document d000)"
            )
        if not directory.is_dir():
            raise TextsMissing(f"{directory} is no folder; set MARSAD_DOCUMENTS or --documents to one with NNN_*.txt")
        self.directory = directory
        self._read: dict[str, str] = {}

    def text(self, document: str) -> str:
        """The whole text of a document (`d000`, or `000` for short).

        Raises NotFound: the name is not of that form. Raises TextsMissing: no file or several files have its number.
        """
        match = _DOCUMENT.fullmatch(document if document.startswith("d") else f"d{document}")
        if match is None:
            raise NotFound(f"{document!r} is no document: d and its number, as in d000")
        number = match[1]
        if number not in self._read:
            files = sorted(self.directory.glob(f"{number}_*.txt"))
            if len(files) != 1:
                found = "no file" if not files else f"{len(files)} files"
                raise TextsMissing(f"{self.directory} has {found} {number}_*.txt for document d{number}")
            # newline="": an offset counts the code points as they are in the file, "\r" included.
            with files[0].open(encoding="utf-8", newline="") as file:
                self._read[number] = file.read()
        return self._read[number]

    def passage(self, document: str, locator: Locator) -> str:
        """The words of a passage. Raises StalePassage: the text there has another hash than the locator."""
        passage = self.text(document)[locator.start : locator.end]
        if len(passage) != len(locator) or passage_hash(passage) != locator.hash:
            raise StalePassage(
                f"{document} {locator.start}-{locator.end}: the text there is not the one that was located"
            )
        return passage


def locators(fact: Record, place: Place) -> tuple[tuple[Locator, int], ...]:
    """The locators of a fact's `at:` with their lines; what is no locator is reported and left out."""
    entry = fact.fields.get("at")
    if entry is None:
        place.error(fact.line, "says no passage: `at:` with a locator, printed by `marsad locate`")
        return ()
    found = []
    for item in texts(entry, place):
        try:
            found.append((Locator.parse(item.text), item.line))
        except ValueError as error:
            place.error(item.line, str(error), key="at")
    return tuple(found)


def verify(sources: Sources, read: Texts) -> list[SourceError]:
    """What no longer holds, by file and line: documents whose text changed, facts whose passage stands elsewhere."""
    faults = Faults()
    for document in sources.documents:
        _verify_document(document, read, faults.at(document.file, document.name))
    for file in sources.facts:
        for fact in file.facts:
            place = faults.at(file.file, fact.name)
            for locator, line in locators(fact, Faults().at(file.file, fact.name)):
                _verify_passage(file.document.text, locator, read, place, line)
    return sorted(faults.errors)


def passages(sources: Sources) -> Iterator[tuple[str, Locator]]:
    """Each passage that a fact cites: its document and its locator, in the order of the files."""
    for file in sources.facts:
        for fact in file.facts:
            for locator, _ in locators(fact, Faults().at(file.file, fact.name)):
                yield file.document.text, locator


def _verify_document(document: Record, read: Texts, place: Place) -> None:
    try:
        text = read.text(document.name)
    except (NotFound, TextsMissing) as error:
        place.error(document.line, str(error))
        return
    expected = {
        "textHash": TEXT_HASH_PREFIX + hashlib.sha256(text.encode()).hexdigest(),
        "textLength": str(len(text)),
    }
    for key, value in expected.items():
        entry = document.fields.get(key)
        stated = next((item.text for item in texts(entry, Faults().at(document.file))), "") if entry else ""
        if stated != value:
            line = entry.line if entry else document.line
            place.error(line, f"the text has {value}, not {stated or 'nothing'}", key=key)


def _verify_passage(document: str, locator: Locator, read: Texts, place: Place, line: int) -> None:
    try:
        read.passage(document, locator)
    except (NotFound, TextsMissing, StalePassage) as error:
        place.error(line, str(error), key="at")
