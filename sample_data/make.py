"""Make the sample movies and their true tables: ``python sample_data/make.py [FOLDER]``. Seeded, so the result is the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import exotrack
from exotrack.simulate import Truth
from exotrack.simulate.write import write_movie, write_tables

SEEDS = {"granule": 11, "phluorin": 12}
SMALL: dict[str, Any] = {
    "field": {"height_px": 128, "width_px": 128, "n_frames": 115},
    "camera": {"gain": 1.0},
    "cell": {"cover": 0.75},
    "distractors": {
        "endosomes_per_um2": 0.02,
        "blinks_per_um2_s": 0.003,
        "static_per_um2": 0.02,
        "steps_per_um2": 0.02,
        "haze_per_um2": 0.015,
    },
}
BUSY = {"arrivals_per_um2_s": 0.04, "tether_per_s": 0.8, "dock_per_s": 1.0, "visitor_fraction": 0.5, "kiss_fraction": 0.45}
DENSE: dict[str, dict[str, Any]] = {
    "granule": {"kinetics": BUSY | {"docked_per_um2": 0.2, "fuse_per_s": 0.06, "undock_per_s": 0.05}},
    "phluorin": {
        "kinetics": BUSY | {"docked_per_um2": 0.4, "fuse_per_s": 0.05, "leave_after_kiss": 0.5},
        "cargo": {"neutral_fraction": 0.15},
    },
}
"""More of everything than in a cell, so that a small movie shows every kind of event several times."""


def sample(name: str) -> Truth:
    """The simulated sample movie `name` with its true tables."""
    sim = exotrack.simulation(name).updated(SMALL).updated(DENSE[name])
    return exotrack.simulate(sim, np.random.default_rng(SEEDS[name]))


def main(folder: Path) -> None:
    """Write both samples into `folder`: granule as an ImageJ hyperstack, phluorin as OME-TIFF."""
    for name in SEEDS:
        truth = sample(name)
        write_movie(truth.movie, folder / f"{name}.tif", imagej=name == "granule")
        (folder / f"{name}_truth").mkdir(parents=True, exist_ok=True)
        write_tables(truth, folder / f"{name}_truth", ("events", "episodes", "tracks"))
        seen = truth.events[truth.events["visible"]]
        print(name, seen.groupby("kind").size().to_dict(), f"{(folder / name).with_suffix('.tif').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
