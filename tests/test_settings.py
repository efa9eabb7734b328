"""Settings come from the environment, all faults at once, and the documentation names every one."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.settings import Settings, settings_table
from tests.conftest import ROOT


def test_an_empty_environment_gives_the_defaults():
    settings = Settings.from_environment({})
    assert (settings.host, settings.port, settings.deadline_s) == ("127.0.0.1", 8000, 30.0)
    assert settings.base == "https://marsad.example/"


def test_variables_override_defaults_and_empty_ones_do_not():
    settings = Settings.from_environment({"PORT": "0", "MARSAD_HOME": "/var/x", "MARSAD_DEADLINE": ""})
    assert (settings.port, settings.home, settings.deadline_s) == (0, Path("/var/x"), 30.0)


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({"PORT": "http", "MARSAD_DEFAULT_GRAPH": "both", "MARSAD_DEADLINE": "-1"})
    assert all(name in str(caught.value) for name in ("PORT", "MARSAD_DEFAULT_GRAPH", "MARSAD_DEADLINE"))


def test_every_setting_is_documented():
    documentation = (ROOT / "service/README.md").read_text(encoding="utf-8")
    for variable, default, about in settings_table():
        assert f"| `{variable}` | {f'`{default}`' if default else ''} | {about} |" in documentation
