"""Physics that the stages and the simulator share: units in, units out, plain numpy.

Sources
-------
Evanescent field I = I0 exp(-z/d): Axelrod 1981, J Cell Biol 89:141. Pixel-integrated Gaussian PSF and the shifted
Poisson for read noise: Smith et al. 2010, Nat Methods 7:373; Huang et al. 2013, Nat Methods 10:653. Spreading cargo
sigma^2 = sigma0^2 + 2 D t: Schmoranzer et al. 2000, J Cell Biol 149:23 (there in the w^2 = 2 sigma^2 convention).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating[Any]]


def evanescent(z_nm: Real | float, depth_nm: float) -> Real:
    """Relative excitation at height `z_nm` above the glass for penetration depth `depth_nm` (both nm)."""
    return np.asarray(np.exp(-np.asarray(z_nm, float) / depth_nm))


def height_nm(brightness: Real | float, brightest: Real | float, depth_nm: float) -> Real:
    """Height (nm) at which a vesicle that shows `brightest` at height 0 shows `brightness`; NaN where that is not > 0."""
    ratio = np.asarray(brightness, float) / np.asarray(brightest, float)
    return np.asarray(-depth_nm * np.log(np.where(ratio > 0, ratio, np.nan)))


def spread_sigma_um(sigma0_um: float, diffusion_um2_s: float, t_s: Real | float) -> Real:
    """Gaussian width (um) of cargo `t_s` seconds after release into a plane, sigma^2 = sigma0^2 + 2 D t (D in um^2/s)."""
    return np.asarray(np.sqrt(sigma0_um**2 + 2.0 * diffusion_um2_s * np.maximum(np.asarray(t_s, float), 0.0)))


def pixel_gaussian(shape: tuple[int, int], y_px: float, x_px: float, sigma_px: float) -> Real:
    """Fraction of a unit-integral 2D Gaussian that falls in each pixel.

    Parameters
    ----------
    shape : (height, width) of the image in pixels.
    y_px, x_px : centre in pixels; the centre of pixel (0, 0) is (0, 0).
    sigma_px : width in pixels.

    Returns
    -------
    (height, width) array that sums to 1 when the whole spot lies inside.
    """
    from scipy.special import erf

    def along(n: int, centre: float) -> Real:
        edges = (np.arange(n + 1) - 0.5 - centre) / (np.sqrt(2.0) * sigma_px)
        return np.asarray(0.5 * np.diff(erf(edges)))

    return np.asarray(np.outer(along(shape[0], y_px), along(shape[1], x_px)))


@dataclass(frozen=True)
class Noise:
    """What the camera adds: variance (counts^2) = slope * value (counts) + intercept (counts^2).

    `slope` is the gain in counts per photoelectron, times the excess noise factor (2) for an EMCCD; `intercept` is the
    read noise squared minus slope * offset. It is all that a likelihood needs: (value + intercept / slope) / slope has a
    mean equal to its variance, so it is treated as Poisson (Huang et al. 2013).
    """

    slope: float
    intercept: float
    source: str = "given"

    @property
    def offset(self) -> float:
        """Value (counts) at which the variance would vanish: the camera offset, up to the read noise."""
        return -self.intercept / self.slope

    def variance(self, value: Real | float) -> Real:
        """Variance (counts^2) of a pixel whose expected value is `value` counts, at least that of half a photoelectron."""
        return np.asarray(np.maximum(self.slope * np.asarray(value, float) + self.intercept, 0.5 * self.slope**2))
