"""Camera noise from the movie itself: photon transfer on differences of consecutive frames.

The difference of two consecutive frames holds no still structure; half its variance in a small block is the variance
of a pixel there. Plotted against the mean of the block it is a line, variance = slope * value + intercept (Janesick
2007, Photon Transfer). Vesicles that moved between the frames raise the variance of their blocks, and those blocks are
also the brightest: left in, they would tilt the line. So blocks count only where the *sum* of the two frames varies no
more than its noise, that is where there is nothing to move. Sum and difference are independent, so choosing by one does not
bias the other. How much the noise of the sum is, is read from what is finer than a lens can draw, the second differences along
both axes: of a spot 1.3 pixels wide they hold a five-hundredth of the variance. The mean of the difference is removed in each
block, and with it bleaching, flicker and drift of anything larger than the block.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack._frames import read_usable
from exotrack.movie import Movie
from exotrack.physics import Noise

Real = NDArray[np.float64]

BLOCK = 8
RUNS, RUN_LENGTH = 8, 3
BINS = 24
FREEDOM = 11
"""Degrees of freedom of the fine detail of a block: 36 values that share pixels."""
LEVEL = 1.3
"""Variance of the sum over that of its noise from which a block has structure: two standard deviations of a block without."""
ENOUGH = 2_048
"""Blocks of a pair that are looked at: those of 360 x 360 pixels, whose variance is known to 1 %."""
FEWEST = 5
"""Blocks that a variance rests on at least."""
MAX_RELATIVE_ERROR = 0.25
"""Beyond this the brightness varies too little for a slope."""


def estimate_noise(movie: Movie, frames_usable: NDArray[np.bool_] | None = None) -> Noise:
    """Noise of the movie's camera: `movie.noise` if the file or the user gives it, else estimated.

    Parameters
    ----------
    movie : at most 24 of its frames are read, three at a time.
    frames_usable : (n_frames,) which frames may be used; None takes those whose status is ok.

    Returns
    -------
    `Noise` whose `source` says how it was found and what was assumed.
    """
    if movie.noise is not None:
        return movie.noise
    usable = np.ones(len(movie), bool) if frames_usable is None else np.asarray(frames_usable, bool)
    samples = [_block_moments(first, second) for first, second in _pairs(movie, usable)]
    if not samples:
        return Noise(1.0, 0.0, "assumed: no two consecutive frames are usable")
    mean, variance, structure, fine, still = (np.concatenate(part) for part in zip(*samples, strict=True))
    # Noise that is not white holds less fine detail: how much less is seen where there is least light and no structure.
    quiet = (mean <= np.median(mean)) & (structure <= still.mean())
    quiet = quiet if quiet.sum() >= FEWEST else np.ones(len(mean), bool)
    white = float(fine[quiet].mean())
    colour = float(variance[quiet].mean()) / white if white > 0 else 1.0
    return _line(mean, fine * colour, structure, still * colour)


def _pairs(movie: Movie, usable: NDArray[np.bool_]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Pairs of consecutive usable frames from short runs spread evenly over the movie."""
    starts = np.unique(np.linspace(0, max(len(movie) - RUN_LENGTH, 0), RUNS).astype(int))
    found = []
    for start in starts:
        pixels, statuses = read_usable(movie, start, start + RUN_LENGTH)
        # Clipped pixels do not vary: saturated frames say nothing about noise.
        good = [bool(usable[start + i] and status == "ok") for i, status in enumerate(statuses)]
        found += [(pixels[i], pixels[i + 1]) for i in range(len(pixels) - 1) if good[i] and good[i + 1]]
    return found


