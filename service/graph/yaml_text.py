"""YAML as plain text with line numbers.

The data files use a small part of YAML: mappings, lists and scalars. Every scalar stays the text that was written (no
implicit dates, no `no` as false). Duplicate keys, anchors, aliases, tags and several documents in one file are faults,
because each of them lets a file say something else than what a reader sees.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from service.errors import SourceError

# 8 levels: the deepest data file has 5 (`facts:` > fact > `gloss:` > language > text); more is a slip of indentation.
MAX_DEPTH = 8

# An escape in quotes ("\\u0007") brings in what may not stand in a file as it is.
CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_LOADER: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as written, and its line (one-based)."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list, and the line on which it begins."""

    items: "tuple[Value, ...]"
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value; `line` is the line of the key."""

    key: str
    line: int
    value: "Value"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping in the order of the file, and the line on which it begins."""

    entries: dict[str, Entry]
    line: int


Value = Text | Items | Table


@dataclass
class Faults:
    """Collects everything that is wrong, so that one run reports all of it; warnings are kept apart."""

    errors: list[SourceError] = field(default_factory=list)
    warnings: list[SourceError] = field(default_factory=list)

    def at(self, file: str, fact: str = "") -> "Place":
        """The same collector with the file, and possibly the fact, filled in."""
        return Place(self, file, fact)


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or a fact in it, to which faults are reported."""

    faults: Faults
    file: str
    fact: str = ""

    def error(self, line: int, message: str, *, key: str = "") -> None:
        self.faults.errors.append(SourceError(self.file, line, self.fact, key, message))

    def warning(self, line: int, message: str, *, key: str = "") -> None:
        self.faults.warnings.append(SourceError(self.file, line, self.fact, key, message))

    def within(self, fact: str) -> "Place":
        return Place(self.faults, self.file, fact)


def read_yaml(content: bytes, place: Place) -> Table | None:
    """The mapping that a file holds, None where it could not be read; everything wrong is reported to `place`.

    An empty file is an empty mapping.
    """
    value = read_yaml_value(content, place)
    if value is None or isinstance(value, Table):
        return value
    place.error(value.line, "a mapping (`key: value`) is expected at the top of the file")
    return None


def read_yaml_value(content: bytes, place: Place) -> "Value | None":
    """As `read_yaml`, whatever stands at the top."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        place.error(content.count(b"\n", 0, error.start) + 1, "is not UTF-8")
        return None
    try:
        value = _Reader(text, place).document()
    except _TooDeep as error:
        place.error(error.line, f"nested over {MAX_DEPTH} deep")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place.error(mark.line + 1 if mark else 1, f"is not YAML: {_why(error)}")
        return None
    except yaml.reader.ReaderError as error:
        place.error(text.count("\n", 0, error.position) + 1, f"is not YAML: {error.reason}")
        return None
    return Table({}, 1) if value is None else value


def _why(error: yaml.MarkedYAMLError) -> str:
    """What the parser found, and where the part begins in which it did: a quote left open is seen only far below."""
    begins = error.context_mark.line + 1 if error.context_mark else 0
    context = f" ({error.context} that begins on line {begins})" if error.context and begins else ""
    return f"{error.problem or error.context}{context}"


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Reader:
    """Turns the events of one YAML stream into values."""

    def __init__(self, text: str, place: Place) -> None:
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self.place = place
        # The keys that lead to where the reader is: `facts`, the fact, its key.
        self.path: list[str] = []

    def report(self, line: int, message: str) -> None:
        """Report a fault where the reader is, with the fact and the key; below `skips:` nothing has a name."""
        fact, *keys = self.path[1:] or self.path or [""]
        place = self.place.within(fact) if keys else self.place
        place.error(line, message, key=".".join(keys) or fact)

    def document(self) -> Value | None:
        value: Value | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if value is not None:
                    self.place.error(_line(event), "a second YAML document (`---`) is not read")
                    return value
                value = self.value(next(self.events), 0)
        return value

    def value(self, event: yaml.Event, depth: int) -> Value:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            self.report(line, f"alias *{event.anchor}: write the value out")
            return Text("", line)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self.report(line, f"anchor &{event.anchor}: write each value out")
        if event.tag is not None:
            self.report(line, f"tag {event.tag}: every value is plain text")
        if isinstance(event, yaml.ScalarEvent):
            if control := CONTROL.search(event.value):
                self.report(line, f"holds the control character U+{ord(control[0]):04X}, which XML cannot carry")
            return Text(event.value, line)
        if depth > MAX_DEPTH:
            raise _TooDeep(line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self.items(depth)), line)
        return Table(self.entries(depth), line)

    def items(self, depth: int) -> Iterator[Value]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.value(event, depth + 1)

    def entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.value(event, depth + 1)
            if not isinstance(key, Text):
                self.report(key.line, "a key must be a word, not a list or a mapping")
                self.value(next(self.events), depth + 1)
                continue
            self.path.append(key.text)
            if key.text in entries:
                self.report(key.line, f"duplicate key (first on line {entries[key.text].line})")
            value = self.value(next(self.events), depth + 1)
            entries.setdefault(key.text, Entry(key.text, key.line, value))
            self.path.pop()
        return entries
