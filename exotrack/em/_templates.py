"""What a vesicle looks like: a spherical shell, cut by a section of some thickness or whole in a volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Single = NDArray[np.float32]
FINE = 5
"""Points along the side of a voxel over which a template is averaged."""


@dataclass(frozen=True)
class Model:
    """How a vesicle is drawn.

    Attributes
    ----------
    membrane_nm : thickness of the membrane; 0 draws a dense core without one.
    section_nm : thickness of the section that holds its centre, anywhere in it; 0 is thin against the vesicle.
    """

    membrane_nm: float
    section_nm: float = 0.0

    @property
    def margin_nm(self) -> float:
        """How far outside the vesicle its surroundings are looked at."""
        return 0.9 * self.membrane_nm

    def wall(self, rho: Real, outer: Any) -> Real:
        """Membrane along the line of sight at distance `rho` (nm) from the centre of a vesicle of radius `outer`, at most 1."""
        return self._column(rho, outer) - self._column(rho, np.maximum(outer - self.membrane_nm, 0))

    def lumen(self, rho: Real, outer: Any) -> Real:
        """Lumen along the line of sight."""
        return self._column(rho, np.maximum(outer - self.membrane_nm, 0))

    def _column(self, rho: Real, radius: Any) -> Real:
        if self.section_nm <= 0:
            return np.asarray(rho < radius, float)
        # Half a chord c, cut by the near face at u: the mean over u of min(c, u), which is c - c^2 / 2T, on both sides.
        part = np.minimum(np.sqrt(np.maximum(radius**2 - rho**2, 0)) / self.section_nm, 1.0)
        return np.asarray(part * (2 - part))


@dataclass(frozen=True, eq=False)
class Template:
    """A vesicle of one radius on a grid of voxels: what is correlated with the micrograph.

    Attributes
    ----------
    support : 1 where the template looks, else 0. figure : what is looked for, free of constant and `other`; length 1.
    other : what may be of any size besides (the lumen), free of the constant; length 1, or all 0.
    """

    radius_nm: float
    support: Single
    figure: Single
    other: Single


def template(radius_nm: float, spacing: tuple[float, ...], model: Model, core: bool) -> Template:
    """The template of a vesicle of outer radius `radius_nm` on voxels of `spacing` (nm), two or three axes.

    With `core` the figure is the dense core itself and nothing else is let go.
    """
    reach = radius_nm + (max(0.35 * radius_nm, 1.5 * max(spacing)) if core else max(model.margin_nm, 1.5 * max(spacing)))
    fine = FINE if len(spacing) == 2 else 3
    half = [int(np.ceil(reach / step)) for step in spacing]
    points = [(np.arange((2 * n + 1) * fine) - (fine - 1) / 2) / fine - n for n in half]
    grid = np.meshgrid(*(p * step for p, step in zip(points, spacing, strict=True)), indexing="ij", sparse=True)
    rho = np.sqrt(sum(axis**2 for axis in grid))
    support = (_averaged(np.asarray(rho <= reach, float), fine) >= 0.5).astype(float)
    lumen = _averaged(model.lumen(rho, radius_nm), fine) * support
    if core:
        figure, other = _averaged(np.asarray(rho < radius_nm, float), fine) * support, np.zeros_like(support)
    else:
        figure, other = _averaged(model.wall(rho, radius_nm), fine) * support, lumen
    flat = support / np.sqrt(support.sum())
    other = _unit(_free(other, flat))
    figure = _unit(_free(_free(figure, flat), other))
    return Template(radius_nm, support.astype(np.float32), figure.astype(np.float32), other.astype(np.float32))


def _averaged(values: Real, fine: int) -> Real:
    shape = [part for n in values.shape for part in (n // fine, fine)]
    return np.asarray(values.reshape(shape).mean(axis=tuple(range(1, 2 * values.ndim, 2))))


def _free(values: Real, of: Real) -> Real:
    return values - np.sum(values * of) * of


def _unit(values: Real) -> Real:
    length = np.sqrt(np.sum(values**2))
    return values / length if length > 1e-6 else np.zeros_like(values)
