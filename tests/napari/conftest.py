"""A results folder as a run leaves it, filled with the shipped truth, so that no analysis is needed to show it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import exotrack
from exotrack._runs import sample
from exotrack.io.results import read_table
from exotrack.params import preset
from exotrack.provenance import movie_record
from exotrack.tables import ALL, Events, Frames, Tracks


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
