"""Profiles of single sections in a serial stack: what Keiding's model is of, before sections are joined to vesicles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Profiles:
    """What the sections of a serial stack show.

    Attributes
    ----------
    diameters_nm : (n,) of the profiles that the image's border does not cut.
    shown : (m,) in how many sections each vesicle shows, all vesicles of the stack.
    sections : number of sections in the stack.
    """

    diameters_nm: Real
    shown: NDArray[np.int64]
    sections: int


def ring_profiles(rings: pd.DataFrame, joined: pd.DataFrame, sections: int) -> Profiles:
    """Profiles from rings.

    rings : `Vesicles` with a row for each ring, as `detect` gives them with the linker `exotrack.em.sections.unjoined`.
    joined : the same rings joined to vesicles. sections : number of sections in the stack.
    """
    whole = ~rings["touches_border"].fillna(False).astype(bool)
    shown = joined["last_section"].to_numpy(np.int64) - joined["first_section"].to_numpy(np.int64) + 1
    return Profiles(np.asarray(rings.loc[whole, "diameter_nm"].to_numpy(float)), shown, sections)


def label_profiles(labels: ArrayLike, spacing_nm: Sequence[float]) -> Profiles:
    """Circles as large as what each section shows of each label.

    labels : (z, y, x) whole numbers, 0 where there is none. spacing_nm : (z, y, x).
    """
    values = np.asarray(labels)
    areas, every = [], []
    for section in values:
        numbers, counts = np.unique(section, return_counts=True)
        ends = np.concatenate([section[0], section[-1], section[:, 0], section[:, -1]])
        areas.append(counts[(numbers > 0) & ~np.isin(numbers, ends)])
        every.append(numbers[numbers > 0])
    shown = np.unique(np.concatenate(every), return_counts=True)[1]
    diameters = np.sqrt(4 / np.pi * np.concatenate(areas) * spacing_nm[1] * spacing_nm[2])
    return Profiles(np.asarray(diameters, float), np.asarray(shown, np.int64), len(values))


def per_vesicle(profiles: Profiles) -> tuple[float, float, float] | None:
    """Profiles for each vesicle whose centre lies in the stack, and the ends of its 95 % interval; None if they cannot be told.

    Of spheres whose caps below phi are lost, a stack of S sections T thick shows S T + D cos phi over S T for each that is
    centred in it, and S (T + D cos phi) over S T profiles. What is asked for, (T + D cos phi) / T, follows from the mean q of
    their ratio without knowing D or phi: 1 + S (q - 1) / (S - q).
    """
    n, s = len(profiles.shown), profiles.sections
    if n < 2 or s < 2:
        return None
    mean = float(profiles.shown.mean())
    error = 1.96 * float(profiles.shown.std(ddof=1)) / np.sqrt(n)
    if mean + error >= s:
        return None
    found = [1 + s * (max(q, 1.0) - 1) / (s - q) for q in (mean, mean - error, mean + error)]
    return found[0], found[1], found[2]
