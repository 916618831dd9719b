"""OME-TIFF: calibration, channels, time stamps, several files, and XML that lies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io import open_movie

Pixels = NDArray[np.uint16]
GIVEN: dict[str, Any] = {"pixel_um": 0.1, "frame_s": 0.05}


def ome(path: Path, pixels: Pixels, axes: str = "TYX", compression: str | None = None, **metadata: Any) -> Path:
    """Write an OME-TIFF with 107 nm pixels and 50 ms between frames."""
    fields = {
        "axes": axes,
        "PhysicalSizeX": 107.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.107,
        "TimeIncrement": 50.0,
        "TimeIncrementUnit": "ms",
        **metadata,
    }
    tifffile.imwrite(path, pixels, metadata=fields, photometric="minisblack", compression=compression)
    return path


def with_xml(path: Path, pixels: Pixels, body: str, head: str = "", width: int = 40, times: int = 21) -> Path:
    """A TIFF of `pixels` whose description is an OME-XML with this content of Pixels, and these sizes."""
    y = pixels.shape[1]
    xml = (
        f'<?xml version="1.0"?>{head}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:me">'
        f'<Image ID="Image:0"><Pixels DimensionOrder="XYZCT" Type="uint16" SizeX="{width}" SizeY="{y}" SizeZ="1" SizeC="1" '
        f'SizeT="{times}" PhysicalSizeX="0.107" PhysicalSizeY="0.107" TimeIncrement="0.05">{body}</Pixels></Image></OME>'
    )
    tifffile.imwrite(path, pixels, description=xml, metadata=None, photometric="minisblack")
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_calibration_with_units(tmp_path: Path, pixels: Pixels, compression: str | None) -> None:
    movie = open_movie(ome(tmp_path / "a.ome.tif", pixels, compression=compression, SignificantBits=12))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert (movie.movie_id, movie.ceiling) == ("a", 4095)
    assert movie.pixel_um == pytest.approx(0.107)
    assert movie.frame_s == pytest.approx(0.05)
    assert movie.sources == {"pixel_um": "file: OME PhysicalSizeX", "frame_s": "file: OME TimeIncrement"}
    assert movie.notes == ()


@pytest.mark.parametrize("axes", ["TCYX", "CTYX", "TZYX"])
def test_planes_in_any_order(tmp_path: Path, pixels: Pixels, axes: str) -> None:
    """The wanted channel is found whatever the order of the planes."""
    both = np.stack([pixels, pixels // 3], axis=axes.index("C") if "C" in axes else 1)
    path = ome(tmp_path / "a.ome.tif", both, axes, Channel={"Name": ["GFP", "mCherry"]})
    if axes == "TZYX":
        with pytest.raises(InputError, match="more than one time series"):
            open_movie(path)
        return
    with pytest.raises(InputError, match=r"2 channels \(0 'GFP', 1 'mCherry'\); choose one with --channel"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, channel="mCherry").read(0, 21), pixels // 3)
    np.testing.assert_array_equal(open_movie(path, channel=0).read(0, 21), pixels)


def test_irregular_time_stamps_are_used(tmp_path: Path, pixels: Pixels) -> None:
    times = np.cumsum(np.r_[100.0, np.tile([0.05, 0.05, 0.11], 7)[:20]])
    path = ome(tmp_path / "a.ome.tif", pixels, Plane={"DeltaT": times.tolist(), "DeltaTUnit": ["s"] * 21})
    movie = open_movie(path)
    assert movie.times_s is not None
    np.testing.assert_allclose(movie.times_s, times - 100)
    assert movie.frame_s == pytest.approx(0.05)
    assert movie.sources["frame_s"] == "file: median of the time stamps"
    given = open_movie(path, frame_s=0.2)
    assert (given.times_s, given.frame_s) == (None, 0.2)


def test_time_stamps_that_stand_still_are_not_used(tmp_path: Path, pixels: Pixels) -> None:
    times = [0.0, 0.1, 0.1, *(0.1 * k for k in range(3, 21))]
    movie = open_movie(ome(tmp_path / "a.ome.tif", pixels, Plane={"DeltaT": times}))
    assert movie.times_s is None
    assert movie.frame_s == pytest.approx(0.05)
    assert movie.notes == ("the time stamps do not increase from frame to frame; they are not used",)


def parts(folder: Path, pixels: Pixels, second: str = "b.ome.tif") -> Path:
    """A movie in two files, 12 and 9 frames, described by the first."""
    tifffile.imwrite(folder / "b.ome.tif", pixels[12:], metadata=None, photometric="minisblack")
    blocks = "".join(
        f'<TiffData FirstT="{t}" IFD="{t if t < 12 else t - 12}" PlaneCount="1">'
        f'<UUID FileName="{"a.ome.tif" if t < 12 else second}">urn:uuid:{"me" if t < 12 else "other"}</UUID></TiffData>'
        for t in range(21)
    )
    xml_all = with_xml(folder / "whole.tif", pixels, blocks)
    with tifffile.TiffFile(xml_all) as tif:
        description = tif.pages.first.description
    xml_all.unlink()
    tifffile.imwrite(folder / "a.ome.tif", pixels[:12], description=description, metadata=None, photometric="minisblack")
    return folder / "a.ome.tif"


def test_several_files_of_one_folder(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(parts(tmp_path, pixels))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    np.testing.assert_array_equal(movie.read(11, 14), pixels[11:14])


@pytest.mark.parametrize("outside", ["../b.ome.tif", "/etc/hostname", "sub/b.ome.tif", "C:b.ome.tif", "..\\b.ome.tif"])
def test_files_outside_the_folder_are_refused(tmp_path: Path, pixels: Pixels, outside: str) -> None:
    (tmp_path / "inner").mkdir()
    tifffile.imwrite(tmp_path / "b.ome.tif", pixels[12:], metadata=None)
    with pytest.raises(InputError, match="outside the movie's folder; such a file is refused"):
        open_movie(parts(tmp_path / "inner", pixels, outside))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, pixels: Pixels) -> None:
    (tmp_path / "inner").mkdir()
    path = parts(tmp_path / "inner", pixels)
    os.rename(tmp_path / "inner" / "b.ome.tif", tmp_path / "b.ome.tif")
    (tmp_path / "inner" / "b.ome.tif").symlink_to(tmp_path / "b.ome.tif")
    with pytest.raises(InputError, match="a link out of the movie's folder; it is refused"):
        open_movie(path)


def test_a_missing_part_is_named(tmp_path: Path, pixels: Pixels) -> None:
    path = parts(tmp_path, pixels)
    (tmp_path / "b.ome.tif").unlink()
    with pytest.raises(InputError, match=r"part 'b.ome.tif' of the movie is missing; put all parts into one folder"):
        open_movie(path)


def test_a_renamed_file_is_still_itself(tmp_path: Path, pixels: Pixels) -> None:
    body = '<TiffData IFD="0" PlaneCount="21"><UUID FileName="old name.ome.tif">urn:uuid:me</UUID></TiffData>'
    movie = open_movie(with_xml(tmp_path / "new.ome.tif", pixels, body))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)


def test_fewer_planes_described_than_held(tmp_path: Path, pixels: Pixels) -> None:
    body = '<TiffData IFD="0" PlaneCount="20"/>'
    with pytest.raises(InputError, match="OME-XML describes 20 planes, the file holds 21 pages"):
        open_movie(with_xml(tmp_path / "a.ome.tif", pixels, body))


def test_several_images_need_a_choice(tmp_path: Path, pixels: Pixels) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        for k in range(2):
            writer.write(pixels[:10] + k, metadata={"axes": "TYX", "Name": f"cell {k}"}, photometric="minisblack")
    with pytest.raises(InputError, match=r"holds 2 images \(0 'cell 0', 1 'cell 1'\); choose one with --series"):
        open_movie(tmp_path / "a.ome.tif", **GIVEN)
    np.testing.assert_array_equal(open_movie(tmp_path / "a.ome.tif", series=1, **GIVEN).read(0, 10), pixels[:10] + 1)
    with pytest.raises(InputError, match="there is no image 2; found 2, counted from 0"):
        open_movie(tmp_path / "a.ome.tif", series=2, **GIVEN)


def test_xml_that_would_explode_is_refused(tmp_path: Path, pixels: Pixels) -> None:
    levels = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
    head = f'<!DOCTYPE OME [<!ENTITY a0 "boom">{levels}]>'
    with pytest.raises(InputError, match="declares entities, which OME-XML never does; the file is refused"):
        open_movie(with_xml(tmp_path / "a.ome.tif", pixels, "&a11;", head))


def test_impossible_sizes_are_refused(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(InputError, match="the header declares 99999999 planes; the file is damaged or not a movie"):
        open_movie(with_xml(tmp_path / "a.ome.tif", pixels, "", times=99_999_999))
    with pytest.raises(InputError, match="declares 0 times, 1 channels"):
        open_movie(with_xml(tmp_path / "a.ome.tif", pixels, "", times=0))
    with pytest.raises(InputError, match="OME-XML declares 32 x 41 pixels, the pages have 32 x 40"):
        open_movie(with_xml(tmp_path / "a.ome.tif", pixels, "", width=41))


def test_more_planes_described_than_held(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(InputError, match="truncated: 21 of 30 frames are whole"):
        open_movie(with_xml(tmp_path / "a.ome.tif", pixels, "", times=30))
