"""Dockings per area and time, from simulated stays of which some were missed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from docked import lives, record

from exotrack.errors import InputError
from exotrack.kinetics import Fit, Free, Problem, Scheme, Study
from exotrack.kinetics.arrivals import Arrivals, arrivals
from exotrack.kinetics.fit import fit
from exotrack.kinetics.likelihood import View
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.tables import InjectedStays

RATE, AREA, N, FRAME_S, LEAST = 0.02, 400.0, 600, 0.1, 3
VISITS = {"undocking": 0.4, "full_fusion": 0.1, "visitors": 0.4, "visitors_leave": 2.0}


def law(values: dict[str, float]) -> View:
    """Docked vesicles, and visitors that only leave."""
    exits = np.array([[values["undocking"], values["full_fusion"], 0.0], [values["visitors_leave"], 0.0, 0.0]])
    entry = np.array([1 - values["visitors"], values["visitors"]])
    return Scheme(-np.diag(exits.sum(axis=1)), exits, SEEN_EXITS, entry)


def seen(rng: np.random.Generator, short: float) -> tuple[Study, Fit]:
    """A movie in which a part `short` of the stays below half a second is missed, and the law of its stays."""
    n = rng.poisson(RATE * AREA * N * FRAME_S)
    stay, fate = lives(law(VISITS), n, rng)  # type: ignore[arg-type]
    came = rng.random(n) * N * FRAME_S
    table = record(
        came, stay, np.asarray(SEEN_EXITS)[fate], np.zeros(n, bool), rng, frame_s=FRAME_S, min_frames=LEAST, n_frames=N, cells=1
    )
    table = table[(table["duration_s"] >= 0.5) | (rng.random(len(table)) >= short)].reset_index(drop=True)
    cells = pd.DataFrame({"movie_id": ["movie"], "cell_id": [1], "area_um2": [AREA]})
    movies = pd.DataFrame({"movie_id": ["movie"], "frame_s": FRAME_S, "min_frames": LEAST, "movie_frames": N})
    free = (Free("undocking", start=0.4), Free("full_fusion", start=0.1), Free("visitors", 0.01, 0.95, "logit", "", 0.4),
            Free("visitors_leave", 0.3, 30.0, start=2.0))  # fmt: skip
    return Study(table, pd.DataFrame(), cells, movies), fit(Problem(law, free, sightings(table)), starts=1)


def calibration(short: float, n: int = 400) -> pd.DataFrame:
    """Injected dockings of which that part was missed, and none false."""
    length = np.repeat([0.4, 1.0, 3.0, 9.0], n // 4)
    found = np.where(length < 0.5, np.arange(n) % 100 >= 100 * short, True)
    return InjectedStays.build(pd.DataFrame({
        "injection_id": np.arange(n), "movie_id": "movie", "round": 1, "as_found": True, "crowded": False, "t_first_s": 1.0,
        "duration_s": length, "n_frames": (length / FRAME_S).astype(int), "entry_kind": "docking", "exit_kind": "undocking",
        "docking_found": found, "found": found, "found_frames": 9, "called": "undocking", "watched_s": 3.0, "n_undocking": 0,
        "n_full_fusion": 0, "n_kiss_and_run": 0, "n_lost": 0, "n_dockings": 0,
    }))  # fmt: skip


def test_dockings_that_were_too_short_or_missed_are_counted_in() -> None:
    rng, held, whole, bare = np.random.default_rng(3), 0, [], []
    for _ in range(4):
        study, best = seen(rng, 0.0)
        told = arrivals(study, best)
        whole.append(told.rate)
        bare.append(told.uncorrected)
        held += told.low <= RATE <= told.high
    assert np.mean(whole) == pytest.approx(RATE, rel=0.08) and held >= 3
    assert np.mean(bare) < 0.9 * RATE  # a third of the visits is too short to be recorded


def test_recall_and_false_dockings_are_corrected_by_the_calibration() -> None:
    study, best = seen(np.random.default_rng(4), 0.0)
    plain = arrivals(study, best)
    none, half = (arrivals(study, best, calibration(short)) for short in (0.0, 0.5))
    assert none.rate == pytest.approx(plain.rate, rel=1e-9) and half.rate > 1.05 * plain.rate
    assert half.recall < none.recall == 1.0
    broken = arrivals(study, best, calibration(0.0).assign(n_dockings=1, watched_s=100.0))
    assert broken.n_false == pytest.approx(0.01 * study.stays["duration_s"].sum())
    assert broken.rate == pytest.approx(plain.rate * (1 - broken.n_false / plain.n_found), rel=1e-6)
    settled = arrivals(study, best, part=lambda values: 1 - values["visitors"])
    assert isinstance(settled, Arrivals) and settled.rate == pytest.approx(plain.rate * (1 - best.values["visitors"]))
    few, many = (arrivals(study, best, calibration(0.5, n)) for n in (20, 4000))
    assert few.high - few.low > many.high - many.low


def test_cells_without_area_have_no_rate_of_dockings() -> None:
    study, best = seen(np.random.default_rng(5), 0.0)
    bare = Study(study.stays, study.events, study.cells.assign(area_um2=0.0), study.movies)
    with pytest.raises(InputError, match="no area"):
        arrivals(bare, best)
