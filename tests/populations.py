"""Results folders as a run would leave them, made from simulated populations of vesicles: what a comparison is tested with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exotrack.io.mask import write_footprint
from exotrack.io.results import write_results
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.drive import Course
from exotrack.kinetics.records import Place, records
from exotrack.kinetics.stochastic import simulate
from exotrack.params import Analysis, preset
from exotrack.tables import ALL, EVENT_KINDS, Cells, Episodes, Events, Frames

FRAME_S, LEAST = 0.1, 6
SIDE_UM, PIXEL_UM = 10.0, 0.1
"""Side of a cell, and of a pixel of its footprint."""


def results(
    place: Path, model: str, seed: int, *, values: dict[str, float] | None = None, inputs: dict[str, float] | None = None,
    duration_s: float = 30.0, cells: int = 2, params: Analysis | None = None, frame_s: float = FRAME_S,
    stimulus: tuple[float, dict[str, float]] | None = None,
) -> Path:  # fmt: skip
    """A results folder of `cells` cells: the episodes and events of a population of `model`, and the frames that saw them.

    stimulus : when it came (s), and the inputs from then on.
    """
    rng, name = np.random.default_rng(seed), place.name
    episodes, events = [], []
    about = load(model)
    rest = {key: one.value for key, one in about.inputs.items()} | (inputs or {})
    course = Course.steps([(0.0, rest), *([(stimulus[0], rest | stimulus[1])] if stimulus else [])])
    for cell in range(1, cells + 1):
        lives = simulate(about, duration_s, rng, course, values=values)
        true = records(lives, Place(frame_s, 100.0, cell_id=cell, movie_id=name), rng)
        shift = 100_000 * cell
        episodes.append(true.episodes.assign(track_id=true.episodes["track_id"] + shift))
        moved = true.events["x_um"] + SIDE_UM * (cell - 1)
        events.append(true.events.assign(track_id=true.events["track_id"] + shift, x_um=moved))
    stays, happened = (pd.concat(parts, ignore_index=True) for parts in (episodes, events))
    stays = stays[(stays["state"] != "docked") | (stays["n_frames"] >= LEAST)]
    tables: dict[str, Any] = {table.name: table.empty() for table in ALL}
    n = round(duration_s / frame_s)
    tables["frames"] = Frames.build({"movie_id": name, "frame": range(n), "t_s": np.arange(n) * frame_s, "status": "ok"})
    tables["episodes"] = Episodes.build(stays.assign(episode_id=range(1, len(stays) + 1)))
    tables["events"] = Events.build(happened.assign(event_id=range(1, len(happened) + 1)))
    counted = {f"n_{kind}": [int(((happened["kind"] == kind) & (happened["cell_id"] == c)).sum()) for c in range(1, cells + 1)]
               for kind in EVENT_KINDS}  # fmt: skip
    tables["cells"] = Cells.build(
        {"movie_id": name, "cell_id": range(1, cells + 1), "area_um2": 100.0, "observed_s": duration_s, "footprint": "mask"}
        | counted
    )
    base = params or preset("granule").updated({"classify": {"min_docked_s": LEAST * frame_s}, "link": {"min_spots": 2}})
    settings = base.updated({"classify": {"stimulus_s": [stimulus[0]]}}) if stimulus else base
    side = round(SIDE_UM / PIXEL_UM)
    labels = np.tile(np.repeat(np.arange(1, cells + 1), side), (side, 1))
    return write_results(
        place, tables, settings, {"movie_id": name, "movie": {"frame_s": frame_s, "n_frames": n, "pixel_um": PIXEL_UM}},
        extra=lambda folder: write_footprint(folder, labels, PIXEL_UM),
    )  # fmt: skip
