"""The score itself: pair the events, then count and compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.score.calibration import Calibration, calibration
from exotrack.score.counts import Count
from exotrack.score.load import Scored
from exotrack.score.matching import Gates, Pairs, coordinates, movies_to_tell_apart, pair, within_reach
from exotrack.score.measures import MEASURES, errors, measure
from exotrack.score.scores import Scores
from exotrack.score.spots import score_spots, visible
from exotrack.score.tracking import score_tracks
from exotrack.tables import FUSION_KINDS

_NEEDED = ("movie_id", "kind", "frame", "t_s", "y_um", "x_um")
_SCORED = {"fusion_any": FUSION_KINDS} | {kind: (kind,) for kind in (*FUSION_KINDS, "docking", "undocking", "tethering")}


@dataclass(frozen=True)
class Evidence:
    """What may be known besides the events; each part that is given adds its part of the score.

    n_frames : length of the movie: events in its first and last frame cannot be seen and are not required.
    candidates : the found candidates, for the calibration of their probabilities.
    true_spots, found_spots : for the score of the spots.
    true_tracks, found_tracks : for the measures of the Particle Tracking Challenge.
    """

    n_frames: int | None = None
    candidates: pd.DataFrame | None = None
    true_spots: pd.DataFrame | None = None
    found_spots: pd.DataFrame | None = None
    true_tracks: pd.DataFrame | None = None
    found_tracks: pd.DataFrame | None = None


def score(true: pd.DataFrame, found: pd.DataFrame, gates: Gates | None = None, evidence: Evidence | None = None) -> Scores:
    """Score `found` events against `true` ones.

    Parameters
    ----------
    true, found : events tables; only movie_id, kind, frame, t_s, y_um, x_um are needed. If both hold a single movie its
        name does not matter. True events with a column `visible` that is False, and those in the first or last frame,
        are neither required nor counted as false when found.
    gates : how far a found event may lie from the true one.
    evidence : what else is known.

    Events are paired one to one so that the number of pairs is greatest and then their distance least: within each kind,
    and for ``fusion_any`` whatever the kind of fusion. The confusion of kinds comes from the pairs of ``fusion_any``;
    measures are compared where the kind is right. Raises `InputError` for a table without the needed columns.
    """
    gates, evidence = gates or Gates(), evidence or Evidence()
    for name, table in (("true", true), ("found", found)):
        lacking = [key for key in _NEEDED if key not in table]
        if lacking:
            raise InputError(f"{name} events: column {lacking[0]} is missing; found {', '.join(map(str, table.columns))}")
    required = visible(true) & ~_at_the_ends(true, evidence.n_frames)
    counts, paired = [], {}
    for kind in _SCORED:
        count, paired[kind] = _count(kind, true, found, required, gates)
        counts.append(count)
    fusions = paired["fusion_any"]
    same = [(kind, *_rows(true, found, fusions, kind)) for kind in FUSION_KINDS]
    return Scores(
        gates=gates,
        counts=tuple(counts),
        confusion=_confusion(true, found, fusions),
        errors=tuple(errors(kind, true.iloc[p.true], found.iloc[p.found]) for kind, p in paired.items()),
        measures=tuple(measure(name, kind, ours, theirs) for name in MEASURES for kind, ours, theirs in same),
        calibration=_calibrations(true, evidence.candidates, required, gates),
        spots=None
        if evidence.true_spots is None or evidence.found_spots is None
        else score_spots(evidence.true_spots, evidence.found_spots, gates),
        tracks=None
        if evidence.true_tracks is None or evidence.found_tracks is None
        else score_tracks(evidence.true_tracks, evidence.found_tracks, gates.track_um),
    )


def score_loaded(true: Scored, found: Scored, pixel_um: float | None = None) -> Scores:
    """Score what `load_scored` read: whatever both sides hold, within the gates of `pixel_um` or of the pixel they name.

    Where either side holds no events only tracks are scored, and the counts are empty. Raises `InputError` if then either
    holds no tracks.
    """
    pixel, frame_s = pixel_um or found.pixel_um or true.pixel_um, found.frame_s or true.frame_s
    gates = Gates() if pixel is None else Gates.for_movie(pixel, frame_s)
    if true.events is not None and found.events is not None:
        evidence = Evidence(found.n_frames or true.n_frames, found.candidates, true.spots, found.spots, true.tracks, found.tracks)
        return score(true.events, found.events, gates, evidence)
    for name, side in (("TRUE", true), ("FOUND", found)):
        if side.tracks is None:
            raise InputError(f"{name} holds events but no tracks, the other side tracks but no events; give folders with both")
    assert true.tracks is not None
    assert found.tracks is not None
    tracks = score_tracks(true.tracks, found.tracks, gates.track_um)
    return Scores(gates=gates, counts=(), confusion={}, errors=(), measures=(), tracks=tracks)


def _count(kind: str, true: pd.DataFrame, found: pd.DataFrame, required: NDArray[np.bool_], gates: Gates) -> tuple[Count, Pairs]:
    is_fusion = kind in ("fusion_any", *FUSION_KINDS)
    time_s = gates.fusion_s if is_fusion else gates.docking_s
    movies = movies_to_tell_apart(true, found)
    of_kind = true["kind"].isin(_SCORED[kind]).to_numpy()
    # What cannot be required excuses any call of a fusion there, not only of its own kind.
    like = true["kind"].isin(FUSION_KINDS if is_fusion else (kind,)).to_numpy()
    wanted, spare = np.flatnonzero(of_kind & required), np.flatnonzero(like & ~required)
    called = np.flatnonzero(found["kind"].isin(_SCORED[kind]).to_numpy())
    ours = coordinates(true, movies, time_s, gates.distance_um)
    theirs = coordinates(found, movies, time_s, gates.distance_um)
    pairs = pair(ours[wanted], theirs[called])
    rest = np.setdiff1d(called, called[pairs.found])
    excused = pair(ours[spare], theirs[rest])
    count = Count(kind, len(wanted), len(called) - len(excused.found), len(pairs.true))
    return count, Pairs(wanted[pairs.true], called[pairs.found])


def _at_the_ends(true: pd.DataFrame, n_frames: int | None) -> NDArray[np.bool_]:
    frame = true["frame"].to_numpy(int)
    return np.zeros(len(true), bool) if n_frames is None else (frame <= 0) | (frame >= n_frames - 1)


def _rows(true: pd.DataFrame, found: pd.DataFrame, pairs: Pairs, kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    ours, theirs = true.iloc[pairs.true], found.iloc[pairs.found]
    right = (ours["kind"].to_numpy() == kind) & (theirs["kind"].to_numpy() == kind)
    return ours[right], theirs[right]


def _confusion(true: pd.DataFrame, found: pd.DataFrame, pairs: Pairs) -> dict[str, dict[str, int]]:
    ours, theirs = true["kind"].to_numpy()[pairs.true], found["kind"].to_numpy()[pairs.found]
    return {was: {called: int(np.sum((ours == was) & (theirs == called))) for called in FUSION_KINDS} for was in FUSION_KINDS}


def _calibrations(
    true: pd.DataFrame, candidates: pd.DataFrame | None, required: NDArray[np.bool_], gates: Gates
) -> tuple[Calibration, ...]:
    # A candidate is true if a fusion lies within the gates, and of the kind of the nearest one: two candidates of one
    # fusion are both right about it. Those at events that are not required are not judged.
    if candidates is None:
        return ()
    fusion = true["kind"].isin(FUSION_KINDS).to_numpy()
    looked = candidates if "movie_id" in candidates else candidates.assign(movie_id="")
    looked = looked if "t_s" in looked else looked.assign(t_s=looked["frame"] * _frame_s(true))
    nearest = _nearest(true[fusion & required], looked, gates)
    spare = _nearest(true[fusion & ~required], looked, gates)
    judged = (nearest >= 0) | (spare < 0)
    kinds = np.append(true["kind"].to_numpy(object)[fusion & required], "")[nearest][judged]
    p = {key: looked[key].to_numpy(float)[judged] for key in ("p_full_fusion", "p_kiss_and_run", "p_other")}
    return (
        calibration("fusion_any", 1.0 - p["p_other"], kinds != ""),
        calibration("full_fusion", p["p_full_fusion"], kinds == "full_fusion"),
        calibration("kiss_and_run", p["p_kiss_and_run"], kinds == "kiss_and_run"),
    )


def _nearest(events: pd.DataFrame, looked: pd.DataFrame, gates: Gates) -> NDArray[Any]:
    movies = movies_to_tell_apart(events, looked) if looked["movie_id"].ne("").any() else []
    points = [coordinates(table, movies, gates.fusion_s, gates.distance_um) for table in (events, looked)]
    left, right, cost = within_reach(points[0], points[1])
    nearest = np.full(len(looked), -1)
    order = np.argsort(-cost, kind="stable")
    nearest[right[order]] = left[order]  # the least cost is written last
    return nearest


def _frame_s(true: pd.DataFrame) -> float:
    later = true[true["frame"] > 0]
    return float((later["t_s"] / later["frame"]).median())
