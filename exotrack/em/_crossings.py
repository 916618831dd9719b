"""The face of a mask below the size of a voxel: a quadric (plane, sphere, cylinder, ...) between the voxels inside and outside.

Of a mask of 0 and 1 only one thing is known: each voxel's centre is inside or not. The quadric that parts the two kinds with the
widest margin is found by logistic regression. Many voxels must agree on few numbers, so the face is known far better than to a
voxel. Of fractions, the place between two neighbours is reckoned, and the quadric goes through these places by least squares. A
quadric stays one when axes are stretched, so spheres and planes are exact for any spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from exotrack.em._midway import logistic, midway

Real = NDArray[np.float64]
Part = tuple[NDArray[np.int64], Real, Real]
REACH = {2: (120.0, 40.0, 24.0, 14.0, 8.0, 5.0), 3: (40.0, 20.0, 10.0, 5.0, 3.5)}
"""Radius in voxels within which a face is fitted, by the number of axes: wide first, narrower where it is no quadric so far."""
MOST = 1500
"""Neighbours used at most, evenly taken: more cost time and tell little."""
WRONG = 0.004
"""Part of the voxels on the wrong side of the quadric above which a narrower one is tried."""
ROUGH = (0.06, 0.36)
"""Scatter of fractional places about the quadric (voxels) above which a narrower one is tried; the second is for the last."""
FARTHEST = 1.0
"""The face is moved by no more than this (voxels)."""


@dataclass(frozen=True, eq=False)
class _Quadric:
    """constant + slope . u + u . bend . u, u = (x - foot) / scale; positive inside."""

    foot: Real
    scale: Real
    constant: float
    slope: Real
    bend: Real

    def look(self, x: Real) -> tuple[float, Real, Real]:
        """Value, gradient and second derivatives at x, per nm."""
        u = (x - self.foot) / self.scale
        bent = self.bend @ u
        value = self.constant + float(self.slope @ u + u @ bent)
        return value, (self.slope + 2 * bent) / self.scale, 2 * self.bend / self.scale / self.scale[:, None]


class Crossings:
    """Where a mask changes between neighbours; `refine` moves nearest points onto the quadric through those around them.

    share : true or false inside, or the part of each voxel that is inside, from 0 to 1.
    """

    def __init__(self, share: NDArray[Any], spacing_nm: Sequence[float]) -> None:
        self._set(crossings_in(share), spacing_nm, share.shape, share.dtype.kind == "f")

    @classmethod
    def joined(cls, blocks: Sequence[list[Part]], spacing_nm: Sequence[float], shape: Sequence[int], graded: bool) -> Crossings:
        """From those of blocks (for each a list by axis), whatever the blocks."""
        whole = cls.__new__(cls)
        parts = []
        for axis in range(len(shape)):
            found, towards, places = (np.concatenate(each) for each in zip(*(block[axis] for block in blocks), strict=True))
            order = np.lexsort(found.T[::-1])
            parts.append((found[order], towards[order], places[order]))
        whole._set(parts, spacing_nm, shape, graded)
        return whole

    def _set(self, parts: list[Part], spacing_nm: Sequence[float], shape: Sequence[int], graded: bool) -> None:
        self.spacing: Real = np.asarray(spacing_nm, np.float64)
        self.ends: tuple[Real, Real] = (-0.5 * self.spacing, (np.array(shape) - 0.5) * self.spacing)
        self.graded = graded
        self.firsts, self.steps, self.places = (np.concatenate(each) for each in zip(*parts, strict=True))
        self.tree = cKDTree(self.places)

    def refine(self, points: Real, feet: Real, inwards: Real) -> Real:
        """Nearest points (n, d) on the face.

        points, feet : (n, d) in nm, points and their nearest points on the rough face. inwards : (n, d) unit vectors across the
        face, into the mask.
        """
        moved = feet.copy()
        # At a corner a quadric is no face, and its nearest point may lie far from the mask.
        most = FARTHEST * float(self.spacing.max())
        for number, (point, foot, normal) in enumerate(zip(points, feet, inwards, strict=True)):
            for reach in REACH[feet.shape[1]]:
                better = self._fitted(point, foot, normal, reach)
                if better is not None and abs(np.linalg.norm(point - better) - np.linalg.norm(point - foot)) <= most:
                    moved[number] = better
                    break
        return moved

    def _fitted(self, point: Real, foot: Real, normal: Real, reach: float) -> Real | None:
        every = np.array(self.tree.query_ball_point(foot / self.spacing, reach, return_sorted=True), np.int64)
        # The other face of a thin band, or the other wall of a pit, turns the other way.
        near = every[(self.steps[every] * self.spacing) @ normal > 0]
        d = len(foot)
        if len(near) < (d + 1) * (d + 2):
            return None
        found = None
        if not self.graded and len(near) < len(every):
            # All around a small cell there is twice as much to go by as on one side of it, if a single sphere parts it all.
            found = self._parting(_thinned(every), foot, normal, reach, (("sphere", 0.0),))
        if found is None and self.graded:
            found = self._through(_thinned(near), foot, normal, reach, reach == REACH[d][-1])
        elif found is None:
            found = self._parting(_thinned(near), foot, normal, reach, _kinds(d, reach))
        most = FARTHEST * float(np.linalg.norm(normal * self.spacing))
        return None if found is None else _nearest(found, point, normal, most, self.ends)

    def _parting(
        self, near: NDArray[np.int64], foot: Real, normal: Real, reach: float, kinds: tuple[tuple[str, float], ...]
    ) -> _Quadric | None:
        """Between voxels inside and outside: the first of `kinds` that leaves no greater part of them on the wrong side."""
        step = self.steps[near]
        first, second = self.firsts[near], self.firsts[near] + np.abs(step)
        here = np.concatenate([first, second]) - foot / self.spacing
        side = np.concatenate([-step.sum(axis=1), step.sum(axis=1)])
        u, d, scale = here / reach, len(foot), reach * self.spacing
        round_ = (scale / scale.max()) ** 2
        terms = _terms(u)
        for kind, most in kinds:
            if d == 2 and kind != "quadric":
                middle = midway(u * scale / scale.max(), side, normal, kind == "sphere")
                if middle is None:
                    continue
                return _Quadric(foot, scale, middle.constant, middle.slope * scale / scale.max(), np.diag(middle.bend * round_))
            bend = (
                np.zeros((len(u), 0)) if kind == "plane" else (u**2 @ round_)[:, None] if kind == "sphere" else terms[:, 1 + d :]
            )
            looked = np.column_stack([terms[:, : 1 + d], bend])
            found = logistic(looked, side)
            if np.mean(looked @ found * side <= 0) <= most:
                curved = np.diag(found[-1] * round_) if kind == "sphere" else _square(found[1 + d :], d)
                return _Quadric(foot, scale, float(found[0]), found[1 : 1 + d], curved)
        return None

    def _through(self, near: NDArray[np.int64], foot: Real, normal: Real, reach: float, last: bool) -> _Quadric | None:
        """Through places between voxels."""
        here = (self.places[near] - foot / self.spacing) / reach
        across = normal * self.spacing / np.linalg.norm(normal * self.spacing)
        side = tangents(across)
        terms = _terms(here)
        # Of the first powers, the one across the face is 1; the others turn it.
        free = np.column_stack([terms[:, :1], here @ side.T, terms[:, 1 + len(foot) :]])
        found: Real = np.asarray(np.linalg.lstsq(free, -here @ across, rcond=None)[0], np.float64)
        rough = float(np.sqrt(np.mean((free @ found + here @ across) ** 2))) * reach
        if rough > ROUGH[last]:
            return None
        slope = across + found[1 : len(foot)] @ side
        return _Quadric(foot, reach * self.spacing, float(found[0]), slope, _square(found[len(foot) :], len(foot)))


def _kinds(d: int, reach: float) -> tuple[tuple[str, float], ...]:
    """Faces that are tried, and the part of the voxels that each may leave on the wrong side.

    A plane or a sphere has fewer numbers than a quadric, so the voxels tell them better: if one parts all, it is taken. In two
    axes the widest reach is for lines and circles only.
    """
    simple = (("plane", 0.0), ("sphere", 0.0))
    if d == 2 and reach == REACH[2][0]:
        return simple
    return (*simple, ("quadric", 1.0 if reach == REACH[d][-1] else WRONG))


def _thinned(near: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST` of them, evenly taken."""
    return near[:: -(-len(near) // MOST)] if len(near) else near


def tangents(normal: Real) -> Real:
    """Unit vectors (d - 1, d) along the face."""
    if len(normal) == 2:
        return np.array([[-normal[1], normal[0]]])
    other = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, other)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)])


