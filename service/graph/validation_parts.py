"""The whole graph held against the shapes by several processes, each with a part of the targets.

pySHACL is one thread of Python: on two cores, two processes take little more than half its time.
Run as `python -m service.graph.validation_parts PART PARTS`: shapes and graph come on standard input, each as a length
and N-Quads, and a pickled ValidationReport goes out. Both ends are this code.
"""

import contextlib
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pyoxigraph as ox

from service.errors import OntologyError
from service.graph.validation import ValidationReport, Validator, merged
from service.store.base import n_quads, read_n_quads

# Below this many, starting a process (a second) costs more than it saves.
_LEAST_QUADS = 10_000
# Each process holds the whole graph: 60 MB for 34,000 quads.
_MOST_PROCESSES = 4
_SIZE = struct.Struct("!Q")
_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


def validate_by_processes(
    quads: Collection[ox.Quad], shapes: Collection[ox.Triple], *, processes: int | None = None
) -> ValidationReport:
    """What `service.graph.validation.validate` finds, by one process for each core where the graph is large enough.

    Raises OntologyError: a shape is not valid, or its query cannot be run.
    """
    if processes is None:
        processes = min(_MOST_PROCESSES, len(os.sched_getaffinity(0))) if len(quads) >= _LEAST_QUADS else 1
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(_started(part, processes)) for part in range(1, processes)]
        if others:
            _send(others, [_quads(shapes), quads])
        reports = [Validator(shapes).validate_part(quads, 0, processes)]
        reports += [_report_of(process) for process in others]
    return merged(reports)


@contextlib.contextmanager
def _started(part: int, parts: int) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(part), str(parts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": _PACKAGE_PARENT, "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _quads(triples: Iterable[ox.Triple]) -> list[ox.Quad]:
    return [ox.Quad(triple.subject, triple.predicate, triple.object) for triple in triples]


def _send(processes: Iterable["subprocess.Popen[bytes]"], graphs: Iterable[Iterable[ox.Quad]]) -> None:
    message = b"".join(_SIZE.pack(len(data)) + data for data in map(n_quads, graphs))
    for process in processes:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:  # it has ended; its exit code says so
            process.stdin.write(message)


def _receive() -> list[ox.Quad]:
    (size,) = _SIZE.unpack(sys.stdin.buffer.read(_SIZE.size))
    return read_n_quads(sys.stdin.buffer.read(size))


def _report_of(process: "subprocess.Popen[bytes]") -> ValidationReport:
    assert process.stdout is not None
    data = process.stdout.read()
    if process.wait() != 0:
        raise OntologyError("a process that validates a part of the graph ended early; its reason stands above")
    report = pickle.loads(data)
    assert isinstance(report, ValidationReport)
    return report


def main(part: str, parts: str) -> None:
    """Validate a part of the graph on standard input."""
    shapes, quads = _receive(), _receive()
    report = Validator(quad.triple for quad in shapes).validate_part(quads, int(part), int(parts))
    sys.stdout.buffer.write(pickle.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
