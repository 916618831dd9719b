"""OME-Zarr 0.4 and 0.5, level 0 of one image.

Format: OME-NGFF 0.4 and 0.5, https://ngff.openmicroscopy.org. A chunk that is not there is read by zarr as zeros; here
its frames are unreadable, because a disk that filled up leaves the same hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.guard import MAX_FRAME_BYTES, check_frame_bytes, check_planes, one_error, shown
from exotrack.io.stored import Found, Indices, Planes, Stored, compact
from exotrack.io.zarr_chunks import missing_chunk

_KINDS = {"time": "T", "channel": "C"}


@dataclass(frozen=True, eq=False)
class ZarrFrames:
    """Planes of one zarr array whose last two axes are y and x.

    Attributes
    ----------
    path : folder of the array.
    lengths : of the axes before y and x.
    planes : for each frame, its number in row-major order of those axes.
    height, width : pixels. stored : dtype.
    """

    path: str
    lengths: tuple[int, ...]
    planes: Indices
    height: int
    width: int
    stored: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return len(self.planes), self.height, self.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype in the byte order of this machine."""
        dtype: np.dtype[Any] = np.dtype(self.stored).newbyteorder("=")
        return dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), (n, height, width). Raises `InputError` for a missing or damaged chunk."""
        with one_error(self.path, f"frames {start} to {stop - 1} cannot be read"):
            array = _open(Path(self.path))
            at = [_position(int(self.planes[frame]), self.lengths) for frame in range(start, stop)]
            seen: dict[str, Any] = {}
            for frame, position in zip(range(start, stop), at, strict=True):
                lost = missing_chunk(array, Path(self.path), position, seen)
                if lost:
                    raise InputError(f"{shown(Path(self.path).parent)}: frame {frame}: chunk {lost} is missing")
            return self._pixels(array, at)

    def window(self, start: int, stop: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Part of frames `start` to `stop` (exclusive); only the chunks it lies in are read."""
        with one_error(self.path, f"frames {start} to {stop - 1} cannot be read"):
            array = _open(Path(self.path))
            at = [_position(int(self.planes[frame]), self.lengths) for frame in range(start, stop)]
            return np.stack([np.asarray(array[(*position, rows, columns)], self.dtype) for position in at])

    def _pixels(self, array: Any, at: list[tuple[int, ...]]) -> NDArray[Any]:
        """Pixels at the positions: one read where a single axis runs on step by step, so that a chunk is decoded once."""
        steps = np.diff(np.array(at, np.int64).reshape(len(at), -1), axis=0)
        running = np.flatnonzero(steps.any(axis=0))
        if len(running) == 1 and np.all(steps[:, running[0]] == 1):
            key: list[Any] = list(at[0])
            key[running[0]] = slice(at[0][running[0]], at[-1][running[0]] + 1)
            return np.asarray(array[tuple(key)], self.dtype).reshape(-1, self.height, self.width)
        return np.stack([np.asarray(array[position], self.dtype) for position in at])


def read_ome_zarr(path: Path, series: int | None) -> Stored:
    """What an OME-Zarr image holds, level 0."""
    name = shown(path)
    group, attributes = _image(path, name, series)
    scales = attributes["multiscales"][0]
    dataset = scales["datasets"][0]
    folder = (group / str(dataset["path"])).resolve()
    if not folder.is_relative_to(path.resolve()):
        raise InputError(f"{name}: its metadata names {str(dataset['path'])[:80]!r}, outside the movie's folder; it is refused")
    array = _open(folder)
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", [])]
    if len(axes) != array.ndim or array.ndim < 3:
        raise InputError(f"{name}: names {len(axes)} axes for an array of {array.ndim}; a movie has at least t, y and x")
    _check_size(name, array)
    letters = "".join(_KINDS.get(str(axis.get("type", "")), str(axis["name"]).upper()[:1]) for axis in axes)
    pitch = _scales(scales, dataset, len(axes))
    lengths = tuple(map(int, array.shape[:-2]))
    whole, notes = _holes(array, folder, letters, name)
    found = {
        letter: (Found.time if letter == "T" else Found.length)(
            step, str(axis.get("unit", "")), f"OME-Zarr {letter.lower()} scale"
        )
        for letter, axis, step in zip(letters, axes, pitch, strict=True)
        if letter in "TZYX"
    }

    def frames(planes: Planes) -> ZarrFrames:
        return ZarrFrames(str(folder), lengths, compact(planes), int(array.shape[-2]), int(array.shape[-1]), array.dtype.str)

    return Stored(
        letters,
        tuple(map(int, array.shape)),
        frames,
        pixel_y=found.get("Y", Found()),
        pixel_x=found.get("X", Found()),
        pixel_z=found.get("Z", Found()),
        interval=found.get("T", Found()),
        channels=tuple(str(each.get("label", "")) for each in attributes.get("omero", {}).get("channels", [])),
        whole=whole,
        notes=notes,
    )


