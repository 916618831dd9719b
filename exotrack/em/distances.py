"""Distances of vesicles to a membrane and to one another, in nm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import find_objects
from scipy.spatial import cKDTree

from exotrack.em._surface import SIGMA_BAND, faces_of, smoothed
from exotrack.em.membrane import Membrane
from exotrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
CLOSEST = 12
"""Points of a label's face whose distance to a membrane is measured below a voxel: the nearest ones."""
PLACES = ("z_nm", "y_nm", "x_nm")


def places(vesicles: pd.DataFrame, ndim: int) -> Real:
    """Centres (n, ndim) of vesicles in nm: y, x or z, y, x."""
    return np.asarray(vesicles[list(PLACES[3 - ndim :])].to_numpy(float))


def measured(vesicles: pd.DataFrame, membrane: Membrane) -> pd.DataFrame:
    """The vesicles with their distances to `membrane`: from the centre, from the outer face, and the nearest point.

    dist_pm_surface_nm is that of a sphere of diameter_nm; it is negative where the sphere reaches over the membrane. Missing
    places or diameters give missing distances. nn_dist_nm is filled in where it is missing.

    Raises `InputError` if the membrane lies nowhere near the vesicles: farther from all than the vesicles are from one another.
    """
    ndim = membrane.ndim
    at = places(vesicles, ndim)
    gaps, feet = membrane.distances(at)
    known = gaps[np.isfinite(gaps)]
    extent = float(np.ptp(at[np.isfinite(at).all(axis=1)], axis=0).max(initial=0.0)) if len(known) else 0.0
    size = float(vesicles["diameter_nm"].max()) if len(vesicles) else 0.0
    if len(known) and np.abs(known).min() > 10 * max(extent, size, 100.0):
        raise InputError(
            f"membrane: lies {np.abs(known).min():.0f} nm from the nearest vesicle, misses the image; check its spacing"
        )
    columns: dict[str, Any] = {
        "dist_pm_centre_nm": gaps,
        "dist_pm_surface_nm": gaps - vesicles["diameter_nm"].to_numpy(float) / 2,
        **{f"closest_{name}": feet[:, k] for k, name in enumerate(PLACES[3 - ndim :])},
    }
    if vesicles["nn_dist_nm"].isna().all():
        columns["nn_dist_nm"] = neighbours(at)
    return vesicles.assign(**columns)


def neighbours(points_nm: ArrayLike) -> Real:
    """Distance (n,) from each of `points_nm` (n, d) to the nearest other; missing if there is none."""
    points = np.asarray(points_nm, float)
    found = np.full(len(points), np.nan)
    known = np.isfinite(points).all(axis=1)
    if known.sum() > 1:
        found[known] = cKDTree(points[known]).query(points[known], k=2)[0][:, 1]
    return found


def label_distances(labels: ArrayLike, spacing_nm: Sequence[float], membrane: Membrane) -> dict[int, tuple[float, Real]]:
    """Distance (nm) from the face of each label to `membrane`, and the membrane's nearest point; for labels that are no spheres.

    Faces lie between voxels, so that a label that touches the membrane's mask is 0 nm away, not one voxel.

    Parameters
    ----------
    labels : (y, x) or (z, y, x) whole numbers, 0 where there is none.
    spacing_nm : one length per axis.

    Raises `InputError` for labels that are fractions, all 0, or of another number of axes than the membrane.
    """
    values = np.asarray(labels)
    if values.dtype.kind not in "iu":
        raise InputError(f"labels: are {values.dtype}, not whole numbers; save the label image as integers")
    if values.ndim != membrane.ndim:
        raise InputError(f"labels: have {values.ndim} axes, the membrane {membrane.ndim}; give both of the same image")
    if not values.any():
        raise InputError("labels: the image is empty (all 0); give one with labelled vesicles")
    spacing, found = np.asarray(spacing_nm, float), {}
    for label, box in enumerate(find_objects(values), start=1):
        if box is None:
            continue
        mask = np.pad(values[box] == label, 3)
        vertices, faces = faces_of(smoothed(mask, SIGMA_BAND), spacing_nm)
        if not len(faces):  # a single voxel is smoothed away: its centre is all there is
            vertices = np.argwhere(mask) * spacing
        vertices = vertices + (np.array([part.start for part in box]) - 3) * spacing
        bound = membrane.nearest.bound(vertices)
        near = vertices[bound - membrane.nearest.reach <= bound.min()]
        near = near[np.argsort(membrane.nearest.bound(near), kind="stable")[:CLOSEST]]
        gaps, feet = membrane.distances(near)
        best = int(np.argmin(gaps))
        found[label] = (float(gaps[best]), feet[best])
    return found
