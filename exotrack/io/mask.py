"""Cell footprints: a picture of whole numbers, 0 outside every cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.guard import MAX_FRAME_BYTES, check_readable, one_error, shown

FOOTPRINT = "footprint.tif"
"""Where a results folder keeps the cells."""


def read_mask(path: str | Path, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Read a mask of cells.

    Parameters
    ----------
    path : TIFF, PNG or .npy; whole numbers are cell labels, yes/no becomes 1 and 0.
    shape : (height, width) of the movie.

    Returns
    -------
    (height, width) labels; 0 is outside every cell.

    Raises
    ------
    InputError : not readable, of another shape, not whole numbers, negative, or no cell in it.
    """
    path = Path(path)
    name = shown(path)
    check_readable(path)
    with one_error(path, "cannot be read as a mask"):
        found = _read(path)
    found = found.reshape([length for length in found.shape if length != 1] or [1]) if found.ndim > 2 else found
    if found.shape != tuple(shape):
        raise InputError(
            f"{name}: a mask must have the movie's shape, {shape[0]} x {shape[1]} pixels, found "
            f"{' x '.join(map(str, found.shape))}; draw it on a frame of this movie"
        )
    if found.dtype.kind == "f" and np.all(found == np.floor(found)):
        found = found.astype(np.int64)
    if found.dtype.kind not in "bui":
        raise InputError(f"{name}: a mask holds whole numbers (0 outside, 1, 2, ... inside cells), found {found.dtype}")
    labels = found.astype(np.int64)
    if labels.min() < 0 or labels.max() == 0:
        raise InputError(f"{name}: a mask has 0 outside and positive labels inside cells, found {labels.min()} to {labels.max()}")
    return labels


def _read(path: Path) -> NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        _check_size(path, array.shape, array.dtype.itemsize)
        return np.array(array)
    if suffix in (".tif", ".tiff"):
        from tifffile import TiffFile

        with TiffFile(path) as tif:
            page = tif.pages.first
            _check_size(path, page.shape, page.dtype.itemsize if page.dtype is not None else 1)
            if len(tif.pages) > 1:
                raise InputError(f"{shown(path)}: a mask is one picture, found {len(tif.pages)} pages")
            picture: NDArray[Any] = page.asarray()
            return picture
    if suffix == ".png":
        from PIL import Image

        with Image.open(path) as image:
            _check_size(path, (image.height, image.width), 4)
            return np.asarray(image)
    raise InputError(f"{shown(path)}: a mask is a TIFF, PNG or .npy file, found {suffix or 'no ending'}")


def _check_size(path: Path, shape: tuple[int, ...], itemsize: int) -> None:
    if int(np.prod(shape, dtype=object)) * itemsize > MAX_FRAME_BYTES:
        raise InputError(f"{shown(path)}: the header declares {' x '.join(map(str, shape))} pixels; the file is damaged")


def write_footprint(folder: Path, labels: NDArray[Any], pixel_um: float) -> None:
    """Write (height, width) cell labels, 0 outside, as ``footprint.tif`` with their scale; same labels, same bytes."""
    import tifffile

    per_cm = 1e4 / pixel_um
    whole = labels.astype(np.min_scalar_type(int(labels.max(initial=0))))
    tifffile.imwrite(
        folder / FOOTPRINT, whole, compression="zlib", photometric="minisblack", metadata=None, resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
    )  # fmt: skip


def read_footprint(folder: Path, shape: tuple[int, int] | None = None) -> NDArray[np.int64]:
    """The (height, width) cell labels of a results folder; perhaps no cell at all.

    Raises `InputError` where there are none, where they cannot be read, or are of another shape than the movie.
    """
    path = folder / FOOTPRINT
    if not path.is_file():
        raise InputError(f"{folder}: holds no {FOOTPRINT}, which says where the cells lie; run the movie again")
    with one_error(path, "cannot be read as a footprint"):
        found = _read(path)
    if found.dtype.kind != "u" or found.ndim != 2 or (shape is not None and found.shape != tuple(shape)):
        raise InputError(
            f"{path}: holds {found.dtype} of {' x '.join(map(str, found.shape))}, no footprint of this movie; run it again"
        )
    return found.astype(np.int64)
