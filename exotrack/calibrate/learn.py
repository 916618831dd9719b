"""What the movie itself tells of the light to inject: how wide, how bright, how fast it bleaches, on which background."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._frames import usable
from exotrack.errors import InputError
from exotrack.physics import Noise
from exotrack.pipeline import Result
from exotrack.tables import FUSION_KINDS

Real = NDArray[np.float64]
ENOUGH = 10
"""Fewer events or tracks than this say too little about the many."""
LEAST_FRAMES = 15
"""Frames of a docked stay from which its fading is read: over fewer, noise outweighs it."""
SURE = 6.0
"""Heights in standard errors from which a spot has a width worth reading."""


@dataclass(frozen=True)
class Learned:
    """What was read from the movie.

    Attributes
    ----------
    noise : the camera's, estimated from the untouched movie.
    pixel_um : side of a pixel.
    sigma_um : Gaussian width of a vesicle's image.
    pool : (n,) heights (counts) of the movie's own vesicles; empty if none was found.
    bleach_per_s : rate at which vesicles fade.
    background : (height, width) light under a vesicle (effective photoelectrons per pixel, read noise included).
    release : median D (um^2/s) or rate (1/s) of the movie's own full fusions by its name in the simulation; may be empty.
    sources : where each came from, in words.
    """

    noise: Noise
    pixel_um: float
    sigma_um: float
    pool: Real
    bleach_per_s: float
    background: Real
    release: Mapping[str, float]
    sources: Mapping[str, str]

    def height(self, snr: float, footprint: NDArray[np.integer]) -> float:
        """Height (counts) of a spot that has `snr` in a matched filter on the median background of the cell."""
        pixel = self.sigma_um / self.pixel_um
        ground = float(np.median(self.background[footprint > 0] if footprint.any() else self.background))
        return snr * math.sqrt(ground) / (math.sqrt(math.pi) * pixel) * self.noise.slope


def learn(result: Result, bleach_per_s: float) -> Learned:
    """Read what there is to read from the analysis of the untouched movie; `bleach_per_s` stands in where nothing tells.

    Raises `InputError` where the movie has no noise from which light could be counted.
    """
    movie, record = result.movie, result.provenance["noise"]
    noise = Noise(float(record["slope"]), float(record["intercept"]), str(record["source"]))
    image = _mean(result)
    if not noise.slope > 0 or "do not differ" in noise.source:
        raise InputError(
            f"{movie.movie_id}: its noise is not that of a camera ({noise.source}), so no light can be added as by one"
        )
    width, width_from = _width(result)
    pool, pool_from = _pool(result, width)
    rate, rate_from = _bleaching(result, noise, bleach_per_s)
    release, release_from = _release(result)
    return Learned(
        noise=noise,
        sigma_um=width,
        pool=pool,
        bleach_per_s=rate,
        background=np.maximum((image - noise.offset) / noise.slope, 0.25),
        release=release,
        sources={"sigma_um": width_from, "brightness": pool_from, "bleach_per_s": rate_from, "release": release_from},
        pixel_um=movie.pixel_um,
    )


def _mean(result: Result) -> Real:
    """Mean image (counts): a few frames spread over the movie are enough for the noise of the background."""
    good = np.flatnonzero(usable(result.frames))
    picked = np.unique(good[np.linspace(0, len(good) - 1, min(32, len(good))).round().astype(int)])
    total = np.zeros(result.movie.shape[1:])
    for frame in picked:
        total += result.movie[int(frame)]
    return total / len(picked)


def _width(result: Result) -> tuple[float, str]:
    traces = result.traces
    sure = traces[traces["observed"] & (traces["amplitude"] > SURE * traces["amplitude_sd"]) & traces["sigma_um"].notna()]
    if len(sure) < ENOUGH:
        return result.params.detect.sigma_um, "detect.sigma_um: too few spots have a width"
    return float(sure["sigma_um"].median()), f"median width of {len(sure)} spots"


def _pool(result: Result, sigma_um: float) -> tuple[Real, str]:
    """Heights of the movie's own vesicles: of fusions if dark before, else of docked vesicles, else of all tracks."""
    # Heights come from fits of a fixed width; a spot that is narrower is higher than those say.
    fixed = result.params.detect.sigma_um**2
    scale = (sigma_um**2 + fixed) / (2.0 * sigma_um**2)
    fusions = result.events[result.events["kind"].isin(FUSION_KINDS)]["amplitude"]
    seen = result.traces[result.traces["observed"]]
    dark = result.params.classify.cargo == "ph_sensitive"
    choices: tuple[tuple[pd.Series, str], ...] = (
        (fusions if dark else pd.Series(dtype=float), "fusions"),
        (pd.Series(dtype=float) if dark else _while_docked(result.episodes, seen), "docked vesicles"),
        (seen.groupby("track_id")["amplitude"].median(), "tracks"),
    )
    for heights, name in choices:
        good = heights[heights > 0].to_numpy(float)
        if len(good) >= ENOUGH:
            return np.sort(good) * scale, f"heights of {len(good)} {name}"
    return np.zeros(0), "no vesicles to go by: from the noise alone"