def _open(path: Path) -> Any:
    import zarr

    return zarr.open_array(path, mode="r")


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of a group; those of OME-Zarr 0.5 are one level deeper."""
    import zarr

    found = dict(zarr.open_group(path, mode="r").attrs)
    inner = found.get("ome")
    return {**found, **inner} if isinstance(inner, dict) else found


def _image(path: Path, name: str, series: int | None) -> tuple[Path, dict[str, Any]]:
    """Folder and attributes of the image: the group itself, or one of those a converter put side by side."""
    with one_error(path, "cannot be read as OME-Zarr"):
        attributes = _attributes(path)
        if "plate" in attributes or "well" in attributes:
            raise InputError(f"{name}: a plate of many wells; give one image inside it, such as {name}/A/1/0")
        if "multiscales" not in attributes and "bioformats2raw.layout" in attributes:
            inside = sorted((entry for entry in path.iterdir() if entry.name.isdecimal()), key=lambda entry: int(entry.name))
            if series is None and len(inside) > 1:
                raise InputError(f"{name}: holds {len(inside)} images; choose one with --series (0 to {len(inside) - 1})")
            if not 0 <= (series or 0) < len(inside):
                raise InputError(f"{name}: there is no image {series}; found {len(inside)}, counted from 0")
            path = inside[series or 0]
            attributes = _attributes(path)
        elif series not in (None, 0):
            raise InputError(f"{name}: there is no image {series}; found one, number 0")
        if not attributes.get("multiscales"):
            raise InputError(f"{name}: a zarr folder without the OME-Zarr metadata 'multiscales'; save it as OME-Zarr 0.4 or 0.5")
        return path, attributes


def _scales(scales: dict[str, Any], dataset: dict[str, Any], axes: int) -> list[float]:
    """Step along each axis: the product of the scales of the level and of the whole image."""
    step = np.ones(axes)
    for transform in [*dataset.get("coordinateTransformations", []), *scales.get("coordinateTransformations", [])]:
        if transform.get("type") == "scale":
            step = step * np.array(transform["scale"], float)
    return [float(each) for each in step]


def _check_size(name: str, array: Any) -> None:
    check_planes(name, int(np.prod(array.shape[:-2], dtype=object)))
    check_frame_bytes(name, int(array.shape[-2]), int(array.shape[-1]), array.dtype.itemsize)
    chunk = int(np.prod(array.chunks, dtype=object)) * array.dtype.itemsize
    if chunk > MAX_FRAME_BYTES:
        raise InputError(f"{name}: its chunks hold {chunk / 1e9:.1f} GB each; save it with a few frames in each chunk")


def _holes(array: Any, folder: Path, letters: str, name: str) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """Planes that are there, and a note on those lost in the middle (they stay, as unreadable frames)."""
    lengths = tuple(map(int, array.shape[:-2]))
    seen: dict[str, Any] = {}
    planes = int(np.prod(lengths))
    there = np.array([not missing_chunk(array, folder, _position(k, lengths), seen) for k in range(planes)], bool)
    if there.all():
        return None, ()
    if not there.any():
        raise InputError(f"{name}: none of its chunks is there; copy the folder again")
    time = letters.index("T") if "T" in letters else int(np.argmax(lengths))
    last = np.max(np.nonzero(there.reshape(lengths))[time])
    whole = np.indices(lengths)[time].reshape(-1) <= last
    lost = int(np.sum(whole & ~there))
    return whole, ((f"{lost} of {planes} planes miss chunks and are unreadable",) if lost else ())


def _position(plane: int, lengths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(plane, lengths))
