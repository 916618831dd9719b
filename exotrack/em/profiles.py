"""Profiles of single sections in a serial stack: what Keiding's model is of, before sections are joined to vesicles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]


def ring_profiles(rings: pd.DataFrame) -> Real:
    """Diameters (n,) in nm of the rings of all sections that the image's border does not cut.

    rings : `Vesicles` with a row for each ring, as `detect` gives them with the linker `exotrack.em.sections.unjoined`.
    """
    whole = ~rings["touches_border"].fillna(False).astype(bool)
    return np.asarray(rings.loc[whole, "diameter_nm"].to_numpy(float))


def label_profiles(labels: ArrayLike, spacing_nm: Sequence[float]) -> Real:
    """Diameters (n,) in nm of circles as large as what each section shows of each label, those at the image's border left out.

    labels : (z, y, x) whole numbers, 0 where there is none. spacing_nm : (z, y, x).
    """
    values = np.asarray(labels)
    found = []
    for section in values:
        numbers, counts = np.unique(section, return_counts=True)
        ends = np.concatenate([section[0], section[-1], section[:, 0], section[:, -1]])
        kept = (numbers > 0) & ~np.isin(numbers, ends)
        found.append(counts[kept])
    areas = np.concatenate(found) * spacing_nm[1] * spacing_nm[2] if found else np.zeros(0)
    return np.asarray(np.sqrt(4 * areas / np.pi))
