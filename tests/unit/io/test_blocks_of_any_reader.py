"""Property: however a movie is cut into blocks, its pixels are the same."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from exotrack.io import open_movie
from exotrack.movie import Movie


@pytest.fixture(scope="module")
def movies(tmp_path_factory: pytest.TempPathFactory, pixels: NDArray[np.uint16]) -> list[Movie]:
    """The same pixels uncompressed, compressed, big-endian, in channel 1 of 2, and one file per frame."""
    folder = tmp_path_factory.mktemp("movies")
    tifffile.imwrite(folder / "raw.tif", pixels)
    tifffile.imwrite(folder / "zlib.tif", pixels, compression="zlib")
    tifffile.imwrite(folder / "big.tif", pixels, byteorder=">", tile=(16, 16))
    both = np.stack([pixels * 0, pixels], axis=1)
    tifffile.imwrite(folder / "two.tif", both, imagej=True, metadata={"axes": "TCYX"})
    (folder / "each").mkdir()
    for k, picture in enumerate(pixels):
        tifffile.imwrite(folder / "each" / f"t{k}.tif", picture)
    given_by_user = {"pixel_um": 0.1, "frame_s": 1.0}
    found = [open_movie(folder / name, **given_by_user) for name in ("raw.tif", "zlib.tif", "big.tif", "each")]
    return [*found, open_movie(folder / "two.tif", channel=1, **given_by_user)]


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 25), data=st.data())
def test_any_cut_gives_the_same_pixels(movies: list[Movie], pixels: NDArray[np.uint16], size: int, data: st.DataObject) -> None:
    movie = data.draw(st.sampled_from(movies))
    parts = [movie.read(start, start + size) for start in range(0, len(movie), size)]
    assert all(part.ndim == 3 for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), pixels)


@pytest.mark.parametrize("block", [1, 2, 4, 5, 10, 20])
def test_a_last_block_of_one_frame(movies: list[Movie], pixels: NDArray[np.uint16], block: int) -> None:
    """21 = k * block + 1: the last block holds a single frame and keeps its three axes."""
    for movie in movies:
        last = movie.read(20, 20 + block)
        assert last.shape == (1, 32, 40)
        np.testing.assert_array_equal(last, pixels[20:])
