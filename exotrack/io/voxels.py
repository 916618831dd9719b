"""Voxels: what any supported file holds as sections (z, y, x), read in windows, with the distances between voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.axes import choose_sections
from exotrack.io.formats import find_reader
from exotrack.io.guard import check_readable, one_error, read_in_windows, shown
from exotrack.io.stored import Found
from exotrack.movie import FrameSource

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
HDF5 = (".h5", ".hdf5", ".hdf")


@runtime_checkable
class Voxels(Protocol):
    """Where voxels come from: picklable, safe to read from several threads at once."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(sections, height, width)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the voxels as stored."""

    def read(self, z: slice, y: slice, x: slice) -> NDArray[Any]:
        """The voxels of a window, of the shape of the slices (whole numbers, inside the volume)."""


@dataclass(frozen=True, eq=False)
class FrameVoxels:
    """Sections that lie in a file as frames do."""

    frames: FrameSource

    @property
    def shape(self) -> tuple[int, int, int]:
        """(sections, height, width)."""
        return self.frames.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the voxels."""
        return self.frames.dtype

    def read(self, z: slice, y: slice, x: slice) -> NDArray[Any]:
        """The voxels of a window; only that part of the file is read where the format allows it."""
        window = getattr(self.frames, "window", None)
        whole = (y.stop - y.start, x.stop - x.start) == self.shape[1:]
        if window is None or whole:
            return self.frames.read(z.start, z.stop)[:, y, x]
        pixels: NDArray[Any] = window(z.start, z.stop, y, x)
        return pixels


@dataclass(frozen=True, eq=False)
class ArrayVoxels:
    """Voxels of an array in memory, or of anything that slices like one."""

    array: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        """(sections, height, width)."""
        z, y, x = self.array.shape
        return int(z), int(y), int(x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def read(self, z: slice, y: slice, x: slice) -> NDArray[Any]:
        """The voxels of a window."""
        return np.asarray(self.array[z, y, x])


@dataclass(frozen=True, eq=False)
class Opened:
    """What a file of sections holds: its voxels, the distances (um) along z, y and x it states, and what to know of it."""

    voxels: Voxels
    pitch: tuple[Found, Found, Found]
    notes: tuple[str, ...] = ()


def open_voxels(
    path: str | Path, *, channel: int | str | None = None, series: int | None = None, dataset: str | None = None
) -> Opened:
    """Open sections lazily.

    Reads what `exotrack.io.open_movie` reads, HDF5 (with the package h5py), PNG, JPEG and .npy.

    Parameters
    ----------
    channel : number or name, for files with several. series : which image of the file. dataset : path inside an HDF5 file.

    Raises
    ------
    InputError : the file cannot be used; one line says what was wrong, what was found, what to do.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    with one_error(path, "cannot be read as a micrograph"):
        if suffix in HDF5:
            from exotrack.io.hdf5 import open_hdf5

            voxels, pitch = open_hdf5(path, dataset)
            return Opened(voxels, pitch)
        if suffix in PICTURES or suffix == ".npy":
            check_readable(path)
            pixels, notes = _picture(path) if suffix in PICTURES else (np.load(path, mmap_mode="r", allow_pickle=False), ())
            return Opened(ArrayVoxels(_three(pixels, path)), (Found(), Found(), Found()), notes)
        with read_in_windows():
            found = find_reader(path)(path, series)
            choice = choose_sections(found, shown(path), channel)
            if found.whole is not None and not found.whole[choice.planes].all():
                lost = int(np.sum(~found.whole[choice.planes]))
                raise InputError(
                    f"{shown(path)}: truncated: {lost} of {len(choice.planes)} sections are not whole; copy it again"
                )
            frames = found.frames(choice.planes)
        return Opened(FrameVoxels(frames), (found.pixel_z, found.pixel_y, found.pixel_x), (*found.notes, *choice.notes))


def _three(pixels: NDArray[Any], path: Path) -> NDArray[Any]:
    if pixels.ndim not in (2, 3):
        raise InputError(f"{shown(path)}: holds an array of {pixels.ndim} axes; a micrograph has (y, x), a volume (z, y, x)")
    return pixels if pixels.ndim == 3 else pixels[None]


def _picture(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Grey values of a PNG or JPEG, and a note where colours were turned to grey."""
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB") if image.mode in ("P", "RGBA", "CMYK", "YCbCr") else image)
    if pixels.ndim == 2:
        return pixels, ()
    colours = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
    if np.all(colours == colours[..., :1]):
        return np.ascontiguousarray(colours[..., 0]), ()
    return colours.mean(axis=2).astype(np.float32), ("a colour picture; the mean of its colours is used",)
