"""What a set of parameters is: frozen, with a unit and a reason for each, wrong names refused with the nearest right one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Self

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
