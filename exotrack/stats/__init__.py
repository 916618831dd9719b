"""Tables of a study in, comparisons between conditions out: cells nested in animals, never vesicles as if they were independent.

* `gather` reads results folders and the design into one table with a row per cell.
* `compare` compares conditions: rates and fractions by estimating equations with small-sample errors (`gee`), levels by a mixed
  model (`mixed`), docked times by their rate of ending; every effect also with an interval from a cluster bootstrap. Columns of
  the design can be held constant, and an effect can be asked to differ with one (`further`).

There is no test on vesicles, events or stays: vesicles of a cell are alike, and so are cells of an animal.
"""

from __future__ import annotations

from exotrack.stats.compare import Statistics, compare
from exotrack.stats.design import Design, Plan, read_design
from exotrack.stats.gather import Gathered, gather, gather_filling
from exotrack.stats.measures import FILLING, LIVE, Measure, chosen

__all__ = [
    "FILLING", "LIVE", "Design", "Gathered", "Measure", "Plan", "Statistics", "chosen", "compare", "gather", "gather_filling",
    "read_design",
]  # fmt: skip
