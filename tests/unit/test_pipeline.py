"""The whole pipeline on a small simulated movie: what goes in together comes out together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import exotrack
from exotrack import tables
from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.pipeline import Result, _cell_of, _cells, analyse


@pytest.fixture(scope="module")
def movie() -> Movie:
    """Eight seconds of granules in 64 x 64 pixels, held in memory."""
    sim = exotrack.simulation("granule").updated({"field": {"height_px": 64, "width_px": 64, "n_frames": 80}})
    made = exotrack.simulate(sim, np.random.default_rng(5)).movie
    return Movie.from_array(made.read(0, len(made)), pixel_um=made.pixel_um, frame_s=made.frame_s, movie_id="small")


@pytest.fixture(scope="module")
def result(movie: Movie) -> Result:
    return analyse(movie)


def test_every_table_keeps_its_contract(result: Result) -> None:
    assert list(result.tables) == [table.name for table in tables.ALL]
    for table in tables.ALL:
        table.check(result.tables[table.name])
    assert len(result.spots) > 0
    assert set(result.tracks["track_id"]) == set(result.traces["track_id"])


def test_cutting_the_movie_otherwise_changes_nothing(movie: Movie, result: Result) -> None:
    again = analyse(movie, run=Execution(workers=2, block_bytes=7 * 64 * 64 * 2))
    for name, frame in result.tables.items():
        assert_frame_equal(frame, again.tables[name])
    assert np.array_equal(result.footprint, again.footprint)


def test_a_mask_decides_which_cell_an_event_is_in(movie: Movie, result: Result) -> None:
    mask = np.zeros((64, 64), np.int32)
    mask[:, :20], mask[:, 40:] = 1, 7
    masked = analyse(movie, mask=mask)
    assert masked.cells["cell_id"].tolist() == [1, 7]
    assert set(masked.cells["footprint"]) == {"mask"}
    assert_frame_equal(masked.events.drop(columns="cell_id"), result.events.drop(columns="cell_id"))
    for place, cell in zip(masked.events["x_um"] / movie.pixel_um, masked.events["cell_id"], strict=True):
        expected = 1 if place < 19.5 else 7 if place > 39.5 else pd.NA
        assert (cell is pd.NA) if expected is pd.NA else cell == expected
    owners = masked.events.dropna(subset=["cell_id"]).groupby("cell_id")["kind"].value_counts()
    for row in masked.cells.to_dict("records"):
        for kind in tables.EVENT_KINDS:
            assert row[f"n_{kind}"] == owners.get((row["cell_id"], kind), 0)


def test_a_mask_of_another_shape_is_refused_before_any_work(movie: Movie) -> None:
    with pytest.raises(InputError, match=r"small: the mask has shape \(9, 9\), the frames \(64, 64\); give one that fits"):
        analyse(movie, mask=np.ones((9, 9), int))


def test_frames_without_light_are_not_time_in_which_the_cell_was_seen(movie: Movie) -> None:
    seen = np.ones(len(movie), bool)
    seen[10:30] = False
    footprint = np.ones((64, 64), int)
    cells = _cells(movie, tables.Events.empty(), footprint, "field", seen)
    assert cells["observed_s"].tolist() == pytest.approx([60 * movie.frame_s])
    assert cells["area_um2"].tolist() == pytest.approx([64 * 64 * movie.pixel_um**2])


def test_a_place_belongs_to_the_pixel_it_lies_in(movie: Movie) -> None:
    footprint = np.zeros((64, 64), int)
    footprint[3, 4] = 2
    um = movie.pixel_um
    places = pd.DataFrame({"y_um": [3 * um, 3.4 * um, 3.6 * um, np.nan, 1e9], "x_um": [4 * um, 3.6 * um, 4 * um, 4 * um, 0]})
    assert _cell_of(places, footprint, movie).fillna(0).tolist() == [2, 2, 0, 0, 0]


def test_a_movie_of_noise_has_every_table_and_no_event() -> None:
    noise = np.random.default_rng(0).poisson(100, (30, 48, 48)).astype(np.uint16)
    result = analyse(Movie.from_array(noise, pixel_um=0.1, frame_s=0.1))
    assert len(result.events) == 0
    for table in tables.ALL:
        table.check(result.tables[table.name])


def test_what_is_written_is_read_back(result: Result, tmp_path: Path) -> None:
    back = exotrack.read_results(result.noting(study="pilot").write(tmp_path / "small"))
    for name, frame in result.tables.items():
        assert_frame_equal(frame, back.tables[name])
    assert back.params == result.params
    assert (back.provenance["study"], back.provenance["input"]) == ("pilot", "array")
    assert (tmp_path / "small" / "report.html").stat().st_size > 10_000


def test_the_verbs_stay_verbs_after_their_folders_were_imported(result: Result) -> None:
    assert callable(exotrack.detect)
    assert callable(exotrack.score)
    assert exotrack.score(result.events, result.events)["fusion_any"].fp == 0
