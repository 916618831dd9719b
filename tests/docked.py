"""Docked vesicles drawn state by state, and what a camera records of them: an oracle that shares no code with the likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.kinetics.observe import Camera, observe
from exotrack.kinetics.scheme import Scheme
from exotrack.kinetics.stays import SEEN_EXITS, Stays

TRUE = {"prime": 0.15, "unprime": 0.05, "undock": 0.08, "fuse": 0.25, "kiss": 0.30}


def two_states(prime: float, unprime: float, undock: float, fuse: float, kiss: float) -> Scheme:
    """Docked and primed: only docked vesicles undock, only primed ones fuse, a part of them by kiss-and-run."""
    return Scheme(
        [[-(prime + undock), prime], [unprime, -(unprime + fuse)]],
        [[undock, 0, 0], [0, fuse * (1 - kiss), fuse * kiss]],
        SEEN_EXITS,
        [1, 0],
    )


def lives(scheme: Scheme, n: int, rng: np.random.Generator, entry: Any = None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(n,) true stays (s) and (n,) index of their fates, jump by jump."""
    m = scheme.n_states
    rates = np.concatenate([scheme.stay - np.diag(np.diag(scheme.stay)), scheme.exits], axis=1)
    total = rates.sum(axis=1)
    ladder = np.cumsum(rates / total[:, None], axis=1)
    state = rng.choice(m, n, p=scheme.entry if entry is None else entry)
    time, fate, alive = np.zeros(n), np.full(n, -1), np.arange(n)
    while len(alive):
        now = state[alive]
        time[alive] += rng.exponential(1 / total[now])
        then = (rng.random(len(alive))[:, None] > ladder[now, :-1]).sum(axis=1)
        gone = then >= m
        fate[alive[gone]], state[alive[~gone]] = then[gone] - m, then[~gone]
        alive = alive[~gone]
    return time, fate


def movie(
    scheme: Scheme,
    n_residents: int,
    n_arrivals: int,
    rng: np.random.Generator,
    *,
    frame_s: float = 0.1,
    min_frames: int = 10,
    n_frames: int = 300,
    cells: int = 4,
    name: str = "movie",
) -> pd.DataFrame:
    """Residents at rest and arrivals spread evenly over a movie, as a table `Stays`. Fates must be `SEEN_EXITS`, in order."""
    stay, fate = lives(scheme, n_arrivals, rng)
    came = rng.random(n_arrivals) * n_frames * frame_s
    if n_residents:
        old = lives(scheme, n_residents, rng, scheme.rested())
        stay, fate = np.concatenate([old[0], stay]), np.concatenate([old[1], fate])
        came = np.concatenate([np.zeros(n_residents), came])
    return record(came, stay, np.asarray(SEEN_EXITS)[fate], np.arange(len(stay)) < n_residents, rng, frame_s=frame_s,
                  min_frames=min_frames, n_frames=n_frames, cells=cells, name=name)  # fmt: skip


def record(
    came_s: Any,
    stay_s: Any,
    kind: Any,
    resident: Any,
    rng: np.random.Generator,
    *,
    frame_s: float,
    min_frames: int,
    n_frames: int,
    cells: int = 4,
    name: str = "movie",
    stimulus_s: float = float("nan"),
) -> pd.DataFrame:
    """What a camera records of stays that begin at `came_s` and last `stay_s`."""
    first = np.where(resident, 0, np.ceil(came_s / frame_s)).astype(int)
    last = np.ceil((came_s + stay_s) / frame_s).astype(int) - 1
    cut = last >= n_frames - 1
    frames = np.minimum(last, n_frames - 1) - first + 1
    table = pd.DataFrame({
        "movie_id": name, "cell_id": rng.integers(1, cells + 1, len(first)), "track_id": np.arange(len(first)),
        "first_frame": first, "n_frames": frames, "frame_s": frame_s, "min_frames": min_frames, "movie_frames": n_frames,
        "t_entry_s": first * frame_s, "t_since_stimulus_s": first * frame_s - stimulus_s, "duration_s": frames * frame_s,
        "entry_observed": ~np.asarray(resident), "entry_kind": np.where(resident, "resident", "docking"),
        "exit_observed": ~cut, "exit_kind": np.where(cut, "censored", kind),
    })  # fmt: skip
    return Stays.build(table[(frames >= min_frames) & (first < n_frames)])


def watched(episodes: pd.DataFrame, camera: Camera, rng: np.random.Generator, name: str = "movie") -> pd.DataFrame:
    """The true docked stays of a table of episodes as `camera` would record them, a table `Stays`; after a kiss-and-run comes a
    resealed vesicle."""
    true = episodes[episodes["state"] == "docked"].sort_values(["track_id", "t_first_s"]).reset_index(drop=True)
    after = (true["track_id"].diff() == 0) & (true["exit_kind"].shift() == "kiss_and_run")
    seen = true["entry_observed"].to_numpy(bool) | after.to_numpy(bool)
    over = true["t_first_s"] + true["duration_s"]
    stop = np.where(true["exit_kind"] == "censored", 10.0 * camera.n_frames * camera.frame_s, over)
    start = np.where(seen, true["t_first_s"], -1.0)
    kinds = true["exit_kind"].where(true["exit_kind"] != "censored", "lost")
    table = observe(start, stop, kinds, camera, rng, movie=np.full(len(true), name))
    again = after.to_numpy()[table["track_id"].to_numpy(int)] & (table["entry_kind"] == "docking").to_numpy()
    return table.assign(entry_kind=table["entry_kind"].mask(again, "resealing"))
