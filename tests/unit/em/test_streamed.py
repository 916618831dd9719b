"""A mask that is read in blocks gives the face and the distances of the mask as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exotrack.em import _streamed
from exotrack.em.membrane import Membrane
from exotrack.em.omega import chains
from exotrack.errors import InputError
from exotrack.io.voxels import ArrayVoxels

FLAT, DEEP = (2.0, 2.0), (5.0, 3.0, 3.0)


def cell() -> Any:
    """A cell with a wavy membrane and a hole, (150, 170)."""
    y, x = np.mgrid[:150, :170]
    return (y > 40 + 9 * np.sin(x / 11)) & (np.hypot(y - 100, x - 64) > 17)


def ball() -> Any:
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip((24, 50, 52), DEEP, strict=True)), indexing="ij")
    return (z - 60) ** 2 + (y - 75) ** 2 + (x - 77) ** 2 < 45**2


def band() -> Any:
    y, x = np.mgrid[:150, :170]
    return np.abs(y - 70 - 12 * np.sin(x / 15)) < 3


def soft() -> Any:
    y, x = np.mgrid[:150, :170]
    return np.clip(0.5 + (y - 60.3 - 7 * np.sin(x / 14)) / 3, 0, 1).astype(np.float32)


CASES = {"cell": (cell, FLAT), "ball": (ball, DEEP), "band": (band, FLAT), "soft": (soft, FLAT)}


@pytest.mark.parametrize("name", CASES)
def test_blocks_give_the_membrane_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, spacing = CASES[name]
    mask = make()
    monkeypatch.setattr(_streamed, "SIDE", {2: 48, 3: 24})
    monkeypatch.setattr(_streamed, "TILE", 32)
    whole = Membrane.from_mask(mask, spacing)
    parts = Membrane.from_voxels(ArrayVoxels(mask if mask.ndim == 3 else mask[None]), spacing)
    assert parts.source == whole.source
    assert len(parts.vertices) == len(whole.vertices) and len(parts.faces) == len(whole.faces)
    assert parts.size() == pytest.approx(whole.size(), rel=1e-6)
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (60, mask.ndim)) * (np.array(mask.shape) - 1) * spacing
    for one, other in zip(whole.distances(points), parts.distances(points), strict=True):
        assert other == pytest.approx(one, abs=1e-4)
    assert parts.quick(points) == pytest.approx(whole.quick(points), abs=1e-4)
    if mask.ndim == 2:
        lengths = (sorted(len(line) for line in chains(each.vertices, each.faces)) for each in (whole, parts))
        assert next(lengths) == next(lengths)


def test_where_the_cell_is_is_known_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_streamed, "SIDE", {2: 48, 3: 24})
    monkeypatch.setattr(_streamed, "COARSE", 1200)
    mask = cell()
    streamed = Membrane.from_voxels(ArrayVoxels(mask[None]), FLAT).streamed
    assert streamed is not None
    free, k = streamed.coarse()
    assert k == 5 and free.shape == (30, 34)
    for (i, j), there in np.ndenumerate(free):
        around = mask[max(i * 5 - 2, 0) : i * 5 + 3, max(j * 5 - 2, 0) : j * 5 + 3]
        assert there == around.all()


@pytest.mark.parametrize(("value", "text"), [(0, r"m\.tif: membrane: the mask is empty"), (1, "covers the whole image")])
def test_a_mask_of_nothing_is_refused(value: int, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Membrane.from_voxels(ArrayVoxels(np.full((1, 60, 60), value, np.uint8)), FLAT, name="m.tif")
