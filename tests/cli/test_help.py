"""What `--help` shows can be typed: every example parses, and the names in it are names of the graph."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import MODULES, parser
from service.graph.compile import compile_sources
from service.graph.evidence import Texts, locate
from service.rdf.iris import DEFAULT_BASE
from tests.conftest import ROOT


def commands() -> dict[str, argparse.ArgumentParser]:
    [subparsers] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(subparsers.choices)


def examples() -> Iterator[list[str]]:
    """The words of each example behind `marsad`; a remark stands after two spaces, other commands before | or &&."""
    for command in commands().values():
        for line in re.findall(r"^  (\S.*)$", command.epilog or "", re.M):
            for part in re.split(r"\s\|\s|&&", re.split(r"\s{2,}", line)[0]):
                before, found, arguments = part.partition("marsad ")
                if found and re.fullmatch(r"\s*(?:[A-Z_]+=\S+ )*", before):
                    yield shlex.split(arguments.split(" > ")[0])


def test_every_command_says_what_it_does_and_shows_examples() -> None:
    for name, command in commands().items():
        assert command.description, name
        assert name == "settings" or "examples:" in (command.epilog or ""), name
    assert "examples:" in (parser().epilog or "")


def test_a_command_reads_its_own_module_only_and_is_found_there() -> None:
    assert list(commands()) == list(MODULES)
    for name in MODULES:
        [subparsers] = [action for action in parser(name)._actions if isinstance(action, argparse._SubParsersAction)]
        assert list(subparsers.choices) == [other for other in MODULES if MODULES[other] == MODULES[name]]


def test_every_example_parses() -> None:
    shown = list(examples())
    assert {words[0] for words in shown} == set(commands()) - {"settings"}
    for words in shown:
        assert parser().parse_args(words).run is not None


def test_the_claims_and_names_in_the_examples_are_in_the_graph() -> None:
    compiled = compile_sources(ROOT / "ontology", ROOT / "data", base=DEFAULT_BASE)
    claims = {*compiled.claims, *(f"{claim.document}.{claim.fact}" for claim in compiled.claims.values())}
    names = {quad.subject.value.rpartition("/")[2] for quad in compiled.quads}
    for words in examples():
        if words[0] == "resolve":
            assert set(words[1:]) <= claims, words
        elif words[0] == "show":
            assert words[1] in names, words
        elif words[0] == "query" and words[1].endswith(".rq"):
            assert (ROOT / words[1]).is_file()


def test_the_phrases_in_the_examples_are_found(document_texts: Path) -> None:
    texts = Texts(document_texts)
    shown = [words for words in examples() if words[0] == "locate"]
    assert shown
    for _, document, phrase, *rest in shown:
        assert locate(texts.text(document), phrase)
        assert all(locate(texts.text(document), end) for end in rest[1:])


@pytest.mark.parametrize("name", ["locate", "resolve", "verify", "coverage", "check", "query", "load", "export"])
def test_the_commands_of_the_readme_are_there(name: str) -> None:
    assert name in commands()
