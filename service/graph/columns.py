"""The rows of the index as bitmaps, for selections and facets.

Made once for each version of the index and never changed afterwards, so that any number of threads may read it.
Claims and resources are numbered by their row ids. Claims stand there a second and a third time, as often as they are about a
resource (a mention): by resource, and by document and resource, so that what is counted together lies together.
"""

import sqlite3
import threading
from array import array
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, chain, compress, groupby
from typing import Any, TypeVar

from service.graph.bitmaps import (
    Ranks,
    Runs,
    bitmap,
    counts_in,
    few_bits,
    few_row_ids,
    flags_of,
    flags_up_to,
    picked,
    rows_of_byte,
    spread,
)

T = TypeVar("T")
# Roles in which a claim is about a resource; the others say who speaks, where and from what.
ABOUT_ROLES = ("subject", "object", "observedFor", "indicator", "breakdown", "assessmentOf", "aspect")
# Those of them in which the claim says something of it: in the others it is what is said.
SUBJECT_ROLES = ("subject", "observedFor", "assessmentOf")
_BOUNDS = ("earliest", "begins_by", "ends_after", "latest")
# Results kept for each version: bitmaps of selections and counts of facets; each is some ten kilobytes.
_KEPT = 512
# Shares of the claims, and of the resources, up to which each is looked at by itself: at 100,000 entities 6,000 claims or
# 5,000 resources, which take 2 to 5 ms.
_FEW_CLAIMS, _FEW_RESOURCES = 1 / 50, 1 / 20
# Values of a column whose bitmaps are kept, and whose numbers fit into a byte.
_MOST_BITMAPS = 255


class Column:
    """The values of one column of the claims, each claim's numbered; a claim may have several asserters."""

    def __init__(self, pairs: Iterable[tuple[str | None, int]], size: int) -> None:
        self.size = size
        ids: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        for value, claim in pairs:
            if value is not None:
                ids[value].append(claim)
        self._ids = dict(ids)
        self.values = ["", *self._ids]
        # Of each claim the number of its value, 0 where it has none; second and further values apart.
        self.numbers = array("I", bytes(4 * size))
        self.further: list[tuple[int, int]] = []
        for number, claims in enumerate(self._ids.values(), 1):
            for claim in claims:
                if self.numbers[claim]:
                    self.further.append((claim, number))
                else:
                    self.numbers[claim] = number
        self._bitmaps: dict[str, int] = {}

    @property
    def small(self) -> bool:
        """Whether there are so few values that their bitmaps are kept."""
        return len(self._ids) <= _MOST_BITMAPS

    @property
    def single(self) -> bool:
        """Whether each claim has one value at most, and its number fits into a byte."""
        return self.small and not self.further

    def claims(self, value: str) -> int:
        """The claims that have the value."""
        if value not in self._ids:
            return 0
        found = self._bitmaps.get(value)
        if found is None:
            found = few_bits(self._ids[value], self.size)
            if self.small:
                self._bitmaps[value] = found
        return found

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        """Where claims with the same value follow each other: its number, the first claim, the one behind the last."""
        found, start = [], 0
        for number, same in groupby(self.numbers):
            end = start + sum(1 for _ in same)
            found.append((number, start, end))
            start = end
        return found

    def counts(self, claims: int) -> dict[str, int]:
        """How many of these claims have each value; values that none has may be missing."""
        # Microseconds: an intersection with its count takes one for each 10,000 claims, a run 0.4, a claim by itself 0.05.
        singly = self.size * 0.012 + claims.bit_count() * 0.05
        if self.small and len(self._ids) * (1 + self.size / 10_000) < singly:
            return {value: (self.claims(value) & claims).bit_count() for value in self._ids}
        counted: Counter[int] = Counter(number for claim, number in self.further if claims >> claim & 1)
        if len(self._runs) * 0.4 < singly:
            ranges = [(start, end) for _, start, end in self._runs]
            for (number, _, _), count in zip(self._runs, counts_in(claims, ranges), strict=True):
                counted[number] += count
        else:
            counted.update(compress(self.numbers, flags_of(claims)))
        return {self.values[number]: count for number, count in counted.items() if number}


class _Mentions:
    """The mentions of resources in an order in which those of a run lie together, and what holds for their claims."""

    def __init__(self, by: str, claims: "array[int]", ends: Sequence[int]) -> None:
        self.by = by
        self.claims = claims
        self.runs = Runs([end - 1 for end in ends])
        self._numbers: dict[str, bytes] = {}
        self._having: dict[tuple[str, str], int] = {}
        self._ranks: dict[str, Ranks] = {}

    def having(self, name: str, column: Column, value: str) -> int:
        """The mentions in claims that have the value; of each claim the column has one at most, of few."""
        found = self._having.get((name, value))
        if found is None:
            if name not in self._numbers:
                self._numbers[name] = bytes(picked(self.claims, column.numbers))
            number = column.values.index(value) if value in column.values else 0
            found = self._having[name, value] = rows_of_byte(self._numbers[name], number) if number else 0
        return found

    def ranks(self, name: str, bound: "_Bound") -> Ranks:
        """One bound of the times of their claims."""
        if name not in self._ranks:
            self._ranks[name] = Ranks(array("I", picked(self.claims, bound.numbers)), bound.days)
        return self._ranks[name]


