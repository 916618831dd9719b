"""Candidates of simulated movies with what they truly are: the material that calls are trained on.

``python tests/benchmarks/simulated_candidates.py WHAT FAMILY MOVIES SEED OUT.parquet`` with FAMILY tuning, broad or
reporting (see exotrack.simulate.vary). WHAT is lumenal or ph_sensitive, synapse (trains ph_sensitive too), or quiet_lumenal or
quiet_ph_sensitive: nothing fuses, but much moves, flickers and fades. Every movie has its own seed, nuisance and physics.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import exotrack
from exotrack._blocks import Execution
from exotrack._frames import survey
from exotrack.classify import examine
from exotrack.detect import detect, estimate_noise
from exotrack.link import link
from exotrack.measure import measure
from exotrack.params import Analysis, preset
from exotrack.simulate.presets import Simulation, simulation
from exotrack.simulate.vary import vary
from exotrack.tables import FUSION_KINDS

WITHIN_PX, WITHIN_S = 4.0, 0.3
"""The gates of ``exotrack score``; an instant is never asked for more sharply than a frame."""

FASTEST_AWAY = 3.5
"""Penetration depths per second at which a vesicle of the broad family may leave at most: one that is gone within a frame or two
looks like one that has lost its cargo, and people call that a fusion."""


def draw(cargo: str, family: str, rng: np.random.Generator) -> tuple[Simulation, Analysis]:
    """A simulation with drawn nuisance and the preset a user would analyse it with."""
    if cargo == "synapse":
        return synapses(family, rng)
    if cargo.startswith("quiet_"):
        return quiet(cargo.removeprefix("quiet_"), family, rng)
    if cargo == "lumenal":
        name = "granule" if rng.random() < 0.75 else "constitutive"
    else:
        name = "phluorin"
    sim = vary(simulation(name), rng, family)
    while cargo == "lumenal" and family == "broad" and sim.vesicles.leave_nm_s > FASTEST_AWAY * sim.optics.depth_nm:
        sim = vary(simulation(name), rng, family)
    if cargo == "ph_sensitive" and rng.random() < 0.3:
        sim = sim.updated({"cargo": {"kind": "lumenal", "acid_brightness": 0.03}})
    # More fusions than the presets have, so that a movie teaches more; the distractors stay as many.
    more = {"fuse_per_s": sim.kinetics.fuse_per_s * float(rng.uniform(1.5, 4.0))}
    frames = int(rng.integers(150, 260))
    sim = sim.updated({"field": {"n_frames": frames, "width_px": 176, "height_px": 176}, "kinetics": more})
    return sim, preset(name)


def quiet(cargo: str, family: str, rng: np.random.Generator) -> tuple[Simulation, Analysis]:
    """Vesicles that are always visible and never fuse, amid many moving and fading things; any preset may look at them."""
    sim = vary(simulation("granule"), rng, family)
    more = {
        "field": {"n_frames": int(rng.integers(100, 220)), "width_px": 160, "height_px": 160},
        "kinetics": {"fuse_per_s": 0.0, "newcomer_fraction": 0.0},
        "illumination": {"flicker": float(rng.uniform(0.0, 0.06))},
        # Things that bob up and down in the field, as anything does that no membrane holds.
        "vesicles": {
            "docked_sd_nm": float(rng.uniform(1.0, 15.0)),
            "tethered_sd_nm": float(rng.uniform(8.0, 40.0)),
            "mobile_sd_nm": float(rng.uniform(30.0, 90.0)),
        },
        "distractors": {
            "endosomes_per_um2": float(rng.uniform(0.0, 0.06)),
            "blinks_per_um2_s": float(rng.uniform(0.0, 0.004)),
            "static_per_um2": float(rng.uniform(0.0, 0.08)),
            "steps_per_um2": float(rng.uniform(0.0, 0.02)),
        },
    }
    names = ("granule", "constitutive") if cargo == "lumenal" else ("phluorin", "phluorin", "synapse")
    return sim.updated(more), preset(names[int(rng.integers(len(names)))])


def synapses(family: str, rng: np.random.Generator) -> tuple[Simulation, Analysis]:
    """Boutons: few to many vesicles released at each, some boutons silent, fluorescence that was there before."""
    sim = vary(simulation("synapse"), rng, family)
    more = {
        "field": {
            "n_frames": int(rng.integers(20, 90)),
            "width_px": 128,
            "height_px": 128,
            "frame_s": float(rng.uniform(0.3, 2.5)),
        },
        "kinetics": {
            "stimulus_s": (float(rng.uniform(8.0, 30.0)),),
            "stimulated_per_s": sim.kinetics.stimulated_per_s * math.exp(rng.uniform(math.log(1.0), math.log(20.0))),
            "docked_per_um2": sim.kinetics.docked_per_um2 * float(rng.uniform(0.5, 2.0)),
            "vesicles_per_site": int(rng.integers(5, 50)),
        },
        "distractors": {"static_per_um2": float(rng.uniform(0.01, 0.06)), "endosomes_per_um2": float(rng.uniform(0.0, 0.03))},
    }
    # Half of the movies show vesicles too dim to be seen singly: boutons brighten when many fuse.
    dim = float(rng.uniform(0.1, 0.5)) if rng.random() < 0.5 else 1.0
    return sim.with_snr(sim.snr() * dim).updated(more), preset("synapse")


def candidates(sim: Simulation, params: Analysis, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Candidates with features and `truth` (a fusion kind or other), and the true fusions with whether they were looked at."""
    truth = exotrack.simulate(sim, rng)
    movie, run = truth.movie, Execution(workers=1)
    frames, noise = survey(movie, run), estimate_noise(movie)
    tracks = link(detect(movie, params.detect, noise, run), params.link)
    traces = measure(movie, tracks, params.measure, noise, frames, run)
    table, _ = examine(movie, traces, params.classify, noise, frames, params.detect.sigma_um, run)
    fusions = truth.events[truth.events["kind"].isin(FUSION_KINDS) & truth.events["visible"]].reset_index(drop=True)
    return label(table, fusions, movie.pixel_um, movie.frame_s), fusions


