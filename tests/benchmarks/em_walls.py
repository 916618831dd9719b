"""Diameters by the thickness of the membrane, which the search does not know. Used by `em.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from exotrack.em import Stack, detect
from exotrack.simulate import em_simulation, simulate_em

SEED = 720
"""Of all these micrographs."""
WALLS = (5.0, 6.0, 7.0, 8.0)
"""Thickness of membranes (nm) for which diameters are measured."""


def walls() -> list[str]:
    """Mean error of diameters by the thickness of the membrane, which the search does not know."""
    from em import compared
    from em_training import visible
    from micrographs import Scene, draw
    from volumes import draw_volume

    def simulated(preset: str, wall: float, field: dict[str, Any]) -> tuple[Stack, pd.DataFrame]:
        wished = em_simulation(preset).updated({"field": field, "vesicles": {"wall_nm": wall}})
        truth = simulate_em(wished, np.random.default_rng(SEED))
        return Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark"), visible(truth)

    def drawn(wall: float) -> tuple[Stack, pd.DataFrame]:
        grey, true = draw(Scene((700.0, 800.0), 1.5, number=60, noise=0.6, membrane_nm=wall, seed=SEED))
        return Stack.from_array(grey, (5.0, 1.5, 1.5), contrast="dark"), true.assign(clear=True)

    def volume(wall: float) -> tuple[Stack, pd.DataFrame]:
        grey, true = draw_volume((40, 80, 80), (5.0, 5.0, 5.0), 12, membrane_nm=wall, noise=0.6, seed=SEED)
        return Stack.from_array(grey, 5.0, contrast="dark"), true.assign(clear=True)

    flat = {"height_px": 480, "width_px": 600}
    scenes: dict[str, Callable[[float], tuple[Stack, pd.DataFrame]]] = {
        "drawn, 1.5 nm": drawn,
        "simulated, section of 50 nm, 1.5 nm": lambda wall: simulated("em", wall, flat),
        "simulated, section of 70 nm, 1.5 nm": lambda wall: simulated("em", wall, flat | {"section_nm": 70.0}),
        "simulated, section of 70 nm, 3 nm": lambda wall: simulated(
            "em", wall, {"height_px": 240, "width_px": 300, "pixel_nm": 3.0, "section_nm": 70.0}
        ),
        "drawn, volume, 5 nm": volume,
        "simulated, volume, 5 nm": lambda wall: simulated(
            "em_volume", wall, {"n_sections": 36, "height_px": 100, "width_px": 110}
        ),
    }
    lines = ["| micrographs | " + " | ".join(f"{wall:g} nm" for wall in WALLS) + " |", "|---" * (len(WALLS) + 1) + "|"]
    for name, scene in scenes.items():
        cells = []
        for wall in WALLS:
            stack, true = scene(wall)
            found = detect(stack)
            row = compared(true, found, ["y_nm", "x_nm"] if stack.flat else ["z_nm", "y_nm", "x_nm"])
            cells.append(f"{100 * (row['size'] / max(row['hit'], 1) - 1):+.1f} % ({found['membrane_nm'].median():.1f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines
