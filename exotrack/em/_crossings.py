"""The face of a mask below the size of a voxel: a curved patch through the places where the mask changes.

Along each axis, the true face lies somewhere between a voxel inside and its neighbour outside, anywhere with equal chance: the
middle is right on average. A quadratic patch through many such middles averages the error out, also where the steps of voxels
are wide, without drawing curved faces inwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Real = NDArray[np.float64]
REACH = {2: (16.0, 10.0, 6.0, 4.0), 3: (9.0, 6.0, 4.0)}
"""Radius of a patch in voxels, by the number of axes: wide first, narrower where the face is not quadratic so far."""
ROUGH = 0.36
"""Scatter about the patch, in voxels across the face, above which it does not describe the face; steps alone give 0.29."""
BENT = 0.6
"""A wide patch is not tried where it would reach around more than this (radians): a narrower one is."""
FARTHEST = 1.0
"""A patch moves the face by no more than this (voxels)."""


class Crossings:
    """Where a mask changes between neighbours; `refine` moves nearest points onto the patch through those around them.

    share : the part of each voxel that is inside, from 0 to 1; of fractions, the place between neighbours is interpolated.
    """

    def __init__(self, share: Real, spacing_nm: Sequence[float]) -> None:
        self.spacing: Real = np.asarray(spacing_nm, np.float64)
        places, steps = [], []
        for axis in range(share.ndim):
            change = np.diff((share >= 0.5).astype(np.int8), axis=axis)
            found = np.argwhere(change)
            towards = np.zeros((len(found), share.ndim))
            towards[:, axis] = change[tuple(found.T)]  # into the mask
            onward = (np.arange(share.ndim) == axis).astype(int)
            here, there = share[tuple(found.T)], share[tuple((found + onward).T)]
            places.append(found + ((here - 0.5) / (here - there))[:, None] * onward)
            steps.append(towards)
        self.places, self.steps = np.concatenate(places), np.concatenate(steps)
        self.tree = cKDTree(self.places)

    def refine(self, points: Real, feet: Real, inwards: Real) -> Real:
        """Nearest points (n, d) on the patches.

        points, feet : (n, d) in nm, points and their nearest points on the rough face. inwards : (n, d) unit vectors across the
        face, into the mask.
        """
        moved = feet.copy()
        for number, (point, foot, normal) in enumerate(zip(points, feet, inwards, strict=True)):
            for reach in REACH[feet.shape[1]]:
                better = self._patched(point, foot, normal, reach)
                if better is not None:
                    moved[number] = better
                    break
        return moved

    def _patched(self, point: Real, foot: Real, normal: Real, reach: float) -> Real | None:
        near = np.array(self.tree.query_ball_point(foot / self.spacing, reach), np.int64)
        # The other face of a thin band, or the other wall of a pit, turns the other way.
        near = near[(self.steps[near] * self.spacing) @ normal > 0] if len(near) else near
        axes = tangents(normal)
        terms = 1 + len(axes) + len(axes) * (len(axes) + 1) // 2
        if len(near) < 2 * terms:
            return None
        away = self.places[near] * self.spacing - foot
        across, along = away @ normal, away @ axes.T
        voxel = float(np.sqrt(((normal * self.spacing) ** 2).sum()))
        size = np.sqrt((along**2).mean(axis=0)) + 1e-9
        design = _terms(along / size)
        weights = np.sqrt(1.0 - 0.9 * (np.linalg.norm(away / self.spacing, axis=1) / reach) ** 2)
        found, *_ = np.linalg.lstsq(design * weights[:, None], across * weights, rcond=None)
        rough = np.sqrt(np.average((design @ found - across) ** 2, weights=weights**2)) / voxel
        slope, bend = _curves(found, size)
        turned = float(np.abs(bend).max()) * reach * voxel
        if rough > ROUGH or abs(found[0]) > FARTHEST * voxel or (turned > BENT and reach > REACH[len(foot)][-1]):
            return None
        return _nearest_on_patch(point - foot, normal, axes, found[0], slope, bend, size) + foot


def tangents(normal: Real) -> Real:
    """Unit vectors (d - 1, d) along the face."""
    if len(normal) == 2:
        return np.array([[-normal[1], normal[0]]])
    other = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, other)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)])


def _terms(along: Real) -> Real:
    """1, u, u^2 of one coordinate; 1, u, v, u^2, u v, v^2 of two."""
    rows, n = np.atleast_2d(along), along.shape[-1]
    squares = [rows[:, i] * rows[:, j] for i in range(n) for j in range(i, n)]
    return np.column_stack([np.ones(len(rows)), rows, *squares])


def _curves(found: Real, size: Real) -> tuple[Real, Real]:
    """Slopes (n,) and second derivatives (n, n) of a patch, per nm."""
    n = len(size)
    bend = np.zeros((n, n))
    index = 1 + n
    for i in range(n):
        for j in range(i, n):
            bend[i, j] += found[index] / size[i] / size[j]
            bend[j, i] += found[index] / size[i] / size[j]
            index += 1
    return np.asarray(found[1 : 1 + n] / size), bend


def _nearest_on_patch(away: Real, normal: Real, axes: Real, level: float, slope: Real, bend: Real, size: Real) -> Real:
    """Point (relative to the foot) of the patch that is nearest to `away`: a few steps of Gauss-Newton."""
    target = np.concatenate([axes @ away, [normal @ away]])
    n = len(axes)
    at: Any = np.zeros(n)
    for _ in range(8):
        height = level + slope @ at + 0.5 * at @ bend @ at
        rise = slope + bend @ at
        off = height - target[-1]
        gradient = at - target[:-1] + off * rise
        curved = np.eye(n) + np.outer(rise, rise) + off * bend
        if np.linalg.eigvalsh(curved)[0] < 0.2:  # beyond the centre of curvature the step would run away
            curved = np.eye(n) + np.outer(rise, rise)
        step = np.linalg.solve(curved, gradient)
        at = at - np.clip(step, -size, size)
    at = np.clip(at, -1.5 * size, 1.5 * size)
    height = level + slope @ at + 0.5 * at @ bend @ at
    return np.asarray(at @ axes + height * normal)
