"""The plasma membrane as a line or a surface in nm, and distances to it that know no voxels.

A membrane comes from a mask or labels (its face lies between voxels, see `_surface.smoothed`), from drawn lines, or is traced
between clicked points. Distances are to the nearest point of its segments or triangles, so they are exact for that line or
surface, whatever the spacing: touching objects are 0 nm apart, not one voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from exotrack.em._crossings import Crossings
from exotrack.em._nearest import Nearest
from exotrack.em._streamed import Streamed, face_of
from exotrack.em._surface import SIGMA_BAND, SIGMA_SOLID, dense, faces_of, is_band, joined, lofted, smoothed
from exotrack.em._trace import path, refined, sigmas
from exotrack.errors import InputError
from exotrack.io.voxels import Voxels

Real = NDArray[np.float64]
Kind = Literal["auto", "cell", "outside", "band"]
TRACED_NM = 7.5
"""Thickness of a traced membrane if none is given: a stained plasma membrane."""
BESIDE = 2.0
"""Distance from a face, in voxels, up to which its slope says on which side a point is: the mask is smoothed over less."""
LINE_NM = 5.0
"""Drawn lines get points this close, so that quick distances to them are good."""


@dataclass(frozen=True)
class Membrane:
    """A plasma membrane.

    Attributes
    ----------
    vertices : (n, d) points in nm, (y, x) or (z, y, x).
    faces : (m, 2) segments or (m, 3) triangles.
    half_nm : half of its thickness where the faces are its middle; 0 where they are its inner face. Taken off every distance.
    source : cell, outside, band, lines or traced.
    resolution_nm : half of the coarsest spacing: finer distances are not in the image.
    """

    vertices: Real
    faces: NDArray[np.int64]
    source: str
    resolution_nm: float
    half_nm: float = 0.0
    level: NDArray[np.float32] | None = field(default=None, repr=False)
    spacing_nm: tuple[float, ...] = ()
    inside_nm: tuple[float, ...] | None = None
    steps: Crossings | None = field(default=None, repr=False)
    streamed: Streamed | None = field(default=None, repr=False)

    @classmethod
    def from_mask(cls, mask: ArrayLike, spacing_nm: Sequence[float], kind: Kind = "auto") -> Membrane:
        """The face of a mask, 2D or 3D.

        Parameters
        ----------
        mask : (y, x) or (z, y, x), true or not 0 in what `kind` says. Fractions from 0 to 1 (a probability, the part of a
            voxel) are taken at their word: the face is where they pass 0.5.
        spacing_nm : one length per axis.
        kind : `cell` is the cell's inside, `outside` all else: distances are positive in the cell, negative beyond. `band` is the
            membrane itself: distances are from its nearer face, negative within. `auto` takes a mask nowhere thicker than 40 nm
            for a band, else for the cell.

        Raises `InputError` if the mask is empty, full, of other than two or three axes, or no mask.
        """
        share = _mask(mask, spacing_nm)
        whole = share >= 0.5 if share.dtype.kind == "f" else share
        if kind == "auto":
            kind = "band" if is_band(whole, spacing_nm) else "cell"
        graded = not np.array_equal(share, whole)
        values = smoothed(share, SIGMA_BAND if graded or kind == "band" else SIGMA_SOLID)
        vertices, faces = faces_of(values, spacing_nm)
        if not len(faces):
            raise InputError("membrane: the mask is so thin that it has no face; draw it at least two pixels wide")
        turned = kind in ("outside", "band")
        values -= np.float32(0.5)
        level = np.negative(values, out=values) if turned else values
        steps = Crossings((~whole if not graded else 1 - share) if turned else share, spacing_nm)
        spacing = tuple(map(float, spacing_nm))
        return cls(vertices, faces, kind, 0.5 * max(spacing), level=level, spacing_nm=spacing, steps=steps)

    @classmethod
    def from_voxels(cls, voxels: Voxels, spacing_nm: Sequence[float], kind: Kind = "auto", name: str = "membrane") -> Membrane:
        """As `from_mask`, of a mask that is read in blocks and never held whole; `spacing_nm` has two axes for one section."""
        vertices, faces, found, level, steps = face_of(voxels, spacing_nm, kind, name)
        spacing = tuple(map(float, spacing_nm))
        return cls(vertices, faces, found, 0.5 * max(spacing), spacing_nm=spacing, steps=steps, streamed=level)

    @classmethod
    def from_labels(cls, labels: ArrayLike, spacing_nm: Sequence[float], label: int, kind: Kind = "auto") -> Membrane:
        """The face of one label of a label image; raises `InputError` if there is no such label."""
        values = np.asarray(labels)
        if values.dtype.kind == "f":
            raise InputError("membrane: labels are fractions (float); give whole numbers")
        if not (values == label).any():
            known = ", ".join(map(str, np.unique(values)[:8]))
            raise InputError(f"membrane: no pixel has label {label}; found {known}")
        return cls.from_mask(values == label, spacing_nm, kind)

    @classmethod
    def from_lines(
        cls,
        lines: Sequence[ArrayLike],
        inside_nm: Sequence[float] | None = None,
        thickness_nm: float = 0.0,
        resolution_nm: float = 0.0,
    ) -> Membrane:
        """Drawn lines (n, 2) of y, x or (n, 3) of z, y, x, in nm.

        Lines of constant z in several planes, one in each, are joined to a surface. `inside_nm` is any point in the cell, which
        gives distances a sign (of single lines in 2D); without it all are positive. `thickness_nm` is that of the membrane if the
        lines follow its middle, 0 if they follow its inner face.

        Raises `InputError` for no line, a line of one point, or points that are no numbers.
        """
        ready = [np.asarray(line, float) for line in lines]
        if not ready or any(line.ndim != 2 or len(line) < 2 or line.shape[1] not in (2, 3) for line in ready):
            raise InputError("membrane: a line needs at least two points (y, x) or (z, y, x); draw it again")
        if any(line.shape[1] != ready[0].shape[1] or not np.isfinite(line).all() for line in ready):
            raise InputError("membrane: points of lines are missing or of mixed dimension; draw it again")
        planes = [float(line[0, 0]) for line in ready] if ready[0].shape[1] == 3 else []
        ready = [dense(line, LINE_NM) for line in ready]
        flat = bool(planes) and all(np.ptp(line[:, 0]) == 0 for line in ready)
        if flat and len(set(planes)) == len(planes) > 1:
            vertices, faces = lofted([ready[k] for k in np.argsort(planes)])
        else:
            vertices, faces = joined(ready)
        point = None if inside_nm is None else tuple(map(float, inside_nm))
        return cls(vertices, faces, "lines", resolution_nm, thickness_nm / 2, inside_nm=point)

    @property
    def ndim(self) -> int:
        """2 for a line in a section, 3 for a surface."""
        return int(self.vertices.shape[1])

    @cached_property
    def nearest(self) -> Nearest:
        """Finds nearest points; made when first used."""
        return Nearest(self.vertices, self.faces)

    def distances(self, points_nm: ArrayLike) -> tuple[Real, Real]:
        """Signed distance (n,) of points (n, d) in nm and the nearest points (n, d); half the thickness is taken off."""
        points = np.asarray(points_nm, float).reshape(-1, self.ndim)
        known = np.isfinite(points).all(axis=1)
        gaps, feet = np.full(len(points), np.nan), np.full(points.shape, np.nan)
        at = points[known]
        found, owner = self.nearest(at)
        if self.steps is not None:
            found = self.steps.refine(at, found, self._inwards(found))
            off = at - found
            # Only beside the face is the slope there surer than the mask itself: at a corner, as of a neck, it points anywhere.
            beside = np.linalg.norm(off, axis=1) < BESIDE * max(self.spacing_nm)
            across = np.where(np.einsum("ij,ij->i", off, self._inwards(found)) < 0, -1.0, 1.0)
            side = np.where(beside, across, self._signs(at, found, owner))
        else:
            side = self._signs(at, found, owner)
        feet[known] = found
        gaps[known] = np.linalg.norm(at - found, axis=1) * side - self.half_nm
        return gaps, feet

    def quick(self, points_nm: ArrayLike) -> Real:
        """As `distances`, to the middles of the faces only: good to a fraction of a nm, for many points."""
        points = np.asarray(points_nm, float).reshape(-1, self.ndim)
        gaps, owner = self.nearest.tree.query(points)
        feet = self.vertices[self.faces[owner]].mean(axis=1)
        return np.asarray(gaps * self._signs(points, feet, owner) - self.half_nm)

    @property
    def signed(self) -> bool:
        """Whether it is known on which side the cell lies."""
        return self.level is not None or self.streamed is not None or self.inside_nm is not None

    def _level_at(self, places: Real) -> Real:
        """The smoothed mask, positive in the cell, at places (n, d) in voxels."""
        if self.streamed is not None:
            return self.streamed.sample(places)
        assert self.level is not None
        return np.asarray(map_coordinates(self.level, places.T, order=1, mode="nearest"))

    def facing(self, inside_nm: Sequence[float]) -> Membrane:
        """The same membrane with the cell on the side of the point `inside_nm`; one that has a side keeps it."""
        return self if self.signed else replace(self, inside_nm=tuple(map(float, inside_nm)))

    def size(self) -> float:
        """Length (nm) of a line, or area (nm^2) of a surface."""
        corners = self.vertices[self.faces]
        if corners.shape[1] == 2:
            return float(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1).sum())
        return float(np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2)

    def _inwards(self, points: Real) -> Real:
        """Unit vectors (n, d) into the cell near the face: the slope of the smoothed mask."""
        spacing = np.asarray(self.spacing_nm)
        slope = np.empty_like(points)
        for axis in range(points.shape[1]):
            step = np.zeros(points.shape[1])
            step[axis] = 1.0
            ends = [self._level_at(points / spacing + way * step) for way in (1, -1)]
            slope[:, axis] = (ends[0] - ends[1]) / (2 * spacing[axis])
        return np.asarray(slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12))

    def _signs(self, points: Real, feet: Real, owner: NDArray[np.int64]) -> Real:
        if self.level is not None or self.streamed is not None:
            return np.where(self._level_at(points / np.asarray(self.spacing_nm)) >= 0, 1.0, -1.0)
        if self.inside_nm is None or self.ndim == 3:
            return np.ones(len(points))
        inside = np.asarray([self.inside_nm])
        foot, face = self.nearest(inside)
        side = self._side(inside, foot, face)[0]
        return np.where(self._side(points, feet, owner) * side < 0, -1.0, 1.0)

    def _side(self, points: Real, feet: Real, owner: NDArray[np.int64]) -> Real:
        """On which side of the line (+-) points are: across the mean of the segments that meet at the nearest point."""
        corners = self.vertices[self.faces]
        along = corners[:, 1] - corners[:, 0]
        along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
        mean = along[owner].copy()
        for end, step in ((0, -1), (1, 1)):
            other = np.clip(owner + step, 0, len(along) - 1)
            at_end = np.linalg.norm(feet - corners[owner, end], axis=1) < 1e-9
            at_end &= np.all(corners[other, 1 - end] == corners[owner, end], axis=1)
            mean[at_end] += along[other[at_end]]
        off = points - feet
        return np.asarray(mean[:, 1] * off[:, 0] - mean[:, 0] * off[:, 1])


def trace(
    image: ArrayLike,
    clicks_nm: ArrayLike,
    spacing_nm: Sequence[float],
    *,
    inside_nm: Sequence[float] | None = None,
    dark: bool | None = None,
    thickness_nm: float = TRACED_NM,
) -> Membrane:
    """Trace a membrane through clicked points: cheapest way along a ridge, then onto its middle, below a pixel.

    Parameters
    ----------
    image : (y, x) grey values.
    clicks_nm : (n, 2) y, x of at least two points on the membrane, in order.
    spacing_nm : distance of rows and columns.
    inside_nm : a point in the cell, for the sign of distances.
    dark : whether the membrane is darker than its surroundings; None takes what is followed better.
    thickness_nm : of the membrane; half of it is taken off distances, since the middle is traced.

    Raises `InputError` for fewer than two clicks, clicks outside of the image, or an image that is not (y, x).
    """
    pixels, clicks = np.asarray(image), np.asarray(clicks_nm, float)
    if pixels.ndim != 2:
        raise InputError(f"membrane: tracing needs one section (y, x), the image has {pixels.ndim} axes; give one section")
    if clicks.ndim != 2 or clicks.shape[1] != 2 or len(clicks) < 2 or not np.isfinite(clicks).all():
        raise InputError("membrane: tracing needs at least two clicked points (y, x); click along the membrane")
    step = (float(spacing_nm[-2]), float(spacing_nm[-1]))
    places = clicks / np.asarray(step)
    if (places < -0.5).any() or (places > np.asarray(pixels.shape) - 0.5).any():
        raise InputError(f"membrane: a clicked point lies outside of the image of {pixels.shape[0]} x {pixels.shape[1]} pixels")
    places = np.clip(places, 0, np.asarray(pixels.shape) - 1)
    tried = {way: path(pixels, places, sigmas(thickness_nm, step), way) for way in ((True, False) if dark is None else (dark,))}
    followed = max(tried, key=lambda way: tried[way][1])
    line = refined(pixels, tried[followed][0] * np.asarray(step), step, thickness_nm, followed)
    vertices, faces = joined([line])
    point = None if inside_nm is None else tuple(map(float, inside_nm))
    return Membrane(vertices, faces, "traced", max(step) / 2, thickness_nm / 2, inside_nm=point)


def _mask(mask: ArrayLike, spacing_nm: Sequence[float]) -> NDArray[Any]:
    """The mask as fractions from 0 to 1; raises `InputError` for what is no mask."""
    values = np.asarray(mask)
    if values.ndim not in (2, 3) or len(spacing_nm) != values.ndim:
        raise InputError(f"membrane: the mask has {values.ndim} axes and {len(spacing_nm)} spacings; give (y, x) or (z, y, x)")
    if not all(np.isfinite(s) and s > 0 for s in spacing_nm):
        raise InputError(f"membrane: spacing {tuple(spacing_nm)} nm is not positive; give --spacing-nm")
    if values.dtype.kind == "f" and not ((values >= 0) & (values <= 1)).all():
        raise InputError("membrane: the mask holds fractions beyond 0 to 1 or no numbers (float); give 0 and 1, or whole numbers")
    share = np.asarray(values, np.float32) if values.dtype.kind == "f" else np.asarray(values != 0)
    whole = share >= 0.5 if values.dtype.kind == "f" else share
    if not whole.any():
        raise InputError("membrane: the mask is empty (all 0); mark the membrane or the cell in it")
    if whole.all():
        raise InputError("membrane: the mask covers the whole image, so no membrane is in it; leave the outside 0")
    return share
