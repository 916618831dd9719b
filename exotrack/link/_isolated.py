"""Links that have no rival, found by trackpy.

Where vesicles are sparse most spots have one candidate in the next frame, which has no other: trackpy's subnetworks of one pair.
They are taken as they are; everything else goes to `_assign`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.link._costs import Costs

Whole = NDArray[np.int64]
CERTAIN = 2.5
"""Longest step of an isolated pair in units of the usual step along an axis: one in 23 is longer, and then a gap or an end is to
be weighed as well."""
SPARSE = 0.2
"""Rivals within reach from which hardly any spot is isolated, and looking for them costs more than it saves."""


def isolated_links(edges: Whole, places: NDArray[np.float64], costs: Costs) -> tuple[Whole, Whole]:
    """Spots and their followers, (m,) each, of the pairs of consecutive frames that have no rival within reach.

    edges : frame k holds the spots from ``edges[k]`` to ``edges[k + 1]`` (exclusive). places : (n, 2) um.
    """
    if costs.rivals > SPARSE:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    numbers = np.concatenate(list(_numbers(edges, places, costs.reach)))
    order = np.argsort(numbers, kind="stable")
    leader, led = order[:-1], order[1:]
    certain = (numbers[led] == numbers[leader]) & (np.hypot(*(places[led] - places[leader]).T) <= CERTAIN * costs.step)
    return leader[certain], led[certain]


def _numbers(edges: Whole, places: NDArray[np.float64], reach: float) -> Iterator[Whole]:
    """trackpy's number for every spot, frame by frame; those linked have the same."""
    # The class, not trackpy.link (which warns with pandas 3) nor link_iter (which logs every frame to standard output).
    from trackpy.linking.linking import Linker

    linker = Linker(reach, memory=0, neighbor_strategy="KDTree", link_strategy=_lone_pair)
    for k, (start, stop) in enumerate(pairwise(edges)):
        if k == 0:
            linker.init_level(places[start:stop], k)
        else:
            linker.next_level(places[start:stop], k)
        yield np.array(linker.particle_ids, dtype=np.int64)


def _lone_pair(sources: set[Any], destinations: set[Any], search_range: float, **options: Any) -> tuple[list[Any], list[Any]]:
    """Link a subnetwork of one pair and no other; has the signature trackpy expects of a ``link_strategy``."""
    if len(sources) == len(destinations) == 1:
        return list(sources), list(destinations)
    return [*sources, *[None] * len(destinations)], [*[None] * len(sources), *destinations]
