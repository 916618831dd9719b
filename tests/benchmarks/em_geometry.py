"""What the geometry of micrographs is worth: distances, sections, random placement and pits, against what is known.

``python tests/benchmarks/em_geometry.py distances`` (sections, placement, pits) prints a table; nothing was fitted on any of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exotrack import link
from exotrack.em._keiding import overcount
from exotrack.em.detect import detect
from exotrack.em.membrane import Membrane
from exotrack.em.omega import pits, pits_of_band
from exotrack.em.placement import dockings, random_placement
from exotrack.em.profiles import Profiles, ring_profiles
from exotrack.em.sections import joined, unjoined
from exotrack.em.stack import Stack
from exotrack.em.states import RULES, place, states
from exotrack.em.stereology import corrected_sizes, corrected_stack
from exotrack.simulate import em_simulation, simulate_em
from exotrack.simulate.em_scene import Scene, build_scene
from exotrack.simulate.em_truth import profile_rows

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faces import left_open, random_face

FACES = (
    *((f"circle of {size}", 2, float(size), False) for size in (4, 6, 9, 14, 25)),
    ("line", 2, 0.0, False),
    *((f"circle of {size}, fractions", 2, float(size), True) for size in (4, 9)),
    ("line, fractions", 2, 0.0, True),
    *((f"sphere of {size}", 3, float(size), False) for size in (4, 6, 9)),
    ("plane", 3, 0.0, False),
)
"""Name, axes, radius in voxels (0: straight), and whether the mask says how much of each voxel is inside."""


def distances(repeats: int) -> pd.DataFrame:
    """Error (voxels across the face) of distances to faces at random places, sides of a voxel differing by up to five times.

    open : half of the range that a mask of 0 and 1 leaves to faces of its kind at the foot, the largest; within_open : part of
    the distances that err by no more than that half. told : largest error where the mask leaves at most 0.1 open.
    """
    rows = []
    for number, (name, d, voxels, graded) in enumerate(FACES):
        off, half, middle = [], [], []
        for seed in range(repeats if d == 2 and not graded else repeats // 4):
            face = random_face(np.random.default_rng([number, seed]), d, voxels, graded=graded, n=4)
            found, _ = Membrane.from_mask(face.mask, face.spacing, "cell").distances(face.points)
            off.extend((found - face.true) / face.voxel)
            spans = [left_open(face, k) if d == 2 and not graded else (np.nan, np.nan) for k in range(4)]
            half.extend((high - low) / 2 for low, high in spans)
            middle.extend(abs(high + low) / 2 for low, high in spans)
        error, open_ = np.abs(off), np.array(half)
        told = error if d == 3 or graded else error[open_ <= 0.1]
        rows.append(
            {
                "face": name,
                "masks": len(error) // 4,
                "rms": np.sqrt((error**2).mean()),
                "largest": error.max(),
                "beyond_0.1": (error > 0.1).mean(),
                "open": np.max(open_),
                "open_0.1": np.nan if np.isnan(open_).all() else (open_ > 0.1).mean(),
                "within_open": np.nan if np.isnan(open_).all() else (error <= open_ + 0.01).mean(),
                "told": told.max(),
            }
        )
    return pd.DataFrame(rows)


def sections(repeats: int) -> pd.DataFrame:
    """Diameters and numbers of simulated sections after correction; profiles below a cap angle are lost.

    Means of many sections with their standard error, which is what tells a bias from the chance of a single section. By chance a
    section holds more or fewer caps than expected (`chance`, the scatter of the true number of a given number of profiles).
    """
    rows = []
    for thick in (50.0, 70.0, 250.0):
        scenes = [_scene(thick, seed) for seed in range(repeats)]
        for lost in (0.0, 20.0, 35.0, 50.0, 65.0):
            table = pd.DataFrame([_section(scene, thick, lost) for scene in scenes])
            rows.append(
                {
                    "section_nm": thick,
                    "lost_below_deg": lost,
                    "sections": repeats,
                    "profiles": table["profiles"].mean(),
                    "seen_diameter": table["seen"].mean(),
                    "diameter": table["diameter"].mean(),
                    "diameter_se": table["diameter"].sem(),
                    "diameter_worst": table["diameter"].abs().max(),
                    "seen_number": table["seen_number"].mean(),
                    "number_told": table["number"].notna().mean(),
                    "number": table["number"].mean(),
                    "number_se": table["number"].sem(),
                    "number_worst": table["number"].abs().max(),
                    "chance": table["chance"].mean(),
                    "in_interval": table["inside"].mean(),
                }
            )
    return pd.DataFrame(rows)


def _scene(thick: float, seed: int) -> Scene:
    """Vesicles of 42 nm in a section of about 3,000 profiles."""
    side = int(12000 / np.sqrt(thick / 50))
    params = em_simulation("em").updated(
        {
            "field": {"pixel_nm": 2.0, "height_px": side // 2, "width_px": side // 2, "section_nm": thick},
            "membrane": {"depth": 0.0, "wave_nm": 0.0, "omegas": 0},
            "vesicles": {"per_um3": 300.0, "docked_per_um2": 0.0, "spread": 0.1},
        }
    )
    return build_scene(params, np.random.default_rng(seed))


def _section(scene: Scene, thick: float, lost: float) -> dict[str, float]:
    """Relative errors in one simulated section."""
    table = profile_rows(scene, "synthetic")
    table = table[(table["cap_deg"] >= lost) & ~table["touches_border"].astype(bool)]
    centred = int(table["centred"].sum())
    true = float(2 * scene.radii.mean())
    row = corrected_sizes(table["profile_nm"].to_numpy(), thick).iloc[0]
    share = 1 / overcount(true, np.radians(lost), thick)
    return {
        "profiles": len(table), "seen": table["profile_nm"].mean() / true - 1, "diameter": row["diameter_nm"] / true - 1,
        "seen_number": len(table) / centred - 1, "number": row["n_vesicles"] / centred - 1,
        "chance": float(np.sqrt((1 - share) / share / len(table))),
        "inside": float(row["n_low"] <= centred <= row["n_high"]),
    }  # fmt: skip


def serial(repeats: int) -> pd.DataFrame:
    """Diameters and numbers from the rings of serial sections, against the vesicles centred in the stack, and from truth."""
    rows = []
    for thick in (25.0, 50.0, 70.0):
        found: dict[str, list[dict[str, float]]] = {}
        for seed in range(repeats):
            for name, values in _stack(thick, seed).items():
                found.setdefault(name, []).append(values)
        for name, part in found.items():
            table = pd.DataFrame(part)
            rows.append(
                {
                    "section_nm": thick,
                    "profiles": name,
                    "stacks": repeats,
                    "number_of": table["n"].mean(),
                    "vesicles": table["true_n"].mean(),
                    "seen_diameter": table["seen"].mean(),
                    "diameter": table["diameter"].mean(),
                    "diameter_se": table["diameter"].sem(),
                    "number": table["number"].mean(),
                    "number_se": table["number"].sem(),
                    "number_worst": table["number"].abs().max(),
                    "told": table["number"].notna().mean(),
                    "cap_deg": table["cap_deg"].mean(),
                    "in_interval": table["inside"].mean(),
                }
            )
    return pd.DataFrame(rows)


def _stack(thick: float, seed: int) -> dict[str, dict[str, float]]:
    """Relative errors in a simulated serial stack of 0.8 x 1 x 0.6 um."""
    count = round(600 / thick)
    params = em_simulation("em_sections").updated(
        {"field": {"n_sections": count, "section_nm": thick}, "membrane": {"omegas": 0}}
    )
    truth = simulate_em(params, np.random.default_rng([seed, int(thick)]))
    profiles = truth.profiles[~truth.profiles["touches_border"].astype(bool)]
    stack = Stack.from_array(truth.pixels, truth.spacing_nm, image_id="serial", contrast="dark")
    rings = detect(stack, link=unjoined)
    found = ring_profiles(rings, joined(rings, stack, link), count)
    shown = profiles.groupby("vesicle_id").size().to_numpy()
    true = Profiles(profiles["profile_nm"].to_numpy(float), shown, count)
    centred = profiles[profiles["centred"]]
    true_n, true_d = len(centred), float(centred["diameter_nm"].mean())
    out = {}
    kinds = (
        ("true profiles", true, True),
        ("rings found, by their sizes", found, False),
        ("rings found, by sections", found, True),
    )
    for name, given, by_sections in kinds:
        values = given.diameters_nm
        row = (corrected_stack(given, thick) if by_sections else corrected_sizes(values, thick)).iloc[0]
        out[name] = {
            "n": len(values), "true_n": true_n, "seen": values.mean() / true_d - 1, "diameter": row["diameter_nm"] / true_d - 1,
            "number": row["n_vesicles"] / true_n - 1, "cap_deg": row["cap_deg"],
            "inside": float(row["n_low"] <= true_n and not true_n > row["n_high"]),
        }  # fmt: skip
    return out


def single(repeats: int) -> pd.DataFrame:
    """Numbers and diameters from the rings found in single sections of 1 x 1.35 um."""
    rows = []
    for thick in (50.0, 70.0):
        found = []
        for seed in range(repeats):
            vesicles = {"per_um3": 1500.0, "docked_per_um2": 0.0}
            params = em_simulation("em").updated(
                {"field": {"section_nm": thick}, "membrane": {"omegas": 0}, "vesicles": vesicles}
            )
            truth = simulate_em(params, np.random.default_rng([9, seed]))
            rings = detect(Stack.from_array(truth.pixels, truth.spacing_nm, image_id="single", contrast="dark"))
            d = rings.loc[~rings["touches_border"].astype(bool), "diameter_nm"].to_numpy(float)
            whole = truth.profiles[~truth.profiles["touches_border"].astype(bool)]
            centred, row = int(whole["centred"].sum()), corrected_sizes(d, thick).iloc[0]
            found.append(
                {
                    "rings": len(d), "vesicles": centred, "diameter": row["diameter_nm"] / 42 - 1,
                    "number": row["n_vesicles"] / centred - 1, "told": float(np.isfinite(row["n_vesicles"])),
                    "in_interval": float(row["n_low"] <= centred <= row["n_high"]),
                }
            )  # fmt: skip
        rows.append({"section_nm": thick, "sections": repeats, **pd.DataFrame(found).mean().to_dict()})
    return pd.DataFrame(rows)


RULES_TRIED = ("touching", "tomography", "bilayer_10")


def placement(repeats: int) -> pd.DataFrame:
    """How often docking comes out beyond chance, where there is nothing but chance and where vesicles were docked on purpose.

    p_below_0.05 : the size of the test (no docked vesicles) or its power. seen, by_chance : mean number docked by the rule and
    expected by random placement. even : mean of p with ties drawn by lot: 0.5 if random placement is what it claims to be.
    """
    rows = []
    for thick in (30.0, 50.0, 250.0):
        for docked, times in ((0.0, repeats), (10.0, repeats // 3)):
            found = [one for seed in range(times) for one in _image(thick, docked, seed)]
            for rule, part in pd.DataFrame(found).groupby("rule", sort=False):
                p, n = part["p"], len(part)
                rows.append(
                    {
                        "section_nm": thick,
                        "docked_per_um2": docked,
                        "rule": rule,
                        "images": n,
                        "vesicles": part["vesicles"].mean(),
                        "seen": part["seen"].mean(),
                        "by_chance": part["by_chance"].mean(),
                        "p_below_0.05": (p < 0.05 + 1e-9).mean(),
                        "p_below_0.2": (p < 0.2 + 1e-9).mean(),
                        "even": part["even"].mean(),
                        "even_se": part["even"].sem(),
                    }
                )
    return pd.DataFrame(rows)


def _image(thick: float, docked: float, seed: int) -> list[dict[str, Any]]:
    """The test in one simulated section of 0.8 x 3 um, by each rule, of true profiles of 15 nm and more."""
    params = em_simulation("em").updated(
        {
            "field": {"pixel_nm": 3.0, "height_px": 260, "width_px": 1000, "section_nm": thick},
            "membrane": {"omegas": 0},
            "vesicles": {"per_um3": 1000.0 * min(1.0, 90.0 / (thick + 40)), "docked_per_um2": docked},
        }
    )
    truth = simulate_em(params, np.random.default_rng([seed, int(thick), int(docked)]))
    inner = Membrane.from_mask(truth.cell, (3.0, 3.0), "cell")
    seen = truth.vesicles.assign(diameter_nm=truth.vesicles["profile_nm"])
    seen = seen[seen["profile_nm"] > 15].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    apart = thick < float(seen["diameter_nm"].median())
    size = corrected_sizes(seen.loc[~seen["touches_border"].astype(bool), "diameter_nm"], thick).iloc[0]
    whole = (size["diameter_nm"], size["spread_nm"], thick) if np.isfinite(size["diameter_nm"]) else None
    random = random_placement(seen, inner, truth.cell > 0, (3.0, 3.0), rng, draws=99, apart=apart, sizes=whole)
    at = seen[["y_nm", "x_nm"]].to_numpy(float)
    near = place(seen[inner.quick(at) < seen["diameter_nm"] / 2 + 25].reset_index(drop=True), inner, "touching")
    rows = []
    for rule in RULES_TRIED:
        placed = near.assign(rule_id=rule, state=states(near, RULES[rule]))
        row = dockings(placed, inner, rule, random).set_index("state").loc["docked"]
        reach = max(RULES[rule].docked_nm or 0.0, float(row["resolution_nm"]))
        drawn = (random.surface_nm <= reach).sum(axis=1)
        above, ties = (drawn > row["n"]).sum(), (drawn == row["n"]).sum()
        rows.append(
            {
                "rule": rule, "vesicles": len(seen), "seen": row["n"], "by_chance": row["n_random"], "p": row["p_random"],
                "even": (above + rng.uniform() * (ties + 1)) / (1 + len(drawn)),
            }
        )  # fmt: skip
    return rows


def omega(repeats: int) -> pd.DataFrame:
    """Neck, height and width of simulated omega figures by the mask of the cell and by that of the membrane."""
    rows = []
    for kind in ("cell", "membrane"):
        for neck in (15.0, 25.0, 40.0):
            parts, true, count = [], 0, 0
            for seed in range(repeats):
                params = em_simulation("em").updated(
                    {
                        "field": {"height_px": 300, "width_px": 700},
                        "membrane": {"omegas": 2, "neck_nm": neck},
                        "vesicles": {"per_um3": 0.0, "docked_per_um2": 0.0},
                    }
                )
                truth = simulate_em(params, np.random.default_rng(seed))
                if kind == "cell":
                    found = pits(Membrane.from_mask(truth.cell, (1.5, 1.5), "cell"))
                else:
                    deep = np.array([[280 * 1.5, 300.0]])
                    found = pits_of_band(Membrane.from_mask(truth.membrane, (1.5, 1.5), "band"), deep)
                true, count = true + len(truth.pits), count + len(found)
                for row in truth.pits.itertuples():
                    near = found[(found["x_nm"] - row.x_nm).abs() < 15]
                    if len(near):
                        best = near.iloc[0]
                        parts.append([best[c] - getattr(row, c) for c in ("neck_nm", "height_nm", "width_nm")])
            off = np.array(parts).reshape(-1, 3)
            rows.append(
                {
                    "mask": kind,
                    "neck_nm": neck,
                    "true": true,
                    "found": count,
                    "right_place": len(off),
                    **{f"{name}_off": off[:, k].mean() for k, name in enumerate(("neck", "height", "width")) if len(off)},
                    **{f"{name}_sd": off[:, k].std() for k, name in enumerate(("neck", "height", "width")) if len(off)},
                }
            )
    return pd.DataFrame(rows)


WHAT = {
    "distances": (distances, 200),
    "sections": (sections, 24),
    "serial": (serial, 3),
    "single": (single, 8),
    "placement": (placement, 90),
    "pits": (omega, 4),
}


def main() -> None:
    """Measure what is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--repeats", type=int)
    given = parser.parse_args()
    measure, repeats = WHAT[given.what]
    begun = time.process_time()
    table = measure(given.repeats or repeats)
    sys.stdout.write(table.to_string(index=False, float_format=lambda value: f"{value:.3f}") + "\n")
    sys.stdout.write(f"{time.process_time() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
