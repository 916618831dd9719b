"""Stack: lazy voxels of an electron micrograph and what they mean.

Coordinates are (z, y, x) in nm and the centre of voxel (0, 0, 0) is 0. A single micrograph is a stack of one section.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io.formats import stem
from exotrack.io.guard import shown
from exotrack.io.stored import Found
from exotrack.io.voxels import ArrayVoxels, Voxels, open_voxels

SPACING_NM_RANGE = (0.1, 100.0)
"""Finer than any micrograph of cells is sampled, and coarser than a vesicle."""
MOST_UNEVEN = 2.0
"""Voxels longer than this along one axis are believed only if the user says so: files often hold a wrong z."""
FLAG = "--spacing-nm"

MOST_VOXELS = 400_000_000
"""A mask or label image of more is not taken: it is held in memory whole, at 20 to 30 bytes a voxel."""

Spacing = tuple[float, float, float]
Contrast = Literal["dark", "bright"]


@dataclass(frozen=True, eq=False)
class Stack:
    """One micrograph, serial sections, or a volume.

    Attributes
    ----------
    voxels : source of the grey values, (z, y, x).
    spacing_nm : distance between voxels along z, y and x (nm). Of a single section, z is its thickness or NaN if unknown.
    image_id : name used in every table.
    contrast : whether membranes are dark or bright; None means it is found out.
    sources : where the spacing came from. notes : what the user should know.
    """

    voxels: Voxels
    spacing_nm: Spacing
    image_id: str = "image"
    contrast: Contrast | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.dtype.kind not in "uif":
            raise InputError(f"{self.image_id}: grey values must be whole or real numbers, found {self.voxels.dtype}")
        if min(self.shape[1:]) < 16:
            raise InputError(
                f"{self.image_id}: a micrograph has at least 16 x 16 pixels, found {self.shape[1]} x {self.shape[2]}"
            )
        _check(self.image_id, self.spacing_nm, self.shape[0] > 1)

    @classmethod
    def from_array(cls, pixels: Any, spacing_nm: float | Sequence[float], **fields: Any) -> Stack:
        """A stack from an array (y, x) or (z, y, x); `spacing_nm` is one number, (y, x) or (z, y, x).

        Raises `InputError` for another number of axes, `CalibrationError` for an absurd spacing.
        """
        shape = getattr(pixels, "shape", ())
        if len(shape) not in (2, 3):
            raise InputError(f"a micrograph has axes (y, x) or (z, y, x), found shape {shape}")
        array = pixels if len(shape) == 3 else pixels[None]
        return cls(ArrayVoxels(array), given_spacing(spacing_nm, array.shape[0] > 1), **fields)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(sections, height, width)."""
        return self.voxels.shape

    @property
    def flat(self) -> bool:
        """Whether it is a single section."""
        return self.shape[0] == 1

    def read(self, z: slice = slice(None), y: slice = slice(None), x: slice = slice(None)) -> NDArray[Any]:
        """Grey values of a window, (z, y, x) in the stored dtype; slices are clipped to the stack."""
        window = [slice(*part.indices(length)[:2]) for part, length in zip((z, y, x), self.shape, strict=True)]
        return self.voxels.read(*window)

    def darkness(self, z: slice, y: slice, x: slice) -> NDArray[np.float32]:
        """Grey values of a window turned so that membranes are high; NaN stays. Needs `contrast`."""
        sign = 1.0 if self.contrast == "bright" else -1.0
        return self.read(z, y, x).astype(np.float32) * np.float32(sign)

    def with_contrast(self, contrast: Contrast, note: str = "") -> Stack:
        """The same, its contrast settled."""
        return replace(self, contrast=contrast, notes=(*self.notes, note) if note else self.notes)


