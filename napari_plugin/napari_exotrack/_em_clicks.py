"""What clicks in a micrograph do: they choose a vesicle, or add one where none was found."""

from __future__ import annotations

from typing import Any

import numpy as np

MEMBRANE = "membrane"


class EmClicks:
    """Part of the EM dock, which has the layers, `micrograph`, `table` and `note`."""

    staying = False
    """The view stays where it is while a vesicle is chosen."""

    def _adding(self: Any, wanted: bool) -> None:
        """Clicks add vesicles from now on, or no more."""
        image = self.layer.currentData()
        if wanted and image is not None:
            self.viewer.layers.selection.active = image
            self.note.say("Click on the middle of each vesicle; it gets the diameter in the field", "ok")
        else:
            self.note.say("")

    def click(self: Any, viewer: Any, event: Any) -> None:
        """A click adds a vesicle, or chooses the one under it; while the membrane is drawn it does neither."""
        image, micrograph, membrane = self.layer.currentData(), self.micrograph, self._own(MEMBRANE)
        drawing = membrane is not None and viewer.layers.selection.active is membrane and membrane.mode != "pan_zoom"
        if image is None or micrograph is None or drawing:
            return
        if viewer.dims.ndisplay != 2:
            if self.add_button.isChecked():
                self.note.say("Vesicles are added in the flat view: switch the 3-D view off first")
            return
        at = np.asarray(image.world_to_data(np.asarray(event.position, float)[-image.ndim :]))
        if self.add_button.isChecked():
            self.add(at)
        elif (number := micrograph.vesicle_at(at)) is not None:
            self._select(int(np.flatnonzero(micrograph.vesicles["vesicle_id"] == number)[0]))

    def add(self: Any, at_px: Any) -> None:
        """Add a vesicle at a place (pixels of the image) and choose it."""
        image, micrograph = self.layer.currentData(), self.micrograph
        if image is None or micrograph is None:
            return
        if not all(-0.5 <= value <= n - 0.5 for value, n in zip(at_px, image.data.shape, strict=True)):
            self.note.say("That is outside the image")
            return
        if self._try(lambda: micrograph.add(at_px, self.diameter.value())) is not None:
            self.show_all()
            self._select(self.table.rowCount() - 1)

    def _select(self: Any, row: int) -> None:
        """Choose a row without moving the picture under the mouse."""
        self.staying = True
        self.table.selectRow(row)
        self.staying = False
