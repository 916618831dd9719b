"""What the user prefers, from napari's own Preferences dialog; declared in napari.yaml."""

from __future__ import annotations

from typing import Any


def preference(page: str, name: str, default: Any) -> Any:
    """A preference of exotrack, or the default where this napari knows none (before 0.9, or the plugin is not registered)."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return default
    try:
        return getattr(getattr(get_plugin_settings("exotrack"), page), name)
    except (AttributeError, KeyError, ValueError):
        return default
