"""Are places clustered, at random, or apart? Ripley's K and nearest neighbours inside a footprint of any shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.stats.patterns._rank import Departure, departure, two_sided
from exotrack.stats.patterns.window import Window

Real = NDArray[np.float64]
DISTANCES = 40
"""Distances at which curves are computed: finer ones are hardly less alike than neighbours already are."""
AT_ONCE = 2_000_000
"""Pairs held at a time: about 100 MB with what is computed from them."""
LEAST_PAIRS = 2.0
"""Pairs that chance must put within a distance for it to be looked at; 0.5 to 4 find clusters of 3 to 5 events alike."""
NEAR_UM = 1.0
"""Up to here two events count as near one another: the reach of a cluster of the docking machinery, some vesicles wide."""


@dataclass(frozen=True, eq=False)
class Spatial:
    """A pattern in space beside patterns of the null.

    distance_um : (k,). ripley_l_um : (1 + m, k) square root of K / pi, what was seen first. nearest_um : (1 + m,) mean
    distance to the nearest neighbour. near_pairs : (1 + m,) pairs within `NEAR_UM`.
    """

    distance_um: Real
    ripley_l_um: Real
    nearest_um: Real
    near_pairs: Real

    @property
    def clustering(self) -> Departure:
        """Test of L over all distances: z above 0 where there are too many pairs, below 0 where too few."""
        return departure(self.ripley_l_um)

    @property
    def neighbours(self) -> tuple[float, float]:
        """Mean distance to the nearest neighbour over that of the null (Clark & Evans), and its p-value, both sides."""
        return float(self.nearest_um[0] / self.nearest_um[1:].mean()), two_sided(self.nearest_um)


def compare_places(seen: Real, null: Real, window: Window) -> Spatial:
    """Compare (n, 2) places with (m, n, 2) of the null.

    Ripley's K is estimated with the translation correction (Ohser & Stoyan 1981): a pair weighs the inverse of the area that
    the window shares with its copy moved by their distance, which is exact for any shape. O(m n^2) time, some 100 MB.
    Raises `ValueError` for fewer than two places.
    """
    n = len(seen)
    if n < 2:
        raise ValueError("a pattern needs two places or more")
    distance = np.linspace(_least_um(n, window), window.reach_um, DISTANCES)
    curves, nearest, near = [], [], []
    for part in _parts(np.concatenate([seen[None], null])):
        first, second = np.triu_indices(n, 1)
        shift = part[:, first] - part[:, second]
        apart = np.hypot(shift[..., 0], shift[..., 1])
        curves.append(_ripley(apart, shift, window, distance, n))
        nearest.append(_nearest(apart, first, second, n))
        near.append((apart <= NEAR_UM).sum(axis=1))
    return Spatial(distance, np.sqrt(np.concatenate(curves) / np.pi), np.concatenate(nearest), np.concatenate(near).astype(float))


def _least_um(n: int, window: Window) -> float:
    """The shortest distance that is looked at: where chance gives `LEAST_PAIRS`, at most half the longest.

    Nearer, a single pair would be far out of the ordinary, and such pairs would drown what happens at other distances.
    """
    return min(float(np.sqrt(LEAST_PAIRS * window.area_um2 / (np.pi * n * (n - 1) / 2))), window.reach_um / 2)


def _parts(patterns: Real) -> Iterator[Real]:
    n = patterns.shape[1]
    step = max(1, AT_ONCE // (n * (n - 1) // 2))
    for start in range(0, len(patterns), step):
        yield patterns[start : start + step]


def _ripley(apart: Real, shift: Real, window: Window, distance: Real, n: int) -> Real:
    """(patterns, k) K of each pattern; each pair stands for both orders."""
    pattern, pair = np.nonzero(apart <= distance[-1])
    weight = 2.0 / window.shared_um2(shift[pattern, pair])
    bin_of = np.searchsorted(distance, apart[pattern, pair])
    counted = np.bincount(pattern * DISTANCES + bin_of, weight, len(apart) * DISTANCES).reshape(len(apart), DISTANCES)
    return np.asarray(window.area_um2**2 / (n * (n - 1)) * np.cumsum(counted, axis=1))


def _nearest(apart: Real, first: NDArray[np.intp], second: NDArray[np.intp], n: int) -> Real:
    """(patterns,) mean over places of the distance to the nearest other."""
    matrix = np.full((len(apart), n, n), np.inf)
    matrix[:, first, second] = apart
    matrix[:, second, first] = apart
    return np.asarray(matrix.min(axis=2).mean(axis=1))


MAP_SIDE = 96
"""Pixels along the longer side of a map of rates: it is smooth."""


def rate_map(places: Real, window: Window, sigma_um: float, duration_s: float) -> Real:
    """(height, width) events per um^2 and s: a Gaussian of `sigma_um` at each place, divided by what of it lies in the window.

    NaN outside the window (Diggle 1985, J R Stat Soc C 34:138, uniform edge correction).
    """
    from scipy.ndimage import gaussian_filter

    counts = np.zeros(window.inside.shape)
    row, column = np.clip(np.rint(places / window.pixel_um).astype(np.intp), 0, np.array(counts.shape) - 1).T
    np.add.at(counts, (row, column), 1.0)
    sigma = sigma_um / window.pixel_um
    share = gaussian_filter(window.inside.astype(float), sigma, mode="constant")
    smooth = gaussian_filter(counts, sigma, mode="constant") / np.where(window.inside, share, 1.0)
    return np.where(window.inside, smooth / (window.pixel_um**2 * duration_s), np.nan)