def _block_moments(first: NDArray[Any], second: NDArray[Any]) -> tuple[Real, ...]:
    """Mean of each block, and the variance of a pixel in it by four ways.

    Returns
    -------
    mean; variance from the difference; from the sum after removing a plane, which holds structure as well; and from the fine
    detail of the difference and of the sum.
    """
    return tuple(_moments(_cut(first).astype(np.float64), _cut(second).astype(np.float64)))


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _moments(first: Any, second: Any) -> Any:
    """(5, n_blocks) what `_block_moments` returns."""
    found, n = np.empty((5, len(first))), BLOCK**2
    side = np.arange(BLOCK) - (BLOCK - 1) / 2
    # Sum of the squares of either slope of a plane.
    inertia = BLOCK * (side * side).sum()
    for i in range(len(first)):
        total, change = first[i] + second[i], second[i] - first[i]
        mean, mean_change, along_y, along_x = total.sum() / n, change.sum() / n, 0.0, 0.0
        for y in range(BLOCK):
            for x in range(BLOCK):
                along_y += side[y] * total[y * BLOCK + x]
                along_x += side[x] * total[y * BLOCK + x]
        structure, variance = 0.0, 0.0
        for y in range(BLOCK):
            row = mean + along_y / inertia * side[y]
            for x in range(BLOCK):
                structure += (total[y * BLOCK + x] - row - along_x / inertia * side[x]) ** 2
                variance += (change[y * BLOCK + x] - mean_change) ** 2
        found[0, i], found[1, i], found[2, i] = mean / 2, variance / (n - 1) / 2, structure / (2 * (n - 3))
        found[3, i], found[4, i] = _fine(change), _fine(total)
    return found


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _fine(cut: Any) -> float:
    """Variance of a pixel of one frame from the second differences along both axes of a sum or difference of two."""
    bent, squares = np.empty(BLOCK * BLOCK), 0.0
    for j in range(BLOCK, BLOCK * (BLOCK - 1)):
        bent[j] = cut[j - BLOCK] - 2.0 * cut[j] + cut[j + BLOCK]
    for y in range(1, BLOCK - 1):
        for j in range(y * BLOCK + 1, (y + 1) * BLOCK - 1):
            squares += (bent[j - 1] - 2.0 * bent[j] + bent[j + 1]) ** 2
    # The weights 1, -2, 1 along both axes have 36 for the sum of their squares.
    return float(squares / (36 * (BLOCK - 2) ** 2 * 2))


