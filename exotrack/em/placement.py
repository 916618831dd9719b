"""Would as many vesicles lie at the membrane by chance? The same vesicles placed at random, again and again.

No vesicle can come nearer than its radius, and vesicles cannot overlap, so that even a random cell has a pile of vesicles at one
radius from its membrane (the wall effect of Plattner et al. 1997, J Cell Biol 139:1195). What counts is the excess over that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from exotrack._em_geometry_tables import DistanceBins, Dockings
from exotrack.em._keiding import spheres_behind
from exotrack.em.distances import places
from exotrack.em.membrane import Membrane
from exotrack.em.states import OVERLAP_NM, Rule, rule_named, states
from exotrack.errors import InputError
from exotrack.tables import EM_STATES

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
POOL = 20_000
"""Places drawn once, of which each random placement takes some."""
TRIES = 288
"""Places tried for a vesicle before it is given up."""


@dataclass(frozen=True)
class RandomPlacement:
    """Distances of the same vesicles placed at random.

    centre_nm : (draws, n) from the centre to the membrane. surface_nm : from the outer face. Vesicles for which no place was free
    are missing.
    """

    centre_nm: Real
    surface_nm: Real


def random_placement(
    vesicles: pd.DataFrame,
    membrane: Membrane,
    cell: ArrayLike,
    spacing_nm: Sequence[float],
    rng: np.random.Generator,
    *,
    draws: int = 199,
    apart: bool = True,
    sizes: tuple[float, float, float] | None = None,
) -> RandomPlacement:
    """Place the vesicles (their diameters) at random in the cell, `draws` times.

    Parameters
    ----------
    vesicles : with places and diameter_nm; rows without a diameter are left out.
    membrane : on its inner side vesicles stay a radius away. One without a side takes that of the farthest vesicle.
    cell : (y, x) or (z, y, x), true where vesicles may lie (all true for the whole image); the other side is never used.
    spacing_nm : one length per axis of `cell`.
    apart : whether vesicles may not overlap. False for sections thicker than vesicles, which show them over one another.
    sizes : mean and sd of the diameters of whole vesicles and the thickness of the section (nm), where `vesicles` are profiles.
        One may be the cap of a larger vesicle, which the membrane (cut straight across) keeps farther off. None: all are whole.

    Raises `InputError` if `cell` has other axes than the membrane, or no place in it lies inside.
    """
    inside = np.asarray(cell, bool)
    if inside.ndim != membrane.ndim or len(spacing_nm) != inside.ndim:
        raise InputError(f"cell: the mask has {inside.ndim} axes, the membrane {membrane.ndim}; give both of the same image")
    radii = np.sort(vesicles["diameter_nm"].dropna().to_numpy(float) / 2)[::-1]
    at = places(vesicles, membrane.ndim)
    at = at[np.isfinite(at).all(axis=1)]
    if not membrane.signed and len(at):
        membrane = membrane.facing(at[int(np.argmax(np.abs(membrane.quick(at))))])
    which = np.flatnonzero(inside)
    if not len(which):
        raise InputError("cell: the mask is empty, so that no vesicle can be placed; mark where vesicles may lie")
    drawn = np.column_stack(np.unravel_index(which[rng.integers(0, len(which), POOL)], inside.shape))
    pool = (drawn + rng.uniform(-0.5, 0.5, (POOL, inside.ndim))) * np.asarray(spacing_nm)
    gaps = membrane.quick(pool)
    if not (gaps > 0).any():
        raise InputError("cell: no place of it lies on the inner side of the membrane; check the mask, or turn the membrane over")
    order = np.argsort(gaps, kind="stable")
    order = order[gaps[order] > 0]
    pool, gaps = pool[order], gaps[order]
    walls = np.tile(radii, (draws, 1)) if sizes is None else spheres_behind(rng, 2 * radii, *sizes, draws) / 2
    centre = np.stack([_one_draw(pool, gaps, radii, wall, apart, rng) for wall in walls]) if draws else np.zeros((0, len(radii)))
    return RandomPlacement(centre, centre - radii)


def _one_draw(pool: Real, gaps: Real, radii: Real, walls: Real, apart: bool, rng: np.random.Generator) -> Real:
    """Distances of the centres in one placement, the largest vesicles first; `pool` begins with the nearest place.

    walls : how near the centre of each may come to the membrane.
    """
    first = np.searchsorted(gaps, walls)
    if not apart:
        room = first < len(gaps)
        chosen = first + (rng.random(len(radii)) * (len(gaps) - first)).astype(np.int64)
        return np.where(room, gaps[np.minimum(chosen, len(gaps) - 1)], np.nan)
    return np.asarray(_apart(pool, gaps, radii, first, rng.random((len(radii), TRIES))))


@njit(nogil=True, cache=True)
def _apart(pool: Real, gaps: Real, radii: Real, first: NDArray[np.int64], tries: Real) -> Real:
    """Each vesicle at the first tried place where it overlaps none of those before it; NaN where there was none."""
    found = np.full(len(radii), np.nan)
    placed = np.empty((len(radii), pool.shape[1]))
    sizes = np.empty(len(radii))
    count = 0
    for number in range(len(radii)):
        for t in range(tries.shape[1]):
            k = first[number] + int(tries[number, t] * (len(gaps) - first[number]))
            if k >= len(gaps):
                break
            free = True
            for other in range(count):
                away2 = 0.0
                for axis in range(pool.shape[1]):
                    away2 += (pool[k, axis] - placed[other, axis]) ** 2
                if away2 < (sizes[other] + radii[number]) ** 2:
                    free = False
                    break
            if free:
                placed[count], sizes[count], found[number] = pool[k], radii[number], gaps[k]
                count += 1
                break
    return found


def dockings(vesicles: pd.DataFrame, membrane: Membrane, rule: Rule | str, random: RandomPlacement | None = None) -> pd.DataFrame:
    """How many vesicles are in each state, per membrane, and against random placement: a `Dockings` table.

    vesicles : as `place` returns them for the same membrane and rule.
    """
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    if not len(vesicles):
        return Dockings.empty()
    floor = float(vesicles["resolution_nm"].max())
    expected = None if random is None or not len(random.centre_nm) else _random_counts(random, chosen, floor)
    size, n = membrane.size(), int((vesicles["state"] != "").sum())
    rows: list[dict[str, Any]] = []
    for state in EM_STATES:
        seen = int((vesicles["state"] == state).sum())
        row: dict[str, Any] = {
            "image_id": vesicles["image_id"].iloc[0], "state": state, "rule_id": chosen.name, "distance_kind": chosen.distance,
            "resolution_nm": floor, "n": seen, "fraction": seen / n if n else np.nan, "n_draws": 0,
            ("per_um" if membrane.ndim == 2 else "per_um2"): seen / (size / 1e3 ** (membrane.ndim - 1)),
        }  # fmt: skip
        if expected is not None:
            drawn = expected[state]
            low, high = np.percentile(drawn, [2.5, 97.5])
            row |= {
                "n_random": drawn.mean(), "n_random_low": low, "n_random_high": high, "excess": seen - drawn.mean(),
                "p_random": (1 + (drawn >= seen).sum()) / (1 + len(drawn)), "n_draws": len(drawn),
            }  # fmt: skip
        rows.append(row)
    return Dockings.build({key: [row.get(key, np.nan) for row in rows] for key in {k: None for row in rows for k in row}})


def _random_counts(random: RandomPlacement, rule: Rule, floor: float) -> dict[str, Real]:
    """Number in each state in every draw, by the same rule."""
    import pandas as pd

    flat = pd.DataFrame(
        {"dist_pm_surface_nm": random.surface_nm.ravel(), "dist_pm_centre_nm": random.centre_nm.ravel(), "resolution_nm": floor}
    )
    # Where the active zone lies is not part of random placement: its vesicles count as if they were anywhere on the membrane.
    free = Rule(rule.name, rule.distance, rule.docked_nm, rule.tethered_nm, rule.proximal_nm, rule.about, rule.source)
    found = states(flat, free).reshape(random.centre_nm.shape)
    return {state: (found == state).sum(axis=1).astype(float) for state in EM_STATES}


def distance_bins(
    vesicles: pd.DataFrame, random: RandomPlacement | None, rule: Rule | str, width_nm: float = 10.0, to_nm: float = 300.0
) -> pd.DataFrame:
    """Vesicles by their distance from the membrane, seen and at random: a `DistanceBins` table.

    The distance is the one the rule looks at. Bins are `width_nm` wide from 0 to `to_nm`; a first one takes all below 0.
    Faces that reach over the membrane by less than it is thick are in contact, as for the states: they count as 0.
    """
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    if not len(vesicles):
        return DistanceBins.empty()
    edges = np.arange(0.0, to_nm + width_nm / 2, width_nm)
    values = vesicles[f"dist_pm_{chosen.distance}_nm"].to_numpy(float)
    if chosen.distance == "surface":
        values = np.where((values < 0) & (values >= -OVERLAP_NM), 0.0, values)
    if (values < 0).any():
        edges = np.concatenate([[min(float(np.nanmin(values)), -width_nm)], edges])
    seen = np.histogram(values[np.isfinite(values)], edges)[0]
    columns: dict[str, Any] = {
        "image_id": np.full(len(seen), vesicles["image_id"].iloc[0]), "distance_kind": np.full(len(seen), chosen.distance),
        "from_nm": edges[:-1], "to_nm": edges[1:], "n": seen,
    }  # fmt: skip
    if random is not None and len(random.centre_nm):
        drawn = random.surface_nm if chosen.distance == "surface" else random.centre_nm
        counts = np.stack([np.histogram(one[np.isfinite(one)], edges)[0] for one in drawn])
        low, high = np.percentile(counts, [2.5, 97.5], axis=0)
        columns |= {"n_random": counts.mean(axis=0), "n_random_low": low, "n_random_high": high}
    return DistanceBins.build(columns)
