"""Vesicles found by their state, and states said of them, on simulated sections of fresh seeds.

``python tests/benchmarks/em_states.py`` prints a table for each rule. The true state is that of the rule on true distances in
three dimensions; those must be found whose centre lies in the section and which the border does not cut. Fusing ones are the
omega figures.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import pandas as pd

from exotrack.em.beside import painted, with_second_look
from exotrack.em.detect import detect
from exotrack.em.membrane import Membrane
from exotrack.em.stack import Stack
from exotrack.em.states import RULES, place, states
from exotrack.params import VesicleParams
from exotrack.simulate import em_simulation, simulate_em
from exotrack.tables import EM_STATES

SEED = 41_000
RULES_TRIED = ("touching", "tomography", "bilayer_5", "bilayer_10")
PIXEL = 1.5


def looked(seed: int, thick: float, second: bool) -> pd.DataFrame:
    """A row for each vesicle that must be found, and each rule: what it is, and what is said of it."""
    params = em_simulation("em").updated({"field": {"section_nm": thick}, "vesicles": {"docked_per_um2": 120.0}})
    truth = simulate_em(params, np.random.default_rng(seed))
    stack = Stack.from_array(truth.pixels, (thick, PIXEL, PIXEL), image_id="states", contrast="dark")
    inner = Membrane.from_mask(truth.cell, (PIXEL, PIXEL), "cell")
    rings = detect(stack)
    if second:
        hidden = painted(stack, inner)
        assert hidden is not None
        rings = with_second_look(rings, detect(hidden), inner, VesicleParams().max_overlap, thick)
    placed = place(rings, inner, "touching")
    shown = truth.profiles[truth.profiles["centred"] & ~truth.profiles["touches_border"].astype(bool)]
    true = truth.vesicles.set_index("vesicle_id").loc[shown["vesicle_id"]].reset_index()
    true = true.assign(resolution_nm=inner.resolution_nm)
    rows = []
    for rule in RULES_TRIED:
        said = placed.assign(state=states(placed, RULES[rule]))
        said_of = [_said(said, one.y_nm, one.x_nm, one.diameter_nm) for one in true.itertuples()]
        part = true.assign(
            rule=rule, true=states(true, RULES[rule]), said=[one[0] for one in said_of], at=[one[1] for one in said_of]
        )
        rows.append(part[["rule", "true", "said", "at", "dist_pm_surface_nm", "diameter_nm"]])
        for z, y, x, radius in truth.scene.omegas:
            if abs(z - thick / 2) <= thick / 2:
                word, at = _said(said, y, x, 2 * radius)
                rows.append(pd.DataFrame([{"rule": rule, "true": "fusing", "said": word, "at": at}]))
    return pd.concat(rows, ignore_index=True)


def _said(table: pd.DataFrame, y: float, x: float, diameter: float) -> tuple[str, float]:
    """State of the vesicle found there, and its distance (nm) from the membrane."""
    gaps = np.hypot(table["y_nm"] - y, table["x_nm"] - x).to_numpy()
    if not len(gaps) or gaps.min() >= diameter / 4:
        return "not found", np.nan
    row = table.iloc[int(np.argmin(gaps))]
    return str(row["state"]), float(row["dist_pm_surface_nm"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--section-nm", type=float, default=50.0)
    parser.add_argument("--once", action="store_true", help="without the second look, the membrane painted over")
    given = parser.parse_args()
    begun = time.process_time()
    table = pd.concat([looked(SEED + k, given.section_nm, not given.once) for k in range(given.repeats)], ignore_index=True)
    columns = [*EM_STATES, "not found"]
    for rule, part in table.groupby("rule", sort=False):
        crossed = pd.crosstab(part["true"], part["said"]).reindex(index=list(EM_STATES), columns=columns, fill_value=0)
        crossed["found"] = 1 - crossed["not found"] / crossed.sum(axis=1)
        crossed["right"] = [crossed.loc[one, one] / max(crossed.loc[one, list(EM_STATES)].sum(), 1) for one in EM_STATES]
        sys.stdout.write(f"{rule}\n{crossed.to_string(float_format=lambda value: f'{value:.3f}')}\n")
    one = table[(table["rule"] == "touching") & table["at"].notna() & (table["true"] != "fusing")]
    off = one["at"] - one["dist_pm_surface_nm"]
    for name, which in (("docked", one["true"] == "docked"), ("others", one["true"] != "docked")):
        sys.stdout.write(
            f"distance of {name}: off by {off[which].mean():+.2f} nm, from one to the next {off[which].std():.2f} nm\n"
        )
    sys.stdout.write(f"{given.repeats} sections, {time.process_time() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
