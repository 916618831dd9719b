"""Everything that is reckoned from vesicles and a membrane, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack._em_geometry_tables import DistanceBins, Dockings, Pits, Sizes
from exotrack.em._surface import faces_of
from exotrack.em.distances import places
from exotrack.em.membrane import Membrane
from exotrack.em.omega import chains, pits, pits_of_band
from exotrack.em.placement import distance_bins, dockings, random_placement
from exotrack.em.states import Rule, place, rule_named
from exotrack.em.stereology import corrected_sizes

if TYPE_CHECKING:
    import pandas as pd


def describe(  # noqa: PLR0913 - what is known of an image, each by name
    vesicles: pd.DataFrame,
    membrane: Membrane | None,
    rule: Rule | str = "touching",
    *,
    cell: ArrayLike | None = None,
    spacing_nm: Sequence[float] = (),
    section_nm: float | None = None,
    active_zone: Membrane | None = None,
    draws: int = 199,
    rng: np.random.Generator | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables ``vesicles`` (with distances and states), ``dockings``, ``distance_bins``, ``pits`` and ``sizes`` of an image.

    Parameters
    ----------
    vesicles : `Vesicles` of one image.
    membrane : None leaves distances, states and pits out.
    cell : (y, x) or (z, y, x), true where vesicles may lie, for the random placement; None draws none.
    spacing_nm : one length per axis of `cell`.
    section_nm : thickness of a single section, for the correction of diameters and numbers; None (a volume, serial sections)
        makes none. Vesicles cut by the border are left out of it.
    draws, rng : random placements; the same state gives the same table. None begins with seed 0.

    Raises as `place`, `random_placement` and `corrected_sizes` do.
    """
    image_id = str(vesicles["image_id"].iloc[0]) if len(vesicles) else "image"
    found = {"vesicles": vesicles, "dockings": Dockings.empty(), "distance_bins": DistanceBins.empty(), "pits": Pits.empty()}
    found["sizes"] = Sizes.empty()
    if section_nm is not None:
        whole = vesicles.loc[~vesicles["touches_border"].astype(bool), "diameter_nm"].to_numpy(float)
        found["sizes"] = corrected_sizes(whole, section_nm, image_id)
    if membrane is not None:
        chosen = rule_named(rule) if isinstance(rule, str) else rule
        placed = place(vesicles, membrane, chosen, active_zone)
        random = None
        if cell is not None and len(placed):
            generator = np.random.default_rng(0) if rng is None else rng
            thin = section_nm is None or section_nm < float(placed["diameter_nm"].median())
            random = random_placement(
                placed, membrane, cell, spacing_nm, generator, draws=draws, apart=thin, sizes=_whole(found["sizes"])
            )
        found |= {
            "vesicles": placed, "dockings": dockings(placed, membrane, chosen, random),
            "distance_bins": distance_bins(placed, random, chosen),
            "pits": _pits(membrane, placed, image_id),
        }  # fmt: skip
    return found


def _whole(sizes: pd.DataFrame) -> tuple[float, float, float] | None:
    """Mean and sd of whole vesicles, and the thickness of the section; None where they cannot be told."""
    if not len(sizes) or not np.isfinite(sizes["diameter_nm"].iloc[0]):
        return None
    row = sizes.iloc[0]
    return float(row["diameter_nm"]), float(row["spread_nm"]), float(row["section_nm"])


def _pits(membrane: Membrane, placed: pd.DataFrame, image_id: str) -> pd.DataFrame:
    if membrane.ndim != 2:
        return Pits.empty()
    if membrane.source == "band" and membrane.streamed is None:
        return pits_of_band(membrane, places(placed, 2), image_id)
    return pits(membrane, image_id)


def section_lines(membrane: Membrane, section: int = 0) -> list[NDArray[np.float64]]:
    """The membrane's lines (n, 2) of y, x in nm in one section, to draw; none of a surface that was not made from a mask."""
    if membrane.ndim == 2:
        return chains(membrane.vertices, membrane.faces)
    if membrane.level is None:
        return []
    return chains(*faces_of(membrane.level[section] + 0.5, membrane.spacing_nm[1:]))
