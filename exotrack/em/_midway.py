"""The face midway between all that a mask of 0 and 1 leaves open: a line or a circle in the plane.

All lines (circles) that part the voxels inside from those outside are the answers of a set of linear inequalities. Along the normal
at one place they reach from a nearest to a farthest; the middle of the two is never more than half of that range off the truth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Real = NDArray[np.float64]


class Midway(NamedTuple):
    """constant + slope . x + bend |x|^2, positive inside; slope has length 1 along the normal. x is relative to the place."""

    constant: float
    slope: Real
    bend: float
    open: float
    """Half of the range that is left open along the normal."""


def midway(x: Real, side: Real, normal: Real, curved: bool) -> Midway | None:
    """The line, or if `curved` the circle, midway between those that part the voxels at `x`.

    Parameters
    ----------
    x : (n, 2) centres of voxels relative to the place where the face is looked for. side : (n,) 1 inside, -1 outside.
    normal : (2,) unit vector across the face there, into the inside.

    None if no line (circle) parts them.
    """
    along = x @ np.array([-normal[1], normal[0]])
    terms = np.column_stack([np.ones(len(x)), along, *([(x**2).sum(axis=1)] if curved else [])])
    ends = []
    for way in (1.0, -1.0):
        goal = np.zeros(terms.shape[1])
        goal[0] = way
        found = linprog(goal, A_ub=-side[:, None] * terms, b_ub=side * (x @ normal), bounds=(None, None), method="highs")
        if not found.success:
            return None
        ends.append(found.x)
    mean = (ends[0] + ends[1]) / 2
    slope = normal + mean[1] * np.array([-normal[1], normal[0]])
    return Midway(float(mean[0]), slope, float(mean[2]) if curved else 0.0, float(abs(ends[1][0] - ends[0][0]) / 2))
