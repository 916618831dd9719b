"""Detect: a stack to vesicles, by rings in a section, shells in a volume, or dense cores."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Execution, map_blocks
from exotrack.em._find import candidates, survey, windows
from exotrack.em._plan import Octave, is_thick, octaves, thickness
from exotrack.em._score import distinct, scored
from exotrack.em.stack import Contrast, Stack
from exotrack.errors import ParameterError
from exotrack.params import VesicleParams
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
Linker = Callable[..., Any]
SECTIONS_IN_A_VESICLE = 4
"""Sections that must show the smallest vesicle for a volume: with fewer there is no shell to fit."""
CLEAR = 1.15
"""Ratio of the gains of dark and bright rings from which the contrast counts as found out."""
RAY_SCATTER = 4.0
"""Rays over which the place of a membrane is alike, so the error of a radius is that of fewer."""


def detect(
    stack: Stack, params: VesicleParams = VesicleParams(), run: Execution = Execution(), link: Linker | None = None
) -> pd.DataFrame:
    """Find vesicles.

    Parameters
    ----------
    stack : a micrograph, serial sections or a volume. Its contrast is found out if it is not given.
    params : what is looked for, and its size (nm).
    run : how fast.
    link : `exotrack.link`; joins the rings of serial sections. Not needed for a single section or a volume.

    Returns
    -------
    Table `Vesicles`, by z, y and x: places and diameters in nm, scores, grey values; filling and state are not yet known.

    Raises
    ------
    ParameterError : serial sections without `link`, or vesicles that are too small for the voxels.
    """
    from exotrack.em._both import cores_and_rings
    from exotrack.em.sections import joined

    check_sampling(stack, params)
    if params.look_for == "both":
        stack = settle(stack, params)
        cores, rings = (_looked_for(stack, params.updated({"look_for": way}), run) for way in ("core", "membrane"))
        table = cores_and_rings(cores, rings, params.max_overlap)
    else:
        table = _looked_for(stack, params, run)
    if stack.flat or is_volume(stack, params):
        return table
    if link is None:
        raise ParameterError("serial sections are joined by a linker; give link=exotrack.link, or take one section")
    return joined(table, stack, link)


def _looked_for(stack: Stack, params: VesicleParams, run: Execution) -> pd.DataFrame:
    """Rings, shells or discs of each section or of the volume."""
    deep = is_volume(stack, params)
    stack, searches, scales = settled(stack, params)
    kind = "disc" if params.look_for == "core" else "shell" if deep else "ring"
    parts = []
    for octave, scale in zip(searches, scales, strict=True):
        work = [(stack, octave, box, scale) for box in octave.boxes(stack.shape)]
        parts += list(map_blocks("vesicles", candidates, work, run))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = _chosen(found, stack, params, "thick" if searches[0].thick else kind, deep)
    table = _table(found, stack, params, kind, deep)
    if params.look_for == "membrane" and params.fit_membrane:
        table = _to_the_face(table, stack, params, searches[0].section_nm)
    return table


def is_volume(stack: Stack, params: VesicleParams) -> bool:
    """Whether shells are looked for: as `params.depth` says, or by how many sections show the smallest vesicle."""
    if stack.flat or params.depth == "sections":
        return False
    return params.depth == "volume" or params.diameter_nm[0] >= SECTIONS_IN_A_VESICLE * stack.spacing_nm[0]


def settle(stack: Stack, params: VesicleParams = VesicleParams()) -> Stack:
    """The stack with its contrast found out by what `params` look for, if it is not known."""
    return stack if stack.contrast is not None else settled(stack, params)[0]


def settled(stack: Stack, params: VesicleParams) -> tuple[Stack, list[Octave], list[Real]]:
    """The stack with its contrast found out if it was not known, the searches, and the noise of each."""
    searches = octaves(stack, params, is_volume(stack, params))
    looks = [survey(stack, octave) for octave in searches]
    if stack.contrast is None:
        excess = float(np.mean([math.log(max(ratio, 1e-9)) for _, ratio in looks]))
        if params.look_for == "both":
            excess = _excess_of_dark(stack, params)
        contrast: Contrast = "bright" if excess < -math.log(CLEAR) else "dark"
        sure = "" if abs(excess) > math.log(CLEAR) else ", though it is not clear; say it with --contrast dark or bright"
        stack = stack.with_contrast(contrast, f"membranes are taken to be {contrast}{sure}")
    return stack, searches, [scale for scale, _ in looks]


def _excess_of_dark(stack: Stack, params: VesicleParams) -> float:
    """How much more there is of dark rings and cores than of bright ones: logarithm of the ratio of their squared contrasts.

    A large pale lumen is a bright disc to a filter, a pale halo around a core a bright ring; stain is farther from its
    surroundings than either.
    """
    power: dict[Contrast, float] = {}
    ways: tuple[Contrast, Contrast] = ("dark", "bright")
    for contrast in ways:
        turned = stack.with_contrast(contrast)
        power[contrast] = sum(_power(turned, params.updated({"look_for": way})) for way in ("core", "membrane"))
    return math.log(max(power["dark"], 1e-9) / max(power["bright"], 1e-9))


def _power(stack: Stack, params: VesicleParams) -> float:
    """Squared contrasts of the vesicles in some windows of the stack, by their scores."""
    deep, parts = is_volume(stack, params), []
    for octave in octaves(stack, params, deep):
        scale = survey(stack, octave)[0]
        parts += [candidates(stack, octave, box, scale) for box in windows(stack, octave)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    core = params.look_for == "core"
    best = _chosen(found, stack, params, "disc" if core else "shell" if deep else "ring", deep)
    beside = best["around"] if core else (best["lumen"] + best["around"]) / 2
    return float(np.sum(best["score"] * np.maximum(best["wall"] - beside, 0) ** 2))


def cautioned(stack: Stack, params: VesicleParams) -> Stack:
    """The stack with a note where its section is so thick that many vesicles will be missed."""
    deep = is_volume(stack, params)
    if not is_thick(stack, params, deep):
        return stack
    thick, typical = thickness(stack, params, deep), math.sqrt(params.diameter_nm[0] * params.diameter_nm[1])
    note = (
        f"sections of {thick:g} nm are {thick / typical:.1f} times as thick as vesicles of {typical:.0f} nm: these are pale and "
        "lie over one another, so many are not found; numbers and densities are too low"
    )
    return replace(stack, notes=(*stack.notes, note))


def check_sampling(stack: Stack, params: VesicleParams) -> None:
    """Refuse voxels too coarse for the smallest vesicle (`ParameterError`)."""
    used = stack.spacing_nm if is_volume(stack, params) else stack.spacing_nm[1:]
    if params.diameter_nm[0] < 3 * max(used):
        raise ParameterError(
            f"{stack.image_id}: vesicles of {params.diameter_nm[0]:g} nm are smaller than 3 voxels of {max(used):g} nm; "
            "raise vesicles.diameter_nm, or use an image of finer pixels"
        )


def _chosen(found: dict[str, Real], stack: Stack, params: VesicleParams, kind: str, deep: bool) -> dict[str, Real]:
    """Candidates inside the stack whose score passes, the best where several overlap."""
    found["score"] = scored(found, kind, params.diameter_nm)
    centre = np.column_stack([found[axis] for axis in "zyx"])
    extent = np.array([(n - 1) * s if s == s else 0.0 for n, s in zip(stack.shape, stack.spacing_nm, strict=True)])
    inside = np.all((centre[:, 1:] >= 0) & (centre[:, 1:] <= extent[1:]), axis=1)
    inside &= (centre[:, 0] >= 0) & (centre[:, 0] <= extent[0]) if deep else True
    good = inside & (found["score"] >= max(params.min_score, 1e-6))
    found, centre = {name: values[good] for name, values in found.items()}, centre[good]
    section = np.zeros(len(centre)) if deep else centre[:, 0]
    plane = centre if deep else centre[:, 1:]
    thick = thickness(stack, params, deep)
    kept = distinct(plane, found["radius"], found["score"], section, params.max_overlap, thick, found["completeness"])
    order = kept[np.lexsort(centre[kept].T[::-1])] if len(kept) else kept
    return {name: values[order] for name, values in found.items()}


def _to_the_face(table: pd.DataFrame, stack: Stack, params: VesicleParams, section_nm: float) -> pd.DataFrame:
    """Diameters through the outer faces of a membrane as thick as those of this image."""
    from exotrack.em._wall import wall_of

    wall = wall_of(table, stack, params.membrane_nm, section_nm)
    if wall is None:
        return table
    diameter = np.maximum(table["diameter_nm"] + 2 * wall.outwards, 2 * wall.thick)
    area, volume = math.pi / 4 * diameter**2, math.pi / 6 * diameter**3
    return table.assign(
        diameter_nm=diameter,
        membrane_nm=wall.thick,
        area_nm2=area.where(table["area_nm2"].notna()),
        volume_nm3=volume.where(table["volume_nm3"].notna()),
    )


def _table(found: dict[str, Real], stack: Stack, params: VesicleParams, kind: str, deep: bool) -> pd.DataFrame:
    radius, sign = found["radius"], 1.0 if stack.contrast == "bright" else -1.0
    dz = stack.spacing_nm[0] if math.isfinite(stack.spacing_nm[0]) else 0.0
    z = found["z"] if deep else found["z"] * dz
    rays = 192 if deep else 48
    edge = np.zeros(len(radius), bool)
    for axis, centre in zip(
        (0, 1, 2) if deep else (1, 2), (z, found["y"], found["x"]) if deep else (found["y"], found["x"]), strict=True
    ):
        last = (stack.shape[axis] - 1) * stack.spacing_nm[axis]
        edge |= (centre - radius < -stack.spacing_nm[axis] / 2) | (centre + radius > last + stack.spacing_nm[axis] / 2)
    section = np.round(z / dz) if dz else np.zeros(len(radius))
    columns = {
        "image_id": stack.image_id,
        "vesicle_id": np.arange(1, len(radius) + 1),
        "backend": kind,
        "score": found["score"],
        "z_nm": z,
        "y_nm": found["y"],
        "x_nm": found["x"],
        "diameter_nm": 2 * radius,
        "diameter_kind": kind,
        "diameter_sd_nm": 2 * found["scatter"] * math.sqrt(RAY_SCATTER / rays),
        "membrane_nm": found["membrane"] if params.look_for == "membrane" else np.nan,
        "area_nm2": np.nan if deep else math.pi * radius**2,
        "volume_nm3": math.pi / 6 * (2 * radius) ** 3 if deep else np.nan,
        "circularity": (1 - found["oval"]) / (1 + found["oval"]),
        "completeness": found["completeness"],
        "first_section": np.maximum(np.round((z - radius) / dz), 0) if deep else section,
        "last_section": np.minimum(np.round((z + radius) / dz), stack.shape[0] - 1) if deep else section,
        "touches_border": edge,
        "membrane_intensity": sign * found["wall"] if params.look_for == "membrane" else np.nan,
        "lumen_intensity": sign * found["lumen"],
        "background_intensity": sign * found["around"],
    }
    return Vesicles.build(columns if len(radius) else {})
