"""Zeiss CZI, written by pylibCZIrw."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from exotrack._frames import survey
from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie

czi = pytest.importorskip("pylibCZIrw.czi", reason="CZI files need pylibCZIrw, of the extra exotrack[io]")
Pixels = NDArray[np.uint16]


def write(path: Path, pixels: Pixels, axis: str = "T", left_out: tuple[int, ...] = (), scene: int = 0) -> Path:
    """One plane per frame along `axis`; a second channel with half the counts if pixels has four axes."""
    with czi.create_czi(str(path)) as file:
        for k, picture in enumerate(pixels):
            if k not in left_out:
                for c, plane in enumerate(picture if picture.ndim == 3 else picture[None]):
                    file.write(plane[..., None], plane={"T": 0, "Z": 0, axis: k, "C": c}, scene=scene)
        names = {0: "GFP", 1: "RFP"} if pixels.ndim == 4 else {0: "GFP"}
        file.write_metadata("cell", scale_x=1.07e-7, scale_y=1.07e-7, channel_names=names)
    return path


def test_pixels_and_calibration(tmp_path: Path, pixels: Pixels) -> None:
    path = write(tmp_path / "a.czi", pixels)
    with pytest.raises(CalibrationError, match="--frame-s"):
        open_movie(path)
    movie = open_movie(path, frame_s=0.05)
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert movie.pixel_um == pytest.approx(0.107)
    assert movie.sources == {"pixel_um": "file: CZI scaling X", "frame_s": "--frame-s"}
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie)).read(20, 21), pixels[20:])


def test_channels_by_name(tmp_path: Path, pixels: Pixels) -> None:
    path = write(tmp_path / "a.czi", np.stack([pixels, pixels // 2], axis=1))
    with pytest.raises(InputError, match=r"2 channels \(0 'GFP', 1 'RFP'\); choose one with --channel"):
        open_movie(path, frame_s=1.0)
    np.testing.assert_array_equal(open_movie(path, frame_s=1.0, channel="RFP").read(0, 21), pixels // 2)


def test_slices_are_frames(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(write(tmp_path / "a.czi", pixels, axis="Z"), frame_s=1.0)
    assert "time series stored as slices (Z)" in movie.notes[0]
    np.testing.assert_array_equal(movie.read(3, 9), pixels[3:9])


def test_a_plane_that_was_never_recorded_is_not_black(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(write(tmp_path / "a.czi", pixels, left_out=(6,)), frame_s=1.0)
    assert survey(movie)["status"].tolist() == ["ok"] * 6 + ["unreadable"] + ["ok"] * 14


@pytest.mark.parametrize("fraction", [0.05, 0.6, 0.999])
def test_truncated(tmp_path: Path, pixels: Pixels, fraction: float) -> None:
    path = write(tmp_path / "a.czi", pixels)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    with pytest.raises(InputError, match=r"a.czi: cannot be read as a movie: the file is damaged"):
        open_movie(path, frame_s=1.0)


def test_colour_and_other_files(tmp_path: Path) -> None:
    with czi.create_czi(str(tmp_path / "c.czi")) as file:
        for k in range(3):
            file.write(np.zeros((32, 40, 3), np.uint8), plane={"T": k, "C": 0, "Z": 0})
        file.write_metadata("cell", scale_x=1e-7, scale_y=1e-7)
    with pytest.raises(InputError, match="a colour image"):
        open_movie(tmp_path / "c.czi", frame_s=1.0)
    (tmp_path / "t.czi").write_text("hello")
    with pytest.raises(InputError, match=r"t.czi: not a CZI file; check the ending of its name"):
        open_movie(tmp_path / "t.czi", frame_s=1.0)
