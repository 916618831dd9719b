"""Filling: how dark the lumen of each vesicle is, how much of it is filled, and whether that can be said.

A micrograph has no absolute scale. Darkness is reckoned from the surroundings of each vesicle (0) to the darkest stain of the
image (1). Full and empty are a matter of occupancy, a continuous measure with a standard error; the classes only name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.em._outline import rays
from exotrack.em._sampling import along_rays
from exotrack.em.stack import Stack
from exotrack.params import FillingParams
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
SHELLS = 16
"""Radii at which a lumen is sampled along each ray."""
RIM = 0.75
"""Part of the inner radius that counts as lumen: the outer quarter holds the blur of the membrane and of the section."""
AROUND = (1.1, 1.45)
"""Ring that counts as surroundings, in outer radii: outside the membrane, before the next neighbours."""
DARKEST, LIGHTEST = 98.0, 10.0
"""Percentiles of the cores' darkness that stand for full and for clear."""
UNLIKE = 3.0
"""Spread of the darkness between vesicles over its errors from which there are full and clear ones to compare."""
CORRELATED_NM = 5.0
"""Length over which grain is alike: so many samples are one."""


def fill(vesicles: pd.DataFrame, stack: Stack, params: FillingParams = FillingParams()) -> pd.DataFrame:
    """Measure the filling of vesicles.

    Parameters
    ----------
    vesicles : table `Vesicles` of one stack, whatever found them. stack : with its contrast settled. params : limits of classes.

    Returns
    -------
    The table with intensities, ``core_darkness``, ``occupancy`` (each with its standard error) and ``filling``.

    Notes
    -----
    ``core_darkness`` is (surroundings - lumen) / (surroundings - stain) in grey values turned so that stain is low; stain is the
    darkest fiftieth of the cores, or the membranes. ``occupancy`` goes linearly from the clearest tenth of the cores (0) to the
    darkest fiftieth (1). Where all cores of an image are alike there is nothing to compare with and the occupancy is missing. A
    vesicle that is cut by the border, or whose error is too large, is ``unresolved``.
    """
    if not len(vesicles):
        return vesicles
    core, core_sd, around, wall = _intensities(vesicles, stack)
    contrast = around - core  # darkness falls outwards where the core is dark
    stain = max(float(np.nanpercentile(-contrast, DARKEST)), float(np.nanmedian(wall - around)), 1e-9)
    darkness, darkness_sd = -contrast / stain, core_sd / stain
    occupancy, occupancy_sd = _occupancy(darkness, darkness_sd)
    sign = 1.0 if stack.contrast == "bright" else -1.0
    keep_wall = vesicles["membrane_intensity"].notna().to_numpy()
    filled = vesicles.assign(
        lumen_intensity=sign * core,
        background_intensity=sign * around,
        membrane_intensity=np.where(keep_wall, vesicles["membrane_intensity"], sign * wall),
        core_darkness=darkness,
        core_darkness_sd=darkness_sd,
        occupancy=occupancy,
        occupancy_sd=occupancy_sd,
        filling=_classes(occupancy, occupancy_sd, vesicles["touches_border"].to_numpy(bool), params),
    )
    return Vesicles.build(filled)


