"""The rows of the index as bitmaps, for selections and facets: bit n stands for the row with id n.

Made once for each version of the index and never changed afterwards, so that any number of threads may read it.
An intersection of 300,000 claims takes some microseconds; SQL takes milliseconds for each condition.
"""

import re
import sqlite3
import threading
from bisect import bisect_right
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain, compress, repeat
from typing import Any, TypeVar

T = TypeVar("T")
# Roles in which a claim is about a resource; the others say who speaks, where and from what.
ABOUT_ROLES = ("subject", "object", "observedFor", "indicator", "breakdown", "assessmentOf", "aspect")
# Results kept for each version: bitmaps of selections and counts of facets; each is some ten kilobytes.
_KEPT = 512
# Parts that the claims are cut into by each bound of their times; one part is what a comparison goes through singly.
_PARTS = 64
# Set bits up to which they are picked one by one: 10,000 of 300,000 take 3 ms either way.
_SPARSE = 10_000
_NOT_ZERO = re.compile(rb"[^\x00]", re.DOTALL)
_FLAGS = bytes.maketrans(b"01", b"\x00\x01")
_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


def bitmap(ids: Iterable[int], size: int) -> int:
    """The bits of these row ids; `size` is above all of them."""
    flags = bytearray(size)
    # The loop in C: a set of 100,000 ids takes 4 ms instead of 9.
    deque(map(flags.__setitem__, ids, repeat(1)), maxlen=0)
    return int(flags[::-1].translate(_DIGITS), 2) if size else 0


def flags_of(bits: int) -> bytes:
    """One byte for each row id from 0 up, 1 where its bit is set."""
    return bin(bits)[:1:-1].encode().translate(_FLAGS)


def row_ids(bits: int) -> Iterator[int]:
    """The row ids of the bits that are set, rising."""
    flags = flags_of(bits)
    return compress(range(len(flags)), flags)


