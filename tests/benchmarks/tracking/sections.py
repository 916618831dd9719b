"""The sections by name; each is imported when it is run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .scale import Scale


def _section(module: str, function: str = "run") -> Callable[[Scale], dict[str, Any]]:
    def measure(scale: Scale) -> dict[str, Any]:
        result: dict[str, Any] = getattr(import_module(f".{module}", __package__), function)(scale)
        return result

    return measure


SECTIONS = {
    "detection": _section("detection"),
    "blanks": _section("blanks"),
    "localisation": _section("localisation"),
    "linking": _section("linking"),
    "speed": _section("linking", "speed"),
    "dense": _section("dense"),
}
