"""The service reaches what `floor.json` says in the W3C suites: no test less, and none more without saying so."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.service_under_test import empty_dataset, floor, run_suites

FLOOR = floor()


@pytest.fixture(scope="module")
def report(conformance_suites: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of one run of all suites."""
    folder = tmp_path_factory.mktemp("conformance")
    with empty_dataset(folder) as address:
        return run_suites(conformance_suites, address, folder / "report.json")


@pytest.mark.slow
@pytest.mark.parametrize("suite", FLOOR["suites"])
def test_a_suite_has_as_many_passing_tests_as_the_floor_says(report: dict[str, Any], suite: str) -> None:
    found = report["suites"][suite]
    assert (found["pass"], found["total"]) == (FLOOR["suites"][suite]["passed"], FLOOR["suites"][suite]["tests"])


@pytest.mark.slow
def test_the_failures_are_those_that_are_accepted(report: dict[str, Any]) -> None:
    failures = {entry["id"]: entry["reason"] for entry in report["failures"]}
    not_accepted = {name: reason for name, reason in failures.items() if name not in FLOOR["failures"]}
    assert not_accepted == {}


@pytest.mark.slow
def test_no_accepted_failure_passes(report: dict[str, Any]) -> None:
    failures = {entry["id"] for entry in report["failures"]}
    assert [name for name in FLOOR["failures"] if name not in failures] == []


@pytest.mark.slow
def test_no_test_ends_in_an_error_of_the_service(report: dict[str, Any]) -> None:
    assert report["suites"]["TOTAL"]["5xx"] == 0


@pytest.mark.parametrize("suite", FLOOR["suites"])
def test_the_floor_is_not_below_the_native_server(suite: str) -> None:
    row = FLOOR["suites"][suite]
    assert row["native"] <= row["passed"] <= row["tests"]


def test_each_accepted_failure_has_a_reason_that_is_written_down() -> None:
    assert {key for key in FLOOR["failures"].values() if not FLOOR["reasons"].get(key)} == set()
    assert set(FLOOR["reasons"]) == set(FLOOR["failures"].values())


def test_the_accepted_failures_are_what_the_floor_leaves_out() -> None:
    left_out = sum(row["tests"] - row["passed"] - row.get("skipped", 0) for row in FLOOR["suites"].values())
    assert left_out == len(FLOOR["failures"])
