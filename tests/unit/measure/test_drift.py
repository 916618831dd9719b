"""Drift of the stage: found to a few nanometres, not invented, and pixels are read where it took them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exotrack._blocks import Execution
from exotrack._drift import drift_um, in_camera, in_sample, shifted
from exotrack._frames import survey
from exotrack.measure import estimate_drift, measure, with_drift
from exotrack.measure._smooth import along, smooth
from exotrack.movie import Movie
from exotrack.params import MeasureParams, preset
from exotrack.physics import Noise
from exotrack.simulate import simulate, simulation
from exotrack.tables import Frames, Tracks

STILL = {"drift_y_um_s": 0.0, "drift_x_um_s": 0.0, "wander_um_rs": 0.0}


def filmed(n_frames: int = 120, size: int = 128, jump_um: float = 0.0, **stage: float) -> tuple[Movie, np.ndarray]:
    """Granules under a moving stage, in memory, and the true drift (n_frames, 2) um; a jump along y at frame 61."""
    field = {"n_frames": n_frames, "height_px": size, "width_px": size}
    made = simulate(simulation("granule").updated({"field": field, "stage": STILL | stage}), np.random.default_rng(7)).movie
    course = made.frames.course  # type: ignore[attr-defined]
    y = course.shift_y_um + jump_um * (np.arange(n_frames) >= 61)
    frames = replace(made.frames, course=replace(course, shift_y_um=y))  # type: ignore[type-var]
    movie = Movie.from_array(frames.read(0, n_frames), pixel_um=made.pixel_um, frame_s=made.frame_s)
    return movie, np.column_stack([y, course.shift_x_um])


def test_a_steady_drift_is_found_to_a_tenth_of_a_pixel() -> None:
    movie, true = filmed(drift_y_um_s=0.02, drift_x_um_s=-0.04)
    found = estimate_drift(movie, survey(movie), 0.13)
    error = found.um - true
    assert found.significant
    assert error.std(axis=0).max() < 0.015
    assert np.abs(error).max() < 0.04
    assert 0.001 < np.median(found.sd_um) < 0.015


def test_a_jump_stays_between_its_two_frames() -> None:
    movie, true = filmed(jump_um=0.4)
    found = estimate_drift(movie, survey(movie), 0.13)
    assert np.abs(np.diff(found.um[:, 0])[:60]).max() < 0.02
    assert np.diff(found.um[:, 0])[60] == pytest.approx(0.4, abs=0.04)
    assert np.abs(found.um - true).max() < 0.05


def test_a_stage_that_stands_still_changes_nothing() -> None:
    movie, _ = filmed()
    frames = survey(movie)
    told = with_drift(movie, frames, preset("granule"))
    assert not drift_um(told).any()
    assert (told[["drift_y_um", "drift_x_um"]] == 0).all(axis=None)
    assert (told[["drift_y_sd_um", "drift_x_sd_um"]] > 0).all(axis=None)
    table = Tracks.build({"movie_id": "a", "frame": [3], "y_um": [1.0], "x_um": [2.0], "track_id": [1]})
    assert in_sample(table, told) is table


def test_noise_holds_no_drift() -> None:
    pixels = np.random.default_rng(0).poisson(100, (60, 96, 96)).astype(np.uint16)
    movie = Movie.from_array(pixels, pixel_um=0.107, frame_s=0.1)
    found = estimate_drift(movie, survey(movie), 0.13)
    assert not found.significant
    assert not found.um.any()


def test_off_looks_for_none_and_on_takes_what_there_is() -> None:
    movie, _ = filmed(n_frames=40, size=96)
    frames = survey(movie)
    off, on = (with_drift(movie, frames, preset("granule").updated({"protocol": {"drift": wish}})) for wish in ("off", "on"))
    assert off["drift_y_um"].isna().all()
    assert drift_um(on).any()
    assert (drift_um(on)[0] == 0).all()


def test_cutting_the_movie_otherwise_changes_no_drift() -> None:
    movie, _ = filmed(n_frames=60, size=96, drift_x_um_s=0.05)
    frames = survey(movie)
    one = estimate_drift(movie, frames, 0.13)
    two = estimate_drift(movie, frames, 0.13, Execution(workers=2, block_bytes=3 * 96 * 96 * 2))
    assert np.array_equal(one.um, two.um)


def test_frames_that_cannot_be_used_are_bridged() -> None:
    movie, true = filmed(n_frames=80, drift_x_um_s=0.04)
    frames = survey(movie)
    frames.loc[20:39, "status"] = "nh4cl"
    assert np.abs(estimate_drift(movie, frames, 0.13).um - true).max() < 0.05


def test_pixels_are_read_where_the_drift_took_them() -> None:
    n, true = 12, np.array([10.0, 11.0])
    moved = np.column_stack([np.zeros(n), 0.5 * np.arange(n)])
    yy, xx = np.mgrid[:24, :24]
    centres = true + moved
    spots = [np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * 1.3**2)) for y, x in centres]
    movie = Movie.from_array(100 + 400 * np.array(spots), pixel_um=0.1, frame_s=0.1)
    track = Tracks.build(
        {"movie_id": "a", "frame": np.arange(n), "track_id": 1, "y_um": 1.0, "x_um": 1.1, "sigma_um": 0.13, "observed": True}
    )
    frames = survey(movie).assign(drift_y_um=0.0, drift_x_um=0.1 * moved[:, 1])
    told = measure(movie, track, MeasureParams(before_s=0, after_s=0), Noise(1.0, 0.0), frames)
    assert told["amplitude"].to_numpy() == pytest.approx(400, rel=0.06)
    assert (told["x_um"] == 1.1).all()


def test_there_and_back_again() -> None:
    table = Tracks.build({"movie_id": "a", "frame": [0, 2], "y_um": [1.0, 2.0], "x_um": [3.0, 4.0], "track_id": [1, 1]})
    frames = Frames.build(
        {"movie_id": "a", "frame": [0, 1, 2], "status": "ok", "drift_y_um": [0, 0.1, 0.25], "drift_x_um": [0, -0.1, -0.5]}
    )
    camera = in_camera(table, frames)
    assert camera[["y_um", "x_um"]].to_numpy().tolist() == [[1.0, 3.0], [2.25, 3.5]]
    assert in_sample(camera, frames)[["y_um", "x_um"]].to_numpy() == pytest.approx(table[["y_um", "x_um"]].to_numpy())


def test_a_picture_moves_by_whole_pixels_and_nothing_wraps_round() -> None:
    picture = np.arange(12).reshape(3, 4)
    assert shifted(picture, np.array([1, -2]), -1).tolist() == [[-1] * 4, [2, 3, -1, -1], [6, 7, -1, -1]]
    assert shifted(picture, np.array([5, 0]), -1).tolist() == [[-1] * 4] * 3


def test_a_smoothed_course_is_nearer_to_the_truth_and_breaks_only_where_it_jumps() -> None:
    rng = np.random.default_rng(2)
    at = np.arange(60.0)
    true = 0.03 * at + np.where(at >= 30, 4.0, 0.0)
    told, sd, pieces = smooth(at, true + rng.normal(0, 0.1, 60), np.full(60, 0.1), jump=0.5)
    assert [(p.start, p.stop) for p in pieces] == [(0, 30), (30, 60)]
    assert np.abs(told - true).std() < 0.05
    assert (sd < 0.1).all()
    assert along(np.array([-2.0, 29.4, 29.6]), at, told, pieces) == pytest.approx([-0.06, 0.882, 4.888], abs=0.15)
