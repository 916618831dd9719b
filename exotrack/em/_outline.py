"""Outlines: centre, size and shape of each candidate from the grey values along rays from its centre.

A matched filter along each ray says where the membrane is likely to be; the outline is a circle (sphere) with a second harmonic
that passes through these places. The centre moves until the first harmonic vanishes. That the radial profile has the last word is
the idea of CryoVesNet (J Cell Biol 2025, e202402169). In two or three axes, finer than a voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.em._sampling import along_rays
from exotrack.em._templates import Model

Real = NDArray[np.float64]
ROUNDS = (0.32, 0.24, 0.17, 0.17)
"""Half width of the search along each ray in each round, as a fraction of the radius."""
BATCH = 256
"""Candidates measured together."""


@dataclass(frozen=True, eq=False)
class Rays:
    """Directions in which a vesicle is looked at.

    Attributes
    ----------
    units : (rays, axes) unit vectors.
    basis : (rays, terms) harmonics: constant, one for each axis, and those of second order.
    near : (rays, rays) weights that average over neighbouring rays.
    """

    units: Real
    basis: Real
    near: Real


def rays(axes: int) -> Rays:
    """Evenly spread rays: 48 in a plane, 192 in space."""
    if axes == 2:
        angle = 2 * np.pi * np.arange(48) / 48
        units = np.column_stack([np.sin(angle), np.cos(angle)])
        y, x = units.T
        second = np.column_stack([x**2 - y**2, 2 * x * y])
        width = 0.16
    else:
        k = np.arange(192) + 0.5
        z, turn = 1 - 2 * k / 192, np.pi * (1 + 5**0.5) * k
        units = np.column_stack([z, np.sqrt(1 - z**2) * np.sin(turn), np.sqrt(1 - z**2) * np.cos(turn)])
        z, y, x = units.T
        second = np.column_stack([x * y, x * z, y * z, (x**2 - y**2) / 2, (3 * z**2 - 1) / 2])
        width = 0.25
    apart = np.arccos(np.clip(units @ units.T, -1, 1))
    near = np.exp(-0.5 * (apart / width) ** 2)
    return Rays(units, np.column_stack([np.ones(len(units)), units, second]), near / near.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Outlines:
    """What was measured of n candidates, in nm.

    Attributes
    ----------
    centre : (n, axes). radius : (n,) mean outer radius. terms : (n, terms) harmonics of the outline.
    rho : (n,) partial correlation of the grey values with a vesicle of this outline.
    present : (n, rays) contrast of the membrane along each ray over its mean.
    scatter : (n,) standard deviation of the membrane's place around the outline (nm).
    wall, lumen, around : (n,) mean darkness of membrane, lumen and surroundings; lumen_sd : (n,) of the lumen's darkness.
    """

    centre: Real
    radius: Real
    terms: Real
    rho: Real
    present: Real
    scatter: Real
    wall: Real
    lumen: Real
    around: Real
    lumen_sd: Real


@dataclass(frozen=True)
class Look:
    """What is looked for: how it is drawn, whether by its dense core, its typical radius (nm), which sets how far to search.

    And the thickness (nm) of the section that it lies in, which makes it look smaller.

    All of it is one for all candidates of a search, so that none depends on which others are measured with it.
    """

    model: Model
    core: bool
    typical_nm: float
    section_nm: float = 0.0


def trace(pixels: Any, spacing: tuple[float, ...], centre: Real, radius: Real, look: Look) -> Outlines:
    """Outlines of candidates.

    Parameters
    ----------
    pixels : darkness, two or three axes. spacing : (nm) along each.
    centre : (n, axes) first guess (nm from the centre of the first voxel). radius : (n,) first guess (nm).
    look : what is looked for.
    """
    fan = rays(len(spacing))
    parts = [
        _Batch(pixels, spacing, fan, look).follow(centre[k : k + BATCH], radius[k : k + BATCH])
        for k in range(0, max(len(centre), 1), BATCH)
    ]
    return Outlines(*(np.concatenate([getattr(part, name) for part in parts]) for name in Outlines.__dataclass_fields__))


class _Batch:
    def __init__(self, pixels: Any, spacing: tuple[float, ...], fan: Rays, look: Look) -> None:
        self.pixels, self.spacing, self.fan = pixels, np.array(spacing), fan
        self.model, self.core, self.typical = look.model, look.core, look.typical_nm
        self.section = look.section_nm
        self.pairs = (fan.basis[:, :, None] * fan.basis[:, None, :]).reshape(len(fan.basis), -1)
        self.step = min(0.5 * float(min(spacing)), 0.25 * look.model.membrane_nm)

    def follow(self, centre: Real, radius: Real) -> Outlines:
        centre, terms = centre.copy(), np.zeros((len(centre), self.fan.basis.shape[1]))
        terms[:, 0] = radius
        axes = len(self.spacing)
        for reach in ROUNDS:
            offsets, weights, _ = self._membrane(centre, terms, reach)
            terms += self._fitted(offsets, weights)
            centre += terms[:, 1 : axes + 1]
            terms[:, 1 : axes + 1] = 0
        return self._judged(centre, terms)

    def _membrane(self, centre: Real, terms: Real, reach: float) -> tuple[Real, Real, Real]:
        """Offset of the membrane from the outline along each ray, its weight, and the response at the outline."""
        outline = np.maximum(terms @ self.fan.basis.T, 0.3 * terms[:, :1])
        flank = self.model.margin_nm + self.model.membrane_nm
        search = reach * self.typical
        shift = np.arange(-search - flank, search + flank + self.step / 2, self.step)
        values = self._sampled(centre, outline[..., None] + shift)
        response = self._response(values, shift, search)
        response = self.fan.near @ response
        tried = shift[np.abs(shift) <= search + 1e-9]
        strength = np.maximum(response, 0) ** 2 * np.exp(-0.5 * (tried / (0.7 * search)) ** 2)
        weights = strength.sum(axis=2)
        offsets = (strength * tried).sum(axis=2) / np.maximum(weights, 1e-12)
        return offsets, np.sqrt(weights), response[:, :, len(tried) // 2]

    def _response(self, values: Real, shift: Real, search: float) -> Real:
        """Filter along each ray for a membrane whose outer face lies at each offset up to `search`."""
        inner = np.abs(shift) <= search + 1e-9
        at = shift[inner]
        t, margin = self.model.membrane_nm, self.model.margin_nm
        apart = shift[None, :] - at[:, None]  # from the outer face, outwards positive
        if self.core:
            kernel = np.where((apart < 0) & (apart >= -t), 1.0, 0.0) - np.where((apart >= 0) & (apart <= t), 1.0, 0.0)
        else:
            wall = np.where((apart < 0) & (apart >= -t), 1.0, 0.0)
            outside, inside = (apart >= 0) & (apart <= margin), (apart < -t) & (apart >= -t - margin)
            # Each side has half the weight, so that a step from lumen to surroundings is no membrane.
            kernel = wall / wall.sum(axis=1, keepdims=True)
            for side in (outside, inside):
                kernel = kernel - 0.5 * side / side.sum(axis=1, keepdims=True)
        return np.asarray(values @ kernel.T)

    def _sampled(self, centre: Real, distance: Real) -> Real:
        """Grey values at `distance` (n, rays, points) along the rays."""
        return along_rays(self.pixels, self.spacing, centre, self.fan.units, distance)

    def _fitted(self, offsets: Real, weights: Real) -> Real:
        """Harmonics through the offsets, the higher ones held back where the evidence is weak."""
        relative: Real = weights / np.maximum(weights.mean(axis=1, keepdims=True), 1e-12)
        basis = self.fan.basis
        normal = (relative @ self.pairs).reshape(len(relative), basis.shape[1], basis.shape[1])
        held = np.zeros(basis.shape[1])
        held[1 + len(self.spacing) :] = 0.15 * len(basis)
        right = (relative * offsets) @ basis
        found: Real = np.asarray(np.linalg.solve(normal + np.diag(held + 1e-9), right[..., None])[..., 0], np.float64)
        return found

    def _judged(self, centre: Real, terms: Real) -> Outlines:
        offsets, weights, response = self._membrane(centre, terms, ROUNDS[-1])
        outline = np.maximum(terms @ self.fan.basis.T, 0.3 * terms[:, :1])
        residual = offsets - (terms @ self.fan.basis.T - outline)
        scatter = np.sqrt(np.average(residual**2, axis=1, weights=weights + 1e-12))
        # Grey values on rays whose length is that of the outline: an oval becomes a circle of radius 1.
        outer = 1 + max(0.35 if self.core else 0, self.model.margin_nm / self.typical)
        points = (np.arange(40) + 0.5) / 40 * outer
        values = self._sampled(centre, outline[..., None] * points)
        rho, regions = self._correlated(values, points, terms[:, 0])
        mean = response.mean(axis=1, keepdims=True)
        present = response / np.where(np.abs(mean) > 1e-12, mean, 1e-12)
        dim = len(self.spacing)
        area = np.mean(np.maximum(outline, 0) ** dim, axis=1) ** (1 / dim)
        area *= self._unbiased(terms[:, 0])
        return Outlines(centre, area, terms, rho, present * np.sign(mean), scatter, *regions)

    def _unbiased(self, found: Real) -> Real:
        """Radius over the one found: a vesicle that lies whole in a section fades towards its outer face, and looks smaller."""
        if self.core or self.section <= 0:
            return np.ones_like(found)
        thick = Model(self.model.membrane_nm, self.section)
        true = self.typical * np.geomspace(0.4, 2.5, 24)[:, None]
        seen = true.copy()
        search = ROUNDS[-1] * self.typical
        flank = self.model.margin_nm + self.model.membrane_nm
        shift = np.arange(-search - flank, search + flank + self.step / 2, self.step)
        tried = shift[np.abs(shift) <= search + 1e-9]
        for _ in range(8):
            profile = thick.wall(np.abs(seen + shift), true)
            strength = np.maximum(self._response(profile[:, None], shift, search)[:, 0], 0) ** 2
            strength = strength * np.exp(-0.5 * (tried / (0.7 * search)) ** 2)
            seen = seen + ((strength * tried).sum(axis=1) / np.maximum(strength.sum(axis=1), 1e-12))[:, None]
        return np.asarray(np.interp(found, seen[:, 0], (true / seen)[:, 0]), np.float64)

    def _correlated(self, values: Real, points: Real, radius: Real) -> tuple[Real, tuple[Real, ...]]:
        """Partial correlation of the grey values with a vesicle, and the means of its parts."""
        weight = points ** (len(self.spacing) - 1)
        weight = weight / weight.sum()
        rho = points[None, :] * radius[:, None]
        wall, lumen = self.model.wall(rho, radius[:, None]), self.model.lumen(rho, radius[:, None])
        if self.core:
            wall, lumen = np.asarray(rho < radius[:, None], float), np.zeros_like(rho)
        profile = values.mean(axis=1)
        total = ((values - (profile * weight).sum(axis=1)[:, None, None]) ** 2).mean(axis=1) @ weight
        even = [each - (each * weight).sum(axis=1, keepdims=True) for each in (wall, lumen, profile)]

        def dot(a: Real, b: Real) -> Real:
            return np.asarray((a * b * weight).sum(axis=1))

        size = np.maximum(dot(even[1], even[1]), 1e-9)
        figure = even[0] - (dot(even[0], even[1]) / size)[:, None] * even[1]
        along = dot(figure, even[2]) / np.sqrt(np.maximum(dot(figure, figure), 1e-12))
        rest = np.maximum(total - dot(even[1], even[2]) ** 2 / size, 1e-12)
        masks = (
            wall > 0.5 * wall.max(axis=1, keepdims=True),
            lumen > 0.5 * lumen.max(axis=1, keepdims=True) if not self.core else wall > 0.5,
            rho > radius[:, None],
        )
        means = [(profile * mask * weight).sum(axis=1) / np.maximum((mask * weight).sum(axis=1), 1e-12) for mask in masks]
        inside = masks[1] * weight
        inside = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1e-12)
        spread = ((values - means[1][:, None, None]) ** 2).mean(axis=1)
        return along / np.sqrt(rest), (*means, np.sqrt((spread * inside).sum(axis=1)))
