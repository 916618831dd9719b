"""Errors that respect the design: cells are resampled, nested in their animals, never vesicles.

Vesicles of one cell are alike, and cells of one animal are; the number of independent things is that of animals (or cells, if
animals are not told apart). A replicate draws animals with replacement, then, within each, cells with replacement, and is
nothing but a weight for each cell: how often it was drawn. Statistics are functions of these weights.

Drawing at both stages is right for many animals and errs to wide intervals for few, where drawing animals alone errs to narrow
ones (Davison & Hinkley 1997, Bootstrap Methods and their Application, sec. 3.8; Field & Welsh 2007, J R Stat Soc B 69:369).

Replicate i draws from its own random stream, spawned from the seed by its number (``numpy.random.SeedSequence``). Batches of
replicates are Dask tasks on the pipeline's client or threads; the numbers are the same for any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from exotrack._blocks import Execution, map_blocks
from exotrack.errors import InputError

Real = NDArray[np.float64]
Statistic = Callable[[Real], Real]
"""Weights (b, C) of the cells in b replicates -> (b, ...) values."""
T = TypeVar("T")
BATCH = 50
"""Replicates of one task: fixed, so that nothing depends on the number of workers."""


@dataclass(frozen=True, eq=False)
class Nest:
    """Which cell belongs to which animal.

    cells : the C cells, in the order of the weights.
    animal : (C,) number of the animal of each, from 0.
    stratum : (A,) number of the group within which each animal is drawn, so that each keeps its size: conditions, say, where an
        animal has only one.
    """

    cells: tuple[Hashable, ...]
    animal: NDArray[np.intp]
    stratum: NDArray[np.intp]

    @classmethod
    def of(
        cls, cells: Sequence[Hashable], animals: Sequence[Hashable] | None = None, strata: Sequence[Hashable] | None = None
    ) -> Nest:
        """Nest `cells`, each once, in `animals` (one a cell; None: not known, so that each cell stands for itself).

        strata : group of each cell, such as its condition. An animal with cells in several is drawn whole, and all such
            animals form a group.
        """
        if len(set(cells)) != len(cells):
            raise InputError("a cell is listed twice; name each once, by its movie and number")
        owners = list(cells) if animals is None else list(animals)
        groups = [0] * len(cells) if strata is None else list(strata)
        if not len(cells) == len(owners) == len(groups):
            raise InputError(f"{len(cells)} cells, {len(owners)} animals and {len(groups)} groups; give one of each a cell")
        animal = _numbered(owners)
        kinds: dict[int, set[Hashable]] = {}
        for a, group in zip(animal.tolist(), groups, strict=True):
            kinds.setdefault(a, set()).add(group)
        return cls(tuple(cells), animal, _numbered([frozenset(kinds[a]) for a in range(len(kinds))]))

    @property
    def unit(self) -> str:
        """What is independent: "animal" if an animal holds several cells, else "cell"."""
        return "animal" if len(self.stratum) < len(self.cells) else "cell"

    @property
    def n_units(self) -> int:
        """How many independent units there are."""
        return len(self.stratum)

    def draw(self, rng: np.random.Generator) -> Real:
        """(C,) how often each cell is drawn in one replicate."""
        order, first, size, group = self._layout
        animals = np.concatenate([own[rng.integers(len(own), size=len(own))] for own in group])
        drawn = np.repeat(animals, size[animals])
        place = first[drawn] + (rng.uniform(size=len(drawn)) * size[drawn]).astype(np.intp)
        return np.bincount(order[place], minlength=len(self.cells)).astype(float)

    def left_out(self, unit: str | None = None) -> Real:
        """(U, C) weights that leave out one unit after another, for a jackknife or cross-validation.

        unit : "cell" or "animal"; None: the independent one.
        """
        if unit not in (None, "cell", "animal"):
            raise InputError(f"unit {unit!r} is unknown; give 'cell' or 'animal'")
        own = np.arange(len(self.cells)) if unit == "cell" else self.animal
        return np.asarray(own[None, :] != np.arange(int(own.max()) + 1)[:, None], dtype=float)

    @cached_property
    def _layout(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], list[NDArray[np.intp]]]:
        """Cells sorted by animal, where each animal's begin, how many it has, and the animals of each group."""
        size = np.bincount(self.animal)
        groups = [np.flatnonzero(self.stratum == group) for group in range(int(self.stratum.max()) + 1)]
        return np.argsort(self.animal, kind="stable"), np.cumsum(size) - size, size, groups


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic with its error from resampled cells.

    value : (...) as it is; sd, low, high : (...) its error and interval; draws : (R, ...) in each replicate.
    unit, n_units : what was taken as independent, and how many there are.
    undefined : largest number of replicates in which a value was undefined (no events drawn, say); they are left out.
    """

    value: Real
    sd: Real
    low: Real
    high: Real
    draws: Real
    unit: str
    n_units: int
    undefined: int


def bootstrap(
    statistic: Statistic,
    nest: Nest,
    *,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    corrected: bool = True,
    run: Execution = Execution(),
) -> Resampled:
    """Resample cells within animals, and give the statistic's error and interval.

    Parameters
    ----------
    statistic : weights (b, C) -> (b, ...); see `each` for one that takes a single row of weights.
    nest : the cells and their animals.
    repeats : replicates.
    seed : of the random streams; the same seed gives the same numbers, however many workers there are.
    corrected : intervals are corrected for bias and skewness (BCa: Efron 1987, J Am Stat Assoc 82:171), the skewness from a
        jackknife over the independent units; otherwise plain percentiles.
    run : workers; never changes a number.

    Raises
    ------
    InputError : fewer than two independent units, from which no spread can be told.
    """
    if nest.n_units < 2:
        raise InputError(f"there is only {nest.n_units} {nest.unit}; the spread between {nest.unit}s needs at least 2 of them")
    value = np.asarray(statistic(np.ones((1, len(nest.cells)))), dtype=float)[0]
    draws = np.concatenate(list(_batches("bootstrap", partial(_replicates, statistic, nest), repeats, seed, run)))
    jackknife = np.asarray(statistic(nest.left_out()), dtype=float) if corrected else None
    tails = np.array([0.5 - level / 2, 0.5 + level / 2])
    with np.errstate(invalid="ignore"):
        low, high = _limits(value, draws, jackknife, tails)
        sd = _sd(draws)
    undefined = int((~np.isfinite(draws)).sum(axis=0).max(initial=0))
    return Resampled(value, sd, low, high, draws, nest.unit, nest.n_units, undefined)


def each(statistic: Callable[[Real], Any]) -> Statistic:
    """A statistic of many rows of weights from one of a single row (C,): a fit, say."""
    return partial(_one_by_one, statistic)


def spread(what: str, task: Callable[[np.random.Generator], T], repeats: int, seed: int, run: Execution = Execution()) -> list[T]:
    """Results of `task` in `repeats` independent random streams, as Dask tasks; in order, the same for any number of workers.

    task : must be picklable (a function of a module, or a `functools.partial` of one) where workers are processes.
    """
    return list(chain.from_iterable(_batches(what, partial(_each_stream, task), repeats, seed, run)))


def stream(seed: int, number: int) -> np.random.Generator:
    """Random stream of replicate `number`: the one that ``SeedSequence(seed).spawn`` gives it."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))


