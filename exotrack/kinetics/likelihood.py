"""How probable docked stays are under a scheme, exactly as a camera sees them.

Let the camera look every D seconds, and record a stay if it shows in at least m frames. With A_k the chance that a stay shows
in k frames or more and A_k^(j) the part of it that ends by fate j,

* a stay of k frames that ended by fate j has likelihood (A_k^(j) - A_{k+1}^(j)) / A_m,
* one of k frames that outlasted the movie, or whose track broke, has A_k / A_m,

where A_k^(j) = alpha exp(S (k-1) D) (-S)^-1 (I - exp(S D)) (-S)^-1 s_j / D for a vesicle that docks at a random instant between
two frames. A vesicle docked in the first frame has another law: its states are those of a long rest, and it is seen from the
first frame on. Where the rates change, the frame it came at counts too. A fate that is known by its probabilities, or by a call
that is wrong at times, is summed over. With one state the estimate is events over exposure: lambda_j = n_j / sum (t - d).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exotrack.errors import InputError, ParameterError
from exotrack.kinetics.calls import CALLED, Calls
from exotrack.kinetics.course import Course, Segment, powers, segments, steps
from exotrack.kinetics.scheme import Real, Scheme
from exotrack.kinetics.sightings import CENSORED, SOFT, STARTS, Group, Keys, Sightings, Whole
from exotrack.kinetics.stays import SEEN_EXITS

View = Scheme | Course | Mapping[str, Scheme | Course]
"""What a fit tries: a scheme, a course of them, or one for each label of the stays."""

LEAST = 1e-300
"""Likelihood of a stay that is impossible: keeps a search finite and leads it away."""
RARE = 1e-200
"""Chance of being recorded at all below which a scheme is as good as impossible."""
RESEALED, RESIDENT = STARTS.index("resealing"), STARTS.index("resident")
CERTAIN = Calls.certain()


def log_likelihood(view: View, data: Sightings, calls: Calls | None = None) -> float:
    """Log-likelihood of all stays.

    Parameters
    ----------
    view : a `Scheme`, a `Course`, or one for each label of `data`.
    data : from `sightings`.
    calls : how exits are called, at the chances of their counts; None: as they are.

    Raises
    ------
    ParameterError : a label without a scheme. InputError : a course whose residents have no rest.
    """
    total = 0.0
    for group in data.groups:
        keys, terms = _terms(_course(view, group.label), group, calls)
        total += float(keys.count @ terms)
    return total


def stay_log_likelihood(view: View, data: Sightings, calls: Calls | None = None) -> Real:
    """(n,) log-likelihood of each stay, in the order of the table; 0 for those that are not used."""
    found = np.zeros(len(data.cells))
    for group in data.groups:
        keys, terms = _terms(_course(view, group.label), group, calls)
        found[group.rows] = terms[keys.term]
    return found


def cell_log_likelihood(view: View, data: Sightings, calls: Calls | None = None) -> Real:
    """(n_cells,) log-likelihood of the stays of each cell, in the order of ``data.cell_names``."""
    each = stay_log_likelihood(view, data, calls)
    return np.asarray(np.bincount(data.cells, each, len(data.cell_names)), dtype=float)


def course_of(view: View, label: str = "") -> Course:
    """The course that a view gives the stays of a label."""
    return _course(view, label)


def _course(view: View, label: str) -> Course:
    if isinstance(view, Mapping):
        if label not in view:
            raise ParameterError(f"no scheme for stays labelled {label!r}; there are schemes for {', '.join(map(repr, view))}")
        view = view[label]
    return Course((view,)) if isinstance(view, Scheme) else view


def _terms(course: Course, group: Group, calls: Calls | None) -> tuple[Keys, Real]:
    """The keys of a group and the log-likelihood of each of their terms."""
    keys, lasting, least, ended = _ended(course if calls is None else calls.seen(course), group)
    likelihood = np.where(np.isnan(ended[:, 0]), lasting[keys.key], ended.sum(axis=1))
    given = least[keys.key]
    with np.errstate(divide="ignore", invalid="ignore"):
        return keys, np.log(np.maximum(np.where(given > RARE, likelihood / given, 0.0), LEAST))


def _ended(course: Course, group: Group) -> tuple[Keys, Real, Real, Real]:
    """The keys of a group, their (n_keys,) chance of lasting so long and of being recorded, and (n_terms, J) the chance of ending
    by each fate and of what was said of it; NaN where nothing was.
    """
    keys = group.dated if course.switches_s else group.timeless
    parts = segments(course, group.frame_s, group.origin_s)
    states, least = (_timeless if len(parts) == 1 else _dated)(course, parts, keys, group.min_frames)
    matrix = CERTAIN.matrix(course.fates)
    losing = any((one.exits @ matrix[:, CALLED.index("lost")]).any() for one in course.schemes)
    said = np.empty((len(keys.code), len(course.fates)))
    for code in np.unique(keys.code):
        mine = keys.code == code
        if code == SOFT:
            place = [SEEN_EXITS.index(fate) if fate in SEEN_EXITS else -1 for fate in course.fates]
            said[mine] = np.where(np.array(place) >= 0, keys.weight[mine][:, place], 0.0)
        else:
            said[mine] = np.nan if code == CENSORED or (code == CALLED.index("lost") and not losing) else matrix[:, code]
    return keys, states.sum(axis=1), least, _leaving(parts, keys, states)[keys.key] * said


def fate_chances(view: View, data: Sightings, calls: Calls | None = None) -> Real:
    """(n, J) chance that each stay ended by each fate, given its length and what was said of its end; NaN where nothing was.

    What is left to 1 is the chance that it had not ended at all: that its exit was called falsely.
    """
    courses = [_course(view, group.label) for group in data.groups]
    found = np.full((len(data.cells), len(courses[0].fates)), np.nan)
    for course, group in zip(courses, data.groups, strict=True):
        if calls is None:
            keys, _, _, ended = _ended(course, group)
            whole = ended.sum(axis=1, keepdims=True)
        else:
            keys, _, _, ended = _ended(calls.seen(course), group)
            whole = ended.sum(axis=1, keepdims=True)
            each = [_ended(calls.seen(course, fate), group)[-1][:, : len(CALLED)] for fate in course.fates]
            ended = np.stack([np.nan_to_num(one).sum(axis=1) for one in each], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[group.rows] = (ended / whole)[keys.term]
    return found


def _timeless(course: Course, parts: list[Segment], keys: Keys, min_frames: int) -> tuple[Real, Real]:
    """(n_keys, m) states at the last frame and (n_keys,) chance of lasting `min_frames`, under constant rates."""
    states, least = np.empty((len(keys.start), course.schemes[0].n_states)), np.empty(len(keys.start))
    for kind in np.unique(keys.start):
        mine = keys.start == kind
        first = course.residing() if kind == RESIDENT else parts[0].resealed if kind == RESEALED else parts[0].docked
        frames = keys.frames[mine]
        walk = steps(first, parts[0].carry, max(int(frames.max()), min_frames) - 1)
        states[mine], least[mine] = walk[frames - 1], walk[min_frames - 1].sum()
    return states, least


def _dated(course: Course, parts: list[Segment], keys: Keys, min_frames: int) -> tuple[Real, Real]:
    """As `_timeless` where the rates change."""
    of = _segment_of(parts, keys.first - 1)
    docked, again = np.array([part.docked for part in parts])[of], np.array([part.resealed for part in parts])[of]
    first = np.where((keys.start == RESEALED)[:, None], again, docked)
    if (keys.start == RESIDENT).any():
        first[keys.start == RESIDENT] = course.residing()
    states = _carried(first, parts, keys.first, keys.first + keys.frames - 1)
    least = _carried(first, parts, keys.first, keys.first + min_frames - 1)
    return states, least.sum(axis=1)


def _carried(states: Real, parts: list[Segment], start: Whole, stop: Whole) -> Real:
    """(n, m) states carried through the intervals `start` to before `stop`, (n,) each."""
    for part in parts:
        inside = (np.minimum(stop, part.stop) - np.maximum(start, part.start)).clip(0)
        moved = np.flatnonzero(inside)
        if len(moved):
            flows = powers(part.carry, int(inside.max()))[inside[moved]]
            states = states.copy()
            states[moved] = np.einsum("na,nab->nb", states[moved], flows)
    return states


def _leaving(parts: list[Segment], keys: Keys, states: Real) -> Real:
    """(n_keys, J) chance of leaving by each fate in the interval after the last frame."""
    if len(parts) == 1:
        return np.asarray(states @ parts[0].leave)
    of = _segment_of(parts, keys.first + keys.frames - 1)
    return np.asarray(np.einsum("na,naj->nj", states, np.array([part.leave for part in parts])[of]))


def _segment_of(parts: list[Segment], interval: Whole) -> Whole:
    """(n,) index of the segment that holds each interval."""
    return np.asarray(np.searchsorted([part.start for part in parts], interval, side="right") - 1)


def exposure_rates(data: Sightings) -> dict[str, float]:
    """Events over exposure (1/s) by called exit, as if all stays had one state: a start for a fit, and a check of it.

    A stay counts from `min_frames` on. A seen exit lies half a frame after the last frame that shows the vesicle.
    """
    events, exposure = np.zeros(len(SEEN_EXITS)), 0.0
    for group in data.groups:
        seen = (group.code < len(SEEN_EXITS)) | (group.code == SOFT)
        frames = group.frames - group.min_frames + np.where(seen, 0.5, 0.0)
        exposure += group.frame_s * float(frames.sum())
        hard = np.bincount(group.code[group.code < len(SEEN_EXITS)], minlength=len(SEEN_EXITS))
        soft = (group.weight[group.code == SOFT] * np.nan_to_num(data.prior)).sum(axis=0)
        events += hard[: len(SEEN_EXITS)] + soft
    if exposure <= 0:
        raise InputError("no docked stay outlasts the shortest that is recorded: no rate can be told from that")
    return dict(zip(SEEN_EXITS, (events / exposure).tolist(), strict=True))
