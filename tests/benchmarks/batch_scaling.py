"""What Dask costs a study: memory of driver and scheduler against the number of movies, time per movie, gain of a second worker.

``python tests/benchmarks/batch_scaling.py [--movies 100 1000 10000] [--write]`` sends movies whose work takes no time, or a fixed
time, through the driver of `exotrack batch`, with its marks and window, and prints a table; with ``--write`` it goes to
docs/scale.md.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil

from exotrack.batch.cluster import Wanted, connected
from exotrack.batch.drive import Drive
from exotrack.batch.marker import Marker
from exotrack.batch.plan import Item
from exotrack.batch.store import store
from exotrack.batch.study import Entry
from exotrack.batch.work import Outcome, Task, Tell
from exotrack.params import preset

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
TASK_S = 0.1
CHUNK = b"x" * 1_000_000


class Silent:
    """Is told of the progress and says nothing."""

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        """A movie has ended."""

    def stage(self, movie: str, what: str, done: int, total: int) -> None:
        """A movie has come so far."""

    def tick(self, workers: int) -> None:
        """Some time has passed."""


def nothing(task: Task, tell: Tell | None = None) -> Outcome:
    """A movie that takes no time."""
    return Outcome(task.entry.movie, "done", counts={"n_frames": 100.0}, wall_s=0.0, worker="here")


def marked(task: Task, tell: Tell | None) -> Outcome:
    """A movie whose worker sleeps for a while, with a mark as a real one has."""
    with Marker(store(task.out), task.entry.movie):
        time.sleep(TASK_S)
    return nothing(task)


def busy(task: Task, tell: Tell | None) -> Outcome:
    """A movie of pure computation."""
    compute(int(task.command))
    return nothing(task)


def compute(rounds: int) -> float:
    """Checksum a megabyte `rounds` times; returns how long that took (s)."""
    begun = time.perf_counter()
    for _ in range(rounds):
        hashlib.sha256(CHUNK).digest()
    return time.perf_counter() - begun


def driven(work: object, movies: int, workers: int, command: str = "") -> tuple[float, float]:
    """Wall time (s) of so many movies on so many processes, and memory (MB) by which driver and scheduler grew meanwhile."""
    params = preset("granule")
    with tempfile.TemporaryDirectory() as folder, connected(Wanted("local", workers, 1.0), None) as (client, count):
        client.wait_for_workers(workers)
        items = [Item(Entry(f"m{k:06d}", f"{folder}/m{k:06d}.tif", params), "new") for k in range(movies)]
        tasks = [Task(item.entry, folder, "1-of-1", "code", command=command, run="run") for item in items]
        Drive(client, store(folder), Silent(), count, work=work).run(
            items[:20], [replace(task, command="1") for task in tasks[:20]]
        )  # type: ignore[arg-type]
        before = psutil.Process().memory_info().rss
        begun = time.perf_counter()
        Drive(client, store(folder), Silent(), count, work=work).run(items[20:], tasks[20:])  # type: ignore[arg-type]
        return time.perf_counter() - begun, (psutil.Process().memory_info().rss - before) / 1e6


def control(rounds: int, workers: int) -> float:
    """How long `workers` bare processes take for `rounds` each (s): what the machine gives just now."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(compute, [1] * workers, chunksize=1)
        begun = time.perf_counter()
        pool.map(compute, [rounds] * workers, chunksize=1)
        return time.perf_counter() - begun


def rest(rounds: int) -> None:
    """What `marked` does without Dask and without a mark."""
    for _ in range(rounds):
        time.sleep(TASK_S)


def slept(rounds: int, workers: int) -> float:
    """How long `workers` bare processes take for `rounds` rests each (s)."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(rest, [1] * workers, chunksize=1)
        begun = time.perf_counter()
        pool.map(rest, [rounds] * workers, chunksize=1)
        return time.perf_counter() - begun


def one_rest(_: int) -> None:
    """A task of Dask that rests once."""
    time.sleep(TASK_S)


def mapped(rounds: int, workers: int) -> float:
    """How long Dask takes for `rounds` rests for each worker, with the settings of a batch but none of its work (s)."""
    with connected(Wanted("local", workers, 1.0), None) as (client, _):
        client.wait_for_workers(workers)
        client.gather(client.map(one_rest, range(5 * workers), pure=False))
        begun = time.perf_counter()
        client.gather(client.map(one_rest, range(rounds * workers), pure=False))
        return time.perf_counter() - begun


def measured(sizes: list[int]) -> str:
    """The table, in Markdown."""
    rows = ["| what | measured |", "|---|---|"]
    for movies in sizes:
        wall_s, grown_mb = driven(nothing, movies, 1)
        n = movies - 20
        rows.append(f"| {movies} movies that take no time: per movie | {1e3 * wall_s / n:.1f} ms |")
        rows.append(f"| growth of driver and scheduler over them | {grown_mb:.0f} MB |")
    for workers in (1, 2):
        slept_s = max(slept(100, workers), 100 * TASK_S)
        wall_s, _ = driven(marked, 20 + 100 * workers, workers)
        what = f"{100 * workers} movies of {1e3 * TASK_S:.0f} ms on {workers} {'worker' if workers == 1 else 'workers'}"
        dask_s = mapped(100, workers)
        rows.append(
            f"| {what}: Dask alone over bare processes that do the same, just before | {100 * (dask_s / slept_s - 1):.1f} % |"
        )
        rows.append(f"| the same with marks, window and outcomes | {100 * (wall_s / slept_s - 1):.1f} % |")
        rows.append(f"| those bare processes over what the clock should say | {100 * (slept_s / (100 * TASK_S) - 1):.1f} % |")
    rounds = max(int(0.5 / compute(1)), 1)
    alone, ours = [], []
    for workers in (1, 2):  # side by side, as the load of a machine that is shared changes
        alone.append(control(8 * rounds, workers))
        ours.append(driven(busy, 20 + 8 * workers, workers, str(rounds))[0])
    rows.append(f"| weak scaling from 1 to 2 workers, 8 movies of about 0.5 s on each: gain | {2 * ours[0] / ours[1]:.2f} |")
    rows.append(f"| the same work in two bare processes, just before: gain | {2 * alone[0] / alone[1]:.2f} |")
    machine = f"{psutil.cpu_count()} cores, Python {platform.python_version()}, load {psutil.getloadavg()[0]:.1f}"
    return "\n".join(rows) + f"\n\nOn a machine with {machine} at the end.\n"


def main() -> None:
    """Measure, print, and write if asked."""
    words = argparse.ArgumentParser()
    words.add_argument("--movies", type=int, nargs="+", default=[100, 1000, 10_000])
    words.add_argument("--write", action="store_true")
    asked = words.parse_args()
    text = measured(asked.movies)
    print(text)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