def _cut(image: NDArray[Any]) -> NDArray[Any]:
    """(n_blocks, BLOCK^2): whole blocks of an image, all or evenly spread ones."""
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    part = image[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    every = max(columns // max(ENOUGH // max(rows, 1), 1), 1)
    return part[:, :, ::every].swapaxes(1, 2).reshape(-1, BLOCK**2)


def _line(mean: Real, variance: Real, structure: Real, fine: Real) -> Noise:
    """The line through blocks of like brightness, or what can be said instead."""
    x, y, n = _binned(mean, variance, structure, fine)
    level, typical = float(np.median(mean)), float(np.median(y))
    if not typical > 1e-12 * max(float(np.abs(mean).max()), 1e-30) ** 2:
        return _noise_free(mean)
    slope, slope_sd, intercept = _fit_line(x, y, n)
    if not slope_sd < MAX_RELATIVE_ERROR * slope:
        # Where all that is bright has structure, what is fine in it must do.
        x, y, n = _binned(mean, variance, np.zeros(len(mean)), fine)
        slope, slope_sd, intercept = _fit_line(x, y, n)
    if slope_sd < MAX_RELATIVE_ERROR * slope:
        # Where blocks differ in brightness by their noise alone, the slope is third over second moment of that noise: right
        # up to the share of the read noise.
        flat = float(np.var(mean)) < 2 * typical / (2 * BLOCK**2)
        basis = "the skewness of the noise" if flat else "photon transfer"
        return Noise(slope, intercept, f"{basis} on {n.sum()} blocks, slope +- {slope_sd / slope:.1%}")
    dark = min(0.0, float(mean.min()))
    slope = typical / max(level - dark, 1e-9 * abs(level), 1e-30)
    return Noise(
        slope,
        -slope * dark,
        f"variance {typical:.4g} at {level:.4g} counts; brightness varies too little for a slope, "
        f"so the camera offset is taken as {dark:.4g} and read noise as none",
    )


def _noise_free(mean: NDArray[Any]) -> Noise:
    """A floor for movies without noise: one thousandth of the range of brightness, at every brightness."""
    span = max(float(np.ptp(mean)), 1e-3 * float(np.abs(mean).max()), 1e-6)
    variance = (1e-3 * span) ** 2
    slope = variance / max(float(np.abs(mean).max()), span)
    return Noise(slope, variance, "consecutive frames do not differ: noise taken as 0.001 of the range of brightness")


def _binned(mean: Real, variance: Real, structure: Real, fine: Real) -> tuple[Real, Real, Real]:
    """Brightness, variance and number of blocks in bins of like brightness, half of them by number, half by range."""
    order = np.argsort(mean, kind="stable")
    mean, variance, structure, fine = mean[order], variance[order], structure[order], fine[order]
    by_number = np.linspace(0, len(mean), BINS + 1).astype(int)
    by_range = np.searchsorted(mean, np.linspace(mean[0], mean[-1], BINS + 1))
    bins = [slice(*edges) for edges in pairwise(np.unique(np.concatenate([by_number, by_range])))]
    rows = [row for part in bins if (row := _typical(mean[part], variance[part], structure[part], fine[part]))]
    if sum(row[2] for row in rows) < 0.1 * len(mean):
        # Structure everywhere (a textured cell): the difference alone has to do.
        zero = np.zeros(len(mean))
        rows = [row for part in bins if (row := _typical(mean[part], variance[part], zero[part], zero[part]))]
    if not rows:
        rows = [(float(mean.mean()), float(np.median(variance)), len(mean))]
    x, y, n = (np.array(column) for column in zip(*rows, strict=True))
    return x, y, n


def _typical(mean: Real, variance: Real, structure: Real, fine: Real) -> tuple[float, float, int] | None:
    """Mean brightness, mean variance and number of the quiet blocks of a bin; None if fewer than five are.

    structure, fine : variance of the sum of the frames, and of its noise; see `LEVEL`.
    Quiet is also no more than five standard deviations of a chi-squared variable above the median.
    """
    if len(mean) < FEWEST:
        return None
    reach = 5 * np.sqrt(2.0 / FREEDOM)
    low = structure <= LEVEL * fine.mean()
    if low.sum() < FEWEST:
        return None
    # The median of a chi-squared variable lies below its mean (Wilson and Hilferty 1931).
    middle = np.median(variance[low]) / (1 - 2 / (9 * FREEDOM)) ** 3
    kept = low & (variance <= middle * (1 + reach))
    return (float(mean[kept].mean()), float(variance[kept].mean()), int(kept.sum())) if kept.sum() >= FEWEST else None


def _fit_line(x: NDArray[Any], y: NDArray[Any], n: NDArray[Any]) -> tuple[float, float, float]:
    """Slope, its standard error and intercept; each point weighs by its own sampling error, outliers by Huber's rule."""
    if len(x) < 3:
        return 0.0, np.inf, float(np.mean(y))
    model, weight = np.full(len(x), np.median(y)), np.ones(len(x))
    for _ in range(20):
        sd = np.maximum(model, 0.05 * np.median(y)) * np.sqrt(2.0 / (n * FREEDOM))
        design = np.stack([x - np.average(x, weights=n), np.ones(len(x))], 1) / sd[:, None]
        root = np.sqrt(weight)
        fit, *_ = np.linalg.lstsq(design * root[:, None], y / sd * root, rcond=None)
        residual = y / sd - design @ fit
        scale = max(1.0, 1.4826 * float(np.median(np.abs(residual))))
        weight = np.minimum(1.0, 2.0 * scale / np.maximum(np.abs(residual), 1e-12))
        slope, intercept = float(fit[0]), float(fit[1] - fit[0] * np.average(x, weights=n))
        model = slope * x + intercept
    covariance = np.linalg.pinv((design * weight[:, None]).T @ design) * scale**2
    return slope, float(np.sqrt(covariance[0, 0])), intercept
