"""What a decision is made on: numbers without unit, or in seconds and um, the same for every camera and magnification."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.classify._candidates import Places
from exotrack.classify._look import Look, Neighbours, Optics, fluxes
from exotrack.classify._models import D_UM2_S, TAU_FRAMES, parabola

BINS = ((-8, -4), (-4, -2), (-2, -1), (-1, 0), (0, 1), (1, 2), (2, 3), (3, 5), (5, 9), (9, 17), (17, 33))
"""Frames from the event, last exclusive, over which heights and halos are averaged."""
SECONDS = ((-1.0, -0.4), (-0.4, 0.0), (0.0, 0.2), (0.2, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
"""The same in seconds, so that physics does not hang on the frame rate."""

SHAPE = (
    "log_dt", "z", "height_z", "lost_z", "log_step_gain", "log_ramp_gain", "log_release_gain", "log_spread_gain",
    "spread_over_release", "release_over_step", "ramp_over_step", "misfit", "lost", "static", "height", "log_tau_frames",
    "log_tau_s", "log_diffusion", "log_diffusion_sd", "log_escape_frames", "log_ramp", "t0_release", "t0_spread",
)  # fmt: skip
PLACE = (
    "shift_before", "shift_after", "shift_z_before", "shift_z_after", "step_before", "step_after", "seen_before",
    "seen_after", "since_first", "until_last", "neighbour", "background_change", "frame_change", "n_before", "n_after",
)  # fmt: skip
FEATURES = (
    SHAPE
    + PLACE
    + tuple(f"height_{a}" for a, _ in BINS)
    + tuple(f"halo_{a}" for a, _ in BINS)
    + tuple(f"height_s{i}" for i in range(len(SECONDS)))
    + tuple(f"halo_s{i}" for i in range(len(SECONDS)))
)


def features(
    where: Places,
    looks: list[Look],
    traces: pd.DataFrame,
    others: Neighbours,
    frame_mean: NDArray[np.float64],
    optics: Optics,
) -> pd.DataFrame:
    """One row of `FEATURES` per candidate; missing where a frame or a measure is."""
    tracks = {int(key): part for key, part in traces.groupby("track_id")}
    rows = []
    for k, look in enumerate(looks):
        shape = _shape(look, float(where.z[k]), optics)
        event = int(where.frame[k]) + math.floor(float(look.fits[_best(look), 1]))
        course = _course(look, event, shape["scale"], optics)
        place = _place(look, event, shape["scale"], tracks[int(where.track_id[k])], frame_mean, optics)
        place["neighbour"] = _nearest(others, int(where.track_id[k]), int(where.frame[k]), (where.y_um[k], where.x_um[k]), optics)
        rows.append(shape | course | place)
    return pd.DataFrame(rows, columns=[*FEATURES], dtype=float)


def best_model(look: Look) -> int:
    """Row of `fits` whose course explains most: 3 (release) or 4 (spread)."""
    return _best(look)


def _best(look: Look) -> int:
    return 4 if look.fits[4, 0] < look.fits[3, 0] - 2.0 else 3


def _shape(look: Look, z: float, optics: Optics) -> dict[str, float]:
    """Likelihood gains and fitted values, heights relative to the largest of them."""
    n = max(int((look.series.precision[:, 0, 0] > 0).sum()), 1)
    misfit = min(look.fits[3, 0], look.fits[4, 0]) / (3 * n)
    # Where even the best course misses by more than the noise, the noise is underrated (correlated, flickering): all evidence
    # shrinks in proportion, so that a camera's oddities do not pass for certainty.
    excess = max(misfit, 1.0)
    chi2 = look.fits[:, 0] / excess
    release, spread, step = look.fits[3], look.fits[4], look.fits[1]
    scale = max(abs(release[7]), abs(release[8]), abs(step[7]), 1e-9)
    tau, _ = parabola(TAU_FRAMES, look.profiles[0, : len(TAU_FRAMES)])
    diffusion, diffusion_sd = parabola(D_UM2_S, look.profiles[1, : len(D_UM2_S)])
    gains = chi2[0] - chi2
    return {
        "scale": scale,
        "log_dt": math.log(optics.frame_s),
        "z": min(z / math.sqrt(excess), 100.0),
        "height_z": min(release[8] / release[9] / math.sqrt(excess), 100.0) if release[9] > 0 else math.nan,
        "lost_z": float(np.clip(step[7] / scale * math.sqrt(max(gains[1], 0.0)), -100, 100)),
        "log_step_gain": math.log1p(max(gains[1], 0.0)),
        "log_ramp_gain": math.log1p(max(gains[2], 0.0)),
        "log_release_gain": math.log1p(max(gains[3], 0.0)),
        "log_spread_gain": math.log1p(max(gains[4], 0.0)),
        "spread_over_release": _signed_log(chi2[3] - chi2[4]),
        "release_over_step": _signed_log(chi2[1] - chi2[3]),
        "ramp_over_step": _signed_log(chi2[1] - chi2[2]),
        "misfit": math.log(max(misfit, 1e-3)),
        "lost": release[7] / scale,
        "static": release[4] / scale,
        "height": release[8] / scale,
        "log_tau_frames": math.log(tau) if tau > 0 else math.nan,
        "log_tau_s": math.log(tau * optics.frame_s) if tau > 0 else math.nan,
        "log_diffusion": math.log(diffusion) if diffusion > 0 else math.nan,
        "log_diffusion_sd": math.log(min(diffusion_sd / diffusion, 10.0)) if diffusion > 0 and diffusion_sd > 0 else math.nan,
        "log_escape_frames": math.log(spread[3]) if spread[3] > 0 else math.nan,
        "log_ramp": math.log(look.fits[2, 2]) if look.fits[2, 2] > 0 else math.nan,
        "t0_release": release[1],
        "t0_spread": spread[1],
    }


def _course(look: Look, event: int, scale: float, optics: Optics) -> dict[str, float]:
    """Mean height and halo around the event, relative to `scale`; static broad light is taken off."""
    a = look.series.coefficients[:, :3] - np.array([0.0, look.fits[3, 5], look.fits[3, 6]])
    height = a.sum(axis=1) / scale
    flux = fluxes(optics.sigma_px)
    halo = (a[:, 1:] @ flux[1:]) / (flux[0] * scale)
    lag = look.series.frame - event
    row: dict[str, float] = {}
    for first, last in BINS:
        inside = (lag >= first) & (lag < last)
        row[f"height_{first}"] = _mean(height[inside])
        row[f"halo_{first}"] = _mean(halo[inside])
    for i, (early, late) in enumerate(SECONDS):
        inside = (lag * optics.frame_s >= early - 1e-9) & (lag * optics.frame_s < late - 1e-9)
        row[f"height_s{i}"] = _mean(height[inside])
        row[f"halo_s{i}"] = _mean(halo[inside])
    return row


def _place(
    look: Look, event: int, scale: float, track: pd.DataFrame, frame_mean: NDArray[np.float64], optics: Optics
) -> dict[str, float]:
    """Movement, visibility and surroundings before and after the event."""
    series = look.series
    before, after = (
        (series.frame < event) & (series.frame >= event - 6),
        (series.frame >= event) & (series.frame < event + 7),
    )
    shift = series.coefficients[:, 4:6]
    size = np.hypot(shift[:, 0], shift[:, 1]) / series.shift_sd
    seen = track["frame"].to_numpy()[track["observed"].to_numpy()]
    level = series.coefficients[:, 3]
    window = frame_mean[max(event - 4, 0) : event], frame_mean[event : event + 4]
    return {
        "shift_before": float(np.hypot(*_mean_rows(shift[before]))) / scale,
        "shift_after": float(np.hypot(*_mean_rows(shift[after]))) / scale,
        "shift_z_before": _mean(size[before]),
        "shift_z_after": _mean(size[after]),
        "step_before": _step(track, event - 10, event, optics.sigma_um),
        "step_after": _step(track, event, event + 10, optics.sigma_um),
        "seen_before": float(((seen >= event - 10) & (seen < event)).sum()),
        "seen_after": float(((seen >= event) & (seen < event + 10)).sum()),
        "since_first": float(np.clip(event - seen[0], -20, 60)),
        "until_last": float(np.clip(seen[-1] - event, -20, 60)),
        "background_change": (_mean(level[after]) - _mean(level[before])) / scale,
        "frame_change": _mean(window[1]) / max(_mean(window[0]), 1e-9) - 1.0,
        "n_before": float(min(event - series.frame[0], 20)),
        "n_after": float(min(series.frame[-1] - event, 20)),
    }


def _step(track: pd.DataFrame, first: int, last: int, sigma_um: float) -> float:
    """Root-mean-square step between consecutive spots from `first` to `last` (exclusive), in vesicle widths."""
    frame = track["frame"].to_numpy()
    rows = track["observed"].to_numpy() & (frame >= first) & (frame < last)
    if rows.sum() < 2:
        return math.nan
    y, x = track["y_um"].to_numpy()[rows], track["x_um"].to_numpy()[rows]
    return float(np.sqrt(np.mean(np.diff(y) ** 2 + np.diff(x) ** 2)) / sigma_um)


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


def _mean_rows(values: NDArray[np.float64]) -> tuple[float, float]:
    return _mean(values[:, 0]), _mean(values[:, 1])


def _signed_log(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value) if math.isfinite(value) else math.nan
