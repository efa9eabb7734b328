"""Every mistake in the data has its message, with file, line, fact and key, and all of them come in one run."""

from pathlib import Path

import pytest

from service.errors import SourceErrors
from tests.graph.sample_data import HASH, compiled, errors_of, write_data

FACTS, ENTITIES, SOURCES, EDITORIAL = "d900", "entities", "sources", "editorial"


def case(stem: str, old: str, new: str, *errors: str) -> object:
    """Replace `old` by `new` in a file of the sample and expect these errors (their beginnings)."""
    return pytest.param(stem, old, new, errors, id=errors[0].split(": ", 1)[1][:60])


NAMES = [
    case(
        FACTS,
        "place: hilltown",
        "place: hiltown",
        "facts/d900.yaml:7: bureau.place: unknown name 'hiltown': did you mean 'hilltown'?",
    ),
    case(
        FACTS, "by: gazette", "by: gazete", "facts/d900.yaml:15: head.by: unknown name 'gazete': did you mean 'gazette'"
    ),
    case(FACTS, "by: gazette", "by: hilltown", "facts/d900.yaml:15: head.by: 'hilltown' is a Place, must be Actor"),
    case(
        FACTS,
        "cites: gazette-2015",
        "cites: gazette",
        "facts/d900.yaml:9: bureau.cites: 'gazette' is an Organization, must be Work",
    ),
    case(
        FACTS,
        "occasion: opening-2013",
        "occasion: bureau",
        "facts/d900.yaml:18: head.occasion: 'bureau' is an Organization, must be Event",
    ),
    case(
        FACTS,
        "aspect: security",
        "aspect: bureau",
        "facts/d900.yaml:31: praise.aspect: 'bureau' is an Organization, must be Topic",
    ),
    case(
        FACTS,
        "indicator: cells-dismantled",
        "indicator: security",
        "facts/d900.yaml:24: cells.indicator: 'security' is a Topic, must be Indicator",
    ),
    case(
        ENTITIES,
        "entities:\n",
        "entities:\n  old: {mergedInto: bureau}\n  older: {mergedInto: old}\n",
        "entities.yaml:3: older.mergedInto: 'old' was merged itself: write 'bureau'",
    ),
    case(
        ENTITIES,
        "entities:\n",
        "entities:\n  old: {mergedInto: bureu}\n",
        "entities.yaml:2: old.mergedInto: unknown name 'bureu': did you mean 'bureau'?",
    ),
    case(
        ENTITIES,
        "entities:\n",
        "entities:\n  old: {mergedInto: bureau, label: {en: x}}\n",
        "entities.yaml:2: old.label: a merged name says `mergedInto:` and nothing else",
    ),
    case(
        SOURCES,
        "gazette-2015:",
        "gazette:",
        "facts/d900.yaml:9: bureau.cites: unknown name 'gazette-2015': did you mean 'gazette'?",
        "sources.yaml:10: gazette: the name is taken already, by entities.yaml:",
    ),
    case(
        ENTITIES,
        "entities:\n",
        "entities:\n  d900: {type: Person, label: {en: x}}\n",
        "entities.yaml:2: d900: the name is taken already, by sources.yaml:2",
    ),
    case(
        ENTITIES,
        "entities:\n",
        "entities:\n  old: {mergedInto: older}\n  older: {mergedInto: old}\n",
        "entities.yaml:2: old.mergedInto: 'old' is merged into itself",
        "entities.yaml:3: older.mergedInto: 'older' is merged into itself",
    ),
    case(
        SOURCES,
        "works:\n",
        "works:\n  old: {mergedInto: gazete-2015}\n",
        "sources.yaml:10: old.mergedInto: unknown name 'gazete-2015': did you mean 'gazette-2015'?",
    ),
    case(
        ENTITIES,
        "  ada:",
        "  terrorism:",
        "entities.yaml:10: terrorism: the name is taken already, by the vocabulary",
        "facts/d900.yaml:12: head.subject: unknown name 'ada'",
        "sources.yaml:4: d900.author: unknown name 'ada'",
    ),
]
CLASSES = [
    case(
        FACTS,
        "place: hilltown\n",
        "place: hilltown\n    heldPost: post-head-of-the-bureau\n",
        "facts/d900.yaml:8: bureau.heldPost: is said of Person; 'bureau' is an Organization",
    ),
    case(
        FACTS,
        "heldPost: post-head-of-the-bureau",
        "heldPost: bureau",
        "facts/d900.yaml:13: head.heldPost: 'bureau' is an Organization, must be Post",
    ),
    case(
        ENTITIES,
        "type: Person",
        "type: Persn",
        "entities.yaml:11: ada.type: unknown type 'Persn': did you mean 'Person'?",
    ),
    case(
        ENTITIES,
        "type: Person",
        "type: Topic",
        "entities.yaml:11: ada.type: topics and indicators stand in the vocabulary",
    ),
    case(
        ENTITIES,
        "type: Person",
        "type: Robot",
        "entities.yaml:11: ada.type: unknown type 'Robot': must be Actor, Agreement, Country,",
    ),
    case(ENTITIES, "type: Person", "type: Document", "entities.yaml:11: ada.type: documents stand in sources.yaml"),
    case(ENTITIES, "    type: Person\n", "", "entities.yaml:10: ada: says no `type:`"),
    case(ENTITIES, "label: {en: Ada}", "kind: city", "entities.yaml:10: ada: says no `label:`"),
    case(ENTITIES, "kind: city", "kind: ada", "entities.yaml:7: hilltown.kind: 'ada' is a Person, must be Topic"),
    case(
        ENTITIES,
        "  ada:",
        "  Ada:",
        "entities.yaml:10: Ada: 'Ada' is no name of the form kebab-case",
        "facts/d900.yaml:12: head.subject: unknown name 'ada'",
        "sources.yaml:4: d900.author: unknown name 'ada'",
    ),
]
KEYS = [
    case(
        FACTS,
        "place: hilltown",
        "plase: hilltown",
        "facts/d900.yaml:7: bureau: unknown key 'plase': did you mean 'place'?",
    ),
    case(
        FACTS,
        "value: 168",
        "vallue: 168",
        "facts/d900.yaml:22: cells: says no `value:`",
        "facts/d900.yaml:26: cells: unknown key 'vallue': did you mean 'value' or 'valueIs'?",
    ),
    case(
        FACTS,
        "    place: hilltown",
        "    value: 3",
        "facts/d900.yaml:7: bureau: `value:` goes with `indicator:`, which is missing",
    ),
    case(
        FACTS,
        "    value: 168",
        "    value: 168\n    place: hilltown",
        "facts/d900.yaml:27: cells: `place:` does not go with `indicator:`: write a fact of its own",
    ),
    case(FACTS, "    for: freedonia\n", "", "facts/d900.yaml:22: cells: says no `for:`"),
    case(FACTS, "    subject: ada\n", "", "facts/d900.yaml:10: head: says no `subject:`"),
    case(FACTS, "    heldPost: post-head-of-the-bureau\n", "", "facts/d900.yaml:10: head: says nothing"),
    case(FACTS, "    polarity: positive\n", "", "facts/d900.yaml:28: praise: says no `polarity:`"),
    case(FACTS, "    aspect: security\n", "", "facts/d900.yaml:28: praise: says no `aspect:`"),
    case(
        FACTS,
        "    gloss: {en: The seat is well chosen., fr: Le siège est bien choisi.}\n",
        "",
        "facts/d900.yaml:28: praise: says no `gloss:`",
    ),
    case(
        FACTS,
        "  bureau:\n    at",
        "  Bureau:\n    at",
        "facts/d900.yaml:3: Bureau: a fact's id is kebab-case",
        "facts/d900.yaml:30: praise.assessmentOf: unknown statement 'bureau.place.hilltown' of this document",
        "editorial.yaml:2: d900.bureau.founded.e2013-03-23: unknown claim",
    ),
    case(
        ENTITIES,
        "sameAs: wd:Q1",
        "sameas: wd:Q1",
        "entities.yaml:9: hilltown: unknown key 'sameas': did you mean 'sameAs'?",
    ),
    case(
        EDITORIAL,
        "rank: preferred, reason",
        "rank: preferred, cause",
        "editorial.yaml:2: d900.bureau.founded.e2013-03-23: unknown key 'cause'",
        "editorial.yaml:2: d900.bureau.founded.e2013-03-23.reason: says no `reason:`",
    ),
]
VALUES = [
    case(
        FACTS,
        "founded: 2013-03-23",
        "founded: 2013-02-30",
        "facts/d900.yaml:6: bureau.founded: '2013-02-30': there is no day 30",
    ),
    case(
        FACTS, "time: 2015-05~/..", "time: May 2015", "facts/d900.yaml:14: head.time: 'May 2015' contains white space"
    ),
    case(
        FACTS,
        "modality: alleged",
        "modality: allegedly",
        "facts/d900.yaml:16: head.modality: 'allegedly' is none of alleged, asserted, denied, planned, possible,",
    ),
    case(FACTS, "polarity: positive", "polarity: good", "facts/d900.yaml:32: praise.polarity: 'good' is none of mixed"),
    case(FACTS, "value: 168", "value: 1,680", "facts/d900.yaml:26: cells.value: '1,680' is no number"),
    case(FACTS, "value: 168", "value: 1e3", "facts/d900.yaml:26: cells.value: '1e3' is no number"),
    case(FACTS, "value: 168", "value: 2.50", "facts/d900.yaml:26: cells.value: '2.50' ends in zeros, which the graph"),
    case(
        FACTS, "value: 168", "value: 2.0", "facts/d900.yaml:26: cells.value: '2.0' ends in zeros, which the graph does"
    ),
    case(FACTS, "value: 168", "value: [1, 2]", "facts/d900.yaml:26: cells.value: takes one value"),
    case(FACTS, "value: 168", "value: 168\n    valueIs: circa", "facts/d900.yaml:27: cells.valueIs: 'circa' is none"),
    case(FACTS, "BH@en", "BH", "facts/d900.yaml:8: bureau.name: 'BH' needs a language at its end, as in BH@en"),
    case(
        FACTS,
        "BH@en",
        "BH@EN,",
        "facts/d900.yaml:8: bureau.name: 'BH@EN' needs a language at its end, as in BH@en; 'EN' is no language tag",
    ),
    case(
        FACTS,
        "[Bureau of Hilltown@en, BH@en]",
        "[BH@en, BH@en]",
        "facts/d900.yaml:8: bureau.name: 'BH@en' is listed twice",
    ),
    case(
        FACTS,
        "[Bureau of Hilltown@en, BH@en]",
        '[BH@en, "BH @en"]',
        "facts/d900.yaml:8: bureau: says d900.bureau.name.",
    ),
    case(
        FACTS,
        "asWritten: for some years",
        f"asWritten: {'x' * 81}",
        "facts/d900.yaml:19: head.asWritten: 81 characters",
    ),
    case(
        FACTS, "fr: Ada le dirige.", f"fr: {'x' * 161}", "facts/d900.yaml:20: head.gloss: 161 characters in fr, at most"
    ),
    case(FACTS, ", fr: Ada le dirige.", "", "facts/d900.yaml:20: head.gloss: has no text in fr"),
    case(
        FACTS,
        "gloss: {en: Ada heads it., fr: Ada le dirige.}",
        "gloss: Ada heads it.",
        "facts/d900.yaml:20: head.gloss: takes a text for each language",
    ),
    case(
        FACTS,
        "assessmentOf: bureau.place.hilltown",
        "assessmentOf: bureau.place.hiltown",
        "facts/d900.yaml:30: praise.assessmentOf: unknown statement 'bureau.place.hiltown' of this document: did you mean"
        " 'bureau.place.hilltown'?",
    ),
    case(ENTITIES, "sameAs: wd:Q1", "sameAs: Q1", "entities.yaml:9: hilltown.sameAs: 'Q1' is no IRI"),
    case(ENTITIES, "sameAs: wd:Q1", "sameAs: wd:Hill", "entities.yaml:9: hilltown.sameAs: 'wd:Hill' is no IRI (https:"),
    case(
        ENTITIES,
        "sameAs: wd:Q1",
        'sameAs: "https://["',
        "entities.yaml:9: hilltown.sameAs: 'https://[' is no IRI (http",
    ),
    case(
        ENTITIES,
        "{en: Ada}",
        r'{en: "A\u0007da"}',
        "entities.yaml:12: ada.label.en: holds the control character U+0007",
    ),
    case(ENTITIES, "label: {en: Ada}", "label: {fr: Ada}", "entities.yaml:12: ada.label: has no text in en"),
    case(ENTITIES, "label: {en: Ada}", "label: {}", "entities.yaml:12: ada.label: has no text"),
    case(
        SOURCES,
        "language: en",
        "language: English (UK)",
        "sources.yaml:5: d900.language: 'English (UK)' is no language tag, as en",
    ),
    case(
        ENTITIES, "sameAs: wd:Q1", "contested: yes", "entities.yaml:9: hilltown.contested: takes true, or is left out"
    ),
    case(ENTITIES, "{en: Ada}", "{english: Ada}", "entities.yaml:12: ada.label: 'english' is no language tag"),
    case(ENTITIES, "{en: Ada}", "Ada", "entities.yaml:12: ada.label: takes a text for each language"),
    case(
        SOURCES, "textLength: 1000", "textLength: 0", "sources.yaml:8: d900.textLength: '0' is no number of code points"
    ),
    case(SOURCES, "textHash: sha-256:", "textHash: sha256:", "sources.yaml:7: d900.textHash: 'sha256:"),
    case(
        SOURCES,
        "    author: ada\n",
        "",
        "facts/d900.yaml:3: bureau: says not who asserts it (`by:`)",
        "facts/d900.yaml:22: cells: says not who",
        "facts/d900.yaml:28: praise: says not who",
    ),
    case(
        FACTS, "The paper names no year.", "x" * 161, "facts/d900.yaml:21: head.note: 161 characters in en, at most 160"
    ),
    case(EDITORIAL, "Counted twice.", "x" * 161, "editorial.yaml:4: d900.cells: 161 characters in en, at most 160"),
    case(
        ENTITIES, "{en: Ada}", f"{{en: {'x' * 161}}}", "entities.yaml:12: ada.label: 161 characters in en, at most 160"
    ),
    case(
        EDITORIAL, "rank: preferred", "rank: best", "editorial.yaml:2: d900.bureau.founded.e2013-03-23.rank: 'best' is"
    ),
    case(
        EDITORIAL, "d900.cells:", "d900.cell:", "editorial.yaml:4: d900.cell: unknown claim: did you mean 'd900.cells'"
    ),
]
PASSAGES = [
    case(FACTS, f"    at: 400-430 {HASH}\n", "", "facts/d900.yaml:22: cells: says no passage"),
    case(
        FACTS,
        "400-430",
        "400:430",
        "facts/d900.yaml:23: cells.at: '400:430 0123456789abcdef0123456789abcdef' is no loc",
    ),
    case(
        FACTS,
        "400-430",
        "400-419",
        "facts/d900.yaml:23: cells.at: the passage 400-419 has 19 characters, not 20 to 600",
    ),
    case(FACTS, "400-430", "300-901", "facts/d900.yaml:23: cells.at: the passage 300-901 has 601 characters, not 20"),
    case(
        FACTS, "400-430", "980-1010", "facts/d900.yaml:23: cells.at: the passage 980-1010 ends behind the text, which"
    ),
    case(
        FACTS,
        f"400-430 {HASH}",
        f"300-330 {'f' * 32}",
        "facts/d900.yaml:23: cells.at: the passage 300-330 has another hash than in the fact 'head'",
    ),
    case(
        FACTS,
        "document: d900",
        "document: d901",
        "editorial.yaml:2: d900.bureau",
        "editorial.yaml:4: d900.cells: unknown claim",
        "facts/d900.yaml:1: document: facts/d900.yaml is named for another document; facts of d901 stand in facts/d901",
    ),
    case(
        FACTS,
        "document: d900",
        "document: d9",
        "editorial.yaml:2: d900.bureau",
        "editorial.yaml:4: d900.cells: unknown claim",
        "facts/d900.yaml:1: document: 'd9' is no",
    ),
    case(
        FACTS,
        "document: d900",
        "document: d90",
        "editorial.yaml:2: d900.bureau",
        "editorial.yaml:4: d900.cells: unknown claim",
        "facts/d900.yaml:1: document: 'd90' is no document",
    ),
]
# What is wrong with the YAML itself says in which fact, at which key.
YAML = [
    case(
        FACTS,
        "place: hilltown",
        "place: hilltown\n    place: freedonia",
        "facts/d900.yaml:8: bureau.place: duplicate key (first on line 7)",
    ),
    case(FACTS, "  head:\n", "  bureau:\n", "facts/d900.yaml:10: bureau: duplicate key (first on line 3)"),
    case(
        ENTITIES, "{en: Ada}", "{en: Ada, en: Eda}", "entities.yaml:12: ada.label.en: duplicate key (first on line 12)"
    ),
    case(
        FACTS, "place: hilltown", "place: &town hilltown", "facts/d900.yaml:7: bureau.place: anchor &town: write each"
    ),
    case(
        FACTS, "place: hilltown", "place: !slug hilltown", "facts/d900.yaml:7: bureau.place: tag !slug: every value is"
    ),
]


