"""Where calling fusions degrades, what it calls where nothing fuses, and what boosted trees add to the likelihoods.

``python tests/benchmarks/calling_axes.py`` simulates and analyses about 90 short movies, one process, and writes
docs/calling.md; half an hour. What a movie gave is kept, so that a run that was cut goes on; movies of other code are made again.

  --only NAME,NAME   measure these sections only: axes, silent, real, ablation; the others are taken as they were kept
  --tuning FILE ...  files of simulated_candidates.py for the ablation; without them it is taken as it was kept
  --data DIR         folder of the optional real movies
  --movies N         movies per point (default 2)
  --keep DIR         where results are kept
  --kept             simulate and analyse nothing, take the movies that are kept
  --page FILE        where the page goes
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from calling.ablation import ablation
from calling.movies import real, secreting, silent, stamp
from calling.page import page
from calling.points import AXES, CAUSES, PRESETS

ROOT = Path(__file__).parents[2]
TELOMERES = ("movies/spotiflow_telomeres.tif", 0.05)
SECTIONS = ("axes", "silent", "real", "ablation")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--tuning", type=Path, nargs="*", default=[])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--movies", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "exotrack-calling")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "calling.md")
    asked = parser.parse_args()
    asked.names = [name for name in asked.only.split(",") if name]
    if unknown := set(asked.names) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(sorted(unknown))}; known are {', '.join(SECTIONS)}")
    return asked


def measure(name: str, asked: argparse.Namespace, movies: Path) -> Any:
    """The plain numbers of one section."""
    if name == "axes":
        points = [replace(point, movies=asked.movies) for point in AXES]
        found = {preset: [secreting(point, preset, movies, asked.kept) for point in points] for preset in PRESETS}
        return {preset: [row for row in rows if row] for preset, rows in found.items()}
    if name == "silent":
        points = [replace(point, movies=asked.movies) for point in CAUSES]
        found = {preset: [silent(point, preset, movies, asked.kept) for point in points] for preset in PRESETS}
        return {preset: [row for row in rows if row] for preset, rows in found.items()}
    if name == "real":
        path = asked.data / TELOMERES[0]
        return {preset: real(path, TELOMERES[1], preset) for preset in PRESETS} if path.exists() else None
    return ablation(asked.tuning, movies)


def main() -> None:
    """Measure what was asked for, write the page from all that is kept."""
    asked = arguments()
    movies = asked.keep / stamp()
    movies.mkdir(parents=True, exist_ok=True)
    for name in asked.names:
        if name == "ablation" and not asked.tuning:
            continue
        (asked.keep / f"{name}.json").write_text(json.dumps(measure(name, asked, movies), indent=1))
    kept = {name: json.loads(path.read_text()) for name in SECTIONS if (path := asked.keep / f"{name}.json").exists()}
    asked.page.write_text(page(kept), encoding="utf-8", newline="\n")
    print(f"written: {asked.page}")


if __name__ == "__main__":
    main()
