"""What fusions let out and what membrane they add, as far as the events tell: content, kisses until empty, area, capacitance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exotrack._table import FUSION_KINDS
from exotrack.kinetics.catalogue import Model
from exotrack.kinetics.membrane import area_um2, capacitance_ff, kisses_until_empty
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.study import Study

EMPTY = 0.1
"""Part of the content below which a vesicle counts as empty."""


@dataclass(frozen=True, eq=False)
class Content:
    """Cargo released.

    fractions : by kind, fraction of the cargo that left at each event for which it was measured.
    kisses : (n,) kiss-and-runs of each vesicle that made one. first : mean fraction that a kiss lets out; until_empty : kisses
    until less than `EMPTY` is left, without refilling. NaN where no kiss was measured.
    """

    fractions: dict[str, Real]
    kisses: Real
    first: float
    until_empty: float


@dataclass(frozen=True, eq=False)
class Membrane:
    """Membrane that full fusions added to the footprint of the mean cell.

    t_s (n,), area_um2 (n,) : cumulative. capacitance_ff (n,) : the same in fF. diameter_nm and where it is from.
    """

    t_s: Real
    area_um2: Real
    capacitance_ff: Real
    diameter_nm: float
    evidence: str


def content(study: Study) -> Content | None:
    """Cargo released; None if no event has a fraction released."""
    events = study.events
    known = {
        kind: events.loc[(events["kind"] == kind) & events["fraction_released"].notna(), "fraction_released"].to_numpy(float)
        for kind in FUSION_KINDS
    }
    if not any(len(values) for values in known.values()):
        return None
    kissed = events[(events["kind"] == "kiss_and_run") & events["track_id"].notna()]
    kisses = kissed.groupby(["movie_id", "track_id"]).size().to_numpy(float)
    measured = known["kiss_and_run"].clip(0.0, 1.0)
    first = float(measured.mean()) if len(measured) else float("nan")
    # Open times are exponential: the mean fraction o / (o + tau) of a kiss gives the ratio of open time to tau.
    until = kisses_until_empty(first, 1.0 - first, EMPTY) if 0 < first < 1 else 1.0 if first == 1 else float("nan")
    return Content(known, kisses, first, until)


def membrane(study: Study, model: Model, diameter_nm: float | None = None) -> Membrane | None:
    """Area against capacitance; None without a full fusion or a diameter.

    diameter_nm : of a vesicle, from EM or capacitance; None takes the model's.
    """
    name = model.release.diameter_nm
    if diameter_nm is None and not name:
        return None
    wide = diameter_nm if diameter_nm is not None else model.parameters[name].value
    times = np.sort(study.events.loc[study.events["kind"] == "full_fusion", "t_s"].to_numpy(float))
    if len(times) == 0:
        return None
    cells = max(len(study.cells), 1)
    area = np.arange(len(times) + 1) * area_um2(wide) / cells
    said = "U" if diameter_nm is not None else model.parameters[name].evidence
    return Membrane(np.concatenate([[0.0], times]), area, np.array([capacitance_ff(a) for a in area]), float(wide), said)
