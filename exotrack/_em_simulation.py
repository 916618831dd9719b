"""``exotrack simulate em``: a synthetic electron micrograph and its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exotrack import _runs


def simulate_one(preset: str, out: Path, rng: int, changes: Sequence[str], overwrite: bool) -> str:
    """Simulate a micrograph into the folder `out`; returns the line that says what was made."""
    import numpy as np

    from exotrack.io.atomic import check_place
    from exotrack.simulate import em_simulation, simulate_em, write_em

    settings = em_simulation(preset).updated(_runs.changed(changes), "--set")
    check_place(out, overwrite)
    truth = simulate_em(settings, np.random.default_rng(rng))
    write_em(truth, out, overwrite=overwrite)
    docked = int((truth.vesicles["state"] == "docked").sum())
    return f"{len(truth.vesicles)} vesicles, {docked} docked, {len(truth.pits)} omega figures (synthetic) -> {out}"
