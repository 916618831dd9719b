"""A scene through the microscope: stain is averaged over the thickness of a section, blurred, and given texture and noise.

Spheres are averaged exactly (their chords are known), the membrane over planes `STEP_NM` apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from exotrack.simulate.em_scene import Scene

Real = NDArray[np.float64]
STEP_NM = 3.0
"""Distance of the planes over which the membrane is averaged: under half of its thickness."""
FINE = 3
"""Points per pixel side at which a sphere's edge is reckoned."""


def sections(scene: Scene, rng: np.random.Generator) -> Iterator[NDArray[Any]]:
    """Grey images (height, width), uint8 or uint16, one section after the other."""
    imaging, field = scene.params.imaging, scene.params.field
    shape = (field.height_px, field.width_px)
    keeps = np.exp(-field.section_nm / imaging.texture_nm)
    texture = _texture(shape, imaging.texture_nm / field.pixel_nm, rng)
    for number in range(field.n_sections):
        stain, inside = stained(scene, number)
        stain += imaging.texture * inside * texture
        stain = gaussian_filter(stain, imaging.blur_nm / field.pixel_nm, mode="nearest")
        stain += rng.normal(0.0, imaging.noise, shape)
        yield _grey(stain, scene)
        # Planes nearer than the texture is coarse show nearly the same texture.
        texture = keeps * texture + np.sqrt(1 - keeps**2) * _texture(shape, imaging.texture_nm / field.pixel_nm, rng)


def stained(scene: Scene, number: int) -> tuple[Real, Real]:
    """Stain (1 is membrane) of a section before blur and noise, and the part of each pixel that is cytoplasm."""
    low = number * scene.params.field.section_nm
    high = low + scene.params.field.section_nm
    stain, inside = _body(scene, low, high)
    imaging = scene.params.imaging
    wall = scene.params.vesicles.wall_nm
    for (z, y, x), radius, filled in zip(scene.centres, scene.radii, scene.occupancy, strict=True):
        if z + radius > low and z - radius < high:
            inner = max(radius - wall, 0.0)
            core = inner * filled ** (1 / 3)
            layers = [(radius, 1.0 - imaging.cytoplasm), (inner, imaging.lumen - 1.0), (core, imaging.core - imaging.lumen)]
            _add(stain, scene, (z, y, x), layers, (low, high))
            _add(inside, scene, (z, y, x), [(radius, -1.0)], (low, high))
    for z, y, x, radius in scene.grains:
        if z + radius > low and z - radius < high:
            _add(stain, scene, (z, y, x), [(radius, 0.8 - imaging.cytoplasm)], (low, high))
    return stain, np.clip(inside, 0, 1)


def _body(scene: Scene, low: float, high: float) -> tuple[Real, Real]:
    """Outside, membrane and cytoplasm."""
    imaging, pixel = scene.params.imaging, scene.params.field.pixel_nm
    shape = (scene.params.field.height_px, scene.params.field.width_px)
    half = scene.params.membrane.thickness_nm / 2
    y, x = np.arange(shape[0], dtype=np.float64) * pixel, np.arange(shape[1], dtype=np.float64) * pixel
    ends = [scene.surface.height(np.array(z), x) for z in (low, high)]
    top = min(end.min() for end in ends) - half - pixel
    bottom = max([end.max() for end in ends] + [o[1] + o[3] for o in scene.omegas]) + half + pixel
    rows = (y >= top) & (y <= bottom)
    stain = np.where(y < top, imaging.outside, imaging.cytoplasm)[:, None] * np.ones(shape)
    inside = np.where(y < top, 0.0, 1.0)[:, None] * np.ones(shape)
    planes = max(int(np.ceil((high - low) / STEP_NM)), 1)
    points = np.empty((int(rows.sum()), shape[1], 3))
    points[..., 1], points[..., 2] = y[rows, None], x
    stain[rows], inside[rows] = 0.0, 0.0
    for z in low + (np.arange(planes) + 0.5) * (high - low) / planes:
        points[..., 0] = z
        depth = scene.depth(points, exact=False)
        cytoplasm = np.clip(0.5 + (depth - half) / pixel, 0, 1)
        outside = np.clip(0.5 - (depth + half) / pixel, 0, 1)
        membrane = 1 - cytoplasm - outside
        stain[rows] += (cytoplasm * imaging.cytoplasm + outside * imaging.outside + membrane) / planes
        inside[rows] += cytoplasm / planes
    return stain, inside


def _add(
    stain: Real, scene: Scene, centre: tuple[float, ...], layers: list[tuple[float, float]], slab: tuple[float, float]
) -> None:
    """Add balls (radius, stain) about one centre, averaged over the slab, to `stain` in place."""
    pixel = scene.params.field.pixel_nm
    z, y, x = centre
    reach = layers[0][0] + pixel
    box = []
    for middle, size in ((y, stain.shape[0]), (x, stain.shape[1])):
        first, last = int(np.floor((middle - reach) / pixel)), int(np.ceil((middle + reach) / pixel))
        box.append((max(first, 0), min(last + 1, size)))
    (top, bottom), (left, right) = box
    if top >= bottom or left >= right:
        return
    offsets = (np.arange(FINE) - (FINE - 1) / 2) / FINE
    fine_y = ((np.arange(top, bottom)[:, None] + offsets).ravel() * pixel - y) ** 2
    fine_x = ((np.arange(left, right)[:, None] + offsets).ravel() * pixel - x) ** 2
    off2 = fine_y[:, None] + fine_x
    total = np.zeros_like(off2)
    for radius, amount in layers:
        half = np.sqrt(np.maximum(radius**2 - off2, 0.0))
        chord = np.minimum(z + half, slab[1]) - np.maximum(z - half, slab[0])
        total += amount * np.maximum(chord, 0.0) / (slab[1] - slab[0])
    mean = total.reshape(bottom - top, FINE, right - left, FINE).mean(axis=(1, 3))
    stain[top:bottom, left:right] += mean


def _texture(shape: tuple[int, int], sigma_px: float, rng: np.random.Generator) -> Real:
    """Smooth random values with sd 1."""
    values = gaussian_filter(rng.normal(0, 1, shape), sigma_px / 2, mode="wrap")
    return np.asarray(values / max(float(values.std()), 1e-12))


def _grey(stain: Real, scene: Scene) -> NDArray[Any]:
    imaging = scene.params.imaging
    top = 2**imaging.bits - 1
    dark = imaging.level - imaging.depth * stain
    grey = dark if imaging.contrast == "dark" else 1.0 - dark
    return np.asarray(np.rint(np.clip(grey, 0, 1) * top), np.uint8 if imaging.bits == 8 else np.uint16)
