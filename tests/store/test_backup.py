"""A backup is the store at one version, also while it is written to; a damaged one gives no store."""

import asyncio
import gzip
import io
import json
import tarfile
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BackupFault, ConfigurationError, NotFound, StorageFailed
from service.settings import Settings
from service.store.backup import back_up, fingerprint, restore, snapshot, verify
from service.store.base import Delta
from service.store.embedded import EmbeddedStore, open_store
from tests.store.conftest import iri, numbers


def opened(directory: Path, digest: str = "1") -> EmbeddedStore:
    return open_store(Settings(workers=1), content=lambda: numbers(5), directory=directory, digest=digest)


def change(number: int) -> Delta:
    """Adds a quad of its own, removes the one of two changes before."""
    quads = [ox.Quad(iri(f"change{n}"), iri("p"), ox.Literal(f"é\n{n}"), iri("g")) for n in (number, number - 2)]
    return Delta(added=quads[:1], removed=quads[1:])


def after(version: int) -> set[ox.Quad]:
    """The quads of a store after so many changes."""
    quads = set(numbers(5))
    for number in range(1, version + 1):
        quads = (quads - set(change(number).removed)) | set(change(number).added)
    return quads


@pytest.fixture
async def changed(tmp_path: Path) -> Path:
    """The directory of a store that three changes were made in, closed."""
    async with opened(tmp_path / "store") as store:
        for number in (1, 2, 3):
            await store.apply(change(number), about={"agent": "ann"})
    return tmp_path / "store"


async def test_a_restored_store_is_the_one_at_the_version_of_the_backup(changed, tmp_path):
    made = back_up(changed, tmp_path / "b.tar.gz")
    assert (made.version, made.quads) == (3, len(after(3)))
    async with opened(changed) as store:
        first = store.id
        await store.apply(change(4))
    assert restore(tmp_path / "b.tar.gz", tmp_path / "other") == made
    async with opened(tmp_path / "other") as store:
        assert store.version == 3
        assert set(store.match()) == after(3)
        assert [entry.about for entry in store.log.latest()] == [{"agent": "ann"}] * 3
        assert store.id != first
        await store.apply(change(4))
    async with opened(tmp_path / "other") as store:
        assert (store.version, set(store.match())) == (4, after(4))


async def test_a_backup_during_writes_is_the_graph_at_one_version(tmp_path, monkeypatch):
    # New bases are made all the time, so that they come between the steps of the backup.
    monkeypatch.setattr("service.store.embedded._LEAST_REMOVED", 5)
    directory, versions = tmp_path / "store", []
    async with opened(directory) as store:
        done = False

        async def write() -> None:
            number = 0
            while not done:
                number += 1
                await store.apply(change(number))

        writing = asyncio.create_task(write())
        for number in range(4):
            least = store.version
            made = await asyncio.to_thread(back_up, directory, tmp_path / f"{number}.tar")
            assert least <= made.version <= store.version
            versions.append(made.version)
        done = True
        await writing
    assert versions == sorted(versions)
    for number, version in enumerate(versions):
        restore(tmp_path / f"{number}.tar", tmp_path / f"restored{number}")
        with snapshot(tmp_path / f"restored{number}") as found:
            assert set(found.quads) == after(version)


async def test_the_same_state_gives_the_same_bytes_compressed_or_not(changed, tmp_path):
    for name in ("a.tar.gz", "b.tar.gz", "c.tar"):
        back_up(changed, tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.tar.gz").read_bytes()) == (tmp_path / "c.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "b.tar.gz", "c.tar", "store"]


async def test_a_change_whose_writing_was_interrupted_is_in_no_backup(changed, tmp_path):
    with (changed / "changes.log").open("ab") as log:
        log.write(b'H version 4 .\nTX .\nA <http://example.com/x> <http://example.com/y> "half')
    assert back_up(changed, tmp_path / "b.tar").version == 3
    assert restore(tmp_path / "b.tar", tmp_path / "other").version == 3


async def test_a_store_is_never_overwritten(changed, tmp_path):
    back_up(changed, tmp_path / "b.tar")
    with pytest.raises(ConfigurationError, match="never overwrites"):
        restore(tmp_path / "b.tar", changed)
    with snapshot(changed) as found:
        assert set(found.quads) == after(3)


async def test_every_damaged_byte_that_matters_is_found(changed, tmp_path):
    back_up(changed, tmp_path / "b.tar")
    whole = (tmp_path / "b.tar").read_bytes()
    for place in (600, 700, len(whole) // 2, whole.index(b"change2"), whole.index(b'H agent "ann"') + 9):
        if whole[place] == 0:
            continue
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / "b.tar").write_bytes(damaged)
        with pytest.raises(BackupFault):
            restore(tmp_path / "b.tar", tmp_path / "other")
        assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob("*.restored"))


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
async def test_a_backup_that_was_cut_off_is_refused(changed, tmp_path, name):
    back_up(changed, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    content = len(whole.rstrip(b"\0"))
    for length in (0, 10, 512, content // 3, content * 2 // 3, content * 9 // 10):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(BackupFault):
            verify(tmp_path / name)


def archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as out:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as opened_:
        return {entry.name: opened_.extractfile(entry).read() for entry in opened_}


async def test_a_manifest_that_promises_something_else_is_refused(changed, tmp_path):
    back_up(changed, tmp_path / "b.tar")
    held = members(tmp_path / "b.tar")
    manifest = json.loads(held["manifest.json"])
    for key, value in {"quads": 1, "fingerprint": "0" * 64, "version": 4, "format": 2, "files": {}, "more": 1}.items():
        archive(tmp_path / "b.tar", held | {"manifest.json": json.dumps(manifest | {key: value}).encode()})
        with pytest.raises(BackupFault):
            restore(tmp_path / "b.tar", tmp_path / "other")


async def test_a_file_that_the_manifest_does_not_name_is_not_unpacked(changed, tmp_path):
    back_up(changed, tmp_path / "b.tar")
    held = members(tmp_path / "b.tar")
    for name in ("../evil", "/evil", "state.json"):
        archive(tmp_path / "b.tar", held | {name: b"x"})
        with pytest.raises(BackupFault, match="does not name"):
            restore(tmp_path / "b.tar", tmp_path / "deep" / "other")
    assert not (tmp_path / "evil").exists()


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match="no store"):
        back_up(tmp_path / "none", tmp_path / "b.tar")
    with pytest.raises(NotFound, match="no file"):
        restore(tmp_path / "none.tar", tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


async def test_a_target_that_cannot_be_written_is_named_and_nothing_is_left(changed, tmp_path):
    with pytest.raises(StorageFailed, match="cannot be"):
        back_up(changed, tmp_path / "no" / "folder" / "b.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@given(st.permutations(numbers(6)), st.integers(min_value=0, max_value=6))
def test_the_fingerprint_is_of_the_quads_not_their_order(quads, count):
    chosen = sorted(quads[:count], key=str)
    assert fingerprint(quads[:count]) == fingerprint(chosen)
    assert count == 0 or fingerprint(chosen[1:]) != fingerprint(chosen)
