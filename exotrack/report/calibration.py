"""The calibration panel: recall against brightness, confusion, biases, and the bound on false calls, with words for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from exotrack.kinetics.calls import CALLED, GOING_ON, counted
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.report import charts
from exotrack.report.kinds import KINDS
from exotrack.report.numbers import MISSING, missing, number
from exotrack.tables import EVENT_KINDS, FUSION_KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {key: kind.label for key, kind in KINDS.items()} | {
    "fusion_any": "Any fusion", "visitor": "Visitor (docks shortly, leaves)", "passer": "Passer-by (never docks)",
    "docked": "Docked, stays", "step": "Bleaching step", "blink": "Blink", "nothing": "nothing",
}  # fmt: skip
MEASURE_WORDS = {
    "t_s": "Instant", "distance_um": "Distance from the true place", "docked_s": "Time docked", "decay_s": "Decay time",
    "diffusion_um2_s": "Diffusion coefficient", "fraction_released": "Fraction released",
}  # fmt: skip
SAID = (*CALLED, GOING_ON)
"""What the end of a docked stay can be called, in the order of the table."""
LINES = {"full_fusion": (charts.FULL, "o", "-"), "kiss_and_run": (charts.KISS, "D", "-"),
         "docking": (charts.INK, "v", "-"), "undocking": (charts.MUTED, "^", "--")}  # fmt: skip


@dataclass(frozen=True)
class Headline:
    """One figure in large: the kind it is of, how much with its 95 % interval, and of how many."""

    kind: str
    name: str
    big: str
    interval: str
    of: str


@dataclass(frozen=True)
class Calibrated:
    """What the page shows of a calibration; the rows are texts."""

    n: int
    rounds: int
    headlines: list[Headline]
    words: list[str]
    fusion_chart: Markup | None
    docking_chart: Markup | None
    recall: list[tuple[str, ...]]
    called: list[str]
    confusion: list[tuple[str, int, list[tuple[int, bool]]]]
    biases: list[tuple[str, ...]]
    stays: list[tuple[str, int, int, list[tuple[int, bool]]]]
    false_exits: str
    false_calls: list[tuple[str, ...]]
    missed: list[tuple[str, int]]
    n_missed: int
    n_lost: int
    n_own: int
    n_caused: int
    n_decoys: int
    n_fooled: int


def calibration(tables: Mapping[str, Any]) -> Calibrated:
    """The panel from the tables of `exotrack.tables.CALIBRATION`."""
    injected, recall, wrong = tables["injections"], tables["recall"], tables["false_calls"]
    fusions = injected[injected["kind"].isin(FUSION_KINDS)]
    missed = fusions[fusions["called"] == ""]
    words = Counter(word for reasons in missed["reasons"] for word in str(reasons).split("|"))
    decoys = injected[~injected["kind"].isin(EVENT_KINDS)]
    return Calibrated(
        n=len(injected),
        rounds=int(injected["round"].max()) if len(injected) else 0,
        headlines=_headlines(recall, wrong),
        words=_words(recall, wrong),
        fusion_chart=_chart(recall, FUSION_KINDS, "calibration-fusions"),
        docking_chart=_chart(recall, ("docking", "undocking"), "calibration-docking"),
        recall=[_recall_row(row) for row in recall[recall["part"] == "bin"].itertuples() if row.n_injected],
        called=_called(tables["confusion"]),
        confusion=_confusion(tables["confusion"]),
        biases=[_bias_row(row) for row in tables["biases"].itertuples()],
        stays=_stays(tables["injected_stays"]),
        false_exits=_false_exits(tables["injected_stays"]),
        false_calls=[_false_row(row) for kind in ("fusion_any", *KINDS) for row in wrong[wrong["kind"] == kind].itertuples()],
        missed=words.most_common(6),
        n_missed=len(missed),
        n_lost=int(wrong.loc[wrong["kind"] != "fusion_any", "n_lost"].sum()),
        n_own=int(wrong.loc[wrong["kind"] != "fusion_any", "n_own"].sum()),
        n_caused=int(wrong.loc[wrong["kind"] != "fusion_any", "n_caused"].sum()),
        n_decoys=len(decoys),
        n_fooled=int(decoys["called"].isin(FUSION_KINDS).sum()),
    )


def _headlines(recall: Any, wrong: Any) -> list[Headline]:
    found = []
    for kind, name in (("full_fusion", "Full fusions found"), ("kiss_and_run", "Kiss-and-runs found"),
                       ("docking", "Dockings found"), ("undocking", "Undockings found")):  # fmt: skip
        row = _best(recall, kind)
        if row is not None:
            found.append(
                Headline(kind, name, _percent(row.recall), _range(row.recall_low, row.recall_high), f"of {row.n_injected}")
            )
    row = _best(recall, "fusion_any")
    if row is not None and row.n_found:
        found.append(
            Headline("", "Kind right", _percent(row.right), _range(row.right_low, row.right_high), f"of {row.n_found} found")
        )
    for row in wrong[wrong["kind"] == "fusion_any"].itertuples():
        if not missing(row.rate_high):
            of = f"false fusions per 1000 µm² and min; {row.n_calls} called"
            found.append(Headline("", "At most", number(row.rate_high, 2), "", of))
    return found


def _words(recall: Any, wrong: Any) -> list[str]:
    """What the figures mean, in sentences."""
    said = []
    row = _best(recall, "fusion_any")
    if row is not None:
        like = "as bright as this movie's own vesicles" if row.part == "as_found" else "of all brightness injected"
        text = f"Of 100 fusions {like}, about {100 * row.recall:.0f} would be found ({_range(row.recall_low, row.recall_high)})"
        right = f", and of 100 found about {100 * row.right:.0f} would have the right kind" if row.n_found else ""
        said.append(f"{text}{right}.")
    half = half_found(recall)
    if half is not None:
        said.append(
            f"Half of the fusions are found from a brightness of about {number(half[0], 2)} counts on (SNR {number(half[1], 2)})."
        )
    for row in wrong[wrong["kind"] == "fusion_any"].itertuples():
        if not missing(row.rate_high):
            said.append(
                f"{row.n_calls} fusions were called in the movie itself, true ones among them: at the very most "
                f"{number(row.rate_high, 2)} per 1000 µm² and minute can be false."
            )
    said.append(
        "The injected events follow the simulator's physics: a vesicle that behaves otherwise is found more or less often."
    )
    return said


def half_found(recall: Any) -> tuple[float, float] | None:
    """Brightness (counts) and SNR from which half of the fusions are found, between bins; None if recall crosses no half."""
    bins = recall[(recall["kind"] == "fusion_any") & (recall["part"] == "bin") & (recall["n_injected"] > 0)]
    light = np.sqrt(bins["brightness_low"] * bins["brightness_high"]).to_numpy()
    share, snr = bins["recall"].to_numpy(), bins["snr"].to_numpy()
    for k in range(1, len(share)):
        if share[k - 1] < 0.5 <= share[k]:
            part = (0.5 - share[k - 1]) / (share[k] - share[k - 1])
            at = [float(np.exp(np.interp(part, [0, 1], np.log(values[k - 1 : k + 1])))) for values in (light, snr)]
            return at[0], at[1]
    return None


def _best(recall: Any, kind: str) -> Any:
    """The row of those as bright as the movie's own spots, or of all where there are none."""
    mine = recall[(recall["kind"] == kind) & (recall["n_injected"] > 0)]
    for part in ("as_found", "all"):
        for row in mine[mine["part"] == part].itertuples():
            return row
    return None


