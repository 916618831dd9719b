"""The shipped movies with what is true of them: simulated, see sample_data/README.md."""

from __future__ import annotations

from napari_exotrack._convert import LayerData, Place, events_layer, movie_layer, tracks_layer
from napari_exotrack._source import OPENED


def granule() -> list[LayerData]:
    """Granules with lumenal cargo, visible before they fuse."""
    return _sample("granule")


def phluorin() -> list[LayerData]:
    """Vesicles with VAMP2-pHluorin, dark until the pore opens."""
    return _sample("phluorin")


def _sample(name: str) -> list[LayerData]:
    from exotrack._runs import sample
    from exotrack.io import open_movie
    from exotrack.io.results import read_table
    from exotrack.tables import Events, Tracks

    movie = open_movie(sample(f"{name}.tif"))
    truth = sample(f"{name}_truth")
    place = Place.of(movie)
    events = read_table(truth / "events.parquet", Events)
    data, arguments, kind = movie_layer(movie)
    return [
        (data, arguments | {"metadata": {OPENED: {"path": str(sample(f"{name}.tif"))}}}, kind),
        tracks_layer(read_table(truth / "tracks.parquet", Tracks), place, "true tracks"),
        events_layer(events[events["visible"]], place, "true events"),
    ]
