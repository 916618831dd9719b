"""Nuisance drawn at random, for training a classifier and, apart from that, for reporting what it is worth.

The families differ on purpose. `tuning` lies around the presets. `broad` reaches far beyond what one microscope and cell show, so
that what is trained on it does not lean on one simulator's habits: slow and fast clouds, visitors, vesicles that are seen from
the start, halos, any camera. `reporting` has cameras, textures and ranges of its own, always a point spread function that is not
one Gaussian, and pores that widen while cargo leaves. A result that only holds for the physics it was tuned on shows as a gap.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from exotrack.simulate.presets import Simulation

Family = Literal["tuning", "broad", "reporting"]

RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "tuning": {
        "snr": (3.0, 12.0),
        "frame_s": (0.03, 0.25),
        "pixel_um": (0.08, 0.16),
        "exposure": (0.5, 1.0),
        "psf_sigma_um": (0.10, 0.14),
        "depth_nm": (70.0, 150.0),
        "inside_photons": (10.0, 150.0),
        "unevenness": (0.05, 0.35),
        "texture_um": (1.5, 6.0),
        "density": (0.5, 2.0),
        "wander_um_rs": (0.0005, 0.008),
        "mobile_um2_s": (0.01, 0.1),
        "docked_um2_s": (3e-5, 4e-4),
        "leave_nm_s": (150.0, 600.0),
        "release_per_s": (1.0, 25.0),
        "cloud_um2_s": (1.0, 10.0),
        "membrane_um2_s": (0.03, 0.3),
        "kiss_open_s": (0.1, 1.0),
        "reacidify_s": (2.0, 8.0),
        "vesicle_bleach": (0.002, 0.03),
        "flicker": (0.0, 0.02),
        "train_s": (0.0, 5.0),
        "site_resting": (1.0, 30.0),
        "site_um": (0.1, 0.35),
        "strands_per_um": (0.0, 0.3),
        "strand_share": (0.2, 3.0),
        "retrieval_per_s": (0.025, 0.15),
        "cloud_escape_per_s": (1.0, 1.0),
        "visitor_s": (0.6, 0.6),
    },
    "broad": {
        "snr": (2.5, 15.0),
        "frame_s": (0.02, 0.5),
        "pixel_um": (0.065, 0.2),
        "exposure": (0.3, 1.0),
        "psf_sigma_um": (0.09, 0.17),
        "depth_nm": (50.0, 220.0),
        "inside_photons": (5.0, 250.0),
        "unevenness": (0.02, 0.45),
        "texture_um": (1.0, 8.0),
        "density": (0.3, 2.5),
        "wander_um_rs": (0.0003, 0.01),
        "mobile_um2_s": (0.006, 0.2),
        "docked_um2_s": (1e-5, 6e-4),
        "leave_nm_s": (80.0, 700.0),
        "release_per_s": (0.6, 40.0),
        "cloud_um2_s": (0.15, 15.0),
        "membrane_um2_s": (0.015, 0.5),
        "kiss_open_s": (0.08, 2.0),
        "reacidify_s": (0.6, 10.0),
        "vesicle_bleach": (0.0005, 0.04),
        "flicker": (0.0, 0.03),
        "train_s": (0.0, 8.0),
        "site_resting": (0.5, 40.0),
        "site_um": (0.08, 0.4),
        "strands_per_um": (0.0, 0.4),
        "strand_share": (0.1, 4.0),
        "retrieval_per_s": (0.02, 0.2),
        "cloud_escape_per_s": (0.3, 5.0),
        "visitor_s": (0.3, 4.0),
    },
    "reporting": {
        "snr": (2.5, 14.0),
        "frame_s": (0.04, 0.3),
        "pixel_um": (0.09, 0.17),
        "exposure": (0.3, 1.0),
        "psf_sigma_um": (0.095, 0.15),
        "depth_nm": (60.0, 180.0),
        "inside_photons": (8.0, 250.0),
        "unevenness": (0.1, 0.5),
        "texture_um": (0.8, 3.0),
        "density": (0.4, 2.5),
        "wander_um_rs": (0.001, 0.012),
        "mobile_um2_s": (0.008, 0.12),
        "docked_um2_s": (2e-5, 5e-4),
        "leave_nm_s": (120.0, 700.0),
        "release_per_s": (0.7, 30.0),
        "cloud_um2_s": (0.7, 20.0),
        "membrane_um2_s": (0.02, 0.45),
        "kiss_open_s": (0.08, 1.5),
        "reacidify_s": (1.5, 10.0),
        "vesicle_bleach": (0.001, 0.04),
        "flicker": (0.0, 0.03),
        "train_s": (0.0, 8.0),
        "site_resting": (0.5, 40.0),
        "site_um": (0.08, 0.4),
        "strands_per_um": (0.0, 0.4),
        "strand_share": (0.1, 4.0),
        "retrieval_per_s": (0.02, 0.2),
        "cloud_escape_per_s": (0.5, 2.5),
        "visitor_s": (0.4, 1.5),
    },
}
"""Family to quantity to (lowest, highest). Drawn evenly in the logarithm, except those that may be 0, drawn evenly."""

CAMERAS: dict[str, list[dict[str, Any]]] = {
    "tuning": [
        {"kind": "sCMOS", "gain": 2.0, "offset": 100.0, "read_noise_e": 1.6},
        {"kind": "sCMOS", "gain": 0.46, "offset": 100.0, "read_noise_e": 1.1},
        {"kind": "EMCCD", "gain": 12.0, "offset": 300.0, "read_noise_e": 0.2, "gain_spread": 0.0, "offset_spread": 0.0},
    ],
    "reporting": [
        {"kind": "EMCCD", "gain": 25.0, "offset": 500.0, "read_noise_e": 0.15, "gain_spread": 0.0, "offset_spread": 0.0},
        {"kind": "sCMOS", "gain": 1.0, "offset": 400.0, "read_noise_e": 2.3, "bit_depth": 12, "hot_fraction": 5e-5},
        {"kind": "CCD", "gain": 1.5, "offset": 200.0, "read_noise_e": 6.0},
    ],
}
"""Typical cameras; these families share none. `broad` draws any."""


def vary(sim: Simulation, rng: np.random.Generator, family: Family = "tuning") -> Simulation:
    """Draw nuisance (imaging, density, motion, cargo) for `sim`; the preset keeps its kind of cargo.

    Fields not named in `RANGES` and `CAMERAS` stay as they are, but rates per second scale with the frame interval so that a
    movie keeps its number of events. `family` is "tuning" for training and setting thresholds, "reporting" for the figures.
    """
    draw = {name: _between(low, high, rng) for name, (low, high) in RANGES[family].items()}
    slow = sim.kinetics.sites  # boutons are filmed slowly by design: their clock is kept
    frame_s = sim.field.frame_s if slow else draw["frame_s"]
    pace = sim.field.frame_s / frame_s
    camera = _any_camera(rng) if family == "broad" else CAMERAS[family][int(rng.integers(len(CAMERAS[family])))]
    k = sim.kinetics
    changed: dict[str, Any] = {
        "field": {"frame_s": frame_s, "pixel_um": draw["pixel_um"] if not slow else sim.field.pixel_um},
        "optics": {"psf_sigma_um": draw["psf_sigma_um"], "depth_nm": draw["depth_nm"]},
        "camera": camera,
        "stage": {"wander_um_rs": draw["wander_um_rs"], "drift_x_um_s": float(rng.normal(0.0, 0.001))},
        "illumination": {"flicker": draw["flicker"]},
        "cell": {key: draw[key] for key in ("inside_photons", "unevenness", "texture_um")}
        | {"outside_photons": draw["inside_photons"] * float(rng.uniform(0.1, 0.5)), "cover": float(rng.uniform(0.4, 0.9))},
        "kinetics": {
            "docked_per_um2": k.docked_per_um2 * draw["density"],
            "arrivals_per_um2_s": k.arrivals_per_um2_s * draw["density"] * pace,
            "fuse_per_s": k.fuse_per_s * pace,
            "undock_per_s": k.undock_per_s * pace,
            "kiss_fraction": float(rng.uniform(0.25, 0.6)),
            "newcomer_fraction": k.newcomer_fraction and float(rng.uniform(0.1, 0.4)),
            "visitor_s": draw["visitor_s"],
        },
        "vesicles": {key: draw[key] for key in ("mobile_um2_s", "docked_um2_s", "leave_nm_s")}
        | {"bleach_per_s": draw["vesicle_bleach"] * (0.1 if slow else 1.0)},
        "cargo": _cargo(sim, draw, rng),
    }
    if slow:
        changed["kinetics"] |= {key: draw[key] for key in ("train_s", "site_resting", "site_um")}
        changed["cell"] |= {
            "strands_per_um": draw["strands_per_um"],
            "strand_photons": draw["strand_share"] * draw["inside_photons"],
        }
    if family == "reporting":
        changed["optics"] |= {"halo_fraction": float(rng.uniform(0.1, 0.35)), "halo_ratio": float(rng.uniform(1.7, 2.6))}
        changed["illumination"] |= {"defocus_wander_um": float(rng.uniform(0.0, 0.12))}
        changed["cargo"] |= {"release_shape": float(rng.uniform(1.2, 2.5))}
    if family == "broad":
        _broaden(sim, changed, rng)
    snr = draw["snr"]
    return sim.updated(changed).with_snr(snr)


def _any_camera(rng: np.random.Generator) -> dict[str, Any]:
    kind = ("sCMOS", "EMCCD", "CCD")[int(rng.integers(3))]
    noise = {"sCMOS": (0.8, 3.0), "EMCCD": (0.05, 0.5), "CCD": (2.0, 9.0)}[kind]
    camera = {"kind": kind, "offset": float(rng.uniform(20.0, 600.0)), "read_noise_e": _between(*noise, rng)}
    camera["gain"] = _between(5.0, 40.0, rng) if kind == "EMCCD" else _between(0.3, 4.0, rng)
    even = {} if kind == "sCMOS" else {"gain_spread": 0.0, "offset_spread": 0.0}
    return camera | even


def _broaden(sim: Simulation, changed: dict[str, Any], rng: np.random.Generator) -> None:
    """What only the broad family varies: optics, laws of release, and how much else there is to be mistaken."""
    changed["optics"] |= {"halo_fraction": float(rng.uniform(0.0, 0.3)), "halo_ratio": float(rng.uniform(1.6, 3.2))}
    changed["illumination"] |= {"defocus_wander_um": float(rng.uniform(0.0, 0.1))}
    changed["cargo"] |= {"release_shape": _between(0.7, 2.5, rng)}
    if not sim.kinetics.sites:
        changed["kinetics"] |= {
            "visitor_fraction": float(rng.uniform(0.1, 0.8)),
            "leave_after_kiss": float(rng.uniform(0.0, 0.6)),
            "neighbour_fraction": float(rng.uniform(0.0, 0.15)),
        }
        low = float(rng.uniform(0.1, 0.35))
        changed["cargo"] |= {"kiss_released": (low, float(rng.uniform(low + 0.3, 0.95)))}
    changed["distractors"] = {
        name: getattr(sim.distractors, name) * _between(0.2, 4.0, rng)
        for name in ("endosomes_per_um2", "blinks_per_um2_s", "static_per_um2", "steps_per_um2", "haze_per_um2")
    }
    changed["distractors"]["visits_per_um2_s"] = float(rng.uniform(0.0, 0.006)) * (rng.random() < 0.7)
    if sim.cargo.acid_brightness < 0.5:
        # Vesicles of neutral pH are seen before they fuse, and come and go.
        changed["cargo"] |= {"neutral_fraction": float(rng.uniform(0.0, 0.5)) if rng.random() < 0.7 else 0.02}


def _cargo(sim: Simulation, draw: dict[str, float], rng: np.random.Generator) -> dict[str, Any]:
    """How cargo leaves; visible lumenal cargo is mCherry-like (no change at the pore) or, as often, EGFP-like (it flashes)."""
    cargo: dict[str, Any] = {key: draw[key] for key in ("release_per_s", "cloud_um2_s", "kiss_open_s", "cloud_escape_per_s")}
    if sim.kinetics.sites:
        return {"kiss_open_s": draw["kiss_open_s"], "retrieval_per_s": draw["retrieval_per_s"]}
    if sim.cargo.kind == "membrane":
        cargo |= {"membrane_um2_s": draw["membrane_um2_s"], "immobile_fraction": float(rng.uniform(0.0, 0.3))}
    if sim.cargo.acid_brightness > 0.5 and rng.random() < 0.5:
        cargo |= {"acid_brightness": float(rng.uniform(0.4, 0.8)), "restricted_fraction": 0.4}
    return cargo | {"reacidify_s": draw["reacidify_s"]}


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    if low <= 0:
        return float(rng.uniform(low, high))
    return math.exp(float(rng.uniform(math.log(low), math.log(high))))
