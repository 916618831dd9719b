"""What a camera would record of true stays: frames of unknown phase, a shortest track, a movie that ends, bleaching, wrong calls.

Two forms of the same thing, each the check of the other. `observe` takes true stays one by one and records them. `FrameLaw`
gives the probabilities: of K, the number of frames that show a stay, and of its fate. With frames D apart, a random phase, S and
s_j of the `Scheme`, a the states at docking, E = exp(S D) and G the integral of exp(S u) from 0 to D,

    P(K >= k) = a E^(k-1) G 1 / D,      P(K = k, fate j) = a E^(k-1) G G s_j / D,      k >= 1;

for a vesicle that was there in the first frame, with a the states of residents, P(K >= k) = a E^(k-1) 1 and
P(K = k, fate j) = a E^(k-1) G s_j. A stay is recorded if K >= m, so that all that is recorded is divided by P(K >= m). The
edge at m is a ramp over one frame, not a step: that is what the phase does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError
from exotrack.kinetics.scheme import FATES, Scheme
from exotrack.kinetics.stays import SEEN_EXITS, Stays

Real = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Camera:
    """How stays are recorded.

    frame_s : time between frames (s).
    n_frames : frames of the movie.
    min_frames : fewest frames in which a stay must be seen to be recorded.
    bleaching_per_s : rate (1/s) at which a vesicle in sight goes dark, from when it is there and the light is on.
    calls : (5, 5) probability that an exit by each true fate (rows, in the order of `scheme.FATES`) is called each fate
        (columns); None: every call is right. A missed call belongs to what the exit is then taken for, "undocking" or "lost".

    Raises
    ------
    InputError : an interval or a number of frames that is not positive; calls that do not sum to 1.
    """

    frame_s: float
    n_frames: int
    min_frames: int = 1
    bleaching_per_s: float = 0.0
    calls: Real | None = None

    def __post_init__(self) -> None:
        if not self.frame_s > 0 or not self.n_frames >= self.min_frames >= 1 or not self.bleaching_per_s >= 0:
            raise InputError(
                f"camera: frames {self.frame_s:g} s apart, {self.n_frames} of them, at least {self.min_frames} a stay, bleaching "
                f"at {self.bleaching_per_s:g} per s; all must be positive, and the movie no shorter than the shortest stay"
            )
        if self.calls is not None:
            object.__setattr__(self, "calls", check_calls(self.calls, len(FATES), len(FATES)))


def observe(
    start_s: ArrayLike,
    stop_s: ArrayLike,
    fate: ArrayLike,
    camera: Camera,
    rng: np.random.Generator,
    *,
    cell: ArrayLike | None = None,
    movie: ArrayLike | None = None,
) -> pd.DataFrame:
    """Record true stays.

    Parameters
    ----------
    start_s, stop_s : (n,) when each vesicle docks and leaves (s, from the start of its movie; before it is negative, never inf).
    fate : (n,) how it leaves, names out of `scheme.FATES`; of no account where it never does.
    rng : draws the phase of the frames of each movie, bleaching and calls.
    cell, movie : (n,) cell and movie of each; None: one cell, one movie.

    Returns
    -------
    A `Stays` table, one row per recorded stay. `track_id` is its row in the truth, from 0. A vesicle still there in the last
    frame is "censored"; an exit called "lost" or "bleaching" was not seen. Movies begin at 0 s: t_entry_s is that of the frame.

    Raises
    ------
    InputError : a stay that ends before it starts, an unknown fate.
    """
    start, stop = np.asarray(start_s, dtype=float), np.asarray(stop_s, dtype=float)
    if start.shape != stop.shape or start.ndim != 1 or not (start <= stop).all():
        raise InputError("true stays: give one start and one stop each, none before its start")
    film = np.zeros(len(start), dtype=int) if movie is None else np.asarray(movie)
    films, number = np.unique(film, return_inverse=True)
    phase_s = rng.uniform(0.0, camera.frame_s, len(films))[number] if len(films) else start
    kind = _fates(fate, len(start))
    stop, kind = _bleached(np.maximum(start, phase_s), stop, kind, camera, rng)
    came = np.ceil((start - phase_s) / camera.frame_s)
    went = np.minimum(np.ceil((stop - phase_s) / camera.frame_s), camera.n_frames)
    first = np.maximum(came, 0)
    kept = went - first >= camera.min_frames
    called = _called(kind, camera.calls, rng)
    exit_kind = np.where(went < camera.n_frames, np.array(FATES, dtype=object)[called], "censored")
    columns = {
        "movie_id": film.astype(str),
        "cell_id": np.ones(len(start), dtype=np.int64) if cell is None else np.asarray(cell),
        "track_id": np.arange(len(start)),
        "first_frame": first,
        "n_frames": went - first,
        "t_entry_s": first * camera.frame_s,
        "duration_s": (went - first) * camera.frame_s,
        "entry_observed": came > 0,
        "entry_kind": np.where(came > 0, "docking", "resident"),
        "exit_observed": np.isin(exit_kind, SEEN_EXITS),
        "exit_kind": exit_kind,
    }
    table = pd.DataFrame(columns)[kept].reset_index(drop=True)
    return Stays.build(
        table.assign(
            frame_s=camera.frame_s,
            min_frames=camera.min_frames,
            movie_frames=camera.n_frames,
            study_id="",
            animal_id="",
            condition="",
        )
    )


@dataclass(frozen=True, eq=False)
class FrameLaw:
    """Probabilities of how many frames show a stay, and of its fate, before any filter.

    fates : names of the J fates, as they are called.
    lasting : (N + 2,) P(K >= k) for k = 0 to N + 1.
    ending : (N + 1, J) P(K = k, fate j) for k = 0 to N; those of k = 0, which nobody sees, are left 0.
    min_frames : a stay is recorded if K is no less.
    """

    fates: tuple[str, ...]
    lasting: Real
    ending: Real
    min_frames: int = 1

    @classmethod
    def of(cls, scheme: Scheme, frame_s: float, n_frames: int, min_frames: int = 1, *, resident: bool = False) -> FrameLaw:
        """The law of a `Scheme`, up to `n_frames` frames (N), `frame_s` (s) apart.

        resident : of vesicles that were there in the first frame of a movie that follows a long rest, instead of newcomers.
        """
        step, spent = scheme.over(frame_s)
        start = scheme.rested() if resident else scheme.entry @ spent / frame_s
        states = _powers(start, step, n_frames + 1)
        lasting = np.concatenate([[1.0], states.sum(axis=1)])
        ending = np.concatenate([np.zeros((1, len(scheme.fates))), states[:-1] @ (spent @ scheme.exits)])
        return cls(scheme.fates, lasting.clip(0.0, 1.0), ending.clip(0.0), min_frames)

    def called(self, calls: ArrayLike, names: Sequence[str] | None = None) -> FrameLaw:
        """The law of what fates are called: (J, L) `calls`, true fates in rows that sum to 1, the L `names` in columns.

        names : None: those of the fates themselves.
        """
        named = self.fates if names is None else tuple(names)
        return replace(self, fates=named, ending=self.ending @ check_calls(calls, len(self.fates), len(named)))

    @property
    def n_frames(self) -> int:
        """Largest number of frames, N, up to which the law is known."""
        return len(self.ending) - 1

    def recorded(self) -> float:
        """P(K >= m): the fraction of stays long enough to be recorded."""
        return float(self.lasting[self.min_frames])

    def draw(self, frames_left: Whole, rng: np.random.Generator) -> tuple[Whole, Whole]:
        """Draw recorded stays.

        frames_left : (n,) frames from the first of each to the movie's last, no fewer than `min_frames`.
        Returns (n,) number of frames and (n,) number of the fate, -1 if it was still there in the last frame.
        """
        y = self.recorded() * rng.uniform(size=len(frames_left))
        n_seen = np.searchsorted(-self.lasting, -y, side="left") - 1
        n_seen = np.minimum(np.maximum(n_seen, self.min_frames), frames_left).astype(np.int64)
        running = np.cumsum(self.ending, axis=1)
        at = running[np.minimum(n_seen, self.n_frames)]
        fate = (rng.uniform(size=len(n_seen))[:, None] * at[:, -1:] >= at).sum(axis=1)
        return n_seen, np.where(n_seen < frames_left, np.minimum(fate, len(self.fates) - 1), -1)


def check_calls(calls: ArrayLike, n_fates: int, n_called: int) -> Real:
    """`calls` as an array, or `InputError` unless it is (J, L), not negative, rows summing to 1."""
    matrix = np.asarray(calls, dtype=float)
    if matrix.shape != (n_fates, n_called) or not (matrix >= 0).all() or not np.allclose(matrix.sum(axis=1), 1.0, atol=1e-6):
        raise InputError(
            f"calls: the probabilities of what a fate is called have shape {matrix.shape} and row sums "
            f"{np.array2string(matrix.sum(axis=-1), precision=4)}; they must be {(n_fates, n_called)}, rows summing to 1"
        )
    return matrix


def _powers(start: Real, step: Real, n: int) -> Real:
    """(n, m) start E^0, ..., start E^(n-1), doubling what there is at each round."""
    states = start[None, :]
    while len(states) < n:
        states, step = np.concatenate([states, states @ step]), step @ step
    return np.asarray(states[:n])


def _fates(fate: ArrayLike, n: int) -> Whole:
    names = np.broadcast_to(np.asarray(fate, dtype=object), (n,))
    unknown = sorted({str(name) for name in names} - set(FATES))
    if unknown:
        raise InputError(f"true stays: fate {unknown[0]!r} is unknown; allowed are {', '.join(FATES)}")
    return np.array([FATES.index(name) for name in names], dtype=np.int64)


def _bleached(lit_s: Real, stop: Real, kind: Whole, camera: Camera, rng: np.random.Generator) -> tuple[Real, Whole]:
    """Stays cut short where they bleach first."""
    if camera.bleaching_per_s == 0:
        return stop, kind
    dark = lit_s + rng.exponential(1.0 / camera.bleaching_per_s, len(stop))
    return np.minimum(stop, dark), np.where(dark < stop, FATES.index("bleaching"), kind)


def _called(kind: Whole, calls: Real | None, rng: np.random.Generator) -> Whole:
    if calls is None:
        return kind
    running = np.cumsum(calls, axis=1)[kind]
    return np.asarray(np.minimum((rng.uniform(size=len(kind))[:, None] >= running).sum(axis=1), len(FATES) - 1), dtype=np.int64)
