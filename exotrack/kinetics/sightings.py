"""Docked stays made ready for a likelihood: equal ones put together, and what was called turned into weights of the fates."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.kinetics.calls import CALLED
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.stays import CHANCES, check

if TYPE_CHECKING:
    import pandas as pd

Whole = NDArray[np.int64]

STARTS = ("docking", "resealing", "resident")
"""How a stay can begin for it to be used: otherwise its age, and so its state, is unknown."""
CENSORED = len(CALLED)
"""Code of an end that says no more than that the stay went on until then."""
SOFT = CENSORED + 1
"""Code of an exit of which probabilities are known."""

Evidence = Literal["auto", "probabilities", "calls"]


@dataclass(frozen=True, eq=False)
class Keys:
    """Different stays of one group, and the different things that can be said of how they ended.

    start, first, frames : (n_keys,) index into `STARTS`, first frame, number of frames.
    key, code, weight : (n_terms,) row of the key; called kind, `CENSORED` or `SOFT`; (n_terms, 3) weights of `SEEN_EXITS`.
    count : (n_terms,) how many stays are so. term : (n_stays,) the term of each stay of the group.
    """

    start: Whole
    first: Whole
    frames: Whole
    key: Whole
    code: Whole
    weight: Real
    count: Real
    term: Whole


@dataclass(frozen=True, eq=False)
class Group:
    """Stays of the same frame interval, filter, clock and label.

    rows : (n_stays,) their rows in the table. origin_s : time of the first stimulus from the first frame, else 0.
    """

    label: str
    frame_s: float
    min_frames: int
    origin_s: float
    rows: Whole
    start: Whole
    first: Whole
    frames: Whole
    code: Whole
    weight: Real

    def only(self, keep: NDArray[np.bool_]) -> Group:
        """The stays of the group of which `keep` (n_stays,) is true."""
        said = {key: getattr(self, key)[keep] for key in ("rows", "start", "first", "frames", "code", "weight")}
        return replace(self, **said)

    @cached_property
    def dated(self) -> Keys:
        """Keys that tell stays apart by when they began: for rates that change."""
        return self._collapsed(self.first)

    @cached_property
    def timeless(self) -> Keys:
        """Keys by length alone: for constant rates."""
        return self._collapsed(np.zeros_like(self.first))

    def _collapsed(self, first: Whole) -> Keys:
        keys, of_key = np.unique(np.stack([self.start, first, self.frames], axis=1), axis=0, return_inverse=True)
        whole = np.column_stack([of_key.ravel().astype(float), self.code.astype(float), self.weight])
        terms, of_term, count = np.unique(whole, axis=0, return_inverse=True, return_counts=True)
        return Keys(
            keys[:, 0], keys[:, 1], keys[:, 2], terms[:, 0].astype(np.int64), terms[:, 1].astype(np.int64), terms[:, 2:],
            count.astype(float), of_term.ravel(),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sightings:
    """Stays made ready for a likelihood; see `sightings`.

    groups : see `Group`. cells : (n_stays,) number of the cell of each stay. cell_names : (n_cells, 3) condition, movie and
    cell. used : (n_stays,) whether the stay counts. prior : mean probability of `SEEN_EXITS` over the exits that were seen.
    """

    groups: tuple[Group, ...]
    cells: Whole
    cell_names: tuple[tuple[str, str, str], ...]
    used: NDArray[np.bool_]
    prior: Real

    @property
    def n_stays(self) -> int:
        """Number of stays that count."""
        return int(self.used.sum())

    @property
    def n_cells(self) -> int:
        """Number of cells with stays that count."""
        return len(np.unique(self.cells[self.used]))

    def only(self, keep: NDArray[np.bool_]) -> Sightings:
        """The stays of which `keep` (n_stays,) is true; their weights stay as they are."""
        kept = tuple(group.only(keep[group.rows]) for group in self.groups if keep[group.rows].any())
        return replace(self, groups=kept, used=self.used & keep)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the groups, each once."""
        return tuple(dict.fromkeys(group.label for group in self.groups))

    @property
    def fastest_s(self) -> float:
        """Longest frame interval (s): what is over sooner cannot be told."""
        return max(group.frame_s for group in self.groups)


