"""The style of the house: sizes, docstrings, nothing printed, no traces of the machine it was built on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from sources import ROOT, modules, texts

SOURCES = modules("exotrack") | modules("napari_plugin/napari_exotrack")
MOST_LINES, MOST_FUNCTION, MOST_KERNEL = 300, 50, 70
"""Lines of a module, of a function below its docstring, of a numba kernel (which cannot pass tables or objects around)."""
PLACES = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+|opt|mnt|scratch)/[\w.]")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NotImplementedError)\b")


def public(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    """Functions, classes and their methods without a leading underscore; of an overloaded one only the one that acts."""
    found: list[ast.FunctionDef | ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found.append(node)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            found += [part for part in inner if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")]
    return [node for node in found if "overload" not in [ast.unparse(mark) for mark in node.decorator_list]]


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_says_what_it_is_and_stays_small(name: str) -> None:
    tree = SOURCES[name]
    if tree.body and name != "exotrack.__main__":
        assert ast.get_docstring(tree)
    last = max((node.end_lineno or 0 for node in tree.body), default=0)
    assert last <= MOST_LINES


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_public_has_a_docstring(name: str) -> None:
    assert [node.name for node in public(SOURCES[name]) if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("name", SOURCES)
def test_functions_stay_small(name: str) -> None:
    functions = [node for node in ast.walk(SOURCES[name]) if isinstance(node, ast.FunctionDef)]
    long = []
    for function in functions:
        begins = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
        kernel = any("njit" in ast.unparse(decorator) for decorator in function.decorator_list)
        if (function.end_lineno or 0) - begins.lineno + 1 > (MOST_KERNEL if kernel else MOST_FUNCTION):
            long.append(function.name)
    assert long == []


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_printed(name: str) -> None:
    calls = [node.func for node in ast.walk(SOURCES[name]) if isinstance(node, ast.Call)]
    assert not any(isinstance(func, ast.Name) and func.id in ("print", "breakpoint") for func in calls)


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    assert [name for name in SOURCES if name.rpartition(".")[2] in ("utils", "util", "helpers", "misc", "common")] == []


def test_no_file_names_a_place_on_a_machine_or_unfinished_work() -> None:
    # The words are put together here so that this file does not find itself.
    own = Path(__file__).relative_to(ROOT)
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in texts(".py", ".md", ".toml", ".yaml", ".yml", ".j2", ".css", ".js", "")
        for number, line in enumerate(text.splitlines(), start=1)
        if path != own and (PLACES.search(line) or UNFINISHED.search(line))
    ]
    assert found == []
