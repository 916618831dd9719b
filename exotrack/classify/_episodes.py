"""Episodes: the stays of every track in its states, with how each began and ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exotrack.classify._mobility import confinement, covariance_diffusion
from exotrack.classify._model import DOCKED, Model, model
from exotrack.classify._roles import roles
from exotrack.classify._states import Levels, Told, evidence, levels, population, told
from exotrack.classify._stays import Stay, stays
from exotrack.classify._walks import Fusion, Part, parts
from exotrack.movie import Movie
from exotrack.params import ClassifyParams
from exotrack.tables import STATES, Episodes

TYPICAL_SPOTS = 10
"""Steps with a spot from which a track counts for the movie's typical brightness in contact: more than a passing moment."""


def episodes(
    movie: Movie, traces: pd.DataFrame, fusions: dict[int, list[Fusion]], params: ClassifyParams, sigma_um: float
) -> pd.DataFrame:
    """Cut every track of a Traces table into episodes.

    fusions : called fusions of each track, ascending; a stay ends there with that kind. What is seen of a track after a full
    fusion is another vesicle, or the same if the call was wrong.
    Returns an Episodes table sorted by track then frame.
    """
    found = parts(traces, fusions, sigma_um, movie.frame_s)
    models: dict[bool, Model] = {}
    tried: list[Levels] = []
    for part in found:
        begun = part.walk.begun
        if begun not in models:
            models[begun] = model(params, part.walk.step_s, begun)
        tried.append(levels(*evidence(part.walk, params.convention), models[begun]))
    typical = population(
        [one for one, part in zip(tried, found, strict=True) if np.isfinite(part.walk.place_um[:, 0]).sum() >= TYPICAL_SPOTS]
        or tried
    )
    rows = []
    least_s = params.settled_s if params.convention == "settled" else params.min_docked_s
    for part, one in zip(found, tried, strict=True):
        view = told(*evidence(part.walk, params.convention), models[part.walk.begun], one, *typical)
        rows += [_row(movie, part, stay, view) for stay in stays(part, view, least_s)]
    if not rows:
        return Episodes.empty()
    table = pd.DataFrame(rows)
    return Episodes.build(table.assign(episode_id=np.arange(1, len(rows) + 1), role=roles(table, params)))


def _row(movie: Movie, part: Part, stay: Stay, view: Told) -> dict[str, Any]:
    """One row of the table."""
    inside = part.seen & (part.frame >= stay.first) & (part.frame <= stay.last)
    time, place = movie.t_s(part.frame[inside]), part.place_um[inside]
    steps = slice((stay.first - part.first) // part.bin_frames, (stay.last - part.first) // part.bin_frames + 1)
    exit_kind = _exit(movie, part, stay)
    reach, confined = confinement(time, place)
    start = float(movie.t_s(stay.first))
    return {
        "movie_id": movie.movie_id,
        "track_id": part.track_id,
        "state": STATES[stay.state],
        "first_frame": stay.first,
        "last_frame": stay.last,
        "t_first_s": start,
        "duration_s": float(movie.t_s(stay.last)) - start + movie.frame_s,
        "n_frames": stay.last - stay.first + 1,
        "entry_observed": stay.came,
        "exit_observed": exit_kind not in ("censored", "lost") or (stay.went and not stay.faded),
        "exit_kind": exit_kind,
        "diffusion_um2_s": covariance_diffusion(time, place),
        "height_nm": float(np.mean(view.height_nm[steps])),
        "spread_um": reach,
        "confined": confined,
    }


def _exit(movie: Movie, part: Part, stay: Stay) -> str:
    """How a stay ended."""
    if part.fusion is not None and stay.last >= part.fusion.frame - 1:
        return part.fusion.kind
    if stay.went:
        return "undocking" if stay.state == DOCKED and not stay.faded else "lost"
    return "censored" if stay.last >= len(movie) - 1 else "lost"


__all__ = ["Fusion", "episodes"]
