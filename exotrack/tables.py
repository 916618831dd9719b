"""The tables: one class per table that crosses a boundary, with the dtype, unit and meaning of every column.

Conventions that hold in every table
------------------------------------
* Names carry units (``_um``, ``_s``, ``_um2_s``); coordinates are (t, y, x) and the centre of pixel (0, 0) is 0 um.
* Frames count from 0; ``first_frame`` and ``last_frame`` are both inclusive.
* Undefined is missing (NaN, or NA in whole-number and yes/no columns), never 0 or -1.
* Places are those in the sample as it lay in the first usable frame; the Frames table has the drift to where pixels are.
* A table in which nothing was found still has all its columns, with their dtypes.

``Spots.empty()`` makes an empty table, ``Spots.build(columns)`` casts and orders columns, ``Spots.check(frame)`` refuses
what breaks the contract. Extra columns are allowed after those declared here.
"""

from __future__ import annotations

from collections.abc import Iterator

from exotrack._calibration import DECOYS as DECOYS
from exotrack._calibration import INJECTED_KINDS as INJECTED_KINDS
from exotrack._calibration import Biases as Biases
from exotrack._calibration import Confusion as Confusion
from exotrack._calibration import FalseCalls as FalseCalls
from exotrack._calibration import InjectedStays as InjectedStays
from exotrack._calibration import Injections as Injections
from exotrack._calibration import Recall as Recall
from exotrack._comparison import Comparisons as Comparisons
from exotrack._comparison import ConditionRates as ConditionRates
from exotrack._comparison import EventRates as EventRates
from exotrack._comparison import Goodness as Goodness
from exotrack._comparison import Ranking as Ranking
from exotrack._comparison import Rates as Rates
from exotrack._comparison import Stays as Stays
from exotrack._em_geometry_tables import DistanceBins as DistanceBins
from exotrack._em_geometry_tables import Dockings as Dockings
from exotrack._em_geometry_tables import Pits as Pits
from exotrack._em_geometry_tables import Sizes as Sizes
from exotrack._em_tables import DIAMETER_KINDS as DIAMETER_KINDS
from exotrack._em_tables import EM_STATES as EM_STATES
from exotrack._em_tables import FILLINGS as FILLINGS
from exotrack._em_tables import Vesicles as Vesicles
from exotrack._patterned import PatternCurves as PatternCurves
from exotrack._patterned import Patterns as Patterns
from exotrack._patterned import Responses as Responses
from exotrack._patterned import Sites as Sites
from exotrack._statistics import Effects as Effects
from exotrack._statistics import Pairs as Pairs
from exotrack._statistics import Summaries as Summaries
from exotrack._statistics import Units as Units
from exotrack._studied import Movies as Movies
from exotrack._table import EVENT_KINDS as EVENT_KINDS
from exotrack._table import EXIT_KINDS as EXIT_KINDS
from exotrack._table import FRAME_STATUSES as FRAME_STATUSES
from exotrack._table import FUSION_KINDS as FUSION_KINDS
from exotrack._table import MAYBE_WHOLE as MAYBE_WHOLE
from exotrack._table import MAYBE_YES_NO as MAYBE_YES_NO
from exotrack._table import REAL as REAL
from exotrack._table import ROLES as ROLES
from exotrack._table import SOLUTIONS as SOLUTIONS
from exotrack._table import STATES as STATES
from exotrack._table import TEXT as TEXT
from exotrack._table import WHOLE as WHOLE
from exotrack._table import YES_NO as YES_NO
from exotrack._table import Column as Column
from exotrack._table import Table as Table


class Frames(Table):
    """One frame of a movie: whether it can be used, and how bright and noisy it is."""

    name = "frames"
    movie_id = Column(TEXT, "", "Name of the movie.")
    frame = Column(WHOLE, "frame", "Position along the time axis, from 0.")
    t_s = Column(REAL, "s", "Time of the frame, from the first frame.")
    status = Column(TEXT, "", "Whether the frame can be used; only ok and saturated frames are.", FRAME_STATUSES)
    mean = Column(REAL, "counts", "Mean of all finite pixels.")
    saturated_fraction = Column(REAL, "1", "Fraction of the pixels at the detector's ceiling.")
    drift_y_um = Column(REAL, "um", "How far the sample has moved in the picture; 0 if it has not, missing if not looked for.")
    drift_x_um = Column(REAL, "um", "As drift_y_um, along x.")
    drift_y_sd_um = Column(REAL, "um", "Standard error of drift_y_um, whether or not the drift is significant.")
    drift_x_sd_um = Column(REAL, "um", "As drift_y_sd_um, along x.")


