"""``exotrack demo``: the shipped movie, and a small simulated one with everything that a protocol can have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from exotrack import _runs, _terminal

if TYPE_CHECKING:
    from exotrack.pipeline import Result

SEED = 1
TIMES: dict[str, Any] = {"quench_s": [(8.0, 9.5)], "nh4cl_s": [(11.5, 13.0)], "exchange_s": 0.5}
STIMULUS_S = 4.0
SAMPLE: dict[str, dict[str, Any]] = {
    "field": {"height_px": 80, "width_px": 80, "n_frames": 145},
    "cell": {"cover": 0.9},
    "stage": {"drift_y_um_s": -0.01, "drift_x_um_s": 0.02},
    "bath": TIMES,
    "marker": {"share": 0.6, "shift_y_um": 0.1},
    "kinetics": {"docked_per_um2": 0.35, "fuse_per_s": 0.01, "stimulus_s": [STIMULUS_S], "stimulated_per_s": 0.5},
}
"""pH-sensitive vesicles under a drifting stage: a stimulus, acid, NH4Cl, and a marker in a second channel. Small, to be quick."""
CALIBRATION: dict[str, Any] = {"repeats": 1, "per_um2": 0.3, "apart_um": 1.0, "clear_um": 0.8}
"""One round, crowded: enough to show what a calibration says, too little to believe it."""


def demo(out: Path, workers: int | None, overwrite: bool, with_protocol: bool) -> None:
    """Analyse the shipped movie, and if wished the other too, into folders of `out` and say what was found."""
    from exotrack.io.atomic import check_place

    names = ("protocol", "granule") if with_protocol else ("granule",)
    places = {name: overwrite or _runs.made_by_demo(out / name) for name in names}
    for name, replacing in places.items():
        check_place(out / name, replacing)
    if with_protocol:
        protocol(out / "protocol", places["protocol"], workers)
    granule(out / "granule", places["granule"], workers)


def granule(folder: Path, overwrite: bool, workers: int | None) -> None:
    """Analyse the shipped movie and score it."""
    from exotrack.params import preset
    from exotrack.score import Evidence, Gates, load_scored, score

    true = load_scored(_runs.sample("granule_truth"))
    assert true.events is not None
    wishes = _runs.Wishes(workers=workers, overwrite=overwrite)
    result = _runs.run_one(_runs.sample("granule.tif"), folder, preset("granule"), wishes, demo=True)
    evidence = Evidence(len(result.movie), result.candidates)
    scores = score(true.events, result.events, Gates.for_movie(result.movie.pixel_um, result.movie.frame_s), evidence)
    typer.echo(f"found: {_runs.counted(result)}")
    typer.echo(f"against the simulated truth:\n{scores.summary()}")
    typer.echo(f"report: {folder / 'report.html'}")


def protocol(folder: Path, overwrite: bool, workers: int | None) -> None:
    """Simulate a movie with drift, solutions, a stimulus and a marker, analyse and calibrate it."""
    import numpy as np

    from exotrack._blocks import Execution
    from exotrack.calibrate import calibrate
    from exotrack.calibrate.settings import settings_for
    from exotrack.params import preset
    from exotrack.pipeline import analyse
    from exotrack.simulate import simulate, simulation

    truth = simulate(simulation("phluorin").updated(SAMPLE), np.random.default_rng(SEED))
    assert truth.marker is not None
    movie, marker = _held(truth.movie), _held(truth.marker)
    params = preset("phluorin").updated({"protocol": TIMES, "classify": {"stimulus_s": [STIMULUS_S]}})
    with _terminal.Bars(movie.movie_id) as bars:
        run = Execution(workers=workers, progress=bars)
        result = analyse(movie, params, marker=marker, run=run)
        settings = settings_for(params).updated({"calibrate": CALIBRATION})
        calibrated = calibrate(movie, settings, np.random.default_rng(SEED), untouched=result, run=run)
    result.noting(demo=True, rng=SEED).write(folder, overwrite=overwrite, calibrated=calibrated.tables)
    typer.echo(f"protocol (drift, stimulus, acid, NH4Cl, marker, calibration): {_fusions(result)} -> {folder / 'report.html'}")


def _held(movie: Any) -> Any:
    """The movie with its pixels in memory: simulated ones are rendered whenever they are read."""
    from exotrack.movie import Movie

    pixels = movie.read(0, len(movie))
    held = Movie.from_array(pixels, pixel_um=movie.pixel_um, frame_s=movie.frame_s, movie_id="protocol")
    return replace(held, sources=movie.sources, ceiling=movie.ceiling, notes=("simulated: exotrack demo",))


def _fusions(result: Result) -> str:
    kinds = result.events["kind"].value_counts()
    return f"{kinds.get('full_fusion', 0)} full fusion, {kinds.get('kiss_and_run', 0)} kiss and run"
