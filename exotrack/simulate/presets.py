"""The whole simulation, and the presets that start it."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

from exotrack.errors import ParameterError
from exotrack.params import Params, nearest, setting
from exotrack.simulate.bath import Bath
from exotrack.simulate.instrument import Camera, Field, Illumination, Optics, Stage
from exotrack.simulate.marker import Marker
from exotrack.simulate.secretion import Cargo, Kinetics
from exotrack.simulate.specimen import Cell, Distractors, Particles, Vesicles


class Simulation(Params):
    """Everything `simulate` needs besides randomness; physical units throughout."""

    preset: str = setting("granule", "", "Preset these parameters started from.")
    field: Field = Field()
    optics: Optics = Optics()
    camera: Camera = Camera()
    stage: Stage = Stage()
    illumination: Illumination = Illumination()
    bath: Bath = Bath()
    cell: Cell = Cell()
    vesicles: Vesicles = Vesicles()
    kinetics: Kinetics = Kinetics()
    cargo: Cargo = Cargo()
    distractors: Distractors = Distractors()
    particles: Particles = Particles()
    marker: Marker = Marker()

    @property
    def spot_var_um2(self) -> float:
        """Squared width (um^2) that a vesicle of mean radius adds to the PSF: R^2/5 for a ball, R^2/3 for a shell."""
        return (self.vesicles.radius_nm / 1000.0) ** 2 / (5.0 if self.cargo.kind == "lumenal" else 3.0)

    def snr(self) -> float:
        """Peak signal of the median vesicle in contact over the sd of its own pixel: A / sqrt(F2 (A + b) + read^2)."""
        peak = self.vesicles.photons * self.peak_fraction()
        camera = self.camera
        return peak / math.sqrt(camera.excess * (peak + self.cell.inside_photons) + camera.read_noise_e**2)

    def with_snr(self, snr: float) -> Simulation:
        """The same simulation with vesicles so bright that `snr` holds (see `Simulation.snr`)."""
        camera = self.camera
        floor = camera.excess * self.cell.inside_photons + camera.read_noise_e**2
        half = snr**2 * camera.excess / 2.0
        peak = half + math.sqrt(half**2 + snr**2 * floor)
        return self.updated({"vesicles": {"photons": peak / self.peak_fraction()}})

    def peak_fraction(self) -> float:
        """Part of a vesicle's light in the pixel at its centre."""
        pixel2 = self.field.pixel_um**2
        parts = ((w, s**2 + self.spot_var_um2 + pixel2 / 12.0) for w, s in self.optics.components())
        return sum(w * pixel2 / (2.0 * math.pi * var) for w, var in parts)