class Spots(Table):
    """A vesicle candidate in one frame."""

    name = "spots"
    movie_id = Column(TEXT, "", "Name of the movie: the file's stem unless a study says otherwise.")
    frame = Column(WHOLE, "frame", "Position along the time axis, from 0.")
    t_s = Column(REAL, "s", "Time of the frame, from the first frame.")
    y_um = Column(REAL, "um", "Centre; the centre of pixel (0, 0) is 0.")
    x_um = Column(REAL, "um", "Centre; the centre of pixel (0, 0) is 0.")
    sigma_um = Column(REAL, "um", "Gaussian width the spot was fitted with.")
    amplitude = Column(REAL, "counts", "Height of the Gaussian above the background at its centre.")
    background = Column(REAL, "counts", "Local background under the spot, camera offset included.")
    snr = Column(REAL, "1", "Height of the spot in the matched filter, in standard deviations of its noise.")
    y_sd_um = Column(REAL, "um", "Standard error of y_um (from the Fisher information).")
    x_sd_um = Column(REAL, "um", "Standard error of x_um (from the Fisher information).")
    saturated = Column(MAYBE_YES_NO, "", "Pixels under the spot were at the detector's ceiling; the fit left them out.")


class Tracks(Spots):
    """A spot with an owner."""

    name = "tracks"
    track_id = Column(WHOLE, "", "The track that owns the spot, from 1.")
    observed = Column(
        MAYBE_YES_NO, "", "A spot was detected in this frame; if not, the place is on the line between its neighbours in time."
    )


class Traces(Table):
    """A track in one frame, continued before its first and after its last spot and inside its gaps."""

    name = "traces"
    track_id = Column(WHOLE, "", "The track that was measured.")
    frame = Column(WHOLE, "frame", "Position along the time axis, from 0.")
    t_s = Column(REAL, "s", "Time of the frame, from the first frame.")
    y_um = Column(REAL, "um", "Where it was measured; held at the nearest spots where none was seen.")
    x_um = Column(REAL, "um", "Where it was measured; held at the nearest spots where none was seen.")
    amplitude = Column(REAL, "counts", "Maximum-likelihood height of a spot of the vesicle's width; may be negative.")
    amplitude_sd = Column(REAL, "counts", "Standard error of amplitude.")
    background = Column(REAL, "counts", "Maximum-likelihood local background.")
    sigma_um = Column(REAL, "um", "Maximum-likelihood width; missing where the spot is too dim to have one.")
    intensity = Column(REAL, "counts", "Background-corrected sum of the pixels within the measuring radius.")
    intensity_sd = Column(REAL, "counts", "Standard error of intensity.")
    marker_intensity = Column(REAL, "counts", "Mean of the marker's pixels at the vesicle, less that of the ring around it.")
    marker_intensity_sd = Column(REAL, "counts", "Standard error of marker_intensity.")
    marker_background = Column(REAL, "counts", "Mean of the marker's pixels in the ring, camera offset included.")
    observed = Column(YES_NO, "", "A spot was detected in this frame.")
    status = Column(TEXT, "", "Status of the frame.", FRAME_STATUSES)


class Episodes(Table):
    """A stay in one state."""

    name = "episodes"
    episode_id = Column(WHOLE, "", "Number of the episode, from 1.")
    movie_id = Column(TEXT, "", "Name of the movie.")
    cell_id = Column(MAYBE_WHOLE, "", "Cell the episode lies in; missing outside every cell.")
    track_id = Column(MAYBE_WHOLE, "", "Track that was in the state.")
    state = Column(TEXT, "", "State of the vesicle.", STATES)
    first_frame = Column(WHOLE, "frame", "First frame in the state.")
    last_frame = Column(WHOLE, "frame", "Last frame in the state (inclusive).")
    t_first_s = Column(REAL, "s", "Time of the first frame in the state.")
    duration_s = Column(REAL, "s", "Time from entry to exit, as far as it was seen.")
    n_frames = Column(WHOLE, "frame", "Number of frames in the state.")
    entry_observed = Column(YES_NO, "", "The entry into the state was seen.")
    exit_observed = Column(YES_NO, "", "The exit from the state was seen.")
    exit_kind = Column(TEXT, "", "How the state ended.", EXIT_KINDS)
    diffusion_um2_s = Column(REAL, "um^2/s", "Diffusion coefficient from the steps inside the episode.")
    height_nm = Column(REAL, "nm", "Mean height above the position of greatest brightness, from I = I0 exp(-z/d).")
    spread_um = Column(REAL, "um", "Root mean square distance from the mean place, free of localisation error.")
    role = Column(
        TEXT,
        "",
        "What a docked vesicle is relative to the stimulus or the movie's start; empty if unknown.",
        ROLES,
        may_be_empty=True,
    )
    confined = Column(MAYBE_YES_NO, "", "It stayed closer to its mean place than free diffusion would; missing if too few spots.")


