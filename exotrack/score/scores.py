"""What `score` returns: numbers, as objects, a table, text and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from exotrack.io.plain import defined, to_json
from exotrack.score.calibration import Calibration
from exotrack.score.counts import Count, wilson
from exotrack.score.matching import Gates
from exotrack.score.measures import Errors, Measure
from exotrack.score.spots import SpotScore
from exotrack.score.tracking import TrackScore

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scores:
    """How found events compare with true ones.

    counts : per kind, ``fusion_any`` first; `scores["docking"]` gives one.
    confusion : among matched fusions, true kind to found kind to number.
    errors : in time and place, per kind. measures : per measure and kind. calibration : per probability, if candidates
    were given. spots : if spots were given. tracks : if tracks were given.

    Where only tracks are known there are no counts, errors, measures.
    """

    gates: Gates
    counts: tuple[Count, ...]
    confusion: Mapping[str, Mapping[str, int]]
    errors: tuple[Errors, ...]
    measures: tuple[Measure, ...]
    calibration: tuple[Calibration, ...] = ()
    spots: SpotScore | None = None
    tracks: TrackScore | None = None

    def __getitem__(self, kind: str) -> Count:
        """The counts of one kind; `KeyError` if there is none of that name."""
        return next((count for count in self.counts if count.kind == kind), None) or self._unknown(kind)

    def _unknown(self, kind: str) -> Count:
        raise KeyError(f"{kind}; scored are {', '.join(count.kind for count in self.counts)}")

    @property
    def kind_right(self) -> float:
        """Fraction of the matched fusions whose kind is right; NaN if none is matched."""
        right, matched = self._right()
        return right / matched if matched else math.nan

    @property
    def kind_right_interval(self) -> tuple[float, float]:
        """95 % interval of `kind_right` (Wilson)."""
        return wilson(*self._right())

    def _right(self) -> tuple[int, int]:
        right = sum(self.confusion[kind][kind] for kind in self.confusion)
        return right, sum(sum(row.values()) for row in self.confusion.values())

    def to_frame(self) -> pd.DataFrame:
        """One row per kind: counts, proportions with 95 % intervals, median errors (s, um)."""
        import pandas as pd

        placed = {error.kind: error for error in self.errors}
        rows = []
        for count in self.counts:
            row: dict[str, Any] = {"kind": count.kind, "n_true": count.n_true, "n_found": count.n_found}
            row |= {"tp": count.tp, "fp": count.fp, "fn": count.fn}
            for name in ("precision", "recall", "f1"):
                row[name] = getattr(count, name)
                row[f"{name}_low"], row[f"{name}_high"] = getattr(count, f"{name}_interval")
            row["time_error_s"], row["distance_um"] = placed[count.kind].time_s[1], placed[count.kind].distance_um[1]
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; undefined is None."""
        rows = self.to_frame().to_dict("records")
        content = {
            "gates": asdict(self.gates),
            "counts": rows,
            "confusion": {was: dict(row) for was, row in self.confusion.items()},
            "kind_right": self.kind_right,
            "kind_right_interval": self.kind_right_interval,
            "errors": [asdict(error) for error in self.errors],
            "measures": [asdict(measure) for measure in self.measures],
            "calibration": [asdict(one) for one in self.calibration],
            "spots": None if self.spots is None else _spots(self.spots),
            "tracks": None if self.tracks is None else asdict(self.tracks),
        }
        plain: dict[str, Any] = defined(content)
        return plain

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return to_json(self.to_dict()).decode()

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The counts for a table on a terminal: heads, and a row of texts per kind."""
        heads = ("kind", "true", "found", "right", "precision", "recall", "F1", "time error (s)", "distance (um)")
        placed = {error.kind: error for error in self.errors}
        rows = [
            (
                *(c.kind, str(c.n_true), str(c.n_found), str(c.tp)),
                *(_share(getattr(c, name), getattr(c, f"{name}_interval")).strip() for name in ("precision", "recall", "f1")),
                *(f"{value:.3f}" if c.tp else "-" for value in (placed[c.kind].time_s[1], placed[c.kind].distance_um[1])),
            )
            for c in self.counts
        ]
        return heads, rows

    def summary(self, counts: bool = True) -> str:
        """A few lines for people, those of the counts only if wanted."""
        lines = [
            f"{c.kind:13s} {c.n_true:5d} true {c.n_found:5d} found   P {_share(c.precision, c.precision_interval)}   "
            f"R {_share(c.recall, c.recall_interval)}   F1 {_share(c.f1, c.f1_interval)}"
            for c in (self.counts if counts else ())
        ]
        if self.counts:
            lines.append(f"kind right    {_share(self.kind_right, self.kind_right_interval)} of the matched fusions")
        lines += [
            f"{m.name} of {m.kind}: median {m.found:.3g}, true {m.true:.3g} (bias {m.relative_bias:+.0%}, n = {m.n}"
            + (f", 95 % intervals hold {m.coverage:.0%})" if m.n_coverage else ")")
            for m in self.measures
            if m.n
        ]
        lines += [f"calibration of p({c.name}): error {c.error:.3f}, Brier {c.brier:.3f} (n = {c.n})" for c in self.calibration]
        if self.spots is not None:
            c = self.spots.count
            lines.append(f"spots: P {c.precision:.3f} R {c.recall:.3f} F1 {c.f1:.3f}, RMSE {1e3 * self.spots.rmse_um:.0f} nm")
        if self.tracks is not None:
            lines.append(self.tracks.summary())
        return "\n".join(lines)


def _spots(spots: SpotScore) -> dict[str, Any]:
    c = spots.count
    return {"n_true": c.n_true, "n_found": c.n_found, "tp": c.tp, "fp": c.fp, "fn": c.fn} | {
        "precision": c.precision,
        "recall": c.recall,
        "f1": c.f1,
        "rmse_um": spots.rmse_um,
    }


def _share(value: float, interval: tuple[float, float]) -> str:
    return "   -             " if math.isnan(value) else f"{value:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"
