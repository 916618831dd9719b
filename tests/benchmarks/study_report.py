"""Time and memory of the statistics and the page of a large study.

    python tests/benchmarks/study_report.py [MOVIES] [--write]

MOVIES (1000) results folders, copies under other names of 20 simulated populations (two conditions, 10 animals each), then
`exotrack stats` and `exotrack report` on them in processes of their own. --write puts the figures into docs/statistics.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from populations import results

from exotrack.io.results import write_table
from exotrack.params import preset
from exotrack.tables import Movies

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
MARKS = "<!-- speed begins -->", "<!-- speed ends -->"
KINDS = 20
MEASURED = """
import resource, sys
from exotrack.cli import app
app(sys.argv[1:], standalone_mode=False)
print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def study(folder: Path, n: int) -> None:
    """A study folder of `n` movies."""
    made = [results(folder / "made" / f"k{k}", "neuroendocrine_core", k, inputs={"Ca": (0.5, 3.0)[k % 2]}) for k in range(KINDS)]
    rows = []
    for k in range(n):
        name, source = f"m{k:04d}", made[k % KINDS]
        place = folder / "movies" / name
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("*.csv"))
        record = json.loads((place / "provenance.json").read_text())
        (place / "provenance.json").write_text(json.dumps(record | {"movie_id": name}))
        cells = pd.read_parquet(place / "cells.parquet")
        row = {
            "movie_id": name,
            "condition": ("rest", "calcium")[k % 2],
            "animal_id": f"a{k % KINDS}",
            "status": "done",
            "input": f"{name}.tif",
        }
        counts = {key: int(cells[key].sum()) for key in cells if key.startswith("n_")}
        rows.append(row | counts | {"n_cells": len(cells), "area_um2": cells["area_um2"].sum(), "observed_s": 30.0})
    shutil.rmtree(folder / "made")
    movies = Movies.build(pd.DataFrame(rows))
    for form in ("parquet", "csv"):
        write_table(movies, Movies, folder / f"movies.{form}")
    params = json.loads(preset("granule").model_dump_json())
    (folder / "study.json").write_text(json.dumps({"study": "large", "params": [params], "movies": []}))


def measured(*words: object) -> tuple[float, float]:
    """Seconds and MB at the peak of an exotrack command in its own process."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", MEASURED, *map(str, words)], capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr)
    return took, int(done.stdout.rsplit("PEAK", 1)[1]) / 1024


def main() -> None:
    """Run, print, and write if asked."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    n = (numbers or [1000])[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study(folder, n)
        every = {
            "`exotrack stats`": ("stats", folder / "movies", "--design", folder / "movies.csv", "--out", folder / "s1"),
            "`exotrack stats --patterns`": (
                "stats",
                folder / "movies",
                "--design",
                folder / "movies.csv",
                "--patterns",
                "--out",
                folder / "s2",
            ),
            "`exotrack report` of the study": ("report", folder),
        }
        rows = [(name, *measured(*words)) for name, words in every.items()]
    lines = [f"{n} movies of 2 cells on two cores (`python tests/benchmarks/study_report.py {n} --write`):", ""]
    lines += ["| command | time | memory at the peak |", "|---|---|---|"]
    lines += [f"| {name} | {took:.0f} s | {peak:.0f} MB |" for name, took, peak in rows]
    text = "\n".join(lines) + "\n"
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        PAGE.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
