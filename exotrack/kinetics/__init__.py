"""Kinetics: reference models of exocytosis, and whether the stays and events that were found agree with them.

The rooms of this room, from the model to the verdict:

* ``catalogue`` and ``generator`` turn a model (states, rates, inputs) into a `Scheme`: what a camera can see of one docked
  vesicle. ``exact`` and ``stochastic`` say what a population of them does.
* ``stays`` reads results folders into one row per docked stay; ``observe`` makes the same rows from true stays, as a camera
  would have recorded them.
* ``estimators``, ``rates`` and ``resample`` describe such rows without a model.
* ``likelihood`` says how probable they are under a `Scheme`, frame by frame; ``missed`` corrects for sojourns too short to be
  seen; ``fit`` finds the rates and says which of them the data do not tell; ``ranking`` chooses between models; ``goodness``
  asks whether the chosen one is good enough.

A fit takes a function from the values of the rates to a `Scheme`, so that nothing of it depends on the catalogue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exotrack.kinetics.scheme import Scheme as Scheme

_HOMES = {"Scheme": "scheme"}
"""Public name to the module that holds it; loaded when first asked for."""

__all__ = ["Scheme"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
