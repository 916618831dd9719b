"""What must not change which spots link joins: the place, the unit, the direction along an axis, a repetition."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from exotrack._blocks import Execution
from exotrack.link import link
from exotrack.params import LinkParams
from exotrack.tables import Spots


def walks(seed: int, n: int, frames: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 4, (n, 2)) + np.cumsum(rng.normal(0, 0.1, (frames, n, 2)), axis=0)
    seen = rng.random((frames, n)) > 0.1
    frame, owner = np.nonzero(seen)
    y, x = places[frame, owner].T
    return Spots.build({"movie_id": np.full(len(frame), "m"), "frame": frame, "t_s": frame * 0.1, "y_um": y, "x_um": x})


def partition(tracks: pd.DataFrame) -> set[frozenset[tuple[int, float]]]:
    """Which spots belong together, whatever the tracks are called; a spot is known by its frame and its snr."""
    seen = tracks[tracks["observed"]]
    return {frozenset(zip(part["frame"], part["snr"], strict=True)) for _, part in seen.groupby("track_id")}


def marked(spots: pd.DataFrame) -> pd.DataFrame:
    return spots.assign(snr=np.arange(len(spots), dtype=float))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60))
def test_every_track_has_at_most_one_spot_in_a_frame_and_keeps_the_limits(seed, n):
    params = LinkParams(max_step_um=0.5, max_gap_frames=2, min_spots=3)
    tracks = link(walks(seed, n), params, Execution(workers=2, block_bytes=1))
    assert not tracks.duplicated(["track_id", "frame"]).any()
    assert tracks["track_id"].drop_duplicates().tolist() == list(range(1, tracks["track_id"].nunique() + 1))
    for _, whole in tracks.groupby("track_id"):
        assert (whole["frame"].diff().dropna() == 1).all()
        part = whole[whole["observed"]]
        frames = part["frame"].diff().dropna()
        assert len(part) >= 3
        assert (frames <= 3).all()
        assert (np.hypot(part["y_um"].diff(), part["x_um"].diff()).dropna() <= 0.5 * np.sqrt(frames) + 1e-6).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), later=st.integers(0, 50))
def test_shifting_and_mirroring_join_the_same_spots(seed, n, later):
    params = LinkParams(max_step_um=0.5)
    spots = marked(walks(seed, n))
    moved = spots.assign(y_um=spots["x_um"] + 16, x_um=8 - spots["y_um"], frame=spots["frame"] + later)
    back = link(moved, params)
    assert partition(link(spots, params)) == partition(back.assign(frame=back["frame"] - later))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), scale=st.sampled_from([0.25, 2.0, 8.0]))
def test_another_unit_of_length_joins_the_same_spots(seed, n, scale):
    spots = marked(walks(seed, n))
    scaled = spots.assign(y_um=spots["y_um"] * scale, x_um=spots["x_um"] * scale)
    plain = link(spots, LinkParams(max_step_um=0.5))
    assert partition(plain) == partition(link(scaled, LinkParams(max_step_um=0.5 * scale)))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_linking_twice_gives_the_same_table_even_where_distances_tie(seed):
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(6), 60)
    y, x = rng.integers(0, 12, (2, len(frame))) * 0.25
    spots = Spots.build({"movie_id": np.full(len(frame), "m"), "frame": frame, "t_s": frame * 0.1, "y_um": y, "x_um": x})
    params = LinkParams(max_step_um=0.6)
    pd.testing.assert_frame_equal(link(spots, params), link(spots, params), check_exact=True)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), workers=st.integers(2, 5), directed=st.booleans())
def test_regions_linked_in_parallel_give_the_links_of_one_piece(seed, workers, directed):
    rng = np.random.default_rng(seed)
    patches = [walks(int(rng.integers(10**6)), 40, frames=40) for _ in range(12)]
    spots = pd.concat([part.assign(x_um=part["x_um"] + 9 * k) for k, part in enumerate(patches)], ignore_index=True)
    params = LinkParams(max_step_um=0.5, directed=directed)
    parallel = link(spots, params, Execution(workers=workers))
    pd.testing.assert_frame_equal(parallel, link(spots, params, Execution(workers=1)), check_exact=True)
