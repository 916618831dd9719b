"""How often vesicles dock: found dockings, corrected for those that were missed, were none, or were too short to be recorded.

A docking is recorded if its stay shows in m frames or more, and found with a chance that depends on how long the stay was. With
A_k the chance that a stay shows in k frames or more, r_b the recall of stays of length b, and phi the rate at which a vesicle
that is docked already is taken for one that docks,

    found dockings - phi * time docked = rate * sum over movies of area * (n - m) D * sum_b (A_from(b) - A_to(b)) r_b,

n frames of interval D: a vesicle that docks within the last m frames cannot be recorded any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.course import Course, frame_law
from exotrack.kinetics.fit import Fit
from exotrack.kinetics.likelihood import course_of
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.study import Study

if TYPE_CHECKING:
    import pandas as pd

LENGTHS_S = (0.0, 0.5, 1.5, 5.0)
"""Lengths (s) of docked stays from which recall is counted apart: short ones are missed more often."""
DRAWS = 400
JEFFREYS = 0.5
"""Prior counts of each side of a share, and of a number of events."""
Values = Mapping[str, float]


class Arrivals(NamedTuple):
    """Dockings per um^2 and s: rate with the ends of its 95 % interval; as they were found, uncorrected; how many were found;
    recall of those long enough to be recorded; and how many of those found were none."""

    rate: float
    low: float
    high: float
    uncorrected: float
    n_found: int
    recall: float
    n_false: float


class _Recall(NamedTuple):
    """Injected dockings of each length and those found (n_lengths,), false dockings and the time (s) they had."""

    n: Real
    found: Real
    false: float
    watched_s: float

    def shares(self) -> Real:
        """(n_lengths,) part of them that was found; that of all where none was injected."""
        if not self.found.sum() > 0:
            raise InputError(
                f"dockings: of {self.n.sum():.0f} injected dockings none was found, so recall is not known; calibrate with more"
            )
        return np.where(self.n > 0, self.found / np.maximum(self.n, 1), self.found.sum() / self.n.sum())


def arrivals(
    study: Study,
    best: Fit,
    injected: pd.DataFrame | None = None,
    part: Callable[[Values], float] = lambda _: 1.0,
    seed: int = 0,
) -> Arrivals:
    """How often vesicles dock.

    Parameters
    ----------
    study : where they were found. best : the fitted law of their stays, one for all movies, with rates that do not change.
    injected : table `InjectedStays` of calibrations of the movies; None: every docking was found and none is false.
    part : share of the dockings that is asked for, of the fitted values, such as those that are no visits.
    seed : of the draws from which the interval is made: of rates, recall, false dockings and the number found.

    Raises `InputError` if the rates change, the cells have no area, or no injected docking was found.
    """
    view = best.view()
    if isinstance(view, Mapping) or course_of(view).switches_s:
        raise InputError("dockings: need one law for all movies, with rates that do not change")
    stays = study.stays[study.stays["cell_id"].notna()]
    n_found, docked_s = int((stays["entry_kind"] == "docking").sum()), float(stays["duration_s"].sum())
    known = _recall(injected, study) if injected is not None else None
    places = _exposure(study)
    sure = np.ones(len(LENGTHS_S))
    shares = sure if known is None else known.shares()
    phi = known.false / known.watched_s if known is not None and known.watched_s else 0.0
    course, values = course_of(view), best.values
    long_enough = _expected(course, places, sure)
    seen = _expected(course, places, shares)
    drawn = _drawn(best, known, places, n_found, docked_s, part, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Arrivals(
        max(n_found - phi * docked_s, 0.0) / seen * part(values), float(low), float(high),
        n_found / sum(area * n * frame_s for area, frame_s, _, n in places), n_found, seen / long_enough, phi * docked_s,
    )  # fmt: skip


def _exposure(study: Study) -> list[tuple[float, float, int, int]]:
    """Area (um^2), frame interval (s), shortest stay (frames) and frames of each movie."""
    area = study.cells.groupby("movie_id")["area_um2"].sum()
    found = [
        (float(area.get(name, 0.0)), float(frame_s), int(least), int(n))
        for name, frame_s, least, n in study.movies[["movie_id", "frame_s", "min_frames", "movie_frames"]].itertuples(index=False)
    ]
    if not sum(one[0] for one in found) > 0:
        raise InputError("dockings: the cells have no area; give a mask of the cells when the movies are analysed")
    return found


def _recall(injected: pd.DataFrame, study: Study) -> _Recall:
    """What a calibration says of dockings; of vesicles as bright as the movie's, where no other lay."""
    least = int(study.movies["min_frames"].max())
    mine = injected[injected["as_found"] & ~injected["crowded"] & (injected["n_frames"] >= least)]
    came = mine[mine["docking_found"].notna()]
    at = np.searchsorted(LENGTHS_S, came["duration_s"].to_numpy(float), side="right") - 1
    found = came["docking_found"].to_numpy(bool)
    k = len(LENGTHS_S)
    false, watched_s = float(mine["n_dockings"].sum()), float(mine["watched_s"].sum())
    return _Recall(
        np.bincount(at, minlength=k).astype(float), np.bincount(at[found], minlength=k).astype(float), false, watched_s
    )


def _expected(course: Course, places: list[tuple[float, float, int, int]], shares: Real) -> float:
    """Dockings that are found at a rate of 1 per um^2 and s, of recall `shares` by length."""
    total, laws = 0.0, {}
    for area, frame_s, least, n in places:
        if n <= least:
            continue
        edges = np.array([max(int(np.ceil(s / frame_s - 1e-9)), least) for s in LENGTHS_S])
        if (frame_s, least) not in laws:
            laws[frame_s, least] = np.append(frame_law(course, frame_s, int(edges.max()))[0][edges - 1], 0.0)
        lasting = laws[frame_s, least]
        total += area * (n - least) * frame_s * float((lasting[:-1] - lasting[1:]) @ shares)
    return total


def _drawn(
    best: Fit,
    known: _Recall | None,
    places: list[tuple[float, float, int, int]],
    n_found: int,
    docked_s: float,
    part: Callable[[Values], float],
    rng: np.random.Generator,
) -> Real:
    """(DRAWS,) rates that what is known allows."""
    free = np.flatnonzero(np.isfinite(np.diag(best.covariance)))
    spread = best.covariance[np.ix_(free, free)]
    found = np.empty(DRAWS)
    for row in range(DRAWS):
        x = best.x.copy()
        if len(free):
            x[free] = rng.multivariate_normal(x[free], spread, method="eigh")
        values = best.problem.values(np.clip(x, *best.problem.bounds.T))
        shares, false = np.ones(len(LENGTHS_S)), 0.0
        if known is not None:
            shares = rng.beta(known.found + JEFFREYS, known.n - known.found + JEFFREYS)
            false = rng.gamma(known.false + JEFFREYS) / known.watched_s * docked_s if known.watched_s else 0.0
        number = rng.gamma(n_found + JEFFREYS)
        view = best.problem.make(values)
        course = course_of(view)
        found[row] = max(number - false, 0.0) / _expected(course, places, shares) * part(values)
    return found
