"""What boosted trees add to the likelihoods of the physical models, by candidates whose movie no fold was trained on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from train_calls import codes, grow, loss, used

from exotrack.classify._calls import call
from exotrack.params import preset
from exotrack.score.calibration import calibration
from exotrack.score.counts import Count

Real = NDArray[np.float64]
LIKELIHOODS = (
    "z", "height_z", "lost_z", "log_step_gain", "log_ramp_gain", "log_release_gain", "log_spread_gain", "spread_over_release",
    "release_over_step", "ramp_over_step", "cloud_over_release", "cloud_over_spread", "cloud_z",
)  # fmt: skip
"""Features that say how much better one model explains the pixels than another, or a fitted height or cloud over its error."""
RATIO = "fusion_over_rest"
FOLDS = 3
CARGO = {"granule": "lumenal", "phluorin": "ph_sensitive"}


def ratio(table: pd.DataFrame) -> pd.Series:
    """Log-likelihood gain of the best model of a fusion over the best of step and ramp, of all candidates (n,)."""
    gain = {name: np.expm1(table[f"log_{name}_gain"]) for name in ("step", "ramp", "release", "spread")}
    cloud = gain["release"] + np.expm1(table["cloud_over_release"])
    fusion = np.maximum(np.maximum(gain["release"], gain["spread"]), cloud)
    return np.arcsinh(0.5 * (fusion - np.maximum(gain["step"], gain["ramp"])))


def logistic(table: pd.DataFrame, names: list[str]) -> Callable[[pd.DataFrame], Real]:
    """Multinomial logistic regression; a missing feature takes its median, and a column says that it was missing."""
    model = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), LogisticRegression(C=1.0, max_iter=300)
    )
    model.fit(table[names].to_numpy(), codes(table))
    return lambda other: np.asarray(model.decision_function(other[names].to_numpy()))


def trees(table: pd.DataFrame, names: list[str], cargo: str) -> Callable[[pd.DataFrame], Real]:
    """The boosted trees of the package, with the settings they are trained with."""
    model = grow(table, names, cargo)
    return lambda other: np.asarray(model.decision_function(other[names].to_numpy()))


def ablation(files: list[Path], keep: Path) -> dict[str, Any]:
    """Rows of models by preset, from `files` of simulated_candidates.py; those of pH-sensitive cargo say so in their name.

    A model that was judged on the same files is taken from folder `keep`, so that a run that was cut goes on.
    """
    told: dict[str, Any] = {}
    for name, cargo in CARGO.items():
        mine = [path for path in files if (cargo == "ph_sensitive") == ("ph_sensitive" in path.name)]
        if mine:
            told[name] = _ablation(mine, name, keep)
    return told


def _ablation(files: list[Path], name: str, keep: Path) -> dict[str, Any]:
    table, n_true = _read(files)
    table[RATIO] = ratio(table)
    forest = partial(trees, cargo=CARGO[name])
    everything = [key for key in used(table) if key != RATIO]
    models = (
        ("one likelihood ratio, logistic", logistic, [RATIO]),
        ("all likelihoods, logistic", logistic, [*LIKELIHOODS, RATIO]),
        ("all features, logistic", logistic, everything),
        ("all likelihoods, boosted trees", forest, [*LIKELIHOODS]),
        ("all features, boosted trees (shipped)", forest, everything),
    )
    rows = []
    for said, fit, names in models:
        begin = time.perf_counter()
        path = keep / f"{name} {said}, {len(table)} candidates.json"
        if not path.exists():
            told = judged(table, out_of_fold(table, fit, names), n_true, name)
            path.write_text(json.dumps({"model": said, "n_features": len(names), **told}))
        rows.append(json.loads(path.read_text()))
        print(f"{name}, {said}: F1 {rows[-1]['f1']:.3f}, {time.perf_counter() - begin:.0f} s", flush=True)
    return {"rows": rows, "n_movies": int(table["movie"].nunique()), "n_candidates": len(table), "n_true": n_true}


def _read(files: list[Path]) -> tuple[pd.DataFrame, int]:
    """Candidates of all files, movies numbered through, and the number of true fusions."""
    parts, n_true = [], 0
    for k, path in enumerate(files):
        parts.append(pd.read_parquet(path).assign(file=k))
        n_true += len(pd.read_parquet(path.with_suffix(".true.parquet")))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(movie=pd.factorize(table["file"] * 10000 + table["movie"])[0]), n_true


def out_of_fold(table: pd.DataFrame, fit: Callable[..., Callable[[pd.DataFrame], Real]], names: list[str]) -> Real:
    """(n, 3) probabilities from fits that never saw the movie, at the temperature that suits them best."""
    logits = np.empty((len(table), 3))
    for train, test in GroupKFold(FOLDS).split(table, groups=table["movie"]):
        logits[test] = fit(table.iloc[train], names)(table.iloc[test])
    truth = codes(table)
    logits /= minimize_scalar(loss, bounds=(0.3, 5.0), args=(logits, truth), method="bounded").x
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def judged(table: pd.DataFrame, p: Real, n_true: int, name: str) -> dict[str, Any]:
    """F1 after duplicates are merged, average precision and calibration error by candidate, kinds right, confident calls."""
    params = preset(name)
    called = []
    for _, rows in table.groupby("movie").indices.items():
        mine = table.iloc[rows].reset_index(drop=True)
        frame_s = float(np.exp(mine["log_dt"].iloc[0]))
        called.append(call(mine, p[rows], params.classify, params.detect.sigma_um, frame_s).query("called != ''"))
    calls = pd.concat(called, ignore_index=True)
    hits = calls[calls["true_event"] >= 0].drop_duplicates(["movie", "true_event"])
    sure = calls[["p_full_fusion", "p_kiss_and_run"]].max(axis=1) >= params.classify.confidence
    count = Count("fusion_any", n_true, len(calls), len(hits))
    fused = (table["truth"] != "other").to_numpy()
    return {
        "precision": count.precision, "recall": count.recall, "f1": count.f1, "f1_interval": count.f1_interval,
        "kind_right": float((hits["called"] == hits["truth"]).mean()), "n_confident": int(sure.sum()), "n_found": len(calls),
        "average_precision": float(average_precision_score(fused, 1.0 - p[:, 2])),
        "calibration_error": calibration("fusion_any", 1.0 - p[:, 2], fused).error,
    }  # fmt: skip
