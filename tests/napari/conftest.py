"""A results folder as a run leaves it, filled with the shipped truth, so that no analysis is needed to show it."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exotrack
from exotrack._runs import sample
from exotrack.io.results import read_table
from exotrack.params import preset
from exotrack.provenance import movie_record
from exotrack.tables import ALL, Events, Frames, Tracks

LIBRARIES = (
    "libEGL.so.1", "libGL.so.1", "libglib-2.0.so.0", "libdbus-1.so.3", "libfontconfig.so.1", "libxkbcommon-x11.so.0",
    "libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-keysyms.so.1", "libxcb-shape.so.0",
)  # fmt: skip
"""What Qt loads to draw on X; without one of them it ends the whole process."""


def lacking() -> list[str]:
    """What a viewer needs and this machine does not have."""
    found = []
    for name in LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            found.append(name)
    return found + ([] if shutil.which("Xvfb") else ["Xvfb"])


@pytest.fixture(scope="session")
def drawable() -> None:
    """Tests that draw are skipped where Qt cannot, unless EXOTRACK_REQUIRE_VIEWER=1."""
    missing = lacking()
    if missing:
        reason = f"a napari viewer needs {', '.join(missing)}; bash tests/run installs them on Debian"
        if os.environ.get("EXOTRACK_REQUIRE_VIEWER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def viewers(drawable: None, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes viewers that are closed after the test; napari's own fixture, asked for only where Qt can draw."""
    make: Callable[..., Any] = request.getfixturevalue("make_napari_viewer_proxy")
    return make


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of a copy of the granule sample, the copy beside them."""
    movie_path = tmp_path / "cell.tif"
    shutil.copy(sample("granule.tif"), movie_path)
    movie = exotrack.open_movie(movie_path)
    n = len(movie)
    frames = {"movie_id": ["cell"] * n, "frame": range(n), "t_s": movie.t_s(range(n)), "status": ["ok"] * n}
    tables = {table.name: table.empty() for table in ALL} | {
        "frames": Frames.build(frames),
        "events": read_table(sample("granule_truth/events.parquet"), Events),
        "tracks": read_table(sample("granule_truth/tracks.parquet"), Tracks),
    }
    record = {"movie_id": "cell", "movie": movie_record(movie), "opened": {"path": str(movie_path)}}
    return exotrack.write_results(tmp_path / "out" / "cell", tables, preset("granule"), record)
