"""`marsad serve --dataset` as a process: start, answers, and an end that leaves nothing."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n1 ?o }"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service", "serve", "--port", "0", *arguments]


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    environment = {**os.environ, "MARSAD_WORKERS": "2"}
    process = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"serves (http://\S+)/ ", line):
                yield process, found.group(1)
                break
        else:
            pytest.fail("the process ended before it served")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def descendants(process: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


def wait_until_gone(processes: set[int]) -> None:
    until = time.monotonic() + 10
    while any(Path(f"/proc/{process}/cmdline").exists() for process in processes):
        assert time.monotonic() < until, "a process is still there"
        time.sleep(0.01)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "data.ttl"
    file.write_text("@prefix : <http://e/> . " + " ".join(f":s :p {number} ." for number in range(200)))
    return file


def test_a_dataset_is_served_without_prefixes_and_without_the_union(data, tmp_path):
    (tmp_path / "more.nq").write_text("<http://e/a> <http://e/p> 'in a graph' <http://e/g> .\n".replace("'", '"'))
    with serving("--dataset", str(tmp_path)) as (_, address):
        count = {"query": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "format": "csv"}
        assert httpx.get(f"{address}/sparql", params=count).text == "n\r\n200\r\n"
        assert httpx.get(f"{address}/sparql", params={"query": "ASK { ?s marsad:x ?o }"}).status_code == 400
        assert httpx.post(f"{address}/sparql", data={"update": "DROP ALL"}).status_code == 403


def test_a_signal_ends_it_and_its_queries_and_leaves_no_process(data):
    for number in (signal.SIGTERM, signal.SIGINT):
        with serving("--dataset", str(data), "--writable") as (process, address):
            client = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"import httpx; httpx.get({address!r} + '/sparql', params={{'query': {ENDLESS!r}}})",
                ],
                stderr=subprocess.DEVNULL,
            )
            while "marsad_workers_busy 1" not in httpx.get(f"{address}/metrics").text:
                time.sleep(0.02)
            family = descendants(process.pid)
            assert family
            client.kill()
            client.wait()
            process.send_signal(number)
            process.wait(20)
            wait_until_gone(family)


def test_a_killed_service_takes_its_processes_with_it(data):
    with serving("--dataset", str(data)) as (process, address):
        httpx.get(f"{address}/sparql", params={"query": "ASK {}"})
        family = descendants(process.pid)
        assert len(family) >= 2
        process.kill()
        process.wait()
        wait_until_gone(family)


def _peak_bytes(process: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


@pytest.mark.slow
def test_five_million_rows_go_through_a_service_of_less_than_300_mb(tmp_path, monkeypatch):
    monkeypatch.setenv("MARSAD_DEADLINE", "300")
    data = tmp_path / "data.nt"
    data.write_text("".join(f'<http://e/s> <http://e/p> "{number}" .\n' for number in range(2237)))
    text = "SELECT ?c ?f { ?a ?b ?c . ?d ?e ?f } LIMIT 5000000"
    with serving("--dataset", str(data), "--home", str(tmp_path / "home")) as (process, address):
        sizes = []
        for _ in range(2):  # the second is written to a file, as far as one may be long
            asked, plain = {"query": text, "format": "json"}, {"Accept-Encoding": "identity"}
            with httpx.stream("GET", f"{address}/sparql", params=asked, headers=plain, timeout=60) as answer:
                sizes.append(sum(len(part) for part in answer.iter_raw()))
        assert sizes == [sizes[0]] * 2
        assert sizes[0] > 300 * 10**6
        assert _peak_bytes(process.pid) < 300 * 10**6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "missing.ttl"], "there is no file missing.ttl"),
        (["--dataset", "pyproject.toml"], "the suffix should say which RDF it is"),
        (["--dataset", "data.ttl", "--writable", "--host", "0.0.0.0"], "only on loopback"),
        (["--dataset", "bad.ttl"], "bad.ttl"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(tmp_path, arguments, message):
    (tmp_path / "data.ttl").write_text("")
    (tmp_path / "bad.ttl").write_text("oops")
    (tmp_path / "pyproject.toml").write_text("")
    done = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
