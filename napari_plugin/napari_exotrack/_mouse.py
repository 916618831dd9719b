"""A click in the picture, told from the beginning of a drag; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

STILL = 3
"""A mouse that moves by no more than this (pixels of the screen) between press and release has clicked."""


def on_click(heard: Callable[[Any, Any], None]) -> Callable[[Any, Any], Iterator[None]]:
    """A callback for ``viewer.mouse_drag_callbacks`` that calls `heard` with the viewer and the event of a left click."""

    def pressed(viewer: Any, event: Any) -> Iterator[None]:
        begun, button = np.array(event.pos), event.button
        yield
        while event.type == "mouse_move":
            yield
        if button == 1 and np.abs(np.array(event.pos) - begun).max() <= STILL:
            heard(viewer, event)

    return pressed
