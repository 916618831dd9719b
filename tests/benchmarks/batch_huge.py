"""One movie of 10 GB, spread over the workers of a study in blocks: memory of each process, and time.

``python tests/benchmarks/batch_huge.py [--gb 10] [--workers 2] [--limit-gb 1.5] [--detect] [--write]`` makes an OME-Zarr of
512 x 512 pixels (camera noise that compresses to a sixth, a few vesicles that dock and fuse), runs a study of this one movie
with the whole pipeline, or with ``--detect`` only the stage that reads every pixel, on the same cluster and in the same blocks,
and samples the resident memory of the driver and of each worker five times a second. With ``--write`` the figures go to
docs/scale.md. Ends with status 1 if a worker had more than the limit. The movie takes 0.2 GB of disk for each GB.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- huge -->", "<!-- /huge -->"
SIDE, CHUNK, POOL = 512, 16, 128
FRAME_S, PIXEL_UM = 0.05, 0.1


def make(path: Path, n_frames: int, rng: np.random.Generator) -> None:
    """Write the movie, a chunk at a time."""
    import zarr
    from zarr.codecs import BloscCodec

    group = zarr.open_group(path, mode="w", zarr_format=3)
    packed = BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=2)
    shape, chunks = (n_frames, SIDE, SIDE), (CHUNK, SIDE, SIDE)
    stored = group.create_array("0", shape=shape, chunks=chunks, dtype="uint16", compressors=[packed])
    axes = [{"name": "t", "type": "time", "unit": "second"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"type": "scale", "scale": [FRAME_S, PIXEL_UM, PIXEL_UM]}]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    pool = rng.normal(100.0, 1.2, (POOL, SIDE, SIDE)).astype(np.float32)
    light = Light(n_frames, rng)
    for first in range(0, n_frames, CHUNK):
        frames = range(first, min(first + CHUNK, n_frames))
        block = np.stack([pool[rng.integers(POOL)] for _ in frames])
        for k, frame in enumerate(frames):
            block[k] = np.roll(block[k], rng.integers(0, SIDE, 2), (0, 1))
            light.add(block[k], frame)
        stored[first : first + len(frames)] = np.rint(block).astype(np.uint16)


class Light:
    """Vesicles that dock at random, stay for a while, and leave in a flash: 40 in each 1,000 frames."""

    def __init__(self, n_frames: int, rng: np.random.Generator) -> None:
        count = max(n_frames // 25, 1)
        self._first = np.sort(rng.integers(0, n_frames, count))
        self._last = self._first + rng.integers(20, 400, count)
        self._at = rng.uniform(12, SIDE - 12, (count, 2))
        self._grid = np.mgrid[-8:9, -8:9]

    def add(self, frame: np.ndarray, number: int) -> None:
        """Add those of a frame."""
        there = np.flatnonzero((self._first <= number) & (number <= self._last + 3))
        for one in there:
            y, x = self._at[one]
            row, column = round(y), round(x)
            since = number - self._last[one]
            height, width = (14.0, 1.3) if since <= 0 else (30.0 / since, 1.3 + 0.8 * since)
            dy, dx = self._grid[0] + row - y, self._grid[1] + column - x
            frame[row - 8 : row + 9, column - 8 : column + 9] += height * np.exp(-(dy**2 + dx**2) / (2 * width**2))


def study(folder: Path, workers: int, limit_gb: float) -> None:
    """The study, as `exotrack batch` runs it, but spread however small the file is on disk."""
    from exotrack._batch_progress import Progress
    from exotrack.batch.cluster import Wanted
    from exotrack.batch.run import How, run_study
    from exotrack.batch.study import read_study

    watch = Progress()
    try:
        ran = run_study(
            read_study(folder / "study.toml"), folder / "out", Wanted("local", workers, limit_gb), How(huge_bytes=0), watch
        )
    finally:
        watch.close()
    if ran.failed:
        raise SystemExit(str(ran.failed))


def detection(folder: Path, workers: int, limit_gb: float) -> None:
    """Only the detection, spread in the same way."""
    import exotrack
    from exotrack._blocks import Execution
    from exotrack.batch.cluster import Wanted, connected

    movie = exotrack.open_movie(folder / "huge.ome.zarr")
    with connected(Wanted("local", workers, limit_gb), None):
        spots = exotrack.detect(movie, exotrack.preset("granule").detect, run=Execution(workers=workers, spread=True))
    (folder / "found.txt").write_text(f"{len(spots)} spots")


def watched(words: list[str]) -> tuple[float, dict[int, int], int]:
    """Run a program; returns how long it took (s), and the peaks of its worker processes by number and its own (bytes)."""
    begun, peaks = time.monotonic(), dict[int, int]()
    with subprocess.Popen(words) as process:
        own = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                for one in (own, *(child for child in own.children() if "spawn_main" in " ".join(child.cmdline()))):
                    peaks[one.pid] = max(peaks.get(one.pid, 0), one.memory_info().rss)
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"the study ended with status {process.returncode}")
    driver = peaks.pop(process.pid)
    return time.monotonic() - begun, peaks, driver


def counted(out: Path) -> str:
    """What the study found, and how much of it there is."""
    import pandas as pd

    row = pd.read_parquet(out / "movies.parquet").iloc[0]
    size = sum(path.stat().st_size for path in (out / "movies").rglob("*.parquet"))
    counts = f"{row['n_tracks']} tracks, {row['n_docking']} dockings, {row['n_full_fusion']} fusions"
    return f"{counts}; {size / 1e6:.0f} MB of tables"


def main() -> int:
    """Make the movie, run the study, print, write if asked; returns the exit status."""
    words = argparse.ArgumentParser()
    words.add_argument("--gb", type=float, default=10.0)
    words.add_argument("--workers", type=int, default=2)
    words.add_argument("--limit-gb", type=float, default=1.5)
    words.add_argument("--detect", action="store_true")
    words.add_argument("--write", action="store_true")
    words.add_argument("--study", type=Path, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.study is not None:
        (detection if asked.detect else study)(asked.study, asked.workers, asked.limit_gb)
        return 0
    n_frames = round(asked.gb * 1e9 / (2 * SIDE * SIDE))
    with tempfile.TemporaryDirectory() as name:
        folder, begun = Path(name), time.monotonic()
        make(folder / "huge.ome.zarr", n_frames, np.random.default_rng(0))
        on_disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{n_frames} frames, {on_disk / 1e9:.2f} GB on disk, made in {time.monotonic() - begun:.0f} s", flush=True)
        (folder / "study.toml").write_text('preset = "granule"\n[movies]\npattern = "{movie}.ome.zarr"\n')
        again = [sys.executable, __file__, "--study", name, "--workers", str(asked.workers), "--limit-gb", str(asked.limit_gb)]
        wall_s, peaks, driver = watched([*again, *(["--detect"] if asked.detect else [])])
        found = (folder / "found.txt").read_text() if asked.detect else counted(folder / "out")
    pixels_gb, each = n_frames * 2 * SIDE * SIDE / 1e9, ", ".join(f"{peak / 1e9:.2f} GB" for peak in peaks.values())
    rows = [
        "| what | measured |", "|---|---|",
        f"| movie | {n_frames} frames of 512 x 512, {pixels_gb:.1f} GB of pixels, {on_disk / 1e9:.2f} GB on disk |",
        f"| peak of each worker (limit {asked.limit_gb:.1f} GB) | {each} |",
        f"| peak of driver and scheduler | {driver / 1e9:.2f} GB |",
        f"| time on {len(peaks)} workers | {wall_s:.0f} s, {1e3 * pixels_gb / wall_s:.0f} MB/s |",
        f"| found | {found} |",
    ]  # fmt: skip
    machine = f"{psutil.cpu_count()} cores, Python {platform.python_version()}, load {psutil.getloadavg()[0]:.1f} at the end"
    what = "Detection alone" if asked.detect else "The whole pipeline"
    text = "\n".join(rows) + f"\n\n{what}, preset granule, on a machine with {machine}.\n"
    print(text)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8", newline="\n")
    return 1 if max(peaks.values()) > asked.limit_gb * 1e9 else 0


if __name__ == "__main__":
    sys.exit(main())
