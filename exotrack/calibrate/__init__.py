"""Calibrate: simulated events of known kind injected into the user's own movie, and what the analysis makes of them.

1. The untouched movie is analysed; `learn` reads from it the noise, the width and brightness of its vesicles, how they bleach.
2. `plan` and `draw` choose kinds, places, instants and brightness, and let the simulator make paths and light (`lives`, `stage`).
3. `inject` adds the light to the pixels when they are read, as the movie's camera would have recorded it; the whole analysis runs
   again, for several rounds.
4. `judge` pairs what was called with what was injected, `summary` makes of it recall against brightness, confusion of kinds,
   biases of measures and the bound on false calls.
"""

from exotrack.calibrate.rounds import Calibrated, calibrate
from exotrack.calibrate.settings import CalibrateParams, Settings, settings_for

__all__ = ["CalibrateParams", "Calibrated", "Settings", "calibrate", "settings_for"]
