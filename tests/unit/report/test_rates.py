"""Counts and their exact intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from exotrack import tables
from exotrack.report.rates import counts, poisson_interval


@pytest.mark.parametrize("count", [0, 1, 3, 10, 250])
def test_poisson_interval_is_garwoods(count):
    low, high = poisson_interval(count)
    assert low == pytest.approx(chi2.ppf(0.025, 2 * count) / 2 if count else 0.0)
    assert high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2)


def test_rates_count_only_events_inside_the_footprint(scene):
    events = scene.tables["events"].copy()
    events.loc[events["kind"] == "full_fusion", "cell_id"] = [1, 1, None]
    full = counts(events, scene.tables["candidates"], scene.tables["cells"])[0]
    cell = scene.tables["cells"].iloc[0]
    assert (full.called, full.in_cells) == (3, 2)
    assert full.rate == pytest.approx(2 / (cell.area_um2 / 1000) / (cell.observed_s / 60))
    assert full.low < full.rate < full.high


def test_expected_counts_a_happening_once(scene):
    candidates = scene.tables["candidates"]
    twin = candidates.head(1).assign(called="", reasons="duplicate")
    import pandas as pd

    both = tables.Candidates.build(pd.concat([candidates, twin], ignore_index=True))
    before = counts(scene.tables["events"], candidates, scene.tables["cells"])[0].expected
    assert counts(scene.tables["events"], both, scene.tables["cells"])[0].expected == pytest.approx(before)


def test_without_a_cell_there_is_no_rate(scene):
    found = counts(scene.tables["events"], scene.tables["candidates"], tables.Cells.empty())
    assert all(np.isnan(count.rate) for count in found)
    assert found[2].confident is None and found[0].confident is not None
