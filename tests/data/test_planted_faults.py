"""A fault planted in a copy of the project's facts gives its one clear error, and no graph."""

from pathlib import Path

import pytest

from service.errors import SourceErrors
from service.graph.compile import compile_sources
from service.rdf.iris import DEFAULT_BASE
from tests.data.conftest import ONTOLOGY

AT = f"at: 0-30 {'0' * 32}"
GLOSS = "gloss: {en: x, fr: x}"


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        pytest.param([AT, "subject: morroco", "partOf: africa"], "unknown name 'morroco': did you mean 'morocco'", id="name"),
        pytest.param([AT, "subject: morocco", "memberof: interpol"], "unknown key 'memberof': did you mean 'memberOf'", id="key"),
        pytest.param([AT, "subject: nasser-bourita", "heldPost: interpol"], "'interpol' is an Organization, must be Post", id="range"),
        pytest.param([AT, "subject: rabat", "memberOf: interpol"], "is said of Actor; 'rabat' is a Place", id="domain"),
        pytest.param([AT, "subject: interpol", "founded: 1923-13"], "'1923-13'", id="edtf"),
        pytest.param([AT, "subject: morocco", "name: Maroc"], "'Maroc' needs a language", id="language"),
        pytest.param(["subject: morocco", "memberOf: interpol"], "says no passage", id="passage"),
        pytest.param(["at: 0-30", "subject: morocco", "memberOf: interpol"], "'0-30' is no locator", id="locator"),
        pytest.param([AT.replace("30", "10"), "subject: morocco", "memberOf: interpol"], "has 10 characters", id="short"),
        pytest.param([AT.replace("30", "900"), "subject: morocco", "memberOf: interpol"], "has 900 characters", id="long"),
        pytest.param([AT, "subject: morocco", "memberOf: interpol", "modality: sure"], "'sure' is none of", id="modality"),
        pytest.param([AT, "subject: morocco", "memberOf: interpol", "by: rabat"], "'rabat' is a Place", id="asserter"),
        pytest.param([AT, "subject: morocco", "memberOf: interpol", "cites: nato"], "'nato' is an Organization", id="work"),
        pytest.param([AT, "subject: morocco"], "says nothing", id="nothing said"),
        pytest.param([AT, "memberOf: interpol"], "says no `subject:`", id="no subject"),
        pytest.param([AT, "indicator: terrorism", "for: morocco", "value: 3"], "must be Indicator", id="indicator"),
        pytest.param([AT, "indicator: cells-dismantled", "for: morocco", "value: three"], "is no number", id="number"),
        pytest.param([AT, "indicator: cells-dismantled", "for: morocco"], "says no `value:`", id="no value"),
        pytest.param([AT, "assessmentOf: morocco", "aspect: security", "polarity: good", GLOSS], "'good' is none", id="polarity"),
        pytest.param([AT, "assessmentOf: morocco", "aspect: security", "polarity: mixed"], "says no `gloss:`", id="no gloss"),
        pytest.param([AT, "assessmentOf: x.place.rabat", "aspect: security", "polarity: mixed", GLOSS], "unknown statement", id="statement"),
        pytest.param([AT, "subject: morocco", "subject: algeria", "memberOf: nato"], "duplicate key", id="duplicate key"),
        pytest.param([AT, "subject: &m morocco", "memberOf: nato"], "anchor &m", id="anchor"),
    ],
)  # fmt: skip
def test_a_planted_fault_gives_its_one_error(data_copy: Path, fact: list[str], error: str) -> None:
    path = data_copy / "facts" / "d000.yaml"
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    lines += ["  planted:", *(f"    {line}" for line in fact)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SourceErrors) as raised:
        compile_sources(ONTOLOGY, data_copy, base=DEFAULT_BASE)
    (found,) = raised.value.errors
    assert (found.file, found.fact) in {("facts/d000.yaml", "planted"), ("facts/d000.yaml", "")}
    assert len(lines) - len(fact) <= found.line <= len(lines)
    assert error in found.message
