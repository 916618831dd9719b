"""Quality, pictures, cards: what the panels say."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.movie import Movie
from exotrack.report.cards import MAX_CARDS, chosen
from exotrack.report.cell import cell_view
from exotrack.report.docking import docking
from exotrack.report.pictures import binned, mean_image, outlines, picture
from exotrack.report.quality import bleaching, findings
from exotrack.report.rates import counts
from exotrack.report.rejected import rejected
from exotrack.tables import Episodes, Frames


def test_bleaching_is_measured():
    t = np.arange(200) * 0.1
    fit = bleaching(t, 100 + 50 * np.exp(-t / 6.0))
    assert fit.drop == pytest.approx(1 - (100 + 50 * np.exp(-19.9 / 6)) / 150, abs=2e-3)
    assert fit.tau_s == pytest.approx(6.0, rel=0.1)
    assert bleaching(t, 100 + t).drop == pytest.approx(-0.199, abs=5e-3)


@pytest.mark.parametrize(("t", "mean"), [([], []), ([0.0], [5.0]), (np.arange(9.0), np.zeros(9))])
def test_bleaching_of_too_little_is_missing(t, mean):
    assert np.isnan(bleaching(np.asarray(t, float), np.asarray(mean, float)).drop)


def test_a_steady_movie_does_not_bleach():
    assert bleaching(np.arange(50.0), np.full(50, 80.0)).drop == 0


def test_findings_name_lost_and_saturated_frames(scene):
    frames = scene.tables["frames"].copy()
    frames.loc[[7, 8], "status"] = "saturated"
    frames.loc[7, "saturated_fraction"] = 0.02
    counted = counts(scene.tables["events"], scene.tables["candidates"], scene.tables["cells"])
    fit = bleaching(np.arange(9.0), np.full(9, 5.0))
    found = {finding.title: finding for finding in findings(scene.movie, frames, counted, fit, ["link: slow"])}
    assert "1 of 120 frames" in found["Lost frames"].text and "1 black" in found["Lost frames"].text
    assert "2 frames" in found["Saturation"].text and "2.0 %" in found["Saturation"].text
    assert found["Few events"].level == "warning" and "6 fusions" in found["Few events"].text
    assert found["Reader"].text == "made by hand" and found["On the way"].text == "link: slow"


def test_uneven_time_stamps_are_told(scene):
    times = np.cumsum(np.where(np.arange(120) == 60, 0.5, 0.1))
    movie = Movie(scene.movie.frames, pixel_um=0.1, frame_s=0.1, times_s=times - times[0])
    fit = bleaching(np.arange(9.0), np.full(9, 5.0))
    assert any(f.title == "Irregular timing" for f in findings(movie, scene.tables["frames"], [], fit, []))


def test_the_outline_runs_along_the_edge_of_the_mask():
    mask = np.zeros((20, 30), np.int32)
    mask[5:10, 12:20] = 3
    # The path is simplified to 0.8 pixels: invisible on any screen, and a tenth of the points.
    corners = np.array([pair.split() for pair in outlines(mask).strip("MZ").split("L")], float)
    assert corners.min(axis=0) == pytest.approx([11.5, 4.5], abs=0.8)
    assert corners.max(axis=0) == pytest.approx([19.5, 9.5], abs=0.8)
    assert outlines(np.ones((16, 16), bool)).count("M") == 1
    assert outlines(np.zeros((16, 16), bool)) == ""


def test_large_pictures_are_binned_by_means():
    values = np.arange(25.0).reshape(5, 5)
    values[0, 0] = np.nan
    small, factor = binned(values, max_side=3)
    assert (small.shape, factor) == ((3, 3), 2)
    assert small[0, 0] == pytest.approx((1 + 5 + 6) / 3) and small[2, 2] == 24
    assert binned(np.full((4, 4), np.nan), 2)[0].shape == (2, 2)


def test_a_picture_of_nothing_finite_is_drawn():
    assert picture(np.full((20, 20), np.nan)).src.startswith("data:image/png;base64,")


def test_the_mean_leaves_out_what_is_not_finite():
    pixels = np.ones((4, 16, 16), np.float32)
    pixels[1, 0, 0] = np.nan
    pixels[2, 0, 0] = 4
    image, n = mean_image(Movie.from_array(pixels, pixel_um=0.1, frame_s=0.1), np.arange(4))
    assert n == 4 and image[0, 0] == pytest.approx(2.0)


def test_the_likeliest_fusions_get_the_cards(make_scene):
    events = make_scene(n_fusions=MAX_CARDS + 9).tables["events"]
    events.loc[3, ["p_full_fusion", "p_kiss_and_run"]] = np.nan
    picked = chosen(events)
    own = np.where(events["kind"] == "full_fusion", events["p_full_fusion"], events["p_kiss_and_run"])[: MAX_CARDS + 9]
    assert len(picked) == MAX_CARDS
    assert 4 not in set(picked["event_id"])
    left = ~events["event_id"].head(MAX_CARDS + 9).isin(picked["event_id"])
    assert np.nanmax(own[left]) <= np.nanmin(own[~left])
    assert picked["t_s"].is_monotonic_increasing


def test_marks_stand_where_the_events_are(scene):
    view = cell_view(scene.movie, scene.tables, scene.footprint, (2.0,), {1})
    first = next(mark for mark in view.marks if mark.event_id == 1)
    row = scene.tables["events"].set_index("event_id").loc[1]
    assert (first.x, first.y) == (pytest.approx(row.x_um / 0.1, abs=0.01), pytest.approx(row.y_um / 0.1, abs=0.01))
    assert first.percent == pytest.approx(100 * row.t_s / 12, abs=0.01) and first.target == "event-1"
    assert view.lost == [(pytest.approx(100 * 0.5 / 12), pytest.approx(100 * 0.1 / 12))]
    assert view.stimuli == [pytest.approx(100 * 2 / 12)]


def test_stays_of_unknown_age_are_kept_apart(scene):
    panel = docking(scene.tables["episodes"])
    entered = int(scene.tables["episodes"]["entry_observed"].sum())
    assert (panel.seen.at_risk[0], panel.before.at_risk[0]) == (entered, 40 - entered)
    assert sum(n for _, n, *_ in panel.exits) == 40
    assert docking(Episodes.empty()).chart is None


def test_reasons_are_counted_and_duplicates_are_no_misses(scene):
    candidates = scene.tables["candidates"].copy()
    down = candidates.index[candidates["called"] == ""]
    candidates.loc[down[:3], "reasons"] = ["moving|moving", "duplicate", "moving|strange_word"]
    candidates.loc[down[3:], "reasons"] = "gradual"
    candidates.loc[down[:3], ["p_full_fusion", "p_kiss_and_run"]] = [0.45, 0.049]
    panel = rejected(scene.movie, candidates, scene.tables["frames"], 0.6)
    assert [(words, n) for words, _, n, _ in panel.reasons] == [
        ("gradual", len(down) - 3), ("moving", 2), ("duplicate", 1), ("strange word", 1)
    ]  # fmt: skip
    numbers = [miss.candidate_id for miss in panel.misses]
    assert candidates.loc[down[0], "candidate_id"] in numbers and candidates.loc[down[1], "candidate_id"] not in numbers


def test_no_frames_table_still_shows_the_cell(scene):
    view = cell_view(scene.movie, {**scene.tables, "frames": Frames.empty()}, None, (), set())
    assert view.averaged == 48 and view.outline == "" and view.lost == []
