"""Which candidates are vesicles: a score from 0 to 1, and the choice among those that overlap.

The score is a logistic function of a few measures. Its numbers are fitted to drawn and simulated micrographs
alone (``tests/benchmarks/em.py fit``); which of several fits was kept was settled with a real one in view.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
MEASURES = ("contrast", "completeness", "gain", "height", "oval", "likeness")
WEIGHTS: dict[str, tuple[float, ...]] = {
    "ring": (-22.82, 0.0, 12.48, -1.01, 6.91, -5.55, 10.99),
    "thick": (-14.4, 0.06, 5.79, 1.06, 1.43, -8.32, 13.11),
    "shell": (-17.52, 1.0, -0.86, 1.9, 4.5, -1.46, 6.01),
    "disc": (-22.14, 2.42, -2.26, 2.28, 6.06, 1.99, 8.31),
}
"""Constant and weight of each of `MEASURES`, by what is looked for: rings, rings in thick sections, shells, discs."""
OUTSIDE = (0.97, 1.04)
"""How far a diameter may lie outside the limits: less than the error of measurement."""
OVER = 0.8
"""How far two vesicles may overlap in a thick section, over the smaller radius: more cannot be told from one found twice."""
WHOLE = 0.7
"""Completeness from which a ring may lie over a better one: less of one is that one's own wall and a membrane beside it."""
MOST_OVAL = 0.3
"""Second harmonic of an outline over its radius: three to two axes have 0.2, more is no vesicle."""


def measures(found: dict[str, Real]) -> Real:
    """The measures (n, 6) of candidates; contrast is relative to that of the strongest ones of the image."""
    contrast = np.maximum(found["wall"] - (found["lumen"] + found["around"]) / 2, 1e-9)
    typical = _weighted_median(contrast, found["gain"] ** 2 * (found["completeness"] > 0.8))
    return np.column_stack(
        [
            np.clip(np.log(contrast / typical), -2, 0.3),
            found["completeness"],
            np.log(np.maximum(found["gain"], 1e-3)),
            np.log(np.maximum(found["z_score"], 1e-3)),
            found["oval"],
            found["rho"],
        ]
    )


def scored(found: dict[str, Real], kind: str, diameter_nm: tuple[float, float]) -> Real:
    """Score of each candidate; 0 where the outline is no vesicle of the wished size."""
    if not len(found["radius"]):
        return np.empty(0)
    constant, *weights = WEIGHTS[kind]
    score = 1 / (1 + np.exp(-np.clip(constant + measures(found) @ np.array(weights), -50, 50)))
    return np.where(fits(found, diameter_nm), score, 0.0)


def fits(found: dict[str, Real], diameter_nm: tuple[float, float]) -> NDArray[np.bool_]:
    """Whether the outline is about round and of the wished size."""
    low, high = OUTSIDE[0] * diameter_nm[0] / 2, OUTSIDE[1] * diameter_nm[1] / 2
    good: NDArray[np.bool_] = (found["radius"] >= low) & (found["radius"] <= high) & (found["oval"] < MOST_OVAL)
    return good


def distinct(
    centre: Real, radius: Real, score: Real, section: Any, max_overlap: float, section_nm: float = 0.0, complete: Any = 1.0
) -> NDArray[np.int64]:
    """Candidates kept, the best first where two in one section overlap by more than may be (`overlap`)."""
    from scipy.spatial import cKDTree

    order = np.lexsort((*centre.T, -np.round(score, 6)))
    complete = np.broadcast_to(complete, score.shape)
    tree = cKDTree(centre) if len(centre) else None
    alive = score > 0
    kept = []
    widest = float(radius.max()) if len(radius) else 0.0
    for k in order:
        if not alive[k] or tree is None:
            continue
        kept.append(k)
        near = np.array(tree.query_ball_point(centre[k], radius[k] + widest), int)
        near = near[(section[near] == section[k]) & (near != k)]
        apart = np.linalg.norm(centre[near] - centre[k], axis=1)
        # A small one inside a large one overlaps by all of itself.
        allowed = overlap(radius[near], radius[k], max_overlap, section_nm, complete[near])
        alive[near[apart < radius[near] + radius[k] - allowed]] = False
    return np.array(sorted(kept), np.int64)


def overlap(first: Any, second: Any, max_overlap: float, section_nm: float, complete: Any = 1.0) -> Real:
    """How far two vesicles of those radii may overlap (nm), the better one given first or second.

    That is `max_overlap` of the smaller radius, or, if the lesser one is itself `complete` (0 to 1), as far as two bodies of the
    larger radius R that touch lie over one another if one is at the top of the section and one at its bottom:
    2 - sqrt(4 - (section_nm / R)^2), up to `OVER`.
    """
    above = np.minimum(2 - np.sqrt(np.maximum(4 - (section_nm / np.maximum(first, second)) ** 2, 0)), OVER)
    found: Real = np.where(np.asarray(complete) >= WHOLE, np.maximum(above, max_overlap), max_overlap)
    return np.asarray(found * np.minimum(first, second), dtype=float)


def _weighted_median(values: Real, weights: Real) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    if not len(values) or total[-1] <= 0:
        return float(np.median(values)) if len(values) else 1.0
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
