"""States by rules, random placement, omega figures: on geometry that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack import tables
from exotrack.em.geometry import describe
from exotrack.em.membrane import Membrane
from exotrack.em.omega import densities, pits, pits_of_band
from exotrack.em.placement import distance_bins, dockings, random_placement
from exotrack.em.states import RULES, place, rule_named
from exotrack.errors import InputError, ParameterError
from exotrack.tables import Vesicles

FLAT = Membrane.from_lines([[(0.0, -500.0), (0.0, 2500.0)]], inside_nm=(10.0, 0.0))


def vesicles(surface_nm, diameter_nm=40.0, **columns) -> pd.DataFrame:
    """Vesicles whose outer faces are `surface_nm` from the flat membrane at y = 0."""
    surface = np.asarray(surface_nm, float)
    x = np.linspace(0, 2000, len(surface))
    return Vesicles.build(
        {
            "image_id": ["flat"] * len(x), "vesicle_id": np.arange(1, len(x) + 1), "backend": ["points"] * len(x), "z_nm": 0.0,
            "y_nm": surface + diameter_nm / 2, "x_nm": x, "diameter_nm": diameter_nm, "diameter_kind": ["given"] * len(x),
            "filling": ["unresolved"] * len(x), "touches_border": [False] * len(x), **columns,
        }
    )  # fmt: skip


STATES = {
    "touching": ("docked", "proximal", "proximal", "proximal", "proximal", "reserve", "reserve"),
    "tomography": ("docked", "docked", "tethered", "tethered", "tethered", "proximal", "reserve"),
    "bilayer_5": ("docked", "docked", "docked", "proximal", "tethered", "tethered", "reserve"),
    "bilayer_10": ("docked", "docked", "docked", "docked", "tethered", "tethered", "reserve"),
    "cryo_centre": ("proximal", "proximal", "proximal", "proximal", "reserve", "reserve", "reserve"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_rule_gives_the_states_of_its_school(name: str) -> None:
    found = place(vesicles([0.0, 1.5, 4.0, 8.0, 28.0, 60.0, 400.0]), FLAT, name)
    assert tuple(found["state"]) == STATES[name]
    assert set(found["rule_id"]) == {name}
    assert set(found["distance_kind"]) == {RULES[name].distance}
    Vesicles.check(found)


def test_distances_are_filled_in_with_the_nearest_point() -> None:
    found = place(vesicles([5.0, 30.0]), FLAT, "tomography")
    assert found["dist_pm_surface_nm"].tolist() == pytest.approx([5, 30])
    assert found["dist_pm_centre_nm"].tolist() == pytest.approx([25, 50])
    assert found["closest_y_nm"].tolist() == pytest.approx([0, 0])
    assert found["closest_x_nm"].tolist() == pytest.approx([0, 2000])
    assert found["nn_dist_nm"].tolist() == pytest.approx([np.hypot(2000, 25)] * 2)


def test_docked_reaches_to_what_the_image_resolves() -> None:
    found = place(vesicles([3.0, 6.0], resolution_nm=4.0), FLAT, "touching")
    assert tuple(found["state"]) == ("docked", "proximal")
    assert found["resolution_nm"].tolist() == [4.0, 4.0]


def test_a_vesicle_over_the_membrane_is_fusing_and_one_without_a_place_has_no_state() -> None:
    found = place(vesicles([-15.0, -3.0, np.nan]), FLAT, "tomography")
    assert tuple(found["state"]) == ("fusing", "docked", "")


def test_the_ribbon_rule_needs_and_uses_its_site() -> None:
    with pytest.raises(InputError, match="rule ribbon: needs the active zone or ribbon"):
        place(vesicles([1.0]), FLAT, "ribbon")
    site = Membrane.from_lines([[(0.0, -20.0), (0.0, 20.0)]])
    found = place(vesicles([1.0, 1.0, 40.0], x_nm=[0.0, 400.0, 0.0]), FLAT, "ribbon", site)
    assert tuple(found["state"]) == ("docked", "reserve", "tethered")
    assert found["dist_az_nm"].iloc[1] == pytest.approx(np.hypot(380, 21) - 20)


def test_an_unknown_rule_and_a_membrane_elsewhere_are_refused() -> None:
    with pytest.raises(ParameterError, match="unknown rule 'tomografy'; did you mean 'tomography'"):
        rule_named("tomografy")
    with pytest.raises(InputError, match="misses the image"):
        place(vesicles([5.0, 9.0], x_nm=[0.0, 50.0]), Membrane.from_lines([[(-9e4, 0), (-9e4, 10)]]))


def test_no_vesicles_are_an_empty_table() -> None:
    found = describe(Vesicles.empty(), FLAT, "tomography", cell=np.ones((50, 50)), spacing_nm=(2.0, 2.0), section_nm=50.0)
    assert [len(found[name]) for name in ("vesicles", "dockings", "distance_bins", "pits")] == [0, 0, 0, 0]
    assert found["sizes"]["reason"].iloc[0] == "only 0 profiles, at least 30 are needed"
    for table in tables.MICROGRAPHS:
        table.check(found[table.name])


def scattered(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Vesicles at random, in a strip of 400 x 2000 nm below the flat membrane, none nearer than its radius."""
    surface = rng.uniform(0, 340, n)
    return vesicles(surface, x_nm=rng.uniform(0, 2000, n))


