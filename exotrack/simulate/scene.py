"""simulate(): draw everything once, then hand out a movie that renders itself and the tables that are true of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exotrack.movie import Movie
from exotrack.simulate.detector import Detector, draw_detector
from exotrack.simulate.distractors import draw_distractors, slow_noise
from exotrack.simulate.particles import draw_particles
from exotrack.simulate.patches import Patches
from exotrack.simulate.presets import Simulation
from exotrack.simulate.render import Course, RenderedFrames
from exotrack.simulate.scenery import Scenery, draw_scenery
from exotrack.simulate.truth import Told, Truth, add_particles, follow, other_rows, true_tables
from exotrack.simulate.vesicles import draw_vesicles


def simulate(sim: Simulation, rng: np.random.Generator) -> Truth:
    """Simulate a movie and the tables that are true of it.

    Parameters
    ----------
    sim : what to simulate, e.g. ``simulation("granule")``.
    rng : all randomness comes from it; the same state gives the same movie and tables.

    Returns
    -------
    Truth
        The movie (pixels are rendered when read, each frame the same whatever the block), the true tables, the footprint.
    """
    scenery = draw_scenery(sim, rng)
    detector = draw_detector(sim.camera, scenery.footprint.shape, rng)
    course = draw_course(sim, rng)
    second = rng.spawn(1)[0] if sim.marker.share > 0 else None  # a stream of its own: the first channel is the same without it
    told = follow(sim, scenery, course, draw_vesicles(sim, scenery, rng), second)
    others = list(draw_distractors(sim, scenery, rng))
    free = sim.particles.per_frame > 0
    if free:  # drawn last: what else there is does not change with them
        add_particles(told, sim, scenery, course, draw_particles(sim, scenery, rng))
    frames = source(sim, told.patches + [p for _, p in others], scenery, course, detector)
    movie = Movie(
        frames, sim.field.pixel_um, sim.field.frame_s, movie_id=sim.preset, ceiling=float(sim.camera.ceiling),
        sources={"pixel_um": "simulated", "frame_s": "simulated"},
        notes=(f"synthetic movie (exotrack simulate {sim.preset}) with free particles",) if free else (),
    )  # fmt: skip
    marker = None if second is None else _marker(sim, told, scenery, course, movie, second)
    return true_tables(movie, told, scenery, sim, other_rows(sim, course, others), marker)


def _marker(sim: Simulation, told: Told, scenery: Scenery, course: Course, movie: Movie, rng: np.random.Generator) -> Movie:
    """The channel of the docking marker: the same cell, stage and kind of camera, its own light and noise."""
    m, c = sim.marker, sim.cell
    span = max(c.inside_photons - c.outside_photons, 1e-9)
    inside = (scenery.background - c.outside_photons) / span
    level = m.outside_photons + np.maximum(inside, 0.0) * (m.inside_photons - m.outside_photons)
    detector = draw_detector(sim.camera, scenery.footprint.shape, rng)
    y, x = course.shift_y_um + m.shift_y_um, course.shift_x_um + m.shift_x_um
    edge = None if scenery.edge is None else scenery.edge.times((m.inside_photons - m.outside_photons) / span)
    lit = replace(course, shift_y_um=y, shift_x_um=x, dimmed=np.zeros_like(course.dimmed))
    return replace(movie, frames=source(sim, told.marker, replace(scenery, background=level, edge=edge), lit, detector))


def draw_course(sim: Simulation, rng: np.random.Generator) -> Course:
    """Draw what changes from frame to frame: drift, light, focus, and the fading of the background."""
    n, dt = sim.field.n_frames, sim.field.frame_s
    t = np.arange(n) * dt
    wander = np.cumsum(rng.standard_normal((2, n)) * sim.stage.wander_um_rs * np.sqrt(dt), axis=1)
    wander -= wander[:, :1]
    focus = sim.illumination.defocus_um_s * t + sim.illumination.defocus_wander_um * slow_noise(n, 5.0 / dt, rng)
    return Course(
        shift_y_um=sim.stage.drift_y_um_s * t + wander[0],
        shift_x_um=sim.stage.drift_x_um_s * t + wander[1],
        light=np.maximum(1.0 + sim.illumination.flicker * rng.standard_normal(n), 0.01),
        widening=np.sqrt(1.0 + (focus / sim.optics.rayleigh_um) ** 2),
        fading=sim.cell.bleach_floor + (1.0 - sim.cell.bleach_floor) * np.exp(-sim.cell.bleach_per_s * t),
        dimmed=(1.0 - sim.cargo.acid_brightness) * sim.bath.acid(np.asarray(t + 0.5 * sim.field.exposure * dt, float)),
    )


def source(sim: Simulation, parts: list[Patches], scenery: Scenery, course: Course, detector: Detector) -> RenderedFrames:
    """The lazy pixels of everything that gives light."""
    patches = Patches.join(parts)
    offsets = np.searchsorted(patches.frame, np.arange(sim.field.n_frames + 1))
    psf = tuple(sim.optics.components())
    surface = scenery.surface(sim)
    return RenderedFrames(patches, offsets, scenery.background, course, detector, psf, sim.field.pixel_um, surface, scenery.edge)
