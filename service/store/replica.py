"""The replica: a process with one thread that holds the quads in memory and forks workers, each a snapshot.

Started as `python -m service.store.replica DOWN UP` by `service.store.workers`, never forked from the service.
DOWN and UP are descriptors of sockets: commands come down, events go up (`service.store.wire`).
It ends when the service closes DOWN, and its workers end with it.
"""

import array
import bz2
import contextlib
import gc
import gzip
import json
import lzma
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyoxigraph as ox

from service.store import confine, wire
from service.store.base import Borrower, Delta, Query
from service.store.lending import Lending, Lent, Lessons
from service.store.pages import join_pages
from service.store.plain import Room, recognise
from service.store.worker import RDF_FORMATS, work

# 100 MiB: with it, a chain of 30,000 operators still runs; with the usual 8 MiB it ends the process.
# The kernel keeps at least 128 MiB free below the stack.
_STACK_BYTES = 100 * 2**20
# A packet on UP must fit the socket's buffer; messages of errors are cut.
_MAX_MESSAGE_CHARACTERS = 2000
# 256 KiB: four parts of an answer ahead of the client.
_SOCKET_BUFFER_BYTES = 256 * 2**10
_PROGRESS_EVERY_QUADS = 100_000
# After a hundred changes of a million quads a fork takes 2.5 ms instead of 1; with all pages split again, 11.
_JOIN_EVERY_CHANGES = 256
_JOINED = object()
# Python fits a function to what it is called with in its first calls, eight and some.
_REHEARSALS = 32
_REQUEST = b"GET /sparql?query=SELECT+%%28%d+AS+%%3Fn%%29+%%7B+%%3Fs+%%3Fp+%%3Fo+%%7D+LIMIT+1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
_OPENERS: dict[str, Callable[[str, Any], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


class _Least:
    """A question that is always answered, whatever is in the graph, and whose answer fits into a socket."""

    query = Query("SELECT (1 AS ?n) { ?s ?p ?o } LIMIT 1", results="json")
    answer_head = b"HTTP/1.1 200 OK\r\n"
    room = Room(2**16, 64, 1000)

    @staticmethod
    def etag_start(version: int) -> bytes:
        """See `Repeated`."""
        return b'W/"%d-' % version


_LEAST = _Least()


class Replica:
    """The store, its counters, and the loop that serves the two sockets."""

    def __init__(self, down: socket.socket, up: socket.socket) -> None:
        self._down, self._up = down, up
        self._store = ox.Store()
        self._count = 0
        self._version = 0
        self._removed = 0
        self._changes = 0
        self._joining: Iterator[None] | None = None
        self._prefixes: dict[str, str] = {}
        self._workers: set[int] = set()
        self._bell, self._bell_end = os.pipe()

    def run(self) -> None:
        """Serve until the service closes the socket."""
        os.set_blocking(self._bell_end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._bell_end, warn_on_full_buffer=False)
        while True:
            watched: list[Any] = [self._down, self._bell]
            ready, _, _ = select.select(watched, [], [], None if self._joining is None else 0)
            if not ready and self._joining is not None and next(self._joining, _JOINED) is _JOINED:
                self._joining = None
            if self._bell in ready:
                os.read(self._bell, 4096)
                self._bury()
            if self._down in ready:
                message = wire.read_message(self._down)
                if message is None:
                    self._end_workers()
                    return
                self._obey(*message)

    def _obey(self, head: dict[str, Any], body: bytes) -> None:
        operation = head["op"]
        if operation == "fork":
            self._fork(extra_bytes=head["bytes"], ahead=head["ahead"])
        elif operation == "apply":
            self._apply(Delta.unpack(body), head["version"])
        elif operation == "load":
            _run_apart(lambda: self._load(head))
            self._rehearse(_REHEARSALS)

    def _tell(self, event: str, *descriptors: int, **facts: object) -> None:
        packet = json.dumps({"event": event, **facts}).encode()
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._up.sendmsg([packet], extra)

    def _load(self, head: dict[str, Any]) -> None:
        self._prefixes, self._version = head["prefixes"], head["version"]
        for entry in head["files"]:
            try:
                self._load_file(entry)
            except (SyntaxError, OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
                message = f"{Path(entry['path']).name}: {error}"[:_MAX_MESSAGE_CHARACTERS]
                self._tell("failed", message=message)
                return
        for name in head["graphs"]:
            self._store.add_graph(ox.NamedNode(name))
        # What is here now is shared with all forks: keep the collector from touching, and so copying, it.
        gc.collect()
        gc.freeze()
        names = sorted(name.value for name in self._store.named_graphs() if isinstance(name, ox.NamedNode))
        Path(head["names"]).write_text(json.dumps(names))
        self._count = len(self._store)
        self._tell("loaded", quads=self._count, bytes=_resident_bytes())

    def _rehearse(self, times: int) -> None:
        """Answer a question that many times as a worker would, to the service and to a client.

        The replica does, so that its forks find what Python and the engine make at first: a fork copies each page that
        it writes to first, and Python writes to code that it has not run often. A fork that is made ahead of questions
        does, to have copied such pages before it is asked.
        """
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.enter_context(ours)
            stack.enter_context(theirs)
            ours.sendall(_LEAST.query.message() * times)
            lending, lessons = stack.enter_context(contextlib.closing(Lending())), Lessons()
            asked = recognise(_REQUEST % 0)
            assert asked is not None, "its text is plain"
            lessons.add(asked.kind, _LEAST)
            for number in range(times):
                client, lent = (stack.enter_context(end) for end in socket.socketpair())
                lent.setblocking(False)
                client.sendall(_REQUEST % (number + times))  # read after the one that it comes with
                lending.lend(
                    Lent(cast("Borrower", lent), _REQUEST % number),
                    lessons,
                    self._version,
                    lambda message, descriptors: socket.send_fds(ours, [message], descriptors) == len(message),
                    repeats=True,
                )
            ours.shutdown(socket.SHUT_WR)
            work(self._store, theirs, self._prefixes)

    def _load_file(self, entry: dict[str, Any]) -> None:
        """Quads one by one, not by the engine's own loader: that one gives new labels to all blank nodes.

        A file of ours (`lenient`) is taken as it is; in any other, labels are made the file's own.
        """
        started, count, ours = time.monotonic(), 0, entry["lenient"]
        graph = ox.NamedNode(entry["graph"]) if entry["graph"] else None
        options: dict[str, Any] = {"base_iri": entry["base"], "lenient": ours, "rename_blank_nodes": not ours}

        def counted() -> Any:
            nonlocal count
            for quad in ox.parse(source, RDF_FORMATS[entry["format"]], **options):
                count += 1
                if count % _PROGRESS_EVERY_QUADS == 0:
                    self._tell("progress", file=entry["path"], quads=count, seconds=time.monotonic() - started)
                yield quad if graph is None else ox.Quad(quad.subject, quad.predicate, quad.object, graph)

        with _OPENERS.get(Path(entry["path"]).suffix, open)(entry["path"], "rb") as source:
            self._store.bulk_extend(counted())

    def _apply(self, delta: Delta, version: int) -> None:
        # Counted as they come and go: the engine counts by walking over all quads, half a second for a million.
        gone = [quad for quad in set(delta.removed) if quad in self._store]
        for quad in gone:
            self._store.remove(quad)
        come = [quad for quad in set(delta.added) if quad not in self._store]
        self._store.extend(come)
        self._count += len(come) - len(gone)
        for name in delta.created:
            self._store.add_graph(name)
        for name in delta.dropped:
            self._store.remove_graph(name)
        if delta.dropped:  # with what was still in them
            self._count = len(self._store)
        self._version = version
        self._removed += len(gone)
        self._tell("applied", version=version, quads=self._count, removed=self._removed)
        if self._changes % _JOIN_EVERY_CHANGES == 0:
            self._joining = join_pages()  # when there is nothing else to do
        self._changes += 1

    def _fork(self, *, extra_bytes: int, ahead: bool) -> None:
        ours, theirs = socket.socketpair()
        process = os.fork()
        if process == 0:
            self._become_worker(theirs, extra_bytes, ahead=ahead)
        self._workers.add(process)
        theirs.close()
        descriptors = [ours.fileno()]
        try:
            handle = os.pidfd_open(process)
            descriptors.append(handle)
        except OSError:
            handle = -1
        self._tell("born", *descriptors, pid=process, version=self._version)
        ours.close()
        if handle >= 0:
            os.close(handle)

    def _become_worker(self, connection: socket.socket, extra_bytes: int, *, ahead: bool) -> None:
        try:
            gc.disable()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            confine.die_with_parent(signal.SIGKILL)
            for descriptor in (self._down.detach(), self._up.detach(), self._bell, self._bell_end):
                os.close(descriptor)
            confine.die_first()
            confine.limit_memory(extra_bytes)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the engine prints there when it aborts
            work(self._store, connection, self._prefixes, at_rest=partial(self._rehearse, 1) if ahead else None)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a fork must never return into the loop of the replica
            traceback.print_exc()
            os._exit(1)

    def _bury(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            self._workers.discard(process)
            self._tell("died", pid=process, signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    def _end_workers(self) -> None:
        for process in self._workers:
            os.kill(process, signal.SIGKILL)
        for process in self._workers:
            os.waitpid(process, 0)


def _run_apart(work: Callable[[], None]) -> None:
    """Run `work` in a thread of its own, and so in an arena of its own (glibc's malloc).

    Reading a graph leaves freed blocks all over its pages. Were they this thread's, each fork would answer from them,
    and copy a page for almost every block that it takes: 100 to 140 pages for the least of queries, instead of 2.
    """
    failed: list[BaseException] = []

    def kept() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again where it belongs
            failed.append(error)

    before = threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=kept)
    thread.start()
    threading.stack_size(before)
    thread.join()
    if failed:
        raise failed[0]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(down: int, up: int) -> None:
    """Run the replica on two inherited descriptors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then closes DOWN
    confine.write_no_core_files()
    confine.deepen_stack(_STACK_BYTES)
    confine.forbid_network()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the service is gone
        Replica(socket.socket(fileno=down), socket.socket(fileno=up)).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
