"""How fast movies are read, beside the library that each format is read with and a copy in memory.

``python tests/benchmarks/reading.py [--frames 400] [--write]`` writes a movie of 512 x 512 pixels of photon noise in each format
that can be written here, reads it in blocks of 64 frames through `open_movie` and through the library alone, and prints a table;
with ``--write`` it goes to docs/benchmarks.md. Speeds are per second of processor time of all threads, the best of three, so that
the load of a shared machine matters little; files are in the memory of the system, so that the disk does not matter.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tifffile
from numpy.typing import NDArray

import exotrack

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- reading -->", "<!-- /reading -->"
BLOCK, SIDE, TRIES = 64, 512, 3
GIVEN: dict[str, Any] = {"pixel_um": 0.1, "frame_s": 0.05}
Pixels = NDArray[np.uint16]
Reader = Callable[[], Iterator[Pixels]]


def blocks(n_frames: int) -> list[tuple[int, int]]:
    """First and last (exclusive) frames of the blocks."""
    return [(first, min(first + BLOCK, n_frames)) for first in range(0, n_frames, BLOCK)]


def by_exotrack(path: Path, n_frames: int) -> Reader:
    """Read as the stages do."""
    movie = exotrack.open_movie(path, **GIVEN)
    return lambda: (movie.read(first, last) for first, last in blocks(n_frames))


def by_tifffile(path: Path, n_frames: int) -> Reader:
    """Pages of an open file."""

    def read() -> Iterator[Pixels]:
        with tifffile.TiffFile(path) as file:
            for first, last in blocks(n_frames):
                yield file.asarray(key=slice(first, last), maxworkers=1)

    return read


def by_imread(folder: Path, n_frames: int) -> Reader:
    """A file for each frame."""
    files = sorted(folder.iterdir())
    return lambda: (tifffile.imread(files[first:last]) for first, last in blocks(n_frames))


def by_zarr(path: Path, n_frames: int) -> Reader:
    """Slices of an array."""
    import zarr

    array = zarr.open_array(path / "0", mode="r")
    return lambda: (np.asarray(array[first:last]) for first, last in blocks(n_frames))


def by_mrcfile(path: Path, n_frames: int) -> Reader:
    """Slices of a memory map, copied."""
    import mrcfile

    def read() -> Iterator[Pixels]:
        with mrcfile.mmap(path, mode="r") as file:
            for first, last in blocks(n_frames):
                yield np.array(file.data[first:last])

    return read


def written(folder: Path, pixels: Pixels) -> Iterator[tuple[str, Path, Callable[[Path, int], Reader], str]]:
    """Each format: what it is called, where it lies, its library's own reader and that one's name."""
    plain = {"photometric": "minisblack", "metadata": None}
    for name, file, options in (
        ("TIFF", "raw.tif", plain),
        ("TIFF, zlib", "zlib.tif", {**plain, "compression": "zlib"}),
        ("TIFF, zstd", "zstd.tif", {**plain, "compression": "zstd"}),
        ("TIFF, LZW", "lzw.tif", {**plain, "compression": "lzw"}),
        ("ImageJ TIFF", "imagej.tif", {"imagej": True, "metadata": {"axes": "TYX"}}),
        ("OME-TIFF, zlib", "a.ome.tif", {"ome": True, "compression": "zlib", "metadata": {"axes": "TYX"}}),
    ):
        tifffile.imwrite(folder / file, pixels, **options)
        yield name, folder / file, by_tifffile, "tifffile"
    (folder / "numbered").mkdir()
    for number, frame in enumerate(pixels):
        tifffile.imwrite(folder / "numbered" / f"f{number:05d}.tif", frame, **plain)
    yield "numbered TIFFs", folder / "numbered", by_imread, "tifffile"
    yield from _zarrs(folder, pixels)
    import mrcfile

    with mrcfile.new(folder / "a.mrc") as file:
        file.set_data(pixels)
    yield "MRC", folder / "a.mrc", by_mrcfile, "mrcfile"


def _zarrs(folder: Path, pixels: Pixels) -> Iterator[tuple[str, Path, Callable[[Path, int], Reader], str]]:
    import zarr
    from zarr.codecs import BloscCodec, ZstdCodec

    fast = BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=2)
    for name, options in (
        ("OME-Zarr, zstd", {"compressors": [ZstdCodec(level=3)]}),
        ("OME-Zarr, blosc lz4", {"compressors": [fast]}),
        ("OME-Zarr, blosc lz4 in shards", {"compressors": [fast], "shards": (64, SIDE, SIDE)}),
    ):
        path = folder / f"{name.replace(' ', '')}.ome.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=3)
        group.create_array("0", data=pixels, chunks=(16, SIDE, SIDE), **options)
        scale = [{"type": "scale", "scale": [0.05, 0.1, 0.1]}]
        axes = [{"name": "t", "type": "time"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
        yield name, path, by_zarr, "zarr"


def speed(read: Reader, pixels: Pixels) -> float:
    """Megabytes of pixels a second of processor time; the pixels must be those that were written."""
    best = 0.0
    for _ in range(TRIES):
        begun, at = time.process_time(), 0
        for block in read():
            at += len(block)
        best = max(best, pixels.nbytes / 1e6 / (time.process_time() - begun))
        assert at == len(pixels)
        assert np.array_equal(block, pixels[-len(block) :])
    return best


def measured(folder: Path, pixels: Pixels) -> str:
    """The table in Markdown."""
    copied = speed(lambda: (pixels[first:last].copy() for first, last in blocks(len(pixels))), pixels)
    rows = ["| format | MB on disk | exotrack, MB/s | its library, MB/s | ratio |", "|---|--:|--:|--:|--:|"]
    for name, path, library, called in written(folder, pixels):
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        ours, theirs = speed(by_exotrack(path, len(pixels)), pixels), speed(library(path, len(pixels)), pixels)
        rows.append(f"| {name} | {size / 1e6:.0f} | {ours:.0f} | {theirs:.0f} ({called}) | {ours / theirs:.2f} |")
        print(rows[-1], flush=True)
    rows.append(f"| a copy in memory | | {copied:.0f} | | |")
    about = (
        f"{len(pixels)} frames of {SIDE} x {SIDE} pixels of 16 bits, photon noise ({pixels.nbytes / 1e6:.0f} MB), in blocks of "
        f"{BLOCK} frames; MB of pixels a second of processor time (`python tests/benchmarks/reading.py --write`). ND2, CZI and "
        "LIF are left out: movies of this size cannot be written here."
    )
    machine = f"Python {platform.python_version()}, tifffile {tifffile.__version__}, {psutil.cpu_count()} cores."
    return f"## Reading\n\n{about} On {machine}\n\n" + "\n".join(rows) + "\n"


def main() -> None:
    """Measure, print, write if asked."""
    words = argparse.ArgumentParser()
    words.add_argument("--frames", type=int, default=400)
    words.add_argument("--write", action="store_true")
    asked = words.parse_args()
    pixels = np.random.default_rng(0).poisson(200, (asked.frames, SIDE, SIDE)).astype(np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        text = measured(Path(folder), pixels)
    print(text)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(
            f"{before.rstrip()}\n\n{BEGIN}\n\n{text}\n{END}\n{rest.partition(END)[2].lstrip()}", encoding="utf-8", newline="\n"
        )


if __name__ == "__main__":
    main()
