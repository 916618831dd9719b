"""classify() on simulated movies: its tables keep their contracts and agree with one another, and bad frames make no event."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import altered, calls_of, scene, truth

from exotrack.classify import classify
from exotrack.classify._candidates import LEAST_Z, MOST_PER_TRACK, SPANS, _changes, _in_track
from exotrack.classify._features import window_means
from exotrack.params import ClassifyParams
from exotrack.tables import FUSION_KINDS, Candidates, Episodes, Events, Fits, Traces

NAMES = ("granule", "phluorin")
P = ["p_full_fusion", "p_kiss_and_run", "p_other"]


def fusions(calls):
    return calls.events[calls.events["kind"].isin(FUSION_KINDS)]


@pytest.fixture(scope="module", params=NAMES)
def calls(request):
    return calls_of(request.param)


def test_the_four_tables_keep_their_contracts(calls):
    for table, value in (
        (Candidates, calls.candidates), (Episodes, calls.episodes), (Events, calls.events), (Fits, calls.fits),
    ):  # fmt: skip
        table.check(value)
        assert len(value) > 0
    assert calls.events["event_id"].tolist() == list(range(1, len(calls.events) + 1))
    assert calls.episodes["episode_id"].tolist() == list(range(1, len(calls.episodes) + 1))
    assert calls.candidates["candidate_id"].is_unique
    assert calls.events["t_s"].is_monotonic_increasing


def test_probabilities_of_every_candidate_sum_to_one(calls):
    np.testing.assert_allclose(calls.candidates[P].sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(fusions(calls)[P].sum(axis=1), 1.0, rtol=1e-12)
    others = calls.events[~calls.events["kind"].isin(FUSION_KINDS)]
    assert others[P].isna().all(axis=None)


def test_every_called_candidate_is_an_event_and_every_fusion_a_called_candidate(calls):
    called = calls.candidates[calls.candidates["called"] != ""].set_index("candidate_id").sort_index()
    events = fusions(calls).set_index("candidate_id").sort_index()
    assert called.index.tolist() == events.index.astype(int).tolist()
    assert called["called"].tolist() == events["kind"].tolist()
    assert called["frame"].tolist() == events["frame"].tolist()
    assert (events["p_other"] < 0.5).all()
    likelier = np.where(events["p_full_fusion"] >= events["p_kiss_and_run"], *FUSION_KINDS)
    assert events["kind"].tolist() == likelier.tolist()


def test_a_candidate_has_reasons_if_and_only_if_it_was_turned_down(calls):
    turned_down = calls.candidates["called"] == ""
    assert (calls.candidates.loc[turned_down, "reasons"] != "").all()
    assert (calls.candidates.loc[~turned_down, "reasons"] == "").all()


def test_every_fusion_has_the_course_that_was_fitted_to_it(calls):
    assert set(calls.fits["event_id"]) == set(fusions(calls)["event_id"])
    for event in fusions(calls).itertuples():
        course = calls.fits[calls.fits["event_id"] == event.event_id]
        assert course["frame"].is_unique
        assert (course["frame"] - event.frame).abs().min() == 0
        inside = course["intensity"].notna()
        assert course.loc[inside, ["intensity_model", "intensity_sd"]].notna().all(axis=None)


def test_called_fusions_close_the_stays_they_end(calls):
    ended = calls.episodes[calls.episodes["exit_kind"].isin(FUSION_KINDS)]
    told = fusions(calls).groupby("track_id")
    for stay in ended.itertuples():
        of_track = told.get_group(stay.track_id)
        after = of_track[(of_track["kind"] == stay.exit_kind) & (of_track["frame"] > stay.last_frame)]
        assert len(after) > 0
    assert (calls.episodes["last_frame"] >= calls.episodes["first_frame"]).all()
    assert (calls.episodes["duration_s"] > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_stays_of_a_track_do_not_overlap_and_lie_in_its_trace(name):
    stays, traces = calls_of(name).episodes, scene(name).traces
    seen = traces.groupby("track_id")["frame"].agg(["min", "max"])  # followed a little beyond its spots
    for track_id, rows in stays.groupby("track_id"):
        assert (rows["first_frame"].to_numpy()[1:] > rows["last_frame"].to_numpy()[:-1]).all()
        assert rows["first_frame"].min() >= seen.loc[track_id, "min"]
        assert rows["last_frame"].max() <= seen.loc[track_id, "max"]


def test_times_and_places_lie_in_the_movie(calls):
    movie = scene("granule").movie
    assert calls.events["frame"].between(0, len(movie) - 1).all()
    assert calls.events["t_s"].between(0, movie.duration_s).all()
    size = movie.shape[1] * movie.pixel_um
    assert calls.events[["y_um", "x_um"]].stack().between(-0.5, size).all()


@pytest.mark.parametrize("name", NAMES)
def test_most_true_fusions_are_found_where_they_are_and_few_others(name):
    true = truth(name).events
    true = true[true["kind"].isin(FUSION_KINDS) & true["visible"]]
    found = fusions(calls_of(name))
    apart = np.hypot(*(found[k].to_numpy()[:, None] - true[k].to_numpy()[None] for k in ("y_um", "x_um")))
    late = np.abs(found["t_s"].to_numpy()[:, None] - true["t_s"].to_numpy()[None])
    match = (apart < 0.5) & (late < 0.5)
    assert len(true) >= 5
    assert match.any(axis=0).mean() > 0.5
    assert match.any(axis=1).mean() > 0.5


def test_no_trace_gives_four_empty_tables_with_all_columns():
    f = scene("granule")
    calls = classify(f.movie, Traces.empty(), ClassifyParams(), f.noise, f.frames, 0.13)
    for table, value in (
        (Candidates, calls.candidates), (Episodes, calls.episodes), (Events, calls.events), (Fits, calls.fits),
    ):  # fmt: skip
        assert len(value) == 0
        assert list(table.check(value).columns)[: len(table.columns())] == list(table.columns())
    assert set(calls_of("granule").candidates.columns) == set(calls.candidates.columns)


def near(events, frame, reach):
    return events[(events["frame"] - frame).abs() <= reach]


def same(a, b, frames=1, um=0.15):
    """How many of the events of `a` are in `b`."""
    return sum(
        bool(((b["frame"] - e.frame).abs().le(frames) & np.hypot(b["y_um"] - e.y_um, b["x_um"] - e.x_um).le(um)).any())
        for e in a.itertuples()
    )


def darken(pixels):
    pixels[45] = 100


def whiten(pixels):
    pixels[45] = 4000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", [darken, whiten])
def test_a_frame_that_cannot_be_used_makes_no_event_at_its_edges(name, spoil):
    before, after = fusions(calls_of(name)), fusions(altered(name, spoil, ceiling=4000.0).calls())
    new, looked = near(after, 45, 3), calls_of(name).candidates
    # Where it was doubtful already, one frame less may decide.
    assert same(new, looked[looked["p_other"] < 0.7], frames=2) == len(new)
    away = before[(before["frame"] - 45).abs() > 10]
    # One may lie so near to one half that its other frames decide.
    assert same(away, after) >= 0.9 * len(away) - 1


@pytest.mark.parametrize("name", NAMES)
def test_three_lost_frames_in_a_row_make_no_event_either(name):
    def darken_three(pixels):
        pixels[44:47] = 100

    before, after = fusions(calls_of(name)), fusions(altered(name, darken_three).calls())
    new = near(after, 45, 3)
    assert same(new, before, frames=3) == len(new)


def test_clipped_spots_are_looked_at_all_the_same():
    def clip(pixels):
        np.minimum(pixels, int(np.percentile(pixels, 99.5)), out=pixels)

    f = scene("granule")
    ceiling = float(int(np.percentile(f.movie.read(0, len(f.movie)), 99.5)))
    clipped = altered("granule", clip, ceiling=ceiling)
    assert (clipped.frames["status"] == "saturated").mean() > 0.9
    calls = clipped.calls()
    assert len(calls.candidates) > 0.5 * len(calls_of("granule").candidates)
    Events.check(calls.events)


@pytest.mark.parametrize("name", NAMES)
def test_moving_the_picture_by_whole_bins_moves_the_events(name):
    """What touches the border of the picture may change. Far from a vesicle the picture is seen in bins of 2 or 3 pixels."""
    down, right = 6, -6
    px = scene(name).movie.pixel_um
    size = scene(name).movie.shape[1] * px
    still = calls_of(name).events
    moved = altered(name, lambda pixels: np.roll(pixels, (down, right), (1, 2))).calls().events
    moved = moved.assign(y_um=moved["y_um"] - down * px, x_um=moved["x_um"] - right * px)
    inner = [e[e[["y_um", "x_um"]].apply(lambda v: v.between(2.0, size - 2.0)).all(axis=1)] for e in (still, moved)]
    a, b = [e[e["kind"].isin(FUSION_KINDS)] for e in inner]
    # Of several places of one event the likeliest is kept, by a hair.
    assert same(a, b, frames=0, um=0.06) == len(a)
    assert same(b, a, frames=0, um=0.06) == len(b)


def test_a_movie_of_noise_with_one_still_spot_has_no_fusion(rng):
    from simulated import followed

    from exotrack.movie import Movie
    from exotrack.physics import pixel_gaussian

    light = 60.0 + 1500 * pixel_gaussian((64, 64), 31.3, 30.8, 1.3)
    pixels = (2 * rng.poisson(light, (60, 64, 64)) + 100).astype(np.uint16)
    movie = Movie.from_array(pixels, pixel_um=0.1, frame_s=0.1)
    for name in NAMES:
        calls = followed(movie, name).calls()
        assert len(fusions(calls)) == 0
        assert calls.episodes["exit_kind"].tolist() == ["censored"] * len(calls.episodes)


def test_the_time_since_the_stimulus_is_that_since_the_last_one():
    f = scene("granule")
    params = ClassifyParams(stimulus_s=(2.0, 5.0))
    events = classify(f.movie, f.traces, params, f.noise, f.frames, 0.13).events
    expected = np.select([events["t_s"] >= 5, events["t_s"] >= 2], [events["t_s"] - 5, events["t_s"] - 2], np.nan)
    np.testing.assert_allclose(events["t_since_stimulus_s"], expected)


def test_confidence_is_a_matter_of_the_limit_alone():
    f = scene("granule")
    strict = classify(f.movie, f.traces, ClassifyParams(confidence=0.99), f.noise, f.frames, 0.13).events
    lax = classify(f.movie, f.traces, ClassifyParams(confidence=0.51), f.noise, f.frames, 0.13).events
    pd.testing.assert_frame_equal(strict.drop(columns="confident"), lax.drop(columns="confident"))
    for events, limit in ((strict, 0.99), (lax, 0.51)):
        told = events[events["kind"].isin(FUSION_KINDS)]
        assert (told["confident"] == (told[P[:2]].max(axis=1) >= limit)).all()


def changes(height, sd=1.0, known=None):
    """Frames at which a height changes, ascending, and how much."""
    known = np.ones(len(height), bool) if known is None else known
    frames, z = _changes(np.asarray(height, float), np.full(len(height), sd), known, np.array(SPANS), LEAST_Z, MOST_PER_TRACK)
    order = np.argsort(frames)
    return frames[order].tolist(), z[order]


@pytest.mark.parametrize("at", [1, 2, 7, 30, 57, 59])
@pytest.mark.parametrize("size", [-60.0, -9.0, 9.0, 60.0])
def test_a_step_is_found_once_where_it_is(rng, at, size):
    for _ in range(20):
        frames, z = changes(size * (np.arange(60) >= at) + rng.normal(0, 0.3, 60))
        assert frames == [at]
        assert z[0] > LEAST_Z


def staircase(gap, second):
    """Frames 20 and 20 + gap step, by 30 and by `second` times as much."""
    index = np.arange(60)
    return 30.0 * (index >= 20) + 30.0 * second * (index >= 20 + gap)


@pytest.mark.parametrize(
    ("gap", "second"),
    [*((gap, 2.0) for gap in (1, 2, 3, 5, 8, 20)), (1, 1.0), (20, 1.0), *((gap, -1.0) for gap in (1, 3, 8, 20))],
)
def test_two_steps_are_found_twice(rng, gap, second):
    found = [changes(staircase(gap, second) + rng.normal(0, 0.3, 60))[0] for _ in range(30)]
    assert np.mean([frames == [20, 20 + gap] for frames in found]) > 0.95


@pytest.mark.parametrize("gap", [2, 3, 5, 8])
@pytest.mark.parametrize("second", [-1.0, 1.0])
def test_of_two_equal_steps_within_one_mean_both_are_found_and_few_more_beside_them(rng, gap, second):
    """A mean over both says as much of a frame beside them as of either."""
    for _ in range(30):
        frames, _ = changes(staircase(gap, second) + rng.normal(0, 0.3, 60))
        assert {20, 20 + gap} <= set(frames)
        assert len(frames) <= 4
        assert min(frames) >= 16
        assert max(frames) <= 24 + gap


@pytest.mark.parametrize("span", [1, 3, 8])
def test_how_much_a_step_counts_is_its_size_in_standard_errors_of_the_longest_mean_there_is(span):
    height = 20.0 * (np.arange(2 * span) >= span)
    frames, z = changes(height, sd=2.0)
    assert frames == [span]
    assert z[0] == pytest.approx(20.0 / (2.0 * np.sqrt(2.0 / span)))


def test_in_noise_hardly_a_change_is_found(rng):
    """Of 60,000 frames of Gaussian noise, with three means each, less than one in ten thousand."""
    assert sum(len(changes(rng.normal(0, 1, 200))[0]) for _ in range(300)) < 6


def test_the_largest_changes_of_a_track_that_flickers_are_kept(rng):
    height = np.where(np.arange(200) // 2 % 2 == 0, 0.0, 50.0) + rng.normal(0, 0.5, 200)
    height[100:] *= 4
    frames, z = changes(height)
    assert len(frames) == MOST_PER_TRACK
    assert (z > 100).all()
    assert min(frames) >= 100


def trace_of(height, sd=1.0):
    """Trace of one track that is seen throughout."""
    n = len(height)
    columns = {"track_id": np.ones(n, int), "frame": np.arange(n), "y_um": np.ones(n), "x_um": np.ones(n)}
    return pd.DataFrame(
        columns | {"amplitude": height, "amplitude_sd": np.where(np.isfinite(height), sd, np.nan), "observed": True}
    )


@pytest.mark.parametrize("lost", [(30,), (30, 31, 32), (12, 13, 40), (0, 1), (58, 59)])
@pytest.mark.parametrize("step", [0.0, 80.0])
def test_nothing_changes_into_or_out_of_a_frame_that_cannot_be_used(rng, lost, step):
    """A step far from such a frame is found all the same; in and straight after it nothing is."""
    params = ClassifyParams()
    for _ in range(20):
        height = 20.0 + step * (np.arange(60) >= 50) + rng.normal(0, 1, 60)
        height[list(lost)] = np.nan
        found = {int(row[1]): row[4] for row in _in_track(trace_of(height), params)}
        sudden = [frame for frame, z in found.items() if z > 0]
        assert sudden == ([50] if step else [])


@pytest.mark.parametrize("lost", [(30,), (30, 31, 32)])
def test_a_frame_marked_unknown_is_never_a_change_however_far_off_its_value(lost):
    height = np.full(60, 20.0)
    height[list(lost)] = 500.0
    known = np.ones(60, bool)
    known[[*lost, lost[-1] + 1]] = False
    frames, _ = changes(height, known=known)
    assert not set(frames) & {*lost, lost[-1] + 1}


def test_window_means_are_the_means_of_what_is_there(rng):
    values, lag = rng.normal(0, 1, (3, 20)), np.arange(-8, 12)
    values[rng.random((3, 20)) < 0.3] = np.nan
    values[1, 8:10] = np.nan
    windows = np.array([(-8, -4), (-4, 0), (0, 2), (2, 30), (30, 40)])
    out = np.empty(15)
    window_means(values, lag, windows, out)
    expected = [
        row[inside].mean() if (inside := (lag >= a) & (lag < b) & np.isfinite(row)).any() else np.nan
        for row in values
        for a, b in windows
    ]
    np.testing.assert_allclose(out, expected)
    assert np.isnan(out[7])
    assert np.isnan(out[4::5]).all()
