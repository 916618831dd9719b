"""What is put into the bath while the movie is filmed: NH4Cl, which makes vesicles neutral, and acid, which dims what is outside.

Sankaranarayanan et al. 2000 (Biophys J 79:2199): NH4Cl shows all of a pH-sensitive label, acid leaves only what it cannot reach.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from exotrack.params import Params, setting

Real = NDArray[np.float64]
Window = tuple[float, float]


class Bath(Params):
    """Solutions that are exchanged during the movie, and the part of the background that is label on the surface."""

    nh4cl_s: tuple[Window, ...] = setting((), "s", "Windows (first, last time) with NH4Cl. Default: none.")
    quench_s: tuple[Window, ...] = setting((), "s", "Windows (first, last time) with acid outside. Default: none.")
    exchange_s: float = setting(
        0.3, "s",
        "Time constant with which a solution comes and goes. Default: a local puffer.", gt=0, le=60,
    )  # fmt: skip
    surface_share: float = setting(
        0.5, "1",
        "Part of the cell's background that is label on its surface, which acid dims as it does inside a vesicle; the rest is "
        "autofluorescence. Default: half, as where a label is expressed well.", ge=0, le=1,
    )  # fmt: skip

    @field_validator("nh4cl_s", "quench_s")
    @classmethod
    def _ordered(cls, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        if any(not 0 <= first < last for first, last in windows):
            raise ValueError("a window is two times (s) from the first frame, the first below the last")
        return windows

    def nh4cl(self, t_s: Real) -> Real:
        """Part of the NH4Cl's full effect at `t_s`, 0 to 1."""
        return self._level(t_s, self.nh4cl_s)

    def acid(self, t_s: Real) -> Real:
        """Part of the acid's full effect at `t_s`, 0 to 1."""
        return self._level(t_s, self.quench_s)

    def _level(self, t_s: Real, windows: tuple[Window, ...]) -> Real:
        level = np.zeros(np.shape(t_s))
        for first, last in windows:
            came = -np.expm1(-np.clip(t_s - first, 0.0, last - first) / self.exchange_s)
            level = np.maximum(level, came * np.exp(-np.maximum(t_s - last, 0.0) / self.exchange_s))
        return np.asarray(level)
