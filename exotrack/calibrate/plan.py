"""What is injected in a round: kinds, brightness, places and instants, drawn so that the truth is unambiguous."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._frames import usable
from exotrack.calibrate.draw import Injection, draw
from exotrack.calibrate.learn import Real
from exotrack.calibrate.lives import LEAST_DOCKED_FRAMES, life_of
from exotrack.calibrate.stage import Ground
from exotrack.simulate.lives import Life
from exotrack.tables import DECOYS, FUSION_KINDS

TRIES = 60
"""Places and instants tried for each thing before it is left out for want of room."""


def kinds_of_round(ground: Ground, rng: np.random.Generator) -> list[str]:
    """What to inject, in the order of drawing; as many of each kind as their shares say, whatever the chance of a round."""
    p = ground.params
    area = float((ground.result.footprint > 0).sum()) * ground.result.movie.pixel_um**2
    n = max(round(p.per_um2 * area), 1)
    docking = p.docking_fraction if ground.lumenal else 0.0
    decoys = min(p.decoy_fraction, 1.0 - docking)
    shares = dict.fromkeys(FUSION_KINDS, (1.0 - docking - decoys) / 2)
    shares |= dict.fromkeys(("docking", "undocking"), docking / 2) | dict.fromkeys(DECOYS, decoys / len(DECOYS))
    # A kind's share of a small number is rarely whole: what is over is settled by one draw for all (systematic sampling).
    edges = np.floor(np.cumsum([0.0, *shares.values()]) * n + rng.random()).astype(int)
    kinds = [kind for kind, count in zip(shares, np.diff(edges), strict=True) for _ in range(count)]
    return [kinds[k] for k in rng.permutation(len(kinds))]


def plan(ground: Ground, rng: np.random.Generator) -> tuple[list[Injection], int]:
    """Draw what a round injects; also returns how many were left out for want of room."""
    own = ground.result.events[["t_s", "y_um", "x_um"]].to_numpy(float)
    frames = np.flatnonzero(usable(ground.result.frames))
    placed: list[Injection] = []
    left_out = 0
    for kind in kinds_of_round(ground, rng):
        found = _placed(ground, kind, own, frames, placed, rng)
        if found is None:
            left_out += 1
        else:
            placed.append(found)
    return placed, left_out


def _placed(
    ground: Ground, kind: str, own: Real, frames: NDArray[np.integer[Any]], placed: Sequence[Injection], rng: np.random.Generator
) -> Injection | None:
    """One thing at a place and an instant with room for it; None if there is none."""
    sim, f = ground.sim, ground.sim.field
    margin = LEAST_DOCKED_FRAMES if kind in ("docking", "undocking", "visitor") else 1.0
    inner = frames[(frames >= margin) & (frames <= f.n_frames - 1 - margin)]
    if len(inner) == 0:
        return None
    height, as_found = _height(ground, rng)
    for _ in range(TRIES):
        y, x = ground.scenery.places(1, f.pixel_um, rng)[0]
        t_s = float((rng.choice(inner) + rng.random()) * f.frame_s)
        life = None if kind in ("step", "blink") else life_of(kind, sim, t_s, ground.params.arrive_fraction, rng)
        if _has_room(ground, (float(y), float(x)), life, own, placed):
            thing = draw(ground, kind, life, t_s, (float(y), float(x)), height, rng)
            if thing is not None:
                return thing.noting(as_found=as_found)
    return None


def _height(ground: Ground, rng: np.random.Generator) -> tuple[float, bool]:
    """Height (counts), and whether it is that of one of the movie's own vesicles."""
    low, high = ground.heights
    pool = ground.learned.pool
    if len(pool) and rng.random() < ground.params.as_found:
        return float(rng.choice(pool)), True
    return math.exp(float(rng.uniform(math.log(low), math.log(high)))), False


def _has_room(ground: Ground, at_um: tuple[float, float], life: Life | None, own: Real, placed: Sequence[Injection]) -> bool:
    p = ground.params
    if any(math.dist(at_um, other.at_um) < p.apart_um for other in placed):
        return False
    start, stop = (0.0, ground.sim.field.duration_s) if life is None else (life.start, life.stop)
    lasting = (own[:, 0] + p.clear_s >= start) & (own[:, 0] - p.clear_s <= stop)
    return not bool(np.any(np.hypot(own[lasting, 1] - at_um[0], own[lasting, 2] - at_um[1]) < p.clear_um))


def injections_table(rounds: Sequence[Sequence[Injection]], movie_id: str) -> pd.DataFrame:
    """The true half of table `Injections`, one row per thing, in the order of rounds and drawing."""
    rows = [thing.row | {"round": number} for number, things in enumerate(rounds, 1) for thing in things]
    table = pd.DataFrame(rows)
    table.insert(0, "injection_id", np.arange(1, len(table) + 1))
    table["movie_id"] = movie_id
    return table
