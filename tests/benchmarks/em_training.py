"""Micrographs from which the score of candidates is fitted: drawn ones and simulated ones, with and without vesicles.

Seeds from 1000 and physics at random, both unlike those that `em.py` scores on. Run by ``em.py fit``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.em import Stack
from exotrack.em._find import candidates
from exotrack.em._score import MEASURES, WEIGHTS, fits, measures
from exotrack.em.detect import settled
from exotrack.params import em_preset
from exotrack.simulate import em_simulation, simulate_em
from exotrack.simulate.em_truth import EmTruth

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "em"))
RIGHT, NEAR, NEAR_THICK = 0.35, 1.0, 0.6
"""A candidate whose centre is this near a true one (over its radius) is right; one that is nearer than `NEAR` teaches nothing; in
thick sections hardly any place is farther from one."""
SIZE = 0.2
"""Largest error of the diameter of a candidate that is right."""
PRESETS = {"ring": "synaptic", "thick": "synaptic", "shell": "synaptic", "disc": "dense_core"}
Scene = tuple[Stack, pd.DataFrame, str]


def drawn(kind: str, seed: int) -> Scene:
    """A micrograph of the tests' painters: stack, true vesicles, preset of the analysis."""
    from micrographs import Scene as Section
    from micrographs import draw
    from volumes import draw_volume

    rng = np.random.default_rng(seed)
    some = rng.random() > 0.33
    if kind == "ring":
        pixel = float(rng.choice([1.0, 1.5, 2.0, 3.0]))
        size = (360 * pixel, 400 * pixel)
        number = int(size[0] * size[1] / 7500) if some else 0
        lumen = ((0.0, 0.1), (0.0, 0.3, 0.5))[rng.integers(2)]
        mean = (float(rng.uniform(38, 48)), 4.0)
        scene = Section(size, pixel, mean, number, float(rng.uniform(6, 7)), lumen, float(rng.uniform(0.4, 1.0)), seed=seed)
        grey, true = draw(scene)
        return Stack.from_array(grey, (5.0, pixel, pixel), contrast="dark"), true.assign(clear=True), "synaptic"
    voxel = 5.0 if kind == "shell" else 10.0
    mean = (float(rng.uniform(40, 48)), 4.0) if kind == "shell" else (float(rng.uniform(75, 110)), 12.0)
    grey, true = draw_volume(
        (36, 72, 72), (voxel,) * 3, 12 if some else 0, diameter_nm=mean, dense=kind == "disc", noise=float(rng.uniform(0.3, 0.8)),
        seed=seed,
    )  # fmt: skip
    return Stack.from_array(grey, voxel, contrast="dark"), true.assign(clear=True), PRESETS[kind]


