"""Files and folders appear complete or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exotrack.errors import OutputError, TryAgainError
from exotrack.io.atomic import atomic_file, atomic_folder


def test_a_file_appears_complete_and_alone(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.parent == tmp_path
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "new")]


@pytest.mark.parametrize("interruption", [ValueError("broken"), KeyboardInterrupt()])
def test_an_interrupted_file_leaves_the_old_one(tmp_path: Path, interruption: BaseException) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(type(interruption)), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise interruption
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


@pytest.mark.parametrize("interruption", [ValueError("broken"), KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupted_folder_leaves_nothing(tmp_path: Path, interruption: BaseException) -> None:
    with pytest.raises(type(interruption)), atomic_folder(tmp_path / "out" / "movie") as temporary:
        (temporary / "half.csv").write_text("1")
        raise interruption
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_overwrite_leaves_the_old_results(tmp_path: Path) -> None:
    _results(tmp_path / "movie", "old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "movie", overwrite=True) as temporary:
        (temporary / "a.csv").write_text("half")
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["movie"]
    assert (tmp_path / "movie" / "a.csv").read_text() == "old"


def test_existing_results_are_refused_and_the_flag_is_named(tmp_path: Path) -> None:
    _results(tmp_path / "movie", "old")
    with pytest.raises(OutputError, match=r"movie: already holds files.*--overwrite"), atomic_folder(tmp_path / "movie"):
        pytest.fail("the work began before the refusal")
    assert (tmp_path / "movie" / "a.csv").read_text() == "old"


def test_overwriting_replaces_the_whole_folder(tmp_path: Path) -> None:
    _results(tmp_path / "movie", "old")
    with atomic_folder(tmp_path / "movie", overwrite=True) as temporary:
        assert (tmp_path / "movie" / "a.csv").read_text() == "old"
        (temporary / "b.csv").write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["movie"]
    assert [file.name for file in (tmp_path / "movie").iterdir()] == ["b.csv"]


def test_an_empty_folder_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "movie").mkdir()
    with atomic_folder(tmp_path / "movie") as temporary:
        (temporary / "a.csv").write_text("new")
    assert (tmp_path / "movie" / "a.csv").read_text() == "new"


@pytest.mark.parametrize("make", [atomic_folder, atomic_file])
def test_a_full_disk_means_try_again(tmp_path: Path, make: type) -> None:
    with pytest.raises(TryAgainError, match=r"the disk is full .*run the same command again"), make(tmp_path / "movie"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "movie").write_text("not a folder")
    with pytest.raises(OutputError, match="movie: is a file or a link, not a folder"), atomic_folder(tmp_path / "movie"):
        pytest.fail("the work began before the refusal")
    with (
        pytest.raises(OutputError, match="movie is a file, not a folder"),
        atomic_folder(tmp_path / "movie" / "below"),
    ):
        pytest.fail("the work began before the refusal")


def test_an_unwritable_parent_is_refused_before_the_work(tmp_path: Path) -> None:
    # Root may write anywhere, so root tries it as nobody; the modules are loaded before the rights are given up.
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    code = (
        "import os, sys\n"
        "from exotrack.io.atomic import atomic_folder\n"
        "os.chdir(sys.argv[1])\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "with atomic_folder('locked/out'): print('the work began')\n"
    )
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:
        if above.name.startswith(("pytest-", "popen-")):  # pytest's own folders, closed to others
            above.chmod(0o711)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "the work began" not in done.stdout
    assert f"{locked} cannot be written (permission denied); choose another place with --out" in done.stderr


def test_a_refusal_by_the_system_is_explained(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"movie: cannot be written \(.*\); choose another place with --out"),
        atomic_folder(tmp_path / "movie"),
    ):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _results(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "a.csv").write_text(text)


def test_a_name_as_long_as_the_file_system_takes_can_be_written(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / ("µ" * 127)) as temporary:
        (temporary / "a.csv").write_text("new")
    assert [folder.name for folder in tmp_path.iterdir()] == ["µ" * 127]
