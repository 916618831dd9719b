"""Zeiss CZI, through pylibCZIrw (extra ``exotrack[io]``).

Format: ZISRAW (CZI) design specification, Carl Zeiss. libCZI paints planes that are not in the file black, so the planes
that are there are listed first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.axes import colour
from exotrack.io.extra import require
from exotrack.io.guard import check_frame_bytes, check_planes, one_error, shown
from exotrack.io.stored import Found, Indices, Planes, Stored, compact
from exotrack.io.xml_text import parse_xml

_DTYPES = {"Gray8": "uint8", "Gray16": "uint16", "Gray32Float": "float32"}


@dataclass(frozen=True, eq=False)
class CziFrames:
    """Planes of one scene.

    Attributes
    ----------
    path : the file. scene : number of the scene, or None where there is none.
    axes, lengths : dimensions before y and x. planes : for each frame, its number in row-major order of them.
    there : for each plane, whether the file holds it.
    region : x, y, width, height of the scene (pixels). stored : dtype.
    """

    path: str
    scene: int | None
    axes: str
    lengths: tuple[int, ...]
    planes: Indices
    there: NDArray[np.bool_]
    region: tuple[int, int, int, int]
    stored: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return len(self.planes), self.region[3], self.region[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels."""
        return np.dtype(self.stored)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), (n, height, width)."""
        czi = require("pylibCZIrw.czi", Path(self.path))
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        with one_error(self.path, f"frames {start} to {stop - 1} cannot be read"), czi.open_czi(self.path) as file:
            for frame in range(start, stop):
                plane = int(self.planes[frame])
                if not self.there[plane]:
                    raise InputError(f"{shown(self.path)}: frame {frame} is not in the file")
                where = dict(zip(self.axes, map(int, np.unravel_index(plane, self.lengths)), strict=True))
                pixels = file.read(plane=where, scene=self.scene, roi=self.region)
                out[frame - start] = pixels.reshape(self.shape[1:])
        return out


def read_czi(path: Path, series: int | None) -> Stored:
    """What a CZI file holds; scenes are its series. Axes as in the file, time first."""
    czi = require("pylibCZIrw.czi", path)
    name = shown(path)
    with open(path, "rb") as raw:
        if raw.read(10) != b"ZISRAWFILE":
            raise InputError(f"{name}: not a CZI file; check the ending of its name")
    with one_error(path), czi.open_czi(str(path)) as file:
        scene, region = _scene(file, name, series)
        kind = file.get_channel_pixel_type(0)
        if kind not in _DTYPES:
            raise colour(name, 3)
        box = file.total_bounding_box
        axes = "".join(axis for axis in "TZCRIHVB" if axis in box)
        lengths = tuple(int(box[axis][1]) for axis in axes)
        check_planes(path, int(np.prod(lengths, dtype=object)))
        check_frame_bytes(path, region[3], region[2], np.dtype(_DTYPES[kind]).itemsize)
        there = _there(file, scene, axes, lengths)
        root = parse_xml(file.raw_metadata, name, "CZI metadata")

    def frames(planes: Planes) -> CziFrames:
        return CziFrames(str(path), scene, axes, lengths, compact(planes), there, region, _DTYPES[kind])

    bits = root.findtext(".//Information/Image/ComponentBitCount") or ""
    return Stored(
        axes + "YX",
        (*lengths, region[3], region[2]),
        frames,
        pixel_y=_distance(root, "Y"),
        pixel_x=_distance(root, "X"),
        interval=_interval(root),
        channels=tuple(each.get("Name", "") for each in root.iterfind(".//Information/Image/Dimensions/Channels/Channel")),
        ceiling=float(2 ** int(bits) - 1) if bits.isdecimal() and 0 < int(bits) <= 16 else None,
        whole=_whole(there, axes, lengths),
    )


def _scene(file: Any, name: str, series: int | None) -> tuple[int | None, tuple[int, int, int, int]]:
    """Number and place (x, y, width, height) of the scene to read."""
    scenes = file.scenes_bounding_rectangle_no_pyramid
    if not scenes:
        if series not in (None, 0):
            raise InputError(f"{name}: there is no scene {series}; found one, number 0")
        found = file.total_bounding_rectangle_no_pyramid
        return None, (found.x, found.y, found.w, found.h)
    if series is None and len(scenes) > 1:
        raise InputError(f"{name}: holds {len(scenes)} scenes ({', '.join(map(str, scenes))}); choose one with --series")
    scene = next(iter(scenes)) if series is None else series
    if scene not in scenes:
        raise InputError(f"{name}: there is no scene {scene}; found {', '.join(map(str, scenes))}")
    found = scenes[scene]
    return scene, (found.x, found.y, found.w, found.h)


def _there(file: Any, scene: int | None, axes: str, lengths: tuple[int, ...]) -> NDArray[np.bool_]:
    """(n_planes,) whether the file holds anything of each plane of the scene; all, where pylibCZIrw is too old to say."""
    there = np.zeros(lengths, bool)
    if not hasattr(file, "enumerate_subblocks"):
        return ~there.reshape(-1)

    def note(_: int, info: Any) -> bool:
        where = {str(axis).rpartition(".")[2]: int(at) for axis, at in info.coordinate.to_dict().items()}
        if scene is None or where.get("S", scene) == scene:
            there[tuple(where.get(axis, 0) for axis in axes)] = True
        return True

    file.enumerate_subblocks(note)
    return there.reshape(-1)


def _whole(there: NDArray[np.bool_], axes: str, lengths: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Planes up to the last time point that was recorded; None if that is all of them."""
    if there.all() or not there.any():
        return None if there.all() else there
    time = axes.index("T")
    last = np.max(np.nonzero(there.reshape(lengths))[time])
    return np.asarray(np.indices(lengths)[time].reshape(-1) <= last)


def _distance(root: ElementTree.Element, axis: str) -> Found:
    """Pixel pitch; CZI gives metres."""
    return Found.length(root.findtext(f".//Scaling/Items/Distance[@Id='{axis}']/Value"), "m", f"CZI scaling {axis}")


def _interval(root: ElementTree.Element) -> Found:
    """Time between frames; CZI gives seconds."""
    return Found.time(root.findtext(".//Information/Image/Dimensions/T/Positions/Interval/Increment"), "s", "CZI time increment")
