"""How well vesicles are found, sized, joined and judged in electron micrographs; writes ``docs/em-benchmarks.md``.

``python tests/benchmarks/em.py score`` scores on micrographs drawn by the tests and by `exotrack simulate em` (seeds from 700 to
999, on which nothing was fitted) and, where they are kept beside the project, on real ones; ``--write`` writes the page.
``boxes`` and ``hydra`` score on the real ones alone. ``fit ring`` (thick, shell, disc) prints constant and weights for
`exotrack.em._score.WEIGHTS`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exotrack import link
from exotrack.em import Stack, detect
from exotrack.em._score import WEIGHTS
from exotrack.params import em_preset
from exotrack.simulate import em_simulation, simulate_em

sys.path.insert(0, str(Path(__file__).parent))
import em_filled
import em_grain
import em_real
import em_speed
import em_thick
import em_training
import em_walls

PAGE = Path(__file__).parents[2] / "docs" / "em-benchmarks.md"
FIRST = 700
"""First seed that is scored: those below it were looked at while the search was made, those from 1000 fitted the score."""
WITHIN = 0.25
"""A vesicle is found if its centre is this near, over the true diameter."""


def matched(true: pd.DataFrame, found: pd.DataFrame, axes: list[str]) -> tuple[Any, Any, Any]:
    """Rows of true and found vesicles that are the same, one to one, and how far apart they are (nm)."""
    from scipy.optimize import linear_sum_assignment

    apart = np.linalg.norm(true[axes].to_numpy()[:, None] - found[axes].to_numpy()[None], axis=2)
    cost = np.where(apart <= WITHIN * true["diameter_nm"].to_numpy()[:, None], apart, 1e6)
    rows, columns = linear_sum_assignment(cost)
    kept = cost[rows, columns] < 1e6
    return rows[kept], columns[kept], apart[rows[kept], columns[kept]]


def compared(true: pd.DataFrame, found: pd.DataFrame, axes: list[str]) -> dict[str, float]:
    """Counts and errors: `clear` vesicles must be found, the others may be."""
    clear = true["clear"].to_numpy(bool)
    rows, columns, apart = matched(true, found, axes)
    known = clear[rows]
    ratio = found["diameter_nm"].to_numpy()[columns][known] / true["diameter_nm"].to_numpy()[rows][known]
    return {
        "true": int(clear.sum()), "found": len(found), "same": len(rows), "hit": int(known.sum()),
        "centre": float(apart[known].sum()), "size": float(ratio.sum()),
    }  # fmt: skip


def scored(rows: list[dict[str, float]]) -> str:
    """A line of the table from the counts of several micrographs."""
    all_ = {key: sum(row[key] for row in rows) for key in rows[0]}
    precision, recall = all_["same"] / max(all_["found"], 1), all_["hit"] / max(all_["true"], 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    hits = max(all_["hit"], 1)
    return (
        f"{all_['true']:.0f} | {all_['found']:.0f} | {precision:.2f} | {recall:.2f} | **{f1:.2f}** | "
        f"{all_['centre'] / hits:.2f} | "
        f"{100 * (all_['size'] / hits - 1):+.1f} %"
    )


DRAWN: dict[str, dict[str, Any]] = {
    "1 nm a pixel": {"size_nm": (500.0, 560.0), "spacing_nm": 1.0, "number": 45, "noise": 1.0},
    "2 nm": {"size_nm": (800.0, 900.0), "spacing_nm": 2.0, "number": 80, "noise": 0.8},
    "3 nm": {"size_nm": (1100.0, 1200.0), "spacing_nm": 3.0, "number": 110, "noise": 0.5},
    "1.5 nm, some lumens dark": {
        "size_nm": (700.0, 800.0), "spacing_nm": 1.5, "number": 60, "noise": 0.6, "lumen": (0.0, 0.3, 0.5)
    },
}  # fmt: skip
SIMULATED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "section of 50 nm, 1 nm a pixel": ("em", "synaptic", {"height_px": 700, "width_px": 900, "pixel_nm": 1.0}),
    "the same, 1.5 nm": ("em", "synaptic", {"height_px": 480, "width_px": 600}),
    "the same, 2 nm": ("em", "synaptic", {"height_px": 400, "width_px": 500, "pixel_nm": 2.0}),
    "the same, 3 nm": ("em", "synaptic", {"height_px": 300, "width_px": 400, "pixel_nm": 3.0}),
    "section of 25 nm, 1.5 nm": ("em", "synaptic", {"height_px": 480, "width_px": 600, "section_nm": 25.0}),
    "section of 70 nm, 1.5 nm": ("em", "synaptic", {"height_px": 480, "width_px": 600, "section_nm": 70.0}),
    "section of 250 nm, 1.5 nm": ("em", "synaptic", {"height_px": 480, "width_px": 600, "section_nm": 250.0}),
    "dense cores of granules, 3 nm": ("em_granules", "granule", {}),
    "volume, voxels of 5 nm": ("em_volume", "synaptic", {"n_sections": 40, "height_px": 120, "width_px": 140}),
}
"""What is simulated: preset of the simulator, preset of the analysis, field of view."""


def drawn_scenes(seeds: int) -> list[str]:
    """Lines on micrographs that the tests draw, whose code shares nothing with the package."""
    from micrographs import Scene, draw
    from volumes import draw_volume

    lines = []
    for name, fields in DRAWN.items():
        rows = []
        for seed in range(FIRST, FIRST + seeds):
            grey, true = draw(Scene(**fields, seed=seed))
            step = fields["spacing_nm"]
            found = detect(Stack.from_array(grey, (5.0, step, step)))
            rows.append(compared(true.assign(clear=True), found, ["y_nm", "x_nm"]))
        lines.append(f"| drawn, {name} | {scored(rows)} |")
    rows = []
    for seed in range(FIRST, FIRST + seeds):
        grey, true = draw_volume((48, 90, 90), (5.0, 5.0, 5.0), 16, noise=0.6, seed=seed)
        rows.append(compared(true.assign(clear=True), detect(Stack.from_array(grey, 5.0)), ["z_nm", "y_nm", "x_nm"]))
    return [*lines, f"| drawn, volume, voxels of 5 nm | {scored(rows)} |"]


def simulated_scenes(seeds: int) -> list[str]:
    """Lines on the package's own simulator."""
    lines = []
    for name, (scene, preset, field) in SIMULATED.items():
        rows = []
        for seed in range(FIRST, FIRST + seeds):
            truth = simulate_em(em_simulation(scene).updated({"field": field}), np.random.default_rng(seed))
            stack = Stack.from_array(truth.pixels, truth.spacing_nm)
            params = em_preset(preset).vesicles
            found = detect(stack, params.updated({"look_for": "core"}) if preset == "granule" else params)
            true = em_training.cores(truth) if preset == "granule" else em_training.visible(truth)
            rows.append(compared(true, found, ["y_nm", "x_nm"] if stack.flat else ["z_nm", "y_nm", "x_nm"]))
        lines.append(f"| simulated, {name} | {scored(rows)} |")
    return lines


