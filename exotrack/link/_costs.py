"""What it costs to say that two spots are one vesicle, against saying that one track ended and another began.

With N the density of a step of Brownian motion in g frames, q the share of spots that are missed, e the chance that a track ends
and b the density of tracks that begin (or are false)::

    cost = ln(e b) - ln[N(step; g) (1 - e)^g q^(g - 1) (1 - q)]

below 0 where one vesicle is the likelier. Steps of a cell come from vesicles of many mobilities, so N is mostly the Gaussian that
fits the movie's steps and to a tenth one as wide as the longest step allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack._steps import step_law

Real = NDArray[np.float64]
Whole = NDArray[np.int64]

MISSED, ENDING, BEGINNING = 0.05, 0.06, 0.07
"""q, e, and the share of spots with which a track begins. Any between half and twice these give the same links to 1 in 100: what
weighs is how far a step is."""
TAIL = 0.1
WIDE = 3.0
"""The wide Gaussian has a third of the longest step as its sd: 1 in 90 of its steps is longer."""
FIELD = 10.0
"""Side of the smallest field in units of the longest step: where few spots are seen, the box around them tells no density."""
SMALLEST = 0.02
"""Smallest usual step in units of the longest: 14 nm by default, half of what a bright spot is placed to."""
SAMPLE = 60
"""Pairs of frames from which the steps are estimated: at one spot a frame their sd is known to 9 %."""


@dataclass(frozen=True)
class Costs:
    """The cost of a link.

    Attributes
    ----------
    step, wide : sd of a step of one frame along an axis (um): the usual one, and that of the tail.
    reach : longest step of one frame (um); over g frames it is sqrt(g) times as long.
    begin : tracks that begin per um^2 and frame.
    rivals : spots within reach of a place.
    """

    step: float
    wide: float
    reach: float
    begin: float
    rivals: float

    @classmethod
    def of(cls, edges: Whole, places: Real, reach: float, speed: Real | None = None) -> Costs:
        """From the spots of a movie.

        Parameters
        ----------
        edges : frame k holds the spots from ``edges[k]`` to ``edges[k + 1]`` (exclusive).
        places : (n, 2) um.
        reach : longest step (um).
        speed : (n, 2) um per frame that each spot is expected to move on; None for Brownian motion.
        """
        last = len(edges) - 2
        moved = places if speed is None else places + speed
        chosen = np.unique(np.linspace(0, max(last - 1, 0), SAMPLE).astype(int)) if last else np.empty(0, int)
        law = step_law(((moved[edges[k] : edges[k + 1]], places[edges[k + 1] : edges[k + 2]]) for k in chosen), reach)
        step = reach / WIDE if law is None else min(max(law.step, SMALLEST * reach), reach / WIDE)
        area = max(float(np.prod(np.ptp(places, axis=0))), (FIELD * reach) ** 2)
        density = len(places) / (last + 1) / area
        return cls(step, reach / WIDE, reach, BEGINNING * density, density * np.pi * reach**2)

    def usual(self) -> tuple[float, float, float, float]:
        """The numbers for the kernels: step, wide, reach, and all of the cost that does not depend on the step or the gap."""
        return self.step, self.wide, self.reach, math.log(ENDING * self.begin) - math.log((1 - MISSED) * (1 - ENDING))


@njit(nogil=True, cache=True, error_model="numpy")
def link_edges(edges: Any, places: Any, speed: Any, wanting: Any, frames: Any, longest: int, usual: Any) -> Any:
    """All links from frames ``frames[0]`` to ``frames[1]`` (exclusive) that cost less than none.

    Parameters
    ----------
    edges : frame k holds the spots from ``edges[k]`` to ``edges[k + 1]`` (exclusive).
    places : (n, 2) um, sorted by y within a frame.
    speed : (n, 2) um per frame that a spot is expected to move on.
    wanting : (2, n) whether a spot still wants a follower, and whether it may become one.
    longest : frames from a spot to its follower at most.
    usual : see `Costs.usual`.

    Returns
    -------
    starts (rows + 1,), columns and costs, as `Assignment.add` takes them.
    """
    first, stop = edges[frames[0]], edges[frames[1]]
    starts = np.zeros(stop - first + 1, np.int64)
    columns, costs, n = np.empty(4096, np.int64), np.empty(4096), 0
    for k in range(frames[0], frames[1]):
        furthest = min(longest, len(edges) - 2 - k)
        for row in range(edges[k], edges[k + 1]):
            for gap in range(1, furthest + 1 if wanting[0, row] else 1):
                y, x = places[row, 0] + gap * speed[row, 0], places[row, 1] + gap * speed[row, 1]
                reach = usual[2] * math.sqrt(gap)
                for j in range(_below(places, edges[k + gap], edges[k + gap + 1], y - reach), edges[k + gap + 1]):
                    if places[j, 0] > y + reach:
                        break
                    square = (places[j, 0] - y) ** 2 + (places[j, 1] - x) ** 2
                    if not wanting[1, j] or square > reach * reach:
                        continue
                    cost = _cost(square, gap, usual)
                    if cost < 0:
                        if n == len(columns):
                            columns, costs = np.append(columns, columns), np.append(costs, costs)
                        columns[n], costs[n] = j, cost
                        n += 1
            starts[row - first + 1] = n
    return starts, columns[:n], costs[:n]


@njit(nogil=True, cache=True, error_model="numpy")
def _cost(square: float, gap: int, usual: Any) -> float:
    near, far = gap * usual[0] ** 2, gap * usual[1] ** 2
    density = (1 - TAIL) / near * math.exp(-0.5 * square / near) + TAIL / far * math.exp(-0.5 * square / far)
    return float(usual[3] - math.log(density / (2 * math.pi)) - (gap - 1) * math.log(MISSED * (1 - ENDING)))


@njit(nogil=True, cache=True)
def _below(places: Any, low: int, high: int, y: float) -> int:
    """First of the spots from `low` to `high` (exclusive) that does not lie below y."""
    while low < high:
        middle = (low + high) // 2
        if places[middle, 0] < y:
            low = middle + 1
        else:
            high = middle
    return low
