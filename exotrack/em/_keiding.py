"""Keiding's model of the profiles that a section of finite thickness shows of spheres, caps below an angle lost.

A sphere of diameter D whose centre lies in the section (thickness T) shows D. One whose centre lies beside it shows a smaller
profile D sin(theta), theta from the cap angle phi (thinner caps are lost) to 90 degrees. With f the distribution of D, here a
normal one, the density of profiles d is (T f(d) + integral of f(d / sin theta) d / sin theta d theta) / (T + mean D cos phi).

Sources: Keiding, Jensen, Ranek 1972 (Biometrics 28:813); Rothman, Borges-Merjane, Holderith, Jonas, Silver 2023 (PLoS ONE
18:e0277148) for its use on vesicles and the limits of phi.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Real = NDArray[np.float64]
CAPS = 200
"""Larger spheres tried behind a profile."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(160)


def density(d: Real, mean: float, sd: float, phi: float, section: float) -> Real:
    """Density (1/nm) of profiles `d` (n,) of spheres of `mean` and `sd`, cap angle `phi` (radians), thickness `section`."""
    theta = phi + (np.pi / 2 - phi) * (NODES + 1) / 2
    weight = WEIGHTS * (np.pi / 2 - phi) / 2
    whole = d[:, None] / np.sin(theta)
    beside = (_normal(whole, mean, sd) * whole) @ weight
    return np.asarray((section * _normal(d, mean, sd) + beside) / (section + mean * np.cos(phi)))


def overcount(mean: float, phi: float, section: float) -> float:
    """Profiles seen per sphere whose centre lies in the section: (T + D cos phi) / T."""
    return float((section + mean * np.cos(phi)) / section)


def _normal(x: Real, mean: float, sd: float) -> Real:
    return np.asarray(np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi) * ndtr(mean / sd)))


def spheres_behind(rng: np.random.Generator, profiles: Real, mean: float, sd: float, section: float, draws: int) -> Real:
    """Diameters (draws, n) of the spheres that profiles (n,) may belong to, drawn by Keiding's model.

    A profile d is a whole sphere of diameter d with a weight of T f(d), or a cap of a larger one D with f(D) d / sqrt(D^2 - d^2).
    """
    u = (np.arange(CAPS) + 0.5) / CAPS
    # With D = d + span u^2 the root in the weight of D has no pole.
    span = np.maximum(mean + 5 * sd - profiles, 0.5 * sd)[:, None]
    larger = profiles[:, None] + span * u**2
    weight = _normal(larger, mean, sd) * profiles[:, None] / np.sqrt(larger**2 - profiles[:, None] ** 2) * 2 * span * u / CAPS
    sums = np.cumsum(np.column_stack([section * _normal(profiles, mean, sd), weight]), axis=1)
    # Smaller and larger than any vesicle, a profile is what it is.
    chosen = rng.random((draws, len(profiles))) * sums[:, -1]
    which = np.stack([np.searchsorted(row, values, side="left") for row, values in zip(sums, chosen.T, strict=True)], axis=1)
    sizes = np.column_stack([profiles, larger])
    return np.asarray(np.take_along_axis(sizes.T, np.minimum(which, CAPS), axis=0))


def draw(rng: np.random.Generator, n: int, mean: float, sd: float, phi: float, section: float) -> tuple[Real, int]:
    """Profiles of `n` spheres thrown at random about a section (those that show one), and how many centres lie in it.

    Lengths in nm, `phi` in radians. The heights are drawn, not the density, so that this is a test of it.
    """
    whole = np.maximum(rng.normal(mean, sd, n), 0.01 * mean)
    top = (mean + 6 * sd) / 2
    z = rng.uniform(-section / 2 - top, section / 2 + top, n)
    beside = np.maximum(np.abs(z) - section / 2, 0.0)
    seen = (beside == 0) | (beside < whole / 2 * np.cos(phi))
    return np.sqrt(whole[seen] ** 2 - 4 * beside[seen] ** 2), int((beside == 0).sum())
