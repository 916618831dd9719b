"""Stays: the probabilities of the states, step by step, made into stretches of frames in one state."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.classify._model import ABSENT, DOCKED, MOBILE, TETHERED
from exotrack.classify._states import Told
from exotrack.classify._walks import Part

PASSED = 0.6
"""Steps' worth of probability of being mobile or tethered between docked and gone, from which a vesicle left rather than bleached
in one step."""
AFTER_RELEASE_S = 0.6
"""A stay that ends sooner after a full fusion is cargo that still leaves."""


GLITCH_S, RETURN_S, RETURN_UM = 0.4, 1.5, 0.1
"""A docked vesicle that seems to leave and is docked again within GLITCH_S, or within RETURN_S at the same place, was docked all
the while: a neighbour passed. To come back, free or tethered, takes longer: at 0.03 um^2/s it is 0.35 um away after a second."""


class Stay(NamedTuple):
    """Frames first to last (inclusive) in one state.

    came, went : the change before it and after it was seen; a stay that begins with a fusion was seen to begin.
    faded : it ended in the dark without having been seen to leave.
    """

    state: int
    first: int
    last: int
    came: bool
    went: bool
    faded: bool


class _Run(NamedTuple):
    """Steps from `start` to before `stop` in one state."""

    state: int
    start: int
    stop: int


def stays(part: Part, told: Told, least_s: float) -> list[Stay]:
    """The stays of one part of a track, in order; those without a single spot are left out.

    least_s : shortest docked stay (s). A change counts as seen if light is known on both sides of it.
    """
    walk = part.walk
    spots = np.isfinite(walk.place_um[:, 0])
    runs = _mended(_settled(_runs(told), walk.step_s, least_s), part)
    found = []
    for k, run in enumerate(runs):
        if run.state == ABSENT or not spots[run.start : run.stop].any():
            continue
        before, after = (runs[k - 1] if k else None), (runs[k + 1] if k + 1 < len(runs) else None)
        began = part.after is not None and run.start == 0
        came = began or (before is not None and _lit(part, run.start) and not _hidden(runs, spots, k, -1))
        went = after is not None and _lit(part, run.stop) and not _hidden(runs, spots, k, 1)
        if part.after is not None and part.after.kind == "full_fusion" and run.stop * walk.step_s < AFTER_RELEASE_S:
            went = False
        first = part.first + run.start * part.bin_frames
        last = min(part.first + run.stop * part.bin_frames - 1, int(part.frame[-1]))
        found.append(Stay(run.state, first, last, came, went, went and after is not None and _faded(told, run.stop)))
    return found


def _runs(told: Told) -> list[_Run]:
    path = told.probability.argmax(axis=1)
    cuts = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
    return [_Run(int(path[a]), int(a), int(b)) for a, b in itertools.pairwise(cuts)]


def _settled(runs: list[_Run], step_s: float, least_s: float) -> list[_Run]:
    """Docked stays shorter than `least_s` become what came before, tethered if they came from there."""
    whole: list[_Run] = []
    for k, run in enumerate(runs):
        inside = 0 < k < len(runs) - 1
        if run.state == DOCKED and inside and (run.stop - run.start) * step_s < least_s - 1e-9:
            run = run._replace(state=TETHERED if whole[-1].state == TETHERED else MOBILE)
        if whole and whole[-1].state == run.state:
            run = run._replace(start=whole.pop().start)
        whole.append(run)
    return whole


def _mended(runs: list[_Run], part: Part) -> list[_Run]:
    """Docked stays that a passing neighbour seems to break are joined."""
    place, step_s = part.walk.place_um, part.walk.step_s
    whole: list[_Run] = []
    since: list[_Run] = []  # what came after the last docked stay of `whole`
    for run in runs:
        if run.state != DOCKED:
            since.append(run)
            continue
        if whole and whole[-1].state == DOCKED and since:
            away_s = (run.start - whole[-1].stop) * step_s
            near = float(np.hypot(*(_centre(place, run) - _centre(place, whole[-1])))) <= RETURN_UM
            if away_s <= GLITCH_S + 1e-9 or (away_s <= RETURN_S and near):
                whole[-1], since = whole[-1]._replace(stop=run.stop), []
                continue
        whole += [*since, run]
        since = []
    return whole + since


def _centre(place_um: NDArray[np.float64], run: _Run) -> NDArray[np.float64]:
    """Median place of a stay (um); NaN without a spot."""
    inside = place_um[run.start : run.stop]
    inside = inside[np.isfinite(inside[:, 0])]
    return np.asarray(np.median(inside, axis=0)) if len(inside) else np.full(2, np.nan)


def _hidden(runs: list[_Run], spots: NDArray[np.bool_], k: int, side: int) -> bool:
    """Whether beyond a change the same state goes on without a spot: the vesicle was there, only its track ends."""
    beyond = k + 2 * side
    return (
        0 <= beyond < len(runs)
        and runs[beyond].state == runs[k].state
        and not spots[runs[k + side].start : runs[k + side].stop].any()
        and not spots[runs[beyond].start : runs[beyond].stop].any()
    )


def _lit(part: Part, step: int) -> bool:
    """Whether light is known in the steps before and from `step`."""
    known = np.isfinite(part.walk.amplitude)
    return bool(known[max(step - 2, 0) : step].any() and known[step : step + 2].any())


def _faded(told: Told, stop: int) -> bool:
    """Whether a docked vesicle went dark at `stop` at once, as by bleaching: nothing between contact and gone."""
    near = told.probability[max(stop - 1, 0) : stop + 3]
    return bool(near[:, [MOBILE, TETHERED]].sum() < PASSED)
