"""What is done stays done, what does not hold is redone and says why, and the tables come out the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from studied import run, small_movie, small_study, tables

from exotrack.batch.lock import Shard
from exotrack.batch.plan import plan
from exotrack.batch.run import How
from exotrack.batch.status import status
from exotrack.batch.store import store
from exotrack.batch.study import read_study
from exotrack.errors import InputError, TryAgainError
from exotrack.io import read_results
from exotrack.tables import Movies


@pytest.fixture(scope="module")
def done(scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of two movies, done; tests work on copies."""
    folder = tmp_path_factory.mktemp("done")
    ran, seen = run(small_study(folder), folder / "out", scheduler)
    assert [outcome.status for outcome in seen.outcomes] == ["done", "done"]
    assert (ran.done, ran.failed) == (2, {})
    return folder


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    """A copy of it at the same age."""
    shutil.copytree(done, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


def states(folder: Path, out: Path | None = None, **changes: object) -> dict[str, tuple[str, str]]:
    """State and reason of each movie."""
    items = plan(read_study(folder / "study.toml", changes), store(out or folder / "out"))
    return {item.entry.movie: (item.state, item.reason) for item in items}


def test_a_study_makes_a_folder_for_each_movie_a_dataset_and_a_summary(done: Path) -> None:
    out = done / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "dataset",
        "locks",
        "movies",
        "movies.csv",
        "movies.parquet",
        "study.json",
    ]
    assert list((out / "locks").iterdir()) == []
    results = read_results(out / "movies" / "a")
    assert results.provenance["design"] == {"condition": "ctrl"}
    assert results.provenance["input"]["path"] == str(done / "data" / "ctrl" / "a.tif")
    assert (out / "movies" / "a" / "report.html").is_file()
    movies = Movies.check(pd.read_parquet(out / "movies.parquet"))
    assert list(movies["movie_id"]) == ["a", "b"]
    assert list(movies["condition"]) == ["ctrl", "drug"]
    assert list(movies["n_docking"]) == [
        len(read_results(out / "movies" / n).tables["events"].query("kind == 'docking'")) for n in "ab"
    ]


def test_the_dataset_is_read_as_one_by_pandas_and_arrow(done: Path) -> None:
    from pyarrow import dataset

    for table in ("events", "spots", "traces", "candidates", "cells"):
        place = done / "out" / "dataset" / table
        whole = pd.read_parquet(place)
        parts = [read_results(done / "out" / "movies" / name).tables[table] for name in "ab"]
        assert len(whole) == sum(map(len, parts))
        assert set(whole["condition"].astype(str)) <= {"ctrl", "drug"}
        assert dataset.dataset(place, partitioning="hive").count_rows() == len(whole)
    one = done / "out" / "dataset" / "spots" / "condition=ctrl" / "movie=a" / "part-0.parquet"
    assert one.samefile(done / "out" / "movies" / "a" / "spots.parquet")


def test_a_folder_that_was_moved_whole_is_compared_and_kept(copy: Path, scheduler: str) -> None:
    assert set(states(copy).values()) == {("touched", "moved; its content is compared")}
    before = tables(copy / "out")
    _, seen = run(copy / "study.toml", copy / "out", scheduler)
    assert [outcome.status for outcome in seen.outcomes] == ["kept", "kept"]
    assert set(states(copy).values()) == {("done", "")}
    assert tables(copy / "out") == before


def test_reasons(done: Path, copy: Path) -> None:
    assert set(states(done).values()) == {("done", "")}
    assert states(done, classify={"confidence": 0.95})["a"] == ("stale", "parameters changed: classify.confidence 0.9 -> 0.95")
    study = (done / "study.toml").read_text()
    (done / "other.toml").write_text(study + "[open]\nframe_s = 0.2\n")
    items = plan(read_study(done / "other.toml"), store(done / "out"))
    assert (items[0].state, items[0].reason) == ("stale", "opened differently: frame_s None -> 0.2")
    stamp = copy / "out" / "movies" / "a" / "stamp.json"
    stamp.write_text(stamp.read_text().replace('"code": "', '"code": "0'))
    assert states(copy)["a"][1].startswith("exotrack changed (0")
    stamp.write_text("{")
    assert states(copy)["a"] == ("stale", "the results have no stamp that can be read")
    (copy / "out" / "movies" / "b" / "events.parquet").write_bytes(b"")
    assert states(copy)["b"] == ("stale", "events.parquet is missing or damaged")