@pytest.mark.parametrize(("stem", "old", "new", "errors"), NAMES + CLASSES + KEYS + VALUES + PASSAGES + YAML)
def test_a_mistake_has_its_message(tmp_path: Path, stem: str, old: str, new: str, errors: tuple[str, ...]) -> None:
    found = errors_of(write_data(tmp_path, **{stem: (old, new)}))
    assert len(found) == len(errors), "\n".join(found)
    for actual, expected in zip(sorted(found), sorted(errors), strict=True):
        assert actual.startswith(expected)


def test_a_merged_name_is_no_longer_written(tmp_path: Path) -> None:
    data = write_data(
        tmp_path,
        entities=("entities:\n", "entities:\n  office: {mergedInto: bureau}\n"),
        d900=("subject: bureau", "subject: office"),
    )
    assert errors_of(data)[0] == "facts/d900.yaml:5: bureau.subject: 'office' was merged: write 'bureau'"


def test_a_kind_that_a_document_claims_is_not_the_editors_to_state(tmp_path: Path) -> None:
    claimed = "name: [Bureau of Hilltown@en, BH@en]"
    data = write_data(
        tmp_path,
        entities=(
            "type: Organization\n    label: {en: Bureau",
            "type: Organization\n    kind: ministry\n    label: {en: Bureau",
        ),
        d900=(claimed, f"{claimed}\n    kind: ministry"),
    )
    assert errors_of(data) == [
        "entities.yaml:4: bureau.kind: d900.bureau.kind.ministry says it with evidence: remove it here, "
        "or the triple stands in two graphs"
    ]


