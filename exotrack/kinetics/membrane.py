"""What fusion adds to the cell's membrane, and what leaves a vesicle whose pore opens and closes again.

A full fusion adds the vesicle's surface, pi d^2; a kiss-and-run adds it only while the pore is open. At 1 uF/cm^2 a square
micrometre holds 10 fF. Content after the pore has been open for t is c exp(-t / tau); with open times that are exponential of
mean t_o the first kiss releases t_o / (t_o + tau) on average, and 1 + tau ln(1 / e) / t_o kisses leave less than a part e.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError

FF_PER_UM2 = 10.0
"""Specific capacitance of membrane (fF/um^2), 1 uF/cm^2."""

Real = NDArray[np.float64]


def area_um2(diameter_nm: float) -> float:
    """Surface (um^2) of a vesicle of diameter `diameter_nm`, from EM or capacitance: a TIRF spot's width says nothing of it."""
    if not (math.isfinite(diameter_nm) and diameter_nm > 0):
        raise InputError(f"a vesicle of diameter {diameter_nm:g} nm has no surface; give a positive number")
    return math.pi * (diameter_nm * 1e-3) ** 2


def capacitance_ff(surface_um2: float) -> float:
    """Capacitance (fF) of `surface_um2` of membrane."""
    return FF_PER_UM2 * surface_um2


def diameter_nm(capacitance: float) -> float:
    """Diameter (nm) of a vesicle that adds `capacitance` (fF)."""
    if not (math.isfinite(capacitance) and capacitance > 0):
        raise InputError(f"a capacitance of {capacitance:g} fF is that of no vesicle; give a positive number")
    return 1e3 * math.sqrt(capacitance / FF_PER_UM2 / math.pi)


def area_gain_um2(
    t_s: ArrayLike, full_s: ArrayLike, kisses_s: Sequence[tuple[float, float]], surface_um2: float, whole_cell: float = 1.0
) -> Real:
    """Membrane (um^2) that fusion has added by each of `t_s`; nothing is taken back by endocytosis.

    Parameters
    ----------
    t_s : (k,) times (s). full_s : times of the full fusions.
    kisses_s : (opening, closing) of every kiss-and-run pore; they count while open. surface_um2 : of one vesicle.
    whole_cell : surface of the cell over that of the footprint that was seen; multiplies all.
    """
    times = np.atleast_1d(np.asarray(t_s, float))
    pores = np.array(list(kisses_s), float).reshape(-1, 2)
    fused = np.searchsorted(np.sort(np.asarray(full_s, float)), times, side="right")
    opened, closed = (np.searchsorted(np.sort(column), times, side="right") for column in pores.T)
    return np.asarray(whole_cell * surface_um2 * (fused + opened - closed), float)


def content_left(content: ArrayLike, open_s: ArrayLike, tau_s: float) -> Real:
    """What is left of `content` after the pore was open for `open_s` (s), with time constant `tau_s` (s)."""
    return np.asarray(np.asarray(content, float) * np.exp(-np.asarray(open_s, float) / tau_s))


def released_by_first_kiss(open_s: float, tau_s: float) -> float:
    """Mean part of the content that the first kiss releases; open times exponential with mean `open_s` (s)."""
    return open_s / (open_s + tau_s)


def kisses_until_empty(open_s: float, tau_s: float, empty: float) -> float:
    """Mean number of kisses until less than the part `empty` is left, without refilling; `open_s` as before."""
    if not 0 < empty < 1:
        raise InputError(f"a vesicle with a part {empty:g} left is not what empty means; give one between 0 and 1")
    return 1.0 + tau_s * math.log(1.0 / empty) / open_s
