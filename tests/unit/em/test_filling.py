"""How full a vesicle is: from drawn vesicles with cores of known volume."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack.em import Stack, fill
from exotrack.tables import Vesicles

OUTER, WALL, PIXEL = 120.0, 7.0, 2.0
PARTS = [0.0, 0.0, 0.3, 0.5, 0.8, 1.0]


def drawn(noise: float = 0.2) -> tuple[Stack, pd.DataFrame]:
    """Six vesicles cut through the middle, with balls in them that fill 0 to 1 of the lumen, and a table of their membranes."""
    rng = np.random.default_rng(8)
    y, x = np.meshgrid(np.arange(0, 700, PIXEL), np.arange(0, 1000, PIXEL), indexing="ij")
    dark, rows = np.full(y.shape, 0.2), []
    for k, part in enumerate(PARTS):
        at = (180.0 + 330 * (k // 3), 180.0 + 320 * (k % 3))
        r = np.hypot(y - at[0], x - at[1])
        dark[r < OUTER] = 1.0
        dark[r < OUTER - WALL] = 0.05
        dark[r < (OUTER - WALL) * np.cbrt(part)] = 1.0
        rows.append({"y_nm": at[0], "x_nm": at[1]})
    grey = np.clip(200 - 120 * (dark + noise * rng.normal(size=dark.shape)), 0, 255).astype(np.uint8)
    columns = {
        "image_id": "drawn", "vesicle_id": np.arange(1, 7), "z_nm": 0.0, "diameter_nm": 2 * OUTER, "diameter_kind": "ring",
        "membrane_nm": WALL, "first_section": 0, "last_section": 0, "touches_border": False,
    }  # fmt: skip
    stack = Stack.from_array(grey, PIXEL, contrast="dark")
    return stack, Vesicles.build({**columns, **{name: [row[name] for row in rows] for name in ("y_nm", "x_nm")}})


def test_occupancy_is_the_part_of_the_volume_that_is_as_dark_as_stain() -> None:
    stack, table = drawn()
    found = fill(table, stack)
    assert found["occupancy"].to_numpy() == pytest.approx(PARTS, abs=0.08)
    assert list(found["filling"]) == ["empty", "empty", "partial", "partial", "full", "full"]
    assert np.all(np.abs(found["occupancy"] - np.array(PARTS)) <= 3 * found["occupancy_sd"] + 0.02)


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
