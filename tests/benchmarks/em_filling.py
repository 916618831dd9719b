"""Before against after secretion, on real runs of the commands: does the interval of ``exotrack stats --filling`` hold the truth?

``python tests/benchmarks/em_filling.py --work DIR`` simulates micrographs of granules with ``exotrack simulate em``, half of the
cells before and half after secretion, runs ``exotrack em`` on each and ``exotrack stats --filling`` on all, and compares with the
filling of all granules drawn, whatever was found of them. A cell is an animal's, a pair before and after.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from exotrack.io import read_results
from exotrack.tables import FILLINGS

SHARES = {"before": (0.70, 0.20), "after": (0.45, 0.40)}
"""Parts of the granules that are full and partly full; the rest is empty."""
FIELD = ["--set", "field.height_px=1000", "--set", "field.width_px=1000", "--set", "vesicles.per_um3=12"]
WORDS = ("full", "partial", "empty")


def exotrack(*words: object) -> str:
    """What the command says."""
    done = subprocess.run(
        [sys.executable, "-m", "exotrack", *map(str, words)], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        sys.exit(f"exotrack {' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def simulated(work: Path, cells: int, look_for: str) -> pd.DataFrame:
    """A micrograph of each cell, and its run; the design."""
    rows = []
    for number, when in enumerate(SHARES):
        full, partial = SHARES[when]
        for k in range(cells):
            name = f"{when}{k}"
            rows.append({"movie_id": name, "condition": when, "animal": f"a{k}"})
            if (work / "runs" / name / "vesicles.parquet").exists():
                continue
            shares = ["--set", f"vesicles.full={full}", "--set", f"vesicles.partial={partial}"]
            drawn = work / "drawn" / name
            if not drawn.exists():
                exotrack("simulate", "em_granules", "--out", drawn, "--rng", 100 * number + k, *FIELD, *shares)
                (drawn / "synthetic.tif").rename(drawn / f"{name}.tif")
            way = ("--preset", "granule", "--set", f"vesicles.look_for={look_for}")
            exotrack("em", drawn / f"{name}.tif", "--out", work / "runs", *way)
    table = pd.DataFrame(rows)
    table.to_csv(work / "design.csv", index=False)
    return table


def confusion(work: Path, names: list[str]) -> pd.DataFrame:
    """What was said of the granules of a true filling: those whose profile in the section is whole."""
    rows = []
    for name in names:
        drawn = pd.read_parquet(work / "drawn" / name / "vesicles.parquet")
        seen = read_results(work / "runs" / name).tables["vesicles"]
        for one in drawn[~drawn["touches_border"].astype(bool)].itertuples():
            gaps = np.hypot(seen["y_nm"] - one.y_nm, seen["x_nm"] - one.x_nm).to_numpy()
            found = len(gaps) > 0 and gaps.min() < one.profile_nm / 4
            said = str(seen["filling"].iloc[int(np.argmin(gaps))]) if found else "not found"
            rows.append({"true": one.filling, "said": said, "equatorial": bool(one.equatorial)})
    return pd.DataFrame(rows)


def odds(full: np.ndarray, word: int) -> float:
    """Odds ratio of a class between the two rows (before, after) of parts (2, 3)."""
    share = full[:, word] / full.sum(axis=1)
    return float(share[1] / (1 - share[1]) / (share[0] / (1 - share[0])))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--look-for", default="core", help="vesicles.look_for of the runs")
    given = parser.parse_args()
    begun = time.time()
    given.work.mkdir(parents=True, exist_ok=True)
    design = simulated(given.work, given.cells, given.look_for)
    exotrack(
        "stats", given.work / "runs", "--filling", "--design", given.work / "design.csv", "--by", "condition", "--nested",
        "animal", "--reference", "before", "--out", given.work / "stats", "--overwrite",
    )  # fmt: skip
    effects = pd.read_parquet(given.work / "stats" / "effects.parquet").set_index("measure")
    drawn = np.array([[full, partial, 1 - full - partial] for full, partial in SHARES.values()])
    rows = []
    for number, word in enumerate(WORDS):
        name = f"{word}_fraction"
        if name in effects.index:
            row, true = effects.loc[name], odds(drawn, number)
            inside = bool(row["low"] <= true <= row["high"])
            rows.append({"measure": name, "true": true, **row[["effect", "low", "high", "p_holm"]].to_dict(), "holds": inside})
    looked = confusion(given.work, design["movie_id"].tolist())
    crossed = pd.crosstab([looked["true"], looked["equatorial"]], looked["said"]).reindex(
        columns=[*FILLINGS, "not found"], fill_value=0
    )
    sys.stdout.write(pd.DataFrame(rows).to_string(index=False, float_format=lambda value: f"{value:.3f}") + "\n")
    sys.stdout.write(crossed.to_string() + f"\n{len(design)} micrographs, {time.time() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