def _chart(recall: Any, kinds: tuple[str, ...], uid: str) -> Markup | None:
    bins = recall[(recall["part"] == "bin") & (recall["n_injected"] > 0) & recall["kind"].isin(kinds)]
    if len(bins) == 0:
        return None
    ax = charts.axes(5.2, 2.7, "brightness at the event (counts)", "fraction found")
    ax.set_xscale("log")
    for shift, kind in enumerate(kinds):
        mine = bins[bins["kind"] == kind]
        colour, mark, line = LINES[kind]
        # A little apart, so that the bars of one kind do not hide the other's.
        x = np.sqrt(mine["brightness_low"] * mine["brightness_high"]) * (1.0 + 0.03 * (2 * shift - 1))
        error = [mine["recall"] - mine["recall_low"], mine["recall_high"] - mine["recall"]]
        ax.errorbar(x, mine["recall"], error, color=colour, marker=mark, ms=4.5, lw=1.6, ls=line, elinewidth=1, capsize=2)
    _log_ticks(ax, float(bins["brightness_low"].min()), float(bins["brightness_high"].max()))
    ax.set_ylim(-0.02, 1.04)
    words = " and ".join(LABELS[kind].lower() for kind in kinds)
    return charts.to_svg(ax, uid, f"Fraction of the injected events found against brightness, with 95 % intervals: {words}")


