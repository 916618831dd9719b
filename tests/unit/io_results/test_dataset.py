"""One table of all movies of a study: rows, dtypes, categories, and what is asked for and not there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from populations import results

import exotrack
from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.io.results import read_table, write_table
from exotrack.stats import chosen, compare, gather
from exotrack.stats.design import Plan
from exotrack.tables import ALL, Movies

CONDITION = ("rest", "high K")
ORDER = ["m2", "m0", "m3", "m1"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four movies that are done, and two that are not: one never was, one is of other parameters now."""
    out = tmp_path_factory.mktemp("study")
    for k in range(4):
        results(out / "movies" / f"m{k}", "neuroendocrine_core", k, cells=1, inputs={"Ca": 1.0}, duration_s=6.0)
    rows = [
        {"movie_id": f"m{k}", "condition": CONDITION[k % 2], "animal_id": f"a{k // 2}", "status": "done", "input": f"m{k}.tif"}
        for k in (2, 0, 3, 1)
    ]
    late = {"condition": "never", "animal_id": "a9", "status": "new", "reason": "not analysed yet", "input": "x"}
    stale = {"movie_id": "old", "condition": "rest", "animal_id": "a9", "status": "stale", "input": "y"}
    table = Movies.build(pd.DataFrame([*rows, {"movie_id": "late", **late}, stale])).assign(day=["mon", "tue", *["mon"] * 4])
    write_table(table, Movies, out / "movies.parquet")
    return out


@pytest.mark.parametrize("table", ALL)
def test_every_table_comes_whole_with_its_dtypes_and_the_design(study: Path, table: type) -> None:
    found = exotrack.read_dataset(study, table.name)
    parts = [read_table(study / "movies" / name / f"{table.name}.parquet", table) for name in ORDER]
    assert list(found)[:4] == ["movie", "condition", "animal_id", "day"]
    bare = found.drop(columns=["movie", "condition", "animal_id", "day"])
    pd.testing.assert_frame_equal(table.check(bare), pd.concat(parts, ignore_index=True))
    assert found["movie"].astype(str).tolist() == [
        name for name, part in zip(ORDER, parts, strict=True) for _ in range(len(part))
    ]


def test_the_design_is_categories_that_know_movies_without_rows(study: Path) -> None:
    found = exotrack.read_dataset(study, "episodes")
    assert found["movie"].cat.categories.tolist() == sorted(ORDER)
    assert found["condition"].cat.categories.tolist() == sorted(CONDITION)
    assert found["day"].cat.categories.tolist() == ["mon", "tue"]
    told = found.groupby("movie", observed=True)["condition"].first()
    assert told.to_dict() == {"m0": "rest", "m1": "high K", "m2": "rest", "m3": "high K"}


def test_only_what_is_asked_for_is_read(study: Path) -> None:
    some = exotrack.read_dataset(study, "episodes", ["state", "n_frames"], ["rest", "high K"], Execution(workers=2))
    assert list(some) == ["movie", "condition", "animal_id", "day", "state", "n_frames"]
    assert some["condition"].cat.categories.tolist() == ["rest", "high K"]
    rest = exotrack.read_dataset(study, "episodes", ["state"], ["rest"])
    assert set(rest["movie"]) == {"m0", "m2"}
    assert rest["condition"].cat.categories.tolist() == ["rest"]
    assert len(exotrack.read_dataset(study, "episodes", conditions=["never"])) == 0


def test_a_column_that_came_later_is_missing_and_not_an_error(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "study"
    for name in ORDER:
        source = study / "movies" / name / "events.parquet"
        (copy / "movies" / name).mkdir(parents=True)
        (copy / "movies" / name / "events.parquet").write_bytes(source.read_bytes())
    (copy / "movies.parquet").write_bytes((study / "movies.parquet").read_bytes())
    old = copy / "movies" / "m2" / "events.parquet"
    pd.read_parquet(old).drop(columns=["diffusion_um2_s", "edited"]).to_parquet(old)
    with pytest.raises(InputError, match=r"table events: column edited is missing in some movies"):
        exotrack.read_dataset(copy, "events")
    found = exotrack.read_dataset(copy, "events", ["kind", "diffusion_um2_s"])
    assert found["diffusion_um2_s"].dtype == "float64"
    assert found.loc[found["movie"] == "m2", "diffusion_um2_s"].isna().all()


WRONG = {
    "table": (("evnts",), "a study has no table 'evnts'; did you mean 'events'?"),
    "column": (("events", ["kin"]), "table events: no column 'kin'; did you mean 'kind'?"),
    "condition": (("events", None, ["reste"]), "no condition 'reste'; did you mean 'rest'?"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_not_there_is_told_in_one_line(study: Path, fault: str) -> None:
    words, message = WRONG[fault]
    with pytest.raises(InputError) as caught:
        exotrack.read_dataset(study, *words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_study_and_damaged_tables_are_told_in_one_line(study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no study; give a folder that `exotrack batch` wrote"):
        exotrack.read_dataset(study / "movies" / "m0", "events")
    (tmp_path / "movies.parquet").write_bytes((study / "movies.parquet").read_bytes())
    with pytest.raises(InputError, match=r"m\d.events\.parquet: cannot be read"):
        exotrack.read_dataset(tmp_path, "events")


def test_statistics_take_the_design_from_the_study(study: Path) -> None:
    one = gather([study])
    assert one.units.groupby("movie_id")["condition"].first().to_dict() == {
        "m0": "rest", "m1": "high K", "m2": "rest", "m3": "high K"
    }  # fmt: skip
    found = compare(one, chosen(["docking_rate"]), Plan(), repeats=0)
    assert found.cluster_kind == "animal"
    assert json.loads((study / "movies" / "m0" / "provenance.json").read_text()).get("design") is None
    counted = exotrack.read_dataset(study, "events", ["kind"])
    dockings = counted[counted["kind"] == "docking"].groupby("condition", observed=True).size()
    assert dockings.sum() == found.tables["units"]["n_docking"].sum()
