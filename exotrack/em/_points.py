"""Points with a size: vesicles that a person or a program marked, in CSV, IMOD models or the text of SynapsEM."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack.em.stack import Stack
from exotrack.errors import InputError
from exotrack.io.guard import check_readable, one_error, shown
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

POINT_FILES = (".csv", ".mod", ".txt")
SYNAPSEM = {"sv", "lv", "dcv", "ccv"}
"""Kinds of vesicles in the text of SynapsEM; ``docked_``, ``tethered_`` and ``f`` (ferritin) may stand before them."""
_MODEL, _OBJECT = 232, 176
"""Bytes of an IMOD model's head after its name, and of an object's (IMOD binary file format, version 1.2; big-endian)."""


def read_points(path: Path, stack: Stack) -> pd.DataFrame:
    """Vesicles from a file of points, as a table `Vesicles`.

    Notes
    -----
    CSV has columns x_nm, y_nm (z_nm) and diameter_nm, or x, y (z) and radius in pixels. IMOD and SynapsEM count in pixels; the
    corner of an IMOD pixel is at 0, so half a pixel is taken off.

    Raises
    ------
    InputError : not readable, no point in it, or a point outside the stack.
    """
    check_readable(path)
    suffix = path.suffix.lower()
    with one_error(path, "cannot be read as points"):
        if suffix == ".csv":
            rows = _csv(path, stack)
        else:
            rows = _nm(_imod(path) if suffix == ".mod" else _synapsem(path), stack)
    if not len(rows):
        raise InputError(f"{shown(path)}: holds no vesicles; give a file in which some are marked")
    size = [n * (s if s == s else 1.0) for n, s in zip(stack.shape, stack.spacing_nm, strict=True)]
    outside = np.any((rows[:, 1:3] < -stack.spacing_nm[1]) | (rows[:, 1:3] > np.array(size[1:]) + stack.spacing_nm[1]), axis=1)
    if outside.any():
        raise InputError(
            f"{shown(path)}: {outside.sum()} of {len(rows)} points lie outside the image; check the spacing and the image"
        )
    return _table(rows, stack)


def _table(rows: Any, stack: Stack) -> pd.DataFrame:
    z, y, x, d = rows.T
    radius = np.nan_to_num(d) / 2
    high, wide = (n * s for n, s in zip(stack.shape[1:], stack.spacing_nm[1:], strict=True))
    section = np.zeros(len(z)) if stack.flat else np.round(z / stack.spacing_nm[0])
    return Vesicles.build(
        {
            "image_id": stack.image_id,
            "vesicle_id": np.arange(1, len(rows) + 1),
            "backend": "points",
            "z_nm": z,
            "y_nm": y,
            "x_nm": x,
            "diameter_nm": d,
            "diameter_kind": "given",
            "first_section": section,
            "last_section": section,
            "touches_border": (y < radius) | (x < radius) | (y > high - radius) | (x > wide - radius),
        }
    )


def _nm(points: Any, stack: Stack) -> Any:
    """(z, y, x, radius) in pixels as (z, y, x, diameter) in nm."""
    points = np.asarray(points, float).reshape(-1, 4)
    dz = stack.spacing_nm[0] if stack.spacing_nm[0] == stack.spacing_nm[0] else 0.0
    scale = np.array([dz, stack.spacing_nm[1], stack.spacing_nm[2], 2 * stack.spacing_nm[2]])
    return points * scale


def _csv(path: Path, stack: Stack) -> Any:
    import pandas as pd

    table = pd.read_csv(path)
    table.columns = [str(name).strip().lower() for name in table.columns]
    if {"x_nm", "y_nm"} <= set(table):
        empty = pd.Series(np.zeros(len(table)))
        d = table["diameter_nm"] if "diameter_nm" in table else empty * np.nan
        return np.column_stack([table.get("z_nm", empty), table["y_nm"], table["x_nm"], d]).astype(float)
    if {"x", "y"} <= set(table):
        empty = pd.Series(np.zeros(len(table)))
        r = table["radius"] if "radius" in table else table["diameter"] / 2 if "diameter" in table else empty * np.nan
        return _nm(np.column_stack([table.get("z", empty), table["y"], table["x"], r]), stack)
    raise InputError(
        f"{shown(path)}: needs columns x_nm, y_nm and diameter_nm, or x, y and radius in pixels; found {', '.join(table)}"
    )


def _synapsem(path: Path) -> list[tuple[float, float, float, float]]:
    """Rows ``type name x y r``; what is no vesicle (membranes, pits) is left out."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.replace(",", " ").split()
        kind = words[0].lower().removeprefix("docked_").removeprefix("tethered_") if words else ""
        if kind.removeprefix("f") in SYNAPSEM and len(words) >= 5:
            x, y, radius = (float(word) for word in words[-3:])
            found.append((0.0, y, x, radius))
    return found


def _imod(path: Path) -> list[tuple[float, float, float, float]]:
    """Every point of every contour with its radius: its own, else that of its object."""
    data = path.read_bytes()
    if data[:8] != b"IMODV1.2":
        raise InputError(f"{shown(path)}: is no IMOD model of version 1.2; save it again from 3dmod")
    at, general, last = 8 + _MODEL, 0.0, (0, 0)
    found: list[tuple[float, float, float, float]] = []
    while at + 4 <= len(data) and (name := data[at : at + 4]) != b"IEOF":
        at += 4
        if name == b"OBJT":
            general = float(struct.unpack_from(">i", data, at + 156)[0])
            at += _OBJECT
        elif name == b"CONT":
            count = struct.unpack_from(">i", data, at)[0]
            points = np.frombuffer(data, ">f4", 3 * count, at + 16).reshape(-1, 3).astype(float)
            last = (len(found), len(found) + count)
            found += [(z, y - 0.5, x - 0.5, general or np.nan) for x, y, z in points]
            at += 16 + 12 * count
        elif name == b"MESH":
            vertices, listed = struct.unpack_from(">ii", data, at)
            at += 16 + 12 * vertices + 4 * listed
        else:
            size = struct.unpack_from(">i", data, at)[0]
            if name == b"SIZE":
                own = np.frombuffer(data, ">f4", size // 4, at + 4)
                for k, radius in zip(range(*last), own, strict=False):
                    found[k] = (*found[k][:3], float(radius)) if radius >= 0 else found[k]
            at += 4 + size
    return found
