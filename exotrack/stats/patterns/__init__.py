"""Where and when events happen in a cell: clustered, at random or apart; at hot spots; in bursts; after one another.

Everything is tested against patterns drawn inside the cell's own footprint with as many events (`_rank`), so that size is exact
whatever the shape of the cell and the number of events.
"""

from __future__ import annotations

from exotrack.stats.patterns.cell import DRAWN, Found, RateMap, Seen, patterns, seen_in
from exotrack.stats.patterns.responses import Latencies, latencies, responses
from exotrack.stats.patterns.sites import SITE_UM, compare_sites
from exotrack.stats.patterns.space import NEAR_UM, compare_places, rate_map
from exotrack.stats.patterns.times import compare_times, follow
from exotrack.stats.patterns.window import Window

__all__ = [
    "DRAWN", "NEAR_UM", "SITE_UM", "Found", "Latencies", "RateMap", "Seen", "Window", "compare_places", "compare_sites",
    "compare_times",     "follow",
    "latencies", "patterns", "rate_map", "responses", "seen_in",
]  # fmt: skip
