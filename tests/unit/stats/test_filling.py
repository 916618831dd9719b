"""Filling of vesicles in electron micrographs, before and after secretion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exotrack.errors import InputError
from exotrack.io.results import write_table
from exotrack.stats import Design, Plan, chosen, compare, gather_filling
from exotrack.stats.filling import counts
from exotrack.tables import Vesicles


def vesicles(name: str, full: int, partial: int, empty: int) -> pd.DataFrame:
    """The table of an image, with two vesicles besides that do not count."""
    filling = ["full"] * full + ["partial"] * partial + ["empty"] * empty + ["unresolved", "empty"]
    cut = np.arange(len(filling)) == len(filling) - 1
    rows = {"image_id": name, "vesicle_id": range(1, len(filling) + 1), "touches_border": cut, "filling": filling}
    return Vesicles.build(rows)


def test_only_whole_vesicles_of_known_filling_count() -> None:
    row = counts(vesicles("a", 5, 3, 2)).iloc[0]
    assert (row["n_full"], row["n_partial"], row["n_empty"]) == (5, 3, 2)
    with pytest.raises(InputError, match="image b has no whole vesicle of known filling"):
        counts(vesicles("b", 0, 0, 0))


def test_more_partly_empty_vesicles_after_secretion_are_found(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), {}
    for when, share in (("before", (0.8, 0.15, 0.05)), ("after", (0.4, 0.4, 0.2))):
        for k in range(6):
            name = f"{when}{k}"
            (tmp_path / name).mkdir()
            write_table(vesicles(name, *rng.multinomial(60, share)), Vesicles, tmp_path / name / "vesicles.parquet")
            (tmp_path / name / "provenance.json").write_text("{}")
            rows[name, ""] = {"condition": when, "cell": f"c{when}{k // 2}"}
    study = gather_filling([tmp_path], Design(("condition", "cell"), rows))
    found = compare(study, chosen([], filling=True), Plan(nested="cell"), repeats=50)
    effects = found.tables["effects"].set_index("measure")
    assert found.groups == ("before", "after")
    assert effects.loc["partial_fraction", "low"] > 1
    assert effects.loc["full_fraction", "high"] < 1
    assert effects["n_clusters_group"].eq(3).all()
    share = found.tables["summaries"].query("measure == 'partial_fraction' and group == 'after'")["value"].iloc[0]
    assert share == pytest.approx(0.4, abs=0.06)
