"""Free particles: their number, life, steps and brightness are what is asked for, and nothing else changes with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tifffile
from cases import bare_simulation

from exotrack.simulate import Truth, simulate, simulation, write_truth
from exotrack.tables import Episodes, Events, Spots, Tracks

BOX = {"height_px": 128, "width_px": 192}


@pytest.fixture(scope="module")
def truth() -> Truth:
    """A movie long enough for the statistics of the particles; its pixels are not rendered."""
    sim = simulation("vesicle_like").updated({"field": {"n_frames": 1500}, "particles": {"per_frame": 60}})
    return simulate(sim, np.random.default_rng(11))


def test_the_same_number_is_there_in_every_frame_on_average(truth: Truth) -> None:
    counts = np.bincount(truth.tracks["frame"], minlength=1500)
    # Counts are Poisson and correlated over a life: about 1500 / 60 independent values in the movie.
    for part in np.split(counts, 3):
        assert part.mean() == pytest.approx(60, abs=4 * math.sqrt(60 / (500 / 60)))
    assert counts.var() == pytest.approx(60, rel=0.5)


def test_lives_are_geometric(truth: Truth) -> None:
    spans = truth.tracks.groupby("track_id")["frame"].agg(["min", "max", "size"])
    assert (spans["size"] == spans["max"] - spans["min"] + 1).all()
    whole = spans[(spans["min"] > 0) & (spans["min"] < 1200)]["size"]  # 300 frames are ten lives: none is cut off
    assert whole.mean() == pytest.approx(30, rel=0.06)
    assert (whole > 30).mean() == pytest.approx((1 - 1 / 30) ** 30, abs=0.04)


def test_steps_are_brownian_and_even_along_both_axes(truth: Truth) -> None:
    steps = truth.tracks.groupby("track_id")[["y_um", "x_um"]].diff().dropna()
    size = 512 * 0.1
    inside = truth.tracks.loc[steps.index, ["y_um", "x_um"]].sub(size / 2).abs().max(axis=1) < size / 2 - 2
    for axis in ("y_um", "x_um"):
        one = steps.loc[inside, axis]
        assert one.std() == pytest.approx(0.2, rel=0.01)
        assert one.kurt() == pytest.approx(0.0, abs=0.1)


def test_particles_fill_the_field_and_stay_in_it(truth: Truth) -> None:
    for axis in ("y_um", "x_um"):
        place = truth.tracks[axis] / 0.1
        assert place.between(-0.5, 511.5).all()
        filled = np.histogram(place, 8, (-0.5, 511.5))[0]
        assert filled.std() / filled.mean() < 0.1


def test_true_tables_keep_the_contract_and_hold_no_events(truth: Truth) -> None:
    assert len(Spots.check(truth.spots)) == len(Tracks.check(truth.tracks)) > 0
    assert len(Events.check(truth.events)) == len(Episodes.check(truth.episodes)) == 0
    assert not truth.tracks.duplicated(["track_id", "frame"]).any()


@pytest.mark.parametrize("snr", [2.0, 7.0])
def test_the_snr_on_the_pixels_is_the_one_asked_for(snr: float) -> None:
    changes = {"field": {**BOX, "n_frames": 40}, "particles": {"per_frame": 8, "snr": snr}}
    truth = simulate(simulation("vesicle_like").updated(changes), np.random.default_rng(3))
    movie = truth.movie.read(0, 40).astype(float)
    background = np.median(movie.mean(axis=0))
    over = movie - background
    spots = truth.spots
    # Light within 4 pixels, all spots together: a Gaussian of this sum has its height at the centre.
    y, x = np.rint(spots[["y_um", "x_um"]].to_numpy().T / 0.1).astype(int)
    inner = (np.minimum(y, x) >= 4) & (y < 124) & (x < 188)
    alone = inner & (spots.groupby("frame")["y_um"].transform("size").to_numpy() < 9)
    sums = [
        over[t, i - 4 : i + 5, j - 4 : j + 5].sum() for t, i, j in zip(spots["frame"][alone], y[alone], x[alone], strict=True)
    ]
    height = np.median(sums) / (2 * math.pi * 1.2**2)
    assert background == pytest.approx(10.0, abs=0.2)
    assert height / math.sqrt(height + background) == pytest.approx(snr, rel=0.1)
    assert spots["amplitude"].mean() == pytest.approx(height, rel=0.15)


def test_the_brightness_follows_the_background_under_a_particle() -> None:
    cell = {"cover": 0.3, "inside_photons": 400.0, "outside_photons": 40.0, "edge_um": 2.0}
    sim = simulation("vesicle_like").updated({"field": {**BOX, "n_frames": 20}, "cell": cell, "particles": {"snr": 4.0}})
    spots = simulate(sim, np.random.default_rng(0)).spots
    assert spots["background"].max() > 5 * spots["background"].min()
    snr = spots["amplitude"] / np.sqrt(spots["amplitude"] + spots["background"])
    np.testing.assert_allclose(snr, 4.0, rtol=1e-6)


def test_every_particle_may_have_its_own_step() -> None:
    changes = {"field": {"n_frames": 400}, "particles": {"step_spread": 1 / 3, "life_s": 10.0}}
    tracks = simulate(simulation("vesicle_like").updated(changes), np.random.default_rng(2)).tracks
    long = tracks.groupby("track_id").filter(lambda one: len(one) > 100)
    sd = long.groupby("track_id")[["y_um", "x_um"]].agg(lambda one: one.diff().std()).mean(axis=1)
    assert sd.min() == pytest.approx(0.133, rel=0.2)
    assert sd.max() == pytest.approx(0.267, rel=0.2)


def test_a_blurred_particle_spreads_its_light_along_its_way() -> None:
    peaks = {}
    for blurred in (False, True):
        changes = {"field": {**BOX, "n_frames": 30}, "particles": {"per_frame": 5, "step_um": 0.6, "blurred": blurred}}
        truth = simulate(simulation("vesicle_like").updated(changes), np.random.default_rng(5))
        frames = [truth.movie.frames.expected(t) for t in range(30)]  # type: ignore[attr-defined]
        peaks[blurred] = np.mean([image.max() for image in frames])
        steps = truth.tracks.groupby("track_id")[["y_um", "x_um"]].diff().stack()
        # The mean over an exposure is less far from the next than two points are: 1 - exposure / 3 of the variance.
        expected = 0.6 * math.sqrt(1 - 0.95 / 3) if blurred else 0.6
        assert steps.std() == pytest.approx(expected, rel=0.15)
    assert peaks[True] < 0.8 * peaks[False]


def test_nothing_else_changes_with_particles_in_the_field() -> None:
    bare = bare_simulation(kinetics={"docked_per_um2": 0.3})
    one = simulate(bare, np.random.default_rng(1))
    both = simulate(bare.updated({"particles": {"per_frame": 3.0, "snr": 20.0}}), np.random.default_rng(1))
    old = both.tracks["track_id"] <= one.tracks["track_id"].max()
    assert both.tracks[old].reset_index(drop=True).equals(one.tracks)
    assert both.tracks[~old]["track_id"].nunique() > 1
    assert both.movie[5].astype(int).sum() > one.movie[5].astype(int).sum()
    assert one.movie.notes == ()


def test_a_movie_without_a_particle_by_chance_has_empty_tables() -> None:
    changes = {"field": {"height_px": 32, "width_px": 32, "n_frames": 3}, "particles": {"per_frame": 1e-9}}
    truth = simulate(simulation("vesicle_like").updated(changes), np.random.default_rng(0))
    assert len(Tracks.check(truth.tracks)) == len(Spots.check(truth.spots)) == 0


def test_it_is_called_synthetic_wherever_it_goes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    changes = {"field": {"height_px": 32, "width_px": 32, "n_frames": 4}}
    truth = simulate(simulation("vesicle_like").updated(changes), np.random.default_rng(0))
    assert truth.movie.notes == ("synthetic movie (exotrack simulate vesicle_like) with free particles",)
    write_truth(truth, tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out" / "movie.tif") as stored:
        assert "synthetic movie (exotrack simulate vesicle_like)" in (stored.ome_metadata or "")
    assert 'preset = "vesicle_like"' in (tmp_path / "out" / "simulation.toml").read_text(encoding="utf-8")
