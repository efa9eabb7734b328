"""Where the ontology and the data are: the setting first, then the wheel's bundle, then the checkout."""

from pathlib import Path

from service.errors import ConfigurationError
from service.settings import Settings

_PACKAGE = Path(__file__).resolve().parent
# Templates, static files and snippets of the pages.
EXPLORER = _PACKAGE / "explorer"


def ontology_dir(settings: Settings) -> Path:
    """The folder that holds `marsad.ttl`, `vocabulary.ttl`, `shapes.ttl` and `questions/`."""
    return _find(settings.ontology, "ontology", variable="MARSAD_ONTOLOGY", mark="marsad.ttl")


def data_dir(settings: Settings) -> Path:
    """The folder that holds `entities.yaml`, `sources.yaml` and `facts/`."""
    return _find(settings.data, "data", variable="MARSAD_DATA", mark="sources.yaml")


def _find(setting: Path | None, name: str, *, variable: str, mark: str) -> Path:
    candidates = [setting] if setting else [_PACKAGE / "_bundle" / name, _PACKAGE.parent / name]
    for candidate in candidates:
        if (candidate / mark).is_file():
            return candidate
    looked_in = ", ".join(str(candidate) for candidate in candidates)
    raise ConfigurationError(f"no {mark} in {looked_in}; set {variable} to the folder that holds it")
