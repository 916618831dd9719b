"""A study read from its results folders: stays, events, cells and movies, with the animal and condition of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.stays import Stays, check, least_frames, stays

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.io.results import Results
    from exotrack.params import Analysis

DESIGN = ("study_id", "animal_id", "condition")
"""What a design may say of a movie."""
UNEVEN = 0.2
"""Relative difference of frame intervals from which they are no longer treated as even without a word."""


@dataclass(frozen=True)
class Study:
    """One or more analysed movies.

    stays : table `Stays`. events, cells : those tables with study_id, animal_id and condition.
    movies : a row per movie: movie_id, study_id, animal_id, condition, movie_frames, frame_s, observed_s, before_s (the part of
    it before the first stimulus), stimulus_s (the first; NaN if none), min_frames, cargo. notes : plain sentences on what was
    left out or is doubtful.
    """

    stays: pd.DataFrame
    events: pd.DataFrame
    cells: pd.DataFrame
    movies: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_study(
    folders: Sequence[str | Path], design: Mapping[str, Mapping[str, str]] | None = None, least_s: float = 0.0
) -> Study:
    """Read the results folders of a study.

    Parameters
    ----------
    folders : as ``exotrack run`` writes them; each movie once.
    design : by movie_id, any of study_id, animal_id, condition.
    least_s : shortest docked stay to use (s), if longer than what the analyses recorded; leaving out more is exact.

    Raises
    ------
    InputError : a folder that cannot be read, a movie given twice, a label that is dark while docked, or nothing to learn from.
    """
    from exotrack.io.results import read_results

    parts = [_movie(read_results(folder, "movie"), design or {}, least_s) for folder in folders]
    if not parts:
        raise InputError("a study needs at least one results folder; give folders that `exotrack run` wrote")
    return join(parts)


def join(parts: Sequence[Study]) -> Study:
    """Several studies as one, checked. The order of the rows is that of the movies' names, whatever the order given.

    Raises `InputError` if a movie comes twice, or if there is nothing to learn from: no events, or fewer than two vesicles.
    """
    import pandas as pd

    names = [name for part in parts for name in part.movies["movie_id"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"movie {twice[0]} comes {names.count(twice[0])} times; give each movie once, under a name of its own")
    parts = sorted(parts, key=lambda part: str(part.movies["movie_id"].iloc[0]))
    tables = [
        pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in ("stays", "events", "cells", "movies")
    ]
    found = check(Stays.build(tables[0]))
    if len(tables[1]) == 0:
        raise InputError("the tables hold no events: there is nothing to compare with a model; see the report of the analysis")
    if len(found) < 2:
        raise InputError(f"the tables hold {len(found)} docked stay of a vesicle: no rate can be told from that; add movies")
    notes = tuple(note for part in parts for note in part.notes)
    return Study(found, tables[1], tables[2], tables[3], notes)


def _movie(results: Results[Analysis], design: Mapping[str, Mapping[str, str]], least_s: float) -> Study:
    """One results folder."""
    import pandas as pd

    from exotrack.io.results import of_movie

    frame_s, name = of_movie(results.provenance, "frame_s"), str(results.provenance.get("movie_id", results.folder.name))
    if frame_s is None or not frame_s > 0:
        raise InputError(f"{results.folder}: provenance.json does not say the frame interval; run the analysis again")
    if results.params.classify.cargo != "lumenal":
        raise InputError(
            f"{results.folder}: a pH-sensitive label is dark while a vesicle is docked, so docked stays cannot be seen; "
            "compare event rates instead, or use a movie of lumenal cargo"
        )
    frames = results.tables["frames"]
    times = results.params.classify.stimulus_s
    usable = frames["status"].isin(("ok", "saturated"))
    stimulus_s = float(min(times)) if times else float("nan")
    recorded = least_frames(results.params, frame_s)
    about: dict[str, Any] = {
        "movie_id": name,
        **{key: str(design.get(name, {}).get(key, "")) for key in DESIGN},
        "movie_frames": len(frames),
        "frame_s": frame_s,
        "observed_s": frame_s * int(usable.sum()),
        "before_s": frame_s * int((usable & (frames["t_s"] < stimulus_s)).sum()),
        "stimulus_s": stimulus_s,
        "min_frames": max(recorded, int(np.ceil(least_s / frame_s - 1e-9))),
        "cargo": results.params.classify.cargo,
    }
    tables = results.tables
    found = stays(tables["episodes"], tables["events"], tables["candidates"], about, about["min_frames"])
    labels = {key: about[key] for key in DESIGN}
    return Study(
        found,
        tables["events"].assign(**labels),
        tables["cells"].assign(**labels),
        pd.DataFrame([about]),
        _notes(name, tables["episodes"], found, about, frames),
    )


def _notes(
    name: str, episodes: pd.DataFrame, found: pd.DataFrame, about: Mapping[str, Any], frames: pd.DataFrame
) -> tuple[str, ...]:
    """What a reader should know of one movie."""
    notes = []
    short = int((episodes["state"] == "docked").sum()) - len(found)
    if short:
        notes.append(f"{name}: {short} docked stays of fewer than {about['min_frames']} frames are left out")
    unknown = int((found["entry_kind"] == "unknown").sum())
    if unknown:
        notes.append(f"{name}: {unknown} docked stays of unknown beginning are not used in the likelihood")
    steps = np.diff(frames["t_s"].to_numpy())
    if len(steps) and np.abs(steps / about["frame_s"] - 1).max() > UNEVEN:
        notes.append(f"{name}: frame intervals range from {steps.min():.3g} to {steps.max():.3g} s; they are treated as even")
    unusable = len(frames) - int(frames["status"].isin(("ok", "saturated")).sum())
    if unusable:
        notes.append(f"{name}: {unusable} frames cannot be used; stays go on through them")
    return tuple(notes)
