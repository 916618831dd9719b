"""The pages for beginners, walked through as a reader would: every command and block in its order, in one folder."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT


def steps(page: str) -> list[tuple[str, str]]:
    """(language, block) of a page, in order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```(bash|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def walk(page: str, folder: Path) -> str:
    """Do what the page says; what it printed."""
    said = ""
    for language, block in steps(page):
        if language == "python":
            commands = [[sys.executable, "-W", "error", "-c", block]]
        else:
            commands = [[sys.executable, "-m", *shlex.split(line)] for line in block.splitlines() if line.startswith("exotrack")]
        for words in commands:
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (words[-1], done.stderr)
            said += done.stdout
    return said


@pytest.mark.timeout(600)
def test_the_tutorial_can_be_walked_through(tmp_path: Path) -> None:
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    said = walk("tutorial.md", tmp_path)
    assert "stays whose beginning was seen" in said
    assert "fusion_any" in said
    assert (tmp_path / "fusions.png").stat().st_size > 10_000
    assert "Rates" in (tmp_path / "compared" / "report.html").read_text()


@pytest.mark.timeout(300)
def test_the_page_for_an_own_movie_can_be_walked_through(tmp_path: Path) -> None:
    shutil.copy(ROOT / "sample_data" / "granule.tif", tmp_path / "cell.tif")
    said = walk("own-movie.md", tmp_path)
    assert "full_fusion" in said
    assert "area_um2" in said
