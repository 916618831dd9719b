"""What a law says a camera would have seen of as many stays, begun in the same frames: observables and curves with their bands.

The model is put through the camera, and not the data corrected for it: every number of the data is compared with the same number
of data redrawn from the law, with frames, filter, ends of movies, losses and wrong calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack.kinetics.estimators import Curve, aalen_johansen, kaplan_meier
from exotrack.kinetics.goodness import Observed
from exotrack.kinetics.observe import FrameLaw
from exotrack.kinetics.resample import Nest, bootstrap, spread
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import Whole

FEWEST = 5
"""Stays from which on a part of the data gets observables and curves of its own."""
POINTS = 120
"""Points of a curve."""
PARTS = ("newcomers", "residents")
Limits = dict[tuple[str, str], tuple[float, float]]
"""Ends of the interval of each observable, by part and name."""
Summary = tuple[Real, dict[str, Real], dict[str, Real]]
"""Values of `observables`, (J, G) incidence and (G,) survival of each part."""


@dataclass(frozen=True, eq=False)
class Setup:
    """What redrawing leaves as it is: (n,) interval (s), filter (frames), whether each stay is a resident's, and its cell."""

    frame_s: Real
    min_frames: Whole
    resident: NDArray[np.bool_]
    cell: Whole

    @classmethod
    def of(cls, stays: pd.DataFrame, cell: Whole) -> Setup:
        """Of the rows of a `Stays` table whose cells have numbers `cell` (n,)."""
        resident = (stays["entry_kind"] == "resident").to_numpy()
        return cls(stays["frame_s"].to_numpy(float), stays["min_frames"].to_numpy(np.int64), resident, cell)

    def part(self, name: str) -> NDArray[np.bool_]:
        """(n,) whether each stay belongs to the part."""
        return self.resident if name == "residents" else ~self.resident

    def grid(self, observed: Observed, name: str) -> Real:
        """(G,) times (s) of the curves of a part: from the longest filter to nearly the longest stay."""
        here = self.part(name)
        length = observed.n_frames[here] * self.frame_s[here]
        return np.linspace(self.from_s(name), float(length.max()), POINTS)

    def from_s(self, name: str) -> float:
        """Age (s) that every recorded stay of a part had reached in all movies."""
        here = self.part(name)
        return float(((self.min_frames[here] - 1) * self.frame_s[here]).max())


@dataclass(frozen=True, eq=False)
class Band:
    """A curve of the data, and the same of redrawn data: t_s (G,), and (..., G) seen, middle, low and high (95 %)."""

    t_s: Real
    seen: Real
    middle: Real
    low: Real
    high: Real


@dataclass(frozen=True, eq=False)
class Predicted:
    """Observables by (part, name): value, and (R,) in redrawn sets; curves by part."""

    observables: dict[tuple[str, str], tuple[float, Real]]
    incidence: dict[str, Band]
    survival: dict[str, Band]
    fates: tuple[str, ...]


def parts_of(setup: Setup) -> list[str]:
    """Parts with enough stays."""
    return [name for name in PARTS if setup.part(name).sum() >= FEWEST]


def predicted(
    observed: Observed, laws: Sequence[FrameLaw], setup: Setup, *, repeats: int, seed: int, run: Execution = Execution()
) -> Predicted:
    """Redraw the stays `repeats` times from the laws and compare what can be read from them."""
    parts = parts_of(setup)
    grids = {part: setup.grid(observed, part) for part in parts}
    task = partial(_replicate, observed, tuple(laws), setup, grids, observed.losses())
    drawn = spread("prediction", task, repeats, seed, run)
    own = summary(observed, setup, grids)
    names = list(observables(observed, setup))
    values = {key: (own[0][k], np.array([one[0][k] for one in drawn])) for k, key in enumerate(names)}
    fate = {part: _band(grids[part], own[1][part], np.array([one[1][part] for one in drawn])) for part in parts}
    alive = {part: _band(grids[part], own[2][part], np.array([one[2][part] for one in drawn])) for part in parts}
    return Predicted(values, fate, alive, observed.fates)


