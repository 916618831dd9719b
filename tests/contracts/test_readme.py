"""Everything the README and the guide show runs: Python as it stands, commands through the parser of the command line."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from sources import ROOT

from exotrack.cli import app

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"), ROOT / "sample_data" / "README.md"])
WALKED = ("load.md", "tutorial.md", "own-movie.md")
"""Pages whose blocks need one another: the tests in tests/outside run them in their order."""
UNWALKED = [page for page in PAGES if page.name not in WALKED]
COMMANDS: Any = typer.main.get_command(app)


def blocks(path: Path, language: str) -> list[str]:
    """Fenced blocks of `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def lines(language: str) -> list[tuple[str, str]]:
    """(page, command) of every exotrack command in a bash block."""
    return [
        (page.name, line)
        for page in PAGES
        for block in blocks(page, language)
        for line in block.splitlines()
        if line.startswith("exotrack ")
    ]


@pytest.mark.parametrize(("page", "number"), [(p, n) for p in UNWALKED for n in range(len(blocks(p, "python")))], ids=str)
def test_python_on_a_page_runs(page: Path, number: int, tmp_path: Path) -> None:
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    code = blocks(page, "python")[number]
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(("page", "line"), lines("bash"))
def test_a_command_on_a_page_parses(page: str, line: str) -> None:
    parse(line)


def test_a_wrong_command_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse("exotrack run a.tif --out o --presets granule")
    with pytest.raises(KeyError):
        parse("exotrack rum a.tif")


def test_pages_show_commands_and_code() -> None:
    assert len(lines("bash")) >= 5
    assert len(blocks(ROOT / "README.md", "python")) >= 2


def test_the_quick_start_is_two_commands() -> None:
    install, test, *_ = blocks(ROOT / "README.md", "bash")
    assert install.strip() == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/exotrack demo"
    assert test.strip() == "tests/run"
    assert (ROOT / "tests" / "run").stat().st_mode & 0o111
    assert "tests/run" in (ROOT / ".ci" / "run").read_text()


def test_the_readme_lists_exactly_the_commands_there_are() -> None:
    listed = re.findall(r"^\| `exotrack (\w+)[^`]*` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS.commands)


def test_options_in_the_table_of_commands_exist() -> None:
    for name, words in re.findall(r"^\| `exotrack (\w+)([^`]*)` \|(?:.*)$", (ROOT / "README.md").read_text(), re.MULTILINE):
        known = {option for parameter in COMMANDS.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", words)) <= known


def test_the_accuracy_block_can_be_filled() -> None:
    text = (ROOT / "README.md").read_text()
    assert re.search(r"<!-- accuracy:begin -->\n.+\n<!-- accuracy:end -->", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def parse(line: str) -> None:
    """Parse a command as the command line does, without running it."""
    _, name, *words = shlex.split(line)
    COMMANDS.commands[name].make_context(name, words)
