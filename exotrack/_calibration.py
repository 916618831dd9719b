"""The tables of a calibration: what was injected, what was found of it, what that says. Part of `exotrack.tables`."""

from __future__ import annotations

from exotrack._table import EVENT_KINDS, EXIT_KINDS, MAYBE_YES_NO, REAL, TEXT, WHOLE, YES_NO, Column, Table

DECOYS = ("visitor", "passer", "docked", "step", "blink")
"""What is injected and is no fusion: a vesicle that docks shortly and leaves, one that passes by, one that stays docked, a
spot that bleaches in steps, a flash of one or two frames."""
INJECTED_KINDS = ("full_fusion", "kiss_and_run", "docking", "undocking", *DECOYS)


class Injections(Table):
    """Something injected into the movie to calibrate it, and what was found of it."""

    name = "injections"
    injection_id = Column(WHOLE, "", "Number of the injection, from 1.")
    movie_id = Column(TEXT, "", "Name of the movie.")
    round = Column(WHOLE, "", "Round in which it was injected, from 1; each round is a run of its own.")
    kind = Column(TEXT, "", "What was injected: an event, or something that is none.", INJECTED_KINDS)
    frame = Column(WHOLE, "frame", "First frame that shows the event, or the thing that is none.")
    t_s = Column(REAL, "s", "True time of the event, from the first frame.")
    y_um = Column(REAL, "um", "True place.")
    x_um = Column(REAL, "um", "True place.")
    brightness = Column(REAL, "counts", "Largest true height of its image within a frame of the event.")
    snr = Column(REAL, "1", "The same in a matched filter, in standard deviations of the noise of the background there.")
    as_found = Column(
        YES_NO, "", "Brightness drawn from the movie's own spots; otherwise from the whole range, evenly in its log."
    )
    newcomer = Column(YES_NO, "", "A fusion by a vesicle that came at most 0.3 s before.")
    called = Column(TEXT, "", "What it was called; empty if nothing was.", EVENT_KINDS)
    reasons = Column(TEXT, "", "Why its candidate was turned down: words separated by |; no_candidate if none was looked at.")
    found_t_s = Column(REAL, "s", "Time of the call.")
    found_y_um = Column(REAL, "um", "Place of the call.")
    found_x_um = Column(REAL, "um", "Place of the call.")
    p_full_fusion = Column(REAL, "1", "Probability that the call or candidate is a full fusion.")
    p_kiss_and_run = Column(REAL, "1", "Probability that the call or candidate is a kiss-and-run.")
    p_other = Column(REAL, "1", "Probability that the call or candidate is no fusion.")
    confident = Column(MAYBE_YES_NO, "", "The probability of the called kind passes the chosen confidence.")
    decay_s = Column(REAL, "s", "True time constant of the decay.")
    found_decay_s = Column(REAL, "s", "Decay as measured.")
    found_decay_sd_s = Column(REAL, "s", "Standard error of found_decay_s.")
    diffusion_um2_s = Column(REAL, "um^2/s", "True diffusion coefficient of the spreading cargo.")
    found_diffusion_um2_s = Column(REAL, "um^2/s", "Diffusion coefficient as measured.")
    found_diffusion_sd_um2_s = Column(REAL, "um^2/s", "Standard error of found_diffusion_um2_s.")
    fraction_released = Column(REAL, "1", "True fraction of the cargo that left.")
    found_fraction_released = Column(REAL, "1", "Fraction released as measured.")
    found_fraction_released_sd = Column(REAL, "1", "Standard error of found_fraction_released.")
    docked_s = Column(REAL, "s", "True time docked before the event, within the movie.")
    docked_entry_observed = Column(MAYBE_YES_NO, "", "The docking happened in the movie and in sight.")
    found_docked_s = Column(REAL, "s", "Time docked as measured.")
    found_docked_entry_observed = Column(MAYBE_YES_NO, "", "The docking was seen.")


class InjectedStays(Table):
    """A docked stay of an injected vesicle, and what was found of it: what a comparison of rates corrects calls by."""

    name = "injected_stays"
    injection_id = Column(WHOLE, "", "The injection whose vesicle was docked.")
    movie_id = Column(TEXT, "", "Name of the movie.")
    round = Column(WHOLE, "", "Round in which it was injected, from 1.")
    as_found = Column(YES_NO, "", "Brightness drawn from the movie's own spots.")
    crowded = Column(YES_NO, "", "A docked vesicle of the movie's own lay there, so that what was found may be that one's.")
    t_first_s = Column(REAL, "s", "True beginning of the stay, from the first frame.")
    duration_s = Column(REAL, "s", "True length of the stay, within the movie.")
    n_frames = Column(WHOLE, "frame", "Frames that lie wholly in it.")
    entry_kind = Column(
        TEXT, "", "How it truly began: docking; resealing after a kiss-and-run; resident: docked in the first frame.",
        ("docking", "resealing", "resident"),
    )  # fmt: skip
    exit_kind = Column(TEXT, "", "How it truly ended; censored by the end of the movie.", EXIT_KINDS)
    docking_found = Column(MAYBE_YES_NO, "", "A found docked stay begins with it, in sight; missing where nothing docked.")
    found = Column(YES_NO, "", "A found docked stay was running when it ended, give or take the gate of undockings.")
    found_frames = Column(WHOLE, "frame", "Frames of that found stay; 0 if there is none.")
    called = Column(
        TEXT, "", "What ended that found stay; going_on: nothing did, the exit was not noticed; empty if there is none or the "
        "true stay did not end.", (*EXIT_KINDS, "going_on"), may_be_empty=True,
    )  # fmt: skip
    watched_s = Column(REAL, "s", "Time for which found stays of it ran before its end.")
    n_undocking = Column(WHOLE, "", "Found stays of it that ended in an undocking while it was still docked.")
    n_full_fusion = Column(WHOLE, "", "As n_undocking, in a full fusion.")
    n_kiss_and_run = Column(WHOLE, "", "As n_undocking, in a kiss-and-run.")
    n_lost = Column(WHOLE, "", "As n_undocking, in the loss of the track.")
    n_dockings = Column(WHOLE, "", "Found stays whose docking was called while it was docked already.")


