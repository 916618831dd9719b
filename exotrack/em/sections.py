"""Serial sections: the rings of neighbouring sections joined into vesicles by the linker of movies.

A stack of sections links as a movie does, with the section in place of the frame (`exotrack.link`). The linker is given by the
caller, because stages know nothing of one another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack.em.stack import Stack
from exotrack.params import LinkParams
from exotrack.tables import Spots, Vesicles

if TYPE_CHECKING:
    import pandas as pd

SHIFT = 0.5
"""Largest step from section to section, as a fraction of the median radius: the same vesicle lies under itself."""


def unjoined(*_: Any) -> None:
    """The linker that joins nothing: `joined` gives the rings back, each alone, as the profiles of single sections."""


def joined(rings: pd.DataFrame, stack: Stack, link: Callable[..., Any]) -> pd.DataFrame:
    """Vesicles from the rings of each section.

    Parameters
    ----------
    rings : table `Vesicles`, a row for each ring. stack : the sections.
    link : `exotrack.link`; `unjoined` leaves the rings as they are.

    Returns
    -------
    Table `Vesicles` with a row for each vesicle: the place of its largest ring, and the diameter of the sphere through its rings
    where three or more sections show it; of fewer the largest ring is kept, which is a lower limit.
    """
    import pandas as pd

    if not len(rings) or link is unjoined:
        return rings
    apart = stack.spacing_nm[0]
    spots = Spots.build(
        {
            "movie_id": stack.image_id,
            "frame": rings["first_section"].astype("int64"),
            "t_s": rings["first_section"].astype(float),
            "y_um": rings["y_nm"] / 1e3,
            "x_um": rings["x_nm"] / 1e3,
            "ring": np.arange(len(rings)),
        }
    )
    step = SHIFT * float(rings["diameter_nm"].median()) / 2 / 1e3
    tracks = link(spots, LinkParams(max_step_um=max(step, 1e-4), max_gap_frames=0, min_spots=1))
    rows = []
    for _, part in tracks[tracks["observed"].fillna(True)].groupby("track_id", sort=True):
        mine = rings.iloc[part["ring"].astype(int).to_numpy()]
        rows += [_one(group, apart, stack.shape[0]) for group in _split(mine, apart)]
    table = pd.DataFrame(rows).sort_values(["z_nm", "y_nm", "x_nm"], ignore_index=True)
    return Vesicles.build(table.assign(vesicle_id=np.arange(1, len(table) + 1)))


def _split(rings: pd.DataFrame, apart: float) -> list[pd.DataFrame]:
    """Rings in a column that are more than one vesicle: a column longer than its widest ring is cut where it is narrowest."""
    rings = rings.sort_values("z_nm")
    widths = rings["diameter_nm"].to_numpy()
    if len(rings) < 3 or (len(rings) - 1) * apart <= 1.3 * widths.max():
        return [rings]
    cut = 1 + int(np.argmin(widths[1:-1]))
    return [*_split(rings.iloc[:cut], apart), *_split(rings.iloc[cut:], apart)]


def _one(rings: pd.DataFrame, apart: float, sections: int) -> dict[str, Any]:
    """The row of one vesicle; where some sections show its core and others its membrane, of what most show."""
    first, last = int(rings["first_section"].min()), int(rings["last_section"].max())
    rings = rings[rings["diameter_kind"] == rings["diameter_kind"].mode().iloc[0]]
    best = rings.loc[rings["diameter_nm"].idxmax()]
    z, radius = _sphere(rings["z_nm"].to_numpy(float), rings["diameter_nm"].to_numpy(float) / 2)
    row = {str(key): value for key, value in best.items()}
    row |= {"z_nm": z, "first_section": first, "last_section": last, "score": float(rings["score"].max())}
    if radius is not None:
        row |= {"diameter_nm": 2 * radius, "diameter_kind": "sphere", "volume_nm3": np.pi / 6 * (2 * radius) ** 3}
    cut = (first == 0 or last == sections - 1) and (last - first + 1) * apart < row["diameter_nm"]
    row["touches_border"] = bool(best["touches_border"]) or cut
    return row


def _sphere(z: Any, radius: Any) -> tuple[float, float | None]:
    """Height of the centre and radius of the sphere through rings: r^2 + (z - z0)^2 = R^2, linear in z0 and R^2 - z0^2."""
    if len(z) < 3:
        return float(np.average(z, weights=radius)), None
    middle = float(np.mean(z))
    slope, rest = np.linalg.lstsq(
        np.column_stack([2 * (z - middle), np.ones(len(z))]), radius**2 + (z - middle) ** 2, rcond=None
    )[0]
    squared = rest + slope**2
    widest = float(np.max(radius))
    if not widest**2 <= squared <= (1.3 * widest) ** 2:
        return middle, widest if squared > 0 else None
    return middle + float(slope), float(np.sqrt(squared))
