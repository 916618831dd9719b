"""The tables of a comparison with kinetic models: stays, rates, seen against expected, tests. Part of `exotrack.tables`."""

from __future__ import annotations

from exotrack._table import MAYBE_WHOLE, REAL, TEXT, WHOLE, YES_NO, Column, Table

ROLES = ("fitted", "held", "derived", "nuisance")
SEEN_EXITS = ("undocking", "full_fusion", "kiss_and_run")
"""Exits that are seen to happen; the others only end what is seen."""
STAY_EXITS = (*SEEN_EXITS, "bleaching", "lost", "censored")
ENTRIES = ("docking", "resealing", "resident", "unknown")
SOURCES = ("published", "fitted", "naive")
"""Whose rates: the model's own, those found, those that an analysis without corrections finds."""


class Stays(Table):
    """A docked stay as a camera recorded it."""

    name = "stays"
    study_id = Column(TEXT, "", "Study; empty if not given.", may_be_empty=True)
    animal_id = Column(TEXT, "", "Animal, culture or donor; empty if not given.", may_be_empty=True)
    condition = Column(TEXT, "", "Condition; empty if not given.", may_be_empty=True)
    movie_id = Column(TEXT, "", "Name of the movie.")
    cell_id = Column(MAYBE_WHOLE, "", "Cell in the movie; missing outside every cell.")
    track_id = Column(MAYBE_WHOLE, "", "Track of the vesicle.")
    first_frame = Column(WHOLE, "frame", "First frame that shows it docked.")
    n_frames = Column(WHOLE, "frame", "Number of frames that show it docked.")
    frame_s = Column(REAL, "s", "Time from frame to frame.")
    min_frames = Column(WHOLE, "frame", "Stays of fewer frames would not have been recorded, or were left out.")
    movie_frames = Column(WHOLE, "frame", "Frames of the movie.")
    t_entry_s = Column(REAL, "s", "Time of the first frame that shows it docked.")
    t_since_stimulus_s = Column(
        REAL, "s", "From the first stimulus to the end of that frame's exposure; negative before it, missing without one."
    )
    duration_s = Column(REAL, "s", "n_frames times frame_s.")
    entry_observed = Column(YES_NO, "", "The beginning of the stay was seen.")
    entry_kind = Column(
        TEXT, "", "docking; resealing after a kiss-and-run; resident: docked already in the first frame; unknown: seen from some "
        "later time on, or after what was called a full fusion.", ENTRIES,
    )  # fmt: skip
    exit_observed = Column(YES_NO, "", "The end of the stay was seen.")
    exit_kind = Column(TEXT, "", "How the stay ended.", STAY_EXITS)
    p_undocking = Column(REAL, "1", "Probability that the exit was an undocking or no event; missing if no exit was seen.")
    p_full_fusion = Column(REAL, "1", "Probability that the exit was a full fusion.")
    p_kiss_and_run = Column(REAL, "1", "Probability that the exit was a kiss-and-run.")
    fraction_released = Column(REAL, "1", "Fraction of the cargo that left at the exit.")


class Rates(Table):
    """A parameter of a model, or a quantity that follows from them, as found in the stays."""

    name = "rates"
    model = Column(TEXT, "", "Name of the model.")
    parameter = Column(
        TEXT, "", "Name in the model; mean_docked and to_FATE follow from all of them; docking_rate: of all that dock, "
        "settling_rate: of those that are no visitors; the others are fitted beside the model."
    )  # fmt: skip
    role = Column(
        TEXT, "", "fitted; held: at the model's value; derived: follows from others; nuisance: beside the model.",
        ROLES,
    )  # fmt: skip
    unit = Column(TEXT, "", "Unit of the values; 1 if they have none.")
    published = Column(REAL, "", "Value that the model came with, or was given.")
    evidence = Column(TEXT, "", "How well published is known, a letter as in exotrack models show; empty for what is derived.")
    unverified = Column(YES_NO, "", "Published is from memory and was not checked against a paper.")
    value = Column(REAL, "", "Most probable value.")
    sd = Column(REAL, "", "Standard error from the curvature of the likelihood; missing where it is flat.")
    low = Column(REAL, "", "Lower end of the 95 % interval of the profile likelihood; missing where the data set none.")
    high = Column(REAL, "", "Upper end of it; missing where the data set none.")
    identified = Column(YES_NO, "", "The data bound the value on both sides.")
    verdict = Column(TEXT, "", "In words: identified, or what the data do not tell and why.")
    naive = Column(
        REAL, "", "What the same scheme gives if censoring, residents, the shortest stay and wrong calls are ignored; of "
        "dockings, those found over area and time.",
    )  # fmt: skip
    naive_bias = Column(REAL, "1", "(naive - value) / value.")


class Comparisons(Table):
    """One thing that was seen, beside what a model says a camera would have seen of it."""

    name = "comparison"
    model = Column(TEXT, "", "Name of the model.")
    rates = Column(TEXT, "", "Whose rates the expectation is for.", SOURCES)
    observable = Column(TEXT, "", "What was seen.")
    part = Column(TEXT, "", "Of which stays, or of the vesicles in micrographs.", ("newcomers", "residents", "micrographs"))
    unit = Column(TEXT, "", "Unit of the values; 1 if they have none.")
    n = Column(WHOLE, "", "Stays it is made from.")
    observed = Column(REAL, "", "Value in the data.")
    observed_low = Column(REAL, "", "Lower end of its 95 % interval over cells (cluster bootstrap); missing for one cell.")
    observed_high = Column(REAL, "", "Upper end of it.")
    expected = Column(REAL, "", "Mean over data redrawn from the model through the same camera.")
    expected_sd = Column(REAL, "", "Spread over the redrawn data.")
    distance = Column(REAL, "1", "(observed - expected) / expected_sd.")
    p_value = Column(REAL, "1", "How often redrawn data are as far from the expectation, both sides.")


