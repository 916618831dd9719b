"""What the fits say of any candidate: instant, brightness, rise, and the course that goes into the table of fits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.classify._evidence import parabola
from exotrack.classify._features import best_model
from exotrack.classify._fits import CHI2, T0, still
from exotrack.classify._look import Look, Optics, fluxes, grids
from exotrack.classify._models import CLOUD, RELEASE, SPREAD, STAY, TAU_FRAMES, course
from exotrack.classify._patch import N_HEIGHTS
from exotrack.classify._refit import refined_decay, refined_release
from exotrack.classify._widths import widths_um
from exotrack.movie import Movie

MEASURES = ("t0_frame", "amplitude", "dff", "rise_s", "fraction_released", "fraction_released_sd")
"""The last two are a first guess, which the decision uses; of what is called, `_called` measures them again."""
SEEN = 9.0
"""Chi-squared that a cloud must explain for the time constant to be measured with it: three standard errors."""
WORTH = 25.0
"""Chi-squared a release must explain over no change before its time constant is measured."""


def measures(look: Look, frame: int, optics: Optics, offset: float, lumenal: bool) -> dict[str, float]:
    """Measures of one candidate as if it were a fusion; missing where the pixels cannot tell.

    Parameters
    ----------
    look : the candidate's series and fits.
    frame : movie frame that times in the fits count from.
    optics, offset : of the movie; offset is the camera's, counts.
    lumenal : whether the cargo was visible before, so that a released fraction exists.
    """
    model = best_model(look)
    fit = look.fits[model]
    t0 = float(fit[T0])
    height = look.series.coefficients[:, :N_HEIGHTS] - still(fit, len(look.series.frame))
    peak = height.sum(axis=1)
    event = frame + math.floor(t0)
    lag = look.series.frame - event
    early = (lag >= 0) & (lag <= 5) & np.isfinite(peak)
    before = (lag < 0) & (lag >= -6) & np.isfinite(peak)
    level = float(np.mean(peak[before])) if before.any() else 0.0
    top = float(np.max(peak[early])) if early.any() else math.nan
    at_top = int(lag[early][int(np.argmax(peak[early]))]) if early.any() else 0
    background = float(np.nanmedian(look.series.coefficients[:, N_HEIGHTS]))
    coarse, _ = _known(*parabola(TAU_FRAMES, look.profiles[0, : len(TAU_FRAMES)]))
    released, released_sd = _released(lag, peak, coarse) if lumenal else (math.nan, math.nan)
    return {
        "t0_frame": max(frame + t0, 0.0),
        "amplitude": top,
        "dff": (top - max(level, 0.0)) / max(background - offset, 1e-9) if background > offset else math.nan,
        "rise_s": max(at_top + 0.5 - (t0 - math.floor(t0)), 0.25) * optics.frame_s,
        "fraction_released": released,
        "fraction_released_sd": released_sd,
    }


def refined(look: Look, frame: int, optics: Optics) -> tuple[float, float, bool]:
    """Time constant of a release and its error (s; missing where the pixels cannot tell), and whether light is seen to spread.

    Light spreads where that explains the pixels clearly better than staying narrow.
    """
    decay, decay_sd = _decay(look, frame, optics)
    return decay * optics.frame_s, decay_sd * optics.frame_s, bool(look.fits[RELEASE, CHI2] - look.fits[SPREAD, CHI2] >= 6.0)


def _decay(look: Look, frame: int, optics: Optics) -> tuple[float, float]:
    """Time constant (frames) and its error where there is a change to measure, else missing; with the cloud if one is seen."""
    fits = look.fits
    if fits[STAY, CHI2] - fits[RELEASE, CHI2] < WORTH:
        return math.nan, math.nan
    if fits[RELEASE, CHI2] - fits[CLOUD, CHI2] > SEEN:
        value, sd = refined_release(look.sums(frame), fits[CLOUD], optics.escape, grids(optics).mixtures)
    else:
        value, sd = refined_decay(look.sums(frame), fits[RELEASE], look.profiles[0, : len(TAU_FRAMES)])
    return _known(value, sd * _excess(look))


def _excess(look: Look) -> float:
    """By how much the best fit misses beyond the noise: errors grow with it; at least 1."""
    n = max(int((look.series.precision[:, 0, 0] > 0).sum()), 1)
    return max(math.sqrt(float(look.fits[RELEASE:, CHI2].min()) / (N_HEIGHTS * n)), 1.0)


def _known(value: float, sd: float) -> tuple[float, float]:
    """The value and its error, both missing where only a limit is known: faster or slower than the frames can tell."""
    return (value, sd) if math.isfinite(sd) else (math.nan, math.nan)


def _released(lag: NDArray[np.int64], peak: NDArray[np.float64], decay_frames: float) -> tuple[float, float]:
    """Part of the light that was there before and has gone for good: one less the settled level over the first."""
    settled = max(2, math.ceil(2.5 * decay_frames)) if math.isfinite(decay_frames) else 2
    before, after = (lag < -1) & np.isfinite(peak), (lag >= settled) & (lag < settled + 12) & np.isfinite(peak)
    if before.sum() < 2 or after.sum() < 2:
        return math.nan, math.nan
    first, last = float(np.mean(peak[before])), float(np.mean(peak[after]))
    if first <= 0:
        return math.nan, math.nan
    first_sd, last_sd = (float(np.std(peak[part], ddof=1) / math.sqrt(part.sum())) for part in (before, after))
    fraction = 1.0 - last / first
    sd = math.hypot(last_sd, last / first * first_sd) / first
    return float(np.clip(fraction, 0.0, 1.0)), sd


def fit_rows(look: Look, frame: int, optics: Optics, movie: Movie) -> dict[str, Any]:
    """Measured and fitted course of one candidate, columns of a Fits table without event_id."""
    model = best_model(look)
    fit = look.fits[model]
    series = look.series
    seen = series.coefficients[:, :N_HEIGHTS] - still(fit, len(series.frame))
    told = course((series.frame - frame).astype(float), model, fit, (grids(optics).mixtures, optics.escape))
    flux = fluxes(optics.sigma_px)
    covariance = np.linalg.pinv(series.precision)
    sd = np.sqrt(np.einsum("a,nab,b->n", flux, covariance, flux))
    sd[series.precision[:, 0, 0] <= 0] = np.nan
    # How even light is shared between the vesicle's width and broader ones is not known: the darkest level of the model is no
    # darker than nothing.
    ground = min(float((told @ flux).min()), 0.0)
    return {
        "frame": series.frame,
        "t_s": movie.t_s(series.frame),
        "intensity": seen @ flux - ground,
        "intensity_sd": sd,
        "intensity_model": told @ flux - ground,
        "sigma_um": widths_um(seen, series.precision, optics),
        "sigma_model_um": widths_um(told, series.precision, optics),
    }
