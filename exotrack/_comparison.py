"""The tables of a comparison with kinetic models: rates, seen against expected, tests. Part of `exotrack.tables`."""

from __future__ import annotations

from exotrack._table import REAL, TEXT, WHOLE, YES_NO, Column, Table

ROLES = ("fitted", "held", "derived", "nuisance")
SOURCES = ("published", "fitted", "naive")
"""Whose rates: the model's own, those found, those that an analysis without corrections finds."""


class Rates(Table):
    """A parameter of a model, or a quantity that follows from them, as found in the stays."""

    name = "rates"
    model = Column(TEXT, "", "Name of the model.")
    parameter = Column(TEXT, "", "Name in the model; mean_docked and to_FATE follow from all of them.")
    role = Column(
        TEXT, "", "fitted; held: at the model's value; derived: follows from others; nuisance: the observer's, not the cell's.",
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
    naive = Column(REAL, "", "What the same scheme gives if censoring, residents, the shortest stay and wrong calls are ignored.")
    naive_bias = Column(REAL, "1", "(naive - value) / value.")


class Comparisons(Table):
    """One thing that was seen, beside what a model says a camera would have seen of it."""

    name = "comparison"
    model = Column(TEXT, "", "Name of the model.")
    rates = Column(TEXT, "", "Whose rates the expectation is for.", SOURCES)
    observable = Column(TEXT, "", "What was seen.")
    part = Column(TEXT, "", "Of which stays.", ("newcomers", "residents"))
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
        "and shape: time rescaling of the fusions; constitutive: gain over a law without hidden steps.",
        ("ks", "cvm", "ad", "trend", "fates", "any", "joined", "shape", "constitutive"),
    )  # fmt: skip
    statistic = Column(REAL, "1", "Value of the distance, or twice the gain in log-likelihood; missing for any.")
    p_value = Column(REAL, "1", "Chance of as much under the model, from data redrawn through the same camera.")
    n_redrawn = Column(WHOLE, "", "Redrawn sets.")
    n_failed = Column(WHOLE, "", "Of them, sets to which no law could be fitted; they count as worse fits than the data's.")
