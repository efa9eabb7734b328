"""The YAML of `data/` as plain records: nothing is interpreted yet, every value keeps its file and line.

data/entities*.yaml     entities:  slug → type, kind, label, …
data/sources.yaml       documents: slug → hash, length, author, …;  works: slug → label, creator, …
data/facts/d000.yaml    document:, facts: fact → at, subject, …  (or a list of these: parts that differ in passages, firmness, …)
data/editorial.yaml     ranks: claim → rank, reason;  notes: claim → text or texts
data/coverage/d000.yaml document:, skips: list of at, reason, of   (read apart: it is no part of the graph)
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from service.graph.yaml_text import Entry, Faults, Items, Place, Table, Text, Value, read_yaml

FACTS = "facts"
COVERAGE = "coverage"
LAYOUT = "entities*.yaml, sources.yaml, editorial.yaml, facts/*.yaml and coverage/*.yaml"


@dataclass(frozen=True, slots=True)
class Record:
    """One named entry of a file (an entity, a document, a work, a fact, a rank) with its fields.

    `part` counts from 1 where a fact is a list of parts, else it is 0.
    """

    name: str
    file: str
    line: int
    fields: dict[str, Entry]
    part: int = 0


@dataclass(frozen=True, slots=True)
class FactFile:
    """The facts of one document."""

    file: str
    document: Text
    facts: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """An editorial note on a claim."""

    claim: str
    file: str
    line: int
    text: Text


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that goes into the graph, as written.

    `complete` is False where a file could not be read at all, so that names may be missing for no fault of the others.
    """

    entities: tuple[Record, ...]
    documents: tuple[Record, ...]
    works: tuple[Record, ...]
    facts: tuple[FactFile, ...]
    ranks: tuple[Record, ...]
    notes: tuple[Note, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Skip:
    """A stretch of a text that carries no fact, as the coverage ledger lists it."""

    file: str
    line: int
    fields: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The skips of one document."""

    file: str
    document: Text
    skips: tuple[Skip, ...]


def source_files(data_dir: Path) -> list[Path]:
    """The files that `read_sources` reads, in its order; the coverage ledgers are not among them."""
    optional = [data_dir / "sources.yaml", data_dir / "editorial.yaml"]
    return [
        *sorted(data_dir.glob("entities*.yaml")),
        *(path for path in optional if path.is_file()),
        *sorted((data_dir / FACTS).glob("*.yaml")),
    ]


def unread_files(data_dir: Path) -> list[Path]:
    """The YAML files below `data_dir` that nothing reads, since their name or folder is not one of those that are."""
    read = {*source_files(data_dir), *(data_dir / COVERAGE).glob("*.yaml")}
    return sorted(path for path in data_dir.rglob("*") if path.suffix in (".yaml", ".yml") and path not in read)


def files_digest(files: Iterable[tuple[str, Path]], *, salt: str) -> str:
    """SHA-256 (hex) over a text, names and contents: the same for the same files, wherever they lie."""
    digest = hashlib.sha256(f"{salt}\n".encode())
    for name, path in files:
        content = path.read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read_sources(data_dir: Path, faults: Faults) -> Sources:
    """All source files below `data_dir`; what cannot be read is reported to `faults` and left out."""
    reader = _Reader(data_dir, faults)
    entities: list[Record] = []
    documents: list[Record] = []
    works: list[Record] = []
    ranks: list[Record] = []
    facts: list[FactFile] = []
    notes: list[Note] = []
    for path in unread_files(data_dir):
        file = path.relative_to(data_dir).as_posix()
        faults.at(file).error(1, f"is not read: the data is in {LAYOUT}")
    for path in source_files(data_dir):
        file = path.relative_to(data_dir).as_posix()
        if path.parent.name == FACTS and path.parent != data_dir:
            facts.extend(reader.fact_file(file))
        elif file == "sources.yaml":
            table = reader.table(file, ("documents", "works"))
            documents.extend(reader.records(file, table, "documents"))
            works.extend(reader.records(file, table, "works"))
        elif file == "editorial.yaml":
            table = reader.table(file, ("ranks", "notes"))
            ranks.extend(reader.records(file, table, "ranks"))
            notes.extend(reader.notes(file, table))
        else:
            entities.extend(reader.records(file, reader.table(file, ("entities",)), "entities"))
    return Sources(
        tuple(entities), tuple(documents), tuple(works), tuple(facts), tuple(ranks), tuple(notes), reader.complete
    )


def read_ledgers(data_dir: Path, faults: Faults) -> tuple[Ledger, ...]:
    """The coverage ledgers below `data_dir`; what cannot be read is reported to `faults` and left out."""
    reader = _Reader(data_dir, faults)
    paths = sorted((data_dir / COVERAGE).glob("*.yaml"))
    return tuple(ledger for path in paths for ledger in reader.ledger(path.relative_to(data_dir).as_posix()))


def near(word: str, words: Iterable[str]) -> str:
    """`: did you mean 'x'?` for the words that look like `word`, or nothing."""
    matches = get_close_matches(word, sorted(words), n=3, cutoff=0.7)
    return f": did you mean {' or '.join(map(repr, matches))}?" if matches else ""


def one_text(entry: Entry, place: Place) -> Text | None:
    """The single value of a key; None, reported, where it is empty, a list or a mapping."""
    if isinstance(entry.value, Text) and entry.value.text.strip():
        return entry.value
    what = "has no value" if isinstance(entry.value, Text) else "takes one value"
    place.error(entry.line, what, key=entry.key)
    return None


def texts(entry: Entry, place: Place) -> tuple[Text, ...]:
    """The values of a key, one or a list of them; what is empty, nested or said twice is reported and left out."""
    values: tuple[Value, ...] = entry.value.items if isinstance(entry.value, Items) else (entry.value,)
    if not values:
        place.error(entry.line, "has no value", key=entry.key)
    found: dict[str, Text] = {}
    for value in values:
        if not isinstance(value, Text):
            place.error(value.line, "takes a value or a list of values, not a mapping", key=entry.key)
        elif not value.text.strip():
            place.error(value.line, "has no value", key=entry.key)
        elif value.text in found:
            place.error(value.line, f"{value.text!r} is listed twice", key=entry.key)
        else:
            found[value.text] = value
    return tuple(found.values())


def by_language(entry: Entry, place: Place) -> dict[str, Text]:
    """The texts of a key by language tag (`{en: …, fr: …}`); anything else is reported and left out."""
    if not isinstance(entry.value, Table):
        place.error(entry.line, "takes a text for each language: {en: …, fr: …}", key=entry.key)
        return {}
    if not entry.value.entries:
        place.error(entry.line, "has no text", key=entry.key)
    found: dict[str, Text] = {}
    for language, item in entry.value.entries.items():
        text = one_text(Entry(f"{entry.key}.{language}", item.line, item.value), place)
        if text is not None:
            found[language] = text
    return found


class _Reader:
    """Reads the files of one data folder and remembers whether each of them could be read."""

    def __init__(self, data_dir: Path, faults: Faults) -> None:
        self.data_dir = data_dir
        self.faults = faults
        self.complete = True

    def table(self, file: str, keys: tuple[str, ...]) -> Table:
        """The mapping at the top of a file; one without entries, on line 0, where the file could not be read."""
        place = self.faults.at(file)
        table = self._read(file, place)
        if table is None:
            self.complete = False
            return Table({}, 0)
        for entry in table.entries.values():
            if entry.key not in keys:
                place.error(entry.line, f"unknown key {entry.key!r}{near(entry.key, keys)}")
                self.complete = False
        return table

    def _read(self, file: str, place: Place) -> Table | None:
        try:
            content = (self.data_dir / file).read_bytes()
        except OSError as error:
            place.error(1, f"cannot be read: {error.strerror}")
            return None
        return read_yaml(content, place)

    def records(self, file: str, table: Table, key: str) -> Iterator[Record]:
        place = self.faults.at(file)
        for entry in self._entries(table, key, place):
            if isinstance(entry.value, Table):
                yield Record(entry.key, file, entry.line, entry.value.entries)
            else:
                place.within(entry.key).error(entry.line, "a mapping (`key: value`) is expected below")
                self.complete = False

    def notes(self, file: str, table: Table) -> Iterator[Note]:
        place = self.faults.at(file)
        for entry in self._entries(table, "notes", place):
            for text in texts(entry, place):
                yield Note(entry.key, file, entry.line, text)

    def fact_file(self, file: str) -> Iterator[FactFile]:
        table = self.table(file, ("document", "facts"))
        document = self._document(file, table)
        facts = tuple(self.facts(file, table))
        if document is not None and not Path(file).stem.startswith(document.text):
            message = (
                f"{file} is named for another document; facts of {document.text} stand in facts/{document.text}.yaml"
            )
            self.faults.at(file).error(document.line, message, key="document")
        elif document is not None:
            yield FactFile(file, document, facts)

    def facts(self, file: str, table: Table) -> Iterator[Record]:
        place = self.faults.at(file)
        for entry in self._entries(table, "facts", place):
            parts = entry.value.items if isinstance(entry.value, Items) and entry.value.items else (entry.value,)
            for number, part in enumerate(parts, 1):
                if isinstance(part, Table):
                    listed = isinstance(entry.value, Items)
                    yield Record(
                        entry.key, file, part.line if listed else entry.line, part.entries, number if listed else 0
                    )
                else:
                    line = part.line if isinstance(entry.value, Items) else entry.line
                    place.within(entry.key).error(line, "a mapping (`key: value`) is expected below")

    def ledger(self, file: str) -> Iterator[Ledger]:
        table = self.table(file, ("document", "skips"))
        document = self._document(file, table)
        if document is not None:
            yield Ledger(file, document, tuple(self._skips(file, table)))

    def _skips(self, file: str, table: Table) -> Iterator[Skip]:
        place = self.faults.at(file)
        entry = table.entries.get("skips")
        if entry is None:
            return
        if not isinstance(entry.value, Items):
            place.error(entry.line, "a list of skips (`- at: …`) is expected below", key="skips")
            return
        for item in entry.value.items:
            if isinstance(item, Table):
                yield Skip(file, item.line, item.entries)
            else:
                place.error(item.line, "a skip is a mapping: at, reason", key="skips")

    def _document(self, file: str, table: Table) -> Text | None:
        place = self.faults.at(file)
        entry = table.entries.get("document")
        if entry is not None:
            return one_text(entry, place)
        if table.line:
            place.error(1, "says no document: write `document: d000` at the top")
        return None

    def _entries(self, table: Table, key: str, place: Place) -> Iterator[Entry]:
        entry = table.entries.get(key)
        if entry is None or (isinstance(entry.value, Text) and not entry.value.text):
            return
        if isinstance(entry.value, Table):
            yield from entry.value.entries.values()
        else:
            place.error(entry.line, "a mapping (`name: …`) is expected below", key=key)
