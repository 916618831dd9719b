"""Give memory back that is no longer used: what a process holds at its peak is what a cluster asks people to reserve."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any


def give_back() -> None:
    """Return freed memory to the operating system, where there is a way to; never changes a result.

    The C library keeps what was freed, up to 32 MB in one piece, for the next that asks, in one store for each thread. A
    stage frees a few times what its table weighs, in pieces of another size than the next one needs, so without this the
    stores of all stages add up. Takes some milliseconds: for the end of a stage, not for loops.
    """
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    """``malloc_trim`` of the GNU C library; None where the C library is another one."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), "malloc_trim", None)
