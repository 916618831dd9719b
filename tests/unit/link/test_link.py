"""link on walks whose owners are known, against trackpy itself, and where trackpy gives up."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.link import link
from exotrack.params import LinkParams
from exotrack.tables import Spots, Tracks

PARAMS = LinkParams(max_step_um=0.7, max_gap_frames=2, min_spots=3)


def spots_of(rows):
    """Table `Spots` from rows of (frame, y_um, x_um, owner); the true owner travels in `amplitude`."""
    rows = np.array(rows, float).reshape(-1, 4)
    return Spots.build(
        {"movie_id": np.full(len(rows), "m"), "frame": rows[:, 0].astype(int), "t_s": rows[:, 0] * 0.1,
         "y_um": rows[:, 1], "x_um": rows[:, 2], "amplitude": rows[:, 3]}
    )  # fmt: skip


def walks(rng, n, frames, size_um, step_um, missed=0.0):
    """(rows, 4) frame, y, x, owner of Brownian walks, some spots missed."""
    steps = rng.normal(0, step_um / np.sqrt(2), (frames, n, 2))
    places = rng.uniform(0, size_um, (n, 2)) + np.cumsum(steps, axis=0)
    rows = [(t, *places[t, k], k + 1) for t in range(frames) for k in range(n) if rng.random() >= missed]
    return np.array(rows)


def purity(tracks):
    """Share of consecutive spots of a track that have the same true owner."""
    same = tracks.groupby("track_id")["amplitude"].diff().dropna() == 0
    return same.mean()


def test_follows_walks_through_gaps_without_mixing_them_up(rng):
    rows = walks(rng, 100, 60, 51.2, 0.1, missed=0.1)
    tracks = link(spots_of(rows), PARAMS)
    Tracks.check(tracks)
    assert purity(tracks) > 0.995
    assert len(tracks) > 0.98 * len(rows)
    assert tracks["track_id"].nunique() < 125


def test_a_docked_vesicle_that_is_missed_now_and_then_stays_one_track(rng):
    frames = [t for t in range(200) if t % 7 not in (2, 3)]
    rows = [(t, 5 + rng.normal(0, 0.03), 5 + rng.normal(0, 0.03), 1) for t in frames]
    tracks = link(spots_of(rows), PARAMS)
    assert tracks["track_id"].tolist() == [1] * len(frames)


def test_a_longer_gap_ends_the_track():
    rows = [(t, 1.0, 1.0, 1) for t in [0, 1, 2, 5, 6, 7, 11, 12, 13]]
    assert link(spots_of(rows), PARAMS)["track_id"].tolist() == [1] * 6 + [2] * 3


def test_short_tracks_are_left_out_and_the_rest_numbered_by_frame_then_place():
    rows = [(t, 9.0, 1.0, 1) for t in range(4)] + [(t, 2.0, 8.0, 2) for t in range(4)] + [(t, 2.0, 3.0, 3) for t in range(4)]
    rows += [(0, 5.0, 5.0, 4), (1, 5.0, 5.0, 4)] + [(t, 0.0, 0.0, 5) for t in range(2, 6)]
    tracks = link(spots_of(rows), PARAMS)
    assert tracks.groupby("track_id")["amplitude"].first().to_dict() == {1: 3, 2: 2, 3: 1, 4: 5}


def test_nothing_to_link_is_an_empty_table_with_all_its_columns():
    for spots in (Spots.empty(), spots_of([(0, 1.0, 1.0, 1)])):
        tracks = link(spots, PARAMS)
        assert len(tracks) == 0
        Tracks.check(tracks)


def test_the_order_of_the_spots_does_not_matter(rng):
    spots = spots_of(walks(rng, 60, 10, 10, 0.2))
    shuffled = spots.sample(frac=1, random_state=3)
    assert link(shuffled, PARAMS).equals(link(spots, PARAMS))


def test_gives_the_links_of_trackpy_where_trackpy_can(rng):
    from trackpy.linking.linking import Linker

    rows = walks(rng, 120, 15, 12, 0.25, missed=0.05)
    ours = link(spots_of(rows), LinkParams(max_step_um=0.7, max_gap_frames=2, min_spots=1))
    theirs, linker = [], Linker(0.7, memory=2, link_strategy="recursive")
    for t in range(15):
        places = rows[rows[:, 0] == t]
        places = places[np.lexsort((places[:, 2], places[:, 1]))][:, 1:3]
        linker.init_level(places, t) if t == 0 else linker.next_level(places, t)
        theirs += [(t, y, x, owner) for (y, x), owner in zip(places, linker.particle_ids, strict=True)]
    ours = ours.sort_values(["frame", "y_um", "x_um"])
    pairs = set(zip(ours["track_id"], [row[3] for row in theirs], strict=True))
    assert len(pairs) == ours["track_id"].nunique() == len({row[3] for row in theirs})


def test_dense_data_that_trackpy_refuses_are_linked(rng):
    from trackpy.linking.linking import Linker
    from trackpy.linking.utils import SubnetOversizeException

    rows = walks(rng, 1500, 4, 20, 0.1)
    linker = Linker(0.7, memory=2)
    linker.init_level(rows[rows[:, 0] == 0][:, 1:3], 0)
    with pytest.raises(SubnetOversizeException):
        linker.next_level(rows[rows[:, 0] == 1][:, 1:3], 1)
    tracks = link(spots_of(rows), PARAMS)
    assert purity(tracks) > 0.9


def test_a_gap_at_the_start_of_the_movie_and_frames_without_spots_are_no_obstacle():
    rows = [(t, 1.0 + 0.1 * t, 1.0, 1) for t in (7, 8, 9, 40, 41, 42)]
    assert link(spots_of(rows), PARAMS)["track_id"].tolist() == [1, 1, 1, 2, 2, 2]


def test_progress_is_told_to_the_end():
    from exotrack._blocks import Execution

    told = []
    rows = [(t, 1.0, 1.0, 1) for t in range(250)]
    link(spots_of(rows), PARAMS, Execution(progress=lambda *what: told.append(what)))
    assert told == [("link", 100, 250), ("link", 200, 250), ("link", 250, 250)]
