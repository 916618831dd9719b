"""A movie with light added to it, as its own camera would have recorded it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.movie import FrameSource
from exotrack.simulate.patches import Patches
from exotrack.simulate.render import add_gaussians

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InjectedFrames:
    """A `FrameSource`: the frames of `base` with the light of `patches` added when they are read.

    Attributes
    ----------
    base : the untouched frames; what it cannot read, this cannot either.
    patches : the light, in effective photoelectrons, ordered by frame.
    psf_sigma_um, pixel_um : width of a point's image and side of a pixel.
    slope : counts per effective photoelectron: n of them, Poisson distributed, add slope * n counts with a variance of slope
        times that, which is how the variance of the movie grows with its light. Gain and excess noise (EMCCD) are both in it.
    ceiling : largest count the detector gives (counts); what is above already stays.
    lit : (n_frames,) frames that get light; not those with the shutter closed.
    seed : of the noise; a frame gets the same whatever block it is read in.
    """

    base: FrameSource
    patches: Patches
    psf_sigma_um: float
    pixel_um: float
    slope: float
    ceiling: float
    lit: NDArray[np.bool_]
    seed: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return self.base.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the untouched frames."""
        return self.base.dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive) with light added; raises as the untouched frames do."""
        pixels = self.base.read(start, stop)
        rows = np.searchsorted(self.patches.frame, np.arange(start, stop + 1))
        wanted = [k for k in range(stop - start) if rows[k + 1] > rows[k] and self.lit[start + k]]
        if not wanted:
            return pixels
        out = np.array(pixels)
        for k in wanted:
            out[k] = self._exposed(pixels[k], start + k)
        return out

    def expected(self, frame: int) -> Real:
        """Effective photoelectrons per pixel that are added to a frame on average, (height, width)."""
        p = self.patches
        rows = slice(*np.searchsorted(p.frame, [frame, frame + 1]))
        image = np.zeros(self.shape[1:])
        sigma = np.sqrt(p.var_um2[rows] + self.psf_sigma_um**2) / self.pixel_um
        add_gaussians(image, p.y_um[rows] / self.pixel_um, p.x_um[rows] / self.pixel_um, sigma, p.photons[rows])
        return image

    def _exposed(self, pixels: NDArray[Any], frame: int) -> NDArray[Any]:
        rng = np.random.default_rng([self.seed, frame])
        added = rng.poisson(self.expected(frame)) * self.slope
        if self.dtype.kind in "ui":
            # Up or down by chance: rounding to the nearest would lose what is fainter than half a count.
            added = np.floor(added + rng.random(added.shape))
        value = pixels.astype(np.float64)
        return np.asarray(np.minimum(value + added, np.maximum(value, self.ceiling)).astype(self.dtype))
