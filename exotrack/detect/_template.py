"""The spot that is looked for, and the least-squares weights that measure its height over a background.

In a square window the model is ``value = height * g + background``, with g the pixel-integrated Gaussian, 1 high at its
centre when sampled finely. The background is either even or a quadratic; its odd terms and ``y^2 - x^2`` vanish by
symmetry, so the weights of `height` are g less its projection on 1 and, if it may bend, on ``q = r^2 - mean(r^2)``::

    weight = g - S1 / n - Qg / Qq * q        height = sum(weight * value) / D        D = sum(weight * g)

with S1 = sum(g), Qg = sum(g q), Qq = sum(q^2) over the n pixels of the window. The noise of `height` is sqrt(variance / D).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]

WIDE = 1.5


@dataclass(frozen=True)
class Template:
    """A Gaussian of width `sigma_px` in a square window of half side `half_window` (pixels) whose background may bend."""

    sigma_px: float
    half_window: int
    bends: bool

    @property
    def half(self) -> int:
        """Half side at which the Gaussian is cut: three widths (pixels)."""
        return int(np.ceil(3.0 * self.sigma_px))

    @cached_property
    def gauss(self) -> NDArray[np.float32]:
        """(2 half + 1,) the Gaussian along one axis."""
        from scipy.special import erf

        edges = (np.arange(2 * self.half + 2) - self.half - 0.5) / (np.sqrt(2.0) * self.sigma_px)
        share = 0.5 * np.diff(erf(edges)) * np.sqrt(2 * np.pi) * self.sigma_px
        return np.asarray(share, np.float32)

    @cached_property
    def weights(self) -> Real:
        """(2 half_window + 1, same) the least-squares weights, not divided by D."""
        weights = self._g - self._g.mean()
        if self.bends:
            side = np.arange(-self.half_window, self.half_window + 1.0) ** 2
            q = side[:, None] + side - 2 * side.mean()
            weights -= np.sum(self._g * q) / np.sum(q * q) * q
        return np.asarray(weights)

    @cached_property
    def information(self) -> float:
        """D: what the window knows about the height, in units of one pixel at the centre."""
        return float(np.sum(self.weights * self._g))

    @cached_property
    def correlation(self) -> float:
        """Correlation of two neighbouring pixels of white noise after the filter."""
        kernel = np.pad(self.weights, 1)
        return float(np.sum(kernel[1:] * kernel[:-1]) / np.sum(kernel**2))

    @cached_property
    def skewness(self) -> float:
        """Skewness of filtered Poisson noise times the square root of the photoelectrons in a pixel."""
        return float(np.sum(self.weights**3) / np.sum(self.weights**2) ** 1.5)

    @property
    def _g(self) -> Real:
        gauss = np.pad(self.gauss.astype(float), self.half_window - self.half)
        return np.outer(gauss, gauss)

    def edge_gain(self, size: int) -> NDArray[np.float32]:
        """(size,) factor on the noise along one axis in an image mirrored at its borders, where pixels count twice."""
        half = self.half
        gauss = np.pad(self.gauss.astype(float), (0, half + 1))
        gain = np.ones(size)
        for cut in range(min(half, size)):
            # The centre is `cut` pixels from the border: `half - cut` weights fall outside and onto their mirror images.
            outside = half - cut
            inside = gauss[outside:].copy()
            inside[:outside] += gauss[:outside][::-1]
            gain[cut] = np.sqrt(np.sum(inside**2) / np.sum(gauss**2))
        return np.asarray(gain * gain[::-1], np.float32)


def templates(sigma_px: float, background_px: float) -> tuple[Template, Template]:
    """The template that finds spots, and a tighter one on a bent background that tells them from rims and from haze.

    Their half sides are 1.5 times and once the radius over which the background is even, and at least six and four widths.
    """
    wide = max(round(WIDE * background_px), int(np.ceil(6 * sigma_px)))
    tight = max(round(background_px), int(np.ceil(4 * sigma_px)))
    return Template(sigma_px, wide, False), Template(sigma_px, tight, True)


@njit(nogil=True, cache=True, error_model="numpy")
def mirror(image: Any, padded: Any) -> None:
    """Put the image into the middle of `padded` (float32) and its mirror image into the margin, as often as it takes.

    The outermost pixel is repeated. The result is written to memory of the caller's, who keeps it from frame to frame: a
    fresh megabyte for each costs as much as filtering it.
    """
    height, width = image.shape
    margin = (padded.shape[0] - height) // 2
    for y in range(height):
        row, out = image[y], padded[y + margin, margin:]
        for x in range(width):
            out[x] = row[x]
    _fill_margin(padded, margin, height, width)


@njit(nogil=True, cache=True, error_model="numpy")
def mend(padded: Any, margin: int, noisy: Any, whole: bool) -> None:
    """Put the mean of the quiet among its eight neighbours into each of the pixels `noisy` (n, 2) of a mirrored image.

    Rounded if the pixels are `whole` numbers; what has no quiet neighbour stays.
    """
    height, width = padded.shape[0] - 2 * margin, padded.shape[1] - 2 * margin
    old, new = np.empty(len(noisy)), np.empty(len(noisy))
    for i in range(len(noisy)):
        old[i] = padded[noisy[i, 0] + margin, noisy[i, 1] + margin]
    # Marked first, so that none is taken for a quiet neighbour.
    for i in range(len(noisy)):
        padded[noisy[i, 0] + margin, noisy[i, 1] + margin] = np.nan
    for i in range(len(noisy)):
        total, count = 0.0, 0
        for y in range(max(noisy[i, 0] - 1, 0), min(noisy[i, 0] + 2, height)):
            for x in range(max(noisy[i, 1] - 1, 0), min(noisy[i, 1] + 2, width)):
                value = padded[y + margin, x + margin]
                if not np.isnan(value):
                    total, count = total + value, count + 1
        mean = total / count if count else old[i]
        new[i] = np.rint(mean) if whole else mean
    for i in range(len(noisy)):
        padded[noisy[i, 0] + margin, noisy[i, 1] + margin] = new[i]
    _fill_margin(padded, margin, height, width)


@njit(nogil=True, cache=True, error_model="numpy")
def _fill_margin(padded: Any, margin: int, height: int, width: int) -> None:
    """First left and right of the image, then whole rows above and below."""
    left, right = np.empty(margin, np.int64), np.empty(margin, np.int64)
    for x in range(margin):
        left[x], right[x] = margin + _reflected(x - margin, width), margin + _reflected(x + width, width)
    for y in range(margin, margin + height):
        row = padded[y]
        for x in range(margin):
            row[x], row[x + margin + width] = row[left[x]], row[right[x]]
    for y in range(margin):
        padded[y] = padded[margin + _reflected(y - margin, height)]
        padded[y + margin + height] = padded[margin + _reflected(y + height, height)]


@njit(nogil=True, cache=True, error_model="numpy")
def _reflected(place: int, size: int) -> int:
    place = place % (2 * size)
    return int(place if place < size else 2 * size - 1 - place)
