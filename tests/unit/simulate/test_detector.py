"""Photon statistics of each camera, against its own variance law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exotrack.simulate.detector import draw_detector
from exotrack.simulate.instrument import Camera

CAMERAS: dict[str, dict[str, Any]] = {
    "sCMOS": {"kind": "sCMOS", "gain": 2.0, "offset": 100.0, "read_noise_e": 1.6},
    "EMCCD": {"kind": "EMCCD", "gain": 12.0, "offset": 300.0, "read_noise_e": 0.2},
    "CCD": {"kind": "CCD", "gain": 1.5, "offset": 200.0, "read_noise_e": 6.0},
}


def flat_frames(camera: Camera, electrons: float, n: int = 150) -> np.ndarray:
    detector = draw_detector(camera, (64, 64), np.random.default_rng(3))
    flat = np.full((64, 64), electrons)
    return np.array([detector.expose(flat, i) for i in range(n)], float)


@pytest.mark.parametrize("kind", CAMERAS)
def test_variance_over_time_follows_the_stated_noise(kind: str) -> None:
    camera = Camera.read(CAMERAS[kind])
    means, variances = [], []
    for level in (0.0, 5.0, 20.0, 80.0, 320.0):
        frames = flat_frames(camera, level)
        means.append(frames.mean())
        variances.append(frames.var(axis=0, ddof=1).mean())
    noise = camera.noise()
    slope = np.polyfit(means, variances, 1)[0]
    assert slope == pytest.approx(camera.gain * camera.excess, rel=0.03)
    np.testing.assert_allclose(variances[1:], noise.variance(np.array(means[1:])), rtol=0.04)
    assert means[0] == pytest.approx(camera.offset, abs=0.2)


def test_only_an_scmos_has_pixels_that_differ() -> None:
    spread = {kind: flat_frames(Camera.read(values), 0.0, 400).mean(axis=0).std() for kind, values in CAMERAS.items()}
    assert spread["sCMOS"] == pytest.approx(1.5, rel=0.1)
    assert spread["CCD"] < 0.6
    assert spread["EMCCD"] < 0.2


def test_counts_stop_at_the_bit_depth() -> None:
    camera = Camera(bit_depth=12)
    assert flat_frames(camera, 1e5, 2).max() == camera.ceiling == 4095


def test_hot_pixels_are_hot() -> None:
    frames = flat_frames(Camera(hot_fraction=0.01, hot_e=500.0), 5.0, 20).mean(axis=0)
    assert 10 < (frames > 300).sum() < 80


def test_noise_of_a_frame_depends_on_its_number_only() -> None:
    detector = draw_detector(Camera(), (32, 32), np.random.default_rng(0))
    flat = np.full((32, 32), 50.0)
    np.testing.assert_array_equal(detector.expose(flat, 7), detector.expose(flat, 7))
    assert (detector.expose(flat, 7) != detector.expose(flat, 8)).mean() > 0.9
