"""`marsad export` and `marsad verify-export`."""

import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from service.api.parameters import read_selection
from service.cli import exports, main
from service.graph.export import Export
from tests.graph.small_graph import small_graph


@pytest.fixture(autouse=True)
def _small_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    export = Export(small_graph(), base="https://marsad.example/", read_selection=read_selection)
    monkeypatch.setattr(exports, "_current", lambda _settings: export)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the files below `tmp_path`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_export_is_written_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "out")
    assert main(["export", "--format", "ttl", "--format", "nq", "--output", folder, "facts", "graph/d001"]) == 0
    output = capsys.readouterr().out
    assert "  facts.ttl\n" in output
    assert "4 files" in output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "facts.nq",
        "facts.ttl",
        "graph",
        "manifest.json",
    ]
    assert main(["verify-export", folder]) == 0
    assert main(["verify-export", folder, "--against"]) == 0
    assert "4 files as the manifest says" in capsys.readouterr().out


def test_an_entity_and_a_selection_are_written_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    names = [
        "entity/ann",
        "selection/claims?relation=heldPost&document=d001",
        "http://localhost/api/v1/actors?type=Person",
    ]
    assert main(["export", "--output", str(folder), *names]) == 0
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    stems = {path.partition(".")[0].partition("/tables")[0] for path in paths} - {"manifest"}
    assert len(stems) == 3
    for stem in stems:
        own = [path.removeprefix(stem) for path in paths if path.startswith(stem)]
        assert {".ttl", ".trig", ".nt", ".nq", ".jsonld", ".rdf", ".graphml", "/tables/datapackage.json"} <= set(own)
    assert main(["verify-export", str(folder), "--against"]) == 0
    names_written = json.loads((folder / "manifest.json").read_text())["request"]["names"]
    assert names_written == [
        "entity/ann",
        "selection/claims?document=d001&relation=heldPost",
        "selection/actors?type=Person",
    ]
    capsys.readouterr()
    assert main(["export", "--format", "csv", "--output", str(tmp_path / "more"), "dataset"]) == 1
    assert "ask for tables" in capsys.readouterr().err


def test_a_changed_file_fails_the_verification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--gzip", "--format", "ttl", "--output", str(tmp_path / "out"), "facts"]) == 0
    (tmp_path / "out" / "facts.ttl.gz").unlink()
    assert main(["verify-export", str(tmp_path / "out")]) == 1
    assert "1 fault\n" in capsys.readouterr().err


def test_an_unknown_name_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--output", str(tmp_path / "out"), "fact"]) == 1
    assert "nothing called 'fact'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_export_is_held_against_a_service(tmp_path: Path, served: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "ttl", "--output", str(tmp_path / "export"), "facts", "claims"]) == 0
    assert main(["export", "--gzip", "--format", "ttl", "--output", str(tmp_path / "mine"), "facts"]) == 0
    assert main(["verify-export", served]) == 0
    assert main(["verify-export", str(tmp_path / "mine"), "--against", served]) == 0
    (tmp_path / "export" / "facts.ttl").write_text("", encoding="utf-8")
    capsys.readouterr()
    assert main(["verify-export", str(tmp_path / "mine"), "--against", served]) == 1
    assert "facts.ttl: changed" in capsys.readouterr().err
    (tmp_path / "export" / "facts.ttl").unlink()
    assert main(["verify-export", served + "/export/"]) == 1
    assert "answers 404" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    # Port 9 (discard) is not listened to.
    assert main(["verify-export", "http://127.0.0.1:9"]) == 1
    assert "cannot be read" in capsys.readouterr().err
