"""The embedded store: the truth on disk (or in memory), answered from a replica in memory by processes that may die.

The directory holds: `quads` (the engine's database), `base-N.nq` (all quads at version N, what a replica starts from),
`changes.log` (every change since the directory was made), `state.json` (id, digest of the sources, N, and up to which
version the database is known to be on disk). A change goes to the log first; what the log has and the database may
lack is applied again at the next start.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar

import pyoxigraph as ox

from service.errors import ConfigurationError, MalformedRdf, MarsadError, QueueFull, StorageFailed, StoreUnavailable
from service.rdf.formats import NQUADS, RDF_FORMATS, RdfFormat
from service.settings import Settings
from service.store import wire
from service.store.base import (
    Borrower,
    Delta,
    Export,
    GraphName,
    Listener,
    Loan,
    Query,
    Repeated,
    Status,
    Subject,
    Term,
    Update,
    Upload,
    graph_name,
    read,
    uploaded,
)
from service.store.log import END_OF_CHANGE, WHAT_TO_DO, ChangeLog, sync_folder
from service.store.parser import Parser
from service.store.plain import Kind
from service.store.workers import Limits, Pool, ReplicaProcess, Running

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_COMPRESSED = (".gz", ".bz2", ".xz")
_MORE_SUFFIXES = {".owl": "rdfxml", ".xml": "rdfxml", ".json": "jsonld", ".ntriples": "ntriples", ".nquads": "nquads"}
# The memory store keeps what was removed; below this many it is not worth a new replica.
_LEAST_REMOVED = 50_000
# Of changes since the base, after which a new one is made: a new replica has to read them all, a minute for so many.
_MOST_SINCE_BASE_BYTES = 64 * 2**20
# Quads above which a change is looked up or applied in a thread, and a graph compared in a worker: a thousand take 20 ms.
_MANY = 1000
# Changes that are read from the log at a time for a new replica.
_CHANGES_AT_ONCE = 1000
# Changes between two moments at which the database is known to be on disk; a start applies at most these again.
_CHECKPOINT_EVERY = 1000
# 32 MiB: what the database, the index and the log write of a thousand small changes between two checkpoints.
_LEAST_FREE_BYTES = 32 * 2**20
# A change goes into the log, the database's own log and up to six of its tables.
_TIMES_WRITTEN = 8
_RESTART = "Free space on the disk of MARSAD_HOME and restart the service"
# Seconds before a new replica is tried when one was lost right after its start.
_RETRY_S = 1.0

# Called with what was done, how many of it, and how many seconds it took.
Progress = Callable[[str, str, float], None]


@dataclass
class State:
    """What `state.json` holds. `loaded` is the version at which the store held what the sources of `digest` say."""

    id: str
    digest: str
    base: int
    on_disk: int
    loaded: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """A file of RDF to load: where, in which format, into which graph ("" leaves its own)."""

    path: Path
    format: str
    graph: str = ""
    ours: bool = False

    def described(self) -> dict[str, Any]:
        """The file as the replica wants it."""
        base = None if self.ours else self.path.resolve().as_uri()
        return {
            "path": str(self.path),
            "format": self.format,
            "graph": self.graph,
            "base": base,
            "lenient": self.ours,
        }


def rdf_files(paths: Iterable[Path]) -> list[File]:
    """The RDF files named, and those in the folders named (sorted), by their suffix; `.gz`, `.bz2`, `.xz` may follow.

    Raises ConfigurationError: a file is not there, its suffix says nothing, or a folder holds no RDF.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = [
                File(file, name) for file in sorted(path.rglob("*")) if (name := format_of(file)) and file.is_file()
            ]
            if not inside:
                raise ConfigurationError(f"{path} holds no file with a suffix of RDF ({_suffixes()})")
            found += inside
            continue
        if not path.is_file():
            raise ConfigurationError(f"there is no file {path}")
        name = format_of(path)
        if name is None:
            raise ConfigurationError(f"{path}: the suffix should say which RDF it is ({_suffixes()})")
        found.append(File(path, name))
    return found


