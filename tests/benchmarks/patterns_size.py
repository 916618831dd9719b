"""Size and power of the tests of patterns on simulated cells: places random, clustered and apart; times even, bursting, falling.

    python tests/benchmarks/patterns_size.py [N] [--write]

N patterns of each kind (500). --write puts the table into docs/statistics.md. Footprints are drawn anew for each pattern by the
package's simulator; patterns are drawn here, by nothing that the tests use but `Window.draw`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import exotrack
from exotrack.simulate.scenery import draw_scenery
from exotrack.stats.patterns import Window, compare_places, compare_sites, compare_times, follow

Real = NDArray[np.float64]
PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
MARKS = "<!-- patterns begins -->", "<!-- patterns ends -->"
DRAWN, FRAMES, FRAME_S = 199, 600, 0.1
MORE = 4
"""How many times as many patterns are drawn where there is nothing to find."""
Place = Callable[[Window, np.random.Generator, int], Real]


def random_places(window: Window, rng: np.random.Generator, n: int) -> Real:
    """Anywhere."""
    return window.draw(rng, (n,))


def clustered(of: int, sd_um: float) -> Place:
    """Clusters of `of` events, each event off its cluster's middle by a Gaussian of `sd_um` (Thomas)."""

    def draw(window: Window, rng: np.random.Generator, n: int) -> Real:
        parents = window.draw(rng, (max(n // of, 1),))
        found: list[Real] = []
        while len(found) < n:
            place = parents[rng.integers(len(parents))] + rng.normal(0, sd_um, 2)
            row, column = np.rint(place / window.pixel_um).astype(int)
            height, width = window.inside.shape
            if 0 <= row < height and 0 <= column < width and window.inside[row, column]:
                found.append(place)
        return np.array(found)

    return draw


def inhibited(share: float) -> Place:
    """No two nearer than a distance whose discs would fill `share` of the cell."""

    def draw(window: Window, rng: np.random.Generator, n: int) -> Real:
        least = np.sqrt(4 * share * window.area_um2 / (np.pi * n))
        found = [window.draw(rng, ())]
        while len(found) < n:
            place = window.draw(rng, ())
            if np.hypot(*(np.array(found) - place).T).min() > least:
                found.append(place)
        return np.array(found)

    return draw


def even(rng: np.random.Generator, n: int) -> NDArray[np.intp]:
    """An even rate."""
    return rng.integers(FRAMES, size=n)


def bursting(of: int, lasts_s: float) -> Callable[[np.random.Generator, int], NDArray[np.intp]]:
    """Bursts of `of` events that die away with `lasts_s`."""

    def draw(rng: np.random.Generator, n: int) -> NDArray[np.intp]:
        begins = rng.integers(FRAMES, size=max(n // of, 1))
        found: list[int] = []
        while len(found) < n:
            at = begins[rng.integers(len(begins))] + rng.exponential(lasts_s / FRAME_S)
            if at < FRAMES:
                found.append(int(at))
        return np.array(found)

    return draw


def falling(rng: np.random.Generator, n: int) -> NDArray[np.intp]:
    """A rate that falls to a third over the movie."""
    found: list[int] = []
    while len(found) < n:
        at = rng.integers(FRAMES)
        if rng.random() < 1 - 2 / 3 * at / FRAMES:
            found.append(int(at))
    return np.array(found)


def footprint(rng: np.random.Generator) -> Window:
    """A cell as the simulator draws it."""
    sim = exotrack.simulation("granule")
    return Window(draw_scenery(sim, rng).footprint > 0, sim.field.pixel_um)


def places_rows(n: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Share found at 5 % for each spatial pattern and number of events."""
    rows = []
    for name, draw in (
        ("random", random_places), ("clusters of 3, 0.4 µm", clustered(3, 0.4)), ("clusters of 5, 1 µm", clustered(5, 1.0)),
        ("apart, a quarter filled", inhibited(0.25)),
    ):  # fmt: skip
        for size in (10, 30, 100):
            found, many = np.zeros(3), n * (MORE if name == "random" else 1)
            for _ in range(many):
                window = footprint(rng)
                seen, null = draw(window, rng, size), window.draw(rng, (DRAWN, size))
                space = compare_places(seen, null, window)
                p = space.clustering.p_value, space.neighbours[1], compare_sites(seen, null).p_repeats
                found += np.array(p) <= 0.05
            rows.append((f"{name}; {size} events", *(f"{100 * one / many:.1f} %" for one in found)))
            print(rows[-1], flush=True)
    return rows


def times_rows(n: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Share found at 5 % for each pattern in time."""
    rows = []
    for name, draw in (
        ("even", even), ("bursts of 3, 1 s", bursting(3, 1.0)), ("bursts of 5, 3 s", bursting(5, 3.0)),
        ("falls to a third", falling),
    ):  # fmt: skip
        for size in (10, 30, 100):
            found, many = np.zeros(2), n * (MORE if name == "even" else 1)
            for _ in range(many):
                time = compare_times(draw(rng, size), FRAMES, FRAME_S, rng, DRAWN)
                found += np.array([time.bursts.p_value, time.p_trend]) <= 0.05
            rows.append((f"{name}; {size} events", *(f"{100 * one / many:.1f} %" for one in found)))
            print(rows[-1], flush=True)
    return rows


def follow_rows(n: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Share found at 5 % where a share of the events follows another nearby, and where none does in clustered, bursting cells."""
    rows = []
    for name, share in (("clusters and bursts of their own", 0.0), ("one in five follows another, 0.5 µm and 1 s", 0.2)):
        for size in (30, 100):
            found = 0
            for _ in range(n):
                window = footprint(rng)
                places, when = clustered(5, 1.0)(window, rng, size), bursting(3, 1.0)(rng, size).astype(float)
                for k in np.flatnonzero(rng.random(size) < share):
                    other = rng.integers(size)
                    places[k] = places[other] + rng.normal(0, 0.5 / np.sqrt(2), 2)
                    when[k] = when[other] + rng.exponential(1.0 / FRAME_S)
                found += follow(places, when * FRAME_S, window.reach_um, 15.0, rng, DRAWN).p_value <= 0.05
            rows.append((f"{name}; {size} events", f"{100 * found / n:.1f} %"))
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run, print, and write the tables if asked."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    n, rng = (numbers or [500])[0], np.random.default_rng(2027)
    parts = [
        f"{n} patterns a row, {MORE * n} of places and times with nothing to find; 199 random patterns each. The standard error "
        f"of 5 % is {100 * np.sqrt(0.05 * 0.95 / n):.1f} and {100 * np.sqrt(0.05 * 0.95 / (MORE * n)):.1f} %.\n",
        _table(("places", "Ripley's L", "nearest neighbour", "sites used again"), places_rows(n, rng)),
        _table(("times (60 s)", "pairs over all lags", "rises or falls"), times_rows(n, rng)),
        _table(("places and times", "near ones soon after one another"), follow_rows(n, rng)),
    ]
    text = "\n".join(parts)
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        PAGE.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}", encoding="utf-8")
    print(text)


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
