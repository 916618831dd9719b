"""The record of where results come from."""

from __future__ import annotations

import hashlib
import json
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from exotrack.movie import ArrayFrames, Movie
from exotrack.params import preset
from exotrack.physics import Noise
from exotrack.provenance import Recorder, input_record, peak_memory_mb


@dataclass(frozen=True)
class FilesOnDisk(ArrayFrames):
    """Frames that know their files, as those of every reader do."""

    paths: tuple[str, ...] = ()


def movie(*paths: Path) -> Movie:
    return Movie(FilesOnDisk(np.zeros((3, 16, 16), np.uint16), tuple(map(str, paths))), 0.1, 0.05, sources={"pixel_um": "given"})


def test_a_file_is_known_by_its_size_and_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels" * 1000)
    assert input_record(movie(path)) == {
        "path": str(path),
        "files": 1,
        "bytes": 6000,
        "sha256": hashlib.sha256(b"pixels" * 1000).hexdigest(),
    }


def test_several_files_and_folders_have_the_checksum_that_the_shell_gives(tmp_path: Path) -> None:
    (tmp_path / "movie.zarr" / "0").mkdir(parents=True)
    for name in ("0/c0", "0/c1", "zarr.json"):
        (tmp_path / "movie.zarr" / name).write_text(name)
    record = input_record(movie(tmp_path / "movie.zarr"))
    assert isinstance(record, dict)
    script = 'for f in 0/c0 0/c1 zarr.json; do echo "$(sha256sum < $f | cut -d" " -f1)  $(basename $f)"; done | sha256sum'
    shell = subprocess.run(["sh", "-c", script], cwd=tmp_path / "movie.zarr", capture_output=True, text=True, check=True)
    assert record["sha256"] == shell.stdout.split()[0]
    assert (record["files"], record["bytes"]) == (3, 17)


def test_pixels_without_a_file_are_an_array() -> None:
    assert input_record(Movie.from_array(np.zeros((3, 16, 16)), pixel_um=0.1, frame_s=0.05)) == "array"


def test_the_record_is_plain_and_complete() -> None:
    recorder = Recorder()
    with recorder.stage("detect"):
        pass
    record = recorder.record(movie(), preset("phluorin"), Noise(2.0, -180.0, "given"))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["movie"]["sources"] == {"pixel_um": "given"}
    assert record["noise"] == {"slope": 2.0, "intercept": -180.0, "source": "given"}
    assert record["params"]["classify"]["cargo"] == "ph_sensitive"
    assert record["versions"]["numpy"] == np.__version__
    assert record["started"] <= record["finished"]


def test_no_path_of_the_machine_but_the_input(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"1")
    record = Recorder().record(movie(tmp_path / "a.tif"), preset("granule"), Noise(1.0, 0.0))
    text = json.dumps(record).replace(str(tmp_path / "a.tif"), "")
    assert str(Path.home()) not in text
    assert str(Path(__file__).parents[2]) not in text


def test_warnings_of_a_stage_are_kept_once_and_not_shown() -> None:
    recorder = Recorder()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        for _ in range(2):
            with recorder.stage("link"):
                warnings.warn("two spots share a place", UserWarning, stacklevel=1)
    assert shown == []
    assert recorder.warnings == ["link: UserWarning: two spots share a place"]


def test_a_stage_that_fails_says_so() -> None:
    with pytest.raises(ValueError, match="broken"), Recorder().stage("link"):
        raise ValueError("broken")


def test_peak_memory_sees_what_was_held() -> None:
    before = peak_memory_mb()
    held = np.ones(60_000_000, np.uint8)
    assert peak_memory_mb() >= before
    assert peak_memory_mb() > held.nbytes / 1e6
