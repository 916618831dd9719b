"""False rings where nothing is, and vesicles found where they are, by the score from which a ring counts. Used by `em.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from exotrack.em import Stack, detect
from exotrack.params import VesicleParams
from exotrack.simulate import em_simulation, simulate_em

SCORES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
SIDE = 700
"""Pixels along the side of a picture without vesicles."""
LOWEST = VesicleParams(min_score=SCORES[0])
"""The best of those that overlap is chosen by the score, so that a higher limit only leaves out rows."""


def bare(seed: int) -> Iterator[tuple[str, Stack]]:
    """Pictures without a vesicle: their kind and the stack."""
    from micrographs import Scene, draw

    rng = np.random.default_rng(seed)
    for pixel in (1.5, 3.0):
        white = rng.normal(size=(SIDE, SIDE))
        for kind, width in (("noise of each pixel", 0.0), ("grain of 4 nm", 4.0), ("grain of 12 nm", 12.0)):
            yield kind, Stack.from_array(gaussian_filter(white, width / 2 / pixel) if width else white, pixel, contrast="dark")
        grey, _ = draw(Scene(size_nm=(SIDE * pixel,) * 2, spacing_nm=pixel, number=0, noise=0.6, seed=seed))
        yield "membranes, mitochondria, grains (drawn)", Stack.from_array(grey, pixel, contrast="dark")
        field = {"height_px": SIDE, "width_px": SIDE, "pixel_nm": pixel}
        nothing = {"field": field, "vesicles": {"per_um3": 0.0, "docked_per_um2": 0.0}, "membrane": {"omegas": 0}}
        truth = simulate_em(em_simulation("em").updated(nothing), np.random.default_rng(seed))
        yield "membrane and grains (simulated)", Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark")


def with_vesicles(seed: int) -> Iterator[tuple[Stack, pd.DataFrame]]:
    """Pictures with vesicles and their truth: drawn and simulated, pixels of 1.5 and 3 nm."""
    from em_training import visible
    from micrographs import Scene, draw

    for pixel in (1.5, 3.0):
        grey, true = draw(Scene(size_nm=(700.0, 800.0), spacing_nm=pixel, number=60, noise=0.7, seed=seed))
        yield Stack.from_array(grey, (5.0, pixel, pixel), contrast="dark"), true.assign(clear=True)
        for section in (50.0, 70.0):
            field = {"height_px": round(720 / pixel), "width_px": round(900 / pixel), "pixel_nm": pixel, "section_nm": section}
            truth = simulate_em(em_simulation("em").updated({"field": field}), np.random.default_rng(seed))
            yield Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark"), visible(truth)


def false_rings(seeds: range) -> list[str]:
    """The table of the page: by the limit of the score, false rings per um2 of each kind of picture, and F1."""
    from em import compared

    areas: dict[str, float] = {}
    scores: dict[str, list[float]] = {}
    for seed in seeds:
        for kind, stack in bare(seed):
            areas[kind] = areas.get(kind, 0.0) + float(np.prod(stack.shape[1:])) * stack.spacing_nm[1] ** 2 / 1e6
            scores.setdefault(kind, []).extend(detect(stack, LOWEST)["score"])
    counts: dict[float, list[dict[str, Any]]] = {limit: [] for limit in SCORES}
    for seed in seeds:
        for stack, true in with_vesicles(seed):
            found = detect(stack, LOWEST)
            for limit in SCORES:
                counts[limit].append(compared(true, found[found["score"] >= limit], ["y_nm", "x_nm"]))
    lines = [
        "| `vesicles.min_score` | "
        + " | ".join(f"{kind}, {area:.0f} um2" for kind, area in areas.items())
        + " | precision | recall "
        "| F1 |",
        "|---" * (len(areas) + 4) + "|",
    ]
    for limit in SCORES:
        rates = [sum(score >= limit for score in scores[kind]) / area for kind, area in areas.items()]
        same, found, hit, true = (sum(row[name] for row in counts[limit]) for name in ("same", "found", "hit", "true"))
        precision, recall = same / max(found, 1), hit / max(true, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        lines.append(
            f"| {limit:g} | "
            + " | ".join(f"{rate:.2f}" for rate in rates)
            + f" | {precision:.3f} | {recall:.3f} | **{f1:.3f}** |"
        )
    return lines
