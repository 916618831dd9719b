"""Free particles: points that diffuse over the whole field and come and go at random, the same number in every frame on average.

They test detection and linking, and mean nothing biologically. What is known of the vesicle scenario of the Particle Tracking
Challenge (Chenouard et al. 2014, Nat Methods 11:281) can be set with them; movies made so are synthetic, not the challenge's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.simulate.patches import Patches
from exotrack.simulate.presets import Simulation
from exotrack.simulate.scenery import Scenery
from exotrack.simulate.vesicles import Seen

Real = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Particles:
    """All particles: what is seen of them row by row, the particle (from 0) that owns each row (n,), and their light."""

    seen: Seen
    owner: Whole
    patches: Patches


def draw_particles(sim: Simulation, scenery: Scenery, rng: np.random.Generator) -> Particles:
    """Draw every particle: life, path (folded back at the border of the field), brightness."""
    owner, frame = _lives(sim, rng)
    at = _paths(sim, owner, rng)
    y_um, x_um = at.mean(axis=1).T
    # Light of a Gaussian of unit height at its centre, halo included.
    per_photon = sum(weight / (2.0 * math.pi * sigma**2) for weight, sigma in sim.optics.components())
    height = _height(sim, scenery, y_um, x_um) / sim.field.pixel_um**2
    photons = height / per_photon
    wide = math.sqrt(1.0 / (2.0 * math.pi * per_photon))
    seen = Seen(frame, y_um, x_um, photons, height, np.full(len(frame), wide))
    n = at.shape[1]
    flat = at.reshape(-1, 2)
    patches = Patches(np.repeat(frame, n), flat[:, 0], flat[:, 1], np.zeros(len(flat)), np.repeat(photons / n, n))
    return Particles(seen, owner, patches)


def _lives(sim: Simulation, rng: np.random.Generator) -> tuple[Whole, Whole]:
    """Owner and frame of each row, ordered by owner and frame; lives are geometric, so that those of the start are too."""
    p, n = sim.particles, sim.field.n_frames
    end = min(sim.field.frame_s / p.life_s, 1.0)
    born = np.full(n, p.per_frame * end)
    born[0] = p.per_frame
    start = np.repeat(np.arange(n), rng.poisson(born))
    life = np.minimum(rng.geometric(end, len(start)), n - start)
    owner = np.repeat(np.arange(len(start)), life)
    since = np.arange(len(owner)) - np.repeat(np.cumsum(life) - life, life)
    return owner, start[owner] + since


def _paths(sim: Simulation, owner: Whole, rng: np.random.Generator) -> Real:
    """Places (rows, instants of the exposure, 2) in um, y then x."""
    f, p = sim.field, sim.particles
    n = f.substeps if p.blurred else 1
    counts = np.bincount(owner)
    first = np.cumsum(counts) - counts
    step = p.step_um * (1.0 + p.step_spread * rng.uniform(-1.0, 1.0, len(counts)))
    apart = np.full(n, f.exposure / n)  # in frames, from the instant before; the first also bridges the dark part
    apart[0] = 1.0 - f.exposure * (n - 1) / n
    moves = rng.standard_normal((len(owner), n, 2)) * step[owner][:, None, None] * np.sqrt(apart)[:, None]
    size = np.array([f.height_px, f.width_px]) * f.pixel_um
    moves[first, 0] = rng.uniform(0.0, 1.0, (len(counts), 2)) * size
    walked = np.cumsum(moves.reshape(-1, 2), axis=0).reshape(moves.shape)
    before = np.zeros((len(counts), 2))
    before[1:] = walked[first[1:] - 1, -1]
    folded = np.mod(walked - before[owner][:, None], 2.0 * size)
    return np.asarray(np.minimum(folded, 2.0 * size - folded) - 0.5 * f.pixel_um)


def _height(sim: Simulation, scenery: Scenery, y_um: Real, x_um: Real) -> Real:
    """Photons per pixel over the background at the centre (n,) that give the SNR: (Io - Ib) / sqrt(Io) solved for Io - Ib."""
    rows, columns = scenery.background.shape
    y = np.rint(y_um / sim.field.pixel_um).astype(int).clip(0, rows - 1)
    x = np.rint(x_um / sim.field.pixel_um).astype(int).clip(0, columns - 1)
    snr = sim.particles.snr
    return np.asarray(0.5 * snr * (snr + np.sqrt(snr**2 + 4.0 * scenery.background[y, x])))
