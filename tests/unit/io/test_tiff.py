"""Plain and ImageJ TIFF: pixels, axes, calibration, byte order, compression, what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from cases import shared_data
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie

Pixels = NDArray[np.uint16]
GIVEN: dict[str, Any] = {"pixel_um": 0.1, "frame_s": 0.05}


def imagej(path: Path, pixels: Pixels, unit: str = "um", per_unit: float = 1 / 0.107, **metadata: Any) -> Path:
    """Write an ImageJ hyperstack."""
    fields = {"axes": "TYX", "unit": unit, "finterval": 0.05, **metadata}
    tifffile.imwrite(path, pixels, imagej=True, resolution=(per_unit, per_unit), metadata=fields)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"compression": "zlib"},
        {"compression": "zlib", "byteorder": ">", "predictor": True},
        {"compression": "lzw", "rowsperstrip": 5},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zstd"},
        {"rowsperstrip": 7},
        {"metadata": None},
        {"metadata": {"axes": "TYX"}},
    ],
    ids=str,
)
def test_every_layout_gives_the_same_pixels(tmp_path: Path, pixels: Pixels, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)
    movie = open_movie(tmp_path / "a.tif", **GIVEN)
    assert movie.shape == pixels.shape
    assert movie.dtype == np.dtype("uint16")
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    # one frame is not squeezed to two axes
    assert movie.read(20, 21).shape == (1, 32, 40)
    copy = pickle.loads(pickle.dumps(movie))
    np.testing.assert_array_equal(copy.read(4, 9), pixels[4:9])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64"])
def test_dtypes(tmp_path: Path, pixels: Pixels, dtype: str) -> None:
    stored = (pixels.astype(float) / 16 - (50 if dtype == "int16" else 0)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack")
    movie = open_movie(tmp_path / "a.tif", **GIVEN)
    np.testing.assert_array_equal(movie.read(0, 21), stored)
    assert movie.ceiling == (None if dtype.startswith("f") else np.iinfo(dtype).max)


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [
        ("um", 1 / 0.107),
        ("micron", 1 / 0.107),
        ("\\u00B5m", 1 / 0.107),
        ("nm", 1 / 107),
        ("cm", 1 / 0.107e-4),
        ("inch", 25400 / 0.107),
    ],
)
def test_imagej_calibration(tmp_path: Path, pixels: Pixels, unit: str, per_unit: float) -> None:
    movie = open_movie(imagej(tmp_path / "a.tif", pixels, unit, per_unit))
    assert movie.pixel_um == pytest.approx(0.107, rel=1e-4)
    assert movie.frame_s == 0.05
    assert movie.sources == {"pixel_um": f"file: ImageJ resolution, unit {unit}", "frame_s": "file: ImageJ finterval"}


def test_what_the_user_gives_wins(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(imagej(tmp_path / "a.tif", pixels), pixel_um=0.2, frame_s=3.0, movie_id="mine")
    assert (movie.pixel_um, movie.frame_s, movie.movie_id) == (0.2, 3.0, "mine")
    assert movie.sources == {"pixel_um": "--pixel-um", "frame_s": "--frame-s"}


def test_a_series_of_slices_is_a_time_series_and_says_so(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(imagej(tmp_path / "a.tif", pixels, axes="ZYX"))
    assert movie.notes == ("time series stored as slices (Z): its 21 planes are taken as frames in time",)
    assert open_movie(tmp_path / "a.tif", axes="TYX").notes == ()


def test_one_page_and_all_pixels_behind_it(tmp_path: Path, pixels: Pixels) -> None:
    """ImageJ writes stacks above 4 GB so: one page, then the pixels of all."""
    path = imagej(tmp_path / "a.tif", pixels)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        link = tif.pages.first.offset + 2 + 12 * len(tif.pages.first.tags)
    content[link : link + 4] = b"\0\0\0\0"
    path.write_bytes(content)
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
        begin = tif.pages.first.dataoffsets[0]
    movie = open_movie(path)
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    path.write_bytes(content[: begin + pixels[:10].nbytes + 100])
    with pytest.raises(InputError, match=r"truncated: 10 of 21 frames are whole"):
        open_movie(path)


def test_two_channels_need_a_choice(tmp_path: Path, pixels: Pixels) -> None:
    both = np.stack([pixels, pixels // 2], axis=1)
    path = imagej(tmp_path / "a.tif", both, axes="TCYX")
    with pytest.raises(InputError, match=r"holds 2 channels \(0, 1\); choose one with --channel$"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, channel=1).read(0, 21), pixels // 2)
    np.testing.assert_array_equal(open_movie(path, channel="0").read(3, 5), pixels[3:5])
    with pytest.raises(InputError, match=r"no channel 2; found 2 \(0, 1\)"):
        open_movie(path, channel=2)


def test_time_points_stored_as_channels(tmp_path: Path, pixels: Pixels) -> None:
    path = imagej(tmp_path / "a.tif", pixels, axes="CYX")
    with pytest.raises(InputError, match="if they are time points, name the axes with --axes TYX"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, axes="TYX").read(0, 21), pixels)


def test_a_stack_in_z_and_time_is_asked_about(tmp_path: Path, pixels: Pixels) -> None:
    path = imagej(tmp_path / "a.tif", pixels.reshape(7, 3, 32, 40), axes="TZYX")
    with pytest.raises(InputError, match=r"more than one time series \(T=7 Z=3 C=1 Y=32 X=40\).*--axes"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, axes="TCYX", channel=2).read(0, 7), pixels[2::3])


@pytest.mark.parametrize("axes", ["TYXC", "TTYX", "YX", "T1YX"])
def test_axes_that_cannot_be(tmp_path: Path, pixels: Pixels, axes: str) -> None:
    path = imagej(tmp_path / "a.tif", pixels)
    with pytest.raises(InputError, match="--axes"):
        open_movie(path, axes=axes)


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({}, "does not give the pixel size; give it in um with --pixel-um"),
        ({"resolution": (1, 1)}, "does not give the pixel size; give it in um with --pixel-um"),
        ({"resolution": (72, 72), "resolutionunit": 2}, r"pixel size of 352.778 um .*72 pixels per inch.* with --pixel-um"),
        ({"resolution": (93458, 46729), "resolutionunit": 3}, r"not square, 0.214 um in y and 0.107 um in x.*--pixel-um"),
    ],
)
def test_calibration_that_is_missing_or_absurd(tmp_path: Path, pixels: Pixels, options: dict[str, Any], flag: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)
    with pytest.raises(CalibrationError, match=flag):
        open_movie(tmp_path / "a.tif", frame_s=1.0)
    assert open_movie(tmp_path / "a.tif", **GIVEN).pixel_um == 0.1


def test_a_missing_interval_names_its_flag(tmp_path: Path, pixels: Pixels) -> None:
    path = imagej(tmp_path / "a.tif", pixels, finterval=0)
    with pytest.raises(CalibrationError, match=r"a.tif: the file does not give the frame interval; give it in s with --frame-s"):
        open_movie(path)


def test_an_unknown_unit_is_named(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(CalibrationError, match=r"length unit 'furlong' is not understood; give it in um with --pixel-um"):
        open_movie(imagej(tmp_path / "a.tif", pixels, "furlong"))


@pytest.mark.parametrize(("flag", "value"), [("pixel_um", -0.1), ("pixel_um", np.nan), ("frame_s", 0.0), ("pixel_um", 60.0)])
def test_absurd_wishes_are_refused(tmp_path: Path, pixels: Pixels, flag: str, value: float) -> None:
    path = imagej(tmp_path / "a.tif", pixels)
    with pytest.raises(CalibrationError, match=rf"give the true value with --{flag.replace('_', '-')}"):
        open_movie(path, **{flag: value})


def test_colour_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 32, 40, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputError, match=r"a colour image \(3 samples per pixel\).*export the raw channel"):
        open_movie(tmp_path / "a.tif", **GIVEN)


def test_a_single_frame_is_refused(tmp_path: Path, pixels: Pixels) -> None:
    tifffile.imwrite(tmp_path / "one.tif", pixels[0])
    with pytest.raises(InputError, match=r"one.tif: holds a single frame \(I=1 Y=32 X=40\); a movie needs a time series"):
        open_movie(tmp_path / "one.tif", **GIVEN)


def test_frames_of_different_shape_are_refused(tmp_path: Path, pixels: Pixels) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for picture in (*pixels[:3], pixels[3, :30]):
            writer.write(picture, contiguous=False)
    with pytest.raises(InputError, match=r"page 3 differs from the first in height \(30, first 32\)"):
        open_movie(tmp_path / "a.tif", **GIVEN)


def test_12_bit_data_in_16_bit_pixels(tmp_path: Path, pixels: Pixels) -> None:
    clipped = pixels.copy()
    clipped[:, 4:8, 4:8] = 4095
    tifffile.imwrite(tmp_path / "a.tif", clipped)
    movie = open_movie(tmp_path / "a.tif", **GIVEN)
    assert movie.ceiling == 4095
    assert "12-bit data: 4095 counts is taken as the detector's ceiling" in movie.notes


def test_the_real_telomeres() -> None:
    movie = open_movie(shared_data("movies/spotiflow_telomeres.tif"))
    assert movie.shape == (200, 133, 162)
    assert (round(movie.pixel_um, 6), movie.frame_s) == (0.11, 0.05)


def test_the_real_synapses_need_an_interval() -> None:
    path = shared_data("movies/synactj_syp_phluorin.tif")
    with pytest.raises(CalibrationError, match="--frame-s"):
        open_movie(path)
    movie = open_movie(path, frame_s=2.0)
    assert movie.shape == (20, 124, 117)
    assert movie.pixel_um == pytest.approx(0.162, abs=1e-6)
    assert "time series stored as slices" in movie.notes[0]
