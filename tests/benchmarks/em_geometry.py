"""What the geometry of micrographs is worth: distances, sections, random placement and pits, against what is known.

``python tests/benchmarks/em_geometry.py distances`` (sections, placement, pits) prints a table; nothing was fitted on any of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.em._keiding import overcount
from exotrack.em.membrane import Membrane
from exotrack.em.omega import pits, pits_of_band
from exotrack.em.placement import dockings, random_placement
from exotrack.em.states import place
from exotrack.em.stereology import corrected_sizes
from exotrack.simulate import em_simulation, simulate_em
from exotrack.simulate.em_scene import Scene, build_scene
from exotrack.simulate.em_truth import profile_rows

SPACINGS = ((2.0, 2.0, 2.0), (5.0, 2.0, 2.0), (30.0, 8.0, 8.0), (2.0, 3.0, 5.0), (1.5, 1.5), (2.0, 5.0))


def distances(repeats: int) -> pd.DataFrame:
    """Error (voxels across the face) of distances to spheres of 6 to 40 voxels and to planes, of masks of 0 and 1."""
    rows = []
    for spacing in SPACINGS:
        for size in (6.0, 9.0, 20.0, 0.0):
            if len(spacing) == 3 and size > 15 and max(spacing) > 8:
                continue  # hundreds of millions of voxels
            off = np.concatenate([_plane(spacing, seed) if not size else _ball(spacing, size, seed) for seed in range(repeats)])
            rows.append(
                {
                    "spacing_nm": " x ".join(f"{s:g}" for s in spacing),
                    "face": f"sphere of {size:g}" if size else "plane",
                    "rms": np.sqrt((off**2).mean()),
                    "bias": off.mean(),
                    "largest": np.abs(off).max(),
                    "beyond_0.1": (np.abs(off) > 0.1).mean(),
                }
            )
    return pd.DataFrame(rows)


def _ball(spacing: tuple[float, ...], voxels: float, seed: int) -> NDArray[Any]:
    rng, s = np.random.default_rng(seed), np.asarray(spacing)
    radius = voxels * s.max()
    centre = radius + (4 + rng.uniform(0, 1, len(s))) * s
    depth = radius - np.linalg.norm(_grid(np.ceil(2 * centre / s).astype(int) + 1, s) - centre, axis=-1)
    units = rng.normal(size=(40, len(s)))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    away = rng.uniform(0.3, 1.3, 40)
    found, _ = Membrane.from_mask(depth >= 0, spacing, "cell").distances(centre + units * radius * away[:, None])
    return np.asarray((found - radius * (1 - away)) / np.linalg.norm(units * s, axis=1))


def _plane(spacing: tuple[float, ...], seed: int) -> NDArray[Any]:
    rng, s = np.random.default_rng(seed), np.asarray(spacing)
    normal = rng.normal(size=len(s))
    normal /= np.linalg.norm(normal)
    offset = (s * (24 + rng.uniform(0, 1, len(s)))) @ normal
    points = s * 24 + rng.uniform(-6, 6, (40, len(s))) * s
    found, _ = Membrane.from_mask(_grid((49,) * len(s), s) @ normal >= offset, spacing, "cell").distances(points)
    return np.asarray((found - (points @ normal - offset)) / np.linalg.norm(normal * s))


def _grid(shape: Any, spacing: NDArray[Any]) -> NDArray[Any]:
    return np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"), -1)


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


def placement(repeats: int) -> pd.DataFrame:
    """How often docking comes out beyond chance where there is nothing but chance, by section and rule."""
    rows = []
    for thick in (50.0, 250.0):
        for density in (400.0, 1500.0):
            p: dict[str, list[float]] = {"touching": [], "tomography": [], "bilayer_10": []}
            for seed in range(repeats):
                params = em_simulation("em").updated(
                    {
                        "field": {"pixel_nm": 3.0, "height_px": 260, "width_px": 400, "section_nm": thick},
                        "membrane": {"omegas": 0},
                        "vesicles": {"per_um3": density * 50 / thick, "docked_per_um2": 0.0},
                    }
                )
                truth = simulate_em(params, np.random.default_rng(seed))
                inner = Membrane.from_mask(truth.cell, (3.0, 3.0), "cell")
                seen = truth.vesicles.assign(diameter_nm=truth.vesicles["profile_nm"])
                seen = seen[seen["profile_nm"] > 15].reset_index(drop=True)
                for rule, values in p.items():
                    placed = place(seen, inner, rule)
                    rng = np.random.default_rng(seed)
                    apart = thick < float(seen["diameter_nm"].median())
                    random = random_placement(placed, inner, truth.cell > 0, (3.0, 3.0), rng, draws=99, apart=apart)
                    values.append(float(dockings(placed, inner, rule, random).set_index("state").loc["docked", "p_random"]))
            for rule, values in p.items():
                rows.append(
                    {
                        "section_nm": thick,
                        "vesicles_per_um3": density * 50 / thick,
                        "rule": rule,
                        "images": repeats,
                        "p_below_0.05": np.mean(np.array(values) < 0.05 + 1e-9),
                        "p_below_0.2": np.mean(np.array(values) < 0.2 + 1e-9),
                        "mean_p": np.mean(values),
                    }
                )
    return pd.DataFrame(rows)


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


WHAT = {"distances": (distances, 4), "sections": (sections, 24), "placement": (placement, 60), "pits": (omega, 4)}


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
