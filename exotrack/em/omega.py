"""Omega figures and pits: where the line of the membrane is drawn into the cell, and how wide, deep and narrow-necked it is.

The mouth is found without a frame of reference: going outwards from a pit, the length of membrane between two points grows faster
than their distance until the membrane runs straight; where that ends is the mouth. Widths are then measured across the axis of
the mouth. The measures are those of SynapsEM (Watanabe et al. 2020, Front Synaptic Neurosci 12:584549): neck, height, width at
half the height.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack._em_geometry_tables import Pits
from exotrack.em._surface import resampled
from exotrack.em.membrane import Membrane
from exotrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
LEVELS = 200
TURN = 0.15
"""What the distance across a mouth costs over the length round a pocket: 1 / (1 + TURN) is the cosine of 30 degrees."""
MOST = 4000
"""Points of a line at most; longer lines are taken in coarser steps."""


def pits(
    membrane: Membrane,
    image_id: str = "image",
    *,
    deepest_nm: float = 600.0,
    shallowest_nm: float = 15.0,
    step_nm: float = 1.0,
    z_nm: float = 0.0,
) -> pd.DataFrame:
    """Pits and omega figures of a membrane in one section: a `Pits` table.

    Parameters
    ----------
    membrane : a line (2D). With a known inner side only what is drawn into the cell is taken, else both ways.
    deepest_nm, shallowest_nm : range of heights looked for.
    step_nm : distance of the points at which the line is looked at.
    z_nm : place of the section, for the table.

    Raises `InputError` for a membrane that is a surface; cut a section out of it.
    """
    if membrane.ndim != 2:
        raise InputError("pits: the membrane is a surface; give the membrane of one section (y, x)")
    rows: list[dict[str, Any]] = []
    for line in chains(membrane.vertices, membrane.faces):
        rows += _of_line(line, membrane, deepest_nm, shallowest_nm, step_nm)
    rows.sort(key=lambda row: (row["x_nm"], row["y_nm"]))
    columns = {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}
    n = len(rows)
    return (
        Pits.build({**columns, "image_id": [image_id] * n, "pit_id": range(1, n + 1), "z_nm": [z_nm] * n}) if n else Pits.empty()
    )


def chains(vertices: Real, faces: NDArray[np.integer[Any]]) -> list[Real]:
    """The lines that segments in order form."""
    breaks = np.flatnonzero(faces[1:, 0] != faces[:-1, 1]) + 1
    return [np.concatenate([vertices[part[:, 0]], vertices[part[-1:, 1]]]) for part in np.split(faces, breaks) if len(part)]


def _of_line(line: Real, membrane: Membrane, deepest: float, shallowest: float, step: float) -> list[dict[str, Any]]:
    length = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
    n = int(np.clip(length / step, 8, MOST))
    points = resampled(line, n)
    step = length / (n - 1)
    reach = min(int(4 * deepest / step), n - 1)
    taken = np.zeros(n, bool)
    found = []
    for first, last in _mouths(points, step, reach):
        if taken[first : last + 1].any():
            continue
        row = profile(points[first : last + 1], shallowest, deepest)
        if row is None or not _into_cell(row, points[first : last + 1], membrane):
            continue
        taken[first : last + 1] = True
        row.pop("deepest")
        found.append(row)
    return found


def _mouths(points: Real, step: float, reach: int) -> list[tuple[int, int]]:
    """Pairs of points between which the membrane makes a pocket, each at its mouth, the greatest pocket first.

    A mouth is where length less (1 + TURN) distance is greatest: further out, the flanks add as much to the one as to the other,
    further in, the pocket loses length. It lies where the membrane turns away from the mouth by some 30 degrees.
    """
    n = len(points)
    score, ends = np.full(n, -np.inf), np.zeros(n, int)
    for lag in range(3, reach + 1):
        value = lag * step - (1 + TURN) * np.linalg.norm(points[lag:] - points[:-lag], axis=1)
        better = value > score[: n - lag]
        score[: n - lag][better], ends[: n - lag][better] = value[better], lag
    found = []
    while score.max(initial=-np.inf) > 0.5 * step:
        first = int(np.argmax(score))
        last = first + int(ends[first])
        found.append((first, last))
        begins = np.arange(n)
        score[(begins <= last) & (begins + ends >= first)] = -np.inf
    return found


def profile(pocket: Real, shallowest: float, deepest: float) -> dict[str, Any] | None:
    """Measures of a pocket (n, 2), from one side of its mouth to the other; None if it is too shallow or too deep for one."""
    mouth = pocket[-1] - pocket[0]
    width = float(np.linalg.norm(mouth))
    if width < 1e-9:
        return None
    along = mouth / width
    across = np.array([along[1], -along[0]])
    u, v = (pocket - pocket[0]) @ along, (pocket - pocket[0]) @ across
    v = v if abs(v.max()) >= abs(v.min()) else -v
    height = float(v.max())
    if not shallowest <= height <= deepest:
        return None
    levels = (np.arange(LEVELS) + 0.5) / LEVELS * height
    widths = np.array([_width(u, v, level) for level in levels])
    widest = int(np.argmax(widths))
    neck = float(min(widths[: widest + 1].min(), width))
    middle = (pocket[0] + pocket[-1]) / 2
    area = 0.5 * abs(float(np.sum(u * np.roll(v, -1) - np.roll(u, -1) * v)))
    return {
        "kind": "omega" if neck < 0.9 * widths[widest] else "pit", "y_nm": middle[0], "x_nm": middle[1], "neck_nm": neck,
        "mouth_nm": width, "height_nm": height, "width_nm": float(max(widths[widest], width)),
        "fwhm_nm": _width(u, v, height / 2), "perimeter_nm": float(np.linalg.norm(np.diff(pocket, axis=0), axis=1).sum()),
        "area_nm2": area, "deepest": pocket[int(np.argmax(v))],
    }  # fmt: skip


def _width(u: Real, v: Real, level: float) -> float:
    """Distance between the first and the last crossing of a level."""
    up = np.flatnonzero((v[:-1] < level) != (v[1:] < level))
    if len(up) < 2:
        return 0.0
    ends = up[[0, -1]]
    at = u[ends] + (level - v[ends]) / (v[ends + 1] - v[ends]) * (u[ends + 1] - u[ends])
    return float(abs(at[1] - at[0]))


def _into_cell(row: dict[str, Any], pocket: Real, membrane: Membrane) -> bool:
    """Whether a pocket bulges into the cell: its inside is then outside of the cell."""
    if not membrane.signed:
        return True
    if membrane.level is None:
        # Of a line, the cell is on the side of the given point; the middle of the pocket must be on the other.
        inner = (np.asarray([row["y_nm"], row["x_nm"]]) + 3 * row["deepest"]) / 4
        return bool(membrane.quick(inner[None])[0] + membrane.half_nm < 0)
    inner = (np.asarray([row["y_nm"], row["x_nm"]]) + row["deepest"]) / 2
    return bool(membrane.quick(inner[None])[0] < 0)


def densities(found: pd.DataFrame, membrane: Membrane) -> dict[str, float]:
    """Pits and omega figures per um of membrane."""
    length = membrane.size() / 1e3
    return {kind: float((found["kind"] == kind).sum()) / length for kind in ("omega", "pit")}
