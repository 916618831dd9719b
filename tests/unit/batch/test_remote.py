"""Movies and results at a URL: here in the memory of the process, where its worker is too."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from studied import CSV, Seen, run, small_movie, small_study

from exotrack.batch.cluster import Wanted
from exotrack.batch.plan import plan
from exotrack.batch.run import How, run_study
from exotrack.batch.store import store
from exotrack.batch.study import read_study
from exotrack.errors import InputError, OutputError


def test_a_study_goes_from_url_to_url_as_from_folder_to_folder(scheduler: str, tmp_path: Path) -> None:
    study = small_study(tmp_path, ("ctrl/a",))
    run(study, tmp_path / "here", scheduler)
    files = fsspec.filesystem("memory")
    files.put(str(tmp_path / "data"), "/study/data", recursive=True)
    study.write_text('preset = "granule"\n[movies]\nroot = "memory://study"\npattern = "data/{condition}/{movie}.tif"\n')
    read = read_study(study)
    assert read.movies[0].source == "memory://study/data/ctrl/a.tif"
    seen = Seen()
    ran = run_study(read, "memory://results/out", Wanted(scheduler), How(), seen)
    assert (ran.done, ran.failed) == (1, {})
    for table in CSV:
        content = files.cat_file(f"/results/out/movies/a/{table}.parquet")
        assert content == (tmp_path / "here" / "movies" / "a" / f"{table}.parquet").read_bytes()
        assert files.cat_file(f"/results/out/dataset/{table}/condition=ctrl/movie=a/part-0.parquet") == content
    assert [item.state for item in plan(read, store("memory://results/out"))] == ["done"]
    files.put(str(small_movie(tmp_path / "other.tif", 3)), "/study/data/ctrl/a.tif")
    assert [item.state for item in plan(read, store("memory://results/out"))] == ["touched"]
    files.rm("/study/data/ctrl/a.tif")
    ran = run_study(read, "memory://results/out", Wanted(scheduler), How(), seen)
    assert list(ran.failed) == ["a"]
    assert "no such file" in ran.failed["a"]
    assert not files.exists("/results/out/dataset/cells/condition=ctrl/movie=a/part-0.parquet")
    assert files.ls("/results/out/locks") == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("memory://study/../secret.tif", "leads outside memory://study"),
        ("../secret.tif", "leads outside memory://study"),
        ("memory://studyelse/a.tif", "leads outside memory://study"),
        ("simplecache::memory://study/a.tif", "leads outside memory://study"),
    ],
)
def test_no_url_leads_outside_the_root(path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text(f"path\n{path}\n")
    study = tmp_path / "study.toml"
    study.write_text('preset = "granule"\n[movies]\nroot = "memory://study"\ntable = "movies.csv"\n')
    with pytest.raises(InputError, match=text):
        read_study(study)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(InputError, match="addresses of kind 'gopher' are not read"):
        store("gopher://somewhere/out")
    with pytest.raises(InputError, match=r"pip install (gcsfs|adlfs)|cannot be reached"):
        store("abfs://somewhere/out")


def test_a_store_is_no_file_and_no_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        store(tmp_path / "file")
    with pytest.raises(OutputError, match="is a link that leads nowhere"):
        store(tmp_path / "link")
