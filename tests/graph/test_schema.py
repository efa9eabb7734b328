from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from service.graph.ontology import read_ontology
from service.graph.schema import data_schema
from service.rdf.iris import DEFAULT_BASE
from tests.conftest import ROOT
from tests.graph.sample_data import FILES, HASH, ONTOLOGY

DATA_FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "data").rglob("*.yaml"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return data_schema(read_ontology(ONTOLOGY, base=DEFAULT_BASE))


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("file", [*sorted(FILES), *DATA_FILES])
def test_the_data_files_fit_the_schema_read_as_text_or_with_types(validator: Draft202012Validator, file: str) -> None:
    content = FILES.get(file) or Path(ROOT / file).read_text(encoding="utf-8")
    for loader in (yaml.CBaseLoader, _WithTypes):
        errors = validator.iter_errors(yaml.load(content, Loader=loader))
        assert [error.message[:300] for error in errors] == []


class _WithTypes(yaml.SafeLoader):
    """What an editor's YAML reader makes of scalars: numbers and booleans, but no dates."""


_WithTypes.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: str(node.value))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("facts/d900.yaml", "place:", "plase:"),
        ("facts/d900.yaml", "    subject: bureau\n", ""),
        ("facts/d900.yaml", "modality: alleged", "modality: allegedly"),
        ("facts/d900.yaml", f"at: 100-130 {HASH}", "at: 100-130"),
        ("facts/d900.yaml", "indicator: cells-dismantled", "indicator: security"),
        ("facts/d900.yaml", "aspect: security", "aspect: securty"),
        ("facts/d900.yaml", "    value: 168\n", ""),
        ("facts/d900.yaml", "asWritten: for some years", f"asWritten: {'x' * 81}"),
        ("facts/d900.yaml", "BH@en", "BH"),
        ("entities.yaml", "type: Person", "type: Human"),
        ("entities.yaml", "sameAs:", "sameas:"),
        ("sources.yaml", "textHash: sha-256:", "textHash: md5:"),
        ("editorial.yaml", "rank: preferred", "rank: best"),
    ],
)
def test_a_mistake_does_not_fit_the_schema(validator: Draft202012Validator, file: str, old: str, new: str) -> None:
    assert old in FILES[file]
    assert not validator.is_valid(yaml.load(FILES[file].replace(old, new), Loader=yaml.CBaseLoader))


def test_every_claimable_property_is_a_key_with_its_rule(schema: dict[str, Any]) -> None:
    keys = schema["$defs"]["statement"]["properties"]
    assert keys["heldPost"]["description"].endswith("Person → Post")
    assert keys["founded"]["description"].endswith("Measure, Organization → EDTF")
    assert keys["name"]["description"].endswith("Entity, Topic → text@language")
