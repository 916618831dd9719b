"""Every parameter of the analysis, declared once: name with unit, default and the reason for it, limits.

The command line, TOML files, the napari form and the documentation all read these models. They are frozen, and an
unknown name is an error that suggests the nearest known one. `Analysis` is the root: one model per stage.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exotrack.errors import ParameterError


def setting(default: Any, unit: str, about: str, **limits: Any) -> Any:
    """Declare a parameter: its default, its unit ("" if it has none), and what it is with the reason for the default."""
    return Field(default, description=about, json_schema_extra={"unit": unit}, **limits)


class Params(BaseModel):
    """Base of every parameter model: frozen, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def read(cls, values: Mapping[str, Any], source: str = "parameters") -> Self:
        """Build from plain values; raises `ParameterError` naming every offending parameter and the nearest known name."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ParameterError(f"{source}: " + "; ".join(_explain(cls, e) for e in error.errors())) from None

    def updated(self, values: Mapping[str, Any], source: str = "parameters") -> Self:
        """The same parameters with those in `values` (nested by stage) replaced."""
        return type(self).read(_merged(self.model_dump(), values), source)


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


class Analysis(Params):
    """The whole analysis: one model per stage."""

    preset: str = setting("granule", "", "Preset these parameters started from.")
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
        {"link": {"min_spots": 2}, "classify": {"cargo": "ph_sensitive"}},
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
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); give a TOML file of parameters") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: is not TOML ({error}); see docs/parameters.md for the form") from None
    start = base if isinstance(base, Analysis) else (base or preset)(str(values.get("preset", "granule")))
    return start.updated(values, source=str(path))


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


def declared(model: type[Params], prefix: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """Every parameter of `model`: (dotted name, unit, default, description)."""
    for key, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Params):
            yield from declared(info.annotation, f"{prefix}{key}.")
        else:
            extra = info.json_schema_extra
            unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
            yield f"{prefix}{key}", unit, info.default, info.description or ""


def nearest(name: str, known: Any) -> str:
    """``"; did you mean 'x'?"`` for the known name nearest to `name`, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = _merged(both[key], value) if nested else value
    return both


def _explain(model: type[Params], error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{place}: {error['msg'][0].lower()}{error['msg'][1:]}, found {error['input']!r}"
    for step in error["loc"][:-1]:
        inner = model.model_fields[step].annotation
        model = inner if isinstance(inner, type) and issubclass(inner, Params) else model
    name = str(error["loc"][-1])
    return f"{place}: unknown parameter{nearest(name, model.model_fields)}"
