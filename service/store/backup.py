"""A consistent copy of a store's directory while a service writes to it, and a directory made from such a copy.

The base and the log up to one version are the whole store: the log only grows, and a base is never altered. The file is
a tar archive (`.gz` compresses it) of `base-N.nq`, `changes.log` cut after its last whole change, and `manifest.json`
with sizes, SHA-256, the version, the number of quads and their fingerprint. The same state gives the same bytes.
"""

import gzip
import hashlib
import io
import json
import os
import secrets
import shutil
import tarfile
import tempfile
import traceback
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pyoxigraph as ox

from service.errors import BackupFault, ConfigurationError, NotFound, StorageFailed
from service.store.base import n_quads
from service.store.embedded import State, apply_delta, open_database, read_state, write_state
from service.store.log import END_OF_CHANGE, ChangeLog, sync_folder

_MANIFEST, _LOG = "manifest.json", "changes.log"
_FORMAT = 1
# A new base may take the place of the old one between two steps; that happens minutes apart.
_TRIES = 5
_CHUNK_BYTES = 2**20
# Quads that are hashed at a time.
_BATCH = 10_000
_MODULUS = 2**256


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: the version, how many quads that is and their fingerprint, and the files with their hashes.

    The fingerprint is the sum of the SHA-256 of each quad in N-Quads: the same for the same quads in any order.
    """

    version: int
    digest: str
    base: int
    loaded: int
    quads: int
    fingerprint: str
    files: dict[str, dict[str, Any]]
    format: int = _FORMAT


@dataclass(slots=True)
class Snapshot:
    """A copy of a store at one moment: its state, the folder with base and log, the quads (until the block ends)."""

    state: State
    folder: Path
    quads: ox.Store


@contextmanager
def snapshot(directory: Path, *, beside: Path | None = None) -> Iterator[Snapshot]:
    """A copy of a store's directory at one moment, whether or not a service uses it.

    The copy lies below `beside` (default: where temporary files go) and is removed at the end of the block.

    Raises NotFound: there is no store. Raises BackupFault: its files do not fit together.
    """
    if not (directory / "state.json").is_file():
        raise NotFound(f"there is no store in {directory}: nothing was served from there yet (MARSAD_HOME says where)")
    # A database that is still open writes while its folder is removed: whoever keeps `quads` leaves files behind.
    with tempfile.TemporaryDirectory(prefix=".marsad-", dir=beside, ignore_cleanup_errors=True) as name:
        copy = Path(name)
        try:
            state = _copy(directory, copy)
            found = Snapshot(state, copy, open_database(copy / "quads"))
            state.on_disk = _fill(found.quads, copy, state.base)
        except OSError as error:
            raise StorageFailed(f"the store in {directory} cannot be copied: {error}") from error
        try:
            yield found
        finally:
            del found.quads


def back_up(directory: Path, target: Path) -> Backup:
    """Write a backup of a store's directory to a file and read it back; a service may use and change the store.

    Raises NotFound: there is no store. Raises StorageFailed: the file cannot be written; none is left then.
    """
    fresh = target.with_name(target.name + ".new")
    try:
        with snapshot(directory, beside=target.parent) as found:
            state = found.state
            files = {name: _sum(found.folder / name) for name in (f"base-{state.base}.nq", _LOG)}
            count, digits = fingerprint(found.quads)
            backup = Backup(state.on_disk, state.digest, state.base, state.loaded, count, digits, files)
            _write_archive(fresh, backup, found.folder)
        for _ in _members(fresh):
            pass
        fresh.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageFailed(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return backup


def restore(source: Path, directory: Path) -> Backup:
    """Make a store's directory from a backup, as it was at the version of the backup.

    It gets an id of its own, since it may become something else than what it was copied from. Everything is checked
    before the directory appears: sums, the log, the number of quads and their fingerprint.

    Raises ConfigurationError: the directory exists already. Raises BackupFault: the backup is damaged.
    Raises StorageFailed: the disk did not take it.
    """
    if directory.exists():
        raise ConfigurationError(
            f"{directory} exists: a restore never overwrites a store; move it away or set MARSAD_HOME to another directory"
        )
    fresh = directory.with_name(directory.name + ".restored")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        backup = _unpack(source, fresh)
        _build(backup, fresh)
        fresh.rename(directory)
        sync_folder(directory.parent)
    except BackupFault as error:
        traceback.clear_frames(
            error.__traceback__
        )  # they keep the database open, which would write while it is removed
        raise
    except OSError as error:
        raise StorageFailed(f"{directory} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return backup


def verify(source: Path) -> Backup:
    """What a backup holds, after everything in it was checked as a restore does. Raises BackupFault: it is damaged."""
    with tempfile.TemporaryDirectory(prefix="marsad-", ignore_cleanup_errors=True) as name:
        backup = _unpack(source, Path(name))
        _build(backup, Path(name))
    return backup


def fingerprint(quads: Iterable[ox.Quad]) -> tuple[int, str]:
    """How many quads there are, and the sum of their hashes in hex."""
    count = total = 0
    for batch in _batches(quads):
        for line in n_quads(batch).splitlines():
            count += 1
            total += int.from_bytes(hashlib.sha256(line).digest())
    return count, f"{total % _MODULUS:064x}"


def _batches(quads: Iterable[ox.Quad]) -> Iterator[list[ox.Quad]]:
    batch: list[ox.Quad] = []
    for quad in quads:
        batch.append(quad)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


# --- from a directory in use ---


def _copy(directory: Path, copy: Path) -> State:
    """Copy base and log. The base first: a change that is in it was in the log before."""
    for _ in range(_TRIES):
        state = read_state(directory)
        if state is None:
            raise BackupFault(f"{directory / 'state.json'} is damaged")
        name = f"base-{state.base}.nq"
        try:
            shutil.copyfile(directory / name, copy / name)
        except FileNotFoundError:
            continue  # a new base took its place
        _copy_log(directory / _LOG, copy / _LOG)
        return state
    raise BackupFault(f"{directory} lacks the base that its state.json names")


def _copy_log(log: Path, copy: Path) -> None:
    """Copy the whole changes that a log has; what follows the last one is being written, or never was."""
    position = end = 0
    with copy.open("wb") as target:
        if not log.exists():
            return
        with log.open("rb") as source:
            for line in source:
                position += len(line)
                target.write(line)
                if line == END_OF_CHANGE:
                    end = position
        target.truncate(end)


def _fill(quads: ox.Store, folder: Path, base: int) -> int:
    """Put the base and the changes after it into a database; the version that this gives.

    Raises BackupFault: they cannot be read, or changes are missing.
    """
    version = base
    try:
        quads.bulk_extend(ox.parse(path=folder / f"base-{base}.nq", format=ox.RdfFormat.N_QUADS, lenient=True))
        log = ChangeLog(folder / _LOG)
        try:
            for number, delta in log.read(after=base):
                if number != version + 1:
                    raise BackupFault(f"change {version + 1} is missing in {_LOG}")
                apply_delta(quads, delta)
                version = number
        finally:
            log.close()
    except (SyntaxError, ValueError, StorageFailed) as error:
        raise BackupFault(f"base-{base}.nq or {_LOG} is damaged: {error}") from error
    quads.flush()
    return version


# --- the archive ---


def _sum(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_archive(path: Path, backup: Backup, folder: Path) -> None:
    manifest = json.dumps(asdict(backup), indent=1, sort_keys=True).encode()
    with path.open("wb") as file:
        with _compressed(file, path.name.removesuffix(".new")) as out, tarfile.open(fileobj=out, mode="w|") as archive:
            _add(archive, _MANIFEST, len(manifest), io.BytesIO(manifest))
            for name, facts in backup.files.items():
                with (folder / name).open("rb") as content:
                    _add(archive, name, facts["bytes"], content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _compressed(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if not name.endswith((".gz", ".tgz")):
        yield file
        return
    # No name and no time in the header: the same state gives the same bytes.
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as out:
        yield out  # type: ignore[misc]


def _add(archive: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    archive.addfile(entry, content)


def _members(path: Path) -> Iterator[tuple[Backup, str, Iterator[bytes]]]:
    """The manifest with each other file of a backup and its content; read each to its end.

    Raises BackupFault: a file is missing, too many, or not what the manifest says.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    with _readable(path), tarfile.open(path, mode="r:*") as archive:
        backup = _manifest(archive)
        missing = set(backup.files)
        while (entry := archive.next()) is not None:
            if entry.name not in missing or not entry.isfile():
                raise BackupFault(f"{path} holds {entry.name!r}, which its manifest does not name")
            missing.discard(entry.name)
            content = archive.extractfile(entry)
            assert content is not None, "a regular file"
            checked = _checked(path, content, entry.name, backup.files[entry.name])
            yield backup, entry.name, checked
            for _ in checked:  # what the caller did not read
                pass
        if missing:
            raise BackupFault(f"{path} lacks {', '.join(sorted(missing))}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever reading an archive raises, as a BackupFault."""
    try:
        yield
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, KeyError, TypeError) as error:
        raise BackupFault(f"{path} is no whole backup: {error}") from error
    except OSError as error:
        raise BackupFault(f"{path} cannot be read: {error}") from error


