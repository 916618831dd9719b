"""Vesicles are found where they were drawn, as large as they were drawn, whatever way they are looked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from micrographs import Scene, draw, matched
from scipy.ndimage import gaussian_filter
from volumes import draw_volume

from exotrack import link
from exotrack._blocks import Execution
from exotrack.em import Stack, detect
from exotrack.em import _plan as plan
from exotrack.em.detect import cautioned
from exotrack.errors import ParameterError
from exotrack.params import VesicleParams, em_preset
from exotrack.simulate import em_simulation, simulate_em
from exotrack.tables import Vesicles


def errors(true: pd.DataFrame, found: pd.DataFrame) -> tuple[float, float, float]:
    """F1, median error of the centre (nm), and mean error of the diameter (as a fraction)."""
    pairs, f1 = matched(true, found)
    rows, columns = np.array(pairs).T
    axes = [name for name in ("z_nm", "y_nm", "x_nm") if name in true]
    apart = np.linalg.norm(true[axes].to_numpy()[rows] - found[axes].to_numpy()[columns], axis=1)
    ratio = found["diameter_nm"].to_numpy()[columns] / true["diameter_nm"].to_numpy()[rows]
    return f1, float(np.median(apart)), float(ratio.mean() - 1)


SCENES = {
    "at_1_nm": Scene(size_nm=(500.0, 560.0), spacing_nm=1.0, number=45, noise=1.0, seed=31),
    "at_2_nm": Scene(size_nm=(800.0, 900.0), spacing_nm=2.0, number=80, noise=0.8, seed=32),
    "at_3_nm": Scene(size_nm=(1100.0, 1200.0), spacing_nm=3.0, number=110, noise=0.5, seed=33),
    "some_dense": Scene(size_nm=(700.0, 800.0), spacing_nm=1.5, number=60, noise=0.6, lumen=(0.0, 0.3, 0.5), seed=34),
}


@pytest.mark.parametrize("name", SCENES)
def test_drawn_sections_reach_the_promised_accuracy(name: str) -> None:
    grey, true = draw(SCENES[name])
    step = SCENES[name].spacing_nm
    found = detect(Stack.from_array(grey, (5.0, step, step)))  # drawn as a thin slice
    f1, centre, diameter = errors(true, found)
    assert f1 >= 0.95
    assert centre < 2
    assert abs(diameter) < 0.03


def test_a_vesicle_and_the_membrane_it_is_docked_to_enclose_no_other() -> None:
    y, x = np.mgrid[:160, :160]
    grey = np.full((160, 160), 170.0)
    for row, column in ((85, 40), (84, 120), (40, 80)):
        grey[np.abs(np.hypot(y - row, x - column) - 8.4) < 1.7] = 70
    grey[99:102] = 60
    grey = np.random.default_rng(2).normal(grey, 8).clip(0, 255).astype(np.uint8)
    for thick in (5.0, 60.0):  # in a thick section they may lie over one another
        found = detect(Stack.from_array(grey, (thick, 2.0, 2.0)))
        np.testing.assert_allclose(found[["y_nm", "x_nm"]] / 2, [(40, 80), (84, 120), (85, 40)], atol=1)


@pytest.mark.parametrize("pixel", [1.5, 3.0])
def test_simulated_sections_reach_the_promised_accuracy(pixel: float) -> None:
    field = {"height_px": round(600 / pixel), "width_px": round(800 / pixel), "pixel_nm": pixel}
    there = seen = known = listed = 0
    ratios = []
    for seed in (3, 4):
        truth = simulate_em(em_simulation("em").updated({"field": field}), np.random.default_rng(seed))
        found = detect(Stack.from_array(truth.pixels, pixel))  # its thickness is not said: that of most sections is taken
        columns_ = ["y_nm", "x_nm", "profile_nm", "z_nm", "touches_border"]
        true = truth.vesicles[columns_].rename(columns={"profile_nm": "diameter_nm"})
        # Of a vesicle whose centre lies in the next section only a cap is there.
        clear = ((true["z_nm"].abs() <= 25) & ~true["touches_border"].astype(bool)).to_numpy()
        pairs, _ = matched(true.drop(columns="z_nm"), found)
        rows, columns = np.array(pairs).T
        ratios += list((found["diameter_nm"].to_numpy()[columns] / true["diameter_nm"].to_numpy()[rows])[clear[rows]])
        there, seen = there + clear.sum(), seen + clear[rows].sum()
        known, listed = known + len(rows) + len(truth.pits), listed + len(found)
    assert seen >= 0.9 * there
    assert known >= 0.9 * listed
    assert abs(np.median(ratios) - 1) < 0.03


@pytest.mark.parametrize("membrane", [5.0, 8.0])
def test_diameters_are_right_whatever_the_thickness_of_the_membrane(membrane: float) -> None:
    grey, true = draw(Scene(size_nm=(500.0, 600.0), spacing_nm=1.5, number=36, noise=0.6, membrane_nm=membrane, seed=35))
    found = detect(Stack.from_array(grey, (5.0, 1.5, 1.5), contrast="dark"))
    assert abs(errors(true, found)[2]) < 0.03
    assert found["membrane_nm"].iloc[0] == pytest.approx(membrane, abs=0.5)
    changes = {"vesicles": {"wall_nm": membrane}, "field": {"height_px": 400, "width_px": 480, "section_nm": 70.0}}
    truth = simulate_em(em_simulation("em").updated(changes), np.random.default_rng(6))
    seen = truth.vesicles.drop(columns="diameter_nm").rename(columns={"profile_nm": "diameter_nm"})[
        ["y_nm", "x_nm", "diameter_nm"]
    ]
    assert abs(errors(seen, detect(Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark")))[2]) < 0.03
    kept = VesicleParams(fit_membrane=False)
    assert abs(errors(true, detect(Stack.from_array(grey, (5.0, 1.5, 1.5), contrast="dark"), kept))[2]) > 0.015


def test_the_membrane_of_a_volume_of_5_nm_is_told_from_its_blur() -> None:
    changes = {"vesicles": {"wall_nm": 5.0}, "field": {"n_sections": 30, "height_px": 70, "width_px": 80}}
    truth = simulate_em(em_simulation("em_volume").updated(changes), np.random.default_rng(6))
    found = detect(Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark"))
    true = truth.vesicles[~truth.vesicles["touches_border"].astype(bool)][["z_nm", "y_nm", "x_nm", "diameter_nm"]]
    assert abs(errors(true, found)[2]) < 0.03


def test_vesicles_over_one_another_in_a_section_of_70_nm_are_found_both() -> None:
    rng = np.random.default_rng(5)
    y, x = np.meshgrid(np.arange(0, 450, 1.5), np.arange(0, 450, 1.5), indexing="ij")
    stain = np.full(y.shape, 0.2)
    places = [(100.0, 100.0), (100.0, 125.0), (220.0, 300.0), (240.0, 315.0), (350.0, 120.0)]
    for cy, cx in places:  # chords of balls of 42 nm that lie whole in a section of 70 nm
        r = np.hypot(y - cy, x - cx)
        outer, inner = (2 * np.sqrt(np.maximum(radius**2 - r**2, 0)) / 70 for radius in (21.0, 15.0))
        stain += 0.8 * outer - 0.95 * inner
    grey = 200 - 110 * (gaussian_filter(stain, 1.0) + 0.05 * rng.normal(size=y.shape))
    stack = Stack.from_array(np.clip(grey, 0, 255).astype(np.uint8), (70.0, 1.5, 1.5), contrast="dark")
    found = detect(stack)
    assert len(found) == len(places)
    assert all(np.hypot(found["y_nm"] - cy, found["x_nm"] - cx).min() < 3 for cy, cx in places)
    assert cautioned(stack, VesicleParams()).notes == ()
    thick = cautioned(Stack.from_array(grey, (250.0, 1.5, 1.5)), VesicleParams())
    assert "5.9 times as thick as vesicles of 43 nm" in thick.notes[0] and "numbers and densities are too low" in thick.notes[0]


def test_a_section_of_known_thickness_corrects_the_diameter_and_nothing_else(section) -> None:
    scene, grey, _ = section
    thin, thick = (detect(Stack.from_array(grey, (z, scene.spacing_nm, scene.spacing_nm))) for z in (2.0, 80.0))
    assert len(thin) == pytest.approx(len(thick), abs=1)
    assert 1.03 < thick["diameter_nm"].median() / thin["diameter_nm"].median() < 1.12


def test_a_drawn_volume_of_5_nm_reaches_the_promised_accuracy(volume) -> None:
    grey, true = volume
    found = detect(Stack.from_array(grey, 5.0))
    f1, centre, diameter = errors(true, found)
    assert set(found["backend"]) == {"shell"}
    assert f1 >= 0.85
    assert centre < 2
    assert abs(diameter) < 0.03


def test_dense_cores_are_found_by_their_core() -> None:
    grey, true = draw_volume((32, 64, 64), (10.0, 10.0, 10.0), 7, diameter_nm=(90.0, 12.0), dense=True, noise=0.5, seed=4)
    found = detect(Stack.from_array(grey, 10.0), em_preset("dense_core").vesicles)
    f1, centre, diameter = errors(true, found)
    assert f1 >= 0.85
    assert centre < 5
    assert abs(diameter) < 0.05


def test_the_contrast_is_found_out_and_turning_it_changes_nothing(section) -> None:
    scene, grey, _ = section
    dark = detect(Stack.from_array(grey, scene.spacing_nm))
    bright = detect(Stack.from_array(255 - grey, scene.spacing_nm))
    pd.testing.assert_frame_equal(dark[["y_nm", "x_nm", "diameter_nm"]], bright[["y_nm", "x_nm", "diameter_nm"]], atol=0.01)
    assert np.allclose(bright["membrane_intensity"], 255 - dark["membrane_intensity"], atol=0.1)


def test_sixteen_bits_and_another_scale_change_nothing(section) -> None:
    scene, grey, _ = section
    plain = detect(Stack.from_array(grey, scene.spacing_nm))
    wide = detect(Stack.from_array(grey.astype(np.uint16) * 200 + 3000, scene.spacing_nm))
    pd.testing.assert_frame_equal(plain[["y_nm", "x_nm", "diameter_nm"]], wide[["y_nm", "x_nm", "diameter_nm"]], atol=0.01)


def test_blocks_give_the_same_answer_as_the_whole(section, volume, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, grey, _ = section
    for stack in (Stack.from_array(grey[:300], scene.spacing_nm), Stack.from_array(volume[0][:, :, :56], 5.0)):
        monkeypatch.setattr(plan, "CORE", {2: 10_000, 3: 10_000})
        whole = detect(stack)
        monkeypatch.setattr(plan, "CORE", {2: 60, 3: 36})
        parts = detect(stack, run=Execution(workers=2))
        columns = ["z_nm", "y_nm", "x_nm", "diameter_nm", "score", "completeness"]
        pd.testing.assert_frame_equal(whole[columns], parts[columns], atol=1e-2)


def test_nothing_there_is_an_empty_table_with_every_column() -> None:
    grain = np.random.default_rng(0).normal(120, 20, (300, 320)).clip(0, 255).astype(np.uint8)
    for pixels in (grain, np.full((300, 320), 7, np.uint8)):
        found = detect(Stack.from_array(pixels, 2.0, contrast="dark"))
        assert len(found) == 0
        assert list(found) == list(Vesicles.columns())


def test_nearly_nothing_is_found_in_pictures_of_other_things() -> None:
    pictures = [draw(Scene(size_nm=(900.0, 900.0), spacing_nm=2.0, number=0, noise=0.6, seed=seed))[0] for seed in (7, 8)]
    assert sum(len(detect(Stack.from_array(grey, 2.0, contrast="dark"))) for grey in pictures) <= 2


def test_rings_of_serial_sections_become_spheres() -> None:
    true = np.array([[120.0, 150.0, 150.0, 110.0], [150.0, 320.0, 170.0, 120.0], [180.0, 230.0, 380.0, 100.0]])
    rng = np.random.default_rng(3)
    y, x = np.meshgrid(np.arange(0, 480, 3.0), np.arange(0, 480, 3.0), indexing="ij")
    sections = []
    for z in range(40, 260, 20):
        dark = np.zeros(y.shape)
        for cz, cy, cx, d in true:
            r = np.sqrt((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2)
            dark[(r < d / 2) & (r > d / 2 - 8)] = 1
        sections.append(150 - 50 * (dark + 0.4 * rng.normal(size=y.shape)))
    stack = Stack.from_array(np.clip(sections, 0, 255).astype(np.uint8), (20.0, 3.0, 3.0), contrast="dark")
    params = VesicleParams(diameter_nm=(50.0, 140.0), depth="sections")
    found = detect(stack, params, link=link)
    assert len(found) == 3
    order = np.argsort(found["z_nm"])
    assert found["z_nm"].to_numpy()[order] == pytest.approx(true[:, 0] - 40, abs=6)
    assert found["diameter_nm"].to_numpy()[order] == pytest.approx(true[:, 3], rel=0.05)
    assert set(found["diameter_kind"]) == {"sphere"}
    with pytest.raises(ParameterError, match=r"give link=exotrack\.link"):
        detect(stack, params)


def test_voxels_too_coarse_for_the_vesicles_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"smaller than 3 voxels of 12 nm"):
        detect(Stack.from_array(np.zeros((50, 50)), 12.0))
