"""The keys of the review, declared once: the viewer, the dock, its tooltips and the list of shortcuts all read this; no Qt.

Only letters that no layer of napari uses: a layer's own key would win over the viewer's without a word.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """A letter, the name of what it does (a method of the review dock), and what that is in words."""

    letter: str
    action: str
    words: str


KEYS = (
    Key("K", "accept", "Keep: the call is right"),
    Key("J", "reject", "Junk: no event"),
    Key("H", "change", "Change to the next kind"),
    Key("N", "next", "Next event"),
    Key("G", "previous", "Go back to the previous event"),
    Key("U", "uncertain", "Next event that is most uncertain and not judged yet"),
    Key("Q", "undo", "Undo"),
    Key("W", "redo", "Redo what was undone"),
)
BY_ACTION = {key.action: key for key in KEYS}
BY_LETTER = {key.letter: key.action for key in KEYS}
