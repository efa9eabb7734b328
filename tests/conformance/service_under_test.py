"""This service on an empty writable dataset, and the runner of the suites aimed at it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLOOR = Path(__file__).with_name("floor.json")
# The whole run takes 25 s on two idle cores; the rest is for a machine that does other things too.
_RUN_S = 600
_FAREWELL_S = 15


def floor() -> dict[str, Any]:
    """The counts to hold and the failures that are accepted, each with its reason."""
    read: dict[str, Any] = json.loads(FLOOR.read_text(encoding="utf-8"))
    return read


@contextmanager
def empty_dataset(folder: Path) -> Iterator[str]:
    """The address of this service on a dataset that is empty, writable, and whose default graph is its own."""
    dataset = folder / "empty.nt"
    dataset.touch()
    environment = {**os.environ, "MARSAD_HOME": str(folder / "home"), "MARSAD_DEFAULT_GRAPH": "default"}
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--dataset", str(dataset), "--writable"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                if found:
                    break
            else:
                raise RuntimeError(f"the service did not start: {''.join(said)}")
            yield found.group()
        finally:
            process.terminate()
            try:
                process.communicate(timeout=_FAREWELL_S)
            except subprocess.TimeoutExpired:
                process.kill()


def run_suites(suites: Path, address: str, report: Path) -> dict[str, Any]:
    """What the runner in the folder `suites` reports of the service at an address."""
    command = [sys.executable, str(suites / "sparql_conformance.py"), "--report", str(report)]
    for option, path in (("--query-url", "/sparql"), ("--update-url", "/sparql"), ("--gsp-url", "/graphs")):
        command += [option, address + path]
    command += ["--gsp-direct", "--suite", ",".join(floor()["suites"])]
    subprocess.run(command, check=True, timeout=_RUN_S, stdout=subprocess.DEVNULL)
    read: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return read
