"""From candidates with probabilities to called fusions, one per happening, and reasons for the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.classify._trees import CLASSES
from exotrack.params import ClassifyParams

SAME_WIDTHS = 4.0
"""Fusions within this many vesicle widths and `SAME_S` (or three frames) are one: about the distance of 4 pixels."""
SAME_S = 0.7
"""A slow release is found at several moments; two fusions of one site follow each other this fast too rarely to matter."""


def call(table: pd.DataFrame, p: NDArray[np.float64], params: ClassifyParams, sigma_um: float, frame_s: float) -> pd.DataFrame:
    """Add probabilities, `called` and `reasons` to a table of candidates.

    A candidate is called when p_other < 0.5, of the likelier kind, unless a likelier one marks the same happening.
    """
    visible = bright_before(table, params)
    p = np.where(visible[:, None], np.array([0.0, 0.0, 1.0]), p)
    table = table.assign(**{f"p_{name}": p[:, k] for k, name in enumerate(CLASSES)})
    likely = p[:, 2] < 0.5
    winners = _winners(table, p, likely, sigma_um, frame_s)
    kinds = np.array(CLASSES)[np.argmax(p[:, :2], axis=1)] if len(p) else np.array([], dtype="<U12")
    told = sorted({name for _, name, _, _ in RULES})
    reasons = [_reasons(row) for row in table[told].to_dict("records")]  # records of all features would outweigh every table
    duplicate = likely & ~winners
    table["called"] = np.where(winners, kinds, "")
    reasons = ["bright_before|" + r if v else r for v, r in zip(visible, reasons, strict=True)]
    table["reasons"] = ["" if w else "duplicate" if d else r for w, d, r in zip(winners, duplicate, reasons, strict=True)]
    return table


def bright_before(table: pd.DataFrame, params: ClassifyParams) -> NDArray[np.bool_]:
    """Candidates that no dark vesicle can be: seen in half of the frames before, and hardly brighter after (`least_rise`)."""
    if params.cargo != "ph_sensitive" or len(table) == 0:
        return np.zeros(len(table), bool)
    before = table[["height_-8", "height_-4", "height_-2"]].mean(axis=1).to_numpy()
    after = table[["height_0", "height_1", "height_2", "height_3"]].mean(axis=1).to_numpy()
    return np.asarray((table["seen_before"].to_numpy() >= SEEN_BEFORE) & (after < params.least_rise * before))


def _winners(
    table: pd.DataFrame, p: NDArray[np.float64], likely: NDArray[np.bool_], sigma_um: float, frame_s: float
) -> NDArray[np.bool_]:
    """Of the likely candidates of one happening, the one best supported by the pixels."""
    t = table["t0_frame"].to_numpy() * frame_s
    y, x = table["y_um"].to_numpy(), table["x_um"].to_numpy()
    support = np.maximum(table["log_release_gain"].to_numpy(), table["log_spread_gain"].to_numpy()) + np.log(1.0 - p[:, 2] + 1e-9)
    near_s = max(SAME_S, 3.0 * frame_s)
    winners = np.zeros(len(table), bool)
    for k in np.argsort(-support, kind="stable"):
        if not likely[k]:
            continue
        rivals = winners & (np.abs(t - t[k]) <= near_s)
        if not np.any(np.hypot(y[rivals] - y[k], x[rivals] - x[k]) <= SAME_WIDTHS * sigma_um):
            winners[k] = True
    return winners


SEEN_BEFORE = 5
"""Of the ten frames before a candidate: a spot found in half of them was there."""

RULES: tuple[tuple[str, str, float, float], ...] = (
    ("no_change", "log_release_gain", -np.inf, np.log1p(25.0)),
    ("moving", "shift_z_before", 4.0, np.inf),
    ("moving", "shift_z_after", 6.0, np.inf),
    ("gradual", "ramp_over_step", 2.0, np.inf),
    ("transient", "height_2", -np.inf, 0.12),
    ("flicker", "frame_change", 0.15, np.inf),
    ("flicker", "frame_change", -np.inf, -0.15),
    ("crowded", "neighbour", -np.inf, 3.5),
    ("poor_fit", "misfit", np.log(3.0), np.inf),
    ("at_start", "n_before", -np.inf, 2.5),
    ("at_end", "n_after", -np.inf, 2.5),
)
"""(word, feature, from, to): what the user is told of a candidate turned down; the decision itself is the probability."""


def _reasons(row: dict[str, float]) -> str:
    words = dict.fromkeys(word for word, name, low, high in RULES if low < row[name] < high)
    return "|".join(words) if words else "unlike_fusion"
