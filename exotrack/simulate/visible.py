"""What of a vesicle is true in each frame: place, height and width of its image, SNR, the bound on its localisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.simulate.presets import Simulation
from exotrack.simulate.render import Course
from exotrack.simulate.scenery import Scenery
from exotrack.simulate.vesicles import Seen

Rows = dict[str, NDArray[Any]]
"""Columns of equal length; the frames of a vesicle follow one another without a gap."""


def spot_rows(sim: Simulation, scenery: Scenery, course: Course, seen: Seen, least: float) -> Rows:
    """What was `seen`, row by row: the columns of `Spots` (but movie_id) and `visible`.

    Visible is what lies in the field and has a height of at least `least` (photoelectrons per pixel).

    The SNR is that of a Gaussian matched filter on the local background, N / (2 sqrt(pi) s sd(background pixel)), s in
    pixels. The standard error of the place is the Cramer-Rao bound in the form of Rieger and Stallinga 2014 (ChemPhysChem
    15:664). Haze blobs and other vesicles are not part of the background.
    """
    f, c = sim.field, sim.camera
    height, width = scenery.background.shape
    y, x = seen.y_um + course.shift_y_um[seen.frame], seen.x_um + course.shift_x_um[seen.frame]
    row, column = np.rint(y / f.pixel_um).astype(int), np.rint(x / f.pixel_um).astype(int)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    light = course.light[seen.frame]
    local = scenery.background[row.clip(0, height - 1), column.clip(0, width - 1)] * course.fading[seen.frame] * light
    sigma = np.sqrt(seen.sigma_um**2 + sim.optics.psf_sigma_um**2 * (course.widening[seen.frame] ** 2 - 1.0))
    peak = seen.peak * f.pixel_um**2 * light * (seen.sigma_um / sigma) ** 2
    photons = peak * 2.0 * math.pi * (sigma / f.pixel_um) ** 2
    variance = c.excess * local + c.read_noise_e**2
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = photons / (2.0 * math.sqrt(math.pi) * sigma / f.pixel_um * np.sqrt(variance))
        wide = sigma**2 + f.pixel_um**2 / 12.0
        tau = 2.0 * math.pi * wide * (variance / c.excess) / (photons * f.pixel_um**2)
        sd = np.sqrt(c.excess * wide / photons * (1.0 + 4.0 * tau + np.sqrt(2.0 * tau / (1.0 + 4.0 * tau))))
    visible = inside & (peak >= least)
    return {
        "frame": seen.frame, "t_s": seen.frame * f.frame_s, "y_um": y, "x_um": x, "sigma_um": sigma, "amplitude": peak * c.gain,
        "background": local * c.gain + c.offset, "snr": snr, "y_sd_um": sd, "x_sd_um": sd, "visible": visible,
    }  # fmt: skip
