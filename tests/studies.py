"""Simulated studies: cells nested in animals, with a known effect on how often, which kind, how long and how fast.

Everything varies between animals and, more, between cells, by log-normal (of odds: logit-normal) factors. Vesicles of a cell are
then independent, so that what a test on vesicles gets wrong is that it forgets cells and animals, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.stats import Gathered
from exotrack.tables import Units

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """A study: `animals` a condition (or in all, if `paired`), `cells` of each, effects as ratios, spreads of logs.

    animal_sd, cell_sd : between animals, and between cells of one. apart_sd : how much the effect differs between animals (of a
    paired study). uneven : some animals have fewer cells. day : factor of everything on the second of two days, on which three of
    four treated animals were seen and one of four controls; 1: no days. genotypes : every other animal is a knock-out, and the
    effect is in these only.
    """

    effect: float = 1.0
    animals: int = 5
    cells: int = 6
    animal_sd: float = 0.3
    cell_sd: float = 0.5
    apart_sd: float = 0.15
    paired: bool = False
    uneven: bool = False
    fusions: float = 20.0
    stays: float = 25.0
    day: float = 1.0
    genotypes: bool = False


@dataclass(frozen=True, eq=False)
class Vesicles:
    """The vesicles of both conditions, for tests that forget where they come from: `group` (n,) of each and its value."""

    decay_group: NDArray[np.intp]
    log_decay: Real
    kissed: tuple[int, int]
    fused: tuple[int, int]
    exposure: tuple[float, float]
    stay_group: NDArray[np.intp]
    stay_s: Real


def study(rng: np.random.Generator, design: Design) -> tuple[Gathered, Vesicles]:
    """Draw a study. The effect acts on the rate, on the odds of a kiss-and-run, on the decay and on the rate of leaving."""
    group, animal = _places(rng, design)
    n, effect = len(group), np.log(design.effect)
    place = animal if design.paired else animal % design.animals
    late = (place % 4 == 0) != (group == 1)
    knocked = place % 2 == 1 if design.genotypes else np.ones(n, dtype=bool)

    def level() -> Real:
        both = rng.normal(0, design.animal_sd, animal.max() + 1)[animal] + rng.normal(0, design.cell_sd, n)
        apart = rng.normal(0, design.apart_sd, animal.max() + 1)[animal] * group if design.paired else 0.0
        return np.asarray(both + apart + effect * group * knocked + np.log(design.day) * late)

    area = np.exp(rng.normal(np.log(150.0), 0.35, n))
    exposure = area * 60.0
    fusions = rng.poisson(design.fusions * exposure / (150.0 * 60.0) * np.exp(level()))
    kisses = rng.binomial(fusions, 1.0 / (1.0 + np.exp(1.0 - level())))
    cell_of = np.repeat(np.arange(n), fusions)
    log_decay = (level() + np.log(0.5))[cell_of] + rng.normal(0, 0.6, len(cell_of))
    counts = np.bincount(cell_of, minlength=n)
    with np.errstate(invalid="ignore"):
        decay = np.exp(np.bincount(cell_of, log_decay, n) / counts)
    stays, stay_of, ends = _stays(rng, design, level(), n)
    units = Units.build(
        pd.DataFrame(
            {
                "movie_id": [f"m{k}" for k in range(n)], "cell_id": 1, "period": "whole", "group": "", "cluster": "",
                "area_um2": area, "observed_s": 60.0, "exposure": exposure, "n_full_fusion": fusions - kisses,
                "n_kiss_and_run": kisses, "expected_full_fusion": fusions - kisses, "expected_kiss_and_run": kisses,
                "decay_s": decay, "n_docking": 0, "n_undocking": 0, "n_tethering": 0,
                "n_stays": np.bincount(stay_of, minlength=n), "stay_ends": np.bincount(stay_of, stays["ended"], n),
                "stay_fusions": 0, "stay_total_s": np.bincount(stay_of, stays["exit_s"] - stays["entry_s"], n),
                "condition": np.array(["control", "treated"])[group],
                "animal": [f"a{k}" for k in animal],
                **({"day": np.where(late, "tue", "mon")} if design.day != 1.0 else {}),
                **({"genotype": np.where(knocked, "ko", "wt")} if design.genotypes else {}),
            }
        )
    )  # fmt: skip
    units.attrs["design"] = tuple(name for name in units if name in ("condition", "animal", "day", "genotype"))
    by = [group == k for k in (0, 1)]
    vesicles = Vesicles(
        group[cell_of], log_decay, (int(kisses[by[0]].sum()), int(kisses[by[1]].sum())),
        (int(fusions[by[0]].sum()), int(fusions[by[1]].sum())), (float(exposure[by[0]].sum()), float(exposure[by[1]].sum())),
        group[stay_of][ends], stays["exit_s"].to_numpy()[ends],
    )  # fmt: skip
    return Gathered(units, stays), vesicles


def _places(rng: np.random.Generator, design: Design) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Condition and animal of each cell."""
    animals, cells = design.animals, design.cells
    group = np.repeat([0, 1], animals * cells)
    own = np.tile(np.repeat(np.arange(animals), cells), 2)
    animal = own if design.paired else own + animals * group
    if design.uneven:
        kept = rng.uniform(size=len(group)) < rng.uniform(0.3, 1.0, animals * 2)[own + animals * group]
        kept[::cells] = True
        group, animal = group[kept], animal[kept]
    return group.astype(np.intp), animal.astype(np.intp)


def _stays(
    rng: np.random.Generator, design: Design, level: Real, n: int
) -> tuple[pd.DataFrame, NDArray[np.intp], NDArray[np.bool_]]:
    """Docked stays that are recorded from 0.3 s on and censored by the end of a minute."""
    cell = np.repeat(np.arange(n), rng.poisson(design.stays, n))
    length = rng.exponential(size=len(cell)) / (0.15 * np.exp(level[cell]))
    left = rng.uniform(0.0, 60.0, len(cell))
    seen = np.minimum(length, left)
    kept = seen > 0.3
    cell, ended, seen = cell[kept], (length <= left)[kept], seen[kept]
    table = pd.DataFrame({"row": cell, "entry_s": 0.3, "exit_s": seen, "ended": ended, "fused": False})
    return table, cell, ended
