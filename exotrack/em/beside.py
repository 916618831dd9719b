"""Vesicles beside a known membrane: looked for once more with the membrane painted over.

A membrane that touches a vesicle is as dark as the vesicle's own wall. An outline may then follow the wrong one of the two,
which makes the vesicle too large and moves it over the membrane, or no round outline is found at all. Where a mask says what is
not cell, all that is painted with grains like those of the cell, and what touched the membrane stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from exotrack.em._score import overlap
from exotrack.em.distances import places
from exotrack.em.membrane import Membrane
from exotrack.em.stack import Stack
from exotrack.io.voxels import Voxels
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

SAID = "vesicles beside the membrane were looked for once more with the membrane painted over"
NEAR_NM = 15.0
"""Gap to the membrane up to which the second look counts: a membrane and its blur reach no farther."""
DEEPEST_NM = 3.0
"""A vesicle of the second look that reaches over the membrane by more than this is made of paint."""
TILE = 251
"""Side of the square of grains that is laid out over the painted part."""
SAMPLE = 1024
"""Pixels of a side that are looked at for what the cell looks like."""


@dataclass(frozen=True, eq=False)
class Painted:
    """Voxels whose part outside the cell is painted over.

    source : the voxels. outside : true where painted. grains : (TILE, TILE) grey values.
    """

    source: Voxels
    outside: NDArray[np.bool_]
    grains: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(sections, height, width)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the source."""
        return self.source.dtype

    def read(self, z: slice, y: slice, x: slice) -> NDArray[Any]:
        """The voxels of a window; the same voxel is painted alike in any window."""
        found = np.array(self.source.read(z, y, x))
        mask = self.outside[z, y, x]
        at = [np.arange(*part.indices(n)[:2]) for part, n in zip((z, y, x), self.shape, strict=True)]
        # Sections are laid out differently, or grains would be threads.
        rows = (at[1] + 97 * at[0][:, None]) % TILE
        grains = self.grains[rows[:, :, None], (at[2] % TILE)[None, None, :]]
        found[mask] = grains[mask]
        return found


def painted(stack: Stack, membrane: Membrane) -> Stack | None:
    """The stack with all that is not cell painted over; None for a membrane without a mask, or no cell in it."""
    if membrane.level is None:
        return None
    outside = (membrane.level < 0).reshape(stack.shape)
    z, y, x = (slice((n - min(n, SAMPLE)) // 2, (n + min(n, SAMPLE)) // 2) for n in stack.shape)
    z = slice(stack.shape[0] // 2, stack.shape[0] // 2 + 1)
    pixels, inside = stack.read(z, y, x)[0].astype(float), ~outside[z, y, x][0]
    if inside.sum() < 100:
        return None
    both = inside[:, 1:] & inside[:, :-1]
    noise = float(np.std(np.diff(pixels, axis=1)[both]) / np.sqrt(2)) if both.any() else 0.0
    grains = np.random.default_rng(0).normal(float(np.median(pixels[inside])), noise, (TILE, TILE))
    dtype = stack.voxels.dtype
    if dtype.kind in "iu":
        grains = np.clip(np.rint(grains), np.iinfo(dtype).min, np.iinfo(dtype).max)
    return replace(stack, voxels=Painted(stack.voxels, outside, grains.astype(dtype)))


def with_second_look(
    first: pd.DataFrame, second: pd.DataFrame, membrane: Membrane, max_overlap: float, section_nm: float = 0.0, deep: bool = False
) -> pd.DataFrame:
    """Vesicles of `first`, those near the membrane as `second` has them.

    Parameters
    ----------
    first, second : `Vesicles` (or rings of serial sections) of the stack and of the painted stack.
    max_overlap : how far two may overlap, as a fraction of the smaller radius (`VesicleParams.max_overlap`).
    section_nm : what is projected onto one picture; in thick sections one may lie over another.
    deep : of a volume; else only those of one section can be the same or overlap.

    One of the second look takes the place of those of the first whose centres lie in it, and is left out where another stands.
    Omega figures are no part of the cell: they stay as they were first found.
    """
    import pandas as pd

    if not len(second):
        return first
    gap = membrane.quick(places(second, membrane.ndim)) - second["diameter_nm"].to_numpy(float) / 2
    second = second[(gap < NEAR_NM) & (gap > -DEEPEST_NM)].sort_values("score", ascending=False)
    kept = np.ones(len(first), bool)
    fresh = []
    tree = cKDTree(_at(first)) if len(first) else None
    radii, sections = first["diameter_nm"].to_numpy(float) / 2, first["first_section"].to_numpy(float)
    for number, (at, row) in enumerate(zip(_at(second), second.itertuples(), strict=True)):
        near = (
            np.array(tree.query_ball_point(at, row.diameter_nm / 2 + radii.max()), int) if tree is not None else np.zeros(0, int)
        )
        near = near[kept[near] & (deep | (sections[near] == row.first_section))]
        apart = np.linalg.norm(_at(first)[near] - at, axis=1)
        same = apart < row.diameter_nm / 2
        allowed = overlap(radii[near], row.diameter_nm / 2, max_overlap, section_nm, row.completeness)
        if (~same & (apart < radii[near] + row.diameter_nm / 2 - allowed)).any():
            continue
        kept[near[same]] = False
        fresh.append(number)
    table = pd.concat([first[kept], second.iloc[fresh]], ignore_index=True)
    table = table.sort_values(["z_nm", "y_nm", "x_nm"], ignore_index=True, kind="stable")
    return Vesicles.build(table.assign(vesicle_id=np.arange(1, len(table) + 1)))


def _at(vesicles: pd.DataFrame) -> NDArray[np.float64]:
    """Places (n, 3) in nm, the missing height of a single section as 0."""
    return np.asarray(np.nan_to_num(vesicles[["z_nm", "y_nm", "x_nm"]].to_numpy(float)))
