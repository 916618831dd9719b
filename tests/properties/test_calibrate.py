"""What must not change injected pixels: how they are cut into blocks; and what adding nothing must not change."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exotrack.calibrate.inject import InjectedFrames
from exotrack.movie import ArrayFrames
from exotrack.simulate.patches import Patches


def scene(seed: int, photons: float = 300.0, dtype: type = np.uint16) -> InjectedFrames:
    """Twenty frames with spots here and there, none in some frames and some across the border."""
    rng = np.random.default_rng(seed)
    n = 40
    frame = np.sort(rng.integers(0, 20, n))
    patches = Patches(frame, rng.uniform(-0.3, 3.5, n), rng.uniform(-0.3, 3.5, n), rng.uniform(0, 0.05, n), np.full(n, photons))
    base = rng.poisson(60, (20, 32, 32)).astype(dtype)
    return InjectedFrames(ArrayFrames(base), patches, 0.12, 0.1, 1.7, 4095.0, rng.random(20) > 0.1, seed)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(0, 20), max_size=6))
def test_injected_pixels_do_not_depend_on_blocks(seed, cuts):
    frames = scene(seed)
    edges = [0, *sorted(cuts), 20]
    blocks = [frames.read(a, b) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(blocks), frames.read(0, 20))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 9), frames.read(3, 9))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.float64]))
def test_adding_nothing_changes_nothing(seed, dtype):
    dark = scene(seed, photons=0.0, dtype=dtype)
    pixels = dark.read(0, 20)
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, dark.base.read(0, 20))
    empty = replace(scene(seed, dtype=dtype), patches=Patches.join([]))
    np.testing.assert_array_equal(empty.read(4, 20), empty.base.read(4, 20))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_light_only_adds_and_only_where_and_when_it_falls(seed):
    frames = scene(seed)
    added = frames.read(0, 20).astype(int) - frames.base.read(0, 20)
    assert added.min() == 0
    for frame in range(20):
        where = frames.expected(frame) > 0
        assert not added[frame][~where].any()
        assert frames.lit[frame] or not added[frame].any()