def _replicate(
    observed: Observed, laws: Sequence[FrameLaw], setup: Setup, grids: dict[str, Real], lost: Real, rng: np.random.Generator
) -> Summary:
    return summary(observed.redrawn(laws, lost, rng), setup, grids)


def summary(observed: Observed, setup: Setup, grids: dict[str, Real]) -> Summary:
    """Values of `observables`, (J, G) incidence and (G,) survival of each part."""
    numbers = np.array(list(observables(observed, setup).values()))
    fate, alive = {}, {}
    for part, grid in grids.items():
        curves = curves_of(observed, setup, part)
        fate[part], alive[part] = curves[0].at(grid), curves[1].at(grid)
    return numbers, fate, alive


def observables(observed: Observed, setup: Setup) -> dict[tuple[str, str], float]:
    """By part and name: mean recorded length (s), share of stays by how they ended."""
    found = {}
    for part in parts_of(setup):
        for name, (top, bottom) in ratios(observed, setup, part).items():
            found[part, name] = float(top.sum() / bottom.sum())
    return found


def ratios(observed: Observed, setup: Setup, part: str) -> dict[str, tuple[Real, Real]]:
    """Each observable of a part as two (n,) terms of a ratio of sums over stays."""
    here = setup.part(part).astype(float)
    there = (observed.fate < 0) & (observed.n_frames == observed.frames_left)
    found = {"mean_recorded": (here * observed.n_frames * setup.frame_s, here)}
    for j, fate in enumerate(observed.fates):
        found[f"share_{fate}"] = (here * (observed.fate == j), here)
    return found | {"share_still_docked": (here * there, here)}


def curves_of(observed: Observed, setup: Setup, part: str) -> tuple[Curve, Curve]:
    """Aalen-Johansen incidence and Kaplan-Meier survival of a part, given that a stay was long enough to be recorded."""
    here = setup.part(part)
    step = setup.frame_s[here]
    age, late = observed.n_frames[here] * step, (setup.min_frames[here] - 1) * step
    names = np.array([*observed.fates, ""], dtype=object)[observed.fate[here]]
    from_s = setup.from_s(part)
    # All of one filter are at risk from the same age on: no late entry, and so no thin beginning.
    entry = None if np.ptp(late) < 1e-9 else late
    incidence = aalen_johansen(age, names, observed.fates, entry, from_s=from_s)
    return incidence, kaplan_meier(age, observed.fate[here] >= 0, entry, from_s=from_s)


def over_cells(
    observed: Observed, setup: Setup, nest: Nest, repeats: int, seed: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """95 % interval of every observable from resampled cells; NaN if there is only one independent unit."""
    found: Limits = {}
    for part in parts_of(setup):
        terms = ratios(observed, setup, part)
        names, n = list(terms), len(nest.cells)
        top = np.array([np.bincount(setup.cell, terms[name][0], n) for name in names])
        bottom = np.array([np.bincount(setup.cell, terms[name][1], n) for name in names])
        if nest.n_units < 2:
            found |= {(part, name): (float("nan"), float("nan")) for name in names}
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            again = bootstrap(lambda w, t=top, b=bottom: (w @ t.T) / (w @ b.T), nest, repeats=repeats, seed=seed)  # type: ignore[misc]
        found |= {(part, name): (float(again.low[k]), float(again.high[k])) for k, name in enumerate(names)}
    return found


def _band(t_s: Real, seen: Real, drawn: Real) -> Band:
    # With NaN numpy goes point by point, which takes a hundred times as long.
    quantile = np.quantile if np.isfinite(drawn).all() else np.nanquantile
    low, middle, high = quantile(drawn, [0.025, 0.5, 0.975], axis=0)
    return Band(t_s, seen, middle, low, high)
