"""Writers and readers of one service at the same time: readers see whole changes only. The benchmark runs longer."""

from pathlib import Path

import pytest

from tests.benchmarks.servers import project
from tests.benchmarks.writing import _check_whole, writers_and_readers


@pytest.mark.slow
def test_readers_see_whole_changes_by_any_protocol_while_writers_write(tmp_path: Path) -> None:
    server, token = project(tmp_path / "home")
    try:
        said = writers_and_readers(server.home, token, writers=4, readers=3, seconds=6)
    finally:
        server.stop()
    assert all(f"by {path}" in said for path in ("/sparql", "/graphs", "/api/v1/actors"))


def test_half_a_change_is_told_from_a_whole_one() -> None:
    lines = [f'<https://marsad.example/id/bench-3-{number}>\t"Benchmark 3 at 7"@en' for number in range(10)]
    assert _check_whole("\n".join(lines)) == 1
    for broken in (lines[:9], [*lines[:9], lines[9].replace("at 7", "at 8")]):
        with pytest.raises(AssertionError):
            _check_whole("\n".join(broken))
