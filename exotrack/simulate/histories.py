"""Rows of the true episodes and events of one vesicle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from exotrack.simulate.light import neutral
from exotrack.simulate.lives import Fusion, Stay
from exotrack.simulate.presets import Simulation
from exotrack.simulate.render import Course
from exotrack.simulate.vesicles import Vesicle
from exotrack.simulate.visible import Rows

Row = dict[str, Any]
LEAST_CHANGE = 0.1
"""Change in brightness, relative to full and neutral, below which a fusion counts as unseen."""
_STATE = {"mobile": "mobile", "leaving": "mobile", "tethered": "tethered", "docked": "docked"}

LEAST_SNR = 3.0
"""Matched-filter SNR that a vesicle must reach in the frame of an event or one beside it for the event to count as seen."""


def chapters(vesicle: Vesicle) -> list[Stay]:
    """Stays as the tables count them: mobile and leaving are one, a fusion ends a docked stay."""
    joined: list[Stay] = []
    fusions = {f.t_s: f for f in vesicle.life.fusions}
    for stay in vesicle.life.stays:
        now = Stay(_STATE[stay.phase], stay.start, stay.stop, stay.visitor)  # type: ignore[arg-type]
        if joined and joined[-1].phase == now.phase and now.start not in fusions:
            now = Stay(now.phase, joined.pop().start, now.stop, now.visitor)
        joined.append(now)
    full = [f.t_s for f in vesicle.life.fusions if f.kind == "full_fusion"]
    if full and joined[-1].start < full[0]:
        joined[-1] = Stay(joined[-1].phase, joined[-1].start, full[0], joined[-1].visitor)
    elif full:  # the stay that follows an instant of full fusion is the site's, not the vesicle's
        joined.pop()
    return joined


def episode_rows(sim: Simulation, vesicle: Vesicle, spots: Rows, track_id: int) -> list[Row]:
    """One row per stay; mobile ones begin and end where the vesicle comes into and goes out of sight.

    exit_kind is lost for those that go deep, censored at the end of the movie, and empty where another state follows without an
    event that has a name there (mobile to tethered, tethered to docked or mobile).
    """
    f, rows = sim.field, []
    stays = chapters(vesicle)
    shown = spots["frame"][spots["visible"]]
    for number, stay in enumerate(stays):
        first, last = int(stay.start / f.frame_s), min(int(stay.stop / f.frame_s) - 1, f.n_frames - 1)
        start, stop = stay.start, min(stay.stop, f.duration_s)
        mine = shown[(shown >= first) & (shown <= max(last, first))]
        if stay.phase == "mobile":
            if len(mine) == 0:
                continue
            if number == 0 and vesicle.life.entered:
                first, start = int(mine[0]), max(start, mine[0] * f.frame_s)
            if number == len(stays) - 1 and mine[-1] < last:
                last, stop = int(mine[-1]), min(stop, (mine[-1] + 1) * f.frame_s)
        last = max(last, first)
        if first >= f.n_frames:
            continue
        place = min(max(first - int(spots["frame"][0]), 0), len(spots["frame"]) - 1)
        rows.append(_episode(sim, vesicle, stays, number, (start, stop)) | {
            "track_id": track_id, "first_frame": first, "last_frame": last, "n_frames": last - first + 1,
            "y_um": float(spots["y_um"][place]), "x_um": float(spots["x_um"][place]),
            "visible": bool(len(mine) >= 0.5 * (last - first + 1)),
        })  # fmt: skip
    return rows


def _episode(sim: Simulation, vesicle: Vesicle, stays: list[Stay], number: int, span: tuple[float, float]) -> Row:
    stay, grid, path = stays[number], vesicle.grid, vesicle.path
    kind = _exit_kind(sim, vesicle, stays, number)
    inside = (grid.middle >= span[0]) & (grid.middle < span[1])
    steps = np.diff(grid.edges)[inside]
    known = steps.sum() > 0
    return {
        "state": stay.phase, "t_first_s": span[0], "duration_s": span[1] - span[0], "entry_observed": stay.start > 0,
        "exit_observed": kind != "censored", "exit_kind": kind, "visitor": stay.visitor,
        "diffusion_um2_s": float(np.average(path.diffusion_um2_s[inside], weights=steps)) if known else math.nan,
        "height_nm": float(np.average(path.z_nm[inside], weights=steps)) if known else math.nan,
    }  # fmt: skip


def _exit_kind(sim: Simulation, vesicle: Vesicle, stays: list[Stay], number: int) -> str:
    stay = stays[number]
    for fusion in vesicle.life.fusions:
        if fusion.t_s == stay.stop:
            return fusion.kind
    if stay.stop >= sim.field.duration_s:
        return "censored"
    if number == len(stays) - 1:
        return "lost"
    return "undocking" if stay.phase == "docked" else ""


def event_rows(sim: Simulation, course: Course, vesicle: Vesicle, spots: Rows, track_id: int) -> list[Row]:
    """One row per tethering, docking, undocking and fusion inside the movie, with at least one frame before and after."""
    rows = []
    fusions = {f.t_s: f for f in vesicle.life.fusions}
    stays = chapters(vesicle)
    for number, stay in enumerate(stays):
        after = stays[number + 1] if number + 1 < len(stays) else None
        fusion = fusions.get(stay.stop)
        kind = fusion.kind if fusion else _transition(stay, after)
        frame = int(stay.stop / sim.field.frame_s)
        if kind and 1 <= frame <= sim.field.n_frames - 2:
            row = _event(sim, course, vesicle, spots, (kind, stay.stop, frame))
            if not fusion and after is not None:
                row["visible"] &= _lasting(sim, stay if stay.phase == "docked" else after)
                row["visible"] &= (
                    _glow(sim, vesicle, stay.stop) >= sim.vesicles.visible * sim.vesicles.photons / vesicle.body.photons
                )
            if fusion:  # a fusion that neither brightens the cargo nor lets it out changes nothing that a camera sees
                row["visible"] &= max(1.0 - _glow(sim, vesicle, np.nextafter(stay.stop, 0.0)), fusion.fraction) >= LEAST_CHANGE
            row["visible"] &= not _exchanged(sim, row["t_s"])
            rows.append(row | {"track_id": track_id} | (_fusion(sim, vesicle, stay, fusion) if fusion else {}))
    return rows


def _exchanged(sim: Simulation, t_s: float) -> bool:
    """A solution is there that changes the brightness of everything, or goes just then."""
    bath, t = sim.bath, np.array([t_s])
    return bool(bath.nh4cl(t)[0] > LEAST_CHANGE or bath.acid(t)[0] > LEAST_CHANGE) and sim.cargo.acid_brightness < 1.0


def _transition(stay: Stay, after: Stay | None) -> str:
    if after is None:
        return ""
    if stay.phase == "docked":
        return "undocking"
    return {"tethered": "tethering" if stay.phase == "mobile" else "", "docked": "docking", "mobile": ""}[after.phase]


def _lasting(sim: Simulation, stay: Stay) -> bool:
    """Two frames or longer; a shorter stay cannot be told from passing by."""
    return stay.stop - max(stay.start, 0.0) >= 2.0 * sim.field.frame_s


def _glow(sim: Simulation, vesicle: Vesicle, t_s: float) -> float:
    """Brightness of the cargo at `t_s` over that at neutral pH: low for a pH-sensitive one before its first fusion."""
    level = float(neutral(np.array([t_s]), vesicle.life.fusions, sim.cargo.reacidify_s)[0])
    return vesicle.body.acid_brightness + (1.0 - vesicle.body.acid_brightness) * level


def _event(sim: Simulation, course: Course, vesicle: Vesicle, spots: Rows, what: tuple[str, float, int]) -> Row:
    kind, t_s, frame = what
    row = np.arange(frame - 1, frame + 2) - spots["frame"][0]
    lived = (row >= 0) & (row < len(spots["frame"]))
    row = row.clip(0, len(spots["frame"]) - 1)
    height = np.where(lived, np.nan_to_num(spots["amplitude"][row]), 0.0)
    ground = float(spots["background"][row].mean()) - sim.camera.offset
    y = float(np.interp(t_s, vesicle.grid.middle, vesicle.path.y_um)) + float(course.shift_y_um[frame])
    x = float(np.interp(t_s, vesicle.grid.middle, vesicle.path.x_um)) + float(course.shift_x_um[frame])
    fused = kind in ("full_fusion", "kiss_and_run")
    stimuli = [s for s in sim.kinetics.stimulus_s if s <= t_s]
    return {
        "kind": kind, "frame": frame, "t_s": t_s, "y_um": y, "x_um": x, "confident": True, "edited": False,
        "p_full_fusion": float(kind == "full_fusion"), "p_kiss_and_run": float(kind == "kiss_and_run"),
        "p_other": float(not fused),
        "amplitude": float(height[1:].max()) if fused else float(height.max()),
        "dff": float(height[1:].max() - height[0]) / ground if fused and ground > 0 else math.nan,
        "t_since_stimulus_s": t_s - max(stimuli) if stimuli else math.nan,
        "visible": bool(np.any(spots["visible"][row] & lived & (spots["snr"][row] >= LEAST_SNR))),
    }  # fmt: skip


def _decay_s(fusion: Fusion) -> float:
    """Time in which all but 1/e of what is released has left: that of an exponential release, shorter if the pore closes."""
    return -math.log1p(-(1.0 - math.exp(-1.0)) * fusion.fraction) / fusion.rate


def _fusion(sim: Simulation, vesicle: Vesicle, stay: Stay, fusion: Fusion) -> Row:
    lumenal = sim.cargo.kind == "lumenal"
    c = sim.cargo
    again = c.reacidify_s if fusion.kind == "kiss_and_run" else 1.0 / c.retrieval_per_s if c.retrieval_per_s > 0 else math.nan
    dark = vesicle.body.acid_brightness < sim.vesicles.visible
    first = stay.start in {f.t_s for f in vesicle.life.fusions}
    return {
        "decay_s": _decay_s(fusion) if lumenal else again, "diffusion_um2_s": fusion.diffusion,
        "fraction_released": fusion.fraction,
        "docked_s": stay.stop - stay.start, "docked_entry_observed": bool(stay.start > 0 and (first or not dark)),
        "newcomer": vesicle.life.newcomer and fusion is vesicle.life.fusions[0], "release_s": fusion.release_s,
        "open_s": fusion.close_s - fusion.t_s if math.isfinite(fusion.close_s) else math.nan,
    }  # fmt: skip
