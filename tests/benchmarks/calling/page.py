"""The results as docs/calling.md. What is said in words is worked out from the numbers, so it cannot differ from them."""

from __future__ import annotations

import math
from typing import Any

from exotrack import __version__

from .points import AXES, CAUSES, DURATION_S, PRESETS

Row = dict[str, Any]
HEAD = """# Where calling degrades

Made by `python tests/benchmarks/calling_axes.py`, exotrack {version}, on simulated movies none of which was used in training.
Every movie is analysed with the preset as a user would run it, whatever was changed. What a quantity is: [events.md](events.md);
how the movies are made: [simulator.md](simulator.md); the presets on many movies: [accuracy.md](accuracy.md).
"""
AXES_ABOUT = f"""Each row changes one thing of the preset and keeps the rest: movies of {DURATION_S:.0f} s (15 s at 0.02 s; at
another interval the light per frame stays). *Found* counts calls of a fusion of either kind within 4 pixels and 0.3 s, or a
frame. *Confident* is the share of the calls whose kind has a probability of 0.9 or more; *right of these* how many of them are a
fusion. *Claimed* is the mean probability of the calls to be a fusion, to be set beside the precision. *Calibration error* is over
all candidates (expected calibration error of the probability of any fusion). SNR is that of the median vesicle in contact, the
height of its peak over the noise of that pixel. With so few events an F1 is known to about 0.1: the brackets are 95 percent
intervals.
"""
SILENT_ABOUT = f"""Nothing fuses in these movies, so every fusion is false. Vesicles arrive, dock and leave, static spots bleach,
and one cause at a time is added, to the same vesicles: movies of {DURATION_S:.0f} s. Rates are per 1,000 um^2 of cell and minute,
with the exact 95 percent interval of a Poisson count; the rows hold so little area and time that none can show a rate below its
upper limit. The aim is 0.1.
"""
REAL_ABOUT = """A real movie of 12 to 15 telomeres that move and do not secrete (200 frames, 133 x 162 pixels, 10 s), the whole
field counted."""
NO_REAL = "Not measured: the optional movie was not there when this page was made."
ABLATION_ABOUT = """Candidates of tuning movies (`simulated_candidates.py`, of cells that secrete and of quiet ones), each judged
by a model that never saw its movie (three folds of movies, calibrated with one temperature), then merged and called as in the
package. *One likelihood ratio* is the gain in log-likelihood of the best course of a fusion (release, spread or cloud) over the
best of a step and a ramp; *all likelihoods* are {n} such gains and heights over their errors; *all features* adds fitted values,
movement and the course of the light. These movies span far more nuisance than the presets, so their F1 is lower than above. Trees
gain more from many movies than a logistic does: the shipped ones saw hundreds.
"""


def page(kept: dict[str, Any]) -> str:
    """docs/calling.md from the sections that were measured."""
    parts = [HEAD.format(version=__version__), *missing(kept)]
    if kept.get("axes"):
        parts += ["## In plain words\n", *(words(name, rows) for name, rows in kept["axes"].items())]
        if "silent" in kept:
            parts.append(silent_words(kept["silent"]))
        if "ablation" in kept:
            parts.append(ablation_words(kept["ablation"]))
        parts += ["\n## One thing changed\n", AXES_ABOUT, *(axes_table(name, rows) for name, rows in kept["axes"].items())]
    if "silent" in kept:
        parts += ["## Cells that do not secrete\n", SILENT_ABOUT, silent_table(kept["silent"])]
    if "real" in kept:
        parts += ["## Telomeres\n", real_table(kept["real"])]
    if "ablation" in kept:
        parts += ["## Likelihoods alone, and trees on top of them\n", ablation_section(kept["ablation"])]
    return "\n".join(parts).rstrip() + "\n"


def missing(kept: dict[str, Any]) -> list[str]:
    """What the run that made the page left out, so that no gap is taken for a good result."""
    said = []
    for name in PRESETS:
        there = {label(row) for row in kept.get("axes", {}).get(name, [])}
        there |= {row["cause"] for row in kept.get("silent", {}).get(name, [])}
        axes = [label({"axis": point.axis, "value": point.value}) for point in AXES]
        gaps = [point for point in [*axes, *(point.axis for point in CAUSES)] if point not in there]
        said += [f"{name}: {'; '.join(gaps)}"] if gaps else []
    said += [] if kept.get("ablation") else ["the ablation"]
    return [f"**This run was cut; not measured yet are** {'. '.join(said)}.\n"] if said else []


def label(row: Row) -> str:
    """Name of a point."""
    return f"{row['axis']}, {row['value']}" if row["value"] else row["axis"]


def share(part: int, whole: int) -> float:
    """Part of a whole; NaN of nothing."""
    return part / whole if whole else math.nan


