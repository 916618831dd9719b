"""OME-XML: sizes, calibration, where each plane lies, when it was taken.

Schema: OME 2016-06, https://docs.openmicroscopy.org/ome-model/. Only what a movie needs is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.guard import check_planes
from exotrack.io.stored import Found
from exotrack.io.xml_text import parse_xml


@dataclass(frozen=True)
class Entry:
    """Plane number (row-major over T, C, Z) stored as page `page` of `file` ("" is the file that holds the XML)."""

    plane: int
    file: str
    page: int


@dataclass(frozen=True, eq=False)
class OmeImage:
    """One image of an OME-XML: axes are always T, C, Z, Y, X.

    `own_uuid` is the identity of the file that holds the XML; `entries` lists planes, `rest_in_order` says that the pages
    of this file are the planes in `order`, because the XML names none.
    """

    shape: tuple[int, int, int, int, int]
    order: str
    pixel_y: Found
    pixel_x: Found
    pixel_z: Found
    interval: Found
    plane_s: NDArray[np.float64] | None
    channels: tuple[str, ...]
    bits: int | None
    entries: tuple[Entry, ...]
    files: dict[str, str]
    own_uuid: str


def parse(text: str, name: str, series: int | None) -> tuple[OmeImage, int]:
    """One image of an OME-XML, and how many there are. Raises `InputError` where it cannot be used or chosen."""
    root = parse_xml(text, name, "OME-XML")
    if root.find("BinaryOnly") is not None:
        other = root.find("BinaryOnly").get("MetadataFile", "another file")  # type: ignore[union-attr]
        raise InputError(f"{name}: only pixels; its description is in {other[:80]!r}: open the file that carries it")
    images = [image for image in root.iter("Image") if image.find("Pixels") is not None]
    if not images:
        raise InputError(f"{name}: its OME-XML describes no image; the file is damaged")
    if series is None and len(images) > 1:
        listed = ", ".join(f"{k} {image.get('Name', '')[:40]!r}" for k, image in enumerate(images[:10]))
        raise InputError(f"{name}: holds {len(images)} images ({listed}); choose one with --series")
    if not 0 <= (series or 0) < len(images):
        raise InputError(f"{name}: there is no image {series}; found {len(images)}, counted from 0")
    image = images[series or 0]
    return _image(image.find("Pixels"), name, root.get("UUID", "")), len(images)  # type: ignore[arg-type]


def _image(pixels: ElementTree.Element, name: str, own_uuid: str) -> OmeImage:
    try:
        t, c, z, y, x = (int(pixels.attrib["Size" + axis]) for axis in "TCZYX")
    except (KeyError, ValueError) as problem:
        raise InputError(f"{name}: its OME-XML gives no usable size ({problem}); save the movie again as TIFF") from problem
    if min(t, c, z, y, x) < 1:
        raise InputError(f"{name}: its OME-XML declares {t} times, {c} channels, {z} slices of {y} x {x}; nothing to read")
    check_planes(name, t * c * z)
    order = pixels.get("DimensionOrder", "XYCZT")[2:]
    if sorted(order) != ["C", "T", "Z"]:
        raise InputError(f"{name}: its OME-XML has the impossible dimension order {order[:10]!r}; the file is damaged")
    entries, files = _entries(pixels, (t, c, z), order, name)
    channels = tuple(channel.get("Name", "") for channel in pixels.iter("Channel"))
    bits = pixels.get("SignificantBits", "")
    return OmeImage(
        (t, c, z, y, x),
        order,
        _length(pixels, "PhysicalSizeY"),
        _length(pixels, "PhysicalSizeX"),
        _length(pixels, "PhysicalSizeZ"),
        _interval(pixels),
        _plane_times(pixels, (t, c, z)),
        channels,
        int(bits) if bits.isdecimal() else None,
        entries,
        files,
        own_uuid,
    )


def _length(pixels: ElementTree.Element, key: str) -> Found:
    return Found.length(pixels.get(key), pixels.get(key + "Unit", "um"), f"OME {key}")


def _interval(pixels: ElementTree.Element) -> Found:
    return Found.time(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"), "OME TimeIncrement")


def _plane_times(pixels: ElementTree.Element, sizes: tuple[int, int, int]) -> NDArray[np.float64] | None:
    """Time (s) of every plane from its DeltaT; None if no plane has one."""
    times = np.full(sizes, np.nan)
    for plane in pixels.iter("Plane"):
        delta = plane.get("DeltaT")
        if delta is None:
            continue
        at = tuple(int(plane.get("The" + axis, "0")) for axis in "TCZ")
        found = Found.time(float(delta) or None, plane.get("DeltaTUnit", "s"), "OME DeltaT")
        if all(0 <= k < size for k, size in zip(at, sizes, strict=True)):
            times[at] = _signed(delta, plane.get("DeltaTUnit", "s")) if found.value is None else found.value
    return None if np.all(np.isnan(times)) else times.reshape(-1)


def _signed(delta: str, unit: str) -> float:
    """A DeltaT that is zero or negative (clocks start anywhere): its magnitude is converted, its sign kept."""
    value = float(delta)
    if value == 0:
        return 0.0
    return -(Found.time(-value, unit, "").value or np.nan)


def _entries(
    pixels: ElementTree.Element, sizes: tuple[int, int, int], order: str, name: str
) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Where each plane lies, and the UUID each file name was given under."""
    length = dict(zip("TCZ", sizes, strict=True))
    blocks = list(pixels.iter("TiffData"))
    found: dict[int, Entry] = {}
    files: dict[str, str] = {}
    for block in blocks:
        uuid = block.find("UUID")
        file = uuid.get("FileName", "") if uuid is not None else ""
        if file:
            files[file] = (uuid.text or "").strip() if uuid is not None else ""
        try:
            page = int(block.get("IFD", "0"))
            default = 1 if block.get("IFD") is not None else length["T"] * length["C"] * length["Z"]
            count = int(block.get("PlaneCount", default))
            at = {axis: int(block.get("First" + axis, "0")) for axis in "TCZ"}
        except ValueError as problem:
            raise InputError(f"{name}: its OME-XML has a damaged TiffData entry ({problem})") from problem
        for k, plane in enumerate(_following(at, count, length, order)):
            found[plane] = Entry(plane, file, page + k)
    if not blocks:
        start = dict.fromkeys("TCZ", 0)
        total = length["T"] * length["C"] * length["Z"]
        found = {plane: Entry(plane, "", k) for k, plane in enumerate(_following(start, total, length, order))}
    return tuple(found.values()), files


def _following(at: dict[str, int], count: int, length: dict[str, int], order: str) -> Iterator[int]:
    """Numbers (row-major over T, C, Z) of `count` planes from position `at` on, the first axis of `order` fastest."""
    if any(not 0 <= at[axis] < length[axis] for axis in "TCZ"):
        return
    fast, middle, slow = order[0], order[1], order[2]
    first = at[fast] + length[fast] * (at[middle] + length[middle] * at[slow])
    last = min(first + max(count, 0), length["T"] * length["C"] * length["Z"])
    for number in range(first, last):
        where = {fast: number % length[fast]}
        rest = number // length[fast]
        where[middle], where[slow] = rest % length[middle], rest // length[middle]
        yield (where["T"] * length["C"] + where["C"]) * length["Z"] + where["Z"]
