"""A mask too large for memory: read in blocks, of which only the face is kept, and for each voxel one bit.

The face between two voxels belongs to the block that holds the first of them, and each block sees as far into its neighbours as
the smoothing reaches, so that the face is the one of the mask as a whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates

from exotrack.em._crossings import Crossings, Part, crossings_in
from exotrack.em._surface import BAND_NM, SIGMA_BAND, SIGMA_SOLID, faces_of, smoothed
from exotrack.em._surface import joined as joined_lines
from exotrack.errors import InputError
from exotrack.io.voxels import Voxels

Real = NDArray[np.float64]
Slices = tuple[slice, ...]
SIDE = {2: 2048, 3: 192}
"""Side of a block in voxels, by the number of axes."""
HALO = 9
"""Voxels of the neighbours that a block sees: the smoothing reaches 6, the face between two blocks one more."""
NEAR = 8.0
"""Distance from the face (voxels) beyond which a place is plainly inside or outside."""
TILE = 256
"""Side of the pieces in which the smoothed mask is reckoned again where it is asked for."""
COARSE = 16_000_000
"""Voxels of the coarse picture of where the cell is."""


class Streamed:
    """The smoothed mask of `membrane.Membrane`, less 0.5 and positive in the cell, reckoned where it is asked for."""

    def __init__(self, source: _Source, turned: bool, sigma: float) -> None:
        self.source, self.turned, self.sigma = source, turned, sigma
        self.shape = source.shape
        self.bits = np.zeros((*self.shape[:-1], -(-self.shape[-1] // 8)), np.uint8)
        self.steps: Crossings | None = None

    def field(self, window: Slices) -> NDArray[np.float32]:
        """The smoothed mask from 0 to 1 in a window and `HALO` around it, and where that begins."""
        return smoothed(self.source.share(window), self.sigma)

    def keep(self, window: Slices, share: NDArray[Any]) -> None:
        """Remember which voxels of a window lie in the cell; it begins at a multiple of 8 along the last axis."""
        inside = (share >= 0.5) != self.turned
        last = window[-1]
        self.bits[(*window[:-1], slice(last.start // 8, -(-last.stop // 8)))] = np.packbits(inside, axis=-1)

    def inside(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether voxels (n, axes) lie in the cell."""
        at = np.clip(places, 0, np.array(self.shape) - 1)
        column = at[:, -1]
        octet = self.bits[(*at[:, :-1].T, column // 8)]
        return np.asarray((octet >> (7 - column % 8).astype(np.uint8)) & 1, bool)

    def sample(self, places: Real) -> Real:
        """Values at places (n, axes) in voxels: exact near the face, +-0.5 elsewhere."""
        assert self.steps is not None
        values = np.where(self.inside(np.rint(places).astype(np.int64)), 0.5, -0.5)
        near = np.flatnonzero(np.isfinite(self.steps.tree.query(places, distance_upper_bound=NEAR)[0]))
        tiles: NDArray[np.int64] = np.floor(np.clip(places[near], 0, np.array(self.shape) - 1) / TILE).astype(np.int64)
        for tile in np.unique(tiles, axis=0):
            mine = near[(tiles == tile).all(axis=1)]
            window = tuple(
                slice(max(int(k) * TILE - HALO, 0), min((int(k) + 1) * TILE + HALO, n))
                for k, n in zip(tile, self.shape, strict=True)
            )
            field = self.field(window) - np.float32(0.5)
            first = np.array([part.start for part in window])
            found = map_coordinates(field, (places[mine] - first).T, order=1, mode="nearest")
            values[mine] = -found if self.turned else found
        return values

    def coarse(self) -> tuple[NDArray[np.bool_], int]:
        """A mask of every k-th voxel (k odd): true where all voxels nearer to it than to the next lie in the cell; and k."""
        k = 1
        while np.prod([-(-n // k) for n in self.shape]) > COARSE:
            k += 2
        half = k // 2
        counts = [-(-n // k) for n in self.shape]
        free = np.ones(counts, bool)
        for index in np.ndindex(*counts[:-1]):
            around = tuple(slice(max(i * k - half, 0), i * k + half + 1) for i in index)
            rows = np.unpackbits(self.bits[around], axis=-1, count=self.shape[-1])
            row = rows.reshape(-1, self.shape[-1]).min(axis=0)
            padded = np.ones(counts[-1] * k, np.uint8)
            padded[half : half + min(len(row), len(padded) - half)] = row[: len(padded) - half]
            free[index] = padded.reshape(-1, k).all(axis=1)
        return free, k


class _Source:
    """A mask as fractions from 0 to 1, in windows; two axes where there is one section."""

    def __init__(self, voxels: Voxels, spacing_nm: Sequence[float], name: str) -> None:
        self.voxels, self.name = voxels, name
        self.spacing = tuple(map(float, spacing_nm))
        self.shape = voxels.shape[3 - len(self.spacing) :]

    def share(self, window: Slices) -> NDArray[Any]:
        """The mask in a window: true and false, or single precision of a probability."""
        whole = window if len(window) == 3 else (slice(0, 1), *window)
        values = self.voxels.read(*whole)
        values = values if len(window) == 3 else values[0]
        if values.dtype.kind != "f":
            return np.asarray(values != 0)
        if not ((values >= 0) & (values <= 1)).all():
            raise InputError(
                f"{self.name}: the mask holds fractions beyond 0 to 1 or no numbers (float); give 0 and 1, or whole numbers"
            )
        return values.astype(np.float32)

    def blocks(self) -> Iterator[Slices]:
        """Blocks that cover the mask."""
        side = SIDE[len(self.shape)]
        parts = [[slice(a, min(a + side, n)) for a in range(0, n, side)] for n in self.shape]
        yield from itertools.product(*parts)

    def around(self, block: Slices, halo: Sequence[int]) -> Slices:
        """A block with its neighbours' voxels."""
        return tuple(
            slice(max(part.start - h, 0), min(part.stop + h, n)) for part, h, n in zip(block, halo, self.shape, strict=True)
        )

    def surveyed(self) -> tuple[bool, bool]:
        """Whether the mask holds fractions, and whether it is so thin that it is the membrane; `InputError` for an empty one."""
        some, every, graded, thin = False, True, False, True
        reach = [int(np.ceil(BAND_NM / step)) + 2 for step in self.spacing]
        for block in self.blocks():
            window = self.around(block, reach)
            inner = _inner(block, window)
            share = self.share(window)
            whole = share >= 0.5
            graded |= share.dtype.kind == "f" and not np.array_equal(share, whole)
            some, every = some or bool(whole[inner].any()), every and bool(whole[inner].all())
            if thin and whole[inner].any():
                deep = distance_transform_edt(np.pad(whole, 1, mode="edge"), sampling=self.spacing)
                thin = bool(deep[(slice(1, -1),) * whole.ndim][inner].max() <= BAND_NM)
        if not some:
            raise InputError(f"{self.name}: membrane: the mask is empty (all 0); mark the membrane or the cell in it")
        if every:
            raise InputError(
                f"{self.name}: membrane: the mask covers the whole image, so no membrane is in it; leave the outside 0"
            )
        return graded, thin


def _inner(block: Slices, window: Slices) -> Slices:
    """Where a block lies in its window."""
    return tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(block, window, strict=True))


def face_of(
    voxels: Voxels, spacing_nm: Sequence[float], kind: str, name: str
) -> tuple[Real, NDArray[np.int64], str, Streamed, Crossings]:
    """Vertices and faces, the kind that was found, the smoothed mask, and where it changes."""
    source = _Source(voxels, spacing_nm, name)
    graded, thin = source.surveyed()
    if kind == "auto":
        kind = "band" if thin else "cell"
    turned = kind in ("outside", "band")
    level = Streamed(source, turned, SIGMA_BAND if graded or kind == "band" else SIGMA_SOLID)
    corners, faces, changes, count = [], [], [], 0
    for block in source.blocks():
        window = source.around(block, [HALO] * len(block))
        share = source.share(window)
        whole = share >= 0.5
        first = np.array([part.start for part in window])
        inner = _inner(block, window)
        level.keep(block, share[inner])
        if whole.all() or not whole.any():
            continue
        changes.append(_own(share if graded else whole, turned, block, first))
        # One voxel more than the block, so that the face between it and the next is there once.
        piece = tuple(slice(part.start, part.stop + 1) for part in inner)
        vertices, parts = faces_of(smoothed(share, level.sigma)[piece], source.spacing)
        corners.append(vertices + np.array([part.start for part in block]) * source.spacing)
        faces.append(parts + count)
        count += len(vertices)
    if not count:
        raise InputError(f"{name}: membrane: the mask is so thin that it has no face; draw it at least two pixels wide")
    level.steps = Crossings.joined(changes, source.spacing, source.shape, graded)
    return *_welded(np.concatenate(corners), np.concatenate(faces), source.spacing), kind, level, level.steps


def _own(share: NDArray[Any], turned: bool, block: Slices, first: NDArray[np.int64]) -> list[Part]:
    """Changes between neighbours, the first of which lies in the block."""
    seen = share if not turned else ~share if share.dtype.kind == "b" else 1 - share
    low, high = np.array([part.start for part in block]), np.array([part.stop for part in block])
    parts = []
    for found, towards, places in crossings_in(seen):
        mine = ((found + first >= low) & (found + first < high)).all(axis=1)
        parts.append((found[mine] + first, towards[mine], places[mine] + first))
    return parts


def _welded(vertices: Real, faces: NDArray[np.int64], spacing: Sequence[float]) -> tuple[Real, NDArray[np.int64]]:
    """Vertices that two blocks share made one."""
    _, chosen, owner = np.unique(
        np.rint(vertices / spacing * 1e4).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    joined: NDArray[np.int64] = owner.reshape(-1)[faces]
    kept = np.ones(len(joined), bool)
    for a, b in itertools.combinations(range(joined.shape[1]), 2):
        kept &= joined[:, a] != joined[:, b]
    if joined.shape[1] == 3:
        return vertices[chosen], joined[kept]
    return joined_lines([vertices[chosen[line]] for line in _lines(joined[kept])])


def _lines(segments: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Segments (m, 2), each from a vertex to its next, as lines of vertices; a closed one ends where it begins."""
    after = dict(segments.tolist())
    ends = set(after.values())
    begins = [start for start in after if start not in ends]
    lines = []
    for start in [*begins, *after]:
        if start not in after:
            continue
        line = [start]
        while line[-1] in after:
            line.append(after.pop(line[-1]))
        lines.append(np.array(line))
    return lines
