"""A second, cruder simulator that shares no code and no parameters with exotrack.simulate: calls are scored on it, never trained.

Vesicles are round Gaussians of fixed places; what they do is drawn from plain descriptions of what people see in such movies:
full fusions, kiss-and-runs, vesicles that leave, come, visit, run past or stay. Each movie draws its own camera scale, speed,
brightness and cargo. Half of the granule movies have cargo that flashes when the pore opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Real = NDArray[np.float64]
PARTS = (0.125, 0.375, 0.625, 0.875)
"""Instants within a frame at which light is added."""
EDGE = 10.0
"""Events stay this far (pixels) from the border."""


@dataclass(frozen=True)
class Filmed:
    """Pixels (frames, y, x), their scale, and the true fusions as an Events-like table (kind, t_s, y_um, x_um)."""

    pixels: NDArray[np.uint16]
    pixel_um: float
    frame_s: float
    events: pd.DataFrame


class Canvas:
    """Photons per pixel and frame; light is added by place (pixels), width (um) and photons."""

    def __init__(self, rng: np.random.Generator, frames: int, side: int, pixel_um: float, frame_s: float) -> None:
        self.rng, self.pixel_um, self.frame_s = rng, pixel_um, frame_s
        self.psf_um = float(rng.uniform(0.11, 0.14))
        even = gaussian_filter(rng.normal(0.0, 1.0, (side, side)), side / rng.uniform(8.0, 20.0))
        level = float(rng.uniform(25.0, 80.0)) * (1.0 + rng.uniform(0.05, 0.2) * even / even.std())
        self.light = np.repeat(np.maximum(level, 5.0)[None], frames, axis=0)
        self.events: list[tuple[str, float, float, float]] = []

    def place(self) -> tuple[float, float]:
        """A random place (pixels)."""
        y, x = self.rng.uniform(EDGE, self.light.shape[1] - EDGE, 2)
        return float(y), float(x)

    def instants(self, first: float, last: float) -> list[tuple[int, float]]:
        """Frames and times (frames) from `first` to `last`."""
        stop = min(len(self.light), int(np.ceil(last)))
        return [(k, k + part) for k in range(max(int(first), 0), stop) for part in PARTS if first <= k + part < last]

    def add(self, frame: int, place: tuple[float, float], photons: float, extra_um2: float = 0.0) -> None:
        """Add a quarter of a frame's `photons` of a Gaussian of squared width psf^2 + `extra_um2`."""
        height, width = self.light.shape[1:]
        sigma = float(np.sqrt(self.psf_um**2 + extra_um2)) / self.pixel_um
        reach = int(np.ceil(4.0 * sigma)) + 1
        y0, y1 = max(int(place[0]) - reach, 0), min(int(place[0]) + reach + 2, height)
        x0, x1 = max(int(place[1]) - reach, 0), min(int(place[1]) + reach + 2, width)
        if photons <= 0.0 or y1 <= y0 or x1 <= x0:
            return
        y = np.exp(-0.5 * ((np.arange(y0, y1) - place[0]) / sigma) ** 2)
        x = np.exp(-0.5 * ((np.arange(x0, x1) - place[1]) / sigma) ** 2)
        self.light[frame, y0:y1, x0:x1] += photons / len(PARTS) / (2.0 * np.pi * sigma**2) * np.outer(y, x)

    def happened(self, kind: str, t: float, place: tuple[float, float]) -> None:
        """Note a true fusion at `t` (frames)."""
        self.events.append((kind, t * self.frame_s, place[0] * self.pixel_um, place[1] * self.pixel_um))

    def filmed(self, faded: float) -> Filmed:
        """Camera counts; `faded` of all light bleaches over the movie."""
        fading = (1.0 - faded) ** (np.arange(len(self.light)) / len(self.light))
        gain, offset, read = self.rng.uniform(1.0, 3.0), self.rng.uniform(80.0, 250.0), self.rng.uniform(2.0, 6.0)
        counts = self.rng.poisson(self.light * fading[:, None, None]) * gain + offset
        counts += self.rng.normal(0.0, read, counts.shape)
        table = pd.DataFrame(self.events, columns=["kind", "t_s", "y_um", "x_um"])
        return Filmed(np.clip(np.rint(counts), 0, 65535).astype(np.uint16), self.pixel_um, self.frame_s, table)


def phluorin(rng: np.random.Generator) -> Filmed:
    """Dark vesicles that light up and spread, or light up and fade in place; bright ones that stay, run past or visit."""
    c = Canvas(rng, 260, 200, float(rng.uniform(0.1, 0.16)), float(np.exp(rng.uniform(np.log(0.08), np.log(0.35)))))
    photons, last = float(rng.uniform(500.0, 1000.0)), len(c.light)
    spread, fades = np.exp(rng.uniform(np.log(0.06), np.log(0.25))), np.exp(rng.uniform(np.log(0.8), np.log(2.5)))
    for k in range(35):
        place, t, bright = c.place(), float(rng.uniform(5, last - 15)), photons * np.exp(rng.normal(0.0, 0.3))
        full = k < 23
        c.happened("full_fusion" if full else "kiss_and_run", t, place)
        um2_s, tau = spread * np.exp(rng.normal(0.0, 0.4)), fades * np.exp(rng.normal(0.0, 0.3))
        for frame, now in c.instants(t, t + 20.0 / c.frame_s):
            since = (now - t) * c.frame_s
            c.add(frame, place, bright if full else bright * np.exp(-since / tau), 2.0 * um2_s * since if full else 0.0)
    _bystanders(c, photons, (40, 18, 15))
    return c.filmed(float(rng.uniform(0.0, 0.25)))


