"""What the frames before and after say about a dim maximum.

Vesicles stay for many frames, maxima of noise do not: a dim maximum is a spot the more surely, the better the next frames
hold maxima of like height within a step of it. Let q be the share of spots that are seen again in the next frame, p the
density of their steps, f that of their change of height, and r the density of all maxima. A real spot finds its successors
in the next frame, all else in it being clutter, with the likelihood ratio (probabilistic data association, Bar-Shalom and
Fortmann 1988)::

    m(i) = 1 - q + q * sum over j of  p(step) f(height_j | height_i) / r(height_j) * m(j)

where m(j) says the same of j and the frame after. The two sides are independent and multiply. `Persistence` (q and the step)
is measured on the movie's own bright spots, so where nothing lasts, or nothing is seen, the neighbours say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack._steps import step_law

Real = NDArray[np.float64]

REACH = 2
"""Frames looked at on either side. The second adds 0.006 to F1 on movies of SNR 2, the third nothing."""
FAR = 10.0
"""Steps of up to this many spot widths are looked for: 1.3 um, the longest that is trackable at 0.1 vesicles per um^2."""
FEW = 20
"""Fewer bright spots than this say nothing about the movie's steps."""
TAIL, TAIL_STEP = 0.1, 3.0
"""One in ten steps comes from a Gaussian three times as wide: vesicles of a cell differ in mobility."""


@dataclass(frozen=True)
class Persistence:
    """Share of the spots that are seen again in the next frame, and the sd of their steps along an axis (pixels)."""

    share: float = 0.0
    step_px: float = 1.0

    @classmethod
    def of(cls, pairs: Sequence[tuple[Real, Real]], sigma_px: float) -> Persistence:
        """From places (n, 2) of the bright spots of a frame and of all maxima of the next, for some pairs of frames.

        The share is a lower estimate by two standard errors.
        """
        n = sum(len(first) for first, _ in pairs)
        law = step_law(pairs, FAR * sigma_px) if n >= FEW else None
        if law is None or law.n < FEW:
            return cls()
        return cls(float(np.clip((law.again - 2 * law.again_sd) / n, 0.0, 0.95)), max(law.step, 0.1 * sigma_px))


def supported(frames: Sequence[Real | None], rate: Any, persistence: Persistence) -> list[Real]:
    """Likelihood ratio of spot to chance that the neighbours of each maximum give, for every frame.

    Parameters
    ----------
    frames : (n, 3) y, x (pixels) and height of the maxima of consecutive frames, sorted by y; None where a frame cannot
        be used and says nothing.
    rate : function of heights (n,) and the number of the frame: all maxima per square pixel and unit of height.
    """
    places = [np.empty((0, 3)) if part is None else part for part in frames]
    density = np.concatenate([rate(part[:, 2], k) for k, part in enumerate(places)])
    edges = np.cumsum([0, *map(len, places)])
    known = np.array([part is not None for part in frames])
    together = np.concatenate(places)
    sides = [_from_side(together, density, edges, known, side, persistence.share, persistence.step_px) for side in (1, -1)]
    return np.split(sides[0] * sides[1], edges[1:-1])


@njit(nogil=True, cache=True, error_model="numpy")
def _from_side(places: Any, density: Any, edges: Any, known: Any, side: int, share: float, step: float) -> Any:
    """m of the maxima of all frames, those of frame k being rows `edges[k]` to `edges[k + 1]`, from one side."""
    said = np.ones(len(places))
    for _ in range(REACH):
        weight = said / density
        said = np.ones(len(places))
        for k in range(len(known)):
            j = k + side
            if 0 <= j < len(known) and known[j]:
                here, there = places[edges[k] : edges[k + 1]], slice(edges[j], edges[j + 1])
                said[edges[k] : edges[k + 1]] = _heard(here, places[there], weight[there], share, step)
    return said


@njit(nogil=True, cache=True, error_model="numpy")
def _heard(here: Any, there: Any, weight: Any, share: float, step: float) -> Any:
    """m of every maximum `here` from those `there`, whose `weight` is m / r."""
    reach = 3.0 * TAIL_STEP * step
    close, far = (1 - TAIL) / (2 * math.pi * step**2), TAIL / (2 * math.pi * (TAIL_STEP * step) ** 2)
    out = np.empty(len(here))
    first = 0
    for i in range(len(here)):
        while first < len(there) and there[first, 0] < here[i, 0] - reach:
            first += 1
        # The height has an error of 1 in either frame, and varies by a seventh with the vesicle's distance from the glass.
        variance = 2.0 + (0.15 * here[i, 2]) ** 2
        total = 0.0
        for j in range(first, len(there)):
            if there[j, 0] > here[i, 0] + reach:
                break
            square = ((there[j, 0] - here[i, 0]) ** 2 + (there[j, 1] - here[i, 1]) ** 2) / step**2
            change = (there[j, 2] - here[i, 2]) ** 2 / variance
            if square < (3.0 * TAIL_STEP) ** 2 and change < 25.0:
                moved = close * math.exp(-0.5 * square) + far * math.exp(-0.5 * square / TAIL_STEP**2)
                total += moved * math.exp(-0.5 * change) / math.sqrt(2 * math.pi * variance) * weight[j]
        out[i] = 1.0 - share + share * total
    return out
