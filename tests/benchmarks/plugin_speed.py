"""How fast the plugin is on large results (10,000 events, 100,000 track points, 5,000 frames), and whether the viewer stays free.

Usage: xvfb-run -a -s "-screen 0 1600x1000x24" python tests/benchmarks/plugin_speed.py [FRAMES SIDE]

Writes a movie and results of that size to a temporary folder, opens them in a viewer under a limit of memory below the size of
the movie (in addition to what Qt and napari take before), and prints seconds for each step. Before that it analyses the shipped
granule movie, from pixels that are in no file, and prints how long the viewer heard no timer meanwhile.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import exotrack
from exotrack.params import preset
from exotrack.provenance import movie_record
from exotrack.tables import ALL, EVENT_KINDS, Cells, Events, Frames, Tracks

EVENTS, POINTS = 10_000, 100_000


def large_movie(path: Path, n: int, side: int) -> Path:
    """Noise, written frame by frame."""
    rng = np.random.default_rng(1)
    one = rng.poisson(100, (16, side, side)).astype(np.uint16)
    frames = (one[k % 16] for k in range(n))
    tifffile.imwrite(
        path, frames, shape=(n, side, side), dtype=np.uint16, imagej=n * side * side * 2 < 3.5e9,
        bigtiff=n * side * side * 2 >= 3.5e9, resolution=(10.0, 10.0), metadata={"axes": "TYX", "unit": "um", "finterval": 0.05},
    )  # fmt: skip
    return path


def large_results(folder: Path, movie: exotrack.Movie) -> Path:
    """Results with random events and tracks that wander locally."""
    rng, n, side = np.random.default_rng(2), len(movie), movie.shape[1] * 0.1
    length = 20
    owners = np.repeat(np.arange(1, POINTS // length + 1), length)
    first = np.repeat(rng.integers(0, n - length, POINTS // length), length)
    frame = first + np.tile(np.arange(length), POINTS // length)
    place = np.repeat(rng.uniform(1, side - 1, (POINTS // length, 2)), length, axis=0) + rng.normal(0, 0.05, (POINTS, 2))
    tracks = {key: [np.nan] * POINTS for key in Tracks.columns()} | {
        "movie_id": ["large"] * POINTS, "track_id": owners, "frame": frame, "t_s": frame * 0.05, "y_um": place[:, 0],
        "x_um": place[:, 1], "observed": [True] * POINTS, "saturated": [False] * POINTS,
    }  # fmt: skip
    rows = rng.integers(0, POINTS, EVENTS)
    events = {key: [np.nan] * EVENTS for key in Events.columns()} | {
        "event_id": range(1, EVENTS + 1), "movie_id": ["large"] * EVENTS, "track_id": owners[rows], "frame": frame[rows],
        "t_s": frame[rows] * 0.05, "y_um": place[rows, 0], "x_um": place[rows, 1], "kind": rng.choice(EVENT_KINDS, EVENTS),
        "p_full_fusion": rng.random(EVENTS), "docked_s": rng.exponential(3, EVENTS), "confident": [True] * EVENTS,
        "edited": [False] * EVENTS, "role": [""] * EVENTS,
    }  # fmt: skip
    known = {"movie_id": ["large"] * n, "frame": range(n), "t_s": movie.t_s(np.arange(n)), "status": ["ok"] * n}
    tables = {table.name: table.empty() for table in ALL} | {
        "frames": Frames.build(known | {k: [np.nan] * n for k in Frames.columns() if k not in known}),
        "tracks": Tracks.build(tracks), "events": Events.build(events), "cells": Cells.empty(),
    }  # fmt: skip
    record = {"movie_id": "large", "movie": movie_record(movie), "opened": {"path": str(folder.parent / "large.tif")}}
    params = preset("granule").updated({"cell": {"footprint": "field"}})
    return exotrack.write_results(folder, tables, params, record)


def timed(name: str, work: Callable[[], Any], times: int = 1) -> float:
    """Median time of a step, Qt's drawing included, printed."""
    from qtpy.QtWidgets import QApplication

    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        QApplication.processEvents()
        took.append(time.perf_counter() - begun)
    print(f"{name:45s} {np.median(took):8.3f} s (longest {max(took):.3f})", flush=True)
    return float(np.median(took))