class Ranking(Table):
    """A model among those that were compared, the best first."""

    name = "ranking"
    model = Column(TEXT, "", "Name of the model.")
    n_free = Column(WHOLE, "", "Values that were fitted.")
    log_likelihood = Column(REAL, "1", "Largest log-likelihood.")
    aic = Column(REAL, "1", "2 n_free - 2 log_likelihood (Akaike).")
    bic = Column(REAL, "1", "n_free log(cells) - 2 log_likelihood (Bayes).")
    aic_weight = Column(REAL, "1", "exp(-AIC / 2) as a share of all models.")
    left_out = Column(REAL, "1", "Sum over cells of the log-likelihood of a cell under the rates of all others.")
    left_out_behind = Column(REAL, "1", "How much the best model is ahead in left_out.")
    left_out_behind_sd = Column(REAL, "1", "Standard error of left_out_behind, over cells.")


class Goodness(Table):
    """A test of a model against the stays or events."""

    name = "goodness"
    model = Column(TEXT, "", "Name of the model.")
    rates = Column(TEXT, "", "Whose rates were tested.", SOURCES)
    test = Column(
        TEXT, "", "ks, cvm, ad, trend and fates: distances of the stays from the law; any: ad, trend and fates together; joined "
        "and shape: time rescaling of the fusions; constitutive: gain over a law without hidden steps; dead_ends: over one "
        "without dead ends; visitors: over one without visitors; cells: over equal cells.",
        ("ks", "cvm", "ad", "trend", "fates", "any", "joined", "shape", "constitutive", "dead_ends", "visitors", "cells"),
    )  # fmt: skip
    statistic = Column(REAL, "1", "Value of the distance, or twice the gain in log-likelihood; missing for any.")
    p_value = Column(
        REAL, "1", "Chance of as much under the model, from data redrawn through the same camera; of dead_ends and cells from "
        "the law of a likelihood ratio at an edge.",
    )  # fmt: skip
    n_redrawn = Column(WHOLE, "", "Redrawn sets; 0 where none are.")
    n_failed = Column(WHOLE, "", "Of them, sets to which no law could be fitted; they count as worse fits than the data's.")


class EventRates(Table):
    """How often events of one kind come in a condition and period, and how much more often than in another."""

    name = "event_rates"
    condition = Column(TEXT, "", "Condition; empty if not given.", may_be_empty=True)
    period = Column(TEXT, "", "The whole movie, or before or after its first stimulus.", ("all", "before", "after"))
    kind = Column(TEXT, "", "Kind of event; fusion is full fusion and kiss-and-run together.")
    n_cells = Column(WHOLE, "", "Cells of the condition.")
    n_events = Column(WHOLE, "", "Events in them.")
    exposure = Column(REAL, "um^2 s", "Sum over cells of area times time.")
    rate = Column(REAL, "1/um^2/s", "n_events over exposure.")
    rate_low = Column(REAL, "1/um^2/s", "Lower end of its 95 % interval.")
    rate_high = Column(REAL, "1/um^2/s", "Upper end of it.")
    unit = Column(
        TEXT, "", "What was resampled for the intervals; event: nothing, they are those of a Poisson count, too narrow if cells "
        "differ.", ("animal", "cell", "event"),
    )  # fmt: skip
    n_units = Column(WHOLE, "", "Independent units: animals, or cells where animals are not given.")
    reference = Column(TEXT, "", "Period or condition that ratio is to; empty if none.", may_be_empty=True)
    ratio = Column(REAL, "1", "rate over that of the reference; missing if it had no events.")
    ratio_low = Column(REAL, "1", "Lower end of its 95 % interval.")
    ratio_high = Column(REAL, "1", "Upper end of it; missing where the data set none.")


class ConditionRates(Table):
    """A fitted value of a model in the cells of one condition alone, and its ratio to that in another."""

    name = "condition_rates"
    model = Column(TEXT, "", "Name of the model.")
    condition = Column(TEXT, "", "Condition.")
    parameter = Column(TEXT, "", "Name in the model.")
    unit = Column(TEXT, "", "Unit of the values; 1 if they have none.")
    n_stays = Column(WHOLE, "", "Docked stays it was fitted to.")
    n_cells = Column(WHOLE, "", "Cells they are of.")
    value = Column(REAL, "", "Most probable value.")
    low = Column(REAL, "", "Lower end of the 95 % interval of the profile likelihood; missing where the data set none.")
    high = Column(REAL, "", "Upper end of it; missing where the data set none.")
    identified = Column(YES_NO, "", "The data bound the value on both sides.")
    reference = Column(TEXT, "", "Condition that ratio is to; empty if none.", may_be_empty=True)
    ratio = Column(REAL, "1", "value over that of the reference.")
    ratio_low = Column(REAL, "1", "Lower end of its 95 % interval: errors allow for alike vesicles of a cell (sandwich).")
    ratio_high = Column(REAL, "1", "Upper end of it.")
