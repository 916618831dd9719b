"""How common fusions are in a movie, from the probabilities of its candidates."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.classify._share import RARE, in_movie, share


def _candidates(fusions: int, others: int) -> np.ndarray:
    """Clear fusions amid candidates that each look a little like one."""
    clear, faint = np.tile([0.85, 0.1, 0.05], (fusions, 1)), np.tile([0.01, 0.01, 0.98], (others, 1))
    return np.concatenate([clear, faint])


def test_the_share_is_that_of_the_clear_cases() -> None:
    assert share(_candidates(40, 400)) == pytest.approx(40 / 440, abs=0.03)
    assert share(_candidates(0, 400)) < 0.03


def test_where_fusions_are_common_nothing_changes() -> None:
    p = _candidates(40, 400)
    np.testing.assert_array_equal(in_movie(p), p / p.sum(axis=1, keepdims=True))


def test_one_doubtful_call_in_a_quiet_movie_is_doubted_more() -> None:
    p = np.concatenate([[[0.35, 0.2, 0.45]], _candidates(0, 1000)])
    lowered = in_movie(p)
    assert share(p) < RARE
    assert lowered[0, 2] > 0.5
    assert lowered[0, 0] / lowered[0, 1] == pytest.approx(p[0, 0] / p[0, 1])
    np.testing.assert_allclose(lowered.sum(axis=1), 1.0)


def test_a_clear_fusion_in_a_quiet_movie_remains() -> None:
    assert in_movie(np.concatenate([[[0.97, 0.02, 0.01]], _candidates(0, 1000)]))[0, 2] < 0.2


def test_no_candidates_at_all() -> None:
    assert in_movie(np.zeros((0, 3))).shape == (0, 3)