def crossings_in(share: NDArray[Any]) -> list[Part]:
    """By axis: voxels (n, d) whose next one is on the other side, unit steps into the mask, and places between the two."""
    graded, parts = share.dtype.kind == "f", []
    inside = share >= 0.5 if graded else share
    for axis in range(share.ndim):
        found, step = _changes(inside, axis)
        towards = np.zeros((len(found), share.ndim))
        towards[:, axis] = step  # into the mask
        along = _between(share, found, axis, step) if graded else np.full(len(found), 0.5)
        parts.append((found, towards, found + along[:, None] * (np.arange(share.ndim) == axis)))
    return parts


def _changes(inside: NDArray[np.bool_], axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxels (n, d) whose next one along `axis` is on the other side, and +1 where that one is inside, else -1."""
    first, second = (np.take(inside, range(*ends), axis) for ends in ((0, inside.shape[axis] - 1), (1, inside.shape[axis])))
    found = np.argwhere(first != second)
    return found, np.where(second[tuple(found.T)], 1, -1)


def _between(share: NDArray[Any], found: NDArray[np.int64], axis: int, step: NDArray[np.int64]) -> Real:
    """Where the face lies after each voxel, in voxels along `axis`.

    A face that crosses the axis steeply has voxels that are wholly in or out on both sides, and the parts in between add up to
    its place. One that runs along the axis changes slowly, and is where the share passes 0.5.
    """
    last = share.shape[axis] - 1
    values = []
    for shift in (-1, 0, 1, 2):
        at = found.copy()
        at[:, axis] = np.clip(at[:, axis] + shift, 0, last)
        values.append(share[tuple(at.T)].astype(float))
    # Turned so that the first is inside.
    a, b, c, d = (np.where(step > 0, 1 - value, value) for value in values)
    line = (b - 0.5) / np.maximum(b - c, 1e-6)
    summed = a + b + c + d - 1.5
    inner = (found[:, axis] >= 1) & (found[:, axis] + 2 <= last)
    return np.asarray(np.where(inner & (a > 0.99) & (d < 0.01), summed, line))


def _terms(u: Real) -> Real:
    """1, u, and all products of two of u: (n, 6) in a plane, (n, 10) in space."""
    rows, columns = np.triu_indices(u.shape[1])
    return np.column_stack([np.ones(len(u)), u, u[:, rows] * u[:, columns]])


def _square(found: Real, d: int) -> Real:
    """Weights of the products as a symmetric matrix (d, d); of none, zeros."""
    bend = np.zeros((d, d))
    if len(found):
        bend[np.triu_indices(d)] = found
    return np.asarray((bend + bend.T) / 2)


def _nearest(face: _Quadric, point: Real, normal: Real, most: float, ends: tuple[Real, Real]) -> Real | None:
    """The point of the face that is nearest to `point`; None if it lies more than `most` (nm) off across the rough face.

    ends : lowest and highest places (nm) of the mask; what a quadric does beyond them is no face.
    """
    x = _onto(face, face.foot.copy())
    if x is None or abs((x - face.foot) @ normal) > most:
        return None
    d = len(x)
    for _ in range(12):
        _, slope, bend = face.look(x)
        length = np.linalg.norm(slope)
        across = slope / length
        away = point - x
        flat = np.eye(d) - np.outer(across, across)
        # Where the point lies near the centre of curvature the step would run away.
        curved = np.eye(d) + (away @ across) * flat @ bend @ flat / length
        step = np.linalg.solve(curved if np.linalg.eigvalsh((curved + curved.T) / 2)[0] > 0.2 else np.eye(d), flat @ away)
        size = float(np.linalg.norm(step))
        reach = 0.3 * float(face.scale.min())
        moved = _onto(face, x + step * min(1.0, reach / max(size, 1e-12)))
        if moved is None or float(np.linalg.norm(moved - face.foot)) > float(face.scale.max()):
            break
        if (moved < ends[0]).any() or (moved > ends[1]).any():
            moved = _onto(face, _stopped(x, moved, ends))
            return x if moved is None or (moved < ends[0] - most).any() or (moved > ends[1] + most).any() else moved
        x = moved
        if size < 1e-6 * reach:
            break
    return x


def _stopped(start: Real, end: Real, ends: tuple[Real, Real]) -> Real:
    """Where the way from start to end leaves the mask."""
    way = end - start
    room = np.where(way > 0, ends[1] - start, start - ends[0])
    share = np.where(way == 0, 1.0, room / np.maximum(np.abs(way), 1e-12))
    return np.asarray(start + way * float(np.clip(share.min(), 0.0, 1.0)))


def _onto(face: _Quadric, x: Real) -> Real | None:
    """From near the face onto it, along its slope."""
    for _ in range(6):
        value, slope, _ = face.look(x)
        square = float(slope @ slope)
        if square < 1e-24:
            return None
        x = x - value / square * slope
    return x if np.isfinite(x).all() else None
