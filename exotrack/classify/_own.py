"""The light of a vesicle's own width, frame by frame: what its pore and its pH change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.classify._components import PatchSeries
from exotrack.classify._patch import N_HEIGHTS

Real = NDArray[np.float64]


class Light(NamedTuple):
    """Narrow light: frames from the event's (n,), heights (counts), and inverse variances, 0 where a frame says nothing."""

    times: Real
    height: Real
    weight: Real


def apart(series: PatchSeries, frame: int) -> Light:
    """Narrow light beside broad light of any kind: clouds do not enter it. Times count from `frame`."""
    return _light(series, frame, N_HEIGHTS - 1)


def beside_clouds(series: PatchSeries, frame: int) -> Light:
    """Narrow light beside clouds of four widths and more, light of two widths staying as it is on average.

    A cloud of a protein is as narrow as that for a few hundredths of a second only.
    """
    return _light(series, frame, N_HEIGHTS - 2)


def _light(series: PatchSeries, frame: int, free: int) -> Light:
    """Narrow light beside the last `free` widths with any height; the rest stays at its mean."""
    fixed = N_HEIGHTS - free
    a, b = series.precision[:, :fixed, :fixed], series.precision[:, :fixed, fixed:]
    known = a - b @ np.linalg.pinv(series.precision[:, fixed:, fixed:]) @ b.transpose(0, 2, 1)
    good = known[:, 0, 0] > 0
    narrow = np.where(good, known[:, 0, 0], 1.0)
    height = np.nan_to_num(series.coefficients[:, 0])
    if fixed > 1:
        second = np.nan_to_num(series.coefficients[:, 1])
        weight = np.where(good, known[:, 1, 1] - known[:, 0, 1] ** 2 / narrow, 0.0)
        height = height + known[:, 0, 1] / narrow * (second - float(weight @ second) / max(float(weight.sum()), 1e-300))
    return Light((series.frame - frame).astype(float), height, np.where(good, narrow, 0.0))


def above_still(series: PatchSeries, frame: int) -> Light:
    """Narrow light above broad light that stays or drifts slowly: surer, where nothing spreads.

    The broad light is what all frames have in common when each may have any narrow light.
    """
    precision, heights = series.precision, np.nan_to_num(series.coefficients[:, :N_HEIGHTS])
    good = precision[:, 0, 0] > 0
    narrow = np.where(good, precision[:, 0, 0], 1.0)
    free = precision[:, 1:, 1:] - precision[:, 1:, :1] * precision[:, :1, 1:] / narrow[:, None, None]
    free = np.where(good[:, None, None], free, 0.0)
    basis = _broad(len(heights))
    normal = np.einsum("nia,nij,njb->ab", basis, free, basis)
    right = np.einsum("nia,nij,nj->a", basis, free, heights[:, 1:])
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    still = np.linalg.lstsq(normal / np.outer(scale, scale), right / scale, rcond=1e-9)[0] / scale
    beyond = heights[:, 1:] - basis @ still
    height = heights[:, 0] + np.einsum("ni,ni->n", precision[:, 0, 1:], beyond) / narrow
    return Light((series.frame - frame).astype(float), height, np.where(good, narrow, 0.0))


def _broad(n: int) -> Real:
    """(n, 3, 7) broad light that stays, and, of the two widest, that drifts and bends."""
    u = (np.arange(n) - 0.5 * (n - 1)) / n
    basis = np.zeros((n, 3, 7))
    basis[:, 0, 0] = basis[:, 1, 1] = basis[:, 2, 2] = 1.0
    basis[:, 1, 3] = basis[:, 2, 4] = u
    basis[:, 1, 5] = basis[:, 2, 6] = u * u
    return basis
