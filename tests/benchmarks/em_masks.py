"""Memory and time of a large mask of the cell, read in blocks: ``python tests/benchmarks/em_masks.py 40000``.

Draws a cell with a wavy membrane of that many pixels along each side as a tiled TIFF, and prints the peak of this process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from exotrack.em.membrane import Membrane
from exotrack.io.voxels import open_voxels

PIXEL_NM, TILE = 2.0, 512


def tiles(side: int) -> Iterator[NDArray[Any]]:
    """The mask, tile by tile: inside is a disc with a wavy edge."""
    for top in range(0, side, TILE):
        for left in range(0, side, TILE):
            y, x = np.ogrid[top : top + TILE, left : left + TILE]
            away = np.hypot(y - side / 2, x - side / 2)
            angle = np.arctan2(y - side / 2, x - side / 2)
            yield (away < side * (0.4 + 0.02 * np.sin(9 * angle))).astype(np.uint8)


def peak_mb() -> float:
    """Largest memory of this process so far (MB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(side: int) -> str:
    """What the membrane of a mask of `side` x `side` pixels costs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell.tif"
        tifffile.imwrite(path, tiles(side), shape=(side, side), dtype=np.uint8, tile=(TILE, TILE), compression="zlib")
        before, begun = peak_mb(), time.process_time()
        membrane = Membrane.from_voxels(open_voxels(path).voxels, (PIXEL_NM, PIXEL_NM))
        points = np.random.default_rng(0).uniform(0, side * PIXEL_NM, (300, 2))
        membrane.distances(points)
        assert membrane.streamed is not None
        membrane.streamed.coarse()
        return (
            f"mask of {side} x {side} pixels ({side**2 / 1e6:.0f} million): membrane of {membrane.size() / 1e3:.0f} um and 300 "
            f"distances in {time.process_time() - begun:.0f} s of one core; {before:.0f} MB before, {peak_mb():.0f} at the peak"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", type=int, nargs="?", default=40000)
    print(measured(parser.parse_args().side))
