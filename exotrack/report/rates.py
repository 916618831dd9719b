"""How many, and how often: counts per kind and rates per area and time with exact Poisson intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exotrack.report.kinds import KINDS, Kind

UM2_MIN = 1000.0 * 60.0
"""Rates are given per 1000 um^2 and minute: this many um^2 s."""


@dataclass(frozen=True)
class Count:
    """One kind in one movie.

    called, confident : events, and those whose kind passes the chosen confidence (None for kinds without probability).
    expected : sum of the kind's probability over all candidates that are no duplicates; None for kinds without probability.
    in_cells : called events inside a footprint, which the rate counts.
    rate, low, high : events per 1000 um^2 and minute with its exact 95 % interval; NaN without area or time.
    """

    kind: Kind
    called: int
    confident: int | None
    expected: float | None
    in_cells: int
    rate: float
    low: float
    high: float


def poisson_interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval for the mean of a Poisson count (Garwood 1936, Biometrika 28:437)."""
    from scipy.special import gammaincinv

    tail = (1.0 - level) / 2.0
    low = float(gammaincinv(count, tail)) if count > 0 else 0.0
    return low, float(gammaincinv(count + 1, 1.0 - tail))


def exposure_um2_s(cells: Any) -> float:
    """Area times observed time summed over the cells (um^2 s); NaN if there is none."""
    total = float((cells["area_um2"] * cells["observed_s"]).sum())
    return total if total > 0 else float("nan")


def counts(events: Any, candidates: Any, cells: Any) -> list[Count]:
    """A `Count` for every kind, in the order of `KINDS`."""
    exposure = exposure_um2_s(cells)
    once = candidates[~candidates["reasons"].str.split("|").map(lambda words: "duplicate" in words).astype(bool)]
    return [_count(kind, events[events["kind"] == kind.name], once, exposure) for kind in KINDS.values()]


def _count(kind: Kind, events: Any, candidates: Any, exposure: float) -> Count:
    inside = int(events["cell_id"].notna().sum())
    low, high = poisson_interval(inside)
    scale = UM2_MIN / exposure
    confident = expected = None
    if kind.fusion:
        confident = int(events["confident"].sum())
        expected = float(candidates[f"p_{kind.name}"].sum(min_count=1))
    return Count(kind, len(events), confident, expected, inside, inside * scale, low * scale, high * scale)
