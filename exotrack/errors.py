"""What can go wrong, by whose hand: each error says what was wrong, what was found, and what to do.

The command line turns each class into an exit status (``exit_status``); nothing else in the package exits.
"""


class ExotrackError(Exception):
    """Base of every error exotrack raises on purpose; its text is one line fit for a user, whatever names it holds."""

    exit_status = 1

    def __str__(self) -> str:
        """The text in one line, with what cannot be printed escaped."""
        return printable(" ".join(super().__str__().splitlines()))


class InputError(ExotrackError):
    """A movie, mask or table that cannot be used as it is."""

    exit_status = 2


class CalibrationError(InputError):
    """A pixel size or frame interval that is missing or absurd; the text names the flag to give."""


class ParameterError(ExotrackError):
    """A parameter, preset or setting that does not exist or is out of range."""

    exit_status = 2


class OutputError(ExotrackError):
    """A results folder that cannot be written, or would be overwritten."""

    exit_status = 2


class TryAgainError(ExotrackError):
    """A passing condition (disk full, wall time near): the same command may work later."""

    exit_status = 75


def printable(text: str) -> str:
    """Text for a message of one line: whatever cannot be printed, such as a line break, is escaped."""
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
