"""One injected thing: its light, made by the simulator, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.calibrate.stage import Ground, photons_of, still_course
from exotrack.simulate import Simulation
from exotrack.simulate.distractors import draw_distractor
from exotrack.simulate.histories import episode_rows, event_rows
from exotrack.simulate.lives import Life
from exotrack.simulate.patches import Patches
from exotrack.simulate.truth import other_rows
from exotrack.simulate.vesicles import Vesicle, draw_vesicle
from exotrack.simulate.visible import Rows, spot_rows
from exotrack.tables import DECOYS, FUSION_KINDS

SAME_S = 1e-6
"""Instants closer than this are the same."""
TRUE = ("decay_s", "diffusion_um2_s", "fraction_released", "docked_s", "docked_entry_observed", "newcomer")


class DockedStay(NamedTuple):
    """A true docked stay: from `start_s` to `stop_s` (s), whether its beginning lies in the movie, how it ends.

    resealed : it follows a kiss-and-run. held : another docked stay follows, so that its end is no end of what is seen.
    """

    start_s: float
    stop_s: float
    came: bool
    exit_kind: str
    resealed: bool
    held: bool


@dataclass(frozen=True)
class Injection:
    """Something to inject: where it was put, its light, its row of table `Injections`, and where it is in each frame.

    at_um : (y, x) at which it begins. frame, y_um, x_um : (n,) where it is in the frames in which it is seen.
    also : what else the vesicle does (kind, t_s, y_um, x_um). stays : its docked stays in the movie, in order of time.
    """

    at_um: tuple[float, float]
    patches: Patches
    row: dict[str, Any]
    frame: NDArray[np.int64]
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    also: tuple[dict[str, Any], ...] = ()
    stays: tuple[DockedStay, ...] = ()

    def noting(self, **entries: Any) -> Injection:
        """The same with further entries in its row."""
        return replace(self, row=self.row | entries)


def draw(
    ground: Ground, kind: str, life: Life | None, t_s: float, at_um: tuple[float, float], height: float, rng: np.random.Generator
) -> Injection | None:
    """Draw one thing of `kind` whose image is `height` counts high; None if nothing of it would be in the movie.

    life : of a vesicle; None for what is none (a bleaching step, a blink).
    """
    photons = photons_of(height, ground.learned, ground.result.movie)
    if life is None:
        return _no_vesicle(ground, kind, at_um, photons, rng)
    # Heights of the movie's own vesicles are those of fusions if they are dark before, else those of docked vesicles, in the
    # depth at which they dock. An injected one is to be as bright then, so it is drawn twice.
    seed = int(rng.integers(2**63))
    dark = not ground.lumenal and kind in FUSION_KINDS
    sim = _one(ground, photons, visible=kind in DECOYS)
    vesicle, spots = _followed(ground, sim, life, at_um, seed)
    now = _brightest(spots, _near(spots, t_s, sim)) if dark else _docked_height(ground, vesicle, spots)
    if now > 0:
        wanted = height / ground.learned.noise.slope
        sim = _one(ground, photons * wanted / now, visible=kind in DECOYS)
        vesicle, spots = _followed(ground, sim, life, at_um, seed)
    events = event_rows(sim, still_course(sim.field.n_frames), vesicle, spots, 1)
    mine = [event for event in events if event["kind"] == kind and abs(event["t_s"] - t_s) < 1e-6]
    if kind not in DECOYS and not mine:
        return None
    row = _event_row(ground, mine[0], spots) if mine else _decoy_row(ground, kind, spots)
    if row is None:
        return None
    also = tuple(
        {key: event[key] for key in ("kind", "y_um", "x_um")} | {"t_s": _clock(ground, event["t_s"])}
        for event in events
        if event not in mine
    )
    seen = spots["visible"]
    stays = _docked(ground.sim, vesicle, spots)
    return Injection(at_um, vesicle.patches, row, spots["frame"][seen], spots["y_um"][seen], spots["x_um"][seen], also, stays)


def _docked(sim: Simulation, vesicle: Vesicle, spots: Rows) -> tuple[DockedStay, ...]:
    """The docked stays of a vesicle in the movie, a fusion ending one."""
    rows = [row for row in episode_rows(sim, vesicle, spots, 1) if row["state"] == "docked"]
    stays: list[DockedStay] = []
    for row, after in zip(rows, [*rows[1:], None], strict=False):
        start, stop = float(row["t_first_s"]), float(row["t_first_s"] + row["duration_s"])
        again = bool(stays) and abs(stays[-1].stop_s - start) < SAME_S
        held = after is not None and abs(float(after["t_first_s"]) - stop) < SAME_S
        stays.append(DockedStay(start, stop, bool(row["entry_observed"]), str(row["exit_kind"]), again, held))
    return tuple(stays)


def _one(ground: Ground, photons: float, visible: bool) -> Simulation:
    """The simulation of one vesicle; `visible` makes a label that is dark in acid seen all the same, as in a neutral vesicle."""
    neutral = 1.0 if visible else 0.0
    return ground.sim.updated({"vesicles": {"photons": photons}, "cargo": {"neutral_fraction": neutral}})


def _followed(ground: Ground, sim: Simulation, life: Life, at_um: tuple[float, float], seed: int) -> tuple[Vesicle, Rows]:
    vesicle = draw_vesicle(sim, life, at_um, np.random.default_rng(seed))
    least = sim.vesicles.visible * sim.vesicles.photons * sim.peak_fraction()
    return vesicle, spot_rows(sim, ground.scenery, still_course(sim.field.n_frames), vesicle.seen, least)


def _brightest(spots: Rows, rows: NDArray[np.int64]) -> float:
    """Largest height (effective photoelectrons) in some frames; 0 if there are none."""
    return float(spots["amplitude"][rows].max()) if len(rows) else 0.0


def _docked_height(ground: Ground, vesicle: Vesicle, spots: Rows) -> float:
    """Median height (effective photoelectrons) in the frames in which a vesicle is docked; 0 if it never is, or is dark then."""
    inside = np.zeros(len(spots["frame"]), bool)
    stays = _docked(ground.sim, vesicle, spots) if ground.lumenal else ()
    for stay in (one for one in stays if not one.resealed):  # a kiss-and-run has taken cargo
        first, last = stay.start_s / ground.sim.field.frame_s, stay.stop_s / ground.sim.field.frame_s - 1.0
        inside |= (spots["frame"] >= first - 1e-9) & (spots["frame"] <= last + 1e-9)
    return float(np.median(spots["amplitude"][inside])) if inside.any() else 0.0


def _near(spots: Rows, t_s: float, sim: Simulation) -> NDArray[np.int64]:
    """Rows of the frame of an instant and of those beside it."""
    return np.flatnonzero(np.abs(spots["frame"] - int(t_s / sim.field.frame_s)) <= 1)


def _event_row(ground: Ground, event: dict[str, Any], spots: Rows) -> dict[str, Any]:
    row = {key: event[key] for key in ("kind", "frame", "y_um", "x_um")} | {key: event[key] for key in TRUE if key in event}
    if not ground.lumenal:
        row["docked_entry_observed"] = False  # a dark vesicle docks unseen
    near = _near(spots, event["t_s"], ground.sim)
    return row | {"t_s": _clock(ground, event["t_s"])} | _brightness(ground, spots, near)


def _decoy_row(ground: Ground, kind: str, spots: Rows) -> dict[str, Any] | None:
    seen = np.flatnonzero(spots["visible"])
    if len(seen) == 0:
        return None
    frame = int(spots["frame"][seen[0]])
    place = {"y_um": float(spots["y_um"][seen[0]]), "x_um": float(spots["x_um"][seen[0]])}
    t_s = float(ground.result.movie.t_s(frame))
    return {"kind": kind, "frame": frame, "t_s": t_s} | place | _brightness(ground, spots, seen)


def _no_vesicle(
    ground: Ground, kind: str, at_um: tuple[float, float], photons: float, rng: np.random.Generator
) -> Injection | None:
    sim = _one(ground, photons, visible=True)
    patches = draw_distractor(sim, kind, at_um, rng)
    rows = other_rows(sim, still_course(sim.field.n_frames), [(kind, patches)])
    if len(rows) == 0:
        return None
    spots: Rows = {key: rows[key].to_numpy() for key in ("frame", "y_um", "x_um", "amplitude")}
    ground_e = ground.scenery.background[tuple(np.rint(np.array(at_um) / sim.field.pixel_um).astype(int))]
    spots["snr"] = spots["amplitude"] * np.sqrt(np.pi / ground_e) * ground.learned.sigma_um / sim.field.pixel_um
    spots["visible"] = np.ones(len(rows), bool)
    row = _decoy_row(ground, kind, spots)
    return None if row is None else Injection(at_um, patches, row, spots["frame"], spots["y_um"], spots["x_um"])


def _brightness(ground: Ground, spots: Rows, rows: NDArray[np.int64]) -> dict[str, float]:
    return {
        "brightness": float(spots["amplitude"][rows].max()) * ground.learned.noise.slope,
        "snr": float(spots["snr"][rows].max()),
    }


def _clock(ground: Ground, t_s: float) -> float:
    """An instant by the movie's own clock, where its frames are not evenly spaced."""
    movie = ground.result.movie
    if movie.times_s is None:
        return t_s
    at, last = t_s / movie.frame_s, len(movie) - 1
    return float(np.interp(at, np.arange(last + 2), np.append(movie.times_s, movie.times_s[-1] + movie.frame_s)))