class Events(Table):
    """Something that happened at an instant."""

    name = "events"
    event_id = Column(WHOLE, "", "Number of the event, from 1.")
    movie_id = Column(TEXT, "", "Name of the movie.")
    cell_id = Column(MAYBE_WHOLE, "", "Cell the event lies in; missing outside every cell.")
    track_id = Column(MAYBE_WHOLE, "", "Track of the vesicle.")
    kind = Column(TEXT, "", "What happened.", EVENT_KINDS)
    frame = Column(WHOLE, "frame", "First frame that shows the event.")
    t_s = Column(REAL, "s", "Time of the event, from the first frame.")
    y_um = Column(REAL, "um", "Where it happened.")
    x_um = Column(REAL, "um", "Where it happened.")
    p_full_fusion = Column(REAL, "1", "Probability that this is a full fusion.")
    p_kiss_and_run = Column(REAL, "1", "Probability that this is a kiss-and-run.")
    p_other = Column(REAL, "1", "Probability that this is no fusion.")
    confident = Column(YES_NO, "", "The probability of the called kind passes the chosen confidence.")
    amplitude = Column(REAL, "counts", "Brightness of the vesicle at the event.")
    dff = Column(REAL, "1", "Rise at the event over the local background without camera offset (dF/F).")
    rise_s = Column(REAL, "s", "Time from the level before to the peak.")
    decay_s = Column(
        REAL,
        "s",
        "Time constant of the decay after the peak: all but 1/e of what goes has gone. Cargo that leaves, or pH that falls.",
    )
    decay_sd_s = Column(REAL, "s", "Standard error of decay_s.")
    diffusion_um2_s = Column(REAL, "um^2/s", "Diffusion coefficient of the spreading cargo, from sigma^2 = s0^2 + 2 D t.")
    diffusion_sd_um2_s = Column(REAL, "um^2/s", "Standard error of diffusion_um2_s.")
    fraction_released = Column(REAL, "1", "Fraction of the cargo that left.")
    fraction_released_sd = Column(REAL, "1", "Standard error of fraction_released.")
    docked_s = Column(REAL, "s", "Time docked before the event, as far as it was seen.")
    docked_entry_observed = Column(MAYBE_YES_NO, "", "The docking before the event was seen, so docked_s is complete.")
    role = Column(TEXT, "", "What the vesicle that fused or left was; empty if unknown.", ROLES, may_be_empty=True)
    fusion_number = Column(MAYBE_WHOLE, "", "Which fusion of its vesicle this is, from 1.")
    content_before = Column(REAL, "1", "Cargo in the vesicle before this fusion, relative to before its first.")
    t_since_stimulus_s = Column(REAL, "s", "Time since the last stimulus.")
    marker_dff = Column(REAL, "1", "Marker at the vesicle over that of the ring around it, without camera offset (dF/F).")
    marker_dff_sd = Column(REAL, "1", "Standard error of marker_dff.")
    saturated = Column(MAYBE_YES_NO, "", "The spot was clipped by the detector at the event: amplitude and dF/F are too low.")
    edited = Column(YES_NO, "", "A person changed the call.")


class Candidates(Table):
    """A candidate that was looked at, called or not, with the features the decision used as further columns."""

    name = "candidates"
    candidate_id = Column(WHOLE, "", "Number of the candidate, from 1.")
    track_id = Column(MAYBE_WHOLE, "", "Track of the vesicle.")
    frame = Column(WHOLE, "frame", "First frame that would show the event.")
    y_um = Column(REAL, "um", "Where it was looked for.")
    x_um = Column(REAL, "um", "Where it was looked for.")
    called = Column(TEXT, "", "Kind it was called; empty if it was turned down.", EVENT_KINDS)
    reasons = Column(TEXT, "", "Why it was turned down: words separated by |.")
    p_full_fusion = Column(REAL, "1", "Probability that this is a full fusion.")
    p_kiss_and_run = Column(REAL, "1", "Probability that this is a kiss-and-run.")
    p_other = Column(REAL, "1", "Probability that this is no fusion.")


