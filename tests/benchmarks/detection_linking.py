"""Detection, localisation and linking of exotrack beside the tools a user could pick, in one run on one thread.

``python tests/benchmarks/detection_linking.py`` makes an environment with the peers it needs (in --cache, by default a folder of
the system's temporary one), measures everything there and writes docs/benchmarks.md. Half an hour.

  --only NAME,NAME   measure these sections only; what was measured earlier is kept (detection, blanks, localisation,
                     linking, speed, dense)
  --quick            small movies, a few minutes: shows that everything works; its figures mean little
  --page FILE        write the page there; a quick run writes benchmarks.md into the cache unless told otherwise
  --write-only       measure nothing, write the page from what is kept
  --here             use this Python with the peers it has, install nothing
  --cache DIR        where the environment and the results (JSON, one file a section) are kept
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from tracking.environment import ROOT, prepared, single_threaded
from tracking.sections import SECTIONS

PAGE = ROOT / "docs" / "benchmarks.md"
READING = "<!-- reading -->"
"""Where the part begins that reading.py writes."""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--write-only", action="store_true")
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "exotrack-benchmarks")
    asked = parser.parse_args()
    asked.names = [name for name in asked.only.split(",") if name]
    if unknown := set(asked.names) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(sorted(unknown))}; known are {', '.join(SECTIONS)}")
    return asked


def inside(asked: argparse.Namespace) -> None:
    """Measure and write, in the environment that has the peers."""
    from tracking.machine import record
    from tracking.page import page
    from tracking.scale import FULL, QUICK

    scale = QUICK if asked.quick else FULL
    results = asked.cache / f"results-{scale.name}"
    results.mkdir(parents=True, exist_ok=True)
    for name in [] if asked.write_only else asked.names:
        begin = time.perf_counter()
        print(f"{name} ...", flush=True)
        found: dict[str, Any] = {"result": SECTIONS[name](scale), "machine": record(), "scale": scale.name}
        found["minutes"] = (time.perf_counter() - begin) / 60
        (results / f"{name}.json").write_text(json.dumps(found, indent=1))
        print(f"{name}: {found['minutes']:.1f} minutes", flush=True)
    kept = {name: json.loads(path.read_text()) for name in SECTIONS if (path := results / f"{name}.json").exists()}
    missing = asked.cache / "missing.json"
    text = page(kept, json.loads(missing.read_text()) if missing.exists() else {})
    where = asked.page or (asked.cache / PAGE.name if asked.quick else PAGE)
    _, mark, other = where.read_text(encoding="utf-8").partition(READING) if where.exists() else ("", "", "")
    where.write_text(f"{text.rstrip()}\n\n{mark}{other}" if mark else text, encoding="utf-8", newline="\n")
    print(f"written: {where}")


def main() -> int:
    """Make the environment and measure in it."""
    asked = arguments()
    if os.environ.get("EXOTRACK_BENCHMARK") == "inside":
        inside(asked)
        return 0
    python = Path(sys.executable) if asked.here else prepared(asked.cache)
    given = {**single_threaded(), "EXOTRACK_BENCHMARK": "inside"}
    return subprocess.run([str(python), __file__, *sys.argv[1:]], env=given, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
