"""Named situations shared by the tests: small, seeded, and named for what is true of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exotrack.simulate import Simulation, simulation
from exotrack.tables import Tracks

TRACKS_PIXEL_UM, TRACKS_FRAME_S = 0.107, 0.05


def shared_data(relative: str) -> Path:
    """Path of optional real data kept beside the project; skips the test, and says so, where it is absent."""
    path = Path(__file__).parents[2] / "shared" / "data" / relative
    if not path.exists():
        pytest.skip(f"optional real data not present: shared/data/{relative}")
    return path


def bare_simulation(preset: str = "granule", **changes: Any) -> Simulation:
    """A small simulation in which nothing varies and nothing happens unless `changes` (nested by part) say so."""
    off: dict[str, Any] = {
        "field": {"height_px": 48, "width_px": 48, "n_frames": 40},
        "camera": {"gain_spread": 0.0, "offset_spread": 0.0, "read_spread": 0.0},
        "stage": {"drift_x_um_s": 0.0, "wander_um_rs": 0.0},
        "illumination": {"flicker": 0.0},
        "cell": {"cover": 1.0, "unevenness": 0.0, "bleach_per_s": 0.0},
        "vesicles": {
            "photons_spread": 0.0, "radius_spread": 0.0, "diffusion_spread": 0.0, "bleach_per_s": 0.0, "leave_spread": 0.0,
        },
        "kinetics": {
            "docked_per_um2": 0.0, "tethered_per_um2": 0.0, "mobile_per_um2": 0.0, "arrivals_per_um2_s": 0.0,
            "fuse_per_s": 0.0, "undock_per_s": 0.0, "newcomer_fraction": 0.0, "neighbour_fraction": 0.0,
            "kiss_fraction": 0.0, "stimulated_per_s": 0.0,
        },
        "cargo": {"release_spread": 0.0, "membrane_spread": 0.0, "kiss_open_spread": 0.0, "neutral_fraction": 0.0},
        "distractors": {
            "endosomes_per_um2": 0.0, "blinks_per_um2_s": 0.0, "static_per_um2": 0.0, "steps_per_um2": 0.0,
            "haze_per_um2": 0.0,
        },
    }  # fmt: skip
    return simulation(preset).updated(off).updated(changes)


def two_tracks(**changes: object) -> pd.DataFrame:
    """Two tracks of the movie `cell`, the second with a gap; some measures are known, one value of them is missing."""
    frame = np.array([0, 1, 2, 1, 3])
    columns = {
        "movie_id": "cell",
        "track_id": [1, 1, 1, 5, 5],
        "frame": frame,
        "t_s": frame * TRACKS_FRAME_S,
        "y_um": np.array([0.0, 1.5, 2.25, 9.125, 10.0]) * TRACKS_PIXEL_UM,
        "x_um": np.array([3.0, 3.125, 1 / 3, 20.0, 21.0]) * TRACKS_PIXEL_UM,
        "snr": [4.0, 5.5, np.nan, 8.0, 9.0],
        "sigma_um": 0.13,
    }
    return Tracks.build(columns | changes)