def steps_through(viewer: Any) -> Callable[[], None]:
    """Goes to another frame at each call."""
    at = iter(range(100, 100_000, 7))
    return lambda: viewer.dims.set_current_step(0, next(at))


def gaps(out: Path) -> None:
    """Analyse the granule sample from the dock and print for each stage how far apart ticks of a 5 ms timer came."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from exotrack._runs import sample
    from napari_exotrack._analyse_dock import AnalyseDock

    viewer = napari.Viewer(show=True)
    dock = AnalyseDock(viewer)
    viewer.window.add_dock_widget(dock, name="Analyse")
    movie = exotrack.open_movie(sample("granule.tif"))
    viewer.add_image(movie.read(0, len(movie)), name="mine", scale=(0.1, 0.107, 0.107), units=("s", "um", "um"))
    dock.out.setText(str(out))
    for _ in range(100):
        QApplication.processEvents()
    ticks: list[tuple[float, str]] = []
    stages = ["writing the movie"]

    def tick() -> None:
        if dock.command.running:
            stages[0] = "analysing"
        elif stages[0] == "analysing":
            stages[0] = "showing the results"
        ticks.append((time.perf_counter(), stages[0]))

    clock = QTimer()
    clock.timeout.connect(tick)
    clock.start(5)
    dock.run()
    end, seen = time.perf_counter() + 600, False
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)
        if stages[0] == "showing the results" and not seen:
            end, seen = time.perf_counter() + 3, True
    clock.stop()
    assert len(viewer.layers) == 5, dock.note.text()
    at, stage = np.array([one for one, _ in ticks]), [name for _, name in ticks][1:]
    for name in dict.fromkeys(stage):
        own = np.diff(at)[np.array(stage) == name]
        print(
            f"gaps while {name:34s} longest {own.max():.3f} s, 95 % under {np.percentile(own, 95):.3f} s, "
            f"{(own > 0.1).sum()} of {len(own)} over 0.1 s",
            flush=True,
        )
    dock.close()
    viewer.close()


def main() -> None:
    """Measure."""
    import napari

    from napari_exotrack._reader import read_folder
    from napari_exotrack._review_dock import ReviewDock

    n, side = (int(word) for word in (sys.argv[1:3] or ("5000", "512")))
    with tempfile.TemporaryDirectory() as place:
        gaps(Path(place) / "out")
        movie = exotrack.open_movie(large_movie(Path(place) / "large.tif", n, side))
        folder = large_results(Path(place) / "large", movie)
        viewer = napari.Viewer(show=True)
        warm = viewer.add_image(np.zeros((2, 8, 8)))
        viewer.layers.remove(warm)
        size = n * side * side * 2
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + size * 9 // 10, resource.RLIM_INFINITY))
        print(f"movie of {size / 1e9:.2f} GB, address space limited to {0.9 * size / 1e9:.2f} GB above the empty viewer")
        timed(
            "open results as layers",
            lambda: [viewer.add_layer(napari.layers.Layer.create(*one)) for one in read_folder(str(folder))],
        )
        bare = timed("frame step, layers alone", steps_through(viewer), 15)
        docked: list[Any] = []
        timed("open the review dock", lambda: docked.append(ReviewDock(viewer)))
        dock = docked[0]
        viewer.window.add_dock_widget(dock, name="Review")
        step = timed("frame step with the review dock", steps_through(viewer), 15)
        print(f"{'frame step beyond the layers':45s} {step - bare:8.3f} s")
        timed("filter by probability, table alone", lambda: dock.model.filter(dock.filters.wanted), 9)
        for p in (0.3, 0.6, 0.9):
            timed(f"filter by probability from {p}, all", lambda p=p: dock.filters.low.setValue(p))
        dock.filters.low.setValue(0.0)
        for column in range(6):
            timed(f"sort by column {column}", lambda column=column: dock.model.sort(column))
        timed("next event", lambda: dock.do("next"), 9)
        timed("accept", lambda: dock.do("accept"), 9)
        timed("undo", lambda: dock.do("undo"), 9)
        dock.close()
        viewer.close()


if __name__ == "__main__":
    main()
