"""The parameters as a form has them: one field for each that params.py declares, texts in, checked parameters out; no Qt."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from exotrack.params import Analysis, Params

STAGES = ("detect", "link", "measure", "classify", "cell", "protocol")
"""Pages of the form, in the order in which people change them."""


@dataclass(frozen=True)
class Field:
    """One parameter: where it is, how it is shown, what it may be.

    kind : number, whole, yes_no, choice, times (numbers in a row) or windows (pairs of them). low, high : limits, infinite if
    there are none; open_low, open_high : the limit itself is not allowed.
    """

    stage: str
    name: str
    kind: str
    unit: str
    about: str
    default: Any
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    @property
    def key(self) -> str:
        """Its dotted name, as on the command line."""
        return f"{self.stage}.{self.name}"

    @property
    def label(self) -> str:
        """Its name in words with the unit."""
        unit = {"um": "µm", "um^2/s": "µm²/s", "1": "", "1/frame": "per frame"}.get(self.unit, self.unit)
        bare = self.name.removesuffix("_um2_s").removesuffix("_um").removesuffix("_s").removesuffix("_nm").removesuffix("_frames")
        words = bare.replace("_", " ")
        return f"{words} ({unit})" if unit and unit != "spot" and not words.endswith(f" {unit}") else words

    @property
    def slides(self) -> bool:
        """Whether it has limits on both sides, so that a slider can move between them."""
        return self.kind == "number" and math.isfinite(self.low) and math.isfinite(self.high)


def fields() -> tuple[Field, ...]:
    """Every parameter of the analysis, stage by stage."""
    found = []
    for stage in STAGES:
        model: type[Params] = Analysis.model_fields[stage].annotation  # type: ignore[assignment]
        for name, info in model.model_fields.items():
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            kind, choices = _kind(info.annotation)
            limits = _limits(info.metadata)
            found.append(
                Field(stage, name, kind, str(extra.get("unit", "")), info.description or "", info.default, choices, *limits)
            )
    return tuple(found)


def shown(field: Field, value: Any) -> str:
    """A value as the text of its field; `parsed` gives it back."""
    if field.kind == "windows":
        return ", ".join(f"{first:g}:{last:g}" for first, last in value)
    if field.kind == "times":
        return ", ".join(f"{one:g}" for one in value)
    return f"{value:.10g}" if field.kind == "number" else str(value)


def parsed(field: Field, text: str) -> Any:
    """The value that a text stands for, or the text itself where it stands for none, for the check to refuse."""
    try:
        if field.kind == "windows":
            return [tuple(float(part) for part in one.split(":")) for one in _listed(text)]
        if field.kind == "times":
            return [float(one) for one in _listed(text)]
        if field.kind == "whole":
            return int(text)
        if field.kind == "number":
            return float(text)
    except ValueError:
        return text
    return text


def checked(preset: str, values: Mapping[str, Any]) -> tuple[Analysis | None, dict[str, str]]:
    """Parameters from values by dotted name, or None and the reason for each that is wrong."""
    nested: dict[str, Any] = {"preset": preset}
    for key, value in values.items():
        stage, _, name = key.partition(".")
        nested.setdefault(stage, {})[name] = value
    try:
        return Analysis.model_validate(nested), {}
    except ValidationError as error:
        wrong: dict[str, str] = {}
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"][:2])
            wrong.setdefault(key, _reason(one))
        return None, wrong


def values_of(params: Analysis) -> dict[str, Any]:
    """Values by dotted name."""
    return {field.key: getattr(getattr(params, field.stage), field.name) for field in fields()}


def slid(field: Field, share: float) -> float:
    """The value at a share (0 to 1) of a slider: even steps of the logarithm where only positive values are allowed."""
    share = min(max(share, 0.01 if field.open_low else 0.0), 0.99 if field.open_high else 1.0)
    if field.low >= 0 and field.high / max(field.low, field.high / 1e4) > 20:
        low = max(field.low, field.high / 1e4)
        value = low * (field.high / low) ** share
    else:
        value = field.low + share * (field.high - field.low)
    return float(f"{value:.3g}")


def share_of(field: Field, value: float) -> float:
    """The inverse of `slid`."""
    if field.low >= 0 and field.high / max(field.low, field.high / 1e4) > 20:
        low = max(field.low, field.high / 1e4)
        share = math.log(max(value, low) / low) / math.log(field.high / low)
    else:
        share = (value - field.low) / (field.high - field.low)
    return min(max(share, 0.0), 1.0)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]


def _kind(annotation: Any) -> tuple[str, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(one) for one in get_args(annotation))
    if get_origin(annotation) is tuple or isinstance(annotation, types.GenericAlias):
        inner = get_args(annotation)[0]
        return ("windows" if get_origin(inner) is tuple else "times"), ()
    return {bool: "yes_no", int: "whole", float: "number"}.get(annotation, "text"), ()


def _limits(metadata: list[Any]) -> tuple[float, float, bool, bool]:
    low, high, open_low, open_high = -math.inf, math.inf, False, False
    for one in metadata:
        if (value := getattr(one, "gt", None)) is not None:
            low, open_low = float(value), True
        low = float(value) if (value := getattr(one, "ge", None)) is not None else low
        if (value := getattr(one, "lt", None)) is not None:
            high, open_high = float(value), True
        high = float(value) if (value := getattr(one, "le", None)) is not None else high
    return low, high, open_low, open_high


def _reason(error: Any) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{text[0].lower()}{text[1:]}, found {error['input']!r}"
