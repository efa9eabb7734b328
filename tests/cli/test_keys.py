"""`marsad key` prints a key once and never again."""

import pytest

from service.cli import main
from service.graph.keys import Keys


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MARSAD_HOME", str(tmp_path))
    return tmp_path


def test_a_key_is_printed_once_listed_without_its_secret_and_revoked(home, capsys):
    assert main(["key", "new", "ann", "--scope", "write", "--expires", "9999-01-01"]) == 0
    token = capsys.readouterr().out.strip()
    identifier, _, secret = token.partition(".")
    assert Keys(home).check(f"Bearer {token}", needs="write").name == "ann"
    assert main(["key", "list"]) == 0
    listed = capsys.readouterr().out
    assert secret not in listed
    assert listed.splitlines()[1].split()[:3] == [identifier, "write", "valid"]
    assert main(["key", "revoke", identifier]) == 0
    assert main(["key", "list"]) == 0
    assert "revoked" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments", [["new", "ann"], ["new", "ann", "--scope", "all"], ["new", "a", "--expires", "soon"]]
)
def test_wrong_usage_is_said(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["key", *arguments])
    assert caught.value.code == 2
    capsys.readouterr()


def test_an_unknown_key_cannot_be_revoked(capsys):
    assert main(["key", "revoke", "abc"]) == 1
    assert "marsad key list" in capsys.readouterr().err