def serial(seeds: int) -> list[str]:
    """How the rings of serial sections are joined."""
    counts = np.zeros(4)
    height, size = [], []
    for seed in range(FIRST, FIRST + seeds):
        changes = {"field": {"n_sections": 8, "height_px": 260, "width_px": 320}}
        truth = simulate_em(em_simulation("em_sections").updated(changes), np.random.default_rng(seed))
        found = detect(Stack.from_array(truth.pixels, truth.spacing_nm), em_preset("synaptic").vesicles, link=link)
        true = em_training.visible(truth)
        true = true[np.isfinite(true["true_nm"]) & true["clear"]].reset_index(drop=True)
        rows, columns, _ = matched(true, found, ["y_nm", "x_nm"])
        apart = np.abs(true["z_nm"].to_numpy()[rows] - found["z_nm"].to_numpy()[columns])
        # The same place in another section is another vesicle.
        plain = apart <= truth.spacing_nm[0]
        near = (
            np.linalg.norm(true[["y_nm", "x_nm"]].to_numpy()[:, None] - found[["y_nm", "x_nm"]].to_numpy()[None], axis=2)
            <= WITHIN * true["diameter_nm"].to_numpy()[:, None]
        )
        near &= np.abs(true["z_nm"].to_numpy()[:, None] - found["z_nm"].to_numpy()[None]) <= truth.spacing_nm[0]
        counts += [len(true), int(near.any(axis=1).sum()), int((near.sum(axis=1) > 1).sum()), len(found)]
        height += list(apart[plain])
        size += list(found["diameter_nm"].to_numpy()[columns][plain] / true["diameter_nm"].to_numpy()[rows][plain])
    return [
        f"Serial sections of 50 nm (`em_sections`, {seeds} stacks): of {counts[0]:.0f} vesicles that lie whole in the stack "
        f"{counts[1]:.0f} are found, {counts[2]:.0f} of them twice; {counts[3]:.0f} rows in all, with those cut by the border. "
        f"Height is off by {np.mean(height):.0f} nm on average, diameter by {100 * (np.mean(size) - 1):+.1f} %. A "
        "vesicle of 42 nm "
        "shows in one section or two, so that its height is known to about half a section."
    ]


