"""Twenty movies on two nodes of a real SLURM that is started for it, a job of which is cancelled on the way, beside a local run.

``python tests/benchmarks/batch_slurm.py [--movies 20] [--write]``: the tables must be the same byte for byte. With ``--write``
the figures go to docs/scale.md. Ends with status 1 if any table differs. Needs slurm-wlm and munge.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "unit" / "batch")]

from slurm import SEARCHED, missing, slurm  # noqa: E402 - lies beside the tests that share it
from studied import small_study, tables  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- slurm -->", "<!-- /slurm -->"
PROFILE = """[slurm]
queue = "debug"
workers = 2
memory_gb = 2.0
walltime = "00:50:00"
interface = "lo"
shared = "{shared}"
"""


def batch(study: Path, out: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command."""
    command = [sys.executable, "-m", "exotrack", "batch", str(study), "--out", str(out), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def cancelled(process: subprocess.Popen[str], out: Path, after: int, environment: dict[str, str]) -> str:
    """Cancel the first job that runs once `after` movies are done and both workers are at one; returns its number."""
    while process.poll() is None:
        done, running = (list((out / name).glob(form)) for name, form in (("movies", "*/stamp.json"), ("running", "*.json")))
        if len(done) >= after and len(running) == 2:
            words = ["squeue", "-h", "-t", "RUNNING", "-o", "%i"]
            job = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()[0]
            subprocess.run(["scancel", job], env=environment, check=True)
            return job
        time.sleep(0.1)
    raise SystemExit("the run ended before a job could be cancelled: " + process.communicate()[0])


def main() -> int:
    """Measure, print, write if asked; returns the exit status."""
    words = argparse.ArgumentParser()
    words.add_argument("--movies", type=int, default=20)
    words.add_argument("--write", action="store_true")
    asked = words.parse_args()
    if lacking := missing():
        raise SystemExit(f"{', '.join(lacking)} missing: apt-get install slurm-wlm munge")
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, slurm(Path(name)) as configuration:
        folder = Path(name) / "lab"
        study = small_study(folder, [f"{'ab'[k % 2]}/m{k:02d}" for k in range(asked.movies)])
        (folder / "profile.toml").write_text(PROFILE.format(shared=folder / "keys"))
        environment = {**os.environ, "SLURM_CONF": str(configuration), "PATH": SEARCHED}
        begun = time.monotonic()
        where = ("--scheduler", "slurm", "--profile", str(folder / "profile.toml"))
        with batch(study, folder / "out", *where, environment=environment) as process:
            cancelled(process, folder / "out", asked.movies // 4, environment)
            said, _ = process.communicate()
        slurm_s, status = time.monotonic() - begun, process.returncode
        begun = time.monotonic()
        with batch(study, folder / "here", "--workers", "2") as process:
            process.communicate()
        local_s = time.monotonic() - begun
        ours, here = tables(folder / "out"), tables(folder / "here")
    same = sum(ours.get(table) == content for table, content in here.items())
    last, more = said.splitlines()[-1].partition(" -> ")[0], len(set(ours) - set(here))
    text = (
        f"{asked.movies} movies of 12 frames on two nodes of one core each, one job cancelled on the way: {slurm_s:.0f} s, exit "
        f"status {status}, last line '{last}'; with two local workers {local_s:.0f} s. {same} of {len(here)} files of tables are "
        f"the same byte for byte as those of the local run, {more} are more.\n\n"
        f"SLURM on one machine with {psutil.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {psutil.getloadavg()[0]:.1f} at the end.\n"
    )
    print(text)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8", newline="\n")
    return 1 if status or ours != here else 0


if __name__ == "__main__":
    sys.exit(main())
