import argparse
import json
from hashlib import sha256
from pathlib import Path

import pytest

from service.cli import facts
from service.errors import NotFound, SourceErrors, TextsMissing
from service.graph.evidence import locate
from service.settings import Settings
from tests.graph.sample_data import ONTOLOGY

TEXT = (
    "THE BUREAU\n\nThe bureau of Hilltown was opened on 23 March 2013. It has its seat in Hilltown, in the old mill.\n"
    "Police took apart 168 cells between 2001 and 2017, says the Gazette.\nRead more.\n"
)
OPENED, SEAT, CELLS = (
    str(locate(TEXT, phrase)[0])
    for phrase in (
        "The bureau of Hilltown was opened on 23 March 2013.",
        "It has its seat in Hilltown, in the old mill.",
        "Police took apart 168 cells between 2001 and 2017, says the Gazette.",
    )
)
HEADING, MORE = (str(locate(TEXT, phrase)[0]) for phrase in ("THE BUREAU", "Read more"))

FILES = {
    "entities.yaml": """\
entities:
  bureau: {type: Organization, label: {en: Bureau, fr: Bureau, ar: المكتب}}
  hilltown: {type: Place, label: {en: Hilltown, fr: Hilltown, ar: البلدة}}
  ada: {type: Person, label: {en: Ada, fr: Ada, ar: آدا}}
""",
    "sources.yaml": f"""\
documents:
  d900:
    label: {{en: Document 900, fr: Document 900, ar: الوثيقة 900}}
    author: ada
    language: en
    textHash: sha-256:{sha256(TEXT.encode()).hexdigest()}
    textLength: {len(TEXT)}
works: {{}}
""",
    "facts/d900.yaml": f"""\
document: d900
facts:
  opened:
    at: [{OPENED}, {SEAT}]
    subject: bureau
    founded: 2013-03-23
    place: hilltown
  cells:
    at: {CELLS}
    indicator: cells-dismantled
    for: hilltown
    value: 168
    time: 2001/2017
""",
    "coverage/d900.yaml": f"""\
document: d900
skips:
  - {{at: {HEADING}, reason: heading}}
  - {{at: {MORE}, reason: navigation}}
""",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a data folder with the text of its one document beside it."""
    for name, content in FILES.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "900_x.txt").write_text(TEXT, encoding="utf-8")
    return Settings(data=tmp_path / "data", ontology=ONTOLOGY, documents=tmp_path / "texts")


def run(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    facts.register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(words)
    code: int = arguments.run(arguments, settings)
    return code


def change(settings: Settings, file: str, old: str, new: str) -> None:
    assert settings.data is not None
    path = settings.data / file
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")


def test_locate_prints_the_locator_of_a_phrase(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "locate", "900", "It has its  seat in Hilltown, in the old mill.") == 0
    assert capsys.readouterr().out.startswith(f"{SEAT}   # 45 characters: It has its seat")


def test_locate_goes_from_the_first_words_to_the_last(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "locate", "d900", "Police took", "--to", "the Gazette.") == 0
    assert capsys.readouterr().out.startswith(CELLS)


def test_locate_says_what_it_did_not_find(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "locate", "d900", "the new mill") == 1
    assert capsys.readouterr().err == "not found in d900: the new mill\n"


@pytest.mark.parametrize(
    "name", ["d900.cells", "claim:d900.cells", "https://marsad.example/claim/d900.cells"], ids=["id", "prefix", "iri"]
)
def test_resolve_prints_the_passage_of_a_claim(
    settings: Settings, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(settings, "resolve", name) == 0
    assert capsys.readouterr().out == (
        "d900.cells  (Observation, data/facts/d900.yaml:8)\n"
        f"  d900 {CELLS.split()[0]}\n"
        "    Police took apart 168 cells between 2001 and 2017, says the Gazette.\n"
    )


def test_resolve_of_a_fact_prints_all_its_claims(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "resolve", "d900.opened") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "d900.opened.founded.e2013-03-23",
        "d900.opened.place.hilltown",
    ]
    assert sum("old mill" in line for line in lines) == 2


def test_resolve_of_an_unknown_claim_names_near_ones(settings: Settings) -> None:
    with pytest.raises(NotFound, match=r"did you mean 'd900\.cells'"):
        run(settings, "resolve", "d900.cell")


def test_verify_holds_the_locators_against_the_texts(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "verify") == 0
    assert capsys.readouterr().out == "1 documents, 2 facts, 2 skips: 0 faults\n"
    change(settings, "facts/d900.yaml", CELLS, CELLS.replace(CELLS[-4:], "0000"))
    assert run(settings, "verify") == 1
    assert "data/facts/d900.yaml:9: cells.at: d900 " in capsys.readouterr().out


def test_coverage_accounts_for_every_letter(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "coverage") == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[:2] == ["d900", str(len(TEXT))]
    assert "0.0 %  heading 5.5 %, navigation 4.9 %" in line
    change(settings, "coverage/d900.yaml", f"  - {{at: {MORE}, reason: navigation}}\n", "")
    assert run(settings, "coverage", "--gaps") == 1
    assert capsys.readouterr().out.splitlines()[2].endswith("# Read more.")


def test_check_says_what_it_did_with_counts_and_seconds(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "check") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(("Info", "Warning"))] == [
        "compile",
        "validate",
        "review",
        "coverage",
    ]
    assert "1 document, 3 claims" in lines[0]
    assert " s  0 violations" in lines[1]


def test_check_fails_on_a_ledger_with_a_fault(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    change(settings, "coverage/d900.yaml", "reason: heading", "reason: headline")
    assert run(settings, "check") == 1
    assert "data/coverage/d900.yaml:3: reason: 'headline' is none of" in capsys.readouterr().out


def test_check_fails_on_a_violation_and_writes_the_report(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ontology = tmp_path / "ontology"
    ontology.mkdir()
    for path in ONTOLOGY.glob("*.*"):
        (ontology / path.name).write_bytes(path.read_bytes())
    with (ontology / "shapes.ttl").open("a", encoding="utf-8") as shapes:
        shapes.write(
            '\nshape:Nothing a sh:NodeShape ; sh:targetClass marsad:Observation ; sh:message "No numbers."@en ;\n'
            "  sh:property [ sh:path marsad:value ; sh:maxCount 0 ] .\n"
        )
    changed = Settings(data=settings.data, ontology=ontology, documents=settings.documents)
    report = tmp_path / "report.ttl"
    assert run(changed, "check", "--report", str(report)) == 1
    out = capsys.readouterr().out
    assert "Violation: claim:d900.cells marsad:value: " in out
    assert "(data/facts/d900.yaml:8)" in out
    assert "sh:focusNode claim:d900.cells ;" in report.read_text(encoding="utf-8")


def test_check_stops_at_facts_that_do_not_compile(settings: Settings) -> None:
    change(settings, "facts/d900.yaml", "place: hilltown", "place: hiltown")
    with pytest.raises(SourceErrors, match=r"facts/d900\.yaml:7: opened\.place: unknown name 'hiltown': did you mean"):
        run(settings, "check")


def test_schema_prints_json(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(settings, "schema") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Data files of Marsad"


def test_review_refuses_a_query_that_does_not_exist(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no review query 'nothing'"):
        run(settings, "review", "nothing")


@pytest.mark.parametrize("words", [["locate", "d900", "x"], ["resolve", "d900.cells"], ["verify"], ["coverage"]])
def test_without_the_texts_a_command_says_what_to_set(settings: Settings, words: list[str]) -> None:
    without = Settings(data=settings.data, ontology=settings.ontology)
    with pytest.raises(TextsMissing, match="set MARSAD_DOCUMENTS, or give --documents DIR"):
        run(without, *words)


@pytest.mark.parametrize("name", ["locate", "resolve", "verify", "coverage", "check", "schema", "review"])
def test_every_command_has_help_with_examples(
    settings: Settings, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit, match="0"):
        run(settings, name, "--help")
    assert f"examples:\n  marsad {name}" in capsys.readouterr().out
