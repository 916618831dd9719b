"""Small frames with spots at known places for the tests of detect."""

from __future__ import annotations

import numpy as np

from exotrack.movie import Movie
from exotrack.physics import pixel_gaussian

PIXEL_UM, SIGMA_PX = 0.1, 1.3


def FLAT(size, level=100.0):
    return np.full((size, size), float(level))


def amplitude_of(snr, background):
    """Height of a spot whose peak stands out of its background by `snr` times the square root of the peak."""
    return (snr**2 + snr * np.sqrt(snr**2 + 4 * np.asarray(background))) / 2


def grid(size, rng, step=25):
    """(n, 2) places that are `step` pixels apart, each shifted by a fraction of a pixel."""
    lines = np.arange(15, size - 14, step, float)
    places = np.stack(np.meshgrid(lines, lines, indexing="ij"), -1).reshape(-1, 2)
    return places + rng.uniform(-0.5, 0.5, places.shape)


def light(background, places, heights):
    """Expected photoelectrons of a frame."""
    image = background.copy()
    for (y, x), height in zip(places, np.broadcast_to(heights, len(places)), strict=True):
        top, left = max(int(y) - 8, 0), max(int(x) - 8, 0)
        part = image[top : top + 17, left : left + 17]
        part += height * 2 * np.pi * SIGMA_PX**2 * pixel_gaussian(part.shape, y - top, x - left, SIGMA_PX)
    return image


def movie_of(
    background, truths, heights, rng, *, read=2.0, gain=1.0, offset=100.0, fixed=0.0, added=None, dtype=np.uint16, pixels=None
):
    """A movie of one frame for each list of places in `truths`; `pixels` stands in for all of that."""
    if pixels is None:
        frames = [rng.poisson(light(background, places, heights)) + rng.normal(0, read, background.shape) for places in truths]
        pixels = (np.stack(frames) + (0.0 if added is None else added)) * gain + offset + fixed
        pixels = np.clip(np.rint(pixels), 0, 65535).astype(dtype)
    return Movie.from_array(pixels, pixel_um=PIXEL_UM, frame_s=0.1)


def offsets(spots, truths, gate_px=2.0):
    """Errors along y and along x (pixels) of the spots nearest to true places, each spot and place used once."""
    from scipy.spatial import cKDTree

    dy, dx = [], []
    for frame, part in spots.groupby("frame"):
        found = part[["y_um", "x_um"]].to_numpy(float) / PIXEL_UM
        distance, nearest = cKDTree(found).query(truths[int(frame)], distance_upper_bound=gate_px)
        hit = np.isfinite(distance)
        delta = found[nearest[hit]] - truths[int(frame)][hit]
        dy.append(delta[:, 0])
        dx.append(delta[:, 1])
    return np.concatenate([np.empty(0), *dy]), np.concatenate([np.empty(0), *dx])
