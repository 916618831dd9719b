"""Events that the analysis missed and a person added: rows of the table from lines of the journal; no Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack.errors import InputError
from exotrack.tables import Events
from napari_exotrack._journal import Entry
from napari_exotrack._opened import Opened, missing_value

if TYPE_CHECKING:
    import pandas as pd


def with_missed(found: pd.DataFrame, added: Iterable[tuple[Entry, str]]) -> pd.DataFrame:
    """The events that were found, and below them those that were added (entry, kind it is now), in the order of their numbers.

    What nobody measured is missing. A person's word is certain, as it is for a changed call.
    """
    import pandas as pd

    rows = [_row(entry, kind, found) for entry, kind in sorted(added, key=lambda one: one[0].event_id)]
    if not rows:
        return found
    columns = {
        key: [row[key] if key in row else missing_value(column) for row in rows] for key, column in Events.columns().items()
    }
    return pd.concat([found, Events.build(columns)], ignore_index=True)


def certain(kind: str) -> dict[str, Any]:
    """Probabilities of an event that a person called `kind`."""
    fusion = kind in ("full_fusion", "kiss_and_run")
    shares = {f"p_{one}": float(kind == one) for one in ("full_fusion", "kiss_and_run")}
    return {**shares, "p_other": 1.0 - float(fusion), "confident": True}


def seen_at(opened: Opened, frame: int, y_um: float, x_um: float, track_id: int | None) -> dict[str, Any]:
    """What the journal keeps of a place in the picture: frame, time, place in the sample, cell and track.

    Raises `InputError` for a place outside the movie.
    """
    import pandas as pd

    from exotrack._drift import in_sample

    known, frames = opened.results.provenance["movie"], opened.results.tables["frames"]
    y, x = round(y_um / opened.place.pixel_um), round(x_um / opened.place.pixel_um)
    if not (0 <= frame < known["n_frames"] and 0 <= y < known["height"] and 0 <= x < known["width"]):
        raise InputError("that is outside the movie; click on its picture")
    at = in_sample(pd.DataFrame({"frame": [frame], "y_um": [y_um], "x_um": [x_um]}), frames).iloc[0]
    times = frames.loc[frames["frame"] == frame, "t_s"].to_numpy(float)
    t_s = float(times[0]) if len(times) and np.isfinite(times[0]) else frame * opened.place.frame_s
    cell = opened.cell_at(y, x)
    place = {"y_um": float(at["y_um"]), "x_um": float(at["x_um"])}
    return {"movie_id": opened.name, "frame": frame, "t_s": t_s, **place, "cell_id": cell, "track_id": track_id}


def _row(entry: Entry, kind: str, found: pd.DataFrame) -> dict[str, Any]:
    place = {key: getattr(entry, key) for key in ("event_id", "frame", "t_s", "y_um", "x_um", "cell_id", "track_id")}
    # Results keep the name under which they were analysed, wherever their folder was moved since.
    movie = str(found["movie_id"].iloc[0]) if len(found) else entry.movie_id
    return {**place, "movie_id": movie, "kind": kind, "role": "", "edited": True, **certain(kind)}
