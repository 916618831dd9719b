"""Patterns in space and time: what is exact, what is found, what is not claimed, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from populations import results
from typer.testing import CliRunner

from exotrack._blocks import Execution
from exotrack.cli import app
from exotrack.errors import InputError
from exotrack.io.mask import FOOTPRINT
from exotrack.io.results import read_table
from exotrack.stats import gather
from exotrack.stats.patterns import Window, compare_places, compare_sites, compare_times, follow, rate_map
from exotrack.stats.patterns._rank import at_least, departure
from exotrack.tables import PATTERNED, Events, Patterns, Responses, Sites

Real = NDArray[np.float64]


def crescent(side: int = 120) -> Window:
    """A footprint with a bay, 0.1 um a pixel."""
    y, x = np.mgrid[:side, :side]
    disc = (y - 58) ** 2 + (x - 58) ** 2 < 50**2
    return Window(disc & ((y - 40) ** 2 + (x - 70) ** 2 > 20**2), 0.1)


def test_the_area_shared_with_a_shifted_copy_is_that_of_a_rectangle() -> None:
    inside = np.zeros((60, 90), bool)
    inside[5:45, 10:70] = True  # 4 x 6 um
    window = Window(inside, 0.1)
    shifts = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -2.0], [-1.5, 2.5], [0.05, 0.0]])
    expected = (4.0 - np.abs(shifts[:, 0])) * (6.0 - np.abs(shifts[:, 1]))
    np.testing.assert_allclose(window.shared_um2(shifts), expected, rtol=1e-9)


def test_shared_area_is_that_of_counting_pixels_of_any_shape() -> None:
    window = crescent(200)  # keeps off the right and lower border by more than it moves
    for dy, dx in ((3, 7), (12, 30), (40, 5), (40, -5)):
        both = window.inside & np.roll(window.inside, (dy, dx), (0, 1))
        assert window.shared_um2(np.array([[dy * 0.1, dx * 0.1]]))[0] == pytest.approx(both.sum() * 0.01)


def test_a_large_footprint_is_looked_at_more_coarsely_with_the_same_answer() -> None:
    small = crescent()
    large = Window(np.kron(small.inside, np.ones((7, 7), bool)), 0.1 / 7)
    shifts = np.random.default_rng(0).uniform(-3, 3, (50, 2))
    np.testing.assert_allclose(large.shared_um2(shifts), small.shared_um2(shifts), atol=0.004 * small.area_um2)


def test_places_drawn_lie_in_the_footprint_and_fill_it_evenly() -> None:
    window = crescent()
    places = window.draw(np.random.default_rng(0), (40_000,))
    row, column = np.rint(places / 0.1).astype(int).T
    assert window.inside[row, column].all()
    upper = window.inside[:58].sum() / window.inside.sum()
    assert (row < 58).mean() == pytest.approx(upper, abs=0.01)


def test_ripley_without_edges_lost_is_pi_r_squared() -> None:
    window = crescent()
    rng = np.random.default_rng(1)
    found = compare_places(window.draw(rng, (60,)), window.draw(rng, (400, 60)), window)
    assert found.ripley_l_um[1:].mean(axis=0)[5:] == pytest.approx(found.distance_um[5:], rel=0.02)


def test_ripley_of_three_places_by_hand() -> None:
    window = Window(np.ones((101, 101), bool), 0.1)
    places = np.array([[5.0, 5.0], [5.0, 6.0], [5.0, 8.0]])
    found = compare_places(places, places[None], window)
    area, side = window.area_um2, 10.1
    weights = {1.0: 1 / (side * (side - 1)), 2.0: 1 / (side * (side - 2)), 3.0: 1 / (side * (side - 3))}
    for r, value in zip(found.distance_um, found.ripley_l_um[0], strict=True):
        k = area**2 / 6 * sum(2 * weight for apart, weight in weights.items() if apart <= r)
        assert value == pytest.approx(np.sqrt(k / np.pi), rel=1e-6)
    assert found.nearest_um[0] == pytest.approx((1 + 1 + 2) / 3)


def test_chunks_of_pairs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    window, rng = crescent(), np.random.default_rng(2)
    seen, null = window.draw(rng, (20,)), window.draw(rng, (30, 20))
    whole = compare_places(seen, null, window)
    monkeypatch.setattr("exotrack.stats.patterns.space.AT_ONCE", 500)
    parts = compare_places(seen, null, window)
    np.testing.assert_array_equal(whole.ripley_l_um, parts.ripley_l_um)
    np.testing.assert_array_equal(whole.nearest_um, parts.nearest_um)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_p_values_are_ranks(seed: int) -> None:
    curves = np.random.default_rng(seed).normal(size=(20, 5))
    p = [departure(np.roll(curves, k, axis=0)).p_value for k in range(20)]
    assert sorted(round(20 * one) for one in p) == list(range(1, 21))
    assert at_least(np.array([1.0, 1.0, 0.0, 2.0])) == 0.75


def clusters(window: Window, rng: np.random.Generator, n: int, of: int, sd_um: float) -> Real:
    parents = window.draw(rng, (n // of,))
    found: list[Real] = []
    while len(found) < n:
        place = parents[len(found) % len(parents)] + rng.normal(0, sd_um, 2)
        row, column = np.rint(place / window.pixel_um).astype(int)
        if 0 <= row < window.inside.shape[0] and 0 <= column < window.inside.shape[1] and window.inside[row, column]:
            found.append(place)
    return np.array(found)


def apart(window: Window, rng: np.random.Generator, n: int, least_um: float) -> Real:
    found = [window.draw(rng, ())]
    while len(found) < n:
        place = window.draw(rng, ())
        if np.hypot(*(np.array(found) - place).T).min() > least_um:
            found.append(place)
    return np.array(found)


def test_clusters_and_inhibition_are_found_with_their_sign() -> None:
    window, rng = crescent(), np.random.default_rng(3)
    tests = {"clustered": [], "apart": [], "random": []}
    for _ in range(20):
        for name, places in (
            ("clustered", clusters(window, rng, 30, 3, 0.4)), ("apart", apart(window, rng, 30, 0.8)),
            ("random", window.draw(rng, (30,))),
        ):  # fmt: skip
            tests[name].append(compare_places(places, window.draw(rng, (99, 30)), window).clustering)
    assert sum(one.p_value <= 0.05 and one.z > 0 for one in tests["clustered"]) >= 16
    assert sum(one.p_value <= 0.05 and one.z < 0 for one in tests["apart"]) >= 16
    assert sum(one.p_value <= 0.05 for one in tests["random"]) <= 5


def test_sites_are_places_joined_by_short_steps() -> None:
    places = np.array([[1.0, 1.0], [5.0, 5.0], [1.0, 1.2], [1.0, 1.45], [9.0, 9.0], [5.1, 5.0]])
    apart_all = np.arange(12.0).reshape(1, 6, 2)
    found = compare_sites(places, np.concatenate([apart_all, apart_all]), 0.3)
    assert found.site.tolist() == [0, 1, 0, 0, 2, 1]
    assert found.repeats.tolist() == [3, 0, 0]
    assert found.largest.tolist() == [3, 1, 1]
    assert found.p_repeats == pytest.approx(1 / 3)


def test_bursts_are_found_and_an_even_rate_is_not() -> None:
    rng = np.random.default_rng(4)
    bursts, even, trend = 0, 0, 0
    for _ in range(20):
        when = np.clip(np.repeat(rng.integers(0, 560, 5), 5) + rng.integers(0, 20, 25), 0, 599)
        found = compare_times(when, 600, 0.1, rng, 99).bursts
        bursts += found.p_value <= 0.05 and found.z > 0
        flat = compare_times(rng.integers(0, 600, 25), 600, 0.1, rng, 99)
        even += flat.bursts.p_value <= 0.05
        trend += compare_times((600 * rng.random(40) ** 2).astype(int), 600, 0.1, rng, 99).p_trend <= 0.05
    assert bursts >= 17
    assert even <= 4
    assert trend >= 17


def test_pairs_in_time_over_an_even_rate_are_one() -> None:
    rng = np.random.default_rng(5)
    found = compare_times(rng.integers(0, 300, 30), 300, 0.5, rng, 800)
    np.testing.assert_allclose(found.pairs[1:].mean(axis=0), 1.0, atol=0.03)
    assert found.lag_s[-1] == pytest.approx(37.5, abs=0.5)


def test_events_that_follow_their_neighbours_are_found_whatever_the_marginals() -> None:
    window, rng = crescent(), np.random.default_rng(6)
    places = clusters(window, rng, 30, 3, 0.3)
    chained = (np.arange(30) % 10) * 6.0 + rng.uniform(0, 1.0, 30)  # clusters are every tenth event, each with a time of its own
    assert follow(places, chained, window.reach_um, 10.0, rng, 199).p_value <= 0.01
    p = [follow(places, rng.permutation(chained), window.reach_um, 10.0, rng, 39).p_value for _ in range(20)]
    assert sum(one <= 0.05 for one in p) <= 4


def test_a_map_of_an_even_spread_is_flat_up_to_the_edge() -> None:
    window, rng = crescent(), np.random.default_rng(7)
    places = window.draw(rng, (60_000,))
    found = rate_map(places, window, 0.8, 10.0)
    true = 60_000 / window.area_um2 / 10.0
    assert np.isnan(found[~window.inside]).all()
    assert np.nanmin(found) > 0.9 * true
    assert np.nanmax(found) < 1.1 * true


def test_an_empty_footprint_is_refused() -> None:
    with pytest.raises(InputError, match="footprint is empty"):
        Window(np.zeros((4, 4), bool), 0.1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four movies of two cells with a stimulus."""
    folder = tmp_path_factory.mktemp("patterns")
    for k in range(4):
        results(
            folder / f"condition={'rest' if k % 2 else 'ca'}" / f"animal=a{k // 2}" / f"m{k}", "neuroendocrine_core", k,
            inputs={"Ca": 0.5}, duration_s=20.0, stimulus=(8.0, {"Ca": 2.0}),
        )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def out(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of them."""
    folder = tmp_path_factory.mktemp("stats") / "out"
    done = CliRunner().invoke(app, ["stats", str(study), "--patterns", "--out", str(folder), "--repeats", "20"])
    assert done.exception is None, done.output
    return folder


def test_the_command_writes_every_table_and_a_page(out: Path) -> None:
    for table in PATTERNED:
        table.check(read_table(out / f"{table.name}.parquet", table))
    patterns = read_table(out / "patterns.parquet", Patterns)
    assert set(patterns["kind"]) == {"fusion", "docking"}
    assert patterns["clustering_p"].dropna().between(1 / 200, 1).all()
    units = pd.read_parquet(out / "units.parquet")
    fusions = patterns[(patterns["kind"] == "fusion") & (patterns["null"] == "footprint")]
    assert units["near_pairs"].sum() == fusions["near_pairs"].sum()
    page = (out / "report.html").read_text()
    assert "Where and when" in page
    assert "Fusions before and after the first stimulus" in page
    assert page.count("Map of") >= 4


def test_the_course_after_a_stimulus_counts_every_fusion_once(study: Path, out: Path) -> None:
    course = read_table(out / "responses.parquet", Responses)
    fusions = sum(
        read_table(path, Events)["kind"].isin(["full_fusion", "kiss_and_run"]).sum() for path in study.rglob("events.parquet")
    )
    assert course["n_events"].sum() == fusions
    assert (course["from_s"] == 0).any()
    assert course["exposure"].sum() == pytest.approx(4 * 2 * 100.0 * 20.0)


def test_workers_and_order_change_nothing(study: Path) -> None:
    one, two = (gather([study], run=Execution(workers=n), seed=3) for n in (1, 2))
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])


def test_a_vesicle_that_flickers_is_no_site(tmp_path: Path) -> None:
    from exotrack.stats.patterns.cell import _by_the_same

    kinds = ["kiss_and_run", "full_fusion", "full_fusion", "kiss_and_run", "docking"]
    events = pd.DataFrame({"kind": kinds, "track_id": [1, 1, 1, 2, 1], "frame": [5, 9, 20, 3, 1]})
    assert _by_the_same(events).tolist() == [False, True, False, False, False]


def test_results_without_a_footprint_are_refused_in_one_line(study: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(study, copy)
    next(copy.rglob(FOOTPRINT)).unlink()
    done = CliRunner().invoke(app, ["stats", str(copy), "--patterns", "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, InputError)
    assert "run the movie again" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_sites_of_the_study_hold_two_events_or_more(out: Path) -> None:
    sites = read_table(out / "sites.parquet", Sites)
    assert len(sites)
    assert (sites["n_events"] >= 2).all()