def label(table: pd.DataFrame, fusions: pd.DataFrame, pixel_um: float, frame_s: float) -> pd.DataFrame:
    """Add `truth`, `true_event` and true measures: the nearest true fusion within the gates of ``exotrack score``."""
    apart = np.hypot(
        table["y_um"].to_numpy()[:, None] - fusions["y_um"].to_numpy()[None],
        table["x_um"].to_numpy()[:, None] - fusions["x_um"].to_numpy()[None],
    )
    late = np.abs(table["t0_frame"].to_numpy()[:, None] * frame_s - fusions["t_s"].to_numpy()[None])
    within_s = max(WITHIN_S, frame_s)
    near = (apart <= WITHIN_PX * pixel_um) & (late <= within_s)
    cost = np.where(near, late / within_s + apart / (WITHIN_PX * pixel_um), np.inf)
    best = cost.argmin(axis=1) if len(fusions) else np.zeros(len(table), int)
    hit = np.isfinite(cost[np.arange(len(table)), best]) if len(fusions) else np.zeros(len(table), bool)
    kind = fusions["kind"].to_numpy(dtype=object)
    table["truth"] = np.where(hit, kind[best] if len(fusions) else "other", "other")
    table["true_event"] = np.where(hit, best, -1)
    return table


def main(cargo: str, family: str, movies: int, seed: int, out: Path) -> None:
    """Write the candidates and, beside them, the true fusions of `movies` simulated movies."""
    tables, fusions = [], []
    for k in range(movies):
        rng = np.random.default_rng([seed, k])
        sim, params = draw(cargo, family, rng)
        table, true = candidates(sim, params, rng)
        tables.append(table.assign(movie=k))
        fusions.append(true.assign(movie=k))
        print(f"{k}: {len(table)} candidates, {len(true)} fusions", flush=True)
        if k % 5 == 4 or k == movies - 1:
            pd.concat(tables).reset_index(drop=True).to_parquet(out)
            pd.concat(fusions).reset_index(drop=True).to_parquet(out.with_suffix(".true.parquet"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