def few_row_ids(bits: int) -> Iterator[int]:
    """As `row_ids`, faster where few bits of many are set."""
    for found in _NOT_ZERO.finditer(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        first, byte = found.start() * 8, found[0][0]
        while byte:
            yield first + (byte & -byte).bit_length() - 1
            byte &= byte - 1


class _Bounds:
    """One bound of the times of the claims, in order."""

    def __init__(self, rows: list[tuple[str, int]], size: int) -> None:
        rows.sort()
        self._days = [day for day, _ in rows]
        self._ids = [row_id for _, row_id in rows]
        self._size = size
        self._step = max(1, len(rows) // _PARTS)
        self._until = [0]
        for start in range(0, len(rows) - self._step + 1, self._step):
            self._until.append(self._until[-1] | bitmap(self._ids[start : start + self._step], size))

    def at_most(self, day: str) -> int:
        """The claims whose bound is that day or before."""
        end = bisect_right(self._days, day)
        part = min(end // self._step, len(self._until) - 1)
        return self._until[part] | bitmap(self._ids[part * self._step : end], self._size)


class Columns:
    """What selections and facets ask of the index, at one version."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        read = connection.execute
        resources = read("SELECT id, iri, type, replaced_by FROM resource").fetchall()
        claims = read(
            "SELECT id, type, document, modality, predicate, subject, earliest, begins_by, ends_after, latest, edtf"
            " FROM claim"
        ).fetchall()
        self.resource_size = max((row["id"] for row in resources), default=0) + 1
        self.claim_size = max((row["id"] for row in claims), default=0) + 1
        self.live = bitmap((row["id"] for row in resources if not row["replaced_by"]), self.resource_size)
        self.all_claims = bitmap((row["id"] for row in claims), self.claim_size)
        self._read_resources(read, resources)
        self._read_claims(claims)
        self._read_roles(read, {row["iri"]: row["id"] for row in resources})

    def _read_resources(self, read: Callable[[str], sqlite3.Cursor], rows: list[sqlite3.Row]) -> None:
        size = self.resource_size
        self.classes = _grouped(read("SELECT class, resource FROM class_of"), size)
        self.kinds = _grouped(read("SELECT kind, resource FROM kind_of"), size)
        # What something is filed under most closely → all that a filter by it finds: subclasses, narrower kinds too.
        self.filed_types = {name: self.classes[name] for name in {row["type"] for row in rows} if name in self.classes}
        self.filed_kinds = dict(self.kinds)
        for narrower, broader in read("SELECT narrower, broader FROM broader"):
            if broader in self.filed_kinds and narrower in self.kinds:
                self.filed_kinds[broader] |= self.kinds[narrower]
        self.schemes = _grouped(read("SELECT scheme, resource FROM scheme_of"), size)

    def _read_claims(self, rows: list[sqlite3.Row]) -> None:
        size = self.claim_size
        names = ("type", "document", "modality", "predicate")
        # Column → value → claims.
        self.claims: dict[str, dict[str, int]] = {
            name: _grouped(((row[name], row["id"]) for row in rows), size) for name in names
        }
        self.timed = bitmap((row["id"] for row in rows if row["edtf"] is not None), size)
        self._values: dict[str, list[str | None]] = {name: [None] * size for name in (*names, "asserter")}
        for row in rows:
            for name in names:
                self._values[name][row["id"]] = row[name]
        self._bounds = {
            name: _Bounds([(row[name], row["id"]) for row in rows if row[name] is not None], size)
            for name in ("earliest", "begins_by", "ends_after", "latest")
        }
        self._bounded = {
            name: bitmap((row["id"] for row in rows if row[name] is not None), size) for name in self._bounds
        }

    def _read_roles(self, read: Callable[[str], sqlite3.Cursor], ids: dict[str, int]) -> None:
        about: list[set[int]] = [set() for _ in range(self.claim_size)]
        of: list[list[int]] = [[] for _ in range(self.resource_size)]
        asserters: dict[str, list[int]] = defaultdict(list)
        listed = ", ".join(f"'{role}'" for role in (*ABOUT_ROLES, "assertedBy"))
        for iri, role, claim in read(f"SELECT resource, role, claim FROM role WHERE role IN ({listed})"):
            if role == "assertedBy":
                asserters[iri].append(claim)
                # A facet counts claims by asserter from the bitmaps where a claim has several.
                self._values["asserter"][claim] = None if self._values["asserter"][claim] else iri
            elif iri in ids:
                about[claim].add(ids[iri])
        self.claims["asserter"] = {iri: bitmap(found, self.claim_size) for iri, found in asserters.items()}
        self._several_asserters = any(
            value is None and claim for claim, value in enumerate(self._values["asserter"]) if self.has(claim)
        )
        self.row_of = ids
        self.about = [tuple(found) for found in about]
        for claim, found in enumerate(self.about):
            for resource in found:
                of[resource].append(claim)
        self.claims_of = of
        # Column → value → resources that a claim with that value is about.
        self.spoken_of = {
            name: {value: self.resources_of(bits) for value, bits in values.items()}
            for name, values in self.claims.items()
            if name in ("document", "modality", "predicate", "asserter")
        }

    def has(self, claim: int) -> bool:
        """Whether there is a claim with that row id."""
        return bool(self.all_claims >> claim & 1)

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

    def resources_of(self, claims: int) -> int:
        """The resources that these claims are about."""
        if claims.bit_count() < _SPARSE:
            about = self.about
            return bitmap(chain.from_iterable(about[claim] for claim in few_row_ids(claims)), self.resource_size)
        return bitmap(chain.from_iterable(compress(self.about, flags_of(claims))), self.resource_size)

    def claims_about(self, resources: Iterable[int]) -> int:
        """The claims that are about one of these resources."""
        found = chain.from_iterable(self.claims_of[row_id] for row_id in resources)
        return bitmap(found, self.claim_size)

    def at_most(self, bound: str, day: str) -> int:
        """The claims whose bound is that day or before; undated ones are none of them."""
        return self._bounds[bound].at_most(day)

    def at_least(self, bound: str, day: str) -> int:
        """The claims whose bound is that day or after."""
        # No day lies between "2014-09-2" and "2014-09-30"; what is at most all that is less is not at least.
        return self._bounded[bound] & ~self._bounds[bound].at_most(_just_before(day))

    def counts(self, name: str, claims: int) -> dict[str, int]:
        """How many of these claims have each value of a column."""
        values = self.claims[name]
        total = claims.bit_count()
        # Microseconds: an intersection with its count takes about one for each 16,000 claims, a claim by itself 0.1.
        by_bitmaps = len(values) * (1 + self.claim_size / 16_000)
        if (name == "asserter" and self._several_asserters) or by_bitmaps < total * 0.1 + self.claim_size * 0.012:
            return _counted(values, claims)
        found = Counter(compress(self._values[name], flags_of(claims)))
        return {value: count for value, count in found.items() if value is not None}

    def resource_counts(self, values: dict[str, int], resources: int) -> dict[str, int]:
        """How many of these resources each value has."""
        return _counted(values, resources)

    def document_counts(self, claims: int, resources: int) -> dict[str, int]:
        """How many of these resources each document speaks of in one of these claims."""
        return self._pairs.counts(claims, flags_of(resources).ljust(self.resource_size, b"\0"))

    @cached_property
    def _pairs(self) -> "_Pairs":
        return _Pairs(self.about, self._values["document"])


class _Pairs:
    """Each pair of a document and a resource that one of its claims is about, numbered; and the pairs of each claim."""

    def __init__(self, about: list[tuple[int, ...]], documents: list[str | None]) -> None:
        numbers: dict[tuple[str | None, int], int] = {}
        self._of_claim = [
            tuple(numbers.setdefault((documents[claim], resource), len(numbers)) for resource in found)
            for claim, found in enumerate(about)
        ]
        self._documents = [document for document, _ in numbers]
        self._resources = [resource for _, resource in numbers]

    def counts(self, claims: int, wanted: bytes) -> dict[str, int]:
        """How many pairs of these claims each document has, with resources that are flagged in `wanted`."""
        if claims.bit_count() < _SPARSE:
            of_claim, resources, documents = self._of_claim, self._resources, self._documents
            pairs = set(chain.from_iterable(of_claim[claim] for claim in few_row_ids(claims)))
            found_in = Counter(documents[pair] for pair in pairs if wanted[resources[pair]])
            return {document: count for document, count in found_in.items() if document}
        met = bytearray(len(self._documents))
        found = chain.from_iterable(compress(self._of_claim, flags_of(claims)))
        deque(map(met.__setitem__, found, repeat(1)), maxlen=0)
        kept = map(wanted.__getitem__, compress(self._resources, met))
        counted = Counter(compress(compress(self._documents, met), kept))
        return {document: count for document, count in counted.items() if document}


def _just_before(day: str) -> str:
    """A text that sorts after every earlier day and before this one."""
    return day[:-1] + chr(ord(day[-1]) - 1) + "\uffff"


def _counted(values: dict[str, int], chosen: int) -> dict[str, int]:
    counts = ((value, (bits & chosen).bit_count()) for value, bits in values.items())
    return {value: count for value, count in counts if count}


def _grouped(rows: Iterable[Any], size: int) -> dict[str, int]:
    groups: dict[str, list[int]] = defaultdict(list)
    for value, row_id in rows:
        if value is not None:
            groups[value].append(row_id)
    return {value: bitmap(ids, size) for value, ids in groups.items()}


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
