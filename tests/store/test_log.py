"""The change log keeps every change that was acknowledged, whole, and nothing of any other."""

import errno
import os
import sys
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.errors import StorageFailed
from service.store.base import Delta
from service.store.log import ChangeLog
from tests.store.conftest import iri, numbers

ABOUT = {"agent": "ann", "time": "2026-01-02T03:04:05Z", "message": 'said "so"\nin two lines, é'}


def change(number: int) -> Delta:
    added = [ox.Quad(iri("s"), iri("p"), ox.Literal(f"{number}\n TC ."), iri("g"))]
    return Delta(added=added, removed=numbers(2), created=[], dropped=[])


class Opened(ChangeLog):
    """A log that is closed with the test."""

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()


def test_a_change_is_read_back_with_what_was_said_of_it(tmp_path: Path) -> None:
    log = Opened(tmp_path / "changes.log")
    log.append(1, change(1), ABOUT)
    log.append(2, Delta(created=[iri("new")], dropped=[iri("old")]))
    for opened in (log, Opened(tmp_path / "changes.log")):
        assert opened.last == 2
        second, first = opened.latest()
        assert (first.version, first.removed, first.added, first.about) == (1, 2, 1, ABOUT)
        assert opened.entry(2) == second
        assert opened.delta(1) == change(1)
        assert [(version, delta.created) for version, delta in opened.read(after=1)] == [(2, [iri("new")])]
        assert opened.delta(3) is None
        assert (opened.delta(0), opened.entry(0), opened.patch(3)) == (None, None, None)


def test_a_part_of_the_history_is_listed_the_latest_first(tmp_path: Path) -> None:
    log = Opened(tmp_path / "changes.log")
    for version in range(1, 6):
        log.append(version, change(version), {"agent": f"ann {version}"})

    def versions(**bounds: int) -> list[int]:
        return [entry.version for entry in log.latest(**bounds)]

    assert versions() == [5, 4, 3, 2, 1]
    assert versions(most=2) == [5, 4]
    assert versions(after=2, before=5) == [4, 3]
    assert versions(after=2, before=5, most=1) == [4]
    assert versions(after=5) == versions(before=1) == versions(after=3, before=2) == []
    assert (log.count(), log.count(after=2, before=5), log.count(after=3, before=2)) == (5, 2, 0)
    assert log.latest(most=1)[0].about == {"agent": "ann 5"}


def test_the_log_keeps_next_to_nothing_of_a_change_in_memory(tmp_path: Path) -> None:
    log = Opened(tmp_path / "changes.log")
    empty = _bytes_of(log)
    for version in range(1, 1001):
        log.append(version, Delta(added=[ox.Quad(iri("s"), iri("p"), ox.Literal(version))]), ABOUT)
    assert _bytes_of(log) - empty <= 1000  # two numbers of eight bytes for every 64, and what an array has in reserve
    assert _bytes_of(Opened(tmp_path / "changes.log")) - empty <= 1000
    for version in (1, 63, 64, 65, 66, 128, 999, 1000):
        entry, delta = log.entry(version), log.delta(version)
        assert entry is not None
        assert delta is not None
        assert (entry.version, delta.added[0].object) == (version, ox.Literal(version))
    assert [version for version, _ in log.read(after=62, before=131)] == [*range(63, 131)]
    assert [entry.version for entry in log.latest(after=500, most=3)] == [1000, 999, 998]


def test_a_large_change_is_not_read_to_find_another(tmp_path: Path) -> None:
    log = Opened(tmp_path / "changes.log")
    log.append(1, Delta(added=numbers(2000)))
    log.append(2, change(2))
    log.append(3, change(3))
    assert [*zip(log._marks, log._starts, strict=True)] == [(1, 0), (2, len(log.patch(1) or b""))]
    assert log.delta(3) == change(3)


def test_a_log_that_lacks_a_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changes.log"
    log = Opened(path)
    for version in (1, 2, 3):
        log.append(version, change(version))
    first, second, third = (log.patch(version) or b"" for version in (1, 2, 3))
    assert path.read_bytes() == first + second + third
    path.write_bytes(first + third)
    with pytest.raises(StorageFailed, match="change 2 is missing"):
        ChangeLog(path)


def _bytes_of(thing: object, seen: set[int] | None = None) -> int:
    """What an object takes in memory with all that hangs on it."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    parts = [*vars(thing).values()] if hasattr(thing, "__dict__") else []
    if isinstance(thing, dict):
        parts += [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set):
        parts += thing
    return sys.getsizeof(thing) + sum(_bytes_of(part, seen) for part in parts)


@pytest.mark.parametrize("cut", [1, 10, 60, 200])
def test_a_change_whose_writing_was_interrupted_was_never_made(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "changes.log"
    log = Opened(path)
    log.append(1, change(1), ABOUT)
    whole = path.read_bytes()
    log.append(2, change(2), ABOUT)
    path.write_bytes(path.read_bytes()[:-cut])
    again = Opened(path)
    assert again.last == 1
    assert path.read_bytes() == whole
    again.append(2, change(3))
    assert Opened(path).delta(2) == change(3)


def test_a_full_disk_leaves_nothing_of_the_change_and_the_next_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "changes.log"
    log = Opened(path)
    log.append(1, change(1))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.fsync
    calls = iter([full, real])
    monkeypatch.setattr(os, "fsync", lambda descriptor: next(calls)(descriptor))
    with pytest.raises(StorageFailed, match=r"No space left on device.*nothing was changed"):
        log.append(2, change(2))
    assert path.read_bytes() == before
    monkeypatch.setattr(os, "fsync", real)
    log.append(2, change(3))
    assert Opened(path).delta(2) == change(3)


def test_when_not_even_the_end_of_the_log_is_certain_nothing_more_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Opened(tmp_path / "changes.log")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    for _ in range(2):
        with pytest.raises(StorageFailed):
            log.append(1, change(1))
    monkeypatch.undo()
    with pytest.raises(StorageFailed, match="restart"):
        log.append(1, change(1))


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot be written"):
        Opened(tmp_path / "absent" / "changes.log")
