"""Large pages: a fork of a process that holds much is quick."""

import subprocess
import sys

import pytest

PROGRAM = """
import re
from pathlib import Path
from service.store.pages import join_pages

def large():
    return int(re.search("AnonHugePages: +([0-9]+) kB", Path("/proc/self/smaps_rollup").read_text())[1]) * 1024

held = [bytes(1000) + number.to_bytes(4, "big") for number in range(60_000)]
before = large()
steps = sum(1 for _ in join_pages())
print(before, large(), steps)
assert all(data == bytes(1000) + number.to_bytes(4, "big") for number, data in enumerate(held))
"""


def test_what_a_process_holds_is_joined_and_stays_what_it_is():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after, steps = map(int, done.stdout.split())
    assert steps >= 25
    if after == before:
        pytest.skip("this kernel joins no pages on request (Linux 6.1 does)")
    assert after - before >= 30_000_000
