"""Can the movie be trusted: lost frames, saturation, bleaching, irregular timing, few events, origin of the calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from exotrack._drift import drift_um
from exotrack.movie import Movie
from exotrack.report import charts
from exotrack.report.numbers import number, quantity
from exotrack.report.rates import Count
from exotrack.tables import FUSION_KINDS, SOLUTIONS

FEW = 10
"""Below ten counts the exact interval spans more than a factor of three and a half."""
NOTABLE_BLEACHING = 0.1
_SOLUTION = {"nh4cl": "NH4Cl", "quench": "acid"}


@dataclass(frozen=True)
class Finding:
    """One line of the panel: `level` is ok, note or warning."""

    level: str
    title: str
    text: str


@dataclass(frozen=True)
class Bleaching:
    """Frame means fitted with c + a exp(-t/tau): relative drop over the movie (negative: it brightened), and the fit."""

    drop: float
    tau_s: float
    fitted: NDArray[np.float64]


def bleaching(t_s: NDArray[np.float64], mean: NDArray[np.float64]) -> Bleaching:
    """Least squares over a grid of tau, so it always gives the best fit and never fails.

    `t_s`, `mean`: (n,) usable frames, camera offset included. NaN with fewer than 5 frames or a mean that is not positive.
    """
    if len(t_s) < 5 or not mean[0] > 0:
        return Bleaching(float("nan"), float("nan"), np.full(len(t_s), np.nan))
    span = float(t_s[-1] - t_s[0])
    best, best_tau, best_rest = np.full(len(t_s), mean.mean()), float("nan"), np.inf
    for tau in np.geomspace(span / 50, 5 * span, 60):
        shape = np.exp(-(t_s - t_s[0]) / tau)
        slope = float(np.cov(shape, mean, bias=True)[0, 1] / np.var(shape))
        fitted = mean.mean() + slope * (shape - shape.mean())
        rest = float(np.sum((mean - fitted) ** 2))
        if rest < best_rest:
            best, best_tau, best_rest = fitted, float(tau), rest
    return Bleaching(float(1.0 - best[-1] / best[0]), best_tau, best)


def usable(frames: Any) -> Any:
    """Rows of the frames table that are analysed and have a mean."""
    return frames[frames["status"].isin(["ok", "saturated"]) & np.isfinite(frames["mean"])].sort_values("frame")


def lost_frames(frames: Any) -> frozenset[int]:
    """Numbers of the frames that are not analysed."""
    return frozenset(int(frame) for frame in frames.loc[~frames["status"].isin(["ok", "saturated"]), "frame"])


def findings(
    movie: Movie, frames: Any, counts: list[Count], fit: Bleaching, warnings: list[str], events: Any = None
) -> list[Finding]:
    """Everything the reader should know before believing the numbers, warnings first."""
    found = [
        *_lost(frames), _saturation(frames), *_clipped(events), _drifted(frames), _bleached(fit), *_timing(movie), *_few(counts),
        *(Finding("note", "Reader", note) for note in movie.notes),
        *(Finding("warning", "On the way", text) for text in warnings), _calibration(movie),
    ]  # fmt: skip
    return sorted(found, key=lambda finding: ("warning", "note", "ok").index(finding.level))


def chart(frames: Any, fit: Bleaching) -> Markup | None:
    """Frame means with the fit; None if there is nothing to draw."""
    good = usable(frames)
    if len(good) < 2:
        return None
    step = -(-len(good) // 600)
    t_s, mean = good["t_s"].to_numpy(), good["mean"].to_numpy()
    ax = charts.axes(4.6, 1.9, "time (s)", "frame mean (counts)")
    ax.plot(t_s[::step], mean[::step], color=charts.MUTED, lw=1)
    ax.plot(t_s[::step], fit.fitted[::step], color=charts.MODEL, lw=1.6, ls="--")
    return charts.to_svg(ax, "bleaching", f"Mean of each frame against time with an exponential fit; drop {number(fit.drop, 2)}")


def _lost(frames: Any) -> list[Finding]:
    counted = {str(k): int(v) for k, v in frames["status"].value_counts().items() if k not in ("ok", "saturated")}
    bathed = {_SOLUTION[name]: counted.pop(name) for name in SOLUTIONS if name in counted}
    found = []
    if bathed:
        listed = ", ".join(f"{n} in {name}" for name, n in bathed.items())
        found = [Finding("note", "Solutions", f"No event is called in {sum(bathed.values())} frames ({listed}).")]
    return [*found, _unusable(frames, counted)]


def _unusable(frames: Any, counted: dict[str, int]) -> Finding:
    if not counted:
        others = "other " if frames["status"].isin(SOLUTIONS).any() else ""
        return Finding("ok", "Frames", f"All {others}{(~frames['status'].isin(SOLUTIONS)).sum()} frames can be used.")
    words = ", ".join(f"{n} {status}" for status, n in counted.items())
    text = f"{sum(counted.values())} of {len(frames)} frames are not analysed ({words}); no event is called at their edges."
    return Finding("warning", "Lost frames", text)


def _saturation(frames: Any) -> Finding:
    n = int((frames["status"] == "saturated").sum())
    worst = frames["saturated_fraction"].max() if len(frames) else float("nan")
    if n == 0:
        return Finding("ok", "Saturation", "No frame is saturated.")
    text = f"{n} frames are saturated (at worst {number(100 * worst, 2)} % of the pixels): amplitudes there are too low."
    return Finding("warning", "Saturation", text)


def _clipped(events: Any) -> list[Finding]:
    n = 0 if events is None else int(events.loc[events["kind"].isin(FUSION_KINDS), "saturated"].fillna(False).sum())
    text = f"{n} fusions are clipped by the detector (saturated in the events table): their amplitude and dF/F are too low."
    return [Finding("warning", "Clipped events", text)] if n else []


def _drifted(frames: Any) -> Finding:
    moved, error = drift_um(frames), frames[["drift_y_sd_um", "drift_x_sd_um"]].to_numpy(dtype=float)
    if not np.isfinite(error).any():
        sought = frames["drift_y_um"].notna().any()
        return Finding("note", "Drift", "Could not be told: too little to follow." if sought else "Not looked for.")
    sd = quantity(1000 * float(np.nanmedian(error)), "nm", 2)
    if not moved.any():
        return Finding("ok", "Drift", f"The stage stood still (standard error {sd}).")
    far = quantity(1000 * float(np.hypot(*moved.T).max()), "nm", 2)
    return Finding("note", "Drift", f"The stage drifted by up to {far} (standard error {sd}); this is corrected.")


def _bleached(fit: Bleaching) -> Finding:
    if not np.isfinite(fit.drop):
        return Finding("note", "Bleaching", "Too few usable frames to judge.")
    words = f"The frame mean {'falls' if fit.drop >= 0 else 'rises'} by {number(100 * abs(fit.drop), 2)} % over the movie"
    if abs(fit.drop) < NOTABLE_BLEACHING:
        return Finding("ok", "Bleaching", f"{words} (camera offset included).")
    tail = f", time constant {quantity(fit.tau_s, 's', 2)}; the camera offset is included, so the light itself changes more."
    return Finding("warning", "Bleaching" if fit.drop > 0 else "Brightening", words + tail)


def _timing(movie: Movie) -> list[Finding]:
    if movie.times_s is None:
        return []
    steps = np.diff(movie.times_s)
    if float(np.max(np.abs(steps / movie.frame_s - 1))) < 0.1:
        return []
    words = f"Intervals between frames run from {number(steps.min())} to {number(steps.max())} s; the stored times are used."
    return [Finding("warning", "Irregular timing", words)]


def _few(counts: list[Count]) -> list[Finding]:
    called = sum(count.called for count in counts if count.kind.fusion)
    sure = sum(count.confident or 0 for count in counts if count.kind.fusion)
    found: list[Finding] = []
    if called == 0:
        found.append(Finding("note", "No fusion", "No fusion was called. The turned-down candidates below say why."))
    elif called < FEW:
        found.append(Finding("warning", "Few events", f"Only {called} fusions: rates and fractions are uncertain."))
    if called and sure < 0.5 * called:
        found.append(Finding("warning", "Uncertain kinds", f"Only {sure} of {called} fusions have a confident kind."))
    return found


def _calibration(movie: Movie) -> Finding:
    listed = ", ".join(f"{key}: {value}" for key, value in movie.sources.items()) or "given from Python"
    return Finding("note", "Calibration", f"{movie.pixel_um:g} µm per pixel, {movie.frame_s:g} s per frame ({listed}).")
