"""Matched filter for rings, shells and discs, with the variance of each place: in two or three axes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import maximum_filter

from exotrack.em._templates import Template

Real = NDArray[np.float64]
Single = NDArray[np.float32]


class Fit(NamedTuple):
    """How well a template fits at every place: height of the figure, its partial correlation, gain in log-likelihood."""

    figure: Single
    rho: Single
    gain: Single


class Field:
    """The Fourier transforms of a picture (darkness, any number of axes) and of its square, for many templates."""

    def __init__(self, pixels: Single, reach: Sequence[int]) -> None:
        self.shape = pixels.shape
        # The statistic knows neither level nor scale; both are taken off for the sake of single precision.
        centre, self.spread = float(np.mean(pixels)), float(np.std(pixels)) or 1.0
        even = (pixels - np.float32(centre)) / np.float32(self.spread)
        self._size = tuple(fft.next_fast_len(n + r, real=True) for n, r in zip(pixels.shape, reach, strict=True))
        self._plain = fft.rfftn(even, self._size)
        self._square = fft.rfftn(even * even, self._size)

    def match(self, one: Template) -> Fit:
        """The fit of a template at every place."""
        n = float(one.support.sum())
        support, other, shape = _kernels(one, self._size)
        rest = self._back(self._square * support)
        rest -= self._back(self._plain * support) ** 2 / np.float32(n)
        if other is not None:
            rest -= self._back(self._plain * other) ** 2
        figure = self._back(self._plain * shape)
        # Where the picture is flat there is nothing to correlate with; the floor is far below any noise.
        rho: Single = np.asarray(figure / np.sqrt(np.maximum(rest, np.float32(1e-5 * n))), np.float32)
        np.clip(rho, -0.999, 0.999, out=rho)
        gain = np.asarray(np.log1p(-(rho**2)) * np.float32(-0.5 * n), np.float32)
        return Fit(np.asarray(figure * np.float32(self.spread), np.float32), rho, gain)

    def _back(self, product: Any) -> Single:
        found: Single = fft.irfftn(product, self._size)[tuple(slice(n) for n in self.shape)]
        return found


@lru_cache(maxsize=48)
def _kernels(one: Template, size: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Transforms of a template's support, other (None if it has none) and figure; blocks of one size share them."""
    return _kernel(one.support, size), _kernel(one.other, size) if one.other.any() else None, _kernel(one.figure, size)


def _kernel(values: Single, size: tuple[int, ...]) -> Any:
    """Transform of a kernel with its middle at the origin; it is even, so the product is a correlation."""
    big = np.zeros(size, np.float32)
    big[tuple(slice(n) for n in values.shape)] = values
    big = np.roll(big, [-(n // 2) for n in values.shape], axis=tuple(range(values.ndim)))
    return fft.rfftn(big).real.copy()


def spread_of(field: Field, one: Template) -> tuple[float, float, float]:
    """Standard deviation of the figure's height by its median, and the largest gains of dark and of bright figures."""
    fit = field.match(one)
    top = [float(np.partition(np.where(sign * fit.rho > 0, fit.gain, 0).ravel(), -20)[-20:].mean()) for sign in (1, -1)]
    # Neighbours are alike: every third place says as much of the noise as all of them.
    return 1.4826 * float(np.median(np.abs(fit.figure.ravel()[::3]))), top[0], top[1]


def peaks(
    field: Field, templates: Sequence[Template], scales: Real, least: tuple[float, float, float]
) -> tuple[NDArray[np.int64], Real]:
    """Places where the gain is largest among the neighbours in space and in size.

    Parameters
    ----------
    scales : standard deviation of each template's figure in the noise.
    least : correlation, gain and height over the noise that a peak must have.

    Returns
    -------
    (n, axes) positions in voxels; (n, 4) radius (nm), correlation, gain and height over the noise of each.
    """
    places, values = [], []
    below, fit, here = None, field.match(templates[0]), None
    here = maximum_filter(fit.gain, 3)
    for k, one in enumerate(templates):
        after = field.match(templates[k + 1]) if k + 1 < len(templates) else None
        above = None if after is None else maximum_filter(after.gain, 3)
        score = fit.figure / np.float32(max(scales[k], 1e-9))
        top = (fit.gain == here) & (fit.rho > least[0]) & (fit.gain > least[1]) & (score > least[2])
        for other in (below, above):
            if other is not None:
                top &= fit.gain >= other
        at = np.argwhere(top)
        index = tuple(at.T)
        places.append(at)
        values.append(np.column_stack([np.full(len(at), one.radius_nm), fit.rho[index], fit.gain[index], score[index]]))
        if after is not None:
            below, fit, here = here, after, above
    return np.concatenate(places), np.concatenate(values)
