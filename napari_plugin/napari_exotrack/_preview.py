"""Spots of the current frame as parameters change: asked of a child process that stays alive between questions."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QProcess

from napari_exotrack._background import Background
from napari_exotrack._source import Source

AROUND = 4
"""Frames on each side that detection is given: its noise and its support come from them."""


class Preview(QObject):
    """One question at a time; of those that come meanwhile only the last is asked. `heard` gets the answer and its frame."""

    def __init__(self, heard: Callable[[dict[str, Any], int], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._heard = heard
        self._process: QProcess | None = None
        self._waiting: tuple[Source, int, dict[str, Any]] | None = None
        self._asked: int | None = None
        self._number = 0
        self._rest = b""
        self._reading = Background(self)
        self._folder = tempfile.TemporaryDirectory(prefix="exotrack-preview-")

    def ask(self, source: Source, frame: int, detect: dict[str, Any]) -> None:
        """Detect in a frame of a movie with calibration, with these parameters."""
        self._waiting = (source, frame, detect)
        self._next()

    def close(self) -> None:
        """End the child."""
        self._waiting = None
        self._reading.close()
        if self._process is not None:
            process, self._process = self._process, None
            process.closeWriteChannel()
            process.terminate()
            if not process.waitForFinished(3000):
                process.kill()
                process.waitForFinished(1000)
        self._folder.cleanup()

    def _next(self) -> None:
        if self._waiting is None or self._asked is not None:
            return
        (source, frame, detect), self._waiting = self._waiting, None
        self._asked = frame
        self._number += 1
        path = Path(self._folder.name) / "frames.npy"

        def read() -> dict[str, Any]:
            n = source.shape[0]
            first = int(np.clip(frame - AROUND, 0, max(n - 2 * AROUND - 1, 0)))
            np.save(path, source.read(first, min(first + 2 * AROUND + 1, n)))
            calibration = {"pixel_um": source.pixel_um, "frame_s": source.frame_s}
            return {"number": self._number, "frames": str(path), "at": frame - first, "detect": detect, **calibration}

        self._reading.ask(read, self._send)

    def _send(self, question: Any) -> None:
        if isinstance(question, Exception):
            self._done({"error": str(question), "spots": []})
            return
        if self._process is None:
            self._process = QProcess(self)
            self._process.readyReadStandardOutput.connect(self._hear)
            self._process.finished.connect(self._ended)
            self._process.start(sys.executable, ["-m", "napari_exotrack._preview_worker"])
        self._process.write((json.dumps(question) + "\n").encode())

    def _hear(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput())).split(b"\n")
        for line in lines:
            self._done(json.loads(line))

    def _ended(self, *_: object) -> None:
        if self._process is not None:
            self._process = None
            self._done({"error": "the preview's process ended", "spots": []})

    def _done(self, answer: dict[str, Any]) -> None:
        frame, self._asked = self._asked, None
        if frame is not None:
            self._heard(answer, frame)
        self._next()
