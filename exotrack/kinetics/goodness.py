"""Is the fitted law good enough? Distances between stays and law, tested against data redrawn from the law as the camera would.

A law whose rates were fitted to the data is too close to them for the textbook tests: with an exponential law and 100 stays, a
Kolmogorov-Smirnov test at 5 % never rejects. One that ignores that time comes in frames always does. So the null distribution is
made (parametric bootstrap: Stute, Gonzalez Manteiga & Presedo Quindimil 1993, Metrika 40:243): stays are redrawn from the fitted
law with the same frames, filter, ends of movies, losses and wrong calls, the law is *fitted again* to each redrawn set, and the
distances are measured anew.

Distances. F is the law of the number of frames K of a recorded stay. An exit after k frames covers the stretch F(k-1) to F(k) of
the unit interval, a stay lost from sight after k frames F(k-1) to 1; under the law, the mean of these uniform stretches is the
uniform law itself (the non-randomised PIT of Czado, Gneiting & Held 2009, Biometrics 65:1254).

* ``ks``, ``cvm``, ``ad``: Kolmogorov-Smirnov, Cramer-von Mises and Anderson-Darling distance of that mean from the uniform law;
* ``trend``: the score for a hazard that rises or falls more than the law's;
* ``fates``: chi-squared of the fates, given when each stay ended, in thirds of the law of K: whether early and late exits end as
  they should.

``any`` combines ``ad``, ``trend`` and ``fates``: the smallest of their p-values, referred to its own distribution over the same
redrawn sets. A filter costs power: what tells a rising hazard from a constant one are the short stays that it removes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.kinetics import _pit
from exotrack.kinetics.estimators import Curve, kaplan_meier
from exotrack.kinetics.observe import FrameLaw
from exotrack.kinetics.resample import spread
from exotrack.kinetics.scheme import Scheme
from exotrack.kinetics.stays import CHANCES, SEEN_EXITS

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
STATISTICS = (*_pit.Distances._fields, "fates")
COMBINED = ("ad", "trend", "fates")
THIRDS = 3


@dataclass(frozen=True, eq=False)
class Observed:
    """Recorded stays, as far as a law of frames needs them.

    n_frames : (n,) frames that show each.
    frames_left : (n,) frames from its first to the movie's last.
    fate : (n,) number of its fate, -1 if its end was not seen.
    group : (n,) which of several laws it obeys: newcomers and residents, or conditions.
    fates : names of the fates.
    """

    n_frames: Whole
    frames_left: Whole
    fate: Whole
    group: Whole
    fates: tuple[str, ...]

    @classmethod
    def of(cls, stays: pd.DataFrame, fates: Sequence[str], group: Sequence[int] | None = None) -> Observed:
        """Take the stays of a `Stays` table. `group` (n,) says which law each obeys; None: all the same. See `settings`.

        An exit of a kind that is not in `fates` is the end of observation: list "lost" or "bleaching" only if the law knows it.

        Raises
        ------
        InputError : no stays, or one that is longer than what was left of its movie.
        """
        if len(stays) < 2:
            raise InputError(f"there {'is 1 stay' if len(stays) else 'are no stays'}; a law can be tested against 2 or more")
        n_frames = stays["n_frames"].to_numpy(np.int64)
        left = (stays["movie_frames"] - stays["first_frame"]).to_numpy(np.int64)
        if (n_frames > left).any() or n_frames.min() < 1:
            row = int(np.flatnonzero((n_frames > left) | (n_frames < 1))[0])
            raise InputError(f"stay {row} has {n_frames[row]} frames with {left[row]} left in its movie; it needs 1 to that many")
        place = {name: j for j, name in enumerate(fates)}
        fate = np.array([place.get(kind, -1) for kind in stays["exit_kind"]], dtype=np.int64)
        if ((fate >= 0) & (n_frames == left)).any():
            raise InputError("a stay that lasts to the movie's last frame has an exit kind; its exit cannot have been seen")
        own = np.zeros(len(stays), dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
        return cls(n_frames, left, fate, own, tuple(fates))

    def stretches(self, laws: Sequence[FrameLaw]) -> tuple[Real, Real]:
        """(n,) start and (n,) end of the stretch of the unit interval that each stay covers under its law."""
        low, high = np.empty(len(self.n_frames)), np.ones(len(self.n_frames))
        for g, law in self._groups(laws):
            here = self.group == g
            k, seen = self.n_frames[here], self.fate[here] >= 0
            low[here] = 1.0 - law.lasting[k] / law.recorded()
            high[here] = np.where(seen, 1.0 - law.lasting[np.minimum(k, law.n_frames) + 1] / law.recorded(), 1.0)
        return low.clip(0.0, 1.0), high.clip(0.0, 1.0)

    def redrawn(self, laws: Sequence[FrameLaw], lost: Real, rng: np.random.Generator) -> Observed:
        """As many stays, begun in the same frames, drawn from the laws; `lost` is the hazard of `losses`."""
        n_frames, fate = np.empty_like(self.n_frames), np.empty_like(self.fate)
        for g, law in self._groups(laws):
            here = self.group == g
            n_frames[here], fate[here] = law.draw(self.frames_left[here], rng)
        if lost.any():
            kept = np.cumsum(np.log1p(-np.minimum(lost, 1.0 - 1e-12)))
            given_up = np.searchsorted(-kept, rng.exponential(size=len(fate)), side="left")
            gone = given_up < n_frames
            n_frames, fate = np.where(gone, np.maximum(given_up, 1), n_frames), np.where(gone, -1, fate)
        return replace(self, n_frames=n_frames, fate=fate)

    def applied(self, stays: pd.DataFrame) -> pd.DataFrame:
        """The `Stays` table that these were taken from, with their lengths and ends instead: for a fit that wants a table."""
        kinds = np.array([*self.fates, "lost"], dtype=object)[self.fate]
        kinds[(self.fate < 0) & (self.n_frames == self.frames_left)] = "censored"
        unknown = {key: np.nan for key in (*CHANCES, "fraction_released") if key in stays}
        duration_s = self.n_frames * stays["frame_s"].to_numpy()
        seen = np.isin(kinds, SEEN_EXITS)
        return stays.assign(n_frames=self.n_frames, duration_s=duration_s, exit_kind=kinds, exit_observed=seen, **unknown)

    def losses(self) -> Real:
        """(k + 1,) hazard, after each number of frames, to be lost from sight before the movie ends.

        Those whose exit is seen after as many frames are no longer at risk of it.
        """
        width = int(self.n_frames.max()) + 1
        lost = np.bincount(self.n_frames[(self.fate < 0) & (self.n_frames < self.frames_left)], minlength=width)
        every, ended = np.bincount(self.n_frames, minlength=width), np.bincount(self.n_frames[self.fate >= 0], minlength=width)
        at_risk = len(self.fate) - np.cumsum(every) + every - ended
        return np.asarray(lost / np.maximum(at_risk, 1), dtype=float)

    def _groups(self, laws: Sequence[FrameLaw]) -> list[tuple[int, FrameLaw]]:
        present = np.unique(self.group).tolist()
        for g in present:
            if not 0 <= g < len(laws) or laws[g].fates != self.fates:
                raise InputError(f"stays of group {g} have fates {', '.join(self.fates)}; there is no law for them")
            here = self.group == g
            most, least = int(self.frames_left[here].max()), int(self.n_frames[here].min())
            if laws[g].n_frames < most or least < laws[g].min_frames:
                known = f"{laws[g].min_frames} to {laws[g].n_frames}"
                raise InputError(f"stays have {least} to {most} frames, but their law is of {known}; make it cover them")
        return [(g, laws[g]) for g in present]


class Setting(NamedTuple):
    """What stays must share to obey the same law: how they began, the time between frames, the filter."""

    entry_kind: str
    frame_s: float
    min_frames: int
    n_frames: int

    def law(self, scheme: Scheme) -> FrameLaw:
        """The law of a scheme in this setting; of a resealed vesicle give the scheme that it starts anew with."""
        resident = self.entry_kind == "resident"
        return FrameLaw.of(scheme, self.frame_s, self.n_frames, self.min_frames, resident=resident)


def settings(stays: pd.DataFrame) -> tuple[Whole, list[Setting]]:
    """(n,) number of the setting of every row of a `Stays` table, and the settings, each as long as its longest movie."""
    marks = stays[["entry_kind", "frame_s", "min_frames"]]
    if (marks["entry_kind"] == "unknown").any():
        raise InputError("stays of unknown beginning have no law; leave out those whose entry_kind is unknown")
    number = marks.groupby(list(marks), sort=True).ngroup().to_numpy(np.int64)
    longest = stays["movie_frames"].groupby(number).max()
    firsts = marks.groupby(number).first()
    return number, [
        Setting(str(kind), float(frame_s), int(least), int(longest[g]))
        for g, (kind, frame_s, least) in enumerate(firsts.itertuples(index=False))
    ]


Fit = Callable[[Observed], Sequence[FrameLaw]]
"""Fits laws, one a group, to stays. One that ignores the stays tests published rates as they are."""


@dataclass(frozen=True, eq=False)
class Goodness:
    """The verdict: for each statistic its value, its values in the redrawn sets, and how often these are as large.

    value : name to distance. null : (R, 5) distances in redrawn sets, in the order of `STATISTICS`.
    p : name (those of `STATISTICS`, and "any") to p-value. failed : redrawn sets to which no law could be fitted; they count as
    worse fits than the data's.
    """

    value: dict[str, float]
    null: Real
    p: dict[str, float]
    failed: int


def goodness(observed: Observed, fit: Fit, *, repeats: int = 999, seed: int = 0, run: Execution = Execution()) -> Goodness:
    """Test whether stays agree with the laws that `fit` finds for them.

    Parameters
    ----------
    observed : the stays.
    fit : the same fit as was made to the data; it is made again for each of `repeats` redrawn sets.
    seed, run : random streams and workers, as in `resample.spread`.
    """
    laws = fit(observed)
    value = distances(observed, laws)
    task = partial(_replicate, observed, laws, fit, observed.losses())
    null = np.array(spread("goodness of fit", task, repeats, seed, run)).reshape(repeats, len(STATISTICS))
    failed = int(np.isnan(null).any(axis=1).sum())
    every = np.concatenate([[[value[name] for name in STATISTICS]], np.where(np.isnan(null), np.inf, null)])
    p = {name: float(np.mean(every[:, s] >= every[0, s])) for s, name in enumerate(STATISTICS)}
    both = every[:, [STATISTICS.index(name) for name in COMBINED]]
    ranks = [1.0 - np.searchsorted(np.sort(column), column, side="left") / len(column) for column in both.T]
    smallest = np.min(ranks, axis=0)
    p["any"] = float(np.mean(smallest <= smallest[0] + 1e-12))
    return Goodness(value, null, p, failed)


def distances(observed: Observed, laws: Sequence[FrameLaw]) -> dict[str, float]:
    """Distances between stays and laws, by the names of `STATISTICS`."""
    low, high = observed.stretches(laws)
    found = _pit.distances(*_alike(low, high)) if len(low) > 500 else _pit.distances(low, high)
    return {**found._asdict(), "fates": _fates(observed, laws, (low + high) / 2)}


def cox_snell(observed: Observed, laws: Sequence[FrameLaw]) -> Curve:
    """Cumulative hazard of the residuals -log(1 - F(K)): the straight line of slope 1 if the law holds (Cox & Snell 1968).

    `t_s` holds the residuals, which have no unit. The hazard is -log of their Kaplan-Meier survival, which unlike Nelson-Aalen's
    sum has no bias where many are tied, as frames make them.
    """
    low, high = observed.stretches(laws)
    seen = observed.fate >= 0
    residual = -np.log1p(-np.where(seen, high, low).clip(0.0, 1.0 - 1e-15))
    alive = kaplan_meier(residual, seen)
    with np.errstate(divide="ignore"):
        value, low, high = -np.log(alive.value), -np.log(alive.high), -np.log(alive.low)
        sd = np.divide(alive.sd, alive.value, out=np.full(len(value), np.nan), where=alive.value > 0)
    return replace(alive, value=value, sd=sd, low=low, high=high)


def _alike(low: Real, high: Real) -> tuple[Real, Real, Real]:
    """Stretches that are the same, as many stays have, counted together."""
    pairs, count = np.unique(low + 1j * high, return_counts=True)
    return pairs.real, pairs.imag, count.astype(float)


def _replicate(observed: Observed, laws: Sequence[FrameLaw], fit: Fit, lost: Real, rng: np.random.Generator) -> tuple[float, ...]:
    again = observed.redrawn(laws, lost, rng)
    try:
        found = distances(again, fit(again))
    except InputError:
        return (np.nan,) * len(STATISTICS)
    return tuple(found[name] for name in STATISTICS)


def _fates(observed: Observed, laws: Sequence[FrameLaw], middle: Real) -> float:
    """Chi-squared of the fates given the times, summed over thirds of the law of K."""
    if len(observed.fates) == 1:
        return 0.0
    seen = observed.fate >= 0
    chance = np.empty((len(seen), len(observed.fates)))
    for g, law in enumerate(laws):
        here = observed.group == g
        chance[here] = law.ending[np.minimum(observed.n_frames[here], law.n_frames)]
    chance = chance[seen] / np.maximum(chance[seen].sum(axis=1, keepdims=True), 1e-300)
    third = np.minimum((middle[seen] * THIRDS).astype(int), THIRDS - 1)
    shape = (THIRDS, len(observed.fates))
    expected = np.stack([np.bincount(third, column, THIRDS) for column in chance.T], axis=1)
    counted = np.bincount(third * shape[1] + observed.fate[seen], minlength=shape[0] * shape[1]).reshape(shape)
    used = expected > 0
    return float(((counted - expected)[used] ** 2 / expected[used]).sum())
