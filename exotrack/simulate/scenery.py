"""The cell: its footprint, where in it things may be, and the light of its background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from exotrack.simulate.edge import Edge, draw_edge
from exotrack.simulate.presets import Simulation

Real = NDArray[np.float64]
MARGIN_UM = 0.6
"""Vesicles start at least this far inside the cell's edge."""


@dataclass(frozen=True)
class Scenery:
    """Footprint labels (height, width; 0 outside, 1 the cell) and background photons per pixel at the first frame.

    `inner` are the pixels (n, 2) where vesicles may start, `sites` the centres (n, 2) of boutons in um, y then x; `edge` moves,
    if there is one.
    """

    footprint: NDArray[np.int32]
    background: Real
    inner: NDArray[np.int64]
    sites: Real
    edge: Edge | None = None

    def places(self, n: int, pixel_um: float, rng: np.random.Generator) -> Real:
        """`n` places (n, 2) in um, y then x, even over the inside of the footprint."""
        return _anywhere(self.inner, n, pixel_um, rng)

    def surface(self, sim: Simulation) -> Real:
        """Part of the background that is label on the cell's surface, (height, width)."""
        return sim.bath.surface_share * np.maximum(self.background - sim.cell.outside_photons, 0.0)


def draw_scenery(sim: Simulation, rng: np.random.Generator) -> Scenery:
    """Draw the cell's footprint, a smooth blob with no holes that keeps off the border unless it covers all, and its light."""
    f, c = sim.field, sim.cell
    inside = _blob((f.height_px, f.width_px), c.cover, rng)
    texture = _smooth_noise(inside.shape, c.texture_um / f.pixel_um, rng)
    soft = ndimage.gaussian_filter(inside.astype(float), max(c.edge_um / f.pixel_um, 1e-3))
    under = c.inside_photons * np.exp(c.unevenness * texture - 0.5 * c.unevenness**2)
    contrast = np.maximum(under - c.outside_photons, 0.0)
    background = c.outside_photons + soft * contrast
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * f.pixel_um
    inner = np.argwhere(depth > min(MARGIN_UM, 0.5 * float(depth.max())))
    strands = _strands(sim, inner, inside, rng) if c.strands_per_um > 0 else np.zeros(inside.shape)
    on = np.argwhere((strands > 0.6) & (depth > MARGIN_UM))
    # A stream of its own: all else is the same with and without a moving edge.
    edge = draw_edge(sim, inside, contrast, rng.spawn(1)[0]) if c.edge_wave_um > 0 else None
    return Scenery(
        inside.astype(np.int32),
        background + c.strand_photons * strands * inside,
        inner,
        _sites(sim, on if len(on) else inner, float(inside.sum()) * f.pixel_um**2, rng),
        edge,
    )


def _sites(sim: Simulation, where: NDArray[np.int64], area: float, rng: np.random.Generator) -> Real:
    """Centres of the boutons (n, 2) in um, among the pixels `where`."""
    k = sim.kinetics
    n = int(rng.poisson(k.docked_per_um2 * area / k.vesicles_per_site)) if k.sites else 0
    return _anywhere(where, n, sim.field.pixel_um, rng)


def _anywhere(pixels: NDArray[np.int64], n: int, pixel_um: float, rng: np.random.Generator) -> Real:
    chosen = pixels[rng.integers(0, len(pixels), n)]
    return np.asarray((chosen + rng.uniform(-0.5, 0.5, (n, 2))) * pixel_um)


def _strands(sim: Simulation, inner: NDArray[np.int64], inside: NDArray[np.bool_], rng: np.random.Generator) -> Real:
    """Height of bright strands, 0 to 1 (height, width): gently bending walks across the field, blurred to their width."""
    f, c = sim.field, sim.cell
    wanted = c.strands_per_um * float(inside.sum()) * f.pixel_um**2
    steps = round(1.5 * max(inside.shape))
    lines = np.zeros(inside.shape)
    for _ in range(max(round(wanted / (steps * f.pixel_um)), 1)):
        # Half-pixel steps both ways from a place inside; the direction turns by about 1 rad over 8 um.
        turn = np.cumsum(rng.standard_normal(2 * steps) * np.sqrt(0.5 * f.pixel_um / 8.0))
        angle = rng.uniform(0, 2 * np.pi) + turn - turn[steps]
        path = np.cumsum(0.5 * np.stack([np.sin(angle), np.cos(angle)]), axis=1)
        y, x = np.rint(inner[rng.integers(len(inner))][:, None] + path - path[:, steps : steps + 1]).astype(int)
        kept = (y >= 0) & (y < inside.shape[0]) & (x >= 0) & (x < inside.shape[1])
        lines[y[kept], x[kept]] = 1.0
    width = np.hypot(c.strand_um, sim.optics.psf_sigma_um) / f.pixel_um
    blurred = ndimage.gaussian_filter(lines, width) * width * np.sqrt(2 * np.pi)
    return np.asarray(np.minimum(blurred, 1.5))


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
