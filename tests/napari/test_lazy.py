"""Pixels are read frame by frame, whatever holds them, and what is found lies where the light is at any calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image, Points

import exotrack
from exotrack.tables import Spots
from napari_exotrack._convert import Place, movie_layer
from napari_exotrack._link import brightest
from napari_exotrack._movie_reader import read_movie
from napari_exotrack._preview_worker import spots_of
from napari_exotrack._source import source_of, write_movie, write_planes

SHAPE = (30, 24, 20)
PIXELS = np.random.default_rng(5).integers(0, 900, SHAPE).astype(np.uint16)


class Watched:
    """An array that notes how many frames each reading took at once."""

    shape, dtype, ndim = SHAPE, PIXELS.dtype, 3

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, key: Any) -> Any:
        taken = PIXELS[key]
        self.read.append(int(np.prod(taken.shape, dtype=int)) // int(np.prod(SHAPE[1:])))
        return taken


def in_dask(read: list[int]) -> Any:
    """The pixels as a dask array of a block for each frame, which notes the frames that are read."""

    def block(pixels: Any, block_info: Any = None) -> Any:
        if block_info and 0 in block_info:
            read.append(1)
        return pixels

    return da.from_array(PIXELS, chunks=(1, *SHAPE[1:])).map_blocks(
        block, dtype=PIXELS.dtype, meta=np.empty((0, 0, 0), PIXELS.dtype)
    )


def test_an_array_of_dask_is_read_by_the_frame(tmp_path: Path) -> None:
    read: list[int] = []
    source = source_of(Image(in_dask(read), contrast_limits=(0, 900)))
    read.clear()
    np.testing.assert_array_equal(source.read(3, 5), PIXELS[3:5])
    assert len(read) == 2
    movie = exotrack.open_movie(write_movie(source, tmp_path / "a.tif", 0.1, 0.05))
    np.testing.assert_array_equal(movie.read(0, 30), PIXELS)


@pytest.mark.parametrize("ones", [False, True])
def test_no_reading_takes_more_than_was_asked_for(tmp_path: Path, ones: bool) -> None:
    watched = Watched()
    source = source_of(Image(watched, contrast_limits=(0, 900)))
    watched.read.clear()
    write_movie(source, tmp_path / "a.tif", 0.1, 0.05)
    write_planes(watched, tmp_path / "a.npy")
    assert max(watched.read) == 1
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), PIXELS)


def test_an_array_of_zarr_is_a_movie(tmp_path: Path) -> None:
    array = zarr.create_array(str(tmp_path / "m.zarr"), data=PIXELS, chunks=(1, *SHAPE[1:]))
    source = source_of(Image(array, contrast_limits=(0, 900), scale=(50, 100, 100), units=("ms", "nm", "nm")))
    np.testing.assert_array_equal(source.read(29, 30), PIXELS[29:])
    assert (source.pixel_um, source.frame_s) == (pytest.approx(0.1), pytest.approx(0.05))


def test_two_channels_are_opened_by_three_frames_of_each_and_analysed_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = np.stack([PIXELS, PIXELS[::-1]], axis=1)
    path = tmp_path / "two.tif"
    meta = {"axes": "TCYX", "unit": "um", "finterval": 0.2}
    tifffile.imwrite(path, both, imagej=True, resolution=(10.0, 10.0), metadata=meta)
    read: list[int] = []
    several = exotrack.Movie.read
    monkeypatch.setattr(exotrack.Movie, "read", lambda self, a, b, *x: (read.append(b - a), several(self, a, b, *x))[1])
    layers = [Image(data, **arguments) for data, arguments, _ in read_movie(str(path))]
    assert max(read) == 1
    assert sum(read) <= 2 * 5
    sources = [source_of(layer) for layer in layers]
    assert [source.opened for source in sources] == [{"channel": 0}, {"channel": 1}]
    np.testing.assert_array_equal(sources[1].read(0, 1), both[:1, 1])


def test_the_brightest_of_all_times_is_gathered_frame_by_frame(tmp_path: Path) -> None:
    movie = exotrack.Movie.from_array(PIXELS, pixel_um=0.1, frame_s=0.1)
    np.testing.assert_array_equal(brightest(movie), PIXELS.max(axis=0))


@pytest.mark.parametrize(("pixel_um", "frame_s"), [(0.065, 0.02), (0.107, 0.1), (0.16, 2.5)])
def test_what_is_found_lies_on_the_light(tmp_path: Path, pixel_um: float, frame_s: float) -> None:
    """World coordinates of found spots, looked up in the image layer, are where the light was put."""
    true = np.array([(12.3, 15.8), (30.0, 40.5), (44.7, 20.2), (20.5, 50.1)])
    y, x = np.mgrid[:64, :64]
    width = 0.13 / pixel_um
    light = 100 + sum(600 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * width**2)) for a, b in true)
    pixels = np.random.default_rng(3).poisson(light, (9, 64, 64)).astype(np.uint16)
    np.save(tmp_path / "f.npy", pixels)
    asked = {"number": 1, "frames": str(tmp_path / "f.npy"), "at": 4, "pixel_um": pixel_um, "frame_s": frame_s}
    answer = spots_of(asked | {"detect": {"sigma_um": 0.13}})
    movie = exotrack.Movie.from_array(pixels, pixel_um=pixel_um, frame_s=frame_s)
    data, arguments, _ = movie_layer(movie)
    image, place = Image(data, **arguments), Place.of(movie)
    found = exotrack.detect(movie, exotrack.params.DetectParams(sigma_um=0.13))
    for own in (np.array(answer["spots"]), found.loc[found["frame"] == 4, ["y_um", "x_um"]].to_numpy() / pixel_um):
        table = Spots.empty().reindex(range(len(own))).assign(frame=4, y_um=own[:, 0] * pixel_um, x_um=own[:, 1] * pixel_um)
        points = Points(place.points(table), **place.arguments("spots"))
        seen = np.array([image.world_to_data(points.data_to_world(one)) for one in points.data])
        assert set(seen[:, 0]) == {4}
        away = np.hypot(*(seen[:, None, 1:] - true[None]).T).min(axis=1)
        assert len(own) >= 4
        assert (away < 0.25).all()
