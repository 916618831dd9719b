"""Width of the light around a place, frame by frame: that of the likeliest single Gaussian."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from exotrack.classify._components import mixture
from exotrack.classify._look import Optics

Real = NDArray[np.float64]
NARROWEST, WIDEST, N_WIDTHS = 0.6, 12.0, 61
"""Widths that are tried, in vesicle widths, and their number: steps of 5 percent, between which a parabola is laid."""
SEEN = 25.0
"""Chi-squared that the Gaussian must explain, five standard errors, for its width to be told."""


def widths_um(heights: Real, precision: Real, optics: Optics) -> Real:
    """Width (n,) in um of the Gaussian that explains heights (n, 4) on the components best; NaN where nothing is seen.

    precision : (n, 4, 4) inverse covariance of the heights, so that the width is that of greatest likelihood. A ratio of light to
    height would stop growing once light leaves the place looked at; this does not.
    """
    log_w, told = _table(optics)
    weighted = np.einsum("nab,nb->na", precision, np.nan_to_num(heights))
    along = weighted @ told.T
    own = np.einsum("ia,nab,ib->ni", told, precision, told)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where((along > 0) & (own > 0), along**2 / own, 0.0)
    best = np.argmax(gain, axis=1).clip(1, len(log_w) - 2)
    row = np.arange(len(gain))
    low, top, high = (gain[row, best + k] for k in (-1, 0, 1))
    bend = low - 2.0 * top + high
    shift = np.where(bend < 0, 0.5 * (low - high) / np.where(bend < 0, bend, 1.0), 0.0).clip(-1.0, 1.0)
    found = np.exp(log_w[best] + shift * (log_w[1] - log_w[0])) * optics.sigma_um
    return np.asarray(np.where(gain.max(axis=1) >= SEEN, found, np.nan))


@lru_cache(maxsize=4)
def _table(optics: Optics) -> tuple[Real, Real]:
    """Logarithms of the widths that are tried (N_WIDTHS,), and heights of a Gaussian of each on the components (N_WIDTHS, 4)."""
    widths = np.geomspace(NARROWEST, WIDEST, N_WIDTHS)
    return np.log(widths), np.asarray(mixture(widths, optics.sigma_px, optics.reach.near, optics.reach.far))
