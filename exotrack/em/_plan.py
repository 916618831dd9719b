"""How a stack is searched: in which sizes, on which voxels, in which blocks. None of it depends on how fast it is done."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.em._templates import Model, Template, template
from exotrack.em.stack import Stack
from exotrack.params import VesicleParams

Single = NDArray[np.float32]
VOXELS_PER_RADIUS = {2: 5.5, 3: 4.5}
"""Voxels that the smallest radius of an octave measures where it is looked for: fewer lose the membrane, more cost time."""
STEP = 1.08
"""From one radius to the next: the membrane of the next covers half of the last one's."""
THICK = 2.0
"""Thickness of a section, over the typical diameter, from which vesicles are pale and lie over one another: so many are missed
that they are looked for and judged in a way of its own."""
CORE = {2: 640, 3: 72}
"""Side of a block in voxels of the search, without its halo."""


@dataclass(frozen=True)
class Box:
    """A block: it owns the candidates between `start` and `stop` and looks at `first` to `last` (z, y, x; exclusive)."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    first: tuple[int, int, int]
    last: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Octave:
    """Vesicles between a radius and its double.

    Attributes
    ----------
    axes : 2 for rings in each section, 3 for shells.
    spacing : (z, y, x) of the stack (nm); z is NaN or the thickness for rings.
    coarse, fine : voxels averaged along each of z, y, x where candidates are looked for, and where they are measured.
    templates : one for each radius. model : how they are drawn. core : dense cores are looked for.
    section_nm : thickness of the sections. thick : it is several times that of the vesicles.
    """

    axes: int
    spacing: tuple[float, float, float]
    coarse: tuple[int, int, int]
    fine: tuple[int, int, int]
    templates: tuple[Template, ...]
    model: Model
    core: bool
    section_nm: float
    thick: bool = False

    def boxes(self, shape: tuple[int, int, int], core: int | None = None) -> list[Box]:
        """Blocks that cover a stack of `shape`; `core` is their side, which changes nothing but the size of the work."""
        side = core or CORE[self.axes]
        largest = 2.0 * self.templates[-1].radius_nm + 2 * self.model.membrane_nm + self.model.margin_nm
        parts = []
        for axis in range(3):
            step = self.coarse[axis] * side
            if axis == 0 and self.axes == 2:
                parts.append([(k, k + 1, k, k + 1) for k in range(shape[0])])
                continue
            halo = math.ceil(largest / (self.spacing[axis] * self.coarse[axis])) + 2
            end = max(shape[axis] // self.coarse[axis], 1) * self.coarse[axis]
            cuts = [*range(0, end, step), end]
            # A last block that is a sliver joins the one before it.
            if len(cuts) > 2 and cuts[-1] - cuts[-2] < step // 4:
                del cuts[-2]
            wide = halo * self.coarse[axis]
            parts.append([(a, b, max(a - wide, 0), min(b + wide, end)) for a, b in itertools.pairwise(cuts)])
        return [Box(*zip(*three, strict=True)) for three in itertools.product(*parts)]


def thickness(stack: Stack, params: VesicleParams, deep: bool) -> float:
    """What is projected onto one picture (nm): a section as the stack or `params` say, nothing in a volume or of dense cores."""
    if deep or params.look_for == "core":
        return 0.0
    apart = stack.spacing_nm[0]
    return apart if math.isfinite(apart) else params.section_nm


def is_thick(stack: Stack, params: VesicleParams, deep: bool) -> bool:
    """Whether sections are much thicker than the vesicles that are looked for."""
    return thickness(stack, params, deep) >= THICK * math.sqrt(params.diameter_nm[0] * params.diameter_nm[1])


def octaves(stack: Stack, params: VesicleParams, deep: bool) -> list[Octave]:
    """The searches that together cover the diameters of `params`; `deep` looks for shells in the volume."""
    axes, section_nm = 3 if deep else 2, thickness(stack, params, deep)
    low, high = (diameter / 2 for diameter in params.diameter_nm)
    count = max(round(math.log2(high / low)), 1)
    ratio = (high / low) ** (1 / count)
    return [_octave(stack, params, axes, (low * ratio**k, low * ratio ** (k + 1)), section_nm) for k in range(count)]


def _octave(stack: Stack, params: VesicleParams, axes: int, limits: tuple[float, float], section_nm: float) -> Octave:
    low, high = limits
    spacing, core = stack.spacing_nm, params.look_for == "core"
    target = low / VOXELS_PER_RADIUS[axes]
    # A dense core has an edge as soft as its size; a membrane is as thick in a large vesicle as in a small one.
    wall = 0.25 * low if core else params.membrane_nm
    fine = tuple(max(int(0.25 * wall / step), 1) if step == step else 1 for step in spacing)
    coarse = tuple(f * max(round(target / (f * step)), 1) if step == step else 1 for f, step in zip(fine, spacing, strict=True))
    # The thickness of a section changes where a membrane seems to be, hardly whether it is found: a thin ring is looked for.
    model = Model(wall)
    if axes == 2:
        fine, coarse = (1, *fine[1:]), (1, *coarse[1:])
    voxel = tuple(step * b for step, b in zip(spacing, coarse, strict=True))[3 - axes :]
    steps = max(math.ceil(math.log(high / low) / math.log(STEP)), 1)
    radii = [low * (high / low) ** (k / steps) for k in range(steps + 1)]
    templates = tuple(template(radius, voxel, model, core) for radius in radii)
    thick = is_thick(stack, params, axes == 3)
    return Octave(axes, spacing, coarse, fine, templates, model, core, section_nm, thick)  # type: ignore[arg-type]


def window(stack: Stack, box: Box) -> Single:
    """Darkness in the block and its halo, what is not finite replaced by the median."""
    pixels = stack.darkness(*(slice(a, b) for a, b in zip(box.first, box.last, strict=True)))
    lost = ~np.isfinite(pixels)
    if lost.any():
        pixels[lost] = np.float32(np.median(pixels[~lost])) if not lost.all() else np.float32(0)
    return pixels


def averaged(pixels: Single, by: tuple[int, int, int]) -> Single:
    """Means of `by` voxels along each axis; what does not fill a last one is left out."""
    if by == (1, 1, 1):
        return pixels
    kept = pixels[tuple(slice(n // b * b) for n, b in zip(pixels.shape, by, strict=True))]
    shape = [part for n, b in zip(kept.shape, by, strict=True) for part in (n // b, b)]
    means: Single = kept.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float32)
    return means


def plain(values: Any, axes: int) -> Any:
    """(z, y, x) as (y, x) where there is one section."""
    return values[3 - axes :]
