"""Kinetics: reference models of exocytosis, and whether the stays and events that were found agree with them.

The rooms of this room, from the model to the verdict:

* ``catalogue`` and ``generator`` turn a model (states, rates, inputs) into a `Scheme`: what a camera can see of one docked
  vesicle. ``exact`` and ``stochastic`` say what a population of them does.
* ``study`` reads results folders, ``stays`` makes of them one row per docked stay; ``observe`` makes the same rows from true
  stays, as a camera would have recorded them.
* ``estimators``, ``rates`` and ``resample`` describe such rows without a model.
* ``sightings`` puts equal rows together, ``course`` says what a `Scheme` does from frame to frame, ``calls``
  how often an exit is called another; ``likelihood`` makes of them how probable the rows are. ``missed`` corrects for sojourns
  too short to be seen, ``snapshot`` takes in counts from micrographs.
* ``fit`` finds the most probable rates, ``profiles`` says which of them the data do not tell; ``ranking`` chooses between models;
  ``goodness`` asks whether the chosen one is good enough.

A fit takes a function from the values of the rates to a `Scheme`, so that nothing of it depends on the catalogue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exotrack.kinetics.calls import Calls as Calls
    from exotrack.kinetics.course import Course as Course
    from exotrack.kinetics.fit import Fit as Fit
    from exotrack.kinetics.fit import Free as Free
    from exotrack.kinetics.fit import Problem as Problem
    from exotrack.kinetics.profiles import Profile as Profile
    from exotrack.kinetics.scheme import Scheme as Scheme
    from exotrack.kinetics.sightings import Sightings as Sightings
    from exotrack.kinetics.snapshot import Snapshot as Snapshot
    from exotrack.kinetics.stays import Stays as Stays
    from exotrack.kinetics.study import Study as Study
    from exotrack.kinetics.study import read_study as read_study

_HOMES = {
    "Calls": "calls",
    "Course": "course",
    "Fit": "fit",
    "Free": "fit",
    "Problem": "fit",
    "Profile": "profiles",
    "Scheme": "scheme",
    "Sightings": "sightings",
    "Snapshot": "snapshot",
    "Stays": "stays",
    "Study": "study",
    "read_study": "study",
}
"""Public name to the module that holds it; loaded when first asked for."""

__all__ = [
    "Calls", "Course", "Fit", "Free", "Problem", "Profile", "Scheme", "Sightings", "Snapshot", "Stays", "Study", "read_study",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