PRESETS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "granule": ("Granules with lumenal cargo that is visible before fusion (NPY-mCherry), 10 Hz.", {}),
    "phluorin": (
        "Vesicles with VAMP2-pHluorin in their membrane: dark until the pore opens, 10 Hz.",
        {
            "cargo": {"kind": "membrane", "acid_brightness": 0.03, "neutral_fraction": 0.06, "kiss_open_s": 0.5},
            "vesicles": {"photons": 650.0, "radius_nm": 80.0},
            "cell": {"inside_photons": 50.0},
            "kinetics": {"docked_per_um2": 0.2, "fuse_per_s": 0.02, "kiss_fraction": 0.4},
            "distractors": {"static_per_um2": 0.02, "endosomes_per_um2": 0.01, "blinks_per_um2_s": 0.001},
        },
    ),
    "synapse": (
        "Boutons with synaptophysin-pHluorin, stimulated four times; slow frames, sites that do not move.",
        {
            "field": {"pixel_um": 0.16, "frame_s": 2.0, "n_frames": 120, "exposure": 0.1},
            "optics": {"psf_sigma_um": 0.16},
            "cargo": {
                "kind": "membrane", "acid_brightness": 0.05, "membrane_um2_s": 0.01, "immobile_fraction": 0.6,
                "retrieval_per_s": 1 / 15, "kiss_open_s": 1.0, "reacidify_s": 5.0,
            },
            "vesicles": {"photons": 420.0, "radius_nm": 22.0, "bleach_per_s": 0.001},
            "cell": {
                "inside_photons": 60.0, "outside_photons": 15.0, "bleach_per_s": 0.0005,
                "strands_per_um": 0.1, "strand_photons": 60.0,
            },
            "kinetics": {
                "docked_per_um2": 0.36, "vesicles_per_site": 12, "tethered_per_um2": 0.0, "mobile_per_um2": 0.0,
                "arrivals_per_um2_s": 0.0, "undock_per_s": 0.0, "fuse_per_s": 1e-5, "stimulus_s": (40.0, 90.0, 140.0, 190.0),
                "stimulated_per_s": 0.02, "stimulated_tau_s": 4.0, "newcomer_fraction": 0.0,
                "kiss_fraction": 0.5, "leave_after_kiss": 0.0, "neighbour_fraction": 0.0, "sites": True,
                "site_resting": 4.0,
            },
            "distractors": {"endosomes_per_um2": 0.001, "blinks_per_um2_s": 0.0, "steps_per_um2": 0.0},
        },
    ),
    "constitutive": (
        "Constitutive carriers with lumenal cargo seen before fusion: mobile, shortly docked, no stimulus, mostly full fusion.",
        {
            "vesicles": {"radius_nm": 60.0, "mobile_um2_s": 0.06, "photons": 600.0},
            "kinetics": {
                "docked_per_um2": 0.03, "mobile_per_um2": 0.05, "arrivals_per_um2_s": 0.02, "dock_per_s": 0.6,
                "undock_per_s": 0.1, "fuse_per_s": 0.25, "kiss_fraction": 0.1, "newcomer_fraction": 0.3,
            },
        },
    ),
    "vesicle_like": (
        "Free Brownian points, synthetic: made like the vesicle scenario of the Particle Tracking Challenge, not its data.",
        {
            "field": {"height_px": 512, "width_px": 512, "n_frames": 100, "pixel_um": 0.1, "frame_s": 0.1},
            "optics": {"psf_sigma_um": 0.12},
            "camera": {"kind": "CCD", "gain": 1.0, "offset": 0.0, "read_noise_e": 0.0},
            "stage": {"drift_x_um_s": 0.0, "wander_um_rs": 0.0},
            "illumination": {"flicker": 0.0},
            "cell": {"cover": 1.0, "inside_photons": 10.0, "outside_photons": 0.0, "unevenness": 0.0, "bleach_per_s": 0.0},
            "kinetics": {
                "docked_per_um2": 0.0, "tethered_per_um2": 0.0, "mobile_per_um2": 0.0, "arrivals_per_um2_s": 0.0,
            },
            "distractors": {
                "endosomes_per_um2": 0.0, "blinks_per_um2_s": 0.0, "static_per_um2": 0.0, "steps_per_um2": 0.0,
                "haze_per_um2": 0.0,
            },
            "particles": {"per_frame": 100.0},
        },
    ),
}  # fmt: skip
"""Name to (what it is for, what it changes)."""


def simulation(name: str) -> Simulation:
    """The parameters of a preset; raises `ParameterError` with the nearest name for an unknown one."""
    if name not in PRESETS:
        raise ParameterError(f"unknown preset {name!r}{nearest(name, PRESETS)}; known are {', '.join(PRESETS)}")
    return Simulation(preset=name).updated(PRESETS[name][1])


def read_simulation(path: str | Path) -> Simulation:
    """The simulation in a TOML file such as `write_truth` leaves, over the preset that the file names.

    Raises `ParameterError` if the file cannot be read, is not TOML, or holds an unknown name or a value out of range.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); give a TOML file of a simulation") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path}: is not TOML ({str(error)[:200]})") from None
    return simulation(str(values.get("preset", "granule"))).updated(values, source=str(path))
