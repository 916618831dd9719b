"""Scenes for the pictures of the guide: one vesicle that does exactly one thing, simulated, then analysed like any movie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack.movie import Movie
from exotrack.params import preset
from exotrack.pipeline import Result, analyse
from exotrack.simulate import Simulation, simulation
from exotrack.simulate.detector import draw_detector
from exotrack.simulate.lives import Fusion, Life, Stay
from exotrack.simulate.patches import Patches
from exotrack.simulate.render import RenderedFrames
from exotrack.simulate.scene import draw_course, source
from exotrack.simulate.scenery import Scenery
from exotrack.simulate.vesicles import Vesicle, draw_vesicle

Real = NDArray[np.float64]
SIDE_PX = 80
PIXEL_UM = 0.107
CENTRE_UM = (SIDE_PX - 1) / 2 * PIXEL_UM
QUIET_UM = tuple((CENTRE_UM + y, CENTRE_UM + x) for y, x in ((-2.9, -3.0), (-3.0, 2.8), (3.1, -2.7), (2.8, 3.0)))
"""Where vesicles that stay docked sit, in the corners: the analysis learns from them how bright one in contact is."""
STILL = {
    "field": {"height_px": SIDE_PX, "width_px": SIDE_PX, "pixel_um": PIXEL_UM, "n_frames": 120},
    "stage": {"drift_x_um_s": 0.0, "wander_um_rs": 0.0},
    "illumination": {"flicker": 0.0},
    "cell": {"bleach_per_s": 0.0},
    "vesicles": {"photons_spread": 0.0, "radius_spread": 0.0, "diffusion_spread": 0.0, "leave_spread": 0.0, "bleach_per_s": 0.0},
    "cargo": {"neutral_fraction": 0.0, "immobile_fraction": 0.0},
}
"""Every spread and every fault of the instrument off: what is left is the event, the optics and the camera's noise."""


@dataclass(frozen=True)
class Scene:
    """A movie of vesicles with known lives.

    Attributes
    ----------
    preset : of the simulation and of the analysis.
    changes : of the simulation, over `STILL`.
    lives : (life, (y, x) in um) of each vesicle, the one of the picture first; `quiet` adds four that stay docked.
    lamps : (photons per frame (n_frames,), (y, x) in um) of spots that are no vesicles.
    analysis : changes of the analysis' parameters.
    seed : of everything that is random.
    """

    preset: str = "granule"
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    lives: tuple[tuple[Life, tuple[float, float]], ...] = ()
    lamps: tuple[tuple[Real, tuple[float, float]], ...] = ()
    quiet: bool = True
    analysis: dict[str, dict[str, Any]] = field(default_factory=dict)
    seed: int = 1

    @cached_property
    def sim(self) -> Simulation:
        """The simulation's parameters."""
        return simulation(self.preset).updated(STILL).updated(self.changes)

    @cached_property
    def vesicles(self) -> list[Vesicle]:
        """The vesicles with their light, in the order of `lives`."""
        rng = np.random.default_rng(self.seed)
        stays = Life((Stay("docked", 0.0, self.sim.field.duration_s),), (), entered=False)
        quiet = [(stays, at) for at in QUIET_UM] if self.quiet else []
        return [draw_vesicle(self.sim, life, at, rng) for life, at in [*self.lives, *quiet]]

    @cached_property
    def frames(self) -> RenderedFrames:
        """The frames, with and without noise."""
        sim, rng = self.sim, np.random.default_rng([self.seed, 1])
        shape = (sim.field.height_px, sim.field.width_px)
        none = np.zeros((0, 2))
        scenery = Scenery(np.ones(shape, np.int32), np.full(shape, sim.cell.inside_photons), none.astype(int), none)
        parts = [vesicle.patches for vesicle in self.vesicles] + [_lamp(*lamp) for lamp in self.lamps]
        return source(sim, parts, scenery, draw_course(sim, rng), draw_detector(sim.camera, shape, rng))

    @cached_property
    def movie(self) -> Movie:
        """The movie, its pixels in memory."""
        field = self.sim.field
        pixels = self.frames.read(0, field.n_frames)
        return Movie.from_array(pixels, pixel_um=field.pixel_um, frame_s=field.frame_s, movie_id="scene")

    @cached_property
    def result(self) -> Result:
        """The movie analysed as any other."""
        return analyse(self.movie, preset(self.preset).updated(self.analysis), run=Execution(workers=1))

    def near(self, table: str, at_um: tuple[float, float] = (CENTRE_UM, CENTRE_UM), reach_um: float = 0.7) -> pd.DataFrame:
        """Rows of a found table within `reach_um` of a place."""
        rows = getattr(self.result, table)
        return rows[np.hypot(rows["y_um"] - at_um[0], rows["x_um"] - at_um[1]) < reach_um]

    def light(self, inner_um: float, outer_um: float, at_um: tuple[float, float] = (CENTRE_UM, CENTRE_UM)) -> tuple[Real, Real]:
        """Light from `inner_um` to `outer_um` around a place over the even background: counts (n_frames,), and without noise."""
        rows, columns = np.indices(self.movie.shape[1:]) * self.movie.pixel_um
        far = np.hypot(rows - at_um[0], columns - at_um[1])
        ring = (far >= inner_um) & (far < outer_um)
        camera, ground, n = self.sim.camera, self.sim.cell.inside_photons, len(self.movie)
        seen = self.movie.read(0, n)[:, ring].sum(axis=1) - (camera.offset + camera.gain * ground) * ring.sum()
        true = [camera.gain * (self.frames.expected(k)[ring].sum() - ground * ring.sum()) for k in range(n)]
        return seen.astype(float), np.array(true)


def _lamp(photons: Real, at_um: tuple[float, float]) -> Patches:
    n = len(photons)
    return Patches(np.arange(n), np.full(n, at_um[0]), np.full(n, at_um[1]), np.full(n, 1e-4), photons).bright()


def docked(*fusions: Fusion, until: float = 60.0, leaves: bool = False) -> Life:
    """A vesicle docked from the start that fuses as told, and then stays or leaves at the end of its last fusion."""
    stays, now = [], 0.0
    for fusion in fusions:
        if fusion.kind == "full_fusion":
            return Life((*stays, Stay("docked", now, until)), fusions, entered=False)
        stays += [Stay("docked", now, fusion.t_s), Stay("docked", fusion.t_s, fusion.close_s)]
        now = fusion.close_s
    last = [Stay("leaving", now, now + 4.0)] if leaves else [Stay("docked", now, until)]
    return Life((*stays, *last), fusions, entered=False)


def passing(*stays: tuple[str, float, float], fusions: Sequence[Fusion] = (), entered: bool = True) -> Life:
    """A life of (phase, start, stop)."""
    return Life(tuple(Stay(*stay) for stay in stays), tuple(fusions), entered=entered)  # type: ignore[arg-type]


def full(t_s: float, rate: float = math.inf, diffusion: float = math.nan, delay_s: float = 0.0) -> Fusion:
    """A full fusion at `t_s`: lumenal cargo leaves at `rate` (1/s), membrane cargo spreads with `diffusion` (um^2/s)."""
    return Fusion("full_fusion", t_s, t_s + delay_s, math.inf, 1.0, rate, diffusion)


def kiss(t_s: float, open_s: float, fraction: float = 0.0) -> Fusion:
    """A kiss-and-run whose pore is open for `open_s` and lets `fraction` of lumenal cargo out."""
    return Fusion("kiss_and_run", t_s, t_s, t_s + open_s, fraction, -math.log1p(-fraction) / open_s, math.nan)
