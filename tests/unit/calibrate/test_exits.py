"""What becomes of injected docked stays: written down by hand, and of a movie that was calibrated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exotrack.calibrate import Calibrated
from exotrack.calibrate.draw import DockedStay, Injection
from exotrack.calibrate.exits import exits
from exotrack.pipeline import Result
from exotrack.score import Gates
from exotrack.simulate.patches import Patches
from exotrack.tables import Episodes, Tracks

Found = tuple[float, int, int, str]
"""A found docked stay: place along y (um), first and last frame, how it ended."""


def analysis(like: Result, *found: Found) -> Result:
    """An analysis that found these docked stays at x = 1 um."""
    rows, spots = [], []
    for track, (y, first, last, kind) in enumerate(found, 1):
        rows.append({
            "episode_id": track, "movie_id": "cell", "cell_id": 1, "track_id": track, "state": "docked", "first_frame": first,
            "last_frame": last, "t_first_s": 0.1 * first, "duration_s": 0.1 * (last - first + 1), "n_frames": last - first + 1,
            "entry_observed": first > 0, "exit_observed": kind not in ("lost", "censored"), "exit_kind": kind, "role": "",
        })  # fmt: skip
        spots += [{"movie_id": "cell", "track_id": track, "frame": k, "y_um": y, "x_um": 1.0} for k in range(first, last + 1)]
    empty: dict[str, Any] = {"episodes": Episodes.empty(), "tracks": Tracks.empty()}
    if found:
        empty = {"episodes": Episodes.build(pd.DataFrame(rows)), "tracks": Tracks.build(pd.DataFrame(spots))}
    return replace(like, **empty)


def vesicle(y_um: float, *stays: DockedStay) -> Injection:
    """A vesicle at rest, seen in all sixty frames."""
    frame = np.arange(60)
    return Injection((y_um, 1.0), Patches.join([]), {}, frame, np.full(60, y_um), np.ones(60), (), stays)


LEFT = DockedStay(1.0, 3.0, True, "undocking", False, False)
FUSED = DockedStay(1.0, 3.0, True, "full_fusion", False, False)
KISSED = (DockedStay(1.0, 3.0, True, "kiss_and_run", False, True), DockedStay(3.0, 6.0, True, "censored", True, False))


@pytest.mark.parametrize(
    ("stays", "found", "called"),
    [
        ((LEFT,), [(1.0, 11, 31, "undocking")], ["undocking"]),
        ((FUSED,), [(1.0, 11, 29, "kiss_and_run")], ["kiss_and_run"]),
        ((FUSED,), [(1.0, 11, 24, "lost")], ["lost"]),
        ((FUSED,), [(1.0, 11, 15, "lost")], [""]),  # broke off long before: says nothing of fusions
        ((FUSED,), [], [""]),
        ((FUSED,), [(1.6, 11, 29, "full_fusion")], [""]),  # another place
        ((LEFT,), [(1.0, 11, 50, "lost")], ["lost"]),  # it is gone: the stay ends late
        ((LEFT,), [(1.0, 11, 59, "censored")], ["going_on"]),
        (KISSED, [(1.0, 11, 30, "kiss_and_run"), (1.0, 31, 59, "censored")], ["kiss_and_run", ""]),
        (KISSED, [(1.0, 11, 59, "censored")], ["going_on", ""]),
        (KISSED, [(1.0, 11, 50, "undocking")], ["going_on", ""]),  # what ends it later is no call of the kiss
    ],
)
def test_an_exit_is_called_by_the_found_stay_that_was_running(
    seen: Calibrated, stays: tuple[DockedStay, ...], found: list[Found], called: list[str]
) -> None:
    own = analysis(seen.untouched)
    rows = exits([vesicle(1.0, *stays)], analysis(seen.untouched, *found), own, Gates())[0]
    assert [row["called"] for row in rows] == called
    assert all(row["found"] or not row["called"] for row in rows)
    assert [row["entry_kind"] for row in rows] == ["docking", "resealing"][: len(rows)]


def test_what_ends_a_stay_too_early_is_a_false_exit_and_what_begins_late_a_false_docking(seen: Calibrated) -> None:
    found = ((1.0, 11, 30, "undocking"), (1.0, 33, 50, "censored"))
    stay = DockedStay(1.0, 5.0, True, "full_fusion", False, False)
    row = exits([vesicle(1.0, stay)], analysis(seen.untouched, *found), analysis(seen.untouched), Gates())[0][0]
    assert (row["n_undocking"], row["n_full_fusion"], row["n_lost"]) == (1, 0, 0)
    assert row["n_dockings"] == 1 and row["docking_found"] and row["called"] == "going_on"
    assert row["watched_s"] == pytest.approx(0.1 * (20 + 9))  # to the gate of 0.8 s before it left


def test_a_place_where_the_movie_has_a_vesicle_of_its_own_is_crowded(seen: Calibrated) -> None:
    near, far = analysis(seen.untouched, (1.2, 0, 20, "lost")), analysis(seen.untouched, (2.0, 0, 20, "lost"))
    said = [exits([vesicle(1.0, LEFT)], near, own, Gates())[0][0]["crowded"] for own in (near, far)]
    assert said == [True, False]


def test_the_stays_of_a_calibration_are_those_of_its_injections(seen: Calibrated) -> None:
    stays, things = seen.injected_stays, seen.injections
    assert set(stays["injection_id"]) <= set(things["injection_id"])
    assert (stays["exit_kind"] == "full_fusion").sum() == (things["kind"] == "full_fusion").sum()
    found = stays[stays["found"]]
    assert len(found) > 0.5 * len(stays) and (found["found_frames"] > 0).all()
    ended = found["exit_kind"] != "censored"
    assert (found.loc[ended, "called"] != "").all() and (stays.loc[~stays["found"], "called"] == "").all()


def test_injected_vesicles_are_as_bright_docked_as_the_movies_own(seen: Calibrated) -> None:
    bright = seen.injections.merge(seen.injected_stays[["injection_id"]].drop_duplicates())
    stays = seen.untouched.episodes.query("state == 'docked'").dropna(subset="track_id")
    stays = stays[["track_id", "first_frame", "last_frame"]]
    own = seen.untouched.traces.query("observed").merge(stays.astype(int), on="track_id")
    own = own[own["frame"].between(own["first_frame"], own["last_frame"])].groupby("track_id")["amplitude"].median()
    middle = bright.loc[bright["as_found"], "brightness"].median() / own.median()
    assert 0.7 < middle < 1.5
