"""Marsad as a process with the low limits of the cases, over the graph of the cases."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.hostile.case import DEADLINE_S, QUEUE, WORKER_BYTES, WORKERS, Target
from tests.hostile.client import connect

_ROOT = Path(__file__).resolve().parents[2]
_START_S, _STOP_S = 60, 20


class Process:
    """A command that is started, and ended by its id. `log` holds its last lines."""

    def __init__(self, command: list[str], *, ready: str, **environment: str) -> None:
        self.log: deque[str] = deque(maxlen=500)
        self.exit_code: int | None = None
        self._command, self._ready = command, ready
        self._environment = os.environ | environment
        self._is_ready = threading.Event()
        self._process: subprocess.Popen[str]
        self._reader: threading.Thread

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd=_ROOT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._is_ready.wait(_START_S) or not any(self._ready in line for line in self.log):
            self.__exit__(None, None, None)
            raise RuntimeError("the service did not start:\n" + "".join(self.log))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self.exit_code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stderr is not None
        self._process.stderr.close()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if self._ready in line:
                self._is_ready.set()
        self._is_ready.set()


@contextmanager
def started(command: Sequence[str], target: Target) -> Iterator[int]:
    """Some other endpoint, from when it takes connections to the end of the `with`; gives the id of its process."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _START_S
        pause = threading.Event()
        while process.poll() is None:
            try:
                connect(target).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                pause.wait(0.05)
        yield process.pid
    finally:
        process.kill()
        process.wait()


class Service(Process):
    """Marsad over a file."""

    def __init__(self, file: Path, home: Path, *options: str) -> None:
        # Where the service keeps what it needs only while it runs; nothing is left afterwards.
        self.left_over = home / "tmp"
        self.left_over.mkdir(parents=True, exist_ok=True)
        super().__init__(
            [sys.executable, "-m", "service", "serve", "--dataset", str(file), "--port", "0", *options],
            ready="Marsad serves http://",
            TMPDIR=str(self.left_over),
            MARSAD_HOST="127.0.0.1",
            MARSAD_HOME=str(home),
            MARSAD_DEADLINE=str(DEADLINE_S),
            MARSAD_WORKER_MEMORY=str(WORKER_BYTES),
            MARSAD_WORKERS=str(WORKERS),
            MARSAD_QUEUE=str(QUEUE),
            MARSAD_LOG_LEVEL="warning",
        )

    def target(self, canary_url: str = "", canary_file: str = "") -> Target:
        """Where it listens."""
        line = next(line for line in self.log if "Marsad serves http://" in line)
        port = int(line.partition("http://")[2].partition("/")[0].rpartition(":")[2])
        return Target("127.0.0.1", port, "/sparql", "/sparql", canary_url, canary_file)
