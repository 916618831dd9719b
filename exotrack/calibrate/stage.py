"""The simulator set up for the user's movie: its field, its camera, its light, and where in it something may be injected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.calibrate.learn import Learned, Real
from exotrack.calibrate.settings import CalibrateParams, Settings
from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.pipeline import Result
from exotrack.simulate import Simulation, simulation
from exotrack.simulate.render import Course
from exotrack.simulate.scenery import MARGIN_UM, Scenery

LEAST_FRAMES = 10
"""A movie shorter than this has no room for an event with something before and after it."""
NEAR_SITE_UM = 0.3
"""Where vesicles sit in boutons, light is injected this near to what was found."""
BRIGHTEST = 1e6
"""Photoelectrons of a vesicle in a frame that no camera gives: the noise was not that of light."""
HIGHEST_SNR = 25.0
"""Brightest injected where the movie shows nothing to go by: every detector finds it."""
BRIGHT_SHARE = 0.98
"""The brightest injected is the brightest of the movie's own but the top fiftieth, which overlap or are no vesicles."""


@dataclass(frozen=True)
class Ground:
    """What every round is drawn from: the untouched movie's analysis, what was learned of it, the simulation, the room."""

    result: Result
    learned: Learned
    sim: Simulation
    scenery: Scenery
    params: CalibrateParams

    @property
    def lumenal(self) -> bool:
        """Whether the cargo is seen before fusion."""
        return self.result.params.classify.cargo == "lumenal"

    @property
    def heights(self) -> tuple[float, float]:
        """Dimmest and brightest that is injected (counts)."""
        low = self.learned.height(self.params.dimmest_snr, self.result.footprint)
        pool = self.learned.pool
        if not len(pool):
            return low, max(self.learned.height(HIGHEST_SNR, self.result.footprint), 2.0 * low)
        return low, max(float(np.quantile(pool, BRIGHT_SHARE)), 2.0 * low)


def preset_of(settings: Settings) -> Simulation:
    """The simulation of the same name as the analysis' preset, or the nearest whose cargo is seen as the analysis says."""
    dark = settings.classify.cargo == "ph_sensitive"
    sim = simulation(settings.preset)
    if (sim.cargo.acid_brightness < 0.5) == dark:
        return sim
    return simulation("phluorin" if dark else "granule")


def simulation_for(settings: Settings, movie: Movie, learned: Learned) -> Simulation:
    """The preset's simulation with the movie's field, and with width, bleaching and release as learned from it.

    One count of its camera is one effective photoelectron: slope counts of the movie, whose variance is slope times as many, be
    it gain alone or gain times the excess noise of an EMCCD.
    """
    n, height, width = movie.shape
    if n < LEAST_FRAMES:
        raise InputError(
            f"{movie.movie_id}: has {n} frames; a calibration needs at least {LEAST_FRAMES}, to have room for events"
        )
    sim = preset_of(settings)
    field = {"height_px": height, "width_px": width, "n_frames": n, "pixel_um": movie.pixel_um, "frame_s": movie.frame_s}
    # What is seen as sigma_um is the vesicle seen through the lens; a lens at least 0.7 as wide remains.
    lens = max(learned.sigma_um**2 - sim.spot_var_um2, 0.5 * learned.sigma_um**2) ** 0.5
    return sim.updated(
        {
            "field": field,
            "optics": {"psf_sigma_um": lens, "halo_fraction": 0.0, "depth_nm": settings.classify.penetration_nm},
            "camera": {"kind": "CCD", "gain": 1.0, "offset": 0.0, "read_noise_e": 0.0},
            "stage": {"drift_y_um_s": 0.0, "drift_x_um_s": 0.0, "wander_um_rs": 0.0},
            "illumination": {"flicker": 0.0, "defocus_um_s": 0.0, "defocus_wander_um": 0.0},
            "vesicles": {"bleach_per_s": learned.bleach_per_s, "photons_spread": 0.0},
            "kinetics": {"stimulus_s": list(settings.classify.stimulus_s)},
            "cargo": {"neutral_fraction": 0.0, **learned.release},
        },
        f"{movie.movie_id}: simulation of what is injected",
    )


def photons_of(height: float, learned: Learned, movie: Movie) -> float:
    """Effective photoelectrons of a vesicle whose image is `height` counts high."""
    photons = height / learned.noise.slope * 2.0 * np.pi * (learned.sigma_um / movie.pixel_um) ** 2
    if not photons < BRIGHTEST:
        raise InputError(
            f"{movie.movie_id}: a vesicle would have {photons:.2g} photoelectrons a frame by the noise that was estimated "
            f"({learned.noise.source}); give the camera's raw counts, not averaged or filtered ones"
        )
    return float(photons)


def still_course(n_frames: int) -> Course:
    """Nothing changes from frame to frame: what changes in the movie is in its own pixels."""
    zero, one = np.zeros(n_frames), np.ones(n_frames)
    return Course(zero, zero, one, one, one, zero)


def scenery_for(result: Result, learned: Learned, sim: Simulation) -> Scenery:
    """The movie's own background and the pixels in which something may be injected: well inside the footprint, or near sites.

    Raises `InputError` if there is no such pixel.
    """
    from scipy import ndimage

    inside = result.footprint > 0
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * result.movie.pixel_um
    room = depth > min(MARGIN_UM, 0.5 * float(depth.max())) if inside.any() else inside
    if sim.kinetics.sites:
        room &= _near_found(result)
    inner = np.argwhere(room)
    if len(inner) == 0:
        where = "near the sites that were found" if sim.kinetics.sites and inside.any() else "in the footprint"
        raise InputError(f"{result.movie.movie_id}: no place {where} to inject anything; give a mask of the cells with --mask")
    return Scenery(inside.astype(np.int32), learned.background, inner.astype(np.int64), np.zeros((0, 2)))


def _near_found(result: Result) -> NDArray[np.bool_]:
    from scipy import ndimage

    empty = np.ones(result.footprint.shape, bool)
    places: Real = result.tracks.groupby("track_id")[["y_um", "x_um"]].median().to_numpy(float) / result.movie.pixel_um
    row, column = (np.clip(np.rint(places[:, k]), 0, empty.shape[k] - 1).astype(int) for k in (0, 1))
    empty[row, column] = False
    if empty.all():
        return ~empty
    return np.asarray(ndimage.distance_transform_edt(empty) * result.movie.pixel_um <= NEAR_SITE_UM)
