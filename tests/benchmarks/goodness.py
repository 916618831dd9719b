"""Size and power of the goodness-of-fit tests, right and wrong ones side by side.

Stays last 5 s on average, docked vesicles of one state, in a movie of 60 s at 0.1 s a frame.
Size: how often a test at 5 % rejects the exponential law where it is true. Power: where stays follow a gamma law of shape 1.5.
Then events of cells that fuse at rates of their own, each constant: how often tests of time rescaling reject that.

    python tests/benchmarks/goodness.py [studies] [workers]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstest

from exotrack._blocks import Execution
from exotrack.kinetics.goodness import Observed, goodness
from exotrack.kinetics.observe import Camera, FrameLaw, observe
from exotrack.kinetics.resample import spread
from exotrack.kinetics.rescaling import operational, rescaling

Real = NDArray[np.float64]
MEAN_S, N = 5.0, 100
CAMERA = Camera(frame_s=0.1, n_frames=600)
FILTERED = replace(CAMERA, min_frames=3)
REPEATS = 199


def stays(shape: float, camera: Camera, rng: np.random.Generator, n: int = N) -> Observed:
    """`n` recorded stays that follow a gamma law, and began at any time of the movie's first 30 s."""
    start = rng.uniform(0.0, 30.0, 4 * n)
    table = observe(start, start + rng.gamma(shape, MEAN_S / shape, 4 * n), "undocking", camera, rng)
    return Observed.of(table[table["entry_observed"]].head(n), ("undocking",))


def exponential(least: int, observed: Observed) -> list[FrameLaw]:
    """The exponential law that is likeliest, a geometric one in frames: exits over frames at risk, beyond the shortest track."""
    beyond, ended = int((observed.n_frames - least).sum()), int((observed.fate >= 0).sum())
    stay = max(beyond, 1) / (max(beyond, 1) + ended)
    lasting = np.concatenate([[1.0], stay ** np.arange(602)])
    return [FrameLaw(("undocking",), lasting, -np.diff(lasting)[:, None], least)]


def frame_tests(shape: float, camera: Camera, rng: np.random.Generator) -> dict[str, bool]:
    """Verdicts on stays seen in frames."""
    seen = stays(shape, camera, rng)
    duration = seen.n_frames * camera.frame_s
    fit = partial(exponential, camera.min_frames)
    p = goodness(seen, fit, repeats=REPEATS, seed=int(rng.integers(2**31)), run=Execution(1)).p
    naive = kstest(duration, "expon", args=(0, duration.mean())).pvalue
    return {"KS, frames and fit ignored": naive <= 0.05, **{f"{name}, redrawn": value <= 0.05 for name, value in p.items()}}


def exact_tests(shape: float, rng: np.random.Generator) -> dict[str, bool]:
    """Verdicts on stays whose durations are known exactly."""
    duration = rng.gamma(shape, MEAN_S / shape, N)
    every = np.concatenate([duration[None, :], rng.exponential(size=(REPEATS, N))])
    distance = _ks(every / every.mean(axis=1, keepdims=True))
    naive = kstest(duration / duration.mean(), "expon").pvalue
    return {"KS, fit ignored": naive <= 0.05, "KS, redrawn and refitted": np.mean(distance >= distance[0]) <= 0.05}


def rescaled_tests(rng: np.random.Generator) -> dict[str, bool]:
    """Verdicts on events of 12 cells, each of a constant rate of its own."""
    observed_s, rate = np.full(12, 60.0), rng.gamma(1.0, 0.25, 12)
    count = rng.poisson(rate * observed_s)
    cell = np.repeat(np.arange(12), count)
    at = rng.uniform(0, 60.0, len(cell))
    each = [np.diff(np.sort(at[cell == c]), prepend=0.0) for c in range(12)]
    pooled = np.concatenate(each) * len(at) / observed_s.sum()
    dropped = np.concatenate([own * rate[c] for c, own in enumerate(each)])
    seed = int(rng.integers(2**31))
    known = rescaling(operational(at, cell, observed_s, expected=rate * observed_s), repeats=REPEATS, seed=seed)
    free = rescaling(operational(at, cell, observed_s), repeats=REPEATS, seed=seed)
    return {
        "one mean rate for all cells": kstest(pooled, "expon").pvalue <= 0.05,
        "true rates, last interval of each cell dropped": kstest(dropped, "expon").pvalue <= 0.05,
        "true rates, cells joined, textbook p": kstest(known.intervals, "expon").pvalue <= 0.05,
        "true rates, cells joined, redrawn": known.p["joined"] <= 0.05,
        "rates from counts, cells joined, textbook p": kstest(free.intervals, "expon").pvalue <= 0.05,
        "rates from counts, cells joined, redrawn": free.p["joined"] <= 0.05,
        "rates from counts, shape only, textbook p": kstest(free.fraction, "uniform").pvalue <= 0.05,
        "rates from counts, shape only, redrawn": free.p["shape"] <= 0.05,
    }


def _of_shape(tests: Callable[..., dict[str, bool]], shape: float, rng: np.random.Generator) -> dict[str, bool]:
    return tests(shape=shape, rng=rng)


def _ks(scaled: Real) -> Real:
    """(R,) distance of each row of (R, n) from the exponential law of mean 1."""
    level, steps = -np.expm1(-np.sort(scaled, axis=1)), np.arange(scaled.shape[1] + 1) / scaled.shape[1]
    return np.maximum(np.abs(steps[1:] - level), np.abs(level - steps[:-1])).max(axis=1)


def rejected(verdicts: list[dict[str, bool]]) -> dict[str, float]:
    """Share of studies in which each test rejects."""
    return {name: float(np.mean([one[name] for one in verdicts])) for name in verdicts[0]}


def main() -> None:
    """Print the table."""
    studies, run = int((sys.argv[1:] or ["300"])[0]), Execution(int((sys.argv[2:] or ["1"])[0]))
    began = time.perf_counter()
    print(f"{studies} studies; standard error of a size of 5 %: {100 * np.sqrt(0.05 * 0.95 / studies):.1f} %")
    kinds = {
        "durations known exactly": exact_tests,
        "in frames of 0.1 s": partial(frame_tests, camera=CAMERA),
        "in frames, 3 or more": partial(frame_tests, camera=FILTERED),
    }
    for title, tests in kinds.items():
        size = rejected(spread(title, partial(_of_shape, tests, 1.0), studies, 1, run))
        power = rejected(spread(title, partial(_of_shape, tests, 1.5), studies, 2, run))
        print(f"\n{title + ', ' + str(N) + ' stays':<52}{'size':>8}{'power':>8}")
        for name, value in size.items():
            print(f"  {name:<50}{value:8.3f}{power[name]:8.3f}", flush=True)
    print("\ntime rescaling, 12 cells                             size")
    for name, value in rejected(spread("rescaling", rescaled_tests, studies, 3, run)).items():
        print(f"  {name:<50}{value:8.3f}")
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
