"""What the command line shares: one-line errors with an exit status, interruptions, progress bars, tables on a terminal."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from exotrack.errors import ExotrackError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_USAGE = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
"""Base of what typer raises for wrong use, wherever the installed version keeps it."""


class Interrupted(BaseException):
    """Ctrl-C or a request to end; no handler of ordinary errors catches it, so everything half-written is removed."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


_arrived: list[Interrupted] = []
"""The interruption that came, if one did."""


def exit_status(work: Callable[[], Any]) -> int:
    """Do `work` and return the exit status: 0, or that of the error, of which one line is said on stderr."""
    try:
        with _interruptible():
            done = work()
        sys.stdout.flush()
        return done if isinstance(done, int) else 0
    except Interrupted as interruption:
        _leave(interruption)
    except typer.Exit as done:
        return int(done.exit_code)
    except (BrokenPipeError, SystemExit) as left:
        if not isinstance(left, BrokenPipeError) and not isinstance(left.__context__, BrokenPipeError):
            raise
        # Whoever read the output (head, less) has seen enough; Python would complain on closing it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost handler: every error becomes one line and a status
        if (behind := interruption_behind(error)) is not None:
            _leave(behind)
        complain(explained(error))
        return status_of(error)


def _leave(interruption: Interrupted) -> NoReturn:
    """Say that it was interrupted and end at once: worker threads may be deep in a block, but they write nothing."""
    complain(f"interrupted ({interruption}); nothing half-written was left")
    sys.stdout.flush()
    os._exit(interruption.exit_status)


def interruption_behind(error: BaseException) -> Interrupted | None:
    """The interruption that an error hides: compiled code that one lands in raises a SystemError with it as the cause."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, Interrupted):
        behind = behind.__cause__ or behind.__context__
    return behind


def complain(text: str, word: str = "error") -> None:
    """Say one line on stderr."""
    line = " ".join(text.split())
    typer.echo(f"exotrack: {word}: {line}".encode("utf-8", "backslashreplace"), err=True)


def explained(error: Exception) -> str:
    """What went wrong in one line; for an error nobody foresaw, with its place in the source."""
    if isinstance(error, ExotrackError):
        return str(error)
    if isinstance(error, _USAGE):
        usage: Any = error
        return f"{usage.format_message().rstrip('.')}; see exotrack --help"
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"unforeseen {type(error).__name__}: {error} ({where}); please report it with the command and a small movie"


def status_of(error: Exception) -> int:
    """The exit status that an error stands for."""
    if isinstance(error, ExotrackError):
        return error.exit_status
    return 2 if isinstance(error, _USAGE) else 1


@contextmanager
def _interruptible() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)  # a second Ctrl-C must not stop the clearing up
        arrived.append(Interrupted(number))
        raise arrived[0]

    arrived = _arrived
    arrived.clear()
    # A signal that was ignored when we were started (nohup, a background job) stays ignored.
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    before = {one: handler for one, handler in before.items() if handler != signal.SIG_IGN}
    for one in before:
        signal.signal(one, interrupt)
    try:
        yield
    except Exception as error:
        # What the interruption lands in may turn it into an error of its own (a compiler, a reader of files).
        if arrived:
            raise arrived[0] from error
        raise
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class Bars:
    """Progress bars on stderr, from two seconds on, if it is a terminal. Call with (what, done, in all).

    With ``EXOTRACK_PROGRESS=lines`` every call is a line ``exotrack: progress: what done total`` instead, for programs.
    """

    PATIENCE_S = 2.0

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._begun = time.monotonic()
        self._shown: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if _arrived:  # and was swallowed by what it landed in
            raise _arrived[0]
        if os.environ.get("EXOTRACK_PROGRESS") == "lines":
            complain(f"{what} {done} {total}", "progress")
            return
        if not sys.stderr.isatty() or time.monotonic() - self._begun < self.PATIENCE_S:
            return
        if self._shown is None:
            self._shown = _bars()
            self._shown.start()
        if what not in self._tasks:
            from rich.markup import escape

            self._tasks[what] = self._shown.add_task(escape(f"{self._title} {what}".strip()), total=total)
        self._shown.update(self._tasks[what], completed=done, total=total)


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def show_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; what is no terminal gets lines as wide as they need to be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=200)
    with console.capture() as printed:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))
