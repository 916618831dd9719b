"""Runs of a study that are ended at random instants, and whether what they leave becomes what one run makes.

``python tests/benchmarks/batch_kills.py [--kills 30] [--movies 4] [--ways WAY ...] [--rng 0] [--write]``: for each way to end
a run (the driver by SIGKILL, by SIGTERM, a worker by SIGKILL, a full disk) rounds of a study that is ended `--each` times, then
let go on to its end, until it has been ended as often as asked. With ``--write`` the rows of these ways go to docs/batch.md. Ends
with status 1 if any table of any round differs from those of a run that was left alone, or anything half-made is left. The full
disk is a tmpfs, which only root may mount; without that right it is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / "unit" / "batch")]

from studied import small_study, tables  # noqa: E402 - lies beside the tests that share it

PAGE = Path(__file__).parents[2] / "docs" / "batch.md"
BEGIN, END = "<!-- ended -->", "<!-- /ended -->"
SHARE = {"driver, SIGKILL": 1.0, "driver, SIGTERM": 1 / 3, "worker, SIGKILL": 1 / 3, "full disk": 1 / 6}
"""Ways to end a run, and how often each is tried, in parts of what is asked for."""
PATIENCE_S = 600.0
TRY_AGAIN = 75


@dataclass
class Tally:
    """What became of one way to end a run. statuses : exit statuses that were seen."""

    rounds: int = 0
    ended: int = 0
    different: int = 0
    left: int = 0
    statuses: set[int] = field(default_factory=set)


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


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk in memory; its size is set by `resize`."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    """Give it so many bytes."""
    subprocess.run(["mount", "-o", f"remount,size={size // 1000}k", str(disk)], check=True)


def full_rounds(study: Path, folder: Path, whole: Path, asked: int, rng: np.random.Generator) -> Tally:
    """Runs on a disk that is full, made larger at random each time until all fits."""
    tally = Tally()
    needed = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file()) * 2 / 3  # the dataset is links
    with small_disk(folder / "disk") as disk:
        size = 0.05 * needed
        for _ in range(asked):
            size = min(size + rng.uniform(0.3, 1.7) * 0.8 * needed / asked, 0.9 * needed)
            resize(disk, int(size))
            status = begin(study, disk / "out").wait(PATIENCE_S)
            tally.statuses.add(status)
            tally.ended += status == TRY_AGAIN
            tally.left += bool(half_made(disk / "out"))
        resize(disk, int(20 * needed))
        close(tally, study, disk / "out", whole)
    return tally


def killed_rounds(study: Path, folder: Path, whole: Path, way: str, asked: int, each: int, rng: np.random.Generator) -> Tally:
    """Rounds of runs that are ended at random instants, until `asked` were."""
    tally, lasts_s = Tally(), finish(study, folder / f"timed {way}")
    while tally.ended < asked:
        out = folder / f"{way} {tally.rounds}"
        for _ in range(min(each, asked - tally.ended)):
            process = begin(study, out)
            time.sleep(float(rng.uniform(0.3, 0.9 * lasts_s)))
            if end(process, way):
                tally.ended += 1
                tally.statuses.add(process.returncode)
        close(tally, study, out, whole)
        print(f"{way}: {tally}", flush=True)
    return tally


def close(tally: Tally, study: Path, out: Path, whole: Path) -> None:
    """Let a round run to its end and compare it."""
    finish(study, out)
    tally.rounds += 1
    tally.different += tables(out) != tables(whole)
    tally.left += bool(half_made(out))


def half_made(out: Path) -> list[Path]:
    """What should not be there when no run is at work."""
    return [path for path in out.rglob("*") if path.suffix in (".tmp", ".old") or path.name == ".parts"]


def merged(text: str, page: str) -> str:
    """`text` with the rows of ways that were not tried now as they stood before."""
    rows = {line.split("|")[1]: line for line in page.partition(BEGIN)[2].partition(END)[0].splitlines() if line.startswith("| ")}
    new = {line.split("|")[1]: line for line in text.splitlines() if line.startswith("| ")}
    head, _, _ = text.partition("| what was ended")
    kept = [{**rows, **new}[key] for key in dict.fromkeys((*new, *rows))]
    return head + "\n".join([kept[0], "|---|--:|--:|--:|--:|---|", *kept[1:]]) + "\n"


def report(tallies: dict[str, Tally], movies: int, tables_of_each: int, rng: int) -> str:
    """The table in Markdown."""
    rows = ["| what was ended | times ended | in rounds | rounds with other tables | half-made files left | exit statuses |"]
    rows.append("|---|--:|--:|--:|--:|---|")
    for way, tally in tallies.items():
        said = ", ".join(str(status) for status in sorted(tally.statuses))
        rows.append(f"| {way} | {tally.ended} | {tally.rounds} | {tally.different} | {tally.left} | {said} |")
    if os.geteuid():
        rows.append("| full disk | not tried: no disk may be mounted here | | | | |")
    about = f"Studies of {movies} movies with {tables_of_each} tables each, on one worker, random seed {rng}."
    return f"{about} A negative status is the number of the signal.\n\n" + "\n".join(rows) + "\n"


def main() -> int:
    """Measure, print, write if asked; returns the exit status."""
    words = argparse.ArgumentParser()
    words.add_argument("--kills", type=int, default=30)
    words.add_argument("--each", type=int, default=6)
    words.add_argument("--movies", type=int, default=4)
    words.add_argument("--ways", nargs="+", choices=tuple(SHARE), default=tuple(SHARE))
    words.add_argument("--rng", type=int, default=0)
    words.add_argument("--write", action="store_true")
    asked = words.parse_args()
    rng, tallies = np.random.default_rng(asked.rng), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = small_study(folder, [f"{'ab'[k % 2]}/m{k}" for k in range(asked.movies)])
        whole = folder / "whole"
        finish(study, whole)
        for way in asked.ways:
            times = max(round(SHARE[way] * asked.kills), 1)
            if way != "full disk":
                tallies[way] = killed_rounds(study, folder, whole, way, times, asked.each, rng)
            elif os.geteuid() == 0:
                tallies[way] = full_rounds(study, folder, whole, times, rng)
        text = report(tallies, asked.movies, len(tables(whole)) // asked.movies, asked.rng)
    print(text)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{merged(text, page)}\n{END}{rest.partition(END)[2]}", encoding="utf-8", newline="\n")
    return 1 if any(tally.different or tally.left for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
