"""The decision: boosted trees on the features, stored as plain arrays, evaluated here, then calibrated.

A file ``weights_<cargo>.npz`` holds, for every node of every tree, the feature, threshold, the two children, the value of
a leaf, and where a missing feature goes; for every tree its class; the prior logits and the temperature that calibrates
them. It is made by tests/benchmarks/train_calls.py from simulated movies alone and read without unpickling anything.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from exotrack.errors import InputError

CLASSES = ("full_fusion", "kiss_and_run", "other")


class Trees(NamedTuple):
    """A forest in arrays; nodes of all trees in one row, children counted from the forest's start."""

    names: tuple[str, ...]
    root: NDArray[np.int32]
    tree_class: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    prior: NDArray[np.float64]
    temperature: float


@cache
def load(cargo: str) -> Trees:
    """The forest for `cargo` ("lumenal" or "ph_sensitive")."""
    place = resources.files("exotrack.classify") / f"weights_{cargo}.npz"
    with resources.as_file(place) as path, np.load(path, allow_pickle=False) as stored:
        fields = {key: stored[key] for key in stored.files}
    fields["names"] = tuple(str(name) for name in fields["names"])
    fields["temperature"] = float(fields["temperature"])
    return Trees(**fields)


def probabilities(table: pd.DataFrame, trees: Trees) -> NDArray[np.float64]:
    """(n, 3) probabilities of `CLASSES`, each row summing to 1.

    Raises `InputError` if a feature the forest was trained on is absent.
    """
    absent = [name for name in trees.names if name not in table]
    if absent:
        raise InputError(f"feature {absent[0]} is missing; the shipped weights belong to another version of exotrack")
    x = np.ascontiguousarray(table[list(trees.names)].to_numpy(float))
    logits = np.tile(trees.prior, (len(x), 1))
    _descend(
        x, trees.root, trees.tree_class, trees.feature, trees.threshold,
        trees.left, trees.right, trees.missing_left, trees.value, logits,
    )  # fmt: skip
    logits /= trees.temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@njit(nogil=True, cache=True)
def _descend(  # noqa: PLR0913 (a numba kernel takes the forest's arrays one by one)
    x: NDArray[np.float64],
    root: NDArray[np.int32],
    tree_class: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    missing_left: NDArray[np.bool_],
    value: NDArray[np.float64],
    logits: NDArray[np.float64],
) -> None:
    """Add every tree's leaf value to the logit of the tree's class."""
    for i in range(len(x)):
        for t in range(len(root)):
            node = root[t]
            while left[node] >= 0:
                v = x[i, feature[node]]
                goes_left = missing_left[node] if np.isnan(v) else v <= threshold[node]
                node = left[node] if goes_left else right[node]
            logits[i, tree_class[t]] += value[node]
