"""Volumes drawn for the tests: shells or dense balls of known place and size, with membranes and grains around them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom


def draw_volume(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    number: int,
    *,
    diameter_nm: tuple[float, float] = (42.0, 4.0),
    membrane_nm: float = 7.0,
    noise: float = 0.4,
    clutter: float = 1.0,
    dense: bool = False,
    seed: int = 0,
) -> tuple[NDArray[np.uint8], pd.DataFrame]:
    """The volume, 8 bits, membranes dark, and the true vesicles. FIB-SEM in spirit: every voxel is a mean over its own space."""
    rng = np.random.default_rng(seed)
    step = np.array(spacing)
    size = np.array(shape) * step
    true = _places(size, number, diameter_nm, rng)
    grid = [np.arange(n) * s for n, s in zip(shape, spacing, strict=True)]
    dark = np.zeros(shape)
    if clutter:
        y, x = grid[1][None, :, None], grid[2][None, None, :]
        for _ in range(2):  # sheets that cross the volume
            turn, at = rng.uniform(0, np.pi), rng.uniform(0.2, 0.8, 2) * size[1:]
            sheet = np.cos(turn) * (y - at[0]) - np.sin(turn) * (x - at[1]) + 20 * np.sin(grid[0][:, None, None] / 90)
            dark[np.broadcast_to(np.abs(sheet) < 5, shape)] = 0.9
        for _ in range(int(np.prod(size) / 8e5)):
            _ball(dark, grid, step, rng.uniform(0, 1, 3) * size, rng.uniform(5, 12), 0.0, rng.uniform(0.3, 0.9), None)
    for row in true.itertuples():
        centre, outer = np.array([row.z_nm, row.y_nm, row.x_nm]), row.diameter_nm / 2
        if dense:
            _ball(dark, grid, step, centre, outer, 0.0, 1.0, 0.0)
        else:
            _ball(dark, grid, step, centre, outer, outer - membrane_nm, 1.0, rng.uniform(0, 0.3))
    coarse = zoom(rng.normal(size=tuple(n // 4 + 2 for n in shape)), 4, order=1)[tuple(slice(n) for n in shape)]
    dark += 0.12 * clutter * coarse
    grain = noise * gaussian_filter(rng.normal(size=shape), 0.5) * 2
    return np.clip(np.round(150 - 50 * (dark + grain)), 0, 255).astype(np.uint8), true


def _places(size: NDArray[np.float64], number: int, diameter: tuple[float, float], rng: np.random.Generator) -> pd.DataFrame:
    found: list[tuple[float, ...]] = []
    for _ in range(60 * number):
        if len(found) == number:
            break
        d = max(rng.normal(*diameter), 0.6 * diameter[0])
        at = rng.uniform(0.7 * d, size - 0.7 * d)
        if all(np.linalg.norm(at - np.array(other[:3])) > (d + other[3]) / 2 + 2 for other in found):
            found.append((*at, d))
    return pd.DataFrame(found, columns=["z_nm", "y_nm", "x_nm", "diameter_nm"])


def _ball(dark, grid, step, centre, outer, inner, wall, lumen):  # type: ignore[no-untyped-def]
    """Paint a shell, averaged over 3 points along each side of a voxel."""
    parts = [slice(*np.searchsorted(axis, (c - outer - 8, c + outer + 8))) for axis, c in zip(grid, centre, strict=True)]
    window = tuple(parts)
    weight, core = np.zeros(dark[window].shape), np.zeros(dark[window].shape)
    for shift in np.ndindex(3, 3, 3):
        axes = [axis[p] + (k - 1) / 3 * s - c for axis, p, k, s, c in zip(grid, parts, shift, step, centre, strict=True)]
        r = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2)
        weight += (r < outer) & (r >= inner)
        core += r < inner
    weight, core = weight / 27, core / 27
    patch = dark[window]
    inside = wall * weight + (0.0 if lumen is None else lumen) * core
    patch[...] = patch * (1 - weight - core) + inside if lumen is not None else patch + inside
