"""Vesicles that touch a known membrane: found, and not drawn over it."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.em.beside import painted, with_second_look
from exotrack.em.detect import detect
from exotrack.em.membrane import Membrane
from exotrack.em.stack import Stack
from exotrack.em.states import place
from exotrack.simulate import em_simulation, simulate_em
from exotrack.tables import Vesicles

SPACING = (50.0, 1.5, 1.5)


@pytest.fixture(scope="module")
def crowded():
    """A section with many docked vesicles, its stack and membrane."""
    changes = {
        "field": {"height_px": 220, "width_px": 500},
        "membrane": {"omegas": 1},
        "vesicles": {"docked_per_um2": 250.0, "per_um3": 200.0},
    }
    truth = simulate_em(em_simulation("em").updated(changes), np.random.default_rng(40_003))
    stack = Stack.from_array(truth.pixels, SPACING, image_id="crowded", contrast="dark")
    return truth, stack, Membrane.from_mask(truth.cell, SPACING[1:], "cell")


def test_docked_vesicles_are_found_where_they_are(crowded) -> None:
    truth, stack, membrane = crowded
    hidden = painted(stack, membrane)
    assert hidden is not None
    first = detect(stack)
    found = place(with_second_look(first, detect(hidden), membrane, 0.25), membrane, "tomography")
    shown = truth.profiles[truth.profiles["centred"] & ~truth.profiles["touches_border"].astype(bool)]
    true = truth.vesicles.set_index("vesicle_id").loc[shown["vesicle_id"]]
    true = true[true["state"] == "docked"]
    assert len(true) > 8
    gaps = np.hypot(*(found[[name]].to_numpy() - true[name].to_numpy() for name in ("y_nm", "x_nm")))
    near = gaps.min(axis=0) < true["diameter_nm"].to_numpy() / 4
    before = np.hypot(*(first[[name]].to_numpy() - true[name].to_numpy() for name in ("y_nm", "x_nm"))).min(axis=0)
    # Two that lie over one another in the section are seen as one.
    assert near.mean() > 0.75
    assert near.sum() >= (before < true["diameter_nm"].to_numpy() / 4).sum()
    said = found.iloc[gaps.argmin(axis=0)][near]
    assert (said["dist_pm_surface_nm"].to_numpy() - true["dist_pm_surface_nm"].to_numpy()[near]).max() < 2.5
    # One in such a crowd may stay as it was first outlined, because another stands in its place.
    assert (said["state"] == "docked").sum() >= len(said) - 1
    # The omega figure is no part of the cell: it stays as it was found at first.
    _, y, x, radius = truth.scene.omegas[0]
    assert (np.hypot(first["y_nm"] - y, first["x_nm"] - x) < radius / 2).any()
    assert found.loc[np.hypot(found["y_nm"] - y, found["x_nm"] - x) < radius / 2, "state"].tolist() == ["fusing"]
    assert found["vesicle_id"].tolist() == list(range(1, len(found) + 1))


def test_a_voxel_is_painted_alike_in_every_window_and_the_cell_is_left_alone(crowded) -> None:
    truth, stack, membrane = crowded
    hidden = painted(stack, membrane)
    whole = hidden.read()[0]
    np.testing.assert_array_equal(hidden.read(slice(0, 1), slice(13, 150), slice(77, 301))[0], whole[13:150, 77:301])
    inside = membrane.level >= 0
    np.testing.assert_array_equal(whole[inside], truth.pixels[inside])
    outside = whole[~inside]
    assert whole.dtype == truth.pixels.dtype
    assert outside.mean() == pytest.approx(np.median(truth.pixels[truth.cell > 0]), abs=1)
    assert np.abs(np.diff(whole.astype(float), axis=1)[truth.cell[:, 1:] == 0]).max() < 120


def test_lines_are_not_painted_and_no_second_vesicle_changes_nothing(crowded) -> None:
    _, stack, membrane = crowded
    assert painted(stack, Membrane.from_lines([[(10, 0), (10, 90)]])) is None
    first = Vesicles.build(
        {
            "image_id": ["a"] * 2,
            "vesicle_id": [1, 2],
            "y_nm": [90.0, 200.0],
            "x_nm": [50.0, 300.0],
            "diameter_nm": 40.0,
            "touches_border": [False, False],
        }
    )
    assert with_second_look(first, first.iloc[:0], membrane, 0.25) is first
