"""The patterns of one movie: every cell, kind of event and null into rows of tables."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.stats.cells import Movie
from exotrack.stats.patterns.sites import compare_sites
from exotrack.stats.patterns.space import MAP_SIDE, compare_places, rate_map
from exotrack.stats.patterns.times import compare_times, follow
from exotrack.stats.patterns.window import Window
from exotrack.tables import FUSION_KINDS

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
DRAWN = 199
"""Patterns drawn under the null: 5 % is then a whole number of ranks, and twice as many gain 1 to 2 % of power."""
FEWEST = 5
"""Events that a test needs: with fewer hardly any pattern could be told from chance."""
MOST = 3000
"""Events of a cell up to which pairs are compared: memory and time grow with their square."""
PICKED_OF = 2
"""Vesicles that docked, for each of them that fused, that choosing among them needs."""

MAP_SMOOTH = 1 / 12
"""Width of the Gaussian of a map over the side of a square of the cell's area: some tens of patches have room in a cell."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """Rows of the tables `Patterns`, `PatternCurves` and `Sites` of one movie, and what its units get."""

    patterns: list[Row] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)
    sites: list[Row] = field(default_factory=list)
    maps: list[RateMap] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class RateMap:
    """Where the fusions of a cell were: `places` (n, 2) um, those at a `site` with others (n,), and the smooth `rate`.

    rate : (height, width) per um^2 and s, NaN outside the cell; `corner_um` (2,) is the place of its first pixel.
    """

    who: Row
    places: Real
    site: NDArray[np.bool_]
    rate: Real
    corner_um: Real
    pixel_um: float


@dataclass(frozen=True, eq=False)
class Seen:
    """Events of one kind in one cell and period: `places` (n, 2) um, `frame` (n,) among the usable frames, `at_s` (n,).

    pool : (p, 2) places among which the null draws them; None: anywhere in the window. clock : number of usable frames, and the
    time between them; None where the rate is not even in any case (after a stimulus). duration_s : time observed.
    """

    who: Row
    window: Window
    places: Real
    frame: NDArray[np.intp]
    at_s: Real
    pool: Real | None
    clock: tuple[int, float] | None
    duration_s: float = 0.0


def patterns(every: Iterator[Seen], seed: int, drawn: int = DRAWN) -> Found:
    """All tests of every pattern. Each draws random numbers of its own, from `seed` and its name, in whatever order they come."""
    found = Found()
    for seen in every:
        name = "/".join(str(seen.who[key]) for key in ("movie_id", "cell_id", "period", "kind", "null"))
        _one(found, seen, np.random.default_rng([seed, zlib.crc32(name.encode())]), drawn)
    return found


def _one(found: Found, seen: Seen, rng: np.random.Generator, drawn: int) -> None:
    n = len(seen.places)
    row = seen.who | {"n_events": n, "area_um2": seen.window.area_um2}
    if n < 2 or n > MOST:
        zero = {"near_pairs": 0.0, "near_pairs_expected": 0.0, "repeats": 0.0, "repeats_expected": 0.0} if n < 2 else {}
        found.patterns.append(row | zero | {"note": f"{n} events: a pattern needs {FEWEST} to {MOST}"})
        return
    null = seen.window.draw(rng, (drawn, n)) if seen.pool is None else _picked(seen.pool, n, drawn, rng)
    space, sites = compare_places(seen.places, null, seen.window), compare_sites(seen.places, null)
    row |= {
        "near_pairs": space.near_pairs[0], "near_pairs_expected": space.near_pairs[1:].mean(),
        "nearest_um": space.nearest_um[0], "nearest_ratio": space.neighbours[0],
        "repeats": sites.repeats[0], "repeats_expected": sites.repeats[1:].mean(), "largest_site": sites.largest[0],
    }  # fmt: skip
    if n < FEWEST:
        found.patterns.append(row | {"note": f"{n} events: a test needs {FEWEST}"})
        return
    clustering = space.clustering
    row |= {
        "clustering_p": clustering.p_value, "clustering_z": clustering.z, "clustering_um": space.distance_um[clustering.at],
        "nearest_p": space.neighbours[1], "repeats_p": sites.p_repeats, "largest_p": sites.p_site(int(sites.largest[0])),
    }  # fmt: skip
    found.curves.extend(_curve(seen.who, "distance", space.distance_um, space.ripley_l_um))
    if seen.pool is None:
        row |= _in_time(found, seen, rng, drawn)
        found.sites.extend(_sites(seen, sites))
        if seen.who["kind"] == "fusion" and seen.duration_s > 0:
            found.maps.append(_mapped(seen, np.bincount(sites.site)[sites.site] > 1))
    found.patterns.append(row)


def _picked(pool: Real, n: int, drawn: int, rng: np.random.Generator) -> Real:
    """(drawn, n, 2): n different ones of the pool, each choice as likely."""
    return pool[np.argsort(rng.random((drawn, len(pool))), axis=1)[:, :n]]