class Fits(Table):
    """A called event in one frame: what was measured and what the fitted model says."""

    name = "fits"
    event_id = Column(WHOLE, "", "The event.")
    frame = Column(WHOLE, "frame", "Position along the time axis, from 0.")
    t_s = Column(REAL, "s", "Time of the frame, from the first frame.")
    intensity = Column(REAL, "counts", "Background-corrected sum of the pixels within the measuring radius.")
    intensity_sd = Column(REAL, "counts", "Standard error of intensity.")
    intensity_model = Column(REAL, "counts", "Intensity of the fitted model.")
    sigma_um = Column(REAL, "um", "Measured width; missing where the light is too dim to have one.")
    sigma_model_um = Column(REAL, "um", "Width of the fitted model.")


class Cells(Table):
    """A cell's footprint and what happened in it."""

    name = "cells"
    movie_id = Column(TEXT, "", "Name of the movie.")
    cell_id = Column(WHOLE, "", "Number of the cell, from 1.")
    area_um2 = Column(REAL, "um^2", "Area of the footprint.")
    observed_s = Column(REAL, "s", "Time for which usable frames show the cell.")
    n_tethering = Column(WHOLE, "", "Tetherings called.")
    n_docking = Column(WHOLE, "", "Dockings called.")
    n_undocking = Column(WHOLE, "", "Undockings called.")
    n_full_fusion = Column(WHOLE, "", "Full fusions called.")
    n_kiss_and_run = Column(WHOLE, "", "Kiss-and-runs called.")
    surface_fraction = Column(
        REAL, "1", "Part of the cell's label that is on its surface: (usual - in acid) / (in NH4Cl - in acid)."
    )
    surface_fraction_sd = Column(REAL, "1", "Standard error of surface_fraction.")
    nh4cl_dff = Column(REAL, "1", "Change of the cell's light in NH4Cl over that before and after, background taken off (dF/F).")
    nh4cl_dff_sd = Column(REAL, "1", "Standard error of nh4cl_dff.")
    quench_dff = Column(REAL, "1", "Change of the cell's light in acid over that before and after, background taken off (dF/F).")
    quench_dff_sd = Column(REAL, "1", "Standard error of quench_dff.")
    pool_spots = Column(REAL, "", "Total pool: mean number of spots in a frame in NH4Cl.")
    pool_spots_sd = Column(REAL, "", "Standard error of pool_spots over its frames.")
    fused_of_pool = Column(REAL, "1", "Fusions called, of both kinds, over pool_spots.")
    fused_of_pool_sd = Column(REAL, "1", "Standard error of fused_of_pool: counting of fusions and error of the pool.")
    footprint = Column(TEXT, "", "Where the footprint comes from: mask, estimated or field.", ("mask", "estimated", "field"))


ALL: tuple[type[Table], ...] = (Frames, Spots, Tracks, Traces, Episodes, Events, Candidates, Fits, Cells)
"""What an analysis makes, in the order of its stages."""
CALIBRATION: tuple[type[Table], ...] = (Injections, InjectedStays, Recall, Confusion, Biases, FalseCalls)
"""What a calibration makes."""
MICROGRAPHS: tuple[type[Table], ...] = (Vesicles, Dockings, DistanceBins, Pits, Sizes)
"""What is made of electron micrographs."""
COMPARISON: tuple[type[Table], ...] = (Rates, Comparisons, Ranking, Goodness, EventRates, ConditionRates, Stays)
"""What a comparison with kinetic models makes."""
STATISTICS: tuple[type[Table], ...] = (Units, Summaries, Effects, Pairs)
"""What statistics make."""
PATTERNED: tuple[type[Table], ...] = (Patterns, PatternCurves, Sites, Responses)
"""What statistics make besides with patterns in space and time."""
STUDIED: tuple[type[Table], ...] = (Movies,)
"""What a study of many movies makes besides the tables of each."""
EVERY = (*ALL, *CALIBRATION, *COMPARISON, *STATISTICS, *PATTERNED, *STUDIED, *MICROGRAPHS)


def dictionary() -> Iterator[tuple[str, str, Column]]:
    """Every (table, column, `Column`) in order: what ``exotrack tables`` prints and docs/tables.md holds."""
    for table in EVERY:
        for key, column in table.columns().items():
            yield table.name, key, column
