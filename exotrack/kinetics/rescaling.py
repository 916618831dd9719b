"""Do events come at the rate a model says, and independently? Time rescaling, with the rates of the cells unknown.

If events of a cell come at rate r(t), then after the change of time u = integral of r they come at rate one, whatever r was, and
the intervals between them are exponential of mean 1 (Brown et al. 2002, Neural Comput 14:325). Two mistakes make that test
reject what is true: one mean rate for cells that differ in how much they secrete, and leaving out each cell's last interval,
which the end of the movie cut. So

* ``joined``: the rescaled times of all cells are laid end to end and intervals run across the seams; Kolmogorov-Smirnov distance
  from the exponential law of mean 1;
* ``shape``: given how many events a cell has, their rescaled times are spread evenly over it; distance from the uniform law.

Usually a model says how the rate changes but each cell has a factor of its own. Its count then stands for it: a cell with n
events takes n units. The intervals have mean 1 by construction, so that textbook p-values of ``joined`` are far too large. But
given the counts the law of both distances is known without any rate, and p-values come from redrawing even times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError
from exotrack.kinetics.resample import stream

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Operational:
    """Events in the time in which they should come evenly.

    fraction : (n,) rescaled time of each event, as a fraction of its cell's.
    cell : (n,) number of its cell, from 0.
    n_cells : how many cells there are, those without events included.
    expected : (C,) events the model expects in each cell; None if each has a factor of its own.
    """

    fraction: Real
    cell: NDArray[np.intp]
    n_cells: int
    expected: Real | None = None


@dataclass(frozen=True, eq=False)
class Rescaled:
    """Verdict.

    value, p : distance and p-value of ``joined`` and ``shape``.
    intervals : (n,) joined intervals, ascending, for a QQ plot; fraction : (n,) rescaled times, ascending.
    """

    value: dict[str, float]
    p: dict[str, float]
    intervals: Real
    fraction: Real


def operational(
    t_s: ArrayLike,
    cell: ArrayLike,
    observed_s: ArrayLike,
    cumulative: Callable[[Real, NDArray[np.intp]], Real] | None = None,
    *,
    expected: ArrayLike | None = None,
) -> Operational:
    """Rescale the times of events.

    Parameters
    ----------
    t_s : (n,) time of each event (s) from when its cell came under observation (or from the stimulus, if it starts there).
    cell : (n,) number of its cell, from 0.
    observed_s : (C,) how long each cell was observed (s).
    cumulative : (times (k,), cells (k,)) -> (k,) integral of the model's rate from 0 to each time, up to a factor for each cell;
        None: a constant rate. It must not have been fitted to these events other than in that factor.
    expected : (C,) number of events the model expects in each cell, if it knows the rates themselves and not up to a factor.

    Raises
    ------
    InputError : no two events; an event outside its cell's time; an integral that falls, or stays 0.
    """
    times, own, until = np.asarray(t_s, float), np.asarray(cell, dtype=np.intp), np.asarray(observed_s, float)
    if len(times) < 2:
        raise InputError(f"{len(times)} events; 2 or more are needed to say whether they come as they should")
    if own.shape != times.shape or own.min() < 0 or own.max() >= len(until):
        raise InputError(f"cells of events must be numbers from 0 to {len(until) - 1}, one for each of {len(times)} events")
    if not ((times >= 0) & (times <= until[own])).all():
        row = int(np.flatnonzero(~((times >= 0) & (times <= until[own])))[0])
        raise InputError(f"event {row} is at {times[row]:g} s, but its cell was observed from 0 to {until[own[row]]:g} s")
    passed, whole = (times, until) if cumulative is None else (cumulative(times, own), cumulative(until, np.arange(len(until))))
    whole = np.asarray(whole, float)[own]
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.asarray(passed, float) / whole
    if not ((fraction >= 0) & (fraction <= 1 + 1e-9)).all():
        raise InputError("the model's rate, summed up, must rise from 0 to more than 0 over each cell that has events")
    return Operational(fraction.clip(0.0, 1.0), own, len(until), None if expected is None else np.asarray(expected, float))


def rescaling(events: Operational, *, repeats: int = 999, seed: int = 0) -> Rescaled:
    """Test whether events come independently at the model's rate.

    repeats, seed : even times are redrawn as often, from this seed.
    """
    rng = stream(seed, 0)
    count = np.bincount(events.cell, minlength=events.n_cells)
    order = np.lexsort((events.fraction, events.cell))
    cell = events.cell[order]
    even = np.sort(rng.uniform(size=(repeats, len(cell))) + cell, axis=1) - cell
    every = np.concatenate([events.fraction[order][None, :], even])
    intervals = _intervals(every, cell, count if events.expected is None else events.expected)
    apart = _distance(-np.expm1(-np.sort(intervals, axis=1)))
    if events.expected is not None:
        apart[1:] = [_arrivals(float(events.expected.sum()), rng) for _ in range(repeats)]
    fraction = np.sort(every, axis=1)
    found = {"joined": apart, "shape": _distance(fraction)}
    value = {name: float(distance[0]) for name, distance in found.items()}
    p = {name: float(np.mean(distance >= distance[0] - 1e-12)) for name, distance in found.items()}
    return Rescaled(value, p, np.sort(intervals[0]), fraction[0])


def quantiles(n: int, level: float = 0.95) -> tuple[Real, Real, Real]:
    """(n,) expected ascending intervals of mean 1, and a pointwise band around them, for a QQ plot.

    The k-th smallest of n uniform numbers follows a beta law with parameters k and n + 1 - k.
    """
    from scipy.special import betaincinv

    k = np.arange(1, n + 1)
    middle, low, high = (betaincinv(k, n + 1 - k, tail) for tail in (0.5, 0.5 - level / 2, 0.5 + level / 2))
    return -np.log1p(-middle), -np.log1p(-low), -np.log1p(-high)


def _intervals(fraction: Real, cell: NDArray[np.intp], units: ArrayLike) -> Real:
    """(..., n) intervals of times (..., n) that ascend within each cell; `cell` ascends, each taking (C,) `units`."""
    length = np.asarray(units, dtype=float)
    place = np.cumsum(length) - length
    return np.diff(place[cell] + fraction * length[cell], prepend=0.0, axis=-1)


def _arrivals(total: float, rng: np.random.Generator) -> float:
    """Distance of the intervals of events at rate one over `total` units; their number varies, the last interval is cut."""
    at = np.sort(rng.uniform(0.0, total, rng.poisson(total)))
    return float(_distance(-np.expm1(-np.sort(np.diff(at, prepend=0.0))))) if len(at) else 0.0


def _distance(level: Real) -> Real:
    """(...) sqrt(n) times the Kolmogorov-Smirnov distance of ascending (..., n) from the uniform law."""
    n = level.shape[-1]
    steps = np.arange(n + 1) / n
    far = np.maximum(np.abs(steps[1:] - level).max(axis=-1), np.abs(level - steps[:-1]).max(axis=-1))
    return np.asarray(np.sqrt(n) * far)
