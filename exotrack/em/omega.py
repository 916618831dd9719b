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


def pits_of_band(membrane: Membrane, within_nm: Real, image_id: str = "image", z_nm: float = 0.0) -> pd.DataFrame:
    """Pits and omega figures of a membrane whose mask is the membrane itself: a `Pits` table along its middle.

    They are looked for along the face that looks away from the cell, where alone the opening of a pore shows, and the thickness
    of the membrane is added to their widths. within_nm : (n, 2) places of vesicles; the cell is the side that holds most of them.

    Without a place, or where the membrane does not part the image, the table is empty.
    """
    from skimage.measure import label

    if membrane.level is None or membrane.ndim != 2:
        raise InputError("pits: give a membrane made from the mask of one section (y, x)")
    free = membrane.level > 0
    sides: NDArray[np.int64] = np.asarray(label(free, connectivity=1), np.int64)
    at = np.rint(np.asarray(within_nm, float).reshape(-1, 2) / np.asarray(membrane.spacing_nm))
    at = at[np.isfinite(at).all(axis=1)].astype(int)
    index = np.clip(at, 0, np.array(free.shape) - 1)
    counts = np.bincount(sides[tuple(index.T)], minlength=int(sides.max()) + 1)
    counts[0] = 0
    if not counts.any() or (counts > 0).sum() == len(counts) - 1:
        return Pits.empty()
    cell = sides == int(np.argmax(counts))
    beyond = np.bincount(sides.ravel(), minlength=len(counts)) * (np.arange(len(counts)) != 0)
    beyond[int(np.argmax(counts))] = 0
    outside = sides == int(np.argmax(beyond))
    found = pits(Membrane.from_mask(~outside, membrane.spacing_nm, "cell"), image_id, z_nm=z_nm)
    thick = 2.0 * float((~free & _beside(cell, outside, free)).sum()) * float(np.prod(membrane.spacing_nm)) / membrane.size()
    return Pits.build(found.assign(**{name: found[name] + thick for name in ("neck_nm", "mouth_nm", "width_nm", "fwhm_nm")}))


def _beside(cell: NDArray[np.bool_], outside: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The membrane, without what touches neither the cell nor the outside."""
    from skimage.measure import label

    bands: NDArray[np.int64] = np.asarray(label(~free, connectivity=2), np.int64)
    touched = np.unique(bands[_grown(cell | outside) & ~free])
    return np.isin(bands, touched[touched > 0])


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask), bool)


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
    found = []
    for first, last in _mouths(points, step, reach):
        row = profile(points[first : last + 1], shallowest, deepest)
        if row is None or not _into_cell(row, points[first : last + 1], membrane):
            continue
        row.pop("deepest")
        found.append(row)
    return found


def _mouths(points: Real, step: float, reach: int) -> list[tuple[int, int]]:
    """Pairs of points between which the membrane makes a pocket, each at its mouth, in order.

    A mouth is where length less (1 + TURN) distance is greatest: further out, the flanks add as much to the one as to the other,
    further in, the pocket loses length. It lies where the membrane turns away from the mouth by some 30 degrees. Of all ways to
    lay pockets side by side the one with the greatest sum is taken, so that two neighbours are not one wide pocket.
    """
    n = len(points)
    total, begins = np.zeros(n + 1), np.full(n, -1)
    for last in range(3, n):
        low = max(last - reach, 0)
        first = np.arange(low, last - 2)
        value = (last - first) * step - (1 + TURN) * np.linalg.norm(points[last] - points[low : last - 2], axis=1) - 0.5 * step
        summed = total[low : last - 2] + value
        best = int(np.argmax(summed))
        total[last + 1] = total[last]
        if summed[best] > total[last]:
            total[last + 1], begins[last] = summed[best], first[best]
    found, last = [], n - 1
    while last > 0:
        if begins[last] >= 0:
            found.append((int(begins[last]), last))
            last = int(begins[last]) - 1
        else:
            last -= 1
    return found[::-1]


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
    if membrane.level is None and membrane.streamed is None:
        # Of a line, the cell is on the side of the given point; the middle of the pocket must be on the other.
        inner = (np.asarray([row["y_nm"], row["x_nm"]]) + 3 * row["deepest"]) / 4
        return bool(membrane.quick(inner[None])[0] + membrane.half_nm < 0)
    inner = (np.asarray([row["y_nm"], row["x_nm"]]) + row["deepest"]) / 2
    return bool(membrane.quick(inner[None])[0] < 0)


def densities(found: pd.DataFrame, membrane: Membrane) -> dict[str, float]:
    """Pits and omega figures per um of membrane."""
    length = membrane.size() / 1e3
    return {kind: float((found["kind"] == kind).sum()) / length for kind in ("omega", "pit")}
