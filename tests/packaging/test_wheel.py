"""The wheel works where there is nothing else: an empty environment, an empty directory, an empty home."""

import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

QUERY = "SELECT ?post WHERE { id:nasser-bourita marsad:heldPost ?post } ORDER BY ?post"
POSTS = [
    "https://marsad.example/id/post-minister-foreign-affairs-african-cooperation-moroccans-abroad",
    "https://marsad.example/id/post-secretary-general-ministry-foreign-affairs-morocco",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_carries_ontology_and_data_and_no_tests(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("ontology/marsad.ttl", "ontology/shapes.ttl", "data/entities.yaml", "data/facts/d001.yaml"):
        assert f"service/_bundle/{name}" in names
    assert "service/explorer/templates/base.html" in names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.slow
def test_marsad_installed_from_the_wheel_serves_from_an_empty_directory(wheel: Path, tmp_path: Path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    lock = ROOT / "service" / "requirements.lock"
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(lock)], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("MARSAD_", "PYTHON", "PORT"))}
    server = subprocess.Popen(
        [str(environment / "bin" / "marsad"), "serve", "--port", "0"],
        cwd=empty,
        env=variables | {"HOME": str(empty)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        address = next(found[0] for line in server.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
        with urllib.request.urlopen(
            f"{address}sparql?{urllib.parse.urlencode({'query': QUERY})}", timeout=60
        ) as answer:
            rows = json.load(answer)["results"]["bindings"]
        assert [row["post"]["value"] for row in rows] == POSTS
        with urllib.request.urlopen(f"{address}static/marsad.css", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/css")
    finally:
        server.terminate()
        server.wait(timeout=30)
        assert server.stderr is not None
        server.stderr.close()
    assert server.returncode in (0, -15)
