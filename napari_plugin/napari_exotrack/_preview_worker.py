"""The child process of the preview: a line of JSON in, spots of one frame out, until its input ends; no Qt.

A process of its own, because compiling and detecting would hold the viewer up.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np


def spots_of(question: dict[str, Any]) -> dict[str, Any]:
    """Spots (row, column, in pixels) of a frame among its neighbours, or the reason why there are none.

    question : ``frames`` (.npy file of frames), ``at`` (which of them), ``pixel_um``, ``frame_s``, ``detect`` (parameters).
    """
    from exotrack.detect import detect
    from exotrack.errors import ExotrackError
    from exotrack.movie import Movie
    from exotrack.params import DetectParams

    try:
        pixels = np.load(question["frames"])
        movie = Movie.from_array(pixels, pixel_um=question["pixel_um"], frame_s=question["frame_s"])
        found = detect(movie, DetectParams.read(question["detect"]))
    except (ExotrackError, OSError) as error:
        return {"number": question["number"], "error": str(error), "spots": []}
    own = found[found["frame"] == question["at"]]
    places = (own[["y_um", "x_um"]].to_numpy(float) / question["pixel_um"]).round(3).tolist()
    return {"number": question["number"], "error": "", "spots": places}


def main() -> None:
    """Answer questions until there are no more."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(spots_of(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
