"""Dense data: time against the number of spots, at rising density and at constant density, each link in a process of its own.

A process of its own, because what is measured may hang: it is ended when the patience is over.
"""

from __future__ import annotations

import multiprocessing as mp
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pandas as pd

from exotrack.tables import Spots

from . import ours, peers
from .movies import walks
from .scale import Scale, quickest

SEED = 500
STEPS = {3.0: 8.0, 5.0: 13.0}
"""Root mean square step in the plane to the search range, both in pixels."""
METHODS = {ours.NAME: ours.link, "trackpy.link": peers.trackpy_link}
GAP, LEAST = 2, 3
DENSITY = 1000
"""Spots in 512 x 512 pixels where the density is constant."""


def run(scale: Scale) -> dict[str, Any]:
    """Rows of (box, step, spots a frame): seconds of each method, or what it died of; and how time grows."""
    rows = []
    for box in ("constant box", "constant density"):
        for step, reach in STEPS.items():
            for n in scale.dense_spots:
                wide = scale.size_px if box == "constant box" else round(512 * (n / DENSITY) ** 0.5)
                here = replace(scale, size_px=max(wide, 16))
                tracks = walks(here, float(n), scale.dense_frames, step, SEED + n)
                spots = Spots.build(tracks.drop(columns="track_id").sort_values(["frame", "y_um"], kind="stable"))
                row: dict[str, Any] = {"box": box, "step_px": step, "spots": n, "size_px": here.size_px}
                rows.append(row | {name: _guarded(name, spots, reach, scale.patience_s) for name in METHODS})
    return {"rows": rows, "growth": _growth(rows), "frames": scale.dense_frames, "patience_s": scale.patience_s}


def _guarded(name: str, spots: pd.DataFrame, reach: float, patience_s: float) -> dict[str, Any]:
    """Seconds, or why there are none."""
    if name != ours.NAME and not peers.installed("trackpy"):
        return {"missing": True}
    context = mp.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(there, name, spots, reach))
    child.start()
    there.close()
    try:
        answer: dict[str, Any] = here.recv() if here.poll(patience_s) else {"failed": f"no end after {patience_s:g} s"}
    except EOFError:
        answer = {"failed": "the process died"}
    child.kill()
    child.join()
    return answer


def _child(pipe: Connection, name: str, spots: pd.DataFrame, reach: float) -> None:
    try:
        METHODS[name](spots[spots["frame"] < 5].copy(), reach, GAP, LEAST)  # compiles
        tracks, seconds = quickest(lambda: METHODS[name](spots, reach, GAP, LEAST))
        pipe.send({"seconds": seconds, "tracks": int(tracks["track_id"].nunique())})
    except Exception as error:  # noqa: BLE001 - whatever it dies of is the result
        pipe.send({"failed": f"{type(error).__name__}: {error}"[:120]})


def _growth(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Exponent of time over number of spots at constant density, per step."""
    found = {}
    for step in STEPS:
        some = [r for r in rows if r["box"] == "constant density" and r["step_px"] == step and "seconds" in r[ours.NAME]]
        if len(some) > 1:
            logs = np.log([[r["spots"], r[ours.NAME]["seconds"]] for r in some])
            found[f"{step:g}"] = float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])
    return found
