"""Candidates that were turned down: why, where, and how near they came."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from exotrack._drift import in_camera
from exotrack.movie import Movie
from exotrack.report import charts
from exotrack.report.numbers import missing, number, plain, probability
from exotrack.report.quality import lost_frames
from exotrack.report.strips import Strip, strips, window

DUPLICATE = "duplicate"
MEANINGS = {
    "solution": "NH4Cl or acid was in the bath, or came or went just then",
    "no_change": "nothing in the pixels changes as a fusion would",
    "moving": "it moves away or comes along the membrane",
    "gradual": "it brightens or dims gradually, not at one instant",
    "transient": "it is gone again at once",
    "flicker": "the whole frame changes brightness then",
    "crowded": "a brighter neighbour outshines it",
    "poor_fit": "the light has another shape than a vesicle's",
    "at_start": "too few frames before it",
    "at_end": "too few frames after it",
    "bright_before": "it was visible before and hardly brightens, so it was never dark",
    "unlike_fusion": "no single feature speaks against it, all together do",
    DUPLICATE: "it marks a fusion that is called already",
}
"""What the words of the candidates table mean; a word that is not here is shown without a meaning."""
NEAREST = 12
MAX_DOTS = 3000


@dataclass(frozen=True)
class Miss:
    """A candidate that was nearly a fusion; `p` is the probability that it was one, in words."""

    candidate_id: int
    frame: int
    time: str
    position: str
    p: str
    reasons: list[str]
    strip: Strip
    x: float
    y: float


@dataclass(frozen=True)
class Rejected:
    """The panel: reasons as (words, meaning, count, percent of the candidates), dots as (x, y, radius) in pixels.

    chart : of the probabilities of all candidates.
    """

    n: int
    reasons: list[tuple[str, str, int, float]]
    dots: list[tuple[float, float, float]]
    chart: Markup | None
    misses: list[Miss]


def rejected(movie: Movie, candidates: Any, frames: Any, radius_um: float) -> Rejected:
    """The panel from the candidates table: rows whose `called` is empty."""
    down = candidates[candidates["called"] == ""]
    p = (down["p_full_fusion"] + down["p_kiss_and_run"]).to_numpy(dtype=float)
    down = down.assign(p_fusion=p).sort_values("p_fusion", ascending=False, na_position="last", kind="stable")
    tally = Counter(word for text in down["reasons"] for word in dict.fromkeys(str(text).split("|")) if word.strip())
    reasons = [(_words(word), MEANINGS.get(word.strip(), ""), n, 100 * n / len(down)) for word, n in tally.most_common(20)]
    placed = down[np.isfinite(down["y_um"]) & np.isfinite(down["x_um"])].head(MAX_DOTS)
    unit = max(movie.shape[1:]) / 400
    dots = [
        (round(row.x_um / movie.pixel_um, 1), round(row.y_um / movie.pixel_um, 1), round(unit * (1.2 + 4 * size), 2))
        for row, size in zip(placed.itertuples(index=False), np.nan_to_num(placed["p_fusion"].to_numpy()), strict=True)
    ]
    # A duplicate marks a fusion that is called already: it was not missed.
    near = down[(down["p_fusion"] > 0) & ~down["reasons"].str.split("|").map(lambda words: DUPLICATE in words).astype(bool)]
    return Rejected(len(down), reasons, dots, _probabilities(candidates), _misses(movie, near.head(NEAREST), frames, radius_um))


def _probabilities(candidates: Any) -> Markup | None:
    """How many candidates have which probability of a fusion, called and turned down; counts on a logarithmic axis."""
    p = (candidates["p_full_fusion"] + candidates["p_kiss_and_run"]).to_numpy(dtype=float)
    if not np.isfinite(p).any():
        return None
    edges, down = np.linspace(0.0, 1.0, 21), (candidates["called"] == "").to_numpy()
    ax = charts.axes(4.6, 2.0, "probability of a fusion", "candidates")
    for these, shift, colour in ((down, 0.0, charts.GREY), (~down, 0.5, charts.FULL)):
        n, _ = np.histogram(p[these & np.isfinite(p)], edges)
        ax.bar(edges[:-1] + 0.05 * shift, n, 0.024, align="edge", color=colour, lw=0)
    ax.set_yscale("log")
    ax.set(xlim=(0, 1.0), ylim=(0.7, None))
    return charts.to_svg(ax, "probabilities", "Number of candidates by probability of a fusion: turned down and called")


def _misses(movie: Movie, nearest: Any, frames: Any, radius_um: float) -> list[Miss]:
    rows = list(nearest.itertuples(index=False))
    placed = in_camera(nearest, frames).itertuples(index=False)
    shown = strips(movie, [window(row, movie, radius_um) for row in placed], lost_frames(frames))
    return [
        Miss(
            int(row.candidate_id), int(row.frame), _time(movie, int(row.frame)),
            f"{number(row.y_um, 4)}, {number(row.x_um, 4)}", probability(row.p_fusion),
            [_words(word) for word in str(row.reasons).split("|") if word.strip()], strip,
            *(0.0 if missing(v) else round(v / movie.pixel_um, 1) for v in (row.x_um, row.y_um)),
        )
        for row, strip in zip(rows, shown, strict=True)
    ]  # fmt: skip


def _time(movie: Movie, frame: int) -> str:
    return f"{plain(movie.t_s(min(max(frame, 0), len(movie) - 1)))} s"


def _words(reason: str) -> str:
    return reason.strip().replace("_", " ")
