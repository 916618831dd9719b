"""Neighbours fitted together, and spots that are two.

Two spots closer than about 2.5 widths have one maximum in the filter. Fitted as one, their light is longer in one direction
than a spot's: a score test (two second derivatives of the Gaussian that no shift, height or background can imitate) picks
the few spots where fitting two is worth the time. Two are believed if they are more likely than one spot, and than one round
spot of any width, which is what spreading cargo or a large vesicle looks like, by `WORTH` and by how rare close neighbours
are; and if they are neither closer nor more unequal than what a lens with faults makes of one spot.

The light of other spots within reach is taken as known and the fits repeated, which climbs to the maximum of the likelihood
of all together (backfitting).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.detect._joint import climb, share

Real = NDArray[np.float64]

SWEEPS = 2
"""Rounds of fits with known neighbours: the third moves no spot by a hundredth of its error."""
LONG = 7.0
"""Score of elongation from which two spots are tried: one lone spot in thirty (chi-squared, two degrees of freedom)."""
WORTH = 9.0
"""Twice the log-likelihood that the three numbers of a second spot must bring, where every spot had a close neighbour."""
NEAR = 2.5
"""Separation in widths up to which two spots have one maximum."""
CLOSEST = 1.3
"""Separation of two spots in widths: a lens that draws a tenth too long gives 0.9."""
LEAST = 0.3
"""Height of the dimmer in units of the brighter."""


ORIGIN, PAIRED = 6, 7
"""Columns behind the six of `resolve`: which spot of the input, and 1 for one of two."""


def resolve(image: Any, fits: Real, tilt: Real, sigma: float, half: int, camera: tuple[float, float]) -> Real:
    """Fit neighbours together and split what is two spots.

    Parameters
    ----------
    image : (height, width) float32 counts.
    fits : (n, 6) y, x (pixels), height, background (counts), standard errors of y and x (pixels), sorted by y.
    tilt : (n, 2) slope of the background along y and x (counts per pixel).
    sigma, half, camera : as in `fit_spots`.

    Returns
    -------
    (m, 8): the same six, the spot of `fits` each belongs to, and 1 for those that are one of two.
    """
    n = len(fits)
    slope, shift, unit = camera[0], camera[1] / camera[0], 2.0 * math.pi * sigma**2
    # In photoelectrons from here on: light in place of height.
    spots = np.zeros((2 * n, 8))
    spots[:n, :6] = fits
    spots[:n, 2] *= unit / slope
    spots[:n, 3] = (spots[:n, 3] + shift) / slope
    spots[:n, ORIGIN] = np.arange(n)
    scene = (image, slope, shift, tilt / slope, sigma, half)
    long = _fit_crowded(scene, spots, n)
    # The rarer close neighbours are, the more it takes to believe one.
    chance = n * math.pi * (NEAR * sigma) ** 2 / image.size
    worth, m = WORTH - 2 * math.log(min(max(chance, 1e-4), 1.0)), n
    # Plain Python: compiled in one piece with the fits this would take half a minute, and it is few spots.
    for i in np.flatnonzero(long[:, 0] > LONG):
        m += _split(scene, spots, int(i), m, long[i, 1], worth)
    spots[:m, 2] *= slope / unit
    spots[:m, 3] = spots[:m, 3] * slope - shift
    return spots[:m]


@njit(nogil=True, cache=True, error_model="numpy")
def _fit_crowded(scene: Any, spots: Any, n: int) -> Any:
    """Fit the spots that have neighbours with these known; (n, 2) elongation and its direction of every spot."""
    sigma, half = scene[4], scene[5]
    long = np.empty((n, 2))
    for sweep in range(SWEEPS + 1):
        for i in range(n):
            last = sweep == SWEEPS
            if not last and not _crowded(spots, i, n, half + 3.0 * sigma):
                continue
            photons, known, y0, x0 = _window(scene, spots, i, n)
            theta = np.empty(4)
            theta[0], theta[1], theta[2], theta[3] = spots[i, 0] - y0, spots[i, 1] - x0, spots[i, 2], spots[i, 3]
            if last:
                long[i, 0], long[i, 1] = _elongation(photons, known, sigma, theta)
            else:
                _fit_again(photons, known, sigma, theta, spots[i])
    return long


@njit(nogil=True, cache=True)
def _crowded(spots: Any, i: int, n: int, reach: float) -> bool:
    """Whether spot i has another whose light reaches its window; spots are sorted by y, and have moved little since."""
    for way in (-1, 1):
        j = i + way
        while 0 <= j < n and abs(spots[i, 0] - spots[j, 0]) < 2 * reach:
            if abs(spots[i, 0] - spots[j, 0]) < reach and abs(spots[i, 1] - spots[j, 1]) < reach:
                return True
            j += way
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def _window(scene: Any, spots: Any, i: int, m: int) -> Any:
    """Photoelectrons around spot i, what tilt and other spots contribute to them, and the corner of the window."""
    image, slope, shift, tilt, sigma, half = scene
    height, width = image.shape
    cy, cx = round(spots[i, 0]), round(spots[i, 1])
    y0, x0 = max(cy - half, 0), max(cx - half, 0)
    y1, x1 = min(cy + half + 1, height), min(cx + half + 1, width)
    photons, known = np.empty((y1 - y0, x1 - x0)), np.empty((y1 - y0, x1 - x0))
    own = int(spots[i, ORIGIN])
    for j in range(known.shape[0]):
        for k in range(known.shape[1]):
            photons[j, k] = (image[y0 + j, x0 + k] + shift) / slope
            known[j, k] = tilt[own, 0] * (y0 + j - cy) + tilt[own, 1] * (x0 + k - cx)
    reach = half + 3.0 * sigma
    ey, ex = np.empty(known.shape[0]), np.empty(known.shape[1])
    for other in range(m):
        if other != i and abs(spots[other, 0] - cy) < reach and abs(spots[other, 1] - cx) < reach:
            share(spots[other, 0] - y0, sigma, ey)
            share(spots[other, 1] - x0, sigma, ex)
            for j in range(len(ey)):
                for k in range(len(ex)):
                    known[j, k] += spots[other, 2] * ey[j] * ex[k]
    return photons, known, y0, x0


@njit(nogil=True, cache=True, error_model="numpy")
def _fit_again(photons: Any, known: Any, sigma: float, theta: Any, spot: Any) -> None:
    """Fit a spot with the light of the others known; it stays as it was where that fails or leads away."""
    error, y, x = np.empty(4), theta[0], theta[1]
    likely = climb(photons, known, sigma, False, theta, error)
    if math.isfinite(likely) and abs(theta[0] - y) <= sigma and abs(theta[1] - x) <= sigma and theta[2] > 0:
        spot[0], spot[1] = spot[0] + theta[0] - y, spot[1] + theta[1] - x
        spot[2], spot[3], spot[4], spot[5] = theta[2], theta[3], error[0], error[1]


def _split(scene: Any, spots: Real, i: int, m: int, angle: float, worth: float) -> bool:
    """Replace spot i by two, the second stored as spot m; False if it is one."""
    sigma = scene[4]
    photons, known, y0, x0 = _window(scene, spots, i, m)
    one, error = np.array([spots[i, 0] - y0, spots[i, 1] - x0, spots[i, 2], spots[i, 3]]), np.empty(7)
    single = climb(photons, known, sigma, False, one, error)
    y, x, light, background = one.tolist()
    dy, dx = 0.9 * sigma * math.sin(angle), 0.9 * sigma * math.cos(angle)
    two = np.array([y + dy, x + dx, light / 2, y - dy, x - dx, light / 2, background])
    both = climb(photons, known, sigma, False, two, error)
    # The cheap questions first: most long spots are one, and for those the round spot of any width need not be fitted.
    if not (2 * (both - single) > worth and _are_two(two.tolist(), sigma, photons.shape)):
        return False
    wide = np.array([y, x, light, background, sigma])
    if 2 * (both - climb(photons, known, sigma, True, wide, np.empty(5))) <= worth:
        return False
    corner, places, light = np.array([y0, x0]), np.stack([two[:2], two[3:5]]), two[[2, 5]]
    spots[i, PAIRED] = 1.0
    spots[m] = spots[i]
    for row, k in ((i, 0), (m, 1)):
        spots[row, :2], spots[row, 2], spots[row, 3], spots[row, 4:6] = (
            places[k] + corner,
            light[k],
            two[6],
            error[3 * k : 3 * k + 2],
        )
    return True


def _are_two(two: list[float], sigma: float, shape: tuple[int, int]) -> bool:
    """Whether two fitted spots lie in the window, and are neither too close nor too unequal for what a lens makes of one."""
    y1, x1, light1, y2, x2, light2, _ = two
    apart = math.hypot(y1 - y2, x1 - x2) > CLOSEST * sigma
    inside = min(y1, x1, y2, x2) >= -0.5 and max(y1, y2) <= shape[0] - 0.5 and max(x1, x2) <= shape[1] - 0.5
    return apart and inside and min(light1, light2) > LEAST * max(light1, light2)


@njit(nogil=True, cache=True, error_model="numpy")
def _elongation(photons: Any, known: Any, sigma: float, one: Any) -> Any:
    """Score (chi-squared, two degrees of freedom) for light that is longer in one direction, and that direction."""
    ny, nx = photons.shape
    ey, ex = np.empty(ny), np.empty(nx)
    share(one[0], sigma, ey)
    share(one[1], sigma, ex)
    along, across, n_along, n_across = 0.0, 0.0, 0.0, 0.0
    for j in range(ny):
        v = (j - one[0]) / sigma
        for k in range(nx):
            u = (k - one[1]) / sigma
            g = ey[j] * ex[k]
            mean = max(one[2] * g + one[3] + known[j, k], 0.5)
            rest = (photons[j, k] - one[2] * g - one[3] - known[j, k]) / mean
            a, b = g * (u * u - v * v), g * 2.0 * u * v
            along, across = along + a * rest, across + b * rest
            n_along, n_across = n_along + a * a / mean, n_across + b * b / mean
    along, across = along / math.sqrt(n_along), across / math.sqrt(n_across)
    return along * along + across * across, 0.5 * math.atan2(across, along)
