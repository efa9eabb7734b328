"""The rows of the index as bitmaps, for selections and facets.

Made once for each version of the index and never changed afterwards, so that any number of threads may read it.
Claims and resources are numbered by their row ids. Claims stand there a second and a third time, as often as they are about a
resource (a mention): by resource, and by document and resource, so that what is counted together lies together.
"""

import sqlite3
import threading
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from heapq import nsmallest
from itertools import accumulate, chain, compress, groupby, islice
from operator import ne, or_
from typing import Any, TypeVar

from service.graph.bitmaps import (
    Ranges,
    Ranks,
    Runs,
    Spreader,
    bitmap,
    bytes_of,
    few_bits,
    flags_of,
    flags_up_to,
    picked,
    row_ids,
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
# Share of the resources from which what is known of a class or kind is made at the start: there are a hundred such kinds,
# or little more, and each takes a bit for each mention.
_OFTEN = 1 / 100
# Rows up to which the first in an order are found by the place of each: 0.4 ms. Of more, in the time that it takes to find
# the place of one, so many rows of the order can be looked at; most often the first are met soon.
_FEW_TO_SORT, _AS_QUICK = 1000, 10
# Resources up to which each is asked whether a claim about it meets the filters: 1 ms, where the claims of all take 3.
_FEW_TO_ASK = 1000
# Values of a column whose bitmaps are kept, and whose numbers fit into a byte.
_MOST_BITMAPS = 255


class Column:
    """The values of one column of the claims, each claim's numbered; a claim may have several asserters."""

    def __init__(self, values: Iterable[str | None], claims: Sequence[int], size: int) -> None:
        self.size = size
        self._places: dict[str | None, int] = {None: 0}
        found = [self._places.setdefault(value, len(self._places)) for value in values]
        self.values = [value or "" for value in self._places]
        # Of each claim the number of its value, 0 where it has none; second and further values apart.
        self.numbers = _by_row(found, claims, size)
        self.further = [pair for pair in zip(claims, found, strict=True) if self.numbers[pair[0]] != pair[1]]
        self._bitmaps: dict[str, int] = {}

    @property
    def small(self) -> bool:
        """Whether there are so few values that their bitmaps are kept."""
        return len(self.values) <= _MOST_BITMAPS

    @property
    def single(self) -> bool:
        """Whether each claim has one value at most, and its number fits into a byte."""
        return self.small and not self.further

    @cached_property
    def bytes(self) -> bytes:
        """Of each claim the number of its value, where all of them fit into a byte."""
        return bytes_of(self.numbers, 0)[0]

    def number(self, value: str) -> int:
        """The number of a value; 0 where no claim has it."""
        return self._places.get(value, 0)

    def claims(self, value: str) -> int:
        """The claims that have the value."""
        if value in self._bitmaps:
            return self._bitmaps[value]
        number = self.number(value)
        if not number:
            return 0
        if self.small:
            found = rows_of_byte(self.bytes, number)
        else:
            runs = (range(start, end) for start, end in self._runs_of[number])
            found = few_bits(list(chain.from_iterable(runs)), self.size)
        found |= few_bits([claim for claim, further in self.further if further == number], self.size)
        if self.small:
            self._bitmaps[value] = found
        return found

    def warm(self) -> None:
        """Make what is else made for the first value that is asked for."""
        if not self.small:
            _ = self._runs_of

    @cached_property
    def _runs_of(self) -> dict[int, list[tuple[int, int]]]:
        found = defaultdict(list)
        for number, start, end in self._runs:
            found[number].append((start, end))
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

    @cached_property
    def _ranges(self) -> Ranges:
        return Ranges((start, end) for _, start, end in self._runs)

    def counts(self, claims: int) -> dict[str, int]:
        """How many of these claims have each value; values that none has may be missing."""
        # Microseconds: an intersection with its count takes one for each 10,000 claims, a run 0.4, a claim by itself 0.05.
        singly = self.size * 0.012 + claims.bit_count() * 0.05
        if self.small and len(self.values) * (1 + self.size / 10_000) < singly:
            return {value: (self.claims(value) & claims).bit_count() for value in self.values[1:]}
        counted: Counter[int] = Counter(number for claim, number in self.further if claims >> claim & 1)
        if len(self._runs) * 0.4 < singly:
            for (number, _, _), count in zip(self._runs, self._ranges.counts(claims), strict=True):
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
                self._numbers[name] = bytes(picked(self.claims, column.bytes))
            number = column.number(value)
            found = self._having[name, value] = rows_of_byte(self._numbers[name], number) if number else 0
        return found

    def ranks(self, name: str, bound: "_Bound") -> Ranks:
        """One bound of the times of their claims."""
        if name not in self._ranks:
            self._ranks[name] = Ranks([bytes(picked(self.claims, part)) for part in bound.ranks], bound.days)
        return self._ranks[name]


@dataclass(frozen=True)
class _Bound:
    """One bound of the times of the claims: the days that there are, rising, and the place of each claim's day plus one."""

    days: list[str]
    ranks: list[bytes]


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


@dataclass(frozen=True)
class _ByDocument:
    """The mentions by document and resource, and what puts resources into that order.

    `places` has for each mention by resource its place here; `ranges` are where those of each of the documents lie.
    """

    mentions: _Mentions
    spreader: Spreader
    places: "array[int]"
    documents: list[str]
    ranges: Ranges


class Columns:
    """What selections and facets ask of the index, at one version."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._more_columns: dict[str, Column] = {}
        self._orders: dict[str, Order] = {}
        # ("class" or "kind", its name) → the mentions of its members, by document.
        self._often_wanted: dict[tuple[str, str], int] = {}

        read = partial(plain_rows, connection)
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
        groups = {"class": self.classes, "kind": self.kinds}
        self._groups = {(group, name): members for group, found in groups.items() for name, members in found.items()}

    def _read_claims(self, read: Callable[[str], sqlite3.Cursor]) -> None:
        size = self.claim_size
        names = ("type", "document", "modality", "predicate")
        rows = read(f"SELECT id, edtf IS NOT NULL, {', '.join((*names, *_BOUNDS))} FROM claim").fetchall()
        ids = [row[0] for row in rows]
        self.all_claims = bitmap(ids, size)
        self.timed = bitmap((row[0] for row in rows if row[1]), size)
        self.columns = {name: Column((row[at] for row in rows), ids, size) for at, name in enumerate(names, 2)}
        self._bounds = {name: _bound([row[at] for row in rows], ids, size) for at, name in enumerate(_BOUNDS, 6)}
        self._ranks = {name: Ranks(bound.ranks, bound.days) for name, bound in self._bounds.items()}
        asserted = read("SELECT resource, claim FROM role WHERE role = 'assertedBy'").fetchall()
        claims = [claim for _, claim in asserted]
        self.columns["asserter"] = Column((asserter for asserter, _ in asserted), claims, size)

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
    def _by_document(self) -> "_ByDocument":
        column = self.columns["document"]
        documents = picked(self._mentioned_in, column.numbers)
        order = sorted(range(len(documents)), key=documents.__getitem__)
        documents, resources = picked(order, documents), picked(order, self._mentioned)
        ends_of_documents = _ends_of_runs(documents)
        ends = sorted({*ends_of_documents, *_ends_of_runs(resources)})
        ranges = list(zip([0, *ends_of_documents], ends_of_documents, strict=False))
        names = [column.values[documents[start]] for start, _ in ranges]
        claims = array("I", picked(order, self._mentioned_in))
        places = _by_row(range(len(order)), order, len(order))
        return _ByDocument(_Mentions("document", claims, ends), Spreader(resources), places, names, Ranges(ranges))

    def _few_by_document(self, resources: int) -> int:
        """The mentions of a few resources, by document."""
        places, ends = self._by_document.places, self._resource_ends
        found = (places[ends[resource - 1] : ends[resource]] for resource in row_ids(resources))
        return few_bits(list(chain.from_iterable(found)), len(places))

    @cached_property
    def _live_by_document(self) -> int:
        return self._by_document.spreader.spread(self.live, self.resource_size)

    def warm(self) -> None:
        """Make at once what is else made when it is first asked for: at 100,000 entities 20 to 150 ms each."""
        layouts = (self._by_resource, self._by_document.mentions)
        for name, column in self.columns.items():
            for value, count in column.counts(self.all_claims).items() if column.single else ():
                if count >= self.claim_size * _FEW_CLAIMS:
                    for mentions in layouts:
                        mentions.having(name, column, value)
        for mentions in layouts:
            for name, bound in self._bounds.items():
                mentions.ranks(name, bound)
        for group, members in self._groups.items():
            if members.bit_count() >= self.resource_size * _OFTEN:
                self._often_wanted[group] = self._spread_by_document(members)
        for column in self.columns.values():
            column.warm()
        _ = self._live_by_document

    def _wanted(self, part: Part) -> int:
        """The mentions of the resources that meet a part, by document."""
        groups = [(part.key[0], name) for name in part.key[1:]]
        if groups and all(group in self._often_wanted for group in groups):
            return reduce(or_, (self._often_wanted[group] for group in groups))
        return self.kept(("wanted", part.key), lambda: self._spread_by_document(part.resources))

    def _spread_by_document(self, resources: int) -> int:
        if resources.bit_count() < self.resource_size * _FEW_RESOURCES:
            return self._few_by_document(resources)
        return self._by_document.spreader.spread(resources, self.resource_size)

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
            about = list(chain.from_iterable(map(self._about_of, row_ids(claims))))
            return few_bits(about, self.resource_size)
        return self._by_resource.runs.numbers(self._meeting(self._by_resource, conditions, period))

    def spoken_of(self, resources: int, claims: int) -> int | None:
        """Those of a few resources that one of these claims is about; None of more, for which `resources_of` is quicker."""
        if resources.bit_count() > _FEW_TO_ASK:
            return None
        flags = flags_up_to(claims, self.claim_size)
        found = [one for one in row_ids(resources) if any(map(flags.__getitem__, self._claims_of(one)))]
        return few_bits(found, self.resource_size)

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
        # What holds for the values of columns is at hand for all mentions at once: one claim after the other pays later.
        at_hand = all(condition.name in self.columns for condition in conditions)
        if claims.bit_count() < self.claim_size * _FEW_CLAIMS / (4 if at_hand else 1):
            wanted = self.live
            for part in parts:
                wanted &= part.resources
            return self._counts_of_claims(claims, flags_up_to(wanted, self.resource_size))
        by_document = self._by_document
        pairs = (
            by_document.mentions.runs.any(self._meeting(by_document.mentions, conditions, period))
            & self._live_by_document
        )
        for part in parts:
            pairs &= self._wanted(part)
        counted = zip(by_document.documents, by_document.ranges.counts(pairs), strict=True)
        return {document: count for document, count in counted if document and count}

    def _counts_of_claims(self, claims: int, wanted: bytes) -> dict[str, int]:
        numbers, values = self.columns["document"].numbers, self.columns["document"].values
        pairs = {
            (numbers[claim], resource)
            for claim in row_ids(claims)
            for resource in self._about_of(claim)
            if wanted[resource]
        }
        counted = Counter(number for number, _ in pairs)
        return {values[number]: count for number, count in counted.items() if number}

    def order(self, name: str, make: Callable[[], Iterable[int]]) -> "Order":
        """All rows of a table in an order that has a name; `make` gives their ids in it."""
        found = self._orders.get(name)
        if found is None:
            found = self._orders[name] = Order(make(), max(self.claim_size, self.resource_size))
        return found

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
            for claim in row_ids(claims):
                for resource in self._about_of(claim):
                    if wanted[resource]:
                        found[resource].append(claim)
            return found.values()
        flags = flags_up_to(claims, self.claim_size)
        return ([claim for claim in self._claims_of(one) if flags[claim]] for one in row_ids(resources))

    def column(self, name: str, pairs: Callable[[], Iterable[tuple[str, int]]]) -> Column:
        """A column that is made when it is first asked for, from values and claims; no pair comes twice."""
        found = self._more_columns.get(name)
        if found is None:
            listed = list(pairs())
            values, claims = (value for value, _ in listed), [claim for _, claim in listed]
            found = self._more_columns[name] = Column(values, claims, self.claim_size)
        return found


class Order:
    """All rows of a table in an order."""

    def __init__(self, ids: Iterable[int], size: int) -> None:
        """`size` is above all of the ids."""
        self._ids = array("I", ids)
        self._places = _by_row(range(len(self._ids)), self._ids, size)
        self._size = size

    def place(self, row_id: int) -> int:
        """The place of a row, from 0."""
        return self._places[row_id]

    def first(self, rows: int, wanted: int, *, start: int) -> list[int]:
        """The first `wanted` of these rows from the place `start` on, in order."""
        total = rows.bit_count()
        if total > _FEW_TO_SORT:
            flags, end = flags_up_to(rows, self._size), start + total * _AS_QUICK
            ids = self._ids[start:end]
            found = list(islice(compress(ids, map(flags.__getitem__, ids)), wanted))
            if len(found) == wanted or end >= len(self._ids):
                return found
        places = map(self._places.__getitem__, row_ids(rows))
        left = (place for place in places if place >= start) if start else places
        return [self._ids[place] for place in nsmallest(wanted, left)]


def _bound(days: Sequence[str | None], claims: Sequence[int], size: int) -> _Bound:
    known = sorted(day for day in set(days) if day is not None)
    places: dict[str | None, int] = {None: 0, **{day: place for place, day in enumerate(known, 1)}}
    return _Bound(known, bytes_of(_by_row([places[day] for day in days], claims, size), len(known)))


def _by_row(numbers: Iterable[int], rows: Iterable[int], size: int) -> "array[int]":
    """The number of each row; of those of one row the last."""
    found = array("I", bytes(4 * size))
    deque(map(found.__setitem__, rows, numbers), maxlen=0)
    return found


def _ends_of_runs(values: Sequence[int]) -> list[int]:
    """Where equal values that follow each other end, and the end of all."""
    changes = compress(range(1, len(values)), map(ne, values, islice(values, 1, None)))
    return [*changes, len(values)] if values else []


def _ends(numbers: Iterable[int], size: int) -> "array[int]":
    """Of each number below `size`, how many are it or below."""
    counts = [0] * size
    for number, count in Counter(numbers).items():
        counts[number] = count
    return array("I", accumulate(counts))


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


def plain_rows(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
    """The rows as plain tuples: for 300,000 of them a third less time than with their columns' names."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor.execute(sql, parameters)


def columns_of(connection: sqlite3.Connection) -> Columns:
    """The columns at the version that a connection of an Index sees."""
    assert isinstance(connection, Reader), "connections to the index come from Index"
    return connection.columns_cache.at(connection)
