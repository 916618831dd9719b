"""The movie is the same however it is read, and the true tables keep the contract and agree with the pixels."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from cases import bare_simulation

import exotrack
from exotrack.errors import ParameterError
from exotrack.physics import pixel_gaussian
from exotrack.simulate import PRESETS, Truth, simulate, simulation, vary
from exotrack.simulate.vary import CAMERAS, RANGES
from exotrack.tables import Cells, Episodes, Events, Spots, Tracks

LABELS = [name for name in PRESETS if name != "vesicle_like"]
"""Presets with vesicles."""
SMALL = {"field": {"height_px": 96, "width_px": 96, "n_frames": 60}}


@pytest.fixture(scope="module", params=LABELS)
def truth(request: pytest.FixtureRequest) -> Truth:
    busy = {"kinetics": {"stimulus_s": (40.0,), "vesicles_per_site": 10}} if request.param == "synapse" else {}
    return simulate(simulation(request.param).updated(SMALL).updated(busy), np.random.default_rng(4))


def test_frames_do_not_depend_on_the_block_they_are_read_in(truth: Truth) -> None:
    whole = truth.movie.read(0, 60)
    pieces = np.concatenate([truth.movie.read(a, b) for a, b in ((0, 1), (1, 23), (23, 60))])
    np.testing.assert_array_equal(whole, pieces)
    again = pickle.loads(pickle.dumps(truth.movie))
    np.testing.assert_array_equal(again.read(10, 13), whole[10:13])


def test_the_same_seed_gives_the_same_truth_and_another_does_not() -> None:
    sim = simulation("granule").updated(SMALL)
    one, same, other = (simulate(sim, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.movie[5], same.movie[5])
    assert one.events.equals(same.events)
    assert (one.movie[5] != other.movie[5]).mean() > 0.5


def test_true_tables_keep_the_contract(truth: Truth) -> None:
    pairs = (
        (Spots, truth.spots),
        (Tracks, truth.tracks),
        (Episodes, truth.episodes),
        (Events, truth.events),
        (Cells, truth.cells),
    )
    for table, frame in pairs:
        table.check(frame)
        assert len(frame) > 0
    events, f = truth.events, truth.params.field
    assert (events["frame"] == (events["t_s"] // f.frame_s).astype(int)).all()
    assert events["frame"].between(1, f.n_frames - 2).all()
    assert (events[["p_full_fusion", "p_kiss_and_run", "p_other"]].sum(axis=1) == 1).all()
    assert (truth.episodes["first_frame"] <= truth.episodes["last_frame"]).all()
    assert truth.episodes["last_frame"].max() <= f.n_frames - 1
    assert not truth.tracks.duplicated(["track_id", "frame"]).any()


def test_every_end_of_a_docked_stay_is_an_event_of_its_kind(truth: Truth) -> None:
    docked = truth.episodes[(truth.episodes["state"] == "docked") & (truth.episodes["exit_kind"] != "censored")]
    ends = docked["t_first_s"] + docked["duration_s"]
    frame_s, n = truth.params.field.frame_s, truth.params.field.n_frames
    inside = ends.between(frame_s, (n - 1) * frame_s, inclusive="left")
    counted = truth.events[truth.events["kind"].isin(["undocking", "full_fusion", "kiss_and_run"])]
    assert sorted(docked["exit_kind"][inside]) == sorted(counted["kind"])


def test_a_full_fusion_ends_the_life_of_a_vesicle(truth: Truth) -> None:
    full = truth.events[truth.events["kind"] == "full_fusion"].set_index("track_id")["t_s"]
    assert full.index.is_unique
    later = truth.events[truth.events["track_id"].isin(full.index)]
    assert (later["t_s"].to_numpy() <= full.loc[later["track_id"]].to_numpy()).all()


def test_true_spots_are_where_the_light_is() -> None:
    """Height, width, place, SNR and localisation bound of a still vesicle, from the noise-free picture."""
    sim = bare_simulation("granule", kinetics={"docked_per_um2": 0.04}, vesicles={"docked_um2_s": 0.0, "docked_sd_nm": 0.0})
    truth = simulate(sim, np.random.default_rng(2))
    spot = truth.spots.iloc[0]
    px = sim.field.pixel_um
    image = truth.movie.frames.expected(0) - sim.cell.inside_photons  # type: ignore[attr-defined]
    assert len(truth.spots) == 40 * truth.tracks["track_id"].nunique() > 0
    unit = pixel_gaussian(image.shape, spot["y_um"] / px, spot["x_um"] / px, spot["sigma_um"] / px)
    photons = spot["amplitude"] / sim.camera.gain * 2 * math.pi * (spot["sigma_um"] / px) ** 2
    near = unit > 1e-4
    np.testing.assert_allclose((photons * unit)[near], image[near], rtol=0.02)
    variance = sim.cell.inside_photons + sim.camera.read_noise_e**2
    assert spot["snr"] == pytest.approx(photons * math.sqrt((unit**2).sum() / variance), rel=0.05)
    step = 0.01
    shifted = [
        pixel_gaussian(image.shape, spot["y_um"] / px + s, spot["x_um"] / px, spot["sigma_um"] / px) for s in (-step, step)
    ]
    slope = photons * (shifted[1] - shifted[0]) / (2 * step)
    bound = px / math.sqrt((slope**2 / (photons * unit + variance)).sum())
    assert spot["y_sd_um"] == pytest.approx(bound, rel=0.1)


def test_stage_drift_moves_spots_and_background_together() -> None:
    sim = bare_simulation(
        "granule", kinetics={"docked_per_um2": 0.05}, stage={"drift_x_um_s": 0.05}, vesicles={"docked_um2_s": 0.0}
    )
    truth = simulate(sim, np.random.default_rng(2))
    track = truth.tracks[truth.tracks["track_id"] == truth.tracks["track_id"].iloc[0]]
    speed = np.polyfit(track["t_s"], track["x_um"], 1)[0]
    assert speed == pytest.approx(0.05, rel=0.01)


def test_nothing_there_gives_empty_tables_with_all_their_columns() -> None:
    truth = simulate(bare_simulation(), np.random.default_rng(0))
    for table, frame in ((Spots, truth.spots), (Tracks, truth.tracks), (Episodes, truth.episodes), (Events, truth.events)):
        assert len(table.check(frame)) == 0
    assert "visible" in truth.events
    assert truth.cells["n_full_fusion"].tolist() == [0]
    assert truth.movie[0].mean() == pytest.approx(100 + 2 * 40, rel=0.02)


def test_a_dark_vesicle_docks_unseen() -> None:
    busy = {"arrivals_per_um2_s": 0.2, "tether_per_s": 3.0, "dock_per_s": 3.0, "visitor_fraction": 0.0}
    for preset, seen in (("phluorin", 0.0), ("granule", 1.0)):
        events = simulate(bare_simulation(preset, kinetics=busy), np.random.default_rng(0)).events
        assert events["visible"][events["kind"] == "docking"].mean() == pytest.approx(seen, abs=0.15)


def test_a_preset_holds_tens_of_fusions() -> None:
    for name in ("granule", "phluorin"):
        counts = simulate(simulation(name), np.random.default_rng(0)).events["kind"].value_counts()
        assert 20 <= counts["full_fusion"] + counts["kiss_and_run"] <= 70
        assert counts.min() >= 5


def test_the_snr_asked_for_is_the_snr_given() -> None:
    for name in PRESETS:
        assert simulation(name).with_snr(7.5).snr() == pytest.approx(7.5)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'phluorin'"):
        simulation("phlourin")
    with pytest.raises(ParameterError, match="did you mean 'fuse_per_s'"):
        simulation("granule").updated({"kinetics": {"fuses_per_s": 1}})


def test_the_verbs_are_on_the_package() -> None:
    truth = exotrack.simulate(exotrack.simulation("granule").updated(SMALL), np.random.default_rng(0))
    assert truth.movie.shape == (60, 96, 96)


def test_tuning_and_reporting_families_differ() -> None:
    assert not {str(c) for c in CAMERAS["tuning"]} & {str(c) for c in CAMERAS["reporting"]}
    assert RANGES["tuning"].keys() == RANGES["broad"].keys() == RANGES["reporting"].keys()
    rng = np.random.default_rng(0)
    for family, halo in (("tuning", False), ("broad", True), ("reporting", True)):
        drawn = [vary(simulation("phluorin"), rng, family) for _ in range(20)]  # type: ignore[arg-type]
        low, high = RANGES[family]["snr"]
        assert all(low <= sim.snr() <= high * 1.001 for sim in drawn)
        assert all((sim.optics.halo_fraction > 0) is halo for sim in drawn)
        assert len({sim.field.frame_s for sim in drawn}) == 20
        assert all(sim.cargo.kind == "membrane" for sim in drawn)
