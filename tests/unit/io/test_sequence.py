"""One TIFF per frame."""

from __future__ import annotations

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


def write(folder: Path, pixels: Pixels, name: str = "cell_{}.tif", first: int = 1, **options: Any) -> Path:
    """One file per frame, numbered without leading zeros."""
    folder.mkdir(exist_ok=True)
    for k, picture in enumerate(pixels):
        tifffile.imwrite(folder / name.format(first + k), picture, **options)
    return folder


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}], ids=str)
def test_folder_pattern_and_first_file_are_the_same_movie(tmp_path: Path, pixels: Pixels, options: dict[str, Any]) -> None:
    folder = write(tmp_path / "run 7", pixels, **options)
    for path, name in ((folder, "run 7"), (folder / "cell_*.tif", "cell"), (folder / "cell_1.tif", "cell_1")):
        movie = open_movie(path, **GIVEN)
        # frame 2 comes before frame 10
        np.testing.assert_array_equal(movie.read(0, 21), pixels)
        np.testing.assert_array_equal(movie.read(9, 11), pixels[9:11])
        assert movie.movie_id == name
        assert movie.notes == ("21 files, cell_1.tif to cell_21.tif, are taken as frames in time",)


def test_calibration_comes_from_the_first_file(tmp_path: Path, pixels: Pixels) -> None:
    resolution = {"imagej": True, "resolution": (1 / 0.107, 1 / 0.107), "metadata": {"unit": "um"}}
    movie = open_movie(write(tmp_path / "run", pixels, **resolution), frame_s=1.0)
    assert movie.pixel_um == pytest.approx(0.107, rel=1e-5)


def test_a_gap_is_an_error(tmp_path: Path, pixels: Pixels) -> None:
    folder = write(tmp_path / "run", pixels)
    (folder / "cell_8.tif").unlink()
    with pytest.raises(InputError, match="run: the series has a gap: 7 is followed by 9; find the missing frames"):
        open_movie(folder, **GIVEN)


def test_a_file_from_the_middle_is_not_the_series(tmp_path: Path, pixels: Pixels) -> None:
    folder = write(tmp_path / "run", pixels)
    with pytest.raises(InputError, match=r"a single frame, number 5 of a series of 21 files; give the first one, cell_1.tif"):
        open_movie(folder / "cell_5.tif", **GIVEN)


def test_two_series_in_one_folder(tmp_path: Path, pixels: Pixels) -> None:
    folder = write(tmp_path / "run", pixels)
    write(folder, pixels, "dish_{}.tif")
    with pytest.raises(InputError, match=r"2 different series \(cell_\*.tif, dish_\*.tif\); give one of them as a pattern"):
        open_movie(folder, **GIVEN)
    assert len(open_movie(folder / "dish_*.tif", **GIVEN)) == 21


def test_frames_of_different_shape(tmp_path: Path, pixels: Pixels) -> None:
    folder = write(tmp_path / "run", pixels)
    tifffile.imwrite(folder / "cell_4.tif", pixels[3, :30])
    with pytest.raises(InputError, match=r"cell_4.tif: 30 x 40 pixels of uint16, the first frame cell_1.tif has 32 x 40"):
        open_movie(folder, **GIVEN)


def test_a_stack_among_the_frames(tmp_path: Path, pixels: Pixels) -> None:
    folder = write(tmp_path / "run", pixels)
    tifffile.imwrite(folder / "cell_4.tif", pixels)
    with pytest.raises(InputError, match=r"cell_4.tif: holds 21 pages, a series has one frame in each file"):
        open_movie(folder, **GIVEN)


def test_a_cut_file_among_the_frames(tmp_path: Path, pixels: Pixels) -> None:
    folder = write(tmp_path / "run", pixels)
    cut = folder / "cell_4.tif"
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(InputError, match="damaged: 20 of 21 frames are whole"):
        open_movie(folder, **GIVEN)


def test_nothing_that_fits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no TIFF file in .* matches; check the pattern"):
        open_movie(tmp_path / "x*.tif", **GIVEN)
    with pytest.raises(InputError, match="neither OME-Zarr nor TIFF frames; exotrack reads TIFF"):
        open_movie(tmp_path, **GIVEN)
