"""Compare the service with other SPARQL servers on one machine, in one run, asking them in turn.

  python -m tests.benchmarks                     30,000 quads, all servers, under five minutes
  python -m tests.benchmarks --size 1m           1,000,000 quads, without rdflib-endpoint
  python -m tests.benchmarks --servers marsad oxigraph-disk --rounds 9
  python -m tests.benchmarks --servers marsad bare oxigraph-memory     what the engine's Python module takes at least
  python -m tests.benchmarks --changes 1000000 --servers     only the memory over a million small changes
  python -m tests.benchmarks --servers --changes 0 --size 1m --cost 50      only what a change of ten entities costs
  python -m tests.benchmarks --servers --changes 0 --together 300           only eight writers and eight readers, five minutes

Only loopback is used. A server that is not installed is left out, and the report says so.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.graph import Shape, write_graph
from tests.benchmarks.rounds import compare, report
from tests.benchmarks.servers import STARTERS, Server, marsad, project
from tests.benchmarks.strain import commit_seen, health_under_runaways, memory_over_changes
from tests.benchmarks.writing import cost_of_changes, writers_and_readers

_SIZES = {"30k": 30_000, "1m": 1_000_000, "5m": 5_000_000}
# rdflib needs minutes for one question about a million quads.
_ONLY_SMALL = {"rdflib-endpoint"}
# No server that anybody would run.
_ONLY_WHEN_NAMED = {"bare"}
_BASE = "oxigraph on disk"


def main(words: Sequence[str] | None = None) -> int:
    """Run what the arguments say and print the tables."""
    parser = argparse.ArgumentParser(
        "tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=_SIZES, default="30k")
    parser.add_argument("--servers", nargs="*", choices=STARTERS, default=None, help="default: all that fit the size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slice", type=float, default=2.0, help="seconds of each mix per server and round")
    parser.add_argument("--dumps", type=int, default=5, help="in how many rounds everything is asked for")
    parser.add_argument("--changes", type=int, default=2000, help="small changes; 0 leaves them out")
    parser.add_argument(
        "--cost", type=int, default=20, help="changes of ten entities by each protocol; 0 leaves them out"
    )
    parser.add_argument(
        "--together", type=float, default=10, help="seconds of 8 writers and 8 readers; 0 leaves them out"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where graphs and databases go; default: a temporary folder")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="marsad-bench-") as name:
        _bench(arguments, Path(name))
    return 0


def _bench(arguments: argparse.Namespace, folder: Path) -> None:
    quads = _SIZES[arguments.size]
    graph = folder / "graph.nq"
    count = write_graph(graph, quads, seed=arguments.seed)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    _say(
        f"{time.strftime('%Y-%m-%d')}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB, {platform.machine()}, "
        f"Python {platform.python_version()}; {count:,} quads; load of the machine {os.getloadavg()[0]:.1f}"
    )
    wanted = arguments.servers
    if wanted is None:
        left_out = _ONLY_WHEN_NAMED | (_ONLY_SMALL if quads > 100_000 else set())
        wanted = [name for name in STARTERS if name not in left_out]
    if wanted:
        _compare(arguments, folder, graph, wanted, Shape.of(quads))
        _strain(folder, graph)
    if arguments.changes:
        _say(memory_over_changes(graph, folder / "changes", arguments.changes))
    if arguments.cost:
        _say(cost_of_changes(graph, folder / "cost", arguments.cost))
    if arguments.together:
        _together(folder / "together", arguments.together)


def _together(home: Path, seconds: float) -> None:
    server, token = project(home)
    try:
        _say(writers_and_readers(server.home, token, writers=8, readers=8, seconds=seconds))
        _say(f"memory afterwards, PSS: {server.memory_mb()[1]:.0f} MB")
    finally:
        server.stop()


def _compare(arguments: argparse.Namespace, folder: Path, graph: Path, wanted: Sequence[str], shape: Shape) -> None:
    with ExitStack() as stack:
        servers: list[Server] = []
        for name in wanted:
            own = folder / name
            own.mkdir()
            try:
                server = STARTERS[name](own, graph)
            except (RuntimeError, OSError) as error:
                _say(f"{name} is left out: {error}")
                continue
            stack.callback(server.stop)
            servers.append(server)
            _say(f"{server.name} answers after {server.start_s:.2f} s (and {server.load_s:.2f} s of loading)")
        figures = compare(
            servers, shape, rounds=arguments.rounds, slice_s=arguments.slice, seed=arguments.seed, dumps=arguments.dumps
        )
        _say("\n" + report(figures, servers, _BASE) + "\n")
        for server in servers:
            if server.name.startswith("oxigraph"):
                _say(commit_seen(server))


def _strain(folder: Path, graph: Path) -> None:
    own = folder / "strain"
    own.mkdir()
    server = marsad(own, graph, writable=True)
    try:
        _say(commit_seen(server))
        _say(health_under_runaways(server, "/healthz"))
        _say(health_under_runaways(server, "/readyz"))
    finally:
        server.stop()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
