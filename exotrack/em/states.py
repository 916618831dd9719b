"""States of vesicles by named rules: what docked and tethered mean differs between schools, so the rule is part of the result.

A rule looks at one distance: from the vesicle's outer face, or from its centre. Its docked range is never narrower than what the
image resolves; rule, distance and that floor stand in every table. *Tethered* here is a distance, not a tether that was seen.
*Fusing* is a vesicle whose outline reaches over the membrane by more than the membrane is thick; kiss-and-run cannot be told from
one image and is never called.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from exotrack.em.distances import measured
from exotrack.em.membrane import Membrane
from exotrack.errors import InputError, ParameterError
from exotrack.params import nearest
from exotrack.tables import Vesicles

if TYPE_CHECKING:
    import pandas as pd

OVERLAP_NM = 7.5
"""A vesicle that reaches over the membrane by more than this, a membrane's thickness, shares it: it is fusing."""


@dataclass(frozen=True)
class Rule:
    """What the states mean: ranges of one distance, each from the end of the range before it.

    Attributes
    ----------
    name : the rule_id in the tables.
    distance : surface or centre.
    docked_nm : docked up to here; None if the rule has no docked state.
    tethered_nm : (from, to) of tethered; None if it has none.
    proximal_nm : proximal up to here where neither docked nor tethered; beyond it is reserve.
    about, source : what it is for, and who uses it.
    site_nm : docked and tethered only within this distance of the active zone (the ribbon); None asks for none.
    ribbon_nm : within this distance of the ribbon a vesicle that is not docked is tethered to it.
    """

    name: str
    distance: Literal["surface", "centre"]
    docked_nm: float | None
    tethered_nm: tuple[float, float] | None
    proximal_nm: float
    about: str
    source: str
    site_nm: float | None = None
    ribbon_nm: float | None = None

    def describe(self) -> str:
        """The rule in one line."""
        parts = [] if self.docked_nm is None else [f"docked to {self.docked_nm:g}"]
        parts += [] if self.tethered_nm is None else [f"tethered {self.tethered_nm[0]:g} to {self.tethered_nm[1]:g}"]
        parts += [f"proximal to {self.proximal_nm:g} nm from the {self.distance}"]
        return f"{self.name}: {', '.join(parts)} ({self.source})"


_ALL = (
    Rule("touching", "surface", 0.0, None, 30.0, "Docked is in contact, as far as the image resolves; proximal is under 30 nm.",
         "frozen sections: SynapsEM, Watanabe et al. 2020; Kusick et al. 2020"),
    Rule("tomography", "surface", 2.0, (2.0, 40.0), 100.0, "Docked is 0 to 2 nm, membrane-near to 40 and 100 nm.",
         "tomograms: after Imig et al. 2014 (ranges unverified), SynapseNet"),
    Rule("bilayer_5", "surface", 5.0, (25.0, 100.0), 25.0, "Docked is within a bilayer (5 nm), tethered is over 25 nm away.",
         "text-book definition, 5 to 10 nm and over 25 nm; the far end of 100 nm is ours"),
    Rule("bilayer_10", "surface", 10.0, (25.0, 100.0), 25.0, "As bilayer_5, with the wider end of the range.",
         "text-book definition, 5 to 10 nm and over 25 nm; the far end of 100 nm is ours"),
    Rule("ribbon", "surface", 2.0, None, 50.0, "Docked is under 2 nm and near the ribbon's density, tethered within 80 nm of it.",
         "inner hair cells: rules of SynapseNet", site_nm=100.0, ribbon_nm=80.0),
    Rule("cryo_centre", "centre", None, None, 45.0, "Proximal is a centre within 45 nm; no docked state without a contact seen.",
         "cryo-tomography of synaptosomes: Pyto"),
)  # fmt: skip
RULES: dict[str, Rule] = {rule.name: rule for rule in _ALL}
"""Name to rule. Others are made with `Rule`."""


def rule_named(name: str) -> Rule:
    """The rule of that name; raises `ParameterError` with the nearest name for an unknown one."""
    if name not in RULES:
        raise ParameterError(f"unknown rule {name!r}{nearest(name, RULES)}; known are {', '.join(RULES)} (--rule)")
    return RULES[name]


def place(
    vesicles: pd.DataFrame, membrane: Membrane, rule: Rule | str = "touching", active_zone: Membrane | None = None
) -> pd.DataFrame:
    """Vesicles with their distances to the membrane and their state by `rule`.

    Fills dist_pm_*, closest_*, nn_dist_nm (where missing), state, rule_id, distance_kind and resolution_nm; dist_az_nm with an
    active zone. resolution_nm is that of the table or of the membrane, whichever is coarser; docked reaches at least to it. A
    vesicle without a distance has no state.

    Raises `ParameterError` for an unknown rule, `InputError` if the rule needs an active zone and none is given, or if the
    membrane misses the image.
    """
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    if chosen.site_nm is not None and active_zone is None:
        raise InputError(
            f"rule {chosen.name}: needs the active zone or ribbon; give it with --active-zone, or choose another rule"
        )
    frame = measured(vesicles, membrane)
    if active_zone is not None:
        away, _ = active_zone.distances(_of(frame, active_zone))
        frame = frame.assign(dist_az_nm=away - frame["diameter_nm"].to_numpy(float) / 2)
    floor = np.fmax(frame["resolution_nm"].to_numpy(float), membrane.resolution_nm)
    frame = frame.assign(rule_id=chosen.name, distance_kind=chosen.distance, resolution_nm=floor)
    return Vesicles.build(frame.assign(state=states(frame, chosen)))


def states(vesicles: pd.DataFrame, rule: Rule) -> np.ndarray:
    """State of each vesicle (text, empty where its distance is missing) from the distances in the table."""
    surface = vesicles["dist_pm_surface_nm"].to_numpy(float)
    looked = surface if rule.distance == "surface" else vesicles["dist_pm_centre_nm"].to_numpy(float)
    floor = np.nan_to_num(vesicles["resolution_nm"].to_numpy(float))
    found = np.where(looked <= rule.proximal_nm, "proximal", "reserve").astype(object)
    if rule.tethered_nm is not None:
        found[(looked > rule.tethered_nm[0]) & (looked <= rule.tethered_nm[1])] = "tethered"
    site = np.ones(len(looked), bool)
    if rule.site_nm is not None:
        zone = vesicles["dist_az_nm"].to_numpy(float)
        site = zone <= rule.site_nm
        found[(found == "proximal") & ~site] = "reserve"
        if rule.ribbon_nm is not None:
            found[zone <= rule.ribbon_nm] = "tethered"
    if rule.docked_nm is not None:
        found[(looked <= np.maximum(rule.docked_nm, floor)) & site] = "docked"
        found[surface < -np.maximum(OVERLAP_NM, floor)] = "fusing"
    found[~np.isfinite(looked)] = ""
    return found.astype(str)


def changed_rule(rule: Rule, **ranges: float | tuple[float, float] | None) -> Rule:
    """A rule with other ranges, whose name says that they were changed."""
    fresh = replace(rule, **ranges)  # type: ignore[arg-type]
    text = ",".join(f"{key}={value}" for key, value in ranges.items())
    return replace(fresh, name=f"{rule.name}({text})")


def _of(vesicles: pd.DataFrame, membrane: Membrane) -> np.ndarray:
    from exotrack.em.distances import places

    return places(vesicles, membrane.ndim)