def _in_time(found: Found, seen: Seen, rng: np.random.Generator, drawn: int) -> Row:
    after = follow(seen.places, seen.at_s, seen.window.reach_um, float(np.ptp(seen.at_s)) / 4, rng, drawn)
    row: Row = {"follow_p": after.p_value, "follow_z": after.z}
    if seen.clock is None:
        return row | {"note": "bursts: the rate after a stimulus is not even in any case"}
    if seen.clock[0] < 8 * FEWEST:
        return row | {"note": f"bursts: {seen.clock[0]} usable frames are too few"}
    time = compare_times(seen.frame, *seen.clock, rng, drawn)
    found.curves.extend(_curve(seen.who, "lag", time.lag_s, time.pairs))
    bursts = time.bursts
    return row | {
        "bursts_p": bursts.p_value, "bursts_z": bursts.z, "bursts_s": time.lag_s[bursts.at], "mean_time": time.middle[0],
        "trend_p": time.p_trend,
    }  # fmt: skip


def _curve(who: Row, axis: str, at: Real, curves: Real) -> Iterator[Row]:
    low, high = np.quantile(curves[1:], (0.025, 0.975), axis=0)
    columns = at, curves[0], curves[1:].mean(axis=0), low, high
    for values in zip(*columns, strict=True):
        yield who | {"axis": axis} | dict(zip(("at", "value", "expected", "low", "high"), map(float, values), strict=True))


def _mapped(seen: Seen, site: NDArray[np.bool_]) -> RateMap:
    coarse, corner = seen.window.coarser(MAP_SIDE)
    sigma = MAP_SMOOTH * float(np.sqrt(seen.window.area_um2))
    rate = rate_map(seen.places - corner, coarse, sigma, seen.duration_s)
    return RateMap(seen.who, seen.places, site, rate, corner, coarse.pixel_um)


def _sites(seen: Seen, sites: Any) -> Iterator[Row]:
    for site in np.flatnonzero(np.bincount(sites.site) > 1):
        mine = sites.site == site
        y, x = seen.places[mine].mean(axis=0)
        times = seen.at_s[mine]
        yield seen.who | {
            "site_id": int(site), "y_um": float(y), "x_um": float(x), "n_events": int(mine.sum()),
            "first_s": float(times.min()), "last_s": float(times.max()), "p_value": sites.p_site(int(mine.sum())),
        }  # fmt: skip


def seen_in(
    movie: Movie, footprint: NDArray[np.int64], pixel_um: float, periods: list[tuple[str, float, float]]
) -> Iterator[Seen]:
    """Every pattern of a movie: cells by periods by kinds, fusions both anywhere in the footprint and among what docked."""
    events, frames = movie.tables["events"], movie.tables["frames"]
    lumenal = movie.params.classify.cargo == "lumenal"
    usable, t_s = frames["status"].isin(("ok", "saturated")).to_numpy(), frames["t_s"].to_numpy(float)
    kind = events["kind"].to_numpy(dtype=object)
    fused = np.isin(kind, FUSION_KINDS) & ~_by_the_same(events)
    at, cell = events["t_s"].to_numpy(float), events["cell_id"].to_numpy(dtype=float, na_value=np.nan)
    places, frame = events[["y_um", "x_um"]].to_numpy(float), events["frame"].to_numpy(np.intp)
    for own in movie.tables["cells"]["cell_id"]:
        window = Window(footprint == own, pixel_um)
        for period, begin, end in periods:
            until = min(end, movie.stimulus_s) if np.isfinite(movie.stimulus_s) else end
            counted, whole = (usable & (t_s >= begin) & (t_s < last) for last in (until, end))
            number = np.cumsum(counted) - 1
            mine = (cell == own) & (at >= begin) & (at < end) & np.isfinite(places).all(axis=1)
            who: Row = {"movie_id": movie.movie_id, "cell_id": int(own), "period": period, "kind": "fusion", "null": "footprint"}
            for name, which in (("fusion", mine & fused), ("docking", mine & (kind == "docking"))):
                clock = (int(counted.sum()), movie.frame_s) if (at[which] < until).all() else None
                yield Seen(
                    who | {"kind": name}, window, places[which], number[frame[which]].clip(0), at[which], None, clock,
                    float(whole.sum()) * movie.frame_s,
                )  # fmt: skip
            if lumenal:
                yield from _among_docked(events, mine, kind, fused, window, who | {"null": "docked"})


def _by_the_same(events: pd.DataFrame) -> NDArray[np.bool_]:
    """(n_events,) fusions of a vesicle that had kissed before: one vesicle that flickers is no site that is used again.

    What follows a full fusion in the same track is another vesicle.
    """
    fusions = events[events["kind"].isin(FUSION_KINDS)].sort_values(["track_id", "frame"], kind="stable")
    before = fusions["kind"].shift().where(fusions["track_id"].eq(fusions["track_id"].shift()))
    return np.asarray(events.index.isin(fusions.index[(before == "kiss_and_run").to_numpy()]))


def _among_docked(
    events: pd.DataFrame, mine: NDArray[np.bool_], kind: NDArray[Any], fused: NDArray[np.bool_], window: Window, who: Row
) -> Iterator[Seen]:
    """Vesicles seen to dock, and which of them fused, where they docked: nothing if hardly any did anything else."""
    docked = events[mine & (kind == "docking")].drop_duplicates("track_id")
    both = docked["track_id"].isin(events.loc[fused, "track_id"]).to_numpy()
    pool = docked[["y_um", "x_um"]].to_numpy(float)
    if both.sum() >= FEWEST and len(pool) >= PICKED_OF * both.sum():
        times = docked["t_s"].to_numpy(float)[both]
        yield Seen(who, window, pool[both], np.zeros(len(times), np.intp), times, pool, None)
