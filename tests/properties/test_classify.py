"""What must not change what classify calls: how the movie is cut up and who works on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "classify"))

from simulated import calls_of, scene


@settings(max_examples=4, deadline=None)
@given(name=st.sampled_from(["granule", "phluorin"]), block_frames=st.integers(8, 80), workers=st.integers(1, 2))
def test_cutting_the_movie_differently_changes_nothing(name, block_frames, workers):
    f = scene(name)
    whole = calls_of(name)
    cut = f.calls(workers=workers, block_bytes=block_frames * f.movie[0].nbytes)
    for table in ("candidates", "episodes", "events", "fits"):
        pd.testing.assert_frame_equal(getattr(cut, table), getattr(whole, table), check_exact=True)
