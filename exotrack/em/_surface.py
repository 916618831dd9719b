"""From voxels to a surface between them: a smoothed mask, its contour lines or its mesh, lines joined over sections."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

Real = NDArray[np.float64]
Single = NDArray[np.float32]
PAD = 4
SLAB = 4_000_000
"""Voxels looked at together."""
SIGMA_SOLID, SIGMA_BAND = 1.0, 0.7
"""Smoothing in voxels: enough to take away the steps of voxels, and for a band no more than leaves one voxel standing."""
BAND_NM = 20.0
"""A mask no thicker than twice this is taken for the membrane itself, a thicker one for the cell."""


def is_band(mask: NDArray[np.bool_], spacing_nm: Sequence[float]) -> bool:
    """Whether a mask is so thin everywhere that it must be the membrane itself; looked at in slabs, to spare memory."""
    halo = int(np.ceil(BAND_NM / spacing_nm[0])) + 1
    step = max(halo, SLAB // max(int(np.prod(mask.shape[1:])), 1))
    for first in range(0, mask.shape[0], step):
        low, high = max(first - halo, 0), min(first + step + halo, mask.shape[0])
        padded = np.pad(mask[low:high], 1, mode="edge")
        # Beyond the halo a slab knows nothing, but no distance up to the limit reaches that far.
        inner = distance_transform_edt(padded, sampling=spacing_nm)[1 + first - low :][: min(step, mask.shape[0] - first)]
        if inner.max(initial=0.0) > BAND_NM:
            return False
    return True


def smoothed(mask: NDArray[Any], sigma: float) -> Single:
    """A mask as a smooth field that is 0.5 at its face.

    The kernel 2 G(s) - G(sqrt(2) s) has no second moment, so that it takes the steps of voxels away without drawing curved
    faces inwards, as a Gaussian would by s^2 / R.
    """
    values = mask.astype(np.float32)
    field = gaussian_filter(values, sigma, mode="nearest", truncate=4.0)
    field *= 2.0
    field -= gaussian_filter(values, np.sqrt(2.0) * sigma, mode="nearest", truncate=4.0)
    return np.asarray(field, np.float32)


def faces_of(field: NDArray[Any], spacing_nm: Sequence[float]) -> tuple[Real, NDArray[np.int64]]:
    """Where `field` passes 0.5: vertices (n, d) in nm and segments (m, 2) or triangles (m, 3). None at the image's border."""
    from skimage import measure

    untyped: Any = measure
    if field.ndim == 2:
        lines = [line * np.asarray(spacing_nm) for line in untyped.find_contours(field, 0.5)]
        return joined(lines)
    if not field.min() < 0.5 < field.max():
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    vertices, faces, *_ = untyped.marching_cubes(field, 0.5, spacing=tuple(spacing_nm), allow_degenerate=False)
    return np.asarray(vertices, float), np.asarray(faces, np.int64)


def joined(lines: Sequence[Real]) -> tuple[Real, NDArray[np.int64]]:
    """Polylines (n, d) as vertices and segments."""
    starts = np.cumsum([0, *(len(line) for line in lines)])
    parts = [np.column_stack([np.arange(a, b - 1), np.arange(a + 1, b)]) for a, b in pairwise(starts)]
    vertices = np.concatenate(lines) if lines else np.zeros((0, 2))
    return np.asarray(vertices, float), np.concatenate(parts) if parts else np.zeros((0, 2), np.int64)


def dense(line: Real, step: float) -> Real:
    """A polyline (n, d) with its own corners and further points, none more than `step` from the next."""
    parts = []
    for first, second in pairwise(line):
        n = max(int(np.ceil(np.linalg.norm(second - first) / step)), 1)
        parts.append(first + (second - first) * (np.arange(n) / n)[:, None])
    return np.concatenate([*parts, line[-1:]])


def lofted(lines: Sequence[Real]) -> tuple[Real, NDArray[np.int64]]:
    """One line (n, 3) in each of several planes, joined to a surface: vertices and triangles."""
    longest = max(float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum()) for line in lines)
    gap = min(abs(float(b[0, 0] - a[0, 0])) for a, b in pairwise(lines))
    n = int(np.clip(longest / max(gap, longest / 2000), 16, 2000))
    rows = [resampled(line, n) for line in lines]
    for above, below in pairwise(range(len(rows))):
        straight = np.linalg.norm(rows[above] - rows[below], axis=1).sum()
        if np.linalg.norm(rows[above] - rows[below][::-1], axis=1).sum() < straight:
            rows[below] = rows[below][::-1]
    first = np.arange(len(rows) - 1)[:, None] * n + np.arange(n - 1)
    a, b, c, d = (part.ravel() for part in (first, first + 1, first + n, first + n + 1))
    return np.concatenate(rows), np.concatenate([np.column_stack([a, b, c]), np.column_stack([b, d, c])])


def resampled(line: Real, n: int) -> Real:
    """A polyline (m, d) as `n` points at equal distances along it."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], n)
    return np.column_stack([np.interp(at, along, values) for values in line.T])
