"""Real movies: telomeres move and nothing is secreted; boutons brighten at frames 5 to 7 and the rest of the cell does not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cases import shared_data

import exotrack
from exotrack.params import PRESETS
from exotrack.tables import FUSION_KINDS


@cache
def analysed(file, frame_s, name):
    return exotrack.analyse(exotrack.open_movie(file, frame_s=frame_s), exotrack.preset(name))


@pytest.mark.parametrize("name", PRESETS)
def test_telomeres_are_followed_through_and_none_fuses(name):
    result = analysed(shared_data("movies/spotiflow_telomeres.tif"), 0.05, name)
    lengths = result.tracks.groupby("track_id")["frame"].agg(np.ptp) + 1
    assert (lengths >= 190).sum() >= 10
    fusions = result.events[result.events["kind"].isin(FUSION_KINDS)]
    shown = fusions[["kind", "frame", "y_um", "x_um", "p_other"]].round(2).to_string()
    assert len(fusions) == 0, f"called on telomeres with preset {name}:\n{shown}"


def test_the_boutons_of_the_stimulated_neuron_are_called_at_the_stimulus():
    result = analysed(shared_data("movies/synactj_syp_phluorin.tif"), 2.0, "synapse")
    fusions = result.events[result.events["kind"].isin(FUSION_KINDS)]
    at_stimulus = fusions["frame"].between(5, 7)
    assert 7 <= at_stimulus.sum() <= 10
    assert (~at_stimulus).sum() <= 2
    assert (fusions.loc[at_stimulus, "p_other"] < 0.4).sum() >= 6
    likeliest = result.candidates.sort_values("p_other").head(8)
    assert likeliest["frame"].between(5, 7).all()
