"""Spheres, circles, planes and lines drawn as masks with voxels of any shape, and what such a mask leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Real = NDArray[np.float64]
FINE = 9
"""Points per side of a voxel at which it is looked how much of it is inside."""


@dataclass(frozen=True)
class Face:
    """A face and points about it.

    Attributes
    ----------
    mask : 0 and 1, or the part of each voxel that is inside. spacing : nm.
    points : (n, d) nm. true : (n,) their distances (nm), positive inside. feet : (n, d) their nearest points.
    normals : (n, d) unit vectors inwards there. voxel : (n,) extent of a voxel along them (nm). radius : nm, infinite of a plane.
    """

    mask: NDArray[Any]
    spacing: Real
    points: Real
    true: Real
    feet: Real
    normals: Real
    voxel: Real
    radius: float


def random_face(rng: np.random.Generator, d: int, voxels: float, *, graded: bool = False, n: int = 8) -> Face:
    """A ball of a radius of `voxels` (of the longest side of a voxel), or of 0 a half space; sides differ by up to five times."""
    spacing = np.exp(rng.uniform(0, np.log(5.0), d))
    spacing *= 2.0 / spacing.min()
    if voxels:
        radius = voxels * spacing.max()
        centre = radius + (4 + rng.uniform(0, 1, d)) * spacing
        shape = tuple(np.ceil(2 * centre / spacing).astype(int) + 1)
        units = rng.normal(size=(n, d))
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        true = radius * (1 - rng.uniform(0.3, 1.3, n))
        feet, normals = centre + radius * units, -units
        mask = _drawn(shape, spacing, lambda at: radius - np.linalg.norm(at - centre, axis=-1), graded)
        points = feet + true[:, None] * normals
    else:
        radius, half = np.inf, {2: 120, 3: 24}[d]
        normal = rng.normal(size=d)
        normal /= np.linalg.norm(normal)
        offset = (spacing * (half + rng.uniform(0, 1, d))) @ normal
        points = spacing * half + rng.uniform(-6, 6, (n, d)) * spacing
        true = points @ normal - offset
        feet, normals = points - true[:, None] * normal, np.tile(normal, (n, 1))
        mask = _drawn((2 * half + 1,) * d, spacing, lambda at: at @ normal - offset, graded)
    return Face(mask, spacing, points, true, feet, normals, np.linalg.norm(normals * spacing, axis=1), radius)


def _drawn(shape: tuple[int, ...], spacing: Real, depth: Any, graded: bool) -> NDArray[Any]:
    at = np.stack(np.meshgrid(*[np.arange(k) * s for k, s in zip(shape, spacing, strict=True)], indexing="ij"), -1)
    if not graded:
        return np.asarray(depth(at) >= 0)
    share = np.zeros(shape)
    steps = (np.arange(FINE) - (FINE - 1) / 2) / FINE
    for shift in np.stack(np.meshgrid(*[steps] * len(shape), indexing="ij"), -1).reshape(-1, len(shape)):
        share += depth(at + shift * spacing) >= 0
    return share / FINE ** len(shape)


def left_open(face: Face, k: int) -> tuple[float, float]:
    """How far (voxels, inwards) a line or circle with the same mask can be from the true one at the foot of point `k`.

    All that have this mask answer linear inequalities; the ends come from a solver that the package does not use. Two axes only.
    """
    inside = np.asarray(face.mask, bool)
    edge = np.zeros_like(inside)
    for axis in range(2):
        changes = np.diff(inside, axis=axis)
        for shift in (0, 1):
            part = [slice(None), slice(None)]
            part[axis] = slice(shift, shift + changes.shape[axis])
            edge[tuple(part)] |= changes
    at = np.argwhere(edge)
    unit = float(face.spacing.max()) * 40
    x = (at * face.spacing - face.feet[k]) / unit
    side = np.where(inside[tuple(at.T)], 1.0, -1.0)
    normal = face.normals[k]
    terms = np.column_stack([np.ones(len(x)), x @ np.array([-normal[1], normal[0]])])
    if np.isfinite(face.radius):
        terms = np.column_stack([terms, (x**2).sum(axis=1)])
    ends = []
    for way in (1.0, -1.0):
        goal = np.zeros(terms.shape[1])
        goal[0] = way
        found = linprog(goal, A_ub=-side[:, None] * terms, b_ub=side * (x @ normal), bounds=(None, None), method="highs")
        # A face whose value at the foot is c has passed it by -c inwards.
        ends.append(-way * float(found.fun) * unit / face.voxel[k] if found.success else way * np.inf)
    return min(ends), max(ends)
