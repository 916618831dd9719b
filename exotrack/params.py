"""Every parameter of the analysis, declared once: name with unit, default and the reason for it, limits.

The command line, TOML files, the napari form and the documentation all read these models. They are frozen, and an
unknown name is an error that suggests the nearest known one. `Analysis` is the root: one model per stage.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from exotrack._em_params import EM_PRESETS as EM_PRESETS
from exotrack._em_params import EmAnalysis as EmAnalysis
from exotrack._em_params import FillingParams as FillingParams
from exotrack._em_params import VesicleParams as VesicleParams
from exotrack._em_params import em_preset as em_preset
from exotrack._settings import Params, declared, nearest, setting
from exotrack.errors import ParameterError

__all__ = [
    "EM_PRESETS", "PRESETS", "Analysis", "CellParams", "ClassifyParams", "DetectParams", "EmAnalysis", "FillingParams",
    "LinkParams", "MeasureParams", "Params", "ProtocolParams", "VesicleParams", "declared", "em_preset", "nearest", "preset",
    "read_em_toml", "read_toml", "setting", "to_toml",
]  # fmt: skip


class DetectParams(Params):
    """Pixels to spots."""

    sigma_um: float = setting(
        0.13, "um",
        "Gaussian width of a vesicle's image. Default: a 1.45-1.49 NA lens images a point at 500-600 nm with 0.10-0.12 um; "
        "a granule of 0.1-0.3 um widens it to about 0.13.", gt=0, le=2,
    )  # fmt: skip
    false_spots_per_frame: float = setting(
        0.1, "1/frame",
        "False spots accepted per frame of pure noise; sets the threshold in noise units. Default: one in ten frames, "
        "which linking (three spots to a track) then turns into practically no false track.", gt=0, le=1000,
    )  # fmt: skip
    background_um: float = setting(
        0.6, "um",
        "Radius over which the background is taken as even. Default: about 4.5 spot widths, beyond the spot's own light "
        "and below the size of lamellae and haze.", gt=0, le=20,
    )  # fmt: skip
    close_pairs: bool = setting(
        False, "",
        "Fit neighbours together, and tell two spots from one that is too long: for crowded fields of point-like vesicles, where "
        "one in five has a neighbour within 2.5 widths. Default: real spots that are not round would be two in some frames and "
        "one in others, which breaks their tracks (12 of 13 long tracks in a movie of telomeres).",
    )  # fmt: skip


class LinkParams(Params):
    """Spots to tracks."""

    max_step_um: float = setting(
        0.7, "um",
        "Longest step between two frames. Default: over 5 standard deviations of a step at D = 0.1 um^2/s and 0.1 s, the "
        "fastest that stays trackable at one vesicle per um^2.", gt=0, le=20,
    )  # fmt: skip
    max_gap_frames: int = setting(
        2, "frame",
        "Frames a vesicle may go unseen inside a track; the longest step grows with the square root of the frames it takes. "
        "Default: at a 5 percent miss rate three misses in a row happen about once in 8,000 spots.", ge=0, le=100,
    )  # fmt: skip
    min_spots: int = setting(
        3, "spot",
        "Spots a track must have. Default: two false spots within reach are common, three are not.", ge=1, le=1000,
    )  # fmt: skip
    directed: bool = setting(
        False, "",
        "Expect each vesicle to move on at the speed of its track (carriers on microtubules). Default: vesicles at the "
        "membrane diffuse, and a speed read from noise would mislead.",
    )  # fmt: skip


class MeasureParams(Params):
    """Pixels and tracks to traces."""

    before_s: float = setting(
        3.0, "s",
        "How long before its first spot a track is measured. Default: enough frames at 1-30 Hz to know the level before "
        "an appearance.", ge=0, le=600,
    )  # fmt: skip
    after_s: float = setting(
        3.0, "s",
        "How long after its last spot a track is measured. Default: as before_s.", ge=0, le=600,
    )  # fmt: skip
    radius_um: float = setting(
        0.6, "um",
        "Half side of the square of pixels that is fitted. Default: 4.5 spot widths, so that the background is known and "
        "a cloud spreading for a second at 0.1 um^2/s still fits.", gt=0, le=5,
    )  # fmt: skip


class ClassifyParams(Params):
    """Pixels and traces to candidates, episodes and events."""

    cargo: Literal["lumenal", "ph_sensitive"] = setting(
        "lumenal", "",
        "What glows: lumenal cargo seen before fusion (NPY-mCherry), or a pH-sensitive label, dark until the pore opens "
        "(NPY-pHluorin, VAMP2-pHluorin).",
    )  # fmt: skip
    confidence: float = setting(
        0.9, "1",
        "Probability of the called kind from which a call is confident. Default: one wrong in ten at worst.", gt=0.5, lt=1,
    )  # fmt: skip
    least_rise: float = setting(
        3.0, "1",
        "Brightness after over before that a spot seen before must show to be the opening of a dark vesicle (pH-sensitive "
        "cargo only). Default: opening brightens acid pHluorin about twentyfold; what was visible and brightens less than "
        "threefold was never dark.", ge=1, le=100,
    )  # fmt: skip
    docked_max_um2_s: float = setting(
        5e-4, "um^2/s",
        "Diffusion coefficient below which a vesicle is docked. Default: docking lowers mobility 100-fold from about 0.01 "
        "um^2/s (Oheim and Stuehmer 2000); 5e-4 is the geometric middle.", gt=0, le=10,
    )  # fmt: skip
    tethered_max_um2_s: float = setting(
        5e-3, "um^2/s",
        "Diffusion coefficient below which a vesicle that is not docked is tethered. Default: half the mobile value of "
        "Oheim and Stuehmer 2000.", gt=0, le=10,
    )  # fmt: skip
    min_docked_s: float = setting(
        0.2, "s",
        "Shortest stay that counts as docked. Default: two frames at 10 Hz; a shorter one cannot be told from passing.",
        ge=0, le=600,
    )  # fmt: skip
    convention: Literal["physical", "mobility", "height", "settled"] = setting(
        "physical", "",
        "What docked means. physical: moves slowly and keeps an even height in contact; mobility: moves slowly, whatever the "
        "height (Oheim and Stuehmer 2000); height: in contact, whatever the motion; settled: physical, and for "
        "settled_s at least. Default: both together tell most, and a visit is docked while it lasts.",
    )  # fmt: skip
    settled_s: float = setting(
        2.0, "s",
        "Stay from which a vesicle is docked by the convention settled, and below which one that leaves again is a visitor. "
        "Default: visitors leave within seconds (Gandasi and Barg 2014).", ge=0, le=600,
    )  # fmt: skip
    newcomer_s: float = setting(
        0.3, "s",
        "Longest time from first sight to fusion of a newcomer where there is no stimulus. Default: a fifth of the granules "
        "that fuse were there for at most 0.3 s (Allersma et al. 2004).", ge=0, le=600,
    )  # fmt: skip
    penetration_nm: float = setting(
        100.0, "nm",
        "Penetration depth of the evanescent field, for heights. Default: typical of 488 nm light at an NA 1.45 objective "
        "(Gucek et al. 2019 state about 100 nm).", gt=20, le=1000,
    )  # fmt: skip
    stimulus_s: tuple[float, ...] = setting((), "s", "Times of stimulation from the first frame. Default: none.")


class CellParams(Params):
    """Where the cell is, for areas and rates."""

    footprint: Literal["auto", "field"] = setting(
        "auto", "",
        "auto estimates the footprint from the mean image; field takes the whole field of view. A mask file overrides "
        "both. Default: rates per area need the cell's area.",
    )  # fmt: skip


Window = tuple[float, float]


class ProtocolParams(Params):
    """What was done to the sample while it was filmed, and how the stage moved."""

    drift: Literal["auto", "on", "off"] = setting(
        "auto", "",
        "Correct for drift of the stage: auto if it moved by more than 20 nm and four standard errors, on always, off never. "
        "Default: 20 nm is less than a docked vesicle diffuses in the shortest docked stay, so less cannot change a call.",
    )  # fmt: skip
    nh4cl_s: tuple[Window, ...] = setting(
        (), "s",
        "Windows (first, last time) with NH4Cl in the bath, which makes every vesicle neutral. Default: none.",
    )  # fmt: skip
    quench_s: tuple[Window, ...] = setting(
        (), "s",
        "Windows (first, last time) with acid outside, which quenches a pH-sensitive label on the surface. Default: none.",
    )  # fmt: skip
    exchange_s: float = setting(
        2.0, "s",
        "Time a change of solution takes: so long after a window no event is called, and so long at its start no level is "
        "read. Default: a local puffer needs under a second, a bath at 1 ml/min longer.", ge=0, le=600,
    )  # fmt: skip
    marker_shift_um: tuple[float, ...] = setting(
        (), "um",
        "Where a point of the cargo's channel lies in the marker's, as shift (y, x). Default: none given, it is estimated.",
    )  # fmt: skip

    @field_validator("nh4cl_s", "quench_s")
    @classmethod
    def _ordered(cls, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        if any(not 0 <= first < last for first, last in windows):
            raise ValueError("a window is two times (s) from the first frame, the first below the last")
        return windows

    @field_validator("marker_shift_um")
    @classmethod
    def _pair(cls, shift: tuple[float, ...]) -> tuple[float, ...]:
        if len(shift) not in (0, 2):
            raise ValueError("a shift is two numbers, y and x (um), or none")
        return shift


class Analysis(Params):
    """The whole analysis: one model per stage."""

    preset: str = setting("granule", "", "Preset these parameters started from.")
    protocol: ProtocolParams = ProtocolParams()
    detect: DetectParams = DetectParams()
    link: LinkParams = LinkParams()
    measure: MeasureParams = MeasureParams()
    classify: ClassifyParams = ClassifyParams()
    cell: CellParams = CellParams()


PRESETS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "granule": (
        "Lumenal cargo that is visible before fusion (NPY-mCherry and the like).",
        {"link": {"min_spots": 2}},
    ),
    "phluorin": (
        "A pH-sensitive label, dark until the pore opens (VAMP2-pHluorin, NPY-pHluorin, TfR-pHluorin).",
        # A flash of released cargo may last for one frame.
        {"link": {"min_spots": 1}, "classify": {"cargo": "ph_sensitive"}},
    ),
    "synapse": (
        "Boutons with a pH-sensitive label: fixed sites about as wide as the PSF and wider, slow frames.",
        {
            "detect": {"sigma_um": 0.3, "background_um": 1.5},
            "measure": {"radius_um": 1.2, "before_s": 10.0, "after_s": 20.0},
            "link": {"max_step_um": 0.6, "min_spots": 2},
            "classify": {"cargo": "ph_sensitive", "least_rise": 1.15},
        },
    ),
    "constitutive": (
        "Constitutive carriers with lumenal or membrane cargo: mobile, shortly docked, no stimulus.",
        {"link": {"max_step_um": 1.0}, "classify": {"min_docked_s": 0.1}},
    ),
}
"""Name to (what it is for, what it changes). Reasons for the changes are in docs/presets.md."""


def preset(name: str) -> Analysis:
    """The parameters of a preset; raises `ParameterError` with the nearest name for an unknown one."""
    if name not in PRESETS:
        raise ParameterError(f"unknown preset {name!r}{nearest(name, PRESETS)}; known are {', '.join(PRESETS)}")
    return Analysis(preset=name).updated(PRESETS[name][1])


def read_toml(path: str | Path, base: Analysis | Callable[[str], Analysis] | None = None) -> Analysis:
    """Parameters from a TOML file with a table per stage, over `base` or over the preset that the file names.

    base : parameters, or what gives those of a preset by its name; None takes `preset`.

    Raises `ParameterError` if the file cannot be read, is not TOML, or holds an unknown name or a value out of range.
    """
    values = _values(path)
    start = base if isinstance(base, Analysis) else (base or preset)(str(values.get("preset", "granule")))
    return start.updated(values, source=str(path))


def read_em_toml(path: str | Path, base: EmAnalysis | None = None) -> EmAnalysis:
    """As `read_toml`, for the analysis of micrographs."""
    values = _values(path)
    start = em_preset(str(values.get("preset", "synaptic"))) if base is None else base
    return start.updated(values, source=str(path))


def _values(path: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); give a TOML file of parameters") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path}: is not TOML ({str(error)[:200]}); see docs/parameters.md for the form") from None


def to_toml(params: Params) -> str:
    """The parameters as TOML, each with its unit and meaning as a comment; `read_toml` gives the same parameters back."""
    import tomli_w

    plain = params.model_dump()
    lines: list[str] = []
    for key, info in type(params).model_fields.items():
        if isinstance(getattr(params, key), Params):
            continue
        lines += [f"# {info.description}", tomli_w.dumps({key: plain[key]}).strip()]
    for key in type(params).model_fields:
        child = getattr(params, key)
        if isinstance(child, Params):
            lines += ["", f"# {(type(child).__doc__ or '').strip()}", f"[{key}]", to_toml(child).strip()]
    return "\n".join(lines) + "\n"
