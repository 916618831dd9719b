"""Hot spots: sites at which fusion repeats."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.stats.patterns._rank import at_least

Real = NDArray[np.float64]
SITE_UM = 0.3
"""Events this near one another are at one site: a docked vesicle and the error of two places (0.1 um each)."""


class Sites(NamedTuple):
    """Sites of a pattern beside patterns of the null.

    site : (n,) number of the site of each event, from 0 in the order of events. repeats : (1 + m,) events beyond the first of
    their site. largest : (1 + m,) most events at a site.
    """

    site: NDArray[np.intp]
    repeats: Real
    largest: Real

    @property
    def p_repeats(self) -> float:
        """Share of patterns in which as many events repeat."""
        return at_least(self.repeats)

    def p_site(self, n_events: int) -> float:
        """Share of patterns in which some site holds as many events: corrected for having looked at every site."""
        return float(np.mean(np.concatenate([[True], self.largest[1:] >= n_events])))


def compare_sites(seen: Real, null: Real, within_um: float = SITE_UM) -> Sites:
    """Sites of (n, 2) places in um and of (m, n, 2) of the null: places joined by steps of at most `within_um`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    patterns = np.concatenate([seen[None], null])
    m, n = patterns.shape[:2]
    # Patterns lie far from one another along a third axis, so that one tree serves all.
    floor = np.repeat(np.arange(m) * 4.0 * within_um, n)[:, None]
    pairs = cKDTree(np.hstack([patterns.reshape(-1, 2), floor])).query_pairs(within_um, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(m * n, m * n))
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    first = np.unique(label, return_index=True)[1]
    repeats = n - np.bincount(first // n, minlength=m)
    largest = np.zeros(m)
    np.maximum.at(largest, first // n, sizes[label[first]])
    own = label[:n]
    _, opened, inverse = np.unique(own, return_index=True, return_inverse=True)
    return Sites(np.argsort(np.argsort(opened))[inverse].astype(np.intp), repeats.astype(float), largest)
