"""What goes on in a service meanwhile: the memory of its processes, and how soon it says that it is alive."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_PAGE_BYTES = 4096
_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident bytes at a moment: of the service itself, of its largest child, of all of them."""

    at: float
    service: int
    child: int
    total: int


class Watch:
    """Looks every 50 ms, in threads, from `with` to its end. `process` None: the memory is not looked at."""

    def __init__(self, process: int | None, alive: Callable[[], bool]) -> None:
        self._process, self._alive = process, alive
        self._stop = threading.Event()
        self._samples: list[Sample] = []
        self._answers: list[tuple[float, float, bool]] = []
        self._asked_at: float | None = None
        self._threads = [threading.Thread(target=self._ask, daemon=True)]
        if process is not None:
            self._threads.append(threading.Thread(target=self._look, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def memory(self, since: float = 0.0, until: float = float("inf")) -> Sample | None:
        """The largest of each figure in a span of time; None without samples."""
        found = [sample for sample in self._samples if since <= sample.at <= until]
        if not found:
            return None
        return Sample(
            since,
            max(sample.service for sample in found),
            max(sample.child for sample in found),
            max(sample.total for sample in found),
        )

    def health(self, since: float = 0.0, until: float = float("inf")) -> list[float]:
        """Seconds of each health answer that was under way in a span of time; infinite where none came."""
        found = [
            ended - asked if well else float("inf")
            for asked, ended, well in self._answers
            if ended >= since and asked <= until
        ]
        if self._asked_at is not None and self._asked_at <= until:
            found.append(time.monotonic() - self._asked_at)
        return found

    def _ask(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self._asked_at = asked = time.monotonic()
            well = self._alive()
            self._asked_at = None
            self._answers.append((asked, time.monotonic(), well))

    def _look(self) -> None:
        assert self._process is not None
        while not self._stop.wait(_EVERY_S):
            sizes = [resident_bytes(process) for process in descendants(self._process)]
            service = resident_bytes(self._process)
            self._samples.append(Sample(time.monotonic(), service, max(sizes, default=0), service + sum(sizes)))


def resident_bytes(process: int) -> int:
    """The resident memory of a process; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def descendants(process: int) -> list[int]:
    """The children of a process and theirs, zombies among them."""
    found: list[int] = []
    waiting = [process]
    while waiting:
        try:
            tasks = list(Path(f"/proc/{waiting.pop()}/task").iterdir())
            children = [int(word) for task in tasks for word in (task / "children").read_text().split()]
        except OSError:
            continue
        found += children
        waiting += children
    return found


def listening_process(port: int) -> int | None:
    """The process that listens on a TCP port of this machine; None if it cannot be told."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # it has ended, or is not ours to look at
            if inodes & {_link(descriptor) for descriptor in folder.iterdir()}:
                found.append(int(folder.parent.name))
    return min(found, default=None)


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
