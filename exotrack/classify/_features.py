"""What a decision is made on: numbers without unit, or in seconds and um, the same for every camera and magnification."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._candidates import Places
from exotrack.classify._evidence import parabola
from exotrack.classify._fits import CHI2, HEIGHT, HEIGHT_SD, LIGHT, LIGHT_SD, LOST, SHAPE_1, SHAPE_2, STATIC, T0, still
from exotrack.classify._look import Look, Neighbours, Optics, fluxes
from exotrack.classify._models import CLOUD, D_UM2_S, RAMP, RELEASE, SPREAD, STAY, STEP, TAU_FRAMES
from exotrack.classify._patch import N_HEIGHTS

BINS = ((-8, -4), (-4, -2), (-2, -1), (-1, 0), (0, 1), (1, 2), (2, 3), (3, 5), (5, 9), (9, 17), (17, 33))
"""Frames from the event, last exclusive, over which heights and halos are averaged."""
SECONDS = ((-1.0, -0.4), (-0.4, 0.0), (0.0, 0.2), (0.2, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
"""The same in seconds, so that physics does not hang on the frame rate."""

SHAPE = (
    "log_dt", "z", "height_z", "lost_z", "log_step_gain", "log_ramp_gain", "log_release_gain", "log_spread_gain",
    "spread_over_release", "release_over_step", "ramp_over_step", "misfit", "lost", "static", "height", "log_tau_frames",
    "log_tau_s", "log_diffusion", "log_diffusion_sd", "log_escape_frames", "log_ramp", "t0_release", "t0_spread",
    "cloud_over_release", "cloud_over_spread", "cloud_z", "cloud", "cloud_over_lost", "log_cloud_tau_s", "log_cloud_growth",
    "t0_cloud", "wide_noise",
)  # fmt: skip
PLACE = (
    "shift_before", "shift_after", "shift_z_before", "shift_z_after", "step_before", "step_after", "seen_before",
    "seen_after", "since_first", "until_last", "neighbour", "background_change", "frame_change", "n_before", "n_after",
)  # fmt: skip
_WINDOWS = (*(str(a) for a, _ in BINS), *(f"s{i}" for i in range(len(SECONDS))))
FEATURES = (*SHAPE, *PLACE, *(f"{what}_{window}" for what in ("height", "halo", "far") for window in _WINDOWS))


def features(
    where: Places,
    looks: list[Look],
    traces: pd.DataFrame,
    others: Neighbours,
    frame_mean: NDArray[np.float64],
    optics: Optics,
) -> pd.DataFrame:
    """One row of `FEATURES` per candidate; missing where a frame or a measure is."""
    paths = _paths(traces)
    courses, shapes, places = np.empty((len(looks), 3 * len(BINS) + 3 * len(SECONDS))), [], []
    for k, look in enumerate(looks):
        shape = _shape(look, float(where.z[k]), optics)
        event = int(where.frame[k]) + math.floor(float(look.fits[best_model(look), T0]))
        _course(look, event, shape["scale"], optics, courses[k])
        place = _place(look, event, shape["scale"], paths[int(where.track_id[k])], frame_mean, optics)
        place["neighbour"] = _nearest(others, int(where.track_id[k]), int(where.frame[k]), (where.y_um[k], where.x_um[k]), optics)
        shapes.append([shape[name] for name in SHAPE])
        places.append([place[name] for name in PLACE])
    rows = np.column_stack([np.reshape(shapes, (-1, len(SHAPE))), np.reshape(places, (-1, len(PLACE))), courses])
    return pd.DataFrame(rows, columns=[*FEATURES], dtype=float)


class Path(NamedTuple):
    """The detected spots of a track in order: frames, and places in um."""

    frame: NDArray[np.int64]
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]


def _paths(traces: pd.DataFrame) -> dict[int, Path]:
    seen = traces[traces["observed"].to_numpy()].sort_values(["track_id", "frame"], kind="stable")
    ids, start = np.unique(seen["track_id"].to_numpy(), return_index=True)
    columns = [np.split(seen[key].to_numpy(), start[1:]) for key in ("frame", "y_um", "x_um")]
    return {int(key): Path(*parts) for key, *parts in zip(ids, *columns, strict=True)}


def best_model(look: Look) -> int:
    """Row of `fits` whose course explains most: release, or spread or cloud if clearly better."""
    chi2 = look.fits[:, CHI2]
    best = SPREAD if chi2[SPREAD] < chi2[RELEASE] - 2.0 else RELEASE
    return CLOUD if chi2[CLOUD] < chi2[best] - 4.0 else best


def _shape(look: Look, z: float, optics: Optics) -> dict[str, float]:
    """Likelihood gains and fitted values, heights relative to the largest of them."""
    n = max(int((look.series.precision[:, 0, 0] > 0).sum()), 1)
    misfit = look.fits[RELEASE:, CHI2].min() / (N_HEIGHTS * n)
    # Where even the best course misses by more than the noise, the noise is underrated (correlated, flickering): all evidence
    # shrinks in proportion, so that a camera's oddities do not pass for certainty.
    excess = max(misfit, 1.0)
    chi2 = look.fits[:, CHI2] / excess
    release, spread, step, cloud = look.fits[RELEASE], look.fits[SPREAD], look.fits[STEP], look.fits[CLOUD]
    scale = max(abs(release[LOST]), abs(release[HEIGHT]), abs(step[LOST]), 1e-9)
    tau, _ = parabola(TAU_FRAMES, look.profiles[0, : len(TAU_FRAMES)])
    diffusion, diffusion_sd = parabola(D_UM2_S, look.profiles[1, : len(D_UM2_S)])
    gains = chi2[STAY] - chi2
    noise = max(math.sqrt(excess), look.wide_noise)
    # What a cloud explains that neither a release without one nor a vesicle that sinks away does.
    beyond = math.sqrt(max(float(look.fits[[RAMP, RELEASE], CHI2].min() - cloud[CHI2]), 0.0))
    return {
        "scale": scale,
        "log_dt": math.log(optics.frame_s),
        "z": min(z / math.sqrt(excess), 100.0),
        "height_z": min(release[HEIGHT] / release[HEIGHT_SD] / math.sqrt(excess), 100.0) if release[HEIGHT_SD] > 0 else math.nan,
        "lost_z": float(np.clip(step[LOST] / scale * math.sqrt(max(gains[STEP], 0.0)), -100, 100)),
        "log_step_gain": math.log1p(max(gains[STEP], 0.0)),
        "log_ramp_gain": math.log1p(max(gains[RAMP], 0.0)),
        "log_release_gain": math.log1p(max(gains[RELEASE], 0.0)),
        "log_spread_gain": math.log1p(max(gains[SPREAD], 0.0)),
        "spread_over_release": _signed_log(chi2[RELEASE] - chi2[SPREAD]),
        "release_over_step": _signed_log(chi2[STEP] - chi2[RELEASE]),
        "ramp_over_step": _signed_log(chi2[STEP] - chi2[RAMP]),
        "misfit": math.log(max(misfit, 1e-3)),
        "lost": release[LOST] / scale,
        "static": release[STATIC] / scale,
        "height": release[HEIGHT] / scale,
        "log_tau_frames": math.log(tau) if tau > 0 else math.nan,
        "log_tau_s": math.log(tau * optics.frame_s) if tau > 0 else math.nan,
        "log_diffusion": math.log(diffusion) if diffusion > 0 else math.nan,
        "log_diffusion_sd": math.log(min(diffusion_sd / diffusion, 10.0)) if diffusion > 0 and diffusion_sd > 0 else math.nan,
        "log_escape_frames": math.log(spread[SHAPE_2]) if spread[SHAPE_2] > 0 else math.nan,
        "log_ramp": math.log(look.fits[RAMP, SHAPE_1]) if look.fits[RAMP, SHAPE_1] > 0 else math.nan,
        "t0_release": release[T0],
        "t0_spread": spread[T0],
        "cloud_over_release": math.log1p(max(chi2[RELEASE] - chi2[CLOUD], 0.0)),
        "cloud_over_spread": _signed_log(chi2[SPREAD] - chi2[CLOUD]),
        "cloud_z": min(cloud[LIGHT] / (cloud[LIGHT_SD] * noise), beyond / noise, 100.0) if cloud[LIGHT_SD] > 0 else 0.0,
        "cloud": cloud[LIGHT] / scale,
        "cloud_over_lost": float(np.clip(cloud[LIGHT] / max(abs(cloud[LOST]), 0.05 * scale), 0.0, 50.0)),
        "log_cloud_tau_s": math.log(cloud[SHAPE_1] * optics.frame_s) if cloud[LIGHT] > 0 else math.nan,
        "log_cloud_growth": math.log(cloud[SHAPE_2]) if cloud[LIGHT] > 0 else math.nan,
        "t0_cloud": cloud[T0],
        "wide_noise": math.log(look.wide_noise),
    }


def _course(look: Look, event: int, scale: float, optics: Optics, out: NDArray[np.float64]) -> None:
    """Mean height, halo and far light around the event, relative to `scale`; static broad light is taken off."""
    a = look.series.coefficients[:, :N_HEIGHTS] - still(look.fits[best_model(look)], len(look.series.frame))
    flux = fluxes(optics.sigma_px) / fluxes(optics.sigma_px)[0]
    weights = np.array([np.ones(N_HEIGHTS), flux * [0, 1, 1, 0], flux * [0, 0, 0, 1]])
    window_means(weights @ a.T / scale, look.series.frame - event, _windows(optics.frame_s), out)


@lru_cache(maxsize=8)
def _windows(frame_s: float) -> NDArray[np.int64]:
    """(windows, 2) first and last + 1 frame of `BINS` and of `SECONDS`."""
    seconds = [[math.ceil((edge - 1e-9) / frame_s) for edge in window] for window in SECONDS]
    return np.array([*BINS, *seconds], np.int64)


@njit(nogil=True, cache=True)
def window_means(
    values: NDArray[np.float64], lag: NDArray[np.int64], windows: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Fill `out`, row of `values` by row, with means of what is finite in each window of `lag`; missing if nothing is."""
    for i in range(len(values)):
        for w in range(len(windows)):
            total, n = 0.0, 0
            for k in range(len(lag)):
                if windows[w, 0] <= lag[k] < windows[w, 1] and np.isfinite(values[i, k]):
                    total += values[i, k]
                    n += 1
            out[i * len(windows) + w] = total / n if n else np.nan


