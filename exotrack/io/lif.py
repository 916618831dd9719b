"""Leica LIF, described by liffile (extra ``exotrack[io]``); its pixels lie uncompressed and are read at their offsets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.axes import colour
from exotrack.io.extra import require
from exotrack.io.guard import check_frame_bytes, check_planes, one_error, shown, warnings_are_errors
from exotrack.io.raw import RawFrames
from exotrack.io.stored import Found, Planes, Stored, compact

_DIMENSION = {"X": 1, "Y": 2, "T": 4}
"""DimID of the axes in Leica's XML."""


def read_lif(path: Path, series: int | None) -> Stored:
    """What one image of a LIF file holds, axes in the order of the file."""
    liffile = require("liffile", path)
    name = shown(path)
    with one_error(path), warnings_are_errors(path, "liffile"), liffile.LifFile(path, squeeze=False) as lif:
        if lif.type.name != "LIF":
            raise InputError(f"{name}: not a LIF file but {lif.type.name}; export the movie as LIF or OME-TIFF")
        image = _image(lif.images, name, series)
        sizes = dict(image.sizes)
        axes, lengths = "".join(axis[0] for axis in sizes), tuple(sizes.values())
        dtype = np.dtype(image.dtype)
        begin = int(image.memory_block.offset)
        xml = image.xml_element
        stamps = image.timestamps
    if axes.endswith("S") or "S" in axes:
        raise colour(name, sizes.get("S", 3))
    if not axes.endswith("YX"):
        raise InputError(f"{name}: its axes are {axes}, frames must be stored as ...YX; export the movie as OME-TIFF")
    planes = int(np.prod(lengths[:-2], dtype=object))
    check_planes(path, planes)
    height, width = lengths[-2:]
    check_frame_bytes(path, height, width, dtype.itemsize)
    frame = height * width * dtype.itemsize
    offsets = begin + frame * np.arange(planes, dtype=np.int64)
    whole = offsets + frame <= path.stat().st_size

    def frames(chosen: Planes) -> RawFrames:
        where = compact(np.where(whole[chosen], offsets[chosen], -1))
        return RawFrames((str(path),), None, where, height, width, dtype.str)

    channels = xml.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    return Stored(
        axes,
        lengths,
        frames,
        pixel_y=_step(xml, "Y"),
        pixel_x=_step(xml, "X"),
        interval=_step(xml, "T"),
        plane_s=_times(stamps, axes[:-2], lengths[:-2]),
        channels=tuple(str(channel.get("LUTName", "")) for channel in channels),
        ceiling=_ceiling(channels, dtype),
        whole=None if whole.all() else whole,
    )


def _image(images: Any, name: str, series: int | None) -> Any:
    if not len(images):
        raise InputError(f"{name}: holds no image; the file is damaged, copy it again")
    if series is None and len(images) > 1:
        listed = ", ".join(f"{k} {image.name[:40]!r}" for k, image in enumerate(images) if k < 10)
        raise InputError(f"{name}: holds {len(images)} images ({listed}); choose one with --series")
    if not 0 <= (series or 0) < len(images):
        raise InputError(f"{name}: there is no image {series}; found {len(images)}, counted from 0")
    return images[series or 0]


def _step(xml: Any, axis: str) -> Found:
    """Step along an axis: Leica gives the distance from the centre of the first element to that of the last."""
    for found in xml.findall("./Data/Image/ImageDescription/Dimensions/DimensionDescription"):
        if found.get("DimID") == str(_DIMENSION[axis]) and int(found.get("NumberOfElements", 0)) > 1:
            step = abs(float(found.get("Length", 0))) / (int(found.get("NumberOfElements")) - 1)
            return (Found.time if axis == "T" else Found.length)(step, found.get("Unit", ""), f"LIF dimension {axis}")
    return Found()


def _times(stamps: Any, axes: str, lengths: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Time of every plane (s), if there is one stamp for each plane or for each time point."""
    if stamps is None or not len(stamps):
        return None
    seconds = np.asarray((stamps - stamps[0]) / np.timedelta64(1, "ms"), float) * 1e-3
    planes = int(np.prod(lengths))
    if len(seconds) == planes:
        return seconds
    if "T" in axes and len(seconds) == lengths[axes.index("T")]:
        return np.asarray(seconds[np.indices(lengths)[axes.index("T")].reshape(-1)])
    return None


def _ceiling(channels: list[Any], dtype: np.dtype[Any]) -> float | None:
    """Largest count at the channels' depth; None where they differ or are the dtype's own."""
    bits = {int(channel.get("Resolution", 0)) for channel in channels}
    if dtype.kind != "u" or len(bits) != 1 or not 0 < min(bits) < 8 * dtype.itemsize:
        return None
    return float(2 ** min(bits) - 1)
