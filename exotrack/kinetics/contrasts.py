"""Event rates of each condition, before and after the stimulus, and their ratios: how much more do regulated cells secrete?

A rate is events over area and time of all cells together. Its interval comes from resampling cells within animals, since events
of a cell are alike. Where there are few independent units, it is the exact one of a Poisson count, which is then all that is left
and too narrow; the table says which it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack._table import FUSION_KINDS
from exotrack.kinetics.rates import cell_keys, cell_numbers, garwood
from exotrack.kinetics.resample import Nest, bootstrap
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.study import Study

KINDS: dict[str, tuple[str, ...]] = {
    "fusion": FUSION_KINDS, "full_fusion": ("full_fusion",), "kiss_and_run": ("kiss_and_run",), "docking": ("docking",),
    "undocking": ("undocking",),
}  # fmt: skip
REPEATS = 2000
FEW = 3
"""Independent units below which a bootstrap says nothing; a Poisson count is taken instead."""


@dataclass(frozen=True, eq=False)
class Group:
    """Cells of a condition in a period: (C,) whether each cell is in it, and (C,) its exposure (um^2 s), 0 outside."""

    condition: str
    period: str
    inside: NDArray[np.bool_]
    exposure: Real


def event_rates(study: Study, seed: int = 0, run: Execution = Execution()) -> Iterator[dict[str, Any]]:
    """Rows of the table `EventRates`.

    A condition is compared with the first by name, in the same period; after the stimulus is compared with before, in the same
    cells.
    """
    cells, nest = study.cells, _nest(study)
    groups = _groups(study)
    number = cell_numbers(study.events, cell_keys(cells))
    after = _after(study)
    for group in groups:
        other = _reference(group, groups)
        for name, kinds in KINDS.items():
            mine = study.events["kind"].isin(kinds).to_numpy() & (number >= 0)
            counts = {
                period: np.bincount(number[mine & when], minlength=len(cells)).astype(float)
                for period, when in (("all", after == after), ("before", ~after), ("after", after))
            }
            if not any(one[group.inside].any() for one in counts.values()):
                continue
            yield {
                "condition": group.condition, "period": group.period, "kind": name, "n_cells": int(group.inside.sum()),
                "n_events": int(counts[group.period][group.inside].sum()), "exposure": float(group.exposure.sum()),
                **_rate(group, counts[group.period], nest, seed, run), **_ratio(group, other, counts, nest, seed, run),
            }  # fmt: skip


def _groups(study: Study) -> list[Group]:
    cells, movies = study.cells, study.movies.set_index("movie_id")
    area = cells["area_um2"].to_numpy(float)
    of_movie = cells["movie_id"]
    whole = area * cells["observed_s"].to_numpy(float)
    share = (movies["before_s"] / movies["observed_s"]).reindex(of_movie).to_numpy(float)
    stimulated = np.isfinite(movies["stimulus_s"].reindex(of_movie).to_numpy(float)) & (share < 1)
    found = []
    for condition in sorted(set(cells["condition"])):
        mine = (cells["condition"] == condition).to_numpy()
        found.append(Group(condition, "all", mine, whole * mine))
        both = mine & stimulated & (share > 0)
        if both.any():
            found.append(Group(condition, "before", both, np.where(both, whole * share, 0.0)))
            found.append(Group(condition, "after", both, np.where(both, whole * (1 - share), 0.0)))
    return found


def _after(study: Study) -> NDArray[np.bool_]:
    """(n,) whether each event came after the first stimulus of its movie."""
    first = study.movies.set_index("movie_id")["stimulus_s"].reindex(study.events["movie_id"]).to_numpy(float)
    return np.asarray(study.events["t_s"].to_numpy(float) >= first)


def _nest(study: Study) -> Nest:
    keys = cell_keys(study.cells)
    animals = [animal or f"{movie} {cell}" for animal, (movie, cell) in zip(study.cells["animal_id"], keys, strict=True)]
    return Nest.of(keys, animals, study.cells["condition"].tolist())


def _reference(group: Group, groups: Sequence[Group]) -> Group | None:
    if group.period == "after":
        return next(one for one in groups if (one.condition, one.period) == (group.condition, "before"))
    first = groups[0].condition
    return next((one for one in groups if (one.condition, one.period) == (first, group.period) and one is not group), None)


def _units(nest: Nest, *inside: NDArray[np.bool_]) -> int:
    """Independent units of the smallest of the groups."""
    return min(len(set(nest.animal[mine].tolist())) for mine in inside)


def _rate(group: Group, count: Real, nest: Nest, seed: int, run: Execution) -> dict[str, Any]:
    mine, exposure = count * group.inside, group.exposure
    n, total = float(mine.sum()), float(exposure.sum())
    units = _units(nest, group.inside)
    low, high = (float(one) / total for one in garwood(n))
    unit = "event"
    if units >= FEW and n > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            again = bootstrap(lambda w: (w @ mine) / (w @ exposure), nest, repeats=REPEATS, seed=seed, run=run)
        low, high, unit = float(again.low), float(again.high), nest.unit
    return {"rate": n / total, "rate_low": low, "rate_high": high, "unit": unit, "n_units": units}


def _ratio(
    group: Group, other: Group | None, counts: dict[str, Real], nest: Nest, seed: int, run: Execution
) -> dict[str, Any]:  # fmt: skip
    if other is None:
        return {"reference": "", "ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan}
    top, bottom = counts[group.period] * group.inside, counts[other.period] * other.inside
    n, m = float(top.sum()), float(bottom.sum())
    scale = float(other.exposure.sum() / group.exposure.sum())
    low, high = _poisson_ratio(n, m, scale)
    if _units(nest, group.inside, other.inside) >= FEW and min(n, m) > 0:

        def log_ratio(w: Real) -> Real:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = np.log((w @ top) / (w @ group.exposure)) - np.log((w @ bottom) / (w @ other.exposure))
            return np.where(np.isfinite(found), found, np.nan)

        again = bootstrap(log_ratio, nest, repeats=REPEATS, seed=seed, run=run)
        low, high = float(np.exp(again.low)), float(np.exp(again.high))
    reference = other.period if group.period == "after" else other.condition
    return {"reference": reference, "ratio": n / m * scale if m else np.nan, "ratio_low": low, "ratio_high": high}


def _poisson_ratio(n: float, m: float, scale: float, level: float = 0.95) -> tuple[float, float]:
    """Exact limits of the ratio of two Poisson rates, from the law of one count given their sum (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    if n + m == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low = float(betaincinv(n, m + 1, tail)) if n else 0.0
    high = float(betaincinv(n + 1, m, 1 - tail)) if m else 1.0
    return low / (1 - low) * scale, high / (1 - high) * scale if high < 1 else float("nan")
