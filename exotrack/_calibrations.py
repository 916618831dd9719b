"""``exotrack calibrate``: one movie with simulated events injected into it, through the pipeline, into a folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exotrack import _runs, _terminal

if TYPE_CHECKING:
    from exotrack.calibrate import Calibrated, Settings


def chosen_settings(
    preset: str | None, file: Path | None, stimulus_s: Sequence[float], changes: Sequence[str], repeats: int | None
) -> Settings:
    """The parameters of the analysis as `_runs.chosen_params` reads them, with those under ``calibrate`` besides."""
    from exotrack.calibrate.settings import Settings, settings_for
    from exotrack.params import preset as by_name

    settings = _runs.chosen_params(preset, file, stimulus_s, changes, lambda name: settings_for(by_name(name)))
    assert isinstance(settings, Settings)
    return settings if repeats is None else settings.updated({"calibrate": {"repeats": repeats}}, "--repeats")


def calibrate_one(path: Path, folder: Path, settings: Settings, seed: int, wishes: _runs.Wishes) -> str:
    """Open, calibrate and write one movie; returns what to say of it."""
    import numpy as np

    from exotrack._blocks import Execution
    from exotrack.calibrate import calibrate
    from exotrack.io.atomic import check_place

    check_place(folder, wishes.overwrite)
    movie, mask = _runs.opened(path, wishes)
    with _terminal.Bars(movie.movie_id) as bars:
        run = Execution(workers=wishes.workers, progress=bars)
        done = calibrate(movie, settings, np.random.default_rng(seed), mask=mask, run=run)
    done = done.noting(command=shlex.join(["exotrack", *sys.argv[1:]]), rng=seed, opened=_runs.opening(path, wishes))
    done.write(folder, overwrite=wishes.overwrite)
    return f"{movie.movie_id}: {said(done)} -> {folder / 'report.html'}"


def said(done: Calibrated) -> str:
    """How many fusions were found, in a line for people."""
    rows = done.recall[(done.recall["kind"] == "fusion_any") & (done.recall["n_injected"] > 0)]
    parts = [f"{len(done.injections)} injected in {done.settings.calibrate.repeats} rounds"]
    for part, words in (("as_found", "as bright as in the movie"), ("all", "of all brightness")):
        for row in rows[rows["part"] == part].itertuples():
            parts.append(f"{row.n_found} of {row.n_injected} fusions {words} found")
    return ", ".join(parts)
