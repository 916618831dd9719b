"""How right the calls are on movies nothing was tuned on, by the definitions of ``exotrack score``.

``python tests/benchmarks/accuracy.py [MOVIES] [--write]`` simulates and analyses MOVIES (default 6) movies of each set and prints
the scores; ``--write`` puts them in docs/accuracy.md and between the accuracy marks of README.md.

The sets: a preset as it is (medium SNR), with seeds the training never drew; the reporting family of exotrack.simulate.vary:
other cameras, another point spread function, other pores, other ranges of everything; and movies of another simulator
(other_simulator.py).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import other_simulator
import pandas as pd

import exotrack
from exotrack._blocks import Execution
from exotrack.movie import Movie
from exotrack.params import preset
from exotrack.score import Evidence, Gates, Scores, score
from exotrack.simulate.presets import simulation
from exotrack.simulate.vary import vary
from exotrack.tables import Events

ROOT = Path(__file__).parents[2]
SETS = (
    *((name, family) for name in ("granule", "phluorin", "synapse") for family in ("as it is", "reporting")),
    *((name, "another simulator") for name in ("granule", "phluorin")),
)
KINDS = ("fusion_any", "full_fusion", "kiss_and_run", "docking", "undocking", "tethering")
SEED = 20261
MARKS = ("<!-- accuracy:begin -->", "<!-- accuracy:end -->")


def film(name: str, family: str, rng: np.random.Generator) -> tuple[Movie, pd.DataFrame]:
    """A movie of a set, and its true events but for those of the first and last frame."""
    if family == "another simulator":
        made = getattr(other_simulator, name)(rng)
        movie = Movie.from_array(made.pixels, pixel_um=made.pixel_um, frame_s=made.frame_s, movie_id=name)
        frame = np.floor(made.events["t_s"] / made.frame_s).astype(int)
        return movie, pd.concat([Events.empty(), made.events.assign(frame=frame, movie_id=name)], ignore_index=True)
    sim = simulation(name) if family == "as it is" else vary(simulation(name), rng, "reporting")
    truth = exotrack.simulate(sim, rng)
    inside = (truth.events["frame"] > 0) & (truth.events["frame"] < len(truth.movie) - 1)
    return truth.movie, truth.events[inside]


def pooled(name: str, family: str, movies: int) -> Scores:
    """Scores over `movies` movies; places are in pixels, so that one gate of 4 pixels fits all."""
    true, found, candidates, slowest = [], [], [], 0.0
    for k in range(movies):
        movie, events = film(name, family, np.random.default_rng([SEED, SETS.index((name, family)), k]))
        movie = replace(movie, movie_id=f"{name}{k}")
        result = exotrack.analyse(movie, preset(name), run=Execution(workers=2))
        looked = result.candidates.assign(t_s=result.candidates["t0_frame"] * movie.frame_s)
        for table, rows in ((true, events), (found, result.events), (candidates, looked)):
            places = {axis: rows[axis] / movie.pixel_um for axis in ("y_um", "x_um")}
            table.append(rows.assign(movie_id=movie.movie_id, **places))
        slowest = max(slowest, movie.frame_s)
        print(f"{name} {family} {k}: {movie.frame_s:.3f} s", flush=True)
    evidence = Evidence(candidates=pd.concat(candidates, ignore_index=True))
    events = (pd.concat(true, ignore_index=True), pd.concat(found, ignore_index=True))
    return score(*events, Gates.for_movie(1.0, slowest), evidence)


BOUTONS = (
    "At a synapse the truth counts vesicles, of which many fuse in one bouton within a frame, and a call is a bouton that "
    "brightens: there the precision tells how often a call is right, and the recall says little."
)


def table(scores: dict[str, Scores]) -> str:
    """Markdown: one row per set and kind."""
    lines = ["| set | kind | true | found | precision | recall | F1 [95 %] |", "|---|---|--:|--:|--:|--:|--:|"]
    for name, one in scores.items():
        for kind in KINDS:
            c = one[kind]
            # Dark vesicles dock unseen: only their fusions are called.
            # Nor does the other simulator say when vesicles docked.
            if kind in KINDS[:3] or (name.startswith("granule") and "another" not in name):
                low, high = c.f1_interval
                precision = f"{c.precision:.2f}" if c.n_found else "-"
                counts = f"{c.n_true} | {c.n_found} | {precision} | {c.recall:.2f}"
                lines.append(f"| {name} | {kind} | {counts} | {c.f1:.2f} [{low:.2f}, {high:.2f}] |")
    return "\n".join(lines)


def main(movies: int, write: bool) -> None:
    """Score every set, print, and write if wanted."""
    scores = {f"{name}, {family}": pooled(name, family, movies) for name, family in SETS}
    rest = "\n\n".join(f"{name}\n\n```\n{one.summary(counts=False)}\n```" for name, one in scores.items())
    intro = (
        f"Made by `python tests/benchmarks/accuracy.py {movies} --write`, exotrack {exotrack.__version__}: {movies} "
        "simulated movies a set, none used in training. "
        "Another simulator: `other_simulator.py` beside it, which shares no code with exotrack. "
        "Fusions count as found within 4 pixels and 0.3 s (synapse: a frame, 2 s), the others within 4 pixels and 0.8 s."
    )
    print(table(scores), rest, sep="\n\n")
    if write:
        (ROOT / "docs" / "accuracy.md").write_text(
            f"# Accuracy\n\n{intro} {BOUTONS}\n\n{table(scores)}\n\n## Measures and calibration\n\n{rest}\n"
        )
        readme = (ROOT / "README.md").read_text()
        shown = {name: one for name, one in scores.items() if not name.startswith("synapse")}
        head, tail = readme.split(MARKS[0])[0], readme.split(MARKS[1])[1]
        (ROOT / "README.md").write_text(f"{head}{MARKS[0]}\n{intro}\n\n{table(shown)}\n{MARKS[1]}{tail}")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(numbers[0] if numbers else 6, "--write" in sys.argv)