def number(value: float, digits: int = 2) -> str:
    """A number, or a dash if there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def axes_table(name: str, rows: list[Row]) -> str:
    """The points of one preset."""
    heads = ("point", "movies", "SNR", "true", "found",
             "precision", "recall", "F1 [95 %]", "kind right", "confident", "right of these",
             "claimed", "calibration error")  # fmt: skip
    cells = [
        (
            label(r), str(r["n_movies"]), number(r["snr"], 1),
            str(r["n_true"]), str(r["n_found"]), number(r["precision"]), number(r["recall"]),
            f"{number(r['f1'])} [{number(r['f1_interval'][0])}, {number(r['f1_interval'][1])}]", number(r["kind_right"]),
            number(share(r["n_confident"], r["n_found"])), f"{r['n_confident_right']}/{r['n_confident']}", number(r["claimed"]),
            number(r["calibration_error"], 3),
        )
        for r in rows
    ]  # fmt: skip
    return f"### {name}\n\n{table(heads, cells)}\n"


def words(name: str, rows: list[Row]) -> str:
    """Where one preset degrades, and whether what is confident falls with it."""
    base, rest = rows[0], rows[1:]
    low = base["f1_interval"][0]
    worse = [row for row in rest if not row["f1"] >= low]
    said = [f"* **{name}**: F1 {number(base['f1'])} as it is, {_percent(base)} of the calls confident."]
    if worse:
        said.append("F1 falls below its interval at " + "; ".join(_fallen(base, row) for row in worse) + ".")
    held = [f"{label(row)} {number(row['f1'])}" for row in rest if row not in worse]
    if held:
        said.append(f"It holds at {', '.join(held)}.")
    sure, right = (sum(row[key] for row in rows) for key in ("n_confident", "n_confident_right"))
    said.append(f"Of all {sure} confident calls {right} are fusions ({number(100 * share(right, sure), 0)} %).")
    bold = [row for row in rows if row["claimed"] > row["precision"] + 0.1]
    said.append(
        "The calls claim over 0.1 more than their precision at " + ", ".join(label(row) for row in bold) + "."
        if bold
        else "Nowhere do the calls claim over 0.1 more than their precision."
    )
    return " ".join(said)


def _percent(row: Row) -> str:
    return f"{100 * share(row['n_confident'], row['n_found']):.0f} %" if row["n_found"] else "none"


def _fallen(base: Row, row: Row) -> str:
    before, after = (share(r["n_confident"], r["n_found"]) for r in (base, row))
    falls = "nothing is called" if not row["n_found"] else "confident falls too" if after < before else "confident does not fall"
    return f"{label(row)} (F1 {number(row['f1'])}, confident {_percent(row)}: {falls})"


def silent_words(kept: dict[str, list[Row]]) -> str:
    """Which causes bring false fusions."""
    said = []
    for name, rows in kept.items():
        if not rows:
            continue
        calls, sure = (sum(row[key] for row in rows) for key in ("n_all", "n_confident"))
        area = sum(row["um2_min"] for row in rows)
        worst = sorted((row for row in rows if row["n_all"]), key=lambda row: -row["all_rate"][0])
        most = ", ".join(f"{row['cause']} ({row['n_all']})" for row in worst) or "none"
        said.append(
            f"* **{name}, where nothing fuses**: {calls} false fusions, {sure} of them confident, in {area:.0f} um^2 min; "
            f"by cause: {most}."
        )
    return "\n".join(said)


def ablation_words(kept: dict[str, Row]) -> str:
    """What the trees add."""
    said = []
    for name, one in kept.items():
        by_model = {row["model"]: row for row in one["rows"]}
        first, second, *_, last = by_model.values()
        said.append(
            f"* **{name}, trees on top**: F1 {number(first['f1'])} by one likelihood ratio, {number(second['f1'])} by all "
            f"likelihoods, {number(last['f1'])} by the boosted trees of the package, on the same candidates."
        )
    return "\n".join(said)


def silent_table(kept: dict[str, list[Row]]) -> str:
    """False fusions by preset and cause."""
    heads = (
        "preset",
        "cause",
        "size",
        "movies",
        "um^2 min",
        "false",
        "per 1,000 um^2 min [95 %]",
        "confident",
        "confident per 1,000 [95 %]",
    )
    cells = [(name, r["cause"], r["size"] or "-", str(r["n_movies"]), *_rates(r)) for name, rows in kept.items() for r in rows]
    return table(heads, cells) + "\n"


def _rates(row: Row) -> tuple[str, ...]:
    said = [f"{row['um2_min']:.0f}"]
    for key in ("all", "confident"):
        rate, low, high = row[f"{key}_rate"]
        said += [str(row[f"n_{key}"]), f"{rate:.1f} [{low:.1f}, {high:.1f}]"]
    return tuple(said)


def real_table(kept: dict[str, Row] | None) -> str:
    """False fusions on the real movie."""
    if kept is None:
        return NO_REAL + "\n"
    heads = ("preset", "um^2 min", "false", "per 1,000 um^2 min [95 %]", "confident", "confident per 1,000 [95 %]")
    return f"{REAL_ABOUT}\n\n{table(heads, [(name, *_rates(row)) for name, row in kept.items()])}\n"


def ablation_section(kept: dict[str, Row]) -> str:
    """The models beside each other."""
    from .ablation import LIKELIHOODS

    parts = [ABLATION_ABOUT.format(n=len(LIKELIHOODS) + 1)]
    heads = ("model", "features", "precision", "recall", "F1 [95 %]", "kind right", "confident", "average precision",
             "calibration error")  # fmt: skip
    for name, one in kept.items():
        cells = [
            (
                r["model"], str(r["n_features"]), number(r["precision"]), number(r["recall"]),
                f"{number(r['f1'], 3)} [{number(r['f1_interval'][0], 3)}, {number(r['f1_interval'][1], 3)}]",
                number(r["kind_right"]), number(share(r["n_confident"], r["n_found"])), number(r["average_precision"], 3),
                number(r["calibration_error"], 3),
            )
            for r in one["rows"]
        ]  # fmt: skip
        about = f"{one['n_movies']} movies, {one['n_candidates']} candidates, {one['n_true']} fusions."
        parts.append(f"### {name}, by model\n\n{about}\n\n{table(heads, cells)}\n")
    return "\n".join(parts)


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Markdown."""
    lines = [heads, ["---"] + ["--:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
