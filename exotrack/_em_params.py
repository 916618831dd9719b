"""Parameters of the analysis of electron micrographs. Part of `exotrack.params`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from exotrack._settings import Params, nearest, setting
from exotrack.errors import ParameterError


class VesicleParams(Params):
    """Micrographs to vesicles."""

    look_for: Literal["membrane", "core", "both"] = setting(
        "membrane", "",
        "What a vesicle is known by: its membrane, a ring or shell; its dense core, a disc or ball; or both: by its core, and "
        "where none is by its membrane. Default: every vesicle has a membrane, and the space inside may be of any darkness.",
    )  # fmt: skip
    diameter_nm: tuple[float, float] = setting(
        (28.0, 65.0), "nm",
        "Smallest and largest outer diameter. Default: synaptic vesicles measure 35-50 nm; a section that passes beside the "
        "centre shows less, and the tail of the distribution is long.",
    )  # fmt: skip
    membrane_nm: float = setting(
        7.0, "nm",
        "Thickness of a membrane between its outer faces, with which vesicles are looked for. Default: a stained bilayer with "
        "its proteins measures 6-8 nm.", gt=1, le=40,
    )  # fmt: skip
    fit_membrane: bool = setting(
        True, "",
        "Whether diameters are given for a membrane as thick as the mean profile of the image's own vesicles says, or as "
        "membrane_nm says. Default: a membrane that is 1 nm thinner than was thought makes vesicles of 42 nm 2 % too large.",
    )  # fmt: skip
    section_nm: float = setting(
        60.0, "nm",
        "Thickness of a single section where the image does not say it; 0 for a surface. A vesicle that lies whole in a section "
        "fades towards its outer face. Default: sections for transmission measure 50-80 nm.", ge=0, le=2000,
    )  # fmt: skip
    min_score: float = setting(
        0.6, "1",
        "Score from which a candidate is a vesicle. Default: the highest at which as many vesicles are found (F1) as at any "
        "lower one; each step up leaves fewer false rings in bare pictures, and from 0.7 on loses vesicles of thick sections.",
        ge=0, le=1,
    )  # fmt: skip
    max_overlap: float = setting(
        0.35, "1",
        "How far two vesicles may overlap, as a fraction of the smaller radius; in sections so thick that one lies above the "
        "other, up to 0.8. Default: outlines are wrong by some nm; more is one vesicle found twice.", ge=0, le=1,
    )  # fmt: skip
    depth: Literal["auto", "volume", "sections"] = setting(
        "auto", "",
        "How sections are joined: volume looks for shells in (z, y, x); sections finds rings in each and links them. Default: a "
        "volume if at least four sections show the smallest vesicle.",
    )  # fmt: skip

    @field_validator("diameter_nm")
    @classmethod
    def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if not 5 <= limits[0] < limits[1] <= 5000:
            raise ValueError("two diameters in nm, the smaller first, between 5 and 5000")
        return limits


class FillingParams(Params):
    """Vesicles to core darkness, occupancy and filling."""

    full_from: float = setting(
        0.6, "1",
        "Occupancy from which a vesicle is full. Default: dense-core granules of a volume of Hydra have 0.7 on average; "
        "more than "
        "half way is full.", gt=0, le=1,
    )  # fmt: skip
    empty_below: float = setting(
        0.15, "1",
        "Occupancy below which a vesicle is empty. Default: twice the error of a vesicle with a small core, so that a third of "
        "a lumen is seldom taken for none.", ge=0, lt=1,
    )  # fmt: skip
    max_sd: float = setting(
        0.15, "1",
        "Standard error of the occupancy above which no class is given. Default: a third of the distance between the two limits.",
        gt=0, le=1,
    )  # fmt: skip


class EmAnalysis(Params):
    """The analysis of a micrograph."""

    preset: str = setting("synaptic", "", "Preset these parameters started from.")
    vesicles: VesicleParams = VesicleParams()
    filling: FillingParams = FillingParams()


EM_PRESETS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "synaptic": ("Clear synaptic vesicles of 35-50 nm.", {}),
    "dense_core": (
        "Neuronal dense-core vesicles of 70-150 nm.",
        {"vesicles": {"look_for": "core", "diameter_nm": (45.0, 170.0)}},
    ),
    "granule": (
        "Chromaffin and insulin granules of 200-400 nm.",
        {"vesicles": {"look_for": "both", "diameter_nm": (120.0, 480.0)}},
    ),
    "omv": (
        "Outer-membrane vesicles of 20-250 nm.",
        {"vesicles": {"diameter_nm": (20.0, 260.0)}},
    ),
}
"""Name to (what it is for, what it changes)."""


def em_preset(name: str) -> EmAnalysis:
    """The parameters of a preset for micrographs; `ParameterError` with the nearest name for an unknown one."""
    if name not in EM_PRESETS:
        raise ParameterError(f"unknown preset {name!r}{nearest(name, EM_PRESETS)}; known are {', '.join(EM_PRESETS)}")
    return EmAnalysis(preset=name).updated(EM_PRESETS[name][1])