def _log_ticks(ax: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import NullLocator

    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [factor * 10.0**power for power in decades for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]
    ax.set_xlim(low * 0.95, high * 1.05)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])


def _recall_row(row: Any) -> tuple[str, ...]:
    bright = f"{number(row.brightness_low, 2)} to {number(row.brightness_high, 2)}"
    right = f"{row.n_right} of {row.n_found}" if row.n_found else MISSING
    found = f"{row.n_found} of {row.n_injected}"
    return (
        LABELS[row.kind],
        bright,
        number(row.snr, 2),
        found,
        _percent(row.recall),
        _range(row.recall_low, row.recall_high),
        right,
    )


def _called(confusion: Any) -> list[str]:
    """Kinds that anything was called, in the order of the tables, and nothing last."""
    used = set(confusion.loc[confusion["n"] > 0, "called"]) | set(FUSION_KINDS)
    return [kind for kind in (*KINDS, "nothing") if kind in used or kind == "nothing"]


def _confusion(confusion: Any) -> list[tuple[str, int, list[tuple[int, bool]]]]:
    """(injected kind, how often, [(times called, is that right)] in the order of `_called`)."""
    rows = []
    for kind in dict.fromkeys(confusion["kind"]):
        mine = confusion[confusion["kind"] == kind]
        counts = dict(zip(mine["called"], mine["n"], strict=True))
        right = {kind} if kind in EVENT_KINDS else {"nothing", "docking", "undocking"} if kind == "visitor" else {"nothing"}
        cells = [(int(counts.get(called, 0)), called in right) for called in _called(confusion)]
        rows.append((LABELS[kind], int(mine["n_injected"].iloc[0]), cells))
    return rows


def _stays(injected: Any) -> list[tuple[str, int, int, list[tuple[int, bool]]]]:
    """(exit, docked stays that ended so, of which a found stay was running, [(times called, is that right)] by call)."""
    every, counts, _, _ = counted(injected)
    return [
        (LABELS[kind], int(n), int(row.sum()), [(int(count), call == kind) for call, count in zip(SAID, row, strict=True)])
        for kind, n, row in zip(SEEN_EXITS, every, counts, strict=True)
        if n
    ]


def _false_exits(injected: Any) -> str:
    """What found stays ended in while their vesicle was still docked, in words."""
    _, _, false, watched_s = counted(injected)
    if not watched_s:
        return ""
    parts = [f"{n:.0f} in {LABELS[kind].lower()}" for kind, n in zip(SEEN_EXITS, false, strict=True)]
    return f"{', '.join(parts)}, in {number(watched_s)} s for which such stays ran"


def _bias_row(row: Any) -> tuple[str, ...]:
    unit = "µm²/s" if row.unit == "um^2/s" else "µm" if row.unit == "um" else "" if row.unit == "1" else row.unit
    tail = f" {unit}" if unit else ""
    bias = number(row.bias, 2) + tail
    span = MISSING if missing(row.bias_low) else f"{number(row.bias_low, 2)} to {number(row.bias_high, 2)}"
    held = f"{_percent(row.coverage)} ({_range(row.coverage_low, row.coverage_high)})" if row.n_coverage else MISSING
    relative = MISSING if missing(row.relative_bias) else f"{100 * row.relative_bias:+.0f} %"
    spread = number(row.spread, 2) + tail
    return (
        MEASURE_WORDS[row.measure],
        LABELS[row.kind],
        str(row.n),
        number(row.true) + tail * (not missing(row.true)),
        bias,
        span,
        relative,
        spread,
        held,
    )


def _false_row(row: Any) -> tuple[str, ...]:
    bound = MISSING if missing(row.rate_high) else number(row.rate_high, 2)
    confident = str(row.n_confident) if row.kind in (*FUSION_KINDS, "fusion_any") else MISSING
    return (
        LABELS[row.kind],
        str(row.n_calls),
        confident,
        number(row.rate, 2),
        bound,
        str(row.n_caused),
        f"{row.n_lost} of {row.n_own}",
    )


def _percent(share: float) -> str:
    return MISSING if missing(share) else f"{100 * share:.0f} %"


def _range(low: float, high: float) -> str:
    return MISSING if missing(low) else f"{100 * low:.0f} to {100 * high:.0f} %"
