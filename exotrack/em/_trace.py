"""A membrane traced between clicked points: the cheapest way along a ridge of the image, then moved onto the ridge's middle."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

Real = NDArray[np.float64]
MARGIN = 0.25
"""How far, over the distance of two clicks, the way between them may leave their rectangle."""


def ridge(image: NDArray[Any], sigma_px: tuple[float, float], dark: bool) -> Real:
    """Strength of lines of the given width: the greater eigenvalue of the Hessian (scaled), at least 0."""
    values = np.asarray(image, float) * (1.0 if dark else -1.0)
    yy, xx, yx = (gaussian_filter(values, sigma_px, order=order, mode="nearest") for order in ((2, 0), (0, 2), (1, 1)))
    yy, xx, yx = yy * sigma_px[0] ** 2, xx * sigma_px[1] ** 2, yx * sigma_px[0] * sigma_px[1]
    return np.asarray(np.maximum((yy + xx) / 2 + np.sqrt(((yy - xx) / 2) ** 2 + yx**2), 0.0))


def path(image: NDArray[Any], clicks_px: Real, sigma_px: tuple[float, float], dark: bool) -> tuple[Real, float]:
    """Pixels (n, 2) of the cheapest way through the clicks, and its mean strength (grey values)."""
    from skimage.graph import route_through_array

    strength = ridge(image, sigma_px, dark)
    scale = max(float(np.percentile(strength, 99)), 1e-12)
    cost = 1.0 / (0.03 + np.minimum(strength / scale, 1.0))
    ways: list[Real] = []
    for first, second in pairwise(_snapped(strength, np.rint(clicks_px).astype(int), int(np.ceil(2.5 * max(sigma_px))))):
        slack = int(MARGIN * np.abs(second - first).max()) + 20
        low = np.maximum(np.minimum(first, second) - slack, 0)
        high = np.minimum(np.maximum(first, second) + slack + 1, image.shape)
        window = cost[low[0] : high[0], low[1] : high[1]]
        way, _ = route_through_array(window, tuple(first - low), tuple(second - low), fully_connected=True, geometric=True)
        ways.append(np.asarray(way, float)[1 if ways else 0 :] + low)
    whole = np.concatenate(ways)
    at = np.rint(whole).astype(int)
    return whole, float(np.mean(strength[at[:, 0], at[:, 1]]))


def _snapped(strength: Real, clicks: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """The strongest pixel within `reach` of each click: nobody hits the middle of a membrane."""
    found = clicks.copy()
    for number, click in enumerate(clicks):
        low = np.maximum(click - reach, 0)
        window = strength[low[0] : click[0] + reach + 1, low[1] : click[1] + reach + 1]
        found[number] = low + np.unravel_index(int(np.argmax(window)), window.shape)
    return found


def refined(image: NDArray[Any], line_nm: Real, spacing_nm: tuple[float, float], width_nm: float, dark: bool) -> Real:
    """The line (n, 2 in nm) moved across itself onto the middle of the ridge, below the size of a pixel."""
    strength = ridge(image, sigmas(width_nm, spacing_nm), dark)
    step = min(spacing_nm)
    offsets = np.arange(-width_nm, width_nm + step / 4, step / 2)
    smooth = max(width_nm / step, 1.5)
    line = np.column_stack([gaussian_filter1d(v, smooth / 2, mode="nearest") for v in evenly(line_nm, step).T])
    for _ in range(3):
        tangent = np.gradient(line, axis=0)
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
        normal = np.column_stack([tangent[:, 1], -tangent[:, 0]])
        places = line[:, None] + offsets[:, None] * normal[:, None]
        profile = map_coordinates(strength, np.moveaxis(places / np.asarray(spacing_nm), -1, 0), order=3, mode="nearest")
        line = line + gaussian_filter1d(_peak(profile, offsets), smooth, mode="nearest")[:, None] * normal
        line = evenly(line, step)
    return line


def sigmas(width_nm: float, spacing_nm: tuple[float, float]) -> tuple[float, float]:
    """Width of the filter (pixels) that answers most to a bar of `width_nm`: half of it over sqrt(3), at least a pixel."""
    sigma = max(width_nm / 2 / np.sqrt(3.0) * 1.2, max(spacing_nm))
    return sigma / spacing_nm[0], sigma / spacing_nm[1]


def _peak(profile: Real, offsets: Real) -> Real:
    """Offset of the highest value of each row, by a parabola through it and its neighbours; 0 where it is at an end."""
    best = np.argmax(profile, axis=1)
    inner = (best > 0) & (best < profile.shape[1] - 1)
    at = np.clip(best, 1, profile.shape[1] - 2)
    rows = np.arange(len(profile))
    left, middle, right = profile[rows, at - 1], profile[rows, at], profile[rows, at + 1]
    bend = left - 2 * middle + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    return np.asarray(np.where(inner, offsets[at] + np.clip(shift, -1, 1) * (offsets[1] - offsets[0]), 0.0))


def evenly(line: Real, step: float) -> Real:
    """A polyline (n, 2) with points about `step` apart."""
    from exotrack.em._surface import resampled

    length = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
    return resampled(line, max(int(np.ceil(length / step)) + 1, 3))
