"""Do the tests of ``exotrack stats`` keep what they promise: 5 % false positives, 95 % coverage, and what do others give?

``python tests/benchmarks/stats_size.py`` simulates studies of known effect (see tests/studies.py) and writes the tables of
docs/statistics.md; ``--tune`` prints how the errors of small samples were chosen, on other seeds and other spreads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats as tests

sys.path.insert(0, str(Path(__file__).parents[1]))
from studies import Design, Vesicles, study

from exotrack.stats import Gathered, chosen, gee
from exotrack.stats.compare import bootstrapped
from exotrack.stats.design import Plan, arrange
from exotrack.stats.effects import compared
from exotrack.stats.further import Further, asked, keys
from exotrack.stats.rows import Rows, rows_of

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
MEASURES = {"fusion_rate": "rate", "kiss_fraction": "fraction", "decay": "level", "leaving_rate": "docked time"}
EFFECT = 1.5
SEED, TUNING = 30_000, 10_000
NAMES = ("control", "treated")
DAY, PLAIN = 2.0, Plan()
BIASED = "8 animals a condition, uneven over two days"
DESIGNS = {
    "5 animals a condition, 6 cells each": (Design(), PLAIN),
    "the same, animals with 2 to 6 cells": (Design(uneven=True), PLAIN),
    "5 animals, each in both conditions": (Design(paired=True), PLAIN),
    "3 animals a condition, 6 cells each": (Design(animals=3), PLAIN),
    BIASED: (Design(animals=8, day=DAY), PLAIN),
    "the same, adjusted for the day": (Design(animals=8, day=DAY), Plan(adjust=("day",))),
    "interaction: 5 animals of each genotype and condition": (Design(animals=10, genotypes=True), Plan(interaction="genotype")),
}
"""Studies and how they are compared. With genotypes the effect is in the knock-outs only, and the interaction is asked for."""
TUNED = [
    Design(animal_sd=sa, cell_sd=sc, uneven=uneven, paired=paired)
    for sa, sc in ((0.15, 0.3), (0.4, 0.3), (0.25, 0.7))
    for uneven in (False, True)
    for paired in (False, True)
]


def naive(vesicles: Vesicles) -> dict[str, float]:
    """p-values of tests that take vesicles for independent: binomial, chi-squared, t on decays and on times docked."""
    n, kissed = vesicles.fused, vesicles.kissed
    table = [[kissed[0], n[0] - kissed[0]], [kissed[1], n[1] - kissed[1]]]
    share = vesicles.exposure[1] / sum(vesicles.exposure)
    return {
        "fusion_rate": float(tests.binomtest(n[1], sum(n), share).pvalue),
        "kiss_fraction": float(tests.chi2_contingency(table, correction=False).pvalue),
        "decay": _t(vesicles.log_decay, vesicles.decay_group),
        "leaving_rate": _t(vesicles.stay_s, vesicles.stay_group),
    }


def _t(value: np.ndarray, group: np.ndarray) -> float:
    return float(tests.ttest_ind(value[group == 0], value[group == 1]).pvalue)


def last(one: Gathered, plan: Plan) -> tuple[pd.DataFrame, Further]:
    """Units as arranged, and the last model of the plan: that of all cells, or of the interaction."""
    units = arrange(one.units, plan).units
    return units, list(asked(units, keys(units, plan), plan))[-1]


def truth(design: Design, plan: Plan, rng: np.random.Generator) -> dict[str, float]:
    """Log of each effect as a study of 1,500 animals a condition finds it.

    Rates and levels have it in all cells alike. Odds and hazards of a condition as a whole are less far apart than those of each
    cell, as its cells differ; what a study of the whole finds is the condition's.
    """
    if design.effect == 1.0:
        return dict.fromkeys(MEASURES, 0.0)
    one, _ = study(rng, replace(design, animals=1500, uneven=False))
    units, more = last(one, replace(plan, adjust=("day",) if design.day != 1.0 else ()))
    found = {}
    for measure in chosen(list(MEASURES)):
        level = measure.family in ("rate", "level")
        found[measure.name] = (
            np.log(design.effect) if level else compared(measure, rows_of(measure, units, one.stays, NAMES, more)).log
        )
    return found


def run(design: Design, n: int, seed: int, repeats: int, plan: Plan = PLAIN) -> dict[str, dict[str, float]]:
    """For each measure how often the interval held the truth, how often p was below 0.05, and the same of others."""
    rng = np.random.default_rng(seed)
    true = truth(design, plan, rng)
    held: dict[str, list[tuple[bool, bool, bool, bool]]] = {name: [] for name in MEASURES}
    for number in range(n):
        one, vesicles = study(rng, design)
        others = naive(vesicles)
        for name, (inside, p, booted) in _one(one, plan, true, repeats, number).items():
            held[name].append((inside, p < 0.05, booted, others[name] < 0.05))
    keys = ("coverage", "rejected", "boot", "vesicles")
    return {name: dict(zip(keys, np.mean(rows, axis=0).tolist(), strict=True)) for name, rows in held.items()}


def _one(one: Gathered, plan: Plan, true: dict[str, float], repeats: int, seed: int) -> dict[str, tuple[bool, float, bool]]:
    units, more = last(one, plan)
    parts = [(measure, rows_of(measure, units, one.stays, NAMES, more)) for measure in chosen(list(MEASURES))]
    effects = [compared(measure, rows) for measure, rows in parts]
    ends = bootstrapped(units, parts, [effect.df for effect in effects], repeats, seed)
    found = {}
    for (measure, _), effect, low, high in zip(parts, effects, *ends, strict=True):
        a, b = effect.interval()
        at = np.exp(true[measure.name])
        found[measure.name] = (a <= at <= b, effect.p_value, low <= at <= high)
    return found


def tune(n: int) -> str:
    """How often intervals hold 1.5, by correction and degrees of freedom, over spreads and designs other than the reported."""
    head = "| errors | degrees of freedom | rates | fractions |\n|---|---|---|---|\n"
    hits: dict[tuple[str, str], dict[str, list[bool]]] = {}
    for k, design in enumerate(TUNED):
        rng = np.random.default_rng(TUNING + k)
        tested = replace(design, effect=EFFECT)
        true = truth(tested, PLAIN, rng)
        for _ in range(n):
            one, _ = study(rng, tested)
            units = arrange(one.units, Plan()).units
            for measure in chosen(["fusion_rate", "kiss_fraction"]):
                _tuned(measure.name, rows_of(measure, units, one.stays, NAMES), true[measure.name], hits)
    rows = [
        f"| {_WORDS[correction]} | {df} | {_range(of['fusion_rate'], n)} | {_range(of['kiss_fraction'], n)} |"
        for (correction, df), of in hits.items()
    ]
    return head + "\n".join(rows) + "\n"


_WORDS = {"none": "as they are", "kc": "Kauermann-Carroll", "md": "Mancl-DeRouen", "mean": "mean of both (Ford-Westgate)"}


def _tuned(name: str, rows: Rows, true: float, hits: dict[tuple[str, str], dict[str, list[bool]]]) -> None:
    x = rows.group[:, None].astype(float)
    x = x if rows.block is not None else np.column_stack([x, np.ones(len(x))])
    family: gee.Family = "binomial" if name == "kiss_fraction" else "poisson"
    fit = gee.fit(rows.top, x, rows.bottom, family, rows.cluster, rows.block)
    plain = int(rows.cluster.max()) + 1 - (1 if rows.block is not None else 2)
    corrections: tuple[gee.Correction, ...] = ("none", "kc", "md", "mean")
    for correction in corrections:
        value, sd, df = fit.contrast(np.eye(x.shape[1])[0], correction)
        for word, own in (("Satterthwaite", df), ("clusters - coefficients", plain)):
            inside = bool(abs(value - true) <= tests.t.ppf(0.975, own) * sd)
            hits.setdefault((correction, word), {}).setdefault(name, []).append(inside)


def _range(hits: list[bool], n: int) -> str:
    """Mean over designs and the least and most of one design, in %."""
    each = 100 * np.asarray(hits).reshape(-1, n).mean(axis=1)
    return f"{each.mean():.1f} ({each.min():.1f} to {each.max():.1f})"


def table(n: int, repeats: int, progress: Callable[[str], None]) -> str:
    """The table of the page."""
    lines = [
        "| study | measure | coverage at ratio 1 | coverage at 1.5 | false positives | power at 1.5 | "
        "bootstrap coverage at 1.5 | false positives of a test on vesicles |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for k, (words, (design, plan)) in enumerate(DESIGNS.items()):
        none, some = (
            run(replace(design, effect=effect), n, SEED + 2 * k + j, repeats, plan) for j, effect in enumerate((1.0, EFFECT))
        )
        for name, label in MEASURES.items():
            a, b = none[name], some[name]
            parts = (a["coverage"], b["coverage"], a["rejected"], b["rejected"], b["boot"], a["vesicles"])
            cells = " | ".join(f"{100 * part:.1f} %" for part in parts)
            lines.append(f"| {words} | {label} | {cells} |")
            progress(lines[-1])
    head = f"{n} studies without an effect and {n} with one in each row; the bootstrap has {repeats} replicates.\n\n"
    return head + "\n".join(lines) + "\n\n" + summary(lines) + "\n"


def summary(lines: list[str]) -> str:
    """What the rows of the table say together, without the model that leaves the day out."""
    cells = [line.split("|") for line in lines if line.endswith("% |") and BIASED not in line]
    kept = np.array([[float(cell.strip(" %")) for cell in row[3:6]] for row in cells])
    held, false = kept[:, :2], kept[:, 2]
    return (
        f"Without the day that is left out: coverage {held.mean():.1f} % on average ({held.min():.1f} to {held.max():.1f}; "
        f"{int(((held >= 93) & (held <= 97)).sum())} of {held.size} from 93 to 97), false positives {false.mean():.1f} % "
        f"({false.min():.1f} to {false.max():.1f}; {int(((false >= 4) & (false <= 6)).sum())} of {false.size} from 4 to 6)."
    )


def main() -> None:
    """Write the tables between the marks of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--dry", action="store_true", help="print only")
    wanted = parser.parse_args()
    text = tune(wanted.studies) if wanted.tune else table(wanted.studies, wanted.repeats, print)
    print(text)
    if not wanted.dry:
        mark = "tuning" if wanted.tune else "size"
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(f"<!-- {mark} begins -->\n", 1)
        after = rest.split(f"<!-- {mark} ends -->", 1)[1]
        PAGE.write_text(f"{before}<!-- {mark} begins -->\n{text}<!-- {mark} ends -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