class Recall(Table):
    """How many of the injected events of a kind and brightness were found."""

    name = "recall"
    kind = Column(TEXT, "", "Kind that was injected; fusion_any is both kinds of fusion.", ("fusion_any", *EVENT_KINDS))
    part = Column(
        TEXT, "", "Which injections: a bin of brightness, those as bright as the movie's own spots, or all.",
        ("bin", "as_found", "all"),
    )  # fmt: skip
    brightness_low = Column(REAL, "counts", "Least brightness.")
    brightness_high = Column(REAL, "counts", "Largest brightness.")
    snr = Column(REAL, "1", "Median SNR of these injections.")
    n_injected = Column(WHOLE, "", "Injections.")
    n_found = Column(WHOLE, "", "Of them, found: a fusion as a fusion of any kind, anything else as its kind.")
    recall = Column(REAL, "1", "Fraction found.")
    recall_low = Column(REAL, "1", "Lower end of its 95 % interval (Wilson).")
    recall_high = Column(REAL, "1", "Upper end of its 95 % interval (Wilson).")
    n_right = Column(WHOLE, "", "Of those found, called by the right kind.")
    right = Column(REAL, "1", "Fraction of those found whose kind is right.")
    right_low = Column(REAL, "1", "Lower end of its 95 % interval (Wilson).")
    right_high = Column(REAL, "1", "Upper end of its 95 % interval (Wilson).")


class Confusion(Table):
    """How often something injected of one kind was called another."""

    name = "confusion"
    kind = Column(TEXT, "", "What was injected.", INJECTED_KINDS)
    called = Column(TEXT, "", "What it was called.", (*EVENT_KINDS, "nothing"))
    n = Column(WHOLE, "", "How often.")
    n_injected = Column(WHOLE, "", "How often the kind was injected.")
    share = Column(REAL, "1", "Fraction of the injections of the kind.")
    share_low = Column(REAL, "1", "Lower end of its 95 % interval (Wilson).")
    share_high = Column(REAL, "1", "Upper end of its 95 % interval (Wilson).")


class Biases(Table):
    """How well one measure was measured in the injected events of one kind that were found and called by that kind."""

    name = "biases"
    measure = Column(TEXT, "", "Column of the events table; distance_um is that between true and found place.")
    kind = Column(TEXT, "", "Kind of the events.", EVENT_KINDS)
    unit = Column(TEXT, "", "Unit of true, found, bias and spread.")
    n = Column(WHOLE, "", "Events for which both the true and the measured value are known.")
    true = Column(REAL, "", "Median true value; missing for an instant.")
    found = Column(REAL, "", "Median measured value; missing for an instant.")
    bias = Column(REAL, "", "Median of measured minus true.")
    bias_low = Column(REAL, "", "Lower end of its 95 % interval (order statistics).")
    bias_high = Column(REAL, "", "Upper end of its 95 % interval (order statistics).")
    relative_bias = Column(REAL, "1", "Median of (measured - true) / true.")
    spread = Column(REAL, "", "Spread of measured minus true: 1.4826 times the median absolute deviation.")
    n_coverage = Column(WHOLE, "", "Events with a standard error.")
    coverage = Column(REAL, "1", "Of them, fraction whose true value lies within 1.96 standard errors.")
    coverage_low = Column(REAL, "1", "Lower end of its 95 % interval (Wilson).")
    coverage_high = Column(REAL, "1", "Upper end of its 95 % interval (Wilson).")


class FalseCalls(Table):
    """How many calls of one kind may be false: those of the movie as it is, and those that injections brought about."""

    name = "false_calls"
    kind = Column(TEXT, "", "Kind that was called; fusion_any is both kinds of fusion.", ("fusion_any", *EVENT_KINDS))
    n_calls = Column(WHOLE, "", "Calls inside the footprint of the untouched movie; real events are among them.")
    n_confident = Column(WHOLE, "", "Of them, confident ones.")
    area_um2 = Column(REAL, "um^2", "Area of the footprint.")
    observed_s = Column(REAL, "s", "Time observed.")
    rate = Column(REAL, "1/1000 um^2/min", "Calls per 1000 um^2 and minute: no more than these can be false.")
    rate_low = Column(REAL, "1/1000 um^2/min", "Lower end of its exact 95 % interval (Garwood).")
    rate_high = Column(REAL, "1/1000 um^2/min", "Upper end of its exact 95 % interval: the bound on false calls.")
    n_caused = Column(WHOLE, "", "In all rounds, calls that are neither the movie's own nor of anything injected.")
    n_own = Column(WHOLE, "", "Calls of the untouched movie times the number of rounds.")
    n_lost = Column(WHOLE, "", "Of these, not found again beside what was injected.")