TOP = """# Electron micrographs: what was measured

Written by `python tests/benchmarks/em.py score --write`; do not edit.

The numbers of the score were fitted on drawn and simulated micrographs of seeds from 1000 and of random physics (`em.py fit`),
and the search was made while looking at seeds below 600, of which those from 500 were scored on this page before. Scored here are
seeds from 700, run once, after all was settled; the painters are the same for all.

## Vesicles found

A vesicle is found if its centre lies within a quarter of its diameter. In a section those must be found whose centre is in it
and which the border does not cut: a cap of a vesicle that lies in the next section can hardly be seen. What lies outside may be
found, as may omega figures: that is no miss where it is not, and no false one where it is. Centre: mean error; diameter: mean
error of that of the profile (a section) or the sphere (a volume). *Drawn* micrographs come from painters that share no code
with the package; *simulated* ones from `exotrack simulate em`.

| micrographs | true | found | precision | recall | F1 | centre (nm) | diameter |
|---|---|---|---|---|---|---|---|
"""


WALLED = """
## Diameters by the thickness of the membrane

Mean error of the diameter and, in brackets, the thickness (nm) that was read from the vesicles' mean profile, by the true
thickness. The diameter is that through the outer faces of the membrane; the search takes every membrane to be 7 nm thick.
"""
THICK = """
## Thick sections

Sections of 50 to 250 nm through the same bouton, pixels of 1.5 nm (`tests/benchmarks/em_thick.py`). *Contrast left*: of a vesicle
of 42 nm, over that of a membrane cut across. *Best filter*: height over the noise that a filter reaches which knows the place,
the size and all else in the picture. How far outlines lie over one another is told in radii of the smaller one.
"""
GRAIN = """
## False rings

False rings per um2 where no vesicle is, and precision, recall and F1 where vesicles are (drawn, and simulated sections of 50 and
70 nm, pixels of 1.5 and 3 nm), by the score from which a ring counts. The contrast is given as dark.
"""
FILLED_HEAD = """
## Filling

Simulated granules (`em_granules`) found and measured by the preset `granule`, by how full they truly are. Counted are those whose
centre lies in the section. Below 0.15 a granule is rightly called empty, from 0.6 full.
"""


def page(seeds: int, data: Path, kept: Path | None = None) -> str:
    """The whole page; parts that lie in the folder `kept` are taken from there, the others put there."""
    parts: list[tuple[str, Callable[[], list[str]]]] = [
        ("", lambda: drawn_scenes(seeds)),
        ("", lambda: simulated_scenes(seeds)),
        (WALLED, em_walls.walls),
        (THICK, lambda: em_thick.thick(range(FIRST, FIRST + 2 * seeds))),
        (GRAIN, lambda: em_grain.false_rings(range(FIRST, FIRST + seeds))),
        ("\n## Real micrographs\n", lambda: em_real.boxes(data)),
        ("", lambda: em_real.hydra(data)),
        ("\n## Serial sections\n", lambda: serial(seeds)),
        (FILLED_HEAD, lambda: em_filled.filling(range(FIRST, FIRST + 8 * seeds))),
    ]
    parts.append(("\n## Time and memory\n", em_speed.speed))
    text = [TOP.rstrip("\n")]
    for number, (head, part) in enumerate(parts):
        begun, place = time.process_time(), None if kept is None else kept / f"{number}.txt"
        there = place is not None and place.exists()
        lines = place.read_text().splitlines() if place is not None and there else part()
        if place is not None and not there:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("\n".join(lines))
        text += [head.rstrip("\n") + "\n"] if head else []
        text += lines
        print("\n".join(lines), f"({time.process_time() - begun:.0f} s)", sep="\n", flush=True)
    return "\n".join(text) + "\n"


def main() -> None:
    """Fit or score, as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("score", "fit", "boxes", "hydra", "serial", "filling", "speed"))
    parser.add_argument("kind", nargs="?", choices=tuple(WEIGHTS), default="ring")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=em_real.DATA, help="folder of the real micrographs")
    parser.add_argument("--keep", type=Path, help="folder of parts that are done, to go on where a run was stopped")
    parser.add_argument("--write", action="store_true", help="write the page")
    asked = parser.parse_args()
    if asked.what == "fit":
        em_training.fit(asked.kind, asked.images)
    elif asked.what == "score":
        text = page(asked.seeds, asked.data, asked.keep)
        if asked.write:
            PAGE.write_text(text, encoding="utf-8")
    else:
        own = {
            "serial": lambda: serial(asked.seeds),
            "filling": lambda: em_filled.filling(range(FIRST, FIRST + 8 * asked.seeds)),
            "speed": em_speed.speed,
        }
        real = {"boxes": lambda: em_real.boxes(asked.data), "hydra": lambda: em_real.hydra(asked.data)}
        print(*(own | real)[asked.what](), sep="\n")


if __name__ == "__main__":
    main()