def format_of(path: Path) -> str | None:
    """The name of the RDF format that the suffix of a file says; None if it says none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    if not suffixes:
        return None
    known: RdfFormat | None = next((row for row in RDF_FORMATS if f".{row.suffix}" == suffixes[-1]), None)
    return known.name if known else _MORE_SUFFIXES.get(suffixes[-1])


def _suffixes() -> str:
    return " ".join(f".{row.suffix}" for row in RDF_FORMATS)


def open_store(
    settings: Settings,
    *,
    content: Callable[[], Iterable[ox.Quad]] | None = None,
    files: Sequence[File] = (),
    prefixes: Mapping[str, str] | None = None,
    directory: Path | None = None,
    digest: str = "",
    writable: bool = True,
    progress: Progress | None = None,
) -> "EmbeddedStore":
    """A store, not started yet: use it as `async with open_store(…) as store`.

    With `content`: the quads it returns, which must have no blank nodes that matter across restarts. With a
    `directory`, they are kept there, and a later start with the same `digest` takes what is there without asking
    `content`; with another one too, if changes were made meanwhile (`outdated` then, see `adopt`).
    With `files` (of `rdf_files`): their quads, in memory.
    `prefixes` may be used by queries without being declared. `writable=False` keeps no copy of the quads in this
    process: `match`, `apply` and `propose` then raise ReadOnly or StoreUnavailable.
    `progress` is told what was done, one step at a time.

    Raises ConfigurationError: another process uses the directory (on start).
    Raises MalformedRdf: a file is not RDF; the message says which, where and why (on start).
    """
    return EmbeddedStore(
        settings,
        content=content,
        files=files,
        prefixes=dict(prefixes or {}),
        directory=directory,
        digest=digest,
        writable=writable,
        progress=progress or (lambda *step: _log.info("%s %s in %.1f s", *step)),
    )


class EmbeddedStore:
    """See `service.store.base.Store` for what it promises and `open_store` for how to make one."""

    def __init__(
        self,
        settings: Settings,
        *,
        content: Callable[[], Iterable[ox.Quad]] | None,
        files: Sequence[File],
        prefixes: dict[str, str],
        directory: Path | None,
        digest: str,
        writable: bool,
        progress: Progress,
    ) -> None:
        self.id = secrets.token_hex(6)
        self.version = 0
        self.writable = writable
        self.listeners: list[Listener] = []
        self.log: ChangeLog | None = None
        self.outdated = False
        self._settings = settings
        self._content, self._files, self._prefixes = content, list(files), prefixes
        self._directory, self._digest, self._progress = directory, digest, progress
        self._quads: ox.Store | None = None
        self._failed = False
        self._state = State(self.id, digest, 0, 0)
        self._checkpointing = threading.Lock()
        self._scratch: Path | None = None
        self._base: list[File] = list(files)
        self._names: set[str] = set()
        self._count = 0
        self._since_bytes = 0
        self._rebuilding = False
        self._pool: Pool
        self._parser: Parser
        self._replica: ReplicaProcess | None = None
        self._replicas: set[ReplicaProcess] = set()
        self._loading: dict[ReplicaProcess, asyncio.Future[dict[str, Any]]] = {}
        self._writing: asyncio.Lock
        self._copied: asyncio.Event  # this process has its own copy of the quads, or never will
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = False
        self._stopping = False

    # --- start and stop ---

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        settings = self._settings
        self._writing, self._copied = asyncio.Lock(), asyncio.Event()
        workers = settings.workers or 2 * len(os.sched_getaffinity(0))
        limits = Limits(
            deadline_s=settings.deadline_s,
            worker_bytes=settings.worker_memory,
            workers=workers,
            queue=settings.queue,
        )
        self._pool = Pool(limits)
        self._scratch = Path(tempfile.mkdtemp(prefix="marsad-"))
        self._parser = Parser(limits, self._prefixes, self._scratch)
        if self._content is not None:
            try:
                await asyncio.to_thread(self._open_content)
            except OSError as error:
                raise StorageFailed(
                    f"the store cannot be written ({error}). Free space on its disk or set MARSAD_HOME to another directory"
                ) from error
        if self.log is None:  # nothing is kept: a new replica reads the changes from it
            self.log = ChangeLog(self._scratch / "changes.log", durable=False)
        await self._load_replica()
        if self._files and self.writable:
            self._spawn(self._copy_from_replica())  # reads need not wait for it, changes do
        else:
            self._copied.set()
        self._ready = True

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        self._ready = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "_pool"):
            await self._pool.close()
        if hasattr(self, "_parser"):
            await self._parser.close()
        for replica in list(self._replicas):
            await self._end(replica)
        if self._directory is not None and self._quads is not None:
            await asyncio.to_thread(self._checkpoint)
        if self.log is not None:
            self.log.close()
        self._quads = None  # closes the database
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _open_content(self) -> None:
        if self._directory is None:
            assert self._content is not None
            assert self._scratch is not None
            quads = list(self._content())
            self._base = [self._write_base(self._scratch, 0, quads)]
            self._quads = ox.Store()
            self._quads.bulk_extend(quads)
            self._remember_names()
        else:
            self._open_directory(self._directory)

    def _open_directory(self, directory: Path) -> None:
        state = read_state(directory)
        if state is None and _has_changes(directory):
            raise ConfigurationError(
                f"{directory / 'state.json'} is absent or damaged, and changes.log beside it has changes: "
                "`marsad restore` a backup, or move the directory away to start from the sources"
            )
        if state is None or (state.digest != self._digest and not _has_changes(directory)):
            self._build(directory)
            state = read_state(directory)
            assert state is not None, "just written"
        self.outdated = state.digest != self._digest
        self._state, self.id = state, state.id
        self._quads = open_database(directory / "quads")
        self._base = [File(directory / f"base-{state.base}.nq", NQUADS.name, ours=True)]
        for path in directory.glob("base-*.nq"):
            if path != self._base[0].path:  # a stop came between the making of a base and the removal of the last
                path.unlink()
        self.log = ChangeLog(directory / "changes.log")
        self.version = state.base
        for version, delta in self.log.read(after=state.base):
            if version > state.on_disk:
                apply_delta(self._quads, delta)
            self.version = version
        self._remember_names()

    def _build(self, directory: Path) -> None:
        """Make the directory anew, beside the old one until it is complete."""
        assert self._content is not None
        fresh = directory.with_name(directory.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        quads = list(self._content())
        started = time.monotonic()
        self._write_base(fresh, 0, quads)
        database = open_database(fresh / "quads")
        database.bulk_extend(quads)
        database.flush()
        del database
        write_state(fresh, State(secrets.token_hex(6), self._digest, 0, 0))
        if directory.exists():
            open_database(directory / "quads")  # fails if another process is using it
            shutil.rmtree(directory)
        fresh.rename(directory)
        sync_folder(directory.parent)
        self._progress("stored", f"{len(quads):,} quads on disk", time.monotonic() - started)

    @staticmethod
    def _write_base(directory: Path, version: int, quads: Iterable[ox.Quad]) -> File:
        path = directory / f"base-{version}.nq"
        with path.open("wb") as file:
            ox.serialize(quads, file, ox.RdfFormat.N_QUADS)
            file.flush()
            os.fsync(file.fileno())
        return File(path, NQUADS.name, ours=True)

    def _remember_names(self) -> None:
        assert self._quads is not None
        self._names = {name.value for name in self._quads.named_graphs() if isinstance(name, ox.NamedNode)}

    # --- the replica ---

    async def _load_replica(self) -> None:
        """Start a replica, bring it to the present, and let it take over; the one before ends with its last query."""
        assert self._scratch is not None
        replica = ReplicaProcess(self._on_event)
        self._replicas.add(replica)
        loaded: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._loading[replica] = loaded
        started = time.monotonic()
        names = self._scratch / f"names-{secrets.token_hex(4)}.json"
        try:
            version = self._state.base
            await replica.send(
                {
                    "op": "load",
                    "files": [file.described() for file in self._base],
                    "graphs": sorted(self._names),
                    "names": str(names),
                    "prefixes": self._prefixes,
                    "version": version,
                }
            )
            facts = await loaded
            version = await self._catch_up(replica, version)
            async with self._writing:
                await self._catch_up(replica, version)
                before, self._replica = self._replica, replica
                self._pool.size_for(facts["bytes"], _machine_bytes())
                self._pool.use(replica, self.version)
        except BaseException:
            del self._loading[replica]
            await self._end(replica)
            raise
        del self._loading[replica]
        self._count = facts["quads"]
        self._names |= set(json.loads(names.read_bytes()))
        names.unlink()
        self._progress("loaded", f"{self._count:,} quads into memory", time.monotonic() - started)
        if before is not None:
            self._spawn(self._retire(before))

    async def _catch_up(self, replica: ReplicaProcess, version: int) -> int:
        """Send a replica of that version what came after it; the version that this brings it to."""
        while version < self.version:
            for number, packed in await asyncio.to_thread(self._packed, version):
                await replica.send({"op": "apply", "version": number}, packed)
                version = number
        return version

    def _packed(self, after: int) -> list[tuple[int, bytes]]:
        assert self.log is not None
        before = min(self.version, after + _CHANGES_AT_ONCE) + 1
        return [(number, delta.pack()) for number, delta in self.log.read(after=after, before=before)]

    async def _retire(self, replica: ReplicaProcess) -> None:
        await self._pool.forget(replica)
        await self._end(replica)

    async def _end(self, replica: ReplicaProcess) -> None:
        await replica.stop()
        self._replicas.discard(replica)

    async def _copy_from_replica(self) -> None:
        """Fill this process's own copy, for a dataset that was loaded by the replica alone."""
        assert self._scratch is not None
        try:
            base, _ = await self._new_base(self._scratch)
            own = ox.Store()
            quads = ox.parse(path=base.path, format=ox.RdfFormat.N_QUADS, lenient=True)
            await asyncio.to_thread(own.bulk_extend, quads)
            self._base, self._quads = [base], own
        except MarsadError as error:
            _log.error("the dataset takes no changes, for its quads could not be copied: %s", error)
        finally:
            self._copied.set()

    def _on_event(self, replica: ReplicaProcess, event: dict[str, Any], descriptors: list[int]) -> None:
        kind = event["event"]
        loading = self._loading.get(replica)
        if kind == "born":
            self._pool.born(replica, event, descriptors)
        elif kind == "died":
            self._pool.died(event["pid"], event["signal"])
        elif kind == "applied":
            if replica is self._replica:
                self._count = event["quads"]
                grown = self._since_bytes > _MOST_SINCE_BASE_BYTES
                if (grown or event["removed"] > max(self._count, _LEAST_REMOVED)) and not self._rebuilding:
                    self._rebuilding = True
                    self._spawn(self._rebuild())
        elif kind == "progress":
            self._progress("read", f"{event['quads']:,} quads of {Path(event['file']).name}", event["seconds"])
        elif loading is not None and not loading.done():
            if kind == "loaded":
                loading.set_result(event)
            elif kind == "failed":
                loading.set_exception(MalformedRdf(event["message"]))
            elif kind == "gone":
                loading.set_exception(StoreUnavailable("the process that loads the graph ended early"))
        elif kind == "gone" and replica is self._replica and not self._stopping:
            _log.error("the replica is gone; starting another")
            self._spawn(self._replace(replica))

    async def _replace(self, lost: ReplicaProcess) -> None:
        self._ready = False
        await self._end(lost)
        self._replica = None
        while True:
            try:
                await self._load_replica()
            except StoreUnavailable:
                await asyncio.sleep(_RETRY_S)
            else:
                break
        self._ready = True

    async def _rebuild(self) -> None:
        """A new replica without what was removed, from a new base; changes go on meanwhile."""
        try:
            await self._renew()
        except (MarsadError, OSError) as error:
            _log.error("the replica could not be renewed: %s", error)
        finally:
            self._rebuilding = False

    async def _renew(self) -> None:
        directory = self._directory or self._scratch
        assert directory is not None
        base, version = await self._new_base(directory)
        old, self._base = self._base, [base]
        self._state.base, self._since_bytes = version, 0
        if self._directory is None:
            fresh = ox.Store()
            async with self._writing:
                await asyncio.to_thread(fresh.bulk_extend, self._own())
                for name in self._names:
                    fresh.add_graph(ox.NamedNode(name))
                self._quads = fresh
        else:
            await asyncio.to_thread(self._checkpoint)
        await self._load_replica()
        for file in old:
            if file.ours and file.path != base.path:
                file.path.unlink(missing_ok=True)

    async def _new_base(self, directory: Path) -> tuple[File, int]:
        """Write all quads of the present to a file; it, and the version that it is of.

        They come from a worker: reading them all here would fill the caches of the database, which never shrink, and
        keep everything else waiting.
        """
        answer = await self._pool.query(Export(format=NQUADS.name).message(), patient=True)
        path = directory / f"base-{answer.version}.nq"
        try:
            with path.open("wb") as file:
                async for chunk in answer.chunks():
                    file.write(chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            await asyncio.to_thread(sync_folder, directory)  # before the state names it
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            await answer.close()
        return File(path, NQUADS.name, ours=True), answer.version

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- reading ---

    async def query(
        self, query: Query | Export, *, deadline_s: float | None = None, query_id: str | None = None
    ) -> Running:
        """See `Store.query`."""
        return await self._pool.query(query.message(), deadline_s=deadline_s, query_id=query_id)

    def start(
        self, query: Query, *, then: Callable[[], None], deadline_s: float | None = None, query_id: str | None = None
    ) -> Running:
        """See `Store.start`."""
        return self._pool.start(query.message(), then=then, deadline_s=deadline_s, query_id=query_id)

    def lend(self, client: Borrower, asked: bytes, kind: Kind, example: Repeated, *, repeats: bool) -> Loan | None:
        """See `Store.lend`."""
        return self._pool.lend(client, asked, kind, example, repeats=repeats)

    def cancel(self, query_id: str) -> bool:
        """See `Store.cancel`."""
        return self._pool.cancel(query_id)

    def match(
        self,
        subject: Subject | None = None,
        predicate: ox.NamedNode | None = None,
        object: Term | None = None,
        graph: GraphName | None = None,
    ) -> Iterator[ox.Quad]:
        """See `Store.match`."""
        return self._own().quads_for_pattern(subject, predicate, object, graph)

    def graph_names(self) -> list[str]:
        """See `Store.graph_names`."""
        return sorted(self._names)

    def status(self) -> Status:
        """See `Store.status`."""
        workers, busy, waiting = self._pool.size
        counts = self._pool.counts + Counter(self._parser.counts)
        return Status(self._ready, self.version, self._count, workers, busy, waiting, dict(counts))

    # --- changing ---

    async def propose(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """See `Store.propose`."""
        await self._copied.wait()
        quads = self._own()
        if isinstance(change, Update):
            if change.steps:
                said = await self._parser.parse(change, deadline_s=deadline_s)
                return await _by_size(len(said.added) + len(said.removed), _exact, quads, said)
        elif change.how == "add" or not _is_large(quads, change.graph):
            said = Delta() if change.how == "remove" else await self._parser.parse(change, deadline_s=deadline_s)
            return await _by_size(len(said.added), uploaded, quads, graph_name(change.graph), change.how, said.added)
        answer = await self._pool.query(wire.pack(*change.pack()), deadline_s=deadline_s, scratch=True)
        return Delta.unpack(await read(answer))

    async def change(self, change: Update | Upload, *, deadline_s: float | None = None) -> Delta:
        """See `Store.change`."""
        async with self.turn(self._writing, deadline_s):
            delta = await self.propose(change, deadline_s=deadline_s)
            await self._apply(delta)
        return delta

    @asynccontextmanager
    async def turn(self, lock: asyncio.Lock, deadline_s: float | None = None) -> AsyncIterator[None]:
        """Hold `lock`. Raises QueueFull: others held it until the deadline, so that what follows was never begun."""
        limit = min(deadline_s or self._settings.deadline_s, self._settings.deadline_s)
        try:
            async with asyncio.timeout(limit):
                await lock.acquire()
        except TimeoutError:
            raise QueueFull(
                f"other changes took {limit:g} s; this one was never started",
                limit="seconds for one query, and for the wait before a change",
                value=limit,
                setting="MARSAD_DEADLINE",
                retry_after_s=1 + int(self._settings.deadline_s // 4),
            ) from None
        try:
            yield
        finally:
            lock.release()

    async def apply(self, delta: Delta, *, about: Mapping[str, str] | None = None) -> int:
        """See `Store.apply`."""
        async with self._writing:
            await self._apply(delta, about)
        return self.version

    async def adopt(self) -> None:
        """Say that the store holds what `content` says by now: the next start with this digest takes it as it is."""
        self._state.digest, self._state.loaded, self.outdated = self._digest, self.version, False
        if self._directory is not None:
            async with self._writing:
                await asyncio.to_thread(self._checkpoint)

    @property
    def loaded(self) -> int:
        """The version at which the store last held what `content` says: 0, or where it was adopted."""
        return self._state.loaded

    async def _apply(self, delta: Delta, about: Mapping[str, str] | None = None) -> None:
        await self._copied.wait()
        quads = self._own()
        if not delta:
            return
        if self._failed:
            raise StorageFailed(f"the database failed before; nothing was changed. {_RESTART}")
        version, packed = self.version + 1, delta.pack()
        if self._directory is not None:
            _refuse_if_full(self._directory, len(packed))
        assert self.log is not None
        await asyncio.to_thread(self.log.append, version, delta, about)
        try:
            await _by_size(len(delta.added) + len(delta.removed), apply_delta, quads, delta)
        except OSError as error:
            self._failed = True
            if _is_untouched(quads, delta) and self.log.take_back():
                reason = f"the database cannot be written ({error}); nothing was changed"
            else:
                reason = f"change {version} is in the log, and the database did not take all of it ({error})"
            raise StorageFailed(f"{reason}. {_RESTART}") from error
        self._since_bytes += len(packed)
        self._names |= {quad.graph_name.value for quad in delta.added if isinstance(quad.graph_name, ox.NamedNode)}
        self._names |= {name.value for name in delta.created}
        self._names -= {name.value for name in delta.dropped}
        try:
            if self._replica is not None:
                with contextlib.suppress(StoreUnavailable):  # a new replica starts with this change in it
                    await self._replica.send({"op": "apply", "version": version}, packed)
        finally:  # not before: nobody may see the new version and then be answered from the old one
            self.version = version
        self._pool.publish(version)
        for listener in self.listeners:
            try:
                listener(delta, version)
            except Exception:  # noqa: BLE001 - the change is made and durable: no listener may make it look undone
                _log.exception("change %d is made, and what follows the graph could not follow it", version)
        if self._directory is not None and version - self._state.on_disk >= _CHECKPOINT_EVERY:
            try:
                await asyncio.to_thread(self._checkpoint)
            except OSError as error:  # the log has the change; a start has more of it to apply again
                _log.error("the database could not be flushed: %s", str(error))

    def _checkpoint(self) -> None:
        assert self._directory is not None
        with self._checkpointing:  # the end of the store may meet one that a cancelled task has begun in a thread
            version = self.version
            self._own().flush()
            self._state.on_disk = version
            write_state(self._directory, self._state)

    def _own(self) -> ox.Store:
        if self._quads is None:
            raise StoreUnavailable("this store keeps no copy of its quads in the service: it is read-only")
        return self._quads


def apply_delta(quads: ox.Store, delta: Delta) -> None:
    """Make a change in a database; making it again changes nothing."""
    for quad in delta.removed:
        quads.remove(quad)
    quads.extend(delta.added)
    for name in delta.created:
        quads.add_graph(name)
    for name in delta.dropped:
        quads.remove_graph(name)


async def _by_size(size: int, work: Callable[..., _T], *arguments: Any) -> _T:
    """Do it here, or in a thread where it is for many quads."""
    if size > _MANY:
        return await asyncio.to_thread(work, *arguments)
    return work(*arguments)


def _exact(quads: ox.Store, delta: Delta) -> Delta:
    return Delta(
        removed=[quad for quad in delta.removed if quad in quads],
        added=[quad for quad in delta.added if quad not in quads],
        created=delta.created,
        dropped=delta.dropped,
    )


def _is_large(quads: ox.Store, graph: str) -> bool:
    found = quads.quads_for_pattern(None, None, None, graph_name(graph))
    return next(islice(found, _MANY, None), None) is not None


def _refuse_if_full(directory: Path, size: int) -> None:
    """Raises StorageFailed: the disk has no room for a change of that many bytes; database and log are as they were."""
    found = os.statvfs(directory)
    left, needed = found.f_bavail * found.f_frsize, _LEAST_FREE_BYTES + _TIMES_WRITTEN * size
    if left < needed:
        raise StorageFailed(
            f"{left / 2**20:.1f} MiB are left on the disk, and this change needs {needed / 2**20:.1f}; "
            f"nothing was changed. {WHAT_TO_DO}"
        )


def _is_untouched(quads: ox.Store, delta: Delta) -> bool:
    """Whether a database certainly has nothing of a change that it refused."""
    return (
        all(quad in quads for quad in delta.removed)
        and not any(quad in quads for quad in delta.added)
        and all(quads.contains_named_graph(name) for name in delta.dropped)
        and not any(quads.contains_named_graph(name) for name in delta.created)
    )


def _has_changes(directory: Path) -> bool:
    """Whether changes were made in a directory; only reads, since another process may be writing to its log."""
    try:
        with (directory / "changes.log").open("rb") as file:
            return any(line == END_OF_CHANGE for line in file)
    except FileNotFoundError:
        return False


def open_database(path: Path) -> ox.Store:
    """The database in a directory, made if there is none. Raises ConfigurationError: another process has it open."""
    try:
        return ox.Store(path)
    except OSError as error:
        if not os.access(path.parent, os.W_OK):
            raise ConfigurationError(
                f"{path.parent} cannot be written; set MARSAD_HOME to another directory"
            ) from error
        raise ConfigurationError(
            f"the database in {path.parent} cannot be opened ({error}); if another Marsad uses it, "
            "stop that one or set MARSAD_HOME to another directory"
        ) from error


def read_state(directory: Path) -> State | None:
    """What `state.json` in a store's directory says; None where it is absent or damaged."""
    try:
        return State(**json.loads((directory / "state.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_state(directory: Path, state: State) -> None:
    """Replace `state.json` as a whole, on disk when this returns."""
    path = directory / "state.json"
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync_folder(directory)


def _machine_bytes() -> int:
    """The memory of the machine, or of the container where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(name).read_text()))
    return total
