"""Train and calibrate the probabilities of calls, and write them as plain arrays for exotrack.classify.

``python tests/benchmarks/train_calls.py CARGO TUNING.parquet [...]`` with files of simulated_candidates.py. Boosted trees are
fitted to the tuning candidates (scikit-learn, needed here only); the temperature that calibrates them is fitted to
out-of-fold predictions, folds being movies.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from exotrack.classify import _trees
from exotrack.classify._features import FEATURES

RELEASED = ("fraction_released", "fraction_released_sd")
"""Measures that serve as features too, where the cargo was visible before."""
HOME = Path(_trees.__file__).parent
SETTINGS = {"learning_rate": 0.06, "min_samples_leaf": 15, "l2_regularization": 5.0}
SIZES = {"lumenal": {"max_iter": 240, "max_leaf_nodes": 16}, "ph_sensitive": {"max_iter": 160, "max_leaf_nodes": 12}}
"""Small trees with strong shrinkage: the physics is in the features, the trees only weigh it."""


def used(table: pd.DataFrame) -> list[str]:
    """The features: those that are ever known, but for the misfit, which tells a simulated camera from a real one."""
    return [name for name in (*FEATURES, *RELEASED) if name != "misfit" and table[name].notna().any()]


def grow(table: pd.DataFrame, names: list[str], cargo: str, seed: int = 0) -> HistGradientBoostingClassifier:
    """Trees on the candidates of `table`."""
    model = HistGradientBoostingClassifier(**SETTINGS, **SIZES[cargo], max_features=0.4, early_stopping=False, random_state=seed)
    return model.fit(table[names].to_numpy(), codes(table))


def codes(table: pd.DataFrame) -> NDArray[np.int64]:
    """Index of each candidate's truth in `_trees.CLASSES`."""
    return np.array([_trees.CLASSES.index(kind) for kind in table["truth"]])


def loss(temperature: float, logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood at a temperature."""
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return float(-np.mean(scaled[np.arange(len(truth)), truth] - np.log(np.exp(scaled).sum(axis=1))))


def out_of_fold(table: pd.DataFrame, names: list[str], cargo: str) -> NDArray[np.float64]:
    """(n, 3) logits of every candidate from trees that never saw its movie."""
    logits = np.empty((len(table), 3))
    for train, test in GroupKFold(5).split(table, groups=table["movie"]):
        model = grow(table.iloc[train], names, cargo)
        logits[test] = model.decision_function(table.iloc[test][names].to_numpy())
    return logits


def arrays(model: HistGradientBoostingClassifier, names: list[str], temperature: float) -> dict[str, NDArray[np.generic]]:
    """The forest as the arrays of `_trees.Trees`."""
    parts, roots, classes, count = [], [], [], 0
    for iteration in model._predictors:
        for k, tree in enumerate(iteration):
            nodes = tree.nodes
            leaf = nodes["is_leaf"].astype(bool)
            roots.append(count)
            classes.append(k)
            parts.append(
                {
                    "feature": nodes["feature_idx"].astype(np.int32),
                    "threshold": nodes["num_threshold"].astype(np.float64),
                    "left": np.where(leaf, -1, nodes["left"].astype(np.int64) + count).astype(np.int32),
                    "right": np.where(leaf, -1, nodes["right"].astype(np.int64) + count).astype(np.int32),
                    "missing_left": nodes["missing_go_to_left"].astype(bool),
                    "value": nodes["value"].astype(np.float64),
                }
            )
            count += len(nodes)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return joined | {
        "names": np.array(names),
        "root": np.array(roots, np.int32),
        "tree_class": np.array(classes, np.int32),
        "prior": np.asarray(model._baseline_prediction, float).ravel(),
        "temperature": np.array(temperature),
    }


def tell(name: str, p: NDArray[np.float64], truth: NDArray[np.int64]) -> None:
    """Print how good the probabilities are, by candidate."""
    called, fusion = p[:, 2] < 0.5, truth < 2
    hit = called & fusion
    kind = p[:, :2].argmax(axis=1) == truth
    edges = np.linspace(0, 1, 11)
    bins = np.clip(np.digitize(1 - p[:, 2], edges) - 1, 0, 9)
    ece = sum(abs((1 - p[bins == b, 2]).mean() - fusion[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    print(
        f"{name}: precision {hit.sum() / max(called.sum(), 1):.3f} recall {hit.sum() / max(fusion.sum(), 1):.3f} "
        f"kind {kind[hit].mean():.3f} calibration error {ece:.4f} of {len(truth)} candidates, {fusion.sum()} fusions"
    )


def main(cargo: str, tuning: list[Path]) -> None:
    """Train, calibrate, write, tell."""
    parts = [pd.read_parquet(path) for path in tuning]
    table = pd.concat([part.assign(movie=part["movie"] + 1000 * k) for k, part in enumerate(parts)], ignore_index=True)
    truth = codes(table)
    names = used(table)
    logits = out_of_fold(table, names, cargo)
    temperature = float(minimize_scalar(loss, bounds=(0.3, 5.0), args=(logits, truth), method="bounded").x)
    model = grow(table, names, cargo)
    np.savez_compressed(HOME / f"weights_{cargo}.npz", **arrays(model, names, temperature))
    _trees.load.cache_clear()
    scaled = np.exp(logits / temperature - (logits / temperature).max(axis=1, keepdims=True))
    tell("out of fold", scaled / scaled.sum(axis=1, keepdims=True), truth)
    ours = _trees.probabilities(table, _trees.load(cargo))
    theirs = model.decision_function(table[names].to_numpy()) / temperature
    theirs = np.exp(theirs - theirs.max(axis=1, keepdims=True))
    print("largest difference from scikit-learn", np.abs(ours - theirs / theirs.sum(axis=1, keepdims=True)).max())


if __name__ == "__main__":
    main(sys.argv[1], [Path(word) for word in sys.argv[2:]])
