"""What was acknowledged survives a kill at any moment, and nothing is there by halves."""

import multiprocessing
import os
import random
import select
import signal
import time
from pathlib import Path

import pytest

from service.settings import Settings
from service.store.base import n_quads
from service.store.embedded import open_store
from tests.store import crash_writer
from tests.store.conftest import rows

# `.ci/run` has more patience: 300.
_KILLS = int(os.environ.get("MARSAD_KILLS", "60"))
# Seconds of writing before a kill at most; a change takes about a millisecond.
_LONGEST_S = 0.05


def _kill_a_writer(context: multiprocessing.context.BaseContext, directory: Path, after_s: float) -> int:
    """Let a process write, kill it; the last version that it acknowledged, 0 if none."""
    reading, writing = os.pipe()
    process = context.Process(target=_write, args=(str(directory), _Descriptor(writing)))
    process.start()
    os.close(writing)
    said = b""
    deadline: float | None = None
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([reading], [], [], left)
        if not ready:
            break
        data = os.read(reading, 65536)
        assert data, "the writer ended by itself"
        said += data
        deadline = deadline or time.monotonic() + after_s
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while data := os.read(reading, 65536):
        said += data
    os.close(reading)
    numbers = [int(line) for line in said.split(b"\n")[:-1] if line.isdigit()]
    return numbers[-1] if numbers else 0


class _Descriptor:
    """A descriptor that is handed to another process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return multiprocessing.reduction.DupFd(self.number).detach, ()


def _write(directory: str, descriptor: int) -> None:
    crash_writer.write(directory, descriptor)


@pytest.mark.slow
async def test_kills_at_random_moments_lose_no_acknowledged_change_and_leave_none_half_done(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.store.crash_writer"])
    source, directory, last = random.Random(1), tmp_path / "store", 0
    for _ in range(_KILLS):
        acknowledged = _kill_a_writer(context, directory, source.random() * _LONGEST_S)
        answer, sender = context.Pipe(duplex=False)
        looker = context.Process(target=crash_writer.look, args=(str(directory), sender))
        looker.start()
        version, logged, quads = answer.recv()
        looker.join()
        assert looker.exitcode == 0
        # The change that was being made may be there or not, as a whole.
        assert max(last, acknowledged) <= version <= max(last, acknowledged) + 1
        assert logged == version
        assert quads == n_quads(sorted(crash_writer.state(version), key=str))
        last = version
    assert last > _KILLS
    # What answers queries has the same.
    store = open_store(Settings(workers=1), content=lambda: (), directory=directory, digest="1")
    async with store:
        assert store.version == last
        assert len(await rows(store, "SELECT * { ?s ?p ?o }")) == len(crash_writer.state(last))
