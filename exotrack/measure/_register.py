"""One picture against another: the shift between them by phase correlation, and its standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

FINE, COARSE = 1.0, 3.0
"""Blurs whose difference is the detail, in widths of a vesicle: noise finer and light coarser than a vesicle are left out."""
CLIP = 6.0
"""Detail beyond this many (robust) standard deviations is cut down to it."""
TAPER = 0.06
"""Part of the side over which a picture fades out at its border, which wraps round in a Fourier transform."""
STEP = 50
"""Shifts are found to this part of a pixel: 2 nm, whose rounding error is 0.6 nm."""
TILE_WIDTHS = 12.0
"""Side, in vesicle widths, of the tiles whose scatter gives the standard error: a vesicle moves within one of them."""


@dataclass(frozen=True)
class Windowed:
    """Which part of a picture is looked at, (top, left, side in y, side in x), and the width of a vesicle (pixels)."""

    top: int
    left: int
    height: int
    width: int
    sigma_px: float

    @classmethod
    def richest(cls, picture: Real, sigma_px: float, most: int) -> Windowed:
        """The part of at most `most` x `most` pixels with most detail in it."""
        from scipy import ndimage

        whole = cls(0, 0, picture.shape[0], picture.shape[1], sigma_px)
        height, width = (min(n, most) for n in picture.shape)
        if (height, width) == picture.shape:
            return whole
        amount = ndimage.uniform_filter(whole.detail(picture) ** 2, (height, width), mode="constant")
        tops, lefts = picture.shape[0] - height + 1, picture.shape[1] - width + 1
        inner = amount[height // 2 : height // 2 + tops, width // 2 : width // 2 + lefts]
        top, left = np.unravel_index(int(np.argmax(inner)), inner.shape)
        return cls(int(top), int(left), height, width, sigma_px)

    def detail(self, picture: Real) -> NDArray[np.float32]:
        """Detail of vesicle size of the part, in robust standard deviations, clipped, fading out at the border."""
        from scipy import ndimage

        part = picture[self.top : self.top + self.height, self.left : self.left + self.width].astype(np.float32)
        fine = ndimage.gaussian_filter(part, FINE * self.sigma_px) - ndimage.gaussian_filter(part, COARSE * self.sigma_px)
        scale = 1.4826 * float(np.median(np.abs(fine)))
        fade = [_taper(n) for n in part.shape]
        return np.asarray(np.clip(fine / max(scale, 1e-12), -CLIP, CLIP) * fade[0][:, None] * fade[1][None, :], np.float32)


class Registration:
    """Pictures registered one after another against the running mean of those before, moved back to where the first one lay."""

    def __init__(self, memory: int, credible_px: float, sigma_px: float) -> None:
        self.memory, self.credible_px, self.sigma_px = memory, credible_px, sigma_px
        self.mean: Spectrum | None = None
        self.count = 0

    def follow(self, picture: NDArray[np.float32]) -> Real:
        """What `register` says of the next picture; one whose shift is credible joins the mean."""
        from scipy import fft

        transform = fft.fft2(picture)
        if self.mean is None:
            self.mean, self.count = transform, 1
            return np.zeros(4)
        seen = register(picture, self.mean, self.sigma_px)
        if np.all(seen[2:] < self.credible_px):
            self.count += 1
            weight = max(1.0 / self.count, 1.0 / self.memory)
            self.mean = ((1.0 - weight) * self.mean + weight * transform * _turned(picture.shape, -seen[:2])).astype(np.complex64)
        return seen


def register(picture: NDArray[np.float32], reference: Spectrum, sigma_px: float) -> Real:
    """Shift (y, x) of a picture from a reference, and the standard error of each, (4,) pixels; infinite errors if it is lost.

    Parameters
    ----------
    picture : (height, width) from `Windowed.detail`.
    reference : Fourier transform of another such picture, or of a mean.

    Notes
    -----
    The match C(s) = sum of picture(x) reference(x - s) is greatest at the shift. Its variance is H^-1 V H^-1, with H the
    curvature of C and V the variance of its slope, taken from the scatter of the slopes of separate tiles. Noise that the two do
    not share adds nothing to H, and vesicles that move by themselves add to V, so both widen the error.
    """
    from scipy import fft
    from skimage.registration import phase_cross_correlation

    transform = fft.fft2(picture)
    lost = np.array([0.0, 0.0, np.inf, np.inf])
    if not (np.any(picture) and np.any(reference)):
        return lost
    # Whitening would give the noise beyond the lens's reach the same say as the vesicles; the detail is band-passed instead.
    shift, _, _ = phase_cross_correlation(reference, transform, upsample_factor=STEP, normalization=None, space="fourier")
    moved = -np.asarray(shift, float)
    aligned = reference * _turned(picture.shape, moved)
    ky, kx = _waves(picture.shape)
    shared = np.real(transform * np.conj(aligned)) / picture.size
    curvature = np.array([[float((a * b * shared).sum()) for b in (ky, kx)] for a in (ky, kx)])
    slopes = np.stack([_tiled(picture * np.real(fft.ifft2(1j * k * aligned)), sigma_px) for k in (ky, kx)])
    if np.linalg.det(curvature) <= 0 or np.trace(curvature) <= 0:
        return lost
    inverse = np.linalg.inv(curvature)
    variance = inverse @ (slopes @ slopes.T) @ inverse
    return np.array([*moved, *np.sqrt(np.diag(variance) + (1.0 / STEP) ** 2 / 12.0)])


def _tiled(values: Real, sigma_px: float) -> Real:
    """Sums over square tiles, (n_tiles,)."""
    side = max(round(TILE_WIDTHS * sigma_px), 8)
    edges = [np.arange(0, n, side) for n in values.shape]
    return np.asarray(np.add.reduceat(np.add.reduceat(values, edges[0], axis=0), edges[1], axis=1).ravel(), float)


def _waves(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Angular frequencies (radians per pixel) along y, (height, 1), and along x, (1, width)."""
    y, x = (2 * np.pi * np.fft.fftfreq(n).astype(np.float32) for n in shape)
    return y[:, None], x[None, :]


def _turned(shape: tuple[int, ...], shift: Real) -> Spectrum:
    """Factor of a Fourier transform that moves its picture by `shift` (y, x) pixels."""
    ky, kx = _waves(shape)
    return np.asarray(np.exp(-1j * ky * shift[0]) * np.exp(-1j * kx * shift[1]), np.complex64)


def _taper(n: int) -> NDArray[np.float32]:
    """(n,) 1 inside, falling to 0 as a cosine over `TAPER` of the side at either end."""
    reach = max(round(TAPER * n), 1)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(reach) + 0.5) / reach)
    fade = np.ones(n)
    fade[:reach], fade[-reach:] = ramp, ramp[::-1]
    return fade.astype(np.float32)
