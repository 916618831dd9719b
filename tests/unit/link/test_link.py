"""link on walks whose owners are known, against trackpy itself, where trackpy gives up, and inside gaps."""

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


def seen(tracks):
    return tracks[tracks["observed"]]


def purity(tracks):
    """Share of consecutive spots of a track that have the same true owner."""
    same = seen(tracks).groupby("track_id")["amplitude"].diff().dropna() == 0
    return same.mean()


def test_follows_walks_through_gaps_without_mixing_them_up(rng):
    rows = walks(rng, 100, 60, 51.2, 0.1, missed=0.1)
    tracks = link(spots_of(rows), PARAMS)
    Tracks.check(tracks)
    assert purity(tracks) > 0.995
    assert len(seen(tracks)) > 0.98 * len(rows)
    assert tracks["track_id"].nunique() < 125


def test_a_docked_vesicle_that_is_missed_now_and_then_stays_one_track(rng):
    frames = [t for t in range(200) if t % 7 not in (2, 3)]
    rows = [(t, 5 + rng.normal(0, 0.03), 5 + rng.normal(0, 0.03), 1) for t in frames]
    tracks = link(spots_of(rows), PARAMS)
    assert tracks["track_id"].tolist() == [1] * 198
    assert seen(tracks)["frame"].tolist() == frames


def test_a_longer_gap_ends_the_track():
    rows = [(t, 1.0, 1.0, 1) for t in [0, 1, 2, 5, 6, 7, 11, 12, 13]]
    assert seen(link(spots_of(rows), PARAMS))["track_id"].tolist() == [1] * 6 + [2] * 3


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


def test_mixes_up_fewer_than_trackpy_does(rng):
    from trackpy.linking.linking import Linker

    rows = walks(rng, 120, 30, 12, 0.25, missed=0.05)
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    linker, numbers = Linker(0.7, memory=2, link_strategy="nonrecursive"), []
    for t in range(30):
        places = rows[rows[:, 0] == t][:, 1:3]
        linker.init_level(places, t) if t == 0 else linker.next_level(places, t)
        numbers += linker.particle_ids
    theirs = spots_of(rows).assign(track_id=numbers, observed=True).sort_values(["track_id", "frame"])
    ours = link(spots_of(rows), LinkParams(max_step_um=0.7, max_gap_frames=2, min_spots=1))
    assert purity(ours) > purity(theirs)
    assert len(seen(ours)) == len(theirs)


def test_where_nothing_rivals_the_links_are_those_of_trackpy(rng):
    from exotrack.link._costs import Costs
    from exotrack.link._isolated import isolated_links

    rows = walks(rng, 30, 40, 40, 0.1)
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    edges, places = np.searchsorted(rows[:, 0], np.arange(41)), np.ascontiguousarray(rows[:, 1:3])
    leader, led = isolated_links(edges, places, Costs.of(edges, places, 0.7))
    assert len(leader) > 0.8 * len(rows)
    assert (rows[leader, 3] == rows[led, 3]).all()


def test_inside_gaps_a_track_goes_on_with_places_but_no_measures():
    rows = [(t, 1.0 + 0.1 * t, 1.0, 7) for t in (0, 1, 2, 5, 6)]
    tracks = link(spots_of(rows).assign(y_sd_um=0.02, x_sd_um=0.02, snr=6.0), PARAMS)
    assert tracks["observed"].tolist() == [True, True, True, False, False, True, True]
    assert tracks["y_um"].tolist() == pytest.approx([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    assert tracks["t_s"].tolist() == pytest.approx(np.arange(7) * 0.1)
    assert tracks.loc[~tracks["observed"].astype(bool), ["amplitude", "background", "snr"]].isna().all(axis=None)
    assert tracks["y_sd_um"].iloc[3] > 0.02 * 0.7


def test_a_gap_is_bridged_over_a_longer_way_than_one_step_may_take(rng):
    steps = np.array([0, 0.3, 0.6, 1.5, 1.8, 2.1])
    rows = [(t, y, 5.0, 1) for t, y in zip((0, 1, 2, 5, 6, 7), steps, strict=True)]
    assert link(spots_of(rows), LinkParams(max_step_um=0.7, max_gap_frames=2))["track_id"].nunique() == 1
    assert link(spots_of(rows), LinkParams(max_step_um=0.45, max_gap_frames=2))["track_id"].nunique() == 2


def test_directed_motion_tells_carriers_apart_that_pass_each_other(rng):
    rows = []
    for k in range(60):
        start, speed = rng.uniform(0, 10, 2), 0.35 * np.array([np.cos(k), np.sin(k)])
        rows += [(t, *(start + t * speed + rng.normal(0, 0.02, 2)), k + 1) for t in range(25)]
    plain = link(spots_of(rows), LinkParams(max_step_um=0.7))
    directed = link(spots_of(rows), LinkParams(max_step_um=0.7, directed=True))
    assert 1 - purity(directed) < 0.5 * (1 - purity(plain)) < 0.1


def test_sections_of_a_stack_link_like_frames(rng):
    places = rng.uniform(0, 3, (20, 2))
    rows = [(z, *(places[k] + rng.normal(0, 0.01, 2)), k + 1) for z in range(8) for k in range(20) if (z + k) % 6]
    tracks = link(spots_of(rows), LinkParams(max_step_um=0.15, max_gap_frames=1, min_spots=2))
    assert purity(tracks) == 1.0
    assert tracks["track_id"].nunique() == 20


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
    rows = [(t, 1.0, 1.0, 1) for t in range(150)]
    link(spots_of(rows), PARAMS, Execution(progress=lambda *what: told.append(what)))
    assert told == [("link", 64, 150), ("link", 128, 150), ("link", 150, 150)]