@dataclass(frozen=True)
class _Bound:
    """One bound of the times of the claims: the days that there are, rising, and of each claim the place of its day plus one."""

    days: list[str]
    numbers: "array[int]"


@dataclass(frozen=True)
class Condition:
    """What claims must be, and those that are: of a column one of the values, or whatever else `name` and `values` say."""

    name: str
    values: tuple[str, ...]
    claims: int


@dataclass(frozen=True)
class Period:
    """The first and last day of a period that a claim's time touches, each with the bound that is compared with it."""

    since: tuple[str, str] | None = None
    until: tuple[str, str] | None = None

    def within(self, ranks: Callable[[str], Ranks], rows: int) -> int:
        """Which of these rows have such a time."""
        if self.until:
            rows &= ranks(self.until[0]).at_most(self.until[1])
        if self.since:
            rows &= ranks(self.since[0]).at_least(self.since[1])
        return rows


@dataclass(frozen=True)
class Part:
    """What resources must be, and those that are: whatever `key` says."""

    key: tuple[str, ...]
    resources: int


class Columns:
    """What selections and facets ask of the index, at one version."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._more_columns: dict[str, Column] = {}

        def read(sql: str) -> sqlite3.Cursor:
            cursor = connection.cursor()
            cursor.row_factory = None  # plain tuples: a third less time for 300,000 of them
            return cursor.execute(sql)

        self.resource_size = (read("SELECT MAX(id) FROM resource").fetchone()[0] or 0) + 1
        self.claim_size = (read("SELECT MAX(id) FROM claim").fetchone()[0] or 0) + 1
        self._read_resources(read)
        self._read_claims(read)
        self._read_mentions(read)

    def _read_resources(self, read: Callable[[str], sqlite3.Cursor]) -> None:
        size = self.resource_size
        rows = read("SELECT id, type, replaced_by FROM resource").fetchall()
        self.live = bitmap((row_id for row_id, _, replaced_by in rows if not replaced_by), size)
        self.classes = _grouped(read("SELECT class, resource FROM class_of"), size)
        self.kinds = _grouped(read("SELECT kind, resource FROM kind_of"), size)
        # What something is filed under most closely → all that a filter by it finds: subclasses, narrower kinds too.
        self.filed_types = {name: self.classes[name] for name in {row[1] for row in rows} if name in self.classes}
        self.filed_kinds = dict(self.kinds)
        for narrower, broader in read("SELECT narrower, broader FROM broader"):
            if broader in self.filed_kinds and narrower in self.kinds:
                self.filed_kinds[broader] |= self.kinds[narrower]
        self.schemes = _grouped(read("SELECT scheme, resource FROM scheme_of"), size)

    def _read_claims(self, read: Callable[[str], sqlite3.Cursor]) -> None:
        size = self.claim_size
        names = ("type", "document", "modality", "predicate")
        rows = read(f"SELECT id, edtf IS NOT NULL, {', '.join((*names, *_BOUNDS))} FROM claim").fetchall()
        self.all_claims = bitmap((row[0] for row in rows), size)
        self.timed = bitmap((row[0] for row in rows if row[1]), size)
        self.columns = {name: Column(((row[at], row[0]) for row in rows), size) for at, name in enumerate(names, 2)}
        self.columns["asserter"] = Column(read("SELECT resource, claim FROM role WHERE role = 'assertedBy'"), size)
        self._bounds = {name: _bound([(row[at], row[0]) for row in rows], size) for at, name in enumerate(_BOUNDS, 6)}
        self._ranks = {name: Ranks(bound.numbers, bound.days) for name, bound in self._bounds.items()}

    def _read_mentions(self, read: Callable[[str], sqlite3.Cursor]) -> None:
        roles = ", ".join(f"'{role}'" for role in ABOUT_ROLES)
        found = read(
            # First a resource, then its rows: the other way round it takes half as long again.
            "SELECT resource.id, role.claim FROM resource CROSS JOIN role"
            f" WHERE role.resource = resource.iri AND +role.role IN ({roles})"
        )
        mentions = sorted({resource << 32 | claim for resource, claim in found})
        self._mentioned = array("I", [mention >> 32 for mention in mentions])
        self._mentioned_in = array("I", [mention & 0xFFFFFFFF for mention in mentions])
        # Where the mentions of each resource end, and in the order by claim those of each claim.
        self._resource_ends = _ends(self._mentioned, self.resource_size)
        by_claim = sorted(range(len(mentions)), key=self._mentioned_in.__getitem__)
        self._about = array("I", picked(by_claim, self._mentioned))
        self._claim_ends = _ends(self._mentioned_in, self.claim_size)

    @cached_property
    def _by_resource(self) -> _Mentions:
        """The mentions by resource; of what no claim is about there is one by claim 0, which there is not."""
        claims, ends = array("I"), []
        for resource in range(self.resource_size):
            claims.extend(self._claims_of(resource) or (0,))
            ends.append(len(claims))
        return _Mentions("resource", claims, ends)

    @cached_property
    def _by_document(self) -> tuple[_Mentions, "array[int]", list[tuple[str, int, int]]]:
        """The mentions by document and resource; the resource of each; where those of each document begin and end."""
        column = self.columns["document"]
        documents = picked(self._mentioned_in, column.numbers)
        order = sorted(range(len(documents)), key=documents.__getitem__)
        resources = array("I", picked(order, self._mentioned))
        ends: list[int] = []
        ranges = []
        start = 0
        for number, same in groupby(picked(order, documents)):
            behind = start + sum(1 for _ in same)
            ranges.append((column.values[number], start, behind))
            for _, mentions in groupby(resources[start:behind]):
                start += sum(1 for _ in mentions)
                ends.append(start)
        claims = array("I", picked(order, self._mentioned_in))
        return _Mentions("document", claims, ends), resources, ranges

    def kept(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` returns, kept for the next who asks with that key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key]
                return found
        value = make()
        with self._lock:
            self._kept[key] = value
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return value

    def having(self, name: str, values: Iterable[str]) -> int:
        """The claims that have one of the values in a column."""
        found = 0
        for value in values:
            found |= self.columns[name].claims(value)
        return found

    def within(self, period: Period, claims: int) -> int:
        """Which of these claims have a time that touches the period; undated ones do not."""
        return period.within(self._ranks.__getitem__, claims)

    def claims_about(self, resources: Iterable[int]) -> int:
        """The claims that are about one of these resources."""
        return few_bits(list(chain.from_iterable(map(self._claims_of, resources))), self.claim_size)

    def _claims_of(self, resource: int) -> "array[int]":
        return self._mentioned_in[self._resource_ends[resource - 1] if resource else 0 : self._resource_ends[resource]]

    def _about_of(self, claim: int) -> "array[int]":
        return self._about[self._claim_ends[claim - 1] : self._claim_ends[claim]]

    def resources_of(self, claims: int, conditions: Sequence[Condition], period: Period) -> int:
        """The resources that these claims are about, which are those that meet all conditions and the period."""
        if claims.bit_count() < self.claim_size * _FEW_CLAIMS:
            about = list(chain.from_iterable(map(self._about_of, few_row_ids(claims))))
            return few_bits(about, self.resource_size)
        return self._by_resource.runs.numbers(self._meeting(self._by_resource, conditions, period))

    def _meeting(self, mentions: _Mentions, conditions: Sequence[Condition], period: Period) -> int:
        rows = (1 << len(mentions.claims)) - 1
        for condition in conditions:
            rows &= self._mentions_meeting(mentions, condition)
        return period.within(lambda name: mentions.ranks(name, self._bounds[name]), rows)

    def _mentions_meeting(self, mentions: _Mentions, condition: Condition) -> int:
        column = self.columns.get(condition.name)
        if column is None or not column.single:
            key = (mentions.by, condition.name, condition.values)
            return self.kept(key, lambda: spread(mentions.claims, condition.claims, self.claim_size))
        found = 0
        for value in condition.values:
            found |= mentions.having(condition.name, column, value)
        return found

    def counts(self, name: str, claims: int) -> dict[str, int]:
        """How many of these claims have each value of a column."""
        return {value: count for value, count in self.columns[name].counts(claims).items() if count}

    def resource_counts(self, values: dict[str, int], resources: int) -> dict[str, int]:
        """How many of these resources each value has."""
        counts = ((value, (bits & resources).bit_count()) for value, bits in values.items())
        return {value: count for value, count in counts if count}

    def document_counts(
        self, claims: int, conditions: Sequence[Condition], period: Period, parts: Sequence[Part]
    ) -> dict[str, int]:
        """How many of the resources that meet all parts each document speaks of in one of these claims.

        The claims are those that meet all conditions and the period.
        """
        wanted = self.live
        for part in parts:
            wanted &= part.resources
        if claims.bit_count() < self.claim_size * _FEW_CLAIMS:
            return self._counts_of_claims(claims, flags_up_to(wanted, self.resource_size))
        if wanted.bit_count() < self.resource_size * _FEW_RESOURCES:
            return self._counts_of_resources(flags_up_to(claims, self.claim_size), few_row_ids(wanted))
        mentions, resources, ranges = self._by_document
        pairs = mentions.runs.any(self._meeting(mentions, conditions, period))
        for part in (Part(("live",), self.live), *parts):
            spread_part = partial(spread, resources, part.resources, self.resource_size)
            pairs &= self.kept(("wanted", part.key), spread_part)
        counted = counts_in(pairs, ((start, end) for _, start, end in ranges))
        return {document: count for (document, _, _), count in zip(ranges, counted, strict=True) if document and count}

    def _counts_of_claims(self, claims: int, wanted: bytes) -> dict[str, int]:
        numbers, values = self.columns["document"].numbers, self.columns["document"].values
        pairs = {
            (numbers[claim], resource)
            for claim in few_row_ids(claims)
            for resource in self._about_of(claim)
            if wanted[resource]
        }
        counted = Counter(number for number, _ in pairs)
        return {values[number]: count for number, count in counted.items() if number}

    def _counts_of_resources(self, wanted: bytes, resources: Iterable[int]) -> dict[str, int]:
        numbers, values = self.columns["document"].numbers, self.columns["document"].values
        counted: Counter[int] = Counter()
        for resource in resources:
            counted.update({numbers[claim] for claim in self._claims_of(resource) if wanted[claim]})
        return {values[number]: count for number, count in counted.items() if number}

    def spoken_counts(self, column: Column, claims: int, resources: int) -> dict[str, int]:
        """Of how many of these resources one of these claims speaks that has the value, for each value of a column."""
        further: defaultdict[int, list[int]] = defaultdict(list)
        for claim, number in column.further:
            further[claim].append(number)
        counted: Counter[int] = Counter()
        for met in self._claims_by_resource(claims, resources):
            numbers = {column.numbers[claim] for claim in met}
            if further:
                numbers.update(*(further[claim] for claim in met if claim in further))
            counted.update(numbers)
        return {column.values[number]: count for number, count in counted.items() if number}

    def _claims_by_resource(self, claims: int, resources: int) -> Iterable[Iterable[int]]:
        """Of each of these resources those of the claims that are about it; resources with none may be missing."""
        if claims.bit_count() < self.claim_size * _FEW_CLAIMS:
            wanted = flags_up_to(resources, self.resource_size)
            found: defaultdict[int, list[int]] = defaultdict(list)
            for claim in few_row_ids(claims):
                for resource in self._about_of(claim):
                    if wanted[resource]:
                        found[resource].append(claim)
            return found.values()
        flags = flags_up_to(claims, self.claim_size)
        return ([claim for claim in self._claims_of(one) if flags[claim]] for one in few_row_ids(resources))

    def column(self, name: str, pairs: Callable[[], Iterable[tuple[str, int]]]) -> Column:
        """A column that is made when it is first asked for, from values and claims; no pair comes twice."""
        found = self._more_columns.get(name)
        if found is None:
            found = self._more_columns[name] = Column(pairs(), self.claim_size)
        return found


def _bound(rows: list[tuple[str | None, int]], size: int) -> _Bound:
    days = sorted({day for day, _ in rows if day is not None})
    places = {day: place for place, day in enumerate(days, 1)}
    numbers = array("I", bytes(4 * size))
    for day, claim in rows:
        if day is not None:
            numbers[claim] = places[day]
    return _Bound(days, numbers)


def _ends(numbers: Iterable[int], size: int) -> "array[int]":
    """Of each number below `size`, how many are it or below."""
    counted = Counter(numbers)
    return array("I", accumulate(counted[number] for number in range(size)))


def _grouped(rows: Iterable[tuple[str, int]], size: int) -> dict[str, int]:
    groups: dict[str, list[int]] = defaultdict(list)
    for value, row_id in rows:
        groups[value].append(row_id)
    return {value: few_bits(ids, size) for value, ids in groups.items()}


class ColumnsCache:
    """The columns of the newest version of one index; readers of an older version make their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: tuple[str, Columns] | None = None

    def at(self, connection: sqlite3.Connection) -> Columns:
        """The columns at the version that the connection sees."""
        row = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        version = row[0] if row else ""
        newest = self._newest
        if newest is None or newest[0] != version:
            with self._lock:
                newest = self._newest
                if newest is None or newest[0] != version:
                    newest = self._newest = (version, Columns(connection))
        return newest[1]


class Reader(sqlite3.Connection):
    """A connection to the index that knows where the columns are kept."""

    columns_cache: ColumnsCache


def columns_of(connection: sqlite3.Connection) -> Columns:
    """The columns at the version that a connection of an Index sees."""
    assert isinstance(connection, Reader), "connections to the index come from Index"
    return connection.columns_cache.at(connection)
