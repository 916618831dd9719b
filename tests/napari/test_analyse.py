"""Parameters as a form, layers as movies, runs as commands: without a viewer."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

import exotrack
from exotrack._runs import sample
from exotrack.errors import InputError
from exotrack.params import PRESETS, Analysis, declared, preset, read_toml
from napari_exotrack._cluster import Order, write_params, write_study
from napari_exotrack._convert import movie_layer
from napari_exotrack._form_model import checked, fields, parsed, share_of, shown, slid, values_of
from napari_exotrack._preview_worker import spots_of
from napari_exotrack._process import Estimate
from napari_exotrack._source import OPENED, place_for_results, source_of, write_movie

CALIBRATED: dict[str, Any] = {"scale": (0.1, 0.107, 0.107), "units": ("s", "um", "um")}


def test_every_parameter_has_a_field_with_its_unit_limits_and_meaning() -> None:
    known = {key: (unit, default, about) for key, unit, default, about in declared(Analysis) if key != "preset"}
    assert {field.key: (field.unit, field.default, field.about) for field in fields()} == known
    kinds = {field.key: field.kind for field in fields()}
    assert "text" not in kinds.values()
    assert (kinds["detect.sigma_um"], kinds["protocol.nh4cl_s"], kinds["classify.stimulus_s"]) == ("number", "windows", "times")
    sigma = next(field for field in fields() if field.key == "detect.sigma_um")
    assert (sigma.low, sigma.high, sigma.open_low, sigma.label) == (0, 2, True, "sigma (µm)")


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_puts_into_the_form_comes_out_the_same(name: str) -> None:
    params = preset(name).updated({"protocol": {"nh4cl_s": [[5.0, 7.5]]}, "classify": {"stimulus_s": [1.0, 2.25]}})
    values = values_of(params)
    texts = {field.key: shown(field, values[field.key]) for field in fields()}
    again = {f.key: values[f.key] if f.kind in ("yes_no", "choice") else parsed(f, texts[f.key]) for f in fields()}
    assert checked(name, again) == (params, {})


def test_what_is_impossible_is_refused_with_the_reason() -> None:
    values = values_of(preset("granule")) | {
        "detect.sigma_um": -1.0,
        "link.min_spots": "three",
        "protocol.quench_s": [(5.0, 2.0)],
    }
    params, wrong = checked("granule", values)
    assert params is None
    assert set(wrong) == {"detect.sigma_um", "link.min_spots", "protocol.quench_s"}
    assert wrong["detect.sigma_um"] == "input should be greater than 0, found -1.0"
    assert "the first below the last" in wrong["protocol.quench_s"]


def test_sliders_stay_within_the_limits_and_find_their_value_again() -> None:
    for field in fields():
        if field.slides:
            for share in (0.0, 0.3, 1.0):
                value = slid(field, share)
                assert checked("granule", values_of(preset("granule")) | {field.key: value})[1] == {}
                assert share_of(field, value) == pytest.approx(share, abs=0.02)


def test_a_layer_from_a_file_is_analysed_from_the_file(tmp_path: Path) -> None:
    data, arguments, _ = movie_layer(exotrack.open_movie(sample("granule.tif")))
    layer = Image(data, **arguments, metadata={OPENED: {"path": str(sample("granule.tif")), "channel": 0}})
    source = source_of(layer)
    assert (source.path, source.opened) == (sample("granule.tif"), {"channel": 0})
    assert (source.pixel_um, source.frame_s) == (pytest.approx(0.107), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((100, 107, 107), ("ms", "nm", "nm"), (0.107, 0.1)),
        ((1, 1, 1), ("pixel", "pixel", "pixel"), (None, None)),
        ((1, 0.2, 0.2), ("pixel", "um", "um"), (0.2, None)),
        ((0.2, 0.2, 0.2), ("um", "um", "um"), (0.2, None)),
    ],
)
def test_calibration_is_read_with_its_unit_or_missing(scale: Any, units: Any, expected: Any) -> None:
    source = source_of(Image(np.zeros((3, 20, 20), np.uint16), scale=scale, units=units))
    assert (source.pixel_um, source.frame_s) == expected


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (None, "There is no image layer"),
        (Image(np.zeros((4, 20, 20, 3), np.uint8), rgb=True, name="photo"), r"photo is a colour picture \(RGB\)"),
        (Image(np.zeros((4, 2, 20, 20)), name="two"), "of one channel and one plane"),
        (Image(np.zeros((20, 20)), name="flat"), "a movie has frames, rows and columns"),
        (Image(np.zeros((1, 20, 20)), name="still"), "still has a single frame"),
    ],
)
def test_a_layer_that_is_no_movie_says_why(layer: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        source_of(layer)


def test_axes_of_length_one_are_no_matter() -> None:
    pixels = np.random.default_rng(1).integers(0, 99, (4, 1, 1, 20, 20), np.uint16)
    assert source_of(Image(np.moveaxis(pixels, 0, 2))).read(1, 3).shape == (2, 20, 20)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.int32])
def test_pixels_without_a_file_are_written_as_they_are(tmp_path: Path, dtype: Any) -> None:
    pixels = np.random.default_rng(1).integers(0, 200, (5, 32, 32)).astype(dtype)
    source = source_of(Image(pixels, name="mine"))
    movie = exotrack.open_movie(write_movie(source, tmp_path / "new" / "mine.tif", 0.11, 0.05))
    np.testing.assert_array_equal(movie.read(0, 5), pixels)
    assert (movie.pixel_um, movie.frame_s) == (pytest.approx(0.11), pytest.approx(0.05))


def test_the_preview_finds_what_detection_finds(tmp_path: Path) -> None:
    movie = exotrack.open_movie(sample("granule.tif"))
    np.save(tmp_path / "frames.npy", movie.read(20, 29))
    question = {"number": 1, "frames": str(tmp_path / "frames.npy"), "at": 4, "pixel_um": 0.107, "frame_s": 0.1}
    answer = spots_of(question | {"detect": {"sigma_um": 0.13}})
    found = exotrack.detect(movie, preset("granule").detect)
    whole = found[found["frame"] == 24][["y_um", "x_um"]].to_numpy() / 0.107
    near = [np.hypot(*(whole - spot).T).min() < 0.5 for spot in np.array(answer["spots"])]
    assert len(answer["spots"]) >= 0.8 * len(whole) > 5
    assert np.mean(near) > 0.9
    assert "sigma_um" in spots_of(question | {"detect": {"sigma_um": -1}})["error"]


def test_the_study_is_what_the_command_line_reads(tmp_path: Path) -> None:
    params = preset("phluorin").updated({"detect": {"sigma_um": 0.2}})
    study = write_study(
        tmp_path / "study", "mine", params, [tmp_path / "a" / "1.tif", tmp_path / "b" / "2.tif"], {"pixel_um": 0.1}
    )
    assert read_toml(study.with_name("mine.params.toml")) == params
    assert study.with_name("mine.csv").read_text().splitlines() == ["path,condition", "a/1.tif,", "b/2.tif,"]
    order = Order(tmp_path / "my cell.tif", tmp_path, write_params(params, tmp_path / "p.toml"), {"pixel_um": 0.1})
    assert shlex.split(order.command)[:3] == ["exotrack", "run", str(tmp_path / "my cell.tif")]


def test_progress_of_the_command_line_can_be_read() -> None:
    estimate = Estimate({"detect": 50, "classify": 50})
    assert estimate.left_s is None
    estimate.take("detect", 1, 2)
    assert estimate.share == 0.25
    estimate.take("another", 1, 2)
    estimate.take("classify", 1, 2)
    assert estimate.share == 0.75
    estimate._begun -= 30
    assert 9 < (estimate.left_s or 0) < 11
    assert estimate.words == "classify, about 10 s left"


def test_bars_write_lines_for_programs() -> None:
    code = "from exotrack._terminal import Bars\nwith Bars('x') as bars: bars('detect', 3, 7)"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={"EXOTRACK_PROGRESS": "lines", "PATH": ""})
    assert done.stderr == "exotrack: progress: detect 3 7\n"


def test_results_go_beside_the_movie_unless_nothing_should_be_written_there(tmp_path: Path) -> None:
    assert place_for_results(tmp_path / "a.tif") == tmp_path / "exotrack_results"
    for path in (None, sample("granule.tif"), tmp_path / "gone" / "a.tif"):
        assert place_for_results(path) == Path.home() / "exotrack_results"
