"""Localisation: error against the Cramer-Rao bound, pixel locking, and whether the standard errors are true; fits a second."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from scipy import stats

from exotrack.physics import Noise, pixel_gaussian

from . import ours, peers
from .matching import compare
from .movies import APART_PX, FLAT, OFFSET, PIXEL_UM, READ_E, Array, Made, isolated, points
from .scale import Scale, quickest

SEED = 300
LEVELS = (2.0, 4.0, 7.0)
SIGMA_PX = 1.3
WINDOW = 7
"""Side (pixels) of the squares that are fitted when fits are counted."""


def bound(height: float, sigma_px: float = SIGMA_PX) -> float:
    """Cramer-Rao bound (pixels, one axis, mean over sub-pixel phases) with y, x, photons and background unknown.

    Pixels are Poisson with the read noise's variance added, in a square of 15 pixels.
    """
    side, light, step, variances = 15, height * 2 * math.pi * sigma_px**2, 1e-3, []
    for phase_y, phase_x in np.random.default_rng(0).uniform(-0.5, 0.5, (64, 2)):
        at = np.array([7 + phase_y, 7 + phase_x])
        mean = FLAT["inside_photons"] + light * pixel_gaussian((side, side), at[0], at[1], sigma_px) + READ_E**2
        slopes = []
        for axis in np.eye(2) * step:
            ends = [pixel_gaussian((side, side), *(at + sign * axis), sigma_px) for sign in (1, -1)]
            slopes.append(light * (ends[0] - ends[1]) / (2 * step))
        slopes += [pixel_gaussian((side, side), at[0], at[1], sigma_px), np.ones((side, side))]
        information = np.array([[(a * b / mean).sum() for a in slopes] for b in slopes])
        variances.append(np.diag(np.linalg.inv(information))[:2].mean())
    return math.sqrt(float(np.mean(variances)))


def run(scale: Scale) -> dict[str, Any]:
    """Rows per SNR and method."""
    rows, fits = {}, {}
    for level in LEVELS:
        pixels, true, height = isolated(level, scale, scale.localisation_frames, SEED + int(level))
        tuning, other, _ = isolated(level, scale, 2, SEED + 50 + int(level))
        least = bound(height)
        spots = ours.detect(pixels)
        error = spots[["y_sd_um", "x_sd_um"]].to_numpy() / PIXEL_UM
        one = {ours.NAME: _accuracy(true, points(spots), pixels, least) | _calibration(true, points(spots), error, pixels)}
        told = ours.detect(pixels, noise=Noise(1.0, READ_E**2 - OFFSET))
        error = told[["y_sd_um", "x_sd_um"]].to_numpy() / PIXEL_UM
        name = f"{ours.NAME}, told the camera"
        one[name] = _accuracy(true, points(told), pixels, least) | _calibration(true, points(told), error, pixels)
        for peer in peers.detectors(SIGMA_PX):
            if not peers.installed(peer.package):
                one[peer.name] = {"missing": True}
                continue
            threshold = peers.tuned(peer, Made(tuning, spots, other))
            one[peer.name] = _accuracy(true, peers.located(peer, pixels, threshold), pixels, least)
        rows[f"{level:g}"] = {"bound_px": least, "methods": one}
        fits[f"{level:g}"] = {"bound_px": least, "methods": _fits(level, scale)}
    return {"rows": rows, "fits": fits, "window": WINDOW}


def _accuracy(true: Array, found: Array, pixels: Array, least: float) -> dict[str, float]:
    pairs = compare(true, found, pixels.shape[1])
    phase = np.mod(found[pairs.found_rows, 1:3] + 0.5, 1.0).ravel()
    real = np.mod(true[pairs.true_rows, 1:3] + 0.5, 1.0).ravel()
    rmse = float(np.sqrt((pairs.errors**2).mean())) if len(pairs.errors) else math.nan
    return {
        "found": pairs.right / max(pairs.right + pairs.missed, 1),
        "rmse_px": rmse,
        "ratio": rmse / least,
        "locking": harmonic(phase),
        "locking_of_truth": harmonic(real),
        "ks": float(stats.kstest(phase, "uniform").statistic) if len(phase) else math.nan,
        "ks_p": float(stats.kstest(phase, "uniform").pvalue) if len(phase) else math.nan,
    }


def harmonic(phase: Array) -> float:
    """Amplitude of the first harmonic of the density of sub-pixel phases: 0 if even, 2 if all the same."""
    return float(2 * abs(np.exp(2j * np.pi * phase).mean())) if len(phase) else math.nan


def _calibration(true: Array, found: Array, error: Array, pixels: Array) -> dict[str, float]:
    pairs = compare(true, found, pixels.shape[1])
    z = (pairs.errors / error[pairs.found_rows]).ravel()
    return {"z_sd": float(np.std(z)) if len(z) else math.nan}


def _fits(level: float, scale: Scale) -> dict[str, Any]:
    """Fits a second and RMSE of the fit alone, on squares about the pixel in which the spot lies."""
    n_frames = max(round(scale.fits / (scale.size_px // APART_PX) ** 2), 1)
    pixels, true, _ = isolated(level, scale, n_frames, SEED + 90 + int(level))
    true = true[((true[:, 1:3] > 4) & (true[:, 1:3] < scale.size_px - 5)).all(axis=1)]
    peaks = np.rint(true[:, 1:3]).astype(np.int64)
    which = true[:, 0].astype(int)
    fit = ours.fit(pixels, [peaks[which == t] for t in range(len(pixels))], OFFSET, READ_E)
    fit()  # compiles
    parts, seconds = quickest(fit)
    rows = {"exotrack, fixed width": _fitted(true[:, 1:3], np.concatenate(parts)[:, :2], seconds)}
    cuts = np.arange(WINDOW) - WINDOW // 2
    squares = pixels[which[:, None, None], peaks[:, 0, None, None] + cuts[:, None], peaks[:, 1, None, None] + cuts]
    squares = squares.astype(np.float32) - np.float32(OFFSET)
    return rows | _picasso(squares, true[:, 1:3] - peaks)


def _picasso(squares: Array, true: Array) -> dict[str, Any]:
    """picasso's two maximum-likelihood fits with one free width; places are relative to the middle of the square."""
    names = ("picasso gaussmle (Newton)", "picasso gaussfit mle (Levenberg-Marquardt)")
    if not peers.installed("picassosr"):
        return {name: {"missing": True} for name in names}
    from picasso import gaussmle
    from picasso.fitting import gaussfit, seeds

    def newton(spots: Array) -> Array:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return gaussmle.gaussmle(spots, 1e-3, 100, "sigma")[0][:, [1, 0]] - WINDOW // 2

    first = seeds.initial_parameters_gauss(squares, WINDOW, spherical=True)

    def marquardt(spots: Array) -> Array:
        return gaussfit.fit_spots(gaussfit.SPHERICAL, spots, first[: len(spots)], mle=True)[0][:, [2, 1]] - WINDOW // 2

    rows = {}
    for name, fit in zip(names, (newton, marquardt), strict=True):
        fit(squares[:20])
        places, seconds = quickest(lambda fit=fit: fit(squares))
        rows[name] = _fitted(true, places, seconds)
    return rows


def _fitted(true: Array, found: Array, seconds: float) -> dict[str, float]:
    error = (found - true)[np.isfinite(found).all(axis=1)]
    near = np.abs(error).max(axis=1) < 2.0
    rmse = float(np.sqrt((error[near] ** 2).mean())) if near.any() else math.nan
    return {"per_s": len(found) / seconds, "rmse_px": rmse, "lost": 1.0 - float(near.sum()) / max(len(found), 1)}
