"""Micrographs drawn for the tests: vesicles of known place and size in a cytoplasm with things that are none.

The physics is as plain as can be and independent of the package: grey values are drawn on a fine grid, blurred, averaged to
pixels, and given grain and counting noise. Lengths in nm; membranes are dark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

Real = NDArray[np.float64]
FINE = 2
"""Drawn points along the side of a pixel."""


@dataclass
class Scene:
    """What is drawn: `membrane` and `clutter` are darkness, `noise` the grain over the contrast of a membrane."""

    size_nm: tuple[float, float] = (900.0, 1200.0)
    spacing_nm: float = 1.5
    diameter_nm: tuple[float, float] = (40.0, 4.0)
    number: int = 120
    membrane_nm: float = 7.0
    lumen: tuple[float, ...] = (0.0, 0.1)
    noise: float = 0.5
    clutter: float = 1.0
    gap_nm: float = 1.0
    oval: float = 0.06
    seed: int = 0


Body = tuple[float, float, float, float]


def bodies(scene: Scene, rng: np.random.Generator) -> list[Body]:
    """Centres and half axes of mitochondria."""
    high, wide = scene.size_nm
    count = max(int(high * wide / 6e5), 1) if scene.clutter else 0
    return [(*(rng.uniform(0, 1, 2) * (high, wide)), *rng.uniform(70, 160, 2)) for _ in range(count)]


def places(scene: Scene, rng: np.random.Generator, kept_off: list[Body]) -> pd.DataFrame:
    """Centres, diameters and axis ratios of vesicles that do not overlap, in clusters as at synapses."""
    high, wide = scene.size_nm
    centres = rng.uniform(0.15, 0.85, (3, 2)) * (high, wide)
    found: list[tuple[float, float, float]] = []
    for _ in range(40 * scene.number):
        if len(found) == scene.number:
            break
        d = max(rng.normal(*scene.diameter_nm), 0.5 * scene.diameter_nm[0])
        y, x = rng.uniform(d, high - d), rng.uniform(d, wide - d)
        if rng.random() < 0.6:
            y, x = np.clip(centres[rng.integers(3)] + rng.normal(0, 0.12 * min(high, wide), 2), d, np.array((high, wide)) - d)
        if any(np.hypot((y - v) / (h + 0.7 * d), (x - u) / (w + 0.7 * d)) < 1 for v, u, h, w in kept_off):
            continue
        if all(np.hypot(y - v, x - u) > (d + e) * (1 + scene.oval) / 2 + scene.gap_nm for v, u, e in found):
            found.append((y, x, d))
    table = pd.DataFrame(found, columns=["y_nm", "x_nm", "diameter_nm"])
    table["ratio"] = np.exp(rng.normal(0, scene.oval, len(table)))
    table["angle"] = rng.uniform(0, np.pi, len(table))
    table["lumen"] = rng.choice(scene.lumen, len(table))
    return table


def draw(scene: Scene) -> tuple[NDArray[np.uint8], pd.DataFrame]:
    """The micrograph, 8 bits, membranes dark, and the true vesicles (centre of pixel (0, 0) at 0)."""
    rng = np.random.default_rng(scene.seed)
    step = scene.spacing_nm / FINE
    shape = tuple(int(length / scene.spacing_nm) for length in scene.size_nm)
    y, x = (np.arange(n * FINE) * step for n in shape)
    dark = np.zeros((len(y), len(x)))
    mitochondria = bodies(scene, rng)
    true = places(scene, rng, mitochondria)
    if scene.clutter:
        _furniture(dark, y, x, scene, rng, true, mitochondria)
    for row in true.itertuples():
        _vesicle(dark, y, x, row, scene)
    dark += 0.10 * scene.clutter * _grain(dark.shape, 6 / step, rng) + 0.10 * scene.clutter * _grain(dark.shape, 25 / step, rng)
    pixels = gaussian_filter(dark, 1.0 / step).reshape(shape[0], FINE, shape[1], FINE).mean(axis=(1, 3))
    pixels += 0.2 * np.linspace(0, 1, shape[1])  # the illumination falls off
    grain = scene.noise * (0.7 * rng.normal(size=shape) + 0.7 * _grain(shape, 1.0, rng))
    grey = 150 - 45 * (pixels + 0.45 * grain)
    true = true.assign(
        y_nm=true["y_nm"] - scene.spacing_nm * (FINE - 1) / 2 / FINE, x_nm=true["x_nm"] - scene.spacing_nm * (FINE - 1) / 2 / FINE
    )
    return np.clip(np.round(grey), 0, 255).astype(np.uint8), true


def _vesicle(dark: Real, y: Real, x: Real, row: object, scene: Scene) -> None:
    near = 0.7 * row.diameter_nm * row.ratio + 3
    rows, columns = (np.searchsorted(axis, (at - near, at + near)) for axis, at in ((y, row.y_nm), (x, row.x_nm)))
    window = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
    v, u = y[rows[0] : rows[1], None] - row.y_nm, x[None, columns[0] : columns[1]] - row.x_nm
    c, s = np.cos(row.angle), np.sin(row.angle)
    r = np.hypot((c * v + s * u) * row.ratio**0.5, (c * u - s * v) / row.ratio**0.5)
    outer = row.diameter_nm / 2
    patch = dark[window]
    inside = r < outer - scene.membrane_nm
    patch[inside] = row.lumen
    patch[(r < outer) & ~inside] = 1.0


def _furniture(
    dark: Real, y: Real, x: Real, scene: Scene, rng: np.random.Generator, true: pd.DataFrame, mitochondria: list[Body]
) -> None:
    """Plasma membranes, a mitochondrion, microtubules and dense grains: dark things that are no vesicles."""
    high, wide = scene.size_nm
    free = _free(y, x, true)
    yy, xx = y[:, None], x[None, :]
    for _ in range(max(int(high * wide / 3e5), 2)):  # membranes, wavy lines across the picture
        turn, at, wave = rng.uniform(0, np.pi), rng.uniform(0.1, 0.9, 2) * (high, wide), rng.uniform(80, 300)
        along = np.cos(turn) * (xx - at[1]) + np.sin(turn) * (yy - at[0])
        across = np.cos(turn) * (yy - at[0]) - np.sin(turn) * (xx - at[1]) + 25 * np.sin(along / wave + rng.uniform(0, 6))
        dark[(np.abs(across) < 3.5) & free] = 1.0
    for v, u, *axes in mitochondria:  # a dark body with lighter folds
        r = np.hypot((yy - v) / axes[0], (xx - u) / axes[1])
        body = (r < 1) & free
        folds = np.sin((xx + 0.3 * yy) / rng.uniform(5, 9))
        dark[body] = 0.45 + 0.35 * (folds[body] > 0.3)
        dark[(np.abs(r - 1) < 6 / min(axes)) & free] = 1.0
    for _ in range(int(high * wide / 6e3)):  # ribosomes and other grains
        at, radius = rng.uniform(0, 1, 2) * (high, wide), rng.uniform(5, 12)
        rows, columns = (np.searchsorted(axis, (c - radius, c + radius)) for axis, c in ((y, at[0]), (x, at[1])))
        window = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
        near = np.hypot(y[rows[0] : rows[1], None] - at[0], x[None, columns[0] : columns[1]] - at[1]) < radius
        dark[window][near & free[window]] += rng.uniform(0.3, 0.9)


def _free(y: Real, x: Real, true: pd.DataFrame) -> NDArray[np.bool_]:
    free = np.ones((len(y), len(x)), bool)
    for row in true.itertuples():
        near = 0.5 * row.diameter_nm * np.sqrt(max(row.ratio, 1 / row.ratio)) + 2
        rows, columns = (np.searchsorted(axis, (c - near, c + near)) for axis, c in ((y, row.y_nm), (x, row.x_nm)))
        v, u = y[rows[0] : rows[1], None] - row.y_nm, x[None, columns[0] : columns[1]] - row.x_nm
        free[rows[0] : rows[1], columns[0] : columns[1]] &= np.hypot(v, u) > near
    return free


def _grain(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Real:
    """Noise of standard deviation 1 that keeps to itself over `width` points."""
    coarse = max(int(width / 2), 1)
    small = gaussian_filter(rng.normal(size=tuple(n // coarse + 3 for n in shape)), width / coarse)
    noise = zoom(small, coarse, order=1)[tuple(slice(n) for n in shape)] if coarse > 1 else small[tuple(slice(n) for n in shape)]
    return (noise - noise.mean()) / noise.std()


def matched(true: pd.DataFrame, found: pd.DataFrame, within: float = 0.5) -> tuple[list[tuple[int, int]], float]:
    """Pairs (true, found) nearer than `within` of the true radius, one to one, and F1."""
    from scipy.optimize import linear_sum_assignment

    axes = [name for name in ("z_nm", "y_nm", "x_nm") if name in true]
    if not len(found) or not len(true):
        return [], 0.0
    apart = np.sqrt(sum((true[a].to_numpy()[:, None] - found[a].to_numpy()[None]) ** 2 for a in axes))
    allowed = within * true["diameter_nm"].to_numpy()[:, None] / 2
    rows, columns = linear_sum_assignment(np.where(apart <= allowed, apart, 1e6))
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if apart[r, c] <= allowed[r]]
    return pairs, 2 * len(pairs) / (len(true) + len(found))
