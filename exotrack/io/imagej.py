"""ImageJ hyperstacks: the key=value text in the first page, and files above 4 GB that have only that page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exotrack.errors import InputError
from exotrack.io.stored import Found, Stored
from exotrack.io.tiff import Head, lay_out, stored, with_unit


def read_imagej(head: Head) -> Stored:
    """What an ImageJ file holds. Planes lie channel first, then slice, then frame: axes T Z C."""
    text = _fields(head.description)
    count = _whole(text, "images", 1)
    shape = tuple(_whole(text, key, 1) for key in ("frames", "slices", "channels"))
    axes = "TZC"
    if int(np.prod(shape)) != count:
        axes, shape = "I", (count,)
    pages = len(head.pages.ifds)
    if pages > count:
        raise InputError(f"{head.name}: ImageJ describes {count} images, the file holds {pages}; save it again from ImageJ")
    found = stored(head, lay_out(head, count), axes + "YX", shape)
    if text.get("unit"):
        unit = text["unit"]
        found = with_unit(head, found, unit, text.get("yunit", unit), f"ImageJ resolution, unit {unit[:20]}")
        found = replace(found, pixel_z=Found.length(_real(text, "spacing"), text.get("zunit", unit), "ImageJ spacing"))
    if _real(text, "finterval"):
        unit = text.get("tunit", "s") or "s"
        found = replace(found, interval=Found.time(_real(text, "finterval"), unit, "ImageJ finterval"))
    return found


def _fields(description: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in description.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _whole(text: dict[str, str], key: str, default: int) -> int:
    value = text.get(key, "")
    return int(value) if value.isdecimal() and int(value) > 0 else default


def _real(text: dict[str, str], key: str) -> float | None:
    try:
        return float(text[key])
    except (KeyError, ValueError):
        return None