def _manifest(archive: tarfile.TarFile) -> Backup:
    entry = archive.next()
    content = archive.extractfile(entry) if entry is not None and entry.name == _MANIFEST else None
    if content is None:
        raise BackupFault("the file does not begin with the manifest of a backup")
    backup = Backup(**json.loads(content.read(_CHUNK_BYTES)))
    if backup.format != _FORMAT:
        raise BackupFault(f"the backup is of format {backup.format}; this version of Marsad reads {_FORMAT}")
    if set(backup.files) != {f"base-{int(backup.base)}.nq", _LOG}:
        raise BackupFault("the manifest does not name a base and a log")
    return backup


def _checked(path: Path, content: IO[bytes], name: str, facts: dict[str, Any]) -> Iterator[bytes]:
    size, digest = 0, hashlib.sha256()
    with _readable(path):
        while chunk := content.read(_CHUNK_BYTES):
            size += len(chunk)
            digest.update(chunk)
            yield chunk
        if (size, digest.hexdigest()) != (facts["bytes"], facts["sha256"]):
            raise BackupFault(f"{name} is damaged: it is not what the manifest says")


def _unpack(source: Path, folder: Path) -> Backup:
    found: Backup | None = None
    for backup, name, content in _members(source):
        found = backup
        with (folder / name).open("wb") as file:
            for chunk in content:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    assert found is not None, "the manifest names files"
    return found


def _build(backup: Backup, folder: Path) -> None:
    quads = open_database(folder / "quads")
    version = _fill(quads, folder, backup.base)
    if version != backup.version:
        raise BackupFault(f"the log ends with change {version}, not {backup.version}")
    if fingerprint(quads) != (backup.quads, backup.fingerprint):
        raise BackupFault(f"base and log do not give the {backup.quads:,} quads that the manifest promises")
    del quads
    write_state(folder, State(secrets.token_hex(6), backup.digest, backup.base, version, backup.loaded))
