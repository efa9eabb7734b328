"""The comparison: all servers run at once and are asked in turn, so that a busy machine is busy for each of them."""

import itertools
import json
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.client import Connection, Exchange, get, run
from tests.benchmarks.graph import Shape
from tests.benchmarks.questions import DUMP, QUESTIONS, Question
from tests.benchmarks.servers import Server, cpu_s

CONNECTIONS = 4
SELECTIVE, ALL = "selective kinds, 4 connections", "all kinds, 4 connections"
FRESH = "selective, no text twice"
# More than any server here answers in a second: the texts of a slice are made beforehand.
_FRESH_PER_SECOND = 12_000
_SMALL_CLAIMS = 10_000
# A server that needs longer for one question about the whole graph, or for all of it, is not asked it again.
_SLOW_S, _SLOW_DUMP_S = 10.0, 60.0


@dataclass
class Figures:
    """What was measured of one server: times in seconds, rates per second, processor seconds per answer."""

    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    by_question: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    whole: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    dump: list[Exchange] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def compare(
    servers: Sequence[Server], shape: Shape, *, rounds: int, slice_s: float, seed: int, dumps: int
) -> dict[str, Figures]:
    """Ask every server in each round: each mix for `slice_s`, each question about the whole graph once, alone.

    The mix of all fifteen kinds is for small graphs only: on a large one it measures the three slowest kinds.

    The order of the servers changes from round to round. Raises AssertionError: two servers disagree about an answer.
    """
    _warm_and_compare(servers, shape, seed)
    figures = {server.name: Figures() for server in servers}
    chance = random.Random(seed)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        mixes = {SELECTIVE: _mix(shape, seed + number, selective=True)}
        mixes[FRESH] = _fresh(mixes[SELECTIVE], round(slice_s * _FRESH_PER_SECOND), number)
        if shape.claims < _SMALL_CLAIMS:
            mixes[ALL] = _mix(shape, seed + number, selective=False)
        for server in chance.sample(list(servers), len(servers)):
            for title, mix in mixes.items():
                _measure_mix(server, title, mix, slice_s, figures[server.name])
            _measure_whole(server, shape, seed + number, figures[server.name])
            made = figures[server.name].dump
            if number < dumps and all(dump.seconds < _SLOW_DUMP_S for dump in made):
                made.append(_ask(server, "dump", DUMP))
    return figures


def _mix(shape: Shape, seed: int, *, selective: bool) -> list[tuple[Question, str]]:
    """All variants of all questions, or of the selective ones, shuffled."""
    wanted = [question for question in QUESTIONS if question.selective or not selective]
    mix = [(question, text) for question in wanted for text in question.variants(shape)]
    random.Random(seed).shuffle(mix)
    return mix


def _fresh(mix: Sequence[tuple[Question, str]], count: int, number: int) -> list[tuple[Question, str]]:
    """`count` texts that no server has seen: those of the mix, each with a comment of its own."""
    repeated = itertools.islice(itertools.cycle(mix), count)
    return [(question, f"{text}\n# {number}.{place}") for place, (question, text) in enumerate(repeated)]


def _measure_mix(
    server: Server, title: str, mix: Sequence[tuple[Question, str]], slice_s: float, figures: Figures
) -> None:
    requests = [(question.name, get(server.url, text, question.accept)) for question, text in mix]
    before = cpu_s(server.process.pid)
    done, elapsed = run(server.url, requests, connections=CONNECTIONS, seconds=slice_s)
    figures.rates[title].append(len(done) / elapsed)
    figures.cpu[title].append((cpu_s(server.process.pid) - before) / len(done))
    for exchange in done:
        figures.times[title].append(exchange.seconds)
        if title == SELECTIVE:
            figures.by_question[exchange.name].append(exchange.seconds)
        if exchange.status != 200:
            figures.failed[exchange.name] += 1


def _measure_whole(server: Server, shape: Shape, seed: int, figures: Figures) -> None:
    chance = random.Random(seed)
    for question in QUESTIONS:
        if question.selective or max(figures.whole[question.name], default=0) > _SLOW_S:
            continue
        exchange = _ask(server, question.name, chance.choice(question.variants(shape)), question.accept)
        figures.whole[question.name].append(exchange.seconds)
        if exchange.status != 200:
            figures.failed[question.name] += 1


