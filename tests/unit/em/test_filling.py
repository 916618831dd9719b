"""How full a vesicle is: from drawn vesicles with cores of known volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exotrack.em import Stack, detect, fill
from exotrack.params import em_preset
from exotrack.simulate import em_simulation, simulate_em
from exotrack.tables import Vesicles

OUTER, WALL, PIXEL = 120.0, 7.0, 2.0
PARTS = [0.0, 0.0, 0.3, 0.5, 0.8, 1.0]


def drawn(noise: float = 0.2, parts: Sequence[float] = PARTS, grey: float = 1.0) -> tuple[Stack, pd.DataFrame]:
    """Six vesicles cut through the middle, with balls of some `grey` in them, and a table of their membranes."""
    rng = np.random.default_rng(8)
    y, x = np.meshgrid(np.arange(0, 700, PIXEL), np.arange(0, 1000, PIXEL), indexing="ij")
    dark, rows = np.full(y.shape, 0.2), []
    for k, part in enumerate(parts):
        at = (180.0 + 330 * (k // 3), 180.0 + 320 * (k % 3))
        r = np.hypot(y - at[0], x - at[1])
        dark[r < OUTER] = 1.0
        dark[r < OUTER - WALL] = 0.05
        dark[r < (OUTER - WALL) * np.cbrt(part)] = grey
        rows.append({"y_nm": at[0], "x_nm": at[1]})
    pixels = np.clip(200 - 120 * (dark + noise * rng.normal(size=dark.shape)), 0, 255).astype(np.uint8)
    columns = {
        "image_id": "drawn", "vesicle_id": np.arange(1, 7), "z_nm": 0.0, "diameter_nm": 2 * OUTER, "diameter_kind": "ring",
        "membrane_nm": WALL, "first_section": 0, "last_section": 0, "touches_border": False,
    }  # fmt: skip
    stack = Stack.from_array(pixels, PIXEL, contrast="dark")
    return stack, Vesicles.build({**columns, **{name: [row[name] for row in rows] for name in ("y_nm", "x_nm")}})


def test_occupancy_is_the_part_of_the_volume_that_is_as_dark_as_stain() -> None:
    stack, table = drawn()
    found = fill(table, stack)
    assert found["occupancy"].to_numpy() == pytest.approx(PARTS, abs=0.08)
    assert list(found["filling"]) == ["empty", "empty", "partial", "partial", "full", "full"]
    assert np.all(np.abs(found["occupancy"] - np.array(PARTS)) <= 3 * found["occupancy_sd"] + 0.02)


def test_occupancies_at_and_between_the_limits_of_the_classes_are_told_apart() -> None:
    parts = [0.05, 0.1, 0.22, 0.52, 0.68, 0.75]
    stack, table = drawn(parts=parts)
    for known in (table, table.assign(membrane_nm=np.nan, diameter_nm=2 * (OUTER - WALL) * np.cbrt(parts), diameter_kind="disc")):
        found = fill(known, stack)
        assert found["occupancy"].to_numpy() == pytest.approx(parts, abs=0.1)
        assert list(found["filling"]) == ["empty", "empty", "partial", "partial", "full", "full"]


def test_vesicles_that_are_all_empty_or_all_grey_are_measured_by_their_membranes() -> None:
    for grey, low, high, name in ((0.05, 0.0, 0.1, "empty"), (0.5, 0.25, 0.55, "partial")):
        stack, table = drawn(parts=[1.0] * 6, grey=grey)
        for known in (table, table.assign(membrane_nm=np.nan, diameter_nm=2 * (OUTER - WALL), diameter_kind="disc")):
            found = fill(known, stack)
            assert found["occupancy"].between(low, high).all()
            assert set(found["filling"]) == {name}


def test_a_lumen_between_two_membranes_in_one_section_is_unresolved() -> None:
    stack, table = drawn()
    thick = replace(stack, spacing_nm=(0.9 * 2 * (OUTER - WALL), PIXEL, PIXEL))
    found = fill(table, thick)
    assert set(found["filling"]) == {"unresolved"}
    assert found["occupancy"].isna().all()
    assert found["core_darkness"].notna().all()
    surface = fill(table, replace(stack, spacing_nm=(np.nan, PIXEL, PIXEL)), section_nm=0.0)
    assert "unresolved" not in set(surface["filling"])


@pytest.mark.parametrize(("full", "seed"), [(0.3, 3), (0.3, 11), (0.0, 4)], ids=["some_partial", "some_full", "all_empty"])
def test_empty_granules_are_found_and_called_empty(full: float, seed: int) -> None:
    vesicles = {"per_um3": 20.0, "full": full, "partial": full}
    field = {"height_px": 500, "width_px": 560, "pixel_nm": 4.0}
    truth = simulate_em(em_simulation("em_granules").updated({"vesicles": vesicles, "field": field}), np.random.default_rng(seed))
    params = em_preset("granule")
    # Of the empty ones alone the contrast is found out too: their pale lumens are no bright cores.
    stack = Stack.from_array(truth.pixels, truth.spacing_nm, contrast=None if full == 0 else "dark")
    found = fill(detect(stack, params.vesicles), stack.with_contrast("dark"), params.filling)
    true = truth.vesicles[(truth.vesicles["z_nm"].abs() <= 35) & ~truth.vesicles["touches_border"].astype(bool)]
    assert (true["occupancy"] == 0).sum() >= 1
    for row in true.itertuples():
        apart = np.hypot(found["y_nm"] - row.y_nm, found["x_nm"] - row.x_nm)
        assert apart.min() < 30
        one = found.loc[apart.idxmin()]
        assert one["filling"] == ("full" if row.occupancy > 0.6 else "partial" if row.occupancy > 0.15 else "empty")
        assert (one["backend"] == "ring") == (row.occupancy == 0)


def test_the_membrane_is_looked_for_where_only_the_core_is_known() -> None:
    stack, table = drawn()
    dense = table.iloc[2:5].assign(membrane_nm=np.nan, diameter_kind="disc")
    dense["diameter_nm"] = 2 * (OUTER - WALL) * np.cbrt(PARTS[2:5])
    found = fill(dense, stack)
    assert found["occupancy"].to_numpy() == pytest.approx(PARTS[2:5], abs=0.12)


def test_turned_grey_values_change_nothing_and_a_cut_vesicle_is_unresolved() -> None:
    stack, table = drawn()
    turned = Stack.from_array(255 - stack.read()[0], PIXEL, contrast="bright")
    plain, other = fill(table, stack), fill(table.assign(touches_border=[True] + [False] * 5), turned)
    assert other["occupancy"].to_numpy() == pytest.approx(plain["occupancy"].to_numpy(), abs=1e-6)
    assert other["filling"].iloc[0] == "unresolved"
    assert list(other["filling"].iloc[1:]) == list(plain["filling"].iloc[1:])


def test_cores_that_are_all_alike_without_a_membrane_have_no_occupancy() -> None:
    stack, table = drawn()
    alike = table.iloc[[5, 5]].assign(membrane_nm=np.nan, vesicle_id=[1, 2])
    assert fill(alike, stack)["occupancy"].isna().all()