def darkness_in(pixels: Any, mask: Any) -> float:
    """Core darkness of one labelled vesicle in a patch: median outside less mean of the core, over the patch's own spread.

    Parameters
    ----------
    pixels : grey values (y, x) or (z, y, x), stain low. mask : of the vesicle, same shape.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    inside = np.asarray(mask, bool)
    depth = distance_transform_edt(inside)
    core = inside & (depth >= 0.5 * depth.max())
    outside = ~binary_dilation(inside, iterations=2)
    ground = np.asarray(pixels, float)[outside] if outside.any() else np.asarray(pixels, float)[~inside]
    spread = float(np.percentile(ground, 75) - np.percentile(ground, 25)) or 1.0
    return float((np.median(ground) - np.asarray(pixels, float)[core].mean()) / spread)


def _intensities(vesicles: pd.DataFrame, stack: Stack) -> tuple[Real, Real, Real, Real]:
    """Darkness of the lumen with its standard error, of the surroundings and of the membrane."""
    deep = not stack.flat and vesicles["diameter_kind"].isin(["shell", "volume_eq"]).any()
    fan = rays(3 if deep else 2)
    rows = [_one(row, stack, fan.units, deep) for row in vesicles.itertuples()]
    found = np.array(rows, float).reshape(-1, 4)
    return found[:, 0], found[:, 1], found[:, 2], found[:, 3]


def _one(row: Any, stack: Stack, units: Real, deep: bool) -> tuple[float, float, float, float]:
    outer = row.diameter_nm / 2
    membrane = row.membrane_nm if row.membrane_nm == row.membrane_nm else 0.0
    inner = max(outer - membrane, 0.3 * outer)
    spacing = np.array(stack.spacing_nm)
    centre = np.array([row.z_nm, row.y_nm, row.x_nm])
    if not deep:
        plane = int(np.clip(round(row.z_nm / spacing[0]) if spacing[0] == spacing[0] else 0, 0, stack.shape[0] - 1))
        spacing, centre = spacing[1:], centre[1:]
    reach = AROUND[1] * outer
    shape = np.array(stack.shape if deep else stack.shape[1:])
    first = np.clip(np.floor((centre - reach) / spacing) - 1, 0, np.maximum(shape - 2, 0)).astype(int)
    last = np.maximum(np.minimum(np.ceil((centre + reach) / spacing) + 2, shape), first + 2).astype(int)
    parts = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    pixels = stack.darkness(*parts) if deep else stack.darkness(slice(plane, plane + 1), *parts)[0]
    weight = (np.arange(SHELLS) + 0.5) / SHELLS
    here = (centre - first * spacing)[None]

    def sampled(radii: Real) -> Real:
        distance = np.broadcast_to(radii, (1, len(units), len(radii)))
        return np.asarray(along_rays(pixels, spacing, here, units, np.ascontiguousarray(distance))[0])

    power = weight ** (len(spacing) - 1)
    lumen = sampled(RIM * inner * weight)
    mean = float(np.average(lumen.mean(axis=0), weights=power))
    spread = float(np.sqrt(np.average(((lumen - mean) ** 2).mean(axis=0), weights=power)))
    grain = max(CORRELATED_NM, *spacing)
    size = (np.pi * (RIM * inner) ** 2 / grain**2) if not deep else (4.19 * (RIM * inner) ** 3 / grain**3)
    ring = sampled(outer * np.linspace(*AROUND, 6))
    ground = float(np.median(ring))
    wide = size * (AROUND[1] ** len(spacing) - AROUND[0] ** len(spacing)) * (outer / (RIM * inner)) ** len(spacing)
    error = np.hypot(spread / np.sqrt(max(size, 1.0)), 1.25 * float(ring.std()) / np.sqrt(max(wide, 1.0)))
    wall = sampled(np.array([outer - 0.5 * membrane])) if membrane else lumen
    return mean, float(error), ground, float(wall.mean())


def _occupancy(darkness: Real, sd: Real) -> tuple[Real, Real]:
    """From the clearest cores (0) to the darkest (1), with the error; missing where all cores are alike."""
    known = np.isfinite(darkness)
    if known.sum() < 3:
        return np.full(len(darkness), np.nan), np.full(len(darkness), np.nan)
    clear, full = np.percentile(darkness[known], [LIGHTEST, DARKEST])
    if full - clear < UNLIKE * float(np.median(sd[known])):
        return np.full(len(darkness), np.nan), np.full(len(darkness), np.nan)
    return np.clip((darkness - clear) / (full - clear), 0, 1), sd / (full - clear)


def _classes(occupancy: Real, sd: Real, cut: Any, params: FillingParams) -> Any:
    sure = np.isfinite(occupancy) & (sd <= params.max_sd) & ~cut
    names = np.where(occupancy >= params.full_from, "full", np.where(occupancy < params.empty_below, "empty", "partial"))
    return np.where(sure, names, "unresolved")