def _ask(server: Server, name: str, text: str, accept: str = "application/sparql-results+json") -> Exchange:
    connection = Connection(server.url)
    try:
        return connection.ask(name, get(server.url, text, accept))
    finally:
        connection.close()


def _warm_and_compare(servers: Sequence[Server], shape: Shape, seed: int) -> None:
    """One variant of each question to every server: the answers must have as many rows."""
    chance = random.Random(seed)
    for question in QUESTIONS:
        text = chance.choice(question.variants(shape))
        sizes = {server.name: _size(server, question, text) for server in servers}
        assert len(set(sizes.values())) == 1, f"{question.name!r} has answers of different size: {sizes}\n{text}"


def _size(server: Server, question: Question, text: str) -> object:
    """How much an answer says: rows, triples or the boolean."""
    connection = Connection(server.url, keep_bodies=True)
    exchange = connection.ask(question.name, get(server.url, text, question.accept))
    connection.close()
    assert exchange.status == 200, f"{server.name} answered {exchange.status}: {exchange.body[:300]!r}"
    if question.accept == "application/n-triples":
        return sum(1 for line in exchange.body.splitlines() if line.strip() and not line.startswith(b"#"))
    answer = json.loads(exchange.body)
    return answer["boolean"] if "boolean" in answer else len(answer["results"]["bindings"])


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def report(figures: dict[str, Figures], servers: Sequence[Server], base: str) -> str:
    """Tables for people; ratios are to the server named `base`, larger is faster."""
    lines: list[str] = []
    for title in next(iter(figures.values())).rates:
        lines += [*_of_mix(title, figures, base), ""]
    lines += [_per_question("p50 in ms by question (4 connections)", {n: f.by_question for n, f in figures.items()})]
    lines += ["", _per_question("whole-graph questions, median ms (alone)", {n: f.whole for n, f in figures.items()})]
    lines += ["", f"{'dump of everything as JSON':32} {'first byte ms':>14} {'all s':>8}"]
    for name, found in figures.items():
        if found.dump:
            first = statistics.median(exchange.first_byte_s for exchange in found.dump)
            whole = statistics.median(exchange.seconds for exchange in found.dump)
            lines.append(f"{name:32} {first * 1e3:14.1f} {whole:8.2f}")
    lines += ["", f"{'memory, start':32} {'RSS MB':>8} {'PSS MB':>8} {'start s':>8} {'load s':>8}"]
    for server in servers:
        resident, proportional = server.memory_mb()
        lines.append(f"{server.name:32} {resident:8.0f} {proportional:8.0f} {server.start_s:8.2f} {server.load_s:8.2f}")
    return "\n".join(lines)


def _of_mix(title: str, figures: dict[str, Figures], base: str) -> list[str]:
    lines = [f"{title:32} {'per s':>8} {'ratio':>7}   p50 ms   p95 ms   p99 ms   cpu µs   failed"]
    reference = (figures.get(base) or next(iter(figures.values()))).rates[title]
    for name, found in figures.items():
        rates, times = found.rates[title], found.times[title]
        ratio = statistics.median(rate / other for rate, other in zip(rates, reference, strict=True))
        parts = "".join(f"{percentile(times, part) * 1e3:9.2f}" for part in (0.5, 0.95, 0.99))
        parts += f"{statistics.median(found.cpu[title]) * 1e6:9.0f}"
        lines.append(f"{name:32} {statistics.median(rates):8.0f} {ratio:7.2f}{parts} {sum(found.failed.values()):8}")
    return lines


def _per_question(title: str, times: dict[str, dict[str, list[float]]]) -> str:
    names = list(times)
    width = max(len(name) for name in names) + 1
    lines = [f"{title:42}" + "".join(f"{name:>{width}}" for name in names)]
    for question in dict.fromkeys(question for found in times.values() for question in found):
        cells = [
            statistics.median(times[name][question]) * 1e3 if times[name][question] else float("nan") for name in names
        ]
        lines.append(f"  {question:40}" + "".join(f"{cell:{width}.2f}" for cell in cells))
    return "\n".join(lines)