def _batches(what: str, task: Callable[..., Any], repeats: int, seed: int, run: Execution) -> Iterator[Any]:
    if repeats < 1:
        raise InputError(f"{repeats} replicates were asked for; at least 1 is needed")
    batches = [(seed, first, min(first + BATCH, repeats)) for first in range(0, repeats, BATCH)]
    return map_blocks(what, task, batches, run)


def _replicates(statistic: Statistic, nest: Nest, seed: int, first: int, stop: int) -> Real:
    weights = np.stack([nest.draw(stream(seed, number)) for number in range(first, stop)])
    return np.asarray(statistic(weights), dtype=float)


def _each_stream(task: Callable[[np.random.Generator], Any], seed: int, first: int, stop: int) -> list[Any]:
    return [task(stream(seed, number)) for number in range(first, stop)]


def _one_by_one(statistic: Callable[[Real], Any], weights: Real) -> Real:
    return np.stack([np.asarray(statistic(row), dtype=float) for row in weights])


def _limits(value: Real, draws: Real, jackknife: Real | None, tails: Real) -> tuple[Real, Real]:
    """Quantiles of the draws, at tails that BCa moves."""
    flat = draws.reshape(len(draws), -1)
    at = np.broadcast_to(tails[:, None], (2, flat.shape[1]))
    if jackknife is not None:
        at = _bca(value.reshape(-1), flat, jackknife.reshape(len(jackknife), -1), tails)
    limits = np.full((2, flat.shape[1]), np.nan)
    for k, column in enumerate(flat.T):
        known = column[np.isfinite(column)]
        if known.size and np.isfinite(value.reshape(-1)[k]):
            limits[:, k] = np.quantile(known, at[:, k])
    return limits[0].reshape(value.shape), limits[1].reshape(value.shape)


def _bca(value: Real, draws: Real, jackknife: Real, tails: Real) -> Real:
    """(2, K) tails of BCa intervals; plain ones where all draws lie on one side or the jackknife is undefined."""
    known = np.maximum(np.isfinite(draws).sum(axis=0), 1)
    below = ((draws < value).sum(axis=0) + 0.5 * (draws == value).sum(axis=0)) / known
    away = jackknife.mean(axis=0) - jackknife
    size = (away**2).sum(axis=0) ** 1.5
    with np.errstate(invalid="ignore", divide="ignore"):
        skew = np.where(size > 0, (away**3).sum(axis=0) / (6.0 * size), 0.0)
        shift = ndtri(below)
        moved = shift + ndtri(tails)[:, None]
        at = ndtr(shift + moved / (1.0 - skew * moved))
    return np.where(np.isfinite(at) & (below > 0) & (below < 1), at, tails[:, None])


def _sd(draws: Real) -> Real:
    """Standard deviation over the replicates in which a value is defined; NaN where these are fewer than two."""
    known = np.isfinite(draws)
    n = known.sum(axis=0)
    mean = np.where(known, draws, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = (np.where(known, draws - mean, 0.0) ** 2).sum(axis=0)
    return np.where(n >= 2, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan)


def _numbered(keys: Sequence[Hashable]) -> NDArray[np.intp]:
    """Number of each key, from 0, in order of appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def weights_of(nest: Nest, cells: Sequence[Hashable], weights: ArrayLike) -> Real:
    """(..., n) weight of each row from that of its cell; `cells` (n,) names the cell of each row."""
    place = {cell: k for k, cell in enumerate(nest.cells)}
    return np.asarray(np.asarray(weights, dtype=float)[..., [place[cell] for cell in cells]])
