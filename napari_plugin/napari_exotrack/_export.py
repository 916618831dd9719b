"""What a review leaves on disk besides its journal: a folder of true tables, or the results with the calls corrected; no Qt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack.errors import OutputError
from exotrack.tables import EVENT_KINDS, Cells, Episodes, Events
from napari_exotrack._journal import NO_EVENT
from napari_exotrack._review import Review

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.io import Results


def write_truth(review: Review, results: Results, folder: Path, *, unreviewed: bool = True, overwrite: bool = False) -> Path:
    """Write the reviewed events and the tracks as a folder that ``exotrack score`` takes as TRUE, all or nothing.

    unreviewed : keep events that nobody judged. Places are those in the picture, as true places are.
    """
    from exotrack._drift import in_camera
    from exotrack.io.atomic import atomic_folder
    from exotrack.io.plain import to_json
    from exotrack.io.results import write_table
    from exotrack.tables import Tracks

    frames = results.tables["frames"]
    with atomic_folder(folder, overwrite) as temporary:
        for table, rows in ((Events, review.reviewed(unreviewed)), (Tracks, results.tables["tracks"])):
            placed = in_camera(rows, frames)
            for suffix in (".parquet", ".csv"):
                write_table(placed, table, temporary / f"{table.name}{suffix}")
        (temporary / "review.json").write_bytes(to_json(record(review)))
    return folder


def write_corrected(review: Review, results: Results, folder: Path, *, overwrite: bool = False) -> Path:
    """Write the results again with the calls as the rater leaves them: events, the exits of stays, the counts per cell.

    Raises `OutputError` for the folder of the results themselves: what the analysis said stays as it was.
    """
    from exotrack.io.results import write_results

    if folder.absolute() == results.folder.absolute():
        raise OutputError(f"{folder}: holds what the analysis called, which stays; choose another folder")
    events = review.reviewed()
    tables = dict(results.tables) | {
        "events": events,
        "episodes": _exits(results.tables["episodes"], review),
        "cells": _counts(results.tables["cells"], events),
        "fits": results.tables["fits"][results.tables["fits"]["event_id"].isin(events["event_id"])],
    }
    return write_results(folder, tables, results.params, {**results.provenance, "review": record(review)}, overwrite=overwrite)


def record(review: Review) -> dict[str, Any]:
    """Who reviewed how much, for a provenance record."""
    return {
        "rater": review.rater,
        "journal": str(review.journal.path),
        "blind": review.judged_blind(review.rater),
        **{state: review.progress()[state] for state in ("accepted", "changed", "rejected", "left")},
    }


def _exits(episodes: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Stays that ended in a changed event end in what it became; one that ended in no event was lost from sight."""
    changed = episodes.copy()
    rows = review.events.set_index("event_id")
    for event, said in review.decisions.items():
        if review.state(event) not in ("changed", "rejected") or rows["track_id"].isna()[event]:
            continue
        called, frame = review.call(event), int(rows.loc[event, "frame"])
        own = changed[(changed["track_id"] == rows.loc[event, "track_id"]) & (changed["exit_kind"] == called)]
        own = own[(own["last_frame"] - frame).abs() <= 1]
        exits = {"undocking", "full_fusion", "kiss_and_run"}
        changed.loc[own.index, "exit_kind"] = said if said in exits else "lost"
        if said == NO_EVENT:
            changed.loc[own.index, "exit_observed"] = False
    return Episodes.build(changed)


def _counts(cells: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    counted = {
        f"n_{kind}": [int(((events["cell_id"] == cell) & (events["kind"] == kind)).sum()) for cell in cells["cell_id"]]
        for kind in EVENT_KINDS
    }
    return Cells.build(cells.assign(**counted))
