"""The part of ``exotrack em`` about the plasma membrane: masks into distances, states and tables, and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.em.membrane import Kind, Membrane
    from exotrack.em.profiles import Profiles
    from exotrack.em.stack import Stack

WIDEST_PX = 4096
"""Side of the picture that the page is made from; larger sections are averaged while they are read."""
HELD_VOXELS = 64_000_000
"""A mask of more voxels is read in blocks; of fewer it is held in memory, at 20 to 30 bytes a voxel, which is quicker."""
FEW = 0.1
"""A side of a membrane that holds less than this part of the vesicles is not the cell: they may be false."""
BY_CHANCE = "By chance means: the same vesicles anywhere in the image on the cell's side of the membrane."


@dataclass(frozen=True)
class Surroundings:
    """What the user says of the membrane and the section.

    membrane : mask of the image's shape, or drawn lines (CSV). active_zone : mask. rule : name of the rule of the states.
    section_nm : thickness of the sections. traced : the lines are clicks between which the membrane is traced.
    membrane_nm : thickness of a membrane that is drawn or traced; None takes that of a plasma membrane.
    """

    membrane: Path | None = None
    active_zone: Path | None = None
    rule: str | None = None
    section_nm: float | None = None
    traced: bool = False
    membrane_nm: float | None = None

    @property
    def lines(self) -> bool:
        """Whether the membrane is given by lines, not by a mask."""
        return self.membrane is not None and self.membrane.suffix.lower() == ".csv"

    def check(self) -> None:
        """Refuse what cannot go together before any work is done (`ParameterError`)."""
        from exotrack.em.states import rule_named

        if self.section_nm is not None and not (math.isfinite(self.section_nm) and self.section_nm > 0):
            raise ParameterError(f"--section-nm is a thickness above 0, found {self.section_nm:g}")
        if self.rule is not None:
            rule_named(self.rule)
        for flag, given in (("--rule", self.rule), ("--active-zone", self.active_zone)):
            if given is not None and self.membrane is None:
                raise ParameterError(f"{flag} says something of the membrane; give its mask with --membrane")
        if (self.traced or self.membrane_nm is not None) and not self.lines:
            flag = "--trace" if self.traced else "--membrane-nm"
            raise ParameterError(f"{flag} is of drawn lines; give them with --membrane FILE.csv, as napari saves a shapes layer")
        if self.membrane_nm is not None and not 0 <= self.membrane_nm <= 50:
            raise ParameterError(f"--membrane-nm is a thickness from 0 to 50 nm, found {self.membrane_nm:g}")


def described(
    vesicles: pd.DataFrame,
    stack: Stack,
    given: Surroundings,
    profiles: Profiles | None = None,
    membrane: Membrane | None = None,
) -> tuple[dict[str, pd.DataFrame], Membrane | None]:
    """The tables that `exotrack.em.geometry.describe` gives for the stack, and its membrane.

    profiles : those of all sections of a serial stack, to be corrected for the sections' thickness.
    membrane : that of the stack, where it is known already.

    Raises `InputError` for a mask that is not of this image, `ParameterError` for a section thickness of several sections.
    """
    from exotrack.em.stereology import corrected_stack

    tables, membrane = _described(vesicles, stack, given, membrane)
    if profiles is not None and math.isfinite(stack.spacing_nm[0]):
        tables["sizes"] = corrected_stack(profiles, stack.spacing_nm[0], stack.image_id)
    return tables, membrane


def _described(
    vesicles: pd.DataFrame, stack: Stack, given: Surroundings, known: Membrane | None
) -> tuple[dict[str, pd.DataFrame], Membrane | None]:
    from exotrack.em.geometry import describe

    if given.section_nm is not None and not stack.flat:
        raise ParameterError(
            f"--section-nm is of a single section, {stack.shape[0]} were given; their distance is in --spacing-nm"
        )
    thick = given.section_nm if given.section_nm is not None else stack.spacing_nm[0]
    section = thick if stack.flat and math.isfinite(thick) else None
    if given.membrane is None:
        return describe(vesicles, None, section_nm=section), None
    membrane = sided(known or membrane_given(given, stack), vesicles)
    zone = None if given.active_zone is None else membrane_of(given.active_zone, stack, "band")
    cell, spacing = cell_side(membrane, vesicles, stack)
    rule = given.rule or "touching"
    return describe(vesicles, membrane, rule, cell=cell, spacing_nm=spacing, section_nm=section, active_zone=zone), membrane


def membrane_given(given: Surroundings, stack: Stack) -> Membrane:
    """The membrane of the stack, from its mask or its lines; errors are those of `membrane_of` and `drawn_membrane`."""
    from exotrack.em.drawn import drawn_membrane
    from exotrack.em.membrane import TRACED_NM

    assert given.membrane is not None
    if not given.lines:
        return membrane_of(given.membrane, stack)
    thick = TRACED_NM if given.membrane_nm is None else given.membrane_nm
    return drawn_membrane(given.membrane, stack, traced=given.traced, thickness_nm=thick)


def sided(membrane: Membrane, vesicles: pd.DataFrame) -> Membrane:
    """The membrane with the cell on the side of the vesicle farthest from it, where nothing else says on which it lies."""
    from exotrack.em.distances import places

    at = places(vesicles, membrane.ndim)
    at = at[np.isfinite(at).all(axis=1)]
    if membrane.signed or membrane.ndim == 3 or not len(at):
        return membrane
    return membrane.facing(at[int(np.argmax(np.abs(membrane.quick(at))))].tolist())


def membrane_of(path: Path, stack: Stack, kind: Kind = "auto") -> Membrane:
    """The membrane in a mask file of the stack's shape; `InputError` for another shape, an empty mask, or none at all."""
    from exotrack.em.membrane import Membrane
    from exotrack.io.voxels import open_voxels

    mask = open_voxels(path).voxels
    if mask.shape != stack.shape:
        found, wished = (" x ".join(map(str, shape)) for shape in (mask.shape, stack.shape))
        raise InputError(f"{path.name}: a mask of {found} for an image of {wished}; draw it on this image")
    if math.prod(mask.shape) > HELD_VOXELS:
        return Membrane.from_voxels(mask, _axes(stack.spacing_nm, stack), kind, path.name)
    values = mask.read(*(slice(0, n) for n in mask.shape))
    try:
        return Membrane.from_mask(values[0] if stack.flat else values, _axes(stack.spacing_nm, stack), kind)
    except InputError as problem:
        raise InputError(f"{path.name}: {problem}") from None


