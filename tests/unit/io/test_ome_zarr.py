"""OME-Zarr 0.4 and 0.5."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from exotrack._frames import read_usable, survey
from exotrack.errors import CalibrationError, InputError
from exotrack.io import open_movie

Pixels = NDArray[np.uint16]


def write(path: Path, pixels: Pixels, version: str = "0.5", axes: str = "tyx", units: bool = True, **options: Any) -> Path:
    """An OME-Zarr of 107 nm pixels and 50 ms between frames, its scale split over the two places that may hold one."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    array = group.create_array(
        "0", shape=pixels.shape, dtype=pixels.dtype, **{"chunks": (1,) * (len(axes) - 2) + (16, 16), **options}
    )
    array[...] = pixels
    names = {
        "t": {"name": "t", "type": "time", "unit": "millisecond"},
        "c": {"name": "c", "type": "channel"},
        "z": {"name": "z", "type": "space", "unit": "nanometer"},
        "y": {"name": "y", "type": "space", "unit": "nanometer"},
        "x": {"name": "x", "type": "space", "unit": "nanometer"},
    }
    described = [names[axis] if units else {k: v for k, v in names[axis].items() if k != "unit"} for axis in axes]
    level = [{"t": 1.0, "c": 1.0, "z": 1.0, "y": 107.0, "x": 107.0}[axis] for axis in axes]
    whole = [50.0 if axis == "t" else 1.0 for axis in axes]
    multiscales = [
        {
            "axes": described,
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": level}]}],
            "coordinateTransformations": [{"type": "scale", "scale": whole}],
        }
    ]
    if version == "0.4":
        group.attrs["multiscales"] = multiscales
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_written_by_ngff_zarr(tmp_path: Path, pixels: Pixels, version: str) -> None:
    import ngff_zarr

    image = ngff_zarr.to_ngff_image(
        pixels,
        dims=["t", "y", "x"],
        scale={"t": 0.05, "y": 0.107, "x": 0.107},
        axes_units={"t": "second", "y": "micrometer", "x": "micrometer"},
    )
    path = tmp_path / "cell.ome.zarr"
    ngff_zarr.to_ngff_zarr(str(path), ngff_zarr.to_multiscales(image, scale_factors=[]), version=version)
    movie = open_movie(path)
    np.testing.assert_array_equal(movie.read(0, 21), pixels)
    assert (movie.movie_id, movie.pixel_um, movie.frame_s) == ("cell", 0.107, 0.05)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("chunks", [(1, 32, 40), (4, 32, 40), (5, 10, 40), (21, 7, 9)])
def test_chunks_and_blocks(tmp_path: Path, pixels: Pixels, version: str, chunks: tuple[int, ...]) -> None:
    movie = open_movie(write(tmp_path / "a.zarr", pixels, version, chunks=chunks))
    assert (movie.pixel_um, movie.frame_s) == pytest.approx((0.107, 0.05))
    for size in (1, 4, 5, 21):
        parts = [movie.read(start, start + size) for start in range(0, 21, size)]
        np.testing.assert_array_equal(np.concatenate(parts), pixels)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie)).read(3, 8), pixels[3:8])


def test_shards(tmp_path: Path, pixels: Pixels) -> None:
    movie = open_movie(write(tmp_path / "a.zarr", pixels, chunks=(2, 16, 20), shards=(6, 32, 40)))
    np.testing.assert_array_equal(movie.read(0, 21), pixels)


