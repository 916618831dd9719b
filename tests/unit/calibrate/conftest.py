"""Two small movies, each calibrated once for all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from calibrate_cases import calibrated, small_settings, small_truth

from exotrack.calibrate import Calibrated


@pytest.fixture(scope="session")
def dark() -> Calibrated:
    """Dark vesicles that open."""
    return calibrated(small_truth().movie, small_settings())


@pytest.fixture(scope="session")
def seen() -> Calibrated:
    """Vesicles seen before they fuse."""
    return calibrated(small_truth("granule").movie, small_settings("granule"))
