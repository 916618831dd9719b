"""MetaMorph STK, written here by hand: no program that writes it is free."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie


def write_stk(
    path: Path, pixels: NDArray[np.uint16], *, step_ms: int = 50, start_ms: int = 1000, um: float | None = 0.107, z: int = 0
) -> Path:
    """One page, all planes behind it, UIC1 (calibration), UIC2 (z, time of each plane), UIC3 (wavelengths), UIC4 tags.

    Format: MetaMorph Stack (STK) image file format, Molecular Devices. Julian day 2460000 is 24 February 2023.
    """
    n, height, width = pixels.shape
    day = 86_400_000
    uic2 = b"".join(
        struct.pack("<6I", z * k, 1, 2460000 + (start_ms + step_ms * k) // day, (start_ms + step_ms * k) % day, 2460000, 0)
        for k in range(n)
    )
    unit = b"um\0"
    plane = height * width * 2
    data = 8
    at_uic2 = data + plane * n
    at_uic1_extra = at_uic2 + len(uic2)
    extra = struct.pack("<2I2I", round((um or 0) * 1e6), 1_000_000, round((um or 0) * 1e6), 1_000_000)
    extra += struct.pack("<I", len(unit)) + unit
    uic1 = []
    if um:
        uic1 = [(4, at_uic1_extra), (5, at_uic1_extra + 8), (6, at_uic1_extra + 16)]
    at_uic1 = at_uic1_extra + len(extra)
    uic1_bytes = b"".join(struct.pack("<2I", *each) for each in uic1) or struct.pack("<2I", 0, 1)
    at_uic3 = at_uic1 + len(uic1_bytes)
    uic3 = struct.pack("<2I", 488, 1) * n
    ifd = at_uic3 + len(uic3)
    tags = [
        (254, 4, 1, 0),
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, data),
        (277, 3, 1, 1),
        (278, 3, 1, height),
        (279, 4, 1, plane),
        (33628, 4, max(len(uic1), 1), at_uic1),
        (33629, 5, n, at_uic2),
        (33630, 5, n, at_uic3),
    ]
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0)
    head = struct.pack("<2sHI", b"II", 42, ifd)
    path.write_bytes(head + pixels.astype("<u2").tobytes() + uic2 + extra + uic1_bytes + uic3 + table)
    return path


def test_it_is_a_valid_stk(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    with tifffile.TiffFile(write_stk(tmp_path / "a.stk", pixels)) as tif:
        assert tif.is_stk
        np.testing.assert_array_equal(tif.asarray(), pixels)


def test_pixels_calibration_and_times(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    movie = open_movie(write_stk(tmp_path / "a.stk", pixels))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert movie.pixel_um == pytest.approx(0.107)
    assert movie.sources["pixel_um"] == "file: MetaMorph XCalibration"
    assert movie.frame_s == pytest.approx(0.05)
    np.testing.assert_allclose(movie.times_s, 0.05 * np.arange(21), atol=1e-9)


def test_a_recording_across_midnight(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    movie = open_movie(write_stk(tmp_path / "a.stk", pixels, start_ms=86_400_000 - 225))
    np.testing.assert_allclose(movie.times_s, 0.05 * np.arange(21), atol=1e-9)


def test_slices_without_times(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    path = write_stk(tmp_path / "a.stk", pixels, step_ms=0, z=1)
    with pytest.raises(CalibrationError, match="does not give the frame interval; give it in s with --frame-s"):
        open_movie(path)
    assert "time series stored as slices" in open_movie(path, frame_s=1.0).notes[0]


def test_no_calibration_names_the_flag(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    with pytest.raises(CalibrationError, match="--pixel-um"):
        open_movie(write_stk(tmp_path / "a.stk", pixels, um=None))


def test_cut_short(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    """MetaMorph writes its table last here, so a cut file has lost it."""
    path = write_stk(tmp_path / "a.stk", pixels)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(InputError, match=r"a.stk: the next page should begin at byte \d+, the file ends at byte \d+"):
        open_movie(path)
