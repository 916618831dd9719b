"""A simulated micrograph is true to its tables, repeats itself, and can be written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from exotrack.errors import OutputError, ParameterError
from exotrack.simulate import EM_PRESETS, em_simulation, read_em_simulation, simulate_em, write_em
from exotrack.simulate.em_scene import Surface, build_scene
from exotrack.tables import Vesicles

SMALL = {"field": {"height_px": 200, "width_px": 260}}


def small(name: str = "em", **changes):
    """A small micrograph of the preset."""
    return em_simulation(name).updated(SMALL).updated(changes)


@pytest.mark.parametrize("name", EM_PRESETS)
def test_a_preset_survives_toml_and_has_vesicles(name: str, tmp_path: Path) -> None:
    params = em_simulation(name)
    shrunk = params.updated(
        {"field": {"height_px": 120, "width_px": 120, "n_sections": min(params.field.n_sections, 3), "section_nm": 50}}
    )
    truth = simulate_em(shrunk, np.random.default_rng(3))
    write_em(truth, tmp_path / "out")
    assert read_em_simulation(tmp_path / "out" / "simulation.toml") == shrunk
    assert truth.pixels.shape == truth.labels.shape == truth.cell.shape == truth.membrane.shape


def test_a_micrograph_repeats_itself_and_reads_back(tmp_path: Path) -> None:
    first, second = (simulate_em(small(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    pd.testing.assert_frame_equal(first.vesicles, second.vesicles)
    write_em(first, tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out" / "synthetic.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), first.pixels)
        assert 'PhysicalSizeX="1.5"' in str(tif.ome_metadata)
        assert "synthetic" in str(tif.ome_metadata)
    pd.testing.assert_frame_equal(Vesicles.check(pd.read_parquet(tmp_path / "out" / "vesicles.parquet")), first.vesicles)
    with pytest.raises(OutputError, match="already holds files"):
        write_em(first, tmp_path / "out")


def test_vesicles_lie_in_the_cell_apart_from_one_another() -> None:
    scene = build_scene(em_simulation("em").updated({"vesicles": {"per_um3": 3000.0}}), np.random.default_rng(2))
    assert len(scene.radii) > 200
    gaps = np.linalg.norm(scene.centres[:, None] - scene.centres, axis=2) - scene.radii[:, None] - scene.radii
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() >= 2.0 - 1e-9
    assert (scene.depth(scene.centres) - scene.radii - 3.75).min() > -0.02


def test_the_true_distance_is_that_of_a_dense_search() -> None:
    surface = Surface(100.0, 40.0, 2 * np.pi / 600, 0.3, 0.4)
    points = np.random.default_rng(1).uniform([0, 100, 200], [60, 260, 500], (20, 3))
    z, x = np.meshgrid(np.arange(-200, 300, 1.0), np.arange(0, 700, 1.0), indexing="ij")
    dense = np.stack([z, surface.height(z, x), x], axis=-1).reshape(-1, 3)
    near = [np.linalg.norm(dense - point, axis=1).min() for point in points]
    np.testing.assert_allclose(np.abs(surface.distance(points)), near, atol=0.05)


def test_the_stain_of_a_section_is_that_of_its_spheres() -> None:
    """One vesicle wholly in the section: wall plus lumen, averaged over the thickness, add up to their volumes."""
    from dataclasses import replace

    from exotrack.simulate.em_render import stained

    params = em_simulation("em").updated(
        {"vesicles": {"per_um3": 0.0, "docked_per_um2": 0.0}, "membrane": {"omegas": 0, "depth": 0.0, "wave_nm": 0.0},
         "imaging": {"granules_per_um3": 0.0}, "field": {"height_px": 200, "width_px": 200, "section_nm": 60.0}}
    )  # fmt: skip
    bare = build_scene(params, np.random.default_rng(0))
    radius = 21.0
    scene = replace(
        bare,
        centres=np.array([[30.0, 150.3, 149.1]]),
        radii=np.array([radius]),
        occupancy=np.array([0.4]),
        docked=np.array([False]),
    )
    added = (stained(scene, 0)[0] - stained(bare, 0)[0]).sum() * 1.5**2 * 60.0
    ball = [4 / 3 * np.pi * r**3 for r in (radius, radius - 6.0)]
    expected = ball[0] * (1 - 0.22) + ball[1] * (0.06 - 1) + 0.4 * ball[1] * (1 - 0.06)
    assert added == pytest.approx(expected, rel=0.005)


def test_profiles_are_larger_in_number_and_smaller_in_size_than_vesicles() -> None:
    """The overcount of a section is (T + D) / T, and no profile is larger than its vesicle."""
    params = small(vesicles={"per_um3": 4000.0}, field={"height_px": 900, "width_px": 900, "section_nm": 70.0})
    truth = simulate_em(params.updated({"imaging": {"granules_per_um3": 0.0}}), np.random.default_rng(8))
    inside = truth.profiles[truth.profiles["y_nm"] > 400]
    mean = truth.scene.radii.mean() * 2
    assert len(inside) / inside["centred"].sum() == pytest.approx((70 + mean) / 70, rel=0.12)
    assert (inside["profile_nm"] <= inside["diameter_nm"] + 1e-9).all()


def test_labels_hold_the_profiles() -> None:
    truth = simulate_em(small(vesicles={"per_um3": 300.0}, field={"pixel_nm": 1.0}), np.random.default_rng(4))
    whole = truth.profiles[~truth.profiles["touches_border"].astype(bool) & (truth.profiles["profile_nm"] > 20)]
    for row in whole.itertuples():
        area = (truth.labels == row.vesicle_id).sum()
        assert area <= np.pi * (row.profile_nm / 2) ** 2 * 1.03
    assert set(np.unique(truth.labels)) - {0} <= set(truth.vesicles["vesicle_id"])


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ParameterError, match="unknown preset 'em_granule'; did you mean 'em_granules'"):
        em_simulation("em_granule")
