"""Filling: how dark the lumen of each vesicle is, how much of it is filled, and whether that can be said.

A micrograph has no absolute scale. Darkness is reckoned from the surroundings of each vesicle (0) to the darkest stain of the
image (1). Full and empty are a matter of occupancy, a continuous measure with a standard error; the classes only name it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.em._outline import rays
from exotrack.em._sampling import along_rays
from exotrack.em.stack import Stack
from exotrack.params import FillingParams, VesicleParams
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
POINTS = 24
"""Radii at which a lumen is sampled along each ray."""
RIM = 0.75
"""Part of the inner radius whose darkness is the core's: the outer quarter holds the blur of the membrane and of the section."""
BLUR_NM = 3.5
"""Nearest to the inner face of the membrane that the lumen is looked at: the membrane's own blur ends there."""
AROUND = (1.1, 1.45)
"""Ring that counts as surroundings, in outer radii: outside the membrane, before the next neighbours."""
DARKEST, LIGHTEST, CROSSWISE = 98.0, 10.0, 90.0
"""Percentiles of the cores' darkness that stand for full and for clear, and of the darkness of membranes for stain: most of them
run obliquely through a section, and only those cut across show how dark they are."""
DARKER = 1.15
"""Darkness of the membranes over that of the cores from which they are another thing than the cores' own rims."""
EDGE = 0.8
"""Part of the outer radius from which the darkest line around a lumen is looked for."""
UNLIKE = 3.0
"""Spread of the darkness of cores over its errors from which there are full and clear ones to compare."""
CORRELATED_NM = 5.0
"""Length over which grain is alike: so many samples are one."""
CUT = 0.3
"""Scatter of the occupancy of a sphere that a section cuts anywhere up to 0.6 of its radius off the centre, over p (1 - p)."""
WIDTH = 0.1
"""Error of the occupancy, over itself, where the membrane was found outside the core: three times that of its radius."""
LEVELS = 0.03
"""Error of the occupancy from what clear and stain are taken to be: the blur of the membrane reaches into every lumen."""
WALL_NM = 7.0
"""Thickness of the membrane that is looked for around a dense core."""
RAYS_ALIKE = 2.0
"""Neighbouring rays that show the same grain."""
COVERED = 0.8
"""Thickness of a section, over the width of a lumen, from which the membranes above and below darken the lumen in the picture:
an empty lumen of 30 nm in a section of 50 nm looks half full."""
BEYOND, SURE = (1.06, 3.0), 5.0
"""Where it is looked for, in radii of the core (3: the core fills a twenty-seventh of the vesicle), and its height over its error
from which it is there."""


