from pathlib import Path

import pytest

from service.graph.coverage import check_ledgers, cover, stale_skips
from service.graph.evidence import Locator, Texts, locator_of
from service.graph.sources import read_ledgers, read_sources
from service.graph.yaml_text import Faults

TEXT = "HEADING\n\nThe office was opened in 2013. And it was closed. Read more.\n"
HASH = "0" * 32


def test_every_letter_of_a_text_is_covered_skipped_or_unaccounted_for() -> None:
    account = cover("d001", TEXT, [locator_of(TEXT, 9, 39)], [(locator_of(TEXT, 0, 7), "heading")])
    assert (account.length, account.covered, account.skipped) == (70, 30, {"heading": 7})
    assert [TEXT[start:end] for start, end in account.gaps] == [" And it was closed. Read more.\n"]
    assert account.unaccounted == 31
    assert account.share(account.unaccounted) == pytest.approx(100 * 31 / 68)


def test_white_space_and_punctuation_need_no_account() -> None:
    account = cover("d001", "a…  — b", [Locator(0, 1, HASH), Locator(6, 7, HASH)], [])
    assert account.gaps == ()
    assert account.share(account.unaccounted) == 0


def data_folder(tmp_path: Path, skips: str) -> Path:
    (tmp_path / "facts").mkdir()
    (tmp_path / "coverage").mkdir()
    (tmp_path / "sources.yaml").write_text("documents:\n  d001: {language: en}\n")
    (tmp_path / "facts" / "d001.yaml").write_text(f"document: d001\nfacts:\n  opened:\n    at: 9-39 {HASH}\n")
    (tmp_path / "coverage" / "d001.yaml").write_text(f"document: d001\nskips:\n{skips}")
    return tmp_path


def errors_of(data: Path) -> list[str]:
    faults = Faults()
    sources, ledgers = read_sources(data, faults), read_ledgers(data, faults)
    check_ledgers(sources, ledgers, faults)
    return [str(error) for error in sorted(faults.errors)]


@pytest.mark.parametrize(
    ("skip", "error"),
    [
        pytest.param(f"at: 0-7 {HASH}\n    reason: heading", "", id="a heading"),
        pytest.param(f"at: 40-900 {HASH}\n    reason: boilerplate", "", id="long boilerplate"),
        pytest.param(f"at: 40-60 {HASH}\n    reason: repetition\n    of: opened", "", id="a repetition"),
        pytest.param(
            f"at: 40-161 {HASH}\n    reason: connective",
            "3: 121 characters are too many to skip as connective (at most 120)",
            id="a long connective",
        ),
        pytest.param(f"at: 40-60 {HASH}", "3: reason: a skip says `reason:`", id="no reason"),
        pytest.param("reason: heading", "3: at: a skip says `at:`", id="no locator"),
        pytest.param(
            f"at: 60-40 {HASH}\n    reason: heading", "3: at: a passage ends behind its start", id="backwards"
        ),
        pytest.param(f"at: 0-7 {HASH}\n    reason: dull", "4: reason: 'dull' is none of boilerplate,", id="reason"),
        pytest.param(f"at: 0-7 {HASH}\n    reason: repetition", "3: of: a skip says `of:`", id="repetition of what"),
        pytest.param(
            f"at: 0-7 {HASH}\n    reason: repetition\n    of: opend",
            "5: of: unknown fact 'opend': did you mean 'opened'?",
            id="repetition of nothing",
        ),
        pytest.param(f"at: 0-7 {HASH}\n    reason: heading\n    off: x", "5: unknown key 'off': did you", id="key"),
        pytest.param(f"at: 0-10 {HASH}\n    reason: heading", "3: at: 0-10 overlaps the evidence 9-39", id="overlap"),
    ],
)
def test_a_skip_follows_the_rules_of_the_ledger(tmp_path: Path, skip: str, error: str) -> None:
    errors = errors_of(data_folder(tmp_path, f"  - {skip}\n"))
    assert len(errors) == bool(error)
    assert all(found.startswith(f"coverage/d001.yaml:{error}") for found in errors)


def test_one_stretch_is_skipped_once_even_in_two_ledgers_of_one_document(tmp_path: Path) -> None:
    skip = f"  - {{at: 0-7 {HASH}, reason: heading}}\n"
    data = data_folder(tmp_path, skip + skip)
    (data / "coverage" / "more.yaml").write_text(f"document: d001\nskips:\n{skip}")
    (data / "coverage" / "other.yaml").write_text("document: d002\n")
    assert errors_of(data) == [
        "coverage/d001.yaml:4: at: 0-7 overlaps the skip 0-7",
        "coverage/more.yaml:3: at: 0-7 overlaps the skip 0-7",
        "coverage/other.yaml:1: document: unknown document 'd002': did you mean 'd001'?",
    ]


def test_a_skip_whose_text_changed_is_named(tmp_path: Path) -> None:
    good = locator_of(TEXT, 0, 7)
    data = data_folder(tmp_path, f"  - {{at: {good}, reason: heading}}\n  - {{at: 60-69 {HASH}, reason: navigation}}\n")
    (tmp_path / "001_x.txt").write_text(TEXT)
    stale = stale_skips(read_ledgers(data, Faults()), Texts(tmp_path))
    assert [str(error) for error in stale] == [
        "coverage/d001.yaml:4: at: d001 60-69: the text there is not the one that was located"
    ]
