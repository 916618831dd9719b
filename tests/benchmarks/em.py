"""How well vesicles are found in electron micrographs, and the numbers of the score.

``python tests/benchmarks/em.py score`` scores on micrographs of `exotrack.simulate` (nothing was fitted on them) and, where they
are kept beside the project, on real ones. ``python tests/benchmarks/em.py fit ring`` (shell, disc) draws micrographs with the
painters of the tests, which share no code with the package, and prints constant and weights for `exotrack.em._score.WEIGHTS`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.em import Stack, detect
from exotrack.em._find import candidates
from exotrack.em._plan import octaves
from exotrack.em._score import WEIGHTS, fits, measures
from exotrack.em.detect import is_volume, settled
from exotrack.params import VesicleParams, em_preset
from exotrack.simulate import em_simulation, simulate_em

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "em"
RIGHT, NEAR = 0.35, 1.0
"""A candidate whose centre is this near a true one (over its radius) is right; one that is nearer than `NEAR` teaches nothing."""
SIZE = 0.2
"""Largest error of the diameter of a candidate that is right."""
PRESETS = {"ring": "synaptic", "shell": "synaptic", "disc": "dense_core"}


def drawn(kind: str, seed: int) -> tuple[Stack, pd.DataFrame]:
    """A micrograph with vesicles of its own, or (every third) none."""
    sys.path.insert(0, str(ROOT / "tests" / "unit" / "em"))
    from micrographs import Scene, draw
    from volumes import draw_volume

    rng = np.random.default_rng(seed)
    some = seed % 3 != 2
    if kind == "ring":
        pixel = float(rng.choice([1.0, 1.5, 2.0, 3.0]))
        size = (360 * pixel, 400 * pixel)
        number = int(size[0] * size[1] / 7500) if some else 0
        lumen = ((0.0, 0.1), (0.0, 0.3, 0.5))[seed % 2]
        scene = Scene(size, pixel, (float(rng.uniform(38, 48)), 4.0), number, 7.0, lumen, float(rng.uniform(0.4, 1.0)), seed=seed)
        grey, true = draw(scene)
        return Stack.from_array(grey, pixel, contrast="dark"), true
    voxel = 5.0 if kind == "shell" else 10.0
    mean = (float(rng.uniform(40, 48)), 4.0) if kind == "shell" else (float(rng.uniform(75, 110)), 12.0)
    grey, true = draw_volume(
        (36, 72, 72), (voxel,) * 3, 12 if some else 0, diameter_nm=mean, dense=kind == "disc", noise=float(rng.uniform(0.3, 0.8)),
        seed=seed,
    )  # fmt: skip
    return Stack.from_array(grey, voxel, contrast="dark"), true


def labelled(kind: str, stack: Stack, true: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Measures of the candidates that are plainly right or plainly wrong, and which they are."""
    params = em_preset(PRESETS[kind]).vesicles
    deep = is_volume(stack, params)
    searches = octaves(stack, params, deep)
    stack, scales = settled(stack, searches)
    parts = [
        candidates(stack, octave, box, scale)
        for octave, scale in zip(searches, scales, strict=True)
        for box in octave.boxes(stack.shape)
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    x, good = measures(found), fits(found, params.diameter_nm)
    if not len(true):
        return x[good], np.zeros(int(good.sum()), bool)
    axes = ["z", "y", "x"] if deep else ["y", "x"]
    there = np.column_stack([found[axis] for axis in axes])
    apart = np.linalg.norm(there[:, None] - true[[f"{axis}_nm" for axis in axes]].to_numpy()[None], axis=2)
    radius = true["diameter_nm"].to_numpy() / 2
    near = np.argmin(apart / radius, axis=1)
    away = (apart / radius)[np.arange(len(near)), near]
    right = (away < RIGHT) & (np.abs(found["radius"] / radius[near] - 1) < SIZE)
    good &= right | (away > NEAR)
    return x[good], right[good]


def fit(kind: str, images: int, first: int = 1000) -> None:
    """Fit the score on drawn micrographs and say how it and the present one do on others."""
    from sklearn.linear_model import LogisticRegression

    every = [labelled(kind, *drawn(kind, first + k)) for k in range(images)]
    cut = max(2 * images // 3, 1)
    x, y = (np.concatenate(part) for part in zip(*every[:cut], strict=True))
    model = LogisticRegression(C=10.0, max_iter=5000).fit(x, y)
    fresh = (float(model.intercept_[0]), *map(float, model.coef_[0]))
    print(f"{kind}: {len(y)} candidates, {int(y.sum())} right; weights {tuple(round(value, 2) for value in fresh)}")
    for name, weights in (("present", WEIGHTS[kind]), ("fitted", fresh)):
        missed = wrong = right = bare = 0
        for x, y in every[cut:]:
            taken = weights[0] + x @ np.array(weights[1:]) > 0
            missed, wrong, right = (
                missed + int((y & ~taken).sum()),
                wrong + int((taken & ~y).sum()),
                right + int((taken & y).sum()),
            )
            bare += int(taken.sum()) if not y.any() else 0
        print(f"  {name}, on {images - cut} others: {right} right, {missed} missed, {wrong} false ({bare} where nothing is)")


def compared(true: pd.DataFrame, clear: NDArray[np.bool_], size: str, found: pd.DataFrame, axes: list[str]) -> dict[str, float]:
    """Found vesicles against true ones: only `clear` ones must be found, all may be."""
    from scipy.optimize import linear_sum_assignment

    if not len(found):
        return {"true": int(clear.sum()), "found": 0, "precision": np.nan, "recall": 0.0, "f1": 0.0}
    apart = np.linalg.norm(true[axes].to_numpy()[:, None] - found[axes].to_numpy()[None], axis=2)
    wide = true[size].to_numpy()
    cost = np.where(apart <= 0.25 * wide[:, None], apart, 1e6)
    rows, columns = linear_sum_assignment(cost)
    kept = cost[rows, columns] < 1e6
    rows, columns = rows[kept], columns[kept]
    precision, recall = len(rows) / len(found), clear[rows].sum() / max(clear.sum(), 1)
    known = clear[rows]
    ratio = found["diameter_nm"].to_numpy()[columns][known] / wide[rows][known]
    return {
        "true": int(clear.sum()), "found": len(found), "precision": precision, "recall": float(recall),
        "f1": 2 * precision * recall / max(precision + recall, 1e-9), "centre_nm": float(np.median(apart[rows, columns][known])),
        "diameter": float(ratio.mean() - 1),
    }  # fmt: skip


HELD_OUT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "thin section, synaptic, 1.5 nm": ("em", "synaptic", {"field": {"height_px": 480, "width_px": 600}}),
    "the same, 3 nm": ("em", "synaptic", {"field": {"height_px": 300, "width_px": 400, "pixel_nm": 3.0}}),
    "the same, 25 nm thick": ("em", "synaptic", {"field": {"height_px": 480, "width_px": 600, "section_nm": 25.0}}),
    "section of granules, 3 nm": ("em_granules", "granule", {}),
    "volume, voxels of 5 nm": ("em_volume", "synaptic", {"field": {"n_sections": 40, "height_px": 120, "width_px": 140}}),
}
"""What is simulated: preset of the simulator, preset of the analysis, changes."""


def held_out(seeds: int) -> None:
    """Score on the package's own simulator."""
    for name, (scene, preset, changes) in HELD_OUT.items():
        rows = []
        for seed in range(seeds):
            truth = simulate_em(em_simulation(scene).updated(changes), np.random.default_rng(seed))
            stack = Stack.from_array(truth.pixels, truth.spacing_nm)
            begun = time.process_time()
            found = detect(stack, em_preset(preset).vesicles)
            spent = time.process_time() - begun
            true = truth.vesicles
            whole = ~true["touches_border"].to_numpy(bool)
            if stack.flat:
                # A cap seen from above has no outline: only profiles of vesicles cut near the equator must be found.
                row = compared(true, whole & true["equatorial"].to_numpy(bool), "profile_nm", found, ["y_nm", "x_nm"])
            else:
                row = compared(true.assign(z_nm=true["z_nm"]), whole, "diameter_nm", found, ["z_nm", "y_nm", "x_nm"])
            rows.append(row | {"cpu_s": spent})
        mean = pd.DataFrame(rows).mean()
        print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in mean.items()), flush=True)


