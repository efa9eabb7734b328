"""`marsad backup`, `restore` and `dump` on a store in a home of its own."""

import asyncio
from pathlib import Path

import pyoxigraph as ox
import pytest

from service.cli import main
from service.rdf import namespaces as ns
from service.rdf.iris import DEFAULT_BASE, entity_iri, graph_iri
from service.rdf.terms import text
from service.settings import Settings
from service.store.base import Delta
from service.store.embedded import open_store
from tests.graph.sample_data import compiled, write_data

ALIAS = ox.Quad(
    entity_iri(DEFAULT_BASE, "hilltown"),
    ns.SKOS_ALT_LABEL,
    text("Hill Town", "en"),
    graph_iri(DEFAULT_BASE, "entities"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sample data in canonical form and a home whose store was changed through the service."""
    folder = tmp_path_factory.mktemp("served")
    graph = compiled(write_data(folder / "data"))

    async def change() -> None:
        directory = folder / "home" / "store"
        async with open_store(Settings(workers=1), content=lambda: graph.quads, directory=directory) as store:
            await store.apply(Delta(added=[ALIAS]))

    asyncio.run(change())
    return folder


@pytest.fixture
def run(served, monkeypatch, capsys):
    monkeypatch.setenv("MARSAD_HOME", str(served / "home"))
    monkeypatch.setenv("MARSAD_DATA", str(served / "data"))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_what_was_changed_is_printed_as_a_diff_and_written_where_it_is_asked_for(run, served, tmp_path):
    assert run("dump", "--output", str(tmp_path))[0] == 0
    entities = (tmp_path / "entities.yaml").read_text(encoding="utf-8")
    assert "    alt: Hill Town@en\n" in entities
    code, out, err = run("dump")
    assert (code, err) == (1, "")
    assert "--- a/data/entities.yaml\n+++ b/data/entities.yaml\n" in out
    assert "+    alt: Hill Town@en\n" in out
    assert compiled(tmp_path).counts["claims"] == compiled(served / "data").counts["claims"]


def test_a_dump_of_what_data_says_is_empty(run, served, tmp_path, monkeypatch):
    assert run("dump", "--output", str(tmp_path))[0] == 0
    monkeypatch.setenv("MARSAD_DATA", str(tmp_path))
    assert run("dump") == (0, "", "")


def test_a_backup_is_made_checked_and_restored(run, tmp_path, monkeypatch):
    target = tmp_path / "b.tar.gz"
    code, out, _ = run("backup", "--output", str(target))
    assert code == 0
    assert "version 1" in out
    code, out, _ = run("restore", "--check", str(target))
    assert code == 0
    assert "is whole: version 1" in out
    assert run("restore", str(target))[0] == 1  # a store is there
    monkeypatch.setenv("MARSAD_HOME", str(tmp_path / "fresh"))
    assert run("restore", str(target))[0] == 0
    assert sorted(path.name for path in (tmp_path / "fresh" / "store").iterdir()) == [
        "base-0.nq",
        "changes.log",
        "quads",
        "state.json",
    ]


def test_without_a_store_the_commands_say_so(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MARSAD_HOME", str(tmp_path))
    for command in (["dump"], ["backup", "--output", str(tmp_path / "b.tar")]):
        code, _, err = run(*command)
        assert code == 1
        assert "no store" in err
