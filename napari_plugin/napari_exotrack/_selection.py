"""What is chosen: the one place that table, viewer, trace and keys read and set; no Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Heard = Callable[["Selection"], None]


@dataclass
class Selection:
    """One event, or a track without one; hearers are told of every change once, whoever made it."""

    event_id: int | None = None
    track_id: int | None = None
    hearers: list[Heard] = field(default_factory=list)

    def choose(self, event_id: int | None, track_id: int | None = None) -> None:
        """Choose an event with its track, or a track alone; nothing happens if it is chosen already."""
        if (event_id, track_id) == (self.event_id, self.track_id):
            return
        self.event_id, self.track_id = event_id, track_id
        for hear in list(self.hearers):
            hear(self)
