"""Packages that only some formats need."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from exotrack.errors import InputError
from exotrack.io.guard import shown


def require(module: str, path: Path, doing: str = "reading") -> Any:
    """The module, or an `InputError` that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise InputError(
            f'{shown(path)}: {doing} {path.suffix.lower()} files needs the package {module}; pip install "exotrack[io]"'
        ) from problem
