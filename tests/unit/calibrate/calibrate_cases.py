"""Small movies and the settings that calibrate them in seconds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from exotrack._blocks import Execution
from exotrack.calibrate import Calibrated, Settings, calibrate, settings_for
from exotrack.movie import ArrayFrames, Movie
from exotrack.params import preset
from exotrack.simulate import Truth, simulate, simulation

FEW = {"calibrate": {"repeats": 2, "per_um2": 0.12, "bins": 3}}


@cache
def small_truth(name: str = "phluorin") -> Truth:
    """A cell that fills a field of 112 x 112 pixels for 60 frames."""
    sim = simulation(name).updated({"field": {"n_frames": 60, "height_px": 112, "width_px": 112}, "cell": {"cover": 1.0}})
    made = simulate(sim, np.random.default_rng(4))
    return replace(made, movie=replace(made.movie, frames=ArrayFrames(made.movie.read(0, 60))))


def small_settings(name: str = "phluorin", **changes: float) -> Settings:
    """Two rounds of some fifteen things."""
    return settings_for(preset(name)).updated(FEW).updated({"calibrate": changes})


def calibrated(movie: Movie, settings: Settings, seed: int = 5) -> Calibrated:
    """The calibration of a movie in one thread."""
    return calibrate(movie, settings, np.random.default_rng(seed), run=Execution(workers=1))
