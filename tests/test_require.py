"""MARSAD_REQUIRE turns a skip into a failure, and a slip in it is noticed."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# One test of each fixture, in a run where nothing of it is here.
PROBE = "tests/cli/test_help.py::test_the_phrases_in_the_examples_are_found"


def outcome(**variables: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARSAD_")} | variables
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PROBE]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({}, 0, "set MARSAD_DOCUMENTS to their folder"),
        ({"MARSAD_REQUIRE": "texts"}, 1, "MARSAD_REQUIRE names texts, but the texts of the documents are not here"),
        (
            {"MARSAD_REQUIRE": "text"},
            4,
            "MARSAD_REQUIRE takes chromium, conformance, namespaces, node, texts; not text",
        ),
    ],
)
def test_what_is_not_here_skips_or_fails_as_asked(variables: dict[str, str], code: int, words: str) -> None:
    returned, said = outcome(**variables)
    assert returned == code, said
    assert words in said
