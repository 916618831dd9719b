"""The strip of small windows in the frames around an event; a click on one goes to its frame.

Frames are read in a thread: a file on a slow disk must not hold the viewer up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from exotrack.movie import Movie
from napari_exotrack._background import Background
from napari_exotrack._colours import palette

ROWS = 2
LABEL = 13
"""Pixels of the screen for the time under a tile."""


@dataclass(frozen=True)
class Tiles:
    """Windows (n, side, side) as grey values 0 to 255, their frames, and the event's."""

    pixels: NDArray[np.uint8]
    frames: tuple[int, ...]
    event_frame: int


def cut(movie: Movie, frames: tuple[int, ...], place: tuple[int, int, int], event_frame: int) -> Tiles:
    """Cut the window (y, x, half) out of the frames, all with one contrast; black where there is no picture."""
    from exotrack.errors import InputError

    y, x, half = place
    side = 2 * half + 1
    crops = np.full((len(frames), side, side), np.nan, np.float32)
    height, width = movie.shape[1:]
    y0, y1, x0, x1 = max(y - half, 0), min(y + half + 1, height), max(x - half, 0), min(x + half + 1, width)
    for number, frame in enumerate(frames):
        try:
            pixels = movie[frame]
        except InputError:
            continue
        if y0 < y1 and x0 < x1:
            crops[number, y0 - y + half : y1 - y + half, x0 - x + half : x1 - x + half] = pixels[y0:y1, x0:x1]
    finite = crops[np.isfinite(crops)]
    low, high = np.percentile(finite, [1.0, 99.8]) if finite.size else (0.0, 1.0)
    grey = np.nan_to_num(np.clip((crops - low) / max(float(high - low), 1e-9), 0, 1))
    return Tiles(np.rint(grey * 255).astype(np.uint8), frames, event_frame)


class MontageView(QWidget):
    """Tiles in two rows, the event's own framed."""

    def __init__(self, go: Callable[[int], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._go = go
        self.tiles: Tiles | None = None
        self._frame_s, self._colours = 1.0, palette(dark=True)
        self.background = Background(self)
        self.setMinimumHeight(122)
        self.setToolTip("The event's own frame is outlined; click on a frame to go to it")

    def ask(self, movie: Movie | None, event: Any, radius_um: float, colours: dict[str, str]) -> None:
        """Show the windows around an event (a row with its place in the picture), or nothing."""
        self.background.forget()
        self._colours = colours
        self.tiles = None
        self.update()
        if movie is None or event is None:
            return
        from exotrack.report.strips import window

        one = window(event, movie, radius_um)
        self._frame_s = movie.frame_s
        self.background.ask(lambda: cut(movie, one.frames, (one.y, one.x, one.half), one.event_frame), self._arrived)

    def sizeHint(self) -> QSize:
        """Two rows of readable tiles."""
        return QSize(380, 130)

    def boxes(self) -> list[QRectF]:
        """Where each tile is drawn."""
        n = 0 if self.tiles is None else len(self.tiles.frames)
        columns = max(-(-n // ROWS), 1)
        side = min(self.width() / columns, self.height() / ROWS - LABEL)
        return [QRectF((k % columns) * side, (k // columns) * (side + LABEL), side - 2, side - 2) for k in range(n)]

    def paintEvent(self, event: Any) -> None:
        """Draw the tiles with their times from the event."""
        if self.tiles is None:
            return
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        for pixels, frame, box in zip(self.tiles.pixels, self.tiles.frames, self.boxes(), strict=True):
            side = pixels.shape[0]
            grey = np.ascontiguousarray(pixels).tobytes()  # the image does not own its pixels in every binding
            image = QImage(grey, side, side, side, QImage.Format.Format_Grayscale8)
            painter.drawImage(box, image)
            own = frame == self.tiles.event_frame
            if own:
                painter.setPen(QPen(QColor(self._colours["accent"]), 2))
                painter.drawRect(box)
            painter.setPen(QColor(self._colours["ink" if own else "muted"]))
            label = QRectF(box.left() - 4, box.bottom() + 1, box.width() + 8, LABEL)
            painter.drawText(label, Qt.AlignmentFlag.AlignCenter, self._words(frame))
        painter.end()

    def mousePressEvent(self, event: Any) -> None:
        """Go to the frame under the mouse."""
        if self.tiles is not None:
            for frame, box in zip(self.tiles.frames, self.boxes(), strict=True):
                if box.contains(event.position()):
                    self._go(frame)

    def _words(self, frame: int) -> str:
        assert self.tiles is not None
        away = (frame - self.tiles.event_frame) * self._frame_s
        return "0 s" if away == 0 else f"{away:+.2g}".replace("-", "−")

    def _arrived(self, tiles: Any) -> None:
        self.tiles = tiles if isinstance(tiles, Tiles) else None
        self.update()
