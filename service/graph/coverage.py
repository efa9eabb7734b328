"""How much of each document's text is accounted for: by the evidence of a claim, or by a skip with its reason.

The ledger (`data/coverage/d000.yaml`) lists the skips. What is in neither and holds a letter or a digit is unaccounted
for: nobody has read it, so nobody can say that the documents do not say something.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from service.errors import MarsadError, SourceError
from service.graph.evidence import Locator, Texts, passages
from service.graph.sources import Ledger, Skip, Sources, near, one_text
from service.graph.yaml_text import Faults, Place, Text

# What may stand in a text and carry no fact.
REASONS = ("boilerplate", "citation", "connective", "heading", "navigation", "reader-comment", "repetition")

# Reasons whose stretches are long by nature; they are audited as a whole.
UNLIMITED_REASONS = ("boilerplate", "reader-comment")

# 120 code points for any other skip: a longer stretch of an author's own words carries a fact.
MAX_SKIP = 120

_KEYS = ("at", "reason", "of")


@dataclass(frozen=True, slots=True)
class Coverage:
    """The account of one document, in code points.

    `covered`, the values of `skipped` and `unaccounted` share the text without the gaps that hold no letter or digit.
    `gaps` are the unaccounted stretches as (start, end).
    """

    document: str
    length: int
    covered: int
    skipped: dict[str, int]
    gaps: tuple[tuple[int, int], ...]

    @property
    def unaccounted(self) -> int:
        return sum(end - start for start, end in self.gaps)

    def share(self, count: int) -> float:
        """`count` code points in percent of what there is to account for."""
        total = self.covered + sum(self.skipped.values()) + self.unaccounted
        return 100 * count / total if total else 0.0


def check_ledgers(sources: Sources, ledgers: Iterable[Ledger], faults: Faults) -> None:
    """Report everything in the ledgers that breaks their rules; the texts are not needed.

    The rules: a known document; `at` a locator; a known reason; at most 120 characters, boilerplate and reader
    comments apart; a repetition says `of:` which fact; no skip overlaps evidence or another skip.
    """
    facts: dict[str, set[str]] = {}
    for file in sources.facts:
        facts.setdefault(file.document.text, set()).update(fact.name for fact in file.facts)
    documents = {document.name for document in sources.documents}
    by_document: dict[str, list[Skip]] = {}
    for ledger in ledgers:
        name = ledger.document.text
        place = faults.at(ledger.file)
        if name not in documents:
            place.error(ledger.document.line, f"unknown document {name!r}{near(name, documents)}", key="document")
        for skip in ledger.skips:
            _check_skip(skip, facts.get(name, set()), place)
        by_document.setdefault(name, []).extend(ledger.skips)
    for name, skips in by_document.items():
        _check_overlaps(skips, {locator for document, locator in passages(sources) if document == name}, faults)


def coverage(sources: Sources, ledgers: Iterable[Ledger], texts: Texts) -> list[Coverage]:
    """The account of every document in `data/sources.yaml`, in the order of their names."""
    by_document: dict[str, list[Skip]] = {}
    for ledger in ledgers:
        by_document.setdefault(ledger.document.text, []).extend(ledger.skips)
    evidence: dict[str, list[Locator]] = {}
    for document, locator in passages(sources):
        evidence.setdefault(document, []).append(locator)
    return [
        cover(name, texts.text(name), evidence.get(name, []), list(_skipped(by_document.get(name, []))))
        for name in sorted(document.name for document in sources.documents)
    ]


def cover(document: str, text: str, evidence: Iterable[Locator], skips: Iterable[tuple[Locator, str]]) -> Coverage:
    """The account of one text: a code point in evidence is covered; else the last skip that holds it counts."""
    account: list[str] = [""] * len(text)
    for locator, reason in skips:
        _mark(account, locator, reason)
    for locator in evidence:
        _mark(account, locator, "evidence")
    counts: dict[str, int] = {}
    gaps: list[tuple[int, int]] = []
    start = 0
    for mark, stretch in groupby(account):
        end = start + len(list(stretch))
        if mark:
            counts[mark] = counts.get(mark, 0) + end - start
        elif any(map(str.isalnum, text[start:end])):
            gaps.append((start, end))
        start = end
    covered = counts.pop("evidence", 0)
    return Coverage(document, len(text), covered, dict(sorted(counts.items())), tuple(gaps))


def stale_skips(ledgers: Iterable[Ledger], texts: Texts) -> list[SourceError]:
    """The skips whose stretch of text is not where they say any more."""
    faults = Faults()
    for ledger in ledgers:
        for skip in ledger.skips:
            locator = _locator(skip, Faults().at(ledger.file))
            if locator is None:
                continue
            try:
                texts.passage(ledger.document.text, locator)
            except MarsadError as error:
                faults.at(ledger.file).error(skip.line, str(error), key="at")
    return sorted(faults.errors)


def _mark(account: list[str], locator: Locator, mark: str) -> None:
    end = min(locator.end, len(account))
    if locator.start < end:
        account[locator.start : end] = [mark] * (end - locator.start)


def _skipped(skips: Iterable[Skip]) -> Iterator[tuple[Locator, str]]:
    for skip in skips:
        place = Faults().at(skip.file)
        locator, reason = _locator(skip, place), _field(skip, "reason", place)
        if locator is not None and reason is not None:
            yield locator, reason.text


def _field(skip: Skip, key: str, place: Place) -> Text | None:
    entry = skip.fields.get(key)
    if entry is None:
        place.error(skip.line, f"a skip says `{key}:`", key=key)
        return None
    return one_text(entry, place)


def _locator(skip: Skip, place: Place) -> Locator | None:
    at = _field(skip, "at", place)
    if at is None:
        return None
    try:
        return Locator.parse(at.text)
    except ValueError as error:
        place.error(at.line, str(error), key="at")
        return None


def _check_skip(skip: Skip, facts: set[str], place: Place) -> None:
    for entry in skip.fields.values():
        if entry.key not in _KEYS:
            place.error(entry.line, f"unknown key {entry.key!r}{near(entry.key, _KEYS)}")
    locator, reason = _locator(skip, place), _field(skip, "reason", place)
    if reason is None:
        return
    if reason.text not in REASONS:
        place.error(
            reason.line, f"{reason.text!r} is none of {', '.join(REASONS)}{near(reason.text, REASONS)}", key="reason"
        )
    elif locator is not None and len(locator) > MAX_SKIP and reason.text not in UNLIMITED_REASONS:
        place.error(skip.line, f"{len(locator)} characters are too many to skip as {reason.text} (at most {MAX_SKIP})")
    repeated = _field(skip, "of", place) if reason.text == "repetition" or "of" in skip.fields else None
    if repeated is not None and repeated.text not in facts:
        place.error(repeated.line, f"unknown fact {repeated.text!r}{near(repeated.text, facts)}", key="of")


def _check_overlaps(skips: Iterable[Skip], evidence: Iterable[Locator], faults: Faults) -> None:
    before: list[tuple[Locator, str]] = [(locator, "evidence") for locator in sorted(evidence)]
    for skip in skips:
        locator = _locator(skip, Faults().at(skip.file))
        if locator is None:
            continue
        for other, what in before:
            if locator.start < other.end and other.start < locator.end:
                message = f"{locator.start}-{locator.end} overlaps the {what} {other.start}-{other.end}"
                faults.at(skip.file).error(skip.line, message, key="at")
                break
        before.append((locator, "skip"))
