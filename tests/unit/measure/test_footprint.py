"""The footprint: against the true one of simulated cells, flat fields, and changes of unit and of blocks."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack._blocks import Execution
from exotrack._frames import survey
from exotrack.measure import footprint
from exotrack.measure.footprint import labels_from_mean, mean_image
from exotrack.movie import Movie
from exotrack.params import CellParams
from exotrack.simulate import simulate, simulation


def cell(seed, cover=0.65, unevenness=0.15, n_frames=20):
    """A simulated cell of granules that covers part of the field."""
    sim = simulation("granule").updated({"field": {"n_frames": n_frames}, "cell": {"cover": cover, "unevenness": unevenness}})
    return simulate(sim, np.random.default_rng(seed))


def found(movie, **params):
    return footprint(movie, survey(movie), CellParams(**params))


def mean_of(pixels, **fields):
    movie = Movie.from_array(pixels, pixel_um=0.1, frame_s=0.1, **fields)
    return mean_image(movie, survey(movie))


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize(
    ("seed", "cover", "unevenness"),
    [(0, 0.65, 0.15), (1, 0.65, 0.15), (2, 0.65, 0.4), (3, 0.9, 0.15), (4, 0.3, 0.15), (5, 0.15, 0.3)],
)
def test_the_footprint_of_a_simulated_cell_is_found_to_a_tenth_of_its_area(seed, cover, unevenness):
    truth = cell(seed, cover, unevenness)
    labels, source = found(truth.movie)
    assert source == "estimated"
    assert labels.max() == 1
    assert overlap(labels > 0, truth.footprint > 0) > 0.9
    assert (labels > 0).sum() == pytest.approx((truth.footprint > 0).sum(), rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_a_cell_that_fills_the_field_is_the_field(seed):
    truth = cell(seed, cover=1.0)
    labels, source = found(truth.movie)
    assert source == "field"
    assert (labels == 1).all()


@pytest.mark.parametrize("level", [3.0, 100.0, 3000.0])
def test_a_flat_field_is_the_field(level):
    pixels = np.random.default_rng(1).poisson(level, (20, 128, 128)).astype(np.uint16)
    labels, source = found(Movie.from_array(pixels, pixel_um=0.1, frame_s=0.1))
    assert source == "field"
    assert (labels == 1).all()


def test_the_whole_field_is_taken_when_asked_for():
    labels, source = found(cell(0).movie, footprint="field")
    assert source == "field"
    assert (labels == 1).all()


@pytest.mark.parametrize(("gain", "offset"), [(0.25, 0.0), (4.0, 0.0), (1.0, 5000.0)])
def test_gain_and_offset_of_the_camera_do_not_move_the_outline(gain, offset):
    truth = cell(0)
    mean = mean_image(truth.movie, survey(truth.movie))
    plain = labels_from_mean(mean, truth.movie.pixel_um)
    other = labels_from_mean(gain * mean + offset, truth.movie.pixel_um)
    assert overlap(plain > 0, other > 0) > 0.999


def test_two_cells_are_two_labels_and_debris_is_none():
    mean = np.full((200, 400), 100.0)
    mean[30:170, 30:150] = mean[30:170, 230:370] = 300.0
    mean[5:12, 190:197] = 300.0
    labels = labels_from_mean(mean + np.random.default_rng(0).normal(0, 1, mean.shape), 0.1)
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert (labels[8, 193], labels[100, 90], labels[100, 300]) == (0, 1, 2)
    assert (labels == 1).sum() == pytest.approx(140 * 120, rel=0.04)


def test_a_cell_cut_by_the_border_reaches_the_border():
    mean = np.full((200, 200), 100.0)
    mean[:120, :150] = 300.0
    labels = labels_from_mean(mean + np.random.default_rng(0).normal(0, 1, mean.shape), 0.1)
    assert (labels[0, :145] == 1).all()
    assert (labels[:115, 0] == 1).all()


@pytest.mark.parametrize("n_frames", [2, 15, 16, 17, 100, 255, 256, 257, 1000])
def test_the_mean_image_is_of_every_frame_of_a_short_movie_and_of_256_of_a_long_one(n_frames):
    ramp = np.broadcast_to(np.arange(n_frames, dtype=np.uint16)[:, None, None], (n_frames, 16, 16)) + np.eye(16, dtype=np.uint16)
    mean = mean_of(ramp)
    tolerance = 1e-9 if n_frames <= 256 else 0.5
    np.testing.assert_allclose(mean - np.eye(16), (n_frames - 1) / 2, atol=tolerance)


def test_frames_that_cannot_be_used_are_left_out_of_the_mean_image():
    pixels = np.random.default_rng(0).poisson(100, (32, 40, 40)).astype(np.float32)
    good = mean_of(pixels[:31])
    pixels[31] = np.nan
    np.testing.assert_allclose(mean_of(pixels), good)
    pixels[31] = 4095.0
    np.testing.assert_allclose(mean_of(pixels, ceiling=4095.0), good)


def test_no_usable_frame_in_sight_is_the_field_and_not_a_crash():
    assert not labels_from_mean(np.full((32, 32), np.nan), 0.1).any()


@pytest.mark.parametrize("run", [Execution(workers=1, block_bytes=1), Execution(workers=2, block_bytes=10**9)])
def test_blocks_and_workers_do_not_move_the_outline(run):
    truth = cell(0)
    labels, _ = footprint(truth.movie, survey(truth.movie), CellParams(), run)
    np.testing.assert_array_equal(labels, found(truth.movie)[0])
