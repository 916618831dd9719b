from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

# The slow references beside these tests are shared by them alone.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def rng():
    return np.random.default_rng(20_240_918)
