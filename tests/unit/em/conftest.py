"""What the tests of micrographs share: drawn once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from micrographs import Scene, draw
from volumes import draw_volume


@pytest.fixture(scope="session")
def section():
    """A section at 1.5 nm with 60 vesicles: scene, grey values, true vesicles."""
    scene = Scene(size_nm=(620.0, 700.0), spacing_nm=1.5, number=60, noise=0.8, seed=11)
    return scene, *draw(scene)


@pytest.fixture(scope="session")
def volume():
    """A FIB-SEM-like volume at 5 nm: grey values, true vesicles."""
    return draw_volume((40, 72, 72), (5.0, 5.0, 5.0), 10, noise=0.6, seed=21)
