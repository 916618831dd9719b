"""The exact nearest point of a polyline or a mesh of triangles, with no grid in between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Real = NDArray[np.float64]
FIRST = 8
"""Faces tried for a first bound of the distance."""


class Nearest:
    """Nearest points of faces.

    Parameters
    ----------
    vertices : (n, d) points, d = 2 or 3.
    faces : (m, 2) segments or (m, 3) triangles: numbers of their vertices.
    """

    def __init__(self, vertices: Real, faces: NDArray[np.integer[Any]]) -> None:
        self.corners = np.asarray(vertices, float)[faces]
        middle = self.corners.mean(axis=1)
        self.reach = float(np.linalg.norm(self.corners - middle[:, None], axis=2).max())
        self.tree = cKDTree(middle)

    def __call__(self, points: Real) -> tuple[Real, NDArray[np.int64]]:
        """Nearest point (n, d) of the faces to each of `points` (n, d), and the number (n,) of its face."""
        points = np.asarray(points, float)
        tried = self.tree.query(points, k=np.arange(min(FIRST, len(self.corners))) + 1)[1]
        feet = np.empty_like(points)
        owner = np.empty(len(points), np.int64)
        for number, point in enumerate(points):
            bound, *_ = self._best(point, tried[number])
            # A face whose middle is farther than the bound and its own reach cannot hold the nearest point.
            near = np.array(self.tree.query_ball_point(point, bound + self.reach + 1e-9), np.int64)
            _, feet[number], owner[number] = self._best(point, near)
        return feet, owner

    def bound(self, points: Real) -> Real:
        """What the distance is at most: that to the middle of the nearest face; at least this less `reach`."""
        return np.asarray(self.tree.query(np.asarray(points, float))[0], float)

    def _best(self, point: Real, which: NDArray[np.int64]) -> tuple[float, Real, int]:
        found = on_faces(point, self.corners[which])
        gaps = np.linalg.norm(found - point, axis=1)
        best = int(np.argmin(gaps))
        return float(gaps[best]), found[best], int(which[best])


def on_faces(point: Real, corners: Real) -> Real:
    """Point of each face (m, 2 or 3 corners, d) that is nearest to `point` (d,)."""
    if corners.shape[1] == 2:
        return on_segments(point, corners[:, 0], corners[:, 1])
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    edges = np.stack([on_segments(point, p, q) for p, q in ((a, b), (b, c), (c, a))])
    best = np.argmin(np.linalg.norm(edges - point, axis=2), axis=0)
    found = edges[best, np.arange(len(a))]
    normal = np.cross(b - a, c - a)
    size2 = np.einsum("ij,ij->i", normal, normal)
    flat = size2 > 1e-24
    height = np.einsum("ij,ij->i", point - a, normal) / np.where(flat, size2, 1.0)
    foot = point - height[:, None] * normal
    inside = flat.copy()
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= np.einsum("ij,ij->i", np.cross(q - p, foot - p), normal) >= 0
    found[inside] = foot[inside]
    return np.asarray(found)


def on_segments(point: Real, start: Real, end: Real) -> Real:
    """Point of each segment from `start` to `end` (m, d) that is nearest to `point` (d,)."""
    along = end - start
    length2 = np.einsum("ij,ij->i", along, along)
    share = np.einsum("ij,ij->i", point - start, along) / np.where(length2 > 0, length2, 1.0)
    return np.asarray(start + np.clip(share, 0, 1)[:, None] * along)