def test_random_vesicles_are_no_more_docked_than_by_chance() -> None:
    cell = np.ones((100, 500), bool)
    found = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        placed = place(scattered(rng, 60), FLAT, "bilayer_10")
        random = random_placement(placed, FLAT, cell, (4.0, 4.0), rng, draws=59, apart=False)
        assert np.nanmin(random.surface_nm) >= 0
        row = dockings(placed, FLAT, "bilayer_10", random).set_index("state").loc["docked"]
        found.append((row["excess"], row["p_random"], row["n_random"]))
    excess, p, expected = np.array(found).T
    assert abs(excess.mean()) < 3 * excess.std() / 4 + 0.3
    assert (p < 0.05).mean() < 0.2
    # 60 vesicles, their centres anywhere from 20 to 398 nm (the end of the mask), docked in the first 10 nm of that.
    assert expected.mean() == pytest.approx(60 * 10 / 378, rel=0.1)


def test_docked_vesicles_are_an_excess_over_chance() -> None:
    rng = np.random.default_rng(4)
    placed = place(pd.concat([scattered(rng, 40), vesicles(np.full(12, 0.5))], ignore_index=True), FLAT, "tomography")
    random = random_placement(placed, FLAT, np.ones((100, 500), bool), (4.0, 4.0), rng, draws=99)
    row = dockings(placed, FLAT, "tomography", random).set_index("state").loc["docked"]
    assert row["excess"] > 10
    assert row["p_random"] == pytest.approx(0.01)
    assert row["per_um"] == pytest.approx(row["n"] / 3.0)
    bins = distance_bins(placed, random, "tomography", width_nm=20.0)
    assert bins["n"].iloc[0] >= 12
    assert bins["n_random"].iloc[0] < 6


def test_a_face_a_nanometre_over_the_membrane_is_in_contact_one_far_over_it_is_not() -> None:
    placed = place(vesicles([-1.0, -7.0, 0.5, 25.0]), FLAT, "tomography")
    assert distance_bins(placed, None, "tomography")["n"].tolist()[:3] == [3, 0, 1]
    over = distance_bins(place(vesicles([-30.0, 0.5]), FLAT, "tomography"), None, "tomography")
    assert (over["from_nm"].iloc[0], over["to_nm"].iloc[0], over["n"].iloc[0]) == (-30, 0, 1)


def test_randomly_placed_vesicles_do_not_overlap() -> None:
    """At a tenth of the area filled, none comes nearer to the membrane than its radius, and all find a place."""
    placed = place(scattered(np.random.default_rng(1), 60), FLAT, "tomography")
    random = random_placement(placed, FLAT, np.ones((100, 500), bool), (4.0, 4.0), np.random.default_rng(0), draws=5)
    assert np.isfinite(random.centre_nm).all()
    with pytest.raises(InputError, match="no place of it lies on the inner side"):
        random_placement(placed, Membrane.from_lines([[(900, 0), (900, 9)]], inside_nm=(990, 0)), np.ones((9, 9)), (4, 4),
                         np.random.default_rng(0))  # fmt: skip


def omega(radius: float, neck: float, flank: float = 400.0, step: float = 1.0) -> np.ndarray:
    """A straight membrane with a sphere that opens through it by `neck`; the cell is at y > 0."""
    sunk, opening = np.sqrt(radius**2 - neck**2 / 4), np.arcsin(neck / 2 / radius)
    angle = np.linspace(opening - np.pi, np.pi - opening, max(int(6 * radius / step), 50))
    left = np.arange(-flank, -neck / 2, step)
    arc = np.column_stack([sunk + radius * np.cos(angle), radius * np.sin(angle)])
    return np.concatenate([np.column_stack([0 * left, left]), arc, np.column_stack([0 * left, -left[::-1]])])


@pytest.mark.parametrize(("radius", "neck"), [(22.0, 15.0), (60.0, 30.0), (150.0, 90.0)])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_an_omega_figure_has_its_neck_height_and_width(radius: float, neck: float, turn: float) -> None:
    line = omega(radius, neck) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    found = pits(Membrane.from_lines([line], inside_nm=(300 * np.cos(turn), 300 * np.sin(turn))))
    assert len(found) == 1
    row = found.iloc[0]
    assert row["kind"] == "omega"
    assert row["neck_nm"] == pytest.approx(neck, abs=2)
    assert row["height_nm"] == pytest.approx(np.sqrt(radius**2 - neck**2 / 4) + radius, abs=1.5)
    assert row["width_nm"] == pytest.approx(2 * radius, abs=0.5)
    assert row["perimeter_nm"] == pytest.approx(2 * radius * (np.pi - np.arcsin(neck / 2 / radius)), abs=3)
    assert np.hypot(row["y_nm"], row["x_nm"]) < 2


