"""What the README shows is what the graph answers."""

import re

import pyoxigraph as ox
import pytest

from service.api.docs import snippets
from service.graph.compile import compile_sources
from service.rdf.namespaces import PREFIXES
from tests.conftest import ROOT
from tests.packaging.test_wheel import POSTS, QUERY

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def store() -> ox.Store:
    graph = compile_sources(ROOT / "ontology", ROOT / "data", base="https://marsad.example/")
    store = ox.Store()
    store.bulk_extend(graph.quads)
    return store


def test_the_first_query_gives_the_answer_that_is_shown(store: ox.Store):
    assert QUERY in README
    assert "\n".join(["post", *POSTS]) in README
    rows = store.query(QUERY, use_default_graph_as_union=True, prefixes=PREFIXES)
    assert [row["post"].value for row in rows] == POSTS


def test_the_claims_behind_it_are_found_by_the_second_query(store: ox.Store):
    [query] = re.findall(r"```sparql\n(.*?)```", README.split("## What is where")[0], re.S)
    rows = list(store.query(query, use_default_graph_as_union=True, prefixes=PREFIXES))
    assert {row["post"].value for row in rows} == set(POSTS)
    assert {row["document"].value[-4:] for row in rows} == {"d002", "d003"}


def test_what_users_do_most_is_shown_as_the_documentation_shows_it():
    """The snippets themselves are run by `tests/api/test_docs.py`."""
    section = README.split("## Ten things, in three languages\n", 1)[1].split("\n## ", 1)[0]
    assert "".join(map(folded, snippets())) in section
    assert section.count("<details>") == 10


def folded(snippet: dict[str, str]) -> str:
    """A snippet as the README has it: `<details>` with its code in three languages."""
    codes = "\n".join(
        f"```{mark}\n{snippet[name].replace('{service}', 'http://127.0.0.1:8000')}```\n"
        for name, mark in (("curl", "sh"), ("python", "python"), ("javascript", "js"))
    )
    return f"<details><summary>{snippet['title']}</summary>\n\n{snippet['about']}\n\n{codes}\n</details>\n"


def test_the_questions_shown_are_those_of_the_ontology(store: ox.Store):
    shown = re.findall(r"`(ontology/questions/[a-z0-9-]+\.rq)`", README)
    assert len(shown) >= 3
    assert all((ROOT / path).is_file() for path in shown)


def test_every_file_that_a_readme_links_to_exists():
    for name in ("README.md", "data/README.md", "service/README.md", "ontology/README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
        assert all(((ROOT / name).parent / link).exists() for link in links), name


def test_every_make_target_is_listed_by_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M)
    assert phony is not None
    documented = set(re.findall(r"^([a-z]+):.*## ", makefile, re.M))
    assert set(phony[1].split()) == documented
