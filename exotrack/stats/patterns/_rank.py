"""Monte-Carlo tests whose size is exact: where what was seen ranks among patterns drawn under the null."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


class Departure(NamedTuple):
    """How far a curve lies from those of the null.

    p_value : share of all curves (it among them) that depart as far. z : its largest departure in standard deviations, with the
    sign it has there. at : where on the axis that is.
    """

    p_value: float
    z: float
    at: int


def departure(curves: Real) -> Departure:
    """Test the first of (1 + m, k) curves against the others, over the whole axis at once.

    Each curve's departure is the largest over k of its distance from the mean of all curves in standard deviations of all curves
    (maximum absolute deviation, studentised: Myllymaki et al. 2017, J R Stat Soc B 79:381). The seen curve takes part in mean and
    deviation, so that all curves are exchangeable under the null and the p-value is exact, whatever k.
    """
    mean, sd = curves.mean(axis=0), curves.std(axis=0)
    z = (curves - mean) / np.where(sd > 1e-9 * (1.0 + np.abs(mean)), sd, np.inf)
    reach = np.abs(z).max(axis=1)
    at = int(np.abs(z[0]).argmax())
    return Departure(at_least(reach), float(z[0, at]), at)


def at_least(values: Real) -> float:
    """Share of (1 + m,) values that are at least the first: the p-value of a test that rejects large ones; ties count."""
    return float(np.mean(values >= values[0] - 1e-9 * np.abs(values[0])))


def two_sided(values: Real) -> float:
    """The p-value of a test that rejects both large and small ones."""
    return min(1.0, 2.0 * min(at_least(values), at_least(-values)))
