"""MRC stacks, written by mrcfile."""

from __future__ import annotations

import warnings
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie


def write(path: Path, pixels: NDArray[np.generic], angstrom: float | None = 1070.0) -> Path:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting the dtype", DeprecationWarning)  # mrcfile 1.5 with numpy 2.5
        with mrcfile.new(path) as file:
            file.set_data(pixels)
            if angstrom is not None:
                file.voxel_size = angstrom
    return path


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", ">u2"])
def test_sections_are_frames(tmp_path: Path, pixels: NDArray[np.uint16], dtype: str) -> None:
    movie = open_movie(write(tmp_path / "a.mrc", pixels.astype(dtype)), frame_s=0.5)
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert movie.pixel_um == pytest.approx(0.107)
    assert movie.sources["pixel_um"] == "file: MRC cell size"
    assert "time series stored as slices (Z)" in movie.notes[0]


@pytest.mark.parametrize("angstrom", [None, 0.0, 1.0])
def test_default_voxel_sizes_are_no_calibration(tmp_path: Path, pixels: NDArray[np.uint16], angstrom: float | None) -> None:
    with pytest.raises(CalibrationError, match="--pixel-um"):
        open_movie(write(tmp_path / "a.mrc", pixels, angstrom), frame_s=0.5)


def test_the_interval_is_asked_for(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    with pytest.raises(CalibrationError, match=r"a.mrc: the file does not give the frame interval; give it in s with --frame-s"):
        open_movie(write(tmp_path / "a.mrc", pixels))


@pytest.mark.parametrize(("fraction", "whole"), [(0.6, 12), (0.999, 20)])
def test_truncated(tmp_path: Path, pixels: NDArray[np.uint16], fraction: float, whole: int) -> None:
    path = write(tmp_path / "a.mrc", pixels)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    with pytest.raises(InputError, match=f"truncated: {whole} of 21 frames are whole"):
        open_movie(path, frame_s=0.5)
    assert len(open_movie(path, frame_s=0.5, allow_partial=True)) == whole


def test_not_an_mrc(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_text("hello " * 400)
    with pytest.raises(InputError, match=r"a.mrc: cannot be read as a movie: the file is damaged or not of this kind"):
        open_movie(tmp_path / "a.mrc", frame_s=0.5)
