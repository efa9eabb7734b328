"""Every case against Marsad itself, started with low limits: see `tests.hostile.table` for what is asked of it."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hostile.__main__ import halves, loopback_target, marsad
from tests.hostile.campaign import Campaign, Result, process_of
from tests.hostile.canary import Canary
from tests.hostile.case import Case, Target
from tests.hostile.client import AnswerReader
from tests.hostile.graph import lines
from tests.hostile.table import CASES

# Three beside each other, so that one of the four workers is free for the small query after each. Changes are made one
# at a time, and one that waits behind another for longer than the deadline is refused: so they come one by one.
_PARALLEL, _PARALLEL_CHANGES = 3, 1


@dataclass(frozen=True)
class _Campaigns:
    """What came of all chosen cases, how fast a small query was before and after, and how each service ended."""

    results: dict[str, Result]
    speeds: list[tuple[float, float]]
    exit_codes: list[int | None]
    left_over: list[Path]
    log: str


@pytest.fixture(scope="module")
def campaigns(request: pytest.FixtureRequest) -> _Campaigns:
    """Runs the cases that this session has chosen, several at a time, before the first test that asks for one."""
    chosen = {
        item.callspec.params["case"].name
        for item in request.session.items
        if hasattr(item, "callspec") and "case" in item.callspec.params
    }  # type: ignore[attr-defined]
    cases = [case for case in CASES if case.name in chosen]
    results: dict[str, Result] = {}
    speeds, exit_codes, left_over, log = [], [], [], ""
    with tempfile.TemporaryDirectory() as name, Canary(Path(name)) as canary:
        for options, part in halves(cases):
            with ExitStack() as stack:
                service, target = stack.enter_context(marsad(Path(name), canary, *options))
                campaign = Campaign(
                    target, touched=lambda: canary.touched, health_path="/healthz", process=process_of(target)
                )
                parallel = _PARALLEL_CHANGES if part[0].writes else _PARALLEL
                with campaign.running():
                    results |= {result.case.name: result for result in campaign.run(part, parallel=parallel)}
                assert campaign.before_s is not None
                assert campaign.after_s is not None
                speeds.append((campaign.before_s, campaign.after_s))
            exit_codes.append(service.exit_code)
            left_over += list(service.left_over.iterdir())
            log += "".join(service.log)
    return _Campaigns(results, speeds, exit_codes, left_over, log)


def _marked(case: Case) -> object:
    # One takes milliseconds or two seconds; all of them take two minutes.
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else [])


@pytest.mark.parametrize("case", [_marked(case) for case in CASES])
def test_the_service_holds(case: Case, campaigns: _Campaigns):
    result = campaigns.results[case.name]
    assert not result.faults, f"{'; '.join(result.faults)}\n{result.outcome.body[:300]!r}"


def test_a_small_query_is_as_fast_afterwards_as_before(campaigns: _Campaigns):
    for before_s, after_s in campaigns.speeds:
        assert after_s < 3 * before_s + 0.05


def test_the_service_ends_well_after_all_of_this(campaigns: _Campaigns):
    assert campaigns.exit_codes == [0] * len(campaigns.exit_codes)
    assert campaigns.left_over == []
    assert "Traceback" not in campaigns.log


def test_a_run_ends_with_the_endpoint():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    target = Target("127.0.0.1", port, "/sparql")
    campaign = Campaign(target, touched=list, health_path="/", process=None)
    with campaign.running():
        results = campaign.run(CASES[:20], parallel=1)
    assert [result.outcome.word for result in results] == ["closed"]
    assert campaign.before_s == float("inf")


def test_there_are_cases_of_every_family_and_no_two_of_one_name():
    assert len(CASES) == len({case.name for case in CASES})
    assert len(CASES) >= 120
    assert len(set(lines())) > 10_000


@pytest.mark.parametrize("url", ["http://192.0.2.1/sparql", "https://127.0.0.1/sparql", "http://0.0.0.0/", "sparql"])
def test_only_this_machine_is_ever_a_target(url: str):
    with pytest.raises(SystemExit):
        loopback_target(url)
    assert loopback_target("http://127.0.0.1:7878/query").port == 7878


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    with Canary(tmp_path) as opened:
        yield opened


def test_a_canary_tells_that_it_was_touched(canary: Canary):
    import urllib.request

    assert canary.touched == []
    with urllib.request.urlopen(canary.url + "x") as answer:
        assert b"canary" in answer.read()
    assert canary.touched == ["GET /x HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "whole"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "whole"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "cut"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "whole"),
        (b"", "closed"),
    ],
)
def test_the_client_tells_a_whole_answer_from_a_cut_one_however_it_comes(answer: bytes, ending: str):
    for size in (1, 2, 1000):
        reader = AnswerReader()
        for position in range(0, len(answer), size):
            reader.feed(answer[position : position + size])
        reader.feed(b"")
        assert reader.outcome("", 0).ending == ending
