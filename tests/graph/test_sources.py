from pathlib import Path

import pytest

from service.graph.sources import near, read_ledgers, read_sources, texts
from service.graph.yaml_text import Faults, Items, Table, Text, read_yaml

FACTS = """\
document: d001
facts:
  bcij:
    at: 1-30 00000000000000000000000000000000
    subject: bcij
    founded: 2013-03-23
    place: no
"""


def read(content: str) -> tuple[Table | None, list[str]]:
    faults = Faults()
    return read_yaml(content.encode(), faults.at("facts/d001.yaml")), [str(error) for error in faults.errors]


def test_every_scalar_stays_the_text_that_was_written() -> None:
    table, errors = read("when: 2013-03-23\nplace: no\nvalue: 0168\nempty:\n")
    assert table is not None
    assert [entry.value for entry in table.entries.values()] == [
        Text("2013-03-23", 1),
        Text("no", 2),
        Text("0168", 3),
        Text("", 4),
    ]
    assert errors == []


def test_keys_and_values_keep_their_lines() -> None:
    table, _ = read("facts:\n  a:\n    name: [x,\n      y]\n")
    assert table is not None
    fact = table.entries["facts"].value
    assert isinstance(fact, Table)
    inner = fact.entries["a"].value
    assert isinstance(inner, Table)
    assert fact.entries["a"].line == 2
    assert inner.entries["name"].value == Items((Text("x", 3), Text("y", 4)), 3)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param("a: 1\na: 2\n", "facts/d001.yaml:2: a: duplicate key (first on line 1)", id="duplicate key"),
        pytest.param("a: &x 1\n", "facts/d001.yaml:1: a: anchor &x: write each value out", id="anchor"),
        pytest.param("a: *x\n", "facts/d001.yaml:1: a: alias *x: write the value out", id="alias"),
        pytest.param("a:\n  - !!int 3\n", "facts/d001.yaml:2: a: tag tag:yaml.org,2002:int: every value is", id="tag"),
        pytest.param("? [a]\n: 1\n", "facts/d001.yaml:1: a key must be a word", id="key that is a list"),
        pytest.param("a: 1\n---\nb: 2\n", "facts/d001.yaml:2: a second YAML document", id="second document"),
        pytest.param("a: [1\nb: 2\n", "facts/d001.yaml:2: is not YAML: ", id="broken list"),
        pytest.param("a: \x01\n", "facts/d001.yaml:1: is not YAML: control characters", id="control character"),
        pytest.param("a: " + "[" * 50, "facts/d001.yaml:1: nested over 8 deep", id="deep nesting"),
        pytest.param("- a\n", "facts/d001.yaml:1: a mapping (`key: value`) is expected", id="list at the top"),
    ],
)
def test_what_could_mislead_a_reader_is_refused_with_its_line(content: str, error: str) -> None:
    _, errors = read(content)
    assert len(errors) == 1
    assert errors[0].startswith(error)


def test_a_file_that_is_not_utf_8_is_refused() -> None:
    faults = Faults()
    assert read_yaml(b"a: 1\nb: \xff\n", faults.at("entities.yaml")) is None
    assert [str(error) for error in faults.errors] == ["entities.yaml:2: is not UTF-8"]


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert read("") == (Table({}, 1), [])


def write(data: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(content, encoding="utf-8")
    return data


def test_the_files_of_a_data_folder_are_read_into_records(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "entities.yaml": "entities:\n  bcij:\n    type: Organization\n",
            "entities-more.yaml": "entities:\n  sale:\n    type: Place\n",
            "sources.yaml": "documents:\n  d001:\n    language: en\nworks:\n  le-matin-2017d:\n    label: {en: x}\n",
            "editorial.yaml": "ranks:\n  d001.a.b.c: {rank: preferred, reason: why}\nnotes:\n  d001.a: a note\n",
            "facts/d001.yaml": FACTS,
            "coverage/d001.yaml": "document: d001\nskips: []\n",
        },
    )
    faults = Faults()
    sources = read_sources(tmp_path, faults)
    assert faults.errors == []
    assert sources.complete
    assert [(entity.name, entity.file, entity.line) for entity in sources.entities] == [
        ("sale", "entities-more.yaml", 2),
        ("bcij", "entities.yaml", 2),
    ]
    assert [document.name for document in sources.documents] == ["d001"]
    assert [work.name for work in sources.works] == ["le-matin-2017d"]
    assert [rank.name for rank in sources.ranks] == ["d001.a.b.c"]
    assert [(note.claim, note.text.text) for note in sources.notes] == [("d001.a", "a note")]
    (file,) = sources.facts
    assert (file.file, file.document.text, file.facts[0].name) == ("facts/d001.yaml", "d001", "bcij")
    (ledger,) = read_ledgers(tmp_path, faults)
    assert (ledger.document.text, ledger.skips) == ("d001", ())


def test_all_faults_of_all_files_are_found_in_one_run(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "entities.yaml": "entitys:\n  bcij: Organization\n",
            "sources.yaml": "documents:\n  d001: x\n",
            "facts/d001.yaml": "facts: []\n",
            "facts/d002.yaml": "document: [d002\n",
        },
    )
    faults = Faults()
    assert not read_sources(tmp_path, faults).complete
    assert sorted(map(str, faults.errors)) == [
        "entities.yaml:1: unknown key 'entitys': did you mean 'entities'?",
        "facts/d001.yaml:1: facts: a mapping (`name: …`) is expected below",
        "facts/d001.yaml:1: says no document: write `document: d000` at the top",
        "facts/d002.yaml:2: is not YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins on line 1)",
        "sources.yaml:2: d001: a mapping (`key: value`) is expected below",
    ]


def test_a_value_may_be_one_or_a_list_but_nothing_twice() -> None:
    faults = Faults()
    place = faults.at("facts/d001.yaml", "bcij")
    table, _ = read("one: a\nmany: [a, b]\ntwice: [a, a]\nnone: []\nblank: ''\nmap: {a: b}\n")
    assert table is not None
    found = {key: [item.text for item in texts(entry, place)] for key, entry in table.entries.items()}
    assert found == {"one": ["a"], "many": ["a", "b"], "twice": ["a"], "none": [], "blank": [], "map": []}
    assert [str(error).partition(": ")[2] for error in faults.errors] == [
        "bcij.twice: 'a' is listed twice",
        "bcij.none: has no value",
        "bcij.blank: has no value",
        "bcij.map: takes a value or a list of values, not a mapping",
    ]


def test_near_misses_are_named() -> None:
    assert near("salle", ["sale", "rabat"]) == ": did you mean 'sale'?"
    assert near("xyz", ["sale", "rabat"]) == ""
