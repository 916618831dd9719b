"""Runs of a study that are ended at random instants, and whether what they leave becomes what one run makes.

``python tests/benchmarks/batch_kills.py [--rounds 6] [--kills 5] [--movies 6] [--rng 0]``: each round starts a study anew, ends
it `kills` times (the driver by SIGKILL or SIGTERM, or its worker by SIGKILL) and lets the next run go on, until the last may
finish. Prints a line for each round, and ends with status 1 if any table of any round differs from those of a run that was left
alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / "unit" / "batch")]

from studied import small_study, tables  # noqa: E402 - lies beside the tests that share it

WAYS = ("driver SIGKILL", "driver SIGTERM", "worker SIGKILL")
PATIENCE_S = 600.0


def begin(study: Path, out: Path) -> subprocess.Popen[bytes]:
    """The study on one worker, in a group of its own."""
    words = [sys.executable, "-m", "exotrack", "batch", str(study), "--out", str(out), "--workers", "1"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)


def finish(study: Path, out: Path) -> float:
    """Let it run to its end; returns how long that took (s)."""
    begun = time.monotonic()
    status = begin(study, out).wait(PATIENCE_S)
    if status:
        raise SystemExit(f"a run that was left alone ended with status {status}")
    return time.monotonic() - begun


def end(process: subprocess.Popen[bytes], way: str) -> bool:
    """End the driver or its worker; False if it had ended by itself before."""
    if process.poll() is not None:
        return False
    if way.startswith("driver"):
        process.send_signal(signal.SIGKILL if way.endswith("KILL") else signal.SIGTERM)
    else:
        for child in psutil.Process(process.pid).children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
    process.wait(PATIENCE_S)
    while any(_in_group(one, process.pid) for one in psutil.process_iter()):
        time.sleep(0.05)
    return True


def _in_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def main() -> int:
    """Print a line for each round; returns the exit status."""
    words = argparse.ArgumentParser()
    words.add_argument("--rounds", type=int, default=6)
    words.add_argument("--kills", type=int, default=5)
    words.add_argument("--movies", type=int, default=6)
    words.add_argument("--rng", type=int, default=0)
    asked = words.parse_args()
    rng, different, ended = np.random.default_rng(asked.rng), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        study = small_study(Path(folder), [f"{'ab'[k % 2]}/m{k}" for k in range(asked.movies)])
        whole = Path(folder) / "whole"
        finish(study, whole)  # compiles, so that the second is timed
        lasts_s = finish(study, Path(folder) / "timed")
        expected = tables(whole)
        print(f"{asked.movies} movies, {len(expected)} tables, a run lasts {lasts_s:.1f} s")
        for number in range(asked.rounds):
            out, said = Path(folder) / f"round{number}", []
            for _ in range(asked.kills):
                process, way = begin(study, out), str(rng.choice(WAYS))
                instant_s = float(rng.uniform(0.3, 0.9 * lasts_s))
                time.sleep(instant_s)
                if end(process, way):
                    ended += 1
                    said.append(f"{way} {instant_s:.1f} s")
            finish(study, out)
            left = [path for path in out.rglob("*") if path.suffix in (".tmp", ".old") or path.name == ".parts"]
            same = tables(out) == expected and not left
            different += not same
            print(f"round {number + 1}: {'identical' if same else 'DIFFERENT'} after {', '.join(said) or 'nothing'}", flush=True)
    print(f"{ended} times ended, {different} of {asked.rounds} rounds different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