def boxes(given: float) -> None:
    """Score on the cryo-EM micrograph whose vesicles were boxed by hand."""
    from PIL import Image

    folder = DATA / "cryoem_isolated_vesicles"
    if not folder.is_dir():
        print("cryo-EM micrograph: not beside the project")
        return
    pixels = np.asarray(Image.open(folder / "mic12020_raw.png").convert("L"))
    listed = json.loads((folder / "mic12020_boxes.json").read_text())["boxes_xyxy"]
    x0, y0, x1, y1 = np.array(listed, float)[:, :4].T
    wide = np.array([x1 - x0, y1 - y0])
    true = pd.DataFrame({"y_nm": (y0 + y1) / 2 * given, "x_nm": (x0 + x1) / 2 * given, "diameter_nm": wide.mean(axis=0) * given})
    limits = (float(true["diameter_nm"].min()), float(true["diameter_nm"].max()))
    print(f"cryo-EM micrograph: {len(true)} boxes of {limits[0]:.0f} to {limits[1]:.0f} nm at {given:g} nm a pixel")
    params = VesicleParams(diameter_nm=(max(0.8 * limits[0], 3 * given), 1.2 * limits[1]))
    found = detect(Stack.from_array(pixels, given, contrast="dark"), params)
    row = compared(true, np.ones(len(true), bool), "diameter_nm", found, ["y_nm", "x_nm"])
    print("  " + ", ".join(f"{key} {value:.3g}" for key, value in row.items()))


def main() -> None:
    """Fit or score, as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("score", "fit", "boxes"))
    parser.add_argument("kind", nargs="?", choices=tuple(WEIGHTS), default="ring")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--nm", type=float, default=1.0, help="side of a pixel of the cryo-EM micrograph")
    given = parser.parse_args()
    if given.what == "fit":
        fit(given.kind, given.images)
    elif given.what == "boxes":
        boxes(given.nm)
    else:
        held_out(given.seeds)
        boxes(given.nm)


if __name__ == "__main__":
    main()
