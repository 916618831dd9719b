"""Pixels that every format is asked to keep, and one way to look at what was opened."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint16]:
    """(21, 32, 40) camera counts, every frame different."""
    return np.random.default_rng(5).integers(90, 4000, (21, 32, 40)).astype(np.uint16)
