"""Named situations shared by the tests: small, seeded, and named for what is true of them."""

from __future__ import annotations

from pathlib import Path

import pytest


def shared_data(relative: str) -> Path:
    """Path of optional real data kept beside the project; skips the test, and says so, where it is absent."""
    path = Path(__file__).parents[2] / "shared" / "data" / relative
    if not path.exists():
        pytest.skip(f"optional real data not present: shared/data/{relative}")
    return path