def test_a_name_that_a_document_uses_is_not_the_editors_to_state(tmp_path: Path) -> None:
    data = write_data(tmp_path, entities=("label: {en: Bureau, fr: Bureau}", "label: {en: Bureau}\n    alt: BH@en"))
    assert [error.split(" says")[0] for error in errors_of(data)] == [
        "entities.yaml:5: bureau.alt: d900.bureau.name.cacdfb8d"
    ]


def test_all_mistakes_of_all_files_come_in_one_run_sorted_by_file_and_line(tmp_path: Path) -> None:
    data = write_data(
        tmp_path,
        entities=("type: Person", "type: Persn"),
        d900=("founded: 2013-03-23\n    place: hilltown", "founded: 2013-13\n    plase: hilltown"),
        sources=("textLength: 1000", "textLength: many"),
    )
    assert [error.split(": ")[0] for error in errors_of(data)] == [
        "entities.yaml:11",
        "facts/d900.yaml:6",
        "facts/d900.yaml:7",
        "sources.yaml:8",
    ]
    with pytest.raises(SourceErrors, match="4 errors in the data"):
        compiled(data)


def test_a_file_that_cannot_be_read_hides_no_other_fault_behind_unknown_names(tmp_path: Path) -> None:
    data = write_data(tmp_path, entities=("type: Person", "type: [Person"), sources=("works:", "wroks:"))
    assert [error.split(": ")[0] for error in errors_of(data)] == ["entities.yaml:12", "sources.yaml:9"]


