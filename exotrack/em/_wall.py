"""How thick the membrane of an image's vesicles is, and where its outer face lies: from their mean radial profile.

A search that takes the membrane to be thicker than it is puts its outer face too far outwards, by half of the difference: the
middle of a membrane is plain to see, its faces are not. The mean profile of all vesicles has hardly any noise left, so that the
thickness can be told from the blur by its shape. Where it cannot (voxels as coarse as the membrane), the thickness that
is expected counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.em._outline import rays
from exotrack.em._sampling import along_rays
from exotrack.em.stack import Stack

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
MOST = 250
"""Vesicles whose profile is taken, the best first: more tell nothing new."""
FEWEST = 4
"""Vesicles below which the thickness that is expected is taken."""
INWARDS, OUTWARDS = 2.4, 1.2
"""How far the profile reaches from the outer face, in expected thicknesses: over both faces, and not into the neighbours."""
STEP_NM = 0.5
"""Distance of the points of the profile, for a membrane of 7 nm; it grows with the membrane."""
EXPECTED = 0.2
"""Standard deviation of the thickness about the expected one, over that: membranes of 5.5 to 8.5 nm are all common."""
MODEL_ERROR = 0.01
"""Error of the profile that no number of vesicles takes away, over its height: membranes are no boxes, blur is no Gaussian."""
RADII = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of the radius at which the profile is reckoned."""


class Wall(NamedTuple):
    """The membrane of an image's vesicles (nm): thickness, its standard error, and what is to be added to every outer radius."""

    thick: float
    sd: float
    outwards: float


def wall_of(vesicles: pd.DataFrame, stack: Stack, expected_nm: float, section_nm: float) -> Wall | None:
    """The membrane of the vesicles of one image; None where there are too few to tell.

    Parameters
    ----------
    vesicles : table `Vesicles` of rings or shells, found with a membrane of `expected_nm`. stack : with its contrast settled.
    section_nm : thickness of the section that they lie in; 0 for a volume or a surface.
    """
    good = vesicles[~vesicles["touches_border"].to_numpy(bool)]
    if len(good) < FEWEST:
        return None
    good = good.iloc[np.argsort(-good["score"].to_numpy(), kind="stable")[:MOST]]
    deep = bool((good["backend"] == "shell").all())
    offsets = np.arange(-INWARDS, OUTWARDS + 1e-9, STEP_NM / 7.0) * expected_nm
    each = np.array([_profile(row, stack, offsets, deep) for row in good.itertuples()])
    radii = np.quantile(good["diameter_nm"].to_numpy() / 2, RADII)
    return _fitted(each, offsets, radii, expected_nm, section_nm, 3 if deep else 2)


def _profile(row: Any, stack: Stack, offsets: Real, deep: bool) -> Real:
    """Mean darkness of a vesicle at `offsets` (nm) from its outer face."""
    spacing, centre = np.array(stack.spacing_nm), np.array([row.z_nm, row.y_nm, row.x_nm])
    first, last = np.zeros(3, int), np.array(stack.shape)
    reach = row.diameter_nm / 2 + offsets[-1]
    if not deep:
        plane = int(np.clip(round(row.z_nm / spacing[0]) if spacing[0] == spacing[0] else 0, 0, stack.shape[0] - 1))
        first[0], last[0] = plane, plane + 1
    for axis in range(0 if deep else 1, 3):
        first[axis] = max(int((centre[axis] - reach) / spacing[axis]) - 1, 0)
        last[axis] = min(int((centre[axis] + reach) / spacing[axis]) + 3, stack.shape[axis])
    pixels = stack.darkness(*(slice(int(a), int(b)) for a, b in zip(first, last, strict=True)))
    if not deep:
        pixels, spacing, centre, first = pixels[0], spacing[1:], centre[1:], first[1:]
    pixels = np.where(np.isfinite(pixels), pixels, np.float32(np.nanmedian(pixels)))
    units = rays(3 if deep else 2).units
    distance = np.maximum(row.diameter_nm / 2 + offsets, 0.0)
    wide = np.ascontiguousarray(np.broadcast_to(distance, (1, len(units), len(distance))))
    return np.asarray(along_rays(pixels, spacing, (centre - first * spacing)[None], units, wide)[0].mean(axis=0))


def _fitted(each: Real, offsets: Real, radii: Real, expected: float, section_nm: float, axes: int) -> Wall:
    """Thickness and place of the outer face by least squares; levels of lumen, membrane and surroundings are linear in it."""
    from scipy.optimize import least_squares

    seen = each.mean(axis=0)
    height = float(np.ptp(seen)) or 1.0
    error = np.hypot(MODEL_ERROR * height, each.std(axis=0) / np.sqrt(len(each)) / 2)

    def misfit(asked: Real) -> Real:
        wall, lumen = reckoned(asked, offsets, radii, section_nm, axes)
        parts = np.column_stack([wall, lumen, np.ones_like(wall)]) / error[:, None]
        levels = np.linalg.lstsq(parts, seen / error, rcond=None)[0]
        return np.append(parts @ levels - seen / error, (asked[0] / expected - 1) / EXPECTED)

    limits = ([0.4 * expected, 0.05 * expected, -0.5 * expected], [2 * expected, expected, 0.5 * expected])
    best = least_squares(misfit, [expected, 0.3 * expected, 0.0], bounds=limits, x_scale=expected)
    spread = np.linalg.pinv(best.jac.T @ best.jac)
    return Wall(float(best.x[0]), float(np.sqrt(spread[0, 0])), float(best.x[2]))


def reckoned(asked: Real, offsets: Real, radii: Real, section_nm: float, axes: int) -> tuple[Real, Real]:
    """Membrane and lumen at `offsets` from the outer radius that was taken, in the mean over `radii`.

    asked : thickness, blur (standard deviation), and how much farther outwards the outer face lies (nm).
    """
    thick, blur, outwards = asked
    step = float(offsets[1] - offsets[0]) / 2
    fine = np.arange(offsets[0] - 4 * step - 12, offsets[-1] + 12 + 4 * step, step)
    kernel = np.exp(-0.5 * (np.arange(-10.0, 10.0 + step, step) / blur) ** 2)
    kernel /= kernel.sum()
    wall, lumen = np.zeros(len(offsets)), np.zeros(len(offsets))
    for radius in radii:
        rho = np.abs(radius + fine)
        # Blur in the plane (in space) draws a curved membrane inwards.
        bent = np.maximum(rho, 1.0) ** ((axes - 1) / 2)
        inner = _column(rho, radius + outwards - thick, section_nm, step)
        shell = _column(rho, radius + outwards, section_nm, step) - inner
        wall += np.interp(offsets, fine, np.convolve(shell * bent, kernel, "same") / bent)
        lumen += np.interp(offsets, fine, np.convolve(inner * bent, kernel, "same") / bent)
    return wall / len(radii), lumen / len(radii)


def _column(rho: Real, radius: float, section_nm: float, step: float) -> Real:
    """A ball along the line of sight (as in `_templates.Model`), of a surface each point averaged over its own step."""
    if section_nm <= 0:
        return np.asarray(np.clip((radius - rho) / step + 0.5, 0, 1))
    part = np.minimum(np.sqrt(np.maximum(radius**2 - rho**2, 0)) / section_nm, 1.0)
    return np.asarray(part * (2 - part))
