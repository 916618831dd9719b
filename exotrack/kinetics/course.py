"""A scheme whose rates change at known times, and what it does from one camera frame to the next.

A camera that looks every D seconds sees a vesicle that docked at a random instant between two frames. With P = exp(S D) and
F its integral over one interval: alpha F / D is the state at the first frame that shows it (whatever left before is never
seen), P carries it from frame to frame, and F s_j is the chance of leaving by fate j before the next frame. Where the rates
change inside an interval, the same three are put together from its pieces, so changes need not fall on a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.scheme import Real, Scheme

WHOLE = 1e-9
"""A change this close to a frame, in frame intervals, is on it."""


@dataclass(frozen=True, eq=False)
class Course:
    """Schemes one after the other.

    Parameters
    ----------
    schemes : of the same states and fates; the first holds from long before the movie.
    switches_s : (len(schemes) - 1) ascending times (s) from the first stimulus, or from the first frame without one.
    residents : (m,) states of the vesicles that are docked in the first frame; None: those of a long rest in schemes[0].
    resealed : (m,) states of a vesicle that has just resealed after a kiss-and-run; None: as at docking. If it is given, a long
        rest holds those that have kissed and stayed too.
    """

    schemes: tuple[Scheme, ...]
    switches_s: tuple[float, ...] = ()
    residents: Real | None = None
    resealed: Real | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "schemes", tuple(self.schemes))
        object.__setattr__(self, "switches_s", tuple(float(t) for t in self.switches_s))
        if not self.schemes or len(self.switches_s) != len(self.schemes) - 1:
            raise InputError(f"course: {len(self.schemes)} schemes need {len(self.schemes) - 1} times of change between them")
        if any(b <= a for a, b in pairwise(self.switches_s)):
            raise InputError("course: the times at which the rates change must ascend")
        first = self.schemes[0]
        if any(s.fates != first.fates or s.n_states != first.n_states for s in self.schemes):
            raise InputError("course: all schemes must have the same states and fates")
        for name in ("residents", "resealed"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, first.entering(given).entry)

    @property
    def fates(self) -> tuple[str, ...]:
        """The fates of all its schemes."""
        return self.schemes[0].fates

    def residing(self) -> Real:
        """(m,) states of the vesicles that are docked in the first frame."""
        if self.residents is not None:
            return self.residents
        first = self.schemes[0]
        if self.resealed is None or "kiss_and_run" not in first.fates:
            return first.rested()
        return starts(first, np.outer(first.exits[:, first.fates.index("kiss_and_run")], self.resealed), "course")[0]


def starts(scheme: Scheme, back: Real, where: str) -> tuple[Real, Real | None]:
    """(m,) states of residents, resealed vesicles among them, and (m,) of those that have just resealed; None if none do.

    scheme : rates during a long rest. back : (m, m) of its exits, rates (1/s) at which a stay ends by a kiss-and-run after which
    another begins. where : what to name in the error.

    Raises
    ------
    InputError : docked vesicles never leave for good.
    """
    if not back.any():
        return scheme.rested(), None
    try:
        dwell = np.linalg.solve(-(scheme.stay + back).T, scheme.entry)
    except np.linalg.LinAlgError:
        dwell = np.full(scheme.n_states, np.nan)
    if not np.isfinite(dwell).all() or dwell.min() < -1e-9 * np.abs(dwell).max():
        raise InputError(f"{where}: docked vesicles never leave for good at these values; give them a way out")
    dwell = dwell.clip(0.0)
    into = dwell @ back
    return dwell / dwell.sum(), into / into.sum() if into.sum() > 0 else None


def with_dead_ends(of: Scheme | Course, arriving: float, resident: float) -> Course:
    """A course in which some docked vesicles neither fuse nor leave, but can still bleach or be lost as the others do.

    arriving : their fraction of the vesicles that dock. resident : their fraction of those docked in the first frame; the two
    are not tied to one another, since dead ends gather for as long as the cell has lived. What has just resealed is none.
    """
    course = Course((of,)) if isinstance(of, Scheme) else of
    if not (0 <= arriving <= 1 and 0 <= resident <= 1):
        raise InputError(f"dead ends: fractions of {arriving:g} and {resident:g} are not between 0 and 1")
    again = course.resealed
    if again is None and "kiss_and_run" in course.fates:
        again = course.schemes[0].entry
    return Course(
        tuple(_with_dead_end(scheme, arriving) for scheme in course.schemes),
        course.switches_s,
        np.append(course.residing() * (1 - resident), resident),
        None if again is None else np.append(again, 0.0),
    )


def _with_dead_end(scheme: Scheme, arriving: float) -> Scheme:
    losing = np.array([fate in ("bleaching", "lost") for fate in scheme.fates])
    if not np.allclose(scheme.exits[:, losing], scheme.exits[:1, losing]):
        raise InputError("dead ends: bleaching and loss must have the same rate in every state")
    return _beside(scheme, np.where(losing, scheme.exits[0], 0.0), arriving)


def with_visitors(scheme: Scheme, share: float, leave_per_s: float) -> Scheme:
    """A scheme in which some of those that dock are visitors: they never fuse, and undock at a rate of their own.

    share : their part of the vesicles that dock. leave_per_s : rate (1/s) at which they undock. They are the last state, and no
    other leads to it. What the observer loses is added afterwards, since visitors are lost as the others are.
    """
    if "undocking" not in scheme.fates:
        raise InputError("visitors: they undock, which these rates do not know; give undocking a rate")
    if not (0 <= share <= 1 and 0 < leave_per_s < np.inf):
        raise InputError(f"visitors: a share of {share:g} that leaves at {leave_per_s:g} per s; give 0 to 1, and a rate above 0")
    return _beside(scheme, np.array([leave_per_s * (fate == "undocking") for fate in scheme.fates]), share)


def _beside(scheme: Scheme, exits: Real, share: float) -> Scheme:
    """A scheme with one more state, last, in which a `share` of those that dock starts and which only the exits (J,) leave."""
    m = scheme.n_states
    stay = np.zeros((m + 1, m + 1))
    stay[:m, :m], stay[m, m] = scheme.stay, -exits.sum()
    return Scheme(stay, np.vstack([scheme.exits, exits]), scheme.fates, np.append(scheme.entry * (1 - share), share))


@dataclass(frozen=True, eq=False)
class Segment:
    """Frame intervals `start` to before `stop` (interval i lies between frames i and i + 1) with the same rates.

    carry : (m, m) from frame to frame. leave : (m, J) chance of leaving before the next frame. docked, resealed : (m,) chance
    and state at the next frame of one that came at a random instant in the interval.
    """

    start: int
    stop: int
    carry: Real
    leave: Real
    docked: Real
    resealed: Real


def segments(course: Course, frame_s: float, origin_s: float) -> list[Segment]:
    """The intervals of a movie of any length, cut where the rates change.

    frame_s : time from frame to frame (s). origin_s : time (s) from the first frame at which the course's clock starts.
    """
    changes = [(origin_s + t) / frame_s for t in course.switches_s]
    changes = [round(c) if abs(c - round(c)) < WHOLE * max(1.0, abs(c)) else c for c in changes]
    found: list[Segment] = []
    for start, stop in _spans(changes):
        # Nothing changes inside a span of more than one interval.
        ends = [start, *(c for c in changes if start < c < start + 1), start + 1] if stop == start + 1 else [start, start + 1]
        level = sum(c <= start for c in changes)
        pieces = [(course.schemes[level + i], (b - a) * frame_s) for i, (a, b) in enumerate(pairwise(ends))]
        found.append(Segment(start, stop, *_interval(pieces, course.resealed)))
    return found


BEFORE, AFTER = -(2**40), 2**40
"""Frame numbers before and after everything."""


def _spans(changes: list[float]) -> Iterator[tuple[int, int]]:
    """Runs of intervals between changes; an interval with a change inside it is one of its own."""
    at = BEFORE
    for change in changes:
        low = int(np.floor(change))
        if low > at:
            yield at, low
            at = low
        if low < change and low >= at:
            yield low, low + 1
            at = low + 1
    yield at, AFTER


def _interval(pieces: list[tuple[Scheme, float]], resealed: Real | None) -> tuple[Real, Real, Real, Real]:
    """carry, leave, docked, resealed of one interval made of (scheme, duration) pieces."""
    m = pieces[0][0].n_states
    whole_s = sum(duration for _, duration in pieces)
    carry, leave = np.eye(m), np.zeros_like(pieces[0][0].exits)
    docked, again = np.zeros(m), np.zeros(m)
    for scheme, duration in pieces:
        step, spent = scheme.over(duration)
        leave = leave + carry @ spent @ scheme.exits
        carry = carry @ step
        docked = docked @ step + scheme.entry @ spent / whole_s
        again = again @ step + (scheme.entry if resealed is None else resealed) @ spent / whole_s
    return carry, leave, docked, again


def powers(carry: Real, n: int) -> Real:
    """(n + 1, m, m) powers 0 to n of a matrix, by doubling."""
    found = np.eye(len(carry))[None]
    square = carry
    while len(found) <= n:
        found, square = np.concatenate([found, found @ square]), square @ square
    return found[: n + 1]


def steps(start: Real, carry: Real, n: int) -> Real:
    """(n + 1, m) states after 0 to n intervals from `start`, by doubling."""
    found, square = start[None], carry
    while len(found) <= n:
        found, square = np.concatenate([found, found @ square]), square @ square
    return found[: n + 1]


def frame_law(course: Course, frame_s: float, n_frames: int, start: str = "docking") -> tuple[Real, Real]:
    """What a camera sees of one stay under constant rates.

    Parameters
    ----------
    frame_s : time from frame to frame (s).
    n_frames : largest number of frames asked for.
    start : docking, resealing or resident.

    Returns
    -------
    seen : (n_frames,) chance of being seen in at least k = 1 ... n_frames frames.
    left : (n_frames, J) chance of being seen in exactly k frames and leaving by each fate.
    Both are per vesicle that docks, so seen[0] is below 1: some leave before a frame shows them. Divide by seen[m - 1] for
    stays that had to last m frames.
    """
    if course.switches_s:
        raise InputError("the law of a stay in frames has no single form where the rates change in between")
    segment = segments(course, frame_s, 0.0)[0]
    if start == "resident":
        first = course.residing()
    else:
        first = segment.resealed if start == "resealing" else segment.docked
    states = steps(first, segment.carry, n_frames - 1)
    return states.sum(axis=1), states @ segment.leave