def cell_side(membrane: Membrane, vesicles: pd.DataFrame, stack: Stack) -> tuple[NDArray[np.bool_], tuple[float, ...]]:
    """Where vesicles may lie, and its spacing: all of a cell, of a bare membrane the sides on which vesicles were found.

    By lines, anywhere. Of a mask that is read in blocks only every k-th voxel is there.
    """
    from skimage.measure import label

    spacing = _axes(stack.spacing_nm, stack)
    if membrane.streamed is not None:
        free, k = membrane.streamed.coarse()
        spacing = tuple(k * step for step in spacing)
    elif membrane.level is None:
        return np.ones(stack.shape[1:] if stack.flat else stack.shape, bool), spacing
    else:
        free = membrane.level > 0
    if membrane.source != "band" or not len(vesicles):
        return free, spacing
    # A membrane without an inner side parts the image; the piece behind it, where no vesicle is, is not the cell.
    pieces: NDArray[np.int64] = label(free, connectivity=1)
    at = vesicles[["z_nm", "y_nm", "x_nm"]].to_numpy(float)[:, 3 - pieces.ndim :] / np.asarray(spacing)
    at = at[np.isfinite(at).all(axis=1)]
    index = np.clip(np.rint(at).astype(int), 0, np.array(pieces.shape) - 1)
    counts = np.bincount(pieces[tuple(index.T)], minlength=int(pieces.max()) + 1)
    counts[0] = 0
    return (np.isin(pieces, np.flatnonzero(counts > FEW * counts.sum())) if counts.any() else free), spacing


def write_page(
    folder: Path,
    stack: Stack,
    tables: Mapping[str, pd.DataFrame],
    membrane: Membrane | None,
    given: Surroundings,
    record: Mapping[str, Any],
) -> None:
    """Write the report of a stack to `folder`; of several sections the middle one is shown."""
    from exotrack.em.geometry import section_lines
    from exotrack.em.states import rule_named
    from exotrack.report.em import write_em_report

    section = stack.shape[0] // 2
    pixels, factor = shown_section(stack, section)
    z, y, x = stack.spacing_nm
    thick = z if math.isfinite(z) else given.section_nm or 0.0
    write_em_report(
        folder,
        image_id=stack.image_id,
        pixels=pixels,
        factor=factor,
        spacing_nm=(thick, y, x),
        tables=tables,
        lines_nm=[] if membrane is None else section_lines(membrane, section),
        section=section,
        rule="" if membrane is None else rule_named(given.rule or "touching").describe(),
        notes=[*stack.notes, *([] if membrane is None else [BY_CHANCE])],
        provenance=record,
    )


def shown_section(stack: Stack, section: int) -> tuple[NDArray[Any], int]:
    """Grey values of a section, averaged over blocks of the returned side where it is large; read in strips."""
    _, height, width = stack.shape
    factor = math.ceil(max(height, width) / WIDEST_PX)
    if factor == 1:
        return stack.read(slice(section, section + 1))[0], 1
    rows, columns = height // factor, width // factor
    strips = []
    for first in range(0, rows, 256):
        last = min(first + 256, rows)
        strip = stack.read(slice(section, section + 1), slice(first * factor, last * factor), slice(0, columns * factor))[0]
        strips.append(strip.reshape(last - first, factor, columns, factor).mean(axis=(1, 3), dtype=np.float32))
    return np.concatenate(strips), factor


def _axes(values: Sequence[float], stack: Stack) -> tuple[float, ...]:
    """(z, y, x) as (y, x) of a single section."""
    return tuple(values[1:] if stack.flat else values)
