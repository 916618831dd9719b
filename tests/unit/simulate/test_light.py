"""Photons obey the physics: excitation falls with height, spreading conserves the total, pores release what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cases import bare_simulation

from exotrack.physics import pixel_gaussian
from exotrack.simulate.detector import draw_detector
from exotrack.simulate.light import flattening
from exotrack.simulate.lives import Fusion, Life, Stay
from exotrack.simulate.presets import Simulation
from exotrack.simulate.render import add_gaussians
from exotrack.simulate.scene import draw_course, source
from exotrack.simulate.scenery import Scenery
from exotrack.simulate.vesicles import Vesicle, draw_vesicle

CENTRE_PX = 24


def one_vesicle(sim: Simulation, phase: str, *fusions: Fusion, seed: int = 0) -> Vesicle:
    """A vesicle in the middle of the field that stays in `phase` and fuses as told."""
    life = Life((Stay(phase, 0.0, sim.field.duration_s),), fusions, entered=False)  # type: ignore[arg-type]
    at = CENTRE_PX * sim.field.pixel_um
    return draw_vesicle(sim, life, (at, at), np.random.default_rng(seed))


def pictures(sim: Simulation, *vesicles: Vesicle) -> np.ndarray:
    """Expected photoelectrons of the vesicles alone, (n_frames, height, width)."""
    shape = (sim.field.height_px, sim.field.width_px)
    rng = np.random.default_rng(0)
    none = np.zeros((0, 2))
    dark = Scenery(np.ones(shape, np.int32), np.zeros(shape), none.astype(int), none)
    frames = source(sim, [v.patches for v in vesicles], dark, draw_course(sim, rng), draw_detector(sim.camera, shape, rng))
    return np.array([frames.expected(i) for i in range(sim.field.n_frames)])


def second_moment_um2(image: np.ndarray, pixel_um: float) -> float:
    """Variance per axis of an image of one spot, the pixel's own taken away."""
    y, x = np.indices(image.shape) * pixel_um
    total = image.sum()
    around = [((p - (image * p).sum() / total) ** 2 * image).sum() / total for p in (y, x)]
    return float(np.mean(around)) - pixel_um**2 / 12


def full_membrane(t_s: float, diffusion: float, immobile: float = 0.0) -> Fusion:
    return Fusion("full_fusion", t_s, t_s, math.inf, 1.0 - immobile, math.inf, diffusion)


def test_a_patch_is_the_pixel_integrated_gaussian_of_physics() -> None:
    image = np.zeros((40, 36))
    add_gaussians(image, np.array([17.3]), np.array([16.8]), np.array([1.4]), np.array([1000.0]))
    np.testing.assert_allclose(image, 1000 * pixel_gaussian((40, 36), 17.3, 16.8, 1.4), atol=2e-3)


def test_light_falls_by_e_at_the_penetration_depth() -> None:
    quiet = {"vesicles": {"tethered_sd_nm": 0.0, "docked_sd_nm": 0.0, "tethered_nm": 100.0}, "optics": {"depth_nm": 100.0}}
    sim = bare_simulation(**quiet)
    high, low = (pictures(sim, one_vesicle(sim, phase)).sum(axis=(1, 2)).mean() for phase in ("tethered", "docked"))
    assert low == pytest.approx(sim.vesicles.photons, rel=1e-3)
    assert high / low == pytest.approx(math.exp(-1.0), rel=1e-3)


@pytest.mark.parametrize("diffusion", [0.03, 0.1, 0.3])
def test_membrane_cargo_spreads_with_slope_2D_and_keeps_its_total(diffusion: float) -> None:
    sim = bare_simulation("phluorin", field={"height_px": 160, "width_px": 160, "n_frames": 25})
    at = 80 * sim.field.pixel_um
    life = Life((Stay("docked", 0.0, sim.field.duration_s),), (full_membrane(0.5, diffusion),), entered=False)
    movie = pictures(sim, draw_vesicle(sim, life, (at, at), np.random.default_rng(0)))
    after = np.arange(6, 25)
    width = [second_moment_um2(movie[f], sim.field.pixel_um) for f in after]
    slope, _ = np.polyfit(after * sim.field.frame_s, width, 1)
    assert slope == pytest.approx(2 * diffusion, rel=0.01)
    total = movie[after].sum(axis=(1, 2))
    assert np.ptp(total) / total.mean() < 0.005
    gain = flattening(sim.vesicles.radius_nm, sim.optics.depth_nm, "membrane")
    assert total.mean() == pytest.approx(sim.vesicles.photons * gain, rel=0.005)


