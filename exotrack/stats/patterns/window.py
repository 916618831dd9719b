"""The window of a point pattern: the footprint of a cell, whatever its shape, and what of it two shifted copies share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError

Real = NDArray[np.float64]
FINEST = 384
"""Pixels along the longer side of the picture from which the shared area is computed: it is smooth, so finer ones add nothing."""


@dataclass(frozen=True, eq=False)
class Window:
    """A footprint: `inside` (height, width) bool and `pixel_um`; the centre of pixel (0, 0) is 0 um."""

    inside: NDArray[np.bool_]
    pixel_um: float

    def __post_init__(self) -> None:
        if not self.inside.any():
            raise InputError("the footprint is empty; run the movie with a mask")

    @cached_property
    def area_um2(self) -> float:
        """Area."""
        return float(self.inside.sum()) * self.pixel_um**2

    @property
    def reach_um(self) -> float:
        """The longest distance at which a pattern in it is looked at: a quarter of the side of a square of its area."""
        return 0.25 * float(np.sqrt(self.area_um2))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Real:
        """Places (``*shape``, 2) y, x in um, even over the window and independent."""
        row, column = np.nonzero(self.inside)
        chosen = rng.integers(len(row), size=shape)
        places = np.stack([row[chosen], column[chosen]], axis=-1) + rng.uniform(-0.5, 0.5, (*shape, 2))
        return np.asarray(places * self.pixel_um)

    def coarser(self, side: int) -> tuple[Window, Real]:
        """The window cut to its bounds, of at most `side` pixels along each, and the place (2,) of its first pixel in um."""
        cut, factor, first = self._squares(side)
        corner = (first + (factor - 1) / 2.0) * self.pixel_um
        return Window(cut >= 0.5 if (cut >= 0.5).any() else cut > 0, self.pixel_um * factor), corner

    def _squares(self, side: int) -> tuple[Real, int, Real]:
        """Share of the window in squares of pixels inside its bounds, pixels along a square, and the first pixel (2,)."""
        rows, columns = np.flatnonzero(self.inside.any(axis=1)), np.flatnonzero(self.inside.any(axis=0))
        cut = self.inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(float)
        factor = -(-max(cut.shape) // side)
        cut = np.pad(cut, [(0, -length % factor) for length in cut.shape])
        height, width = (length // factor for length in cut.shape)
        squares = cut.reshape(height, factor, width, factor).mean(axis=(1, 3))
        return squares, factor, np.array([rows[0], columns[0]], float)

    def shared_um2(self, shift_um: Real) -> Real:
        """(...,) area common to the window and its copy moved by each of (..., 2) y, x shifts; never under a pixel."""
        table, step = self._shared
        middle = (np.array(table.shape) - 1) // 2
        place = shift_um / step + middle
        low = np.clip(np.floor(place).astype(np.intp), 0, np.array(table.shape) - 2)
        part = np.clip(place - low, 0.0, 1.0)
        y, x, v, u = low[..., 0], low[..., 1], part[..., 0], part[..., 1]
        found = (
            table[y, x] * (1 - v) * (1 - u) + table[y + 1, x] * v * (1 - u)
            + table[y, x + 1] * (1 - v) * u + table[y + 1, x + 1] * v * u
        )  # fmt: skip
        return np.asarray(np.maximum(found, self.pixel_um**2))

    @cached_property
    def _shared(self) -> tuple[Real, float]:
        """Shared area at every whole shift (shift 0 in the middle), and the step in um."""
        from scipy.signal import fftconvolve

        cut, factor, _ = self._squares(FINEST)
        step = self.pixel_um * factor
        return np.pad(fftconvolve(cut, cut[::-1, ::-1]) * step**2, 1), step
