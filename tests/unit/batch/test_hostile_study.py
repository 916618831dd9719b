"""Studies that mean harm, disks that fail for a moment: one line for each movie, the others done, nothing written elsewhere."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from sources import modules
from studied import run, small_movie, small_study

from exotrack.errors import ExotrackError

HTML = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(2)</script>"


def claiming(path: Path, side: int) -> None:
    """A TIFF of a few bytes that declares frames of `side` x `side` pixels."""
    tags = [(256, side), (257, side), (258, 16), (259, 1), (262, 1), (273, 200), (277, 1), (279, 100)]
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + table + bytes(300))


def outside(folder: Path) -> dict[str, int]:
    """Everything below `folder` that is not a result, and when it was written."""
    found = (path for path in folder.rglob("*") if "out" not in path.relative_to(folder).parts)
    return {str(path): path.lstat().st_mtime_ns for path in found}


def test_movies_that_mean_harm_are_refused_in_a_line_each_and_the_good_one_is_done(scheduler: str, tmp_path: Path) -> None:
    data = tmp_path / "lab" / "data"
    small_movie(data / f"{HTML}.tif", 0)
    claiming(data / "claims.tif", 10**6)
    (data / "text.tif").write_text("=cmd()\n")
    (data / "loop.tif").symlink_to(data / "loop.tif")
    (data / "device.tif").symlink_to(data / "none.tif")
    names = (f"{HTML}.tif", "claims.tif", "text.tif", "loop.tif", "device.tif")
    rows = "".join(f'"data/{name}","{SCRIPT}"\n' for name in names if name != "loop.tif")
    (tmp_path / "lab" / "movies.csv").write_text(f"path,condition\n{rows}")
    (tmp_path / "lab" / "study.toml").write_text('preset = "granule"\n[movies]\ntable = "movies.csv"\n')
    before = outside(tmp_path)
    ran, _ = run(tmp_path / "lab" / "study.toml", tmp_path / "out", scheduler)
    assert outside(tmp_path) == before
    assert ran.done == 1
    assert set(ran.failed) == {"claims", "text", "device"}
    assert "declares frames of 1000000 x 1000000 pixels" in ran.failed["claims"]
    assert all("\n" not in reason for reason in ran.failed.values())
    (folder,) = (tmp_path / "out" / "movies").iterdir()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert HTML not in page
    assert SCRIPT not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    conditions = {path.name for path in (tmp_path / "out" / "dataset" / "frames").iterdir()}
    assert conditions == {"condition=%3Cscript%3Ealert(2)%3C%2Fscript%3E"}


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("../secret.tif,x", "leads outside"),
        ("loop.tif,x", "loop.tif: "),
        ("link/secret.tif,x", "leads outside"),
        ("a.tif," + "x" * 1000, "condition has 1000 characters, at most 100 are allowed"),
        ("a.tif,x\n" + "b.tif,y\n" * 500, "500 problems"),
    ],
)
def test_a_study_that_means_harm_is_refused_in_one_line_and_nothing_is_written(
    rows: str, text: str, scheduler: str, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    small_movie(lab / "a.tif", 0)
    (tmp_path / "secret.tif").write_bytes((lab / "a.tif").read_bytes())
    (lab / "loop.tif").symlink_to(lab / "loop.tif")
    (lab / "link").symlink_to(tmp_path)
    (lab / "movies.csv").write_text(f"path,condition\n{rows}\n")
    (lab / "study.toml").write_text('preset = "granule"\n[movies]\ntable = "movies.csv"\n')
    before = outside(tmp_path)
    with pytest.raises(ExotrackError) as caught:
        run(lab / "study.toml", tmp_path / "out", scheduler)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert outside(tmp_path) == before
    assert not (tmp_path / "out").exists()


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """A store whose first answers for each movie are errors of the network."""

    protocol = "sftp"
    store: dict[str, Any] = MemoryFileSystem.store
    failures: ClassVar[dict[str, int]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(str(path).replace("sftp://", "memory://")))

    def get_file(self, rpath: str, lpath: str, **options: Any) -> None:
        """Copy a file, the third time."""
        self.failures[rpath] = self.failures.get(rpath, 0) + 1
        if self.failures[rpath] < 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO), rpath)
        super().get_file(rpath, lpath, **options)


def test_an_error_of_the_network_that_passes_costs_nothing_but_time(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exotrack.batch.work.PAUSE_S", 0.01)
    study = small_study(tmp_path, ("ctrl/a",))
    fsspec.filesystem("memory").put(str(tmp_path / "data"), "/far/data", recursive=True)
    known = fsspec.get_filesystem_class("sftp") if "sftp" in fsspec.registry else None
    fsspec.register_implementation("sftp", Failing, clobber=True)
    try:
        study.write_text('preset = "granule"\n[movies]\nroot = "sftp://far"\npattern = "data/{condition}/{movie}.tif"\n')
        ran, _ = run(study, tmp_path / "out", scheduler)
    finally:
        if known is not None:
            fsspec.register_implementation("sftp", known, clobber=True)
    assert (ran.done, ran.failed) == (1, {})
    assert max(Failing.failures.values()) == 3


def test_nothing_of_exotrack_runs_what_a_file_says() -> None:
    import ast

    unsafe = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "yaml", "cloudpickle"}
    for name, tree in modules("exotrack").items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not unsafe & {alias.name.partition(".")[0] for alias in node.names}, name
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in unsafe, name
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "__import__"), name
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
                if isinstance(node.func.value, ast.Name) and node.func.value.id == "np":
                    assert [word.value.value for word in node.keywords if word.arg == "allow_pickle"] == [False], name  # type: ignore[attr-defined]
