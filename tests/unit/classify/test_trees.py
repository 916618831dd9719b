"""The decision: a walk through the trees in plain Python gives the same; probabilities sum to 1; features must be there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack.classify._features import FEATURES
from exotrack.classify._measures import MEASURES
from exotrack.classify._trees import CLASSES, Trees, load, probabilities
from exotrack.errors import InputError

CARGOS = ("lumenal", "ph_sensitive")


def walked(trees, x):
    """(n, 3) probabilities by walking every tree with plain Python."""
    logits = np.tile(trees.prior.astype(float), (len(x), 1))
    for row, values in enumerate(x):
        for tree, root in enumerate(trees.root):
            node = int(root)
            while trees.left[node] >= 0:
                value = values[trees.feature[node]]
                left = bool(trees.missing_left[node]) if np.isnan(value) else value <= trees.threshold[node]
                node = int(trees.left[node] if left else trees.right[node])
            logits[row, trees.tree_class[tree]] += trees.value[node]
    p = np.exp(logits / trees.temperature)
    return p / p.sum(axis=1, keepdims=True)


def random_table(trees, rng, n=40):
    """Features around the thresholds of the forest, one in ten missing."""
    centre, spread = np.zeros(len(trees.names)), np.ones(len(trees.names))
    for k in range(len(trees.names)):
        cuts = trees.threshold[(trees.feature == k) & (trees.left >= 0) & np.isfinite(trees.threshold)]
        if len(cuts):
            centre[k], spread[k] = np.median(cuts), np.std(cuts) + 0.1
    x = centre + spread * rng.normal(size=(n, len(trees.names)))
    x[rng.random(x.shape) < 0.1] = np.nan
    return pd.DataFrame(x, columns=list(trees.names))


@pytest.mark.parametrize("cargo", CARGOS)
def test_the_kernel_walks_as_plain_python_does(rng, cargo):
    trees = load(cargo)
    table = random_table(trees, rng)
    np.testing.assert_allclose(probabilities(table, trees), walked(trees, table.to_numpy()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cargo", CARGOS)
def test_probabilities_sum_to_one_and_leave_nothing_out(rng, cargo):
    p = probabilities(random_table(load(cargo), rng, 500), load(cargo))
    assert p.shape == (500, len(CLASSES))
    assert ((p > 0) & (p < 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


def test_a_stump_decides_on_its_threshold_and_sends_the_missing_its_own_way():
    one = np.zeros(1, np.int32)
    trees = Trees(
        names=("a",), root=one, tree_class=one, feature=np.zeros(3, np.int32), threshold=np.array([1.5, 0.0, 0.0]),
        left=np.array([1, -1, -1], np.int32), right=np.array([2, -1, -1], np.int32),
        missing_left=np.array([False, False, False]), value=np.array([0.0, -2.0, 2.0]), prior=np.zeros(3), temperature=2.0,
    )  # fmt: skip
    p = probabilities(pd.DataFrame({"a": [1.5, 1.6, np.nan]}), trees)
    low, high = np.exp(-1.0) / (np.exp(-1.0) + 2), np.exp(1.0) / (np.exp(1.0) + 2)
    np.testing.assert_allclose(p[:, 0], [low, high, high])


@pytest.mark.parametrize("cargo", CARGOS)
def test_the_shipped_forest_belongs_to_the_features_there_are(cargo):
    trees = load(cargo)
    assert set(trees.names) <= {*FEATURES, *MEASURES}
    leaves = trees.left < 0
    assert (trees.right[leaves] < 0).all()
    assert (trees.left[~leaves] > np.flatnonzero(~leaves)).all()
    assert max(trees.left.max(), trees.right.max()) < len(trees.value)
    assert trees.temperature > 0
    assert set(trees.tree_class) == {0, 1, 2}


def test_a_missing_feature_is_named():
    trees = load("lumenal")
    with pytest.raises(InputError, match=f"feature {trees.names[3]} is missing"):
        probabilities(pd.DataFrame(columns=[n for n in trees.names if n != trees.names[3]]), trees)


def test_no_candidate_has_no_probabilities():
    trees = load("lumenal")
    assert probabilities(pd.DataFrame(columns=list(trees.names), dtype=float), trees).shape == (0, 3)
