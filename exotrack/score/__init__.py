"""True tables against found tables: what was found, missed and mistaken, and how well it was measured.

`score` pairs true and found events one to one within `Gates` and returns `Scores`: counts with precision, recall and F1
per kind, the confusion of kinds, errors in time and place, the bias and coverage of every measure, and the calibration
of the probabilities. `score_tracks` compares tracks by the measures of the Particle Tracking Challenge. Neither knows how
a table was made, so they score any tool whose events or tracks they are given.
"""

from exotrack.score.calibration import Calibration
from exotrack.score.compare import Evidence, score, score_loaded
from exotrack.score.counts import Count
from exotrack.score.load import load_pair, load_scored
from exotrack.score.matching import Gates
from exotrack.score.measures import Errors, Measure
from exotrack.score.scores import Scores
from exotrack.score.spots import SpotScore, score_spots
from exotrack.score.tracking import TrackScore, score_tracks

__all__ = [
    "Calibration",
    "Count",
    "Errors",
    "Evidence",
    "Gates",
    "Measure",
    "Scores",
    "SpotScore",
    "TrackScore",
    "load_pair",
    "load_scored",
    "score",
    "score_loaded",
    "score_spots",
    "score_tracks",
]