def test_a_changed_movie_is_redone_and_one_only_touched_is_kept(copy: Path, scheduler: str) -> None:
    run(copy / "study.toml", copy / "out", scheduler)
    before = tables(copy / "out")
    os.utime(copy / "data" / "ctrl" / "a.tif", ns=(1, 1))
    small_movie(copy / "data" / "drug" / "b.tif", 4)
    assert {state for state, _ in states(copy).values()} == {"touched"}
    _, seen = run(copy / "study.toml", copy / "out", scheduler)
    assert {outcome.movie: outcome.status for outcome in seen.outcomes} == {"a": "kept", "b": "done"}
    after = tables(copy / "out")
    assert after["movies/a/spots.parquet"] == before["movies/a/spots.parquet"]
    assert after["movies/b/spots.parquet"] != before["movies/b/spots.parquet"]
    assert after["dataset/spots/condition=drug/movie=b/part-0.parquet"] == after["movies/b/spots.parquet"]


def test_another_condition_moves_a_movie_in_the_dataset_without_analysing_it(copy: Path, scheduler: str) -> None:
    run(copy / "study.toml", copy / "out", scheduler)
    table = "path,movie,condition\ndata/ctrl/a.tif,a,control\n"
    (copy / "movies.csv").write_text(table)
    (copy / "study.toml").write_text('preset = "granule"\n[movies]\ntable = "movies.csv"\n')
    ran, _ = run(copy / "study.toml", copy / "out", "nobody")
    assert ran.done == 0
    found = pd.read_parquet(copy / "out" / "dataset" / "frames")
    assert set(zip(found["condition"].astype(str), found["movie"].astype(str), strict=True)) == {("control", "a")}
    assert list(pd.read_csv(copy / "out" / "movies.csv")["condition"]) == ["control"]
    assert (copy / "out" / "movies" / "b").is_dir()  # what a person may want back is not deleted


def test_a_bad_movie_is_listed_and_the_others_are_done(copy: Path, scheduler: str) -> None:
    run(copy / "study.toml", copy / "out", scheduler)
    (copy / "data" / "drug" / "b.tif").write_text("no movie")
    (copy / "data" / "drug" / "gone.tif").symlink_to("nowhere")
    ran, seen = run(copy / "study.toml", copy / "out", scheduler)
    assert {outcome.movie: outcome.status for outcome in seen.outcomes} == {"b": "failed", "gone": "failed"}
    assert "the link points to nowhere, which does not exist" in ran.failed["gone"]
    assert "Traceback" in (copy / "out" / "logs" / "b.log").read_text()
    assert "b" not in set(pd.read_parquet(copy / "out" / "dataset" / "frames")["movie"].astype(str))
    found = status(store(copy / "out"))
    assert found.counts == {"done": 1, "failed": 2}
    assert found.plain()["movies"]["b"]["reason"] == ran.failed["b"]
    movies = pd.read_parquet(copy / "out" / "movies.parquet").set_index("movie_id")
    assert list(movies["status"]) == ["done", "failed", "failed"]
    (copy / "data" / "drug" / "gone.tif").unlink()
    small_movie(copy / "data" / "drug" / "b.tif", 1)
    ran, _ = run(copy / "study.toml", copy / "out", scheduler)
    assert (ran.done, ran.failed) == (1, {})
    assert not (copy / "out" / "failed").exists()
    assert not (copy / "out" / "logs").exists()


def test_shards_make_what_one_run_makes(done: Path, scheduler: str, tmp_path: Path) -> None:
    for index in (1, 2):
        ran, _ = run(done / "study.toml", tmp_path / "out", scheduler, How(Shard(index, 2)))
        assert ran.counts["done"] == index
    assert tables(tmp_path / "out") == tables(done / "out")


def test_a_folder_that_holds_no_study_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no study; give a folder that `exotrack batch` wrote"):
        status(store(tmp_path))
    (tmp_path / "study.json").write_text(json.dumps({"params": [{"detect": 1}]}))
    with pytest.raises(InputError, match=r"study\.json cannot be read"):
        status(store(tmp_path))


def test_a_full_disk_stops_a_study_which_then_goes_on(done: Path, scheduler: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", small], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        with pytest.raises(TryAgainError, match="disk is full"):
            run(done / "study.toml", small / "out", scheduler)
        assert {state for state, _ in states(done, small / "out").values()} <= {"new", "done"}
        assert not [path for path in small.rglob("*") if path.suffix in (".tmp", ".old")]
        subprocess.run(["mount", "-o", "remount,size=50m", small], check=True)
        run(done / "study.toml", small / "out", scheduler)
        assert tables(small / "out") == tables(done / "out")
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_movie_spread_over_workers_in_blocks_gives_the_same_tables(done: Path, scheduler: str, tmp_path: Path) -> None:
    ran, _ = run(done / "study.toml", tmp_path / "out", scheduler, How(Shard(1, 2), huge_bytes=0))
    assert ran.counts["done"] == 1
    part = {name: content for name, content in tables(done / "out").items() if "/a/" in name or "movie=a" in name}
    assert tables(tmp_path / "out") == part