def sightings(
    table: pd.DataFrame,
    evidence: Evidence = "auto",
    by: Literal["", "condition", "movie_id"] = "",
    residents: bool = True,
    keep: NDArray[np.bool_] | None = None,
) -> Sightings:
    """Make a `Stays` table ready for a likelihood.

    Parameters
    ----------
    table : docked stays, in any order.
    evidence : what says how a stay ended. probabilities: those of each exit, L = sum_j p_j / prior_j L_j with the prior the mean
    of p over all exits that were seen, which is what calibrated probabilities are relative to. calls: the kind alone, to be
    used with the counts of a calibration. auto: probabilities where all exits have them.
    by : column whose values get schemes of their own.
    residents : use the vesicles docked in the first frame. Leave them out if the movie did not start at rest.
    keep : (n,) stays to use; None uses all. Stays of unknown beginning are never used.

    Raises
    ------
    InputError : a row that breaks the contract, or fewer than two stays to use.
    """
    check(table)
    start = np.array([STARTS.index(kind) if kind in STARTS else -1 for kind in table["entry_kind"]], dtype=np.int64)
    used = (start >= 0) & (residents | (start != STARTS.index("resident")))
    if keep is not None:
        used &= np.asarray(keep, dtype=bool)
    if used.sum() < 2:
        raise InputError(f"{int(used.sum())} docked stay can be used of {len(table)}: no rate can be told from that; add movies")
    code, weight, prior = _ends(table, used, evidence)
    cells, names = _cells(table)
    whole = table[["frame_s", "min_frames"]].to_numpy(dtype=float)
    origin = np.nan_to_num((table["t_entry_s"] - table["t_since_stimulus_s"]).to_numpy(dtype=float))
    label = table[by].to_numpy(dtype=str) if by else np.full(len(table), "", dtype="<U1")
    marks = list(zip(label.tolist(), np.round(whole[:, 0], 12), whole[:, 1], np.round(origin, 9), strict=True))
    kinds = sorted(set(marks))
    number = {mark: k for k, mark in enumerate(kinds)}
    of = np.where(used, [number[mark] for mark in marks], -1)
    first, frames = (table[key].to_numpy(dtype=np.int64) for key in ("first_frame", "n_frames"))
    groups = []
    for k in np.unique(of[used]):
        rows = np.flatnonzero(of == k)
        name, frame_s, least, origin_s = kinds[k]
        group = Group(
            name,
            float(frame_s),
            int(least),
            float(origin_s),
            rows,
            start[rows],
            first[rows],
            frames[rows],
            code[rows],
            weight[rows],
        )
        groups.append(group)
    return Sightings(tuple(groups), cells, names, used, prior)


def _ends(table: pd.DataFrame, used: NDArray[np.bool_], evidence: Evidence) -> tuple[Whole, Real, Real]:
    """(n,) codes of the ends, (n, 3) weights of `SEEN_EXITS` where probabilities are used, and their (3,) prior."""
    kinds, seen = table["exit_kind"].to_numpy(dtype=str), table["exit_observed"].to_numpy(dtype=bool)
    names = {name: code for code, name in enumerate(CALLED)} | {"bleaching": CALLED.index("lost"), "censored": CENSORED}
    code = np.array([names[kind] for kind in kinds], dtype=np.int64)
    chance = table[list(CHANCES)].to_numpy(dtype=float)
    known = np.isfinite(chance).all(axis=1)
    if evidence == "probabilities" and (seen & used & ~known).any():
        raise InputError("stays: an exit that was seen has no probabilities; use the calls, with the counts of a calibration")
    weight = np.zeros_like(chance)
    told = seen & used & known
    # fsum, since its result does not depend on the order of the rows.
    prior = np.array([math.fsum(column) / told.sum() if told.any() else math.nan for column in chance[told].T])
    if evidence == "calls" or not told.any() or (evidence == "auto" and (seen & used & ~known).any()):
        return code, weight, prior
    weight[told] = chance[told] / np.where(prior > 0, prior, 1.0)
    code[told] = SOFT
    return code, weight, prior


def _cells(table: pd.DataFrame) -> tuple[Whole, tuple[tuple[str, str, str], ...]]:
    """(n,) number of the cell of each stay, and condition, movie and cell of each number, in order of their names."""
    cell = table["cell_id"].astype("string").fillna("outside").to_numpy(dtype=str)
    marks = list(zip(table["condition"].tolist(), table["movie_id"].tolist(), cell.tolist(), strict=True))
    names = sorted(set(marks))
    number = {name: k for k, name in enumerate(names)}
    return np.array([number[mark] for mark in marks], dtype=np.int64), tuple(names)
