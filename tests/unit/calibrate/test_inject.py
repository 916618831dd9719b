"""Light that is added to pixels: as much as asked, as noisy as the camera makes it, and nothing else changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exotrack.calibrate.inject import InjectedFrames
from exotrack.errors import InputError
from exotrack.movie import ArrayFrames, FrameSource
from exotrack.physics import pixel_gaussian
from exotrack.simulate.patches import Patches

PIXEL_UM, SIGMA_UM = 0.1, 0.13


def light(n_frames: int, photons: float) -> Patches:
    """A spot in the middle of each of `n_frames`."""
    one = np.ones(n_frames)
    return Patches(np.arange(n_frames), 1.2 * one, 1.25 * one, 0.0 * one, photons * one)


def injected(
    base: NDArray[Any] | FrameSource, photons: float, slope: float = 2.0, ceiling: float = np.inf, **changes: Any
) -> Any:
    """Frames of 24 x 24 pixels with the spot in each."""
    frames = base if isinstance(base, FrameSource) else ArrayFrames(base)
    n = frames.shape[0]
    ready: dict[str, Any] = {"lit": np.ones(n, bool), "seed": 3} | changes
    return InjectedFrames(frames, light(n, photons), SIGMA_UM, PIXEL_UM, slope, ceiling, **ready)


def test_the_light_has_the_shape_and_amount_that_were_asked_for() -> None:
    frames = injected(np.zeros((3, 24, 24), np.uint16), 500.0)
    expected = 500.0 * pixel_gaussian((24, 24), 12.0, 12.5, SIGMA_UM / PIXEL_UM)
    np.testing.assert_allclose(frames.expected(1), expected, atol=0.02)


@pytest.mark.parametrize("slope", [0.46, 2.0, 24.0])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_mean_and_variance_of_the_light_are_those_of_the_camera(slope: float, dtype: type) -> None:
    n = 3000
    frames = injected(np.full((n, 24, 24), 100, dtype), 400.0, slope)
    assert frames.dtype == dtype
    added = frames.read(0, n)[:, 9:16, 9:16].astype(float) - 100
    mean = frames.expected(0)[9:16, 9:16] * slope
    # Whole counts add the variance of rounding by chance, at most 1/4.
    rounding = 0.25 if np.dtype(dtype).kind in "ui" else 0.0
    error = np.sqrt((slope * mean + rounding) / n)
    assert np.abs((added.mean(0) - mean) / error).max() < 5
    variance, wanted = added.var(0), slope * mean
    assert (variance > 0.85 * wanted - 0.05).all()
    assert (variance < 1.15 * wanted + 1.1 * rounding + 0.05).all()


def test_faint_light_is_not_lost_by_rounding() -> None:
    frames = injected(np.full((4000, 24, 24), 7, np.uint8), 5.0, 0.3)
    total = (frames.read(0, 4000).astype(float) - 7).sum(axis=(1, 2)).mean()
    assert total == pytest.approx(5.0 * 0.3, rel=0.05)


def test_light_stops_at_the_ceiling_and_what_is_above_stays() -> None:
    base = np.full((2, 24, 24), 3900, np.uint16)
    base[:, 12, 12] = 5000
    frames = injected(base, 1e5, 2.0, 4095.0).read(0, 2)
    assert frames[0, 12, 12] == 5000
    assert frames[0, 12, 13] == 4095
    assert frames[frames != 5000].max() == 4095
    assert frames[0, 0, 0] == 3900


def test_frames_that_are_not_lit_and_values_that_are_none_stay() -> None:
    base = np.full((3, 24, 24), 50.0, np.float32)
    base[2, 12, 12] = np.nan
    frames = injected(base, 1000.0, lit=np.array([True, False, True])).read(0, 3)
    np.testing.assert_array_equal(frames[1], base[1])
    assert np.isnan(frames[2, 12, 12])
    assert np.isfinite(np.delete(frames[2].ravel(), 12 * 24 + 12)).all()
    assert frames[0, 12, 12] > 50


class Torn:
    """Frames of which the last cannot be read."""

    shape, dtype = (3, 24, 24), np.dtype(np.uint16)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Raises where the last frame is asked for."""
        if stop > 2:
            raise InputError("frame 2 is torn")
        return np.full((stop - start, 24, 24), 9, np.uint16)


def test_what_cannot_be_read_cannot_be_read_with_light_either() -> None:
    frames = injected(Torn(), 300.0)
    assert frames.read(0, 2).max() > 9
    with pytest.raises(InputError, match="frame 2 is torn"):
        frames.read(1, 3)