def open_stack(
    path: str | Path,
    spacing_nm: float | Sequence[float] | None = None,
    *,
    contrast: Contrast | None = None,
    channel: int | str | None = None,
    series: int | None = None,
    dataset: str | None = None,
    image_id: str | None = None,
) -> Stack:
    """Open a micrograph, serial sections or a volume lazily.

    Parameters
    ----------
    path : TIFF, OME-TIFF, MRC, OME-Zarr, HDF5, PNG, JPEG, .npy, or a folder or pattern of sections.
    spacing_nm : one number, (y, x) or (z, y, x); wins over the file.
    contrast : whether membranes are dark or bright; None finds it out.
    channel, series, dataset : which part of a file that holds several.
    image_id : name in every table; None takes the file's name without its ending.

    Raises
    ------
    InputError : the file cannot be used.
    CalibrationError : the spacing is missing, a program's placeholder, absurd, or uneven without being said to be; the line
        names the flag to give.
    """
    opened = open_voxels(path, channel=channel, series=series, dataset=dataset)
    name = shown(path)
    deep = opened.voxels.shape[0] > 1
    if spacing_nm is not None:
        spacing, source = given_spacing(spacing_nm, deep), FLAG
    else:
        spacing, source = _of_file(name, opened.pitch, deep)
    return Stack(
        opened.voxels,
        spacing,
        image_id or stem(Path(path)),
        contrast,
        {"spacing_nm": source},
        opened.notes,
    )


def check_size(shape: Sequence[int], name: str) -> None:
    """Refuse a mask or label image that is too large to be held in memory (`InputError`)."""
    n = math.prod(shape)
    if n > MOST_VOXELS:
        size = " x ".join(map(str, shape))
        raise InputError(
            f"{name}: a mask or label image of {size} is held in memory whole, and may have {MOST_VOXELS / 1e6:.0f} million "
            f"voxels, not {n / 1e6:.0f}; crop image and mask to the cell, or average both over 2 x 2 pixels"
        )


def given_spacing(given: float | Sequence[float], deep: bool) -> Spacing:
    """Spacing (z, y, x) from one number, (y, x) or (z, y, x); `CalibrationError` for any other number of values."""
    values = [float(given)] if isinstance(given, int | float | np.floating | np.integer) else [float(value) for value in given]
    if len(values) == 1:
        return (values[0] if deep else math.nan, values[0], values[0])
    if len(values) == 2 and not deep:
        return (math.nan, values[0], values[1])
    if len(values) == 3:
        return (values[0], values[1], values[2])
    raise CalibrationError(f"{FLAG} takes one number or {'Z,Y,X' if deep else 'Y,X'} in nm, found {len(values)} numbers")


def _of_file(name: str, pitch: tuple[Found, Found, Found], deep: bool) -> tuple[Spacing, str]:
    """The spacing (nm) a file states, and where."""
    z, y, x = pitch
    x = x if x.value is not None else y
    y = y if y.value is not None else x
    if x.value is None or y.value is None:
        why = x.problem or "the file does not give the size of a pixel (or holds the placeholder of 1.0 A)"
        raise CalibrationError(f"{name}: {why}; give it in nm with {FLAG} {'Z,Y,X' if deep else 'X'}")
    if deep and z.value is None:
        raise CalibrationError(
            f"{name}: {z.problem or 'the file does not give the distance of sections'}; give {FLAG} Z,Y,X (nm)"
        )
    nm: Spacing = (math.nan if z.value is None else 1e3 * z.value, 1e3 * y.value, 1e3 * x.value)
    _check(name, nm, deep, x.source)
    known = [length for length in (nm if deep else nm[1:]) if math.isfinite(length)]
    if max(known) > MOST_UNEVEN * min(known):
        shape = " x ".join(f"{length:g}" for length in known)
        raise CalibrationError(
            f"{name}: its voxels are {shape} nm, uneven by more than {MOST_UNEVEN:g}; if that is so, say it with {FLAG} Z,Y,X"
        )
    return nm, f"file: {x.source}"


def _check(name: str, spacing: Spacing, deep: bool, source: str = "") -> None:
    low, high = SPACING_NM_RANGE
    for axis, length in zip("zyx", spacing, strict=True):
        unknown = axis == "z" and not deep and math.isnan(length)
        # A section may be thicker than a voxel is long: up to 1 um for high-voltage microscopes.
        most = high if axis != "z" else 10 * high
        if not unknown and not low <= length <= most:
            where = f" ({source})" if source else ""
            raise CalibrationError(
                f"{name}: {length:g} nm between voxels along {axis}{where} is not between {low:g} and {most:g} nm; "
                f"give the true spacing with {FLAG} {'Z,Y,X' if deep else 'X'}"
            )