def granule(rng: np.random.Generator) -> Filmed:
    """Bright vesicles that stay, leave, fuse and lose their cargo to a cloud, or lose part of it; others visit and run past."""
    c = Canvas(rng, 350, 180, float(rng.uniform(0.09, 0.16)), float(np.exp(rng.uniform(np.log(0.05), np.log(0.2)))))
    photons, flash = float(rng.uniform(450.0, 900.0)), float(rng.uniform(0.3, 1.2)) * float(rng.random() < 0.5)
    cloud = float(np.exp(rng.uniform(np.log(0.4), np.log(5.0))))
    for kind, many in (("full_fusion", 22), ("kiss_and_run", 12), ("leaves", 22), ("stays", 14)):
        for _ in range(many):
            _docked(c, kind, photons * float(np.exp(rng.normal(0.0, 0.3))), flash, cloud * float(np.exp(rng.normal(0.0, 0.3))))
    _bystanders(c, photons, (0, 14, 18))
    return c.filmed(float(rng.uniform(0.0, 0.2)))


def _docked(c: Canvas, kind: str, photons: float, flash: float, cloud: float) -> None:
    """One docked vesicle from the start or its arrival to what becomes of it."""
    rng, last = c.rng, len(c.light)
    place, t = c.place(), float(rng.uniform(20, last - 25))
    begin = 0.0 if rng.random() < 0.6 else float(rng.uniform(0, t - 5))
    if kind in ("full_fusion", "kiss_and_run"):
        c.happened(kind, t, place)
    tau = float(rng.uniform(0.05, 0.2) if kind == "full_fusion" else rng.uniform(0.1, 0.5))
    part = 1.0 if kind == "full_fusion" else float(rng.uniform(0.3, 0.8))
    rises, away = float(rng.uniform(100.0, 350.0)), rng.normal(0.0, 0.3, 2) / c.pixel_um
    wobble, flicker = rng.normal(0.0, 0.006, (last, 2)) / c.pixel_um, 1.0 + rng.normal(0.0, 0.03, last)
    for frame, now in c.instants(begin, last):
        here = (place[0] + wobble[frame, 0], place[1] + wobble[frame, 1])
        light = photons * flicker[frame] * min((now - begin) * c.frame_s / 0.2, 1.0) if begin > 0 else photons * flicker[frame]
        since = (now - t) * c.frame_s
        if since < 0 or kind == "stays":
            c.add(frame, here, light)
        elif kind == "leaves":
            c.add(frame, (here[0] + away[0] * since, here[1] + away[1] * since), light * np.exp(-rises * since / 100.0))
        else:
            open_pore = 1.0 + flash * (since < 3.0 * tau)
            c.add(frame, place, light * open_pore * (1.0 - part + part * np.exp(-since / tau)))
            _cloud(c, frame, place, (photons * part * (1.0 + flash), tau, cloud), since)


def _cloud(c: Canvas, frame: int, place: tuple[float, float], law: tuple[float, float, float], since: float) -> None:
    """Cargo released so far, in shells of age; it is gone from the cleft after about a second."""
    photons, tau, um2_s = law
    if since > 3.0:
        return
    for k in range(6):
        young, old = since * k / 6, since * (k + 1) / 6
        left = np.exp(-(since - old) / tau) - np.exp(-(since - young) / tau)
        age = 0.5 * (young + old)
        c.add(frame, place, photons * left * np.exp(-age / 0.8), 2.0 * um2_s * age)


def _bystanders(c: Canvas, photons: float, many: tuple[int, int, int]) -> None:
    """Bright things that never fuse: `many` that stay, that run past, that visit for seconds."""
    rng, last = c.rng, len(c.light)
    for _ in range(many[0]):
        place, bright = c.place(), photons * float(rng.uniform(0.3, 1.2))
        for frame, _ in c.instants(0, last):
            c.add(frame, place, bright)
    for _ in range(many[1]):
        y, x = c.place()
        begin, bright = float(rng.uniform(0, last)), photons * float(rng.uniform(0.3, 0.8))
        stop = begin + float(rng.exponential(8.0)) / c.frame_s
        step, height = float(rng.uniform(0.03, 0.1)) / c.pixel_um / 2.0, 0.0
        for frame, now in c.instants(begin, stop):
            y, x, height = y + rng.normal(0.0, step), x + rng.normal(0.0, step), 0.97 * height + rng.normal(0.0, 0.06)
            c.add(frame, (y, x), bright * float(np.exp(height)) * min(1.0, (now - begin) / 3.0, (stop - now) / 3.0))
    for _ in range(many[2]):
        place, bright = c.place(), photons * float(rng.uniform(0.4, 1.0))
        begin = float(rng.uniform(0, last))
        stop = begin + 3.0 + float(rng.exponential(2.0)) / c.frame_s
        for frame, now in c.instants(begin, stop):
            near = (place[0] + rng.normal(0.0, 0.2), place[1] + rng.normal(0.0, 0.2))
            c.add(frame, near, bright * min(1.0, (now - begin) / 2.0, (stop - now) / 2.0))