def simulated(kind: str, seed: int) -> Scene:
    """A micrograph of `exotrack simulate em` with its physics at random: stack, true vesicles, preset of the analysis."""
    rng = np.random.default_rng(seed)
    imaging = {
        "noise": float(rng.uniform(0.05, 0.4)), "texture": float(rng.uniform(0.04, 0.12)), "depth": float(rng.uniform(0.2, 0.6)),
        "blur_nm": float(rng.uniform(1.0, 2.5)),
    }  # fmt: skip
    many = float(rng.uniform(0.4, 3.0)) if rng.random() > 0.25 else 0.0
    if kind == "disc":
        field = {"pixel_nm": float(rng.choice([3.0, 5.0])), "section_nm": float(rng.choice([50.0, 90.0])), "height_px": 800}
        vesicles = {
            "per_um3": 12.0 * many, "docked_per_um2": 1.0 * many, "full": 0.6, "partial": 0.3,
            "wall_nm": float(rng.uniform(6, 8)), "diameter_nm": float(rng.uniform(240, 380)),
        }  # fmt: skip
        params = em_simulation("em_granules").updated(
            {"field": field | {"width_px": 1000}, "imaging": imaging, "vesicles": vesicles}
        )
        truth = simulate_em(params, rng)
        return Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark"), cores(truth), "granule"
    vesicles = {
        "per_um3": 700.0 * many, "docked_per_um2": 60.0 * many, "diameter_nm": float(rng.uniform(38, 46)),
        "wall_nm": float(rng.uniform(6, 7)), "full": float(rng.choice([0.0, 0.2])),
    }  # fmt: skip
    if kind in ("ring", "thick"):
        sections = (30, 40, 60, 80) if kind == "ring" else (90, 120, 160, 200, 250, 300)
        pixel, thick = float(rng.choice([1.0, 1.5, 2.0, 3.0])), float(rng.choice(sections))
        if kind == "ring" and rng.random() < 0.25:  # vesicles alone in ice, plain and of very low contrast
            pixel, thick, many = 0.5, 100.0, 0.7 * many
            imaging |= {"noise": float(rng.uniform(0.6, 2.0)), "texture": 0.03, "granules_per_um3": 0.0, "cytoplasm": 0.05}
            vesicles |= {"full": 0.0, "per_um3": 700.0 * many}
        field = {
            "pixel_nm": pixel, "section_nm": thick, "height_px": round(min(600, 700 * pixel) / pixel),
            "width_px": round(min(750, 900 * pixel) / pixel),
        }  # fmt: skip
        changes = {"field": field, "imaging": imaging, "vesicles": vesicles, "membrane": {"omegas": int(rng.integers(3))}}
        truth = simulate_em(em_simulation("em").updated(changes), rng)
    else:
        field = {"n_sections": 36, "height_px": 80, "width_px": 90}
        imaging |= {"blur_nm": float(rng.uniform(2.0, 3.0)), "noise": float(rng.uniform(0.1, 0.3))}
        truth = simulate_em(em_simulation("em_volume").updated({"field": field, "imaging": imaging, "vesicles": vesicles}), rng)
    return Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark"), visible(truth), "synaptic"


def visible(truth: EmTruth) -> pd.DataFrame:
    """True vesicles of a simulation as a picture shows them: `clear` is where the centre lies in what is imaged, off the border.

    In a section the diameter is that of the profile. Omega figures are there too, but not `clear`: nobody must find them.
    """
    true = truth.vesicles
    flat = truth.params.field.n_sections == 1
    size = true["profile_nm"] if flat else true["diameter_nm"]
    inside = true["z_nm"].abs() <= truth.params.field.section_nm / 2 if flat else True
    found = pd.DataFrame(
        {
            "z_nm": true["z_nm"], "y_nm": true["y_nm"], "x_nm": true["x_nm"], "diameter_nm": size, "true_nm": true["diameter_nm"],
            "clear": inside & ~true["touches_border"].astype(bool), "filling": true["filling"], "occupancy": true["occupancy"],
        }
    )  # fmt: skip
    z, y, x, radius = truth.scene.omegas.T
    omegas = {"z_nm": z - truth.params.field.section_nm / 2, "y_nm": y, "x_nm": x, "diameter_nm": 2 * radius, "clear": False}
    return pd.concat([found, pd.DataFrame(omegas)], ignore_index=True) if len(radius) else found


def cores(truth: EmTruth) -> pd.DataFrame:
    """Dense cores as a section shows them: their own profiles. The empty vesicles have none and are left out."""
    true = visible(truth)
    true = true[true["occupancy"] > 0]
    wall = truth.params.vesicles.wall_nm
    core = (true["true_nm"] / 2 - wall) * np.cbrt(true["occupancy"])
    off = np.maximum(true["z_nm"].abs() - truth.params.field.section_nm / 2, 0.0)
    return true.assign(diameter_nm=2 * np.sqrt(np.maximum(core**2 - off**2, 1.0))).reset_index(drop=True)


