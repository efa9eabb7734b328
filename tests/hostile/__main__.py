"""Runs the cases from the command line; see --help."""

import argparse
import ipaddress
import shlex
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.hostile import graph
from tests.hostile.campaign import PROBE_S, Campaign, Result, process_of
from tests.hostile.canary import Canary
from tests.hostile.case import Case, Target
from tests.hostile.service import Service, started
from tests.hostile.table import CASES, families

_EPILOG = """examples:
  python -m tests.hostile                                   Marsad, started here with low limits
  python -m tests.hostile --only depth --only chain         two families
  python -m tests.hostile --list                            the cases, and what is expected of Marsad
  python -m tests.hostile --write-graph graph.nq            the graph for another endpoint
  python -m tests.hostile --target http://127.0.0.1:7878/query --health '/query?query=ASK%7B%7D' \\
      --command 'prlimit --as=2000000000 oxigraph serve --location DIR --bind 127.0.0.1:7878 --timeout-s 2'

Another endpoint should hold the graph and run with a deadline of 2 s where it has one, and with little memory: some
cases fill all that there is. Without --command, the run ends when the endpoint has died.
"""

_TITLES = f"{'case':62} {'answer':26} {'time':>7} {'probe':>7} {'health':>7} {'service':>8} {'worker':>8}"


def main(words: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0 if every case held."""
    arguments = _parser().parse_args(words)
    if arguments.write_graph:
        graph.write(arguments.write_graph)
        return 0
    cases = _chosen(arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.name:70} {' | '.join(sorted(case.expected))}")
        print(f"{len(cases)} cases: " + ", ".join(f"{name} {count}" for name, count in families().items()))
        return 0
    results = _against(arguments, cases) if arguments.target else _against_marsad(arguments, cases)
    held = sum(1 for result in results if not result.faults)
    print(f"\n{held} of {len(results)} cases held")
    return 0 if held == len(cases) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile",
        description="Hostile requests against a SPARQL endpoint on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--target", help="URL of the query endpoint (loopback only); default: start Marsad")
    parser.add_argument(
        "--command",
        help="starts the target; after a case that it did not survive or that left it busy, it is started again",
    )
    parser.add_argument("--update-target", help="path or URL of its update endpoint; without it, updates are left out")
    parser.add_argument("--health", default="/healthz", help="path that answers 200 as long as it lives (/healthz)")
    parser.add_argument("--parallel", type=int, default=1, help="cases at the same time (1)")
    parser.add_argument("--only", action="append", help="cases whose name contains this; may come again")
    parser.add_argument("--quick", action="store_true", help="leave out the cases that wait for 20 s and more")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--write-graph", type=Path, metavar="FILE", help="write the graph in N-Quads")
    return parser


def _chosen(arguments: argparse.Namespace) -> list[Case]:
    words = arguments.only or [""]
    return [case for case in CASES if any(word in case.name for word in words) and not (arguments.quick and case.slow)]


def _against(arguments: argparse.Namespace, cases: list[Case]) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, Canary(Path(folder)) as canary:
        target = replace(loopback_target(arguments.target), canary_url=canary.url, canary_file=canary.file)
        if arguments.update_target:
            target = replace(target, update_path=urlsplit(arguments.update_target).path)
        else:
            cases = [case for case in cases if not case.writes]
        if arguments.command:
            return _with_restarts(arguments, cases, target, canary)
        return _run(arguments, cases, target, canary)


def _with_restarts(arguments: argparse.Namespace, cases: list[Case], target: Target, canary: Canary) -> list[Result]:
    """One case after the other; a fresh endpoint after each that left no sound one."""
    results: list[Result] = []
    rest, starts, seen = list(cases), 0, 0
    print(_TITLES)
    while rest:
        starts += 1
        with started(shlex.split(arguments.command), target) as process:
            campaign = _campaign(arguments, target, lambda: canary.touched[seen:], process)  # noqa: B023 - it runs here
            with campaign.running():
                sound = True
                while rest and sound:
                    result = campaign.run_one(rest.pop(0))
                    seen = len(canary.touched)
                    results.append(result)
                    _tell(result)
                    sound = result.outcome.ending != "silent" and result.probe_s < PROBE_S
    print(f"the endpoint was started {starts} times")
    return results


def _campaign(
    arguments: argparse.Namespace, target: Target, touched: Callable[[], list[str]], process: int | None
) -> Campaign:
    return Campaign(
        target,
        touched=touched,
        health_path=arguments.health,
        process=process,
        statuses_only=bool(arguments.target),
    )


def _against_marsad(arguments: argparse.Namespace, cases: list[Case]) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory() as folder, Canary(Path(folder)) as canary:
        for options, part in halves(cases):
            with marsad(Path(folder), canary, *options) as (_, target):
                results += _run(arguments, part, target, canary)
    return results


def halves(cases: Sequence[Case]) -> list[tuple[tuple[str, ...], list[Case]]]:
    """The options of Marsad for the cases that only read and for those that write, and these cases."""
    found: list[tuple[tuple[str, ...], list[Case]]] = [
        ((), [case for case in cases if not case.writes]),
        (("--writable",), [case for case in cases if case.writes]),
    ]
    return [(options, part) for options, part in found if part]


@contextmanager
def marsad(folder: Path, canary: Canary, *options: str) -> Iterator[tuple[Service, Target]]:
    """Marsad over the graph of the cases."""
    file = folder / "graph.nq"
    if not file.exists():
        graph.write(file)
    with Service(file, folder / "home", *options) as service:
        yield service, service.target(canary.url, canary.file)


def _run(arguments: argparse.Namespace, cases: list[Case], target: Target, canary: Canary) -> list[Result]:
    print(_TITLES)
    campaign = _campaign(arguments, target, lambda: canary.touched, process_of(target))
    with ExitStack() as stack:
        stack.enter_context(campaign.running())
        results = campaign.run(cases, parallel=arguments.parallel, tell=_tell)
    if campaign.before_s is not None and campaign.after_s is not None:
        print(f"a small query took {campaign.before_s * 1000:.1f} ms before, {campaign.after_s * 1000:.1f} ms after")
    return results


def _tell(result: Result) -> None:
    outcome = result.outcome
    print(
        f"{result.case.name[:62]:62} {outcome.word[:26]:26} {outcome.seconds:6.2f}s {result.probe_s * 1000:5.0f}ms "
        f"{result.health_s * 1000:5.0f}ms {result.service_bytes / 2**20:5.0f}MiB {result.worker_bytes / 2**20:5.0f}MiB",
        flush=True,
    )
    for fault in result.faults:
        print(f"    ✗ {fault}", flush=True)


def loopback_target(url: str) -> Target:
    """The target of an URL. Exits: it is not http, or any address of its host is not of this machine."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        sys.exit("--target takes an http URL")
    port = parts.port or 80
    addresses = {str(row[4][0]) for row in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        sys.exit(f"{parts.hostname} is not on this machine; these requests are only for loopback addresses")
    return Target(sorted(addresses)[0], port, parts.path or "/")


if __name__ == "__main__":
    sys.exit(main())
