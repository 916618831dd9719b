"""The walk-throughs run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT

from exotrack.io import read_results


@pytest.mark.parametrize("script", sorted((ROOT / "workflows").glob("*.py")), ids=lambda path: path.name)
def test_a_walk_through_runs_on_the_sample(script: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", str(script), str(ROOT / "sample_data" / "granule.tif"), str(tmp_path / "results")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "granule: 115 frames of 128 x 128 pixels of 0.107 um, 0.1 s apart" in done.stdout
    assert (tmp_path / "results" / "report.html").is_file()
    events = read_results(tmp_path / "results").tables["events"]
    assert f"{(events['kind'] == 'docking').sum()}" in done.stdout
    assert {"full_fusion", "docking"} <= set(events["kind"])
