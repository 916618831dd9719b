"""The status of each frame: ok, saturated, black, nan, unreadable."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack._frames import level, read_usable, require_usable, survey, usable, usable_of
from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.tables import Frames


def camera(*, background: float = 100.0, cell: float = 200.0, bleach_to: float = 1.0, n: int = 40) -> NDArray[np.uint16]:
    """A cell on a camera with offset 100 and 2 counts of read noise; light falls to `bleach_to` by the end."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:96, :96]
    light = background + cell * ((y - 48) ** 2 + (x - 48) ** 2 < 32**2)
    left = bleach_to ** (np.arange(n) / (n - 1))
    frames = 100 + rng.poisson(left[:, None, None] * light) + rng.normal(0, 2, (n, 96, 96))
    return np.clip(np.rint(frames), 0, 65535).astype(np.uint16)


def closed(rng: np.random.Generator) -> NDArray[np.uint16]:
    """The camera with its shutter closed."""
    return np.rint(100 + rng.normal(0, 2, (96, 96))).astype(np.uint16)


def movie_of(frames: NDArray[np.generic], **fields: float) -> Movie:
    return Movie.from_array(frames, pixel_um=0.1, frame_s=0.05, movie_id="m", **fields)


@pytest.mark.parametrize("bleach_to", [1.0, 0.5, 0.2, 0.1])
@pytest.mark.parametrize(("background", "cell"), [(100, 200), (20, 200), (400, 0), (20, 40)])
def test_only_the_closed_shutter_is_black(background: float, cell: float, bleach_to: float) -> None:
    frames = camera(background=background, cell=cell, bleach_to=bleach_to)
    rng = np.random.default_rng(2)
    for k in (0, 13, 14):
        frames[k] = closed(rng)
    status = survey(movie_of(frames))["status"]
    assert np.flatnonzero(status == "black").tolist() == [0, 13, 14]
    assert set(status) == {"ok", "black"}


def test_a_shutter_that_opens_late_and_closes_early() -> None:
    frames = camera(n=150)
    rng = np.random.default_rng(2)
    dark = [*range(7), *range(60, 66), *range(143, 150)]
    for k in dark:
        frames[k] = closed(rng)
    assert np.flatnonzero(survey(movie_of(frames))["status"] == "black").tolist() == dark


@pytest.mark.parametrize("step", [0.25, 5.0])
def test_a_lasting_change_of_brightness_is_not_black(step: float) -> None:
    """Medium that brightens every vesicle at once, or a new exposure."""
    frames = camera()
    changed = frames.astype(float)
    changed[25:] = 100 + step * (changed[25:] - 100)
    assert set(survey(movie_of(changed.astype(np.uint16)))["status"]) == {"ok"}


@pytest.mark.parametrize("value", [0, 100])
def test_a_frame_of_one_value_is_black(value: int) -> None:
    frames = camera()
    frames[7] = value
    assert survey(movie_of(frames))["status"].tolist() == ["ok"] * 7 + ["black"] + ["ok"] * 32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite(bad: float) -> None:
    frames = camera().astype(np.float32)
    frames[5, 3, 4] = bad
    table = survey(movie_of(frames))
    assert table["status"].tolist() == ["ok"] * 5 + ["nan"] + ["ok"] * 34
    assert np.isfinite(table["mean"]).all()
    assert table["saturated_fraction"].isna().all()


def test_saturation() -> None:
    frames = camera()
    frames[2, :2, :2] = 65535
    frames[3, :4, :4] = 65535
    frames[4, :60] = 65535
    frames[5] = 65535
    table = survey(movie_of(frames))
    # four pixels of 9216 are hot pixels; sixteen are a clipped spot
    assert table["status"].tolist()[:7] == ["ok", "ok", "ok", "saturated", "saturated", "saturated", "ok"]
    assert usable(table).tolist()[:7] == [True, True, True, True, False, False, True]
    np.testing.assert_allclose(table["saturated_fraction"][2:6], [4 / 9216, 16 / 9216, 60 / 96, 1.0])


def test_frames_and_their_table_agree_on_what_can_be_used() -> None:
    frames = camera()
    frames[2, :, :50] = 500  # above the ceiling, where the median of the frame is not its maximum
    frames[2, 0, 0] = 501
    frames[3, :4, :4] = 400
    frames[4] = 0
    movie = movie_of(frames, ceiling=400.0)
    expected = [True, True, False, True, False, *[True] * 35]
    assert usable(survey(movie)).tolist() == expected
    assert usable_of(*read_usable(movie, 0, len(movie)), movie).tolist() == expected


def test_the_movies_ceiling_counts() -> None:
    frames = np.minimum(camera(), 340)
    assert (survey(movie_of(frames))["status"] == "ok").all()
    assert (survey(movie_of(frames, ceiling=340.0))["status"] == "saturated").all()


@pytest.mark.parametrize("block_bytes", [1, 40_000, 10**9])
@pytest.mark.parametrize("workers", [1, 2])
def test_blocks_do_not_change_the_answer(block_bytes: int, workers: int) -> None:
    frames = camera(n=41)
    frames[[3, 40]] = 0
    expected = survey(movie_of(frames), Execution(workers=1, block_bytes=96 * 96 * 2 * 7))
    found = survey(movie_of(frames), Execution(workers=workers, block_bytes=block_bytes))
    Frames.check(found)
    assert found.equals(expected)
    assert len(found) == 41


def test_a_part_of_a_movie_is_judged_by_the_whole() -> None:
    frames = camera()
    frames[30] = closed(np.random.default_rng(1))
    movie = movie_of(frames)
    pixels, statuses = read_usable(movie, 30, 31)
    assert pixels.shape == (1, 96, 96)
    assert statuses == ["black"]
    assert read_usable(movie, 28, 99)[1] == read_usable(movie, 28, 40, level(movie))[1] == ["ok", "ok", "black"] + ["ok"] * 9


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "m: every pixel of its 40 frames is 0; export the movie again"),
        (7, "m: all 40 frames are black or of one value; check the shutter, export the movie again"),
        (65535, "m: all 40 frames are saturated; record with less light, exposure or gain"),
    ],
)
def test_a_movie_without_a_usable_frame(value: int, says: str) -> None:
    table = survey(movie_of(np.full((40, 96, 96), value, np.uint16)))
    with pytest.raises(InputError) as caught:
        require_usable(table, "m")
    assert str(caught.value) == says


def test_a_movie_of_several_faults() -> None:
    frames = camera(n=4).astype(np.float64)
    frames[:2] = np.nan
    frames[2:] = 0
    with pytest.raises(InputError, match=r"m: none of its 4 frames can be used \(2 nan, 2 black\); check the file"):
        require_usable(survey(movie_of(frames)), "m")
    require_usable(survey(movie_of(camera())), "m")
