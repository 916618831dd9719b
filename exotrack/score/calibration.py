"""Whether probabilities mean what they say: of the candidates given 0.8, eight in ten should be true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Calibration of one probability over candidates.

    n : candidates it rests on.
    error : expected calibration error (Naeini et al. 2015, AAAI): mean over candidates of |mean probability - fraction
        true| of their bin; 0 is perfect.
    brier : mean squared difference between probability and truth (0 or 1).
    bins : (candidates, mean probability, fraction true) of each of ten equal bins of probability; NaN in empty ones.
    """

    name: str
    n: int
    error: float
    brier: float
    bins: tuple[tuple[int, float, float], ...]


def calibration(name: str, probability: NDArray[np.floating[Any]], true: NDArray[np.bool_]) -> Calibration:
    """Calibration of `probability` (n,) against whether each was `true` (n,); missing probabilities are left out."""
    known = np.isfinite(probability)
    p, hit = probability[known].clip(0, 1), true[known]
    if not len(p):
        return Calibration(name, 0, float("nan"), float("nan"), ((0, float("nan"), float("nan")),) * BINS)
    bin_of = np.minimum((p * BINS).astype(int), BINS - 1)
    rows = []
    for number in range(BINS):
        inside = bin_of == number
        rows.append(
            (
                int(inside.sum()),
                *((float(p[inside].mean()), float(hit[inside].mean())) if inside.any() else (float("nan"),) * 2),
            )
        )
    error = sum(n * abs(mean - fraction) for n, mean, fraction in rows if n) / len(p)
    return Calibration(name, len(p), float(error), float(np.mean((p - hit) ** 2)), tuple(rows))
