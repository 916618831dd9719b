"""Are injected vesicles called like a movie's own? ``python tests/benchmarks/kinetics_calls.py FOLDER [CELLS [SEED]]``.

FOLDER is that of ``kinetics_study.py`` with the same CELLS and SEED, and holds its movies' analyses and calibrations. Of the true
docked stays of the movies, and of the injected ones, the same is told: how high the vesicle is when it leaves, and what that
exit was called if a found stay was running. A calibration is right in so far as the two agree.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
from kinetics_study import CELLS, SEED, simulated

from exotrack.calibrate.draw import SAME_S, DockedStay, Injection
from exotrack.calibrate.exits import exits
from exotrack.io.results import read_table
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.pipeline import Result
from exotrack.score import Gates
from exotrack.simulate import Truth, simulate
from exotrack.simulate.patches import Patches
from exotrack.tables import Episodes, Tracks

CALLED = (*SEEN_EXITS, "lost", "going_on", "censored")


def vesicles(truth: Truth) -> list[Injection]:
    """The movie's own docked vesicles, as if they had been injected."""
    spots = dict(iter(truth.tracks.groupby("track_id")))
    docked = truth.episodes[truth.episodes["state"] == "docked"].sort_values(["track_id", "t_first_s"])
    made = []
    for track, rows in docked.groupby("track_id"):
        if track not in spots:
            continue
        stays: list[DockedStay] = []
        stops = (rows["t_first_s"] + rows["duration_s"]).to_numpy(float)
        for n, row in enumerate(rows.itertuples()):
            again = bool(stays) and abs(stays[-1].stop_s - row.t_first_s) < SAME_S
            held = n + 1 < len(rows) and abs(rows["t_first_s"].iloc[n + 1] - stops[n]) < SAME_S
            stays.append(DockedStay(row.t_first_s, stops[n], bool(row.entry_observed), row.exit_kind, again, held))
        mine = spots[track]
        where = (mine[name].to_numpy(float) for name in ("y_um", "x_um"))
        made.append(
            Injection((0.0, 0.0), Patches.join([]), {"track_id": track}, mine["frame"].to_numpy(), *where, (), tuple(stays))
        )
    return made


def own_exits(truth: Truth, results: Path) -> pd.DataFrame:
    """What became of the movie's own docked stays, as in table `InjectedStays`."""
    tables = {
        "episodes": read_table(results / "episodes.parquet", Episodes),
        "tracks": read_table(results / "tracks.parquet", Tracks),
    }
    found = cast("Result", SimpleNamespace(**tables, movie=truth.movie))
    nothing = cast("Result", SimpleNamespace(episodes=tables["episodes"].iloc[:0], tracks=tables["tracks"], movie=truth.movie))
    gates = Gates.for_movie(truth.movie.pixel_um, truth.movie.frame_s)
    return pd.DataFrame([row for rows in exits(vesicles(truth), found, nothing, gates) for row in rows])


def own_heights(truth: Truth) -> pd.DataFrame:
    """Largest true height (counts) of each vesicle within a frame of its exit, as `brightness` in table `Injections`."""
    events = truth.events[truth.events["kind"].isin(SEEN_EXITS)]
    both = events[["track_id", "kind", "frame"]].merge(truth.tracks[["track_id", "frame", "amplitude"]], on="track_id")
    near = both[(both["frame_x"] - both["frame_y"]).abs() <= 1]
    return near.groupby(["track_id", "kind", "frame_x"])["amplitude"].max().rename("brightness").reset_index()


def told(name: str, stays: pd.DataFrame, heights: pd.DataFrame) -> None:
    """Print both."""
    known = stays[(stays["n_frames"] >= 2) & (stays["called"] != "") & stays["exit_kind"].isin(SEEN_EXITS)]
    counts = pd.crosstab(known["exit_kind"], known["called"]).reindex(index=SEEN_EXITS, columns=CALLED, fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0).round(2)
    height = heights.groupby("kind")["brightness"].describe(percentiles=[0.1, 0.5, 0.9])
    table: Any = pd.concat([counts, shares, height.loc[list(SEEN_EXITS), ["count", "10%", "50%", "90%"]].round(0)], axis=1)
    sys.stdout.write(f"\n{name}: calls, their shares, height (counts) at the exit\n{table.to_string()}\n")


def main() -> None:
    """Read what is there, and print."""
    given = dict(enumerate(sys.argv))
    folder, cells, seed = Path(given[1]), int(given.get(2, CELLS)), int(given.get(3, SEED))
    homes = [folder / f"cell{cell}" for cell in range(cells)]
    truths = [simulate(simulated(), np.random.default_rng([seed, cell])) for cell in range(cells)]
    own = pd.concat([own_exits(truth, home / "results") for truth, home in zip(truths, homes, strict=True)])
    told("the movies' own", own, pd.concat([own_heights(truth) for truth in truths]))
    stays = pd.concat([pd.read_parquet(home / "injected_stays.parquet") for home in homes])
    things = pd.concat([pd.read_parquet(home / "injections.parquet") for home in homes])
    told("injected", stays[~stays["crowded"]], things)


if __name__ == "__main__":
    main()
