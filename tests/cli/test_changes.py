"""`marsad log`, `diff` and `undo` say and do what they say."""

import asyncio
import json
from pathlib import Path

import pytest

from service.app import open_project
from service.cli import main
from service.graph.changes import Author
from service.settings import Settings
from service.store.base import Update


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two changes."""
    home = tmp_path_factory.mktemp("home")

    async def change() -> None:
        async with open_project(Settings(home=home, workers=1), lambda *_: None) as context:
            assert context.changes is not None
            for number, label in enumerate(("Marokko", "Marocco")):
                text = f'INSERT DATA {{ GRAPH g:entities {{ id:morocco skos:altLabel "{label}"@de }} }}'
                await context.changes.submit(Update(text), by=Author("ann"), message=f"Name {number}")

    asyncio.run(change())
    return home


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARSAD_HOME", str(home))


def test_the_log_lists_the_latest_first_and_shows_one_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["version"], row["agent"], row["message"]) for row in rows[-2:]] == [
        (2, "ann", "Name 1"),
        (1, "ann", "Name 0"),
    ]
    assert main(["log", "--limit", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["log", "1"]) == 0
    assert capsys.readouterr().out.startswith("H version 1 .\n")
    assert main(["log", "99"]) == 1


def test_the_difference_is_said_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "0", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "altLabel" in line and line.startswith("+ ") and '"Marokko"@de' in line]
    assert main(["diff", "1", "0"]) == 0
    assert any(line.startswith("- ") and '"Marokko"@de' in line for line in capsys.readouterr().out.splitlines())
    assert main(["diff", "0", "99"]) == 1


def test_a_change_is_undone_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["undo", "1", "--dry-run"]) == 0
    assert "can be undone" in capsys.readouterr().out
    assert main(["undo", "1", "--as", "bob", "--message", "Not German"]) == 0
    assert "undone by change 3" in capsys.readouterr().out
    assert main(["undo", "1"]) == 1
    assert "cannot be undone" in capsys.readouterr().err


def test_without_a_store_the_commands_say_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARSAD_HOME", str(tmp_path))
    for command in (["log"], ["diff", "0", "1"], ["undo", "1"]):
        assert main(command) == 1
        assert "marsad load" in capsys.readouterr().err
