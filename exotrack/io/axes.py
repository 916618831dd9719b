"""Which planes of a file are the movie: axes, channel, time series stored as slices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exotrack.errors import InputError
from exotrack.io.stored import Planes, Stored

_WORDS = {"Z": "slices (Z)", "I": "a plain sequence of pages", "Q": "pages without a meaning", "P": "positions"}


@dataclass(frozen=True, eq=False)
class Choice:
    """Planes of the movie in time order, and what the user should know about the choice."""

    planes: Planes
    notes: tuple[str, ...] = ()


def choose(stored: Stored, name: str, axes: str | None, channel: int | str | None) -> Choice:
    """Planes of one channel of one time series.

    Raises `InputError` where the file does not say which axis is time, or which channel is meant.
    """
    if axes is not None:
        stored = _renamed(stored, name, axes)
    planes, long = _one_channel(stored, name, channel)
    return Choice(planes, _time_note(stored, name, long))


def choose_sections(stored: Stored, name: str, channel: int | str | None) -> Choice:
    """Planes of one channel of one stack of sections, or of a single one.

    Raises `InputError` where there is more than one axis of sections, or it is not said which channel is meant.
    """
    planes, long = _one_channel(stored, name, channel)
    if len(long) > 1:
        raise InputError(f"{name}: holds more than one stack of sections ({stored.sizes}); save one of them")
    odd = "" if set(long) <= {"Z", "I"} else f"its {next(iter(long.values()))} planes are taken as sections along z"
    return Choice(planes, (odd,) if odd else ())


def _one_channel(stored: Stored, name: str, channel: int | str | None) -> tuple[Planes, dict[str, int]]:
    """Planes of the channel, and the lengths of the axes that remain."""
    if "S" in stored.axes and stored.shape[stored.axes.index("S")] > 1:
        raise colour(name, stored.shape[stored.axes.index("S")])
    if stored.axes[-2:] != "YX":
        raise InputError(f"{name}: the last two axes must be Y and X, found {stored.axes}; save it with time first")
    planes = np.arange(int(np.prod(stored.shape[:-2])), dtype=np.int64).reshape(stored.shape[:-2])
    letters = stored.axes[:-2]
    if "C" in letters:
        at = letters.index("C")
        planes = np.asarray(planes.take(_channel(stored, name, channel), axis=at))
        letters = letters.replace("C", "")
    elif channel not in (None, 0, "0"):
        raise InputError(f"{name}: has one channel, --channel {channel} was asked for; leave --channel out")
    long = {letter: length for letter, length in zip(letters, planes.shape, strict=True) if length > 1}
    return planes.reshape(-1), long


def _time_note(stored: Stored, name: str, long: dict[str, int]) -> tuple[str, ...]:
    """What to tell the user about the one axis that is left; `InputError` where none or several are."""
    if not long:
        raise InputError(f"{name}: holds a single frame ({stored.sizes}); a movie needs a time series")
    if len(long) > 1:
        raise InputError(
            f"{name}: holds more than one time series ({stored.sizes}) and one plane per time point is analysed; "
            "save one plane, or if the axes are named wrongly name them with --axes"
        )
    letter, length = next(iter(long.items()))
    if letter == "T":
        return ()
    what = _WORDS.get(letter, f"axis {letter}")
    return (f"time series stored as {what}: its {length} planes are taken as frames in time",)


def _renamed(stored: Stored, name: str, axes: str) -> Stored:
    letters = axes.strip().upper()
    if len(letters) != len(stored.axes):
        # axes of length 1 need not be named
        kept = [k for k, length in enumerate(stored.shape) if length > 1 or k >= len(stored.shape) - 2]
        if len(letters) != len(kept):
            raise InputError(
                f"{name}: --axes {axes} names {len(letters)} axes, the file has {len(kept)} ({stored.sizes}); "
                "give one letter for each, in this order"
            )
        stored = replace(stored, axes="".join(stored.axes[k] for k in kept), shape=tuple(stored.shape[k] for k in kept))
    if len(set(letters)) != len(letters) or not letters.endswith("YX") or not letters.isalpha():
        raise InputError(f"{name}: --axes {axes} must be different letters that end in YX, such as TYX or TCYX")
    channels = stored.channels if "C" in letters and stored.axes.find("C") == letters.find("C") else ()
    return replace(stored, axes=letters, channels=channels)


def _channel(stored: Stored, name: str, wanted: int | str | None) -> int:
    count = stored.shape[stored.axes.index("C")]
    names = stored.channels if len(stored.channels) == count else ("",) * count
    listed = ", ".join(f"{number} {text!r}" if text else str(number) for number, text in enumerate(names[:10]))
    listed += ", ..." if count > 10 else ""
    if wanted is None:
        if count == 1:
            return 0
        others = int(np.prod(stored.shape[:-2])) // count
        hint = " (if they are time points, name the axes with --axes TYX)" if others == 1 else ""
        raise InputError(f"{name}: holds {count} channels ({listed}); choose one with --channel{hint}")
    if isinstance(wanted, str) and wanted in names:
        if names.count(wanted) > 1:
            raise InputError(f"{name}: {names.count(wanted)} channels are called {wanted!r}; give --channel by number")
        return names.index(wanted)
    if str(wanted).isdecimal() and int(wanted) < count:
        return int(wanted)
    raise InputError(f"{name}: there is no channel {wanted!r}; found {count} ({listed})")


def colour(name: str, samples: int) -> InputError:
    """The error for pictures with several samples per pixel."""
    return InputError(
        f"{name}: a colour image ({samples} samples per pixel), not a measurement of counts; "
        "export the raw channel as grey values of 8 or 16 bits"
    )
