"""The documentation site builds without a warning, and what is said about citing and releasing agrees with the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from sources import ROOT

import exotrack


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"README"}
    assert pages <= {path.stem for path in tmp_path.glob("*.html")}
    assert "pixel size" in (tmp_path / "api.html").read_text(encoding="utf-8")


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == exotrack.__version__
    assert cited["license"] == "BSD-3-Clause"
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()


def test_the_hosted_tests_are_those_of_the_repository() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    assert any(step.get("run") == "tests/run" for step in flow["jobs"]["tests"]["steps"])
    tested = set(flow["jobs"]["tests"]["strategy"]["matrix"]["python"])
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {line.rpartition(" ")[2].strip('",') for line in text.splitlines() if "Python :: 3." in line} == tested
