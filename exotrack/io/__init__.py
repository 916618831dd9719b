"""Movies in (one file per format), tables out, tracks both ways.

`open_movie` reads any supported file into a lazy `Movie`, `read_mask` reads cell footprints, `write_results` and
`read_results` keep a folder of tables, `read_dataset` reads one table of a whole study, `read_tracks` and `write_tracks`
exchange tracks with other programs. Names are fetched when first used, so importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exotrack.io.dataset import read_dataset as read_dataset
    from exotrack.io.mask import read_mask as read_mask
    from exotrack.io.open import open_movie as open_movie
    from exotrack.io.results import Results as Results
    from exotrack.io.results import read_results as read_results
    from exotrack.io.results import write_results as write_results
    from exotrack.io.tracks import read_tracks as read_tracks
    from exotrack.io.tracks import write_tracks as write_tracks

_HOME = {
    "Results": "exotrack.io.results",
    "open_movie": "exotrack.io.open",
    "read_dataset": "exotrack.io.dataset",
    "read_mask": "exotrack.io.mask",
    "read_results": "exotrack.io.results",
    "read_tracks": "exotrack.io.tracks",
    "write_results": "exotrack.io.results",
    "write_tracks": "exotrack.io.tracks",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'exotrack.io' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
