"""A command in a process of its own: its progress, its last words, and an end that leaves nothing half-written."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer

LINE = re.compile(r"exotrack: progress: (.+) (\d+) (\d+)$")
PATIENCE_MS = 8000
"""A process that was asked to end gets so long to clear up after itself before it is killed."""
SHARES = {
    "survey": 4,
    "drift": 4,
    "detect": 40,
    "link": 3,
    "measure": 25,
    "marker": 3,
    "footprint": 2,
    "classify": 25,
    "measure called": 4,
}
"""Usual parts of the time of an analysis (tests/benchmarks); what is left out counts as the last stage before it."""


class Estimate:
    """How far a run is and how long it will take, from the lines it writes."""

    def __init__(self, shares: dict[str, int]) -> None:
        self._shares, self._begun = shares, time.monotonic()
        self.what, self.share = "starting", 0.0

    def take(self, what: str, done: int, total: int) -> None:
        """Hear of `done` of `total` blocks of a stage."""
        self.what = what
        if what in self._shares:
            names = list(self._shares)
            before = sum(self._shares[name] for name in names[: names.index(what)])
            now = before + self._shares[what] * done / max(total, 1)
            self.share = max(self.share, now / sum(self._shares.values()))
        elif not self._shares:
            self.share = done / max(total, 1)

    @property
    def left_s(self) -> float | None:
        """Seconds that are left, or None while that is a guess."""
        gone = time.monotonic() - self._begun
        return None if self.share < 0.05 or gone < 1 else gone * (1 - self.share) / self.share

    @property
    def words(self) -> str:
        """For people."""
        left = self.left_s
        if left is None:
            return self.what
        return f"{self.what}, about {left:.0f} s left" if left < 90 else f"{self.what}, about {left / 60:.0f} min left"


class Command(QObject):
    """Runs ``python -m MODULE WORDS...``; tells of progress and of the end.

    progress : called with an `Estimate`. ended : called with (exit status, what it printed, what it said last); the status is
    None for a process that was stopped.
    """

    def __init__(
        self, progress: Callable[[Estimate], None], ended: Callable[[int | None, str, str], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._progress, self._ended = progress, ended
        self._process: QProcess | None = None
        self._stopped = False
        self._out, self._said, self._rest, self._number = "", "", "", 0
        self._places: Path | None = None
        self.estimate = Estimate(SHARES)

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._process is not None

    def start(self, module: str, words: Sequence[str], out: Path | None = None, shares: dict[str, int] | None = None) -> None:
        """Start it. out : folder in which it makes results, cleared of what a killed process leaves."""
        self._stopped, self._places = False, out
        self._out = self._said = self._rest = ""
        self.estimate = Estimate(SHARES if shares is None else shares)
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("EXOTRACK_PROGRESS", "lines")
        environment.insert("PYTHONUNBUFFERED", "1")
        process.setProcessEnvironment(environment)
        process.readyReadStandardError.connect(self._hear)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._over)
        process.errorOccurred.connect(self._failed)
        process.started.connect(self._began)
        self._process, self._number = process, 0
        process.start(sys.executable, ["-m", "napari_exotrack._child", module, *words])

    def stop(self) -> None:
        """Ask it to end; the command line then removes what is half-written. If it does not end in time it is killed."""
        if self._process is None:
            return
        self._stopped = True
        process = self._process
        process.closeWriteChannel()
        process.terminate()
        QTimer.singleShot(PATIENCE_MS, lambda: process.kill() if self._process is process else None)

    def close(self) -> None:
        """Stop and wait; nobody is told of the end."""
        self._progress, self._ended = lambda *_: None, lambda *_: None
        process = self._process
        if process is None:
            return
        self._stopped = True
        process.closeWriteChannel()
        process.terminate()
        if not process.waitForFinished(PATIENCE_MS):
            process.kill()
            process.waitForFinished(1000)

    def _began(self) -> None:
        if self._process is not None:
            self._number = int(self._process.processId())

    def _hear(self) -> None:
        if self._process is None:
            return
        text = self._rest + bytes(self._process.readAllStandardError()).decode("utf-8", "replace")
        *lines, self._rest = text.split("\n")
        for line in lines:
            found = LINE.match(line.strip())
            if found:
                self.estimate.take(found[1], int(found[2]), int(found[3]))
            elif line.strip():
                self._said = line.strip()
        self._progress(self.estimate)

    def _read(self) -> None:
        if self._process is not None:
            self._out += bytes(self._process.readAllStandardOutput()).decode("utf-8", "replace")

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._said = f"{sys.executable} could not be started"
            self._over(2)

    def _over(self, status: int = 0, *_: object) -> None:
        if self._process is None:
            return
        self._hear()
        self._read()
        self._process = None
        if self._stopped and self._places is not None:
            self._clear(self._places)
        said = self._said.removeprefix("exotrack: ").removeprefix("error: ")
        self._ended(None if self._stopped else status, self._out, said)

    def _clear(self, out: Path) -> None:
        """Remove the temporary folder of a process that could not do so itself (killed; on Windows every stopped one)."""
        if out.is_dir():
            for left in out.glob(f".*.{self._number}.tmp"):
                shutil.rmtree(left, ignore_errors=True)
