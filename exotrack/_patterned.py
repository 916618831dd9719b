"""The tables of patterns in space and time: a row per cell, kind and null, their curves, sites, the course after a stimulus."""

from __future__ import annotations

from exotrack._table import REAL, TEXT, WHOLE, Column, Table

PATTERN_KINDS = ("fusion", "docking")
NULLS = ("footprint", "docked")
AXES = ("distance", "lag")


class _OfCell(Table):
    """What is said of one pattern."""

    movie_id = Column(TEXT, "", "Name of the movie.")
    cell_id = Column(WHOLE, "", "Cell in the movie.")
    period = Column(
        TEXT, "", "Part of the movie: before or after the first stimulus, or the whole.", ("whole", "before", "after")
    )
    kind = Column(TEXT, "", "Events: fusions of both kinds, each vesicle once; or dockings.", PATTERN_KINDS)
    null = Column(
        TEXT, "",
        "Chance: footprint, as many events anywhere in it; docked, as many of the vesicles seen to dock as fused, whichever.",
        NULLS,
    )  # fmt: skip


class Patterns(_OfCell):
    """Events of one kind in one cell against chance, in space and in time."""

    name = "patterns"
    n_events = Column(WHOLE, "", "Events in the cell.")
    area_um2 = Column(REAL, "um^2", "Area of the footprint.")
    clustering_p = Column(REAL, "1", "Ripley's L over all distances: share of random patterns that depart from chance as far.")
    clustering_z = Column(REAL, "1", "Its largest departure in standard deviations; above 0 clustered, below 0 apart.")
    clustering_um = Column(REAL, "um", "Distance of that departure.")
    nearest_um = Column(REAL, "um", "Mean distance to the nearest other event.")
    nearest_ratio = Column(REAL, "1", "The same over that of chance; below 1 clustered.")
    nearest_p = Column(REAL, "1", "Its p-value, both sides.")
    near_pairs = Column(REAL, "", "Pairs of events within 1 um.")
    near_pairs_expected = Column(REAL, "", "The same by chance.")
    repeats = Column(REAL, "", "Events beyond the first of their site (within 0.3 um).")
    repeats_expected = Column(REAL, "", "The same by chance.")
    repeats_p = Column(REAL, "1", "Share of random patterns with as many.")
    largest_site = Column(REAL, "", "Most events at one site.")
    largest_p = Column(REAL, "1", "Share of random patterns with a site that large.")
    bursts_p = Column(REAL, "1", "Pairs in time over all lags: share of even rates that depart as far; missing after a stimulus.")
    bursts_z = Column(REAL, "1", "Its largest departure in standard deviations; above 0 in bursts, below 0 apart.")
    bursts_s = Column(REAL, "s", "Lag of that departure.")
    mean_time = Column(REAL, "1", "Mean time of the events as a share of the usable time; 0.5 at an even rate.")
    trend_p = Column(REAL, "1", "Whether the rate rises or falls: its p-value, both sides.")
    follow_p = Column(REAL, "1", "Near events also soon after one another: times shuffled among places.")
    follow_z = Column(REAL, "1", "Its largest departure in standard deviations; above 0 if near events follow one another.")
    note = Column(TEXT, "", "Why a test is missing; else empty.", may_be_empty=True)


class PatternCurves(_OfCell):
    """The curves that the tests compare, with what chance gives."""

    name = "pattern_curves"
    axis = Column(TEXT, "", "distance: Ripley's L in um; lag: pairs within a lag over those of an even rate.", AXES)
    at = Column(REAL, "", "Distance in um, or lag in s.")
    value = Column(REAL, "", "What was seen: L in um, or the ratio of pairs.")
    expected = Column(REAL, "", "Mean of chance.")
    low = Column(REAL, "", "2.5 % of chance lies below.")
    high = Column(REAL, "", "2.5 % of chance lies above.")


class Sites(_OfCell):
    """A site at which events repeat."""

    name = "sites"
    site_id = Column(WHOLE, "", "Site in the cell.")
    y_um = Column(REAL, "um", "Mean row of its events.")
    x_um = Column(REAL, "um", "Mean column of its events.")
    n_events = Column(WHOLE, "", "Events at it: two or more.")
    first_s = Column(REAL, "s", "Time of the first.")
    last_s = Column(REAL, "s", "Time of the last.")
    p_value = Column(REAL, "1", "Share of random patterns in which any site holds as many.")


class Responses(Table):
    """Fusions before and after the first stimulus, over time."""

    name = "responses"
    group = Column(TEXT, "", "Condition.")
    from_s = Column(REAL, "s", "Begin of the bin since the stimulus; below 0 before it.")
    until_s = Column(REAL, "s", "End of the bin since the stimulus.")
    n_cells = Column(WHOLE, "", "Cells seen in it.")
    n_events = Column(REAL, "", "Fusions called.")
    exposure = Column(REAL, "um^2 s", "Area times time.")
    rate = Column(REAL, "1/um^2/s", "Fusions per area and time.")
    low = Column(REAL, "1/um^2/s", "Lower end of its 95 % interval across animals; missing for one animal or no fusion.")
    high = Column(REAL, "1/um^2/s", "Upper end of it.")