def labelled(scene: Scene, kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Measures of the candidates that are plainly right or plainly wrong, and which they are."""
    stack, true, preset = scene
    params = em_preset(preset).vesicles
    params = params.updated({"look_for": "core"}) if kind == "disc" else params
    stack, searches, scales = settled(stack, params)
    parts = [
        candidates(stack, octave, box, scale)
        for octave, scale in zip(searches, scales, strict=True)
        for box in octave.boxes(stack.shape)
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    x, good = measures(found), fits(found, params.diameter_nm)
    if not len(true):
        return x[good], np.zeros(int(good.sum()), bool)
    axes = ["y", "x"] if stack.flat else ["z", "y", "x"]
    there = np.column_stack([found[axis] for axis in axes])
    radius = true["diameter_nm"].to_numpy() / 2
    away = np.linalg.norm(there[:, None] - true[[f"{axis}_nm" for axis in axes]].to_numpy()[None], axis=2) / radius
    alike = (away < RIGHT) & (np.abs(found["radius"][:, None] / radius - 1) < SIZE)
    right = alike[:, true["clear"].to_numpy(bool)].any(axis=1)
    good &= right | (away.min(axis=1) > (NEAR_THICK if kind == "thick" else NEAR))
    return x[good], right[good]


def fit(kind: str, images: int, first: int = 1000) -> None:
    """Fit the score on micrographs of both kinds, and say how it does on thirds that it was not fitted on."""
    # Nobody draws thick sections but the simulator.
    every = [labelled((drawn if k % 2 and kind != "thick" else simulated)(kind, first + k), kind) for k in range(images)]
    thirds = [every[k::3] for k in range(3)]
    fresh = [(fitted([each for j in range(3) if j != k for each in thirds[j]]), thirds[k]) for k in range(3)]
    for name, pairs in (("present, on all", [(WEIGHTS[kind], every)]), ("fitted, on thirds left out", fresh)):
        right, missed, wrong, bare = np.sum([counted(weights, each) for weights, each in pairs], axis=0)
        f1 = 2 * right / (2 * right + missed + wrong)
        print(f"{kind}, {name}: {right} right, {missed} missed, {wrong} false ({bare} where nothing is), F1 {f1:.3f}")
    print(f"{kind}: weights {tuple(round(value, 2) for value in fitted(every))} from {images} micrographs")


def fitted(every: list[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[float, ...]:
    """Constant and weights by logistic regression, no weight of a wrong sign: a better ring never scores less."""
    from scipy.optimize import minimize

    x, y = (np.concatenate(part) for part in zip(*every, strict=True))
    signs = np.array([-1.0 if name == "oval" else 1.0 for name in MEASURES])
    turned = np.where(y, 1.0, -1.0)

    def cost(w: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        reach = turned * (w[0] + x @ (signs * w[1:]))
        slope = -turned / (1 + np.exp(np.clip(reach, -50, 50)))
        pull = np.concatenate([[slope.sum()], signs * (slope @ x)]) + np.concatenate([[0.0], w[1:] / 10])
        return float(np.logaddexp(0, -reach).sum() + (w[1:] ** 2).sum() / 20), pull

    # Given its height over the noise, a larger gain only says that the figure is larger: its weight may have any sign.
    bounds = [(None, None), *[(None if name == "gain" else 0, None) for name in MEASURES]]
    best = minimize(cost, np.zeros(1 + len(signs)), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 5000}).x
    return (float(best[0]), *map(float, signs * best[1:]))


def counted(weights: tuple[float, ...], every: list[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[int, int, int, int]:
    """Candidates rightly taken, missed and wrongly taken, and those taken where nothing is."""
    right = missed = wrong = bare = 0
    for x, y in every:
        taken = weights[0] + x @ np.array(weights[1:]) > 0
        right, missed, wrong = right + int((y & taken).sum()), missed + int((y & ~taken).sum()), wrong + int((taken & ~y).sum())
        bare += int(taken.sum()) if not y.any() else 0
    return right, missed, wrong, bare
