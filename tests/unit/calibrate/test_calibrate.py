"""A calibration as a whole: what is injected is unambiguous and as wanted, and the tables agree with one another."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from calibrate_cases import calibrated, small_settings, small_truth

from exotrack._blocks import Execution
from exotrack.calibrate import Calibrated, calibrate
from exotrack.calibrate.learn import learn
from exotrack.errors import InputError
from exotrack.movie import ArrayFrames, Movie
from exotrack.tables import CALIBRATION, DECOYS, EVENT_KINDS, FUSION_KINDS


@pytest.fixture(params=["dark", "seen"])
def done(request: pytest.FixtureRequest) -> Calibrated:
    """Either calibration."""
    made: Calibrated = request.getfixturevalue(request.param)
    return made


def test_every_table_keeps_its_contract(done: Calibrated) -> None:
    assert [*done.tables] == [table.name for table in CALIBRATION]
    for table in CALIBRATION:
        assert table.check(done.tables[table.name]) is done.tables[table.name]
        assert len(done.tables[table.name])


def test_what_is_injected_lies_in_the_cell_apart_and_away_from_the_movies_own_events(done: Calibrated) -> None:
    p, own, footprint = done.settings.calibrate, done.untouched.events, done.untouched.footprint
    still = done.injections[~done.injections["kind"].isin(("docking", "undocking", "visitor", "passer", "full_fusion"))]
    for _, things in still.groupby("round"):
        places = things[["y_um", "x_um"]].to_numpy()
        # Docked vesicles creep by some nanometres from where they were put.
        assert all(np.hypot(*(a - b)) > p.apart_um - 0.3 for a, b in combinations(places, 2))
    pixel = np.rint(still[["y_um", "x_um"]].to_numpy() / done.untouched.movie.pixel_um).astype(int)
    assert (footprint[pixel[:, 0], pixel[:, 1]] > 0).all()
    for thing in still[still["kind"] == "kiss_and_run"].itertuples():
        near = own[(own["t_s"] - thing.t_s).abs() < p.clear_s]
        assert (np.hypot(near["y_um"] - thing.y_um, near["x_um"] - thing.x_um) > p.clear_um - 0.3).all()


def test_events_come_while_the_movie_runs_and_with_every_kind(done: Calibrated) -> None:
    events = done.injections[done.injections["kind"].isin(EVENT_KINDS)]
    last = len(done.untouched.movie) - 1
    assert events["frame"].between(1, last - 1).all()
    assert (events["frame"] == np.floor(events["t_s"] / done.untouched.movie.frame_s).astype(int)).all()
    assert set(FUSION_KINDS) < set(done.injections["kind"])
    assert set(done.injections["kind"]) & set(DECOYS)
    dark = done.settings.classify.cargo == "ph_sensitive"
    assert ({"docking", "undocking"} <= set(done.injections["kind"])) == (not dark)
    assert not (dark and events["docked_entry_observed"].fillna(value=False).any())


def test_bright_fusions_are_found_and_the_dimmest_are_not(dark: Calibrated, seen: Calibrated) -> None:
    dimmest = 0
    for done, least in ((dark, 0.8), (seen, 0.3)):
        fusions = done.injections[done.injections["kind"].isin(FUSION_KINDS)]
        hit = fusions["called"].isin(FUSION_KINDS)
        assert hit[fusions["snr"] > 12].mean() >= least
        assert not hit[fusions["snr"] < 3].any()
        dimmest += int((fusions["snr"] < 3).sum())
    assert dimmest > 0


def test_the_tables_count_the_same_injections(done: Calibrated) -> None:
    injected = done.injections["kind"].value_counts()
    for kind, rows in done.confusion.groupby("kind"):
        assert rows["n"].sum() == injected[kind] == rows["n_injected"].iloc[0]
    for kind, rows in done.recall.groupby("kind"):
        kinds = FUSION_KINDS if kind == "fusion_any" else (kind,)
        assert rows.loc[rows["part"] == "bin", "n_injected"].sum() == sum(injected.get(k, 0) for k in kinds)
        assert rows.loc[rows["part"] == "bin", "n_found"].sum() == rows.loc[rows["part"] == "all", "n_found"].sum()
    assert (done.recall["recall_low"].fillna(0) <= done.recall["recall"].fillna(0)).all()
    calls = done.untouched.events[done.untouched.events["cell_id"].notna()]
    fusions = done.false_calls.set_index("kind").loc["fusion_any"]
    assert fusions["n_calls"] == calls["kind"].isin(FUSION_KINDS).sum()
    assert fusions["rate_low"] <= fusions["rate"] < fusions["rate_high"]


def test_what_is_found_is_found_where_and_when_it_was_injected(done: Calibrated) -> None:
    found = done.injections[done.injections["called"] == done.injections["kind"]]
    assert len(found) > 3
    assert np.hypot(found["found_y_um"] - found["y_um"], found["found_x_um"] - found["x_um"]).median() < 0.1
    assert (found["found_t_s"] - found["t_s"]).abs().median() < done.untouched.movie.frame_s * 1.5
    assert done.injections.loc[done.injections["called"] == "", "reasons"].ne("").all()
    assert (found["reasons"] == "").all()


def test_the_same_seed_gives_the_same_tables_whatever_the_blocks(dark: Calibrated) -> None:
    told: list[tuple[str, int, int]] = []
    cut = Execution(workers=2, block_bytes=7 * 112 * 112 * 2, progress=lambda *step: told.append(step))
    again = calibrate(small_truth().movie, small_settings(), np.random.default_rng(5), run=cut)
    for name, table in dark.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)
    assert {(what, total) for what, _, total in told} == {("calibrate", 300)}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == 300
    other = calibrated(small_truth().movie, small_settings(repeats=1), seed=6)
    assert not np.array_equal(other.injections["y_um"][:5], dark.injections["y_um"][:5])


def test_what_is_learned_is_what_was_simulated(seen: Calibrated) -> None:
    sim, learned = small_truth("granule").params, seen.provenance["calibration"]
    assert learned["sigma_um"] == pytest.approx(np.hypot(sim.optics.psf_sigma_um, np.sqrt(sim.spot_var_um2)), rel=0.05)
    assert 0 <= learned["bleach_per_s"] < 0.05
    own = seen.injections[seen.injections["as_found"] & (seen.injections["kind"] == "undocking")]
    typical = sim.vesicles.photons * sim.peak_fraction() * sim.camera.gain
    assert own["brightness"].between(typical / 4, typical * 4).all()


def test_vesicles_are_as_bright_as_the_movies_own_are_while_docked(seen: Calibrated) -> None:
    own = seen.untouched
    parts = (("mobile", "docking", 40, 60.0), ("docked", "kiss_and_run", 15, 200.0), ("docked", "censored", 45, 90.0))
    rows, spots = [], []
    for track in range(12):
        first = 0
        for state, exit_kind, n, height in parts:
            rows.append({"track_id": track, "state": state, "first_frame": first, "last_frame": first + n - 1, "n_frames": n,
                         "exit_kind": exit_kind})  # fmt: skip
            spots += [
                {"track_id": track, "frame": k, "t_s": 0.1 * k, "amplitude": height + track} for k in range(first, first + n)
            ]
            first += n
    traces = pd.DataFrame(spots).assign(observed=True, amplitude_sd=1.0, sigma_um=own.params.detect.sigma_um)
    learned = learn(replace(own, traces=traces, episodes=pd.DataFrame(rows)), 0.0)
    assert learned.sources["brightness"] == "heights of 12 docked vesicles"
    assert learned.pool == pytest.approx(200.0 + np.arange(12))


def test_a_movie_without_vesicles_is_calibrated_by_its_noise_alone() -> None:
    pixels = np.random.default_rng(0).poisson(200, (40, 64, 64)).astype(np.uint16)
    done = calibrated(Movie.from_array(pixels, pixel_um=0.107, frame_s=0.1), small_settings(repeats=1, per_um2=0.2))
    assert not done.injections["as_found"].any()
    assert "noise alone" in done.provenance["calibration"]["sources"]["brightness"]
    assert done.false_calls.set_index("kind").loc["fusion_any", "n_calls"] == 0


def refused(movie: Movie, **changes: float) -> str:
    """What is said of a movie that cannot be calibrated."""
    with pytest.raises(InputError) as caught:
        calibrated(movie, small_settings(**changes))
    return str(caught.value)


def test_what_cannot_be_calibrated_says_why() -> None:
    movie = small_truth().movie
    short = replace(movie, frames=ArrayFrames(movie.read(0, 8)))
    assert refused(short) == "phluorin: has 8 frames; a calibration needs at least 10, to have room for events"
    still = Movie.from_array(np.repeat(movie.read(0, 1), 30, axis=0), pixel_um=0.107, frame_s=0.1)
    assert "its noise is not that of a camera (consecutive frames do not differ" in refused(still)
    assert "found no room for a single injection" in refused(movie, clear_um=50.0, clear_s=100.0)
