"""The aims, each beside what was measured and the best other tool in the same run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import linking, ours
from .peers import TRACKPY_PLAIN

Results = dict[str, dict[str, Any]]
Row = list[Any]


def targets(results: Results) -> list[Row]:
    """Rows: what, target, exotrack, best of the others, whether it is reached; a section that was not measured says so."""
    rows: list[Row] = []
    for section, write in WRITERS.items():
        rows += write(results.get(section))
    return rows


def _row(what: str, target: str, measured: Any, others: str, met: bool | None) -> Row:
    if measured is None or (isinstance(measured, float) and math.isnan(measured)):
        return [what, target, "not measured", others, ""]
    return [what, target, measured, others, "" if met is None else "reached" if met else "missed"]


def _detection(result: dict[str, Any] | None) -> list[Row]:
    rows: list[Row] = []
    for which, aim in (("A", 0.997), ("B", 0.90), ("C", 0.99)):
        what = f"detection F1, movie {which}"
        if result is None:
            rows.append(_row(what, f"{aim}", None, "", None))
            continue
        f1 = result["rows"][ours.NAME][which]["f1"]
        others = {name: row[which]["f1"] for name, row in result["rows"].items() if which in row and name != ours.NAME}
        rows.append(_row(what, f"{aim}", f"{f1:.3f}", _best(others, "{:.3f}"), round(f1, 3) >= aim))
    names = ("detection speed over trackpy.locate", "detection, MB/s")
    if result is None:
        return rows + [_row(name, aim, None, "", None) for name, aim in zip(names, ("14", "250"), strict=True)]
    mine = result["rows"][ours.NAME]["A"]
    locate = result["rows"].get(TRACKPY_PLAIN, {}).get("A", {}).get("frames_per_s", math.nan)
    speeds = {n: r["A"]["frames_per_s"] for n, r in result["rows"].items() if "A" in r and n != ours.NAME}
    ratio = mine["frames_per_s"] / locate
    said = f"{ratio:.1f} ({mine['frames_per_s']:.0f} frames/s)" if not math.isnan(ratio) else None
    rows.append(_row(names[0], "14", said, f"{_best(speeds, '{:.0f} frames/s')}; trackpy {locate:.0f}", ratio >= 14))
    rows.append(_row(names[1], "250", f"{mine['mb_per_s']:.0f}", "", mine["mb_per_s"] >= 250))
    return rows


def _blanks(result: dict[str, Any] | None) -> list[Row]:
    rows = []
    for rate in ("0.1", "1"):
        what = f"false spots a frame, stated {rate}"
        aim = f"{float(rate) / 2:g} to {float(rate) * 2:g}"
        if result is None:
            rows.append(_row(what, aim, None, "", None))
            continue
        found = {kind: row[rate] for kind, row in result["rows"].items()}
        said = ", ".join(f"{kind} {value:.2f}" for kind, value in found.items())
        met = all(float(rate) / 2 <= value <= float(rate) * 2 for value in found.values())
        rows.append(_row(what, aim, said, "no other states a rate", met))
    return rows


def _localisation(result: dict[str, Any] | None) -> list[Row]:
    rows = []
    for level in ("4", "7"):
        names = [f"RMSE over the Cramer-Rao bound, SNR {level}", f"pixel locking, SNR {level}", f"SD of z-scores, SNR {level}"]
        aims = ["at most 1.05", "even (KS p over 0.01)", "0.95 to 1.05"]
        if result is None:
            rows += [_row(name, aim, None, "", None) for name, aim in zip(names, aims, strict=True)]
            continue
        one = result["rows"][level]["methods"]
        mine, others = (
            one[ours.NAME],
            {name: row for name, row in one.items() if not name.startswith(ours.NAME) and "ratio" in row},
        )
        least = _best({name: row["ratio"] for name, row in others.items()}, "{:.3f}", low=True)
        locked = _best({name: row["locking"] for name, row in others.items()}, "{:.3f}", low=True)
        rows.append(_row(names[0], aims[0], f"{mine['ratio']:.3f}", least, round(mine["ratio"], 2) <= 1.05))
        said = f"harmonic {mine['locking']:.3f} (truth {mine['locking_of_truth']:.3f}), p {mine['ks_p']:.2f}"
        rows.append(_row(names[1], aims[1], said, f"harmonic {locked}", mine["ks_p"] > 0.01))
        rows.append(
            _row(names[2], aims[2], f"{mine['z_sd']:.3f}", "no other gives a standard error here", 0.95 <= mine["z_sd"] <= 1.05)
        )
    if result is None:
        return [*rows, _row("fits a second, fixed width, SNR 4", "150,000", None, "", None)]
    speeds = {name: row["per_s"] for name, row in result["fits"]["4"]["methods"].items() if "per_s" in row}
    mine_per_s = speeds.pop("exotrack, fixed width")
    rows.append(
        _row(
            "fits a second, fixed width, SNR 4", "150,000", f"{mine_per_s:,.0f}", _each(speeds, "{:,.0f}"), mine_per_s >= 150_000
        )
    )
    return rows


AIMS = {
    "2 low": 0.62, "2 mid": 0.53, "2 high": 0.40, "4 low": 0.88, "4 mid": 0.66, "4 high": 0.48, "7 low": 0.88, "7 mid": 0.67,
    "7 high": 0.51,
}  # fmt: skip
"""Beta on VESICLE-like movies."""


def _linking(result: dict[str, Any] | None) -> list[Row]:
    rows = []
    for case, aim in AIMS.items():
        what = f"beta, VESICLE-like, SNR {case}"
        if result is None:
            rows.append(_row(what, f"{aim}", None, "", None))
            continue
        methods = result["rows"][case]
        others = {name: row["beta"] for name, row in methods.items() if "beta" in row and name != ours.NAME}
        beta = methods[ours.NAME]["beta"]
        said = f"{_best(others, '{:.3f}')}; published {linking.PUBLISHED[case][1]:.3f}"
        rows.append(_row(what, f"{aim}", f"{beta:.3f}", said, round(beta, 2) >= aim))
    return rows


def _speed(result: dict[str, Any] | None) -> list[Row]:
    names = ("linking, frames/s at 100 spots", "beta, 10 % missed and 5 % false")
    if result is None:
        return [_row(names[0], "2,000", None, "", None), _row(names[1], "0.87", None, "", None)]
    mine = result["rows"][ours.NAME]
    others = {name: row for name, row in result["rows"].items() if name != ours.NAME and "degraded" in row}
    speeds = {name: row["perfect"]["frames_per_s"] for name, row in others.items()}
    betas = {name: row["degraded"]["beta"] for name, row in others.items()}
    fast, beta = mine["perfect"]["frames_per_s"], mine["degraded"]["beta"]
    said = f"{fast:,.0f} (degraded {mine['degraded']['frames_per_s']:,.0f})"
    return [
        _row(names[0], "2,000", said, _best(speeds, "{:,.0f}"), fast >= 2000),
        _row(names[1], "0.87", f"{beta:.3f}", _best(betas, "{:.3f}"), round(beta, 2) >= 0.87),
    ]


def _dense(result: dict[str, Any] | None) -> list[Row]:
    what, aim = "dense data", "no error, no hang, near linear"
    if result is None:
        return [_row(what, aim, None, "", None)]
    failures = [sum("seconds" not in row[name] for row in result["rows"]) for name in (ours.NAME, "trackpy.link")]
    growth = ", ".join(f"spots^{value:.2f} (step {step} px)" for step, value in result["growth"].items())
    n = len(result["rows"])
    met = failures[0] == 0 and all(value <= 1.25 for value in result["growth"].values())
    return [_row(what, aim, f"{failures[0]} of {n} fail; {growth}", f"trackpy: {failures[1]} of {n} fail", met)]


def _best(values: dict[str, float], form: str, *, low: bool = False) -> str:
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    if not known:
        return "none installed"
    name = (min if low else max)(known, key=lambda key: known[key])
    return f"{form.format(known[name])} ({name})"


def _each(values: dict[str, float], form: str) -> str:
    return ", ".join(f"{form.format(value)} ({name})" for name, value in values.items()) or "none installed"


WRITERS: dict[str, Callable[[dict[str, Any] | None], list[Row]]] = {
    "detection": _detection, "blanks": _blanks, "localisation": _localisation, "linking": _linking, "speed": _speed,
    "dense": _dense,
}  # fmt: skip
