"""Imports go downwards only: cli and app, then api, graph, store, rdf; leaves may be imported by all."""

import ast

import pytest

from tests.conftest import ROOT

ORDER = {"cli": 5, "app": 5, "dataset": 5, "__main__": 6, "api": 4, "graph": 3, "store": 2, "rdf": 1}
LEAVES = {"settings", "errors", "paths", "__init__"}
FILES = sorted((ROOT / "service").rglob("*.py"))


def _part(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def _imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("service.")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_imports_only_its_own_layer_and_those_below(file):
    own = _part(".".join(file.relative_to(ROOT).with_suffix("").parts))
    for name in _imported(ast.parse(file.read_text(encoding="utf-8"))):
        part = _part(name)
        if part in LEAVES or part not in ORDER:
            continue
        assert own in ORDER, f"{file.name} is a leaf and imports {name}"
        assert ORDER[part] <= ORDER[own], f"{own} imports {name}, which is above it"