def test_a_shallow_dent_is_a_pit_a_bulge_outwards_and_waves_are_none() -> None:
    x = np.linspace(-400, 400, 801)
    dent = np.where(np.abs(x) < 60, np.sqrt(np.maximum(75.0**2 - x**2, 0)) - 45, 0.0)
    found = pits(Membrane.from_lines([np.column_stack([dent, x])], inside_nm=(200, 0)))
    assert found["kind"].tolist() == ["pit"]
    assert found["height_nm"].iloc[0] == pytest.approx(30, abs=1.5)
    assert found["mouth_nm"].iloc[0] == pytest.approx(120, abs=4)
    assert densities(found, Membrane.from_lines([np.column_stack([dent, x])]))["pit"] == pytest.approx(1 / 0.84, rel=0.1)
    assert not len(pits(Membrane.from_lines([np.column_stack([-dent, x])], inside_nm=(200, 0))))
    assert not len(pits(Membrane.from_lines([np.column_stack([15 * np.sin(x / 140), x])], inside_nm=(200, 0))))


def test_the_omega_figures_of_a_mask_are_found() -> None:
    """Along the inner face a figure is wider by the membrane; its height above the face stays."""
    from exotrack.simulate import em_simulation, simulate_em

    truth = simulate_em(
        em_simulation("em").updated({"field": {"height_px": 260}, "vesicles": {"per_um3": 0.0, "docked_per_um2": 0.0}}),
        np.random.default_rng(1),
    )
    found = pits(Membrane.from_mask(truth.cell, (1.5, 1.5), "cell"))
    assert len(found) == len(truth.pits) == 2
    np.testing.assert_allclose(found["x_nm"], truth.pits["x_nm"], atol=3)
    np.testing.assert_allclose(found["width_nm"], truth.pits["width_nm"] + 7.5, atol=2)
    np.testing.assert_allclose(found["height_nm"], truth.pits["height_nm"], atol=2.5)


def test_the_mask_of_a_membrane_gives_the_necks_of_its_middle() -> None:
    """Only the membrane's own mask shows how wide a pore is; that of the cell shows its lips. Two figures are never one."""
    from exotrack.simulate import em_simulation, simulate_em

    changes = {"field": {"height_px": 260, "width_px": 700}, "vesicles": {"per_um3": 0.0, "docked_per_um2": 0.0}}
    truth = simulate_em(em_simulation("em").updated(changes), np.random.default_rng(1))
    membrane = Membrane.from_mask(truth.membrane, (1.5, 1.5))
    found = pits_of_band(membrane, np.array([[380.0, 300.0]]))
    assert found["kind"].tolist() == ["omega", "omega"]
    np.testing.assert_allclose(found["x_nm"], truth.pits["x_nm"], atol=3)
    np.testing.assert_allclose(found["neck_nm"], truth.pits["neck_nm"], atol=2)
    np.testing.assert_allclose(found["width_nm"], truth.pits["width_nm"], atol=2)
    np.testing.assert_allclose(found["height_nm"], truth.pits["height_nm"], atol=2)
    assert not len(pits_of_band(membrane, np.empty((0, 2))))


def test_a_surface_has_no_pits_of_a_section() -> None:
    solid = np.zeros((8, 8, 8), bool)
    solid[4:] = True
    with pytest.raises(InputError, match="the membrane is a surface"):
        pits(Membrane.from_mask(solid, (2, 2, 2), "cell"))


def test_caps_are_kept_off_the_membrane_by_the_sphere_behind_them() -> None:
    """A small profile is the cap of a large vesicle: nearer than the vesicle's own radius its centre cannot come."""
    placed = place(vesicles(np.full(60, 100.0), diameter_nm=20.0), FLAT, "touching")
    cell = np.ones((100, 500), bool)
    whole = random_placement(placed, FLAT, cell, (4.0, 4.0), np.random.default_rng(0), draws=9, apart=False)
    caps = random_placement(
        placed, FLAT, cell, (4.0, 4.0), np.random.default_rng(0), draws=9, apart=False, sizes=(42.0, 3.0, 50.0)
    )
    assert np.nanmin(whole.surface_nm) < 2
    assert np.nanmin(caps.surface_nm) > 4
    assert np.nanpercentile(caps.centre_nm, 1) > 17


def test_the_size_of_whole_vesicles_reaches_random_placement() -> None:
    rng = np.random.default_rng(2)
    d = rng.normal(42, 3, 300)
    seen = vesicles(rng.uniform(30, 340, 300)).assign(
        diameter_nm=np.where(rng.random(300) < 0.6, d, d * rng.uniform(0.5, 1, 300))
    )
    found = describe(seen, FLAT, "bilayer_10", cell=np.ones((100, 500)), spacing_nm=(4.0, 4.0), section_nm=50.0, draws=19)
    bare = describe(seen, FLAT, "bilayer_10", cell=np.ones((100, 500)), spacing_nm=(4.0, 4.0), draws=19)
    docked = [one["dockings"].set_index("state").loc["docked", "n_random"] for one in (found, bare)]
    assert docked[0] < docked[1]
