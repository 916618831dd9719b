"""Grey values between voxels: linear interpolation along many rays at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]


def along_rays(pixels: Any, spacing: Real, centre: Real, units: Real, distance: Real) -> Real:
    """Values at `distance` (n, rays, points; nm) from `centre` (n, axes; nm) along `units` (rays, axes).

    Outside the picture the nearest voxel counts.
    """
    if pixels.ndim == 2:
        found: Real = _plane(pixels, spacing, centre, units, distance)
    else:
        found = _space(pixels, spacing, centre, units, distance)
    return found


@njit(nogil=True, cache=True)
def _plane(pixels: Any, spacing: Any, centre: Any, units: Any, distance: Any) -> Any:
    height, width = pixels.shape
    n, rays, points = distance.shape
    out = np.empty((n, rays, points))
    for i in range(n):
        for j in range(rays):
            for k in range(points):
                y = min(max((centre[i, 0] + distance[i, j, k] * units[j, 0]) / spacing[0], 0.0), height - 1.000001)
                x = min(max((centre[i, 1] + distance[i, j, k] * units[j, 1]) / spacing[1], 0.0), width - 1.000001)
                v, u = int(y), int(x)
                y -= v
                x -= u
                above = pixels[v, u] * (1 - x) + pixels[v, u + 1] * x
                below = pixels[v + 1, u] * (1 - x) + pixels[v + 1, u + 1] * x
                out[i, j, k] = above * (1 - y) + below * y
    return out


@njit(nogil=True, cache=True)
def _space(pixels: Any, spacing: Any, centre: Any, units: Any, distance: Any) -> Any:
    deep, height, width = pixels.shape
    n, rays, points = distance.shape
    out = np.empty((n, rays, points))
    for i in range(n):
        for j in range(rays):
            for k in range(points):
                z = min(max((centre[i, 0] + distance[i, j, k] * units[j, 0]) / spacing[0], 0.0), deep - 1.000001)
                y = min(max((centre[i, 1] + distance[i, j, k] * units[j, 1]) / spacing[1], 0.0), height - 1.000001)
                x = min(max((centre[i, 2] + distance[i, j, k] * units[j, 2]) / spacing[2], 0.0), width - 1.000001)
                w, v, u = int(z), int(y), int(x)
                z -= w
                y -= v
                x -= u
                value = 0.0
                for c in range(2):
                    above = pixels[w + c, v, u] * (1 - x) + pixels[w + c, v, u + 1] * x
                    below = pixels[w + c, v + 1, u] * (1 - x) + pixels[w + c, v + 1, u + 1] * x
                    value += (above * (1 - y) + below * y) * (z if c else 1 - z)
                out[i, j, k] = value
    return out