NEAR = np.array([[-6, 0], [0, 7]])
"""Frames from the event, last exclusive: before and after."""


def _place(look: Look, event: int, scale: float, path: Path, frame_mean: NDArray[np.float64], optics: Optics) -> dict[str, float]:
    """Movement, visibility and surroundings before and after the event."""
    series, seen = look.series, path.frame
    level, dy, dx = series.coefficients[:, N_HEIGHTS:].T
    means = np.empty(8)
    window_means(np.array([dy, dx, np.hypot(dy, dx) / series.shift_sd, level]), series.frame - event, NEAR, means)
    earlier, here, later = np.searchsorted(seen, [event - 10, event, event + 10])
    window = frame_mean[max(event - 4, 0) : event], frame_mean[event : event + 4]
    return {
        "shift_before": math.hypot(means[0], means[2]) / scale,
        "shift_after": math.hypot(means[1], means[3]) / scale,
        "shift_z_before": means[4],
        "shift_z_after": means[5],
        "step_before": _step(path, earlier, here, optics.sigma_um),
        "step_after": _step(path, here, later, optics.sigma_um),
        "seen_before": float(here - earlier),
        "seen_after": float(later - here),
        "since_first": float(min(max(event - seen[0], -20), 60)),
        "until_last": float(min(max(seen[-1] - event, -20), 60)),
        "background_change": (means[7] - means[6]) / scale,
        "frame_change": _mean(window[1]) / max(_mean(window[0]), 1e-9) - 1.0,
        "n_before": float(min(event - series.frame[0], 20)),
        "n_after": float(min(series.frame[-1] - event, 20)),
    }


def _step(path: Path, first: int, stop: int, sigma_um: float) -> float:
    """Root-mean-square step between consecutive spots `first` to `stop` (exclusive) of a path, in vesicle widths."""
    if stop - first < 2:
        return math.nan
    dy, dx = np.diff(path.y_um[first:stop]), np.diff(path.x_um[first:stop])
    return math.sqrt(float(dy @ dy + dx @ dx) / len(dy)) / sigma_um


def _nearest(others: Neighbours, track_id: int, frame: int, place_um: tuple[float, float], optics: Optics) -> float:
    """Distance to the nearest spot of another track in the frame, in vesicle widths, at most 12."""
    rows = slice(*np.searchsorted(others.frame, [frame, frame + 1]))
    foreign = others.track_id[rows] != track_id
    if not foreign.any():
        return 12.0
    pixel_um = optics.sigma_um / optics.sigma_px
    y, x = others.y_px[rows][foreign] * pixel_um, others.x_px[rows][foreign] * pixel_um
    return float(min(np.hypot(y - place_um[0], x - place_um[1]).min() / optics.sigma_um, 12.0))


def _mean(values: NDArray[np.float64]) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean()) if len(good) else math.nan


def _signed_log(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value) if math.isfinite(value) else math.nan
