from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import NotFound, StalePassage, TextsMissing
from service.graph.evidence import Locator, Texts, locate, locator_of, verify
from service.graph.sources import read_sources
from service.graph.yaml_text import Faults

TEXT = "Tom’s  office\r\nopened in Salé on 3 May. Tom's office closed in 2019.\n"


def folder(tmp_path: Path, text: str = TEXT) -> Path:
    (tmp_path / "001_abc.txt").write_bytes(text.encode())
    return tmp_path


def test_a_phrase_is_found_whatever_its_white_space_and_apostrophes() -> None:
    first, second = locate(TEXT, "Tom's office")
    assert (first.start, first.end) == (0, 13)
    assert (second.start, second.end) == (40, 52)
    assert first.hash == sha256("Tom’s  office".encode()).hexdigest()[:32]
    assert [str(found) for found in locate(TEXT, "office opened")] == [str(locator_of(TEXT, 7, 21))]


def test_a_phrase_is_found_literally_whatever_its_signs() -> None:
    assert [found.start for found in locate("a.b\0c aab\0c", "a.b\0c")] == [0]


@pytest.mark.parametrize("phrase", ["", "   ", "closed in 2020", "tom's office"])
def test_a_phrase_that_is_not_there_is_not_found(phrase: str) -> None:
    assert locate(TEXT, phrase) == []


@given(st.text(min_size=1), st.data())
def test_every_stretch_of_a_text_is_found_again_by_its_locator(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    located = locator_of(text, start, end)
    assert Locator.parse(str(located)) == located
    if text[start:end].split():
        assert any(found.start >= start and found.end <= end for found in locate(text, text[start:end]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1-2",
        "1-2 " + "0" * 31,
        "1-2 " + "G" * 32,
        "01-2 " + "0" * 32,
        "2-2 " + "0" * 32,
        "3-2 " + "0" * 32,
        "-1-2 " + "0" * 32,
        "1-2  " + "0" * 32,
        "1-٢ " + "0" * 32,
        "1-2 " + "0" * 32 + "\n",
    ],
)
def test_anything_else_than_a_locator_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"locator|ends behind"):
        Locator.parse(text)


def test_offsets_count_code_points_with_newlines_untouched(tmp_path: Path) -> None:
    read = Texts(folder(tmp_path, "é\r\n𝔄bc"))
    assert read.text("d001") == read.text("001") == "é\r\n𝔄bc"
    assert read.passage("d001", locator_of("é\r\n𝔄bc", 3, 5)) == "𝔄b"


def test_a_passage_that_moved_is_stale(tmp_path: Path) -> None:
    read = Texts(folder(tmp_path))
    with pytest.raises(StalePassage, match="d001 1-14"):
        read.passage("d001", Locator(1, 14, locator_of(TEXT, 0, 13).hash))
    with pytest.raises(StalePassage):
        read.passage("d001", Locator(0, 5000, locator_of(TEXT, 0, len(TEXT)).hash))


def test_without_texts_the_error_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(TextsMissing, match="MARSAD_DOCUMENTS"):
        Texts(None)
    with pytest.raises(TextsMissing, match="no folder"):
        Texts(tmp_path / "absent")
    with pytest.raises(TextsMissing, match=r"no file 002_\*\.txt for document d002"):
        Texts(folder(tmp_path)).text("d002")
    with pytest.raises(NotFound, match="no document"):
        Texts(folder(tmp_path)).text("../001")


def test_verify_names_the_document_and_the_facts_that_no_longer_hold(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "facts").mkdir(parents=True)
    (data / "sources.yaml").write_text(
        f"documents:\n  d001:\n    textHash: sha-256:{sha256(TEXT.encode()).hexdigest()}\n    textLength: {len(TEXT)}\n"
    )
    good = locator_of(TEXT, 0, 40)
    (data / "facts" / "d001.yaml").write_text(
        f"document: d001\nfacts:\n  holds:\n    at: {good}\n  moved:\n    at: [{good}, 1-41 {good.hash}]\n"
    )
    sources = read_sources(data, Faults())
    texts = folder(tmp_path)
    assert [str(error) for error in verify(sources, Texts(texts))] == [
        "facts/d001.yaml:6: moved.at: d001 1-41: the text there is not the one that was located"
    ]
    folder(tmp_path, "x" + TEXT)
    changed = sha256(("x" + TEXT).encode()).hexdigest()
    faults = [str(error) for error in verify(sources, Texts(texts))]
    assert faults[-2].startswith(f"sources.yaml:3: d001.textHash: the text has sha-256:{changed}, not sha-256:")
    assert faults[-1] == f"sources.yaml:4: d001.textLength: the text has {len(TEXT) + 1}, not {len(TEXT)}"
