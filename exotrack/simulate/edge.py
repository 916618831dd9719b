"""The cell's edge on the move: waves of protrusion and retraction run along it, so that the cell's light ends here, then there.

Only the light of the background moves; vesicles keep inside the edge at rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from exotrack.simulate.presets import Simulation

Real = NDArray[np.float64]
WAVE_UM = 3.0
"""Length over which one stretch of the edge moves together."""


@dataclass(frozen=True)
class Edge:
    """A moving edge: distance from the edge at rest (um, positive inside), light the cell adds (photons per pixel) and phase of
    the wave (rad), each (height, width); softness and amplitude (um), and how far the phase runs in a frame (rad).
    """

    depth_um: Real
    contrast: Real
    phase: Real
    width_um: float
    wave_um: float
    step: float

    def change(self, frame: int) -> Real:
        """Photons per pixel (height, width) that `frame` has more than the background with the edge at rest."""
        moved = self.depth_um + self.wave_um * np.sin(self.step * frame + self.phase)
        part = special.ndtr(moved / self.width_um) - special.ndtr(self.depth_um / self.width_um)
        return np.asarray(self.contrast * part)

    def times(self, factor: float) -> Edge:
        """The same edge of a cell that adds `factor` times as much light."""
        return replace(self, contrast=self.contrast * factor)


def draw_edge(sim: Simulation, inside: NDArray[np.bool_], contrast: Real, rng: np.random.Generator) -> Edge:
    """Draw the waves of the edge of the footprint `inside` (height, width); `contrast` as in `Edge`."""
    f, c = sim.field, sim.cell
    # The border of the field is no edge of the cell.
    within = ndimage.distance_transform_edt(inside) if not inside.all() else np.full(inside.shape, np.inf)
    depth = (within - ndimage.distance_transform_edt(~inside)) * f.pixel_um
    field = ndimage.gaussian_filter(rng.standard_normal(inside.shape), WAVE_UM / f.pixel_um, mode="wrap")
    phase = math.pi * field / max(float(field.std()), 1e-12)
    width = max(c.edge_um, 0.5 * f.pixel_um)
    return Edge(depth, contrast, phase, width, c.edge_wave_um, 2.0 * math.pi * f.frame_s / c.edge_wave_s)
