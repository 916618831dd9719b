"""The tables of statistics: a row per cell, per condition, per comparison, per pair. Part of `exotrack.tables`."""

from __future__ import annotations

from exotrack._table import MAYBE_WHOLE, REAL, TEXT, WHOLE, YES_NO, Column, Table

PERIODS = ("whole", "before", "after")
FAMILIES = ("rate", "fraction", "level", "hazard")
SCALES = (
    "rate ratio", "odds ratio", "ratio", "hazard ratio",
    "ratio of rate ratios", "ratio of odds ratios", "ratio of ratios", "ratio of hazard ratios",
)  # fmt: skip


class Units(Table):
    """A cell (or movie, animal, image) as statistics count it: once, with all that was measured in it."""

    name = "units"
    movie_id = Column(TEXT, "", "Name of the movie or image; empty where several are put together.", may_be_empty=True)
    cell_id = Column(MAYBE_WHOLE, "", "Cell in the movie; missing where several are put together.")
    period = Column(TEXT, "", "Part of the movie: before or after the first stimulus, or the whole.", PERIODS)
    group = Column(TEXT, "", "What is compared: the value of the column named with --by.")
    cluster = Column(TEXT, "", "What is independent: the animal, else the pair, else the movie.")
    block = Column(TEXT, "", "What is compared within itself, where the design is paired; else empty.", may_be_empty=True)
    area_um2 = Column(REAL, "um^2", "Area of the footprint.")
    observed_s = Column(REAL, "s", "Time for which usable frames show the cell.")
    exposure = Column(REAL, "um^2 s", "Area times observed time, summed over the cells of the row.")
    n_tethering = Column(REAL, "", "Tetherings called.")
    n_docking = Column(REAL, "", "Dockings called.")
    n_undocking = Column(REAL, "", "Undockings called.")
    n_full_fusion = Column(REAL, "", "Full fusions called.")
    n_kiss_and_run = Column(REAL, "", "Kiss-and-runs called.")
    expected_full_fusion = Column(REAL, "", "Full fusions expected: the sum of that probability over the called fusions.")
    expected_kiss_and_run = Column(REAL, "", "Kiss-and-runs expected: the sum of that probability over the called fusions.")
    n_stays = Column(REAL, "", "Docked stays whose beginning was seen.")
    stay_ends = Column(REAL, "", "Of them, those whose end was seen.")
    stay_fusions = Column(REAL, "", "Of those, the ends that were fusions.")
    stay_total_s = Column(REAL, "s", "Time of these stays under observation, from the shortest recorded one on.")
    decay_s = Column(REAL, "s", "Geometric mean of the decay times of the fusions.")
    rise_s = Column(REAL, "s", "Geometric mean of the rise times of the fusions.")
    fusion_diffusion_um2_s = Column(REAL, "um^2/s", "Geometric mean of the diffusion coefficients of spreading cargo.")
    mobile_diffusion_um2_s = Column(REAL, "um^2/s", "Geometric mean of the diffusion coefficients of mobile vesicles.")
    kiss_release = Column(REAL, "1", "Geometric mean of the fraction of cargo released by kiss-and-runs.")
    near_pairs = Column(REAL, "", "Pairs of fusions within 1 um of one another (with --patterns).")
    near_pairs_expected = Column(REAL, "", "The same if as many fusions were anywhere in the footprint.")
    repeats = Column(REAL, "", "Fusions beyond the first of their site (with --patterns).")
    repeats_expected = Column(REAL, "", "The same if as many fusions were anywhere in the footprint.")
    n_full = Column(REAL, "", "Electron microscopy: vesicles that are full.")
    n_partial = Column(REAL, "", "Electron microscopy: vesicles that are partly empty.")
    n_empty = Column(REAL, "", "Electron microscopy: vesicles that are empty.")


class Summaries(Table):
    """A measure in one condition."""

    name = "summaries"
    measure = Column(TEXT, "", "What was measured.")
    unit = Column(TEXT, "", "Unit of the values.")
    group = Column(TEXT, "", "Condition.")
    n_cells = Column(WHOLE, "", "Rows of units in it that have the measure.")
    n_clusters = Column(WHOLE, "", "Animals in it (or what else is independent).")
    n_events = Column(REAL, "", "Events, successes and failures, or cells, that it is made from.")
    value = Column(REAL, "", "Rate, fraction or level of the condition by the model.")
    low = Column(REAL, "", "Lower end of its 95 % interval; missing for one animal.")
    high = Column(REAL, "", "Upper end of it.")
    lowest = Column(REAL, "", "Lowest value of a cell.")
    median = Column(REAL, "", "Median of the cells.")
    highest = Column(REAL, "", "Highest value of a cell.")


class Effects(Table):
    """A measure compared between two conditions."""

    name = "effects"
    measure = Column(TEXT, "", "What was measured.")
    family = Column(
        TEXT, "", "Model: rate and fraction, estimating equations; level, mixed model; hazard, rate of ending.", FAMILIES
    )
    reference = Column(TEXT, "", "Condition that the other is compared with.")
    group = Column(TEXT, "", "The other condition.")
    within = Column(
        TEXT, "",
        "With --interaction, the value of that column within which they are compared; 'b over a' for the effect in b over that "
        "in a. Empty without.",
        may_be_empty=True,
    )  # fmt: skip
    adjusted = Column(TEXT, "", "Columns of the design that the model holds constant; empty for none.", may_be_empty=True)
    paired = Column(YES_NO, "", "They are compared within animals, pairs or cells.")
    n_cells_reference = Column(WHOLE, "", "Cells in the reference that have the measure.")
    n_cells_group = Column(WHOLE, "", "Cells in the other.")
    n_clusters_reference = Column(WHOLE, "", "Animals in the reference (or what else is independent).")
    n_clusters_group = Column(WHOLE, "", "Animals in the other.")
    scale = Column(TEXT, "", "What the effect is.", SCALES)
    effect = Column(REAL, "1", "The other condition over the reference; 1 is no effect. Missing where the note says why.")
    low = Column(REAL, "1", "Lower end of its 95 % interval.")
    high = Column(REAL, "1", "Upper end of it.")
    log_sd = Column(REAL, "1", "Standard error of the logarithm of the effect.")
    df = Column(REAL, "1", "Degrees of freedom of that error; quantiles are of t.")
    p_value = Column(REAL, "1", "Chance of an effect as large if there were none, both sides.")
    p_holm = Column(REAL, "1", "The same corrected for all tests of the table (Holm).")
    boot_low = Column(REAL, "1", "Lower end of the 95 % interval of the cluster bootstrap.")
    boot_high = Column(REAL, "1", "Upper end of it.")
    note = Column(TEXT, "", "Why there is no test, or what was left out; else empty.", may_be_empty=True)


class Pairs(Table):
    """A measure in the two conditions of one pair."""

    name = "pairs"
    measure = Column(TEXT, "", "What was measured.")
    reference = Column(TEXT, "", "Condition that the other is compared with.")
    group = Column(TEXT, "", "The other condition.")
    within = Column(TEXT, "", "With --interaction, the value of that column; else empty.", may_be_empty=True)
    block = Column(TEXT, "", "Animal, pair or cell in which both were seen.")
    cluster = Column(TEXT, "", "Animal it belongs to.")
    value_reference = Column(REAL, "", "Value in the reference.")
    value_group = Column(REAL, "", "Value in the other.")
    ratio = Column(REAL, "1", "value_group over value_reference.")