def test_channels_and_singleton_axes(tmp_path: Path, pixels: Pixels) -> None:
    both = np.stack([pixels, pixels // 2], axis=1)[:, :, None]
    path = write(tmp_path / "a.zarr", both, axes="tczyx")
    with pytest.raises(InputError, match=r"2 channels \(0, 1\); choose one with --channel"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, channel=1).read(2, 20), pixels[2:20] // 2)


def test_scale_without_a_unit_is_no_calibration(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(CalibrationError, match="does not give the pixel size; give it in um with --pixel-um"):
        open_movie(write(tmp_path / "a.zarr", pixels, units=False))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_missing_chunk_is_unreadable_not_black(tmp_path: Path, pixels: Pixels, version: str) -> None:
    path = write(tmp_path / "a.zarr", pixels, version, chunks=(3, 16, 40))
    (path / "0" / ("2.1.0" if version == "0.4" else "c/2/1/0")).unlink()
    movie = open_movie(path)
    assert movie.notes == ("3 of 21 planes miss chunks and are unreadable",)
    found, statuses = read_usable(movie, 4, 10)
    assert statuses == ["ok", "ok", "unreadable", "unreadable", "unreadable", "ok"]
    np.testing.assert_array_equal(found[[0, 1, 5]], pixels[[4, 5, 9]])
    assert survey(movie)["status"].eq("unreadable").sum() == 3


def test_a_missing_chunk_inside_a_shard(tmp_path: Path, pixels: Pixels) -> None:
    path = write(tmp_path / "a.zarr", pixels, chunks=(2, 16, 20), shards=(6, 32, 40))
    again = zarr.open_array(path / "0", mode="r+")
    again[6:12] = 0
    again[6:10] = pixels[6:10]
    movie = open_movie(path)
    assert survey(movie)["status"].tolist()[8:13] == ["ok", "ok", "unreadable", "unreadable", "ok"]


def test_lost_at_the_end_is_truncated(tmp_path: Path, pixels: Pixels) -> None:
    path = write(tmp_path / "a.zarr", pixels)
    for k in range(15, 21):
        shutil.rmtree(path / "0" / "c" / str(k))
    with pytest.raises(InputError, match=r"a.zarr: truncated: 15 of 21 frames are whole; .* --allow-partial"):
        open_movie(path)
    movie = open_movie(path, allow_partial=True)
    np.testing.assert_array_equal(movie.read(0, 15), pixels[:15])
    assert (len(movie), movie.notes) == (15, ("truncated: 15 of 21 frames are whole",))


def test_a_damaged_chunk_is_unreadable(tmp_path: Path, pixels: Pixels) -> None:
    path = write(tmp_path / "a.zarr", pixels)
    (path / "0/c/7/0/0").write_bytes(b"not zstd")
    assert read_usable(open_movie(path), 6, 9)[1] == ["ok", "unreadable", "ok"]


def test_what_is_no_movie(tmp_path: Path, pixels: Pixels) -> None:
    group = zarr.open_group(tmp_path / "p.zarr", mode="w", zarr_format=2)
    group.attrs["plate"] = {"wells": []}
    with pytest.raises(InputError, match=r"p.zarr: a plate of many wells; give one image inside it"):
        open_movie(tmp_path / "p.zarr")
    zarr.open_group(tmp_path / "n.zarr", mode="w")
    with pytest.raises(InputError, match="without the OME-Zarr metadata 'multiscales'"):
        open_movie(tmp_path / "n.zarr")
    (tmp_path / "e.zarr").mkdir()
    with pytest.raises(InputError, match="cannot be read as OME-Zarr"):
        open_movie(tmp_path / "e.zarr")
    path = write(tmp_path / "out.zarr", pixels)
    shutil.move(path / "0", tmp_path / "0")
    attrs = zarr.open_group(path).attrs
    attrs["ome"] = {**attrs["ome"], "multiscales": [{**attrs["ome"]["multiscales"][0], "datasets": [{"path": "../0"}]}]}
    with pytest.raises(InputError, match="outside the movie's folder; it is refused"):
        open_movie(path)


def test_images_side_by_side(tmp_path: Path, pixels: Pixels) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "a.zarr" / "0", pixels, "0.4")
    write(tmp_path / "a.zarr" / "1", pixels + 1, "0.4")
    with pytest.raises(InputError, match=r"holds 2 images; choose one with --series \(0 to 1\)"):
        open_movie(tmp_path / "a.zarr")
    np.testing.assert_array_equal(open_movie(tmp_path / "a.zarr", series=1).read(0, 21), pixels + 1)
