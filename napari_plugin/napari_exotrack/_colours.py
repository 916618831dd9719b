"""The colours of the report, read from its style sheet, so that a kind looks the same on the page and in the viewer; no Qt.

They are Okabe and Ito's (2008), told apart by every eye, in two strengths: for light and for dark ground.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


@cache
def palette(dark: bool) -> dict[str, str]:
    """Colour by name (kinds of events, ink, muted, grid, line, surface, accent, model, other, warn, ok) for one ground."""
    import exotrack

    css = (Path(exotrack.__file__).parent / "report" / "report.css").read_text(encoding="utf-8")
    light, night = re.findall(r":root\{([^}]*)\}", css)[:2]
    found = _declared(light)
    return found | _declared(night) if dark else found


@cache
def em_palette() -> dict[str, str]:
    """Colour of each state of a vesicle as the report draws it on a micrograph; ``none`` is that of no state."""
    import exotrack

    css = (Path(exotrack.__file__).parent / "report" / "em.css").read_text(encoding="utf-8")
    return dict(re.findall(r"circle\.(\w+)\{stroke:(#[0-9a-f]{6})", css))


def _declared(block: str) -> dict[str, str]:
    return {name: _long(colour) for name, colour in re.findall(r"--(\w+):(#[0-9a-fA-F]{3,6})", block)}


def _long(colour: str) -> str:
    return "#" + "".join(2 * digit for digit in colour[1:]) if len(colour) == 4 else colour
