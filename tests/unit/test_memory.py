"""What is freed goes back to the operating system."""

from __future__ import annotations

import psutil
import pytest

from exotrack._memory import _trim, give_back


@pytest.mark.skipif(_trim() is None, reason="only the GNU C library can be told to give memory back")
def test_what_lies_between_things_still_in_use_is_given_back() -> None:
    me = psutil.Process()
    pieces = [b"x" * (100_000 + k) for k in range(2_000)]
    last = pieces.pop()  # holds the end of the heap: the C library by itself gives back nothing below it
    held = me.memory_info().rss
    pieces.clear()
    give_back()
    assert len(last) == 101_999
    assert me.memory_info().rss < held - 150e6


def test_there_is_no_harm_in_giving_back_nothing() -> None:
    give_back()
    give_back()
