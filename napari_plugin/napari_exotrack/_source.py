"""What an image layer is to the analysis: a file where it has one, its calibration, or why it cannot be analysed; no Qt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import ExotrackError, InputError
from napari_exotrack._convert import LazyImage
from napari_exotrack._opened import KEY, Opened

OPENED = "exotrack_opened"
"""Under this key of its metadata a layer that our reader made holds the arguments of `open_movie`, with ``path``."""


@dataclass(frozen=True)
class Source:
    """A layer that can be analysed.

    pixels : (t, y, x) array of the layer, read frame by frame. path : its file, None for pixels that are only in memory.
    opened : further arguments of `open_movie` for that file. pixel_um, frame_s : None where the layer does not say.
    """

    name: str
    pixels: Any
    path: Path | None
    pixel_um: float | None
    frame_s: float | None
    opened: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        n, y, x = self.pixels.shape
        return int(n), int(y), int(x)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive)."""
        return np.asarray(self.pixels[start:stop])


class Squeezed:
    """An array without the axes of length one before its last three, without reading it."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._ones = len(data.shape) - 3
        self.shape, self.dtype, self.ndim = tuple(data.shape[-3:]), data.dtype, 3

    def __getitem__(self, key: Any) -> Any:
        key = key if isinstance(key, tuple) else (key,)
        return self._data[(*(0,) * self._ones, *key)]


def source_of(layer: Any) -> Source:
    """What can be analysed of a layer; `InputError` says in a sentence why nothing can."""
    if layer is None:
        raise InputError(
            "There is no image layer. Open a movie first: drop a file on the viewer, or File > Open Sample > exotrack"
        )
    if getattr(layer, "rgb", False):
        raise InputError(
            f"{layer.name} is a colour picture (RGB). Open the movie as it came from the camera, or use Layer > Split RGB"
        )
    if getattr(layer, "multiscale", False):
        raise InputError(f"{layer.name} has several resolutions. Open the full one alone")
    data = layer.data
    ahead = data.shape[:-3]
    if data.ndim < 3 or any(n != 1 for n in ahead):
        raise InputError(
            f"{layer.name} has shape {tuple(data.shape)}; a movie has frames, rows and columns, of one channel and one plane. "
            "Split other axes with Layer > Split Stack"
        )
    if data.shape[-3] < 2:
        raise InputError(f"{layer.name} has a single frame; a movie needs at least two")
    pixels = Squeezed(data) if ahead else data
    frame_s, pixel_um = _calibration(layer)
    path, opened = _file(layer)
    return Source(layer.name, pixels, path, pixel_um, frame_s, opened)


def place_for_results(path: Path | None) -> Path:
    """A folder for results beside the movie; in the home folder for samples, no file, and folders that cannot be written."""
    from exotrack._runs import sample

    beside = path is not None and os.access(path.parent, os.W_OK) and path.parent != sample("granule.tif").parent
    return (path.parent if beside and path is not None else Path.home()) / "exotrack_results"


def _file(layer: Any) -> tuple[Path | None, dict[str, Any]]:
    """The file that holds just the pixels of the layer, and how exotrack opens it."""
    known = layer.metadata.get(OPENED)
    results = layer.metadata.get(KEY)
    if known is None and isinstance(results, Opened):
        known = results.results.provenance.get("opened")
    if known is not None and "path" in known:
        rest = {key: value for key, value in known.items() if key not in ("path", "mask", "pixel_um", "frame_s")}
        return Path(known["path"]), rest
    path = getattr(layer.source, "path", None)
    if not path or isinstance(layer.data, LazyImage):
        return None, {}
    return (Path(path), {}) if _holds(Path(path), layer) else (None, {})


def _holds(path: Path, layer: Any) -> bool:
    """Whether exotrack reads from the file what another reader made the layer from: shape and one frame are the same."""
    from exotrack.io import open_movie

    try:
        movie = open_movie(path, pixel_um=1.0, frame_s=1.0)
        if movie.shape != tuple(layer.data.shape[-3:]):
            return False
        shown = np.asarray(layer.data[(*(0,) * (layer.data.ndim - 3), 0)])
        return bool(np.array_equal(movie[0], shown, equal_nan=movie.dtype.kind == "f"))
    except ExotrackError:
        return False


def _calibration(layer: Any) -> tuple[float | None, float | None]:
    """Interval (s) and pixel (um), None each where the layer has no unit of time or length."""
    scale, units = layer.scale[-3:], layer.units[-3:]
    return _in(units[0], float(scale[0]), "s"), _in(units[2], float(scale[2]), "um")


def _in(unit: Any, value: float, wanted: str) -> float | None:
    import pint

    try:
        return float(f"{float((value * unit).to(wanted).magnitude):.8g}")
    except (pint.errors.DimensionalityError, AttributeError, TypeError):
        return None  # pixels, or a length where time is wanted


def layer_units_in(layer: Any, unit: str) -> tuple[float, ...] | None:
    """Scale of every axis of a layer in `unit`, or None where an axis is in no length."""
    found = [_in(one, float(scale), unit) for one, scale in zip(layer.units, layer.scale, strict=True)]
    return None if any(one is None for one in found) else tuple(float(one or 0) for one in found)


def write_planes(data: Any, path: Path) -> Path:
    """Write an image as .npy, one plane in memory at a time."""
    target = np.lib.format.open_memmap(path, "w+", dtype=data.dtype, shape=tuple(data.shape))
    for k in range(data.shape[0]) if data.ndim > 2 else (slice(None),):
        target[k] = np.asarray(data[k])
    target.flush()
    return path


def write_movie(source: Source, path: Path, pixel_um: float, frame_s: float) -> Path:
    """Write the pixels of a layer as a TIFF with its calibration, one frame in memory at a time; all or nothing."""
    import tifffile

    from exotrack.io.atomic import atomic_file

    path.parent.mkdir(parents=True, exist_ok=True)
    first = source.read(0, 1)
    pixels = first if first.dtype.kind in "uf" and first.dtype.itemsize <= 4 and first.dtype != np.uint32 else None
    dtype = first.dtype if pixels is not None else np.dtype(np.float32)
    axes = {"axes": "TYX", "unit": "um", "finterval": frame_s}
    with atomic_file(path) as temporary:
        tifffile.imwrite(
            temporary, (source.read(k, k + 1)[0].astype(dtype) for k in range(source.shape[0])), shape=source.shape, dtype=dtype,
            imagej=True, resolution=(1 / pixel_um, 1 / pixel_um), metadata=axes,
        )  # fmt: skip
    return path
