"""What the contract tests read: the sources as files and as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def modules(folder: str) -> dict[str, ast.Module]:
    """Dotted name and syntax tree of every module below `folder` of the repository, which counts as a package."""
    base = (ROOT / folder).parent
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a syntax tree imports anywhere, for type checkers alone too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def texts(*suffixes: str) -> Iterator[tuple[Path, str]]:
    """Path relative to the repository and text of every file under version control's eye with one of `suffixes`."""
    folders = ("exotrack", "napari_plugin", "tests", "sample_data", "workflows", "docs", ".ci")
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*")) + sorted(ROOT.glob("*")):
        if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
