"""What a section shows, corrected: within 3 % of the truth where it can be told, refused where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from exotrack.em._keiding import density, draw, overcount
from exotrack.em.membrane import Membrane
from exotrack.em.stereology import area_from_length, corrected_sizes, membrane_per_fusion
from exotrack.errors import InputError


def profiles(section: float, mean: float, sd: float, cap_deg: float, about: int, seed: int = 1):
    """About `about` profiles of spheres, and the number of spheres whose centres are expected in the section."""
    phi = np.radians(cap_deg)
    height = section + mean + 6 * sd
    thrown = int(about * height / (section + mean * np.cos(phi)))
    d, _ = draw(np.random.default_rng(seed), thrown, mean, sd, phi, section)
    return d, thrown * section / height


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_density_of_profiles_is_that_of_thrown_spheres(phi: float) -> None:
    d, _ = draw(np.random.default_rng(0), 60_000, 45.0, 4.0, phi, 50.0)
    seen, edges = np.histogram(d, 20, (25, 60))
    centres = (edges[:-1] + edges[1:]) / 2
    expected = density(centres, 45.0, 4.0, phi, 50.0) * len(d) * np.diff(edges)
    assert (np.abs(seen - expected) < 5 * np.sqrt(expected) + 0.02 * expected + 12).all()
    whole, _ = quad(lambda x: float(density(np.array([x]), 45.0, 4.0, phi, 50.0)[0]), 1, 80, limit=200)
    assert whole == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("section", [50.0, 70.0, 250.0])
@pytest.mark.parametrize("cap_deg", [0.0, 35.0])
def test_diameters_and_numbers_are_corrected_to_within_three_percent(section: float, cap_deg: float) -> None:
    d, centred = profiles(section, 45.0, 4.0, cap_deg, 3000)
    row = corrected_sizes(d, section).iloc[0]
    assert row["diameter_nm"] == pytest.approx(45.0, rel=0.03)
    # The number that is expected, so that only the correction is judged, not the chance of the throw (2 % of 3000).
    assert row["n_vesicles"] == pytest.approx(centred * len(d) / 3000, rel=0.03)
    assert row["spread_nm"] == pytest.approx(4.0, rel=0.1)
    assert row["n_low"] < centred < row["n_high"]
    assert row["cap_low_deg"] - 3 <= max(cap_deg, 1) <= row["cap_high_deg"] + 3
    assert row["reason"] == ""
    if section < 100:
        assert d.mean() < 0.97 * 45
        assert len(d) > 1.4 * centred


def test_granules_in_thin_sections_are_corrected() -> None:
    d, centred = profiles(70.0, 300.0, 45.0, 30.0, 3000)
    row = corrected_sizes(d, 70.0).iloc[0]
    assert row["diameter_nm"] == pytest.approx(300.0, rel=0.03)
    assert row["n_vesicles"] == pytest.approx(centred * len(d) / 3000, rel=0.03)
    assert len(d) > 4 * centred


def test_a_cap_angle_that_profiles_cannot_tell_is_not_told() -> None:
    d, _ = profiles(50.0, 45.0, 4.0, 68.0, 800)
    row = corrected_sizes(d, 50.0).iloc[0]
    assert not row["identifiable"]
    assert np.isnan(row["cap_deg"])
    assert np.isnan(row["n_vesicles"])
    assert np.isnan(row["overcount"])
    assert row["overcount_low"] < overcount(45.0, np.radians(68), 50.0) < row["overcount_high"]
    assert "the cap angle is anywhere from" in row["reason"]
    assert "the number of vesicles cannot be told" in row["reason"]
    # The diameter hardly hangs on it.
    assert row["diameter_nm"] == pytest.approx(45.0, rel=0.03)


def test_in_a_thick_section_the_number_is_told_although_the_angle_is_not() -> None:
    d, centred = profiles(250.0, 45.0, 4.0, 68.0, 800)
    row = corrected_sizes(d, 250.0).iloc[0]
    assert np.isnan(row["cap_deg"])
    assert row["n_vesicles"] == pytest.approx(centred * len(d) / 800, rel=0.06)


def test_a_known_cap_angle_is_used() -> None:
    d, centred = profiles(50.0, 45.0, 4.0, 68.0, 3000)
    row = corrected_sizes(d, 50.0, cap_deg=68.0).iloc[0]
    assert row["n_vesicles"] == pytest.approx(centred * len(d) / 3000, rel=0.03)
    assert row["cap_deg"] == pytest.approx(68.0)


def test_too_few_or_equal_profiles_give_a_reason() -> None:
    assert corrected_sizes([40.0] * 12, 50.0)["reason"].iloc[0] == "only 12 profiles, at least 30 are needed"
    assert "the same diameter" in corrected_sizes([40.0] * 50, 50.0)["reason"].iloc[0]
    assert np.isnan(corrected_sizes([], 50.0)["diameter_nm"].iloc[0])


@pytest.mark.parametrize(
    ("values", "section", "cap", "said"),
    [([40.0], 0.0, None, "give it with --section-nm"), ([40.0], np.nan, None, "give it with --section-nm"),
     ([40.0, -1.0], 50.0, None, "diameter of 0 or less"), ([40.0], 50.0, 95.0, "not between 0 and 90")],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(values, section, cap, said) -> None:
    with pytest.raises(InputError, match=said):
        corrected_sizes(values, section, cap_deg=cap)


def test_a_fused_vesicle_adds_its_surface() -> None:
    assert membrane_per_fusion(45.0) == pytest.approx(6.4e-3, rel=0.01)
    assert membrane_per_fusion(356.0) == pytest.approx(0.398, rel=0.01)
    assert membrane_per_fusion(243.0) == pytest.approx(0.186, rel=0.01)


def test_areas_of_faces_and_of_sections() -> None:
    """A sphere's mesh has its area; lengths in random sections of it times 4 / pi times thickness add up to it."""
    z, y, x = np.mgrid[:44, :66, :66].astype(float)
    radius = 60.0
    depth = radius - np.sqrt(((z - 21.6) * 3) ** 2 + ((y - 32.4) * 2) ** 2 + ((x - 32.7) * 2) ** 2)
    share = np.clip(0.5 + depth / 2.5, 0, 1)
    assert Membrane.from_mask(share, (3.0, 2.0, 2.0), "cell").size() == pytest.approx(4 * np.pi * radius**2, rel=0.01)
    whole = Membrane.from_mask(depth >= 0, (3.0, 2.0, 2.0), "cell").size()
    assert whole == pytest.approx(4 * np.pi * radius**2, rel=0.03)
    heights = np.arange(-57.5, 60, 5.0)
    lengths = [2 * np.pi * np.sqrt(radius**2 - h**2) for h in heights]
    summed = sum(area_from_length(length, 5.0, isotropic=True) for length in lengths)
    assert summed == pytest.approx(4 * np.pi * radius**2 / 1e6, rel=0.02)
