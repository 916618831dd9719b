"""The camera at work: expected photoelectrons to counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.simulate.instrument import Camera

Real = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Detector:
    """One camera: its pixels' gain, offset, read noise (counts) and dark signal (e-), and the seed of its noise."""

    camera: Camera
    gain: Real
    offset: Real
    read_counts: Real
    dark_e: Real
    seed: int

    def expose(self, expected_e: Real, frame: int) -> NDArray[np.uint16]:
        """Counts of one frame for the expected photoelectrons per pixel; the same for the same (seed, frame)."""
        rng = np.random.default_rng([self.seed, frame])
        electrons = rng.poisson(expected_e + self.dark_e).astype(np.float64)
        if self.camera.kind == "EMCCD":
            # n electrons through a long multiplying register give a gamma distribution of shape n (Basden et al. 2003).
            electrons = rng.standard_gamma(electrons)
        noise = rng.standard_normal(expected_e.shape, dtype=np.float32)
        counts = electrons * self.gain + self.offset + noise * self.read_counts
        return np.clip(np.rint(counts), 0, self.camera.ceiling).astype(np.uint16)


def draw_detector(camera: Camera, shape: tuple[int, int], rng: np.random.Generator) -> Detector:
    """Draw the pixels of a camera."""
    varied = camera.kind == "sCMOS"
    g, o, r = rng.standard_normal((3, *shape)) * varied
    dark = np.where(rng.random(shape) < camera.hot_fraction, rng.exponential(camera.hot_e, shape), 0.0)
    read = camera.read_noise_e * camera.gain * np.exp(camera.read_spread * r - camera.read_spread**2 * varied)
    gain = camera.gain * np.maximum(1.0 + camera.gain_spread * g, 0.1)
    return Detector(camera, gain, camera.offset + camera.offset_spread * o, read, dark, int(rng.integers(2**31)))
