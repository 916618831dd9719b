"""The child's side of a run: ``python -m napari_exotrack._child MODULE WORDS...`` is the module, and ends when its parent does.

The parent holds the child's input open. However the parent ends (a crash, a power cut of the viewer's window), the input
closes, and the child clears up as if it had been told to stop. No Qt.
"""

from __future__ import annotations

import _thread
import os
import runpy
import signal
import sys
import threading
import time

PATIENCE_S = 10.0
"""Clearing up may take so long before the process is ended as it stands."""


def watch(descriptor: int = 0) -> threading.Thread:
    """Ask this process to end once its input has closed, from a thread beside it."""

    def wait() -> None:
        while os.read(descriptor, 4096):
            pass
        if os.name == "posix":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            _thread.interrupt_main()  # elsewhere a signal would end the process without clearing up
        time.sleep(PATIENCE_S)
        os._exit(128 + signal.SIGTERM)

    # Read below Python's own buffer: a daemon thread that holds it would break the end of the interpreter.
    watcher = threading.Thread(target=wait, daemon=True, name="parent-watch")
    watcher.start()
    return watcher


def main() -> None:
    """Watch, and be the module."""
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    watch()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
