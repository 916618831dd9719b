"""How a vesicle moved during a stay: diffusion free of the localisation error, and whether it was confined."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
CONFINED = 0.25
"""Spread about the mean place over that of free diffusion (D T / 3 per axis) below which motion is confined: of free walks of
30 to 300 steps about one in twenty falls below."""
LEAST_SPOTS = 20
"""Spots needed to tell: with fewer the diffusion coefficient itself is too uncertain."""


def covariance_diffusion(time_s: Real, position_um: Real) -> float:
    """Diffusion coefficient (um^2/s) free of localisation error, from steps and their covariance, mean of both axes.

    Vestergaard, Blainey and Flyvbjerg 2014, Phys Rev E 89:022726: D = <dx^2> / (2 dt) + <dx_n dx_(n+1)> / dt. NaN below four
    steps; noise can make it negative, which is reported as 0.
    """
    steps = np.diff(position_um, axis=0)
    if len(steps) < 4:
        return float("nan")
    dt = float(np.mean(np.diff(time_s)))
    value = np.mean(steps**2) / (2.0 * dt) + np.mean(steps[1:] * steps[:-1]) / dt
    return max(float(value), 0.0)


def confinement(time_s: Real, position_um: Real) -> tuple[float, bool | None]:
    """Root mean square distance (um) from the mean place, free of localisation error, and whether the motion was confined.

    time_s : (n,). position_um : (n, 2). A free walk of T seconds spreads by D T / 3 per axis about its mean place; a confined one
    stays below that. NaN and None where too few spots tell.
    """
    if len(time_s) < LEAST_SPOTS:
        return float("nan"), None
    steps = np.diff(position_um, axis=0)
    error = max(-float(np.mean(steps[1:] * steps[:-1])), 0.0)
    # Steps of a confined walk go back and forth as noise does; so D comes from all of their spread but the noise's.
    spread = max(float(np.mean(np.var(position_um, axis=0))) - error, 0.0)
    diffusion = covariance_diffusion(time_s, position_um)
    lasted = float(time_s[-1] - time_s[0])
    confined = None if diffusion <= 0 else bool(spread < CONFINED * diffusion * lasted / 3.0)
    return math.sqrt(2.0 * spread), confined
