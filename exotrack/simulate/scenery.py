"""The cell: its footprint, where in it things may be, and the light of its background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from exotrack.simulate.presets import Simulation

Real = NDArray[np.float64]
MARGIN_UM = 0.6
"""Vesicles start at least this far inside the cell's edge."""


@dataclass(frozen=True)
class Scenery:
    """Footprint labels (height, width; 0 outside, 1 the cell) and background photons per pixel at the first frame."""

    footprint: NDArray[np.int32]
    background: Real
    inner: NDArray[np.int64]

    def places(self, n: int, pixel_um: float, rng: np.random.Generator) -> Real:
        """`n` places (n, 2) in um, y then x, even over the inside of the footprint."""
        chosen = self.inner[rng.integers(0, len(self.inner), n)]
        return np.asarray((chosen + rng.uniform(-0.5, 0.5, (n, 2))) * pixel_um)


def draw_scenery(sim: Simulation, rng: np.random.Generator) -> Scenery:
    """Draw the cell's footprint, a smooth blob with no holes that keeps off the border unless it covers all, and its light."""
    f, c = sim.field, sim.cell
    inside = _blob((f.height_px, f.width_px), c.cover, rng)
    texture = _smooth_noise(inside.shape, c.texture_um / f.pixel_um, rng)
    soft = ndimage.gaussian_filter(inside.astype(float), max(c.edge_um / f.pixel_um, 1e-3))
    under = c.inside_photons * np.exp(c.unevenness * texture - 0.5 * c.unevenness**2)
    background = c.outside_photons + soft * np.maximum(under - c.outside_photons, 0.0)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * f.pixel_um
    inner = np.argwhere(depth > min(MARGIN_UM, 0.5 * float(depth.max())))
    return Scenery(inside.astype(np.int32), background, inner)


def _blob(shape: tuple[int, int], cover: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The `cover` brightest part of a dome roughened by smooth noise: one piece, without holes."""
    if cover >= 1.0:
        return np.ones(shape, bool)
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    dome = -(np.maximum(np.abs(y), np.abs(x)) ** 4) - 0.5 * (y**2 + x**2) + 0.18 * _smooth_noise(shape, min(shape) / 9.0, rng)
    over = ndimage.binary_fill_holes(dome >= np.quantile(dome, 1.0 - cover))
    labels, _ = ndimage.label(over)
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == 1 + int(np.argmax(sizes)), bool)


def _smooth_noise(shape: tuple[int, ...], length_px: float, rng: np.random.Generator) -> Real:
    """Gaussian random field with unit variance and correlation length `length_px`."""
    field: NDArray[Any] = ndimage.gaussian_filter(rng.standard_normal(shape), length_px, mode="wrap")
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-12))
