"""Candidates of one block: places where a template fits, and their outlines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.em._match import Field, peaks, spread_of
from exotrack.em._outline import Look, Outlines, trace
from exotrack.em._plan import Box, Octave, averaged, plain, window
from exotrack.em.stack import Stack

Real = NDArray[np.float64]
MIN_RHO, MIN_GAIN, MIN_Z = 0.15, 10.0, 4.0
"""Correlation, gain in log-likelihood and height over the noise below which nothing is worth measuring: all vesicles of the
simulated micrographs that the score accepts lie far above."""
MIN_Z_THICK = 2.5
"""The same in a thick section: the vesicles that lie over one another are themselves the noise."""
WINDOWS = 9
"""Blocks from which the noise is read: spread over the stack, so that a large one need not be read twice."""
SURVEY = {2: 320, 3: 56}
"""Side of these blocks."""


def survey(stack: Stack, octave: Octave) -> tuple[Real, float]:
    """Scale of the response to each template where there is no vesicle, and how much more it is like dark rings than bright ones.

    Returns
    -------
    (templates,) median over the windows of the median absolute response, as a standard deviation; and the ratio of the largest
    gains of dark figures to those of bright ones.
    """
    chosen = windows(stack, octave)
    scales, dark, bright = [], 0.0, 0.0
    for box in chosen:
        field = _field(stack, octave, box)
        found = [spread_of(field, template) for template in octave.templates]
        scales.append([each[0] for each in found])
        dark, bright = dark + max(each[1] for each in found), bright + max(each[2] for each in found)
    return np.median(scales, axis=0), dark / max(bright, 1e-9)


def windows(stack: Stack, octave: Octave) -> list[Box]:
    """Blocks from which the noise and the contrast are read, spread over the stack."""
    boxes = octave.boxes(stack.shape, SURVEY[octave.axes])
    return [boxes[k] for k in sorted({round(p) for p in np.linspace(0, len(boxes) - 1, WINDOWS)})]


def candidates(stack: Stack, octave: Octave, box: Box, scales: Real) -> dict[str, Real]:
    """Candidates whose peak lies in the block, with their outlines, in nm of the stack.

    Returns
    -------
    Columns by name: z, y, x, radius (nm) and the measures that the score and the table are made from, all (n,) but ``rays``.
    """
    pixels = window(stack, box)
    at, found = peaks(
        _field(stack, octave, box, pixels), octave.templates, scales, (MIN_RHO, MIN_GAIN, MIN_Z_THICK if octave.thick else MIN_Z)
    )
    first, coarse, fine = (np.array(plain(each, octave.axes)) for each in (box.first, octave.coarse, octave.fine))
    spacing = np.array(plain(octave.spacing, octave.axes))
    index = first + (at + 0.5) * coarse - 0.5
    start, stop = (np.array(plain(each, octave.axes)) for each in (box.start, box.stop))
    # Rivals beyond the border count too, so that blocks of any size keep the same ones.
    best = _distinct(index * spacing, found)
    index, found = index[best], found[best]
    mine = np.all((index >= start - 0.5) & (index < stop - 0.5), axis=1)
    index, found = index[mine], found[mine]
    detail = averaged(pixels, octave.fine)
    detail = detail if octave.axes == 3 else detail[0]
    shift = (first + (fine - 1) / 2) * spacing
    guess = index * spacing - shift
    typical = math.sqrt(octave.templates[0].radius_nm * octave.templates[-1].radius_nm)
    outlines = trace(
        detail, tuple(spacing * fine), guess, found[:, 0], Look(octave.model, octave.core, typical, octave.section_nm)
    )
    return _columns(outlines, shift, guess, found, octave, box)


def _field(stack: Stack, octave: Octave, box: Box, pixels: Any = None) -> Field:
    coarse = averaged(window(stack, box) if pixels is None else pixels, octave.coarse)
    return Field(coarse if octave.axes == 3 else coarse[0], octave.templates[-1].support.shape)


def _distinct(centre: Real, found: Real) -> NDArray[np.int64]:
    """Of peaks of several sizes at one place, the one with the largest gain: the outlines of the others would be the same."""
    from scipy.spatial import cKDTree

    order = np.argsort(-found[:, 2], kind="stable")
    if not len(order):
        return order
    tree = cKDTree(centre)
    alive = np.ones(len(order), bool)
    kept = []
    for k in order:
        if alive[k]:
            kept.append(k)
            near = np.array(tree.query_ball_point(centre[k], 0.5 * found[k, 0]), int)
            alive[near[found[near, 0] < 1.6 * found[k, 0]]] = False
    return np.sort(np.array(kept, int))


def _columns(outlines: Outlines, shift: Real, guess: Real, found: Real, octave: Octave, box: Box) -> dict[str, Real]:
    centre = outlines.centre + shift
    count = len(centre)
    if octave.axes == 2:
        centre = np.column_stack([np.full(count, float(box.first[0])), centre])
    second = np.sqrt((outlines.terms[:, 1 + octave.axes :] ** 2).sum(axis=1)) / np.maximum(outlines.terms[:, 0], 1e-9)
    return {
        **{name: centre[:, k] for k, name in enumerate("zyx")},
        "radius": outlines.radius,
        "figure": found[:, 0],
        "moved": np.linalg.norm(outlines.centre - guess, axis=1) / found[:, 0],
        "z_score": found[:, 3],
        "gain": found[:, 2],
        "rho": outlines.rho,
        "oval": second,
        "completeness": np.mean(outlines.present > 0.4, axis=1),
        "scatter": outlines.scatter,
        "wall": outlines.wall,
        "lumen": outlines.lumen,
        "lumen_sd": outlines.lumen_sd,
        "around": outlines.around,
        "membrane": np.full(count, octave.model.membrane_nm),
    }
