"""Large pages: a fork of a process that holds much is quick."""

import subprocess
import sys

import pytest

PROGRAM = """
from service.store.pages import join_pages
before = join_pages()
held = [bytes(1000) + number.to_bytes(4, "big") for number in range(60_000)]
print(before, join_pages())
assert all(data == bytes(1000) + number.to_bytes(4, "big") for number, data in enumerate(held))
"""


def test_what_a_process_holds_is_joined_and_stays_what_it_is():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    if after == before:
        pytest.skip("this kernel joins no pages on request (Linux 6.1 does)")
    assert after - before >= 30_000_000
