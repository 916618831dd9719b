"""Is a calibrated recall the true one? ``python tests/benchmarks/calibration.py PRESET [SEED [REPEATS]]``.

A movie is simulated, calibrated as a user's movie would be, and analysed; the recall of its own true fusions is then set beside
the recall of the injected ones, in the same bins of brightness. Nothing of the truth is given to the calibration.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from exotrack._blocks import Execution
from exotrack.calibrate import Calibrated, calibrate, settings_for
from exotrack.movie import ArrayFrames
from exotrack.params import preset
from exotrack.score import Evidence, Gates, score
from exotrack.score.counts import wilson
from exotrack.score.matching import coordinates, pair
from exotrack.simulate import Truth, simulate, simulation
from exotrack.tables import EVENT_KINDS, FUSION_KINDS


def true_brightness(truth: Truth) -> pd.Series:
    """Largest true height (counts) of each true event's vesicle within a frame of the event."""
    by_track = dict(iter(truth.tracks.groupby("track_id")))
    found = []
    for event in truth.events.itertuples():
        spots = by_track.get(event.track_id)
        near = spots[(spots["frame"] - event.frame).abs() <= 1] if spots is not None else None
        found.append(float(near["amplitude"].max()) if near is not None and len(near) else np.nan)
    return pd.Series(found, index=truth.events.index)


def found_again(truth: Truth, events: pd.DataFrame, kinds: tuple[str, ...]) -> pd.DataFrame:
    """True events of `kinds` that must be found, with brightness and whether they were."""
    inner = truth.events["frame"].between(1, len(truth.movie) - 2) & truth.events["visible"] & truth.events["kind"].isin(kinds)
    true = truth.events.assign(brightness=true_brightness(truth))[inner].reset_index(drop=True)
    gates = Gates.for_movie(truth.movie.pixel_um, truth.movie.frame_s)
    time_s = gates.fusion_s if set(kinds) <= set(FUSION_KINDS) else gates.docking_s
    called = events[events["kind"].isin(kinds)]
    pairs = pair(coordinates(true, [], time_s, gates.distance_um), coordinates(called, [], time_s, gates.distance_um))
    return true.assign(hit=np.isin(np.arange(len(true)), pairs.true))


def compared(truth: Truth, done: Calibrated) -> pd.DataFrame:
    """Recall of injected and of true events by kind and bin, and by kind with the injected weighted like the true."""
    rows = []
    for kind in ("fusion_any", "docking", "undocking"):
        kinds = FUSION_KINDS if kind == "fusion_any" else (kind,)
        true = found_again(truth, done.untouched.events, kinds)
        weighted = known = used = 0.0
        for part in done.recall[(done.recall["kind"] == kind) & (done.recall["part"] == "bin")].itertuples():
            mine = true[true["brightness"].between(part.brightness_low, part.brightness_high, inclusive="left")]
            if len(mine) and part.n_injected:
                weighted, known, used = weighted + len(mine) * part.recall, known + len(mine), used + part.n_injected
            rows.append((kind, f"{part.brightness_low:.0f} to {part.brightness_high:.0f}", part.n_found, part.n_injected,
                         int(mine["hit"].sum()), len(mine)))  # fmt: skip
        like = weighted / known if known else 0.0
        rows.append((kind, "like the true", round(like * used, 1), used, int(true["hit"].sum()), len(true)))
    table = pd.DataFrame(rows, columns=["kind", "brightness", "found", "injected", "true_found", "true"])
    for name, part, whole in (("recall", "found", "injected"), ("true_recall", "true_found", "true")):
        table[name] = table[part] / table[whole]
        low, high = zip(*(wilson(round(a), round(b)) for a, b in zip(table[part], table[whole], strict=True)), strict=True)
        table[f"{name}_low"], table[f"{name}_high"] = low, high
    return table


def own_biases(truth: Truth, events: pd.DataFrame) -> pd.DataFrame:
    """Bias of every measure in the movie's own true fusions, as table `Biases` has it of the injected ones."""
    gates = Gates.for_movie(truth.movie.pixel_um, truth.movie.frame_s)
    said = score(truth.events, events, gates, Evidence(len(truth.movie))).measures
    columns = ["name", "kind", "n", "true", "found", "bias", "relative_bias", "n_coverage", "coverage"]
    return pd.DataFrame([[getattr(one, key) for key in columns] for one in said if one.n], columns=columns)


def main() -> None:
    """Simulate, calibrate, compare, print."""
    name, *rest = sys.argv[1:]
    seed, repeats = int(rest[0]) if rest else 1, int(rest[1]) if len(rest) > 1 else 4
    truth = simulate(simulation(name), np.random.default_rng(seed))
    movie = replace(truth.movie, frames=ArrayFrames(truth.movie.read(0, len(truth.movie))))
    settings = settings_for(preset(name)).updated({"calibrate": {"repeats": repeats}})
    begun = time.perf_counter()
    done = calibrate(movie, settings, np.random.default_rng(seed), run=Execution(workers=1))
    pd.set_option("display.width", 200, "display.max_columns", 30, "display.max_rows", 200)
    lines = [
        f"{name}, seed {seed}: {repeats} rounds, {len(done.injections)} injections, {time.perf_counter() - begun:.0f} s",
        str(dict(done.provenance["calibration"])),
        compared(truth, done).round(2).to_string(),
        done.confusion.pivot_table(index="kind", columns="called", values="n")[[*EVENT_KINDS, "nothing"]].to_string(),
        done.biases.round(3).to_string(),
        "the movie's own true fusions:\n" + own_biases(truth, done.untouched.events).round(3).to_string(),
        done.false_calls.round(2).to_string(),
    ]
    sys.stdout.write("\n\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
