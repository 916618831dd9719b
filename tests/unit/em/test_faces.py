"""Distances to random spheres, circles, planes and lines: a tenth of a voxel, or all that the mask leaves open."""

from __future__ import annotations

import numpy as np
import pytest
from faces import left_open, random_face

from exotrack.em._midway import midway
from exotrack.em.membrane import Membrane


def errors(face) -> np.ndarray:
    """Error of the distances in voxels across the face."""
    found, _ = Membrane.from_mask(face.mask, face.spacing, "cell").distances(face.points)
    return np.abs((found - face.true) / face.voxel)


@pytest.mark.parametrize("voxels", [4.0, 6.0, 9.0, 14.0, 0.0])
def test_of_a_flat_mask_a_distance_errs_by_no_more_than_is_left_open(voxels: float) -> None:
    """Where the pixels leave a line or circle less than a tenth of a pixel, that is the worst case; no answer could do better."""
    told = 0
    for seed in range(20):
        face = random_face(np.random.default_rng([7, int(voxels), seed]), 2, voxels, n=3)
        off = errors(face)
        for k in range(3):
            low, high = left_open(face, k)
            assert low < 1e-6 < 2e-6 - low + high, "the true face has this mask"
            assert off[k] <= (high - low) / 2 + 0.01
            told += (high - low) / 2 <= 0.1
            assert off[k] < 0.1 or (high - low) / 2 > 0.1
    assert told > 10


@pytest.mark.parametrize("voxels", [4.0, 9.0, 0.0])
def test_of_a_mask_of_fractions_a_distance_is_exact(voxels: float) -> None:
    worst = max(errors(random_face(np.random.default_rng([8, seed]), 2, voxels, graded=True, n=4)).max() for seed in range(10))
    assert worst < 0.06


@pytest.mark.parametrize("voxels", [4.0, 6.0, 0.0])
def test_of_a_mask_in_space_a_distance_is_exact(voxels: float) -> None:
    worst = max(errors(random_face(np.random.default_rng([9, seed]), 3, voxels, n=4)).max() for seed in range(6))
    assert worst < 0.06


def test_the_face_midway_is_between_its_ends_and_none_is_found_where_none_parts() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(-20, 20, (200, 2))
    side = np.where(x[:, 1] + 0.1 * x[:, 0] > 0.7, 1.0, -1.0)
    found = midway(x, side, np.array([0.0, 1.0]), curved=False)
    assert found is not None
    assert abs(-found.constant - 0.7) <= found.open
    assert (side * (found.constant + x @ found.slope) >= -1e-9).all()
    circle = np.where(np.hypot(*(x - [3.0, 2.0]).T) < 9, 1.0, -1.0)
    assert midway(x - [3.0, -7.0], circle, np.array([0.0, 1.0]), curved=False) is None
    bent = midway(x - [3.0, -7.0], circle, np.array([0.0, 1.0]), curved=True)
    assert bent is not None
    assert bent.bend < 0
    assert abs(bent.constant) <= bent.open
    assert midway(x, rng.choice([-1.0, 1.0], 200), np.array([0.0, 1.0]), curved=True) is None