def test_flattening_is_the_inverse_mean_of_the_field_over_the_sphere() -> None:
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((400_000, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    shell = 90.0 * (1 + direction[:, 2])
    ball = 90.0 * (1 + direction[:, 2] * rng.random(400_000) ** (1 / 3))
    assert flattening(90.0, 100.0, "membrane") == pytest.approx(1 / np.exp(-shell / 100).mean(), rel=0.005)
    assert flattening(90.0, 100.0, "lumenal") == pytest.approx(1 / np.exp(-ball / 100).mean(), rel=0.005)


def test_a_ph_sensitive_vesicle_is_dark_until_its_pore_opens() -> None:
    sim = bare_simulation("phluorin")
    light = pictures(sim, one_vesicle(sim, "docked", full_membrane(2.0, 0.1))).sum(axis=(1, 2))
    assert light[:19].max() < 0.05 * light[21:].min()


def test_a_fusion_inside_an_exposure_shows_in_part() -> None:
    """A vesicle that lights up at 30 % of the exposure gives 70 % of its light in that frame."""
    sim = bare_simulation("phluorin", field={"exposure": 1.0}, cargo={"acid_brightness": 0.0}, vesicles={"docked_sd_nm": 0.0})
    kiss = Fusion("kiss_and_run", 1.03, 1.03, 3.9, 0.0, 0.0, math.nan)
    light = pictures(sim, one_vesicle(sim, "docked", kiss)).sum(axis=(1, 2))
    np.testing.assert_allclose(light[9:12] / light[12], [0.0, 0.7, 1.0], atol=0.01)


def test_a_lumenal_kiss_and_run_leaves_a_plateau() -> None:
    sim = bare_simulation()
    rate = -math.log(1 - 0.4) / 0.3
    light = pictures(sim, one_vesicle(sim, "docked", Fusion("kiss_and_run", 1.0, 1.0, 1.3, 0.4, rate, math.nan)))
    height = light[:, CENTRE_PX, CENTRE_PX]
    assert height[20:].mean() / height[:9].mean() == pytest.approx(0.6, rel=0.02)
    assert np.ptp(height[20:]) / height[20:].mean() < 0.1


def test_a_ph_kiss_and_run_fades_by_reacidification_without_spreading() -> None:
    sim = bare_simulation("phluorin", cargo={"reacidify_s": 1.0, "acid_brightness": 0.0})
    movie = pictures(sim, one_vesicle(sim, "docked", Fusion("kiss_and_run", 0.5, 0.5, 1.0, 0.0, 0.0, math.nan)))
    light = movie.sum(axis=(1, 2))
    rate = -np.polyfit(np.arange(11, 40) * sim.field.frame_s, np.log(light[11:]), 1)[0]
    assert rate == pytest.approx(1.0, rel=0.03)
    width = [second_moment_um2(movie[f], sim.field.pixel_um) for f in (7, 20, 35)]
    assert np.ptp(width) < 0.02 * np.mean(width)


def test_lumenal_cargo_leaves_with_its_rate() -> None:
    sim = bare_simulation(cargo={"cloud_um2_s": 20.0, "cloud_escape_per_s": 100.0})
    movie = pictures(sim, one_vesicle(sim, "docked", Fusion("full_fusion", 0.5, 0.5, math.inf, 1.0, 2.0, math.nan)))
    height = movie[:, CENTRE_PX, CENTRE_PX]
    rate = -np.polyfit(np.arange(6, 16) * sim.field.frame_s, np.log(height[6:16]), 1)[0]
    assert rate == pytest.approx(2.0, rel=0.05)


def test_released_lumenal_cargo_is_counted_once() -> None:
    """With a slow cloud that does not escape, body and cloud (its gain taken away) hold all the cargo."""
    sim = bare_simulation(cargo={"cloud_um2_s": 0.02, "cloud_escape_per_s": 0.0}, field={"height_px": 96, "width_px": 96})
    gain = flattening(sim.vesicles.radius_nm, sim.optics.depth_nm, "lumenal")
    movie = pictures(sim, one_vesicle(sim, "docked", Fusion("full_fusion", 0.5, 0.5, math.inf, 1.0, 3.0, math.nan)))
    light = movie.sum(axis=(1, 2)) / sim.vesicles.photons
    t = (np.arange(40) + 0.475) * sim.field.frame_s - 0.5
    expected = np.exp(-3.0 * t) + gain * (1 - np.exp(-3.0 * t))
    np.testing.assert_allclose(light[6:], expected[6:], rtol=0.04)


def test_bleaching_is_slower_where_the_field_is_weaker() -> None:
    quiet = {"tethered_sd_nm": 0.0, "docked_sd_nm": 0.0, "tethered_nm": 100.0, "bleach_per_s": 0.1}
    sim = bare_simulation(vesicles=quiet, optics={"depth_nm": 100.0})
    rates = []
    for phase in ("docked", "tethered"):
        light = pictures(sim, one_vesicle(sim, phase)).sum(axis=(1, 2))
        rates.append(-np.polyfit(np.arange(40) * sim.field.frame_s, np.log(light), 1)[0])
    assert rates == pytest.approx([0.1, 0.1 / math.e], rel=0.01)
