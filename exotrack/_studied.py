"""The table of a study's movies: what became of each. Part of `exotrack.tables`."""

from __future__ import annotations

from exotrack._table import MAYBE_WHOLE, REAL, TEXT, Column, Table

MOVIE_STATES = ("done", "failed", "aside", "new", "stale", "touched")


class Movies(Table):
    """A movie of a study with its design and what became of it."""

    name = "movies"
    movie_id = Column(TEXT, "", "Name of the movie, of its folder and in every table.")
    condition = Column(TEXT, "", "Condition of the design; all where the study has none.")
    animal_id = Column(TEXT, "", "Animal of the design; empty if it has none.", may_be_empty=True)
    study_id = Column(TEXT, "", "Study or preparation of the design; empty if it has none.", may_be_empty=True)
    status = Column(
        TEXT, "",
        "done; failed; aside: it killed its workers and is not tried again; new: not analysed yet; stale: analysed from "
        "something else than the study says now; touched: its files have other times than when it was analysed.",
        MOVIE_STATES,
    )  # fmt: skip
    reason = Column(TEXT, "", "Why it failed or does not hold; empty if it is done.", may_be_empty=True)
    input = Column(TEXT, "", "Path or URL of the movie.")
    sha256 = Column(TEXT, "", "Checksum of its content when it was analysed.", may_be_empty=True)
    exotrack = Column(TEXT, "", "Version that analysed it, with the start of a checksum of its source.", may_be_empty=True)
    pixel_um = Column(REAL, "um", "Side of a pixel.")
    frame_s = Column(REAL, "s", "Time between frames.")
    n_frames = Column(MAYBE_WHOLE, "", "Frames of the movie.")
    n_tracks = Column(MAYBE_WHOLE, "", "Tracks found.")
    n_cells = Column(MAYBE_WHOLE, "", "Cells in the footprint.")
    area_um2 = Column(REAL, "um^2", "Area of all cells.")
    observed_s = Column(REAL, "s", "Time observed.")
    n_tethering = Column(MAYBE_WHOLE, "", "Tetherings called.")
    n_docking = Column(MAYBE_WHOLE, "", "Dockings called.")
    n_undocking = Column(MAYBE_WHOLE, "", "Undockings called.")
    n_full_fusion = Column(MAYBE_WHOLE, "", "Full fusions called.")
    n_kiss_and_run = Column(MAYBE_WHOLE, "", "Kiss-and-runs called.")
    wall_s = Column(REAL, "s", "Time the analysis took.")
    peak_memory_mb = Column(REAL, "MB", "Largest memory of the worker by then.")
