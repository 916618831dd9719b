"""HDF5: a dataset of sections, read in windows with h5py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.extra import require
from exotrack.io.guard import check_readable, one_error, shown
from exotrack.io.stored import Found

PITCH_ATTRIBUTES = {"element_size_um": "um", "resolution": "nm"}
"""Attribute that holds the distances along z, y and x, and its unit: those of the ImageJ plugin and of CREMI."""


@dataclass(frozen=True, eq=False)
class Hdf5Voxels:
    """One dataset of a file; a dataset of one section counts as one with one z."""

    path: str
    dataset: str
    stored_shape: tuple[int, ...]
    stored: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(sections, height, width)."""
        z, y, x = (1, *self.stored_shape)[-3:]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype in the byte order of this machine."""
        dtype: np.dtype[Any] = np.dtype(self.stored).newbyteorder("=")
        return dtype

    def read(self, z: slice, y: slice, x: slice) -> NDArray[Any]:
        """The voxels of a window; only the chunks it lies in are read."""
        h5py = require("h5py", Path(self.path))
        with one_error(self.path, "cannot be read"), h5py.File(self.path, "r") as file:
            found = file[self.dataset]
            pixels = found[z, y, x] if found.ndim == 3 else found[y, x][None]
            return np.asarray(pixels, self.dtype)


def open_hdf5(path: Path, dataset: str | None) -> tuple[Hdf5Voxels, tuple[Found, Found, Found]]:
    """The voxels and the distances (um) along z, y and x.

    Raises `InputError` if there is no such dataset, several to choose from, or one that is no picture.
    """
    check_readable(path)
    h5py = require("h5py", path)
    with one_error(path, "cannot be read as HDF5"), h5py.File(path, "r") as file:
        every: dict[str, tuple[int, ...]] = {}
        file.visititems(lambda name, item: every.update({name: item.shape}) if hasattr(item, "shape") else None)
        fit = [name for name, shape in every.items() if len(shape) in (2, 3) and min(shape) > 0]
        chosen = (dataset or "").strip("/") or (fit[0] if len(fit) == 1 else "")
        if chosen not in fit:
            listed = ", ".join(f"{name} {shape}" for name, shape in list(every.items())[:8]) or "nothing"
            raise InputError(f"{shown(path)}: choose a dataset of 2 or 3 axes with --dataset; found {listed}")
        item = file[chosen]
        return Hdf5Voxels(str(path), chosen, tuple(map(int, item.shape)), item.dtype.str), _pitch(item.attrs)


def _pitch(attributes: Any) -> tuple[Found, Found, Found]:
    for name, unit in PITCH_ATTRIBUTES.items():
        values = np.ravel(np.asarray(attributes[name], float)) if name in attributes else np.empty(0)
        if len(values) in (2, 3):
            z, y, x = (np.nan, *values)[-3:]
            return tuple(Found.length(value, unit, f"HDF5 {name}") for value in (z, y, x))  # type: ignore[return-value]
    return Found(), Found(), Found()
