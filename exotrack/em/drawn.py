"""Drawn membranes: lines that a person drew, or points clicked along a membrane, in the CSV that napari's shapes layer saves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exotrack.em.membrane import TRACED_NM, Membrane, trace
from exotrack.em.stack import Stack
from exotrack.errors import InputError
from exotrack.io.guard import check_readable, one_error, shown

Real = NDArray[np.float64]
COLUMNS = ("index", "shape-type", "vertex-index")
"""What napari writes before the places ``axis-0``, ``axis-1`` and so on, in pixels."""
OPEN, CLOSED = ("path", "line"), ("polygon", "rectangle")


def read_lines(path: str | Path) -> list[Real]:
    """Lines (n, axes) in pixels, from a shapes layer saved by napari; polygons and rectangles come back to their first point.

    Raises `InputError` for a file that is not one, holds no line, or holds other shapes.
    """
    import pandas as pd

    path = Path(path)
    check_readable(path)
    with one_error(path, "cannot be read as drawn lines"):
        table = pd.read_csv(path)
        axes = [name for name in table if str(name).startswith("axis-")]
        if not {*COLUMNS} <= set(table) or len(axes) not in (2, 3):
            raise InputError(
                f"{shown(path)}: needs the columns {', '.join(COLUMNS)} and two or three of axis-0, axis-1, axis-2, as napari "
                f"saves a shapes layer; found {', '.join(map(str, table))}"
            )
        lines = []
        for number, part in table.groupby("index", sort=True):
            kind = str(part["shape-type"].iloc[0])
            points = part.sort_values("vertex-index")[axes].to_numpy(float)
            if kind not in (*OPEN, *CLOSED):
                raise InputError(f"{shown(path)}: shape {number} is of kind {kind}; draw the membrane as path, line or polygon")
            lines.append(np.concatenate([points, points[:1]]) if kind in CLOSED else points)
    if not lines:
        raise InputError(f"{shown(path)}: holds no line; draw the membrane")
    return lines


def drawn_membrane(
    path: str | Path, stack: Stack, *, traced: bool = False, thickness_nm: float = TRACED_NM, section: int = 0
) -> Membrane:
    """The membrane along drawn lines, or traced between their points.

    Parameters
    ----------
    path : as `read_lines`. stack : the image they were drawn on. section : which section is traced; of one section, 0.
    traced : points are clicks near the membrane, and the way between them is found in the image; else the lines are taken as
        they are.
    thickness_nm : of the membrane, whose middle the lines follow; 0 if they follow its inner face.

    Raises `InputError` for lines outside of the image or of too few points, and to trace in several sections or several lines.
    """
    lines = read_lines(path)
    spacing = stack.spacing_nm[1:] if stack.flat else stack.spacing_nm
    ready = [_placed(line, stack, shown(path)) * np.asarray(spacing) for line in lines]
    floor = max(spacing) / 2
    if not traced:
        return Membrane.from_lines(ready, thickness_nm=thickness_nm, resolution_nm=floor)
    if not stack.flat:
        raise InputError(f"{shown(path)}: tracing needs a single section, the image has {stack.shape[0]}; draw whole lines")
    pixels = stack.read(slice(section, section + 1))[0]
    dark = None if stack.contrast is None else stack.contrast == "dark"
    pair = (spacing[-2], spacing[-1])
    found = [trace(pixels, line, pair, dark=dark, thickness_nm=thickness_nm or TRACED_NM) for line in ready]
    if len(found) == 1:
        return found[0]
    parts = [one.vertices for one in found]
    return Membrane.from_lines(parts, thickness_nm=2 * found[0].half_nm, resolution_nm=floor)


def _placed(line: Real, stack: Stack, name: str) -> Real:
    """A line in the axes of the stack; `InputError` where it misses it."""
    size = np.array(stack.shape[1:] if stack.flat else stack.shape, float)
    if line.shape[1] > len(size):
        line = line[:, 1:]  # drawn on a stack of one section
    if line.shape[1] != len(size):
        raise InputError(f"{name}: lines have {line.shape[1]} axes, the image {len(size)}; draw them in every section")
    if not np.isfinite(line).all():
        raise InputError(f"{name}: a point of a line is missing; draw it again")
    if not np.all((line >= -0.5) & (line <= size - 0.5), axis=1).any():
        first = ", ".join(f"{value:g}" for value in line[0])
        shape = " x ".join(f"{int(value)}" for value in size)
        raise InputError(f"{name}: a line misses the image of {shape} pixels (it begins at {first}); its places are in pixels")
    return line
