"""Plain values as JSON that any reader takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(value: Any) -> bytes:
    """UTF-8 JSON of plain values; numbers that are not finite become null.

    A file name of undecodable bytes holds lone surrogates, which UTF-8 cannot carry: they are written as JSON escapes and
    come back as they were.
    """
    text = json.dumps(defined(value), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def defined(value: Any) -> Any:
    """The same value with None for every number that is not finite, however deep it is nested."""
    if isinstance(value, Mapping):
        return {key: defined(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [defined(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
