"""Granules known by their core and granules known by their membrane, as one table: an empty one has no core to be found by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd


def cores_and_rings(cores: pd.DataFrame, rings: pd.DataFrame, max_overlap: float) -> pd.DataFrame:
    """All cores, and the rings (shells) that hold none and overlap none.

    A ring around a core is the same vesicle, as is the ring that the edge of a core itself looks like; the core is what such a
    vesicle is known by, and its membrane is looked for from there when its filling is measured.

    Parameters
    ----------
    cores, rings : tables `Vesicles` of one stack. max_overlap : how far two vesicles may overlap, over the smaller radius.
    """
    import pandas as pd
    from scipy.spatial import cKDTree

    if not len(cores) or not len(rings):
        return rings if len(rings) else cores
    axes = ["z_nm", "y_nm", "x_nm"]
    radius = cores["diameter_nm"].to_numpy() / 2
    tree = cKDTree(cores[axes].to_numpy())
    alone = np.ones(len(rings), bool)
    for k, (place, mine) in enumerate(zip(rings[axes].to_numpy(), rings["diameter_nm"].to_numpy() / 2, strict=True)):
        near = np.array(tree.query_ball_point(place, mine + radius.max()), int)
        # Rings and cores of other sections are joined by the linker.
        if rings["volume_nm3"].isna().iloc[k]:
            near = near[np.abs(cores["z_nm"].to_numpy()[near] - place[0]) < 1e-6]
        apart = np.linalg.norm(tree.data[near] - place, axis=1)
        alone[k] = bool(np.all(apart >= mine + radius[near] - max_overlap * np.minimum(mine, radius[near])))
    every = pd.concat([cores, rings[alone]]).sort_values(axes, kind="stable", ignore_index=True)
    return Vesicles.build(every.assign(vesicle_id=np.arange(1, len(every) + 1)))
