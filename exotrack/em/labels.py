"""Vesicles from elsewhere: label images, points, IMOD models, SynapsEM text, as tables of vesicles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.em._points import POINT_FILES, read_points
from exotrack.em.stack import Spacing, Stack, check_size
from exotrack.errors import InputError
from exotrack.io.guard import shown
from exotrack.io.voxels import open_voxels
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

Labels = NDArray[np.int64]


def read_vesicles(path: str | Path, stack: Stack, *, dataset: str | None = None, split: bool = False) -> pd.DataFrame:
    """Vesicles of a stack from a file that another program or a person made.

    Parameters
    ----------
    path : label image of the stack's shape; or points: CSV, IMOD model (.mod), SynapsEM text (.txt).
    dataset : path inside an HDF5 file. split : give each unconnected piece of a label a number of its own.

    Returns
    -------
    Table `Vesicles`; no intensities, filling or states yet.

    Raises
    ------
    InputError : not readable, of another shape, not whole numbers, negative, or nothing in it.
    """
    path = Path(path)
    if path.suffix.lower() in POINT_FILES:
        return read_points(path, stack)
    labels = read_labels(path, stack, dataset=dataset)
    return measure_labels(split_pieces(labels) if split else labels, stack.spacing_nm, image_id=stack.image_id)


def read_labels(path: str | Path, stack: Stack, *, dataset: str | None = None) -> Labels:
    """A label image of a stack, (z, y, x): 0 outside, a positive number in each vesicle. Errors are those of `read_vesicles`."""
    opened = open_voxels(path, dataset=dataset).voxels
    name = shown(path)
    if opened.shape != stack.shape:
        raise InputError(
            f"{name}: labels of {_size(opened.shape)} for an image of {_size(stack.shape)}; both must have one shape"
        )
    check_size(opened.shape, name)
    found = opened.read(*(slice(0, n) for n in opened.shape))
    return checked(found, name)


def checked(found: Any, name: str) -> Labels:
    """Labels as whole numbers; `InputError` says what is none."""
    values = np.asarray(found)
    if values.dtype.kind == "f":
        if not np.all(np.isfinite(values)) or np.any(values != np.floor(values)):
            raise InputError(f"{name}: labels are whole numbers, found fractions ({values.dtype}); is it a probability map?")
        values = values.astype(np.int64)
    if values.dtype.kind not in "bui":
        raise InputError(f"{name}: labels are whole numbers, found {values.dtype}")
    if values.size and values.min() < 0:
        raise InputError(f"{name}: labels are 0 outside and positive inside vesicles, found {values.min()}")
    if not values.any():
        raise InputError(f"{name}: the label image is empty (0 everywhere); give one in which vesicles are marked")
    return values.astype(np.int64, copy=False)


def split_pieces(labels: Labels) -> Labels:
    """Labels in which each piece that hangs together has a number of its own, in the order of the first voxel.

    Eight-bit files hold 255 numbers: in one of more vesicles, several share a number.
    """
    from skimage.measure import label

    pieces: Labels = label(labels, background=0, connectivity=labels.ndim).astype(np.int64)
    return pieces


def measure_labels(labels: Labels, spacing_nm: Spacing, *, image_id: str = "image", backend: str = "labels") -> pd.DataFrame:
    """Place, size and shape of every label.

    Parameters
    ----------
    labels : (z, y, x); one section or a volume. spacing_nm : (z, y, x).

    Returns
    -------
    Table `Vesicles`. In a volume ``diameter_nm`` is that of the sphere of equal volume, in a section that of the circle of equal
    area; the two are never mixed. ``circularity`` is the ratio of the shortest to the longest axis of the ellipsoid (ellipse) of
    equal second moments.
    """
    from scipy.ndimage import find_objects

    deep = labels.shape[0] > 1
    spacing = np.array(spacing_nm if deep else (0.0, *spacing_nm[1:]))
    numbers = np.unique(labels)
    numbers = numbers[numbers > 0]
    compact = np.searchsorted(numbers, labels).astype(np.int32) + 1
    compact[labels == 0] = 0
    boxes = find_objects(compact)
    rows = [_row(compact[box] == k + 1, box, spacing, deep) for k, box in enumerate(boxes)]
    size, centre, ratio = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    shape = labels.shape
    edge = [
        any(b.start == 0 or b.stop == n for b, n in zip(box[0 if deep else 1 :], shape[0 if deep else 1 :], strict=True))
        for box in boxes
    ]
    area, volume = size * spacing[1] * spacing[2], size * float(np.prod(spacing))
    columns = {
        "image_id": image_id,
        "vesicle_id": numbers,
        "backend": backend,
        "z_nm": centre[:, 0],
        "y_nm": centre[:, 1],
        "x_nm": centre[:, 2],
        "diameter_nm": np.cbrt(6 * volume / np.pi) if deep else np.sqrt(4 * area / np.pi),
        "diameter_kind": "volume_eq" if deep else "area_eq",
        "area_nm2": np.nan if deep else area,
        "volume_nm3": volume if deep else np.nan,
        "circularity": ratio,
        "first_section": [box[0].start for box in boxes],
        "last_section": [box[0].stop - 1 for box in boxes],
        "touches_border": edge,
    }
    return Vesicles.build(columns)


def _row(mask: Any, box: Any, spacing: Any, deep: bool) -> tuple[int, Any, float]:
    """Voxels, centre (nm) and ratio of axes of one label."""
    at = np.argwhere(mask)
    first = np.array([part.start for part in box])
    centre = (at.mean(axis=0) + first) * spacing
    used = spacing if deep else spacing[1:]
    points = (at if deep else at[:, 1:]) * used
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((len(used), len(used)))
    # A voxel has an extent of its own: a twelfth of its side squared.
    axes = np.sqrt(np.linalg.eigvalsh(np.atleast_2d(spread) + np.diag(used**2 / 12)))
    return len(at), centre, float(axes[0] / axes[-1])


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
