"""Patches to frames: a lazy source of pixels that renders any frame on demand, the same whatever the block.

Expected photoelectrons of a pixel = background + sum over patches of the light that falls in it, a Gaussian integrated over the
pixel (Smith et al. 2010). The camera then adds its noise from a generator seeded by (seed, frame) only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.simulate.detector import Detector
from exotrack.simulate.edge import Edge
from exotrack.simulate.patches import Patches

Real = NDArray[np.float64]
FAINT = 1e-3
"""Photoelectrons per pixel that nobody can measure: 1/5000 of the noise of the darkest usual background."""


@dataclass(frozen=True)
class Course:
    """What changes from frame to frame, each (n_frames,).

    Stage shift (um), light, PSF widening, the background's unbleached part, and the part of the surface's label that acid dims.
    """

    shift_y_um: Real
    shift_x_um: Real
    light: Real
    widening: Real
    fading: Real
    dimmed: Real


@dataclass(frozen=True)
class RenderedFrames:
    """A `FrameSource` that renders simulated frames; deterministic per frame, picklable, safe in threads."""

    patches: Patches
    offsets: NDArray[np.int64]
    background: Real
    course: Course
    detector: Detector
    psf: tuple[tuple[float, float], ...]
    pixel_um: float
    surface: Real
    edge: Edge | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return (len(self.course.light), *self.background.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Counts are unsigned 16-bit."""
        return np.dtype(np.uint16)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), (stop - start, height, width) counts."""
        out = np.empty((max(stop - start, 0), *self.background.shape), np.uint16)
        for row, frame in enumerate(range(start, stop)):
            out[row] = self.detector.expose(self.expected(frame), frame)
        return out

    def expected(self, frame: int) -> Real:
        """Expected photoelectrons per pixel of one frame, (height, width), before the camera."""
        c, p = self.course, self.patches
        rows = slice(int(self.offsets[frame]), int(self.offsets[frame + 1]))
        y = (p.y_um[rows] + c.shift_y_um[frame]) / self.pixel_um
        x = (p.x_um[rows] + c.shift_x_um[frame]) / self.pixel_um
        background = self.background - c.dimmed[frame] * self.surface if c.dimmed[frame] > 0 else self.background
        background = background if self.edge is None else np.maximum(background + self.edge.change(frame), 0.0)
        image = _shifted(background, c.shift_y_um[frame] / self.pixel_um, c.shift_x_um[frame] / self.pixel_um)
        image *= c.fading[frame]
        for weight, sigma_um in self.psf:
            var = (p.var_um2[rows] + (sigma_um * c.widening[frame]) ** 2) / self.pixel_um**2
            add_gaussians(image, y, x, np.sqrt(var), p.photons[rows] * weight)
        image *= c.light[frame]
        return np.asarray(image)


@njit(nogil=True, cache=True)
def add_gaussians(image: Real, y_px: Real, x_px: Real, sigma_px: Real, photons: Real) -> None:
    """Add pixel-integrated Gaussians to `image` in place; the centre of pixel (0, 0) is (0, 0).

    Each goes out to 4.5 sigma, or to where it gives less than `FAINT` photoelectrons to a pixel.
    """
    height, width = image.shape
    for k in range(len(y_px)):
        peak = photons[k] / (2.0 * math.pi * sigma_px[k] ** 2)
        if peak <= FAINT:
            continue
        reach = sigma_px[k] * min(math.sqrt(2.0 * math.log(peak / FAINT)), 4.5) + 1.0
        y0, y1 = max(math.floor(y_px[k] - reach), 0), min(math.ceil(y_px[k] + reach) + 1, height)
        x0, x1 = max(math.floor(x_px[k] - reach), 0), min(math.ceil(x_px[k] + reach) + 1, width)
        if y0 >= y1 or x0 >= x1:
            continue
        across = np.empty(x1 - x0)
        scale = 1.0 / (math.sqrt(2.0) * sigma_px[k])
        before = math.erf((x0 - 0.5 - x_px[k]) * scale)
        for j in range(x0, x1):
            after = math.erf((j + 0.5 - x_px[k]) * scale)
            across[j - x0] = 0.25 * photons[k] * (after - before)
            before = after
        before = math.erf((y0 - 0.5 - y_px[k]) * scale)
        for i in range(y0, y1):
            after = math.erf((i + 0.5 - y_px[k]) * scale)
            down = after - before
            before = after
            for j in range(x0, x1):
                image[i, j] += down * across[j - x0]


@njit(nogil=True, cache=True)
def _shifted(image: Real, down: float, right: float) -> Real:
    """`image` moved by a part of a pixel, linear in between, edges repeated."""
    height, width = image.shape
    out = np.empty_like(image)
    for i in range(height):
        y = min(max(i - down, 0.0), height - 1.0)
        i0 = min(int(y), height - 2)
        fy = y - i0
        for j in range(width):
            x = min(max(j - right, 0.0), width - 1.0)
            j0 = min(int(x), width - 2)
            fx = x - j0
            top = image[i0, j0] * (1 - fx) + image[i0, j0 + 1] * fx
            low = image[i0 + 1, j0] * (1 - fx) + image[i0 + 1, j0 + 1] * fx
            out[i, j] = top * (1 - fy) + low * fy
    return out
