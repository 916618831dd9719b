"""Simulated movies taken through the stages before classify, for the tests of classify as a whole."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from exotrack._blocks import Execution
from exotrack._frames import survey
from exotrack.classify import Calls, classify
from exotrack.detect import detect
from exotrack.link import link
from exotrack.measure import measure
from exotrack.movie import ArrayFrames, Movie
from exotrack.params import preset
from exotrack.physics import Noise
from exotrack.simulate import Truth, simulate, simulation


class Followed(NamedTuple):
    """A movie with its traces: what classify is given."""

    movie: Movie
    traces: pd.DataFrame
    frames: pd.DataFrame
    noise: Noise
    preset: str

    def calls(self, **run: Any) -> Calls:
        """What classify makes of it."""
        params = preset(self.preset)
        return classify(
            self.movie, self.traces, params.classify, self.noise, self.frames, params.detect.sigma_um, Execution(**run)
        )


@cache
def calls_of(name: str) -> Calls:
    """What classify makes of the scene, cut as it is by default."""
    return scene(name).calls(workers=1)


@cache
def truth(name: str, seed: int = 1, n_frames: int = 80, size: int = 112) -> Truth:
    """A simulated cell that fills the field, with many fusions."""
    sim = simulation(name)
    sim = sim.updated(
        {
            "field": {"n_frames": n_frames, "height_px": size, "width_px": size},
            "cell": {"cover": 1.0},
            "kinetics": {"fuse_per_s": 4 * sim.kinetics.fuse_per_s},
        }
    )
    made = simulate(sim, np.random.default_rng(seed))
    pixels = made.movie.read(0, n_frames)
    return replace(made, movie=replace(made.movie, frames=ArrayFrames(pixels)))


def followed(movie: Movie, name: str) -> Followed:
    """Detect, link and measure with the preset."""
    params, frames = preset(name), survey(movie)
    noise = Noise(2.0, 4.0 * 1.6**2 - 2.0 * 100.0)
    tracks = link(detect(movie, params.detect, noise), params.link)
    return Followed(movie, measure(movie, tracks, params.measure, noise, frames), frames, noise, name)


@cache
def scene(name: str) -> Followed:
    """The movie of `truth` with its traces."""
    return followed(truth(name).movie, name)


def altered(name: str, change: Any, **fields: Any) -> Followed:
    """The same movie after `change(pixels)`, which works in place."""
    pixels = truth(name).movie.read(0, 10**6).copy()
    changed = change(pixels)
    movie = replace(truth(name).movie, frames=ArrayFrames(pixels if changed is None else changed), **fields)
    return followed(movie, name)
