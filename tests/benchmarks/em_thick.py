"""Why few vesicles are found in thick sections: what is left of their contrast, and what lies over them. Used by `em.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from exotrack.em import Stack, detect
from exotrack.simulate import em_simulation, simulate_em
from exotrack.simulate.em import EmSimulation

THICK_NM = (50.0, 70.0, 100.0, 150.0, 250.0)
FIELD = {"height_px": 480, "width_px": 600}
SIDE = 128
"""Pixels of the picture of one vesicle."""


def visible_by(params: EmSimulation) -> tuple[float, float]:
    """Contrast of a mean vesicle in the middle of a section, and by how many standard errors the best filter lifts it from noise.

    The best filter knows all else that is in the picture, the place and the size; level and lumen may be of any darkness.
    """
    imaging, pixel, thick = params.imaging, params.field.pixel_nm, params.field.section_nm
    axis = (np.arange(SIDE) - SIDE / 2) * pixel
    rho = np.hypot(axis[:, None], axis)
    outer = params.vesicles.diameter_nm / 2

    def chord(radius: float) -> NDArray[Any]:
        seen = np.minimum(2 * np.sqrt(np.maximum(radius**2 - rho**2, 0)), thick) / thick
        return np.asarray(gaussian_filter(seen, imaging.blur_nm / pixel))

    body, lumen = chord(outer), chord(outer - params.vesicles.wall_nm)
    figure = body * (1 - imaging.cytoplasm) + lumen * (imaging.lumen - 1)
    level = gaussian_filter((rho < outer + 6).astype(float), imaging.blur_nm / pixel)
    step = np.fft.fftfreq(SIDE)
    squared = step[:, None] ** 2 + step**2

    def smooth(sigma_px: float) -> NDArray[Any]:
        return np.asarray(np.exp(-4 * np.pi**2 * sigma_px**2 * squared))

    texture = smooth(imaging.texture_nm / pixel / 2)
    noise = imaging.noise**2 + imaging.texture**2 * texture / texture.mean() * smooth(imaging.blur_nm / pixel)
    waves = [np.fft.fft2(part) for part in (figure, lumen, level)]
    product = np.array([[float((np.conj(a) * b / noise).sum().real) for a in waves] for b in waves]) / SIDE**2
    rest = product[0, 0] - product[0, 1:] @ np.linalg.solve(product[1:, 1:], product[1:, 0])
    return float(np.ptp(figure)), float(np.sqrt(max(rest, 0.0)))


def overlapped(true: pd.DataFrame) -> NDArray[np.float64]:
    """How far the nearest other outline reaches over each clear vesicle's, over the smaller radius; 0 or less of none."""
    at, radius = true[["y_nm", "x_nm"]].to_numpy(), true["diameter_nm"].to_numpy() / 2
    clear = np.flatnonzero(true["clear"].to_numpy(bool))
    apart = np.linalg.norm(at[clear, None] - at[None], axis=2)
    over = (radius[clear, None] + radius - apart) / np.minimum(radius[clear, None], radius)
    over[np.arange(len(clear)), clear] = -np.inf
    return np.asarray(over.max(axis=1))


def thick(seeds: range) -> list[str]:
    """The table of the page."""
    from em import matched
    from em_training import visible

    lines = [
        "| section (nm) | contrast left | best filter (standard errors) | nothing lies over it | by less than 0.35 of a radius | "
        "found of those | found of the others |",
        "|---|---|---|---|---|---|---|",
    ]
    for section in THICK_NM:
        params = em_simulation("em").updated({"field": FIELD | {"section_nm": section}})
        over, hit = [], []
        for seed in seeds:
            truth = simulate_em(params, np.random.default_rng(seed))
            true = visible(truth)
            rows, _, _ = matched(true, detect(Stack.from_array(truth.pixels, truth.spacing_nm)), ["y_nm", "x_nm"])
            over.append(overlapped(true))
            hit.append(np.isin(np.flatnonzero(true["clear"].to_numpy(bool)), rows))
        most, seen = np.concatenate(over), np.concatenate(hit)
        contrast, errors = visible_by(params)
        free = most < 0.35
        lines.append(
            f"| {section:.0f} | {contrast:.2f} | {errors:.1f} | {100 * (most <= 0).mean():.0f} % | {100 * free.mean():.0f} % | "
            f"{100 * seen[free].mean():.0f} % | {100 * seen[~free].mean():.0f} % |"
        )
    return lines
