"""Tracks in the XML of the Particle Tracking Challenge (Chenouard et al. 2014), and in TrackMate's export of the same form.

A particle is a list of detections: t counts from 0, and in the challenge's files x, y and z are in pixels, the centre of
pixel (0, 0) being 0. TrackMate names its units.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from exotrack.errors import InputError
from exotrack.io import units
from exotrack.io.atomic import atomic_file
from exotrack.io.foreign import checked, depth, needed_pixel, of_one_movie, read_text, tracks_table
from exotrack.io.guard import one_error, shown
from exotrack.io.xml_text import MAX_BYTES, parse_xml

if TYPE_CHECKING:
    import pandas as pd


def read_challenge_xml(path: str | Path, pixel_um: float | None = None, frame_s: float | None = None) -> pd.DataFrame:
    """Tracks table from a challenge file, or from TrackMate's "Export tracks to XML file".

    Parameters
    ----------
    pixel_um : size of a pixel, needed where the file is in pixels. Depth is in the same unit as the plane, as the challenge's
        scorer takes it; a file of one plane gets no column z_um.
    frame_s : time between frames (s); wins over the file's. Where neither is known, t_s is missing.

    Raises `InputError` for damaged, hostile or other XML, `CalibrationError` if a pixel size is needed and not given.
    """
    path = Path(path)
    checked(pixel_um, frame_s)
    with one_error(path, "cannot be read as tracks"):
        root = parse_xml(read_text(path, MAX_BYTES), shown(path), "challenge XML")
        content = root if root.tag == "Tracks" else root.find("TrackContestISBI2012")
        if content is None:
            raise InputError(f"{shown(path)}: <{root.tag[:40]}> holds no <TrackContestISBI2012>; give tracks of the challenge")
        unit_um, interval_s = _calibration(path, content, pixel_um, frame_s)
        rows = [
            (number, *(_number(path, number, spot, key) for key in ("t", "z", "y", "x")))
            for number, particle in enumerate(content.findall("particle"), 1)
            for spot in particle.findall("detection")
        ]
        track, frame, z, y, x = np.array(rows, float).reshape(-1, 5).T
        place = {"y_um": y * unit_um, "x_um": x * unit_um} | depth(z * unit_um)
        return tracks_table(path, {"track_id": track, "frame": frame} | place, interval_s)


def write_challenge_xml(
    tracks: pd.DataFrame, path: str | Path, pixel_um: float | None, *, scenario: str = "", snr: str = "", density: str = ""
) -> None:
    """Write a Tracks table of one movie in the challenge's form, all or nothing, in pixels of `pixel_um` um.

    Only owner, frame and place are kept; scenario, snr and density are the labels of the file. Raises `InputError`
    for several movies, `CalibrationError` without a pixel size.
    """
    path = Path(path)
    checked(pixel_um, None)
    pixel = needed_pixel(path, pixel_um, "the challenge's files are in pixels")
    ordered = of_one_movie(path, tracks)
    z = ordered["z_um"].to_numpy() / pixel if "z_um" in ordered else np.zeros(len(ordered))
    places = [ordered[key].to_numpy() / pixel for key in ("y_um", "x_um")]
    labels = f"SNR={quoteattr(snr)} density={quoteattr(density)} scenario={quoteattr(scenario)}"
    owner = 0
    with atomic_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as text:
        text.write(f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<root>\n<TrackContestISBI2012 {labels}>\n')
        rows = zip(ordered["track_id"], ordered["frame"], z.tolist(), *(place.tolist() for place in places), strict=True)
        for track, frame, depth_px, y, x in rows:
            if track != owner:
                text.write("</particle>\n<particle>\n" if owner else "<particle>\n")
                owner = track
            text.write(f'<detection t="{frame}" x="{x!r}" y="{y!r}" z="{depth_px!r}"/>\n')
        text.write(f"{'</particle>' if owner else ''}\n</TrackContestISBI2012>\n</root>\n".lstrip("\n"))


def _calibration(
    path: Path, content: ElementTree.Element, pixel_um: float | None, frame_s: float | None
) -> tuple[float, float | None]:
    """Unit of length (um) and time between frames (s); what is given wins over what the file says."""
    if content.tag != "Tracks":
        return needed_pixel(path, pixel_um, "its places are in pixels"), frame_s
    length = units.length_um(1.0, content.get("spaceUnits", ""))
    said = units.time_s(float(content.get("frameInterval", "nan")), content.get("timeUnits", ""))
    if length is None:
        length = needed_pixel(path, pixel_um, "its places are in pixels")
    return length, frame_s if frame_s is not None else said


def _number(path: Path, particle: int, spot: ElementTree.Element, key: str) -> float:
    text = spot.get(key, "0" if key == "z" else "")
    try:
        return float(text)
    except ValueError:
        said = f"{key}={text[:20]!r}" if text else f"no {key}"
        raise InputError(f"{shown(path)}: a detection of particle {particle} has {said}; the file is damaged") from None
