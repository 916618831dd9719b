"""A second channel: a marker of docking sites (syntaxin, munc18 and the like) under part of the docked vesicles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exotrack.params import Params, setting
from exotrack.simulate.patches import Patches

if TYPE_CHECKING:
    from exotrack.simulate.motion import Grid, Path


class Marker(Params):
    """The marker's channel; made only if some vesicles carry it."""

    share: float = setting(
        0.0, "1", "Part of the vesicles under which marker gathers while docked. Default 0: no channel.", ge=0, le=1
    )
    photons: float = setting(
        300.0, "photons",
        "Photoelectrons per frame of a cluster. Default: half as bright as a vesicle.", ge=0, le=1e6,
    )  # fmt: skip
    inside_photons: float = setting(
        60.0, "photons/px",
        "Marker elsewhere in the membrane, per pixel and frame. Default: clusters hold a few percent of it.", ge=0, le=1e5,
    )  # fmt: skip
    outside_photons: float = setting(5.0, "photons/px", "Background beside the cell. Default: glass and medium.", ge=0, le=1e5)
    shift_y_um: float = setting(0.0, "um", "Where a point lies in this channel. Default: no chromatic shift.", ge=-5, le=5)
    shift_x_um: float = setting(0.0, "um", "Where a point lies in this channel. Default: no chromatic shift.", ge=-5, le=5)


def cluster(marker: Marker, grid: Grid, path: Path, docked: list[tuple[float, float]]) -> Patches:
    """Light of one cluster: at the vesicle's place during its docked stays (start, stop; s), still, as wide as the PSF."""
    inside = np.zeros(len(grid.middle), bool)
    for start, stop in docked:
        inside |= (grid.middle >= start) & (grid.middle < stop)
    photons = np.where(inside, marker.photons, 0.0) * grid.share
    return Patches(grid.frame, path.y_um, path.x_um, np.zeros(len(photons)), photons)
