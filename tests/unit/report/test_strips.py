"""Montage strips show the pixels of the event, and read them sparingly."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest

from exotrack.errors import InputError
from exotrack.movie import ArrayFrames, Movie
from exotrack.report import strips as module
from exotrack.report.strips import Window, strips, window


class CountedFrames(ArrayFrames):
    """Frames that remember what was read and refuse one of them."""

    broken = -1

    def read(self, start, stop):
        self.log.append((start, stop))
        if start <= self.broken < stop:
            raise InputError("frame cannot be read")
        return super().read(start, stop)


def counted(pixels, broken=-1):
    frames = CountedFrames(pixels)
    object.__setattr__(frames, "log", [])
    object.__setattr__(frames, "broken", broken)
    return Movie(frames, pixel_um=0.1, frame_s=0.1), frames.log


def decoded(strip):
    return imagecodecs.png_decode(base64.b64decode(strip.picture.src.split(",", 1)[1]))


def event(frame=20, y_um=3.0, x_um=2.0, decay_s=np.nan):
    return SimpleNamespace(frame=frame, y_um=y_um, x_um=x_um, decay_s=decay_s)


def test_the_event_is_in_the_middle_of_its_tile():
    pixels = np.zeros((40, 64, 64), np.uint16)
    pixels[20:, 30, 20] = 1000
    movie, _ = counted(pixels)
    (strip,) = strips(movie, [window(event(), movie, 0.6)])
    tiles = np.split(decoded(strip), len(strip.tiles), axis=1)
    for tile, image in zip(strip.tiles, tiles, strict=True):
        middle = image.shape[0] // 2
        assert (image[middle, middle] == 255) == (tile.frame >= 20)
        assert tile.is_event == (tile.frame == 20)
    assert [tile.label for tile in strip.tiles][3:6] == ["−0.1", "0", "+0.1"]


def test_slow_decays_are_followed_further():
    movie, _ = counted(np.zeros((500, 32, 32), np.uint8))
    fast, slow = window(event(frame=100, decay_s=0.2), movie, 0.6), window(event(frame=100, decay_s=5.0), movie, 0.6)
    assert len(fast.frames) == len(slow.frames) == 14
    assert fast.frames[-1] < slow.frames[-1] <= 100 + 2 + 7 * module.MAX_STRIDE


def test_frames_are_read_once_for_all_events(monkeypatch):
    monkeypatch.setattr(module, "RUN_BYTES", 10 * 32 * 32)
    movie, log = counted(np.zeros((300, 32, 32), np.uint8))
    strips(movie, [window(event(frame=f), movie, 0.6) for f in (50, 52, 55, 200)])
    read = [frame for start, stop in log for frame in range(start, stop)]
    assert len(read) == len(set(read))
    assert set(read) == {*range(46, 65), *range(196, 210)}
    assert max(stop - start for start, stop in log) <= 10


@pytest.mark.parametrize("y_um", [0.0, 6.3, -5.0, 900.0, np.nan])
def test_places_at_and_beyond_the_edge_are_padded(y_um):
    movie, _ = counted(np.full((30, 64, 64), 7, np.uint16))
    (strip,) = strips(movie, [window(event(frame=0, y_um=y_um), movie, 0.6)])
    assert decoded(strip).shape == (19, 19 * len(strip.tiles))
    assert strip.tiles[0].frame == 0


def test_lost_frames_do_not_spoil_the_contrast():
    pixels = np.random.default_rng(0).poisson(500, (40, 64, 64)).astype(np.uint16)
    pixels[22] = 0
    movie, _ = counted(pixels)
    one = window(event(), movie, 0.6)
    (spoilt,), (kept,) = strips(movie, [one]), strips(movie, [one], frozenset({22}))
    assert spoilt.picture.black == 0
    assert kept.picture.black > 400
    assert [tile.frame for tile in kept.tiles if tile.lost] == [22]


def test_an_unreadable_frame_leaves_the_other_runs(monkeypatch):
    monkeypatch.setattr(module, "RUN_BYTES", 1)
    pixels = np.full((40, 64, 64), 100, np.uint8)
    pixels[:, ::2] = 200
    movie, _ = counted(pixels, broken=21)
    (strip,) = strips(movie, [Window(30, 20, 8, (19, 20, 21), 20)])
    first, second, broken = np.split(decoded(strip), 3, axis=1)
    np.testing.assert_array_equal(first, second)
    assert np.ptp(first) == 255 and np.ptp(broken) == 0
