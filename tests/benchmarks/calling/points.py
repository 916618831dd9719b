"""What is measured: presets with one thing changed, and cells that do not secrete with one cause of false calls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from exotrack.simulate.presets import Simulation, simulation

PRESETS = ("granule", "phluorin")
SIDE_PX = 192
"""Side of the field: 15 to 25 fusions in a movie of 30 s."""
DURATION_S = 30.0

Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Point:
    """One row of a table: `changes` over a preset, vesicles `snr` times as far above their noise, `movies` movies."""

    axis: str
    value: str
    changes: Changes = field(default_factory=dict)
    snr: float = 1.0
    movies: int = 2
    secretes: bool = True

    def simulation(self, preset: str) -> Simulation:
        """The simulation of this point."""
        sim = simulation(preset).updated({"field": {"height_px": SIDE_PX, "width_px": SIDE_PX}})
        sim = sim if self.secretes else sim.updated(SILENT)
        sim = sim.updated(dense(sim)) if self.axis == DENSITY else sim
        sim = sim.updated(self.changes)
        sim = sim.updated({"field": {"n_frames": round(DURATION_S / sim.field.frame_s)}} if "field" not in self.changes else {})
        return sim if self.snr == 1.0 else sim.with_snr(self.snr * sim.snr())


DENSITY = "events"
PER_UM2_MIN = {"granule": 0.12, "phluorin": 0.28}
"""Visible fusions per um^2 and minute that the presets make, from docs/accuracy.md: number / (movies, area, half a minute)."""


def dense(sim: Simulation) -> Changes:
    """Everything that lives in the cell so much denser that one fusion per um^2 and minute is seen; a field a third as large."""
    more = 1.0 / PER_UM2_MIN[sim.preset]
    k = sim.kinetics
    densities = ("docked_per_um2", "tethered_per_um2", "mobile_per_um2", "arrivals_per_um2_s")
    return {
        "field": {"height_px": 112, "width_px": 112},
        "kinetics": {name: getattr(k, name) * more for name in densities},
    }


def bleaching(share: float) -> Changes:
    """Vesicles in contact and background that lose `share` of their light over a movie."""
    rate = -math.log(1.0 - share) / DURATION_S
    return {"vesicles": {"bleach_per_s": rate}, "cell": {"bleach_per_s": rate, "bleach_floor": 0.0}}


def interval(frame_s: float) -> Changes:
    """Another frame interval; the light per frame stays, and so does the length but for the shortest interval."""
    length = DURATION_S if frame_s > 0.03 else 15.0
    return {"field": {"frame_s": frame_s, "n_frames": round(length / frame_s)}}


EIGHT_BIT = {"bit_depth": 8, "gain": 0.5, "offset": 10.0, "offset_spread": 0.4}
EMCCD = {"kind": "EMCCD", "gain": 12.0, "offset": 300.0, "read_noise_e": 0.2, "gain_spread": 0.0, "offset_spread": 0.0}
AXES = (
    Point("as it is", ""),
    Point("SNR", "half", snr=0.5),
    Point("SNR", "double", snr=2.0),
    Point("frame interval", "0.02 s", interval(0.02)),
    Point("frame interval", "0.05 s", interval(0.05)),
    Point("frame interval", "0.3 s", interval(0.3)),
    Point("frame interval", "1 s", interval(1.0)),
    Point("camera", "8-bit", {"camera": EIGHT_BIT}),
    Point("camera", "EMCCD", {"camera": EMCCD}),
    Point("bleaching", "10 % in 30 s", bleaching(0.1)),
    Point("bleaching", "10 % in 3 s", bleaching(1.0 - 0.9**10)),
    Point(DENSITY, "1 per um^2 and minute"),
)

NOTHING = {
    "endosomes_per_um2": 0.0, "blinks_per_um2_s": 0.0, "steps_per_um2": 0.0, "haze_per_um2": 0.0,
}  # fmt: skip
SILENT: Changes = {"kinetics": {"fuse_per_s": 0.0, "newcomer_fraction": 0.0}, "distractors": NOTHING}
"""Nothing fuses; vesicles come, dock and leave, static spots bleach, and there is nothing else."""


def cause(name: str, size: str, changes: Changes) -> Point:
    """A cell that does not secrete, with one cause of false calls."""
    return Point(name, size, changes, secretes=False)


CAUSES = (
    cause("vesicles and static spots alone", "", {}),
    cause("endosomes", "0.03 per um^2", {"distractors": NOTHING | {"endosomes_per_um2": 0.03}}),
    cause("blinks", "0.24 per um^2 and minute", {"distractors": NOTHING | {"blinks_per_um2_s": 0.004}}),
    cause("stage drift", "20 nm/s", {"stage": {"drift_y_um_s": 0.02}}),
    cause("focus drift", "15 nm/s, 0.45 um in all", {"illumination": {"defocus_um_s": 0.015}}),
    cause("flicker", "5 % (sd)", {"illumination": {"flicker": 0.05}}),
    cause("moving cell edge", "0.5 um, period 25 s", {"cell": {"edge_wave_um": 0.5, "cover": 0.4}}),
)
