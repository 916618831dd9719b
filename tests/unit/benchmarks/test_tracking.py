"""The benchmark of detection and linking works from movies to page on tiny movies with the peers that are here; not the times."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from benchmarks.tracking import detection, linking, movies, ours, peers
from benchmarks.tracking.environment import single_threaded
from benchmarks.tracking.machine import record
from benchmarks.tracking.matching import compare
from benchmarks.tracking.page import SECTIONS as TITLES
from benchmarks.tracking.page import page
from benchmarks.tracking.scale import TINY
from benchmarks.tracking.sections import SECTIONS
from benchmarks.tracking.targets import AIMS, targets
from sources import ROOT

SCRIPT = ROOT / "tests" / "benchmarks" / "detection_linking.py"
HERE = [peer for peer in peers.detectors(1.3) if peers.installed(peer.package)]


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """Every section once, as the script keeps it."""
    measured = {
        name: {"result": run(TINY), "machine": record(), "scale": "tiny", "minutes": 0.1} for name, run in SECTIONS.items()
    }
    kept: dict[str, Any] = json.loads(json.dumps(measured))
    return kept


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def test_every_section_measures_exotrack(results: dict[str, Any]) -> None:
    found = {name: one["result"] for name, one in results.items()}
    assert found["detection"]["rows"][ours.NAME]["A"]["f1"] > 0.8
    assert found["detection"]["rows"][ours.NAME]["A"]["frames_per_s"] > 0
    assert set(found["blanks"]["rows"]) == set(movies.BLANKS)
    assert all(row["0.1"] <= row["1"] + 1 for row in found["blanks"]["rows"].values())
    assert 0.5 < found["localisation"]["rows"]["7"]["methods"][ours.NAME]["ratio"] < 3
    assert found["localisation"]["fits"]["7"]["methods"]["exotrack, fixed width"]["rmse_px"] < 0.2
    assert set(found["linking"]["rows"]) == set(linking.PUBLISHED) == set(AIMS)
    assert found["linking"]["rows"]["7 low"][ours.NAME]["alpha"] > 0.4
    assert found["speed"]["rows"][ours.NAME]["perfect"]["alpha"] > 0.7
    assert all("seconds" in row[ours.NAME] for row in found["dense"]["rows"])


def test_the_page_has_every_row(results: dict[str, Any]) -> None:
    text = page(results, {"laptrack": "no such package"})
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for title, name, _ in TITLES:
        assert name in SECTIONS
        assert f"\n## {title}\n" in text
    for target in targets({name: one["result"] for name, one in results.items()}):
        assert sum(line.startswith(f"| {target[0]} | {target[1]} |") for line in rows) == 1
    for method in results["detection"]["result"]["rows"]:
        assert any(line.startswith(f"| {method} |") for line in rows)
    for case in linking.PUBLISHED:
        assert sum(line.startswith(f"| {case} |") for line in rows) == 4, case
    assert len([line for line in rows if line.startswith("| constant ")]) == 4 * len(TINY.dense_spots)
    assert "not measured" not in text
    assert "**laptrack could not be installed**: no such package" in text
    assert "synthetic" in text
    assert "Made by a tiny run" in text
    assert sum("exotrack, fixed width" in line and line.endswith(" % |") for line in rows) == 3
    before = ""
    for line in text.splitlines():  # every row of a table is as wide as its head
        if line.startswith("|") and before.startswith("|"):
            assert line.count("|") == before.count("|")
        before = line


def test_a_peer_that_is_not_there_is_said_to_be_missing(results: dict[str, Any]) -> None:
    text = page(results, {})
    for peer in peers.detectors(1.3):
        line = next(line for line in text.splitlines() if line.startswith(f"| {peer.name} |"))
        assert ("not installed" in line) is not peers.installed(peer.package)


def test_what_was_not_measured_is_said_and_keeps_its_row(results: dict[str, Any]) -> None:
    text = page({"speed": results["speed"]}, {})
    assert "| detection F1, movie A | 0.997 | not measured |" in text
    assert text.count("not measured in this run") == len(SECTIONS) - 1
    assert len(targets({})) == len(targets({name: one["result"] for name, one in results.items()}))


@pytest.mark.parametrize("peer", HERE, ids=[peer.name for peer in HERE])
def test_a_peer_finds_the_spots_with_its_tuned_threshold(peer: peers.Detector) -> None:
    seed = detection.SEEDS["A"]
    made, other = (movies.abc("A", TINY, 4, s) for s in (seed, seed + detection.TUNING))
    found = peers.located(peer, made.pixels, peers.tuned(peer, other))
    assert compare(made.spots, found, TINY.size_px).f1 > 0.8


def test_places_are_paired_once_within_the_gate() -> None:
    true = np.array([[0, 20.0, 20.0], [0, 20.0, 23.0], [0, 2.0, 50.0], [1, 40.0, 40.0]])
    found = np.array([[0, 20.0, 21.0], [0, 20.5, 23.0], [0, 70.0, 70.0], [0, 70.0, 1.0], [1, 40.0, 42.5]])
    score = compare(true, found, 96)
    assert (score.right, score.false, score.missed) == (2, 2, 1)
    assert score.rmse() == pytest.approx(math.sqrt((1 + 0.25) / 2))


def test_degraded_spots_are_missed_false_and_moved_as_said() -> None:
    tracks = movies.walks(TINY, 60.0, 100, 0.75, 1)
    spots = movies.degraded(tracks, TINY.size_px, 2)
    assert len(spots) == pytest.approx(0.95 * len(tracks), rel=0.02)
    near = compare(movies.points(tracks), movies.points(spots), TINY.size_px, gate=1.0)
    assert near.errors.std() == pytest.approx(0.15, rel=0.05)
    assert near.missed / (near.right + near.missed) == pytest.approx(0.1, abs=0.02)


def test_the_script_writes_a_page_without_measuring(results: dict[str, Any], tmp_path) -> None:  # type: ignore[no-untyped-def]
    kept = tmp_path / "results-quick"
    kept.mkdir()
    (kept / "speed.json").write_text(json.dumps(results["speed"]))
    asked = [sys.executable, str(SCRIPT), "--here", "--quick", "--write-only", "--cache", str(tmp_path)]
    done = subprocess.run(asked, env=single_threaded(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "## Linking given spots" in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    wrong = subprocess.run([*asked, "--only", "spead"], env=single_threaded(), capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "unknown section spead" in wrong.stderr
