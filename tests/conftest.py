"""What every test may use.

A test that needs something from outside the checkout asks for one of the fixtures below. Where it is absent the test
is skipped with the reason; `MARSAD_REQUIRE` (words of `texts`, `conformance`, `chromium`, `node`, `namespaces`) turns that skip into a failure,
so that a machine that should have it cannot pass without it.
"""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cli.small_disk import why_not

ROOT = Path(__file__).resolve().parents[1]

# No deadline: a machine that is busy is no fault. In CI the same examples each time, so that a run can be repeated.
settings.register_profile("marsad", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("marsad")


REQUIRABLE = {"texts", "conformance", "chromium", "node", "namespaces"}


def _required() -> set[str]:
    return set(os.environ.get("MARSAD_REQUIRE", "").replace(",", " ").split())


def pytest_configure() -> None:
    """A slip in MARSAD_REQUIRE would require nothing."""
    if unknown := _required() - REQUIRABLE:
        raise pytest.UsageError(
            f"MARSAD_REQUIRE takes {', '.join(sorted(REQUIRABLE))}; not {', '.join(sorted(unknown))}"
        )


def _absent(name: str, reason: str) -> None:
    if name in _required():
        pytest.fail(f"MARSAD_REQUIRE names {name}, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def document_texts() -> Path:
    """The folder with the texts of the documents."""
    folder = Path(os.environ.get("MARSAD_DOCUMENTS", ""))
    if not os.environ.get("MARSAD_DOCUMENTS") or not sorted(folder.glob("*.txt")):
        _absent("texts", "the texts of the documents are not here: set MARSAD_DOCUMENTS to their folder")
    return folder


@pytest.fixture(scope="session")
def conformance_suites() -> Path:
    """The folder with the W3C SPARQL suites and their runner."""
    folder = Path(os.environ.get("MARSAD_CONFORMANCE", ""))
    if not os.environ.get("MARSAD_CONFORMANCE") or not (folder / "sparql_conformance.py").is_file():
        _absent("conformance", "the W3C SPARQL suites are not here: set MARSAD_CONFORMANCE to their folder")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        _absent("chromium", "no Chromium is installed: install Debian's package `chromium`")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def namespaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The right to mount a disk of one's own in a namespace of one's own."""
    reason = why_not(tmp_path_factory.mktemp("mount"))
    if reason:
        _absent("namespaces", reason)


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node."""
    found = shutil.which("node")
    if found is None:
        _absent("node", "no Node is installed, so no JavaScript runs")
    assert found is not None
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that count what this process keeps (children, descriptors) come before one service is shared by the rest."""
    counting = ("tests/store/", "tests/api/test_invariants.py")
    items.sort(key=lambda item: not item.nodeid.startswith(counting))