def fill(
    vesicles: pd.DataFrame, stack: Stack, params: FillingParams = FillingParams(), section_nm: float = VesicleParams().section_nm
) -> pd.DataFrame:
    """Measure the filling of vesicles.

    Parameters
    ----------
    vesicles : table `Vesicles` of one stack, whatever found them. stack : with its contrast settled. params : limits of classes.
    section_nm : thickness of a section where the stack does not say it; 0 for a surface.

    Returns
    -------
    The table with intensities, ``core_darkness``, ``occupancy`` (each with its standard error) and ``filling``.

    Notes
    -----
    ``core_darkness`` is (surroundings - core) / (surroundings - stain) in grey values turned so that stain is low; stain is the
    darkest fiftieth of the cores, or the darkest membranes around them: a picture of nothing but empty vesicles, or of
    nothing but grey ones, is measured by its membranes. ``occupancy`` is the part of the lumen's volume that is as dark as
    stain: the darkness at each radius, weighted by its volume, between the clearest tenth of the lumens (0; at most as dark as
    the surroundings) and stain (1). In a section it takes the vesicle to be round and cut near its middle; its standard error
    allows for cuts beside it. Where vesicles are known by their core, the membrane is looked for outside; if there is none, the
    core fills the vesicle. Where all cores of an image are alike and no membrane shows that stain is darker, the occupancy is
    missing, as it is for lumens that a section holds with the membranes above and below. A vesicle that is cut by the border, or
    whose error is too large, is ``unresolved``.
    """
    if not len(vesicles):
        return vesicles
    seen = _seen(vesicles, stack)
    walls = vesicles["membrane_nm"].notna().to_numpy()
    contrast = seen.core - seen.around
    darkest, line = float(np.nanpercentile(contrast, DARKEST)), float(np.nanpercentile(seen.edge - seen.around, CROSSWISE))
    stain = max(darkest, line, 1e-9)
    darkness, darkness_sd = contrast / stain, seen.error / stain
    lightest = np.minimum(seen.core, seen.rim) - seen.around
    clear = min(float(np.nanpercentile(lightest, LIGHTEST)) / stain, 0.0)
    occupancy = np.clip(((seen.mean - seen.around) / stain - clear) / (1 - clear), 0, 1)
    cut = 0.0 if seen.deep else CUT
    width = np.where(walls, 0.0, WIDTH) * occupancy
    occupancy_sd = np.sqrt((darkness_sd / (1 - clear)) ** 2 + (cut * occupancy * (1 - occupancy)) ** 2 + width**2 + LEVELS**2)
    alike = np.ptp(darkness) < UNLIKE * float(np.median(darkness_sd))
    if alike and not walls.any() and line < DARKER * darkest:
        occupancy, occupancy_sd = np.full(len(darkness), np.nan), np.full(len(darkness), np.nan)
    hidden = _covered(seen, stack, section_nm)
    occupancy, occupancy_sd = np.where(hidden, np.nan, occupancy), np.where(hidden, np.nan, occupancy_sd)
    sign = 1.0 if stack.contrast == "bright" else -1.0
    keep_wall = vesicles["membrane_intensity"].notna().to_numpy()
    filled = vesicles.assign(
        lumen_intensity=sign * seen.core,
        background_intensity=sign * seen.around,
        membrane_intensity=np.where(keep_wall, vesicles["membrane_intensity"], sign * seen.wall),
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


def _covered(seen: _Seen, stack: Stack, section_nm: float) -> Any:
    """Vesicles (n,) whose lumen lies under and over membrane in one picture."""
    if seen.deep:
        return np.zeros(len(seen.inner), bool)
    thick = stack.spacing_nm[0] if np.isfinite(stack.spacing_nm[0]) else section_nm
    return thick >= COVERED * 2 * seen.inner


class _Seen(NamedTuple):
    """Darkness of each vesicle (n,).

    Core with its error, mean over the lumen's volume, its outer rim, surroundings, membrane, the darkest line around it; radius
    of the lumen (nm).
    """

    core: Real
    error: Real
    mean: Real
    rim: Real
    around: Real
    wall: Real
    edge: Real
    inner: Real
    deep: bool


def _seen(vesicles: pd.DataFrame, stack: Stack) -> _Seen:
    deep = not stack.flat and vesicles["diameter_kind"].isin(["shell", "disc", "volume_eq"]).any() and _whole(vesicles)
    fan = rays(3 if deep else 2)
    found = np.array([_one(row, stack, fan.units, deep) for row in vesicles.itertuples()], float).reshape(-1, 8)
    core, error, mean, rim, around, wall, edge, inner = found.T
    return _Seen(core, error, mean, rim, around, wall, edge, inner, deep)


def _whole(vesicles: pd.DataFrame) -> bool:
    """Whether vesicles of several sections are known as bodies, not as rings in one of them."""
    return bool(vesicles["volume_nm3"].notna().any())


def _one(row: Any, stack: Stack, units: Real, deep: bool) -> tuple[float, ...]:
    pixels, spacing, here = _window(row, stack, deep)

    def sampled(radii: Real) -> Real:
        distance = np.ascontiguousarray(np.broadcast_to(radii, (1, len(units), len(radii))))
        return np.asarray(along_rays(pixels, spacing, here, units, distance)[0])

    outer, membrane = row.diameter_nm / 2, row.membrane_nm
    first = outer
    known = membrane == membrane
    if not known:
        outer, membrane = _membrane_outside(sampled, outer, float(min(spacing)))
    inner = max(outer - membrane, 0.3 * outer)
    weight = (np.arange(POINTS) + 0.5) / POINTS
    edge = inner - max(max(spacing), min(0.25 * inner, BLUR_NM)) if membrane else RIM * inner
    lumen, whole = sampled(RIM * inner * weight), sampled(edge * weight)
    power = weight ** (len(spacing) - 1)
    core = float(np.average(lumen.mean(axis=0), weights=power))
    # What is hidden by the membrane's blur is as dark as what lies next to it.
    hidden = 1 - (edge / inner) ** 3
    mean = (1 - hidden) * float(np.average(whole.mean(axis=0), weights=weight**2)) + hidden * float(whole[:, -2:].mean())
    rim = float(whole.mean(axis=0)[weight > RIM].mean())
    spread = float(np.sqrt(np.average(((lumen - core) ** 2).mean(axis=0), weights=power)))
    grain = max(CORRELATED_NM, *spacing)
    size = (np.pi * (RIM * inner) ** 2 / grain**2) if not deep else (4.19 * (RIM * inner) ** 3 / grain**3)
    ring = sampled(outer * np.linspace(*AROUND, 6))
    wide = size * (AROUND[1] ** len(spacing) - AROUND[0] ** len(spacing)) * (outer / (RIM * inner)) ** len(spacing)
    error = np.hypot(spread / np.sqrt(max(size, 1.0)), 1.25 * float(ring.std()) / np.sqrt(max(wide, 1.0)))
    wall = float(sampled(np.array([outer - 0.5 * membrane])).mean()) if membrane else core
    edge = float(sampled(np.linspace(EDGE * first, first + WALL_NM, 16)).mean(axis=0).max())
    return core, float(error), mean, rim, float(np.median(ring)), wall, max(edge, wall), inner


def _window(row: Any, stack: Stack, deep: bool) -> tuple[NDArray[np.float32], Real, Real]:
    """Darkness around a vesicle, its spacing, and the vesicle's centre in it (nm)."""
    spacing = np.array(stack.spacing_nm)
    centre = np.array([row.z_nm, row.y_nm, row.x_nm])
    if not deep:
        plane = int(np.clip(round(row.z_nm / spacing[0]) if spacing[0] == spacing[0] else 0, 0, stack.shape[0] - 1))
        spacing, centre = spacing[1:], centre[1:]
    reach = AROUND[1] * BEYOND[1] * row.diameter_nm / 2
    shape = np.array(stack.shape if deep else stack.shape[1:])
    first = np.clip(np.floor((centre - reach) / spacing) - 1, 0, np.maximum(shape - 2, 0)).astype(int)
    last = np.maximum(np.minimum(np.ceil((centre + reach) / spacing) + 2, shape), first + 2).astype(int)
    parts = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    pixels = stack.darkness(*parts) if deep else stack.darkness(slice(plane, plane + 1), *parts)[0]
    return pixels, spacing, (centre - first * spacing)[None]


def _membrane_outside(sampled: Callable[[Real], Real], core: float, voxel: float) -> tuple[float, float]:
    """Outer radius and thickness (nm) of the membrane around a core; the core's own radius and 0 if none is seen."""
    wall = max(WALL_NM, voxel)
    step = 0.5 * min(voxel, wall)
    tried = np.arange(BEYOND[0] * core + wall, BEYOND[1] * core, step)
    if not len(tried):
        return core, 0.0
    thick = np.arange(0.25, 1.0, 0.5) * wall
    middle, out, within = (sampled((tried[:, None] + shift).ravel()) for shift in (-thick, thick, -wall - thick))
    rise = (middle - 0.5 * (out + within)).reshape(len(middle), len(tried), len(thick)).mean(axis=2)
    height, error = rise.mean(axis=0), rise.std(axis=0) / np.sqrt(len(rise) / RAYS_ALIKE) + 1e-12
    k = int(np.argmax(height))
    return (float(tried[k]), wall) if height[k] > SURE * error[k] else (core, 0.0)


def _classes(occupancy: Real, sd: Real, cut: Any, params: FillingParams) -> Any:
    sure = np.isfinite(occupancy) & (sd <= params.max_sd) & ~cut
    names = np.where(occupancy >= params.full_from, "full", np.where(occupancy < params.empty_below, "empty", "partial"))
    return np.where(sure, names, "unresolved")
