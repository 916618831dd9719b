"""Blocks of frames, and the only place outside io/ and batch/ that knows Dask.

A task is one block of frames: about 32 MB of pixels, so that opening the file costs little and a worker holds little
(measured: 64 frames of 512 x 512 read ten times faster than single frames; larger blocks gain nothing). *How fast* is
`Execution`; it never changes a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack._memory import give_back
from exotrack.movie import Movie

Progress = Callable[[str, int, int], None]
"""Called with (what, blocks done, blocks in all)."""


MANY = 100
"""Tasks from which processes are worth some seconds to start them."""
TOGETHER = 16
"""Tasks that a process is given at once: what they share is sent once."""


class Block(NamedTuple):
    """Frames `start` to `stop` (exclusive) are owned by the block."""

    start: int
    stop: int


@dataclass(frozen=True)
class Execution:
    """How fast: never part of the science.

    workers : threads on this machine; None takes Dask's own choice (all cores, or an active distributed client).
    block_bytes : pixels per task; 32 MB measured best, see the module docstring.
    progress : called after each batch of blocks.
    spread : blocks go to the workers of the active Dask client, `workers` of them, instead of threads.
    processes : many small tasks that hold the interpreter, such as reading tables, go to processes of this machine. Only from a
        program whose main module may be imported again, as the command line's may.
    """

    workers: int | None = None
    block_bytes: int = 32_000_000
    progress: Progress | None = None
    spread: bool = False
    processes: bool = False


def blocks(movie: Movie, run: Execution) -> list[Block]:
    """Cut the movie into runs of at most 256 whole frames of about `run.block_bytes` each."""
    n, height, width = movie.shape
    per_block = int(np.clip(run.block_bytes // max(height * width * movie.dtype.itemsize, 1), 1, 256))
    return [Block(start, min(start + per_block, n)) for start in range(0, n, per_block)]


def map_blocks(what: str, task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], run: Execution) -> Iterator[Any]:
    """Yield ``task(*args)`` for each of `arguments`, in order, computed in parallel by Dask.

    Batches of tasks go to the scheduler, so the graph stays small and results can be consumed as they come: memory
    does not grow with the number of blocks unless the caller keeps what it is given.
    """
    from dask.base import compute
    from dask.delayed import delayed

    if run.processes and len(arguments) >= MANY and (run.workers or default_workers()) > 1:
        yield from _in_processes(what, task, arguments, run)
        return
    batch = 4 * (run.workers or default_workers())
    options: dict[str, Any] = {}
    if run.workers is not None and not (run.spread and _has_client()):
        options = {"scheduler": "threads", "num_workers": run.workers}
    for first in range(0, len(arguments), batch):
        # Bound before Dask sees them: it would go through every argument in search of lazy ones, each time.
        tasks = [delayed(partial(task, *args), pure=False, traverse=False)() for args in arguments[first : first + batch]]
        yield from compute(*tasks, traverse=False, **options)
        if run.progress is not None:
            run.progress(what, min(first + batch, len(arguments)), len(arguments))
    give_back()


def _in_processes(what: str, task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], run: Execution) -> Iterator[Any]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = [arguments[first : first + TOGETHER] for first in range(0, len(arguments), TOGETHER)]
    done = 0
    with ProcessPoolExecutor(run.workers or default_workers(), get_context("spawn"), _deaf) as pool:
        for found in pool.map(partial(_each, task), parts):
            yield from found
            done += len(found)
            if run.progress is not None:
                run.progress(what, done, len(arguments))
    give_back()


def _deaf() -> None:
    """Leave Ctrl-C to the process that has the work."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _each(task: Callable[..., Any], part: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [task(*args) for args in part]


def default_workers() -> int:
    """Cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _has_client() -> bool:
    import sys

    distributed = sys.modules.get("distributed")
    return distributed is not None and distributed.client._get_global_client() is not None


def owned(rows_frame: NDArray[np.integer[Any]], block: Block) -> slice:
    """Slice of rows sorted by frame that belong to `block`."""
    first, last = np.searchsorted(rows_frame, [block.start, block.stop])
    return slice(int(first), int(last))
