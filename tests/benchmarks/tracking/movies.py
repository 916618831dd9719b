"""Synthetic movies with known truth, all from exotrack's simulator; (frames, height, width) counts and places in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import exotrack
from exotrack.simulate import Simulation, simulation
from exotrack.simulate.render import add_gaussians

from .scale import Scale

PIXEL_UM, FRAME_S = 0.1, 0.1
Array = NDArray[Any]
READ_E, OFFSET = 2.0, 100.0
"""Camera of the movies A, B, C and of the isolated spots; it counts one photoelectron as one."""
CAMERA = {"kind": "CCD", "gain": 1.0, "offset": OFFSET, "read_noise_e": READ_E}
SNR = {"A": 4.0, "B": 2.0, "C": 4.0}
FLAT: dict[str, Any] = {"inside_photons": 100.0}
HUMP: dict[str, Any] = {"cover": 0.16, "inside_photons": 400.0, "outside_photons": 40.0, "edge_um": 3.3}
"""A cell in the middle: 40 photons a pixel beside it, 400 on it, with a soft edge."""
APART_PX = 32
BLANKS: dict[str, dict[str, Any]] = {
    "flat": {"camera": CAMERA, "cell": FLAT},
    "uneven": {"camera": CAMERA, "cell": HUMP},
    "hot pixels": {"camera": {**CAMERA, "hot_fraction": 1e-4, "hot_e": 60.0}, "cell": FLAT},
    "sCMOS maps, heavy tail": {
        "camera": {
            "kind": "sCMOS", "gain": 2.0, "offset": 100.0, "read_noise_e": 1.6, "gain_spread": 0.03, "offset_spread": 4.0,
            "read_spread": 0.6,
        },
        "cell": {"inside_photons": 40.0},
    },
    "EMCCD": {"camera": {"kind": "EMCCD", "gain": 12.0, "offset": 300.0, "read_noise_e": 0.2}, "cell": {"inside_photons": 40.0}},
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A movie, its true tracks (track_id, frame, y_um, x_um ...), and the same as an array (n, 3) of frame, y, x in pixels."""

    pixels: Array
    tracks: pd.DataFrame
    spots: Array

    def before(self, n: int) -> Made:
        """The first `n` frames."""
        return Made(self.pixels[:n], self.tracks[self.tracks["frame"] < n], self.spots[self.spots[:, 0] < n])


def points(table: pd.DataFrame) -> Array:
    """Frame, y and x (pixels) of every row."""
    return table[["frame", "y_um", "x_um"]].to_numpy(float) / [1.0, PIXEL_UM, PIXEL_UM]


def settings(scale: Scale, n_frames: int, **changes: Any) -> Simulation:
    """The preset vesicle_like with its field at this scale."""
    base = simulation("vesicle_like").updated({"field": {"height_px": scale.size_px, "width_px": scale.size_px}})
    return base.updated({"field": {"n_frames": max(n_frames, 3)}, **changes})


def made(sim: Simulation, seed: int) -> Made:
    """Simulate and render."""
    truth = exotrack.simulate(sim, np.random.default_rng(seed))
    return Made(truth.movie.read(0, sim.field.n_frames), truth.tracks, points(truth.tracks))


def abc(which: str, scale: Scale, n_frames: int, seed: int) -> Made:
    """Movie A (SNR 4), B (SNR 2) or C (SNR 4, uneven background): 96 slow spots a frame, 1.3 pixels wide."""
    return made(abc_settings(which, scale, n_frames), seed)


def abc_settings(which: str, scale: Scale, n_frames: int) -> Simulation:
    """What makes movie A, B or C. The step in the plane is 0.5 to 1 pixel, evenly spread over spots; lives last 100 frames."""
    particles = {
        "per_frame": scale.number(96), "snr": SNR[which], "step_um": 0.75 * PIXEL_UM / 2**0.5, "step_spread": 1 / 3,
        "life_s": 100 * FRAME_S,
    }  # fmt: skip
    cell = HUMP if which == "C" else FLAT
    return settings(scale, n_frames, camera=CAMERA, cell=cell, optics={"psf_sigma_um": 0.13}, particles=particles)


def vesicle_like(snr: float, density: float, scale: Scale, seed: int) -> Made:
    """A VESICLE-like movie: synthetic, made like the challenge's scenario."""
    particles = {"snr": snr, "per_frame": scale.number(density)}
    return made(settings(scale, scale.vesicle_frames, particles=particles), seed)


def blank(kind: str, scale: Scale, seed: int) -> Array:
    """Frames without a signal."""
    sim = settings(scale, scale.blank_frames, particles={"per_frame": 0.0}, **BLANKS[kind])
    return made(sim, seed).pixels


def walks(scale: Scale, per_frame: float, n_frames: int, step_px: float, seed: int) -> pd.DataFrame:
    """True tracks only: particles of `step_px` root mean square in the plane, lives of 100 frames, `per_frame` in the field."""
    particles = {"per_frame": per_frame, "step_um": step_px * PIXEL_UM / 2**0.5, "life_s": 100 * FRAME_S}
    sim = settings(scale, n_frames, particles=particles)
    return exotrack.simulate(sim, np.random.default_rng(seed)).tracks


def degraded(tracks: pd.DataFrame, size_px: int, seed: int) -> pd.DataFrame:
    """Spots of `tracks` as a detector might give them: 0.15 pixels of jitter, 10 % missed, 5 % false."""
    rng = np.random.default_rng(seed)
    kept = tracks[rng.random(len(tracks)) > 0.1].drop(columns="track_id")
    for axis in ("y_um", "x_um"):
        kept[axis] += rng.normal(0.0, 0.15 * PIXEL_UM, len(kept))
    false = tracks.sample(round(0.05 * len(tracks)), random_state=seed).drop(columns="track_id")
    for axis in ("y_um", "x_um"):
        false[axis] = rng.uniform(-0.5, size_px - 0.5, len(false)) * PIXEL_UM
    return pd.concat([kept, false]).sort_values(["frame", "y_um"], kind="stable", ignore_index=True)


def isolated(snr: float, scale: Scale, n_frames: int, seed: int) -> tuple[Array, Array, float]:
    """Spots 32 pixels apart anywhere on 100 photons, anew in every frame: the frames, frame, y and x (n, 3), and their height."""
    rng = np.random.default_rng(seed)
    size = scale.size_px
    lattice = np.stack(np.meshgrid(*[np.arange(size // APART_PX) * float(APART_PX)] * 2, indexing="ij"), -1).reshape(-1, 2)
    height = 0.5 * snr * (snr + np.sqrt(snr**2 + 4 * FLAT["inside_photons"]))
    frames, rows = np.empty((n_frames, size, size), np.uint16), []
    for t in range(n_frames):
        at = np.mod(lattice + rng.uniform(0, size, 2), size // APART_PX * APART_PX) + rng.uniform(-3.0, 3.0, lattice.shape)
        image = np.full((size, size), FLAT["inside_photons"])
        n = len(at)
        add_gaussians(image, at[:, 0].copy(), at[:, 1].copy(), np.full(n, 1.3), np.full(n, height * 2 * np.pi * 1.3**2))
        frames[t] = np.rint(rng.poisson(image) + OFFSET + rng.normal(0, READ_E, image.shape)).clip(0)
        rows.append(np.column_stack([np.full(n, float(t)), at]))
    return frames, np.concatenate(rows), float(height)
