"""No child process outlives its dock, its viewer, an exception or the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import exotrack
from exotrack._runs import sample

Docks = Callable[..., Any]
CALIBRATED: dict[str, Any] = {"scale": (0.1, 0.107, 0.107), "units": ("s", "um", "um")}


def children() -> list[str]:
    """Command lines of our child processes that are alive, those below them too."""
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            words = " ".join(one.cmdline())
            if one.status() != psutil.STATUS_ZOMBIE and "napari_exotrack" in words:
                found.append(words)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
def busy(docks: Docks, qtbot: Any, tmp_path: Path) -> Any:
    """An analyse dock in a viewer that is shown, with a preview and a run at work."""
    pixels = exotrack.open_movie(sample("granule.tif")).read(0, 40)[:, :64, :64]
    dock = docks("analyse")
    dock.viewer.add_image(np.tile(pixels, (30, 2, 2)), name="long", **CALIBRATED)
    dock.live.setChecked(True)
    dock.out.setText(str(tmp_path / "out"))
    dock.run()
    qtbot.waitUntil(lambda: dock.command.running and dock.command.estimate.what != "starting", timeout=120_000)
    qtbot.waitUntil(lambda: len(children()) == 2, timeout=120_000)
    return dock


def close_dock(dock: Any) -> None:
    dock.viewer.window.remove_dock_widget(dock)


def close_window(dock: Any) -> None:
    from qtpy.QtCore import Qt

    window = dock.window()
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # what makes viewers for tests wants to do that itself
    window.close()


def close_viewer(dock: Any) -> None:
    dock.viewer.close()


def quit_program(dock: Any) -> None:
    from qtpy.QtWidgets import QApplication

    QApplication.instance().aboutToQuit.emit()


@pytest.mark.parametrize("how", [close_dock, close_window, close_viewer, quit_program])
def test_children_end_with_what_held_them(busy: Any, how: Any, tmp_path: Path) -> None:
    how(busy)
    assert children() == []
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"long.tif", "long.tif.params.toml"}
    if how is close_dock:
        busy.viewer.dims.set_current_step(0, 3)
        busy.viewer.layers.clear()


def test_an_exception_in_the_dock_does_not_leave_its_children(busy: Any) -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    busy.movie.let_go = broken
    with pytest.raises(RuntimeError, match="broken"):
        busy.end()
    assert children() == []


def test_a_dock_that_is_hidden_goes_on(busy: Any, qtbot: Any) -> None:
    holder = busy.parent()
    holder.hide()
    qtbot.wait(50)
    assert len(children()) == 2
    holder.show()
    assert busy.command.running


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """What clears up on a request to stop also does when the parent is gone."""
    mark = tmp_path / "half"
    child = tmp_path / "child.py"
    child.write_text(
        "import signal, sys, time, pathlib\n"
        "def stop(*_):\n    pathlib.Path(sys.argv[1]).unlink()\n    sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "pathlib.Path(sys.argv[1]).write_text('half')\ntime.sleep(200)\n"
    )
    parent = (
        "import subprocess, sys, time\n"
        f"words = [sys.executable, '-m', 'napari_exotrack._child', 'child', {str(mark)!r}]\n"
        "one = subprocess.Popen(words, stdin=subprocess.PIPE)\n"
        "print(one.pid, flush=True)\ntime.sleep(200)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment) as one:
        assert one.stdout is not None
        number = int(one.stdout.readline())
        until(mark.exists)
        one.send_signal(signal.SIGKILL)
    until(lambda: not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE)
    assert not mark.exists()


def until(found: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + limit_s
    while not found():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
