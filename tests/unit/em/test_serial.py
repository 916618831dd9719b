"""Serial sections: profiles of single sections, what they tell of the vesicles, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.em._keiding import spheres_behind
from exotrack.em.profiles import Profiles, label_profiles, per_vesicle
from exotrack.em.stereology import corrected_sizes, corrected_stack
from exotrack.errors import InputError


def cut(thick: float, lost_deg: float, seed: int, n: int = 6000, sections: int = 12) -> tuple[Profiles, int]:
    """Spheres of 42 nm thrown about a serial stack, caps below an angle lost; and how many centres lie in the stack."""
    rng = np.random.default_rng(seed)
    whole = rng.normal(42.0, 3.4, n)
    z = rng.uniform(-40, sections * thick + 40, n)
    low = np.arange(sections)[:, None] * thick
    away = np.maximum(np.maximum(low - z, z - low - thick), 0.0)
    seen = (away == 0) | (away < whole / 2 * np.cos(np.radians(lost_deg)))
    shown = seen.sum(axis=0)
    d = np.sqrt(np.maximum(whole**2 - 4 * away**2, 0))[seen]
    return Profiles(d, shown[shown > 0], sections), int(((z >= 0) & (z < sections * thick)).sum())


@pytest.mark.parametrize("thick", [25.0, 50.0, 70.0])
@pytest.mark.parametrize("lost", [0.0, 40.0, 75.0])
def test_numbers_and_diameters_of_serial_sections_are_those_of_the_vesicles(thick: float, lost: float) -> None:
    profiles, centred = cut(thick, lost, 1)
    row = corrected_stack(profiles, thick).iloc[0]
    assert row["n_vesicles"] == pytest.approx(centred, rel=0.03)
    assert row["n_low"] < centred < row["n_high"]
    assert row["overcount"] == pytest.approx((thick + 42 * np.cos(np.radians(lost))) / thick, rel=0.02)
    assert row["cap_from"] == "sections"
    assert row["identifiable"]
    if np.isfinite(row["diameter_nm"]):
        assert row["diameter_nm"] == pytest.approx(42.0, rel=0.03)
    else:
        assert row["reason"] == "the diameter of the vesicles cannot be told"
    # What a single section cannot tell (which caps are lost) the neighbours do.
    if lost == 75.0 and thick < 60:
        assert np.isnan(corrected_sizes(profiles.diameters_nm, thick)["n_vesicles"].iloc[0])


def test_where_hardly_any_vesicle_shows_in_two_sections_only_the_least_number_is_told() -> None:
    profiles, centred = cut(70.0, 88.0, 1)
    row = corrected_stack(profiles, 70.0).iloc[0]
    assert not row["identifiable"]
    assert np.isnan(row[["n_vesicles", "n_high"]].astype(float)).all()
    assert 0.5 * centred < row["n_low"] < centred
    assert "show in none" in row["reason"]


def test_one_section_or_one_vesicle_tells_no_number_by_itself() -> None:
    assert per_vesicle(Profiles(np.full(50, 40.0), np.ones(50, int), 1)) is None
    assert per_vesicle(Profiles(np.full(50, 40.0), np.ones(1, int), 9)) is None
    assert per_vesicle(Profiles(np.full(50, 40.0), np.full(50, 9), 9)) is None, (
        "each shows in every section: it is no stack of caps"
    )
    few = corrected_stack(Profiles(np.full(9, 40.0), np.ones(9, int), 4), 50.0).iloc[0]
    assert few["reason"] == "only 9 profiles, at least 30 are needed"
    assert few["cap_from"] == ""
    with pytest.raises(InputError, match="give it with --section-nm"):
        corrected_stack(Profiles(np.full(9, 40.0), np.ones(9, int), 4), np.nan)


def test_the_labels_of_sections_are_circles_of_equal_area() -> None:
    labels = np.zeros((3, 60, 80), int)
    y, x = np.mgrid[:60, :80]
    labels[0][np.hypot(y - 30, x - 30) < 10] = 5
    labels[1][np.hypot(y - 30, x - 30) < 15] = 5
    labels[1][np.hypot(y - 30, x - 78) < 8] = 9  # the border cuts it
    found = label_profiles(labels, (50.0, 2.0, 2.0))
    np.testing.assert_allclose(np.sort(found.diameters_nm), [40, 60], rtol=0.02)
    assert sorted(found.shown) == [1, 2]
    assert found.sections == 3


def test_the_spheres_behind_profiles_are_those_that_were_thrown() -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(42.0, 3.4, 200_000)
    beside = np.maximum(np.abs(rng.uniform(-65, 65, len(whole))) - 25, 0)
    seen = beside < whole / 2
    whole, d = whole[seen], np.sqrt(whole[seen] ** 2 - 4 * beside[seen] ** 2)
    for low, high in ((20, 22), (33, 34), (42, 43)):
        mine = (d > low) & (d < high)
        drawn = spheres_behind(rng, d[mine][:300], 42.0, 3.4, 50.0, 40)
        assert drawn.mean() == pytest.approx(whole[mine].mean(), abs=0.3)
        assert drawn.std() == pytest.approx(whole[mine].std(), abs=0.3)
        assert (drawn >= d[mine][:300]).all()
