"""Light as a list of Gaussian patches: every source of a simulated movie ends up as these.

A patch is a 2D Gaussian in one frame: centre (um, before stage drift), variance of the source itself (um^2, without PSF) and the
photoelectrons it gives in that frame's exposure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Patches:
    """Gaussian patches, each column (n,)."""

    frame: NDArray[np.int64]
    y_um: Real
    x_um: Real
    var_um2: Real
    photons: Real

    @classmethod
    def join(cls, parts: Iterable[Patches]) -> Patches:
        """All patches of `parts`, ordered by frame."""
        many = list(parts)
        if not many:
            none = np.empty(0)
            return cls(np.empty(0, np.int64), none, none, none, none)
        columns = [np.concatenate([getattr(p, c) for p in many]) for c in ("frame", "y_um", "x_um", "var_um2", "photons")]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(c[order] for c in columns))

    def bright(self, least: float = 1e-3) -> Patches:
        """Those with more than `least` photoelectrons."""
        keep = self.photons > least
        return Patches(self.frame[keep], self.y_um[keep], self.x_um[keep], self.var_um2[keep], self.photons[keep])

    def merged(self, psf_var_um2: float) -> Patches:
        """One patch per frame where the patches of a frame are alike, keeping photons, centre and variance.

        Patches of one source, ordered by frame. They are alike if their centres differ by less than half and their widths by
        less than an eighth of the width of the image; where motion within the exposure is larger the patches stay apart.
        """
        if len(self.frame) == 0:
            return self
        starts = np.flatnonzero(np.diff(self.frame, prepend=self.frame[0] - 1))
        total = self.var_um2 + psf_var_um2
        narrow, wide = np.minimum.reduceat(total, starts), np.maximum.reduceat(total, starts)
        reach = 0.25 * narrow
        alike = wide < 1.27 * narrow
        for place in (self.y_um, self.x_um):
            alike &= (np.maximum.reduceat(place, starts) - np.minimum.reduceat(place, starts)) ** 2 < reach
        which = np.cumsum(np.isin(np.arange(len(self.frame)), starts)) - 1
        one = self._moments(starts, which)
        joined = Patches(one.frame[alike], one.y_um[alike], one.x_um[alike], one.var_um2[alike], one.photons[alike])
        apart = ~alike[which]
        rest = Patches(self.frame[apart], self.y_um[apart], self.x_um[apart], self.var_um2[apart], self.photons[apart])
        return Patches.join([joined, rest])

    def _moments(self, starts: NDArray[np.int64], which: NDArray[np.int64]) -> Patches:
        photons = np.add.reduceat(self.photons, starts)
        safe = np.where(photons > 0, photons, 1.0)
        y = np.add.reduceat(self.photons * self.y_um, starts) / safe
        x = np.add.reduceat(self.photons * self.x_um, starts) / safe
        around = self.var_um2 + 0.5 * ((self.y_um - y[which]) ** 2 + (self.x_um - x[which]) ** 2)
        var = np.add.reduceat(self.photons * around, starts) / safe
        return Patches(self.frame[starts], y, x, var, photons)
