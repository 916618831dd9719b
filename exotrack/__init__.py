"""exotrack: from a secretion movie to docking, full fusion and kiss-and-run events.

How it is built
---------------
A movie goes through four stages, each a function ``(data, params) -> table``::

    file -> Movie -> Spots -> Tracks -> Traces -> Candidates + Episodes + Events -> report

* `open_movie` reads any supported file lazily into a `Movie`: pixels, pixel size (um), frame interval (s).
* `detect`, `link`, `measure`, `classify` are the stages, one folder each. They never import one another.
* `analyse` runs them in order: it alone knows the order.
* `simulate` makes movies with known truth, `score` compares found tables with true ones, `calibrate` injects simulated events
  into a user's own movie and says what is found of them.
* `exotrack.stats` compares conditions across the cells and animals of many movies.

Tables (columns, dtypes, units, meaning) are in `exotrack.tables`, parameters (units, defaults, reasons) in
`exotrack.params`, shared physics in `exotrack.physics`, errors in `exotrack.errors`. Names carry units; coordinates are
(t, y, x) and the centre of pixel (0, 0) is 0 um; frames count from 0.

Importing exotrack loads nothing heavy: each name below is fetched when first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exotrack.calibrate import calibrate as calibrate
    from exotrack.classify import classify as classify
    from exotrack.detect import detect as detect
    from exotrack.io import open_movie as open_movie
    from exotrack.io import read_dataset as read_dataset
    from exotrack.io import read_results as read_results
    from exotrack.io import write_results as write_results
    from exotrack.link import link as link
    from exotrack.measure import measure as measure
    from exotrack.movie import Movie as Movie
    from exotrack.params import preset as preset
    from exotrack.pipeline import analyse as analyse
    from exotrack.score import score as score
    from exotrack.simulate import simulate as simulate
    from exotrack.simulate import simulation as simulation

__version__ = "0.1.0"

_HOME = {
    "Movie": "exotrack.movie",
    "analyse": "exotrack.pipeline",
    "calibrate": "exotrack.calibrate",
    "classify": "exotrack.classify",
    "detect": "exotrack.detect",
    "link": "exotrack.link",
    "measure": "exotrack.measure",
    "open_movie": "exotrack.io",
    "preset": "exotrack.params",
    "read_dataset": "exotrack.io",
    "read_results": "exotrack.io",
    "score": "exotrack.score",
    "simulate": "exotrack.simulate",
    "simulation": "exotrack.simulate",
    "write_results": "exotrack.io",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'exotrack' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


class _Package(ModuleType):
    """The package, in which a name like ``detect`` stays the verb after the folder of that name has been imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds each folder it has loaded to its name here, over the verb.
        super().__setattr__(name, getattr(value, name, value) if name in _HOME and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])
