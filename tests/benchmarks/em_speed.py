"""Time and memory of the search for vesicles, and whether blocks change what is found. Used by `em.py`."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pandas as pd

from exotrack._blocks import Execution
from exotrack.em import Stack, detect
from exotrack.em import _plan as plan
from exotrack.simulate import em_simulation, simulate_em


def measured(stack: Stack, workers: int = 1) -> tuple[pd.DataFrame, float, float]:
    """Vesicles of a stack, the time of one core (s), and the peak of memory (MB) above what there was."""
    begun = time.process_time()
    found = detect(stack, run=Execution(workers=workers))
    spent = time.process_time() - begun
    tracemalloc.start()
    detect(stack, run=Execution(workers=workers))
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return found, spent, peak


def speed() -> list[str]:
    """Time and memory of a large micrograph, and the same volume in one block and in many."""
    truth = simulate_em(em_simulation("em").updated({"field": {"height_px": 1300, "width_px": 2000}}), np.random.default_rng(5))
    detect(Stack.from_array(truth.pixels[:200, :200], truth.spacing_nm))  # compiles
    found, spent, peak = measured(Stack.from_array(truth.pixels, truth.spacing_nm))
    changes = {"field": {"n_sections": 44, "height_px": 150, "width_px": 160}}
    truth = simulate_em(em_simulation("em_volume").updated(changes), np.random.default_rng(6))
    stack, kept, runs = Stack.from_array(truth.pixels, truth.spacing_nm), dict(plan.CORE), []
    for side in (10_000, 40):
        plan.CORE = {2: kept[2], 3: side}
        runs.append(measured(stack, workers=2))
    plan.CORE = kept
    columns = ["z_nm", "y_nm", "x_nm", "diameter_nm"]
    whole, parts = (run[0][columns].to_numpy() for run in runs)
    worst = float(np.abs(whole - parts).max()) if whole.shape == parts.shape else np.nan
    return [
        f"A micrograph of 2,000 x 1,300 pixels takes {spent:.1f} s of one core ({len(found)} vesicles) and {peak:.0f} "
        "MB of memory at "
        f"the peak. A volume of {np.prod(truth.pixels.shape) / 1e6:.1f} million voxels takes {runs[0][1]:.1f} s and "
        f"{runs[0][2]:.0f} MB "
        f"whole, {runs[1][1]:.1f} s of processor time and {runs[1][2]:.0f} MB in blocks of 40 voxels on two threads: "
        f"{len(whole)} and "
        f"{len(parts)} vesicles, places and diameters alike to {worst:.1g} nm.",
    ]