def test_a_quote_left_open_names_the_line_on_which_it_begins(tmp_path: Path) -> None:
    data = write_data(tmp_path, d900=("place: hilltown", "place: 'hilltown"))
    assert errors_of(data) == [
        "facts/d900.yaml:34: is not YAML: found unexpected end of stream"
        " (while scanning a quoted scalar that begins on line 7)"
    ]


def test_an_entry_that_is_no_mapping_hides_no_other_fault_behind_unknown_names(tmp_path: Path) -> None:
    data = write_data(
        tmp_path, entities=("  gazette:\n    type: Organization\n    label: {en: Gazette}", "  gazette: Paper")
    )
    assert errors_of(data) == ["entities.yaml:22: gazette: a mapping (`key: value`) is expected below"]


def test_a_file_that_nothing_reads_is_named(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    for name in ("facts/d901.yml", "entity.yaml", "facts/old/d900.yaml", "facts/notes.txt"):
        path = data / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("document: d900\n", encoding="utf-8")
    assert errors_of(data) == [
        f"{name}:1: is not read: the data is in entities*.yaml, sources.yaml, editorial.yaml, facts/*.yaml and coverage/*.yaml"
        for name in ("entity.yaml", "facts/d901.yml", "facts/old/d900.yaml")
    ]


def test_a_file_that_the_system_cannot_read_is_named(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    (data / "facts" / "d902.yaml").mkdir()
    (data / "facts" / "d903.yaml").symlink_to("nowhere.yaml")
    assert errors_of(data) == [
        "facts/d902.yaml:1: cannot be read: Is a directory",
        "facts/d903.yaml:1: cannot be read: No such file or directory",
    ]


def test_data_without_entities_says_so_once(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    (data / "entities.yaml").unlink()
    assert errors_of(data) == ["entities.yaml:1: there is no such file: who and what the facts are about stands in it"]


def test_a_document_without_a_record_is_unknown(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    (data / "facts" / "d901.yaml").write_text("document: d901\nfacts: {}\n", encoding="utf-8")
    assert errors_of(data) == ["facts/d901.yaml:1: document: unknown document 'd901': it is not in sources.yaml"]


def test_a_long_passage_is_a_warning_and_no_error(tmp_path: Path) -> None:
    graph = compiled(write_data(tmp_path, d900=("400-430", "400-801")))
    assert [str(warning) for warning in graph.warnings] == [
        "facts/d900.yaml:23: cells.at: the passage 400-801 has 401 characters, over 400: name the words"
    ]
