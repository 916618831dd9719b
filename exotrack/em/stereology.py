"""From profiles in a section to vesicles in the cell: diameters, numbers, areas.

What cannot be told from the profiles is missing, with a reason, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from exotrack._em_geometry_tables import Sizes
from exotrack.em._keiding import density, overcount
from exotrack.em.profiles import Profiles, per_vesicle
from exotrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
FEWEST = 30
"""Profiles below which nothing is fitted: three parameters of a distribution need tens of values."""
CHI2_95 = 3.841
"""Twice the drop of the log-likelihood at the ends of a 95 % interval (one parameter)."""
WIDEST_DEG = 25.0
"""A cap angle whose 95 % interval is wider than this is not told."""
STEEPEST_DEG = 83.0
"""Cap angle of a serial stack above which no number is told: a vesicle that lies in two sections is then hardly ever seen in
both, so some are seen in neither, and how many the images do not say. At 83 degrees a section must hold 44 % of its width."""
BINS = 240
"""Bins in which the profiles are counted: far finer than the spread of any vesicles."""
WIDEST_COUNT = 0.15
"""A number whose 95 % interval from the cap angle alone is wider than this part of it is not told."""
GRID_DEG = np.array([0.5, *range(8, 84, 8), 84.0, 87.0])


@dataclass(frozen=True)
class _Counts:
    at: Real
    number: Real
    n: int


@dataclass(frozen=True)
class _Fit:
    mean: float
    sd: float
    cost: float


def corrected_sizes(
    profiles_nm: ArrayLike, section_nm: float, image_id: str = "image", cap_deg: float | None = None
) -> pd.DataFrame:
    """Mean and spread of diameters, the cap angle and the number of vesicles behind the profiles of a section: `Sizes`, one row.

    Parameters
    ----------
    profiles_nm : (n,) diameters of profiles (nm), not cut by the border of the image. Missing ones are left out.
    section_nm : thickness of the section (nm).
    cap_deg : the cap angle, where it is known; None fits it.

    The fit is by maximum likelihood of Keiding's model with a normal distribution of diameters; intervals are of the profile
    likelihood. The cap angle is told if its 95 % interval has a lower and an upper end within 25 degrees; the number is told if
    that interval changes it by under 15 %: in thick sections it is even where the angle is not.

    Raises `InputError` if the thickness is missing or not positive, or a diameter is not positive.
    """
    if cap_deg is not None and not 0 <= cap_deg < 90:
        raise InputError(f"cap angle {cap_deg} degrees is not between 0 and 90; give another")
    d = _checked(profiles_nm, section_nm)
    return _row(d, section_nm, image_id, lambda: _fitted(d, section_nm, cap_deg))


def corrected_stack(profiles: Profiles, section_nm: float, image_id: str = "image") -> pd.DataFrame:
    """The same of a serial stack whose sections are `section_nm` apart: `Sizes`, one row, of vesicles centred in the stack.

    Diameters are fitted as those of a single section. How many sections show a vesicle tells the cap angle and the number far
    better than sizes of profiles do, so they are taken from that. The counting error is that of vesicles. Where hardly any shows
    in two, some show in none: only the lower end of the number is then told.
    """
    d = _checked(profiles.diameters_nm, section_nm)

    def fit() -> dict[str, Any]:
        found = _fitted(d, section_nm, None)
        zetas = per_vesicle(profiles)
        if zetas is None:
            return found
        size = found["diameter_nm"] if np.isfinite(found["diameter_nm"]) else float(np.percentile(d, 75))
        zeta, least, most = zetas
        angle, last, first = np.degrees(np.arccos(np.clip((np.array(zetas) - 1) * section_nm / size, 0, 1)))
        n, noise, all_seen = len(d), 1.96 / np.sqrt(len(d) / zeta), bool(angle <= STEEPEST_DEG)
        said = [] if all_seen else ["hardly any vesicle shows in two sections, so some show in none; the number cannot be told"]
        said += [] if np.isfinite(found["diameter_nm"]) else ["the diameter of the vesicles cannot be told"]
        return found | {
            "cap_deg": angle, "cap_low_deg": first, "cap_high_deg": last, "cap_from": "sections", "identifiable": all_seen,
            "overcount": zeta, "overcount_low": least, "overcount_high": most, "n_vesicles": n / zeta if all_seen else np.nan,
            "n_low": n / most * (1 - noise), "n_high": n / least * (1 + noise) if all_seen else np.nan, "reason": ", ".join(said),
        }  # fmt: skip

    return _row(d, section_nm, image_id, fit)


def _checked(profiles_nm: ArrayLike, section_nm: float) -> Real:
    """Diameters that are known; `InputError` as `corrected_sizes` says."""
    d = np.asarray(profiles_nm, float)
    d = d[np.isfinite(d)]
    if section_nm is None or not np.isfinite(section_nm) or section_nm <= 0:
        raise InputError(f"section thickness {section_nm} nm is not positive; give it with --section-nm")
    if (d <= 0).any():
        raise InputError("a profile has a diameter of 0 or less; leave it out")
    return np.asarray(d)


def _row(d: Real, section_nm: float, image_id: str, fit: Callable[[], dict[str, Any]]) -> pd.DataFrame:
    """The table: what is fitted, or why nothing is."""
    row: dict[str, Any] = {
        "image_id": image_id, "section_nm": section_nm, "n_profiles": len(d),
        "profile_nm": float(d.mean()) if len(d) else np.nan, "identifiable": False, "reason": "", "cap_from": "",
    }  # fmt: skip
    if len(d) < FEWEST:
        row["reason"] = f"only {len(d)} profiles, at least {FEWEST} are needed"
    elif np.ptp(d) < 1e-6 * d.mean():
        row["reason"] = "all profiles have the same diameter: they are not sections through spheres"
    else:
        row |= fit()
    return Sizes.build({key: [value] for key, value in row.items()})


def _fitted(d: Real, section: float, cap_deg: float | None) -> dict[str, Any]:
    """The columns of a fit."""
    scale = float(np.percentile(d, 90))
    x, t = _binned(d / scale), section / scale
    if cap_deg is None:
        phi, fit, low, high = _cap(x, t)
    else:
        phi = low = high = float(np.radians(cap_deg))
        fit = _at(x, t, phi, _start(x))
    ends = [_at(x, t, p, fit) for p in (low, high)]
    zetas = sorted([overcount(e.mean, p, t) for e, p in zip(ends, (low, high), strict=True)] + [overcount(fit.mean, phi, t)])
    told = cap_deg is not None or (np.degrees(high - low) <= WIDEST_DEG and np.degrees(high) < GRID_DEG[-1] - 0.5)
    zeta = overcount(fit.mean, phi, t)
    counted = (zetas[-1] - zetas[0]) / zeta <= WIDEST_COUNT
    # A diameter hangs on the angle far less than a number does; it is told if the ends of the angle move it by under 3 %.
    sized = abs(ends[0].mean - ends[1].mean) / fit.mean <= 0.03
    mean_sd, spread_sd = _errors(x, t, phi, fit)
    mean_sd = float(np.hypot(mean_sd, abs(ends[1].mean - ends[0].mean) / 3.92))
    noise = 1.96 / np.sqrt(len(d))
    n = len(d)
    return {
        "diameter_nm": fit.mean * scale if sized else np.nan, "diameter_sd_nm": mean_sd * scale if sized else np.nan,
        "spread_nm": fit.sd * scale if sized else np.nan, "spread_sd_nm": spread_sd * scale if sized else np.nan,
        "cap_deg": np.degrees(phi) if told else np.nan, "cap_low_deg": np.degrees(low),
        "cap_high_deg": np.degrees(high) if np.degrees(high) < GRID_DEG[-1] - 0.5 else 90.0,
        "overcount": zeta if counted else np.nan, "overcount_low": zetas[0], "overcount_high": zetas[-1],
        "n_vesicles": n / zeta if counted else np.nan,
        "n_low": n / zetas[-1] * (1 - noise), "n_high": n / zetas[0] * (1 + noise), "identifiable": bool(told),
        "cap_from": "sizes" if cap_deg is None else "given",
        "reason": _reason(bool(told), bool(counted), bool(sized), low, high, len(d)),
        "membrane_per_fusion_um2": membrane_per_fusion(fit.mean * scale) if sized else np.nan,
    }  # fmt: skip


def _reason(told: bool, counted: bool, sized: bool, low: float, high: float, n: int) -> str:
    said = []
    if not told:
        above = "above" if np.degrees(high) >= GRID_DEG[-1] - 0.5 else f"to {np.degrees(high):.0f}"
        said.append(f"the cap angle is anywhere from {np.degrees(low):.0f} degrees {above} by these {n} profiles")
    said += [] if counted else ["so the number of vesicles cannot be told"]
    said += [] if sized else ["nor their diameter"]
    return ", ".join(said)


def _cap(x: _Counts, t: float) -> tuple[float, _Fit, float, float]:
    """Cap angle (radians) of greatest likelihood, its fit, and the ends of its 95 % interval."""
    grid = np.radians(GRID_DEG)
    fits: list[_Fit] = []
    for phi in grid:
        fits.append(_at(x, t, phi, fits[-1] if fits and np.isfinite(fits[-1].cost) else _start(x)))
    costs = np.array([fit.cost for fit in fits])
    best = int(np.argmin(costs))

    def cost(phi: float) -> float:
        return _at(x, t, phi, fits[best]).cost

    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    phi = _narrowed(cost, float(low), float(high))
    fit = _at(x, t, phi, fits[best])
    limit = fit.cost + CHI2_95 / 2
    below = [k for k in range(best + 1) if costs[k] > limit and grid[k] < phi]
    above = [k for k in range(best, len(grid)) if costs[k] > limit and grid[k] > phi]
    first = _crossed(cost, limit, float(grid[below[-1]]), phi) if below else float(grid[0])
    last = _crossed(cost, limit, float(grid[above[0]]), phi) if above else float(grid[-1])
    return phi, fit, first, last


def _narrowed(cost: Any, low: float, high: float) -> float:
    """Where `cost` is least between `low` and `high`."""
    from scipy.optimize import minimize_scalar

    return float(minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 2e-3}).x)


def _crossed(cost: Any, limit: float, beyond: float, within: float) -> float:
    """Where `cost` passes `limit`, between an angle beyond and one within; halved until 0.2 degrees are left."""
    while abs(beyond - within) > 0.0035:
        middle = (beyond + within) / 2
        beyond, within = (middle, within) if cost(middle) > limit else (beyond, middle)
    return (beyond + within) / 2


def _binned(x: Real) -> _Counts:
    number, edges = np.histogram(x, BINS, (0.0, float(x.max()) * 1.0001))
    kept = number > 0
    return _Counts((edges[:-1] + edges[1:])[kept] / 2, number[kept].astype(float), len(x))


def _start(x: _Counts) -> _Fit:
    top = x.at >= np.interp(0.5, np.cumsum(x.number) / x.n, x.at)
    middle = float(np.average(x.at[top], weights=x.number[top]))
    spread = float(np.sqrt(np.average((x.at[top] - middle) ** 2, weights=x.number[top])))
    return _Fit(middle, max(spread, 0.03), np.inf)


def _cost(x: _Counts, t: float, phi: float, mean: float, sd: float) -> float:
    # A profile that the model does not know (dirt, a merged pair) costs much, not everything.
    return float(-np.log(np.maximum(density(x.at, mean, sd, phi, t), 1e-6)) @ x.number)


def _at(x: _Counts, t: float, phi: float, start: _Fit) -> _Fit:
    """Mean and sd of greatest likelihood at a cap angle."""
    begin = np.log([start.mean, start.sd])
    found = minimize(
        lambda p: _cost(x, t, phi, float(np.exp(p[0])), float(np.exp(np.clip(p[1], -6, 1)))), begin, method="Nelder-Mead",
        options={"xatol": 2e-4, "fatol": 1e-3, "initial_simplex": begin + np.array([[0, 0], [0.05, 0], [0, 0.3]])},
    )  # fmt: skip
    return _Fit(float(np.exp(found.x[0])), float(np.exp(np.clip(found.x[1], -6, 1))), float(found.fun))


def _errors(x: _Counts, t: float, phi: float, fit: _Fit) -> tuple[float, float]:
    """Standard errors of mean and sd at the cap angle, from the curvature of the likelihood."""
    p = np.array([fit.mean, fit.sd])
    h = np.array([fit.sd * 0.05, fit.sd * 0.05])

    def cost(a: float, b: float) -> float:
        return _cost(x, t, phi, p[0] + a * h[0], p[1] + b * h[1])

    middle = cost(0, 0)
    aa, bb = ((cost(i, j) + cost(-i, -j) - 2 * middle) for i, j in ((1, 0), (0, 1)))
    ab = (cost(1, 1) + cost(-1, -1) - cost(1, -1) - cost(-1, 1)) / 4
    det = aa * bb - ab**2
    if det <= 0 or aa <= 0:
        return float(fit.sd / np.sqrt(x.n)), float(fit.sd / np.sqrt(2 * x.n))
    return float(np.sqrt(bb / det) * h[0]), float(np.sqrt(aa / det) * h[1])


def membrane_per_fusion(diameter_nm: float) -> float:
    """Area (um^2) that a vesicle of `diameter_nm` adds to the membrane when it fuses: pi d^2."""
    return float(np.pi * diameter_nm**2 / 1e6)


def area_from_length(length_nm: float, section_nm: float, isotropic: bool = False) -> float:
    """Area (um^2) of membrane behind its length in a section: length times thickness, for a membrane cut straight across.

    isotropic : for membranes that lie at any angle to the section with equal chance, 4 / pi times more.
    """
    return float(length_nm * section_nm / 1e6 * (4 / np.pi if isotropic else 1.0))
