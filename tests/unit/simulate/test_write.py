"""A written simulation reads back as it was; nothing half-written stays; the shipped samples are what make.py makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import tifffile
from pyarrow import parquet

from exotrack.errors import OutputError, ParameterError
from exotrack.simulate import read_simulation, simulate, simulation, write_truth
from exotrack.simulate.write import write_movie

SAMPLES = Path(__file__).parents[3] / "sample_data"
SMALL = {"field": {"height_px": 48, "width_px": 64, "n_frames": 30}, "kinetics": {"fuse_per_s": 0.3}}


def test_a_written_simulation_reads_back_as_it_was(tmp_path: Path) -> None:
    truth = simulate(simulation("granule").updated(SMALL), np.random.default_rng(1))
    told: list[int] = []
    write_truth(truth, tmp_path / "out", progress=lambda done, total: told.append(done))
    with tifffile.TiffFile(tmp_path / "out" / "movie.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), truth.movie.read(0, 30))
        assert tif.series[0].axes == "TYX"
        assert 'PhysicalSizeX="0.107"' in str(tif.ome_metadata)
        assert 'TimeIncrement="0.1"' in str(tif.ome_metadata)
    for name in ("spots", "tracks", "episodes", "events", "cells"):
        table = getattr(truth, name)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / f"{name}.parquet"), table)
        assert len(pd.read_csv(tmp_path / "out" / f"{name}.csv")) == len(table)
    assert read_simulation(tmp_path / "out" / "simulation.toml") == truth.params
    assert told == list(range(1, 31))
    assert not list((tmp_path / "out").glob(".*"))


def test_an_imagej_hyperstack_says_pixel_and_interval(tmp_path: Path) -> None:
    truth = simulate(simulation("phluorin").updated(SMALL), np.random.default_rng(1))
    write_movie(truth.movie, tmp_path / "m.tif", imagej=True)
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        assert tif.imagej_metadata is not None
        assert tif.imagej_metadata["unit"] == "um"
        assert tif.imagej_metadata["finterval"] == pytest.approx(0.1)
        over, under = tif.pages[0].tags["XResolution"].value  # type: ignore[union-attr]
        assert under / over == pytest.approx(0.107)
        np.testing.assert_array_equal(tif.asarray(), truth.movie.read(0, 30))


def test_a_folder_that_holds_a_simulation_is_not_overwritten(tmp_path: Path) -> None:
    truth = simulate(simulation("granule").updated(SMALL), np.random.default_rng(1))
    write_truth(truth, tmp_path)
    with pytest.raises(OutputError, match=r"already holds movie\.tif"):
        write_truth(truth, tmp_path)
    write_truth(truth, tmp_path, overwrite=True)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    truth = simulate(simulation("granule").updated(SMALL), np.random.default_rng(1))
    with pytest.raises(OutputError, match="cannot be written"):
        write_truth(truth, tmp_path / "file" / "out")


def test_an_interrupted_write_leaves_no_movie(tmp_path: Path) -> None:
    truth = simulate(simulation("granule").updated(SMALL), np.random.default_rng(1))

    def stop(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_truth(truth, tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_simulation_file_with_an_unknown_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "simulation.toml"
    path.write_text('preset = "granule"\n[camera]\ngains = 2.0\n')
    with pytest.raises(ParameterError, match=r"camera\.gains: unknown parameter; did you mean 'gain'"):
        read_simulation(path)
    with pytest.raises(ParameterError, match="cannot be read"):
        read_simulation(tmp_path / "absent.toml")


def _make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_make", SAMPLES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["granule", "phluorin"])
def test_the_shipped_samples_are_what_make_py_makes(name: str) -> None:
    truth = _make().sample(name)
    assert (SAMPLES / f"{name}.tif").stat().st_size < 2_000_000
    shipped = tifffile.imread(SAMPLES / f"{name}.tif")
    assert shipped.shape == truth.movie.shape
    # Rounding of the last bit may differ between builds of numpy and scipy, so a few pixels may differ by a count.
    assert (shipped[::40] == truth.movie.read(0, len(truth.movie))[::40]).mean() > 0.99
    events = pd.read_parquet(SAMPLES / f"{name}_truth" / "events.parquet")
    assert events["kind"].tolist() == truth.events["kind"].tolist()
    np.testing.assert_allclose(events["t_s"], truth.events["t_s"])
    field = parquet.read_schema(SAMPLES / f"{name}_truth" / "events.parquet").field("t_s")
    assert field.metadata[b"unit"] == b"s"
    seen = events[events["visible"]]["kind"].value_counts()
    assert seen[["full_fusion", "kiss_and_run"]].min() >= 5
    assert seen[["docking", "undocking"]].min() >= 3