def _while_docked(episodes: pd.DataFrame, seen: pd.DataFrame) -> pd.Series:
    """Median height (counts) of each track in the frames in which it is docked; `seen`: its observed frames."""
    # Before it docks a vesicle is deeper, and dimmer; after a kiss-and-run there is less of it.
    stays = episodes[(episodes["state"] == "docked") & episodes["track_id"].notna()].sort_values(["track_id", "first_frame"])
    stays = stays[stays.groupby("track_id")["exit_kind"].shift() != "kiss_and_run"]
    stays = stays[["track_id", "first_frame", "last_frame"]].astype(int)
    both = seen[["track_id", "frame", "amplitude"]].dropna().merge(stays, on="track_id")
    return both[both["frame"].between(both["first_frame"], both["last_frame"])].groupby("track_id")["amplitude"].median()


def _bleaching(result: Result, noise: Noise, otherwise: float) -> tuple[float, str]:
    """Median rate at which docked vesicles fade, else the mean of the frames above the offset, else the preset's."""
    traces = result.traces[result.traces["observed"] & (result.traces["amplitude"] > 0)]
    long = result.episodes[(result.episodes["state"] == "docked") & (result.episodes["n_frames"] >= LEAST_FRAMES)]
    by_track = dict(iter(traces.groupby("track_id")))
    rates, weights = [], []
    for stay in long.itertuples():
        mine = by_track.get(int(stay.track_id))
        mine = None if mine is None else mine[mine["frame"].between(stay.first_frame, stay.last_frame)]
        if mine is not None and len(mine) >= LEAST_FRAMES:
            rates.append(-float(np.polyfit(mine["t_s"], np.log(mine["amplitude"]), 1)[0]))
            weights.append(float(mine["t_s"].iloc[-1] - mine["t_s"].iloc[0]) ** 3)
    if len(rates) >= ENOUGH:
        order = np.argsort(rates)
        middle = np.searchsorted(np.cumsum(np.array(weights)[order]), 0.5 * sum(weights))
        return max(float(np.array(rates)[order][middle]), 0.0), f"fading of {len(rates)} docked vesicles"
    frames = result.frames[usable(result.frames)]
    light = frames["mean"].to_numpy() - noise.offset
    if "assumed" not in noise.source and "taken as" not in noise.source and len(light) >= LEAST_FRAMES and np.all(light > 0):
        return max(
            -float(np.polyfit(frames["t_s"], np.log(light), 1)[0]), 0.0
        ), "fading of the whole frames above the camera offset"
    return otherwise, "the simulation's preset: neither vesicles nor frames tell"


def _release(result: Result) -> tuple[dict[str, float], str]:
    """Median D of the full fusions of a dark label, or median rate of release of a visible one."""
    full = result.events[result.events["kind"] == "full_fusion"]
    dark = result.params.classify.cargo == "ph_sensitive"
    value, sd = (full["diffusion_um2_s"], full["diffusion_sd_um2_s"]) if dark else (full["decay_s"], full["decay_sd_s"])
    known = value[(value > 0) & (sd < 0.5 * value)].to_numpy(float)
    if len(known) < ENOUGH:
        return {}, "the simulation's preset: too few full fusions were measured well"
    middle = float(np.median(known))
    return {
        "membrane_um2_s" if dark else "release_per_s": middle if dark else 1.0 / middle
    }, f"{len(known)} full fusions of the movie"
