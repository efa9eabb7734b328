"""Statements in order, each once, with bounded memory: what does not fit lies on disk in sorted runs."""

import heapq
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import pyoxigraph as ox

from service.rdf.terms import quad_key, triple_key
from service.rdf.writing import Statement

S = TypeVar("S", bound=Statement)
S_co = TypeVar("S_co", bound=Statement, covariant=True)
# Statements held at once; 100,000 quads of the usual length take 140 MB while they are sorted (measured). A graph of as many
# is sorted without the disk.
IN_MEMORY = 100_000
# Runs merged at once: each is an open file.
_MOST_RUNS = 200


class Rows(Protocol[S_co]):
    """Statements that are read any number of times."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[S_co]: ...


class Sorted(Generic[S]):
    """Statements in their one order, each once; read any number of times, also by several threads at once."""

    def __init__(self, statements: Iterable[S], key: Callable[[S], Any], *, in_memory: int = IN_MEMORY) -> None:
        self._key = key
        self._rows: list[S] = []
        self._file: Path | None = None
        self._count = 0
        iterator = iter(statements)
        batch = _next_batch(iterator, key, in_memory)
        following = next(iterator, None)
        if following is None:
            self._rows, self._count = batch, len(batch)
        else:
            self._spill(batch, chain([following], iterator), in_memory)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[S]:
        return iter(self._rows) if self._file is None else self._read(self._file)

    def _spill(self, batch: list[S], rest: Iterator[S], in_memory: int) -> None:
        folder = Path(tempfile.mkdtemp(prefix="marsad-sorted-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        runs: list[Path] = []
        while batch:
            runs.append(folder / f"run-{len(runs)}.nq")
            _write(batch, runs[-1])
            batch = _next_batch(rest, self._key, in_memory)
        number = 0
        while len(runs) > 1:
            merged = folder / f"merged-{number}.nq"
            number += 1
            self._count = _write(self._merged(runs[:_MOST_RUNS]), merged)
            for run in runs[:_MOST_RUNS]:
                run.unlink()
            runs = [*runs[_MOST_RUNS:], merged]
        self._file = runs[0]

    def _merged(self, runs: list[Path]) -> Iterator[S]:
        rows = heapq.merge(*map(self._read, runs), key=self._key)
        return (next(group) for _, group in groupby(rows))

    def _read(self, path: Path) -> Iterator[S]:
        quads = ox.parse(path=path, format=ox.RdfFormat.N_QUADS)
        return cast(Iterator[S], quads if self._key is quad_key else (quad.triple for quad in quads))


def sorted_quads(quads: Iterable[ox.Quad], *, in_memory: int = IN_MEMORY) -> Sorted[ox.Quad]:
    """The quads in the order of `ordered_quads`."""
    return Sorted(quads, quad_key, in_memory=in_memory)


def sorted_triples(statements: Iterable[Statement], *, in_memory: int = IN_MEMORY) -> Sorted[ox.Triple]:
    """The triples in the order of `ordered_triples`; graph names are dropped."""
    triples = (row.triple if isinstance(row, ox.Quad) else row for row in statements)
    return Sorted(triples, triple_key, in_memory=in_memory)


def _next_batch(statements: Iterator[S], key: Callable[[S], Any], size: int) -> list[S]:
    """The next statements in order; as many different ones as `size` says, or all that are left."""
    batch: set[S] = set()
    while len(batch) < size:
        statement = next(statements, None)
        if statement is None:
            break
        batch.add(statement)
    return sorted(batch, key=key)


def _write(rows: Iterable[S], path: Path) -> int:
    """Write a run and say how many statements it has."""
    count = 0

    def counted() -> Iterator[ox.Quad]:
        nonlocal count
        for row in rows:
            count += 1
            yield row if isinstance(row, ox.Quad) else ox.Quad(row.subject, row.predicate, row.object)

    with path.open("wb") as stream:
        ox.serialize(counted(), stream, format=ox.RdfFormat.N_QUADS)
    return count
